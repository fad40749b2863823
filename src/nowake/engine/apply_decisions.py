"""What each decision does to the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nowake.core import decisions as d
from nowake.core.child import ChildStatus, OrderType
from nowake.core.decisions import ParentStatus
from nowake.core.errors import InvariantBroken
from nowake.core.order import ParentOrder
from nowake.core.plan import LIMIT_AWAY
from nowake.core.ports import Record
from nowake.core.value import replace
from nowake.engine.following import MILLION
from nowake.engine.ledger import doubt, find, keep, put, with_child
from nowake.engine.state import ChildState, EngineState, ParentState, Routing, get_parent

SECOND_NS = 1_000_000_000
CONFLICT = "conflict"
"""Code of a refusal that concerns a key which an earlier command holds."""


def _nothing(state: EngineState, _: Record) -> EngineState:
    return state


def _plan_adopted(state: EngineState, record: d.PlanAdopted) -> EngineState:
    parent = get_parent(state, record.plan.parent_id)
    rate_ppm = parent.rate_ppm if record.plan.follows else 0
    return put(state, replace(parent, plan=record.plan, rate_ppm=rate_ppm))


def _strategy_chosen(state: EngineState, record: d.StrategyChosen) -> EngineState:
    """Take over the order as it is worked; one that begins to follow volume owes what others print from now on."""
    parent, expected = get_parent(state, record.order.parent_id), record.expected
    asked = parent.asked
    for name in ("listing", "side", "qty_units", "decided_ns", "start_ns", "end_ns"):
        if getattr(asked, name) != getattr(record.order, name):
            raise InvariantBroken("I8", f"{record.order.parent_id}: its strategy changes its {name}")
    if expected is None:
        return put(state, replace(parent, order=record.order))
    before = parent.routing
    other = before is not None and parent.order.strategy != record.order.strategy
    routing = Routing(
        asked=asked,
        expected=expected,
        marks=(expected.mark,),
        changes=(before.changes if before else 0) + (other and record.trigger in d.OF_THE_MARKET),
        left=parent.order.strategy if other else before.left if before else "",
    )
    changes: dict[str, Any] = {"order": record.order, "routing": routing}
    if not parent.plan.follows and parent.base_others is not None:
        changes |= {"followed": expected.mark.others - parent.base_others, "due_micro": parent.filled * MILLION}
    return put(state, replace(parent, **changes))


def _refused(state: EngineState, record: d.OrderRefused) -> EngineState:
    if record.parent_id in state.parents or record.parent_id in state.refused:
        return state
    return replace(state, refused=(*state.refused, record.parent_id))


def _amended(state: EngineState, record: d.OrderAmended) -> EngineState:
    """Take over the order; a changed quantity moves what is unsent, and reasons and notices are said anew."""
    parent = get_parent(state, record.parent_id)
    for name in ("parent_id", "listing", "side", "decided_ns", "start_ns", "strategy"):
        if getattr(parent.asked, name) != getattr(record.order, name):
            raise InvariantBroken("I8", f"{record.parent_id}: an amendment of its {name}")
    unsent = parent.unsent + record.order.qty_units - parent.order.qty_units
    said = (*(one for one in parent.plan.warnings if one.code != LIMIT_AWAY), *record.notices)
    changes = {"order": record.order, "unsent": unsent, "plan": replace(parent.plan, warnings=said)}
    if parent.routing is not None:
        changes["order"] = _worked(record.order, parent.order)
        changes["routing"] = replace(parent.routing, asked=record.order)
    return put(state, replace(parent, withheld=(-1, ()), held_back=("", ""), **changes))


def _worked(asked: ParentOrder, present: ParentOrder) -> ParentOrder:
    """Return an amended order by its present strategy, at the rate that follows the volume or the cap, if lower."""
    rate = present.parameters.participation_target
    rate = None if rate is None else min(rate, asked.parameters.participation_max)
    return replace(asked, strategy=present.strategy, parameters=replace(asked.parameters, participation_target=rate))


def _command_refused(state: EngineState, record: d.CommandRefused) -> EngineState:
    if record.code == CONFLICT:
        return state
    note = replace(state.keys[record.key], refused=record.reason)
    return replace(state, keys={**state.keys, record.key: note})


def _admitted(state: EngineState, record: d.OrderAdmitted) -> EngineState:
    parent_id = record.order.parent_id
    if parent_id in state.parents or parent_id in state.refused:
        raise InvariantBroken("I12", f"parent {parent_id} admitted twice")
    parent = ParentState(
        order=record.order,
        plan=record.plan,
        status=ParentStatus.RUNNING,
        unsent=record.order.qty_units,
        base_others=record.base_others,
    )
    return put(state, parent)


def _submitted(state: EngineState, record: d.ChildSubmitted) -> EngineState:
    order = record.child
    parent = get_parent(state, order.parent_id)
    if order.qty_units > parent.unsent:
        raise InvariantBroken("I1", f"child {order.child_id} of {order.qty_units} with {parent.unsent} unsent")
    if order.child_id in parent.live or order.child_id in parent.closed:
        raise InvariantBroken("I12", f"child id {order.child_id} used twice")
    if parent.leg_live(order.leg):
        raise InvariantBroken("I2", f"leg {order.leg} has a possibly-live child")
    child = ChildState(
        order=order,
        slice_index=record.slice_index,
        status=ChildStatus.IN_FLIGHT,
        filled=0,
        leaves=order.qty_units,
        sent_ns=state.t_ns,
    )
    takes = order.tif.immediate or order.order_type is OrderType.MARKET
    return put(
        state,
        with_child(
            parent,
            child,
            unsent=parent.unsent - order.qty_units,
            attempts={**parent.attempts, order.leg: order.attempt + 1},
            sends=(*(t for t in parent.sends if t > state.t_ns - SECOND_NS), state.t_ns),
            aggressive=parent.aggressive + takes,
            worked=parent.worked if parent.worked[0] == record.slice_index else (record.slice_index, 0),
            last_take_ns=state.t_ns if takes else parent.last_take_ns,
            last_post_ns=parent.last_post_ns if takes else state.t_ns,
            withheld=(-1, ()),
        ),
    )


def _must_live(state: EngineState, child_id: str, what: str) -> tuple[ParentState, ChildState]:
    found = find(state, child_id)
    if found is None or found[1] is None:
        raise InvariantBroken("I8", f"{what} of {child_id}, which is not live")
    return found[0], found[1]


def _cancel_requested(state: EngineState, record: d.CancelRequested) -> EngineState:
    parent, child = _must_live(state, record.child_id, "cancel")
    doubt = child.status is ChildStatus.IN_DOUBT
    status = child.status if doubt else ChildStatus.PENDING_CANCEL
    return put(state, with_child(parent, replace(child, status=status, asked_ns=state.t_ns)))


def _query_requested(state: EngineState, record: d.QueryRequested) -> EngineState:
    parent, child = _must_live(state, record.child_id, "query")
    return put(state, with_child(parent, replace(doubt(child, state.t_ns), asked_ns=state.t_ns)))


def _open_requested(state: EngineState, record: d.OpenOrdersRequested) -> EngineState:
    for parent in list(state.parents.values()):
        if parent.order.listing == record.listing and parent.bucket(ChildStatus.IN_DOUBT):
            live = {
                key: replace(child, asked_ns=state.t_ns) if child.status is ChildStatus.IN_DOUBT else child
                for key, child in parent.live.items()
            }
            state = put(state, replace(parent, live=live))
    return state


def _timer_set(state: EngineState, record: d.TimerSet) -> EngineState:
    parent = get_parent(state, record.timer.parent_id)
    return keep(state, replace(parent, timers={**parent.timers, record.timer.timer_id: record.timer}))


def _timer_cleared(state: EngineState, record: d.TimerCleared) -> EngineState:
    parent = get_parent(state, record.parent_id)
    timers = {key: timer for key, timer in parent.timers.items() if key != record.timer_id}
    return keep(state, replace(parent, timers=timers))


def _watch_set(state: EngineState, record: d.WatchSet) -> EngineState:
    parent = get_parent(state, record.watch.parent_id)
    return keep(state, replace(parent, watches={**parent.watches, record.watch.watch_id: record.watch}))


def _watch_cleared(state: EngineState, record: d.WatchCleared) -> EngineState:
    parent = get_parent(state, record.parent_id)
    watches = {key: watch for key, watch in parent.watches.items() if key != record.watch_id}
    return keep(state, replace(parent, watches=watches))


def _withheld(state: EngineState, record: d.Withheld) -> EngineState:
    parent = get_parent(state, record.parent_id)
    index, said = parent.withheld
    said = (*(one for one in said if index == record.slice_index and one != record.control), record.control)
    held = replace(parent, withheld=(record.slice_index, said), held_back=(record.control, record.detail))
    return put(state, held)


def _rate_set(state: EngineState, record: d.RateSet) -> EngineState:
    return put(state, replace(get_parent(state, record.parent_id), rate_ppm=record.rate_ppm))


def _abandoned(state: EngineState, record: d.Abandoned) -> EngineState:
    parent = get_parent(state, record.parent_id)
    if record.qty_units > parent.unsent:
        raise InvariantBroken("I1", f"abandoning {record.qty_units} of {parent.unsent} unsent")
    total = parent.abandoned.get(record.reason, 0) + record.qty_units
    return put(
        state,
        replace(parent, unsent=parent.unsent - record.qty_units, abandoned={**parent.abandoned, record.reason: total}),
    )


_LEGAL = {
    ParentStatus.RUNNING: {ParentStatus.PAUSED, ParentStatus.ENDING, ParentStatus.HALTED, ParentStatus.DONE},
    ParentStatus.PAUSED: {ParentStatus.RUNNING, ParentStatus.ENDING, ParentStatus.HALTED},
    ParentStatus.HALTED: {ParentStatus.ENDING},
    ParentStatus.ENDING: {ParentStatus.DONE, ParentStatus.HALTED},
    ParentStatus.DONE: set[ParentStatus](),
}


def _status_changed(state: EngineState, record: d.StatusChanged) -> EngineState:
    parent = get_parent(state, record.parent_id)
    if record.status not in _LEGAL[parent.status]:
        raise InvariantBroken("I8", f"{record.parent_id}: {parent.status} to {record.status}")
    changes: dict[str, Any] = {"status": record.status}
    if record.status is ParentStatus.ENDING:
        changes["ending"] = record.reason
    if record.status is ParentStatus.RUNNING:
        changes |= {"rejects": 0, "aggressive": 0}
    if record.status is ParentStatus.DONE:
        changes |= {"timers": {}, "watches": {}}
    return put(state, replace(parent, **changes))


DECISIONS: dict[type, Callable[[EngineState, Any], EngineState]] = {
    d.RateSet: _rate_set,
    d.OrderAdmitted: _admitted,
    d.PlanAdopted: _plan_adopted,
    d.StrategyChosen: _strategy_chosen,
    d.OrderRefused: _refused,
    d.OrderAmended: _amended,
    d.CommandRefused: _command_refused,
    d.ChildSubmitted: _submitted,
    d.CancelRequested: _cancel_requested,
    d.QueryRequested: _query_requested,
    d.OpenOrdersRequested: _open_requested,
    d.TimerSet: _timer_set,
    d.TimerCleared: _timer_cleared,
    d.WatchSet: _watch_set,
    d.WatchCleared: _watch_cleared,
    d.Withheld: _withheld,
    d.Abandoned: _abandoned,
    d.StatusChanged: _status_changed,
    d.Alerted: _nothing,
}
