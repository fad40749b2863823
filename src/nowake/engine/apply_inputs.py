"""What each input does to the state. Messages may come twice, late or out of order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from nowake.core import inputs as i
from nowake.core.child import WOULD, ChildStatus, Fill, OrderStatus
from nowake.core.decisions import ParentStatus
from nowake.core.errors import InvariantBroken
from nowake.core.ports import Record
from nowake.core.value import replace
from nowake.engine.ledger import close, doubt, find, keep, put, with_child
from nowake.engine.state import (
    ROLLING_NS,
    ChildState,
    ClosedChild,
    CommandNote,
    EngineState,
    FillKey,
    OwnFill,
    ParentState,
    get_parent,
    maker,
)

_TIME = attrgetter("t_ns")

BUSTED = "busted"
"""Why an order that was done has abandoned what a trade that was undone gave back."""


def _nothing(state: EngineState, _: Record) -> EngineState:
    return state


def _woken(state: EngineState, record: i.Woken) -> EngineState:
    parent = get_parent(state, record.parent_id)
    fired = record.fired
    timers = {key: timer for key, timer in parent.timers.items() if key not in fired}
    watches = {key: watch for key, watch in parent.watches.items() if key not in fired}
    return keep(state, replace(parent, timers=timers, watches=watches))


def _foreign(state: EngineState, child_id: str) -> EngineState:
    return state if child_id in state.foreign else replace(state, foreign=(*state.foreign, child_id))


def _acked(state: EngineState, record: i.Acked) -> EngineState:
    found = find(state, record.child_id)
    if found is None:
        return _foreign(state, record.child_id)
    parent, child = found
    if child is None or child.acked_ns:
        return replace(state, ignored=state.ignored + 1)
    in_flight = child.status in (ChildStatus.IN_FLIGHT, ChildStatus.IN_DOUBT)
    status = ChildStatus.WORKING if in_flight else child.status
    child = replace(child, status=status, acked_ns=record.t_ns, doubt_ns=0, not_found_ns=0)
    return put(state, with_child(parent, child, rejects=0))


def _rejected(state: EngineState, record: i.Rejected) -> EngineState:
    found = find(state, record.child_id)
    if found is None:
        return _foreign(state, record.child_id)
    parent, child = found
    if child is None or child.filled or record.code == "duplicate-id":
        # A reject of what already traded, or of a repeated id, proves nothing about the first order.
        return replace(state, ignored=state.ignored + 1)
    if child.acked_ns:  # it was accepted: one of the two is wrong, so neither is believed
        return put(state, with_child(parent, doubt(child, record.t_ns)))
    count = parent.rejects + (record.code != "would-cross")
    return put(state, replace(close(parent, child, ChildStatus.REJECTED), rejects=count))


def _fill(state: EngineState, fill: Fill, t_ns: int) -> EngineState:
    """Apply one fill exactly once, in any order, also to a child that was thought to be over."""
    found = find(state, fill.child_id)
    if found is None:
        return _foreign(state, fill.child_id)
    parent, child = found
    past: ChildState | ClosedChild = child if child is not None else parent.closed[fill.child_id]
    key = FillKey(trade_id=fill.trade_id, price_units=fill.price_units, qty_units=fill.qty_units)
    if any(one.trade_id == fill.trade_id for one in past.fills):
        return replace(state, ignored=state.ignored + 1)
    qty, leg = fill.qty_units, child.order.leg if child is not None else parent.closed[fill.child_id].leg
    from_leaves = min(qty, child.leaves) if child is not None else 0
    from_unsent = min(qty - from_leaves, parent.unsent)
    rest = qty - from_leaves - from_unsent
    abandoned, over = _draw(parent.abandoned, rest) if rest else (parent.abandoned, 0)
    parent = replace(
        parent,
        filled=parent.filled + qty,
        unsent=parent.unsent - from_unsent,
        abandoned=abandoned,
        overfill=parent.overfill + over,
        cash_units=parent.cash_units + fill.price_units * qty,
        fees_money=parent.fees_money + fill.fee_money,
        maker_units=parent.maker_units + maker(fill.liquidity, qty),
        own_fills=(
            *parent.own_fills[bisect_left(parent.own_fills, t_ns - ROLLING_NS, key=_TIME) :],
            OwnFill(t_ns=t_ns, qty=qty),
        ),
        would_units=parent.would_units + (qty if leg.endswith(f"/{WOULD}") else 0),
        rejects=0,
    )
    if child is None:
        closed = replace(past, filled=past.filled + qty, fills=(*past.fills, key))
        return put(state, replace(parent, closed={**parent.closed, fill.child_id: closed}))
    if child.slice_index == parent.worked[0]:
        parent = replace(parent, worked=(child.slice_index, parent.worked[1] + qty))
    child = replace(child, filled=child.filled + qty, leaves=child.leaves - from_leaves, fills=(*child.fills, key))
    return put(state, _settle(with_child(parent, child), child))


def _bust(state: EngineState, fill: Fill) -> EngineState:
    """Undo a trade, once, also one whose report is still to come: what it filled is unsent again (I6).

    It stays among the child's trades with quantity 0, so that neither comes again. What the venue had filled too much
    falls first; an order that is done does not trade again, so it abandons what comes back.
    """
    found = find(state, fill.child_id)
    if found is None:
        return _foreign(state, fill.child_id)
    parent, child = found
    past: ChildState | ClosedChild = child if child is not None else parent.closed[fill.child_id]
    was = next((one for one in past.fills if one.trade_id == fill.trade_id), None)
    if was is not None and not was.qty_units:
        return replace(state, ignored=state.ignored + 1)
    qty, price = (was.qty_units, was.price_units) if was is not None else (0, fill.price_units)
    fills = tuple(one for one in past.fills if one is not was)
    past = replace(
        past,
        filled=past.filled - qty,
        fills=(*fills, FillKey(trade_id=fill.trade_id, price_units=price, qty_units=0)),
    )
    parent = _without(parent, replace(fill, price_units=price, qty_units=qty), past) if qty else parent
    if isinstance(past, ChildState):
        return put(state, with_child(parent, past))
    return put(state, replace(parent, closed={**parent.closed, fill.child_id: past}))


def _without(parent: ParentState, fill: Fill, child: ChildState | ClosedChild) -> ParentState:
    """Return the parent without a trade that was undone."""
    qty, leg = fill.qty_units, child.order.leg if isinstance(child, ChildState) else child.leg
    over = min(qty, parent.overfill)
    done = parent.status is ParentStatus.DONE
    lost = {**parent.abandoned, BUSTED: parent.abandoned.get(BUSTED, 0) + qty - over}
    return replace(
        parent,
        filled=parent.filled - qty,
        overfill=parent.overfill - over,
        unsent=parent.unsent + (0 if done else qty - over),
        abandoned=lost if done and qty > over else parent.abandoned,
        cash_units=parent.cash_units - fill.price_units * qty,
        fees_money=parent.fees_money - fill.fee_money,
        maker_units=parent.maker_units - maker(fill.liquidity, qty),
        would_units=parent.would_units - (qty if leg.endswith(f"/{WOULD}") else 0),
    )


def _busted(state: EngineState, record: i.Busted) -> EngineState:
    state = _bust(state, record.fill)
    return state if record.correction is None else _fill(state, record.correction, record.t_ns)


def _draw(abandoned: dict[str, int], qty: int) -> tuple[dict[str, int], int]:
    """Return what is left of the abandoned buckets after drawing ``qty``, and what they could not give."""
    left = dict(abandoned)
    for reason in sorted(left):
        take = min(qty, left[reason])
        left[reason] -= take
        qty -= take
    return {reason: count for reason, count in left.items() if count}, qty


def _settle(parent: ParentState, child: ChildState) -> ParentState:
    """Close a child that is full, or whose reported end has been reached by its fills."""
    if child.filled >= child.order.qty_units or (child.ended is None and not child.leaves):
        return close(parent, child, ChildStatus.FILLED)
    if child.ended is not None and child.filled >= child.cum_reported:
        return close(parent, child, child.ended)
    return parent


def _filled(state: EngineState, record: i.Filled) -> EngineState:
    return _fill(state, record.fill, record.t_ns)


def _end(state: EngineState, child_id: str, status: ChildStatus, cum_qty: int, t_ns: int) -> EngineState:
    """A child will not trade again; fills it reports but that we have not seen stay reserved until they come."""
    found = find(state, child_id)
    if found is None:
        return _foreign(state, child_id)
    parent, child = found
    if child is None:
        return replace(state, ignored=state.ignored + 1)
    short = min(cum_qty, child.order.qty_units) - child.filled
    if cum_qty < child.filled:  # less than it told us of: a trade was undone, or it is nonsense; no proof of an end
        return put(state, with_child(parent, doubt(child, t_ns)))
    missing = min(max(0, short), child.leaves)  # a total from before a trade was undone is more than can be missing
    parent = replace(parent, unsent=parent.unsent + child.leaves - missing)
    status_now = ChildStatus.IN_DOUBT if short > 0 else child.status
    child = replace(
        child, leaves=missing, ended=status, cum_reported=cum_qty, status=status_now, doubt_ns=t_ns if short > 0 else 0
    )
    return put(state, _settle(with_child(parent, child), child))


def _ended(state: EngineState, record: i.Ended) -> EngineState:
    return _end(state, record.child_id, record.status, record.cum_qty, record.t_ns)


def _cancel_rejected(state: EngineState, record: i.CancelRejected) -> EngineState:
    """Too late or unknown: no proof of anything, so the child is in doubt until the venue says what became of it."""
    found = find(state, record.child_id)
    if found is None:
        return _foreign(state, record.child_id)
    parent, child = found
    if child is None:
        return replace(state, ignored=state.ignored + 1)
    return put(state, with_child(parent, doubt(child, record.t_ns)))


def _send_failed(state: EngineState, record: i.SendFailed) -> EngineState:
    found = find(state, record.child_id)
    if found is None or found[1] is None:
        return state
    return put(state, with_child(found[0], doubt(found[1], record.t_ns)))


def _status(state: EngineState, status: OrderStatus, requested_ns: int, t_ns: int) -> EngineState:
    """Take over what the venue says of one child: fills first, then whether it lives."""
    for fill in status.busted:
        state = _bust(state, fill)
    for fill in status.fills:
        state = _fill(state, fill, t_ns)
    found = find(state, status.child_id)
    if found is None:
        return _foreign(state, status.child_id)
    parent, child = found
    if child is None or requested_ns < child.sent_ns:
        return state
    if not status.known:
        return put(state, with_child(parent, replace(child, not_found_ns=requested_ns)))
    if status.live:
        if child.status is not ChildStatus.IN_DOUBT or child.ended is not None:
            return state
        alive = replace(child, status=ChildStatus.WORKING, acked_ns=child.acked_ns or t_ns, doubt_ns=0, not_found_ns=0)
        return put(state, with_child(parent, alive))
    over = status.status if status.status.terminal else ChildStatus.CANCELED
    return _end(state, status.child_id, over, status.cum_qty, t_ns)


def _status_reported(state: EngineState, record: i.StatusReported) -> EngineState:
    return _status(state, record.status, record.requested_ns, record.t_ns)


def _open_orders(state: EngineState, record: i.OpenOrdersReported) -> EngineState:
    """A snapshot: those in it live; absence completes the proof for a child not found before it was requested."""
    present = {status.child_id for status in record.statuses}
    for status in record.statuses:
        state = _status(state, status, record.requested_ns, record.t_ns)
    for parent_id in list(state.parents):
        for child_id, child in list(state.parents[parent_id].live.items()):
            proven = 0 < child.not_found_ns <= record.requested_ns and child_id not in present
            if proven and child.status is ChildStatus.IN_DOUBT and child.filled == 0:
                state = put(state, close(state.parents[parent_id], child, ChildStatus.REJECTED))
    return state


def _operator(state: EngineState, record: i.OperatorCommand) -> EngineState:
    """Note the command under its key; one that comes again, or clashes with an earlier one, changes nothing."""
    if record.key in state.keys:
        return replace(state, ignored=state.ignored + (state.keys[record.key].body == record.body_hash))
    return replace(state, keys={**state.keys, record.key: CommandNote(body=record.body_hash)})


def _restarted(state: EngineState, record: i.Restarted) -> EngineState:
    """After a restart nothing is known of what was possibly sent."""
    if record.epoch <= state.epoch:
        raise InvariantBroken("I22", f"epoch {record.epoch} after {state.epoch}")
    state = replace(state, epoch=record.epoch)
    for parent in list(state.parents.values()):
        if parent.live:
            live = {
                key: replace(doubt(child, record.t_ns), asked_ns=0, not_found_ns=0)
                for key, child in parent.live.items()
            }
            state = put(state, replace(parent, live=live))
    return state


INPUTS: dict[type, Callable[[EngineState, Any], EngineState]] = {
    i.OrderReceived: _nothing,
    i.Woken: _woken,
    i.Acked: _acked,
    i.Rejected: _rejected,
    i.Filled: _filled,
    i.Busted: _busted,
    i.Ended: _ended,
    i.CancelRejected: _cancel_rejected,
    i.SendFailed: _send_failed,
    i.StatusReported: _status_reported,
    i.OpenOrdersReported: _open_orders,
    i.OperatorCommand: _operator,
    i.Restarted: _restarted,
    i.MarketClosed: _nothing,
}
