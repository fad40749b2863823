"""Binance captures: which updates the book uses, rows, times, and the check against best quotes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import (
    BASE_NS,
    LATER_LINES,
    OFFSET_MS,
    SPOT_LINES,
    depth,
    futures_lines,
    line,
    quote,
    snapshot,
    trade,
    venue_ms,
    write_spot,
)
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError
from nowake.core.tape import END, KIND_MASK, SEEDED, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, Book, Row, Tape
from nowake.data.readers.binance_lines import BAD, Grid, Messages, parse_reference
from nowake.data.readers.binance_scan import parse
from nowake.data.source import check_paths, open_tapes

SPOT_GRID = Grid(2, 1, 6, 1)


def rows_of(tape: Tape) -> list[tuple[int, Row, Book, int, int, bool]]:
    """Return (ms since the start as received, kind, side, price, qty, end) of every row."""
    received = tape.t_event + tape.recv_delta
    return [
        (
            (int(t) - BASE_NS) // 1_000_000,
            Row(int(c) & KIND_MASK),
            Book((int(c) & SIDE_MASK) >> SIDE_SHIFT),
            int(p),
            int(q),
            bool(c & END),
        )
        for t, c, p, q in zip(received, tape.code, tape.prices(), tape.qty, strict=True)
    ]


def kinds_of(tape: Tape) -> list[Row]:
    return [row[1] for row in rows_of(tape)]


def test_rows_of_a_small_capture(tmp_path: Path) -> None:
    (tape,) = open_tapes([write_spot(tmp_path)])
    assert tape.listing.key == "BTCUSDT@binance-spot"
    assert rows_of(tape) == [
        (150, Row.CLEAR, Book.NONE, 0, 0, False),
        (150, Row.SET, Book.BID, 10_000, 1_000_000, False),
        (150, Row.SET, Book.BID, 9_900, 9_000_000, False),
        (150, Row.SET, Book.ASK, 10_100, 3_000_000, False),
        (150, Row.SET, Book.ASK, 10_200, 4_000_000, True),
        (150, Row.SET, Book.BID, 10_000, 2_000_000, True),  # held back until the snapshot was here
        (160, Row.TRADE, Book.BID, 10_100, 500_000, True),
        (200, Row.SET, Book.ASK, 10_100, 2_500_000, True),
        (201, Row.QUOTE, Book.BID, 10_000, 2_000_000, False),
        (201, Row.QUOTE, Book.ASK, 10_100, 2_500_000, True),
        (202, Row.TRADE, Book.ASK, 10_000, 250_000, True),
        (300, Row.SET, Book.BID, 10_000, 0, False),
        (300, Row.SET, Book.ASK, 10_100, 2_500_000, True),
        (301, Row.QUOTE, Book.BID, 9_900, 9_000_000, False),
        (301, Row.QUOTE, Book.ASK, 10_100, 2_500_000, True),
    ]
    assert all(bool(c & SNAPSHOT) == (i < 5) for i, c in enumerate(tape.code.tolist()))
    figures = tape.meta.figures
    assert (figures.compared, figures.mismatched, figures.buffered, figures.gaps) == (2, 0, 1, 0)


def test_clock_offset_makes_no_latency_negative(tmp_path: Path) -> None:
    (tape,) = open_tapes([write_spot(tmp_path)])
    assert tape.meta.clock_offset_ns == -OFFSET_MS * 1_000_000
    latency = tape.t_local() - tape.t_event
    assert latency.min() == 0
    assert latency[5] == 50_000_000  # held back for 50 ms
    (report,) = check_paths([write_spot(tmp_path)])
    assert report.clock_offset_ms == -OFFSET_MS


def test_a_wrong_quote_is_a_mismatch(tmp_path: Path) -> None:
    lines = list(SPOT_LINES)
    lines[5] = quote(201, 20, ("100.00", "2.00000"), ("101.00", "2.60000"))
    (report,) = check_paths([write_spot(tmp_path, lines)])
    assert (report.compared, report.mismatched, report.faults) == (2, 1, ("mismatched",))


def test_a_missing_update_is_a_gap_and_ends_the_book(tmp_path: Path) -> None:
    path = write_spot(tmp_path, [*SPOT_LINES[:4], *SPOT_LINES[5:]])
    with pytest.raises(DataError, match=r"1 gaps\); --allow gaps"):
        open_tapes([path])
    (tape,) = open_tapes([path], allow={"gaps"})
    assert kinds_of(tape)[-4:] == [Row.TRADE, Row.GAP, Row.QUOTE, Row.QUOTE]
    assert (tape.meta.figures.gaps, tape.meta.figures.buffered) == (1, 2)


def test_a_snapshot_after_a_gap_starts_the_book_again(tmp_path: Path) -> None:
    again = snapshot(950, 32, [("99.00", "1.00000")], [("101.00", "2.00000")])
    path = write_spot(tmp_path, [*SPOT_LINES[:4], *SPOT_LINES[5:], again, *LATER_LINES])
    (tape,) = open_tapes([path], allow={"gaps", "mismatched"})
    kinds = kinds_of(tape)
    assert kinds.count(Row.CLEAR) == 2
    after = rows_of(tape)[len(kinds) - 1 - kinds[::-1].index(Row.CLEAR) :]
    assert [row[1:5] for row in after[:4]] == [
        (Row.CLEAR, Book.NONE, 0, 0),
        (Row.SET, Book.BID, 9_900, 1_000_000),
        (Row.SET, Book.ASK, 10_100, 2_000_000),
        (Row.SET, Book.BID, 9_950, 1_000_000),
    ]


def test_a_later_snapshot_of_a_whole_book_changes_nothing(tmp_path: Path) -> None:
    (plain,) = open_tapes([write_spot(tmp_path)])
    more = snapshot(250, 20, [("100.00", "2.00000")], [("101.00", "2.50000")])
    (tape,) = open_tapes([write_spot(tmp_path, [*SPOT_LINES[:7], more, *SPOT_LINES[7:]])])
    assert tape.meta.content_hash == plain.meta.content_hash


@pytest.mark.parametrize("last", [0, 3])
def test_a_snapshot_older_than_the_updates_is_refused(tmp_path: Path, last: int) -> None:
    lines = [snapshot(0, last, [("1.00", "1.00000")], []), depth(10, 6, 10, [("2.00", "1.00000")], [])]
    with pytest.raises(DataError, match="does not join"):
        open_tapes([write_spot(tmp_path, lines)])


def test_successor_alone_is_refused_and_together_continues(tmp_path: Path) -> None:
    first = write_spot(tmp_path, name="a.gz")
    second = write_spot(tmp_path, LATER_LINES, name="b.txt")
    with pytest.raises(DataError, match=r"no snapshot to start from; give the file before it"):
        open_tapes([second])
    (joined,) = open_tapes([second, first])
    (whole,) = open_tapes([write_spot(tmp_path, [*SPOT_LINES, *LATER_LINES], name="c.gz")])
    assert joined.meta.content_hash == whole.meta.content_hash
    assert joined.meta.source == "a.gz + b.txt"
    assert joined.meta.figures == whole.meta.figures
    assert joined.meta.figures.compared == 3


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    first = write_spot(tmp_path, name="a.gz")
    second = write_spot(tmp_path, [*SPOT_LINES[-1:], *LATER_LINES], name="b.gz")
    with pytest.raises(DataError, match="overlap in time"):
        open_tapes([first, second])


def test_best_quotes_without_a_book_are_a_book_of_one_level(tmp_path: Path) -> None:
    """What was taken of a level, and who rests at one, goes by its rows, which a best quote alone does not have."""
    lines = [
        quote(0, 1, ("100.00", "2.00000"), ("101.00", "2.50000")),
        trade(5, 1, "101.00", "0.50000", buyer_is_maker=False),
        quote(6, 2, ("100.00", "2.00000"), ("102.00", "1.00000")),
        quote(9, 3, ("100.00", "2.00000"), ("101.00", "3.00000")),
    ]
    (tape,) = open_tapes([write_spot(tmp_path, lines)])
    assert rows_of(tape) == [
        (0, Row.CLEAR, Book.NONE, 0, 0, False),
        (0, Row.SET, Book.BID, 10_000, 2_000_000, False),
        (0, Row.SET, Book.ASK, 10_100, 2_500_000, True),
        (5, Row.TRADE, Book.BID, 10_100, 500_000, True),
        (6, Row.SET, Book.ASK, 10_100, 0, False),  # it went
        (6, Row.SET, Book.ASK, 10_200, 1_000_000, True),  # it had been there
        (9, Row.SET, Book.ASK, 10_200, 0, False),  # it is there still
        (9, Row.SET, Book.ASK, 10_100, 3_000_000, True),  # it came
    ]
    assert [bool(c & SEEDED) for c in tape.code.tolist()] == [False] * 5 + [True, True, False]


def test_trades_without_a_book_are_a_tape(tmp_path: Path) -> None:
    lines = [trade(i, i, "100.00", "1.00000", buyer_is_maker=bool(i % 2)) for i in range(3)]
    (tape,) = open_tapes([write_spot(tmp_path, lines)])
    assert kinds_of(tape) == [Row.TRADE] * 3


@pytest.mark.parametrize(("coin", "key"), [(True, "BTCUSD_PERP@binance-coinm"), (False, "BTCUSDT@binance-usdm")])
def test_futures_follow_the_chain_of_previous_ids(tmp_path: Path, coin: bool, key: str) -> None:
    (tape,) = open_tapes([write_spot(tmp_path, futures_lines(coin=coin))])
    assert tape.listing.key == key
    assert kinds_of(tape) == [Row.CLEAR, Row.SET, Row.SET, Row.SET, Row.TRADE, Row.SET]
    assert (tape.meta.figures.gaps, tape.meta.figures.skipped, tape.meta.figures.buffered) == (0, 1, 1)
    assert int(tape.t_event[-1]) == (venue_ms(9) - 1) * 1_000_000  # the transaction time, not the event time


def same(left: Messages, right: Messages) -> None:
    """Assert that two readings hold the same messages and levels."""
    for name in ("kind", "recv", "event", "first_id", "last_id", "prev_id", "count"):
        assert np.array_equal(getattr(left, name), getattr(right, name)), name
    for i in range(len(left.kind)):
        for name in ("side", "price", "qty"):
            mine, theirs = getattr(left, name)[left.levels_of(i)], getattr(right, name)[right.levels_of(i)]
            assert np.array_equal(mine, theirs), name


ALL_LINES = [*SPOT_LINES, *futures_lines(coin=False), *futures_lines(coin=True)]


@given(
    lines=st.lists(st.sampled_from(ALL_LINES), max_size=6),
    edits=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 2), st.binary(max_size=3)), max_size=3),
    symbol=st.sampled_from(["BTCUSDT", "BTCUSD_PERP"]),
    grid=st.sampled_from([SPOT_GRID, Grid(1, 1, 3, 1), Grid(1, 1, 0, 1), Grid(2, 25, 3, 5)]),
)
def test_scanner_equals_reference(
    lines: list[str], edits: list[tuple[int, int, bytes]], symbol: str, grid: Grid
) -> None:
    """On lines as Binance writes them and on damaged ones."""
    data = "".join(lines).encode()
    for at, cut, put in edits:
        at = at % (len(data) + 1)
        data = data[:at] + put + data[at + cut :]
    same(parse(data, grid, symbol), parse_reference(data, grid, symbol))


@pytest.mark.parametrize(
    "bad",
    [
        depth(1, 5, 4, [], []),
        depth(1, 1, 2, [("-1.00", "1.00000")], []),
        depth(1, 1, 2, [("1.00", "NaN")], []),
        depth(1, 1, 2, [("1.001", "1.00000")], []),
        depth(1, 1, 2, [("1e3", "1.00000")], []),
        trade(1, 1, "1.00", "-1.00000", buyer_is_maker=True),
        line(1, {"e": "unknown", "E": venue_ms(1), "s": "BTCUSDT"}),
        line(1, {"e": "trade", "E": venue_ms(1), "s": "ETHUSDT", "t": 1, "p": "1.00", "q": "1.00000", "m": True}),
        "12 34\n",
        "\n",
        "x" * 100 + "\n",
        '1723161253000000000 {"stream":"x","data":{"a":[["1.00","1.00000"]["1.00","1.00000"]]}}\n',
    ],
)
def test_bad_lines_are_counted_with_their_numbers(tmp_path: Path, bad: str) -> None:
    assert parse(bad.encode(), SPOT_GRID, "BTCUSDT").kind.tolist() == [BAD]
    many = [trade(302 + i, 3 + i, "100.00", "1.00000", buyer_is_maker=False) for i in range(200)]
    (report,) = check_paths([write_spot(tmp_path, [*SPOT_LINES, bad, *many])])
    assert (report.quarantined, report.quarantined_lines, report.faults) == (1, (10,), ())


@pytest.mark.parametrize("shift_ms", [-3_600_000, 3_600_000])
def test_a_damaged_receive_time_is_quarantined_alone(tmp_path: Path, shift_ms: int) -> None:
    many = [trade(302 + i, 3 + i, "100.00", "1.00000", buyer_is_maker=False) for i in range(200)]
    number, _, rest = many[50].partition(" ")
    many[50] = f"{int(number) + shift_ms * 1_000_000} {rest}"
    (report,) = check_paths([write_spot(tmp_path, [*SPOT_LINES, *many])])
    assert (report.quarantined, report.quarantined_lines) == (1, (60,))
    assert report.clock_offset_ms == -OFFSET_MS


@pytest.mark.parametrize(
    ("pattern", "rows", "compared"),
    [
        ("spot_btcusdt_*", (298_111, 19_904, 73_174), 1_072),
        ("usdm_btcusdt_*", (443_521, 21_313, 66_089), 629),
        ("coinm_btcusd_perp_*", (659_671, 5_235, 48_355), 1_885),
    ],
)
def test_recorded_captures(recorded_data: Path, pattern: str, rows: tuple[int, int, int], compared: int) -> None:
    paths = sorted((recorded_data / "binance").glob(pattern))
    (tape,) = open_tapes(paths)
    (report,) = check_paths(paths)
    assert (report.compared, report.mismatched, report.gaps, report.crossed, report.quarantined) == (
        compared,
        0,
        0,
        0,
        0,
    )
    assert report.prints == rows[1]
    kinds = tape.code & KIND_MASK
    assert np.count_nonzero(kinds == Row.QUOTE) == 2 * rows[2]
    # Levels of updates on the tape: those of the manifest less the few before the snapshot, plus the snapshot's.
    sets = np.count_nonzero((kinds == Row.SET) & ((tape.code & SNAPSHOT) == 0))
    assert rows[0] * 0.999 < sets <= rows[0]
    assert -1_280 < report.clock_offset_ms < -1_260
    assert report.latency_ms_min == 0
    assert (np.diff(tape.t_local()) >= 0).all()
    assert tape.nbytes == 22 * len(tape)


def test_recorded_lines_read_alike(recorded_data: Path) -> None:
    """Every line type of every capture, scanner against the plain reading, with the counts of the manifest."""
    import gzip

    grids = {"spot": (SPOT_GRID, "BTCUSDT"), "usdm": (Grid(1, 1, 3, 1), "BTCUSDT")}
    grids["coinm"] = (Grid(1, 1, 0, 1), "BTCUSD_PERP")
    levels = dict.fromkeys(grids, 0)
    for path in sorted((recorded_data / "binance").glob("*.gz")):
        venue = path.name.partition("_")[0]
        data = gzip.decompress(path.read_bytes())
        read = parse(data, *grids[venue])
        levels[venue] += int(read.count[read.kind == 0].sum())
        head = data[: data.index(b"\n", 500_000) + 1]
        same(parse(head, *grids[venue]), parse_reference(head, *grids[venue]))
    assert levels == {"spot": 298_111, "usdm": 443_521, "coinm": 659_671}
