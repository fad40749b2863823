"""When the auctions of a simulated venue are: those of its session, and those that end a halt."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from nowake.core.child import TimeInForce
from nowake.core.sessions import Session
from nowake.core.tape import Tape
from nowake.sim.auction import halts
from nowake.sim.layout import NEVER
from nowake.sim.merge import VenueRows
from nowake.sim.rules import VenueRules

_AFTER_NS = 86_400_000_000_000
"""How long a halt in which a tape ends goes on being published: longer than anybody waits for it."""


class Auction(StrEnum):
    """Which auction an order waits for."""

    OPEN = "open"
    CLOSE = "close"
    REOPEN = "reopen"

    @property
    def tif(self) -> TimeInForce | None:
        """Return the time in force of orders that are for it alone."""
        return {Auction.OPEN: TimeInForce.OPG, Auction.CLOSE: TimeInForce.CLS}.get(self)


class Call(NamedTuple):
    """One call phase: from when orders gather to when they trade, venue time."""

    begins_ns: int
    ends_ns: int
    auction: Auction

    @property
    def known(self) -> bool:
        """Return whether its end is known as it begins: that of a halt is not."""
        return self.auction is not Auction.REOPEN


def session_calls(rows: VenueRows, session: Session | None, call_ns: int) -> list[Call]:
    """Return the calls before the openings and closings of the trading days of a tape, each ``call_ns`` long."""
    if session is None or session.always_open or not call_ns:
        return []
    first, last = int(rows.times[0]), int(rows.times[-1])
    day, found = session.trading_day(first), []
    until = min(session.trading_day(last + call_ns), max(session.valid_to, session.trading_day(last)))
    while day <= until:  # a call may have begun that ends after the tape
        if hours := session.hours(day):
            for auction, at in zip((Auction.OPEN, Auction.CLOSE), hours, strict=True):
                if at >= first:
                    found.append(Call(max(at - call_ns, first), at, auction))
        day += timedelta(days=1)
    return found


def halted_calls(tape: Tape, rows: VenueRows, session: Session | None) -> tuple[list[Call], list[int]]:
    """Return the stretches in which trading is halted in an open session, and the instants at which it goes on there.

    HALT rows that stand for a closed session (``data.readers.closed_hours``) end with the opening: that is an auction
    of the session. A stretch is a call phase whether or not it will end on this day, or on this tape.
    """
    calls, resumed = [], []
    for since, until in halts(tape, rows):
        to = int(rows.times[-1]) + _AFTER_NS if until is None else until
        for opens, closes in open_stretches(session, since, to):
            begins, ends = max(since, opens), min(to, closes)
            if begins < ends:
                calls.append(Call(begins, ends, Auction.REOPEN))
                resumed += [ends] if until == ends < closes else []
    return calls, resumed


def open_stretches(session: Session | None, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """Return (opens, closes) of the trading days that two instants lie in and of those between; 0 and never: no end."""
    if session is None or session.always_open:
        return [(0, NEVER)]
    day, found = session.trading_day(from_ns), []
    until = min(session.trading_day(to_ns), max(session.valid_to, day))
    while day <= until:
        if hours := session.hours(day):
            found.append(hours)
        day += timedelta(days=1)
    return found


class Calls:
    """The call phases of a tape in order of time.

    Args:
        tape: The market.
        rows: Of the tape, as the venue sees them.
        session: Trading hours, None = always open.
        rules: Which auctions there are, and how long their calls last.

    Attributes:
        reopenings: The instants at which a halt ends with an auction.
    """

    def __init__(self, tape: Tape, rows: VenueRows, session: Session | None, rules: VenueRules) -> None:
        halted, self.reopenings = halted_calls(tape, rows, session) if rules.reopen_by_auction else ([], [])
        published = session_calls(rows, session, rules.call_ns)
        published += halted if rules.call_ns else []
        self._published = sorted(published, key=lambda call: (call.begins_ns, call.ends_ns))
        self._every_ns = rules.indicate_ns

    def call_at(self, t_ns: int) -> Call | None:
        """Return the call phase that is published at an instant: that of a halt, else the one that ends first."""
        running = [call for call in self._published if call.begins_ns <= t_ns < call.ends_ns]
        return min(running, key=lambda call: (call.known, call.ends_ns), default=None)

    def next_ns(self, t_ns: int) -> int | None:
        """Return the first instant after ``t_ns`` at which something is published, or a call ends; None = never."""
        found = []
        for call in self._published:
            if t_ns < call.ends_ns:
                steps = max(0, (t_ns - call.begins_ns) // self._every_ns + 1)
                found.append(min(call.begins_ns + steps * self._every_ns, call.ends_ns))
                if call.begins_ns > t_ns:
                    break
        return min(found, default=None)
