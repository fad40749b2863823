"""Journals of old formats stay readable: the committed file, opened by today's code."""

from __future__ import annotations

import importlib.util
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
_SPEC = importlib.util.spec_from_file_location("make_journal_1", GOLDEN / "make_journal_1.py")
assert _SPEC is not None
assert _SPEC.loader is not None
made = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(made)

HEAD_1 = "20c93b6ef52890352584b409a327ccdaa7063074fd4315637781880b0435a3bb"
"""Head of the golden journal of format 1, as the code that wrote it said."""


def test_format_1_reads_as_it_was_written() -> None:
    journal = read_journal(GOLDEN / "journal_1.db")
    checked = journal.verify()
    assert (checked.records, checked.batches, checked.head, checked.notices) == (9, 5, HEAD_1, ())
    assert journal.header == made.HEADER
    assert journal.origin.paths == {"AMZN@XNAS 2012-06-21": "lake"}
    assert [(list(batch.records), batch.raw) for batch in journal.batches()] == made.batches()
    snapshot = journal.latest_snapshot()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.state) == (9, b"a state")


def test_the_same_records_still_give_the_same_chain() -> None:
    memory = MemoryJournal(made.HEADER)
    for batch, raw in made.batches():
        memory.append(batch, raw)
    assert memory.head() == (9, HEAD_1)


def test_format_1_can_be_continued(tmp_path: Path) -> None:
    path = shutil.copy(GOLDEN / "journal_1.db", tmp_path / "copy.db")
    with SqliteJournal.open_writer(path, account="sim") as journal:
        journal.append(made.batches()[1][0])
    assert read_journal(path).verify().batches == 6


def test_a_kill_while_the_log_is_copied_back_loses_nothing(tmp_path: Path) -> None:
    """A checkpoint writes the first page before the rest: the file is then shorter than its header says."""
    path, killed, done = tmp_path / "run.db", tmp_path / "killed.db", tmp_path / "done.db"
    with SqliteJournal.create(path, made.HEADER) as journal:
        for _ in range(200):
            journal.append(made.batches()[1][0])
        for copy in (killed, done):
            shutil.copy(path, copy)
            shutil.copy(f"{path}-wal", f"{copy}-wal")
        head = journal.head()
    with closing(sqlite3.connect(done)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = killed.read_bytes()
    assert len(done.read_bytes()) > len(before)
    killed.write_bytes(done.read_bytes()[:4096] + before[4096:])
    assert read_journal(killed).head() == head
    with SqliteJournal.open_writer(killed, account="sim") as again:
        assert again.head() == head
