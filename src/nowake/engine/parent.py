"""Manage one parent: after any input that concerns it, make what stands at the venue agree with what is wanted.

``manage`` looks only at the state and the view, so a message that comes twice, late or after a restart leads to the
same place; a clock that jumps neither skips nor repeats a slice.
"""

from __future__ import annotations

from fractions import Fraction

from nowake.core import ids
from nowake.core.child import POST, WOULD, ChildOrder, ChildStatus, OrderType, TimeInForce
from nowake.core.decisions import (
    Abandoned,
    Alerted,
    CancelRequested,
    ChildSubmitted,
    ParentStatus,
    StatusChanged,
    Withheld,
)
from nowake.core.order import EndBehaviour, Side
from nowake.core.units import round_price
from nowake.core.value import replace
from nowake.core.view import View, WatchKind
from nowake.engine.amend import withdraw_broken
from nowake.engine.believe import adv_units
from nowake.engine.correct import correct
from nowake.engine.draft import Draft
from nowake.engine.following import under_band
from nowake.engine.gate import Candidate, judge
from nowake.engine.pacing import allowance, crowded_ns, others_needed
from nowake.engine.rate import piece_units, set_rate, watch_volume
from nowake.engine.reconcile import ask
from nowake.engine.reroute import reroute
from nowake.engine.schedule import Want, end_behaviour, want
from nowake.engine.sizing import cap_binds, pass_cap, sized
from nowake.engine.state import ChildState, ParentState
from nowake.engine.tactics import TACTICS, Intent, Situation
from nowake.engine.tactics.base import WAIT

LIVE_ORDER = (ChildStatus.IN_FLIGHT, ChildStatus.WORKING)
PACED_PARTS = 60
"""Crossings at the cap are no farther apart than this part of the window: a short order would end before the next."""


def manage(draft: Draft, parent_id: str) -> None:
    """Decide all there is to decide for one parent now."""
    if draft.parent(parent_id).status is ParentStatus.DONE:
        return
    ask(draft, parent_id)
    _alarms(draft, parent_id)
    _end_of_window(draft, parent_id)
    status = draft.parent(parent_id).status
    if status is ParentStatus.RUNNING:
        withdraw_broken(draft, parent_id)
        _work(draft, parent_id)
    else:
        _retreat(draft, parent_id, status.value)
    _finish(draft, parent_id)
    draft.arm(parent_id)


def _alarms(draft: Draft, parent_id: str) -> None:
    parent = draft.parent(parent_id)
    if parent.overfill and parent.status not in (ParentStatus.HALTED, ParentStatus.ENDING):
        text = f"the venue filled {parent.overfill} more than the order"
        draft.emit(Alerted(code="overfill", text=text, parent_id=parent_id))
        draft.emit(StatusChanged(parent_id=parent_id, status=ParentStatus.HALTED, reason=text))
    elif parent.status is ParentStatus.RUNNING and parent.rejects >= draft.env.limits.rejects_in_a_row:
        _pause(draft, parent_id, "rejects", f"{parent.rejects} rejects in a row")


def _pause(draft: Draft, parent_id: str, code: str, text: str) -> None:
    """Stop until a person resumes the order (14), and cancel what works."""
    draft.emit(Alerted(code=code, text=text, parent_id=parent_id))
    draft.emit(StatusChanged(parent_id=parent_id, status=ParentStatus.PAUSED, reason=text))
    _retreat(draft, parent_id, ParentStatus.PAUSED.value)


def _end_of_window(draft: Draft, parent_id: str) -> None:
    """End the order when its window is over, unless it is to run on."""
    parent = draft.parent(parent_id)
    if parent.status not in (ParentStatus.RUNNING, ParentStatus.PAUSED):
        return
    window_ns = parent.order.end_ns - parent.order.start_ns
    end_ns = parent.order.end_ns - min(draft.env.timing.last_moment_ns, window_ns // 10)
    if draft.now_ns < end_ns:
        draft.wake(end_ns)
    elif end_behaviour(parent) is not EndBehaviour.RUN_ON:
        paused = parent.status is ParentStatus.PAUSED
        if not paused:
            _say_what_the_cap_left(draft, parent_id)
        reason = "the window ended while the order was paused" if paused else "end of window"
        draft.emit(StatusChanged(parent_id=parent_id, status=ParentStatus.ENDING, reason=reason))


def _say_what_the_cap_left(draft: Draft, parent_id: str) -> None:
    """Record that the participation cap keeps the rest, where nothing else does: children were sent, each cut by it."""
    parent, view = draft.parent(parent_id), draft.view
    wanted = want(parent, draft.now_ns)
    held = parent.held_back[0] not in ("", "participation") and not (parent.rate_ppm and wanted.qty_units == 0)
    if view is None or not view.tradable or held or wanted.position < 0 or pass_cap(parent, wanted):
        return
    if parent.rate_ppm and not wanted.last:
        text = f"others printed {parent.followed}, of which the rate {parent.rate_ppm / 1e6:.4g} gives no more"
        _hold(draft, parent_id, wanted, parent.unsent, "volume", text)
        return
    least = draft.env.listing(parent.order.listing).min_order_units(view.mid2 // 2)
    allowed = allowance(parent, draft.env.limits, view, least)
    if allowed.qty_units < parent.unsent:
        _hold(draft, parent_id, wanted, parent.unsent, "participation", allowed.detail)


def _retreat(draft: Draft, parent_id: str, reason: str) -> None:
    """Cancel whatever works; nothing new is sent."""
    for child_id, child in draft.parent(parent_id).live.items():
        if child.status is ChildStatus.WORKING:
            draft.emit(CancelRequested(child_id=child_id, reason=reason))
            draft.wake(draft.now_ns + draft.env.timing.answer_ns)


def residual_reason(parent: ParentState) -> str:
    """Return why what is left was not traded: what ended the order, or what last held the schedule back."""
    control, detail = parent.held_back
    if parent.ending and parent.ending != "end of window":
        stuck = parent.withheld[0] >= 0 and control == "repeat"
        return f"{parent.ending} after {control}: {detail}" if stuck else parent.ending
    too_little = "the market offered too little at the prices allowed"
    if not control:
        return f"end of window: {too_little}"
    if parent.order.parameters.must_complete and parent.withheld[0] < 0:
        return f"end of window: {control} held it back until the last tenth of the window, then {too_little}"
    return f"{control}: {detail}" if detail else control


def _finish(draft: Draft, parent_id: str) -> None:
    """Abandon what is unsent of an ending order, and be done when nothing is live or unsent."""
    parent = draft.parent(parent_id)
    if parent.live:
        return
    if parent.status is ParentStatus.ENDING and parent.unsent:
        draft.emit(Abandoned(parent_id=parent_id, qty_units=parent.unsent, reason=residual_reason(parent)))
    parent = draft.parent(parent_id)
    over = parent.status in (ParentStatus.RUNNING, ParentStatus.ENDING)
    if over and not parent.unsent:
        done = "filled" if not parent.abandoned else "ended with a residual"
        draft.emit(StatusChanged(parent_id=parent_id, status=ParentStatus.DONE, reason=done))


# -- a running order ------------------------------------------------------------------------------------------------


def _work(draft: Draft, parent_id: str) -> None:
    """Compare what should stand at the venue with what does; cancel what differs, send what is missing."""
    parent, view = draft.parent(parent_id), draft.view
    if view is None:
        draft.wake(draft.now_ns + 1)
        return
    if view.tradable:
        reroute(draft, parent_id, view)
        parent = draft.parent(parent_id)
    if parent.plan.follows:
        set_rate(draft, parent_id)
        parent = draft.parent(parent_id)
    if view.tradable:
        correct(draft, parent_id, view)
        parent = draft.parent(parent_id)
    wanted = want(parent, view.t_ns)
    if wanted.next_ns:
        draft.wake(wanted.next_ns)
    if wanted.position < 0:
        _make_room(draft, parent_id)  # an amended plan may begin later than what still rests
        return
    if not view.tradable:
        _withhold(draft, parent_id, wanted, wanted.qty_units, "market", f"the market is {view.integrity!s}")
        draft.watch(parent_id, "integrity", WatchKind.INTEGRITY, int(view.integrity))
        return
    draft.wake(view.t_ns + draft.env.timing.sample_ns)
    _i_would(draft, parent_id, wanted)
    parent = draft.parent(parent_id)
    if parent.status is not ParentStatus.RUNNING:
        return  # a control that pauses the order found something
    if draft.decisions:
        wanted = want(parent, view.t_ns)
    if not (wanted.qty_units or parent.live or parent.rate_ppm):
        return  # nothing is wanted before the next slice, and nothing rests
    intent = TACTICS[parent.plan.slices[wanted.position].tactic](_situation(draft, parent, view, wanted))
    if intent.changes_ns > view.t_ns:
        draft.wake(intent.changes_ns)
    if not pass_cap(parent, wanted):
        _make_room(draft, parent_id)
    _cancel_what_differs(draft, parent_id, intent)
    _grow(draft, parent_id, wanted, intent)
    if intent.role == WAIT:
        _withhold(draft, parent_id, wanted, wanted.qty_units, intent.blocked, intent.reason)
        draft.wake(draft.now_ns + 10 * draft.env.timing.retry_ns)
        _watch_far(draft, parent_id, view)
    elif wanted.qty_units >= piece_units(parent, wanted, draft.env.listing(parent.order.listing), view):
        _send(draft, parent_id, wanted, intent)
    if intent.blocked and intent.role != WAIT:
        _withhold(draft, parent_id, wanted, draft.parent(parent_id).reserved, intent.blocked, intent.reason)
    _watch_touch(draft, parent_id, intent)
    if parent.rate_ppm:
        watch_volume(draft, parent_id)


def _i_would(draft: Draft, parent_id: str, wanted: Want) -> None:
    """Take up to the I-would fraction at once where the far touch is at the I-would price or better."""
    parent, view = draft.parent(parent_id), draft.view
    price, fraction = parent.order.parameters.i_would_units, parent.order.parameters.i_would_fraction
    if price is None or fraction is None or view is None:
        return
    live = sum(child.leaves for child in parent.live.values() if child.order.role == WOULD)
    part = int(Fraction(repr(fraction)) * parent.order.qty_units)
    left = min(part - parent.would_units - live, parent.unsent)
    if left <= 0:
        return
    buys = parent.order.side is Side.BUY
    far = view.ask_units if buys else view.bid_units
    if (price - far) * parent.order.side < 0:
        draft.watch(parent_id, "would", WatchKind.ASK_AT_MOST if buys else WatchKind.BID_AT_LEAST, price)
        return
    listing, limit = draft.env.listing(parent.order.listing), parent.order.parameters.limit_units
    # No deeper than a crossing goes; an amended limit may be the tighter one.
    reach = int(view.mid2 * (1 + parent.order.side * draft.env.limits.collar_aggressive / 4) / 2)
    price = parent.order.side * min(parent.order.side * one for one in (price, reach, limit) if one is not None)
    intent = Intent(
        role=WOULD,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.IOC,
        price_units=round_price(price, listing.tick_units(price), int(parent.order.side)),
        reason=f"the far touch {far} is at the I-would price or better",
        min_units=min(parent.order.parameters.min_fill_units or 0, parent.unsent),
    )
    _send(draft, parent_id, replace(wanted, qty_units=left, last=False), intent)


def _situation(draft: Draft, parent: ParentState, view: View, wanted: Want) -> Situation:
    one = parent.plan.slices[wanted.position]
    late = pass_cap(parent, wanted) and wanted.qty_units > wanted.slice_units
    return Situation(
        side=parent.order.side,
        listing=draft.env.listing(parent.order.listing),
        view=view,
        qty_units=max(1, wanted.qty_units),
        release_ns=one.release_ns,
        end_ns=one.end_ns,
        last=wanted.last,
        drops_rest=end_behaviour(parent) is EndBehaviour.CANCEL,
        must=pass_cap(parent, wanted),
        urgency=1.0 if late else parent.order.parameters.urgency,
        limit_units=parent.order.parameters.limit_units,
        collar=draft.env.limits.collar_aggressive / 4,
        min_fill_units=min(parent.order.parameters.min_fill_units or 0, parent.unsent),
        discretion_units=parent.order.parameters.discretion_units,
        behind=parent.rate_ppm > 0 and under_band(parent),
    )


def _cancel_what_differs(draft: Draft, parent_id: str, intent: Intent) -> None:
    """Cancel working children of another role, and posted ones that the touch has left behind long enough."""
    timing, listing = draft.env.timing, draft.env.listing(draft.parent(parent_id).order.listing)
    for child_id, child in draft.parent(parent_id).live.items():
        if child.status is not ChildStatus.WORKING or child.order.role == WOULD:
            continue
        least = listing.min_order_units(child.order.price_units)
        if child.leaves + draft.parent(parent_id).unsent < least:
            continue  # too little to send again: where it rests is its only chance
        if child.order.role != intent.role:
            draft.emit(CancelRequested(child_id=child_id, reason=f"gives way: {intent.said(draft.now_ns)}"))
        elif _behind(child, intent):
            rested_ns = child.sent_ns + timing.chase_ns
            if draft.now_ns < rested_ns:
                draft.wake(rested_ns)
                continue
            reason = f"chases the touch from {child.order.price_units} to {intent.price_units}"
            draft.emit(CancelRequested(child_id=child_id, reason=reason))
        else:
            continue
        if draft.parent(parent_id).live[child_id].status is ChildStatus.PENDING_CANCEL:
            draft.wake(draft.now_ns + timing.answer_ns)


def _grow(draft: Draft, parent_id: str, wanted: Want, intent: Intent) -> None:
    """Cancel a resting child that is far smaller than what may stand there now: the cap let no more through before."""
    parent, timing = draft.parent(parent_id), draft.env.timing
    for child_id, child in parent.live.items():
        if child.status is not ChildStatus.WORKING or child.order.role != POST or intent.role != POST:
            continue
        if max(wanted.qty_units, parent.unsent if wanted.last else 0) < timing.grow * child.leaves:
            continue  # whatever its size may be
        more = sized(draft, parent, wanted, intent)
        if more < timing.grow * child.leaves or more <= (parent.order.parameters.display_units or 0):
            continue
        if draft.now_ns < child.sent_ns + timing.chase_ns:
            draft.wake(child.sent_ns + timing.chase_ns)
            continue
        draft.emit(CancelRequested(child_id=child_id, reason=f"gives way to a larger one: {more} more may be sent"))
        draft.wake(draft.now_ns + timing.answer_ns)


def _make_room(draft: Draft, parent_id: str) -> None:
    """Cancel resting children that the rolling participation rule has no room for any more, when that comes."""
    parent, view = draft.parent(parent_id), draft.view
    assert view is not None
    working = {key: child for key, child in parent.live.items() if child.status is ChildStatus.WORKING}
    if not working:
        return
    price = max(child.order.price_units for child in working.values())
    least = draft.env.listing(parent.order.listing).min_order_units(price)
    when_ns = crowded_ns(parent, draft.env.limits, view, least, draft.wakes_ns)
    if when_ns > view.t_ns:
        draft.wake(when_ns)
    elif when_ns:
        for child_id in working:
            draft.emit(CancelRequested(child_id=child_id, reason="makes room: volume has left the rolling window"))
        draft.wake(draft.now_ns + draft.env.timing.answer_ns)


def _behind(child: ChildState, intent: Intent) -> bool:
    """Return whether the intended price is better for the market than the child's: the touch moved away from it."""
    return (intent.price_units - child.order.price_units) * int(child.order.side) > 0


def _watch_touch(draft: Draft, parent_id: str, intent: Intent) -> None:
    """Wake when the touch leaves a posted order behind, or when it comes within the limit of a blocked one."""
    parent = draft.parent(parent_id)
    buy = parent.order.side is Side.BUY
    resting = [c.order.price_units for c in parent.live.values() if c.status in LIVE_ORDER and c.order.role == POST]
    limit = parent.order.parameters.limit_units
    if resting and (limit is None or any(price != limit for price in resting)):
        worst = min(resting) if buy else max(resting)
        if buy:
            draft.watch(parent_id, "touch", WatchKind.BID_AT_LEAST, worst + 1)
        else:
            draft.watch(parent_id, "touch", WatchKind.ASK_AT_MOST, worst - 1)
    reach = parent.order.parameters.discretion_units
    if reach is not None and intent.role == POST:
        if buy:
            draft.watch(parent_id, "discretion", WatchKind.ASK_AT_MOST, intent.price_units + reach)
        else:
            draft.watch(parent_id, "discretion", WatchKind.BID_AT_LEAST, intent.price_units - reach)
    if intent.blocked and limit is not None:
        if buy:
            draft.watch(parent_id, "limit", WatchKind.ASK_AT_MOST, limit)
        else:
            draft.watch(parent_id, "limit", WatchKind.BID_AT_LEAST, limit)


def _watch_far(draft: Draft, parent_id: str, view: View) -> None:
    """Wake when the far touch moves."""
    if draft.parent(parent_id).order.side is Side.BUY:
        draft.watch(parent_id, "far", WatchKind.ASK_NOT, view.ask_units)
    else:
        draft.watch(parent_id, "far", WatchKind.BID_NOT, view.bid_units)


def _send(draft: Draft, parent_id: str, wanted: Want, intent: Intent) -> None:
    """Send one child toward what is wanted, as large as size, pacing and the gate allow; else say why not."""
    parent = draft.parent(parent_id)
    timing, listing = draft.env.timing, draft.env.listing(parent.order.listing)
    taking = intent.takes
    newest_ns = parent.last_take_ns if taking else parent.last_post_ns
    shown_ns = parent.order.parameters.display_refresh_ns or 0
    ready_ns = newest_ns + max(intent.pause_ns, timing.retry_ns if taking else timing.post_ns)
    if parent.plan.slices[wanted.position].release_ns > newest_ns:
        ready_ns = 0  # a new slice does not wait for what an earlier one did
    if not taking and newest_ns:
        ready_ns = max(ready_ns, newest_ns + shown_ns)
    if draft.now_ns < ready_ns:
        draft.wake(ready_ns)
        return
    # An order that follows the prints has one intent, not one a slice: its slices only show what is expected.
    leg_slice = parent.plan.slices[0 if parent.plan.follows else wanted.position]
    leg = ids.leg_id(leg_slice.index, listing.venue, intent.role)
    if parent.leg_live(leg):
        return
    qty = sized(draft, parent, wanted, intent)
    if qty <= 0:
        _too_small(draft, parent_id, wanted, intent)
        return
    paced_ns = parent.last_take_ns + min(timing.paced_ns, (parent.order.end_ns - parent.order.start_ns) // PACED_PARTS)
    if taking and parent.last_take_ns and draft.now_ns < paced_ns and cap_binds(draft, parent, wanted, qty, intent):
        draft.wake(paced_ns)  # what the cap frees is taken in fewer, larger children
        return
    child = ChildOrder(
        child_id=ids.child_id(parent_id, leg, parent.attempts.get(leg, 0)),
        parent_id=parent_id,
        leg=leg,
        attempt=parent.attempts.get(leg, 0),
        listing=parent.order.listing,
        side=parent.order.side,
        order_type=intent.order_type,
        tif=intent.tif,
        price_units=intent.price_units,
        qty_units=qty,
        role=intent.role,
        min_qty_units=min(intent.min_units, qty),
    )
    _through_the_gate(draft, parent_id, wanted, intent, child)


def _too_small(draft: Draft, parent_id: str, wanted: Want, intent: Intent) -> None:
    """Say why nothing can be sent, and look again when it could."""
    parent, view = draft.parent(parent_id), draft.view
    assert view is not None
    listing = draft.env.listing(parent.order.listing)
    least = listing.min_order_units(intent.price_units)
    if wanted.qty_units < least:
        detail = f"{wanted.qty_units} left, the venue's minimum order is {least}"
        _withhold(draft, parent_id, wanted, wanted.qty_units, "minimum", detail)
        return
    allowed = allowance(parent, draft.env.limits, view, least)
    if allowed.qty_units >= wanted.qty_units:
        return  # all that may be shown rests already, or the rest is too small for the smallest fill
    _withhold(draft, parent_id, wanted, wanted.qty_units, "participation", allowed.detail)
    needed = others_needed(allowed.own_units + least, parent.order.parameters.participation_max)
    if allowed.binding == "cap" and needed > allowed.others_units:
        draft.watch(parent_id, "volume", WatchKind.VOLUME, view.volume_all + needed - allowed.others_units)
    else:
        draft.wake(draft.now_ns + 5 * draft.env.timing.retry_ns)


def _through_the_gate(draft: Draft, parent_id: str, wanted: Want, intent: Intent, child: ChildOrder) -> None:
    parent, view = draft.parent(parent_id), draft.view
    assert view is not None
    listing = draft.env.listing(child.listing)
    candidate = Candidate(
        child=child,
        parent=parent,
        state=draft.state,
        limits=draft.env.limits,
        listing=listing,
        session=draft.env.session(listing.session),
        view=view,
        slice_units=wanted.slice_units,
        pass_cap=pass_cap(parent, wanted),
        adv_units=adv_units(draft.env, child.listing),
    )
    verdicts = judge(candidate)
    refused = [one for one in verdicts if not one.passed]
    if refused:
        # What the tactic waits for is the cause, not that its waiting place is far from the market.
        said = (intent.blocked, intent.reason) if intent.blocked else (refused[0].control, refused[0].detail)
        _withhold(draft, parent_id, wanted, child.qty_units, *said)
        if refused[0].control == "repeat":
            _pause(draft, parent_id, "repeat", refused[0].detail)
            return
        patience = 1 if refused[0].control == "rate" else 10
        draft.wake(draft.now_ns + patience * draft.env.timing.retry_ns)
        return
    draft.emit(
        ChildSubmitted(
            child=child,
            slice_index=parent.plan.slices[wanted.position].index,
            plan_revision=parent.plan.revision,
            tactic=parent.plan.slices[wanted.position].tactic,
            reason=intent.said(view.t_ns),
            gate=verdicts,
        )
    )
    draft.wake(draft.now_ns + draft.env.timing.answer_ns)


def _withhold(draft: Draft, parent_id: str, wanted: Want, qty: int, control: str, detail: str) -> None:
    """Record once per slice and control why something wanted was not sent."""
    parent = draft.parent(parent_id)
    index, said = parent.withheld
    if qty > 0 and not (index == parent.plan.slices[wanted.position].index and control in said):
        _hold(draft, parent_id, wanted, qty, control, detail)


def _hold(draft: Draft, parent_id: str, wanted: Want, qty: int, control: str, detail: str) -> None:
    """Record why something wanted was not sent, with its present numbers."""
    index = draft.parent(parent_id).plan.slices[wanted.position].index
    draft.emit(Withheld(parent_id=parent_id, slice_index=index, qty_units=qty, control=control, detail=detail))
