"""From a journal to the state it stands for: the newest snapshot that fits, and a fold over the records after it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from nowake.core.errors import InputError
from nowake.core.value import Value, from_msgpack
from nowake.core.view import View
from nowake.engine.host import fold
from nowake.engine.state import EngineState
from nowake.journal.header import code_hash
from nowake.journal.journal import Journal

# Not the deterministic encoder of values: that one sorts the tables of the state, and a restored state must decide
# exactly what the folded one would, down to the order in which children are gone through.
_ENCODER = msgspec.msgpack.Encoder()


class SavedState(Value, frozen=True):
    """What a snapshot holds.

    Attributes:
        code: Hash of the code that folded it; another code folds again from the records.
        state: After the records it stands for.
        view: The last view among those records: where the counters of the market go on.
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


def recover(journal: Journal, *, use_snapshot: bool = True) -> Recovered:
    """Return the state of a journal. Needs no tape, model, strategy or clock.

    Args:
        journal: Open for writing, its chain checked.
        use_snapshot: False folds everything from the first record.

    Raises:
        InvariantBroken: The records contradict each other.
    """
    seq, state, view = 0, EngineState(), None
    if use_snapshot and (found := journal.latest_snapshot()) is not None and (saved := _decoded(found.state)):
        seq, state, view = found.seq, saved.state, saved.view
    for batch in journal.batches(seq):
        state = fold(batch.records, state)
        view = getattr(batch.input, "view", None) or view
    return Recovered(state, view, journal.head()[0], seq)


def _decoded(body: bytes) -> SavedState | None:
    """Return what a snapshot holds, or None when other code wrote it: then its records are folded again."""
    try:
        saved = from_msgpack(body, SavedState)
    except InputError:
        return None
    return saved if saved.code == code_hash() else None
