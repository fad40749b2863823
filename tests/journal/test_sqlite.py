"""The file: one writer, refusals in one sentence, full disks, readers beside the writer."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nowake.core.errors import JournalCorrupt, JournalError
from nowake.core.ports import Record
from nowake.journal.header import Header, Origin
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal, SqliteStorage
from nowake.journal.storage import Storage

MakeBatch = Callable[[int], Sequence[Record]]
MakeHeader = Callable[..., Header]

HOLD_THE_JOURNAL = """
import sys
from nowake.journal.sqlite import SqliteJournal
journal = SqliteJournal.open_writer(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path, make_header: MakeHeader, make_batch: MakeBatch) -> Path:
    """Return a finished journal of 20 batches with two snapshots and a blob."""
    made = tmp_path / "run.db"
    with SqliteJournal.create(
        made, make_header(), Origin(created_ns=5, host="here", paths={"tape": "lake"})
    ) as journal:
        journal.put_blob(b"beliefs")
        for k in range(20):
            journal.append(make_batch(k), b"raw" if k % 2 else b"")
            if k in (8, 15):
                journal.save_snapshot(journal.head()[0], b"state after %d" % k)
    return made


def sql(path: Path, *statements: str) -> None:
    """Run statements on the file behind the journal's back."""
    db = sqlite3.connect(path)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_a_finished_journal_is_one_file(path: Path) -> None:
    assert [p.name for p in path.parent.iterdir()] == ["run.db"]
    journal = read_journal(path)
    assert journal.origin == Origin(created_ns=5, host="here", paths={"tape": "lake"})
    assert journal.header.seed == 7
    assert [p.name for p in path.parent.iterdir()] == ["run.db"]


def test_file_and_memory_hold_the_same_chain(path: Path, make_header: MakeHeader, make_batch: MakeBatch) -> None:
    memory = MemoryJournal(make_header())
    for k in range(20):
        memory.append(make_batch(k), b"raw" if k % 2 else b"")
    journal = read_journal(path)
    assert journal.head() == memory.head()
    assert list(journal.batches()) == list(memory.batches())
    assert list(journal.records()) == list(memory.records())
    checked = journal.verify()
    assert (checked.batches, checked.notices) == (20, ())


def test_body_hash_is_blind_to_the_header(tmp_path: Path, make_header: MakeHeader, make_batch: MakeBatch) -> None:
    found = []
    for k, header in enumerate((make_header(), make_header(seed=9))):
        with SqliteJournal.create(tmp_path / f"{k}.db", header) as journal:
            journal.append(make_batch(3))
        found.append(read_journal(tmp_path / f"{k}.db").verify())
    assert found[0].body_hash == found[1].body_hash
    assert found[0].head != found[1].head


def test_writing_goes_on_where_it_stopped(path: Path, make_header: MakeHeader, make_batch: MakeBatch) -> None:
    whole = MemoryJournal(make_header())
    for k in range(25):
        whole.append(make_batch(k))
    with SqliteJournal.open_writer(path, account="sim", mode="grouped") as journal:
        assert not journal.notices
        snapshot = journal.latest_snapshot()
        assert snapshot is not None
        assert snapshot.state == b"state after 15"
        for k in range(20, 25):
            journal.append(make_batch(k))
    assert read_journal(path).head() == whole.head()


def test_reader_beside_the_writer_sees_what_is_durable(path: Path, make_batch: MakeBatch) -> None:
    with SqliteJournal.open_writer(path) as journal:
        before = list(read_journal(path).batches())
        reading = read_journal(path).batches()
        next(reading)
        journal.append(make_batch(1))
        assert len(before) + 1 == len(list(read_journal(path).batches()))
        assert len(before) == 1 + len(list(reading))


def test_two_writers_in_one_process(path: Path, make_batch: MakeBatch) -> None:
    with SqliteJournal.open_writer(path) as first:
        for refused in (SqliteJournal.open_writer, SqliteJournal.open_writer):
            with pytest.raises(
                JournalError, match=rf"is being written by process {os.getpid()}; wait for it or stop it"
            ):
                refused(path)
        first.append(make_batch(1))
    SqliteJournal.open_writer(path).close()


def test_two_writers_in_two_processes_and_a_dead_owner(path: Path, make_batch: MakeBatch) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_JOURNAL, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(JournalError, match=f"is being written by process {owner.pid}"):
            SqliteJournal.open_writer(path)
        owner.kill()
    with SqliteJournal.open_writer(path) as journal:
        journal.append(make_batch(0))
    assert read_journal(path).verify().batches == 21


def test_a_writer_whose_lock_was_lost_is_fenced(path: Path, make_batch: MakeBatch) -> None:
    first = SqliteJournal.open_writer(path)
    path.with_name("run.db.lock").unlink()  # somebody "cleans up"
    second = SqliteJournal.open_writer(path)
    with pytest.raises(JournalError, match="taken over by a later writer"):
        first.append(make_batch(0))
    second.append(make_batch(0))
    second.close()
    first.close()
    assert read_journal(path).verify().batches == 21


def test_closing_a_fenced_writer_leaves_the_lock_of_the_next(path: Path) -> None:
    first = SqliteJournal.open_writer(path)
    path.with_name("run.db.lock").unlink()
    second = SqliteJournal.open_writer(path)
    first.close()
    with pytest.raises(JournalError, match="is being written"):
        SqliteJournal.open_writer(path)
    second.close()


def test_refusals_say_what_to_do(path: Path, tmp_path: Path, make_header: MakeHeader) -> None:
    (tmp_path / "text.db").write_text("hello, this is no database" * 100)
    (tmp_path / "empty.db").write_bytes(b"")
    (tmp_path / "short.db").write_bytes(path.read_bytes()[:60])
    (tmp_path / "cut.db").write_bytes(path.read_bytes()[:9000])
    sql(tmp_path / "other.db", "CREATE TABLE t (a)")
    shutil.copy(path, tmp_path / "new.db")
    sql(tmp_path / "new.db", "PRAGMA user_version = 9")
    cases = {
        "none.db": "there is no journal .*; name an existing one",
        ".": "cannot be read .*; name a journal file",
        "text.db": "is not a journal; name a file",
        "empty.db": "is not a journal; name a file",
        "short.db": "truncated to 60 bytes; restore",
        "cut.db": "truncated to 9000 bytes of .*; restore",
        "other.db": "is a database but not a journal; name",
        "new.db": "has journal format 9, this nowake reads 1; use the nowake that wrote it",
    }
    for name, said in cases.items():
        for opening in (read_journal, SqliteJournal.open_writer):
            with pytest.raises(JournalError, match=said):
                opening(tmp_path / name)
    with pytest.raises(JournalError, match="belongs to account sim, not other; name another journal"):
        SqliteJournal.open_writer(path, account="other")
    with pytest.raises(JournalError, match='exists already; go on with it by "nowake resume'):
        SqliteJournal.create(path, make_header())
    with pytest.raises(JournalError, match="use a folder you can write"):
        SqliteJournal.create(tmp_path / "no" / "folder.db", make_header())
    assert not list(tmp_path.glob("*.lock")) + list(tmp_path.glob("*.making"))
    SqliteJournal.open_writer(path).close()


def _small(pages: int) -> Callable[[Storage], Storage]:
    def wrap(storage: Storage) -> Storage:
        assert isinstance(storage, SqliteStorage)
        storage.connection.execute(f"PRAGMA max_page_count = {pages}")
        return storage

    return wrap


@pytest.mark.parametrize("mode", ["each", "grouped"])
def test_a_full_disk_halts_and_loses_nothing_that_was_durable(
    mode: Any, tmp_path: Path, make_header: MakeHeader, make_batch: MakeBatch
) -> None:
    path, durable, said = tmp_path / "a.db", 0, ""
    with SqliteJournal.create(path, make_header(), mode=mode, wrap=_small(30)) as journal:
        while durable < 10_000:
            try:
                journal.append(make_batch(durable), bytes(200))
                journal.sync()
            except JournalError as error:
                said = str(error)
                break
            durable += 1
        with pytest.raises(JournalError, match="failed earlier and takes nothing more"):
            journal.append(make_batch(0))
    assert 10 < durable < 10_000
    assert "cannot be written (database or disk is full); halt" in said
    checked = read_journal(path).verify()
    assert (checked.batches, checked.notices) == (durable, ())
    with SqliteJournal.open_writer(path) as journal:
        journal.append(make_batch(durable), bytes(200))


def test_every_opening_for_writing_is_an_epoch(path: Path) -> None:
    for epoch in (2, 3):
        with SqliteJournal.open_writer(path) as journal:
            assert journal.epoch == epoch


def test_reserved_space_changes_nothing_but_the_length(
    tmp_path: Path, make_header: MakeHeader, make_batch: MakeBatch
) -> None:
    heads = []
    for size in (0, 1_000_000):
        path = tmp_path / f"{size}.db"
        with SqliteJournal.create(path, make_header(), reserve_bytes=size) as journal:
            journal.append(make_batch(0))
            assert path.stat().st_size >= size
        with SqliteJournal.open_writer(path, reserve_bytes=size) as journal:
            journal.append(make_batch(1))
        assert size <= path.stat().st_size <= size + 100_000
        heads.append(read_journal(path).verify().head)
    assert heads[0] == heads[1]
    with pytest.raises(JournalError, match="cannot be reserved"):
        SqliteJournal.open_writer(path, reserve_bytes=2**62)
    SqliteJournal.open_writer(path).close()


TAIL = "(SELECT max(seq) FROM batches)"
MIDDLE = "(SELECT seq FROM batches ORDER BY seq LIMIT 1 OFFSET 9)"
DAMAGES = {
    "body": "UPDATE batches SET body = zeroblob(length(body)) WHERE seq = {}",
    "hash": "UPDATE batches SET hash = zeroblob(32) WHERE seq = {}",
    "raw": "UPDATE batches SET raw = x'00' WHERE seq = {}",
    "no raw": "UPDATE batches SET raw = NULL WHERE seq = {}",
    "text": "UPDATE batches SET hash = 'text' WHERE seq = {}",
}


@pytest.mark.parametrize("damage", [name for name in DAMAGES if "raw" not in name and name != "text"])
def test_a_damaged_tail_is_cut_told_and_kept_aside(path: Path, damage: str, make_batch: MakeBatch) -> None:
    sql(path, DAMAGES[damage].format(TAIL))
    assert len(list(read_journal(path).batches())) == 19
    notices = read_journal(path).verify().notices
    assert [notice.code for notice in notices] == ["tail-cut"]
    with SqliteJournal.open_writer(path) as journal:
        assert [notice.code for notice in journal.notices] == ["tail-cut"]
        assert "was cut and kept aside" in journal.notices[0].text
        assert len(list(journal.batches())) == 19
        journal.append(make_batch(19))
    checked = read_journal(path).verify()
    assert (checked.batches, checked.notices) == (20, ())
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM cut").fetchone() == (1,)
    db.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_before_the_tail_is_refused_with_its_place(path: Path, damage: str) -> None:
    batches = list(read_journal(path).batches())
    sql(path, DAMAGES[damage].format(MIDDLE))
    place = batches[9].seq
    for opening in (SqliteJournal.open_writer, lambda p: read_journal(p).verify()):
        with pytest.raises(JournalCorrupt, match=rf"damaged at record {place}: .*; restore the file from a copy"):
            opening(path)
    reading = read_journal(path).batches()
    assert [next(reading) for _ in range(9)] == batches[:9]
    with pytest.raises(JournalCorrupt):
        next(reading)


@pytest.mark.parametrize("last", [TAIL, MIDDLE])
def test_a_missing_batch_is_damage(path: Path, last: str) -> None:
    sql(path, f"DELETE FROM batches WHERE seq = (SELECT max(seq) FROM batches WHERE seq < {last})")
    with pytest.raises(JournalCorrupt, match="is missing"):
        SqliteJournal.open_writer(path)


@pytest.mark.parametrize("column", ["state", "chain", "digest"])
def test_a_bad_snapshot_gives_the_older_one_and_then_none(path: Path, column: str) -> None:
    sql(path, f"UPDATE snapshots SET {column} = zeroblob(32) WHERE seq = (SELECT max(seq) FROM snapshots)")
    with SqliteJournal.open_writer(path) as journal:
        snapshot = journal.latest_snapshot()
        assert snapshot is not None
        assert snapshot.state == b"state after 8"
        assert [notice.code for notice in journal.notices] == ["snapshot-skipped"]
    sql(path, f"UPDATE snapshots SET {column} = zeroblob(32)")
    assert read_journal(path).latest_snapshot() is None
    assert len(read_journal(path).verify().notices) == 2


def test_a_damaged_header_or_blob_is_told(path: Path) -> None:
    key = read_journal(path)
    sql(path, "UPDATE blobs SET body = x'00'")
    assert [notice.code for notice in key.verify().notices] == ["blob-damaged"]
    sql(path, "UPDATE header SET origin = x'80'")
    with pytest.raises(JournalError, match="damaged header; restore"):
        read_journal(path)
