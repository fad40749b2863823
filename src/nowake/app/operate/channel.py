"""A Unix socket beside a journal, ``run.db.sock``: how commands reach the one process that may write it.

Only the holder of the journal's lock listens, so a socket found by it is stale and replaced; for a client a refused
connection proves that nobody listens. Only the user who owns it may connect (mode 0600). The owner is one thread and
never waits for a client: what is not a whole line yet stays in its buffer, and a client that stalls is dropped.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nowake.app.operate.messages import (
    Answer,
    Ask,
    CommandAsk,
    StatusAsk,
    decode_answer,
    decode_ask,
    encode,
)
from nowake.core.errors import DataError, JournalError
from nowake.core.ids import digest

ADDRESS_BYTES_MAX = 100
"""The system's limit for the name of a socket is 108 bytes on Linux, 104 elsewhere."""
LINE_BYTES_MAX = 1 << 16
CLIENTS_MAX = 16
IDLE_S = 5.0
"""A client that has not said a whole line after this long is dropped."""
PATIENCE_S = 40.0


def socket_path(journal: Path) -> Path:
    """Return where the owner of a journal listens; a long name is shortened to its hash."""
    journal = journal.resolve()
    name = f"{journal.name}.sock"
    return journal.parent / (name if len(os.fsencode(name)) <= 64 else f"{digest(name, length=24)}.sock")


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield a name of the socket that the system takes: a long folder is named by its descriptor."""
    if len(os.fsencode(path)) <= ADDRESS_BYTES_MAX:
        yield str(path)
        return
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        folder = Path(f"/proc/self/fd/{fd}")
        if not folder.exists():
            raise OSError(errno.ENAMETOOLONG, "the path is too long for a socket", str(path))
        yield str(folder / path.name)
    finally:
        os.close(fd)


class _Client:
    """A connection that has not said its line yet."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard = b""
        self.until = time.monotonic() + IDLE_S


class Request:
    """A question that waits for its answer."""

    def __init__(self, ask: StatusAsk | CommandAsk, connection: socket.socket) -> None:
        self.ask = ask
        self._connection = connection

    def answer(self, answer: Answer) -> None:
        """Say what came of it and hang up; somebody who has left misses it."""
        _say(self._connection, answer)


def _say(connection: socket.socket, answer: Answer) -> None:
    with connection, suppress(OSError):
        connection.settimeout(1.0)
        connection.sendall(encode(answer))


class Channel:
    """The owner's end. The caller holds the journal's lock.

    Args:
        journal: Path of the journal.

    Raises:
        OSError: The folder takes no socket.
    """

    def __init__(self, journal: Path) -> None:
        self.path = socket_path(journal)
        self._ready: deque[Request] = deque()
        self._clients: dict[int, _Client] = {}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address(self.path) as address:
                self.path.unlink(missing_ok=True)
                mask = os.umask(0o177)
                try:
                    self._server.bind(address)
                finally:
                    os.umask(mask)
            self._server.listen(CLIENTS_MAX)
            self._server.setblocking(False)
        except BaseException:
            self._server.close()
            raise
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._server, selectors.EVENT_READ)

    def wait(self, seconds: float) -> None:
        """Return when a question has come, at the latest after so long; 0 only looks."""
        until = time.monotonic() + seconds
        while not self._ready:
            left = until - time.monotonic()
            if not self._pump(max(0.0, left)) and left <= 0:
                return

    def _pump(self, seconds: float) -> bool:
        """Take in whatever comes within a time; return whether there was anything."""
        events = self._selector.select(seconds)
        for key, _ in events:
            self._accept() if key.fileobj is self._server else self._read(key.fd)
        if self._clients:
            now = time.monotonic()
            for fd in [fd for fd, client in self._clients.items() if client.until < now]:
                self._drop(fd)
        return bool(events)

    def requests(self) -> Iterator[Request]:
        """Yield the questions that have come."""
        while self._ready:
            yield self._ready.popleft()

    def _accept(self) -> None:
        with suppress(OSError):
            connection, _ = self._server.accept()
            if len(self._clients) >= CLIENTS_MAX:
                connection.close()
                return
            connection.setblocking(False)
            self._clients[connection.fileno()] = _Client(connection)
            self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, fd: int) -> None:
        client = self._clients[fd]
        try:
            part = client.connection.recv(LINE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        client.heard += part
        line, newline, _ = client.heard.partition(b"\n")
        if newline:
            self._forget(fd)
            try:
                self._ready.append(Request(decode_ask(line), client.connection))
            except DataError as error:
                _say(client.connection, Answer(accepted=False, text=str(error)))
        elif not part or len(client.heard) > LINE_BYTES_MAX:
            self._drop(fd)

    def _forget(self, fd: int) -> None:
        self._selector.unregister(fd)
        del self._clients[fd]

    def _drop(self, fd: int) -> None:
        client = self._clients[fd]
        self._forget(fd)
        client.connection.close()

    def close(self, farewell: Answer) -> None:
        """Stop listening; whoever still waits is told ``farewell``. Closing twice is harmless."""
        if self._server.fileno() < 0:
            return
        for _ in range(4 * CLIENTS_MAX):
            if not self._pump(0.0):
                break
        for request in self.requests():
            request.answer(farewell)
        for fd in list(self._clients):
            self._drop(fd)
        self._selector.close()
        self._server.close()
        with suppress(OSError):
            self.path.unlink()


def ask_owner(journal: Path, ask: Ask, patience_s: float = PATIENCE_S) -> Answer | None:
    """Ask whoever owns a journal; None = nobody listens.

    Raises:
        JournalError: The owner does not answer in time, or went away before it did: it is not known what came of it.
    """
    connection = _connected(socket_path(journal))
    if connection is None:
        return None
    unknown = "whether it was carried out is not known: give it again with the same --key"
    with connection:
        connection.settimeout(patience_s)
        try:
            connection.sendall(encode(ask))
            heard = b""
            while b"\n" not in heard and (part := connection.recv(LINE_BYTES_MAX)):
                heard += part
        except TimeoutError:
            raise JournalError(f"the owner of {journal} did not answer within {patience_s:g} s", unknown) from None
        except OSError:
            heard = b""
    line, newline, _ = heard.partition(b"\n")
    if not newline:
        raise JournalError(f"the owner of {journal} went away before it answered", unknown)
    return decode_answer(line)


def _connected(path: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            connection.settimeout(1.0)
            connection.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise JournalError(f"{path} cannot be used ({error.strerror or error})", "check its rights") from error
    return connection
