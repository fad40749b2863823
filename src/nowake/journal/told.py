"""A store that tells a listener what has become durable: how logs and metrics hear of a run without the engine's help.

Nothing is shown before it is durable (I4): batches are told when ``sync`` has returned, in order, each once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from nowake.core.ports import JournalStore, Record
from nowake.journal.prefix import PrefixCheckingJournal


class Listener(Protocol):
    """Hears of every durable batch. Must not raise: a run does not depend on who watches it."""

    def told(self, batch: Sequence[Record], *, replayed: bool) -> None:
        """Take one batch ``[input, *decisions]``; ``replayed`` = it was journaled by an earlier process."""

    def written(self, batches: int, seconds: float) -> None:
        """Take how long it took to make so many batches durable."""


class ToldStore:
    """Passes batches on to another store, and tells of them when they are durable.

    Args:
        inner: Where they go; its owner closes it.
        listener: Who is told.
    """

    def __init__(self, inner: JournalStore, listener: Listener) -> None:
        self.inner = inner
        self._listener = listener
        self._waiting: list[tuple[Sequence[Record], bool]] = []
        self._seconds = 0.0

    @property
    def journal_id(self) -> str:
        """Return the journal's id, from its header."""
        return self.inner.journal_id

    def append(self, batch: Sequence[Record], raw: bytes = b"") -> None:
        """Append one batch; it is told of once it is durable.

        Raises:
            JournalError: It could not be written.
        """
        replayed = isinstance(self.inner, PrefixCheckingJournal) and self.inner.replaying
        since = time.perf_counter()
        self.inner.append(batch, raw)
        self._seconds += time.perf_counter() - since
        self._waiting.append((batch, replayed))

    def sync(self) -> None:
        """Return when every appended batch is durable and told of.

        Raises:
            JournalError: They could not be made durable; none of them is told of.
        """
        since = time.perf_counter()
        self.inner.sync()
        seconds, self._seconds = self._seconds + time.perf_counter() - since, 0.0
        waiting, self._waiting = self._waiting, []
        for batch, replayed in waiting:
            self._listener.told(batch, replayed=replayed)
        fresh = sum(not replayed for _, replayed in waiting)
        if fresh:
            self._listener.written(fresh, seconds)

    def head(self) -> tuple[int, str]:
        """Return (number of records, hex hash of the chain) so far."""
        return self.inner.head()


def told(store: JournalStore, listener: Listener | None) -> JournalStore:
    """Return the store, telling the listener where there is one."""
    return store if listener is None else ToldStore(store, listener)
