"""Running our market: kernel equals reference, watches fire where they must, views see no row too many."""

from __future__ import annotations

import itertools
from datetime import date, time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided

from nowake.core.errors import DataError
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.core.view import Integrity, View, Watch, WatchKind
from nowake.market.own import OwnMarket
from nowake.market.run_reference import ReferenceMarket, TrackedOrder

KEY = "TEST@SIM"


def watch(kind: WatchKind, a: int, name: str = "w", child: str = "") -> Watch:
    return Watch(watch_id=name, parent_id="p", listing=KEY, kind=kind, a=a, child_id=child)


def test_a_touch_that_comes_with_a_finer_grid_is_seen() -> None:
    """The book is made again on a finer grid by the second message: it counts its changes on."""
    market = OwnMarket(make_tape([(n, row_code(Row.SET, Book.BID, END), MID + 3 * n, 5) for n in range(2)], tick=5))
    market.advance(START_NS)
    assert market.advance(START_NS + 9 * MS, [watch(WatchKind.BID_NOT, MID)]) == (START_NS + MS, ("w",))


@st.composite
def watch_lists(draw: st.DrawFn) -> list[Watch]:
    prices = st.sampled_from([0, *range(MID - 4, MID + 5)])
    arguments = {
        WatchKind.VOLUME: st.integers(0, 300),
        WatchKind.QUEUE: st.integers(0, 120),
        WatchKind.INTEGRITY: st.integers(0, 63),
        WatchKind.BID_AT_LEAST: st.integers(MID - 4, MID + 4),
        WatchKind.ASK_AT_MOST: st.integers(MID - 4, MID + 4),
    }
    found = []
    for i in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(list(WatchKind)))
        child = "c" if kind is WatchKind.QUEUE else ""
        found.append(watch(kind, draw(arguments.get(kind, prices)), f"w{9 - i}", child))
    return found


def assert_view(view: View, market: ReferenceMarket, t: int) -> None:
    """Hold a view against the reference brought up to ``t``."""
    if market.since_ns is not None:
        market.settle(t)
    for name, side in (("bids", 0), ("asks", 1)):
        assert getattr(view, name) == tuple(market.book.levels(side, 5))
    bid, ask = (view.bids or ((0, 0),))[0], (view.asks or ((0, 0),))[0]
    assert (view.bid_units, view.bid_qty, view.ask_units, view.ask_qty) == (*bid, *ask)
    expected = {
        "integrity": market.integrity(t),
        "volume_all": market.volume_all,
        "notional_all": market.notional_all,
        "last_units": market.last_units,
        "since_ns": market.since_ns or 0,
        "last_row_ns": market.last_row_ns,
        "mid2_time": market.mid2_time // 10**6,
        "spread_time": market.spread_time // 10**6,
        "mid_ns": market.mid_ns,
        "realised_ns": market.realised_ns,
        "queues": tuple((child, int(np.ceil(order.front))) for child, order in market.tracked.items()),
    }
    assert {name: getattr(view, name) for name in expected} == expected
    assert view.realised_var == pytest.approx(market.realised_var, rel=1e-9, abs=1e-18)


@given(
    rows=streams(max_rows=80),
    waits=st.lists(st.tuples(st.sampled_from([0, 1, 50, 3_000, 70_000]), watch_lists()), min_size=1, max_size=8),
    delays=st.one_of(st.none(), st.integers(0, 20)),
    qty_type=st.sampled_from([np.int32, np.int64]),
)
def test_kernel_equals_reference(
    rows: list[tuple[int, int, int, int]], waits: list[tuple[int, list[Watch]]], delays: int | None, qty_type: type
) -> None:
    recv = None if delays is None else [delays] * len(rows)
    tape = make_tape(rows, recv_ms=recv, qty_type=qty_type)
    own, reference, row, now = OwnMarket(tape, 7), ReferenceMarket(tape.meta.silence_ns), 0, int(tape.t_local(7)[0])
    for wait_ms, watches in waits:
        until = now + wait_ms * MS
        now, row, fired = reference.run_until(tape, watches, row, now_ns=now, until_ns=until, extra_ns=7)
        assert own.advance(until, watches) == (now, fired)
        assert own.row == row
        if "c" not in reference.tracked:
            own.track("c", Side.BUY, MID - 1)
            reference.tracked["c"] = TrackedOrder(0, MID - 1, float(dict(reference.book.levels(0)).get(MID - 1, 0)))
        assert_view(own.view(now), reference, now)


@given(rows=streams(max_rows=60), cut=st.integers(0, 3_000))
def test_a_view_does_not_change_when_the_tape_is_cut_after_it(rows: list[tuple[int, int, int, int]], cut: int) -> None:
    whole = make_tape(rows, recv_ms=[3] * len(rows))
    t = START_NS + cut * MS
    included = int(np.searchsorted(whole.t_local(), t, side="right"))
    a, b = OwnMarket(whole), OwnMarket(whole.head(included)) if included else None
    a.advance(t)
    assert a.row == included
    if b is not None:
        b.advance(t)
        assert a.view(max(t, a.now_ns)) == b.view(max(t, b.now_ns))


@given(rows=streams(max_rows=60), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_a_fed_market_equals_one_over_the_tape(rows: list[tuple[int, int, int, int]], cuts: list[int]) -> None:
    tape = make_tape(rows, recv_ms=[5] * len(rows))
    whole, fed = OwnMarket(tape, 2), OwnMarket(tape.head(0), 2)
    edges = sorted({0, len(tape), *(min(cut, len(tape)) for cut in cuts)})
    local = tape.t_local(2)
    for lo, hi in itertools.pairwise(edges):
        part = slice(lo, hi)
        fed.feed(
            Tape(tape.meta, tape.t_event[part], tape.recv_delta[part], tape.code[part], tape.price[part],
                 tape.qty[part], tape.order_id)
        )  # fmt: skip
        t = int(local[hi - 1]) if hi == len(tape) else min(int(local[hi - 1]), int(local[hi]) - 1)
        assert whole.advance(t) == fed.advance(t)
        assert whole.view(t) == fed.view(t)


def test_rows_of_another_listing_are_refused() -> None:
    market = OwnMarket(make_tape(two_sided()))
    other = make_tape(two_sided())
    meta = type(other.meta)(
        listing=type(other.listing)(instrument=other.listing.instrument, venue="ELSEWHERE", ticks=other.listing.ticks),
        source="x", reader="x", content_hash="x", price_base=0,
    )  # fmt: skip
    with pytest.raises(DataError, match="ELSEWHERE"):
        market.feed(Tape(meta, other.t_event, other.recv_delta, other.code, other.price, other.qty, other.order_id))


def test_a_watch_is_looked_at_only_after_a_complete_message() -> None:
    rows = [
        *two_sided(),
        (10, row_code(Row.SET, Book.BID), MID, 5),
        (10, row_code(Row.SET, Book.BID, END), MID, 0),
        (20, row_code(Row.SET, Book.BID), MID, 5),
        (20, row_code(Row.SET, Book.ASK, END), MID + 1, 50),
    ]
    market = OwnMarket(make_tape(rows))
    market.advance(START_NS)
    assert market.advance(START_NS + 100 * MS, [watch(WatchKind.BID_NOT, MID - 1)]) == (START_NS + 20 * MS, ("w",))
    assert market.row == 10
    assert market.advance(START_NS + 100 * MS, [watch(WatchKind.BID_NOT, MID - 1)])[0] == START_NS + 20 * MS


def test_all_watches_that_hold_are_named_in_rising_order() -> None:
    market = OwnMarket(make_tape(two_sided()))
    armed = [watch(WatchKind.BID_AT_LEAST, MID - 1, "b"), watch(WatchKind.ASK_AT_MOST, MID + 1, "a")]
    assert market.advance(START_NS + MS, [*armed, watch(WatchKind.VOLUME, 1, "v")]) == (START_NS, ("a", "b"))


def test_silence_is_seen_in_the_view_and_ends_with_a_row() -> None:
    rows = [*two_sided(), (5_000, row_code(Row.TRADE, Book.BID, END), MID + 1, 1)]
    market = OwnMarket(make_tape(rows, silence_ns=1_000 * MS))
    market.advance(START_NS + 1_000 * MS)
    assert market.view(START_NS + 1_000 * MS).integrity == Integrity.OK
    assert market.advance(START_NS + 1_001 * MS, [watch(WatchKind.INTEGRITY, 0)])[1] == ()
    assert market.view(START_NS + 1_001 * MS).integrity == Integrity.SILENT
    silent = [watch(WatchKind.INTEGRITY, int(Integrity.SILENT))]
    assert market.advance(START_NS + 9_000 * MS, silent) == (START_NS + 5_000 * MS, ("w",))


def test_a_closed_session_is_part_of_the_integrity_and_wakes_its_watch() -> None:
    from datetime import UTC, datetime

    opens = datetime.fromtimestamp(START_NS // 10**9 + 60, UTC)
    session = Session(name="S", opens=time(opens.hour, opens.minute, opens.second), closes=time(23, 59))
    rows = [*two_sided(), (100_000, row_code(Row.TRADE, Book.BID, END), MID + 1, 1)]
    market = OwnMarket(make_tape(rows, silence_ns=10**15), session=session)
    assert market.first_valid_ns() == START_NS + 60_000 * MS
    market = OwnMarket(make_tape(rows, silence_ns=10**15), session=session)
    market.advance(START_NS + MS)
    assert market.view(START_NS + MS).integrity == Integrity.CLOSED
    closed = [watch(WatchKind.INTEGRITY, int(Integrity.CLOSED))]
    assert market.advance(START_NS + 90_000 * MS, closed) == (START_NS + 60_000 * MS, ("w",))


@given(rows=streams(max_rows=60), open_ms=st.integers(1, 60_000), long_ms=st.integers(1_000, 60_000))
def test_a_closed_market_has_no_mid_and_no_volume(
    rows: list[tuple[int, int, int, int]], open_ms: int, long_ms: int
) -> None:
    """A session that opens and closes between the rows: the kernel equals the reference, told at the same instants."""
    tape = make_tape(rows, silence_ns=10**15)
    edges = (START_NS + open_ms * MS, START_NS + (open_ms + long_ms) * MS)
    day = Session(name="24/7").local_day(START_NS)

    class Hours(Session, frozen=True):
        def hours(self, day_asked: date) -> tuple[int, int] | None:
            return edges if day_asked == day else None

    market = OwnMarket(tape, session=Hours(name="S", opens=time(1), closes=time(2)))
    reference = ReferenceMarket(silence_ns=10**15)
    reference.external = Integrity.CLOSED
    told, end = 0, START_NS + 200_000 * MS
    market.advance(end)
    for i, t in enumerate(tape.t_local().tolist()):
        while told < 2 and edges[told] <= t:
            reference.set_external(edges[told], Integrity.OK if told == 0 else Integrity.CLOSED)
            told += 1
        reference.row(t, int(tape.code[i]), int(tape.prices()[i]), int(tape.qty[i]))
    while told < 2:
        reference.set_external(edges[told], Integrity.OK if told == 0 else Integrity.CLOSED)
        told += 1
    assert_view(market.view(end), reference, end)


def test_sums_stay_exact_where_int64_would_overflow() -> None:
    big = 2**58
    price = 9_000 + 2**30
    rows = [(0, row_code(Row.TRADE, Book.BID, END), price, big)] * 3 + [
        (1, row_code(Row.SET, Book.BID), price, 1),
        (1, row_code(Row.SET, Book.ASK, END), price + 2**30, 1),
        (1 + 40 * 86_400_000, row_code(Row.TRADE, Book.BID, END), price, 1),
    ]
    market = OwnMarket(make_tape(rows, base=2**30, qty_type=np.int64))
    days = 40 * 86_400 * 10**9
    view_ns = START_NS + MS + days
    market.advance(view_ns)
    view = market.view(view_ns)
    assert view.notional_all == 3 * price * big + price
    assert view.mid2_time == (2 * price + 2**30) * days // 10**6
    assert view.spread_time == 2**30 * days // 10**6


def test_own_aggressive_prints_are_added_and_passive_ones_are_not() -> None:
    market = OwnMarket(make_tape(two_sided()))
    market.advance(START_NS)
    market.own_print(MID, 7, added=True)
    market.own_print(MID, 5, added=False)
    view = market.view(START_NS)
    assert (view.volume_all, view.volume_own, view.notional_all) == (7, 12, 7 * MID)


def test_the_queue_of_an_order_deeper_than_the_tape_shows_is_not_known() -> None:
    rows = [*two_sided(), (10, row_code(Row.SET, Book.BID, END), MID - 9, 40)]
    market = OwnMarket(make_tape(rows, depth_levels=3))
    market.advance(START_NS)
    market.track("c", Side.BUY, MID - 9)
    assert market.queue_estimates()[0][1] > 10**12
    market.advance(START_NS + 10 * MS)
    assert market.queue_estimates() == (("c", 40),)
    market.untrack("c")
    assert market.queue_estimates() == ()
