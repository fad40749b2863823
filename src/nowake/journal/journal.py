"""The journal itself: batches in, chained, grouped and stored; the same code over memory and SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Literal, Self

from nowake.core.errors import JournalError, JournalUnwritable
from nowake.core.plan import Notice
from nowake.core.ports import Record
from nowake.journal.codec import Batch, decode_batch, digest, encode_batch, extend, join
from nowake.journal.header import Header
from nowake.journal.storage import Storage, StoredBatch, StoredSnapshot
from nowake.journal.verify import RESTORE, Scan, Snapshot, good_batches, pick_snapshot, scan, snapshot_digest

Mode = Literal["each", "grouped"]
"""``each``: durable when ``append`` has returned. ``grouped``: when ``sync`` has, or after a group is full or old."""

GROUP_BATCHES = 256
GROUP_NS = 5_000_000
SNAPSHOTS_KEPT = 3
MEND = "halt, mend the disk or free space, then resume"
"""What to do when a write failed."""


class Journal:
    """An append-only, hash-chained sequence of atomic batches with one writer (``core.ports.JournalStore``).

    After a failed write it is of no further use: every call that would write raises, because it is not known what
    reached the disk. Opening the file again tells.

    Args:
        header: Of this journal.
        storage: Where it lives; holds the records that ``found`` describes.
        found: The walk over what is there already; None = nothing is.
        name: How errors call it.
        mode: When appended batches are durable.
        notices: What opening it found.
    """

    def __init__(
        self,
        header: Header,
        storage: Storage,
        *,
        found: Scan | None = None,
        name: str = "",
        mode: Mode = "each",
        notices: tuple[Notice, ...] = (),
    ) -> None:
        self.header, self.name, self.mode, self.notices = header, name or header.journal_id, mode, notices
        self._storage = storage
        self._count, self._head = (found.records, found.head) if found else (0, header.genesis)
        # The chain was checked once, at opening: what stood at the snapshots then, and what we append, is known good.
        self._chain_at = dict(found.chain_at) if found else {0: header.genesis}
        self._waiting: list[StoredBatch] = []
        self._oldest_ns = 0
        self._failure = ""

    @property
    def journal_id(self) -> str:
        """Return the journal's id, from its header."""
        return self.header.journal_id

    def append(self, batch: Sequence[Record], raw: bytes = b"") -> None:
        """Append one batch ``[input, *decisions]`` with the raw bytes of its event.

        Raises:
            JournalError: Not a batch, or it could not be made durable: halt.
        """
        self.append_encoded(encode_batch(batch), raw)

    def append_encoded(self, parts: Sequence[bytes], raw: bytes = b"") -> None:
        """Append a batch whose records are encoded already; as ``append``."""
        if self._failure:
            raise self._refusal()
        head = extend(self._head, parts)
        stored = StoredBatch(self._count, join(parts), head, raw or None, digest(raw) if raw else None)
        self._count, self._head = self._count + len(parts), head
        if self.mode == "each":
            self._write((stored,))
            return
        now_ns = time.monotonic_ns()
        if not self._waiting:
            self._oldest_ns = now_ns
        self._waiting.append(stored)
        if len(self._waiting) >= GROUP_BATCHES or now_ns - self._oldest_ns >= GROUP_NS:
            self.sync()

    def sync(self) -> None:
        """Return when every appended batch is durable.

        Raises:
            JournalError: They could not be made durable: halt.
        """
        if self._failure:
            raise self._refusal()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._write(waiting)

    def _write(self, batches: Sequence[StoredBatch]) -> None:
        try:
            self._storage.write(batches)
        except OSError as error:
            self._failure = f"{self.name} cannot be written ({error})"
            raise JournalUnwritable(self._failure, MEND) from error
        except BaseException as error:  # an interrupt too: what reached the disk is not known
            self._failure = getattr(error, "reason", "") or str(error) or type(error).__name__
            raise

    def _refusal(self) -> JournalError:
        return JournalError(f"{self.name} failed earlier and takes nothing more ({self._failure})", "resume from it")

    def head(self) -> tuple[int, str]:
        """Return (number of records, hex hash of the chain) so far, durable or not."""
        return self._count, self._head.hex()

    def stored(self) -> Iterator[StoredBatch]:
        """Yield every batch from the first as it is kept, checked against the chain."""
        self.sync()
        return good_batches(self.name, self._storage.batches(), self.header.genesis)

    def batches(self, from_seq: int = 0) -> Iterator[Batch]:
        """Yield the batches whose first record has number ``from_seq`` or more; at a snapshot, reads no other."""
        start = from_seq if from_seq in self._chain_at else 0
        self.sync()
        for one in good_batches(self.name, self._storage.batches(start), self._chain_at[start], start):
            if one.seq >= from_seq:
                yield decode_batch(one.seq, one.body, one.raw or b"")

    def records(self) -> Iterator[Record]:
        """Yield every record from the first."""
        for batch in self.batches():
            yield from batch.records

    def save_snapshot(self, seq: int, state: bytes) -> None:
        """Keep a state that stands for the first ``seq`` records, durable on return.

        Raises:
            JournalError: ``seq`` is not the number of records so far, or the write failed.
        """
        self.sync()
        if seq != self._count:
            raise JournalError(f"a snapshot must stand for all {self._count} records, was for {seq}")
        stored = StoredSnapshot(seq, state, self._head, snapshot_digest(seq, state, self._head))
        self._storage.save_snapshot(stored, SNAPSHOTS_KEPT)
        self._chain_at[seq] = self._head

    def latest_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot that fits the chain; damaged ones are passed over and noted in ``notices``."""
        self.sync()
        places = frozenset(one.seq for one in self._storage.snapshots())
        if not places <= self._chain_at.keys():
            self._chain_at |= scan(self.name, self._storage.batches(), self.header.genesis, places).chain_at
        snapshot, notices = pick_snapshot(self.name, self._storage.snapshots(), self._chain_at)
        self.notices += tuple(notice for notice in notices if notice not in self.notices)
        return snapshot

    def put_blob(self, body: bytes) -> str:
        """Keep bytes under their content hash (that of ``core.value.content_hash``), durable on return."""
        key = digest(body).hex()
        self._storage.put_blob(key, body)
        return key

    def get_blob(self, key: str) -> bytes:
        """Return the bytes kept under a content hash.

        Raises:
            JournalError: None are, or they are damaged.
        """
        return checked_blob(self.name, key, self._storage.get_blob(key))

    def close(self) -> None:
        """Make everything durable and let go of the storage; after a failure only let go."""
        try:
            if not self._failure:
                self.sync()
        finally:
            self._failure = self._failure or "it was closed"
            self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def checked_blob(name: str, key: str, body: bytes | None) -> bytes:
    """Return ``body`` when it is what ``key`` names, else raise JournalError."""
    if body is None:
        raise JournalError(f"{name} holds no blob {key}, which its run should have kept", "work the order again")
    if digest(body).hex() != key:
        raise JournalError(f"{name}: the blob {key} is damaged", RESTORE)
    return body
