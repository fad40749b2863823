"""One order over recorded markets and a dark venue fitted from recorded prints: killed, gone on with, summed, cut."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec
import pytest

import nowake
from nowake.app import venues_run
from nowake.app.request import OrderRequest
from nowake.app.run_options import RunOptions
from nowake.app.venues_file import venues_of
from nowake.core.child import ChildOrder
from nowake.core.decisions import ChildSubmitted
from nowake.core.inputs import Filled, MarketClosed
from nowake.core.tape import Tape
from nowake.data.source import open_tapes
from nowake.journal.codec import Batch
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.sim.latency import Latency
from nowake.sim.markets import Markets

pytestmark = pytest.mark.slow
ORDER = OrderRequest(side="buy", quantity="9000", symbol="AMZN", start="10:00", end="11:30", tz="America/New_York")
ASKED = 9_000


@pytest.fixture(scope="module")
def venues_file(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of two books of AMZN, to five levels and to one, and a dark venue fitted from the prints of IBM."""
    folder = tmp_path_factory.mktemp("recorded")
    (prints,) = open_tapes(sorted((recorded_data / "us_equity_nbbo").glob("*.parquet")))
    nowake.save_dark(nowake.fit_dark(prints), folder / "dark.json")
    five, one = (str(next((recorded_data / "lobster").glob(f"*AMZN*_{depth}.zip"))) for depth in (5, 1))
    book = {"venue": [{"name": "FIVE", "tape": five, "latency": "1ms"}, {"name": "ONE", "tape": one, "latency": "9ms"}]}
    dark = {"dark": [{"reference": "FIVE", "liquidity": "dark.json", "latency": "3ms"}]}
    (folder / "venues.json").write_bytes(msgspec.json.encode(book | dark))
    return folder / "venues.json"


@pytest.fixture(scope="module")
def whole(venues_file: Path) -> tuple[Path, dict[str, Any], int]:
    """Return the journal of a whole run, its result, and what the venues' own books say was filled."""
    path = venues_file.with_name("whole.db")
    result = nowake.work_venues(ORDER, venues_file, journal=path)
    prepared = venues_run.prepare_venues(ORDER, RunOptions(venues=venues_of(venues_file)))
    prepared.simulate(MemoryJournal(), None, None)
    books = sum(fill.qty_units for status in prepared.markets.truth() for fill in status.fills)
    return path, result.to_dict(full=True), books


def test_nothing_is_bought_twice_and_the_table_sums_to_the_whole(whole: tuple[Path, dict[str, Any], int], cli) -> None:
    path, document, books = whole
    legs = document["venues"]
    fills = [fill for leg in legs for fill in leg["fills"]]
    assert sum(fill["quantity"] for fill in fills) == document["filled"] == books == ASKED
    assert all(leg["filled"] > 0 for leg in legs)
    assert document["fees"] == pytest.approx(sum(leg["shortfall"]["fees"] for leg in legs), abs=1e-9)
    cash = sum(fill["price"] * fill["quantity"] for fill in fills)
    assert document["average"] == pytest.approx(cash / ASKED, rel=1e-12)
    weighted = sum(leg["slippage_bps"]["arrival"] * leg["filled"] for leg in legs) / ASKED
    assert document["arrival_bps"] == pytest.approx(weighted, rel=1e-9)
    measured = cli(f"tca {path} --json").document
    assert measured["average"] == document["average"]
    assert cli(f"replay {path}").code == 0


def killed_at(order: list[str], path: Path, records: int) -> None:
    """Work an order in a process of its own, and kill it when its journal holds so many records."""
    line = [sys.executable, "-m", "nowake", *order, "--journal", str(path), "--speed", "3000"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            if path.exists() and _records(path) >= records:
                os.kill(process.pid, signal.SIGKILL)
                break
    finally:
        process.wait(60)
    assert process.returncode == -signal.SIGKILL


def _records(path: Path) -> int:
    try:
        return read_journal(path).head()[0]
    except nowake.JournalError:  # it is being made
        return 0


def test_killed_and_gone_on_with_it_is_the_run_that_was_not_killed(
    whole: tuple[Path, dict[str, Any], int], venues_file: Path, tmp_path: Path, cli
) -> None:
    line = ["work", "buy", "9000", "AMZN", "--start", "10:00", "--end", "11:30", "--tz", "America/New_York", "--venues"]
    for records in (10, 700):
        path = tmp_path / f"killed{records}.db"
        killed_at([*line, str(venues_file)], path, records)
        assert cli(f"resume {path} --json").document["journal_hash"] == whole[1]["journal_hash"]


def cut_at(tape: Tape, t_ns: int, latency: Latency) -> Tape:
    """Return the tape up to what we had received by a local time."""
    return tape.head(int((tape.t_local(latency.data_ns) <= t_ns).sum()))


def test_cutting_every_tape_changes_no_record_before_the_cut(
    whole: tuple[Path, dict[str, Any], int], venues_file: Path
) -> None:
    batches = list(read_journal(whole[0]).batches())
    options = RunOptions(venues=venues_of(venues_file))
    assert options.venues is not None
    prepared = venues_run.prepare_venues(ORDER, options)
    start_ns, end_ns = prepared.legs[0].order.start_ns, prepared.legs[0].order.end_ns
    dark = {one.child_id for batch in batches for one in children_of(batch) if one.listing.endswith("@DARK")}
    told = [one.input.t_ns for one in batches if isinstance(one.input, Filled) and one.input.fill.child_id in dark]
    late = [start_ns + int(part * (end_ns - start_ns)) for part in (0.2, 0.6, 0.9)]
    for t_ns in [*late, *(t + 300_000_000 for t in told[:8])]:  # and soon after a fill whose mid nobody may foresee
        tapes = [
            cut_at(tape, t_ns, venues_run._options(one, options).sim().latency)
            for one, tape in zip(options.venues.lit, prepared.tapes, strict=True)
        ]
        lit = [venues_run._lit(one, tape, options) for one, tape in zip(options.venues.lit, tapes, strict=True)]
        places = [venues_run._dark(one, lit, tapes, options.venues, options) for one in options.venues.dark]
        members = [one.member for one in (*lit, *places)]
        journal = MemoryJournal()
        dataclasses.replace(prepared, markets=Markets(members)).simulate(journal, None, None)
        until = min(one.end_ns for one in members)
        before = [one for one in batches if one.input.t_ns < until]
        assert len(before) > 10
        assert before == _early(journal, until)


def children_of(batch: Batch) -> list[ChildOrder]:
    return [one.child for one in batch.decisions if isinstance(one, ChildSubmitted)]


def _early(journal: MemoryJournal, until: int) -> list[Batch]:
    part = takewhile(lambda one: not isinstance(one.input, MarketClosed), journal.batches())
    return [one for one in part if one.input.t_ns < until]
