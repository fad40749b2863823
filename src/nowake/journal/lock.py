"""One writer: an advisory lock of the operating system beside the journal. It dies with its owner."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from nowake.core.errors import JournalError


class WriterLock:
    """Held from construction to ``release``; the file ``<journal>.lock`` names the owner for people.

    It is a file of its own because closing any descriptor of a SQLite file drops SQLite's own locks.

    Raises:
        JournalError: Another writer holds it, or the folder cannot be written.
    """

    def __init__(self, journal: Path) -> None:
        self._path = journal.with_name(journal.name + ".lock")
        self._fd = -1
        while self._fd < 0:
            self._fd = self._try(journal)

    def _try(self, journal: Path) -> int:
        """Return the locked descriptor, or -1 when the file was replaced under us and is to be tried again."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalError(
                f"{self._path} cannot be made ({error.strerror})", "use a folder you can write"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(fd, 100, 0).decode("ascii", "replace").strip() or "another process"
            os.close(fd)
            raise JournalError(f"{journal} is being written by {owner}", "wait for it or stop it") from error
        # The previous owner may have removed the file between our open and our lock: then the lock is on nothing.
        if not self._is_at_path(fd):
            os.close(fd)
            return -1
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()}\n".encode(), 0)
        return fd

    def _is_at_path(self, fd: int) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(fd).st_ino
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Let go and remove the file. Releasing twice is harmless."""
        if self._fd >= 0:
            if self._is_at_path(self._fd):  # else it is the lock of the next owner
                self._path.unlink()
            os.close(self._fd)
            self._fd = -1


def lock_owner(journal: Path) -> str:
    """Return who holds a journal for writing, in words (``process 123``); empty = nobody."""
    try:
        fd = os.open(journal.with_name(journal.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.pread(fd, 100, 0).decode("ascii", "replace").strip() or "another process"
    finally:
        os.close(fd)
    return ""
