"""Walk a chain of stored batches and say where it is whole, where it ends, and where it is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nowake.core.errors import JournalCorrupt, JournalError
from nowake.core.plan import Notice
from nowake.journal.codec import digest, extend, split
from nowake.journal.storage import StoredBatch, StoredSnapshot

RESTORE = "restore the file from a copy"


class Snapshot(NamedTuple):
    """A state that stands for the first ``seq`` records; what the bytes mean is the engine's business."""

    seq: int
    state: bytes


class Scan(NamedTuple):
    """What a whole walk found.

    Attributes:
        records, batches: How many are good.
        head: Hash of the chain after the last good record.
        tail_damage: What is wrong with the last batch, or "" when nothing is.
        chain_at: Number of records -> hash of the chain there, for the numbers asked about.
    """

    records: int
    batches: int
    head: bytes
    tail_damage: str
    chain_at: dict[int, bytes]


def problem(batch: StoredBatch, seq: int, head: bytes) -> tuple[str, int, bytes]:
    """Check one batch against the chain before it.

    Returns:
        What is wrong in words ("" = nothing), the number of records after it, the hash after it.
    """
    if batch.seq != seq:
        return f"record {seq} is missing (the next one there is {batch.seq})", seq, head
    try:
        parts = split(batch.body)
    except JournalError as error:
        return error.reason, seq, head
    after = extend(head, parts)
    if not parts or after != batch.hash:
        return "its hash does not match the chain", seq, head
    if batch.raw is not None and digest(batch.raw) != batch.raw_hash:
        return "the hash of its raw payload does not match", seq, head
    return "", seq + len(parts), after


def good_batches(name: str, stored: Iterator[StoredBatch], head: bytes, seq: int = 0) -> Iterator[StoredBatch]:
    """Yield the batches that continue the chain; a damaged last one is left out.

    Args:
        name: Of the journal, for the error.
        stored: Batches from record ``seq`` on.
        head: Hash of the chain before record ``seq``.
        seq: Number of the first record.

    Raises:
        JournalCorrupt: A batch that is not the last is damaged, or a record is missing.
    """
    for batch in stored:
        wrong, after, head = problem(batch, seq, head)
        if wrong:
            _refuse_unless_last(name, batch, seq, wrong, stored)
            return
        seq = after
        yield batch


def _refuse_unless_last(name: str, batch: StoredBatch, seq: int, wrong: str, rest: Iterator[StoredBatch]) -> None:
    if batch.seq == seq and next(rest, None) is None:
        return
    raise corrupt(name, seq, wrong)


def corrupt(name: str, seq: int, wrong: str) -> JournalCorrupt:
    """Return the error for damage at record ``seq``, which is not the tail."""
    intact = f"records 0 to {seq - 1} are intact" if seq else "no record before it"
    return JournalCorrupt(f"{name} is damaged at record {seq}: {wrong} ({intact})", RESTORE)


def scan(name: str, stored: Iterator[StoredBatch], genesis: bytes, wanted: frozenset[int] = frozenset()) -> Scan:
    """Walk a whole journal.

    Args:
        name: Of the journal, for the error.
        stored: Its batches from the first.
        genesis: Hash of its header.
        wanted: Numbers of records at which the hash of the chain is wanted.

    Raises:
        JournalCorrupt: Damage before the last batch.
    """
    seq, batches, head = 0, 0, genesis
    chain_at = {0: genesis}
    for batch in stored:
        wrong, seq, head = problem(batch, seq, head)
        if wrong:
            _refuse_unless_last(name, batch, seq, wrong, stored)
            return Scan(seq, batches, head, wrong, chain_at)
        batches += 1
        if seq in wanted:
            chain_at[seq] = head
    return Scan(seq, batches, head, "", chain_at)


def snapshot_digest(seq: int, state: bytes, chain: bytes) -> bytes:
    """Return the digest that binds a snapshot to its place in the chain."""
    return digest(seq.to_bytes(8, "big"), state, chain)


def pick_snapshot(
    name: str, snapshots: Iterator[StoredSnapshot], chain_at: dict[int, bytes]
) -> tuple[Snapshot | None, list[Notice]]:
    """Return the newest snapshot that fits the chain, and a notice for each newer one that does not.

    Args:
        name: Of the journal, for the notices.
        snapshots: Newest first.
        chain_at: Hash of the chain by number of records, at least at the snapshots' places.
    """
    notices: list[Notice] = []
    for one in snapshots:
        whole = one.digest == snapshot_digest(one.seq, one.state, one.chain)
        if whole and chain_at.get(one.seq) == one.chain:
            return Snapshot(one.seq, one.state), notices
        notices.append(
            Notice(code="snapshot-skipped", text=f"{name}: the snapshot at record {one.seq} is damaged, older used")
        )
    return None, notices
