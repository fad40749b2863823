"""What an operator's command does to one parent: pause, resume, cancel, amend; or why it does nothing.

A command that cannot be carried out is refused by a decision, never silently. Its key makes it safe to repeat: the same
key with the same body changes nothing, with another body it is a conflict (I25).
"""

from __future__ import annotations

from nowake.core.decisions import CommandRefused, ParentStatus, StatusChanged
from nowake.core.errors import InputError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.engine.amend import amend
from nowake.engine.apply_decisions import CONFLICT
from nowake.engine.believe import measured_beliefs
from nowake.engine.draft import Draft
from nowake.engine.state import EngineState, ParentState

MOVES = {
    (OperatorAction.PAUSE, ParentStatus.RUNNING): ParentStatus.PAUSED,
    (OperatorAction.RESUME, ParentStatus.PAUSED): ParentStatus.RUNNING,
    (OperatorAction.CANCEL, ParentStatus.RUNNING): ParentStatus.ENDING,
    (OperatorAction.CANCEL, ParentStatus.PAUSED): ParentStatus.ENDING,
    (OperatorAction.CANCEL, ParentStatus.HALTED): ParentStatus.ENDING,
}
_DONE = {OperatorAction.PAUSE: "paused", OperatorAction.RESUME: "resumed", OperatorAction.CANCEL: "cancelled"}


def operate(draft: Draft, before: EngineState, command: OperatorCommand) -> None:
    """Carry out a command that has been applied to the draft, or refuse it.

    ``before`` is the state that the command met, with the keys used until then.
    """
    earlier = before.keys.get(command.key)
    if earlier is not None:
        if earlier.body != command.body_hash:
            text = f"the key {command.key} was used for another command"
            _refuse(draft, command, CONFLICT, text, "give this one a key of its own")
        return
    parent = draft.state.parents.get(command.parent_id)
    if parent is None:
        _refuse(draft, command, "unknown-order", f"there is no order {command.parent_id}", _known(draft.state))
    elif command.amendment is not None:
        _amend(draft, command, parent)
    elif (command.action, parent.status) not in MOVES:
        _refuse(draft, command, "status", f"the order is {parent.status.value}", _instead(command.action, parent))
    else:
        target = MOVES[command.action, parent.status]
        reason = f"{_DONE[command.action]} by {command.actor}"
        draft.emit(StatusChanged(parent_id=command.parent_id, status=target, reason=reason))


def _amend(draft: Draft, command: OperatorCommand, parent: ParentState) -> None:
    if parent.status not in (ParentStatus.RUNNING, ParentStatus.PAUSED):
        text = f"the order is {parent.status.value}"
        _refuse(draft, command, "status", text, "only a running or paused order can be amended")
        return
    if command.view is None:
        _refuse(draft, command, "amendment", "no market is known", "amend it again when there is one")
        return
    try:
        amend(draft, command, command.view, measured_beliefs(parent, command.view, draft.env))
    except InputError as error:
        _refuse(draft, command, "amendment", error.reason, error.remedy)


def _refuse(draft: Draft, command: OperatorCommand, code: str, reason: str, remedy: str) -> None:
    draft.emit(CommandRefused(parent_id=command.parent_id, key=command.key, code=code, reason=reason, remedy=remedy))


def _known(state: EngineState) -> str:
    return f"this journal has {', '.join(state.parents)}" if state.parents else "this journal has none"


def _instead(action: OperatorAction, parent: ParentState) -> str:
    """Return what can be done in place of an action that the order's status does not allow."""
    if parent.status is ParentStatus.DONE:
        return "nothing is left to do"
    if parent.status is ParentStatus.ENDING:
        return "its children are being cancelled"
    if parent.status is ParentStatus.HALTED:
        return "a halted order can only be cancelled"
    return "only a paused order can be resumed" if action is OperatorAction.RESUME else "it is what it was asked to be"
