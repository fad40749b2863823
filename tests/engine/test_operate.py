"""Operators: pause, resume, cancel and amend, at random moments, under faults; judged by the venue's own book."""

from __future__ import annotations

import itertools
import random

import pytest
from campaign import judge, judge_audit, random_run, run, toy_order
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import LATENCY, T0, S, ToyMarket, toy_env

from nowake.core.amendment import AMENDABLE, Amendment
from nowake.core.decisions import (
    CancelRequested,
    ChildSubmitted,
    CommandRefused,
    OrderAdmitted,
    OrderAmended,
    PlanAdopted,
)
from nowake.core.errors import InputError, NowakeError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.core.order import EndBehaviour, Side
from nowake.core.value import replace
from nowake.engine import amend, apply_decisions, decide, host, operate, parent
from nowake.engine.amend import MUTABLE
from nowake.engine.state import EngineState
from nowake.journal.memory import MemoryJournal
from nowake.sim.world import World

START = T0 + 60 * S


def command(action, seconds, key="", *, parent_id="toy-order", actor="ann", **changes):
    """Return a command so many seconds into the order."""
    return OperatorCommand(
        t_ns=START + int(seconds * S),
        parent_id=parent_id,
        action=OperatorAction(action),
        actor=actor,
        key=key or f"{action}-{seconds}",
        amendment=Amendment(**changes) if changes else None,
    )


def decided(outcome, kind):
    return [(event, one) for event, decisions in outcome.batches() for one in decisions if isinstance(one, kind)]


def amendments(outcome):
    """Return (time, order from then on)."""
    return [(event.t_ns, one.order) for event, one in decided(outcome, OrderAmended)]


def judge_commands(outcome):
    """Assert what amended terms promise, from the records of what was sent and the venue's fills."""
    terms = [(outcome.order.start_ns, outcome.order), *amendments(outcome)]
    for event, sent in decided(outcome, ChildSubmitted):
        _, order = [one for one in terms if one[0] <= event.t_ns][-1]
        limit = order.parameters.limit_units
        if limit is not None:
            assert (limit - sent.child.price_units) * order.side >= 0, "sent at a price the amended limit forbids"
        assert event.t_ns < order.end_ns or order.parameters.end_behaviour is EndBehaviour.RUN_ON
    for before, after in itertools.pairwise(one.plan for _, one in decided(outcome, OrderAdmitted | PlanAdopted)):
        assert after.revision == before.revision + 1
        assert after.slices[0].index > before.slices[-1].index, "a leg number came back"
    legs = [(one.child.leg, one.child.attempt) for _, one in decided(outcome, ChildSubmitted)]
    assert len(set(legs)) == len(legs)


def judge_quantities(outcome):
    """Assert that the last amended quantity is what was conserved."""
    parent = outcome.parent
    last = [order for _, order in amendments(outcome)]
    assert parent.asked == (last[-1] if last else parent.asked)
    assert parent.filled == sum(fill.qty_units for fill in outcome.fills)
    assert parent.filled + sum(parent.abandoned.values()) == parent.order.qty_units + parent.overfill


# One meaning each


def test_the_table_of_mutable_parameters_is_complete():
    assert set(MUTABLE) == set(AMENDABLE)
    for name, value in {"side": 1, "slices": 3, "strategy": "vwap"}.items():
        with pytest.raises(TypeError):
            Amendment(**{name: value})
    with pytest.raises(InputError, match="at least one of"):
        Amendment()


def test_a_raised_quantity_is_worked_and_a_lowered_one_is_not_overshot():
    order = toy_order(qty=1000, minutes=10)
    more = run(order, 4, volume=10_000, commands=(command("amend", 200, qty_units=1600),))
    less = run(order, 4, volume=10_000, commands=(command("amend", 200, qty_units=700),))
    assert (more.parent.filled, less.parent.filled) == (1600, 700)
    assert more.parent.plan.revision == less.parent.plan.revision == 1
    for outcome in (more, less):
        judge_quantities(outcome)
        judge_commands(outcome)
        judge_audit(outcome)


def test_a_quantity_below_what_is_filled_is_refused_with_the_least():
    outcome = run(toy_order(qty=1000, minutes=10), 4, volume=10_000, commands=(command("amend", 300, qty_units=10),))
    ((_, refusal),) = decided(outcome, CommandRefused)
    assert "is below the" in refusal.reason
    assert "the least is" in refusal.remedy
    assert outcome.parent.order.qty_units == 1000
    judge(outcome)


def test_a_quantity_equal_to_what_is_filled_ends_the_order():
    pause, lower = command("pause", 300), command("amend", 320, qty_units=1)
    probe = run(toy_order(qty=1000, minutes=10), 4, volume=10_000, commands=(pause, lower))
    ((_, refusal),) = decided(probe, CommandRefused)
    least = int(refusal.remedy.split(";")[0].rsplit(" ", 1)[1])
    outcome = run(
        toy_order(qty=1000, minutes=10),
        4,
        volume=10_000,
        commands=(pause, command("amend", 320, qty_units=least), command("resume", 330)),
    )
    assert outcome.parent.filled == least
    assert not outcome.parent.abandoned
    judge_quantities(outcome)


@pytest.mark.parametrize("side", list(Side))
def test_an_amended_limit_binds_what_is_sent_and_withdraws_what_rests(side):
    worse = 9_900 if side is Side.BUY else 10_100
    withdrawn = []
    for seed in range(8):
        order = toy_order(qty=5000, minutes=10, side=side, urgency=0)
        outcome = run(order, seed, volume=10, commands=(command("amend", 100, limit_units=worse),))
        judge_commands(outcome)
        judge_quantities(outcome)
        withdrawn += [one for _, one in decided(outcome, CancelRequested) if "amended limit" in one.reason]
        fills = [fill for one in outcome.market.orders.values() for fill in one.fills]
        late = [fill for fill in fills if fill.t_venue_ns > START + 100 * S + 4 * LATENCY]
        assert all((worse - fill.price_units) * side >= 0 for fill in late)
        assert "limit" in next(iter(outcome.parent.abandoned))
    assert withdrawn, "what rested at a worse price was left there"


def test_a_limit_taken_away_lets_the_order_trade_again():
    order = toy_order(qty=500, minutes=10, limit_units=9_900)
    assert run(order, 5).parent.filled == 0
    outcome = run(order, 5, volume=10_000, commands=(command("amend", 100, limit_units=0),))
    assert outcome.parent.filled == 500
    assert outcome.parent.order.parameters.limit_units is None


def test_a_later_end_spreads_the_rest_and_an_earlier_one_hurries_it():
    order = toy_order(qty=1000, minutes=10)
    for minutes in (15, 6):
        end_ns = order.start_ns + minutes * 60 * S
        outcome = run(order, 6, volume=10_000, commands=(command("amend", 240, end_ns=end_ns),))
        assert outcome.parent.filled == 1000
        assert outcome.parent.plan.slices[-1].end_ns == end_ns
        last = max(f.t_venue_ns for o in outcome.market.orders.values() for f in o.fills)
        assert end_ns - 120 * S < last <= end_ns
        judge_commands(outcome)


def test_a_lowered_cap_is_kept_from_then_on():
    order = toy_order(qty=100_000, minutes=10, participation_max=0.2)
    outcome = run(order, 8, commands=(command("amend", 200, participation_max=0.05),))
    judge_commands(outcome)
    market, parent = outcome.market, outcome.parent
    fills = [fill for one in market.orders.values() for fill in one.fills]
    done = sum(f.qty_units for f in fills if f.t_venue_ns <= START + 200 * S + 4 * LATENCY)
    others = sum(qty for *_, qty in market.path[60:660])
    assert parent.filled <= max(done, 0.05 / 0.95 * others * 1.02 + 50)


def test_an_order_that_follows_volume_is_amended_like_any_other():
    order = replace(toy_order(qty=50_000, minutes=10, participation_target=0.1), strategy="pov")
    plain = run(order, 8).parent.filled
    faster = run(order, 8, commands=(command("amend", 300, participation_target=0.15),))
    slower = run(order, 8, commands=(command("amend", 300, participation_target=0.03, participation_max=0.05),))
    smaller = run(order, 8, commands=(command("amend", 300, qty_units=plain - 100),))
    for outcome in (faster, slower, smaller):
        assert amendments(outcome)
        judge_commands(outcome)
        judge_quantities(outcome)
        judge_audit(outcome)
    assert slower.parent.filled < 0.9 * plain < 1.1 * plain < faster.parent.filled
    assert smaller.parent.filled <= plain - 100


def test_never_take_and_display_hold_from_the_amendment_on():
    order = toy_order(qty=3000, minutes=10, end_behaviour=EndBehaviour.CANCEL)
    outcome = run(order, 4, volume=1000, commands=(command("amend", 200, never_take=True, display_units=20),))
    late = [one.child for event, one in decided(outcome, ChildSubmitted) if event.t_ns > START + 200 * S]
    assert late
    assert {(child.role, child.qty_units <= 20) for child in late} == {("post", True)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"never_take": True}, "never_take contradicts"),
        ({"participation_target": 0.1}, "does not honour participation"),
        ({"participation_max": 0.9}, "over the gate's ceiling"),
        ({"participation_max": 1.5}, "must be in"),
        ({"end_ns": START + S}, "is not after now"),
        ({"urgency": 2.0}, "must be in"),
        ({"urgency": 0.5}, "like that already"),
    ],
)
def test_a_change_that_cannot_be_kept_is_refused_whole(changes, said):
    order = toy_order(qty=500, minutes=5, participation_max=0.15)
    outcome = run(order, 9, volume=10_000, commands=(command("amend", 60, "k", **changes),))
    ((_, refusal),) = decided(outcome, CommandRefused)
    assert (refusal.code, said in refusal.reason) == ("amendment", True)
    assert not amendments(outcome)
    assert said in outcome.host.state.keys["k"].refused
    judge(outcome)
    judge_audit(outcome)


def test_the_same_key_twice_does_nothing_and_with_another_body_is_a_conflict():
    order = toy_order(qty=1000, minutes=10)
    pause, again = command("pause", 100, "k1"), command("pause", 110, "k1", actor="bob")
    resume, other = command("resume", 120, "k2"), command("cancel", 130, "k1")
    outcome = run(order, 3, volume=10_000, commands=(pause, again, resume, other))
    ((_, refusal),) = decided(outcome, CommandRefused)
    assert refusal.code == "conflict"
    assert outcome.host.state.keys["k1"].refused == ""
    assert outcome.parent.filled == 1000, "the conflicting cancel was carried out"
    judge(outcome)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ((command("resume", 50),), "status"),
        ((command("pause", 50), command("pause", 60)), "status"),
        ((command("pause", 50, parent_id="nobody"),), "unknown-order"),
        ((command("cancel", 50), command("amend", 50, urgency=1.0)), "status"),
    ],
)
def test_a_command_that_does_not_fit_is_refused_with_the_reason(given, code):
    outcome = run(toy_order(qty=1000, minutes=5), 3, commands=given)
    ((_, refusal),) = decided(outcome, CommandRefused)
    assert refusal.code == code
    assert refusal.reason
    assert refusal.remedy


# Any commands at any time


def random_commands(seed, order):
    """Return commands at random moments, some of them nonsense, some keys used twice."""
    r = random.Random(f"commands {seed}")
    seconds = (order.end_ns - order.start_ns) / S
    made = []
    for k in range(r.randint(1, 8)):
        at = r.uniform(0, seconds * 1.05)
        action = r.choice(
            ("pause", "resume", "amend", "amend", "amend", "amend", "cancel" if r.random() < 0.2 else "resume")
        )
        changes = {}
        if action == "amend":
            for name in r.sample(AMENDABLE, r.randint(1, 3)):
                changes[name] = {
                    "qty_units": max(1, int(order.qty_units * r.choice((0.2, 0.5, 0.9, 1.5, 3)))),
                    "end_ns": order.start_ns + int(seconds * r.uniform(0.2, 1.6) * S) + 1,
                    "limit_units": r.choice((0, 9_980, 9_995, 10_000, 10_005, 10_020)),
                    "participation_max": r.choice((0.01, 0.1, 0.15, 0.5)),
                    "urgency": r.choice((0.0, 0.5, 1.0)),
                    "must_complete": r.random() < 0.5,
                    "end_behaviour": r.choice(list(EndBehaviour)),
                    "participation_target": r.choice((0.05, 0.1)),
                    "display_units": r.choice((0, 20)),
                    "never_take": r.random() < 0.5,
                }[name]
        made.append(command(action, at, f"k{r.randint(0, k)}", **changes))
    return tuple(sorted(made, key=lambda one: one.t_ns))


def commanded_run(seed):
    outcome = random_run(seed, commands=random_commands)
    if outcome.parent is not None:
        judge_quantities(outcome)
        judge_commands(outcome)
    judge(outcome)
    return outcome


@pytest.mark.parametrize("seed", range(24))
def test_invariants_hold_under_random_commands_and_faults(seed):
    commanded_run(seed)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(1_000, 10**9))
def test_invariants_hold_under_any_commands(seed):
    commanded_run(seed)


@pytest.mark.parametrize("seed", range(8))
def test_deciding_again_over_commands_gives_the_same(seed):
    judge_audit(commanded_run(seed))


def test_most_random_commands_do_something():
    counts = {"amended": 0, "refused": 0}
    for seed in range(60):
        outcome = random_run(seed, commands=random_commands)
        counts["amended"] += len(amendments(outcome))
        counts["refused"] += len(decided(outcome, CommandRefused))
    assert counts["amended"] > 20
    assert counts["refused"] > 10


# Bugs put in on purpose


def amended_limit_ignored(monkeypatch):
    """The amended order keeps its old limit."""
    real = apply_decisions.DECISIONS[OrderAmended]

    def forgetful(state, record):
        old = state.parents[record.parent_id].order.parameters.limit_units
        kept = replace(record.order.parameters, limit_units=old)
        return real(state, replace(record, order=replace(record.order, parameters=kept)))

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], OrderAmended, forgetful)


def resting_left(monkeypatch):
    """What rests at a price that the amended limit forbids stays there."""
    monkeypatch.setattr(parent, "withdraw_broken", lambda draft, parent_id: None)


def quantity_forgotten(monkeypatch):
    """A larger quantity does not become unsent."""
    real = apply_decisions.DECISIONS[OrderAmended]

    def forgetful(state, record):
        old = state.parents[record.parent_id].order.qty_units
        return real(state, replace(record, order=replace(record.order, qty_units=old)))

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], OrderAmended, forgetful)


def below_what_may_be_live(monkeypatch):
    """A quantity may fall below what is filled and possibly live."""
    monkeypatch.setattr(amend, "_check", lambda *given: None)


def legs_start_again(monkeypatch):
    """A revised plan counts its legs from 0."""
    real = amend.plan_for
    monkeypatch.setattr(
        amend, "plan_for", lambda order, progress, *rest: real(order, replace(progress, next_slice_index=0), *rest)
    )


def keys_ignored(monkeypatch):
    """A repeated command is carried out again."""
    real = operate.operate
    again = (lambda draft, before, *rest: real(draft, EngineState(), *rest),)
    monkeypatch.setitem(decide._FIRST, OperatorCommand, again)


MEANINGS = (
    lambda: test_an_amended_limit_binds_what_is_sent_and_withdraws_what_rests(Side.BUY),
    lambda: test_an_amended_limit_binds_what_is_sent_and_withdraws_what_rests(Side.SELL),
    test_a_raised_quantity_is_worked_and_a_lowered_one_is_not_overshot,
    test_a_quantity_below_what_is_filled_is_refused_with_the_least,
    test_the_same_key_twice_does_nothing_and_with_another_body_is_a_conflict,
)


@pytest.mark.parametrize(
    "bug",
    [amended_limit_ignored, resting_left, quantity_forgotten, below_what_may_be_live, legs_start_again, keys_ignored],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_caught(bug, monkeypatch):
    bug(monkeypatch)
    for meaning in MEANINGS:
        try:
            meaning()
        except (AssertionError, NowakeError, KeyError, ValueError):
            return
    pytest.fail(bug.__doc__)


@pytest.mark.parametrize("name", ["limit_units", "urgency", "qty_units", "end_ns"])
def test_amending_often_does_not_run_ahead_of_the_schedule(name):
    order = toy_order(qty=1_000, minutes=10, slices=10, participation_max=1.0)
    values = {
        "limit_units": lambda k: 10_400 + k % 2,
        "urgency": lambda k: 0.5 + 0.01 * (k % 2),
        "qty_units": lambda k: 1_000 + k % 2,
        "end_ns": lambda k: order.end_ns + (k % 2) * S,
    }
    commands = tuple(command("amend", 3 * k + 1, f"a{k}", **{name: values[name](k)}) for k in range(1, 19))
    often = run(order, 11, depth=1_000, commands=commands)
    judge(often)
    assert len(decided(often, OrderAmended)) > 10
    for seconds in (30, 60, 119, 300):
        done = sum(
            fill.qty_units
            for placed in often.market.orders.values()
            for fill in placed.fills
            if fill.t_venue_ns < START + seconds * S
        )
        assert done <= order.qty_units * (seconds // 60 + 1) // 10 + 1, f"{done} after {seconds} s"


@pytest.mark.parametrize("changes", [{"urgency": 1.0}, {"qty_units": 1_100}, {"limit_units": 10_300}])
def test_an_amended_order_goes_on_within_its_slice(changes):
    """With two slices of half an hour nothing may wait for the second one."""
    order = toy_order(qty=1_000, minutes=10, slices=2, participation_max=0.05, urgency=0.2)
    outcome = run(order, 11, depth=1_000, commands=(command("amend", 20, **changes),))
    judge(outcome)
    after = [
        event.t_ns for event, _ in decided(outcome, ChildSubmitted) if START + 20 * S < event.t_ns < START + 299 * S
    ]
    assert after, "nothing was sent until the next slice"
    fills = [fill for placed in outcome.market.orders.values() for fill in placed.fills]
    done = sum(fill.qty_units for fill in fills if fill.t_venue_ns < START + 300 * S)
    assert done >= 495


@pytest.mark.parametrize("changes", [{"urgency": 0.1}, {"qty_units": 1_100}])
def test_what_rests_counts_as_done_in_an_amended_slice(changes):
    """The first of two slices is 500: what rests and what was filled are never more of it, however it is amended."""
    order = toy_order(qty=1_000, minutes=10, slices=2, participation_max=1.0, urgency=0.0)
    outcome = run(order, 11, volume=10, commands=(command("amend", 20, **changes),))
    state, rested, most = EngineState(), 0, 0
    for event, decisions in outcome.batches():
        for record in (event, *decisions):
            state = host.apply(state, record)
        one = state.parents.get(order.parent_id)
        if one is not None and event.t_ns < START + 300 * S:
            rested = max(rested, one.reserved) if isinstance(event, OperatorCommand) else rested
            most = max(most, one.filled + one.reserved)
    assert rested > 100, "nothing rested when it was amended"
    assert most <= 500 + order.qty_units // 10


def test_what_rests_before_an_amended_plan_begins_still_makes_room():
    """All of the first slice rests at its limit, so the amended plan begins with the second; then volume dries up."""
    order = toy_order(qty=1_000, minutes=18, slices=2, participation_max=0.15, urgency=0.0, limit_units=9_900)
    market = ToyMarket(11, volume=100)
    market.path = [(*one[:5], one[5] if k < 260 else 0) for k, one in enumerate(market.path)]
    journal, env = MemoryJournal(), toy_env(order)
    World(market, host.Host(env, journal)).run(order, (command("amend", 250, urgency=0.1),))
    batches = list(journal.batches())
    (plan,) = [one.plan for batch in batches for one in batch.decisions if isinstance(one, PlanAdopted)]
    assert plan.slices[0].release_ns == START + 540 * S
    room = [
        batch.input.t_ns
        for batch in batches
        for one in batch.decisions
        if isinstance(one, CancelRequested) and "makes room" in one.reason
    ]
    assert room
    assert START + 250 * S < room[0] < START + 540 * S


def test_volume_printed_while_an_order_is_paused_is_never_owed():
    order = replace(toy_order(qty=50_000, minutes=10, participation_target=0.1), strategy="pov")
    outcome = run(order, 8, commands=(command("pause", 120), command("resume", 360)))
    state, due, seen = EngineState(), {}, {}
    for event, decisions in outcome.batches():
        for record in (event, *decisions):
            state = host.apply(state, record)
        if isinstance(event, OperatorCommand):
            one = state.parents[order.parent_id]
            due[event.action], seen[event.action] = one.due_micro, one.followed
    pause, resume = OperatorAction.PAUSE, OperatorAction.RESUME
    assert seen[resume] - seen[pause] > 100 * 240 / 2, "others traded meanwhile"
    assert due[resume] == due[pause] > 0
    judge_audit(outcome)
