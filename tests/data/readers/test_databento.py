"""DBN files: recorded ones against a plain dict of orders and the windows they state, small ones by hand."""

from __future__ import annotations

import pickle
import sys
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

dbn = pytest.importorskip("databento_dbn")

from dbn_files import (  # noqa: E402
    ES,
    GAP,
    LAST,
    OPEN_NS,
    OTHER,
    SNAPSHOT,
    TICK,
    mbo,
    mbp,
    metadata,
    window,
    write_dbn,
)

from nowake.core.errors import DataError, NowakeError  # noqa: E402
from nowake.core.tape import END, SEEDED, Book, Row, Tape  # noqa: E402
from nowake.data.checks import FAULTS, check  # noqa: E402
from nowake.data.lake import read_lake, write_lake  # noqa: E402
from nowake.data.readers import databento_rows  # noqa: E402
from nowake.data.readers.databento import SCHEMAS  # noqa: E402
from nowake.data.replay import replay  # noqa: E402
from nowake.data.source import check_paths, open_tapes  # noqa: E402

EVE = "esh4-glbx-mdp3-20231224.mbo.dbn.zst"
DAY = "esh4-glbx-mdp3-20231225.mbo.dbn.zst"
TOP = "futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst"


def told(tape: Tape) -> list[tuple[str, str, int, int, bool]]:
    """Return kind, side, ticks above 5,000, quantity and END of every row but snapshot markers."""
    return [
        (Row(c & 15).name, Book((c & 0x30) >> 4).name, p - 20_000 if p else 0, q, bool(c & END))
        for c, p, q in zip(tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True)
    ]


def decoded(path: Path) -> list[Any]:
    """Return the records of a packed file as the library's own objects."""
    decoder = dbn.DBNDecoder()
    decoder.write(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd").read())
    return [record for record in decoder.decode() if hasattr(record, "action")]


def replayed(tape: Tape, marks: list[int]) -> tuple[np.ndarray, Any]:
    touch, _, levels = replay(tape.code, tape.prices(), tape.qty.astype(np.int64), np.array(marks, dtype=np.int64))
    return touch, levels


def test_layouts_are_the_library_s() -> None:
    for kind, layout in ((dbn.MBOMsg, databento_rows.MBO), (dbn.TradeMsg, databento_rows.TRADES)):
        assert [(name, np.dtype(form).itemsize) for name, form in kind._dtypes] == [
            (name, layout[name].itemsize) for name in layout.names
        ]
    for schema, kind in (
        ("mbp-1", dbn.MBP1Msg),
        ("mbp-10", dbn.MBP10Msg),
        ("mbo", dbn.MBOMsg),
        ("trades", dbn.TradeMsg),
    ):
        assert SCHEMAS[schema][1].itemsize == kind.size_hint


def test_two_recorded_days_are_one_sound_tape(recorded_data: Path) -> None:
    folder = recorded_data / "databento"
    (tape,) = open_tapes([folder / DAY, folder / EVE])
    report = check(tape)
    assert tape.listing.key == "ESH4@GLBX"
    assert (report.lines, report.quarantined, report.gaps, report.mismatched) == (8_725 + 68_792, 0, 0, 0)
    assert (report.crossed, report.locked, report.overtaken) == (0, 0, 0)
    # 8,725 orders of the second snapshot, 17,999 cancels, 12,233 modifies, 6,229 fills of resting orders.
    assert report.compared == 45_186
    assert Decimal(report.volume) == sum(r.size for r in decoded(folder / DAY) if str(r.action) == "T") == 9_892
    assert report.latency_ms_min == 0
    assert report.latency_ms_max < 200  # snapshots repeat times of days before: those are no latency


def test_the_recorded_book_equals_a_dict_of_orders(recorded_data: Path) -> None:
    folder = recorded_data / "databento"
    (tape,) = open_tapes([folder / EVE, folder / DAY])
    orders: dict[int, tuple[str, int, int]] = {}
    touches: list[tuple[int, int, int, int]] = []
    levels: dict[str, Counter[int]] = {"B": Counter(), "A": Counter()}

    def put(side: str, price: int, size: int) -> None:
        levels[side][price] += size
        if not levels[side][price]:
            del levels[side][price]

    for record in decoded(folder / DAY):
        number, price, size = record.order_id, record.price // TICK, record.size
        action, side = str(record.action), str(record.side)
        if action in "MC" and number in orders:
            was_side, was_price, was = orders.pop(number)
            left = was - size if action == "C" else 0
            put(was_side, was_price, left - was)
            if left:
                orders[number] = (was_side, was_price, left)
        if action in "AM":
            orders[number] = (side, price, size)
            put(side, price, size)
        if int(record.flags) & LAST and levels["B"] and levels["A"] and not int(record.flags) & SNAPSHOT:
            bid, ask = max(levels["B"]), min(levels["A"])
            state = (bid, levels["B"][bid], ask, levels["A"][ask])
            if not touches or touches[-1] != state:
                touches.append(state)
    ends = np.flatnonzero(tape.code & END)
    snapshots = np.flatnonzero((tape.code & 15) == Row.CLEAR)
    ends = ends[ends > snapshots[-1]]
    touch, (bid_p, bid_q, ask_p, ask_q) = replayed(tape, ends.tolist())
    seen = [tuple(row) for row in touch.tolist()]
    seen = [row for k, row in enumerate(seen) if not k or row != seen[k - 1]]
    assert seen[1:] == touches[touches.index(seen[1]) :]
    assert len(seen) > 5_000
    assert dict(zip(bid_p.tolist(), bid_q.tolist(), strict=True)) == dict(levels["B"])
    assert dict(zip(ask_p.tolist(), ask_q.tolist(), strict=True)) == dict(levels["A"])


def test_trading_is_halted_until_globex_opens(recorded_data: Path) -> None:
    folder = recorded_data / "databento"
    (tape,) = open_tapes([folder / EVE, folder / DAY])
    kinds = tape.code & 15
    (halt,), (resume,) = np.flatnonzero(kinds == Row.HALT), np.flatnonzero(kinds == Row.RESUME)
    assert tape.t_event[resume] == 1_703_545_200_000_000_000  # 23:00 UTC, 17:00 in Chicago
    prints = np.flatnonzero((kinds == Row.TRADE) | (kinds == Row.FILL))
    assert halt < resume < prints[0]
    assert (np.diff(tape.t_local()) >= 0).all()


def test_recorded_top_of_book_equals_the_records(recorded_data: Path) -> None:
    path = recorded_data / "databento" / TOP
    (tape,) = open_tapes([path])
    records = [r for r in decoded(path) if int(r.flags) & LAST]
    expected = [
        (r.levels[0].bid_px // TICK, r.levels[0].bid_sz, r.levels[0].ask_px // TICK, r.levels[0].ask_sz)
        for r in records
    ]
    touch, _ = replayed(tape, np.flatnonzero(tape.code & END).tolist())
    seen = [tuple(row) for row in touch.tolist()]
    # The first record, a print within a message, gives the first window.
    assert [s for k, s in enumerate(seen) if k and s != seen[k - 1]] == [
        e for k, e in enumerate(expected) if not k or e != expected[k - 1]
    ]
    report = check(tape)
    assert (report.prints, report.volume, report.faults) == (120, "253", ())


SMALL = [
    mbo(0, "R", "N", 0, 0, flags=SNAPSHOT, price=dbn.UNDEF_PRICE),
    mbo(0, "A", "B", 0, 5, 1, flags=SNAPSHOT),
    mbo(0, "A", "A", 2, 5, 2, flags=SNAPSHOT | LAST),
    mbo(10, "A", "A", 1, 3, 3),
    mbo(20, "T", "B", 1, 2, 9, flags=0),
    mbo(20, "F", "A", 1, 2, 3, flags=0),
    mbo(20, "M", "A", 1, 1, 3),
    mbo(30, "M", "B", -1, 5, 1),
    mbo(40, "C", "A", 1, 1, 3),
]


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("name", ["day.dbn", "day.dbn.zst"])
def test_a_small_day_of_orders(tmp_path: Path, version: int, name: str) -> None:
    (tape,) = open_tapes([write_dbn(tmp_path / name, metadata("mbo", version=version), SMALL)])
    assert told(tape) == [
        ("CLEAR", "NONE", 0, 0, False),
        ("ADD", "BID", 0, 5, False),
        ("ADD", "ASK", 2, 5, True),
        ("ADD", "ASK", 1, 3, True),
        ("FILL", "ASK", 1, 2, True),
        ("DELETE", "BID", 0, 5, False),
        ("ADD", "BID", -1, 5, True),
        ("DELETE", "ASK", 1, 1, True),
    ]
    assert tape.order_id.tolist() == [0, 1, 2, 3, 3, 1, 1, 3]
    assert tape.meta.order_by_order
    assert tape.meta.clock_offset_ns == 1_000_000


def test_another_expiry_takes_the_grids_of_its_root(tmp_path: Path) -> None:
    head = metadata("mbo", {"ESM5": ES})
    (tape,) = open_tapes([write_dbn(tmp_path / "a.dbn", head, SMALL)])
    assert (tape.listing.key, tape.listing.instrument.multiplier) == ("ESM5@GLBX", 50)


def test_other_instruments_and_other_records_are_left_out_and_counted(tmp_path: Path) -> None:
    others = [mbo(5, "A", "B", 7, 1, 1, instrument_id=OTHER), dbn.SystemMsg(OPEN_NS, "Heartbeat")]
    path = write_dbn(tmp_path / "a.dbn", metadata("mbo"), [*SMALL[:3], *others, *SMALL[3:]])
    (report,) = check_paths([path])
    assert (report.lines, report.skipped, report.mismatched) == (len(SMALL) + 2, 2, 0)
    two = write_dbn(tmp_path / "b.dbn", metadata("mbo", {"ESU4": ES, "ESZ4": OTHER}), [*SMALL, *others[:1]])
    assert [tape.listing.key for tape in open_tapes([two])] == ["ESU4@GLBX", "ESZ4@GLBX"]


@pytest.mark.parametrize(
    "change",
    [
        {"price": dbn.UNDEF_PRICE},
        {"price": 5_000_100_000_000},
        {"price": -TICK},
        {"size": 0},
        {"size": 2**32 - 1},
        {"side": "N"},
        {"ts_event": dbn.UNDEF_TIMESTAMP},
        {"ts_event": OPEN_NS + 3_600_000_000_000},
        {"ts_event": OPEN_NS - 3_600_000_000_000},
        {"ts_recv": OPEN_NS - 3_600_000_000_000},
        {"ts_recv": 1},
        {"ts_recv": dbn.UNDEF_TIMESTAMP},
    ],
)
def test_a_bad_record_is_quarantined_by_number(tmp_path: Path, change: dict[str, Any]) -> None:
    bad = mbo(15, **{"action": "A", "side": "B", "ticks": -3, "size": 1, "order": 77} | change)
    more = [mbo(100 + k, "A", "B", -5, 1, 100 + k) for k in range(200)]
    (report,) = check_paths([write_dbn(tmp_path / "a.dbn", metadata("mbo"), [*SMALL[:4], bad, *SMALL[4:], *more])])
    assert (report.quarantined, report.quarantined_lines, report.mismatched, report.faults) == (1, (5,), 0, ())


def test_a_gap_that_the_source_marks(tmp_path: Path) -> None:
    after = [mbo(50, "A", "B", -2, 1, 11, flags=LAST | GAP), mbo(60, "A", "B", -2, 1, 12, flags=LAST | GAP)]
    path = write_dbn(tmp_path / "a.dbn", metadata("mbo"), [*SMALL, *after])
    (report,) = check_paths([path])
    assert (report.gaps, report.faults) == (1, ("gaps",))
    (tape,) = open_tapes([path], allow=FAULTS)
    assert [row[0] for row in told(tape)][-3:] == ["GAP", "ADD", "ADD"]
    with pytest.raises(DataError, match="1 gaps"):
        open_tapes([path])


@st.composite
def ladders(draw: st.DrawFn) -> list[tuple[dict[int, int], dict[int, int], str, int, int]]:
    """Draw a walk of a two-sided book, one level a step: (bids, asks, side, ticks, size now)."""
    bids = {-1 - 2 * k: 1 + k for k in range(draw(st.integers(1, 14)))}
    asks = {1 + 2 * k: 1 + k for k in range(draw(st.integers(1, 14)))}
    steps = [(dict(bids), dict(asks), "N", 0, 0)]
    for _ in range(draw(st.integers(1, 25))):
        side = draw(st.sampled_from("BA"))
        book, sign = (bids, -1) if side == "B" else (asks, 1)
        near = draw(st.integers(1, 30))
        size = draw(st.integers(0, 5))
        if size:
            book[sign * near] = size
        elif len(book) > 1:
            near = abs(draw(st.sampled_from(sorted(book))))
            del book[sign * near]
        steps.append((dict(bids), dict(asks), side, sign * near, size))
    return steps


@given(steps=ladders(), deep=st.booleans())
@settings(max_examples=60)
def test_windows_give_their_levels_back(tmp_path_factory: pytest.TempPathFactory, steps: Any, deep: bool) -> None:
    levels, kind = (10, dbn.MBP10Msg) if deep else (1, dbn.MBP1Msg)
    records = []
    for k, (bids, asks, side, ticks, size) in enumerate(steps):
        best = window(sorted(bids.items(), reverse=True), sorted(asks.items()), levels)
        records.append(mbp(kind, k, "A" if size else "C", side, ticks, max(size, 1), best))
    path = write_dbn(tmp_path_factory.mktemp("mbp") / "a.dbn", metadata(f"mbp-{levels}"), records)
    (tape,) = open_tapes([path], allow=FAULTS)
    book: dict[str, dict[int, int]] = {"BID": {}, "ASK": {}}
    at = 0
    for k, (kind_name, side, ticks, qty, _) in enumerate(told(tape)):
        ms = (int(tape.t_event[k]) - OPEN_NS) // 1_000_000
        while at < ms:
            assert_window(book, steps[at], levels)
            at += 1
        if kind_name == "CLEAR":
            book = {"BID": {}, "ASK": {}}
            continue
        assert kind_name == "SET"
        seeded = bool(tape.code[k] & SEEDED)
        own = (side[0], ticks) == (steps[ms][2], steps[ms][3])
        assert seeded != own or ms == 0  # one level a step: what is not its own only came into sight or went out of it
        if qty:
            book[side][ticks] = qty
        else:
            del book[side][ticks]
    assert_window(book, steps[-1], levels)


def assert_window(book: dict[str, dict[int, int]], step: Any, levels: int) -> None:
    bids, asks = step[:2]
    assert sorted(book["BID"].items(), reverse=True) == sorted(bids.items(), reverse=True)[:levels]
    assert sorted(book["ASK"].items()) == sorted(asks.items())[:levels]


def test_prints_of_windows_and_of_trades(tmp_path: Path) -> None:
    best = window([(0, 5)], [(1, 4)], 10)
    less = window([(0, 5)], [(1, 2)], 10)
    records = [
        mbp(dbn.MBP10Msg, 0, "A", "B", 0, 5, best),
        mbp(dbn.MBP10Msg, 5, "T", "B", 1, 2, best, flags=0),
        mbp(dbn.MBP10Msg, 5, "C", "A", 1, 2, less),
    ]
    (tape,) = open_tapes([write_dbn(tmp_path / "a.dbn", metadata("mbp-10"), records)])
    assert told(tape)[-2:] == [("TRADE", "BID", 1, 2, False), ("SET", "ASK", 1, 2, True)]
    assert tape.meta.depth_levels == 10
    prints = [mbp(dbn.TradeMsg, 1, "T", "A", 3, 2), mbp(dbn.TradeMsg, 2, "T", "N", 4, 1, flags=0)]
    (tape,) = open_tapes([write_dbn(tmp_path / "b.dbn", metadata("trades"), prints)])
    assert told(tape) == [("TRADE", "ASK", 3, 2, True), ("TRADE", "NONE", 4, 1, True)]


def test_a_gap_in_windows_ends_with_a_snapshot(tmp_path: Path) -> None:
    best = [window([(0, k)], [(1, k)], 1) for k in (1, 2, 3)]
    flags = (LAST, LAST | GAP, LAST)
    records = [mbp(dbn.MBP1Msg, k, "A", "B", 0, 1, best[k], flags=flags[k]) for k in range(3)]
    (tape,) = open_tapes([write_dbn(tmp_path / "a.dbn", metadata("mbp-1"), records)], allow=FAULTS)
    names = [row[0] for row in told(tape)]
    assert names == ["CLEAR", "SET", "SET", "GAP", "CLEAR", "SET", "SET"]
    assert told(tape)[-1][3] == 3


def test_without_the_library_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dbn(tmp_path / "a.dbn.zst", metadata("mbo"), SMALL)
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(DataError, match=r"pip install 'nowake\[databento\]'"):
        open_tapes([path])


@pytest.mark.parametrize(
    ("schema", "changes", "words"),
    [
        ("definition", {}, "schema definition.*request one of mbo"),
        ("", {}, "several schemas"),
        ("mbo", {"symbols": {"ZZZ": ES}}, "records ZZZ@GLBX"),
        ("mbo", {"symbols": {}}, "no instrument by name"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, schema: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_tapes([write_dbn(tmp_path / "a.dbn", metadata(schema, **changes), SMALL)])


def test_overlaps_and_mixed_venues_are_refused(tmp_path: Path) -> None:
    one = write_dbn(tmp_path / "a.dbn", metadata("mbo"), SMALL)
    two = write_dbn(tmp_path / "b.dbn", metadata("mbo"), SMALL)
    with pytest.raises(DataError, match="overlap"):
        open_tapes([one, two])
    mixed = write_dbn(tmp_path / "c.dbn", metadata("mbo"), [*SMALL, mbo(90, "A", "B", -1, 1, 50, publisher_id=2)])
    with pytest.raises(DataError, match="several venues"):
        open_tapes([mixed])


@pytest.mark.parametrize("name", ["a.dbn", "a.dbn.zst"])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.95, 0.999])
def test_truncated_files(tmp_path: Path, name: str, part: float) -> None:
    path = write_dbn(tmp_path / name, metadata("mbo"), SMALL)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(DataError) as caught:
        open_tapes([path], allow=FAULTS)
    assert "\n" not in str(caught.value)


def test_noise_pickles_and_bombs(tmp_path: Path) -> None:
    path = tmp_path / "a.dbn.zst"
    rng = np.random.default_rng(1)
    bomb = pa.compress(b"DBN\x03" + bytes(400_000_000), codec="zstd", asbytes=True)
    zeros = pa.compress(metadata("mbo") + bytes(10_000), codec="zstd", asbytes=True)
    for content in (rng.bytes(5_000), pickle.dumps([1]), b"\x28\xb5\x2f\xfd" + rng.bytes(900), b"DBN\x03", bomb, zeros):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            open_tapes([path], allow=FAULTS)
        assert "\n" not in str(caught.value)


edits = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 30), st.binary(max_size=8)), min_size=1, max_size=4)


@given(changes=edits, packed=st.booleans(), schema=st.sampled_from(["mbo", "mbp-1", "trades"]))
def test_mutated_files(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, bytes]], packed: bool, schema: str
) -> None:
    best = window([(0, 5)], [(1, 4)], 1)
    records = {
        "mbo": SMALL,
        "mbp-1": [mbp(dbn.MBP1Msg, k, "A", "B", 0, 5, best) for k in range(9)],
        "trades": [mbp(dbn.TradeMsg, k, "T", "A", 3, 2) for k in range(9)],
    }[schema]
    path = write_dbn(tmp_path_factory.mktemp("fuzz") / ("a.dbn.zst" if packed else "a.dbn"), metadata(schema), records)
    data = path.read_bytes()
    for at, cut, put in changes:
        at %= len(data) + 1
        data = data[:at] + put + data[at + cut :]
    path.write_bytes(data)
    try:
        tapes = open_tapes([path], allow=FAULTS)
    except NowakeError as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - refusing is one of two good ends
        return
    for tape in tapes:
        assert (tape.qty >= 0).all()
        assert (np.diff(tape.t_local()) >= 0).all()


def test_a_later_day_of_the_lake_knows_that_trading_is_halted(recorded_data: Path, tmp_path: Path) -> None:
    folder = recorded_data / "databento"
    (tape,) = open_tapes([folder / EVE, folder / DAY])
    write_lake(tape, tmp_path / "lake")
    (whole,) = read_lake(tmp_path / "lake")
    assert whole.meta.content_hash == tape.meta.content_hash
    assert np.array_equal(whole.order_id, tape.order_id)
    (later,) = read_lake(tmp_path / "lake", days=(date(2023, 12, 25),))
    report = check(later)
    assert (report.crossed, report.overtaken, report.volume) == (0, 0, "9892")
