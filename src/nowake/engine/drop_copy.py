"""The drop copy: ask the venue again what it filled, though nothing seems wrong (F6, control 22).

A fill whose report is lost on a healthy stream leaves no trace: the child rests on, or is whole and never looked at
again. So a shell asks about every child that works, round after round, and once more about each one after its end.
An answer that tells nothing new is dropped before it reaches the engine: a run in which nothing is lost has the same
journal with a drop copy and without. One that does is an input like any other answer; the engine applies what it had
not heard and calls for a person.
"""

from __future__ import annotations

from nowake.core.child import ChildStatus
from nowake.core.errors import VenueUnavailable
from nowake.core.inputs import AnyInput, StatusReported
from nowake.core.ports import Venue
from nowake.core.units import NS_PER_SECOND
from nowake.engine.ledger import find
from nowake.engine.state import EngineState

MOST = 50
"""So many questions a round: a venue counts them."""

HEARD = (ChildStatus.WORKING, ChildStatus.PENDING_CANCEL)
"""Children whose life is not in question: of the others the engine asks by itself."""


class DropCopy:
    """Asks in rounds, and tells which answers are news. Belongs to a shell; nothing of it is state of the engine.

    Args:
        every_ns: From one round to the next.
        retry_ns: The same when only children that are over are left to ask about.
        settle_ns: A child that is over is asked about until this long after the first time.
    """

    def __init__(
        self, every_ns: int = 30 * NS_PER_SECOND, retry_ns: int = 5 * NS_PER_SECOND, settle_ns: int = 0
    ) -> None:
        self._every_ns, self._retry_ns, self._settle_ns = every_ns, retry_ns, settle_ns
        self._over_ns: dict[str, int] = {}
        self.next_ns = 0
        """When the next round is due."""
        self._asked: dict[str, tuple[int, bool]] = {}
        self._settled: set[str] = set()

    def unsettled(self, state: EngineState) -> list[str]:
        """Return the children that are over and of which the venue has not said so since."""
        return [key for parent in state.parents.values() for key in parent.closed if key not in self._settled]

    def ask(self, state: EngineState, venue: Venue, now_ns: int) -> None:
        """Ask about what is to be asked about, where a round is due; what does not get through is for the next one."""
        if now_ns < self.next_ns:
            return
        self.next_ns = now_ns + (self._every_ns if state.active() else self._retry_ns)
        over = self.unsettled(state)
        working = [
            key for parent in state.parents.values() for key, child in parent.live.items() if child.status in HEARD
        ]
        for child_id in (working + over)[:MOST]:
            try:
                venue.query(child_id, now_ns)
            except VenueUnavailable:
                return
            self._asked[child_id] = now_ns, child_id not in working
            if child_id not in working:
                self._over_ns.setdefault(child_id, now_ns)

    def is_news(self, event: AnyInput, state: EngineState) -> bool:
        """Return whether an input is for the engine: anything but the answer to a question of ours that it knows."""
        if not isinstance(event, StatusReported):
            return True
        status = event.status
        asked_ns, was_over = self._asked.get(status.child_id, (0, False))
        found = find(state, status.child_id)
        if asked_ns != event.requested_ns or found is None:
            return True
        parent, child = found
        if child is not None and child.status not in HEARD:
            return True  # the engine may have asked at the same instant, and waits for this
        if child is None and was_over and asked_ns >= self._over_ns[status.child_id] + self._settle_ns:
            self._settled.add(status.child_id)
        past = parent.closed[status.child_id] if child is None else child
        known = {key.trade_id: key.qty_units for key in past.fills}
        ended = child is not None and status.known and not status.live
        undone = any(known.get(fill.trade_id) for fill in status.busted)
        return ended or undone or any(fill.trade_id not in known for fill in status.fills)
