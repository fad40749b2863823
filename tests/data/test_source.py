"""From paths to tapes: what is found, what is joined, what is refused, and in which words."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from data_files import LATER_LINES, futures_lines, write_lobster, write_pair, write_spot

from nowake.core.errors import DataError, InputError
from nowake.core.sessions import to_ns
from nowake.core.tape import END, SNAPSHOT, Book, Figures, Row, Tape, row_code
from nowake.data import readers
from nowake.data.build import Columns, make_tape
from nowake.data.catalogue import load_catalogue
from nowake.data.lake import write_lake
from nowake.data.readers import lobster
from nowake.data.readers.base import Reader
from nowake.data.source import open_tapes


def test_two_listings_are_two_tapes(tmp_path: Path) -> None:
    spot = write_spot(tmp_path)
    usdm = write_spot(tmp_path, futures_lines(coin=False), name="usdm.gz")
    tapes = open_tapes([spot, usdm])
    assert [tape.listing.key for tape in tapes] == ["BTCUSDT@binance-spot", "BTCUSDT@binance-usdm"]
    (one,) = open_tapes([spot, usdm], "btcusdt@BINANCE-USDM")
    assert one.listing.venue == "binance-usdm"
    with pytest.raises(InputError, match="BTCUSDT@binance-spot, BTCUSDT@binance-usdm"):
        open_tapes([spot, usdm], "BTCUSDT")
    with pytest.raises(
        InputError,
        match=r"a listing of spot.*, was 'AMZN'; that holds BTCUSDT@binance-spot, BTCUSDT@binance-usdm and not AMZN",
    ):
        open_tapes([spot, usdm], "AMZN")


def bars(name: str, every: str, day: date = date(2012, 6, 21)) -> Tape:
    """Return a tape of one snapshot and a print, modelled from bars of a length."""
    t = to_ns(datetime(day.year, day.month, day.day, 14, tzinfo=UTC)) + np.arange(4) * 10**9
    code = [row_code(Row.CLEAR, Book.NONE, SNAPSHOT), row_code(Row.SET, Book.BID, SNAPSHOT)]
    code += [row_code(Row.SET, Book.ASK, SNAPSHOT, END), row_code(Row.TRADE, Book.BID, END)]
    columns = Columns(t, np.array(code, dtype=np.uint16), np.array([0, 99, 101, 101]) * 10_000, np.array([0, 5, 5, 1]))
    return make_tape(load_catalogue().find(name), f"{every}.parquet", "test/1", columns, Figures(), modelled=every)


def test_only_the_listing_asked_for_is_opened(tmp_path: Path) -> None:
    """A lake filled by an older version may hold two forms of one listing: the others do not suffer."""
    lake = tmp_path / "lake"
    for tape in (bars("AMZN", "1m bars"), bars("SYNTH", "1m bars")):
        write_lake(tape, lake)
    (other,) = write_lake(bars("AMZN", "5m bars", date(2012, 6, 22)), tmp_path / "other")
    copy = lake / other.relative_to(tmp_path / "other")
    copy.parent.mkdir()
    copy.write_bytes(other.read_bytes())
    (kept,) = open_tapes([lake], "SYNTH")
    assert kept.meta.modelled == "1m bars"
    with pytest.raises(DataError, match=r"AMZN@XNAS of 1m bars\.parquet.*different depth or form \(1m bars, 5m bars\)"):
        open_tapes([lake], "AMZN")
    assert len(open_tapes([copy], "AMZN")) == 1
    victim = next((lake / "venue=XNAS").rglob("*.parquet"))
    damaged = bytearray(victim.read_bytes())
    damaged[damaged.index(b"\x28\xb5\x2f\xfd") + 9] ^= 0xFF
    victim.write_bytes(bytes(damaged))
    assert len(open_tapes([lake], "SYNTH")) == 1, "its rows are not read"


def test_lake_and_file_of_one_listing_are_one_tape(tmp_path: Path) -> None:
    write_lake(open_tapes([write_lobster(tmp_path)])[0], tmp_path / "lake")
    texts = {kind: path.read_bytes() for kind, path in _halves(tmp_path)}
    next_day = write_lobster(tmp_path, texts, name="ABC_2012-06-22_34200000_57600000_{kind}_2.csv")
    (tape,) = open_tapes([next_day, tmp_path / "lake"])
    (first,) = open_tapes([tmp_path / "lake"])
    assert len(tape) == 2 * len(first)
    assert tape.meta.figures.compared == 2 * first.meta.figures.compared
    clears = [i for i, code in enumerate(tape.code.tolist()) if code & 15 == Row.CLEAR]
    assert clears == [1, len(first) + 1]


def _halves(folder: Path) -> list[tuple[str, Path]]:
    message = write_pair(folder)
    return [("message", message), ("orderbook", message.with_name(message.name.replace("message", "orderbook")))]


def test_the_same_recording_twice_overlaps(tmp_path: Path) -> None:
    path = write_spot(tmp_path)
    write_lake(open_tapes([path])[0], tmp_path / "lake")
    assert len(open_tapes([path, path])) == 1
    with pytest.raises(DataError, match="overlap in time"):
        open_tapes([path, tmp_path / "lake"])


def test_a_listing_that_is_told_takes_the_place_of_the_recorded_one(tmp_path: Path) -> None:
    (tape,) = open_tapes([write_lobster(tmp_path)])
    write_lake(tape, tmp_path / "lake")
    for path in (tmp_path / "lake", write_lobster(tmp_path)):
        (told,) = open_tapes([path], listing="ABC@XNAS,tick=0.05,taker_bps=3")
        assert [band.step_units for band in told.listing.ticks] == [500]
        assert told.listing.fees.taker_bps == 3
        assert told.prices().tolist() == tape.prices().tolist()
        assert told.listing.volume_base == "Nasdaq prints only"
        assert told.meta.content_hash != tape.meta.content_hash
        with pytest.raises(InputError, match=r"price_unit must be 0\.0001"):
            open_tapes([path], listing="ABC@XNAS,price_unit=0.01,tick=0.01,lot=1")
    with pytest.raises(InputError, match="listing must be one of those found: ABC@XNAS, was 'IBM@NBBO'"):
        open_tapes([tmp_path / "lake"], listing="IBM@NBBO")
    (same,) = open_tapes([tmp_path / "lake"], listing="ABC@XNAS")
    assert same.meta.content_hash == tape.meta.content_hash


def test_missing_paths_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        open_tapes([tmp_path / "none.zip"])
    with pytest.raises(DataError, match="no path"):
        open_tapes([])
    with pytest.raises(DataError, match="not a lake"):
        open_tapes([tmp_path])
    (tmp_path / "odd.bin").write_bytes(b"hello")
    with pytest.raises(DataError, match="known: " + ", ".join(sorted(readers.READERS))):
        open_tapes([tmp_path / "odd.bin"])


def test_unknown_allowance_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of quarantined, gaps, crossed, disordered, mismatched"):
        open_tapes([write_spot(tmp_path)], allow={"everything"})


def test_progress_rises_to_one_over_all_files(tmp_path: Path) -> None:
    first, second = write_spot(tmp_path, name="a.gz"), write_spot(tmp_path, LATER_LINES, name="b.gz")
    usdm, day = write_spot(tmp_path, futures_lines(coin=False), name="usdm.gz"), write_lobster(tmp_path)
    for paths in ([first], [day], [first, second, usdm, day]):
        seen: list[float] = []
        open_tapes(paths, progress=lambda part, _, seen=seen: seen.append(part))
        assert seen == sorted(seen)
        assert seen[-1] == 1.0


def test_a_lake_loads_without_a_compiler(tmp_path: Path) -> None:
    """A process that works an order on a lake must not pay for Numba before it needs a kernel."""
    write_lake(open_tapes([write_lobster(tmp_path)])[0], tmp_path / "lake")
    code = (
        "import sys; from pathlib import Path; from nowake.data.source import open_tapes;"
        f"assert len(open_tapes([Path({str(tmp_path / 'lake')!r})])[0]) == 17;"
        "assert not {'numba', 'pandas', 'exchange_calendars'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_later_file_alone_in_the_lake_needs_its_predecessor(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give the file before it"):
        open_tapes([write_spot(tmp_path, LATER_LINES)])


class _Entry(EntryPoint):
    """An entry point of a package that is not installed."""

    def load(self) -> Reader:
        return Reader("theirs", 1, lambda path: path.suffix == ".theirs", lobster.read)


def test_third_party_readers_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = _Entry("theirs", "theirs:READER", "nowake.readers")
    monkeypatch.setattr(readers, "entry_points", lambda group: [entry] if group == "nowake.readers" else [])
    readers.all_readers.cache_clear()
    try:
        (tmp_path / "a.theirs").write_bytes(b"x")
        assert readers.reader_of(tmp_path / "a.theirs").name == "theirs"
    finally:
        readers.all_readers.cache_clear()
