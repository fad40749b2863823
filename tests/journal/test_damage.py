"""Any flipped byte and any truncation of the file: refused, cut and told, or without effect. Never other records."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nowake.core.errors import JournalError
from nowake.core.ports import Record
from nowake.journal.codec import Batch
from nowake.journal.header import Header
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal

MakeBatch = Callable[[int], Sequence[Record]]


class Whole(NamedTuple):
    """A journal as it should be: its bytes and what they say."""

    folder: Path
    data: bytes
    batches: list[Batch]

    def __repr__(self) -> str:
        return f"Whole({len(self.data)} bytes)"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, make_header: Callable[..., Header], make_batch: MakeBatch) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    with SqliteJournal.create(folder / "a.db", make_header()) as journal:
        journal.put_blob(b"environment")
        for k in range(30):
            journal.append(make_batch(k), b"raw %d" % k)
        journal.save_snapshot(journal.head()[0], b"state")
    return Whole(folder, (folder / "a.db").read_bytes(), list(read_journal(folder / "a.db").batches()))


def check(path: Path, whole: Whole) -> str:
    """Open a damaged copy both ways; return what came of it."""
    read: list[Batch] = []
    try:
        journal = read_journal(path)
        read.extend(journal.batches())
        told = bool(journal.verify().notices)
        outcome = "same" if read == whole.batches else "cut"
    except JournalError:
        outcome, told = "refused", True
    assert read == whole.batches[: len(read)], "other records came out"
    assert outcome != "cut" or (told and len(read) == len(whole.batches) - 1)
    try:
        with SqliteJournal.open_writer(path) as writer:
            kept = list(writer.batches())
            assert kept == whole.batches[: len(kept)], "other records came out"
            assert len(kept) == len(whole.batches) or any(notice.code == "tail-cut" for notice in writer.notices)
            assert len(kept) >= len(whole.batches) - 1
            head = writer.head()
        assert read_journal(path).head() == head
    except JournalError:
        pass
    return outcome


@example(place=0.06963096034315264, bit=0)  # a key that reads as NULL
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_detected_or_without_effect(whole: Whole, place: float, bit: int) -> None:
    data = bytearray(whole.data)
    data[int(place * len(data))] ^= 1 << bit
    path = whole.folder / "flipped.db"
    path.write_bytes(data)
    check(path, whole)


def test_every_flipped_byte_of_the_records_is_detected(whole: Whole) -> None:
    outcomes = []
    for batch in (whole.batches[3], whole.batches[-1]):
        body = batch.records[0].__class__.__name__.encode()
        assert body
        db = sqlite3.connect(whole.folder / "a.db")
        stored = db.execute("SELECT body FROM batches WHERE seq = ?", (batch.seq,)).fetchone()[0]
        db.close()
        start = whole.data.index(stored)
        for k in range(start, start + len(stored), 7):
            data = bytearray(whole.data)
            data[k] ^= 0xFF
            path = whole.folder / "flipped.db"
            path.write_bytes(data)
            outcomes.append(check(path, whole))
    assert set(outcomes) == {"refused", "cut"}


@given(size=st.floats(0, 1, exclude_max=True))
def test_any_truncation_is_refused(whole: Whole, size: float) -> None:
    path = whole.folder / "truncated.db"
    path.write_bytes(whole.data[: int(size * len(whole.data))])
    for opening in (read_journal, SqliteJournal.open_writer):
        with pytest.raises(JournalError):
            opening(path)


@pytest.fixture(scope="module")
def crashed(
    tmp_path_factory: pytest.TempPathFactory, make_header: Callable[..., Header], make_batch: MakeBatch
) -> Whole:
    """Return the files of a journal whose writer died: nothing was moved out of the write-ahead log."""
    folder = tmp_path_factory.mktemp("crashed")
    with SqliteJournal.create(folder / "a.db", make_header()) as journal:
        for k in range(30):
            journal.append(make_batch(k), b"raw %d" % k)
        for name in ("a.db", "a.db-wal"):
            shutil.copy(folder / name, folder / name.replace("a.db", "dead.db"))
    return Whole(folder, (folder / "dead.db-wal").read_bytes(), list(read_journal(folder / "a.db").batches()))


@given(size=st.floats(0, 1), flip=st.none() | st.floats(0, 1, exclude_max=True))
def test_a_torn_log_leaves_whole_batches_only(
    crashed: Whole, make_batch: MakeBatch, size: float, flip: float | None
) -> None:
    path = crashed.folder / "torn.db"
    for name in ("torn.db-shm", "torn.db-wal", "torn.db"):
        (crashed.folder / name).unlink(missing_ok=True)
    log = bytearray(crashed.data[: int(size * len(crashed.data))])
    if flip is not None and log:
        log[int(flip * len(log))] ^= 0x10
    shutil.copy(crashed.folder / "dead.db", path)
    path.with_name("torn.db-wal").write_bytes(log)
    with SqliteJournal.open_writer(path) as journal:
        kept = list(journal.batches())
        assert kept == crashed.batches[: len(kept)]
        assert size < 1 or flip is not None or len(kept) == len(crashed.batches)
        journal.append(make_batch(len(kept)))
    assert len(list(read_journal(path).batches())) == len(kept) + 1
