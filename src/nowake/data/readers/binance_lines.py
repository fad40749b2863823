"""Lines of Binance raw streams -> message columns: the plain reading with msgspec, and a compiled scanner.

A line is ``local_ns JSON``: a combined-stream message (depth update, trade, best quote) or the reply of the REST
depth snapshot. The scanner reads the messages exactly as Binance writes them and hands every other line to the
plain reading, which alone decides what is bad; so the two cannot disagree on what a tape holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from nowake.core.tape import I64, Book

DEPTH, TRADE, QUOTE, SNAPSHOT, OTHER, ODD, BAD = 0, 1, 2, 3, 4, 5, 6
"""Kinds of message. OTHER = well-formed, but no part of the public market. ODD = not looked at yet."""

U8 = npt.NDArray[np.uint8]
NS_PER_MS = 1_000_000
_BID, _ASK = int(Book.BID), int(Book.ASK)


class Grid(NamedTuple):
    """How decimal text becomes units: ``units = digits up to *_decimals / *_step``, which must be whole."""

    price_decimals: int
    price_step: int
    qty_decimals: int
    qty_step: int


@dataclass(slots=True)
class Messages:
    """Messages of one recording, column-wise, (m,) each, one a line; their levels follow, (r,) each.

    Attributes:
        kind: DEPTH, TRADE, QUOTE, SNAPSHOT, OTHER or BAD.
        recv: ns, recorder clock.
        event: ns: transaction time ``T`` where stated, else event time ``E``, 0 = neither.
        first_id, last_id: ``U`` and ``u``; a quote's ``u``, a snapshot's ``lastUpdateId``, a trade's ``t`` in last_id.
        prev_id: The last id of the update before, as stated (``pu``) or as it follows (``U`` - 1).
        start, count: Its rows among the levels.
        side: 1 bid, 2 ask; of a trade the aggressor's.
        price, qty: Units.
    """

    kind: U8
    recv: I64
    event: I64
    first_id: I64
    last_id: I64
    prev_id: I64
    start: I64
    count: I64
    side: U8
    price: I64
    qty: I64

    @staticmethod
    def empty(lines: int, levels: int) -> Messages:
        """Return zeros for every line, of kind BAD, and room for levels."""
        return Messages(
            kind=np.full(lines, BAD, dtype=np.uint8),
            recv=np.zeros(lines, dtype=np.int64),
            event=np.zeros(lines, dtype=np.int64),
            first_id=np.zeros(lines, dtype=np.int64),
            last_id=np.zeros(lines, dtype=np.int64),
            prev_id=np.zeros(lines, dtype=np.int64),
            start=np.zeros(lines, dtype=np.int64),
            count=np.zeros(lines, dtype=np.int64),
            side=np.empty(levels, dtype=np.uint8),
            price=np.empty(levels, dtype=np.int64),
            qty=np.empty(levels, dtype=np.int64),
        )

    def without_bad(self) -> Messages:
        """Return the messages that are not BAD; the levels stay where they are."""
        good = self.kind != BAD
        if good.all():
            return self
        kept = {item.name: getattr(self, item.name) for item in fields(Messages)}
        per_level = {"side", "price", "qty"}
        return Messages(**{name: column if name in per_level else column[good] for name, column in kept.items()})

    def levels_of(self, i: int) -> slice:
        """Return where the levels of message ``i`` are."""
        return slice(int(self.start[i]), int(self.start[i] + self.count[i]))


def concatenate(blocks: list[Messages]) -> Messages:
    """Return the messages of all blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    joined = {item.name: np.concatenate([getattr(b, item.name) for b in blocks]) for item in fields(Messages)}
    shift = np.cumsum([0, *(len(b.price) for b in blocks[:-1])])
    joined["start"] = np.concatenate([b.start + s for b, s in zip(blocks, shift, strict=True)])
    return Messages(**joined)


# The plain reading

Pair = tuple[str, str]


class Data(msgspec.Struct):
    """Payload of a stream message; which fields are there depends on its kind."""

    e: str = ""
    E: int = 0
    T: int = 0
    s: str = ""
    ps: str | None = None
    U: int = -1
    u: int = -1
    pu: int | None = None
    t: int = -1
    p: str | None = None
    q: str | None = None
    m: bool | None = None
    X: str | None = None
    b: str | list[Pair] | None = None
    a: str | list[Pair] | None = None
    B: str | None = None
    A: str | None = None


class Line(msgspec.Struct):
    """A combined-stream message, or the reply of the REST snapshot."""

    stream: str = ""
    data: Data | None = None
    lastUpdateId: int = -1  # noqa: N815 - the venue's name
    E: int = 0
    T: int = 0
    symbol: str | None = None
    pair: str | None = None
    bids: list[Pair] | None = None
    asks: list[Pair] | None = None


class Parsed(NamedTuple):
    """One message of the plain reading; ``levels`` are (side, price, qty)."""

    kind: int
    recv: int
    event: int
    first_id: int
    last_id: int
    prev_id: int
    symbol: str
    levels: list[tuple[int, int, int]]


class BadLineError(ValueError):
    """A line cannot be used; it is quarantined."""


_DECODER = msgspec.json.Decoder(Line)
_NUMBER = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,18}))?")
_HEAD = re.compile(rb"([0-8][0-9]{0,18}|9[0-9]{0,17}) (\{.*\})\r?", re.DOTALL)
ID_MAX = 10**18 - 1
MS_MAX = 10**13 - 1


def decode_line(line: bytes) -> tuple[int, Line]:
    """Return the local time and the decoded message.

    Raises:
        BadLineError: Not ``local_ns JSON`` of a message we know.
    """
    found = _HEAD.fullmatch(line)
    if found is None:
        raise BadLineError("is not `local_ns {...}`")
    try:
        return int(found[1]), _DECODER.decode(found[2])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLineError(str(error)) from error


def parse_line(line: bytes, grid: Grid) -> Parsed:
    """Return one message.

    Raises:
        BadLineError: Not a message, a field is missing or beyond its range, or a number is off the grid.
    """
    recv, decoded = decode_line(line)
    if decoded.lastUpdateId >= 0 and decoded.bids is not None and decoded.asks is not None:
        levels = _levels(decoded.bids, decoded.asks, grid)
        at = _time(decoded.T or decoded.E)
        last = _id(decoded.lastUpdateId)
        return Parsed(SNAPSHOT, recv, at, last, last, last, decoded.symbol or "", levels)
    data = decoded.data
    if data is None:
        raise BadLineError("is neither a stream message nor a snapshot")
    at = _time(data.T or data.E)
    if data.e == "depthUpdate" and isinstance(data.b, list) and isinstance(data.a, list) and at:
        first, last = _id(data.U), _id(data.u)
        prev = _id(data.pu) if data.pu is not None else first - 1
        if first > last:
            raise BadLineError("first id is after last id")
        return Parsed(DEPTH, recv, at, first, last, prev, data.s, _levels(data.b, data.a, grid))
    if data.e == "trade" and data.p is not None and data.q is not None and data.m is not None and at:
        price, qty = _units(data.p, *grid[:2]), _units(data.q, *grid[2:])
        number = _id(data.t)
        kind = TRADE if data.X in (None, "MARKET") and price > 0 and qty > 0 else OTHER
        row = (_ASK if data.m else _BID, price, qty)
        return Parsed(kind, recv, at, number, number, 0, data.s, [row])
    if data.e in ("", "bookTicker") and isinstance(data.b, str) and isinstance(data.a, str) and data.B and data.A:
        rows = [
            (_BID, _units(data.b, *grid[:2]), _units(data.B, *grid[2:])),
            (_ASK, _units(data.a, *grid[:2]), _units(data.A, *grid[2:])),
        ]
        number = _id(data.u)
        return Parsed(QUOTE, recv, at, number, number, 0, data.s, rows)
    raise BadLineError(f"is no depth update, trade or best quote ({data.e or decoded.stream!r})")


def _id(value: int) -> int:
    if not 0 <= value <= ID_MAX:
        raise BadLineError(f"id {value} out of range")
    return value


def _time(ms: int) -> int:
    if not 0 <= ms <= MS_MAX:
        raise BadLineError(f"time {ms} out of range")
    return ms * NS_PER_MS


def _units(text: str, decimals: int, step: int) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise BadLineError(f"{text!r} is not a positive decimal number")
    digits = found[2] or ""
    if digits[decimals:].strip("0"):
        raise BadLineError(f"{text} is finer than the listing's unit")
    value = int(found[1] + digits[:decimals].ljust(decimals, "0"))
    if value % step or value > ID_MAX:
        raise BadLineError(f"{text} is off the listing's unit, or too large")
    return value // step


def _levels(bids: list[Pair], asks: list[Pair], grid: Grid) -> list[tuple[int, int, int]]:
    return [
        (side, _units(price, *grid[:2]), _units(qty, *grid[2:]))
        for side, pairs in ((_BID, bids), (_ASK, asks))
        for price, qty in pairs
    ]


def read_plainly(found: Messages, lines: list[tuple[int, bytes]], grid: Grid, symbol: str) -> None:
    """Read lines plainly into their slots, their levels behind those already there.

    What cannot be used, or is of another symbol, is BAD.
    """
    levels: list[tuple[int, int, int]] = []
    names = ("kind", "recv", "event", "first_id", "last_id", "prev_id")
    for i, line in lines:
        try:
            parsed = parse_line(line, grid)
        except BadLineError:
            found.kind[i] = BAD
            continue
        if parsed.symbol != symbol and (parsed.symbol or parsed.kind != SNAPSHOT):
            found.kind[i] = BAD
            continue
        for name, value in zip(names, parsed[:6], strict=True):
            getattr(found, name)[i] = value
        found.start[i], found.count[i] = len(found.price) + len(levels), len(parsed.levels)
        levels += parsed.levels
    if levels:
        rows = np.array(levels, dtype=np.int64)
        found.side = np.concatenate([found.side, rows[:, 0].astype(np.uint8)])
        found.price = np.concatenate([found.price, rows[:, 1]])
        found.qty = np.concatenate([found.qty, rows[:, 2]])


def parse_reference(data: bytes, grid: Grid, symbol: str) -> Messages:
    """Read every line of ``data`` plainly: what ``binance_scan.parse`` must equal."""
    lines = split_lines(data)
    found = Messages.empty(len(lines), 0)
    read_plainly(found, list(enumerate(lines)), grid, symbol)
    return found


def split_lines(data: bytes) -> list[bytes]:
    r"""Return the lines of ``data`` without their ``\n``."""
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines
