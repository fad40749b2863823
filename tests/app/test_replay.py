"""``nowake replay``: equal where nothing was touched, and the first difference by record and field where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nowake.app import replay as replaying
from nowake.app import run_journal, wiring
from nowake.app.replay import first_difference, replay
from nowake.app.request import OrderRequest
from nowake.core.amendment import Amendment
from nowake.core.decisions import ChildSubmitted, OrderAmended
from nowake.core.inputs import OperatorAction, OperatorCommand, Woken
from nowake.core.ports import Record
from nowake.core.value import replace
from nowake.engine import parent
from nowake.engine.host import Host, fold
from nowake.engine.state import state_hash
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal
from nowake.sim.world import World

ORDER = OrderRequest(side="buy", quantity="900", symbol="SYNTH", over="4m")


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a run that was paused, resumed and amended."""
    path = tmp_path_factory.mktemp("replay") / "run.db"
    prepared = wiring.prepare(ORDER, wiring.RunOptions(seed=9))
    order = prepared.order

    def at(seconds: float, action: OperatorAction, amendment: Amendment | None = None) -> OperatorCommand:
        t_ns = order.start_ns + int(seconds * 1e9)
        return OperatorCommand(
            t_ns=t_ns, parent_id=order.parent_id, action=action, actor="ann", key=str(seconds), amendment=amendment
        )

    commands = (
        at(30, OperatorAction.PAUSE),
        at(50, OperatorAction.RESUME),
        at(90, OperatorAction.AMEND, Amendment(qty_units=1000, urgency=0.8)),
        at(95, OperatorAction.AMEND, Amendment(qty_units=1)),
    )
    with run_journal.open_journal(prepared, path) as made:
        World(prepared.market, Host(prepared.env, made)).run(order, commands)
    return path


def copied(path: Path, to: Path, change: Callable[[int, Record], Record | None], code: str = "") -> Path:
    """Write a journal's records anew with changes, under a chain that holds; a record made None is left out."""
    file, seq = read_journal(path), 0
    header = replace(file.header, code_hash=code) if code else file.header
    with SqliteJournal.create(to, header) as made:
        made.put_blob(file.get_blob(header.env_hash))
        for batch in file.batches():
            changed = [change(seq + k, record) for k, record in enumerate(batch.records)]
            seq += len(batch.records)
            made.append([record for record in changed if record is not None])
    return to


def test_a_journal_comes_out_again(journal: Path) -> None:
    found = replay(journal)
    assert found.equal
    assert found.same_code
    assert found.redecided == found.batches == read_journal(journal).verify().batches
    assert any(isinstance(record, OrderAmended) for record in read_journal(journal).records())


def test_a_journal_that_grows_meanwhile_is_replayed_as_far_as_it_went(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, path = read_journal(journal), tmp_path / "growing.db"
    batches = list(file.batches())
    half = len(batches) // 2
    with SqliteJournal.create(path, file.header) as writer:
        writer.put_blob(file.get_blob(file.header.env_hash))
        for batch in batches[:half]:
            writer.append(batch.records)
        writer.sync()
        records, head = writer.head()
        left, real = iter(batches[half:]), replaying.redecide

        def meanwhile(*given: Any) -> Iterator[Any]:
            for one in real(*given):
                yield one
                if (batch := next(left, None)) is not None:
                    writer.append(batch.records)
                    writer.sync()

        monkeypatch.setattr(replaying, "redecide", meanwhile)
        found = replay(path)
    assert found.difference is None
    assert (found.records, found.batches, found.redecided) == (records, half, half)
    assert found.journal_hash == head
    assert read_journal(path).head()[0] > records
    part = fold(record for batch in batches[:half] for record in batch.records)
    assert found.state_hash == state_hash(part)


def test_a_changed_decision_is_found_by_record_and_field(journal: Path, tmp_path: Path) -> None:
    places = [k for k, one in enumerate(read_journal(journal).records()) if isinstance(one, ChildSubmitted)]
    target = places[len(places) // 2]

    def change(seq: int, record: Record) -> Record:
        if seq == target and isinstance(record, ChildSubmitted):
            return replace(record, reason="because")
        return record

    found = replay(copied(journal, tmp_path / "other.db", change))
    assert found.difference is not None
    assert (found.difference.record, found.difference.field) == (target, "ChildSubmitted.reason")
    assert found.difference.recorded == "because"
    assert found.redecided < found.batches


def test_a_missing_decision_is_found(journal: Path, tmp_path: Path) -> None:
    last = [k for k, one in enumerate(read_journal(journal).records()) if isinstance(one, ChildSubmitted)][-1]
    found = replay(copied(journal, tmp_path / "other.db", lambda seq, record: None if seq == last else record))
    assert found.difference is not None
    assert found.difference.record == last


def test_a_changed_input_is_found_by_what_it_leads_to(journal: Path, tmp_path: Path) -> None:
    batches = [one for one in read_journal(journal).batches() if isinstance(one.input, Woken)]
    target = [one.seq for one in batches if any(isinstance(d, ChildSubmitted) for d in one.decisions)][1]

    def change(seq: int, record: Record) -> Record:
        if seq == target and isinstance(record, Woken):
            shifted = replace(record.view, bid_units=record.view.bid_units - 50, ask_units=record.view.ask_units - 50)
            return replace(record, view=replace(shifted, bids=(), asks=()))
        return record

    found = replay(copied(journal, tmp_path / "other.db", change))
    assert not found.equal
    assert found.difference is not None
    assert found.difference.record > target


def test_other_code_is_said_first_and_what_it_decides_is_shown(
    journal: Path, tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(journal, tmp_path / "old.db", lambda seq, record: record, code="0" * 32)
    said = cli(f"replay {path}")
    assert said.code == 0
    assert "was written by other code, 000000000000" in said.out.splitlines()[0]
    assert "equal" in said.out.splitlines()[-1]
    real = parent.sized
    monkeypatch.setattr(parent, "sized", lambda *given: max(1, real(*given) - 1))
    differs = cli(f"replay {path}")
    assert differs.code == 1
    assert "was written by other code" in differs.out.splitlines()[0]
    assert "ChildSubmitted.child" in differs.out
    document = cli(f"replay {path} --json")
    assert (document.code, document.document["status"]) == (1, "different")
    assert document.document["difference"]["field"].startswith("ChildSubmitted")


def test_a_state_that_differs_is_a_difference_too(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = replaying.fold
    monkeypatch.setattr(replaying, "fold", lambda records: replace(real(records), ignored=99))
    found = replay(journal)
    assert found.difference is not None
    assert (found.difference.field, found.difference.recorded) == ("state.ignored", "99")


def test_replay_writes_nothing(journal: Path) -> None:
    before = journal.read_bytes()
    replay(journal)
    assert journal.read_bytes() == before


def test_damage_is_one_sentence(journal: Path, tmp_path: Path, cli: Any) -> None:
    body = bytearray(journal.read_bytes())
    middle = len(body) // 2
    body[middle : middle + 64] = bytes(64)
    path = tmp_path / "bad.db"
    path.write_bytes(body)
    said = cli(f"replay {path}")
    assert said.code == 1
    assert said.err.count("Error: ") == 1


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ".a[1].b"),
        ({"a": 1}, {"a": 1, "c": 2}, ".c"),
        ([1, 2], [1], " (length)"),
        (1, 2, ""),
    ],
)
def test_the_first_difference_is_a_path(old: Any, new: Any, where: str) -> None:
    assert first_difference(old, new)[0] == where
