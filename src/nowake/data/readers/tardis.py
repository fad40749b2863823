"""Tardis.dev CSV files, gzip or plain: ``incremental_book_L2`` and ``trades``.

Columns (times are microseconds since the epoch, UTC; the header line names the data type):

- book: exchange, symbol, timestamp, local_timestamp, is_snapshot, side, price, amount. The amount is the level's new
  one, 0 = gone; rows of one ``local_timestamp`` are one message.
- trades: exchange, symbol, timestamp, local_timestamp, id, side, price, amount; the side is the aggressor's.

Each file starts with a snapshot. A later one in the same file means that the recorder's connection was restarted:
what was sent meanwhile is missing, so a GAP row stands before it. Where the exchange states no time of its own Tardis
repeats its receive time as ``timestamp``, as it does for snapshots: their event time is their receipt less the least
delay of the others.

Book and trades of one listing given together are one tape, in order of receipt; of equal times the trade comes first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Listing
from nowake.core.tape import END, I64, SIDE_SHIFT, SNAPSHOT, Book, Figures, Row, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.data.build import QUARANTINED_LINES_MAX, Columns, Flags, make_tape
from nowake.data.readers.base import Reader, ReadOptions, first_bytes
from nowake.data.readers.text import decimal_units, split_lines, text_blocks, unpacked_head, whole_numbers

if TYPE_CHECKING:
    import polars as pl

COMMON = "exchange,symbol,timestamp,local_timestamp,"
HEADERS = {
    f"{COMMON}is_snapshot,side,price,amount": "incremental_book_L2",
    f"{COMMON}id,side,price,amount": "trades",
}
FIELDS = 8
VENUES = {"binance": "binance-spot", "binance-futures": "binance-usdm", "binance-delivery": "binance-coinm"}
"""Tardis names of exchanges where ours differ."""
SIDES = {"bid": Book.BID, "buy": Book.BID, "ask": Book.ASK, "sell": Book.ASK, "unknown": Book.NONE}
US = 1_000
TIME_FIRST, TIME_LAST = 1_262_304_000_000_000, 4_102_444_800_000_000
"""2010 and 2100, microseconds: a time outside is damaged."""
CLOCK_SLACK_NS = 600 * NS_PER_SECOND
"""A row whose (receive - event) is this far from the median has a damaged time."""
NOISE_LINES = 100_000
BLOCK_BYTES = 16 << 20
SILENCE_NS = 60 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one listing in one file, arrays of length n: UTC ns, snapshot, side, units, 1-based line numbers."""

    event: I64
    recv: I64
    snap: Flags
    side: I64
    price: I64
    qty: I64
    number: I64

    def __getitem__(self, rows: slice | Flags) -> Rows:
        return Rows(*(getattr(self, name)[rows] for name in Rows.__slots__))


@dataclass(slots=True)
class _File:
    """What a file holds so far.

    Attributes:
        lines, bad: Data lines, and those left out.
        bad_numbers: 1-based numbers of the first of them, the header being line 1.
        known: Of (exchange, symbol), the listing or None.
        found: Of a listing's key, the blocks of its rows.
        others: Rows of listings that the catalogue does not know.
    """

    name: str
    kind: str
    lines: int = 0
    bad: int = 0
    bad_numbers: list[int] = field(default_factory=list)
    known: dict[tuple[str, str], Listing | None] = field(default_factory=dict)
    found: dict[str, list[Rows]] = field(default_factory=dict)
    others: int = 0

    def quarantine(self, numbers: npt.NDArray[np.int64]) -> None:
        """Count bad lines by number."""
        self.bad += len(numbers)
        self.bad_numbers += numbers[: QUARANTINED_LINES_MAX - len(self.bad_numbers)].tolist()


def sniff(path: Path) -> bool:
    """Return whether the file's first line starts as every Tardis header does."""
    return unpacked_head(first_bytes(path)).startswith(COMMON.encode())


def read(paths: Sequence[Path], options: ReadOptions) -> tuple[Tape, ...]:
    """Return one tape a listing; files of one listing are one recording in time order.

    Raises:
        DataError: A file is truncated, of another data type, has no valid row or is of unknown listings; files of
            one type overlap; or a book has updates but no snapshot to start from.
    """
    unique = list(dict.fromkeys(path.resolve() for path in paths))
    files = [_file(path, options.part(index, len(unique))) for index, path in enumerate(unique)]
    listings: dict[str, Listing] = {}
    for file in files:
        listings |= {one.key: one for one in file.known.values() if one is not None}
    tapes = [_tape(one, [f for f in files if one.key in f.found], options) for _, one in sorted(listings.items())]
    return tuple(sorted(tapes, key=lambda tape: int(tape.t_event[0])))


def _file(path: Path, options: ReadOptions) -> _File:
    """Return the good rows of a file by listing.

    Raises:
        DataError: It is truncated, of another data type, mostly something else, or of unknown listings alone.
    """
    file = _File(path.name, "")
    last_is_bad, ended = False, True
    for text in _large(text_blocks(path, options)):
        if not file.kind:
            header, _, text = text.partition(b"\n")
            file.kind = _kind(path.name, header)
        if text:
            last_is_bad, ended = _take(file, text, options), text.endswith(b"\n")
        if file.bad > NOISE_LINES and 2 * file.bad > file.lines:
            break
    if last_is_bad and not ended:
        raise DataError(
            path.name, "is truncated: its last line is cut off", line=file.lines + 1, remedy="download it again"
        )
    if not file.lines:
        raise DataError(path.name, "holds no row below its header", remedy="download it again")
    if 2 * file.bad > file.lines:
        raise DataError(
            path.name,
            f"{file.bad} of its first {file.lines} lines are not valid {file.kind} rows",
            remedy="check that it is the file you mean",
        )
    if not any(file.known.values()):
        names = ", ".join(f"{symbol}@{VENUES.get(venue, venue)}" for venue, symbol in list(file.known)[:5])
        raise DataError(
            path.name, f"records {names}, which the catalogue does not know", remedy="add it to a catalogue"
        )
    return file


def _large(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield blocks joined to a size at which a column operation costs more than its call."""
    parts: list[bytes] = []
    for block in blocks:
        parts.append(block)
        if sum(map(len, parts)) >= BLOCK_BYTES:
            yield b"".join(parts)
            parts = []
    if parts:
        yield b"".join(parts)


def _kind(name: str, header: bytes) -> str:
    """Return the data type that a header line names."""
    told = header.decode("utf-8", "replace").strip()
    if told not in HEADERS:
        raise DataError(
            name,
            f"is a Tardis file of another data type (columns {told[len(COMMON) : len(COMMON) + 60]}...)",
            line=1,
            remedy=f"give one of {', '.join(HEADERS.values())}",
        )
    return HEADERS[told]


def _take(file: _File, text: bytes, options: ReadOptions) -> bool:
    """Add the rows of a block to its file and return whether the last one is bad."""
    import polars as pl

    columns, ok = split_lines(text, ",", FIELDS)
    first = file.lines + 2
    file.lines += len(ok)
    event, event_ok = whole_numbers(columns[2])
    recv, recv_ok = whole_numbers(columns[3])
    for values, good in ((event, event_ok), (recv, recv_ok)):
        ok &= good & (values > TIME_FIRST) & (values < TIME_LAST)
    side = np.array(columns[5].replace_strict(SIDES, default=-1, return_dtype=pl.Int64).to_numpy(), dtype=np.int64)
    if file.kind == "trades":
        snap = np.zeros(len(ok), dtype=np.bool_)
        ok &= side >= 0
    else:
        snap = np.array((columns[4] == "true").fill_null(value=False).to_numpy(), dtype=np.bool_)
        ok &= (side > 0) & np.array(columns[4].is_in(["true", "false"]).fill_null(value=False).to_numpy())
    for pair, mine in _by_listing(columns[0], columns[1], ok):
        listing = _listing(file, pair, options)
        if listing is None:
            file.others += int(np.count_nonzero(mine))
            continue
        where = np.flatnonzero(mine)
        whole = len(where) == len(ok)
        price, price_ok = decimal_units(
            columns[6] if whole else columns[6].gather(where), listing.instrument.price_unit
        )
        qty, qty_ok = decimal_units(columns[7] if whole else columns[7].gather(where), listing.instrument.qty_unit)
        good = price_ok & qty_ok & (price > 0) & ((qty > 0) | (file.kind != "trades"))
        ok[where[~good]] = False
        rows = Rows(event[where] * US, recv[where] * US, snap[where], side[where], price, qty, where + first)
        file.found.setdefault(listing.key, []).append(rows[good])
    file.quarantine(np.flatnonzero(~ok) + first)
    return not bool(ok[-1])


def _by_listing(exchange: pl.Series, symbol: pl.Series, ok: Flags) -> list[tuple[tuple[str, str], Flags]]:
    """Return (exchange, symbol) with its good rows, for each pair in a block."""
    import polars as pl

    pairs = pl.DataFrame({"exchange": exchange, "symbol": symbol}).filter(pl.Series(ok)).unique().sort(pl.all()).rows()
    if len(pairs) == 1:
        return [(pairs[0], ok.copy())]
    return [
        (pair, ok & np.array(((exchange == pair[0]) & (symbol == pair[1])).fill_null(value=False).to_numpy()))
        for pair in pairs
    ]


def _listing(file: _File, pair: tuple[str, str], options: ReadOptions) -> Listing | None:
    """Return the listing of an exchange's symbol: as told, or as the catalogue says; None = unknown."""
    if pair not in file.known:
        venue = VENUES.get(pair[0], pair[0])
        try:
            known = options.listing or options.catalogue.find(f"{pair[1]}@{venue}")
        except InputError:
            known = None
        file.known[pair] = known
    return file.known[pair]


def _sound(rows: Rows) -> Flags:
    """Return (n,) bool: times near each other, receive times that do not go back."""
    delay = rows.recv - rows.event
    live = delay[~rows.snap] if not rows.snap.all() else delay
    near = rows.snap | (np.abs(delay - np.int64(np.median(live))) <= CLOCK_SLACK_NS)
    behind = rows.recv < np.maximum.accumulate(rows.recv)
    ahead = rows.recv > np.minimum.accumulate(rows.recv[::-1])[::-1]
    # One stamp too late makes all that follow look early: the fewer are wrong.
    return np.asarray(near & ~(behind if np.count_nonzero(behind) <= np.count_nonzero(ahead) else ahead))


def _joined(listing: Listing, files: list[_File], kind: str) -> list[Rows]:
    """Return the rows of each file of a type in time order; those with damaged times are quarantined.

    Raises:
        DataError: Two of them overlap.
    """
    found: list[tuple[str, Rows]] = []
    for file in (f for f in files if f.kind == kind):
        blocks = [block for block in file.found[listing.key] if len(block.recv)]
        if not blocks:
            continue
        rows = Rows(*(np.concatenate([getattr(block, name) for block in blocks]) for name in Rows.__slots__))
        sound = _sound(rows)
        file.quarantine(rows.number[~sound])
        if sound.any():
            found.append((file.name, rows[sound]))
    found.sort(key=lambda one: int(one[1].recv[0]))
    for (one, before), (other, after) in itertools.pairwise(found):
        if before.recv[-1] >= after.recv[0]:
            raise DataError(f"{one} and {other}", "overlap in time", remedy="give each stretch of time once")
    return [rows for _, rows in found]


def _tape(listing: Listing, files: list[_File], options: ReadOptions) -> Tape:
    """Return the tape of all files of one listing."""
    from nowake.data.replay import count_crossed

    source = " + ".join(file.name for file in files)
    books = _joined(listing, files, "incremental_book_L2")
    trades = _joined(listing, files, "trades")
    live = [int((rows.recv - rows.event)[~rows.snap].min()) for rows in (*books, *trades) if not rows.snap.all()]
    columns, gaps, buffered = _book_columns(books, min(live, default=0))
    if books and not len(columns.code):
        raise DataError(
            source,
            "has updates of the book but no snapshot to start from",
            remedy="give the whole file, it starts with one",
        )
    columns = _with_trades(columns, trades)
    options.tell(0.95, f"{listing.key}: checking")
    crossed, locked = count_crossed(columns.code, columns.price, columns.qty)
    options.tell(1.0, f"{listing.key}: done")
    return make_tape(
        listing,
        source,
        READER.label,
        columns,
        Figures(
            lines=sum(file.lines for file in files),
            quarantined_lines=tuple(sorted(files[0].bad_numbers)),
            gaps=gaps,
            crossed=crossed,
            locked=locked,
            buffered=buffered,
            skipped=sum(file.others for file in files),
        ),
        silence_ns=SILENCE_NS,
        quarantined=sum(file.bad for file in files),
        trade_side_native=all(bool((rows.side > 0).all()) for rows in trades),
    )


def _book_columns(files: list[Rows], delay: int) -> tuple[Columns, int, int]:
    """Return the rows of the book, how many gaps they have, and how many updates no snapshot precedes."""
    none = np.empty(0, dtype=np.int64)
    if not files:
        return Columns(none, none.astype(np.uint16), none, none, none), 0, 0
    rows = Rows(*(np.concatenate([getattr(part, name) for part in files]) for name in Rows.__slots__))
    heads = np.zeros(len(rows.recv), dtype=np.bool_)
    heads[np.cumsum([0, *(len(part.recv) for part in files[:-1])])] = True
    start = rows.snap & (heads | ~np.concatenate([[False], rows.snap[:-1]]))
    buffered = int(np.argmax(start)) if start.any() else len(start)
    rows, start, heads = rows[buffered:], start[buffered:], heads[buffered:]
    event = np.where(rows.snap, rows.recv - np.int64(delay), rows.event)
    ends = np.concatenate([(np.diff(rows.recv) != 0) | start[1:], [True]])[: len(start)]
    code = int(Row.SET) | rows.side << SIDE_SHIFT | np.where(rows.snap, SNAPSHOT, 0) | np.where(ends, END, 0)
    restarted = np.flatnonzero(start & ~heads)
    restarted = restarted[restarted > 0]
    starts = np.flatnonzero(start)
    at = np.concatenate([restarted, starts])
    kinds = np.repeat([int(Row.GAP) | END, int(Row.CLEAR) | SNAPSHOT], [len(restarted), len(starts)])
    # What is missing was sent after the row before; what is cleared is cleared by the snapshot.
    like = np.concatenate([restarted - 1, starts])
    zero = np.zeros(len(at), dtype=np.int64)
    columns = Columns(
        t_event=np.insert(event, at, event[like]),
        code=np.insert(code, at, kinds).astype(np.uint16),
        price=np.insert(rows.price, at, zero),
        qty=np.insert(rows.qty, at, zero),
        t_recv=np.insert(rows.recv, at, rows.recv[like]),
    )
    return columns, len(restarted), buffered


def _with_trades(book: Columns, trades: list[Rows]) -> Columns:
    """Return book and prints in order of receipt, of equal times the print first."""
    code = [(int(Row.TRADE) | END) + (rows.side << SIDE_SHIFT) for rows in trades]
    recv = np.concatenate([*(rows.recv for rows in trades), book.t_recv])
    order = np.argsort(recv, kind="stable")
    return Columns(
        t_event=np.concatenate([*(rows.event for rows in trades), book.t_event])[order],
        code=np.concatenate([*code, book.code.astype(np.int64)])[order].astype(np.uint16),
        price=np.concatenate([*(rows.price for rows in trades), book.price])[order],
        qty=np.concatenate([*(rows.qty for rows in trades), book.qty])[order],
        t_recv=recv[order],
    )


READER = Reader(name="tardis", version=1, sniff=sniff, read=read)
