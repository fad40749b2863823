"""The working state of one decision: each decision is applied as it is made, so the next one sees it."""

from __future__ import annotations

from collections.abc import Callable

from nowake.core.decisions import AnyDecision, ParentStatus, TimerCleared, TimerSet, WatchCleared, WatchSet
from nowake.core.view import Timer, View, Watch, WatchKind
from nowake.engine.apply import apply
from nowake.engine.env import Env
from nowake.engine.state import EngineState, ParentState

NEXT = "next"
NEVER = 2**62
_HOLDS: dict[WatchKind, Callable[[int, View], bool]] = {
    WatchKind.BID_NOT: lambda a, view: view.bid_units != a,
    WatchKind.ASK_NOT: lambda a, view: view.ask_units != a,
    WatchKind.BID_AT_LEAST: lambda a, view: view.bid_units >= a,
    WatchKind.ASK_AT_MOST: lambda a, view: 0 < view.ask_units <= a,
    WatchKind.VOLUME: lambda a, view: view.volume_all >= a,
    WatchKind.QUEUE: lambda _, __: False,
    WatchKind.INTEGRITY: lambda a, view: int(view.integrity) != a,
}


def holds(kind: WatchKind, a: int, view: View) -> bool:
    """Return whether a watch would fire on this very view."""
    return _HOLDS[kind](a, view)


class Draft:
    """Collects the decisions of one step over a private copy of the state; the only mutable thing in ``decide``."""

    def __init__(self, state: EngineState, env: Env, view: View | None) -> None:
        self.state = state
        self.env = env
        self.view = view
        self.now_ns = state.t_ns
        self.decisions: list[AnyDecision] = []
        self._wake_ns = 0
        self._watches: dict[str, Watch] = {}

    @property
    def wakes_ns(self) -> int:
        """Return when the parent at hand is woken as things stand, ``NEVER`` = not at all."""
        return self._wake_ns or NEVER

    def parent(self, parent_id: str) -> ParentState:
        """Return a parent as the decisions so far leave it."""
        return self.state.parents[parent_id]

    def emit(self, decision: AnyDecision) -> None:
        """Decide, and see the consequence."""
        self.state = apply(self.state, decision)
        self.decisions.append(decision)

    def wake(self, t_ns: int) -> None:
        """Ask to be woken at ``t_ns`` at the latest."""
        if t_ns <= self.now_ns:
            t_ns = self.now_ns + 1
        if t_ns < self._wake_ns or not self._wake_ns:
            self._wake_ns = t_ns

    def watch(self, parent_id: str, slot: str, kind: WatchKind, a: int) -> None:
        """Ask to be woken when ``kind`` holds; one watch per slot.

        A level that already holds would wake us at once and for ever, so it becomes a look after the retry time.
        """
        if self.view is None or holds(kind, a, self.view):
            self.wake(self.now_ns + self.env.timing.retry_ns)
            return
        listing = self.parent(parent_id).order.listing
        watch_id = f"{parent_id}/{slot}"
        self._watches[watch_id] = Watch(watch_id=watch_id, parent_id=parent_id, listing=listing, kind=kind, a=a)

    def arm(self, parent_id: str) -> None:
        """Turn the wishes of this parent into the records that change what is armed, and forget them."""
        parent = self.parent(parent_id)
        if parent.status is ParentStatus.DONE:
            self._wake_ns, self._watches = 0, {}
            return  # nothing wakes it any more
        timer_id = f"{parent_id}/{NEXT}"
        armed = parent.timers.get(timer_id)
        if self._wake_ns and (armed is None or armed.t_ns != self._wake_ns):
            self.emit(TimerSet(timer=Timer(timer_id=timer_id, parent_id=parent_id, t_ns=self._wake_ns)))
        elif not self._wake_ns and armed is not None:
            self.emit(TimerCleared(timer_id=timer_id, parent_id=parent_id))
        for watch_id, watch in self._watches.items():
            if parent.watches.get(watch_id) != watch:
                self.emit(WatchSet(watch=watch))
        for watch_id in parent.watches:
            if watch_id not in self._watches:
                self.emit(WatchCleared(watch_id=watch_id, parent_id=parent_id))
        self._wake_ns, self._watches = 0, {}
