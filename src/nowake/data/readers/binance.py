"""Binance raw websocket captures (spot, USD-M and COIN-M futures), gzip or plain, one ``local_ns JSON`` a line.

Depth updates become SET rows, the REST snapshot CLEAR and SET rows, trades TRADE rows, best quotes QUOTE rows. Event
time is the venue's transaction time ``T`` where a message states it, else its event time ``E``. Files of one listing
given together are read as one recording: the later file continues the book of the earlier one.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Listing
from nowake.core.tape import I64, Figures, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.data.build import QUARANTINED_LINES_MAX, make_tape
from nowake.data.readers.base import Reader, ReadOptions, bad_lines, first_bytes
from nowake.data.readers.binance_lines import (
    BAD,
    DEPTH,
    OTHER,
    SNAPSHOT,
    BadLineError,
    Grid,
    Line,
    Messages,
    concatenate,
    decode_line,
)
from nowake.data.readers.text import GZIP, decimal_scale, text_blocks

SPOT, USDM, COINM = "binance-spot", "binance-usdm", "binance-coinm"
NOISE_LINES = 100_000
"""So many bad lines, and the greater part of all, end the reading."""
SNIFF_LINES = 50
SILENCE_NS = 10 * NS_PER_SECOND
CLOCK_SLACK_NS = 600 * NS_PER_SECOND
"""A message whose (receive - event) is this far from the median has a damaged time."""

_START = b'{"stream":', b'{"lastUpdateId":', b'{"e":'


@dataclass(frozen=True, slots=True)
class Recording:
    """The good messages of one file, their 0-based line numbers, and how many lines there are."""

    name: str
    messages: Messages
    number: I64
    lines: int

    @property
    def bad(self) -> int:
        """Return how many lines were left out."""
        return self.lines - len(self.number)

    @property
    def span(self) -> tuple[int, int]:
        """Return the first and last receive time."""
        return int(self.messages.recv[0]), int(self.messages.recv[-1])

    def bad_numbers(self) -> tuple[int, ...]:
        """Return the 1-based numbers of the first bad lines."""
        ok = np.zeros(self.lines, dtype=np.bool_)
        ok[self.number] = True
        return bad_lines(ok, QUARANTINED_LINES_MAX)


@dataclass(frozen=True, slots=True)
class Capture:
    """One file: where it came from and what its first messages say."""

    path: Path
    listing: Listing


def sniff(path: Path) -> bool:
    """Return whether the file starts as a capture does: a time in ns, a space, a message."""
    head = first_bytes(path)
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head, 4096)
        except zlib.error:
            return "binance" in path.name.lower()
    number, _, rest = head.partition(b" ")
    return 17 <= len(number) <= 19 and number.isdigit() and rest.startswith(b"{")


def read(paths: Sequence[Path], options: ReadOptions) -> tuple[Tape, ...]:
    """Return one tape a listing; files of one listing are one recording in time order.

    Raises:
        DataError: A file is truncated, has no valid row or is of an unknown listing; files overlap; or a book has
            updates but no snapshot to start from.
    """
    captures = [_identify(path, options) for path in dict.fromkeys(path.resolve() for path in paths)]
    by_key: dict[str, list[Capture]] = {}
    for capture in captures:
        by_key.setdefault(capture.listing.key, []).append(capture)
    return tuple(_tape(same, options.part(i, len(by_key))) for i, same in enumerate(by_key.values()))


def _identify(path: Path, options: ReadOptions) -> Capture:
    """Return the capture with its listing, from the first messages that tell."""
    venue = symbol = ""
    for block in text_blocks(path, ReadOptions(options.catalogue)):
        for line in block.split(b"\n", SNIFF_LINES)[:SNIFF_LINES]:
            try:
                _, decoded = decode_line(line)
            except BadLineError:
                continue
            venue = venue or _venue(decoded)
            symbol = symbol or (decoded.data.s if decoded.data else "") or (decoded.symbol or "")
        break
    if not venue or not symbol:
        raise DataError(
            path.name,
            f"none of its first {SNIFF_LINES} lines is a Binance message",
            remedy="give a raw stream capture",
        )
    if options.listing is not None:
        return Capture(path, options.listing)
    try:
        return Capture(path, options.catalogue.find(f"{symbol}@{venue}"))
    except InputError as error:
        raise DataError(
            path.name, f"records {symbol}@{venue}, which the catalogue does not know", remedy="add it to a catalogue"
        ) from error


def _venue(decoded: Line) -> str:
    """Return the venue that writes messages of this shape, empty when it cannot be told."""
    data = decoded.data
    if data is None:
        if decoded.lastUpdateId < 0:
            return ""
        return COINM if decoded.pair else USDM if decoded.T else SPOT
    if data.ps is not None:
        return COINM
    if data.e == "trade":
        return "" if data.X else SPOT  # both kinds of futures state X
    if data.e == "depthUpdate":
        return USDM if data.pu is not None else SPOT
    return "" if not isinstance(data.b, str) else USDM if data.T else SPOT


def _messages(capture: Capture, options: ReadOptions) -> Recording:
    """Return the good messages of a file, and which lines were bad.

    Raises:
        DataError: The file is truncated, or most of it is something else.
    """
    from nowake.data.readers.binance_scan import parse

    name, instrument = capture.path.name, capture.listing.instrument
    grid = Grid(*decimal_scale(instrument.price_unit), *decimal_scale(instrument.qty_unit))
    blocks, numbers, lines, bad, last_is_bad, ended = [], [], 0, 0, False, True
    for text in text_blocks(capture.path, options):
        block = parse(text, grid, instrument.symbol)
        good = np.flatnonzero(block.kind != BAD)
        blocks.append(block.without_bad())
        numbers.append(good + lines)
        lines, bad = lines + len(block.kind), bad + len(block.kind) - len(good)
        last_is_bad, ended = bool(block.kind[-1] == BAD), text.endswith(b"\n")
        if bad > NOISE_LINES and 2 * bad > lines:
            break
    if last_is_bad and not ended:
        raise DataError(
            name, "is truncated: its last line is cut off", line=lines, remedy="download or record it again"
        )
    if 2 * bad > lines or bad == lines:
        raise DataError(
            name,
            f"{bad} of its first {lines} lines are not valid messages of {capture.listing.key}",
            remedy="check that it is a raw stream of this listing alone",
        )
    found = concatenate(blocks)
    number = np.concatenate(numbers)
    _mark_bad_times(found)
    number = number[found.kind != BAD]
    return Recording(name, found.without_bad(), number, lines)


def _mark_bad_times(found: Messages) -> None:
    """Mark as bad what was stamped by neither clock: far from the usual difference, or received backwards."""
    timed = np.flatnonzero((found.event > 0) & (found.kind < OTHER))
    if len(timed):
        delay = found.recv[timed] - found.event[timed]
        far = np.abs(delay - np.int64(np.median(delay))) > CLOCK_SLACK_NS
        found.kind[timed[far]] = BAD
    good = np.flatnonzero(found.kind != BAD)
    recv = found.recv[good]
    # One stamp too late makes all that follow look late, one too early all before it: the fewer are wrong.
    behind = recv < np.maximum.accumulate(recv)
    ahead = recv > np.minimum.accumulate(recv[::-1])[::-1]
    found.kind[good[behind if np.count_nonzero(behind) <= np.count_nonzero(ahead) else ahead]] = BAD


def _tape(captures: list[Capture], options: ReadOptions) -> Tape:
    """Return the tape of all files of one listing."""
    from nowake.data.readers.binance_book import best_quotes_as_levels, build_rows, compare_with_quotes, order_messages

    read = (_messages(capture, options.part(i, len(captures))) for i, capture in enumerate(captures))
    parts = sorted(read, key=lambda part: part.span)
    for before, after in itertools.pairwise(parts):
        if before.span[1] >= after.span[0]:
            raise DataError(
                f"{before.name} and {after.name}", "overlap in time", remedy="give each stretch of time once"
            )
    source = " + ".join(part.name for part in parts)
    found = concatenate([part.messages for part in parts])
    listing = captures[0].listing
    options.tell(0.95, f"{listing.key}: ordering updates")
    emission = order_messages(found, inclusive=listing.venue != SPOT)
    if not emission.joined and (found.kind == DEPTH).any():
        raise DataError(source, _no_start(found), remedy="give the file before it as well, it holds the snapshot")
    columns, last_row = build_rows(found, emission)
    book = compare_with_quotes(found, emission, columns, last_row)
    options.tell(1.0, f"{listing.key}: done")
    return make_tape(
        listing,
        source,
        READER.label,
        best_quotes_as_levels(columns),
        Figures(
            lines=sum(part.lines for part in parts),
            quarantined_lines=parts[0].bad_numbers(),
            gaps=emission.gaps,
            compared=book.compared,
            mismatched=book.mismatched,
            crossed=book.crossed,
            locked=book.locked,
            buffered=emission.buffered,
            skipped=int(np.count_nonzero(found.kind == OTHER)),
        ),
        depth_levels=_depth(found),
        silence_ns=SILENCE_NS,
        quarantined=sum(part.bad for part in parts),
    )


def _no_start(found: Messages) -> str:
    if (found.kind == SNAPSHOT).any():
        return "its snapshot does not join the updates that follow"
    return "has updates of the book but no snapshot to start from"


def _depth(found: Messages) -> int:
    """Return the levels a side that the first snapshot states, 0 when there is none."""
    snapshots = np.flatnonzero(found.kind == SNAPSHOT)
    if not len(snapshots):
        return 0
    sides = found.side[found.levels_of(int(snapshots[0]))]
    return min(int(np.count_nonzero(sides == side)) for side in (1, 2))


READER = Reader(name="binance", version=1, sniff=sniff, read=read)
