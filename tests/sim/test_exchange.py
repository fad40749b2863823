"""A simulated listing: equal to the plain event loop, causal to the nanosecond, and a venue that answers everything."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided
from sim_orders import KEY, child, own_impacts, plain_overlay, run_to_end, told

from nowake.core.child import ChildStatus
from nowake.core.errors import InputError, Refused
from nowake.core.inputs import (
    Acked,
    CancelRejected,
    Ended,
    Filled,
    OpenOrdersReported,
    Rejected,
    StatusReported,
)
from nowake.core.instrument import FeeSchedule
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, SNAPSHOT, Book, Row, Tape, row_code
from nowake.core.value import from_msgpack, to_msgpack
from nowake.core.view import Watch, WatchKind
from nowake.market.run_reference import ReferenceMarket
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim.exchange import SimMarket
from nowake.sim.impact import OwnImpact
from nowake.sim.latency import RECORDED, Latency, lognormal
from nowake.sim.match_reference import ReferenceMatcher
from nowake.sim.merge import venue_order, venue_rows
from nowake.sim.merge_reference import ReferenceWorld
from nowake.sim.reports import Report

BID, ASK = Book.BID, Book.ASK
NO_LATENCY = Latency()


def watch(kind: WatchKind, a: int, name: str = "w", child_id: str = "") -> Watch:
    return Watch(watch_id=name, parent_id="p", listing=KEY, kind=kind, a=a, child_id=child_id)


STEPS = st.tuples(
    st.sampled_from([0, 1, 2, 40, 200, 3_000]),  # wait, ms
    st.sampled_from(
        [
            "nothing",
            "limit",
            "post-only",
            "market",
            "least",
            "fok",
            "primary",
            "midpoint",
            "hidden",
            "iceberg",
            "cancel",
        ]
    ),
    st.integers(-2, 2),
    st.sampled_from([1, 30, 150]),
    st.sampled_from([None, WatchKind.BID_NOT, WatchKind.ASK_AT_MOST, WatchKind.VOLUME, WatchKind.INTEGRITY]),
)
SPREADS = st.sampled_from([None, None, lognormal(5 * MS, 0.4), lognormal(20 * MS, 1.5), RECORDED])
LATENCIES = st.builds(
    Latency,
    decision_ns=st.sampled_from([0, 1]),
    entry_ns=st.sampled_from([0, MS, 45 * MS]),
    response_ns=st.sampled_from([0, 2 * MS, 50 * MS]),
    data_ns=st.sampled_from([0, MS, 30 * MS]),
    entry=SPREADS,
    response=SPREADS,
    data=SPREADS,
    overtake=st.booleans(),
)


@settings(max_examples=300)
@given(
    rows=streams(max_rows=70, reach=3, odd=False),
    steps=st.lists(STEPS, min_size=1, max_size=10),
    latency=LATENCIES,
    impact=st.sampled_from(["off", "ledger"]) | own_impacts(),
    delays=st.lists(st.integers(0, 60), min_size=70, max_size=70),
    buy=st.booleans(),
)
def test_the_merged_kernel_equals_the_plain_event_loop(
    rows: list[tuple[int, int, int, int]],
    steps: list[tuple],
    latency: Latency,
    impact: str | OwnImpact,
    delays: list[int],
    buy: bool,
) -> None:
    received = np.maximum.accumulate([row[0] + delay for row, delay in zip(rows, delays, strict=False)])
    tape = make_tape(rows, recv_ms=[int(r) - row[0] for r, row in zip(received, rows, strict=True)])
    own = impact if isinstance(impact, OwnImpact) else None
    market = SimMarket(tape, latency=latency, impact="full" if own else str(impact), own_impact=own, seed=3)
    overlays = [plain_overlay(own) if own else ReferenceOverlay(half_ns=-1 if impact == "ledger" else 0) for _ in "ab"]
    world = ReferenceWorld(
        tape, latency, ReferenceMatcher(overlay=overlays[0]),
        ReferenceMarket(60_000 * MS, overlay=None if impact == "off" else overlays[1]), seed=3,
    )  # fmt: skip
    now = market.start_ns
    assert world.advance(now) == market.advance(now)
    for n, (wait, kind, away, size, watched) in enumerate([*steps, (10**9, "nothing", 0, 0, None)]):
        a = {WatchKind.VOLUME: 200, WatchKind.INTEGRITY: 0}.get(watched, MID + away)
        armed = [] if watched is None else [watch(watched, a)]
        goal = now + wait * MS
        while True:
            reached = market.advance(goal, armed)
            assert reached == world.advance(goal, armed)
            now = reached[0]
            assert market.own.row == world.own_row
            view = market.view(now)
            assert (view.bids, view.asks) == (tuple(world.own.levels(0, 5)), tuple(world.own.levels(1, 5)))
            assert view.volume_all == world.own.volume_all
            events = [message.event for message in market.poll(now)]
            assert [told(event) for event in events] == world.poll(now)
            for event in events:  # what a shell does with own trades that the feed does not print
                if isinstance(event, Filled):
                    assert (event.t_ns, event.fill.unprinted) == world.unprinted.pop(0)
                    world.own.volume_all += event.fill.qty_units * event.fill.unprinted
            if reached[1] or not events:
                break
        for one in (market, world):
            if kind == "cancel":
                one.cancel(f"c{size % 7}", now)
            elif kind != "nothing":
                side, least = Side.BUY if buy else Side.SELL, kind == "least"
                order = child(
                    f"c{n}",
                    side,
                    size,
                    MID + away,
                    kind if kind in ("market", "post-only") else "limit",
                    tif={"least": "ioc", "fok": "fok"}.get(kind, "gtc"),
                    least=min(size, 100) if least else 0,
                    peg=kind if kind in ("primary", "midpoint") else "none",
                    display={"hidden": 0, "iceberg": min(size, 20)}.get(kind),
                )
                one.submit(order, now)


LATENCY = Latency(decision_ns=1_000, entry_ns=3 * MS, response_ns=5 * MS, data_ns=7 * MS)


def test_every_latency_is_paid() -> None:
    rows = [*two_sided(), (100, row_code(Row.TRADE, ASK, END), MID - 1, 150)]
    market = SimMarket(make_tape(rows, recv_ms=[2] * 7), latency=LATENCY)
    assert market.start_ns == START_NS + 9 * MS == market.first_valid_ns()
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
    acked, filled = run_to_end(market, START_NS + 105 * MS)
    arrived = now + 1_000 + 3 * MS
    assert (acked.t_venue_ns, acked.t_ns) == (arrived, arrived + 5 * MS)
    assert (filled.fill.t_venue_ns, filled.t_ns) == (START_NS + 100 * MS, START_NS + 105 * MS)
    assert market.view(START_NS + 105 * MS).volume_all == 0  # the print itself reaches us at 109 ms
    market.advance(START_NS + 109 * MS)
    assert market.view(START_NS + 109 * MS).volume_all == 150


def test_an_order_that_arrives_after_the_print_is_not_filled_by_it() -> None:
    rows = [*two_sided(), (100, row_code(Row.TRADE, ASK, END), MID - 1, 150)]
    for early, expected in ((3 * MS + 1_000, 1), (3 * MS + 999, 0)):
        market = SimMarket(make_tape(rows), latency=LATENCY)
        now, _ = market.advance(START_NS + 100 * MS - early)
        market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
        fills = [e for e in run_to_end(market) if isinstance(e, Filled)]
        # At equal times the venue's row comes first, so arriving exactly then is too late.
        assert len(fills) == 0 if early == 3 * MS + 1_000 else len(fills) == expected
    market = SimMarket(make_tape(rows), latency=LATENCY)
    now, _ = market.advance(START_NS + 96 * MS)
    market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
    assert any(isinstance(e, Filled) for e in run_to_end(market))


@pytest.mark.parametrize("looks", [(), (watch(WatchKind.BID_NOT, MID - 1),)])
def test_at_one_instant_the_venues_row_comes_before_what_arrives(looks: tuple[Watch, ...]) -> None:
    """Whether or not somebody watches: two ways through the kernels."""
    rows = [*two_sided(), (100, row_code(Row.TRADE, ASK, END), MID - 1, 150), (200, row_code(Row.GAP, END), 0, 0)]
    for sent, expected in ((100 * MS, 0), (100 * MS - 1, 20)):
        market = SimMarket(make_tape(rows), latency=Latency(entry_ns=3 * MS))
        now, _ = market.advance(START_NS + sent - 3 * MS)
        market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
        while market.advance(START_NS + 150 * MS, looks)[0] < START_NS + 150 * MS:
            market.poll(market.now_ns)
        assert sum(fill.qty_units for status in market.truth() for fill in status.fills) == expected


def test_we_act_on_the_late_book_and_trade_on_the_real_one() -> None:
    rows = [*two_sided(), (50, row_code(Row.SET, ASK), MID + 1, 0), (50, row_code(Row.SET, ASK, END), MID + 2, 100)]
    market = SimMarket(make_tape(rows), latency=Latency(data_ns=20 * MS))
    now, _ = market.advance(START_NS + 60 * MS)
    assert market.view(now).ask_units == MID + 1  # 40 ms old
    market.submit(child("m", Side.BUY, 10, kind="market"), now)
    fills = [e.fill.price_units for e in run_to_end(market) if isinstance(e, Filled)]
    assert fills == [MID + 2]


def test_own_prints_are_counted_once() -> None:
    rows = [*two_sided(), (100, row_code(Row.TRADE, ASK, END), MID - 1, 150)]
    market = SimMarket(make_tape(rows), latency=NO_LATENCY)
    now, _ = market.advance(START_NS)
    market.submit(child("take", Side.BUY, 10, kind="market"), now)
    market.submit(child("post", Side.BUY, 20, MID - 1, "post-only"), now)
    run_to_end(market, START_NS + 200 * MS)
    view = market.view(START_NS + 200 * MS)
    assert (view.volume_own, view.volume_all) == (30, 150 + 10)
    assert view.notional_all == 150 * (MID - 1) + 10 * (MID + 1)


def test_the_queue_estimate_follows_and_wakes() -> None:
    rows = [
        *two_sided(),
        (50, row_code(Row.TRADE, ASK, END), MID - 1, 40),
        (90, row_code(Row.TRADE, ASK, END), MID - 1, 50),
    ]
    market = SimMarket(make_tape(rows), latency=NO_LATENCY)
    now, _ = market.advance(START_NS)
    market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
    now, _ = market.advance(START_NS + MS)
    market.poll(now)
    assert market.view(now).queues == (("c", 100),)
    assert market.advance(START_NS + 500 * MS, [watch(WatchKind.QUEUE, 10, child_id="c")]) == (
        START_NS + 90 * MS,
        ("w",),
    )
    assert market.view(START_NS + 90 * MS).queues == (("c", 10),)


@pytest.mark.parametrize("spread", [None, [20] * 7 + [60, 50, 45]])
def test_the_queue_is_what_the_feed_shows_when_it_has_come_to_our_arrival(spread: list[int] | None) -> None:
    """Who joined just before us is not on our screen when we hear that we rest; who joined after us is behind us."""
    rows = [
        *two_sided(),
        (40, row_code(Row.SET, BID, END), MID - 1, 120),
        (55, row_code(Row.SET, BID, END), MID - 1, 150),  # before us: on its way while we are told
        (70, row_code(Row.SET, BID, END), MID - 1, 230),  # after us
        (80, row_code(Row.SET, BID, END), MID - 1, 230),
    ]
    latency = Latency(response_ns=MS, data_ns=0 if spread else 20 * MS)
    market = SimMarket(make_tape(rows, recv_ms=spread), latency=latency)
    heard = START_NS + (55 + 60 if spread else 60 + 20) * MS  # the newest row before us; with a constant delay, ours
    now, _ = market.advance(START_NS + 60 * MS)
    market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
    now, _ = market.advance(START_NS + 200 * MS)
    assert [type(message.event) for message in market.poll(now)] == [Acked]
    assert now == START_NS + 61 * MS
    assert market.view(now).queues == ()
    assert market.undisturbed_ns == heard - 1
    assert market.advance(heard - 1) == (heard - 1, ())
    assert market.view(heard - 1).queues == ()
    assert market.advance(heard) == (heard, ())
    assert market.view(heard).queues == (("c", 150),)
    assert market.advance(START_NS + 300 * MS)[0] == START_NS + 300 * MS
    assert market.view(START_NS + 300 * MS).queues == (("c", 150),)


def test_an_order_that_has_gone_before_the_feed_came_to_it_joins_no_queue() -> None:
    market = SimMarket(make_tape(list(two_sided())), latency=Latency(response_ns=MS, data_ns=50 * MS))
    now, _ = market.advance(START_NS + 100 * MS)
    market.submit(child("c", Side.BUY, 20, MID - 1, "post-only"), now)
    now, _ = market.advance(START_NS + 500 * MS)
    market.cancel("c", now)
    events = run_to_end(market, START_NS + 500 * MS)
    assert [type(event) for event in events] == [Acked, Ended]
    assert market.view(START_NS + 500 * MS).queues == ()
    assert market.is_idle


def test_every_question_is_answered() -> None:
    market = SimMarket(make_tape(two_sided()), latency=LATENCY, fees=FeeSchedule(taker_bps=Decimal(10)))
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("rest", Side.BUY, 20, MID - 1, "post-only"), now)
    market.submit(child("take", Side.BUY, 10, kind="market"), now)
    market.submit(child("rest", Side.BUY, 20, MID - 2, "post-only"), now)
    for name in ("rest", "take", "nobody"):
        market.query(name, now)
    market.query_open(KEY, now)
    for name in ("take", "nobody", "rest", "rest"):
        market.cancel(name, now)
    market.query_open(KEY, now)
    events = run_to_end(market)
    assert [type(event) for event in events] == [
        Acked, Acked, Filled, Rejected, *[StatusReported] * 3, OpenOrdersReported, CancelRejected, CancelRejected,
        Ended, CancelRejected, OpenOrdersReported,
    ]  # fmt: skip
    assert events[3].code == "duplicate-id"
    rest, take, nobody = (event.status for event in events[4:7])
    assert (rest.known, rest.live, rest.cum_qty, rest.status) == (True, True, 0, ChildStatus.WORKING)
    assert (take.live, take.cum_qty, take.fills[0]) == (False, 10, events[2].fill)
    assert take.fills[0].fee_money == 10 * (MID + 1) * 10**6 // 1_000
    assert not nobody.known
    assert [status.child_id for status in events[7].statuses] == ["rest"]
    assert [event.code for event in (events[8], events[9], events[11])] == ["too-late", "unknown", "too-late"]
    assert (events[10].status, events[10].cum_qty) == (ChildStatus.CANCELED, 0)
    assert events[12].statuses == ()
    assert all(event.requested_ns == now for event in (*events[4:8], events[12]))


def test_raw_bytes_hold_the_report_and_runs_repeat_exactly() -> None:
    def run() -> list[tuple[bytes, bytes]]:
        market = SimMarket(make_tape(two_sided()), latency=LATENCY, seed=7)
        market.advance(START_NS + 10 * MS)
        for n in range(3):
            market.submit(child(f"m{n}", Side.BUY, 150, kind="market"), START_NS + 10 * MS)
        market.advance(START_NS + 500 * MS)
        found = market.poll(START_NS + 500 * MS)
        return [(to_msgpack(message.event), message.raw) for message in found]

    first = run()
    assert first == run()
    reports = [from_msgpack(raw, Report) for _, raw in first]
    assert [report.sequence for report in reports] == list(range(1, len(reports) + 1))
    trades = [report.fill.trade_id for report in reports if report.fill is not None]
    assert len(trades) == 6 == len(set(trades))


def test_a_closed_venue_refuses() -> None:
    session = Session(name="S", weekdays=(5,))  # START_NS is a Tuesday
    market = SimMarket(make_tape(two_sided()), latency=NO_LATENCY, session=session)
    now, _ = market.advance(START_NS)
    market.submit(child("c", Side.BUY, 20, MID - 1), now)
    assert [event.code for event in run_to_end(market)] == ["closed"]
    with pytest.raises(Refused, match="no sound book"):
        market.first_valid_ns()


def test_commands_in_the_past_and_unknown_settings_are_refused() -> None:
    market = SimMarket(make_tape(two_sided()), latency=NO_LATENCY)
    market.advance(START_NS + MS)
    with pytest.raises(InputError, match="now_ns"):
        market.cancel("c", START_NS)
    with pytest.raises(InputError, match="impact"):
        SimMarket(make_tape(two_sided()), latency=NO_LATENCY, impact="some")
    with pytest.raises(InputError, match="entry_ns"):
        Latency(entry_ns=-1)


@given(rows=streams(max_rows=50, reach=3), n=st.integers(0, 3))
def test_worlds_share_a_tape_and_zero_impact_equals_instant_refill(
    rows: list[tuple[int, int, int, int]], n: int
) -> None:
    tape = make_tape(rows)
    shared = venue_rows(tape)
    markets = [
        SimMarket(tape, latency=LATENCY, impact="off", rows=shared),
        SimMarket(tape, latency=LATENCY, impact="ledger", half_life_ns=0, rows=shared),
        SimMarket(tape, latency=LATENCY, impact="off"),
    ]
    transcripts = []
    for market in markets:
        events = []
        for i in range(4):
            now, _ = market.advance(market.start_ns + i * 50 * MS)
            events += [message.event for message in market.poll(now)]
            market.submit(child(f"m{i}", Side.BUY, 40 + n, kind="market"), now)
            market.submit(child(f"p{i}", Side.BUY, 40, MID - 2 + n, "post-only"), now)
        events += run_to_end(market)
        transcripts.append(events)
    assert transcripts[0] == transcripts[1] == transcripts[2]


def test_venue_order_sorts_streams_and_keeps_snapshots_in_place() -> None:
    snap = SNAPSHOT
    rows = [
        (50, row_code(Row.CLEAR, Book.NONE, snap), 0, 0),
        (50, row_code(Row.SET, BID, snap), MID - 1, 1),
        (50, row_code(Row.SET, ASK, snap, END), MID + 1, 1),
        (10, row_code(Row.SET, BID, END), MID - 1, 2),
        (30, row_code(Row.SET, BID, END), MID - 1, 3),
        (20, row_code(Row.TRADE, ASK, END), MID - 1, 1),
        (30, row_code(Row.GAP, Book.NONE, END), 0, 0),
        (25, row_code(Row.CLEAR, Book.NONE, snap), 0, 0),
        (25, row_code(Row.SET, BID, snap, END), MID - 1, 9),
        (28, row_code(Row.TRADE, ASK, END), MID - 1, 1),
    ]
    times, order = venue_order(make_tape(rows))
    assert ((times - START_NS) // MS).tolist() == [10, 10, 10, 10, 20, 30, 30, 30, 30, 30]
    assert order.tolist() == [0, 1, 2, 3, 5, 4, 6, 7, 8, 9]
    tape: Tape = make_tape(two_sided())
    assert len(venue_order(tape)[1]) == 0
