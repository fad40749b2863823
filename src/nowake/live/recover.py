"""From a journal to the state it stands for: the newest snapshot that fits, and a fold over the records after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import msgspec

from nowake.core.errors import InputError
from nowake.core.value import Value, from_msgpack
from nowake.core.view import View
from nowake.engine.host import fold
from nowake.engine.state import EngineState
from nowake.journal.codec import Batch
from nowake.journal.header import code_hash
from nowake.journal.journal import Journal
from nowake.journal.verify import Snapshot

# Not the deterministic encoder of values: that one sorts the tables of the state, and a restored state must decide
# exactly what the folded one would, down to the order in which children are gone through.
_ENCODER = msgspec.msgpack.Encoder()


class Readable(Protocol):
    """A journal, open for writing or only for reading."""

    def latest_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot that fits the chain."""

    def batches(self, from_seq: int = 0) -> Iterator[Batch]:
        """Yield the batches from a record on."""


class SavedState(Value, frozen=True):
    """What a snapshot holds.

    Attributes:
        code: Hash of the code that folded it; another code folds again from the records.
        state: After the records it stands for.
        view: The last view among those records: where the counters of the market go on. None where the whole market
            is executed again.
    """

    code: str
    state: EngineState
    view: View | None


class Recovered(NamedTuple):
    """What a journal stands for.

    Attributes:
        state: The fold over all its records.
        view: The last view that was journaled.
        records: How many there are.
        from_seq: Records that a snapshot saved us from folding.
    """

    state: EngineState
    view: View | None
    records: int
    from_seq: int


def save_state(journal: Journal, state: EngineState, view: View | None) -> None:
    """Keep ``state`` as standing for all records of the journal so far, durable on return."""
    saved = SavedState(code=code_hash(), state=state, view=view)
    journal.save_snapshot(journal.head()[0], _ENCODER.encode(saved))


def recover(journal: Readable, *, use_snapshot: bool = True) -> Recovered:
    """Return the state of a journal. Needs no tape, model, strategy or clock.

    Args:
        journal: Its chain is checked; at most what was written since the newest good snapshot is decoded and folded.
        use_snapshot: False folds everything from the first record.

    Raises:
        InvariantBroken: The records contradict each other.
    """
    seq, state, view = 0, EngineState(), None
    if use_snapshot and (found := journal.latest_snapshot()) is not None and (saved := _decoded(found.state)):
        seq, state, view = found.seq, saved.state, saved.view
    records = seq
    for batch in journal.batches(seq):
        state = fold(batch.records, state)
        view = getattr(batch.input, "view", None) or view
        records += len(batch.records)
    return Recovered(state, view, records, seq)


def _decoded(body: bytes) -> SavedState | None:
    """Return what a snapshot holds, or None when other code wrote it: then its records are folded again."""
    try:
        saved = from_msgpack(body, SavedState)
    except InputError:
        return None
    return saved if saved.code == code_hash() else None
