"""What to ask a venue about children whose state is not known, and when (I9, F1-F3, F9).

Absence is proven in this order: not found by id when asked after the venue's horizon, then absent from a snapshot of
open orders requested after that, and no fill of it seen. Nothing shorter frees the child's quantity.
"""

from __future__ import annotations

from nowake.core.child import ChildStatus
from nowake.core.decisions import Alerted, OpenOrdersRequested, QueryRequested
from nowake.engine.draft import Draft
from nowake.engine.state import ChildState


def due_ns(child: ChildState, draft: Draft) -> int:
    """Return when a child should next be asked about; a time in the past means now; 0 = no need."""
    timing = draft.env.timing
    if child.status is ChildStatus.IN_FLIGHT:
        return child.sent_ns + timing.answer_ns
    if child.status is ChildStatus.PENDING_CANCEL:
        return child.asked_ns + timing.answer_ns
    if child.status is ChildStatus.IN_DOUBT:
        # A slow disk or a stopped process can hold a create back after its intent: what we do not know to have arrived
        # left when the doubt about it began, at the latest, and the venue's horizon runs from there.
        left_ns = child.sent_ns if child.acked_ns else max(child.sent_ns, child.doubt_ns)
        earliest = left_ns + timing.horizon_ns
        if child.asked_ns == 0 or 0 < child.not_found_ns == child.asked_ns:
            return earliest
        return max(earliest, child.asked_ns + timing.requery_ns)
    return 0


def ask(draft: Draft, parent_id: str) -> None:
    """Ask about every child that is due, and wake again when the next one is."""
    now = draft.now_ns
    snapshot = False
    for child_id, child in draft.parent(parent_id).live.items():
        due = due_ns(child, draft)
        if not due:
            continue
        if due > now:
            draft.wake(due)
            continue
        if child.status is ChildStatus.IN_DOUBT and child.not_found_ns:
            snapshot = True
        else:
            draft.emit(QueryRequested(child_id=child_id, reason=f"{child.status.value} without an answer"))
            draft.wake(now + draft.env.timing.requery_ns)
        late = now - child.doubt_ns if child.doubt_ns else 0
        if draft.env.timing.alarm_ns <= late < draft.env.timing.alarm_ns + draft.env.timing.requery_ns:
            draft.emit(Alerted(code="doubt", text=f"{child_id} in doubt for {late // 10**9} s", parent_id=parent_id))
    if snapshot:
        listing = draft.parent(parent_id).order.listing
        draft.emit(OpenOrdersRequested(listing=listing, reason="to prove absence"))
        draft.wake(now + draft.env.timing.requery_ns)
