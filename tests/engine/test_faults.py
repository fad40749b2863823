"""Thousands of small worlds under faults and crashes; none may break what `campaign.judge` asserts."""

from __future__ import annotations

import pytest
from campaign import Faults, judge, judge_audit, random_run, reports_lost, run, toy_order

from nowake.core.decisions import Alerted, ParentStatus
from nowake.core.inputs import Filled
from nowake.core.value import replace


@pytest.mark.parametrize("block", range(10))
def test_random_worlds_keep_every_invariant(block):
    for seed in range(20 * block, 20 * block + 20):
        outcome = random_run(seed)
        try:
            judge(outcome)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_deciding_again_gives_the_recorded_decisions():
    for seed in range(0, 60, 6):
        judge_audit(random_run(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_many_random_worlds_keep_every_invariant(block):
    for seed in range(10_000 + 500 * block, 10_000 + 500 * block + 500):
        outcome = random_run(seed, crash=0.05)
        try:
            judge(outcome)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.parametrize(
    "faults",
    [
        Faults(submit_lost=1.0),
        Faults(**reports_lost(0.6)),
        Faults(submit_timeout=1.0),
        Faults(repeated=1.0),
        Faults(delayed=1.0),
        Faults(cancel_lost=0.9),
    ],
    ids=str,
)
def test_an_order_ends_whole_under_one_fault_at_its_worst(faults):
    for seed in range(5):
        outcome = run(toy_order(qty=500, minutes=5), seed, faults=faults)
        judge(outcome)


def test_five_rejects_in_a_row_pause_the_parent_and_call_for_a_person():
    outcome = run(toy_order(qty=500, minutes=5), 1, faults=Faults(rejected=1.0))
    alerts = [d for _, decisions in outcome.batches() for d in decisions if isinstance(d, Alerted)]
    assert [a.code for a in alerts] == ["rejects"]
    assert len(outcome.wire.sent) == 5
    assert outcome.parent.filled == 0


def test_an_overfill_is_recorded_alarmed_and_halts():
    outcome = run(toy_order(qty=50, minutes=2, slices=1, urgency=1.0), 3, faults=Faults(overfilled=1.0), depth=500)
    codes = [d.code for _, decisions in outcome.batches() for d in decisions if isinstance(d, Alerted)]
    assert "overfill" in codes
    assert outcome.parent.overfill == sum(fill.qty_units for fill in outcome.fills) - 50 > 0
    judge(outcome)


def test_the_same_trade_twice_counts_once_and_in_any_order():
    outcome = run(toy_order(qty=300, minutes=5), 4)
    fills = [event for event, _ in outcome.batches() if isinstance(event, Filled)]
    before = outcome.host.state
    for event in reversed(fills):
        outcome.host.handle(replace(event, t_ns=before.t_ns))
    after = outcome.host.state
    assert after.ignored == before.ignored + len(fills)
    assert after.parents["toy-order"].filled == before.parents["toy-order"].filled == 300
    assert after.parents["toy-order"].status is ParentStatus.DONE


def test_a_late_fill_of_an_ended_order_draws_from_what_was_abandoned():
    outcome = run(toy_order(qty=5000, minutes=2, participation_max=0.02), 5)
    parent = outcome.parent
    residual = sum(parent.abandoned.values())
    assert residual > 10
    child_id, order = next(iter(outcome.market.orders.items()))
    fill = replace(order.fills[0], trade_id="late", qty_units=10) if order.fills else None
    assert fill is not None
    outcome.host.handle(Filled(t_ns=outcome.host.state.t_ns, fill=fill))
    after = outcome.parent
    assert after.closed[child_id].filled == parent.closed[child_id].filled + 10
    assert (after.filled, sum(after.abandoned.values())) == (parent.filled + 10, residual - 10)
    outcome.host.handle(Filled(t_ns=outcome.host.state.t_ns, fill=replace(fill, trade_id="x", qty_units=residual)))
    assert outcome.parent.overfill == 10


def test_a_fill_of_an_unknown_order_is_shown_and_never_adopted():
    outcome = run(toy_order(qty=100, minutes=2), 6)
    fill = next(fill for order in outcome.market.orders.values() for fill in order.fills)
    outcome.host.handle(Filled(t_ns=outcome.host.state.t_ns, fill=replace(fill, child_id="somebody-else")))
    assert outcome.host.state.foreign == ("somebody-else",)
    assert outcome.parent.filled == 100
