"""Run the engine on the toy market under seeded faults and crashes, and judge it by the venue's own book."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from toy import LISTING, S, ToyMarket, toy_env, toy_order

from nowake.core.child import Fill
from nowake.core.decisions import OrderAdmitted, PlanAdopted, StrategyChosen, Trigger
from nowake.core.errors import Refused
from nowake.core.inputs import AnyInput
from nowake.core.order import EndBehaviour, ParentOrder, Side
from nowake.core.value import replace
from nowake.engine.drop_copy import DropCopy
from nowake.engine.env import Env, Rerouting
from nowake.engine.host import Host, audit, fold
from nowake.engine.state import ParentState, state_hash
from nowake.journal.memory import MemoryJournal
from nowake.plan.strategies import AUTO, check_parameters
from nowake.route.router import SmartRouter
from nowake.sim.faults import Faults
from nowake.sim.faulty_market import LATER_NS, FaultyMarket
from nowake.sim.world import World

CRASHES_MOST = 60


class CrashingHost(Host):
    """A host whose process dies now and then: state and unsent effects are lost, the journal is what remains."""

    def __init__(self, env: Env, store: MemoryJournal, seed: int, crash: float) -> None:
        super().__init__(env, store)
        self._random = random.Random(seed)
        self._crash = crash
        self.crashes = 0

    def release(self, decisions, venue, now_ns):
        """Die before the effects leave, or after; then recover from the journal alone."""
        # A restart asks about every live child, and each answer may crash again: without a bound that never ends.
        if self._crash and self.crashes < CRASHES_MOST and self._random.random() < self._crash:
            survived = list(decisions) if self._random.random() < 0.5 else []
            failed = super().release(survived, venue, now_ns)
            del failed  # nobody is left to hear of it
            self.crashes += 1
            self.state = fold(self.store.records())
            restarted = self.restart(now_ns, self.state.epoch + 1)
            return super().release(restarted, venue, now_ns)
        return super().release(decisions, venue, now_ns)


@dataclass
class Outcome:
    """What a run left behind."""

    order: ParentOrder
    env: Env
    host: CrashingHost
    market: ToyMarket
    journal: MemoryJournal
    wire: FaultyMarket | None = None

    @property
    def fills(self) -> list[Fill]:
        """Return what the venue executed, surplus fills included."""
        return [fill for status in (self.wire or self.market).truth() for fill in status.fills]

    @property
    def parent(self) -> ParentState | None:
        """Return the order's final state, None when it was refused."""
        return self.host.state.parents.get(self.order.parent_id)

    def batches(self) -> list[tuple[AnyInput, tuple]]:
        """Return the journal as (input, decisions)."""
        return [(batch.input, batch.decisions) for batch in self.journal.batches()]


EAGER = Rerouting(
    look_ns=1,
    volume_ratio=1.0,
    volatility_ratio=1.0,
    spread_ratio=1.0,
    behind=0.0,
    apart_ns=0,
    changes_max=1_000,
    margin=0.0,
    margin_bps=0.0,
)
"""Changes its mind whenever it looks and anything is better."""


class Fickle(SmartRouter, frozen=True):
    """Takes another candidate every minute, sometimes over half of the window: what changes of mind can do at worst."""

    def decide(self, order, progress, beliefs, listing, session, now_ns, conditions=None):
        """Return the decision with its choice replaced, at a score that nothing beats."""
        made = super().decide(order, progress, beliefs, listing, session, now_ns)
        if not made.ranking:
            return made
        minute = now_ns // (60 * S)
        chosen = sorted(made.ranking, key=lambda one: one.strategy)[minute * 7 % len(made.ranking)]
        start_ns = max(now_ns, order.start_ns, progress.slice_end_ns)
        end_ns = order.end_ns - (order.end_ns - start_ns) // 2 if minute % 3 else order.end_ns
        return replace(made, strategy=chosen.strategy, chosen=replace(chosen, end_ns=end_ns, score_bps=-1e6))


def run(
    order, seed, *, faults=None, crash=0.0, commands=(), listing=LISTING, limits=None, rules=None, router=None, **market
):
    """Work an order on a toy market to its end; ``limits`` are changes to those of a simulated run."""
    env, journal = toy_env(order, listing), MemoryJournal()
    env = replace(env, limits=replace(env.limits, **(limits or {})), rerouting=rules or env.rerouting)
    env = replace(env, router=router or env.router)
    host = CrashingHost(env, journal, seed + 7, crash)
    return worked(order, env, host, journal, ToyMarket(seed, listing=listing, **market), faults, seed, commands)


def worked(order, env, host, journal, market, faults, seed, commands) -> Outcome:
    """Work an order on a market to its end, behind faults if there are any."""
    wire = FaultyMarket(market, faults, seed) if faults else None
    World(wire or market, host, drop_copy=DropCopy(settle_ns=LATER_NS if wire else 0)).run(order, commands)
    return Outcome(order, env, host, market, journal, wire)


def reports_lost(chance: float) -> dict[str, float]:
    """Return the faults that lose a report of any kind."""
    return dict.fromkeys(("ack_lost", "fill_lost", "end_lost", "answer_lost"), chance)


TERMS = (
    {"display_units": 20, "display_randomise": 0.5},
    {"min_fill_units": 5},
    {"i_would_units": 10_000, "i_would_fraction": 0.5},
    {"discretion_units": 1},
    {"randomise_size": 0.4, "randomise_time": 0.4},
    {"never_take": True, "must_complete": False, "end_behaviour": EndBehaviour.CANCEL},
    {"limit_offset_bps": 5.0},
)


def with_terms(order: ParentOrder, r: random.Random) -> ParentOrder:
    """Return the order worked by any strategy and, every other time, on one more term; contradictions are left out."""
    strategy = r.choice(("twap", "twap", "vwap", "pov", "auto", "auto"))
    terms = r.choice(TERMS) if r.random() < 0.5 else {}
    if strategy == "pov":
        terms = {**terms, "slices": None, "participation_target": min(0.1, order.parameters.participation_max)}
        terms = {name: value for name, value in terms.items() if not name.startswith("randomise")}
    made = replace(order, strategy=strategy, parameters=replace(order.parameters, **terms))
    try:
        check_parameters(made)
    except Refused:
        return order
    return made


def random_run(seed: int, *, crash: float = 0.02, commands=lambda seed, order: ()) -> Outcome:
    """Work a random order under random faults; everything follows from the seed. ``commands`` makes an operator's."""
    r = random.Random(seed)
    faults = Faults(
        submit_lost=r.choice((0, 0, 0.05, 0.2)),
        **reports_lost(r.choice((0, 0, 0.05, 0.2))),
        repeated=r.choice((0, 0, 0.1, 0.3)),
        delayed=r.choice((0, 0, 0.1, 0.3)),
        submit_timeout=r.choice((0, 0, 0.05, 0.2)),
        rejected=r.choice((0, 0, 0.02)),
        overfilled=r.choice((0, 0, 0, 0.05)),
        cancel_lost=r.choice((0, 0, 0.3)),
    )
    order = toy_order(
        qty=r.choice((1, 7, 100, 1000, 20_000)),
        minutes=r.choice((0.5, 2, 10)),
        side=r.choice((Side.BUY, Side.SELL)),
        urgency=r.choice((0, 0.3, 0.5, 1.0)),
        participation_max=r.choice((0.02, 0.15, 0.2, 1.0)),
        end_behaviour=r.choice(list(EndBehaviour)),
        must_complete=r.random() < 0.3,
        limit_units=r.choice((None, None, 10_000, 9_990)),
        slices=r.choice((None, None, 1)),
    )
    crash, volume = r.choice((0, crash)), r.choice((0, 10, 100, 1000))
    order, rules = with_terms(order, random.Random(seed + 1)), r.choice((None, EAGER))
    auto = order.strategy == AUTO
    if auto:  # a change of mind takes minutes
        order = replace(order, end_ns=order.start_ns + r.choice((3, 10, 18)) * 60 * S)
    made, router = commands(seed, order), Fickle() if auto and rules and r.random() < 0.7 else None
    world = {"volume": volume, "rules": rules, "router": router, "sums": auto}
    return run(order, seed, faults=faults, crash=crash, commands=made, **world)


def judge(outcome: Outcome) -> None:
    """Assert what must never be otherwise, from the venue's book of fills and from the journal."""
    market, order, parent = outcome.market, outcome.order, outcome.parent
    assert market.duplicates == 0, "a child id was sent twice"
    assert market.double_legs == 0, "two live children on one leg"
    assert market.bad_orders == 0, "an order the venue does not take was sent"
    assert not market.live_legs(), "something is still live at the venue"
    if parent is None:
        assert not outcome.fills, "a refused order traded"
        return
    fills = outcome.fills
    assert parent.filled == sum(fill.qty_units for fill in fills), "the engine's fills are not the venue's"
    residual = sum(parent.abandoned.values())
    assert parent.filled + residual == parent.order.qty_units + parent.overfill, "quantity is not conserved"
    if outcome.wire is None or not outcome.wire.board.faults.overfilled:
        assert parent.overfill == 0, "overfilled"
    assert parent.unsent == 0, "something was forgotten"
    assert all(reason for reason in parent.abandoned), "a residual without a reason"
    judge_strategy(outcome)
    limit = order.parameters.limit_units
    if limit is not None and parent.asked == order:
        assert all((limit - fill.price_units) * order.side >= 0 for fill in fills), "worse than the limit"
    money = sum(f.price_units * f.qty_units for f in fills), sum(f.fee_money for f in fills)
    assert (parent.cash_units, parent.fees_money) == money, "cash or fees differ from the venue's"
    assert state_hash(fold(outcome.journal.records())) == state_hash(outcome.host.state), "fold differs from live"


def judge_strategy(outcome: Outcome) -> None:
    """Assert that an order left to the router is worked as its last decision says, and changes within its bounds."""
    made = [(event, one) for event, batch in outcome.batches() for one in batch if isinstance(one, StrategyChosen)]
    parent, rules = outcome.parent, outcome.env.rerouting
    if outcome.order.strategy != AUTO:
        assert not made
        return
    assert parent.asked.strategy == AUTO
    assert made[0][1].trigger is Trigger.ADMISSION
    assert parent.order.strategy == made[-1][1].order.strategy == parent.plan.strategy
    assert not parent.rate_ppm or parent.plan.follows
    moves = [
        after
        for (_, before), (_, after) in itertools.pairwise(made)
        if after.trigger not in (Trigger.AMENDMENT, Trigger.ENDED) and after.order.strategy != before.order.strategy
    ]
    assert len(moves) == parent.routing.changes <= rules.changes_max
    for before, after in itertools.pairwise(event.t_ns for event, _ in made):
        assert after in {event.t_ns for event, one in made if one.trigger is Trigger.AMENDMENT} or (
            after - before >= rules.apart_ns
        )
    plans = [
        one.plan for _, batch in outcome.batches() for one in batch if isinstance(one, OrderAdmitted | PlanAdopted)
    ]
    for one, following in itertools.pairwise(plans):
        assert following.revision == one.revision + 1
        assert following.slices[0].index > one.slices[-1].index, "a leg number came back"


def judge_audit(outcome: Outcome) -> None:
    """Assert that deciding again over the inputs gives the recorded decisions."""
    batches = outcome.batches()
    assert audit(batches, outcome.env) == (len(batches), "")


__all__ = ["LISTING", "Faults", "judge", "judge_audit", "random_run", "run", "toy_env", "toy_order"]
