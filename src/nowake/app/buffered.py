"""A journal store for pure runs: batches reach the disk in bursts.

A durable batch before every effect protects what left the process. In a pure simulated run nothing leaves it: the
venue dies with the worker, and the run is executed again from its seed against what the journal holds, always a byte
prefix. So batches stay whole and in order; only when they are durable is put off, by a quarter of a second or so. What
is shown meanwhile is what is durable: ``told`` speaks only after a burst.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from nowake.core.ports import JournalStore, Record
from nowake.engine.host import Host
from nowake.sim.world import Progress

BURST_BATCHES = 1024
BURST_S = 0.25


class BufferedStore:
    """Holds batches back and hands them to another store in bursts, in order.

    Args:
        inner: Where they go; its owner closes it, after ``flush``.
    """

    def __init__(self, inner: JournalStore) -> None:
        self.inner = inner
        self._waiting: list[tuple[Sequence[Record], bytes]] = []
        self._since = time.monotonic()

    @property
    def journal_id(self) -> str:
        """Return the journal's id, from its header."""
        return self.inner.journal_id

    def append(self, batch: Sequence[Record], raw: bytes = b"") -> None:
        """Take one batch; it is written with the next burst.

        Raises:
            JournalError: A burst could not be written.
        """
        self._waiting.append((batch, raw))
        if len(self._waiting) >= BURST_BATCHES or time.monotonic() - self._since >= BURST_S:
            self.flush()

    def told(self, progress: Progress) -> Progress:
        """Return a progress that passes on only what is durable: the step that ended a burst."""

        def durable(t_ns: int, host: Host) -> None:
            if not self._waiting:
                progress(t_ns, host)

        return durable

    def sync(self) -> None:
        """Do nothing: no effect of a pure run outlives the process."""

    def flush(self) -> None:
        """Write everything that waits and return when it is durable.

        Raises:
            JournalError: It could not be written.
        """
        waiting, self._waiting = self._waiting, []
        for batch, raw in waiting:
            self.inner.append(batch, raw)
        self.inner.sync()
        self._since = time.monotonic()

    def head(self) -> tuple[int, str]:
        """Return (number of records, hex hash of the chain) so far."""
        self.flush()
        return self.inner.head()
