"""The session's close: what rests is ended by the venue, nothing trades after it, and the engine takes it as an end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided
from msgspec import UNSET
from sim_orders import child, run_to_end

from nowake.core.child import ChildStatus, OrderType
from nowake.core.inputs import CancelRejected, Ended, Filled, Rejected
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, row_code
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import audit, fold
from nowake.engine.state import state_hash
from nowake.journal.memory import MemoryJournal
from nowake.sim import auction_venue
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.many import Probe, run_worlds
from nowake.sim.rules import VenueRules
from nowake.sim.run import SimOptions, make_market, simulate
from nowake.sim.synthetic import synth_tape

MINUTE = 60 * 10**9
CLOSE_MS = 100


def until(ms: int) -> Session:
    """Return a session that closes so long after the tape began."""
    moment = datetime.fromtimestamp(START_NS // 10**9, UTC) + timedelta(milliseconds=ms)
    return Session(name="S", opens=time(0), closes=moment.time())


def print_at(ms: int, price: int, qty: int = 500) -> tuple[int, int, int, int]:
    return (ms, row_code(Row.TRADE, Book.ASK, END), price, qty)


@pytest.mark.parametrize(("at_ms", "filled"), [(99, 30), (100, 0), (101, 0)])
def test_what_rests_is_expired_at_the_close_and_meets_nothing_after_it(at_ms: int, filled: int) -> None:
    tape = make_tape([*two_sided(), print_at(at_ms, MID - 3), (900, row_code(Row.SET, Book.BID, END), MID - 9, 1)])
    market = SimMarket(tape, latency=Latency(), session=until(CLOSE_MS))
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("a", Side.BUY, 40, MID), now)
    market.submit(child("b", Side.BUY, 30, MID - 2, display=10), now)
    market.submit(child("peg", Side.BUY, 30, peg="primary", kind="post-only"), now)
    events = run_to_end(market, START_NS + 500 * MS)
    ended = [(e.child_id, e.status, e.cum_qty, e.t_venue_ns) for e in events if isinstance(e, Ended)]
    close_ns = START_NS + CLOSE_MS * MS
    if filled:  # 500 beat all three
        assert {e.fill.child_id for e in events if isinstance(e, Filled)} == {"a", "b", "peg"}
        return
    assert not [e for e in events if isinstance(e, Filled)]
    assert ended == [(name, ChildStatus.EXPIRED, 0, close_ns) for name in ("a", "b", "peg")]
    assert not [status for status in market.truth() if status.live]


def test_a_cancel_that_comes_after_the_close_is_too_late() -> None:
    tape = make_tape([*two_sided(), (900, row_code(Row.SET, Book.BID, END), MID - 9, 1)])
    market = SimMarket(tape, latency=Latency(entry_ns=20 * MS, response_ns=5 * MS), session=until(CLOSE_MS))
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("a", Side.BUY, 40, MID), now)
    run_to_end(market, START_NS + 90 * MS)
    market.cancel("a", START_NS + 90 * MS)
    market.submit(child("late", Side.BUY, 40, MID), START_NS + 90 * MS)
    events = run_to_end(market, START_NS + 500 * MS)
    assert [type(event) for event in events] == [Ended, CancelRejected, Rejected]
    assert [getattr(event, "code", "") for event in events] == ["", "too-late", "closed"]
    assert events[0].t_ns == START_NS + 105 * MS


@settings(max_examples=150)
@given(
    rows=streams(max_rows=40, reach=3),
    orders=st.lists(st.tuples(st.integers(0, 150), st.booleans(), st.integers(-4, 4)), max_size=8),
)
def test_nothing_is_filled_outside_the_session(
    rows: list[tuple[int, int, int, int]], orders: list[tuple[int, bool, int]]
) -> None:
    market = SimMarket(make_tape([*two_sided(), *rows]), latency=Latency(entry_ns=MS), session=until(CLOSE_MS))
    close_ns = START_NS + CLOSE_MS * MS
    for n, (ms, buys, away) in enumerate(sorted(orders)):
        run_to_end(market, max(START_NS + ms * MS, market.now_ns, START_NS))
        market.submit(child(f"o{n}", Side.BUY if buys else Side.SELL, 20, MID + away), market.now_ns)
    run_to_end(market)
    for status in market.truth():
        assert not status.live
        assert all(fill.t_venue_ns < close_ns for fill in status.fills)


@settings(max_examples=60)
@given(
    rows=streams(max_rows=40, reach=3),
    orders=st.lists(st.tuples(st.integers(0, 150), st.booleans(), st.integers(1, 4)), min_size=1, max_size=6),
)
def test_many_worlds_end_at_the_close_as_one_does(
    rows: list[tuple[int, int, int, int]], orders: list[tuple[int, bool, int]]
) -> None:
    """Each order alone in its world, and alone at a venue."""
    tape, session = make_tape([*two_sided(), *rows]), until(CLOSE_MS)
    probes = [
        Probe(
            arrives_ns=START_NS + ms * MS, side=Side.BUY if buys else Side.SELL, qty_units=20, world=n,
            price_units=MID - away if buys else MID + away, order_type=OrderType.POST_ONLY,
        )
        for n, (ms, buys, away) in enumerate(orders)
    ]  # fmt: skip
    filled = run_worlds(tape, probes, session=session).filled.tolist()
    for probe, qty in zip(probes, filled, strict=True):
        market = SimMarket(tape, latency=Latency(), session=session, impact="off")
        run_to_end(market, probe.arrives_ns)
        market.submit(child("o", probe.side, 20, probe.price_units, "post-only"), market.now_ns)
        run_to_end(market)
        assert sum(fill.qty_units for fill in market.truth()[0].fills) == qty


def over_the_close(
    rules: VenueRules | None = None, **parameters: object
) -> tuple[object, SimMarket, MemoryJournal, Env]:
    """Work an order whose window ends with the session, on a tape that goes on."""
    start = 1_767_623_400 * 10**9  # 14:30 UTC
    session = Session(name="24/7", opens=time(0), closes=time(15, 10))  # the name that the tape says
    tape = synth_tape(seed=5, start_ns=start, duration_ns=60 * MINUTE)
    order = ParentOrder(
        parent_id="late", listing=tape.listing.key, side=Side.BUY, qty_units=4_000, decided_ns=start + 30 * MINUTE,
        start_ns=start + 30 * MINUTE, end_ns=start + 40 * MINUTE, parameters=Parameters(**parameters),
    )  # fmt: skip
    env = Env(listings=(tape.listing,), sessions=(session,), limits=sim_limits(order.listing, 0.15))
    latency = Latency(decision_ns=MS, entry_ns=400 * MS, response_ns=400 * MS, data_ns=MS)
    market, journal = (
        make_market(tape, session, SimOptions(latency=latency, rules=rules or VenueRules())),
        MemoryJournal(),
    )
    return simulate(market, order, env, journal), market, journal, env


def test_the_engine_takes_it_as_an_end_that_the_venue_brought() -> None:
    host, market, journal, env = over_the_close(limit_offset_bps=-5.0)
    parent = host.state.parents["late"]
    fills = [fill for status in market.truth() for fill in status.fills]
    assert parent.filled == sum(fill.qty_units for fill in fills) > 0
    assert not parent.live
    # The cancel at the end of the window was on its way when the session closed.
    (ended,) = [batch.input for batch in journal.batches() if isinstance(batch.input, Ended)][-1:]
    assert ended.status is ChildStatus.EXPIRED
    assert ended.t_venue_ns == parent.order.end_ns
    assert not [status for status in market.truth() if status.live]
    assert state_hash(fold(journal.records())) == state_hash(host.state)
    batches = [(batch.input, batch.decisions) for batch in journal.batches()]
    assert audit(batches, env) == (len(batches), "")


def test_what_is_indicated_stands_in_the_views_of_its_call_and_changes_nothing_else() -> None:
    """The closing call begins in the middle of the order's window; no strategy looks at it."""
    _, _, plain, _ = over_the_close(limit_offset_bps=-5.0)
    rules = VenueRules(call_ns=5 * MINUTE, limits_in_auctions=False)
    host, _, called, env = over_the_close(rules, limit_offset_bps=-5.0)
    views = [batch.input.view for batch in called.batches() if getattr(batch.input, "view", None)]
    begins = views[0].t_ns // MINUTE * MINUTE + 5 * MINUTE
    inside = [view for view in views if begins + MS <= view.t_ns < begins + 5 * MINUTE]
    assert 0 < len(inside) < len(views)
    for view in views:
        assert (view.indicated is not UNSET) == (view in inside)
    for view in inside:
        assert 0 <= view.t_ns - view.indicated.t_venue_ns <= 10**9 + MS
        assert (view.indicated.uncross_ns, view.indicated.qty_units) == (begins + 5 * MINUTE, 0)
    batches = [(batch.input, batch.decisions) for batch in called.batches()]
    assert [decisions for _, decisions in batches] == [batch.decisions for batch in plain.batches()]
    assert audit(batches, env) == (len(batches), "")
    assert state_hash(fold(called.records())) == state_hash(host.state)


def test_a_venue_that_keeps_what_rests_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the close is forgotten."""
    monkeypatch.setattr(auction_venue.AuctionVenue, "_await_close", lambda self, t_ns: None)
    with pytest.raises(AssertionError):
        test_what_rests_is_expired_at_the_close_and_meets_nothing_after_it(101, 0)
