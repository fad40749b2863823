"""Several markets on one clock: equal to the plain event loop, none ahead of another, one market as it is alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided
from sim_orders import child, told

from nowake.core.errors import InputError
from nowake.core.inputs import Filled
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.core.value import replace
from nowake.core.view import Watch, WatchKind
from nowake.market.run_reference import ReferenceMarket
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim import markets as mk
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency, lognormal
from nowake.sim.markets import Markets
from nowake.sim.markets_reference import ReferenceMarkets
from nowake.sim.match_reference import ReferenceMatcher
from nowake.sim.merge_reference import ReferenceWorld

VENUES = ("A", "B", "C")
KEYS = tuple(f"TEST@{venue}" for venue in VENUES)


def tape_on(venue: str, rows: list, delays: list[int] | None = None, silence_ns: int = 60_000 * MS) -> Tape:
    """Return a tape of the test listing on a venue; ``delays`` are how long rows take to us, ms."""
    recv = None
    if delays is not None:
        received = np.maximum.accumulate([row[0] + delay for row, delay in zip(rows, delays, strict=False)])
        recv = [int(r) - row[0] for r, row in zip(received, rows, strict=True)]
    tape = make_tape(rows, recv_ms=recv, silence_ns=silence_ns)
    return replace_meta(tape, listing=replace(tape.listing, venue=venue))


def replace_meta(tape: Tape, **changes: object) -> Tape:
    return Tape(
        replace(tape.meta, **changes), tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty, tape.order_id
    )


def watch(key: str, kind: WatchKind, a: int, name: str) -> Watch:
    return Watch(watch_id=name, parent_id="p", listing=key, kind=kind, a=a)


KINDS = [WatchKind.BID_NOT, WatchKind.ASK_AT_MOST, WatchKind.VOLUME, WatchKind.INTEGRITY]
WATCHED = st.tuples(st.integers(0, 2), st.sampled_from(KINDS), st.integers(-2, 2))
STEPS = st.tuples(
    st.sampled_from([0, 1, 2, 40, 200, 3_000]),  # wait, ms
    st.sampled_from(["nothing", "limit", "post-only", "market", "cancel"]),
    st.integers(0, 2),  # venue
    st.integers(-2, 2),
    st.sampled_from([1, 30, 150]),
    st.lists(WATCHED, max_size=3),
    st.sets(st.sampled_from(KEYS)),  # which markets are looked at
)
SPREADS = st.sampled_from([None, None, lognormal(5 * MS, 1.0)])
LATENCIES = st.builds(
    Latency,
    decision_ns=st.sampled_from([0, 1]),
    entry_ns=st.sampled_from([0, MS, 45 * MS]),
    response_ns=st.sampled_from([0, 2 * MS, 50 * MS]),
    data_ns=st.sampled_from([0, MS, 30 * MS]),
    entry=SPREADS,
    response=SPREADS,
    overtake=st.booleans(),
)
STREAM = st.tuples(streams(max_rows=40, reach=3, odd=False), st.lists(st.integers(0, 60), min_size=40, max_size=40))


def armed(watched: list) -> list[Watch]:
    made = []
    for n, (venue, kind, away) in enumerate(watched):
        a = {WatchKind.VOLUME: 200, WatchKind.INTEGRITY: 0}.get(kind, MID + away)
        made.append(watch(KEYS[venue], kind, a, f"w{n}"))
    return made


@settings(max_examples=300)
@given(
    feeds=st.lists(STREAM, min_size=3, max_size=3),
    latencies=st.lists(LATENCIES, min_size=3, max_size=3),
    steps=st.lists(STEPS, min_size=1, max_size=10),
    buy=st.booleans(),
    stretch=st.sampled_from([1, 3 * MS, mk.STRETCH_NS, 10**13]),
)
def test_markets_on_one_clock_equal_the_plain_event_loop(
    feeds: list, latencies: list[Latency], steps: list, buy: bool, stretch: int
) -> None:
    tapes = [tape_on(venue, *feed) for venue, feed in zip(VENUES, feeds, strict=True)]
    markets = Markets([SimMarket(t, latency=x, impact="ledger", seed=3) for t, x in zip(tapes, latencies, strict=True)])
    markets._stretch_ns = dict.fromkeys(KEYS, stretch)
    world = ReferenceMarkets(
        {
            t.listing.key: ReferenceWorld(
                t,
                x,
                ReferenceMatcher(overlay=ReferenceOverlay()),
                ReferenceMarket(60_000 * MS, overlay=ReferenceOverlay()),
                seed=3,
            )
            for t, x in zip(tapes, latencies, strict=True)
        }
    )
    goal = START_NS
    assert markets.advance(goal) == world.advance(goal)
    sent: dict[str, str] = {}
    last = (10**7, "nothing", 0, 0, 0, [], set(KEYS))
    for n, (wait, kind, venue, away, size, watched, looked) in enumerate([*steps, last]):
        goal += wait * MS
        while True:
            reached = markets.advance(goal, armed(watched))
            assert reached == world.advance(goal, armed(watched))
            now = reached[0]
            for key in sorted(looked):
                view, plain = markets.view(now, key), world.worlds[key]
                assert view.row == plain.own_row
                assert (view.bids, view.volume_all) == (tuple(plain.own.levels(0, 5)), plain.own.volume_all)
            events = [message.event for message in markets.poll(now)]
            assert [told(event) for event in events] == world.poll(now)
            for event in events:
                if isinstance(event, Filled):
                    plain = world.worlds[sent[event.fill.child_id]]
                    assert (event.t_ns, event.fill.unprinted) == plain.unprinted.pop(0)
                    plain.own.volume_all += event.fill.qty_units * event.fill.unprinted
            if reached[1] or not events:
                break
        if kind == "cancel" and (name := f"c{size % 7}") in sent:
            markets.cancel(name, now)
            world.cancel(sent[name], name, now)
        elif kind not in ("nothing", "cancel"):
            order = child(f"c{n}", Side.BUY if buy else Side.SELL, size, MID + away, kind, listing=KEYS[venue])
            sent[order.child_id] = order.listing
            markets.submit(order, now)
            world.submit(order, now)
        goal = max(goal, now)


def quiet(t_ms: int) -> tuple[int, int, int, int]:
    """Return a message that changes nothing."""
    return (t_ms, row_code(Row.SET, Book.BID, END), MID - 3, 100)


def a_cancel_that_comes_in_time(*, turned: bool = False) -> list[str]:
    """Return what becomes of an order on B, cancelled because A moved 50 ms before a print that would fill it."""
    moves = [*two_sided(), (100, row_code(Row.SET, Book.BID, END), MID, 50), quiet(900)]
    prints = [*two_sided(), (150, row_code(Row.TRADE, Book.ASK, END), MID - 1, 500), quiet(900)]
    latency = Latency(entry_ns=20 * MS, response_ns=MS)
    members = [SimMarket(tape_on(v, rows), latency=latency) for v, rows in (("A", moves), ("B", prints))]
    markets = Markets(members[::-1] if turned else members)
    now, _ = markets.advance(START_NS + MS)
    markets.submit(child("c", Side.BUY, 20, MID - 1, "post-only", listing=KEYS[1]), now)
    events = []
    asked = False
    while now < START_NS + 800 * MS:
        armed = [] if asked else [watch(KEYS[0], WatchKind.BID_NOT, MID - 1, "moved")]
        now, fired = markets.advance(START_NS + 800 * MS, armed)
        events += [type(message.event).__name__ for message in markets.poll(now)]
        if fired:
            assert now == START_NS + 100 * MS
            markets.cancel("c", now)
            assert markets.view(now, KEYS[1]).row == 6
            asked = True
    return events


@pytest.mark.parametrize("turned", [False, True])
def test_no_venue_is_run_past_what_stops_another(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mk, "STRETCH_NS", 10**12)
    assert a_cancel_that_comes_in_time(turned=turned) == ["Acked", "Ended"]


def test_a_venue_whose_matching_is_left_ahead_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: what is put back is our side of the market only; its venue has met the prints to come."""
    monkeypatch.setattr(mk, "STRETCH_NS", 10**12)
    real = SimMarket.put_back

    def ours_only(self: SimMarket) -> None:
        ahead = dict(vars(self.venue))
        real(self)
        vars(self.venue).update(ahead)

    monkeypatch.setattr(SimMarket, "put_back", ours_only)
    assert "Filled" in a_cancel_that_comes_in_time()


def test_a_market_that_waits_ahead_obeys_other_watches() -> None:
    rows = [*two_sided(), (100, row_code(Row.SET, Book.BID, END), MID, 50), quiet(900)]
    markets = Markets([SimMarket(tape_on(v, rows), latency=Latency()) for v in VENUES[:2]])
    markets.advance(START_NS)
    far = [watch(key, WatchKind.VOLUME, 1, key) for key in KEYS[:2]]
    assert markets.advance(START_NS + MS, far) == (START_NS + MS, ())
    near = [watch(KEYS[0], WatchKind.BID_NOT, MID - 1, "near"), far[1]]
    assert markets.advance(START_NS + 800 * MS, near) == (START_NS + 100 * MS, ("near",))


def test_each_market_keeps_its_own_session() -> None:
    tuesday = Session(name="S", weekdays=(1,))  # START_NS is a Tuesday, 6,400 s before midnight
    rows = [*two_sided(), quiet(6_399_000), quiet(6_401_000)]
    latency = Latency()
    markets = Markets(
        [
            SimMarket(tape_on("A", rows, silence_ns=10**14), latency=latency),
            SimMarket(tape_on("B", rows, silence_ns=10**14), latency=latency, session=tuesday),
        ]
    )
    now, _ = markets.advance(START_NS)
    watches = [watch(key, WatchKind.INTEGRITY, 0, key) for key in KEYS[:2]]
    midnight = START_NS + 6_400_000 * MS
    assert markets.advance(START_NS + 7_000_000 * MS, watches) == (midnight, (KEYS[1],))
    assert [markets.view(midnight, key).tradable for key in KEYS[:2]] == [True, False]
    for key in KEYS[:2]:
        markets.submit(child(key, Side.BUY, 10, MID - 1, listing=key), midnight)
    now, _ = markets.advance(midnight)
    assert [type(message.event).__name__ for message in markets.poll(now)] == ["Acked", "Rejected"]


def test_messages_of_one_instant_come_in_the_order_of_the_markets() -> None:
    rows = [*two_sided(), quiet(900)]
    markets = Markets([SimMarket(tape_on(v, rows), latency=Latency(response_ns=MS)) for v in ("B", "A")])
    now, _ = markets.advance(START_NS)
    for venue in ("A", "B"):
        markets.submit(child(venue, Side.BUY, 10, MID - 1, "post-only", listing=f"TEST@{venue}"), now)
    now, _ = markets.advance(START_NS + 800 * MS)
    assert now == START_NS + MS
    assert [message.event.child_id for message in markets.poll(now)] == ["B", "A"]
    assert [status.child_id for status in markets.truth()] == ["B", "A"]


def test_what_is_not_there_is_refused() -> None:
    market = SimMarket(tape_on("A", two_sided()), latency=Latency())
    with pytest.raises(InputError, match="members must be of different listings"):
        Markets([market, market])
    with pytest.raises(InputError, match="at least one"):
        Markets([])
    markets = Markets([market])
    with pytest.raises(InputError, match="listing must be one of TEST@A, was 'TEST@B'"):
        markets.view(START_NS, KEYS[1])
    with pytest.raises(InputError, match="of a child that was sent"):
        markets.cancel("nobody", START_NS)
    with pytest.raises(InputError, match="one of TEST@A"):
        markets.advance(START_NS, [watch(KEYS[1], WatchKind.VOLUME, 1, "w")])
