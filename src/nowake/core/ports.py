"""The narrow doors between the pure core and the world. An adapter translates; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nowake.core.child import ChildOrder
from nowake.core.decisions import AnyDecision
from nowake.core.inputs import AnyInput
from nowake.core.value import Value

Record = AnyInput | AnyDecision


class VenueMessage(Value, frozen=True):
    """What a venue said: one input for the engine, and the raw bytes it was read from (kept beside it)."""

    event: AnyInput
    raw: bytes = b""


class Venue(Protocol):
    """One trading venue. Synchronous on purpose: the same port serves virtual time and the live shell.

    Every answer is a message from ``poll``; nothing is returned by a command.
    """

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Hand a child over.

        Raises:
            VenueUnavailable: Not known whether it arrived. The child is in doubt.
        """

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child. Raises VenueUnavailable as above."""

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask what became of a child; a ``StatusReported`` will answer."""

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask for all open orders; an ``OpenOrdersReported`` will answer."""

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return what arrived by ``now_ns``, in the venue's order."""


class JournalStore(Protocol):
    """An append-only, hash-chained sequence of atomic batches with one writer."""

    @property
    def journal_id(self) -> str:
        """Return the journal's id, from its header."""

    def append(self, batch: Sequence[Record], raw: bytes = b"") -> None:
        """Append one batch [input, *decisions]; durable when ``sync`` (or this call, by mode) has returned."""

    def sync(self) -> None:
        """Return when every appended batch is durable."""

    def head(self) -> tuple[int, str]:
        """Return (number of records, hex hash of the chain) so far."""
