"""``step(state, env, input) -> (state, decisions)``: apply the input, decide, apply the decisions.

Pure: no clock, no I/O, no randomness that is not a function of ids. Deciding again over a journal's inputs gives the
same decisions under the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from operator import attrgetter
from typing import Any

from nowake.core import inputs as i
from nowake.core.child import ChildStatus
from nowake.core.decisions import (
    Alerted,
    AnyDecision,
    OrderAdmitted,
    OrderRefused,
    ParentStatus,
    StatusChanged,
    TimerCleared,
    WatchCleared,
)
from nowake.core.errors import InputError, Refused
from nowake.core.inputs import AnyInput, child_of
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.units import round_price
from nowake.core.value import replace
from nowake.core.view import View
from nowake.engine.apply import apply
from nowake.engine.believe import beliefs_for
from nowake.engine.draft import Draft
from nowake.engine.env import Env
from nowake.engine.ledger import find
from nowake.engine.operate import operate
from nowake.engine.parent import manage
from nowake.engine.plans import Routed, route
from nowake.engine.state import EngineState
from nowake.plan.planner import Progress
from nowake.plan.strategies import end_behaviour


def step(state: EngineState, env: Env, event: AnyInput) -> tuple[EngineState, tuple[AnyDecision, ...]]:
    """Return the state after an input and its decisions, and the decisions.

    A wake that decides nothing is neither applied nor returned: the state is the one given.
    """
    draft = Draft(apply(state, event), env, getattr(event, "view", None))
    for first in _FIRST.get(type(event), ()):
        first(draft, state, event)
    seen = draft.view
    for parent_id in _concerned(draft.state, event):
        # A view is of one listing: a parent on another one is woken again with its own.
        own = seen is not None and seen.listing == draft.parent(parent_id).order.listing
        draft.view = seen if own else None
        _say_late_overfill(draft, state, parent_id)
        manage(draft, parent_id)
    if isinstance(event, i.Woken) and not draft.decisions:
        _clear(draft, state, event)
        if not draft.decisions:
            return state, ()
    return draft.state, tuple(draft.decisions)


def _say_busted(draft: Draft, before: EngineState, event: i.Busted) -> None:
    """Call for a person where the venue undid a trade (F13)."""
    parent_id = before.find_child(event.fill.child_id)
    if parent_id is None:
        return
    was, now = before.parents[parent_id], draft.parent(parent_id)
    if was.filled != now.filled or event.correction is not None:
        what = f"trade {event.fill.trade_id} of {event.fill.qty_units} at {event.fill.price_units} was undone"
        text = f"{what}: filled {was.filled} before, {now.filled} now"
        draft.emit(Alerted(code="bust", text=text, parent_id=parent_id))


def _say_unheard(draft: Draft, before: EngineState, event: i.StatusReported) -> None:
    """Call for a person where a child that nobody doubted was filled more than the reports told (F6, 22)."""
    found = find(before, event.status.child_id)
    if found is None:
        return
    parent, child = found
    if child is not None and child.status is ChildStatus.IN_DOUBT:
        return  # that is why it was asked about
    past = parent.closed[event.status.child_id] if child is None else child
    known = {key.trade_id for key in past.fills}
    qty = sum(fill.qty_units for fill in event.status.fills if fill.trade_id not in known)
    if qty:
        text = f"the venue filled {qty} of {event.status.child_id} that no report had told of"
        draft.emit(Alerted(code="drop-copy", text=text, parent_id=parent.order.parent_id))


def _say_contradicted(draft: Draft, before: EngineState, event: AnyInput) -> None:
    """Call for a person where a report denied what earlier ones had said: neither is believed (F21)."""
    child_id = child_of(event)
    was, now = find(before, child_id), find(draft.state, child_id)
    if was is None or was[1] is None or now is None:
        return
    parent, child = now
    doubted = child is not None and child.status is ChildStatus.IN_DOUBT and child.ended is None
    if doubted and was[1].status is not ChildStatus.IN_DOUBT:
        text = f"a report about {child_id} contradicts earlier ones, so neither is believed and the venue is asked"
        draft.emit(Alerted(code="contradiction", text=text, parent_id=parent.order.parent_id))


def _say_late_overfill(draft: Draft, before: EngineState, parent_id: str) -> None:
    """Call for a person where the venue filled more of an order that is done; one that is not halts for it."""
    parent, was = draft.parent(parent_id), before.parents.get(parent_id)
    if was is not None and was.status is ParentStatus.DONE and parent.overfill > was.overfill:
        text = f"the venue filled {parent.overfill} more than the order, which was done"
        draft.emit(Alerted(code="overfill", text=text, parent_id=parent_id))


def _clear(draft: Draft, before: EngineState, event: i.Woken) -> None:
    """Disarm what woke us for nothing, so that it cannot wake us for ever."""
    parent = before.parents[event.parent_id]
    for one in event.fired:
        if one in parent.timers:
            draft.emit(TimerCleared(timer_id=one, parent_id=event.parent_id))
        elif one in parent.watches:
            draft.emit(WatchCleared(watch_id=one, parent_id=event.parent_id))


def _concerned(state: EngineState, event: AnyInput) -> tuple[str, ...]:
    """Return the parents that an input concerns, in a fixed order."""
    if type(event) in _OF_ALL:
        return tuple(state.parents)
    parent_of = _PARENT.get(type(event))
    found = parent_of(event) if parent_of is not None else state.find_child(child_of(event))
    return (found,) if found in state.parents else ()


def _admit(draft: Draft, _: EngineState, event: i.OrderReceived) -> None:
    """Plan the order and take it on, or refuse it with the reason and the remedy. Nothing is sent before that."""
    order = event.order
    try:
        if order.parent_id in draft.state.parents or order.parent_id in draft.state.refused:
            raise Refused(f"order id {order.parent_id} was used before in this journal", "give the order another id")
        order = with_defaults(order, event.view, draft.env.listing(order.listing))
        first = first_route(order, event.view, draft.env)
    except InputError as error:
        draft.emit(OrderRefused(parent_id=order.parent_id, reason=error.reason, remedy=error.remedy))
        return
    view = event.view
    base = view.volume_all - view.volume_own if view.t_ns >= order.start_ns else None
    draft.emit(OrderAdmitted(order=order, plan=first.plan, base_others=base))
    if first.chosen is not None:
        draft.emit(first.chosen)


def with_defaults(order: ParentOrder, view: View, listing: Listing) -> ParentOrder:
    """Return the order with its strategy's end behaviour where none was given, and its relative limit as a price.

    Raises:
        Refused: A relative limit, and no price to be relative to.
    """
    given = order.parameters
    limit, offset = given.limit_units, given.limit_offset_bps
    if offset is not None:
        if view.mid2 <= 0:
            raise Refused("a limit relative to the arrival mid, and there is no mid", "give a limit price")
        exact = Fraction(view.mid2, 2) * (1 + order.side * Fraction(repr(offset)) / 10_000)
        away = math.floor(exact * order.side) * order.side
        away = round_price(max(1, away), listing.tick_units(max(1, away)), int(order.side))
        limit = away if limit is None else order.side * min(order.side * limit, order.side * away)
    return replace(order, parameters=replace(given, end_behaviour=end_behaviour(order), limit_units=limit))


def first_route(order: ParentOrder, view: View, env: Env) -> Routed:
    """Return how an order starts: its strategy and plan, from what was seen when it arrived.

    Raises:
        InputError: The order cannot be worked as asked; says why and what fits.
    """
    env.limits.check_cap(order.parameters.participation_max)
    if order.listing not in env.limits.allowed or order.listing in env.limits.restricted:
        raise Refused(f"{order.listing} is not on the allow-list", "add it to the limits")
    return route(order, Progress.start(order), beliefs_for(order, view, env), env, view)


def _close_market(draft: Draft, _: EngineState, event: i.MarketClosed) -> None:
    """Nothing more will trade: end every parent of the listing."""
    for parent_id, parent in draft.state.parents.items():
        if parent.order.listing != event.view.listing or parent.status in (ParentStatus.DONE, ParentStatus.ENDING):
            continue
        draft.emit(StatusChanged(parent_id=parent_id, status=ParentStatus.ENDING, reason="market closed"))


_FIRST: dict[type, tuple[Callable[[Draft, EngineState, Any], None], ...]] = {
    i.OrderReceived: (_admit,),
    i.OperatorCommand: (operate,),
    i.MarketClosed: (_close_market,),
    i.Busted: (_say_busted,),
    i.StatusReported: (_say_unheard, _say_contradicted),
    i.Ended: (_say_contradicted,),
    i.Rejected: (_say_contradicted,),
}
"""What an input asks for by itself, before the parents that it concerns are looked at."""
_PARENT: dict[type, Callable[[Any], str]] = {
    i.OrderReceived: attrgetter("order.parent_id"),
    i.OperatorCommand: attrgetter("parent_id"),
    i.Woken: attrgetter("parent_id"),
}
_OF_ALL = (i.OpenOrdersReported, i.Restarted, i.MarketClosed)
