"""One order over several venues, operated as one: a command becomes one for each part that it concerns, all or none.

Each part has a key of its own, ``KEY@LISTING``, so that the whole may be asked again like any other command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nowake.app.operate.messages import CommandAsk
from nowake.core.decisions import AnyDecision, CommandRefused, ParentStatus
from nowake.core.errors import InputError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.core.value import replace
from nowake.core.view import View
from nowake.engine.decide import step
from nowake.engine.desk import Desk
from nowake.engine.host import Host
from nowake.engine.state import ParentState

Look = Callable[[int, str], View]
"""The market of a listing at a local time."""

CONCERNED = {
    OperatorAction.PAUSE: (ParentStatus.RUNNING,),
    OperatorAction.RESUME: (ParentStatus.PAUSED,),
    OperatorAction.CANCEL: (ParentStatus.RUNNING, ParentStatus.PAUSED, ParentStatus.HALTED),
    OperatorAction.AMEND: (ParentStatus.RUNNING, ParentStatus.PAUSED),
}


def part_commands(look: Look, ask: CommandAsk, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
    """Return the commands of an ask; where a part would refuse its own, that one alone: nothing else is changed.

    Args:
        look: Sees the markets.
        ask: Of the whole order.
        t_ns: Local time at which it is given.
        host: With the state of all parts.

    Raises:
        InputError: There is no order yet, or no part that it concerns.
    """
    parents, known = host.state.parents, host.state.keys
    if not parents:
        raise InputError("order", "", "one that has begun", "give the command again in a moment")
    keys = {one: f"{ask.key}@{parent.order.listing}" for one, parent in parents.items()}
    again = [one for key, one in parents.items() if keys[key] in known]
    fresh = [one for key, one in parents.items() if keys[key] not in known and one.status in CONCERNED[ask.action]]
    if any(known[keys[one.order.parent_id]].refused for one in again):
        fresh = []  # it was refused as a whole
    # What was asked before is asked again, and what a process that died had not come to.
    concerned = again + fresh or [_first_open(list(parents.values()))]
    found = [_command(ask, t_ns, one, keys[one.order.parent_id]) for one in concerned]
    made = [one for one in found if one is not None]
    if not made:
        raise InputError("amendment", "", "of a part of the order that still runs", "nothing of it was changed")
    return _all_or_none(look, made, host)


def _first_open(parents: Sequence[ParentState]) -> ParentState:
    return next((one for one in parents if one.status is not ParentStatus.DONE), parents[0])


def _all_or_none(look: Look, made: Sequence[OperatorCommand], host: Host) -> tuple[OperatorCommand, ...]:
    """Return the commands, or the first that would be refused: they are tried on a state that is thrown away."""
    state = host.state
    for one in made:
        view = look(one.t_ns, state.parents[one.parent_id].order.listing)
        state, decisions = step(state, host.env, replace(one, view=view))
        if any(isinstance(decision, CommandRefused) for decision in decisions):
            return (one,)
    return tuple(made)


def _command(ask: CommandAsk, t_ns: int, parent: ParentState, key: str) -> OperatorCommand | None:
    """Return the command for one part; None = the amendment says nothing to it."""
    amendment = dict(ask.parts).get(parent.order.listing)
    if ask.action is OperatorAction.AMEND and amendment is None:
        return None
    parent_id = parent.order.parent_id
    return OperatorCommand(
        t_ns=t_ns, parent_id=parent_id, action=ask.action, actor=ask.actor, key=key, amendment=amendment
    )


class Beside:
    """A desk of two: what ``first`` has comes before what ``second`` has.

    Commands that a journal holds are given again at their places, so who comes first there came first before.
    """

    def __init__(self, first: Desk | None, second: Desk) -> None:
        self._first, self._second = first, second
        self._own = False

    def bound_ns(self, now_ns: int, host: Host) -> int:
        """Return the earlier of both."""
        found = (self._first.bound_ns(now_ns, host) if self._first else 0, self._second.bound_ns(now_ns, host))
        return min((one for one in found if one), default=0)

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        """Return what the first has, else what the second has."""
        self._own = False
        given = self._first.take(t_ns, host) if self._first else ()
        if given:
            return given
        self._own = True
        return self._second.take(t_ns, host)

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        """Tell whoever gave the command."""
        desk = self._second if self._own else self._first
        if desk is not None:
            desk.tell(command, decisions, host)
