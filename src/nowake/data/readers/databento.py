"""Databento DBN files (``mbo``, ``mbp-1``, ``mbp-10``, ``trades``), plain or zstd, as the historical service has them.

The metadata is decoded by ``databento-dbn`` (extra ``databento``); records are read as columns. A symbol of the
metadata is a listing ``SYMBOL@VENUE`` of the catalogue, VENUE being the first part of the data set (``GLBX.MDP3`` ->
``GLBX``); another expiry of a futures root that the catalogue has takes its grids. Files of one listing and schema
given together are one recording. ``databento_rows`` says how records become rows.

Times: event = ``ts_event`` (matching engine), receive = ``ts_recv`` (Databento's capture). Sequence numbers count the
venue's channel, not the instrument, so they cannot show a gap in a file of some instruments; Databento's own mark of an
unrecoverable gap can, and is a GAP row. HALT and RESUME come from the listing's session, see ``closed_hours``.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Catalogue, Instrument, InstrumentKind, Listing
from nowake.core.tape import I64, Figures, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace
from nowake.data.build import QUARANTINED_LINES_MAX, Columns, Flags, make_tape
from nowake.data.readers import databento_rows as rows
from nowake.data.readers.base import Reader, ReadOptions, bad_lines, first_bytes
from nowake.data.readers.closed_hours import with_closed_hours

DBN, ZSTD = b"DBN", b"\x28\xb5\x2f\xfd"
VERSIONS = (1, 2, 3)
PREFIX_BYTES = 8
METADATA_BYTES_MAX = 64 << 20
BLOCK_BYTES = 4 << 20
UNPACKED_RATIO_MAX, UNPACKED_FREE = 200, 64 << 20
"""Records pack about 4:1; what unpacks to more than 200 times its size, and 64 MB, is an attack."""
SILENCE_NS = 60 * NS_PER_SECOND
DAY_NS = 86_400 * NS_PER_SECOND

_FUTURE = re.compile(r"(?P<root>[A-Z0-9]{1,4})(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})")

Builder = Callable[[rows.Records, rows.Grid], tuple[Columns, dict[str, int]]]
# Schema -> (record type, layout, levels a side that are complete, builder).
SCHEMAS: dict[str, tuple[int, np.dtype[Any], int, Builder]] = {
    "mbo": (0xA0, np.dtype(rows.MBO), 0, rows.mbo_columns),
    "mbp-1": (0x01, np.dtype(rows.level_dtype(1)), 1, rows.level_columns),
    "mbp-10": (0x0A, np.dtype(rows.level_dtype(10)), 10, rows.level_columns),
    "trades": (0x00, np.dtype(rows.TRADES), 0, rows.trade_columns),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """The records of one listing in one file.

    Attributes:
        name: Of the file.
        schema: A key of ``SCHEMAS``.
        records: Those of the listing's own instrument.
        number: 0-based place of each in the file.
        skipped: Records of the file that are of another instrument or type.
    """

    name: str
    schema: str
    listing: Listing
    records: rows.Records
    number: I64
    skipped: int


def sniff(path: Path) -> bool:
    """Return whether the file starts as DBN does, packed or not."""
    head = first_bytes(path, 64 << 10)
    if head.startswith(ZSTD):
        head = _unpacked_head(head)
        return head.startswith(DBN) if head else ".dbn" in path.name.lower()
    return head.startswith(DBN) and len(head) > PREFIX_BYTES and head[3] in VERSIONS


def _unpacked_head(head: bytes) -> bytes:
    """Return the first unpacked bytes, empty when it cannot be unpacked."""
    import pyarrow as pa

    try:
        return bytes(pa.CompressedInputStream(io.BytesIO(head), "zstd").read(PREFIX_BYTES))
    except (pa.ArrowException, OSError, ValueError):
        return b""


def read(paths: Sequence[Path], options: ReadOptions) -> tuple[Tape, ...]:
    """Return one tape a listing and schema; files of one listing are one recording in time order.

    Raises:
        DataError: A file is truncated, damaged or of another schema, its listing is not known, files overlap, or
            ``databento-dbn`` is not installed.
    """
    found: dict[tuple[str, str], list[Stretch]] = {}
    unique = list(dict.fromkeys(path.resolve() for path in paths))
    for index, path in enumerate(unique):
        for stretch in _stretches(path, options.part(index, len(unique))):
            found.setdefault((stretch.listing.key, stretch.schema), []).append(stretch)
    tapes = [_tape(parts, options) for parts in found.values()]
    return tuple(sorted(tapes, key=lambda tape: (int(tape.t_event[0]), tape.listing.key)))


def _stretches(path: Path, options: ReadOptions) -> list[Stretch]:
    """Return the records of each listing in a file."""
    data = _unpacked(path, options)
    metadata, start = _metadata(path, data)
    schema = str(metadata.schema)
    if schema not in SCHEMAS:
        what = "holds several schemas" if metadata.schema is None else f"is of the schema {schema}"
        raise DataError(path.name, what, remedy=f"request one of {', '.join(SCHEMAS)}")
    records, number, skipped = _records(path, data, start, schema, ts_out=bool(metadata.ts_out))
    options.tell(0.9, f"{path.name}: {len(records)} records")
    venue = str(metadata.dataset).partition(".")[0]
    found = []
    for symbol, intervals in sorted(dict(metadata.mappings).items()):
        mine = _of_symbol(records, intervals)
        listing = _listing(symbol, venue, options)
        if listing is None or not mine.any():
            continue
        if len(np.unique(records["publisher_id"][mine])) > 1:
            raise DataError(path.name, f"holds {symbol} of several venues at once", remedy="request one venue's feed")
        others = skipped + int(np.count_nonzero(~mine))
        part = (records, number) if mine.all() else (records[mine], number[mine])
        found.append(Stretch(path.name, schema, listing, *part, others))
    if not found:
        names = ", ".join(f"{symbol}@{venue}" for symbol in sorted(metadata.mappings)[:5]) or "no instrument by name"
        raise DataError(
            path.name,
            f"records {names}, with nothing that the catalogue knows",
            remedy="request raw symbols and add them to a catalogue",
        )
    return found


def _unpacked(path: Path, options: ReadOptions) -> bytearray:
    """Return the bytes of a file, unpacked when it is zstd.

    Raises:
        DataError: It cannot be read, is damaged, ends early, or unpacks to far more than records can.
    """
    import pyarrow as pa

    data, size = bytearray(), max(path.stat().st_size, 1)
    try:
        with path.open("rb") as raw:
            packed = raw.read(4) == ZSTD
            raw.seek(0)
            source: Any = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") if packed else raw
            while block := source.read(BLOCK_BYTES):
                data += block
                options.tell(0.8 * min(raw.tell() / size, 1.0), f"{path.name}: reading")
                if len(data) > UNPACKED_RATIO_MAX * size + UNPACKED_FREE:
                    raise DataError(path.name, "unpacks to far more than such records can", remedy="do not trust it")
    except (pa.ArrowException, OSError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(path.name, f"is truncated or damaged ({said})", remedy="download it again") from error
    return data


def _metadata(path: Path, data: bytearray) -> tuple[Any, int]:
    """Return the decoded metadata and where the records start.

    Raises:
        DataError: It is no DBN, or one whose head is damaged; or the decoder is not installed.
    """
    try:
        import databento_dbn
    except ImportError as error:
        raise DataError(
            path.name, "needs the package databento-dbn", remedy="pip install 'nowake[databento]'"
        ) from error
    start = PREFIX_BYTES + int.from_bytes(data[4:PREFIX_BYTES], "little")
    if not data.startswith(DBN) or len(data) < start or start > METADATA_BYTES_MAX:
        raise DataError(path.name, "is truncated or no DBN file", remedy="download it again")
    try:
        return databento_dbn.Metadata.decode(bytes(data[:start])), start
    except (databento_dbn.DBNError, ValueError, OverflowError) as error:
        said = str(error).partition("\n")[0]
        raise DataError(path.name, f"its DBN metadata is damaged ({said})", remedy="download it again") from error


def _records(path: Path, data: bytearray, start: int, schema: str, *, ts_out: bool) -> tuple[rows.Records, I64, int]:
    """Return the records of the schema, their 0-based places in the file, and how many others there are.

    Raises:
        DataError: The file ends within a record, or their lengths make no sense.
    """
    kind, layout, _, _ = SCHEMAS[schema]
    padded = np.dtype([*layout.descr, ("ts_out", "<u8")]) if ts_out else layout
    step = padded.itemsize
    count, rest = divmod(len(data) - start, step)
    if not rest:
        records = np.frombuffer(data, dtype=padded, offset=start, count=count)
        if (records["length"] == step // 4).all() and (records["rtype"] == kind).all():
            return records, np.arange(count), 0
    body = memoryview(data)
    at, number, places, numbers = start, 0, [], []
    while at + 2 <= len(body):
        length = 4 * body[at]
        if length < 16 or at + length > len(body):
            break
        if body[at + 1] == kind and length == step:
            places.append(at)
            numbers.append(number)
        at, number = at + length, number + 1
    if at != len(body):
        raise DataError(path.name, "is truncated or damaged", line=number + 1, remedy="download it again")
    whole = np.frombuffer(data, dtype=np.uint8)
    cells = whole[np.array(places, dtype=np.int64)[:, None] + np.arange(step)]
    return np.ascontiguousarray(cells).view(padded)[:, 0], np.array(numbers, dtype=np.int64), number - len(numbers)


def _of_symbol(records: rows.Records, intervals: list[dict[str, Any]]) -> Flags:
    """Return (n,) bool: the record's instrument number is the symbol's on its day."""
    mine = np.zeros(len(records), dtype=np.bool_)
    recv = records["ts_recv"].astype(np.int64)
    day, damaged = recv // DAY_NS, ~rows.of_this_age(recv)
    for one in intervals:
        first, end = (int(np.datetime64(one[name], "D").astype(np.int64)) for name in ("start_date", "end_date"))
        if str(one["symbol"]).isdigit():
            mine |= (records["instrument_id"] == int(one["symbol"])) & (damaged | ((day >= first) & (day < end)))
    return mine


def _listing(symbol: str, venue: str, options: ReadOptions) -> Listing | None:
    """Return the listing of a symbol: as told, as the catalogue says, or of another expiry of its root."""
    if options.listing is not None:
        return options.listing
    try:
        return options.catalogue.find(f"{symbol}@{venue}")
    except InputError:
        return sibling(symbol, venue, options.catalogue)


def sibling(symbol: str, venue: str, catalogue: Catalogue) -> Listing | None:
    """Return the listing of a futures contract by another expiry of its root, None when there is none."""
    wanted = _FUTURE.fullmatch(symbol)
    if wanted is None:
        return None
    for listing in catalogue.listings:
        instrument = listing.instrument
        known = _FUTURE.fullmatch(instrument.symbol)
        same = known is not None and known["root"] == wanted["root"] and listing.venue == venue
        if same and instrument.kind is InstrumentKind.FUTURE:
            return replace(listing, instrument=replace(instrument, symbol=symbol))
    return None


def _grid(source: str, instrument: Instrument) -> rows.Grid:
    """Return how records count in the units of an instrument."""
    nanos, size = instrument.price_unit * 1_000_000_000, 1 / instrument.qty_unit
    if nanos % 1 or size % 1:
        raise DataError(
            source,
            f"the units of {instrument.symbol} do not divide those of DBN",
            remedy="use a price unit of whole 1e-9 and a quantity unit that divides 1",
        )
    return rows.Grid(int(nanos), int(Decimal(size)))


def _closed(records: rows.Records) -> rows.Records:
    """Return records whose last ends its message where it is of a snapshot: none runs on into the next file."""
    flags = int(records["flags"][-1])
    if flags & rows.LAST_FLAG or not flags & rows.SNAPSHOT_FLAG:
        return records
    closed = records.copy()
    closed["flags"][-1] = flags | rows.LAST_FLAG
    return closed


def _tape(parts: list[Stretch], options: ReadOptions) -> Tape:
    """Return the tape of all files of one listing and schema."""
    from nowake.data.replay import count_crossed

    parts = sorted(parts, key=lambda part: int(part.records["ts_recv"][0]))
    source, listing, schema = " + ".join(part.name for part in parts), parts[0].listing, parts[0].schema
    _, _, depth, build = SCHEMAS[schema]
    grid = _grid(source, listing.instrument)
    good, bad, numbers = [], 0, bad_lines(np.ones(0, dtype=np.bool_), 0)
    for part in parts:
        ok = rows.sound_times(part.records) & rows.sound_values(part.records, grid)
        numbers = numbers or tuple(int(part.number[i - 1]) + 1 for i in bad_lines(ok, QUARANTINED_LINES_MAX))
        bad += int(np.count_nonzero(~ok))
        records = part.records if ok.all() else part.records[ok]
        if len(records):
            good.append(_closed(records))
    for before, after in itertools.pairwise(good):
        if before["ts_recv"][-1] >= after["ts_recv"][0]:
            raise DataError(source, "overlap in time", remedy="give each stretch of time once")
    if not good:
        raise DataError(source, f"has no valid record of {listing.key}", remedy="check that it is the file you mean")
    options.tell(0.95, f"{listing.key}: building rows")
    columns, counted = build(good[0] if len(good) == 1 else np.concatenate(good), grid)
    columns = with_closed_hours(columns, listing)
    crossed, locked = count_crossed(columns.code, columns.price, columns.qty)
    options.tell(1.0, f"{listing.key}: done")
    return make_tape(
        listing,
        source,
        READER.label,
        columns,
        Figures(
            lines=sum(len(part.records) + part.skipped for part in parts),
            quarantined_lines=numbers,
            crossed=crossed,
            locked=locked,
            skipped=sum(part.skipped for part in parts),
            **counted,
        ),
        depth_levels=depth,
        silence_ns=SILENCE_NS,
        quarantined=bad,
    )


READER = Reader(name="databento", version=2, sniff=sniff, read=read)
