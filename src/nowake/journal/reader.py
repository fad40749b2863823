"""Read a journal without a lock: a finished one, one being written, or a damaged one as far as it is good."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from nowake.core.errors import JournalError
from nowake.core.plan import Notice
from nowake.core.ports import Record
from nowake.journal.codec import Batch, decode_batch, digest, extend, split
from nowake.journal.header import NO_HASH, Header, Origin
from nowake.journal.journal import checked_blob
from nowake.journal.sqlite import UNREADABLE, SqliteStorage, check_file, connect, read_header, tail_notice
from nowake.journal.storage import StoredBatch
from nowake.journal.verify import RESTORE, Snapshot, good_batches, pick_snapshot, scan


class Verified(NamedTuple):
    """What a whole check found.

    Attributes:
        records, batches: How many are good.
        head: Hex hash of the chain after them.
        body_hash: Hex hash of a chain over the same records that does not start from the header: equal for two runs
            that did the same under other options.
        notices: A tail left out, a snapshot passed over, a damaged blob.
    """

    records: int
    batches: int
    head: str
    body_hash: str
    notices: tuple[Notice, ...]


class JournalFile:
    """A journal on disk, read only. Holds no connection: each iteration sees one consistent moment of the file.

    Attributes:
        path: Of the file.
        header: The hashed part of its header.
        origin: The unhashed part.
    """

    def __init__(self, path: Path, header: Header, origin: Origin) -> None:
        self.path, self.header, self.origin = path, header, origin

    @property
    def journal_id(self) -> str:
        """Return the journal's id, from its header."""
        return self.header.journal_id

    def stored(self) -> Iterator[StoredBatch]:
        """Yield every good batch as it is kept, checked against the chain; a damaged last one is left out."""
        with closing(connect(self.path, read_only=True)) as db:
            storage = SqliteStorage(self.path, db, 0, None)
            yield from good_batches(str(self.path), storage.batches(), self.header.genesis)

    def batches(self, from_seq: int = 0) -> Iterator[Batch]:
        """Yield every good batch whose first record has number ``from_seq`` or more; the whole chain is checked.

        Raises:
            JournalCorrupt: Damage before the last batch, when it is reached.
        """
        for one in self.stored():
            if one.seq >= from_seq:
                yield decode_batch(one.seq, one.body, one.raw or b"")

    def records(self) -> Iterator[Record]:
        """Yield every good record; raises as ``batches``."""
        for batch in self.batches():
            yield from batch.records

    def head(self) -> tuple[int, str]:
        """Return (number of good records, hex hash of the chain), walking the whole chain."""
        found = self.verify()
        return found.records, found.head

    def latest_snapshot(self) -> Snapshot | None:
        """Return the newest snapshot that fits the chain."""
        return self._check_snapshots()[0]

    def get_blob(self, key: str) -> bytes:
        """Return the bytes kept under a content hash; raises JournalError when none are or they are damaged."""
        with closing(connect(self.path, read_only=True)) as db:
            return checked_blob(str(self.path), key, SqliteStorage(self.path, db, 0, None).get_blob(key))

    def verify(self) -> Verified:
        """Check everything: the chain, every record, raw payloads, snapshots, blobs.

        Raises:
            JournalCorrupt: Damage before the last batch.
            JournalError: A record of a format this code does not read.
        """
        body_hash, records, batches, head = NO_HASH, 0, 0, self.header.genesis
        for one in self.stored():
            parts = split(one.body)
            decode_batch(one.seq, one.body)
            body_hash, head = extend(body_hash, parts), one.hash
            records, batches = records + len(parts), batches + 1
        _, notices = self._check_snapshots()
        return Verified(records, batches, head.hex(), body_hash.hex(), (*notices, *self._check_blobs()))

    def _check_snapshots(self) -> tuple[Snapshot | None, list[Notice]]:
        with closing(connect(self.path, read_only=True)) as db:
            storage = SqliteStorage(self.path, db, 0, None)
            kept = list(storage.snapshots())  # once: a writer may keep another before the records are read
            wanted = frozenset(one.seq for one in kept)
            found = scan(str(self.path), storage.batches(), self.header.genesis, wanted)
            snapshot, notices = pick_snapshot(str(self.path), iter(kept), found.chain_at)
            if found.tail_damage:
                notices.insert(0, tail_notice(self.path, found.records, found.tail_damage, "was left out"))
            return snapshot, notices

    def _check_blobs(self) -> list[Notice]:
        with closing(connect(self.path, read_only=True)) as db:
            try:
                rows = db.execute("SELECT key, body FROM blobs").fetchall()
            except UNREADABLE as error:
                raise JournalError(f"{self.path} cannot be read ({error})", RESTORE) from error
        bad = [key for key, body in rows if not isinstance(body, bytes) or digest(body).hex() != key]
        return [Notice(code="blob-damaged", text=f"{self.path}: the blob {key} is damaged") for key in bad]


def read_journal(path: Path | str) -> JournalFile:
    """Return the journal at ``path`` for reading; nothing but its header is read yet, and nothing is locked.

    Raises:
        JournalError: Not a journal, other format, truncated, or a damaged header.
    """
    path = Path(path)
    check_file(path)
    with closing(connect(path, read_only=True)) as db:
        header, origin = read_header(path, db)
    return JournalFile(path, header, origin)
