"""Resume of a pure run: execute it again from its seed; what is journaled must come out again, the rest is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nowake.core.errors import JournalError
from nowake.core.ports import Record
from nowake.journal.codec import decode_record, encode_batch, extend, split
from nowake.journal.header import code_hash
from nowake.journal.journal import Journal
from nowake.journal.storage import StoredBatch


class PrefixCheckingJournal:
    """A ``JournalStore`` that compares batches with those already there, byte by byte, then appends.

    Args:
        journal: Open for writing; this object does not close it.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._expected: Iterator[StoredBatch] | None = journal.stored()
        self._next = next(self._expected, None)
        self._count, self._head = 0, journal.header.genesis

    @property
    def journal_id(self) -> str:
        """Return the journal's id, from its header."""
        return self.journal.journal_id

    @property
    def replaying(self) -> bool:
        """Return whether batches are still compared rather than appended."""
        return self._next is not None

    def append(self, batch: Sequence[Record], raw: bytes = b"") -> None:
        """Compare the batch with the next one there; append it when there is none.

        Raises:
            JournalError: It differs, or it could not be made durable.
        """
        parts = encode_batch(batch)
        if self._next is None or self._expected is None:
            self.journal.append_encoded(parts, raw)
            return
        there = [bytes(part) for part in split(self._next.body)]
        for k, (old, new) in enumerate(zip(there, parts, strict=False)):
            if old != new:
                raise self._mismatch(self._count + k, old, new)
        if len(there) != len(parts):
            k = min(len(there), len(parts))
            raise self._mismatch(self._count + k, *(side[k] if k < len(side) else b"" for side in (there, parts)))
        self._count, self._head = self._count + len(parts), extend(self._head, parts)
        self._next = next(self._expected, None)

    def _mismatch(self, seq: int, old: bytes, new: bytes) -> JournalError:
        kinds = [type(decode_record(data)).__name__ if data else "nothing" for data in (old, new)]
        kind = kinds[0] if kinds[0] == kinds[1] else f"{kinds[0]} there, {kinds[1]} now"
        same_code = self.journal.header.code_hash == code_hash()
        who = "other inputs" if same_code else "other code"
        return JournalError(
            f"{self.journal.name} was written by {who}: record {seq} ({kind}) comes out differently",
            "resume it with the code and tapes that wrote it, or start a new run",
        )

    def sync(self) -> None:
        """Return when every batch is durable; those compared are already."""
        self.journal.sync()

    def head(self) -> tuple[int, str]:
        """Return (number of records, hex hash of the chain) as far as the run has come."""
        return (self._count, self._head.hex()) if self.replaying else self.journal.head()

    def finish(self) -> None:
        """Require that everything that was there came out again.

        Raises:
            JournalError: The run ended before the journal did.
        """
        if self.replaying:
            raise JournalError(
                f"{self.journal.name} holds records from {self._count} on that this run did not make: "
                "it was written by other code or inputs",
                "start a new run",
            )
