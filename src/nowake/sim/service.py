"""The simulated venue behind a wire: what it does with each frame, and what it has to say. Pure, in its own time.

The serving process hands over frames and its clock; this keeps the book of orders and fills, delays, and the harshest
rules a venue may have: commands on their way arrive even when their sender is gone, and may overtake each other;
reports on their way, or made while nobody is connected, are lost for good.
"""

from __future__ import annotations

import heapq
from collections import deque

from nowake.core.child import ChildOrder
from nowake.core.ids import random_word
from nowake.core.inputs import AnyInput, OpenOrdersReported, StatusReported
from nowake.core.ports import VenueMessage
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.tape import END, SNAPSHOT, Book, Row, row_code
from nowake.core.value import Value, replace, require
from nowake.core.wire import (
    PROTOCOL,
    AnyFrame,
    Cancel,
    Clock,
    Command,
    Hello,
    Query,
    Refusal,
    Report,
    Rows,
    Submit,
    Truth,
    Welcome,
    rows_frame,
    rows_tape,
)
from nowake.market.book import GAP_STATE, HALT_STATE, levels
from nowake.sim.exchange import SimMarket


class WireDelays(Value, frozen=True):
    """How long things take between worker and matching, nanoseconds of venue time.

    Attributes:
        entry_ns: From the socket to the matching.
        jitter_ns: Up to this is added to each command's entry, by the seed: commands may overtake each other.
        response_ns: From the matching to the socket.
    """

    entry_ns: int = 1_000_000
    jitter_ns: int = 0
    response_ns: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("entry_ns", "jitter_ns", "response_ns"):
            require(getattr(self, name) >= 0, name, getattr(self, name), ">= 0")


class VenueService:
    """One listing with its book of orders, for one worker at a time.

    Args:
        market: At its first row, with no latency of its own.
        session: Its trading hours, told to workers.
        delays: Of the wire.
        seed: Of the jitter.
    """

    def __init__(
        self, market: SimMarket, session: Session = ALWAYS_OPEN, delays: WireDelays | None = None, seed: int = 0
    ) -> None:
        self.market = market
        self._trading_hours = session
        self._delays = delays or WireDelays()
        self._seed = seed
        self._session = 0
        self._connected = False
        self._inbox: list[tuple[int, int, int, Command]] = []
        self._serial = 0
        self._asked: deque[tuple[int, int]] = deque()
        self._outbox: deque[tuple[int, Report]] = deque()
        self._sent_rows = 0
        self._orders: list[ChildOrder] = []
        self._ids: set[str] = set()
        self._duplicates: list[str] = []
        self._clashes: list[str] = []
        self._exposures: dict[str, int] = {}
        self._lost = 0

    def connect(self, hello: Hello, now_ns: int) -> list[AnyFrame]:
        """Take a worker on: who we are, the book as it stands, and nothing of what was missed."""
        if hello.protocol != PROTOCOL:
            return [Refusal(text=f"this venue speaks protocol {PROTOCOL}, the worker {hello.protocol}")]
        self._settle(now_ns)
        self._session += 1
        self._connected = True
        self._sent_rows = self.market.own.row
        meta = self.market.tape.meta
        return [Welcome(meta=meta, session=self._trading_hours, t_ns=now_ns), snapshot_rows(self.market, now_ns)]

    def disconnect(self) -> None:
        """The worker is gone, and with it every report that was on its way."""
        self._connected = False
        self._lost += len(self._outbox)
        self._outbox.clear()

    def take(self, command: Command, now_ns: int) -> None:
        """Accept a command from the socket; it reaches the matching after the entry delay."""
        self._serial += 1
        jitter = self._delays.jitter_ns
        extra = random_word(self._seed, "entry", self._serial) % (jitter + 1)
        arrives_ns = now_ns + self._delays.entry_ns + extra
        heapq.heappush(self._inbox, (arrives_ns, self._serial, self._session, command))
        if isinstance(command, Submit):
            self._expose(command.child.parent_id)

    def advance(self, now_ns: int) -> list[AnyFrame]:
        """Let time pass; return what the worker now receives, in order: rows, reports, the clock."""
        self._settle(now_ns)
        if not self._connected:
            return []
        frames: list[AnyFrame] = []
        if (rows := self._new_rows()) is not None:
            frames.append(rows)
        while self._outbox and self._outbox[0][0] <= now_ns:
            frames.append(self._outbox.popleft()[1])
        frames.append(Clock(t_ns=now_ns))
        return frames

    def truth(self) -> Truth:
        """Return our own record of everything."""
        return Truth(
            t_ns=self.market.now_ns,
            orders=tuple(self._orders),
            statuses=self.market.truth(),
            duplicates=tuple(self._duplicates),
            clashes=tuple(self._clashes),
            exposures=dict(self._exposures),
            sessions=self._session,
            lost=self._lost,
        )

    def _settle(self, now_ns: int) -> None:
        """Move the market to ``now_ns``, commands at the instants at which they arrive."""
        while self._inbox and self._inbox[0][0] <= now_ns:
            arrives_ns, _, session, command = heapq.heappop(self._inbox)
            self._move(arrives_ns)
            self._execute(command, session)
        self._move(now_ns)

    def _move(self, t_ns: int) -> None:
        t_ns = max(t_ns, self.market.now_ns)
        while True:
            reached, _ = self.market.advance(t_ns)
            messages = self.market.poll(reached)
            for message in messages:
                self._say(message, reached)
            if reached >= t_ns and not messages:
                return

    def _execute(self, command: Command, session: int) -> None:
        market = self.market
        if isinstance(command, Submit):
            self._note(command.child)
            market.submit(command.child, market.now_ns)
        elif isinstance(command, Cancel):
            market.cancel(command.child_id, market.now_ns)
        else:
            self._asked.append((session, command.requested_ns))
            if isinstance(command, Query):
                market.query(command.child_id, market.now_ns)
            else:
                market.query_open(command.listing, market.now_ns)
        self._move(market.now_ns)

    def _note(self, child: ChildOrder) -> None:
        """Write down a child that arrives, and what is wrong with that."""
        if child.child_id in self._ids:
            self._duplicates.append(child.child_id)
            return
        live = {status.child_id for status in self.market.truth() if status.live}
        if any(other.leg == child.leg and other.child_id in live for other in self._orders):
            self._clashes.append(child.child_id)
        self._ids.add(child.child_id)
        self._orders.append(child)

    def _expose(self, parent_id: str) -> None:
        """Write down how much of a parent could be filled if everything sent so far traded."""
        total = sum(
            one[3].child.qty_units
            for one in self._inbox
            if isinstance(one[3], Submit) and one[3].child.parent_id == parent_id
        )
        for child, status in zip(self._orders, self.market.truth(), strict=True):
            if child.parent_id == parent_id:
                total += child.qty_units if status.live else status.cum_qty
        self._exposures[parent_id] = max(total, self._exposures.get(parent_id, 0))

    def _say(self, message: VenueMessage, t_ns: int) -> None:
        """Put a report on its way, or lose it."""
        event: AnyInput = message.event
        heard = self._connected
        if isinstance(event, StatusReported | OpenOrdersReported):
            session, requested_ns = self._asked.popleft()
            heard = heard and session == self._session
            event = replace(event, requested_ns=requested_ns)
        if not heard:
            self._lost += 1
            return
        self._outbox.append((t_ns + self._delays.response_ns, Report(event=event, raw=message.raw)))

    def _new_rows(self) -> Rows | None:
        """Return the rows since the last ones sent, up to the last whole message."""
        lo, hi = self._sent_rows, self.market.own.row
        code = self.market.tape.code
        while hi > lo and not int(code[hi - 1]) & END:
            hi -= 1
        if hi == lo:
            return None
        self._sent_rows = hi
        return rows_frame(self.market.tape, lo, hi)


def snapshot_rows(market: SimMarket, now_ns: int) -> Rows:
    """Return the book as it stands: CLEAR, a SET row a level, then HALT or GAP where they hold."""
    book = market.own.book
    rows: list[tuple[int, int, int]] = [(row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0)]
    for side, name, sign in ((0, Book.BID, 1), (1, Book.ASK, -1)):
        code = row_code(Row.SET, name, SNAPSHOT)
        rows += [(code, sign * key, size) for key, size in levels(book, side)]
    if book[HALT_STATE]:
        rows.append((row_code(Row.HALT), 0, 0))
    if book[GAP_STATE]:
        rows.append((row_code(Row.GAP), 0, 0))
    rows[-1] = (rows[-1][0] | END, *rows[-1][1:])
    return rows_frame(rows_tape(market.tape.meta, now_ns, rows), 0, len(rows))
