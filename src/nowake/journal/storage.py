"""The port under every journal: a place that takes whole batches and makes them durable, all or none.

It is small on purpose: a test wraps it to fail at any point (disk full, I/O error), and memory is one of its kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class StoredBatch(NamedTuple):
    """A batch as it is kept.

    Attributes:
        seq: Number of its first record.
        body: The records, one MessagePack array.
        hash: Hash of the chain after its last record, 32 bytes.
        raw: Bytes of the venue's event, or None.
        raw_hash: Digest of ``raw``, or None.
    """

    seq: int
    body: bytes
    hash: bytes
    raw: bytes | None = None
    raw_hash: bytes | None = None


class StoredSnapshot(NamedTuple):
    """A snapshot as it is kept.

    Attributes:
        seq: Number of records folded into it.
        state: Opaque bytes.
        chain: Hash of the chain after those records, 32 bytes.
        digest: Over the three others.
    """

    seq: int
    state: bytes
    chain: bytes
    digest: bytes


class Storage(Protocol):
    """Where a journal lives. Every method raises JournalError when it cannot do what it says."""

    def write(self, batches: Sequence[StoredBatch]) -> None:
        """Make the batches durable, all or none; they follow what is there."""

    def batches(self, from_seq: int = 0) -> Iterator[StoredBatch]:
        """Yield the batches whose first record has number ``from_seq`` or more, in order."""

    def cut(self, from_seq: int) -> None:
        """Take away every batch and snapshot beyond ``from_seq`` records; a file keeps what was cut as evidence."""

    def save_snapshot(self, snapshot: StoredSnapshot, keep: int) -> None:
        """Make a snapshot durable; only the ``keep`` newest stay."""

    def snapshots(self) -> Iterator[StoredSnapshot]:
        """Yield the snapshots, newest first."""

    def put_blob(self, key: str, body: bytes) -> None:
        """Make a blob durable; one that is there stays."""

    def get_blob(self, key: str) -> bytes | None:
        """Return a blob, or None."""

    def close(self) -> None:
        """Let go. Closing twice is harmless."""


class MemoryStorage:
    """Keeps everything in lists: for tests, and for runs whose journal nobody asked to keep."""

    def __init__(self) -> None:
        self._batches: list[StoredBatch] = []
        self._snapshots: list[StoredSnapshot] = []
        self._blobs: dict[str, bytes] = {}

    def write(self, batches: Sequence[StoredBatch]) -> None:
        """Keep the batches."""
        self._batches.extend(batches)

    def batches(self, from_seq: int = 0) -> Iterator[StoredBatch]:
        """Yield what is kept from ``from_seq`` on."""
        return (batch for batch in tuple(self._batches) if batch.seq >= from_seq)

    def cut(self, from_seq: int) -> None:
        """Forget everything beyond ``from_seq`` records."""
        self._batches = [batch for batch in self._batches if batch.seq < from_seq]
        self._snapshots = [one for one in self._snapshots if one.seq <= from_seq]

    def save_snapshot(self, snapshot: StoredSnapshot, keep: int) -> None:
        """Keep a snapshot, forget the oldest ones."""
        self._snapshots = [*(one for one in self._snapshots if one.seq != snapshot.seq), snapshot][-keep:]

    def snapshots(self) -> Iterator[StoredSnapshot]:
        """Yield the snapshots, newest first."""
        return reversed(tuple(self._snapshots))

    def put_blob(self, key: str, body: bytes) -> None:
        """Keep a blob."""
        self._blobs.setdefault(key, body)

    def get_blob(self, key: str) -> bytes | None:
        """Return a blob, or None."""
        return self._blobs.get(key)

    def close(self) -> None:
        """Do nothing: memory has nothing to let go of."""
