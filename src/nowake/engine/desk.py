"""Where operators sit: a shell asks its desk between two steps how far to go and what commands there are."""

from __future__ import annotations

from typing import Protocol

from nowake.core.decisions import AnyDecision
from nowake.core.inputs import OperatorCommand
from nowake.engine.host import Host


class Desk(Protocol):
    """What a shell knows of its operators. The commands of one desk are the only ones of a journal: one writer."""

    def bound_ns(self, now_ns: int, host: Host) -> int:
        """Return the local time that the next step must not pass, 0 = none. May wait; a live shell does not ask."""

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return commands to be handled now; is asked again until there are none."""

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        """Hear what was decided on a command; nothing of it is shown before the batch is durable."""
