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

``InputError`` and its children are also ``ValueError`` so that a value that refuses itself while it is being
decoded surfaces as the decoder's validation error.
"""

from __future__ import annotations


class NowakeError(Exception):
    """Base of every error raised on purpose; its text is one sentence fit to show a user."""


class InputError(NowakeError, ValueError):
    """A field of an input is outside its domain.

    Args:
        field: Name of the field as the caller knows it.
        value: What was given.
        rule: What it must be, completing "must be ...".
        remedy: What to do instead, a phrase; may be empty.
    """

    def __init__(self, field: str, value: object, rule: str, remedy: str = "") -> None:
        text = f"{field} must be {rule}, was {value!r}"
        super().__init__(f"{text}; {remedy}" if remedy else text)
        self.field, self.value, self.rule, self.remedy = field, value, rule, remedy


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
        text = f"{where}: {problem}"
        NowakeError.__init__(self, f"{text}; {remedy}" if remedy else text)
        self.source, self.problem, self.line, self.remedy = source, problem, line, remedy


class Refused(InputError):
    """A well-formed order that must not be traded as asked; carries the reason and the nearest remedy."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        NowakeError.__init__(self, f"{reason}; {remedy}" if remedy else reason)
        self.reason, self.remedy = reason, remedy


class VenueError(NowakeError):
    """Something outside failed while handling ``child_id``."""

    def __init__(self, message: str, *, child_id: str = "") -> None:
        super().__init__(message)
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
        super().__init__(f"invariant {name} broken: {detail}")
        self.name, self.detail = name, detail
