"""Every error we raise on purpose.

NowakeError
+-- InputError             the caller's data is wrong: what, where, remedy; never retry
|   +-- DataError          a file or stream of market data is unusable (carries the source and line)
|   +-- Refused            a well-formed order that must not be traded as asked (gate, plan, session)
+-- VenueError             something outside failed; carries child_id
|   +-- VenueUnavailable   not known whether it arrived: the child is IN_DOUBT; resend only as I13 allows
|   +-- VenueRejected      final: the venue said no
+-- JournalError           the journal cannot be used as asked (in use, other version, other account)
|   +-- JournalUnwritable  a write failed (disk full, I/O error): halt, mend the disk, resume
|   +-- JournalCorrupt     damage before the tail: stop, never continue past it
+-- InvariantBroken        an assertion of the engine failed: HALT and stop (I28)

Every one has a ``reason`` and a ``remedy`` (which may be empty); its text is the two, joined by a semicolon.
``InputError`` and its children are also ``ValueError`` so that a value that refuses itself while it is being
decoded surfaces as the decoder's validation error.
"""

from __future__ import annotations

import re
from decimal import Decimal

_LINE_BREAK = re.compile(r"\s*[\n\r\v\f\x85\u2028\u2029]\s*")
SHOWN_MOST = 200
"""Characters of a wrong value that an error repeats."""


class NowakeError(Exception):
    """Base of every error raised on purpose; its text is one sentence fit to show a user.

    Args:
        reason: What is wrong and where, a clause.
        remedy: What to do about it, a phrase; may be empty. The text is ``reason; remedy``.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        # What another library said may run over several lines; a sentence of ours never does.
        reason, remedy = _LINE_BREAK.sub(" ", reason), _LINE_BREAK.sub(" ", remedy)
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason, self.remedy = reason, remedy


def shown(value: object) -> str:
    """Return a value for a sentence: its representation, cut where it is long, its kind where it has none."""
    try:
        text = str(value) if isinstance(value, Decimal) else repr(value)
    except Exception:  # noqa: BLE001 - somebody's __repr__, or an integer beyond the digits Python writes
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= SHOWN_MOST else f"{text[:SHOWN_MOST]}..."


class InputError(NowakeError, ValueError):
    """A field of an input is outside its domain.

    Args:
        field: Name of the field as the caller knows it.
        value: What was given.
        rule: What it must be, completing "must be ...".
        remedy: What to do instead, a phrase; may be empty.
    """

    def __init__(self, field: str, value: object, rule: str, remedy: str = "") -> None:
        NowakeError.__init__(self, f"{field} must be {rule}, was {shown(value)}", remedy)
        self.field, self.value, self.rule = field, value, rule


class DataError(InputError):
    """A file or stream of market data cannot be used.

    Args:
        source: File or stream name.
        problem: What is wrong, a clause.
        line: Line or row number (1-based) when it is known.
        remedy: What to do about it.
    """

    def __init__(self, source: str, problem: str, *, line: int | None = None, remedy: str = "") -> None:
        where = f"{source}, line {line}" if line is not None else source
        NowakeError.__init__(self, f"{where}: {problem}", remedy)
        self.source, self.problem, self.line = source, problem, line


class Refused(InputError):
    """A well-formed order that must not be traded as asked; carries the reason and the nearest remedy."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        NowakeError.__init__(self, reason, remedy)


class VenueError(NowakeError):
    """Something outside failed while handling ``child_id``."""

    def __init__(self, reason: str, remedy: str = "", *, child_id: str = "") -> None:
        super().__init__(reason, remedy)
        self.child_id = child_id


class VenueUnavailable(VenueError):
    """It is not known whether the command arrived; the child is in doubt."""


class VenueRejected(VenueError):
    """The venue said no; final."""


class JournalError(NowakeError):
    """A journal cannot be used as asked."""


class JournalUnwritable(JournalError):
    """A batch could not be made durable; nothing of it may leave, and the process halts."""


class JournalCorrupt(JournalError):
    """A journal is damaged before its tail; nothing may continue past it."""


class InvariantBroken(NowakeError):
    """An invariant of the engine does not hold; the process halts."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"invariant {name} broken: {detail}", "send nothing more, keep the journal and report it")
        self.name, self.detail = name, detail
