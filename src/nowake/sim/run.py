"""Run one order over one tape: the simulated counterpart of a live shell, in one call."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nowake.core.instrument import FeeSchedule
from nowake.core.order import ParentOrder
from nowake.core.ports import JournalStore
from nowake.core.sessions import Session
from nowake.core.tape import Tape
from nowake.core.value import Value, require
from nowake.engine.desk import Desk
from nowake.engine.drop_copy import DropCopy
from nowake.engine.env import Env
from nowake.engine.host import Host
from nowake.sim.exchange import SimMarket
from nowake.sim.faulty_market import LATER_NS, FaultyMarket
from nowake.sim.impact import IMPACTS, OwnImpact
from nowake.sim.latency import Latency
from nowake.sim.markets import Markets
from nowake.sim.queues import AUTO, queue_model
from nowake.sim.rules import VenueRules
from nowake.sim.world import Market, Progress, World

SELDOM = 100_000
"""New values that can be part of a cycle, net of those gone, before the garbage collector looks at them."""

DEFAULT_LATENCY = Latency(decision_ns=100_000, entry_ns=1_000_000, response_ns=1_000_000, data_ns=1_000_000)
"""Assumed where none is stated: a co-located desk is faster, a retail line slower."""


class SimOptions(Value, frozen=True):
    """What a simulated world is made of, besides tape and order.

    Attributes:
        seed: All randomness of the run is counted from it.
        impact: ``off`` = the book ignores us; ``ledger`` = what we took stays taken; ``full`` = and moves the price.
        half_life_ns: With ``ledger``: in which half of what we took comes back; None = it never does by itself.
        own_impact: With ``full``: by how much our trades move the price, and its half-life.
        queue_model: Name of a queue model, or ``auto``, see ``sim.queues``.
        latency: Of decision, entry, response and data.
        fees: In place of the listing's own schedule.
        rules: What the venue does beside matching.
    """

    seed: int = 0
    impact: str = "ledger"
    half_life_ns: int | None = None
    own_impact: OwnImpact | None = None
    queue_model: str = AUTO
    latency: Latency = DEFAULT_LATENCY
    fees: FeeSchedule | None = None
    rules: VenueRules = VenueRules()

    def __post_init__(self) -> None:
        require(self.impact in IMPACTS, "impact", self.impact, f"one of {', '.join(IMPACTS)}")
        if self.queue_model.lower() != AUTO:
            queue_model(self.queue_model.lower())  # says now that there is none of the name


def make_market(tape: Tape, session: Session, options: SimOptions) -> SimMarket:
    """Return the simulated market of a tape; worlds share the tape's arrays."""
    return SimMarket(
        tape,
        latency=options.latency,
        fees=options.fees or tape.listing.fees,
        session=session,
        queue_model=options.queue_model,
        impact=options.impact,
        half_life_ns=options.half_life_ns,
        own_impact=options.own_impact,
        seed=options.seed,
        rules=options.rules,
    )


def simulate(
    market: Market,
    order: ParentOrder,
    env: Env,
    store: JournalStore,
    progress: Progress | None = None,
    desk: Desk | None = None,
) -> Host:
    """Work ``order`` on ``market`` to its end, journaling into ``store``; return the host with the final state."""
    return simulate_all(market, (order,), env, store, progress, desk)


def simulate_all(
    market: Market,
    orders: Sequence[ParentOrder],
    env: Env,
    store: JournalStore,
    progress: Progress | None = None,
    desk: Desk | None = None,
) -> Host:
    """Work several orders, each on the listing it names, to their end; see ``simulate``."""
    host = Host(env, store)
    # Where nothing is lost a drop copy finds nothing: only a venue that fails is asked again.
    copy = DropCopy(settle_ns=LATER_NS) if _may_fail(market) else None
    with set_aside():
        World(market, host, progress=progress, desk=desk, drop_copy=copy).run_all(orders)
    return host


def _may_fail(market: Market) -> bool:
    members = market.members.values() if isinstance(market, Markets) else (market,)
    return any(isinstance(one, FaultyMarket) for one in members)


@contextmanager
def set_aside() -> Iterator[None]:
    """Keep the garbage collector from walking through all that was there before, again and again: a seventh of a run.

    States are trees of frozen values, which go with their last reference, so what is new is looked through seldom too.
    """
    if gc.get_freeze_count():
        yield  # somebody did so before
        return
    often = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(SELDOM, *often[1:])
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()
