"""Tables as recorders and vendors write them, CSV (plain, gzip) or Parquet: their column names, and chosen columns.

Nothing is guessed here: a CSV field stays text. A line with too many or too few fields is left out and counted.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nowake.core.errors import DataError
from nowake.data.build import QUARANTINED_LINES_MAX
from nowake.data.readers.base import LINE_BYTES_MAX, first_bytes

if TYPE_CHECKING:
    import polars as pl

PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"
ROWS_MAX = 500_000_000
UNPACKED_RATIO_MAX, UNPACKED_FREE = 200, 64 << 20
"""Columns of numbers pack at most about 50:1; what unpacks to more than 200 times its size, and 64 MB, is an attack."""
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a file, as text (CSV) or as they are typed (Parquet).

    Attributes:
        source: File name.
        columns: Name to series, all of one length.
        rows: Their length.
        lines: Lines or rows of the file.
        bad: Lines that are no rows of the table, left out.
        bad_numbers: The numbers of the first of them.
        first_line: Number (1-based) of the line of row 0: 2 below a CSV header.
    """

    source: str
    columns: dict[str, pl.Series]
    rows: int
    lines: int
    bad: int
    bad_numbers: tuple[int, ...]
    first_line: int


def is_table(path: Path) -> bool:
    """Return whether a file is a Parquet file, or text that may be CSV."""
    head = first_bytes(path, 4)
    return head == PARQUET or path.name.lower().endswith((".csv", ".csv.gz", ".tsv", ".txt"))


def column_names(path: Path) -> tuple[str, ...]:
    """Return the names of a file's columns, empty when it is no table.

    Raises:
        DataError: It cannot be opened, or is a damaged Parquet file.
    """
    if first_bytes(path, 4) == PARQUET:
        return tuple(_parquet(path).schema_arrow.names)
    if not is_table(path):
        return ()
    line = _first_line(path)
    separator = _separator(line)
    return tuple(name.strip().strip('"') for name in line.split(separator)) if separator in line else ()


def read_table(path: Path, wanted: Collection[str]) -> Table:
    """Return the wanted columns of a file.

    Raises:
        DataError: It is damaged, truncated, no table, or has no rows.
    """
    table = _read_parquet(path, wanted) if first_bytes(path, 4) == PARQUET else _read_csv(path, wanted)
    if not table.rows:
        raise DataError(path.name, "has no rows", remedy="check that it is the file you mean")
    return table


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(path.name, f"is a damaged Parquet file ({_say(error)})", remedy="get it again") from error


def _read_parquet(path: Path, wanted: Collection[str]) -> Table:
    import polars as pl
    import pyarrow as pa

    file = _parquet(path)
    if file.metadata.num_rows > ROWS_MAX:
        raise DataError(path.name, f"says it has {file.metadata.num_rows:,} rows", remedy=f"give at most {ROWS_MAX:,}")
    try:
        read = file.read(columns=list(wanted))
        columns = {name: pl.Series(name, pl.from_arrow(read[name])) for name in read.column_names}
    except (pa.ArrowException, OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(path.name, f"is a damaged Parquet file ({_say(error)})", remedy="get it again") from error
    columns = {name: _plain(path, column) for name, column in columns.items()}
    return Table(path.name, columns, read.num_rows, read.num_rows, 0, (), 1)


def _plain(path: Path, column: pl.Series) -> pl.Series:
    """Return a column of numbers, times or text; categories become their text.

    Raises:
        DataError: It holds something else: lists, structures, bytes, spans of time.
    """
    import polars as pl

    kind = column.dtype
    if isinstance(kind, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if kind.is_nested() or isinstance(kind, pl.Binary | pl.Object | pl.Duration):
        raise DataError(path.name, f"its column {column.name} holds {kind}", remedy="give numbers, times or text")
    return column


def _read_csv(path: Path, wanted: Collection[str]) -> Table:
    import polars as pl
    import pyarrow as pa
    from pyarrow import csv

    data = _as_utf8(read_text(path))
    bad: list[int] = []

    def skip(row: Any) -> str:
        bad.append(int(row.number or 0))
        return "skip"

    separator = _separator(data[: CHUNK // 16].split(b"\n", 1)[0].decode("utf-8", "replace"))
    try:
        read = csv.read_csv(
            io.BytesIO(data),
            read_options=csv.ReadOptions(use_threads=False, block_size=LINE_BYTES_MAX),
            parse_options=csv.ParseOptions(delimiter=separator, invalid_row_handler=skip),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in wanted},
                include_columns=list(wanted),
                strings_can_be_null=True,
            ),
        )
        columns = {name: pl.Series(name, pl.from_arrow(read[name])) for name in read.column_names}
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            path.name, f"is not a CSV file that can be read ({_say(error)})", remedy="check the file"
        ) from error
    if data and not data.endswith(b"\n") and bad and bad[-1] > read.num_rows + len(bad):
        raise DataError(path.name, "is truncated: its last line is cut off", line=bad[-1], remedy="get it again")
    return Table(
        path.name, columns, read.num_rows, read.num_rows + len(bad), len(bad), tuple(bad[:QUARANTINED_LINES_MAX]), 2
    )


def read_text(path: Path) -> bytes:
    """Return the text of a file, unpacked when it is gzip, without a byte-order mark.

    Raises:
        DataError: It cannot be read, is truncated, or unpacks to more than such text can.
    """
    size = path.stat().st_size
    parts, total = [], 0
    try:
        packed = first_bytes(path, 2) == GZIP
        with gzip.open(path, "rb") if packed else path.open("rb") as file:
            while part := file.read(CHUNK):
                parts.append(part)
                total += len(part)
                if packed and total > UNPACKED_RATIO_MAX * size + UNPACKED_FREE:
                    raise DataError(path.name, "unpacks to far more than such text can", remedy="do not trust it")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(path.name, f"cannot be read or is truncated ({_say(error)})", remedy="get it again") from error
    data = b"".join(parts).removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # Arrow would print a traceback for each line whose bytes are no text; marked, they are bad fields like others.
        data = data.decode("utf-8", "replace").encode("utf-8")
    return data


def _as_utf8(data: bytes) -> bytes:
    """Return text as UTF-8; bytes that are none become marks that no number has in it."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode("utf-8")
    return data


def _first_line(path: Path) -> str:
    head = first_bytes(path, CHUNK // 16)
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head, CHUNK // 16)
        except zlib.error:
            return ""
    return head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r").decode("utf-8", "replace")


def _separator(line: str) -> str:
    """Return the separator of a header: the most frequent of comma, semicolon, tab."""
    return max(",;\t", key=line.count)


def _say(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
