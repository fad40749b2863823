"""Records to bytes and back, and the hash chain over them.

A batch is ``[input, *decisions]``: one MessagePack array of records, each a map tagged by ``record``. The chain runs
over the records, ``h_k = BLAKE2b-256(h_{k-1} || bytes of record k)``, so neither batches nor hosts nor clocks change
it; where batches begin follows from the records, because exactly the first of each is an input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from nowake.core.decisions import AnyDecision, Decision
from nowake.core.errors import JournalError
from nowake.core.inputs import AnyInput, Input
from nowake.core.ports import Record
from nowake.core.value import Value, to_msgpack

FORMAT = 1
"""Version of the records and of the files that hold them; a reader refuses what it does not know."""

HASH_BYTES = 32
DIGEST_BYTES = 16
"""Size of the digests of what stands outside the chain: raw payloads, snapshots, blobs."""

_ARRAY_FIX, _ARRAY_16, _ARRAY_32 = 0x90, 0xDC, 0xDD
_RECORD = msgspec.msgpack.Decoder(AnyInput | AnyDecision)
_RECORDS = msgspec.msgpack.Decoder(list[AnyInput | AnyDecision])
_PARTS = msgspec.msgpack.Decoder(list[msgspec.Raw])


class Batch(Value, frozen=True):
    """One step of the engine as it was journaled.

    Attributes:
        seq: Number of its first record in the journal, counted from 0.
        input: What happened.
        decisions: What was decided about it, in order.
        raw: Bytes the venue's event was read from; empty where there is none. Not part of the chain.
    """

    seq: int
    input: AnyInput
    decisions: tuple[AnyDecision, ...]
    raw: bytes = b""

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the input and its decisions, in order."""
        return (self.input, *self.decisions)


def encode_batch(batch: Sequence[Record]) -> list[bytes]:
    """Return the bytes of each record; equal records give equal bytes in every process.

    Raises:
        JournalError: Not one input followed by decisions only.
    """
    if not batch or not isinstance(batch[0], Input):
        raise JournalError(f"a batch must begin with an input, was {_names(batch)}")
    for record in batch[1:]:
        if not isinstance(record, Decision):
            raise JournalError(f"a batch must hold decisions after its one input, was {_names(batch)}")
    return [to_msgpack(record) for record in batch]


def _names(batch: Sequence[object]) -> str:
    return "[" + ", ".join(type(record).__name__ for record in batch) + "]"


def decode_record(data: bytes) -> Record:
    """Return the record in ``data``.

    Raises:
        JournalError: Not a record of this format.
    """
    try:
        record: Record = _RECORD.decode(data)
        return record
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise JournalError(f"{len(data)} bytes are not a record of format {FORMAT} ({error})") from error


def join(parts: Sequence[bytes]) -> bytes:
    """Return the records of a batch as one MessagePack array."""
    n = len(parts)
    if n < 16:
        head = bytes((_ARRAY_FIX | n,))
    elif n < 1 << 16:
        head = bytes((_ARRAY_16,)) + n.to_bytes(2, "big")
    else:
        head = bytes((_ARRAY_32,)) + n.to_bytes(4, "big")
    return head + b"".join(parts)


def split(body: bytes) -> list[msgspec.Raw]:
    """Return the bytes of each record of a batch, undecoded (views into ``body``).

    Raises:
        JournalError: Not a MessagePack array.
    """
    try:
        return _PARTS.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise JournalError(f"{len(body)} bytes are not a batch ({error})") from error


def decode_batch(seq: int, body: bytes, raw: bytes = b"") -> Batch:
    """Return the batch in ``body`` whose first record has number ``seq``.

    Raises:
        JournalError: Not one input followed by decisions, in records of this format.
    """
    try:
        first, *rest = _RECORDS.decode(body)
        return Batch(seq=seq, input=first, decisions=tuple(rest), raw=raw)  # type: ignore[arg-type]
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        raise JournalError(f"record {seq} is not readable as format {FORMAT} ({error})") from error


def extend(head: bytes, parts: Iterable[bytes | msgspec.Raw]) -> bytes:
    """Return the hash of the chain after ``parts``, given the hash ``head`` before them."""
    for part in parts:
        link = hashlib.blake2b(head, digest_size=HASH_BYTES)
        link.update(part)
        head = link.digest()
    return head


def digest(*parts: bytes) -> bytes:
    """Return the 16-byte BLAKE2b of the parts, each preceded by its length where there are several."""
    if len(parts) == 1:
        return hashlib.blake2b(parts[0], digest_size=DIGEST_BYTES).digest()
    link = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        link.update(len(part).to_bytes(8, "big"))
        link.update(part)
    return link.digest()
