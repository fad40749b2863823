"""The journal on disk: one SQLite file (WAL, synchronous FULL), whole batches only, one writer by lock and epoch.

Tables: ``header`` (one row), ``batches`` (a row is a batch: all of it is there or nothing), ``snapshots``, ``blobs``,
``epochs`` (one row per opening for writing; the highest owns the file), ``cut`` (damaged tails, kept as evidence).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from nowake.core.errors import InputError, JournalError, JournalUnwritable
from nowake.core.plan import Notice
from nowake.core.value import from_msgpack, to_msgpack
from nowake.journal.codec import FORMAT, digest
from nowake.journal.header import Header, Origin
from nowake.journal.journal import MEND, Journal, Mode
from nowake.journal.lock import WriterLock
from nowake.journal.storage import Storage, StoredBatch, StoredSnapshot
from nowake.journal.verify import RESTORE, corrupt, scan

APPLICATION_ID = 0x6E774B4A  # "nwKJ"
MAGIC = b"SQLite format 3\x00"
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises on a damaged file; the second where damage is in the text of its own message."""

_SCHEMA = """
CREATE TABLE header (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL, origin BLOB NOT NULL,
                     digest BLOB NOT NULL);
CREATE TABLE batches (seq INTEGER PRIMARY KEY, body BLOB NOT NULL, hash BLOB NOT NULL, raw BLOB, raw_hash BLOB);
CREATE TABLE snapshots (seq INTEGER PRIMARY KEY, state BLOB NOT NULL, chain BLOB NOT NULL, digest BLOB NOT NULL);
CREATE TABLE blobs (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE epochs (epoch INTEGER PRIMARY KEY, owner TEXT NOT NULL, records INTEGER NOT NULL);
CREATE TABLE cut (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, body BLOB, hash BLOB, raw BLOB);
"""

_INSERT_ONE = """
INSERT INTO batches SELECT ?, ?, ?, ?, ? WHERE (SELECT max(epoch) FROM epochs) = ?
"""


class SqliteStorage:
    """The storage port over one connection.

    Args:
        path: Of the file, for errors.
        connection: In autocommit mode; this object owns it.
        epoch: Ours; 0 = reading only.
        lock: Held while we write.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, epoch: int, lock: WriterLock | None) -> None:
        self.path, self.connection, self.epoch, self._lock = path, connection, epoch, lock

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit durably what the body does, or nothing; refuse when another writer took over."""
        db = self.connection
        try:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("SELECT max(epoch) FROM epochs").fetchone()[0] != self.epoch:
                raise self._fenced()
            yield db
            db.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._unwritable(error) from error
            raise

    def _fenced(self) -> JournalError:
        return JournalError(
            f"{self.path} was taken over by a later writer than ours (epoch {self.epoch})", "stop this one"
        )

    def _unwritable(self, error: sqlite3.Error) -> JournalUnwritable:
        return JournalUnwritable(f"{self.path} cannot be written ({error})", MEND)

    def write(self, batches: Sequence[StoredBatch]) -> None:
        """Make the batches durable, all or none."""
        if len(batches) > 1:
            with self._transaction() as db:
                db.executemany("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", batches)
            return
        # One batch is one statement, which is a transaction of its own and holds the check of the epoch.
        try:
            done = self.connection.execute(_INSERT_ONE, (*batches[0], self.epoch)).rowcount
        except sqlite3.Error as error:
            raise self._unwritable(error) from error
        if done != 1:
            raise self._fenced()

    def batches(self, from_seq: int = 0) -> Iterator[StoredBatch]:
        """Yield what is kept from ``from_seq`` on. Raises JournalCorrupt where SQLite finds the file damaged."""
        last = from_seq
        try:
            rows = self.connection.execute(
                "SELECT seq, body, hash, raw, raw_hash FROM batches WHERE seq >= ? ORDER BY seq", (from_seq,)
            )
            for row in rows:
                last = row[0]
                if not _sound(row):
                    raise corrupt(str(self.path), last, "it is not of the kind that was written")
                yield StoredBatch(*row)
        except UNREADABLE as error:
            raise corrupt(str(self.path), last, f"SQLite says {error}") from error

    def cut(self, from_seq: int) -> None:
        """Move every batch beyond ``from_seq`` records to the table ``cut``, and drop such snapshots."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO cut (seq, body, hash, raw) SELECT seq, body, hash, raw FROM batches WHERE seq >= ?",
                (from_seq,),
            )
            db.execute("DELETE FROM batches WHERE seq >= ?", (from_seq,))
            db.execute("DELETE FROM snapshots WHERE seq > ?", (from_seq,))

    def save_snapshot(self, snapshot: StoredSnapshot, keep: int) -> None:
        """Make a snapshot durable; only the ``keep`` newest stay."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)", snapshot)
            db.execute(
                "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?)", (keep,)
            )

    def snapshots(self) -> Iterator[StoredSnapshot]:
        """Yield the snapshots, newest first; rows that are not snapshots any more are passed over."""
        with self._reading():
            rows = self.connection.execute(
                "SELECT seq, state, chain, digest FROM snapshots ORDER BY seq DESC"
            ).fetchall()
        sound = (row for row in rows if isinstance(row[0], int) and row[0] >= 0)
        return (StoredSnapshot(*row) for row in sound if all(isinstance(value, bytes) for value in row[1:]))

    def put_blob(self, key: str, body: bytes) -> None:
        """Make a blob durable; one that is there stays."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (key, body))

    def get_blob(self, key: str) -> bytes | None:
        """Return a blob, or None."""
        with self._reading():
            row = self.connection.execute("SELECT body FROM blobs WHERE key = ?", (key,)).fetchone()
        return row[0] if row and isinstance(row[0], bytes) else None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            raise JournalError(f"{self.path} cannot be read ({error})", RESTORE) from error

    def close(self) -> None:
        """Close the file and let go of the lock; a lone owner leaves a single file without a WAL beside it."""
        with suppress(sqlite3.Error):
            if self._lock is not None:
                self.connection.execute("PRAGMA busy_timeout = 0")
                self.connection.execute("PRAGMA journal_mode = DELETE").fetchone()
        self.connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def _sound(row: tuple[object, ...]) -> bool:
    """Say whether a row of ``batches`` has the types it was written with (a flipped type byte changes them)."""
    raw, raw_hash = row[3], row[4]
    pair = (raw is None and raw_hash is None) or (isinstance(raw, bytes) and isinstance(raw_hash, bytes))
    return isinstance(row[1], bytes) and isinstance(row[2], bytes) and pair


def check_file(path: Path) -> None:
    """Refuse what is not a whole journal of this format before SQLite touches it.

    Raises:
        JournalError: One sentence with the remedy.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
        size = path.stat().st_size
    except FileNotFoundError:
        raise JournalError(f"there is no journal {path}", "name an existing one, or start a run with it") from None
    except OSError as error:
        raise JournalError(f"{path} cannot be read ({error.strerror})", "name a journal file") from error
    if not head.startswith(MAGIC[: len(head)]) or not head:
        raise JournalError(f"{path} is not a journal", "name a file that nowake wrote with --journal")
    if len(head) < 100:
        raise JournalError(f"{path} is truncated to {size} bytes", RESTORE)
    if int.from_bytes(head[68:72], "big") != APPLICATION_ID:
        raise JournalError(f"{path} is a database but not a journal", "name a file that nowake wrote with --journal")
    if (version := int.from_bytes(head[60:64], "big")) != FORMAT:
        raise JournalError(
            f"{path} has journal format {version}, this nowake reads {FORMAT}", "use the nowake that wrote it"
        )
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    # A kill while the log is copied back leaves a first page that is ahead of the file; the log still holds the rest,
    # SQLite finishes the copy, and the chain says whether all is there.
    log = path.with_name(path.name + "-wal")
    recoverable = log.exists() and log.stat().st_size > 0
    if size < pages * (65536 if page == 1 else page) and not recoverable:
        raise JournalError(f"{path} is truncated to {size} bytes of {pages * page}", RESTORE)


def read_header(path: Path, db: sqlite3.Connection) -> tuple[Header, Origin]:
    """Return both parts of the header.

    Raises:
        JournalError: There is none, or it is damaged.
    """
    try:
        row = db.execute("SELECT body, origin, digest FROM header WHERE id = 1").fetchone()
    except UNREADABLE as error:
        raise JournalError(f"{path} cannot be read ({error})", RESTORE) from error
    whole = row is not None and all(isinstance(part, bytes) for part in row)
    if not whole or digest(row[0], row[1]) != row[2]:
        raise JournalError(f"{path} has a damaged header", RESTORE)
    try:
        return from_msgpack(row[0], Header), from_msgpack(row[1], Origin)
    except InputError as error:
        raise JournalError(
            f"{path} has a header this nowake cannot read ({error})", "use the nowake that wrote it"
        ) from error


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection in autocommit mode; never creates a file.

    Raises:
        JournalError: SQLite will not open it.
    """
    mode = "ro" if read_only else "rw"
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        if not read_only:
            _durable(db)
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be opened ({error})", "check the file and its folder") from error
    return db


def _durable(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA busy_timeout = 5000")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA fullfsync = ON")
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise sqlite3.OperationalError("the file system does not carry a write-ahead log")


class SqliteJournal(Journal):
    """A journal on disk. Make one with ``create`` or ``open_writer``.

    Attributes:
        epoch: Counts the openings for writing; ours, as long as nobody opened it after us.
    """

    epoch: int = 0

    @classmethod
    def create(
        cls,
        path: Path | str,
        header: Header,
        origin: Origin | None = None,
        *,
        mode: Mode = "each",
        reserve_bytes: int = 0,
        wrap: Callable[[Storage], Storage] | None = None,
    ) -> Self:
        """Make a journal that did not exist, and hold it for writing.

        Args:
            path: Of the new file; never overwritten.
            header: The hashed part.
            origin: The unhashed part.
            mode: When appended batches are durable.
            reserve_bytes: Disk space taken now, for file and log each: a commit that need not lengthen a file is a
                quarter faster. For live accounts (4 MB, say); a simulated run has no use for it.
            wrap: Put round the storage: where tests inject faults.

        Raises:
            JournalError: The file exists, or its folder cannot be written.
        """
        path = Path(path)
        lock = WriterLock(path)
        try:
            _make_file(path, header, origin or Origin())
        except BaseException:
            lock.release()
            raise
        return cls._open(path, lock, None, mode, reserve_bytes, wrap)

    @classmethod
    def open_writer(
        cls,
        path: Path | str,
        *,
        account: str | None = None,
        mode: Mode = "each",
        reserve_bytes: int = 0,
        wrap: Callable[[Storage], Storage] | None = None,
    ) -> Self:
        """Open an existing journal to go on writing it; the lock of a dead owner is taken over.

        The whole chain is checked. A damaged last batch is cut, kept aside in the file and told in ``notices``.

        Args:
            path: Of the file.
            account: Refuse a journal of another account; None = any.
            mode: When appended batches are durable.
            reserve_bytes: Disk space taken now, for file and log each: a commit that need not lengthen a file is a
                quarter faster. For live accounts (4 MB, say); a simulated run has no use for it.
            wrap: Put round the storage: where tests inject faults.

        Raises:
            JournalError: Not a journal, other format, other account, truncated, or open elsewhere.
            JournalCorrupt: Damage before the tail.
        """
        path = Path(path)
        check_file(path)
        return cls._open(path, WriterLock(path), account, mode, reserve_bytes, wrap)

    @classmethod
    def _open(
        cls,
        path: Path,
        lock: WriterLock,
        account: str | None,
        mode: Mode,
        reserve_bytes: int,
        wrap: Callable[[Storage], Storage] | None,
    ) -> Self:
        storage: SqliteStorage | None = None
        try:
            db = connect(path, read_only=False)
            storage = SqliteStorage(path, db, 0, lock)
            header, _ = read_header(path, db)
            if account is not None and account != header.account:
                raise JournalError(f"{path} belongs to account {header.account}, not {account}", "name another journal")
            places = frozenset(one.seq for one in storage.snapshots())
            found = scan(str(path), storage.batches(), header.genesis, places)
            storage.epoch = _take_epoch(path, db, found.records)
            notices: tuple[Notice, ...] = ()
            if found.tail_damage:
                storage.cut(found.records)
                notices = (tail_notice(path, found.records, found.tail_damage, "was cut and kept aside"),)
            _reserve(path, db, reserve_bytes)
            wrapped = wrap(storage) if wrap else storage
            journal = cls(header, wrapped, found=found, name=str(path), mode=mode, notices=notices)
            journal.epoch = storage.epoch
            return journal
        except BaseException:
            if storage is not None:
                storage.close()
            lock.release()
            raise


def tail_notice(path: Path, records: int, damage: str, done: str) -> Notice:
    """Return the warning about a damaged last batch."""
    text = f"{path}: the last batch, from record {records}, {done}: {damage}; ask the venue what became of its orders"
    return Notice(code="tail-cut", text=text)


def _take_epoch(path: Path, db: sqlite3.Connection, records: int) -> int:
    """Claim the file: every writer with a lower epoch is fenced off from now on."""
    try:
        db.execute("BEGIN IMMEDIATE")
        epoch = int(db.execute("SELECT coalesce(max(epoch), 0) + 1 FROM epochs").fetchone()[0])
        db.execute("INSERT INTO epochs VALUES (?, ?, ?)", (epoch, f"process {os.getpid()}", records))
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be written ({error})", "check the disk and the file's rights") from error
    return epoch


def _reserve(path: Path, db: sqlite3.Connection, size: int) -> None:
    """Make the file and its log ``size`` bytes long: fill and drop a table, then start the log over."""
    if not size:
        return
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE reserve (filler BLOB)")
        db.execute("INSERT INTO reserve VALUES (zeroblob(?))", (size,))
        db.execute("DROP TABLE reserve")
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    except sqlite3.Error as error:
        raise JournalError(f"{path}: {size} bytes cannot be reserved ({error})", "free space") from error


def _make_file(path: Path, header: Header, origin: Origin) -> None:
    """Put a whole, empty journal at ``path`` in one step: built beside it, then renamed. The caller holds the lock."""
    if path.exists():
        raise JournalError(f"{path} exists already", f'go on with it by "nowake resume {path}", or name another file')
    making = path.with_name(path.name + ".making")
    making.unlink(missing_ok=True)
    body, unhashed = to_msgpack(header), to_msgpack(origin)
    try:
        db = sqlite3.connect(making, isolation_level=None)
        try:
            db.executescript(
                f"PRAGMA synchronous = FULL; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};"
                + _SCHEMA
            )
            db.execute("INSERT INTO header VALUES (1, ?, ?, ?)", (body, unhashed, digest(body, unhashed)))
        finally:
            db.close()
        making.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except (sqlite3.Error, OSError) as error:
        making.unlink(missing_ok=True)
        raise JournalError(f"{path} cannot be made ({error})", "use a folder you can write and with space") from error
