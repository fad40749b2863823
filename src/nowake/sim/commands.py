"""Commands that are known beforehand: those of a test, and those a journal holds when its run is executed again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from nowake.core.decisions import AnyDecision
from nowake.core.errors import JournalError
from nowake.core.inputs import OperatorCommand
from nowake.engine.desk import Desk
from nowake.engine.host import Host
from nowake.journal.codec import Batch

STANDS_MOST = 100
"""A run may stand this often at one instant without a new record before it counts as stuck."""


class Scripted:
    """A desk that gives commands at their times, in rising order."""

    def __init__(self, commands: Iterable[OperatorCommand]) -> None:
        self._waiting = deque(commands)

    def bound_ns(self, now_ns: int, host: Host) -> int:
        """Return the time of the next command."""
        del now_ns, host
        return self._waiting[0].t_ns if self._waiting else 0

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return the next command when its time has come."""
        del host
        due = self._waiting and self._waiting[0].t_ns <= t_ns
        return (self._waiting.popleft(),) if due else ()

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        """Nobody listens."""


class Placed(NamedTuple):
    """A journaled command and its place: the number of records before it. With its time that is one moment of a run."""

    seq: int
    command: OperatorCommand


def placed_commands(batches: Iterable[Batch]) -> tuple[Placed, ...]:
    """Return the operator's commands of a journal, in order."""
    return tuple(Placed(one.seq, one.input) for one in batches if isinstance(one.input, OperatorCommand))


class Recorded:
    """A desk that gives a journal's commands again where they were given, and hands over to another at its end.

    Args:
        commands: Of the journal.
        records: How many the journal holds: up to there nobody else is asked.
        then: Whose desk it is from there on; None = nobody's.
    """

    def __init__(self, commands: Iterable[Placed], records: int, then: Desk | None = None) -> None:
        self._waiting = deque(commands)
        self._records, self._then = records, then
        self._again: OperatorCommand | None = None
        self._stuck = ((0, 0), 0)

    def _over(self, host: Host) -> bool:
        return not self._waiting and host.records >= self._records

    def bound_ns(self, now_ns: int, host: Host) -> int:
        """Return the time of the next recorded command; when there is none left, what the next desk says."""
        if self._waiting:
            return self._waiting[0].command.t_ns
        return self._then.bound_ns(now_ns, host) if self._then and self._over(host) else 0

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return the next recorded command at its place; when there is none left, what the next desk has.

        Raises:
            JournalError: The run passed a command's time without coming to its place: it is not the same run.
        """
        if not self._waiting:
            return self._then.take(t_ns, host) if self._then and self._over(host) else ()
        seq, command = self._waiting[0]
        self._check_progress(seq, command, t_ns, host)
        if command.t_ns > t_ns or seq != host.records:
            return ()
        self._again = self._waiting.popleft().command
        return (self._again,)

    def _check_progress(self, seq: int, command: OperatorCommand, t_ns: int, host: Host) -> None:
        """Refuse a run that has passed a command's time, or stands at it, without coming to its place."""
        at, times = self._stuck
        self._stuck = (at, times + 1) if at == (t_ns, host.records) else ((t_ns, host.records), 0)
        here = command.t_ns == t_ns and seq == host.records
        if not here and (command.t_ns < t_ns or (command.t_ns == t_ns and self._stuck[1] > STANDS_MOST)):
            raise JournalError(
                f"the run does not come to record {seq}, a command of {command.actor}: other code or inputs wrote it",
                "resume it with the code and tapes that wrote it, or start a new run",
            )

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        """Pass on what became of a new command; who gave a recorded one was told then."""
        if self._then and command is not self._again:
            self._then.tell(command, decisions, host)
