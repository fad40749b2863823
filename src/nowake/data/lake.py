"""The lake: tapes at rest as Parquet, in ``venue=V/symbol=S/date=D/tape.parquet``.

A file holds the rows of one local day of the listing's session zone, in tape order. Its first row group is the head:
the book as a snapshot, so that a day can be read alone. Where a tape runs on over midnight that snapshot is derived
and not part of the tape (``head_rows`` of them are skipped when the day before is read too). Columns are those of
``core.tape``; the key-value metadata holds ``nowake.meta`` (``TapeMeta`` as JSON), ``nowake.part`` (``Part`` as JSON)
and ``nowake.seal``, a checksum of the two. Pages carry checksums and ``Part`` a sum of every decoded column, because
what says how to read a page has none; all are verified on reading.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from nowake.core.errors import DataError
from nowake.core.instrument import Catalogue, Listing
from nowake.core.tape import END, KIND_MASK, SNAPSHOT, Book, Row, Tape, TapeMeta, row_code
from nowake.core.value import Value, from_json, to_json
from nowake.data.build import COLUMNS, columns_of, difference, form, join, make_tape, received
from nowake.data.sessions import session

if TYPE_CHECKING:
    import pyarrow.parquet

ROW_GROUP_ROWS = 1 << 20
BATCH_ROWS = 1 << 16
FILE_NAME = "tape.parquet"
PATTERN = "venue=*/symbol=*/date=*/*.parquet"
_META, _PART, _SEAL = b"nowake.meta", b"nowake.part", b"nowake.seal"
_AGAIN = "import the recording again"
_DELTA = ("t_event", "recv_delta", "order_id")
_DICTIONARY = ["code", "price", "qty"]
_TYPES = {
    "t_event": ("int64",),
    "recv_delta": ("int32", "int64"),
    "code": ("uint16",),
    "price": ("int32",),
    "qty": ("int32", "int64"),
    "order_id": ("int64",),
}


class Part(Value, frozen=True):
    """Which rows of a tape a file holds.

    Attributes:
        day: Local day of the session zone.
        head_rows: Rows at the start that are a derived snapshot, not rows of the tape.
        first_row: Number of its first tape row in the whole tape.
        rows: Tape rows in the file, the head not counted.
        tape_rows: Rows of the whole tape.
        sums: Of every column modulo 2 ** 64, the head included; None = an older file, without them.
    """

    day: date
    head_rows: int
    first_row: int
    rows: int
    tape_rows: int
    sums: dict[str, int] | None = None


class LakeEntry(Value, frozen=True):
    """One file of a lake."""

    listing: Listing
    part: Part
    source: str
    content_hash: str
    file: str


@dataclass(frozen=True, slots=True)
class LakeFile:
    """What one file of a lake says it is; its rows are not read yet.

    Attributes:
        has_receive_times: Whether its rows carry them.
    """

    path: Path
    meta: TapeMeta
    part: Part
    has_receive_times: bool


def write_lake(tape: Tape, folder: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write a tape below ``folder`` and return its files, one a local day.

    Writing the same tape again is harmless. Each file appears complete or not at all.

    Raises:
        DataError: As ``require_fits``, or the folder cannot be written.
    """
    require_fits(tape, folder, overwrite=overwrite)
    made = _parts(tape, folder)
    for path, day, first, end in made:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_file(path, tape, day, first, end)
        except OSError as error:
            raise DataError(
                str(folder), f"cannot be written ({error.strerror})", remedy="choose another folder"
            ) from error
    return tuple(path for path, *_ in made)


def require_fits(tape: Tape, folder: Path, *, overwrite: bool = False) -> None:
    """Raise unless a lake can take a tape next to what it holds of the listing.

    Raises:
        DataError: Another recording of a day is already there (unless ``overwrite``), or other days are of another
            depth or form, with which it could never be read as one tape.
    """
    paths = [path for path, *_ in _parts(tape, folder)]
    for path in paths:
        if path.exists() and not overwrite and (old := _open(path)).meta.content_hash != tape.meta.content_hash:
            raise DataError(
                _name(path),
                f"{tape.listing.key} of {old.part.day} is already in the lake, from {old.meta.source}",
                remedy="import the files of one recording together in one command, or replace the day with --overwrite",
            )
    own = form(tape.meta, received(tape))
    for path in sorted(set((folder / _folder_of(tape.listing)).glob("date=*/*.parquet")) - set(paths)):
        try:
            other = _open(path)
        except DataError:  # that another day is damaged does not concern this one
            continue
        if unlike := difference(form(other.meta, other.has_receive_times), own):
            what = (
                f"{tape.listing.key} of {other.part.day} is in the lake in another depth or form, "
                f"from {other.meta.source} ({unlike}), and the two could not be read as one tape"
            )
            raise DataError(tape.meta.source, what, remedy="import it into another folder")


def _parts(tape: Tape, folder: Path) -> list[tuple[Path, date, int, int]]:
    """Return (file, local day, first row, end row) of every day of a tape below ``folder``."""
    home = folder / _folder_of(tape.listing)
    return [(home / f"date={day.isoformat()}" / FILE_NAME, day, first, end) for day, first, end in _days(tape)]


def read_lake(folder: Path, symbol: str | None = None, days: tuple[date, ...] | None = None) -> tuple[Tape, ...]:
    """Return the tapes of a lake, one a listing, each with all its days in time order.

    Args:
        folder: A lake, or one Parquet file of it.
        symbol: ``AMZN`` or ``AMZN@XNAS``; None = every listing.
        days: Local days wanted; None = all.

    Raises:
        InputError: The symbol fits no listing of the lake, or several.
        DataError: A file is not ours or is damaged, parts are missing, or recordings overlap.
    """
    files = lake_files(folder)
    if symbol is not None:
        known = {file.meta.listing.key: file.meta.listing for file in files}
        key = Catalogue(listings=tuple(known.values())).find(symbol, folder.name or str(folder)).key
        files = [file for file in files if file.meta.listing.key == key]
    if days is not None:
        files = [file for file in files if file.part.day in days]
    if not files:
        raise DataError(str(folder), "holds no tape that was asked for", remedy="`nowake tape info` lists the lake")
    return read_files(files)


def read_files(files: Sequence[LakeFile]) -> tuple[Tape, ...]:
    """Return the tapes of some files of a lake, one a listing, as ``read_lake``."""
    listings: dict[str, dict[str, list[LakeFile]]] = {}
    for file in files:
        listings.setdefault(file.meta.listing.key, {}).setdefault(file.meta.content_hash, []).append(file)
    return tuple(join([_read_tape(parts) for parts in tapes.values()]) for tapes in listings.values())


def list_lake(folder: Path) -> tuple[LakeEntry, ...]:
    """Return what a lake holds, by listing and day; no rows are read.

    Raises:
        DataError: The folder holds no tape, or a file is not ours.
    """
    entries = [
        LakeEntry(
            listing=file.meta.listing,
            part=file.part,
            source=file.meta.source,
            content_hash=file.meta.content_hash,
            file=file.path.relative_to(folder if folder.is_dir() else folder.parent).as_posix(),
        )
        for file in lake_files(folder)
    ]
    return tuple(sorted(entries, key=lambda entry: (entry.listing.key, entry.part.day)))


def is_lake(path: Path) -> bool:
    """Return whether ``path`` is a folder with lake files in it, or one such file.

    A file with a Parquet name that cannot be read counts as ours: the lake says best what is wrong with it.
    """
    if not path.is_file():
        return any(path.glob(PATTERN))
    if path.suffix != ".parquet":
        return False
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _META in (pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError, ValueError):
        return True


def _folder_of(listing: Listing) -> Path:
    return Path(f"venue={quote(listing.venue, safe='')}") / f"symbol={quote(listing.instrument.symbol, safe='')}"


def _days(tape: Tape) -> list[tuple[date, int, int]]:
    """Return (local day, first row, end row) of every day with rows; messages stay whole."""
    hours = session(tape.listing.session)
    local = np.maximum.accumulate(tape.t_local())
    ends = np.flatnonzero(tape.code & END) + 1
    day, last, first, n = hours.local_day(int(local[0])), hours.local_day(int(local[-1])), 0, len(tape)
    found = []
    while day <= last and first < n:
        following = day + timedelta(days=1)
        cut = int(np.searchsorted(local, hours.at(following, time(0))))
        at = int(np.searchsorted(ends, cut))
        end = int(ends[at]) if cut < n and at < len(ends) else n
        if end > first:
            found.append((day, first, end))
        day, first = following, max(first, end)
    return found


def _head(tape: Tape, first: int) -> dict[str, Any]:
    """Return the columns of the book before row ``first`` as a snapshot message, at the time of the row before.

    Where trading is halted then, a HALT row follows.
    """
    from nowake.data.replay import replay

    none = np.empty(0, dtype=np.int64)
    _, _, (bid_p, bid_q, ask_p, ask_q) = replay(
        tape.code[:first], tape.prices()[:first], tape.qty[:first].astype(np.int64), none
    )
    code = np.full(1 + len(bid_p) + len(ask_p), row_code(Row.SET, Book.BID, SNAPSHOT), dtype=np.uint16)
    code[0] = row_code(Row.CLEAR, Book.NONE, SNAPSHOT)
    code[1 + len(bid_p) :] = row_code(Row.SET, Book.ASK, SNAPSHOT)
    code[-1] |= END
    kinds = tape.code[:first] & KIND_MASK
    turns = np.flatnonzero((kinds == Row.HALT) | (kinds == Row.RESUME))
    halted = len(turns) > 0 and kinds[turns[-1]] == Row.HALT
    if halted:
        code = np.append(code, np.uint16(row_code(Row.HALT, Book.NONE, END)))
    base, none = tape.meta.price_base, np.zeros(1 if halted else 0, dtype=np.int64)
    head: dict[str, Any] = {
        "t_event": np.full(len(code), tape.t_event[first - 1]),
        "code": code,
        "price": np.concatenate([[0], bid_p - base, ask_p - base, none]).astype(np.int32),
        "qty": np.concatenate([[0], bid_q, ask_q, none]).astype(tape.qty.dtype),
    }
    if len(tape.recv_delta):
        head["recv_delta"] = np.full(len(code), tape.recv_delta[first - 1])
    if len(tape.order_id):
        head["order_id"] = np.zeros(len(code), dtype=np.int64)
    return head


def _sum(values: Any, before: int = 0) -> int:
    """Return the sum, modulo 2 ** 64, of a column that goes on with ``values``: nearly free, and noise changes it."""
    return (before + int(values.sum(dtype=np.int64))) % (1 << 64)


def _write_file(path: Path, tape: Tape, day: date, first: int, end: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: getattr(tape, name) for name in COLUMNS if len(getattr(tape, name))}
    groups = [(at, min(at + ROW_GROUP_ROWS, end)) for at in range(first, end, ROW_GROUP_ROWS)]
    head = _head(tape, first) if first else {}
    if not first and (own := _own_head(tape, end)) and own < groups[0][1]:
        groups[0:1] = [(first, own), (own, groups[0][1])]
    part = Part(
        day=day,
        head_rows=len(head["code"]) if head else 0,
        first_row=first,
        rows=end - first,
        tape_rows=len(tape),
        sums={name: _sum(column[first:end], _sum(head[name]) if head else 0) for name, column in arrays.items()},
    )
    schema = pa.schema(
        [pa.field(name, pa.from_numpy_dtype(column.dtype), nullable=False) for name, column in arrays.items()]
    )
    meta, said = to_json(tape.meta), to_json(part)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    options = {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": _DICTIONARY,
        "column_encoding": {name: "DELTA_BINARY_PACKED" for name in _DELTA if name in arrays},
        "dictionary_pagesize_limit": 8 << 20,
        "write_page_checksum": True,
        "store_schema": False,  # it would hold a second copy of the metadata
    }
    try:
        with pq.ParquetWriter(scratch, schema, **options) as writer:
            if head:
                writer.write_table(pa.table(head, schema=schema))
            for lo, hi in groups:
                rows = {name: column[lo:hi] for name, column in arrays.items()}
                writer.write_table(pa.table(rows, schema=schema), row_group_size=ROW_GROUP_ROWS)
            writer.add_key_value_metadata({_META: meta, _PART: said, _SEAL: _seal(meta, said)})
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def _own_head(tape: Tape, end: int) -> int:
    """Return the end of the tape's own first snapshot, 0 when it has none before row ``end``."""
    clears = np.flatnonzero((tape.code[:end] & KIND_MASK) == Row.CLEAR)
    if not len(clears):
        return 0
    first = int(clears[0])
    return first + int(np.argmax((tape.code[first:end] & END) != 0)) + 1


def lake_files(folder: Path) -> list[LakeFile]:
    """Return the files of a lake, or the one file named; no rows are read.

    Raises:
        DataError: There are none, or one is not ours.
    """
    if not folder.exists():
        raise DataError(str(folder), "there is no such file or folder", remedy="check the path")
    paths = [folder] if folder.is_file() else sorted(folder.glob(PATTERN))
    if not paths:
        raise DataError(str(folder), "is not a lake: it holds no tape", remedy="fill it with `nowake tape import`")
    return [_open(path) for path in paths]


def _name(path: Path) -> str:
    """Return a file as errors name it: all files of a lake have the same last name, so with its folders."""
    return "/".join(path.parts[-4:]) if path.name == FILE_NAME else path.name


def _open(path: Path) -> LakeFile:
    """Return what a file says it is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(path)
        metadata, names = footer.metadata or {}, footer.schema.names
    except (pa.ArrowException, OSError, ValueError) as error:
        what = f"is not a Parquet file, or a damaged one ({_first_line(error)})"
        raise DataError(_name(path), what, remedy=_AGAIN) from error
    if not {_META, _PART, _SEAL} <= set(metadata):
        raise DataError(_name(path), "is a Parquet file, but no tape of ours", remedy="import its source with a reader")
    if metadata[_SEAL] != _seal(metadata[_META], metadata[_PART]):
        raise DataError(_name(path), "is damaged (its metadata does not match its seal)", remedy=_AGAIN)
    try:
        meta, part = from_json(metadata[_META], TapeMeta), from_json(metadata[_PART], Part)
    except ValueError as error:
        raise DataError(_name(path), f"its metadata cannot be used: {error}", remedy=_AGAIN) from error
    return LakeFile(path, meta, part, "recv_delta" in names)


def _seal(meta: bytes, part: bytes) -> bytes:
    """Return a checksum of what a file says of itself; its pages have their own."""
    return hashlib.blake2b(meta + b"\0" + part, digest_size=16).hexdigest().encode()


def _read_tape(files: list[LakeFile]) -> Tape:
    """Return the tape of files that carry parts of one; exactly the tape written when all are there.

    Raises:
        DataError: A part in the middle is missing, or a file is damaged.
    """
    files = sorted(files, key=lambda file: file.part.first_row)
    for before, after in itertools.pairwise(files):
        reached = before.part.first_row + before.part.rows
        if reached > after.part.first_row:
            raise DataError(
                _name(after.path),
                f"holds rows of {before.meta.listing.key} that {_name(before.path)} holds too",
                remedy="take one of the two files away",
            )
        if reached < after.part.first_row:
            raise DataError(
                f"{before.meta.listing.key} {before.part.day}",
                f"the lake lacks the rows between it and {after.part.day}",
                remedy="import the recording again",
            )
    with_head = files[0].part.first_row > 0
    arrays = _columns(files, with_head=with_head)
    made = Tape(files[0].meta, *(arrays[name] for name in COLUMNS))
    _give_back()
    whole = len(made) == files[0].part.tape_rows and not with_head
    return made if whole else _cut(made)


def _give_back() -> None:
    """Return to the system what decompressing took: as much again as the columns."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _cut(tape: Tape) -> Tape:
    """Return a part of a tape as a tape of its own: its identity and clock offset are those of its rows."""
    columns = columns_of(tape)
    names = ("depth_levels", "silence_ns", "quarantined", "trade_side_native", "consolidated", "modelled")
    kept = {name: getattr(tape.meta, name) for name in names}
    return make_tape(tape.listing, tape.meta.source, tape.meta.reader, columns, tape.meta.figures, **kept)


def _columns(files: list[LakeFile], *, with_head: bool) -> dict[str, Any]:
    """Return the six columns of the files' rows one after another, those that are not there empty.

    ``with_head``: the derived head of the first file belongs to them. Rows are decoded a batch at a time, small enough
    for the processor's cache, and put where they belong at once: nothing else of their size is made.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found: dict[str, Any] = {
        name: np.empty(0, dtype=np.int32 if name == "recv_delta" else np.int64) for name in COLUMNS
    }
    rows, at = sum(file.part.rows for file in files) + (files[0].part.head_rows if with_head else 0), 0
    types: dict[str, Any] = {}
    for file in files:
        skip = 0 if with_head and file is files[0] else file.part.head_rows
        try:
            # Not pq.read_table, which imports pandas where there is one: 0.2 s for nothing.
            with pq.ParquetFile(file.path, page_checksum_verification=True) as reader:
                own = _types(file, reader)
                if not types:
                    types = own
                    found |= {name: np.empty(rows, dtype=kind) for name, kind in types.items()}
                if own != types:
                    raise _not_a_tape(file, "not those of the days before it")
                at = _fill(file, reader, found, at, skip)
        except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
            raise DataError(_name(file.path), f"is damaged ({_first_line(error)})", remedy=_AGAIN) from error
    return found


def _types(file: LakeFile, reader: pyarrow.parquet.ParquetFile) -> dict[str, Any]:
    """Return the NumPy types of a file's columns; raise unless they, and how many rows there are, are a tape's."""
    schema = reader.schema_arrow
    wrong = [field.name for field in schema if str(field.type) not in _TYPES.get(field.name, ())]
    if names := [*wrong, *sorted({"t_event", "code", "price", "qty"} - set(schema.names))]:
        raise _not_a_tape(file, ", ".join(names))
    held, said = reader.metadata.num_rows, file.part.head_rows + file.part.rows
    if held != said or file.part.rows < 1:
        raise DataError(_name(file.path), f"holds {held} rows, not the {said} it says", remedy=_AGAIN)
    return {field.name: field.type.to_pandas_dtype() for field in schema}


def _fill(file: LakeFile, reader: pyarrow.parquet.ParquetFile, found: dict[str, Any], at: int, skip: int) -> int:
    """Put the rows of a file from ``skip`` on into the columns at row ``at``; returns the row after them."""
    highest, sums = max(Row), dict.fromkeys(reader.schema_arrow.names, 0)
    for batch in reader.iter_batches(BATCH_ROWS):
        gone = min(skip, batch.num_rows)
        skip, n = skip - gone, batch.num_rows - gone
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.null_count:
                raise _not_a_tape(file, "a column with nulls")
            # Arrow's own ``to_numpy`` imports pandas where there is one.
            values = np.frombuffer(column.buffers()[1], dtype=found[name].dtype)[column.offset :][: batch.num_rows]
            sums[name] = _sum(values, sums[name])
            values = values[gone:]
            if name == "code" and n and int((values & KIND_MASK).max()) > highest:
                raise DataError(
                    _name(file.path), "holds rows of a kind this version does not know", remedy="update nowake"
                )
            found[name][at : at + n] = values
        at += n
    if file.part.sums is not None and sums != file.part.sums:
        raise DataError(_name(file.path), "is damaged (its columns do not have the sums it says)", remedy=_AGAIN)
    return at


def _not_a_tape(file: LakeFile, names: str) -> DataError:
    return DataError(_name(file.path), f"its columns are not those of a tape ({names})", remedy=_AGAIN)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
