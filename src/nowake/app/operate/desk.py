"""The desk of a run's owner: paces it, keeps snapshots, takes commands and answers what came of them."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nowake.app.operate.channel import Channel, Request
from nowake.app.operate.messages import Answer, CommandAsk
from nowake.app.request import check_covered
from nowake.core.decisions import AnyDecision, CommandRefused, OrderAmended, ParentStatus, PlanAdopted, StatusChanged
from nowake.core.errors import InputError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.core.plan import Notice
from nowake.core.value import replace, require
from nowake.engine.desk import Desk
from nowake.engine.host import Host
from nowake.engine.state import EngineState, ParentState
from nowake.journal.journal import Journal
from nowake.live.recover import save_state

SNAPSHOT_EVERY = 2000
"""Records between two saved states: what opening the journal folds at most, and a batch."""
POLL_S = 0.01
"""How often a run that is not paced looks at its channel."""
WAIT_S = 0.04
"""How long a paced run waits at a time; a command ends the wait."""
SPEED_MAX = 1e6


@dataclass(frozen=True, slots=True)
class Control:
    """How a run is to be operated.

    Attributes:
        path: Of its journal: where the channel is.
        speed: Seconds of market time per second; 0 = as fast as it goes.
        unpause: The command to give when a run is gone on with that was paused; None = leave it paused.
        say: Told what the user should know (that there is no channel, say).
    """

    path: Path
    speed: float = 0.0
    unpause: CommandAsk | None = None
    say: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        require(0 <= self.speed <= SPEED_MAX, "speed", self.speed, f"from 0 (as fast as it goes) to {SPEED_MAX:g}")


Spread = Callable[[CommandAsk, int, Host], tuple[OperatorCommand, ...]]
"""Which commands, at least one, carry out what is asked at a market time."""


@dataclass(slots=True)
class _Asked:
    """A request and how many commands it became; of whom an answer was made, and which."""

    request: Request | None
    count: int
    told: list[tuple[str, Answer]] = field(default_factory=list)


class Burst(Protocol):
    """A store that holds batches back."""

    def flush(self) -> None:
        """Write them; return when they are durable."""


class Pace:
    """Market time by the wall clock: ``speed`` seconds a second, from the first moment asked about."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._origin: tuple[int, float] | None = None

    def reached_ns(self, now_ns: int) -> int:
        """Return the market time that the wall clock has come to; the first call is its origin."""
        if self._origin is None:
            self._origin = (now_ns, time.monotonic())
        t_ns, since = self._origin
        return t_ns + int((time.monotonic() - since) * self.speed * 1e9)


class OperatorDesk:
    """See ``engine.desk.Desk``.

    Args:
        channel: Where commands come from; None = from nowhere.
        store: Holds batches back; flushed before anything is told.
        journal: For snapshots; None = keep none.
        speed: See ``Control``.
        last_ns: Where the recording ends; 0 = nowhere.
        unpause: See ``Control``.
        shown: Called with market time and host whenever a paced run waits; everything is durable then.
        spread: Which commands carry out what is asked; None = one, for the only order.
    """

    def __init__(
        self,
        channel: Channel | None,
        store: Burst,
        journal: Journal | None = None,
        *,
        speed: float = 0.0,
        last_ns: int = 0,
        unpause: CommandAsk | None = None,
        shown: Callable[[int, Host], None] | None = None,
        spread: Spread | None = None,
    ) -> None:
        self._spread = spread or _only_command
        self._channel, self._store, self._journal = channel, store, journal
        self._pace = Pace(speed) if speed else None
        self._last_ns, self._unpause, self._shown = last_ns, unpause, shown
        self._asked: deque[_Asked] = deque()
        self._look_at = 0.0
        self._saved = journal.head()[0] if journal is not None else 0
        self._t_ns = 0

    def bound_ns(self, now_ns: int, host: Host) -> int:
        """Keep a snapshot when it is time, and hold a paced run back."""
        if self._journal is not None and host.records - self._saved >= SNAPSHOT_EVERY:
            self._store.flush()
            save_state(self._journal, host.state, None)
            self._saved = host.records
        if self._pace is None:
            return 0
        if self._pace.reached_ns(now_ns) <= now_ns + WAIT_S * self._pace.speed * 1e9 / 2:
            self._store.flush()
            if self._shown is not None:
                self._shown(now_ns, host)
            if self._channel is not None:
                self._channel.wait(WAIT_S)
            else:
                time.sleep(WAIT_S)
        return max(self._pace.reached_ns(now_ns), now_ns)

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return the next command, if there is one; answer the questions on the way."""
        self._t_ns = t_ns
        if self._unpause is not None:
            ask, self._unpause = self._unpause, None
            if any(parent.status is ParentStatus.PAUSED for parent in host.state.parents.values()):
                return self._given(None, self._spread(ask, t_ns, host))
        if self._channel is None:
            return ()
        if self._pace is not None or time.monotonic() >= self._look_at:
            self._channel.wait(0)
            self._look_at = time.monotonic() + POLL_S
        for request in self._channel.requests():
            if commands := self._understood(request, t_ns, host):
                return self._given(request, commands)
        return ()

    def _given(self, request: Request | None, commands: tuple[OperatorCommand, ...]) -> tuple[OperatorCommand, ...]:
        self._asked.append(_Asked(request, len(commands)))
        return commands

    def _understood(self, request: Request, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return the commands of a request, or answer it and return none."""
        ask = request.ask
        self._store.flush()
        if not isinstance(ask, CommandAsk):
            request.answer(self._answer(host.state, "", accepted=True, text="works"))
            return ()
        try:
            commands = self._spread(ask, t_ns, host)
            for command in commands:
                parent = host.state.parents.get(command.parent_id)
                end_ns = command.amendment.end_ns if command.amendment else None
                if self._last_ns and parent is not None and end_ns is not None:
                    check_covered(parent.order.start_ns, end_ns, self._last_ns)
        except InputError as error:
            answer = self._answer(host.state, ask.parent_id, accepted=False, text=error.reason, remedy=error.remedy)
            request.answer(answer)
            return ()
        return commands

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        """Answer who asked, once it is durable."""
        self._store.flush()
        asked = self._asked[0]
        accepted, text, remedy, repeated = what_came(command, decisions, host.state)
        answer = self._answer(
            host.state,
            command.parent_id,
            accepted=accepted,
            text=text,
            remedy=remedy,
            repeated=repeated,
            notices=_notices(decisions),
        )
        parent = host.state.parents.get(command.parent_id)
        asked.told.append((parent.order.listing if parent else command.parent_id, answer))
        if len(asked.told) == asked.count:
            self._asked.popleft()
            if asked.request is not None:
                asked.request.answer(_joined(asked.told))

    def _answer(
        self,
        state: EngineState,
        parent_id: str,
        *,
        accepted: bool,
        text: str,
        remedy: str = "",
        repeated: bool = False,
        notices: tuple[Notice, ...] = (),
    ) -> Answer:
        parent = state.parents.get(parent_id) or _only(state)
        return Answer(
            accepted=accepted,
            text=text,
            remedy=remedy,
            repeated=repeated,
            notices=notices,
            status=parent.status.value if parent else "",
            t_ns=max(self._t_ns, state.t_ns),
            process=os.getpid(),
            speed=self._pace.speed if self._pace else 0.0,
        )


def _only(state: EngineState) -> ParentState | None:
    return next(iter(state.parents.values())) if len(state.parents) == 1 else None


def _command(ask: CommandAsk, t_ns: int, state: EngineState) -> OperatorCommand:
    """Return the input that a question asks for.

    Raises:
        InputError: It names no order and there are several, or none.
    """
    parent_id = ask.parent_id
    if not parent_id:
        only = _only(state)
        if only is None:
            raise InputError("order", "", f"named: this journal has {', '.join(state.parents) or 'none'}")
        parent_id = only.order.parent_id
    return OperatorCommand(
        t_ns=t_ns, parent_id=parent_id, action=ask.action, actor=ask.actor, key=ask.key, amendment=ask.amendment
    )


def _only_command(ask: CommandAsk, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
    return (_command(ask, t_ns, host.state),)


def _joined(told: Sequence[tuple[str, Answer]]) -> Answer:
    """Return the answers for the parts of an order as one; what differs says of which listing it is."""
    answers = [answer for _, answer in told]
    first = next((one for one in answers if not one.accepted), answers[0])
    if len(answers) == 1:
        return first
    same = len({one.text for one in answers}) == 1
    text = first.text if same else "; ".join(f"{listing}: {one.text}" for listing, one in told)
    notices = tuple(dict.fromkeys(notice for one in answers for notice in one.notices))
    return replace(first, text=text, notices=notices, repeated=all(one.repeated for one in answers))


def _notices(decisions: tuple[AnyDecision, ...]) -> tuple[Notice, ...]:
    """Return what is to be said of an amended order and of its plan, each once."""
    said = [one for made in decisions if isinstance(made, OrderAmended) for one in made.notices]
    said += [one for made in decisions if isinstance(made, PlanAdopted) for one in made.plan.warnings]
    return tuple(dict.fromkeys(said))


def what_came(
    command: OperatorCommand, decisions: tuple[AnyDecision, ...], state: EngineState
) -> tuple[bool, str, str, bool]:
    """Return (accepted, text, remedy, repeated) of a command from what was decided on it."""
    said = [one for one in decisions if isinstance(one, StatusChanged | OrderAmended | CommandRefused | PlanAdopted)]
    if not said:
        refused = state.keys[command.key].refused
        return not refused, refused or "done before under this key", "", True
    first = said[0]
    if isinstance(first, CommandRefused):
        return False, first.reason, first.remedy, False
    assert isinstance(first, StatusChanged | OrderAmended)
    text = first.reason
    for one in said[1:]:
        if isinstance(one, PlanAdopted) and command.action is OperatorAction.AMEND:
            text += f"; plan revision {one.plan.revision}, slices left: {len(one.plan.slices)}"
    return True, text, "", False


@contextmanager
def operated(
    control: Control | None,
    store: Burst,
    journal: Journal | None = None,
    *,
    last_ns: int = 0,
    shown: Callable[[int, Host], None] | None = None,
    spread: Spread | None = None,
) -> Iterator[Desk | None]:
    """Yield the desk of a run in a file while it is worked; without a control nobody operates it.

    Args:
        control: How it is operated.
        store: See ``OperatorDesk``, as the rest.
        journal: For snapshots; None where the shell keeps them.
        last_ns: Where the recording ends; 0 = nowhere.
        shown: Told when a paced run waits.
        spread: See ``OperatorDesk``.
    """
    if control is None:
        yield None
        return
    channel: Channel | None = None
    try:
        channel = Channel(control.path)
    except OSError as error:
        if control.say is not None:
            where, why = control.path.parent, (error.strerror or type(error).__name__).lower()
            control.say(f"no commands can be given to this run: {where} takes no socket ({why})")
    desk = OperatorDesk(
        channel,
        store,
        journal,
        speed=control.speed,
        last_ns=last_ns,
        unpause=control.unpause,
        shown=shown,
        spread=spread,
    )
    try:
        yield desk
    finally:
        if channel is not None:
            channel.close(Answer(accepted=False, text="the run has ended", remedy="nothing is left to do"))
