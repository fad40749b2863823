"""The engine over several markets: an order alone is the same order in company; no record looks ahead on any tape."""

from __future__ import annotations

from itertools import takewhile

import pytest

from nowake.core.inputs import MarketClosed
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.tape import Tape
from nowake.core.value import replace
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import Host, audit, fold
from nowake.engine.state import state_hash
from nowake.journal.memory import MemoryJournal
from nowake.sim.exchange import SimMarket
from nowake.sim.faults import parse_faults
from nowake.sim.faulty_market import FaultyMarket
from nowake.sim.latency import Latency
from nowake.sim.markets import Markets
from nowake.sim.run import DEFAULT_LATENCY, simulate_all
from nowake.sim.synthetic import synth_tape
from nowake.sim.world import World

MINUTE = 60 * 10**9
START = 1_767_623_400 * 10**9
SLOW = Latency(decision_ns=200_000, entry_ns=30_000_000, response_ns=20_000_000, data_ns=10_000_000)


def on_venue(tape: Tape, venue: str) -> Tape:
    meta = replace(tape.meta, listing=replace(tape.listing, venue=venue))
    return Tape(meta, tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty, tape.order_id)


@pytest.fixture(scope="module")
def tapes():
    return [
        on_venue(synth_tape(seed=seed, start_ns=START, duration_ns=34 * MINUTE), venue)
        for seed, venue in ((5, "ONE"), (6, "TWO"), (7, "THREE"))
    ]


def an_order(tape, qty=1500, minutes=8, begin=12, name="", **parameters):
    start = START + begin * MINUTE
    return ParentOrder(
        parent_id=f"order-{name or tape.listing.venue}",
        listing=tape.listing.key,
        side=Side.BUY,
        qty_units=qty,
        decided_ns=start,
        start_ns=start,
        end_ns=start + minutes * MINUTE,
        parameters=Parameters(**parameters),
    )


def market(tape, latency=DEFAULT_LATENCY):
    return SimMarket(tape, latency=latency, session=ALWAYS_OPEN, impact="ledger", seed=1)


def run(place, tapes, orders):
    keys = tuple(tape.listing.key for tape in tapes)
    limits = replace(sim_limits(keys[0], 0.15), allowed=keys)
    env = Env(listings=tuple(tape.listing for tape in tapes), sessions=(ALWAYS_OPEN,), limits=limits)
    journal = MemoryJournal()
    host = Host(env, journal)
    World(place, host).run_all(orders)
    return host, journal, env


def batches(journal):
    return [(batch.input, batch.decisions) for batch in journal.batches()]


def test_an_order_in_company_is_the_order_alone(tapes):
    order = an_order(tapes[0])
    _, alone, _ = run(market(tapes[0]), tapes, [order])
    _, member, _ = run(Markets([market(tapes[0])]), tapes, [order])
    _, company, _ = run(Markets([market(tapes[1], SLOW), market(tapes[0]), market(tapes[2])]), tapes, [order])
    assert alone.head() == member.head() == company.head()


def test_orders_on_several_venues_end_as_each_would_alone(tapes):
    """What each engine state says of its order, and what its venue says, when nothing of one touches another."""
    orders = [an_order(tapes[0]), an_order(tapes[1], begin=13), an_order(tapes[2], begin=13, minutes=5)]
    places = [market(tapes[0]), market(tapes[1], SLOW), market(tapes[2])]
    host, journal, env = run(Markets(places), tapes, orders)
    assert state_hash(fold(journal.records())) == state_hash(host.state)
    assert audit(batches(journal), env) == (len(batches(journal)), "")
    for place, order, latency in zip(places, orders, (DEFAULT_LATENCY, SLOW, DEFAULT_LATENCY), strict=True):
        parent = host.state.parents[order.parent_id]
        fills = [fill for status in place.truth() for fill in status.fills]
        assert parent.filled == sum(fill.qty_units for fill in fills) == 1500
        assert parent.cash_units == sum(fill.qty_units * fill.price_units for fill in fills)
        assert not [status for status in place.truth() if status.live]
        tape = next(one for one in tapes if one.listing.key == order.listing)
        alone, _, _ = run(market(tape, latency), tapes, [order])
        # A timer that is left of an order that is done still rings where the world goes on, and is put away then.
        assert replace(alone.state.parents[order.parent_id], timers={}) == replace(parent, timers={})


def cut_at(tape, t_ns, latency):
    """Return the tape up to what we had received by a local time."""
    return tape.head(int((tape.t_local(latency.data_ns) <= t_ns).sum()))


def changed_by_a_cut(tapes):
    """Return how many of several cuts, of all tapes at one local time, change what was decided before them."""
    orders = [an_order(tapes[0]), an_order(tapes[1], begin=13)]
    latencies = (DEFAULT_LATENCY, SLOW)

    def world(cut):
        return run(Markets([market(t, x) for t, x in zip(cut, latencies, strict=True)]), tapes, orders)[1]

    whole = world(tapes[:2])
    times = sorted({batch.input.t_ns for batch in whole.batches()})
    changed = 0
    for t_ns in times[40 :: len(times) // 6]:
        cut = [cut_at(tape, t_ns, x) for tape, x in zip(tapes, latencies, strict=False)]
        ends = [market(t, x).end_ns for t, x in zip(cut, latencies, strict=True)]
        before = [one for one in whole.batches() if one.input.t_ns < min(ends)]
        assert len(before) > 3
        part = takewhile(lambda one: not isinstance(one.input, MarketClosed), world(cut).batches())
        changed += before != [one for one in part if one.input.t_ns < min(ends)]
    return changed


def test_cutting_all_tapes_changes_no_record_before_the_cut(tapes):
    assert changed_by_a_cut(tapes) == 0


FAULTS = "all=0.03,overfilled=0"


def failing(tape, seed, latency=DEFAULT_LATENCY):
    return FaultyMarket(market(tape, latency), parse_faults(FAULTS), seed)


def told_of_faults(place, tapes, order):
    """Return all that an order's engine was told and decided, asked again by a drop copy, and what went wrong."""
    keys = tuple(tape.listing.key for tape in tapes)
    limits = replace(sim_limits(keys[0], 0.15), allowed=keys)
    env = Env(listings=tuple(tape.listing for tape in tapes), sessions=(ALWAYS_OPEN,), limits=limits)
    journal = MemoryJournal()
    simulate_all(place, [order], env, journal)
    return journal


def test_a_market_that_fails_does_so_alike_alone_and_in_company_that_fails_too(tapes):
    """Who runs ahead and is put back draws no fault twice, and lets no stretch begin or end unseen."""
    order, happened = an_order(tapes[0]), 0
    for seed in range(8):
        alone, member, quiet = failing(tapes[0], seed), failing(tapes[0], seed), failing(tapes[0], seed)
        others = [failing(tapes[1], seed + 50, SLOW), failing(tapes[2], seed + 60)]
        busy = an_order(tapes[1], begin=11, minutes=12, qty=900)
        first = told_of_faults(alone, tapes, order)
        assert first.head() == told_of_faults(Markets([others[0], quiet, others[1]]), tapes, order).head()
        both = Markets([failing(tapes[1], seed + 50, SLOW), member])
        keys = tuple(tape.listing.key for tape in tapes)
        limits = replace(sim_limits(keys[0], 0.15), allowed=keys)
        env = Env(listings=tuple(tape.listing for tape in tapes), sessions=(ALWAYS_OPEN,), limits=limits)
        host = simulate_all(both, [busy, order], env, MemoryJournal())
        assert alone.truth() == quiet.truth()
        assert fold(first.records()).parents[order.parent_id].filled == sum(one.cum_qty for one in alone.truth())
        assert host.state.parents[order.parent_id].filled == sum(one.cum_qty for one in member.truth())
        happened += len(alone.board.happened)
    assert happened > 50
