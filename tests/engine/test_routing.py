"""Orders whose strategy is left to the router: chosen at admission, weighed again while they run, amended as asked."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from campaign import EAGER, CrashingHost, Faults, Fickle, Outcome, judge, judge_audit, reports_lost
from hypothesis import given, settings
from hypothesis import strategies as st
from regimes import BELIEVED, DAY_S, Regime, RegimeMarket, auto_order, work
from test_operate import command, decided
from toy import LISTING, T0, S, toy_env

from nowake.core.decisions import (
    CommandRefused,
    OrderAdmitted,
    OrderAmended,
    OrderRefused,
    PlanAdopted,
    StrategyChosen,
    Trigger,
)
from nowake.core.expected import MARK_NS, RECENT_NS, Expected, Mark, marked
from nowake.core.value import replace
from nowake.engine import reroute
from nowake.engine.env import Rerouting
from nowake.engine.host import fold
from nowake.engine.state import EngineState, state_hash
from nowake.journal.memory import MemoryJournal
from nowake.models.volatility import VolatilityBelief, update
from nowake.route.router import SmartRouter
from nowake.sim.world import World

CALM = Regime(0)
START_S = 60
"""Second of the market at which orders arrive and begin."""
FIRST_LOOK_S = 400
"""The first whole five minutes of the clock that lie five minutes after the start."""


def chosen(outcome: Outcome) -> list[tuple[int, StrategyChosen]]:
    """Return (second of the market, record) of every choice."""
    return [((event.t_ns - T0) // S, one) for event, one in decided(outcome, StrategyChosen)]


def check(outcome: Outcome) -> None:
    """Judge a run by the venue's book, and decide it again."""
    judge(outcome)
    judge_audit(outcome)


# At admission


def test_an_order_is_admitted_as_asked_and_worked_as_chosen():
    order = auto_order(urgency=0.2)
    outcome = work(order, [CALM])
    _, records = outcome.batches()[0]
    admitted, choice = records[:2]
    assert isinstance(admitted, OrderAdmitted)
    assert isinstance(choice, StrategyChosen)
    assert (admitted.order, outcome.parent.asked) == (order, order)
    best = min(choice.decision.ranking, key=lambda one: one.score_bps)
    assert choice.decision.chosen == best
    assert choice.order.strategy == admitted.plan.strategy == best.strategy == outcome.parent.order.strategy
    assert (choice.order.start_ns, choice.order.end_ns) == (order.start_ns, order.end_ns)
    assert choice.trigger is Trigger.ADMISSION
    check(outcome)


def test_what_is_expected_is_remembered_in_a_fixed_size():
    (_, choice), *_ = chosen(work(auto_order(), [CALM]))
    held = choice.expected
    assert (held.volatility_bps, held.spread_bps, held.day_ns) == (200.0, 2.0, DAY_S * S)
    assert held.volume == tuple(100 * 3600 * (k + 1) // 24 for k in range(24))
    assert held.mark.others == sum(100 for _ in range(START_S + 1))
    by = [held.volume_by(T0 + (START_S + second) * S) for second in (0, 75, 1800, 9999)]
    assert by == [0.0, 7_500.0, 180_000.0, 360_000.0]


def test_a_named_strategy_stays_and_the_ranking_is_recorded_beside_it():
    order = replace(auto_order(urgency=0.8), strategy="twap")
    weighed = work(order, [CALM, Regime(START_S, vol_bps=1600)], router=SmartRouter())
    alone = work(order, [CALM, Regime(START_S, vol_bps=1600)])
    ((second, choice),) = chosen(weighed)
    assert (second, choice.decision.override, choice.order) == (START_S, "twap", order)
    assert {one.strategy for one in choice.decision.ranking} >= {"twap", "is"}
    assert choice.expected is None
    assert weighed.parent.routing is None
    assert weighed.parent.plan == alone.parent.plan
    assert not chosen(alone)
    judge_audit(weighed)


def test_a_decision_holds_what_the_market_was_like_for_what_was_unsent():
    """The volume per minute since the last marks, by hand: 100 a second, then 400."""
    outcome = work(auto_order(urgency=0.2), [CALM, Regime(START_S + 60, volume=400)], rerouting=EAGER)
    (_, first), *later = chosen(outcome)
    for made in (first.decision, *(one.decision for _, one in later)):
        found = made.conditions
        assert (found.asof_ns, found.qty_units) == (made.asof_ns, made.qty_units)
        assert found.value("spread_now") == pytest.approx(2.0, rel=0.01)
    rates = [one.conditions.value("volume_rate") for one in (first.decision, later[3][1].decision)]
    assert rates == pytest.approx([6_000, 24_000], rel=0.03)


def test_laying_the_same_strategy_out_anew_is_no_change_of_mind():
    """No change is allowed: a schedule that ends too early is laid out again all the same, by whatever is best."""
    rules, dry = Rerouting(changes_max=0), Regime(START_S + 1, volume=30)
    outcome = work(auto_order(50_000, urgency=0.9), [CALM, dry], rerouting=rules)
    names = [one.order.strategy for _, one in chosen(outcome) if one.trigger is not Trigger.ENDED]
    assert len(names) > len(set(names)) == 1
    assert outcome.parent.routing.changes == 0
    check(outcome)


def test_without_a_router_auto_means_twap():
    outcome = work(auto_order(), [CALM], router=None)
    assert not chosen(outcome)
    assert (outcome.parent.plan.strategy, outcome.parent.filled) == ("twap", 10_000)
    judge_audit(outcome)


def test_an_order_that_no_strategy_can_work_is_refused():
    outcome = work(auto_order(qty=10, slices=100), [CALM])  # a hundred slices of ten shares
    ((_, refused),) = decided(outcome, OrderRefused)
    assert "100 slices" in refused.reason
    assert not chosen(outcome)


# What makes it think again, with the numbers by hand


def others(outcome: Outcome, since_s: int, until_s: int) -> int:
    """Return what the others printed in (since, until], from the market's own books."""
    printed = sum(qty for *_, qty in outcome.market.path[since_s + 1 : until_s + 1])
    fills = [fill for one in outcome.market.orders.values() for fill in one.fills]
    made = [f for f in fills if str(f.liquidity) == "maker" and T0 + since_s * S < f.t_venue_ns <= T0 + until_s * S]
    return printed - sum(fill.qty_units for fill in made)


def test_nothing_changes_while_the_market_is_as_expected():
    for urgency in (0.0, 0.5, 0.9):
        outcome = work(auto_order(urgency=urgency), [CALM])
        assert len(chosen(outcome)) == 1
        assert outcome.parent.filled == 10_000


def test_volume_that_does_not_come_stretches_the_schedule():
    outcome = work(auto_order(urgency=0.5), [CALM, Regime(START_S + 1, volume=30)])
    _, (second, choice), *_ = chosen(outcome)
    assert FIRST_LOOK_S <= second < FIRST_LOOK_S + 30 + 1
    seen = others(outcome, START_S, second) / (100 * (second - START_S))
    assert 0.2 < seen < 0.3
    assert choice.trigger is Trigger.VOLUME
    assert choice.reason.startswith(f"others traded {100 * seen:.0f} % of what was expected")
    check(outcome)


def test_volatility_makes_it_faster():
    outcome = work(auto_order(urgency=0.8), [CALM, Regime(START_S, vol_bps=1600)])
    (_, first), (second, choice), *_ = chosen(outcome)
    assert FIRST_LOOK_S <= second < FIRST_LOOK_S + 31
    assert choice.trigger is Trigger.VOLATILITY
    assert choice.reason.startswith("volatility of the last 5 min is 1600 bps a day, not 200")
    assert choice.decision.chosen.end_ns < first.decision.chosen.end_ns
    # Of logarithms, weighted by precision: sd .25 believed, sqrt(.25^2 + 1 / 2n) measured over 30 returns.
    weight = 0.25**2 / (0.25**2 + 0.25**2 + 1 / (2 * 30))
    assert choice.expected.volatility_bps == pytest.approx(200 * 8**weight)
    check(outcome)


def test_a_spread_that_widens_is_noticed_and_priced():
    outcome = work(auto_order(urgency=0.8), [CALM, Regime(START_S, spread=10)], rerouting=Rerouting(margin=0.0))
    _, (_, choice), *_ = chosen(outcome)
    assert choice.trigger is Trigger.SPREAD
    assert choice.reason.startswith("the spread of the last")
    assert "is 10 bps, not 2;" in choice.reason
    assert choice.expected.spread_bps == pytest.approx(2e4 * 10 / (2 * 10_000 + 10))
    check(outcome)


def test_what_the_cap_keeps_behind_its_schedule_is_laid_out_anew():
    rules = Rerouting(volume_ratio=1e9)
    outcome = work(auto_order(30_000, urgency=0.5), [CALM, Regime(START_S, volume=20)], rerouting=rules)
    behind = [one for _, one in chosen(outcome) if one.trigger is Trigger.BEHIND]
    assert behind
    assert "% of the order is behind its schedule" in behind[0].reason
    check(outcome)


class Hasty(SmartRouter, frozen=True):
    """Chooses TWAP over ten minutes first, then whatever the router says."""

    def decide(self, order, progress, beliefs, listing, session, now_ns, conditions=None):
        """Return the router's decision, its first choice replaced."""
        made = super().decide(order, progress, beliefs, listing, session, now_ns)
        if progress.revision:
            return made
        way = next(one for one in made.ranking if one.strategy == "twap")
        return replace(made, strategy="twap", chosen=replace(way, end_ns=order.start_ns + 600 * S))


def test_what_is_left_when_a_schedule_ends_is_laid_out_over_the_rest():
    order = auto_order(30_000, participation_max=0.2)
    outcome = work(order, [CALM], router=Hasty(), rerouting=Rerouting(behind=1.0))
    _, (second, choice), *_ = chosen(outcome)
    assert choice.trigger is Trigger.ENDED
    assert START_S + 600 <= second < START_S + 600 + MARK_NS // S + 31
    fills = [fill for one in outcome.market.orders.values() for fill in one.fills if fill.t_venue_ns < T0 + second * S]
    left = 1 - sum(fill.qty_units for fill in fills) / 30_000
    assert choice.reason == f"the schedule has ended and {100 * left:.3g} % of the order is left"
    assert outcome.parent.filled == 30_000
    check(outcome)


def test_must_complete_does_not_pass_the_cap_at_the_end_of_a_schedule_that_is_not_the_orders():
    order = auto_order(30_000, participation_max=0.2, must_complete=True)
    outcome = work(order, [CALM], router=Hasty(), rerouting=Rerouting(behind=1.0))
    fills = [fill for one in outcome.market.orders.values() for fill in one.fills]
    early = sum(fill.qty_units for fill in fills if fill.t_venue_ns <= T0 + 700 * S)
    assert early <= 0.2 / 0.8 * others(outcome, START_S, 700) + 1
    check(outcome)


# Bounds


class Seesaw(SmartRouter, frozen=True):
    """TWAP when it believes in calm, IS when not, each always 0.75 bps better than what goes on (10 bps)."""

    def decide(self, order, progress, beliefs, listing, session, now_ns, conditions=None):
        """Return the router's decision with its choice replaced."""
        made = super().decide(order, progress, beliefs, listing, session, now_ns)
        name = "is" if beliefs.volatility.daily_bps > 300 else "twap"
        way = next(one for one in made.ranking if one.strategy == name)
        return replace(made, strategy=name, chosen=replace(way, end_ns=order.end_ns, score_bps=9.25))

    def score_bps(self, order, slices, beliefs, listing):
        """Return what going on scores."""
        return 10.0


def seesaw(**changes) -> list[str]:
    """Return the strategies that a market chooses which is calm and volatile in turn, ten minutes each."""
    regimes = [Regime(k * 600, vol_bps=200 if k % 2 == 0 else 3200) for k in range(20)]
    rules = replace(Rerouting(margin=0.05, margin_bps=0.25), **changes)
    outcome = work(auto_order(minutes=150), regimes, router=Seesaw(), rerouting=rules)
    judge_audit(outcome)
    names = [one.order.strategy for _, one in chosen(outcome)]
    return [name for name, _ in itertools.groupby(names)]


def test_a_market_that_swings_does_not_make_it_swing():
    """Going on scores 10, so 0.5 bps are asked for, and 1 bp to go back: 0.75 suffices once."""
    assert seesaw() == ["twap", "is"]
    assert seesaw(return_factor=1.0)[:4] == ["twap", "is", "twap", "is"]
    assert seesaw(margin=0.08) == ["twap"]


@settings(max_examples=12)
@given(
    spans=st.lists(
        st.tuples(st.integers(60, 900), st.sampled_from([0, 5, 100, 1000]), st.sampled_from([20.0, 200.0, 3000.0])),
        min_size=1,
        max_size=8,
    ),
    minutes=st.sampled_from([8, 25, 50]),
    apart=st.sampled_from([0, 120, 300]),
    most=st.integers(0, 6),
    fickle=st.booleans(),
)
def test_changes_are_bounded_whatever_the_market_does(spans, minutes, apart, most, fickle):
    since = list(itertools.accumulate((length for length, *_ in spans), initial=0))
    regimes = [CALM, *(Regime(t, volume, vol) for t, (_, volume, vol) in zip(since, spans, strict=False))]
    rules = replace(EAGER, apart_ns=apart * S, changes_max=most)
    router = Fickle() if fickle else SmartRouter()
    outcome = work(auto_order(20_000, minutes), regimes, rerouting=rules, router=router)
    times = [second for second, _ in chosen(outcome)]
    moves = [
        after
        for (_, before), (_, after) in itertools.pairwise(chosen(outcome))
        if after.trigger is not Trigger.ENDED and after.order.strategy != before.order.strategy
    ]
    assert len(moves) == outcome.parent.routing.changes <= most
    assert all(after - before >= apart for before, after in itertools.pairwise(times))
    check(outcome)


def test_only_what_is_unsent_moves_and_leg_numbers_go_on():
    outcome = work(auto_order(urgency=0.8), [CALM], router=Fickle(), rerouting=EAGER)
    assert len({one.order.strategy for _, one in chosen(outcome)}) >= 3
    for before, after in itertools.pairwise(one.plan for _, one in decided(outcome, OrderAdmitted | PlanAdopted)):
        assert after.slices[0].index > before.slices[-1].index
        assert after.qty_units <= before.qty_units
    state = EngineState()
    for event, records in outcome.batches():
        state = fold((event, *records), state)
        parent = state.parents[outcome.order.parent_id]
        assert parent.plan.follows or not parent.rate_ppm, "follows the prints without a plan that does"
    assert outcome.parent.filled == 10_000
    check(outcome)


def test_an_order_that_begins_to_follow_the_prints_owes_nothing_for_earlier_ones():
    outcome = work(auto_order(50_000, participation_max=0.3), [CALM], router=Fickle(), rerouting=EAGER)
    state, began = EngineState(), 0
    for event, records in outcome.batches():
        before, state = state, fold((event, *records), state)
        parent, old = state.parents["toy-order"], before.parents.get("toy-order")
        if old is None or old.plan.follows or not parent.plan.follows:
            continue
        began += 1
        assert parent.due_micro == parent.filled * 1_000_000
        assert parent.followed == event.view.volume_all - event.view.volume_own - parent.base_others > 0
    assert began
    check(outcome)


# Operators


def test_an_amendment_changes_what_was_asked_and_chooses_again_in_one_batch():
    order = auto_order(urgency=0.5)
    outcome = work(order, [CALM], commands=(command("amend", 900, qty_units=14_000),))
    (records,) = [batch for event, batch in outcome.batches() if type(event).__name__ == "OperatorCommand"]
    amended, choice, plan = records[:3]
    assert isinstance(amended, OrderAmended)
    assert isinstance(choice, StrategyChosen)
    assert isinstance(plan, PlanAdopted)
    assert amended.order == replace(order, qty_units=14_000) == outcome.parent.asked
    assert choice.trigger is Trigger.AMENDMENT
    assert choice.order.qty_units == 14_000
    assert choice.order.strategy == plan.plan.strategy
    assert outcome.parent.routing.changes == 0
    assert outcome.parent.filled == 14_000
    check(outcome)


def test_every_term_of_a_routed_order_can_be_amended():
    changes = (
        {"end_ns": T0 + 2_000 * S},
        {"limit_units": 10_010},
        {"participation_max": 0.05},
        {"urgency": 1.0},
        {"must_complete": True},
        {"display_units": 500},
    )
    for change in changes:
        outcome = work(auto_order(), [CALM], commands=(command("amend", 600, **change),))
        (amended,) = [one for _, one in decided(outcome, OrderAmended)]
        assert outcome.parent.asked == amended.order
        assert [one.trigger for _, one in chosen(outcome)][1] is Trigger.AMENDMENT
        for name, value in change.items():
            worked = outcome.parent.order
            assert getattr(worked if name == "end_ns" else worked.parameters, name) == value
        check(outcome)


def test_an_amendment_that_cannot_be_kept_is_refused_whole():
    for change in ({"qty_units": 1}, {"end_ns": T0 + 100 * S}, {"participation_target": 0.5}, {"never_take": True}):
        outcome = work(auto_order(), [CALM], commands=(command("amend", 900, **change),))
        assert len(decided(outcome, CommandRefused)) == 1
        assert not decided(outcome, OrderAmended)
        assert len(chosen(outcome)) == 1
        assert outcome.parent.asked == outcome.order


# Pure, durable, without foresight


class CrashAt(CrashingHost):
    """Dies once, at the n-th time that effects would leave; before they left, or after."""

    def __init__(self, env, store, at: int, *, before: bool) -> None:
        super().__init__(env, store, 0, 0.0)
        self._at, self._before = at, before

    def release(self, decisions, venue, now_ns):
        """Die, or not."""
        self._at -= 1
        self._crash = 1.0 if self._at == 0 else 0.0
        if self._crash:
            self._random.random = iter((0.0, 0.9 if self._before else 0.1)).__next__
        return super().release(decisions, venue, now_ns)


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_every_write_is_survived(before):
    """Before what was written leaves, and after it."""
    order = auto_order(1_000, minutes=5, slices=5)
    env = replace(toy_env(order), beliefs=((LISTING.key, BELIEVED),), router=Fickle(), rerouting=EAGER)
    changes = 0
    for k in itertools.count(1):
        host = CrashAt(env, MemoryJournal(), k, before=before)
        market = RegimeMarket([CALM], seconds=480)
        World(market, host).run(order)
        if not host.crashes:
            break
        outcome = Outcome(order, env, host, market, host.store)
        judge(outcome)
        changes = max(changes, len(chosen(outcome)) - 1)
        if k % 10 == 0:
            judge_audit(outcome)
    assert k > 10
    assert changes >= 2


def test_the_future_changes_nothing_that_was_decided_before_it():
    order = auto_order(urgency=0.8)
    early = [CALM, Regime(START_S, vol_bps=1600)]
    one = work(order, [*early, Regime(1500, volume=10)])
    other = work(order, [*early, Regime(1500, volume=2000, vol_bps=50.0, spread=5)])
    cut = T0 + 1500 * S
    before = [[batch for batch in found.batches() if batch[0].t_ns < cut] for found in (one, other)]
    assert before[0] == before[1]
    assert len([1 for _, records in before[0] for r in records if isinstance(r, StrategyChosen)]) >= 2


HASH = """
import sys
sys.path.insert(0, {folder!r})
from regimes import Regime, auto_order, work
from nowake.engine.state import state_hash
out = work(auto_order(urgency=0.8), [Regime(0), Regime(60, vol_bps=1600)], crash=0.02)
print(out.journal.head()[1], state_hash(out.host.state))
"""


def test_two_processes_agree():
    folder = str(Path(__file__).parent)
    said = []
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        run = [sys.executable, "-c", HASH.format(folder=folder)]
        said.append(subprocess.run(run, env=env, capture_output=True, text=True, check=True, timeout=120).stdout)
    outcome = work(auto_order(urgency=0.8), [CALM, Regime(60, vol_bps=1600)], crash=0.02)
    assert said[0] == said[1] == f"{outcome.journal.head()[1]} {state_hash(outcome.host.state)}\n"


@pytest.mark.parametrize("faults", [reports_lost(0.3), {"submit_timeout": 0.5}, {"repeated": 0.5, "delayed": 0.5}])
def test_faults_during_changes_of_mind(faults):
    for seed in range(4):
        order = auto_order(8_000, minutes=12)
        outcome = work(order, [CALM], router=Fickle(), rerouting=EAGER, faults=Faults(**faults), crash=0.05, seed=seed)
        check(outcome)


# Parts


def test_marks_are_a_minute_apart_and_reach_back_five():
    market = RegimeMarket([CALM], seconds=2_000)

    def at(second: int):
        return replace(market.view(T0 + second * S), t_ns=T0 + second * S)

    marks = (Mark.of(at(0)),)
    for second in range(1, 1_500):
        marks = marked(marks, at(second))
        gaps = [after.t_ns - before.t_ns for before, after in itertools.pairwise(marks)]
        assert all(gap >= MARK_NS for gap in gaps)
        assert len(marks) <= 7
        if second >= 300:
            assert T0 + second * S - marks[0].t_ns >= RECENT_NS - MARK_NS
            assert second < 360 or len(marks) < 2 or marks[-1].t_ns - marks[1].t_ns < RECENT_NS


def test_what_is_left_of_a_schedule_is_what_is_unsent():
    outcome = work(auto_order(urgency=0.8), [CALM, Regime(START_S, vol_bps=1600)])
    parent = outcome.parent
    for unsent in (1, 17, 400, 3_000, 9_999):
        for second in (0, 70, 500, 1_000, 3_000):
            left = reroute.slices_left(replace(parent, unsent=unsent), T0 + second * S)
            assert sum(one.qty_units for one in left) == unsent
            assert all(a.end_ns <= b.release_ns for a, b in itertools.pairwise(left))


def test_a_measured_volatility_is_averaged_with_the_believed_one():
    day = 23_400 * S
    believed = VolatilityBelief(daily_bps=100.0, relative_sd=0.5, assumed=True)
    variance = (400 / 1e4) ** 2 * 3_600 / 23_400  # an hour at 400 bps a day
    found = update(believed, variance, 3_600 * S, day)
    assert (found.daily_bps, found.assumed) == (pytest.approx(100 * 4 ** (0.25 / (0.25 + 0.0625 + 1 / 720))), False)
    assert update(believed, variance, 200 * S, day) is believed
    assert update(believed, 0.0, 3_600 * S, day) is believed
    certain = VolatilityBelief(daily_bps=100.0, relative_sd=0.0)
    assert update(certain, variance, 3_600 * S, day).daily_bps == 100.0


def test_expected_volume_is_linear_within_its_parts():
    mark = Mark(t_ns=0, others=5, realised_var=0.0, realised_ns=0, spread_time=0, mid2_time=0)
    held = Expected(mark=mark, until_ns=100, volume=(10, 30), volatility_bps=1.0, day_ns=1, spread_bps=0.0)
    assert [held.volume_by(t) for t in (-5, 0, 25, 50, 75, 100, 500)] == [0.0, 0.0, 5.0, 10.0, 20.0, 30.0, 30.0]
