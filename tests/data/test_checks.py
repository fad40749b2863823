"""Figures of a tape, and what refuses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import SPOT_LINES, trade, write_lobster, write_spot

from nowake.core.errors import DataError
from nowake.core.tape import END, OFF_EXCHANGE, Book, Figures, Row, row_code
from nowake.core.value import from_json, to_json
from nowake.data.build import Columns, make_tape
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import FAULTS, CheckReport, check, require_sound
from nowake.data.source import check_paths


def test_report_of_a_small_day(tmp_path: Path) -> None:
    (report,) = check_paths([write_lobster(tmp_path)])
    assert (report.rows, report.lines, report.prints, report.hidden) == (17, 9, 3, 1)
    assert report.volume == "12"  # 3 hidden, 2 and 7 displayed
    assert report.vwap == "100.2083333333"
    assert (report.first, report.last) == ("2012-06-21T13:30:00.000000001Z", "2012-06-21T13:30:07.000000002Z")
    assert report.overtaken == 0
    # Order 12 was seen to come and stood first; 9 was there before the day.
    assert (report.strays, report.executions, report.first_in_queue) == (0, 1, 1)
    assert from_json(to_json(report), CheckReport) == report


def test_json_holds_every_figure(tmp_path: Path) -> None:
    (report,) = check_paths([write_spot(tmp_path)])
    text = to_json(report).decode()
    for name in ("rows", "quarantined", "gaps", "crossed", "compared", "seeded", "mismatched", "clock_offset_ms"):
        assert f'"{name}":' in text


def test_duplicate_prints_are_counted(tmp_path: Path) -> None:
    twice = [trade(400, 3, "100.00", "1.00000", buyer_is_maker=True)] * 2
    (report,) = check_paths([write_spot(tmp_path, [*SPOT_LINES, *twice])])
    assert (report.duplicates, report.prints) == (1, 4)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_refuses_by_name(fault: str) -> None:
    code = np.array([row_code(Row.TRADE, Book.NONE, END)], dtype=np.uint16)
    one = np.array([1], dtype=np.int64)
    figures = Figures(lines=100, **({} if fault == "quarantined" else {fault: 1}))
    quarantined = 2 if fault == "quarantined" else 0
    listing = load_catalogue().find("SYNTH")
    tape = make_tape(listing, "made", "test/1", Columns(one, code, one, one), figures, quarantined=quarantined)
    assert check(tape).faults == (fault,)
    with pytest.raises(DataError, match=f"--allow {fault} uses it"):
        require_sound(tape)
    require_sound(tape, {fault})


def test_volume_beyond_64_bits_of_notional() -> None:
    n = 4
    code = np.full(n, row_code(Row.TRADE, Book.NONE, END), dtype=np.uint16)
    price, qty = np.full(n, 2**31 - 1), np.full(n, 2**60)
    columns = Columns(np.arange(n), code, price, qty)
    report = check(make_tape(load_catalogue().find("SYNTH"), "made", "test/1", columns, Figures(lines=n)))
    assert report.vwap == "21474836.47"
    assert report.volume == str(4 * 2**60)


@pytest.mark.parametrize(
    ("crossed", "consolidated", "faults"), [(10, True, ()), (11, True, ("crossed",)), (1, False, ("crossed",))]
)
def test_the_quote_of_many_venues_may_cross_for_moments(
    crossed: int, consolidated: bool, faults: tuple[str, ...]
) -> None:
    code = np.array([row_code(Row.TRADE, Book.NONE, END, OFF_EXCHANGE)], dtype=np.uint16)
    one = np.array([1], dtype=np.int64)
    figures = Figures(lines=1000, crossed=crossed, locked=500)
    listing = load_catalogue().find("SYNTH")
    tape = make_tape(listing, "made", "t/1", Columns(one, code, one, one), figures, consolidated=consolidated)
    report = check(tape)
    assert (report.faults, report.off_exchange, report.prints) == (faults, 1, 1)
