"""Replay a journal: check its chain, fold its records, decide again on every input, and hold one against the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from nowake.app.results import environment
from nowake.core.decisions import AnyDecision
from nowake.core.errors import InvariantBroken, NowakeError
from nowake.core.inputs import AnyInput
from nowake.core.plan import Notice
from nowake.core.ports import Record
from nowake.core.sessions import iso
from nowake.engine.host import fold, redecide
from nowake.engine.state import EngineState, state_hash
from nowake.journal.codec import Batch
from nowake.journal.header import Header, code_hash
from nowake.journal.reader import read_journal

Shown = Callable[[float | None, str], None]
PROGRESS_EVERY = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """The first record that comes out differently.

    Attributes:
        record: Its number in the journal.
        t_ns: Local time of its input.
        event: Kind of the input.
        field: Where the two differ, as a path into the record.
        recorded, decided: What stands there in the journal, and now.
    """

    record: int
    t_ns: int
    event: str
    field: str
    recorded: str
    decided: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What replaying a journal found.

    Attributes:
        records, batches: Of the journal, all of which the chain holds together.
        journal_hash: Head of the chain.
        redecided: Batches decided again with the same outcome.
        state_hash: Of the state that folding the records gives; empty where they contradict each other.
        same_code: Whether this is the code that wrote it.
        difference: The first, None = every decision came out again and both states are equal.
        notices: What the check of the file found.
    """

    path: Path
    header: Header
    records: int
    batches: int
    journal_hash: str
    redecided: int
    state_hash: str
    same_code: bool
    difference: Difference | None
    notices: tuple[Notice, ...]

    @property
    def equal(self) -> bool:
        """Return whether everything came out again."""
        return self.difference is None

    def to_dict(self) -> dict[str, Any]:
        """Return what ``nowake replay --json`` prints."""
        found = self.difference
        return {
            "schema": "nowake/replay/1",
            "status": "equal" if self.equal else "different",
            "journal": str(self.path),
            "records": self.records,
            "batches": self.batches,
            "batches_equal": self.redecided,
            "journal_hash": self.journal_hash,
            "state_hash": self.state_hash,
            "code": {"journal": self.header.code_hash, "here": code_hash(), "same": self.same_code},
            "difference": None
            if found is None
            else {
                "record": found.record,
                "t": iso(found.t_ns),
                "input": found.event,
                "field": found.field,
                "recorded": found.recorded,
                "decided": found.decided,
            },
            "notices": [{"code": one.code, "text": one.text} for one in self.notices],
        }


def replay(path: Path, shown: Shown | None = None) -> Replay:
    """Return whether a journal's decisions come out again, and the first that does not.

    Args:
        path: Of the journal, finished or not; it is only read. One that is being written is replayed as far as it went
            when this began.
        shown: Told how far it is.

    Raises:
        JournalError: Not a journal, damaged, or it stops before its first step.
    """
    file = read_journal(path)
    checked, env = file.verify(), environment(file)
    places: list[int] = []

    def batches() -> Iterator[Batch]:
        # Those that were checked: what a writer has appended since is not looked at.
        return takewhile(lambda batch: batch.seq < checked.records, file.batches())

    def inputs() -> Iterator[tuple[AnyInput, tuple[AnyDecision, ...]]]:
        for batch in batches():
            places.append(batch.seq)
            yield batch.input, batch.decisions

    state, equal, difference = EngineState(), 0, None
    try:
        for one in redecide(inputs(), env):
            state = one.state
            if not one.equal:
                difference = _decision_difference(places[-1], one.event, one.recorded, one.decided)
                break
            equal += 1
            if shown is not None and equal % PROGRESS_EVERY == 0:
                shown(equal / max(1, checked.batches), f"{equal} of {checked.batches} inputs decided again")
    except NowakeError as error:  # the code of today may refuse what that of then accepted
        difference = Difference(places[-1], 0, "input", "", "decided", f"refused: {error}")
    folded, broken = _folded(record for batch in batches() for record in batch.records)
    if difference is None:
        difference = _state_difference(checked.records, folded, state, broken)
    return Replay(
        path=path,
        header=file.header,
        records=checked.records,
        batches=checked.batches,
        journal_hash=checked.head,
        redecided=equal,
        state_hash=state_hash(folded) if not broken else "",
        same_code=file.header.code_hash == code_hash(),
        difference=difference,
        notices=checked.notices,
    )


def _folded(records: Iterable[Record]) -> tuple[EngineState, str]:
    """Return the state of the records, and what they contradict, if they do."""
    try:
        return fold(records), ""
    except InvariantBroken as error:
        return EngineState(), error.detail


def _state_difference(records: int, folded: EngineState, decided: EngineState, broken: str) -> Difference | None:
    if broken:
        return Difference(records, decided.t_ns, "the end", "fold", broken, "no contradiction")
    if state_hash(folded) == state_hash(decided):
        return None
    where, old, new = first_difference(msgspec.to_builtins(folded), msgspec.to_builtins(decided))
    return Difference(records, folded.t_ns, "the end", f"state{where}", old, new)


def _decision_difference(
    seq: int, event: AnyInput, recorded: tuple[AnyDecision, ...], decided: tuple[AnyDecision, ...]
) -> Difference:
    """Return the first difference between what was decided on an input and what is decided now."""
    kind = type(event).__name__
    for k in range(max(len(recorded), len(decided))):
        old, new = (side[k] if k < len(side) else None for side in (recorded, decided))
        if old == new:
            continue
        if type(old) is not type(new):
            names = [type(one).__name__ if one is not None else "nothing" for one in (old, new)]
            return Difference(seq + 1 + k, event.t_ns, kind, "kind of decision", names[0], names[1])
        where, was, now = first_difference(msgspec.to_builtins(old), msgspec.to_builtins(new))
        return Difference(seq + 1 + k, event.t_ns, kind, f"{type(old).__name__}{where}", was, now)
    raise AssertionError("equal decisions have no difference")


def first_difference(old: Any, new: Any, where: str = "") -> tuple[str, str, str]:
    """Return (path, old value, new value) of the first place at which two plain values differ, tables by key."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            if key not in old or key not in new:
                return f"{where}.{key}", _text(old.get(key)), _text(new.get(key))
            if old[key] != new[key]:
                return first_difference(old[key], new[key], f"{where}.{key}")
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        if len(old) != len(new):
            return f"{where} (length)", str(len(old)), str(len(new))
        for k, (was, now) in enumerate(zip(old, new, strict=True)):
            if was != now:
                return first_difference(was, now, f"{where}[{k}]")
    return where, _text(old), _text(new)


def _text(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
