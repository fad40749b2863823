"""What holds for every journal, in memory and on disk: order, durability, failure, snapshots, blobs, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import JournalError
from nowake.core.ports import JournalStore, Record
from nowake.core.value import content_hash, replace, to_msgpack
from nowake.journal.header import Header
from nowake.journal.journal import GROUP_BATCHES, Journal
from nowake.journal.memory import MemoryJournal
from nowake.journal.prefix import PrefixCheckingJournal
from nowake.journal.sqlite import SqliteJournal
from nowake.journal.storage import MemoryStorage, StoredBatch

MakeBatch = Callable[[int], Sequence[Record]]
MakeHeader = Callable[..., Header]


class FailingStorage(MemoryStorage):
    """Fails at the ``at``-th write (0-based), keeping nothing of it."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self._left, self._error = at, error

    def write(self, batches: Sequence[StoredBatch]) -> None:
        """Keep the batches until the time has come."""
        if self._left == 0:
            raise self._error
        self._left -= 1
        super().write(batches)


@pytest.fixture(params=["memory", "each", "grouped"])
def journal(request: Any, tmp_path: Path, make_header: MakeHeader) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal(make_header())
    else:
        with SqliteJournal.create(tmp_path / "a.db", make_header(), mode=request.param) as made:
            yield made


def test_what_was_appended_comes_back(journal: Journal, make_batch: MakeBatch) -> None:
    for k in range(40):
        journal.append(make_batch(k), b"raw %d" % k if k % 3 else b"")
    back = list(journal.batches())
    assert [list(batch.records) for batch in back] == [list(make_batch(k)) for k in range(40)]
    assert [batch.raw for batch in back] == [b"raw %d" % k if k % 3 else b"" for k in range(40)]
    assert [batch.seq for batch in back][-1] + len(back[-1].records) == journal.head()[0]
    assert list(journal.records()) == [record for batch in back for record in batch.records]


def test_store_and_grouping_do_not_change_the_hash(
    journal: Journal, make_header: MakeHeader, make_batch: MakeBatch
) -> None:
    store: JournalStore = journal
    other = MemoryJournal(make_header())
    for k in range(30):
        store.append(make_batch(k), b"raw payloads are beside the chain")
        other.append(make_batch(k))
    assert store.head() == other.head()
    assert store.journal_id == other.journal_id == "j1"


def test_header_begins_the_chain(make_header: MakeHeader, make_batch: MakeBatch) -> None:
    heads = set()
    for header in (make_header(), make_header(seed=8), make_header(account="b"), make_header(env_hash="e")):
        journal = MemoryJournal(header)
        journal.append(make_batch(0))
        heads.add(journal.head())
    assert len(heads) == 4


def test_grouped_batches_wait_for_sync_or_a_full_group(make_header: MakeHeader, make_batch: MakeBatch) -> None:
    storage = MemoryStorage()
    journal = Journal(make_header(), storage, mode="grouped")
    journal.append(make_batch(0))
    assert not list(storage.batches())
    journal.sync()
    assert len(list(storage.batches())) == 1
    for k in range(GROUP_BATCHES):
        journal.append(make_batch(k))
    assert len(list(storage.batches())) > 1


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), JournalError("disk"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [0, 1, 5])
def test_after_a_failed_write_nothing_more_is_taken(
    at: int, error: BaseException, make_header: MakeHeader, make_batch: MakeBatch
) -> None:
    storage = FailingStorage(at, error)
    journal = Journal(make_header(), storage)
    for k in range(at):
        journal.append(make_batch(k))
    with pytest.raises((JournalError, KeyboardInterrupt)):
        journal.append(make_batch(at))
    for call in (lambda: journal.append(make_batch(at)), journal.sync, lambda: journal.save_snapshot(0, b"")):
        with pytest.raises(JournalError, match="failed earlier"):
            call()
    journal.close()
    assert len(list(storage.batches())) == at


def test_snapshot_stands_for_all_records(journal: Journal, make_batch: MakeBatch) -> None:
    assert journal.latest_snapshot() is None
    journal.append(make_batch(3))
    with pytest.raises(JournalError, match="must stand for all 4 records, was for 3"):
        journal.save_snapshot(3, b"state")
    for k in range(6):
        journal.save_snapshot(journal.head()[0], b"state %d" % k)
        journal.append(make_batch(k))
    snapshot = journal.latest_snapshot()
    assert snapshot is not None
    assert snapshot.state == b"state 5"
    rest = [list(batch.records) for batch in journal.batches(snapshot.seq)]
    assert rest == [list(make_batch(5))]


def test_blobs_are_named_by_their_content(journal: Journal, every_record: tuple[Record, ...]) -> None:
    key = journal.put_blob(to_msgpack(every_record[0]))
    assert key == content_hash(every_record[0]) == journal.put_blob(to_msgpack(every_record[0]))
    assert journal.get_blob(key) == to_msgpack(every_record[0])
    with pytest.raises(JournalError, match="holds no blob"):
        journal.get_blob("00")


def test_a_closed_journal_takes_nothing(journal: Journal, make_batch: MakeBatch) -> None:
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="it was closed"):
        journal.append(make_batch(0))


@given(there=st.integers(0, 12), more=st.integers(0, 12))
def test_a_run_executed_again_continues_its_journal(
    there: int, more: int, make_header: MakeHeader, make_batch: MakeBatch
) -> None:
    journal, whole = MemoryJournal(make_header()), MemoryJournal(make_header())
    for k in range(there):
        journal.append(make_batch(k))
    resumed = PrefixCheckingJournal(journal)
    for k in range(there + more):
        assert resumed.replaying == (k < there)
        assert resumed.head() == whole.head()
        resumed.append(make_batch(k))
        whole.append(make_batch(k))
    resumed.sync()
    resumed.finish()
    assert resumed.head() == journal.head() == whole.head()
    assert list(journal.batches()) == list(whole.batches())


def test_a_run_that_differs_is_refused_with_the_record(make_header: MakeHeader, make_batch: MakeBatch) -> None:
    journal = MemoryJournal(make_header())
    for k in range(4):
        journal.append(make_batch(k))
    first, *rest = make_batch(3)
    cases: list[tuple[Sequence[Record], str]] = [
        ([replace(first, t_ns=5), *rest], "record 6 "),
        ([first, *rest[:-1]], "record 9 .*nothing now"),
        ([first, *rest, rest[0]], "record 10 .*nothing there"),
        ([first, rest[1], rest[1], rest[2]], "record 7 .* there, .* now"),
    ]
    for batch, said in cases:
        resumed = PrefixCheckingJournal(journal)
        for k in range(3):
            resumed.append(make_batch(k))
        with pytest.raises(JournalError, match=f"was written by other code: {said}"):
            resumed.append(batch)
        with pytest.raises(JournalError, match="holds records from 6 on"):
            resumed.finish()
    assert journal.head()[0] == 10
