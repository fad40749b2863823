"""What the live shell needs of an adapter besides the venue port."""

from __future__ import annotations

from typing import Protocol

from nowake.core.ports import Venue
from nowake.core.sessions import Session
from nowake.core.tape import Tape, TapeMeta


class LiveVenue(Venue, Protocol):
    """A venue with its market data over one connection that may break and be made again."""

    @property
    def meta(self) -> TapeMeta:
        """Return what the market data is; known once connected."""

    @property
    def session(self) -> Session:
        """Return the trading hours; known once connected."""

    @property
    def connected(self) -> bool:
        """Return whether the connection stands, as far as we know."""

    @property
    def shows_own_takes(self) -> bool:
        """Return whether the feed's prints contain what we took."""

    @property
    def clock_ns(self) -> int:
        """Return what the venue's clock showed when it was last heard; 0 = never."""

    def connect(self) -> None:
        """Make the connection (again); market data begins with a snapshot.

        Raises:
            VenueUnavailable: Not within the adapter's patience.
        """

    def wait(self, seconds: float) -> None:
        """Take in what arrives; return as soon as something did, at the latest after ``seconds``."""

    def rows(self, now_ns: int) -> tuple[Tape, ...]:
        """Return the market data taken in since the last call, received at ``now_ns``, in order."""

    def close(self) -> None:
        """Let go of the connection. Closing twice is harmless."""
