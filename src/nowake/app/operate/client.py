"""What the commands ``pause``, ``resume``, ``amend`` and ``cancel`` do: ask the journal's owner, never write."""

from __future__ import annotations

import getpass
import uuid
from pathlib import Path

from nowake.app.operate.channel import PATIENCE_S, ask_owner
from nowake.app.operate.messages import Answer, CommandAsk, StatusAsk
from nowake.app.operate.status import read_statuses
from nowake.core.amendment import Amendment
from nowake.core.errors import JournalError
from nowake.core.inputs import OperatorAction
from nowake.journal.lock import lock_owner


def command(
    action: OperatorAction,
    key: str = "",
    actor: str = "",
    amendment: Amendment | None = None,
    parts: tuple[tuple[str, Amendment], ...] = (),
) -> CommandAsk:
    """Return a command; the key is made here, once, so that asking again is harmless."""
    key = key or uuid.uuid4().hex[:16]
    return CommandAsk(action=action, actor=actor or user(), key=key, amendment=amendment, parts=parts)


def user() -> str:
    """Return the name of whoever runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def owner_of(journal: Path) -> Answer | None:
    """Return what the owner of a journal says of itself; None = nobody works it."""
    return ask_owner(journal, StatusAsk())


def give(journal: Path, ask: CommandAsk, patience_s: float = PATIENCE_S) -> Answer:
    """Give a command to the owner of a journal; return what came of it, refusals included.

    Raises:
        JournalError: Nobody works the run, or the owner did not answer.
    """
    try:
        answer = ask_owner(journal, ask, patience_s)
    except JournalError as error:
        raise JournalError(error.reason, error.remedy.replace("the same --key", f"--key {ask.key}")) from error
    if answer is None:
        raise nobody(journal, ask.action)
    return answer


def nobody(journal: Path, action: OperatorAction) -> JournalError:
    """Return the error for a command to a run that nobody works, with what can be done."""
    found = read_statuses(journal)
    if holder := lock_owner(journal):
        return JournalError(f"{journal} is held by {holder}, which takes no commands yet", "try again in a moment")
    if all(one.over for one in found):
        return JournalError(f"the run in {journal} has ended: there is nothing to {action.value}")
    return JournalError(
        f"nobody works the run in {journal} now",
        f"go on with it, then give the command: nowake resume {journal} --speed 60",
    )
