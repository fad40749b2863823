"""What the parameters mean: precedence, ends of windows, urgency, operators; one test a meaning."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from campaign import LISTING, judge, run, toy_order
from hypothesis import given
from hypothesis import strategies as st
from toy import T0, S

from nowake.core.child import Liquidity, TimeInForce
from nowake.core.decisions import Alerted, ChildSubmitted, OrderRefused, StatusChanged, Withheld
from nowake.core.inputs import OperatorAction, OperatorCommand, OrderReceived, Woken
from nowake.core.order import EndBehaviour, Side
from nowake.core.value import replace
from nowake.engine.pacing import others_needed, own_limit


def fills(outcome):
    return [fill for order in outcome.market.orders.values() for fill in order.fills]


def submitted(outcome):
    return [(event.t_ns, d) for event, ds in outcome.batches() for d in ds if isinstance(d, ChildSubmitted)]


def test_an_ordinary_order_is_done_in_full_inside_its_window_near_its_schedule():
    outcome = run(toy_order(qty=1000, minutes=10), 11)
    judge(outcome)
    assert outcome.parent.filled == 1000
    plan = outcome.parent.plan
    done, worst = 0, 0
    for fill in sorted(fills(outcome), key=lambda f: f.t_venue_ns):
        done += fill.qty_units
        worst = max(worst, done - plan.target_units(fill.t_venue_ns))
    assert worst <= 0, "ahead of its schedule"
    assert max(f.t_venue_ns for f in fills(outcome)) <= outcome.order.end_ns


@pytest.mark.parametrize("side", list(Side))
def test_the_limit_stands_over_the_cap_and_the_end(side):
    limit = 9_990 if side is Side.BUY else 10_010
    outcome = run(toy_order(qty=1000, minutes=5, side=side, limit_units=limit, must_complete=True), 2)
    judge(outcome)
    assert all((limit - fill.price_units) * side >= 0 for fill in fills(outcome))
    if outcome.parent.abandoned:
        assert "limit" in next(iter(outcome.parent.abandoned))


def participation(outcome):
    base = outcome.parent.base_others
    last = max(f.t_venue_ns for f in fills(outcome))
    others = sum(q for k, (*_, q) in enumerate(outcome.market.path) if T0 + k * S <= last) - base
    return Fraction(outcome.parent.filled, outcome.parent.filled + max(1, others))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cap", [0.05, 0.15])
def test_the_cap_stands_over_the_end_of_the_window(seed, cap):
    outcome = run(toy_order(qty=100_000, minutes=10, participation_max=cap), seed)
    judge(outcome)
    assert participation(outcome) <= Fraction(str(cap)) + Fraction(1, 200)
    assert participation(outcome) >= Fraction(str(cap)) * Fraction(8, 10), "the cap was not used"
    (reason,) = outcome.parent.abandoned
    assert "participation" in reason


def test_must_complete_passes_the_cap_near_the_end_only():
    order = toy_order(qty=3000, minutes=10, participation_max=0.02, must_complete=True)
    outcome = run(order, 3, depth=2000)
    judge(outcome)
    assert outcome.parent.filled == 3000
    tenth = order.end_ns - (order.end_ns - order.start_ns) // 10
    last = min(tenth, outcome.parent.plan.slices[-1].release_ns)
    passed = [t for t, d in submitted(outcome) if any("must-complete" in v.detail for v in d.gate)]
    assert passed
    assert min(passed) >= last


def test_finish_crosses_at_the_end_cancel_drops_and_run_on_goes_on():
    kwargs = {"qty": 60_000, "minutes": 5, "participation_max": 0.2}
    ends = {}
    for behaviour in EndBehaviour:
        outcome = run(toy_order(end_behaviour=behaviour, **kwargs), 4)
        judge(outcome)
        ends[behaviour] = max(f.t_venue_ns for f in fills(outcome)), outcome.parent.filled
    window_end = toy_order(**kwargs).end_ns
    assert ends[EndBehaviour.FINISH][0] <= window_end
    assert ends[EndBehaviour.CANCEL][0] <= window_end
    assert ends[EndBehaviour.RUN_ON][0] > window_end
    assert ends[EndBehaviour.RUN_ON][1] > ends[EndBehaviour.FINISH][1]


def test_urgency_moves_the_mix_from_posting_to_taking():
    shares = []
    for urgency in (0.0, 0.5, 0.9, 1.0):
        made = total = 0
        for seed in range(6):
            outcome = run(toy_order(qty=1000, minutes=10, urgency=urgency), seed)
            made += sum(f.qty_units for f in fills(outcome) if f.liquidity is Liquidity.MAKER)
            total += outcome.parent.filled
        shares.append(made / total)
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.5
    assert shares[-1] == 0.0


def test_nothing_is_sent_before_the_release_of_its_slice():
    outcome = run(toy_order(qty=900, minutes=9, slices=9), 5)
    release = {one.index: one.release_ns for one in outcome.parent.plan.slices}
    assert all(t >= release[d.slice_index] for t, d in submitted(outcome))


def test_a_child_is_never_larger_than_its_slice_or_a_quarter_of_the_parent():
    outcome = run(toy_order(qty=997, minutes=8, slices=8, urgency=1.0), 6)
    assert max(d.child.qty_units for _, d in submitted(outcome)) <= max(249, 125)


def test_every_child_carries_twelve_verdicts_and_all_passed():
    outcome = run(toy_order(qty=400, minutes=4), 7)
    for _, decision in submitted(outcome):
        assert len(decision.gate) == 12
        assert all(verdict.passed for verdict in decision.gate)


def command(action, at, key="k"):
    return OperatorCommand(t_ns=T0 + at * S, parent_id="toy-order", action=action, actor="anna", key=key)


def test_pause_stops_sending_and_resume_goes_on():
    commands = (command(OperatorAction.PAUSE, 180, "a"), command(OperatorAction.RESUME, 420, "b"))
    outcome = run(toy_order(qty=1000, minutes=10), 8, commands=commands)
    judge(outcome)
    times = [t for t, _ in submitted(outcome)]
    assert not [t for t in times if T0 + 180 * S < t < T0 + 420 * S]
    assert [t for t in times if t > T0 + 420 * S]
    assert outcome.parent.filled > 500


def test_too_many_aggressive_children_pause_the_order_until_a_person_resumes_it():
    order, few = toy_order(qty=2000, minutes=10, urgency=1.0), {"aggressive_floor": 3, "aggressive_factor": 0}
    alone = run(order, 8, limits=few)
    judge(alone)
    assert len(submitted(alone)) == 3
    (reason,) = alone.parent.abandoned
    assert reason == "the window ended while the order was paused after repeat: 3 aggressive children sent, at most 3"
    paused = [d for _, ds in alone.batches() for d in ds if isinstance(d, StatusChanged)]
    assert [d.status.value for d in paused] == ["paused", "ending", "done"]
    assert "3 aggressive children" in paused[0].reason
    assert [d.code for _, ds in alone.batches() for d in ds if isinstance(d, Alerted)] == ["repeat"]
    watched = run(order, 8, limits=few, commands=(command(OperatorAction.RESUME, 400),))
    judge(watched)
    assert len([t for t, _ in submitted(watched) if t >= T0 + 400 * S]) == 3


def test_cancel_ends_the_order_with_the_reason():
    outcome = run(toy_order(qty=1000, minutes=10), 8, commands=(command(OperatorAction.CANCEL, 300),))
    judge(outcome)
    assert list(outcome.parent.abandoned) == ["cancelled by anna"]
    assert 0 < outcome.parent.filled < 1000


def test_a_command_given_twice_acts_once():
    twice = (command(OperatorAction.PAUSE, 180, "a"), command(OperatorAction.RESUME, 200, "b"))
    again = (*twice, command(OperatorAction.PAUSE, 220, "a"))
    outcome = run(toy_order(qty=600, minutes=6), 9, commands=again)
    changes = [d.status.value for _, ds in outcome.batches() for d in ds if isinstance(d, StatusChanged)]
    assert changes == ["paused", "running", "done"]


def test_an_order_id_is_never_used_twice():
    outcome = run(toy_order(qty=100, minutes=2), 10)
    event = next(e for e, _ in outcome.batches() if isinstance(e, OrderReceived))
    t_ns = outcome.host.state.t_ns
    (refusal,) = outcome.host.handle(replace(event, t_ns=t_ns, view=replace(event.view, t_ns=t_ns)))
    assert isinstance(refusal, OrderRefused)
    assert "used before" in refusal.reason


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"participation_max": 0.9, "auctions": True}, "auctions"),
        ({"alpha_bps_per_hour": 5.0}, "alpha_bps_per_hour"),
        ({"participation_target": 0.1}, "participation"),
    ],
)
def test_a_parameter_that_no_strategy_honours_yet_is_refused_by_name(change, word):
    outcome = run(toy_order(**change), 1)
    assert outcome.parent is None
    refusals = [d for _, ds in outcome.batches() for d in ds if isinstance(d, OrderRefused)]
    assert word in refusals[0].reason
    assert not outcome.market.orders


def test_a_cap_over_the_gates_ceiling_is_refused_before_anything_is_sent():
    order = toy_order(participation_max=0.5)
    from nowake.engine.decide import step
    from nowake.engine.state import EngineState

    outcome = run(toy_order(), 1)
    env = replace(outcome.env, limits=replace(outcome.env.limits, participation_ceiling=0.2))
    event = next(e for e, _ in outcome.batches() if isinstance(e, OrderReceived))
    _, decisions = step(EngineState(), env, replace(event, order=order))
    assert isinstance(decisions[0], OrderRefused)
    assert "ceiling" in decisions[0].reason


def test_a_wake_that_decides_nothing_leaves_no_trace_but_the_disarming_of_its_timer():
    outcome = run(toy_order(qty=200, minutes=3), 12)
    for event, decisions in outcome.batches():
        if isinstance(event, Woken):
            assert decisions, "an undecided wake was journaled"


def test_why_something_was_not_sent_is_recorded_with_its_numbers():
    outcome = run(toy_order(qty=100_000, minutes=5, participation_max=0.05), 2)
    reasons = [d for _, ds in outcome.batches() for d in ds if isinstance(d, Withheld)]
    assert reasons
    assert all(r.control == "participation" and "cap 0.05" in r.detail for r in reasons)


def test_immediate_orders_are_paced_not_repeated_in_a_burst():
    outcome = run(toy_order(qty=5000, minutes=5, urgency=1.0, participation_max=1.0), 3, depth=3)
    times = [t for t, d in submitted(outcome) if d.child.tif is TimeInForce.IOC]
    assert min(b - a for a, b in itertools.pairwise(times)) >= S


def test_a_short_order_at_its_cap_crosses_as_often_for_its_length_as_a_long_one():
    gaps = {}
    for minutes in (2, 30):
        order = toy_order(qty=1_000_000, minutes=minutes, urgency=1.0, participation_max=0.15)
        times = [t for t, d in submitted(run(order, 3)) if d.child.tif is TimeInForce.IOC]
        gaps[minutes] = min(b - a for a, b in itertools.pairwise(times))
    assert gaps == {2: pytest.approx(2 * S, abs=S), 30: pytest.approx(30 * S, abs=S)}


@given(others=st.integers(0, 10**12), cap=st.sampled_from([0.01, 0.05, 0.15, 0.2, 0.5, 0.99]))
def test_own_limit_is_the_largest_that_keeps_the_cap(others, cap):
    rate = Fraction(str(cap))
    own = own_limit(others, cap)
    assert own * (1 - rate) <= rate * others < (own + 1) * (1 - rate)
    needed = others_needed(own, cap)
    assert rate * needed >= own * (1 - rate)
    assert needed == 0 or rate * (needed - 1) < own * (1 - rate)


def test_nothing_under_the_venues_minimum_is_sent_and_dust_is_rare():
    listing = replace(LISTING, min_qty_units=30)
    dusty = 0
    for seed in range(40):
        outcome = run(toy_order(qty=1000, minutes=6), seed, listing=listing, depth=120)
        judge(outcome)
        residual = sum(outcome.parent.abandoned.values())
        assert residual < 30, outcome.parent.abandoned
        dusty += residual > 0
    assert dusty <= 4


def test_a_slice_catches_up_by_no_more_than_its_own_quantity_in_all_its_children():
    outcome = run(toy_order(qty=4000, minutes=10, limit_units=9_995, participation_max=1.0), 21, drift=-0.2, depth=400)
    judge(outcome)
    slices = {one.index: one for one in outcome.parent.plan.slices}
    sent = dict.fromkeys(slices, 0)
    for _, decision in submitted(outcome):
        order = outcome.market.orders.get(decision.child.child_id)
        sent[decision.slice_index] += sum(f.qty_units for f in order.fills) if order else 0
    for index, one in slices.items():
        if index != max(slices):
            assert sent[index] <= 2 * one.qty_units
