"""LOBSTER (Nasdaq order-by-order messages with the recorded book), as the zip or the pair of CSV files.

Message types: 1 add, 2 partial cancel, 3 delete, 4 visible execution, 5 hidden execution, 6 cross trade, 7 halt.
Times are decimal seconds after midnight in New York and are read exactly, to the nanosecond. ``lobster_book`` says
how messages become rows and how they are checked against the recorded book.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Listing
from nowake.core.sessions import Session
from nowake.core.tape import I64, SEEDED, U16, Figures, Tape
from nowake.core.value import require
from nowake.data.build import I32_MAX, QUARANTINED_LINES_MAX, Columns, Flags, count_disordered, make_tape
from nowake.data.listings import us_share
from nowake.data.readers.base import Reader, ReadOptions, bad_lines, first_bytes

NAME = re.compile(
    r"(?P<symbol>[A-Za-z0-9.\-]+)_(?P<day>\d{4}-\d{2}-\d{2})_(?P<start>\d+)_(?P<end>\d+)_"
    r"(?P<kind>message|orderbook)_(?P<levels>\d{1,3})\.csv"
)
VENUE, ZONE = "XNAS", "America/New_York"
MESSAGE_COLUMNS, NS_DIGITS = 6, 9
PRICE_UNIT = Decimal("0.0001")
DAY_NS = 86_400_000_000_000
EMPTY_PRICE = 9_999_999_999
UNPACKED_RATIO_MAX, UNPACKED_FREE = 100, 64 << 20
"""Such text packs about 10:1; what unpacks to more than 100 times its size, and 64 MB, is an attack."""


@dataclass(frozen=True, slots=True)
class Day:
    """One pair of files: what their names say, and their bytes."""

    source: str
    symbol: str
    day: date
    levels: int
    message: bytes
    book: bytes


def sniff(path: Path) -> bool:
    """Return whether ``path`` is a LOBSTER zip, or one of a pair named as LOBSTER names them."""
    if NAME.fullmatch(path.name):
        return True
    if not first_bytes(path, 4).startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(NAME.fullmatch(Path(name).name) for name in archive.namelist())
    except zipfile.BadZipFile:
        return "lobster" in path.name.lower()


def read(paths: Sequence[Path], options: ReadOptions) -> tuple[Tape, ...]:
    """Return one tape for each pair of files; both files of a pair may be named, it is read once.

    Raises:
        DataError: Damaged, incomplete, or without one valid row.
    """
    tapes, seen = [], set()
    for index, path in enumerate(paths):
        for key, day in _open(path):
            if key not in seen:
                seen.add(key)
                tapes.append(_tape(day, options.part(index, len(paths))))
    return tuple(tapes)


def _open(path: Path) -> list[tuple[str, Day]]:
    """Return the pairs that ``path`` holds or is half of, each with a key that tells it from others."""
    named = NAME.fullmatch(path.name)
    if named is None:
        return _open_zip(path)
    names = {kind: _named(named, kind) for kind in ("message", "orderbook")}
    halves = {}
    for kind, name in names.items():
        try:
            halves[kind] = (path.parent / name).read_bytes()
        except OSError as error:
            raise DataError(
                name, f"cannot be read ({error.strerror})", remedy="both files of the pair must lie in one folder"
            ) from error
    day = _day(named, names["message"], halves["message"], halves["orderbook"])
    return [(str(path.parent.resolve() / names["message"]), day)]


def _open_zip(path: Path) -> list[tuple[str, Day]]:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {Path(name).name: name for name in archive.namelist()}
            found = []
            for short in sorted(inside):
                named = NAME.fullmatch(short)
                if named is None or named["kind"] != "message":
                    continue
                other = _named(named, "orderbook")
                if other not in inside:
                    raise DataError(path.name, f"holds {short} without {other}", remedy="get the complete archive")
                for info in (archive.getinfo(inside[name]) for name in (short, other)):
                    if info.file_size > UNPACKED_RATIO_MAX * info.compress_size + UNPACKED_FREE:
                        raise DataError(path.name, "unpacks to far more than such text can", remedy="do not trust it")
                halves = (archive.read(inside[short]), archive.read(inside[other]))
                found.append((f"{path.resolve()}!{short}", _day(named, path.name, *halves)))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            path.name, f"is truncated or not a readable zip archive ({error})", remedy="download it again"
        ) from error
    if not found:
        raise DataError(path.name, "holds no LOBSTER message file", remedy="give a LOBSTER archive")
    return found


def _named(match: re.Match[str], kind: str) -> str:
    """Return the name of the other half of a pair."""
    return "_".join((match["symbol"], match["day"], match["start"], match["end"], kind, f"{match['levels']}.csv"))


def _day(match: re.Match[str], source: str, message: bytes, book: bytes) -> Day:
    try:
        day = date.fromisoformat(match["day"])
    except ValueError as error:
        raise DataError(source, f"its name has no valid date ({match['day']})", remedy="rename it") from error
    levels = int(match["levels"])
    if levels < 1:
        raise DataError(source, "its name says 0 levels", remedy="rename it")
    return Day(source, match["symbol"].upper(), day, levels, message, book)


def _listing(symbol: str, options: ReadOptions) -> Listing:
    """Return the listing of a ticker: as told, as the catalogue says, else that of any Nasdaq share."""
    if options.listing is not None:
        unit = options.listing.instrument.price_unit
        require(unit == PRICE_UNIT, "price_unit", unit, f"{PRICE_UNIT}, in which LOBSTER states prices")
        return options.listing
    try:
        return options.catalogue.find(f"{symbol}@{VENUE}")
    except InputError:
        return us_share(symbol, VENUE, VENUE, "Nasdaq prints only")


def _tape(day: Day, options: ReadOptions) -> Tape:
    """Return the tape of one pair."""
    from nowake.data.readers.lobster_book import COMPARED, MISMATCHED, SEEDED_SLOTS, SKIPPED
    from nowake.data.replay import count_crossed

    options.tell(0.1, f"{day.symbol} {day.day}: reading")
    message, message_ok, book, book_ok = _parse(day)
    options.tell(0.5, f"{day.symbol} {day.day}: rebuilding the book")
    index, code, price, qty, counted = _rows(message, message_ok, book, book_ok)
    midday = Session(name=VENUE, zone=ZONE).at(day.day, time(12))
    t_event = message[index, 0] + np.int64(midday - DAY_NS // 2)
    order_id = np.where(code & SEEDED, 0, message[index, 2])
    crossed, locked = count_crossed(code, price, qty)
    both = message_ok & book_ok
    figures = Figures(
        lines=len(message),
        quarantined_lines=bad_lines(both, QUARANTINED_LINES_MAX),
        compared=int(counted[COMPARED]),
        seeded=int(counted[SEEDED_SLOTS]),
        mismatched=int(counted[MISMATCHED]),
        skipped=int(counted[SKIPPED]),
        disordered=count_disordered(message[both, 0]),
        crossed=crossed,
        locked=locked,
    )
    columns = Columns(t_event, code, price, qty, order_id=order_id)
    bad = int(np.count_nonzero(~both))
    made = make_tape(
        _listing(day.symbol, options),
        day.source,
        READER.label,
        columns,
        figures,
        depth_levels=day.levels,
        quarantined=bad,
    )
    options.tell(1.0, f"{day.symbol} {day.day}: done")
    return made


def _parse(day: Day) -> tuple[I64, Flags, I64, Flags]:
    """Return ``(message, message_ok, book, book_ok)``; rows that break a rule are marked, not repaired."""
    from nowake.data.scan import scan

    for data, kind, columns in ((day.message, "message", MESSAGE_COLUMNS), (day.book, "orderbook", 4 * day.levels)):
        if data.count(b"\n") * columns > len(data):
            raise DataError(
                day.source,
                f"the lines of the {kind} file are too short for {columns} columns",
                remedy="check that the number of levels in its name is right",
            )
    message, message_ok = scan(day.message, MESSAGE_COLUMNS, NS_DIGITS)
    book, book_ok = scan(day.book, 4 * day.levels)
    for data, ok, kind in ((day.message, message_ok, "message"), (day.book, book_ok, "orderbook")):
        if not len(ok):
            raise DataError(day.source, f"the {kind} file is empty", remedy="download it again")
        if not data.endswith(b"\n") and not ok[-1]:
            raise DataError(day.source, f"the {kind} file is cut off", line=len(ok), remedy="download it again")
    if len(message) != len(book):
        raise DataError(
            day.source,
            f"{len(message)} messages do not match {len(book)} book rows: one file is incomplete",
            remedy="download it again",
        )
    message_ok &= _sound_messages(message)
    book_ok &= _sound_book(book)
    for ok, kind, columns in ((message_ok, "message", MESSAGE_COLUMNS), (book_ok, "orderbook", 4 * day.levels)):
        if not ok.any():
            raise DataError(
                day.source,
                f"the {kind} file has no valid row of {columns} columns",
                remedy="check that the number of levels in its name is right",
            )
    return message, message_ok, book, book_ok


def _sound_messages(message: I64) -> Flags:
    """Return (n,) bool: the values of a row can be what LOBSTER writes."""
    t, kind, _, size, price, direction = message.T
    halt = kind == 7
    sound = (kind >= 1) & (kind <= 7) & (t < 2 * DAY_NS)
    sound &= halt | ((size > 0) & (price > 0) & (price <= I32_MAX) & (np.abs(direction) == 1))
    return np.asarray(sound & (~halt | (np.abs(price) <= 1)))


def _sound_book(book: I64) -> Flags:
    """Return (n,) bool: prices fall away from the touch, sizes are positive, empty places are at the end."""
    ask_p, ask_q, bid_p, bid_q = (book[:, i::4] for i in range(4))
    sound = np.ones(len(book), dtype=np.bool_)
    for prices, sizes, sign in ((ask_p, ask_q, 1), (bid_p, bid_q, -1)):
        empty = np.abs(prices) == EMPTY_PRICE
        sound &= np.where(empty, sizes == 0, (sizes > 0) & (prices > 0) & (prices <= I32_MAX)).all(axis=1)
        ordered = empty[:, 1:] | (~empty[:, :-1] & (sign * np.diff(prices, axis=1) > 0))
        sound &= ordered.all(axis=1)
    return sound


def _rows(message: I64, message_ok: Flags, book: I64, book_ok: Flags) -> tuple[I64, U16, I64, I64, I64]:
    """Return message index, code, price and qty of every row, and the figures of the comparison."""
    from nowake.data.readers.lobster_book import FIGURES, lobster_rows_kernel

    most = len(message) * (3 + book.shape[1])
    index, price, qty = (np.empty(most, dtype=np.int64) for _ in range(3))
    code = np.empty(most, dtype=np.uint16)
    figures = np.zeros(FIGURES, dtype=np.int64)
    n = lobster_rows_kernel(message, message_ok, book, book_ok, index, code, price, qty, figures)
    return index[:n].copy(), code[:n].copy(), price[:n].copy(), qty[:n].copy(), figures


READER = Reader(name="lobster", version=1, sniff=sniff, read=read)
