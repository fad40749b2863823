"""The one loop body that every shell shares: input in, durable batch, effects out.

The host owns the newest state; the shell (``sim`` or ``live``) owns clock, venue and journal store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nowake.core.decisions import (
    EFFECTS,
    AnyDecision,
    CancelRequested,
    ChildSubmitted,
    Effect,
    OpenOrdersRequested,
)
from nowake.core.errors import VenueUnavailable
from nowake.core.inputs import AnyInput, Restarted, SendFailed
from nowake.core.ports import JournalStore, Record, Venue
from nowake.engine.apply import apply
from nowake.engine.decide import step
from nowake.engine.env import Env
from nowake.engine.state import EngineState


class Host:
    """Runs the engine over a journal: every step is one durable batch before any of its effects is returned."""

    def __init__(self, env: Env, store: JournalStore, state: EngineState | None = None) -> None:
        self.env = env
        self.store = store
        self.state = state or EngineState()
        self.records = 0
        """How many this host has made."""

    def handle(self, event: AnyInput, raw: bytes = b"") -> tuple[AnyDecision, ...]:
        """Take one input to its end: decide, append the batch, make it durable. Returns the decisions.

        Raises:
            InvariantBroken: The core contradicts itself; the caller halts (I28).
            JournalError: The batch is not durable; nothing of it may leave.
        """
        state, decisions = step(self.state, self.env, event)
        if state is self.state:
            return ()
        self.store.append((event, *decisions), raw)
        for one in decisions:
            if isinstance(one, EFFECTS):
                self.store.sync()
                break
        self.state = state
        self.records += 1 + len(decisions)
        return decisions

    def release(self, decisions: Iterable[AnyDecision], venue: Venue, now_ns: int) -> tuple[SendFailed, ...]:
        """Let the effects of a durable batch leave; returns what failed on the way, as inputs."""
        failed: list[SendFailed] = []
        for one in decisions:
            if not isinstance(one, EFFECTS):
                continue
            try:
                _send(one, venue, now_ns)
            except VenueUnavailable as error:
                if isinstance(one, ChildSubmitted | CancelRequested):
                    child_id = one.child.child_id if isinstance(one, ChildSubmitted) else one.child_id
                    failed.append(SendFailed(t_ns=now_ns, child_id=child_id, text=str(error)))
        return tuple(failed)

    def due_timer(self) -> int:
        """Return the earliest armed timer, 0 = none."""
        times = [t.t_ns for p in self.state.parents.values() for t in p.timers.values()]
        return min(times, default=0)

    def restart(self, now_ns: int, epoch: int) -> tuple[AnyDecision, ...]:
        """After recovery: put everything possibly sent in doubt and ask about it."""
        return self.handle(Restarted(t_ns=max(now_ns, self.state.t_ns), epoch=epoch))


def _send(effect: Effect, venue: Venue, now_ns: int) -> None:
    if isinstance(effect, ChildSubmitted):
        venue.submit(effect.child, now_ns)
    elif isinstance(effect, CancelRequested):
        venue.cancel(effect.child_id, now_ns)
    elif isinstance(effect, OpenOrdersRequested):
        venue.query_open(effect.listing, now_ns)
    else:
        venue.query(effect.child_id, now_ns)


def fold(records: Iterable[Record], state: EngineState | None = None) -> EngineState:
    """Return the state of a journal: ``reduce(apply, records)``. Needs nothing but the records."""
    state = state or EngineState()
    for record in records:
        state = apply(state, record)
    return state


class Redecided(NamedTuple):
    """A batch of a journal, and what was decided on its input again; ``state`` is that after it."""

    event: AnyInput
    recorded: tuple[AnyDecision, ...]
    decided: tuple[AnyDecision, ...]
    state: EngineState

    @property
    def equal(self) -> bool:
        """Return whether the same was decided."""
        return self.decided == self.recorded


def redecide(batches: Iterable[tuple[AnyInput, tuple[AnyDecision, ...]]], env: Env) -> Iterator[Redecided]:
    """Decide again over a journal's inputs, to the first batch that comes out differently (that one included)."""
    state = EngineState()
    for event, recorded in batches:
        state, decided = step(state, env, event)
        yield (made := Redecided(event, recorded, decided, state))
        if not made.equal:
            return


def audit(batches: Iterable[tuple[AnyInput, tuple[AnyDecision, ...]]], env: Env) -> tuple[int, str]:
    """Decide again over a journal's inputs.

    Returns:
        (number of batches that came out equal, description of the first difference or "").
    """
    equal = 0
    for one in redecide(batches, env):
        if not one.equal:
            what = f"batch {equal} ({type(one.event).__name__}): decided {one.decided!r}, recorded {one.recorded!r}"
            return equal, what
        equal += 1
    return equal, ""
