"""Each control of the gate refuses what it is there for, and nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from toy import LISTING, T0, S, toy_env, toy_order

from nowake.core import ids
from nowake.core.child import ChildOrder, ChildStatus, OrderType, TimeInForce
from nowake.core.decisions import ChildSubmitted, OrderAdmitted
from nowake.core.order import Side
from nowake.core.profile import Profile
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.value import replace
from nowake.core.view import Integrity, View
from nowake.engine.apply import apply
from nowake.engine.decide import first_route
from nowake.engine.env import Limits
from nowake.engine.gate import CONTROLS, Candidate, judge
from nowake.engine.state import EngineState, Sample

NOW = T0 + 60 * S
VIEW = View(
    listing=LISTING.key,
    t_ns=NOW,
    row=0,
    integrity=Integrity.OK,
    bid_units=10_000,
    ask_units=10_001,
    bid_qty=500,
    ask_qty=500,
    volume_all=1_000_000,
    since_ns=T0,
)


def child(
    qty=40, price=10_001, *, slice_index=0, role="take", attempt=0, side=Side.BUY, tif=TimeInForce.IOC, **changes
):
    leg = ids.leg_id(slice_index, "TEST", role)
    values = {
        "child_id": ids.child_id("toy-order", leg, attempt),
        "parent_id": "toy-order",
        "leg": leg,
        "attempt": attempt,
        "listing": LISTING.key,
        "side": side,
        "order_type": OrderType.LIMIT,
        "tif": tif,
        "price_units": price,
        "qty_units": qty,
        "role": role,
    }
    return ChildOrder(**{**values, **changes})


def state_with(*sent, order=None):
    order = order or toy_order(qty=1000)
    plan = first_route(order, VIEW, toy_env(order)).plan
    state = replace(EngineState(), t_ns=NOW)
    state = apply(state, OrderAdmitted(order=order, plan=plan, base_others=0))
    state = seen(state, order, 0)
    for one in sent:
        submitted = ChildSubmitted(child=one, slice_index=0, plan_revision=0, tactic="cross", reason="", gate=())
        state = apply(state, submitted)
    return state


def seen(state, order, others):
    """The state after the volume of others was looked at when the window opened."""
    parent = replace(state.parents[order.parent_id], samples=(Sample(t_ns=T0, others=others),))
    return replace(state, parents={order.parent_id: parent})


THIN = replace(VIEW, volume_all=10)


def candidate(one, *, state=None, order=None, **changes):
    order = order or toy_order(qty=1000)
    state = state or state_with(order=order)
    values = {
        "child": one,
        "parent": state.parents["toy-order"],
        "state": state,
        "limits": toy_env(order).limits,
        "listing": LISTING,
        "session": ALWAYS_OPEN,
        "view": VIEW,
        "slice_units": 100,
    }
    return Candidate(**{**values, **changes})


def refused(c):
    return {v.control for v in judge(c) if not v.passed}


def test_an_ordinary_child_passes_every_control():
    verdicts = judge(candidate(child()))
    assert len(verdicts) == len(CONTROLS) == 12
    assert refused(candidate(child())) == set()


def limits(**changes):
    return Limits(profile=Profile.SIM, allowed=(LISTING.key,), venue_rate=100, parent_rate=50, **changes)


CASES = {
    "2 not on the allow-list": (candidate(child(), limits=Limits(profile=Profile.LIVE)), "listing"),
    "2 restricted": (candidate(child(), limits=limits(restricted=(LISTING.key,))), "listing"),
    "3 more than the parent": (candidate(child(qty=1001), slice_units=5000), "overrun"),
    "3 with what is live, at its worst": (
        candidate(child(qty=200, role="post"), state=state_with(child(qty=850)), slice_units=5000),
        "overrun",
    ),
    "4 an id used before": (candidate(child(qty=5), state=state_with(child(qty=5))), "duplicate"),
    "4 a live leg": (candidate(child(qty=5, attempt=1), state=state_with(child(qty=5))), "duplicate"),
    "5 too far, aggressive": (candidate(child(price=10_300)), "collar"),
    "5 too far, passive": (candidate(child(price=8_900, tif=TimeInForce.GTC)), "collar"),
    "5 no reference": (candidate(child(), view=replace(VIEW, ask_units=0)), "collar"),
    "6 worse than the limit": (candidate(child(), order=toy_order(limit_units=10_000)), "limit"),
    "6 a market order under a limit": (
        candidate(child(price=0, order_type=OrderType.MARKET), order=toy_order(limit_units=10_100)),
        "limit",
    ),
    "7 over a quarter, its slice and the minimum": (candidate(child(qty=251)), "size"),
    "7 over one per cent of the day": (candidate(child(qty=200), adv_units=10_000), "size"),
    "7 off the lot grid": (candidate(child(qty=15), listing=replace(LISTING, lot_units=10)), "size"),
    "7 under the venue's minimum": (
        candidate(child(qty=5), listing=replace(LISTING, min_notional=Decimal(1000))),
        "size",
    ),
    "9 over the cap": (candidate(child(), view=THIN), "participation"),
    "13 too many a second": (
        candidate(child(qty=5, attempt=3), limits=replace(limits(), parent_rate=1), state=state_with(child(qty=1))),
        "rate",
    ),
    "14 too many aggressive ones": (
        candidate(
            child(qty=5, role="x"),
            limits=limits(aggressive_floor=1, aggressive_factor=0),
            state=state_with(child(qty=1)),
        ),
        "repeat",
    ),
    "15 too many open": (
        candidate(child(qty=5, role="x"), limits=limits(open_parent=1), state=state_with(child(qty=1))),
        "open-orders",
    ),
    "17 a crossed book": (candidate(child(), view=replace(VIEW, integrity=Integrity.CROSSED)), "feed"),
    "17 a silent feed": (candidate(child(), view=replace(VIEW, integrity=Integrity.SILENT)), "feed"),
    "17 a closed session": (candidate(child(), session=Session(name="weekend", weekdays=(5,))), "feed"),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_control_refuses_what_it_is_there_for(name):
    case, control = CASES[name]
    assert control in refused(case)
    words = next(v.detail for v in judge(case) if v.control == control)
    assert words, "a refusal says why"


def test_every_control_has_a_case_that_it_refuses():
    own = {control for _, control in CASES.values()} | {"self-trade"}
    assert own == {v.control for v in judge(candidate(child()))}


def test_own_orders_never_meet():
    resting = child(qty=50, role="post", tif=TimeInForce.GTC, price=10_000)
    state = state_with(resting)
    sell_order = replace(toy_order(qty=1000, side=Side.SELL), parent_id="other")
    plan = first_route(sell_order, VIEW, toy_env(sell_order)).plan
    state = apply(state, OrderAdmitted(order=sell_order, plan=plan, base_others=0))
    sell = child(qty=40, price=10_000, side=Side.SELL, parent_id="other", child_id="o", leg="l")
    assert "self-trade" in refused(candidate(sell, state=state, parent=state.parents["other"]))
    above = replace(sell, price_units=10_001)
    assert "self-trade" not in refused(candidate(above, state=state, parent=state.parents["other"]))


def test_an_equal_order_of_another_parent_within_half_a_second_is_a_duplicate():
    state = state_with(child(qty=40))
    twin = replace(toy_order(qty=1000), parent_id="twin")
    state = apply(state, OrderAdmitted(order=twin, plan=replace_plan(state, "twin"), base_others=0))
    same = child(qty=40, parent_id="twin", child_id="t")
    assert "duplicate" in refused(candidate(same, state=state, parent=state.parents["twin"]))
    later = replace(VIEW, t_ns=NOW + S)
    assert "duplicate" not in refused(candidate(same, state=state, parent=state.parents["twin"], view=later))


def replace_plan(state, parent_id):
    return replace(state.parents["toy-order"].plan, parent_id=parent_id)


def test_in_doubt_children_keep_their_capacity():
    state = state_with(child(qty=900))
    parent = state.parents["toy-order"]
    doubtful = {k: replace(c, status=ChildStatus.IN_DOUBT) for k, c in parent.live.items()}
    parent = replace(parent, live=doubtful)
    over = candidate(child(qty=101, role="post"), state=state, parent=parent, slice_units=5000)
    assert "overrun" in refused(over)


def test_must_complete_passes_the_cap_and_nothing_else():
    state = state_with()
    assert refused(candidate(child(), state=state, view=THIN, pass_cap=True)) == set()
    assert refused(candidate(child(price=10_300), state=state, view=THIN, pass_cap=True)) == {"collar"}
