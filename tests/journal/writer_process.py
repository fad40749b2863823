"""A process that writes a journal and says what is durable, for tests that kill it.

Usage: writer_process.py PATH MODE KILL_AT. Each line on stdout is a batch number that must survive. With KILL_AT >= 0
the process kills itself as it begins its KILL_AT-th SQL statement.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any, cast

from nowake.core.decisions import Alerted
from nowake.core.inputs import Restarted
from nowake.core.ports import Record
from nowake.core.profile import Profile
from nowake.journal.header import Header
from nowake.journal.sqlite import SqliteJournal, SqliteStorage
from nowake.journal.storage import Storage

HEADER = Header(journal_id="killed", account="sim", profile=Profile.SIM, code_hash="c0de")


def batch(k: int) -> list[Record]:
    """Return the k-th batch: an input and k % 5 decisions that name it."""
    return [
        Restarted(t_ns=k, epoch=k),
        *(Alerted(code=f"{i} of {k % 5}", text=f"batch {k}" * 40) for i in range(k % 5)),
    ]


def main(path: Path, mode: str, kill_at: int) -> None:
    """Write until killed."""
    statements = count()

    def trace(_: str) -> None:
        if next(statements) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(storage: Storage) -> Storage:
        if kill_at >= 0:
            cast(SqliteStorage, storage).connection.set_trace_callback(trace)
        return storage

    how: dict[str, Any] = {"mode": mode, "wrap": wrap}
    journal = SqliteJournal.open_writer(path, **how) if path.exists() else SqliteJournal.create(path, HEADER, **how)
    for k in count(sum(1 for _ in journal.stored())):
        journal.append(batch(k), b"raw")
        if mode == "each" or k % 7 == 0:
            journal.sync()
            sys.stdout.write(f"{k}\n")
            sys.stdout.flush()
        if k % 50 == 49:
            journal.save_snapshot(journal.head()[0], b"state %d" % k)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
