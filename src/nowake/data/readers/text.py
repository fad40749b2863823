"""Recorded text, plain or gzip: blocks of whole lines, lines as columns, decimal numbers as exact counts of a unit."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nowake.core.errors import DataError
from nowake.core.tape import I64
from nowake.data.build import Flags
from nowake.data.readers.base import LINE_BYTES_MAX, ReadOptions

if TYPE_CHECKING:
    import polars as pl

GZIP = b"\x1f\x8b"
BLOCK_BYTES = 1 << 18
UNPACKED_BYTES = 1 << 20
WHOLE_DIGITS = 18
"""So many decimal digits always fit 64 bits."""
NUMBER = re.compile(r"[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,2})?")
NOT_DIGITS = ["+", "-", " ", "\t", "_"]
"""What a cast to an integer lets pass beside digits."""


def text_blocks(path: Path, options: ReadOptions) -> Iterator[bytes]:
    """Yield the text in blocks of whole lines; a line beyond the limit is replaced by a bad one.

    Raises:
        DataError: The file cannot be read, is truncated or is empty.
    """
    carry, dropping, seen, size = b"", False, 0, max(path.stat().st_size, 1)
    for chunk, consumed in _chunks(path):
        seen += len(chunk)
        options.tell(0.9 * consumed / size, f"{path.name}: reading")
        if dropping:
            cut = chunk.find(b"\n")
            if cut < 0:
                continue
            chunk, dropping = b"oversized" + chunk[cut:], False
        text = carry + chunk
        end = text.rfind(b"\n") + 1
        carry = text[end:]
        if len(carry) > LINE_BYTES_MAX:
            carry, dropping = b"", True
        if end:
            yield text[:end]
    if not seen:
        raise DataError(path.name, "the file is empty", remedy="download or record it again")
    if dropping:
        carry = b"oversized"
    if carry:
        yield carry


def _chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield (text, bytes of the file consumed so far), unpacked when it is gzip.

    Raises:
        DataError: The file cannot be read, or its gzip stream is damaged or ends early.
    """
    consumed = 0
    try:
        with path.open("rb") as file:
            unpack = zlib.decompressobj(31) if file.read(2) == GZIP else None
            file.seek(0)
            while data := file.read(BLOCK_BYTES):
                consumed += len(data)
                if unpack is None:
                    yield data, consumed
                    continue
                while data:
                    if unpack.eof:  # gzip files may be members one after another
                        unpack = zlib.decompressobj(31)
                    text = unpack.decompress(data, UNPACKED_BYTES)
                    data = unpack.unconsumed_tail or unpack.unused_data
                    yield text, consumed
            if unpack is not None and not unpack.eof:
                raise DataError(
                    path.name, "is truncated: its gzip stream ends early", remedy="download or record it again"
                )
    except zlib.error as error:
        raise DataError(
            path.name, f"is damaged: its gzip stream cannot be unpacked ({error})", remedy="download it again"
        ) from error
    except OSError as error:
        raise DataError(path.name, f"cannot be read ({error.strerror})", remedy="check the path") from error


def unpacked_head(head: bytes) -> bytes:
    """Return the first bytes of a file, unpacked when they are gzip; empty when that fails."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, 4096)
    except zlib.error:
        return b""


def split_lines(text: bytes, separator: str, fields: int) -> tuple[list[pl.Series], Flags]:
    """Return the fields of whole lines as text columns, and (n,) bool: the line has exactly so many.

    Fields that are not there are null. A line feed at the end of ``text`` begins no further line.
    """
    import polars as pl

    lines = pl.Series("line", text.removesuffix(b"\n").decode("utf-8", "replace").split("\n"))
    lines = lines.str.strip_suffix("\r")
    frame = lines.str.split_exact(separator, fields).struct.unnest()
    columns = frame.get_columns()
    ok = columns[fields - 1].is_not_null() & columns[fields].is_null()
    return columns[:fields], np.array(ok.to_numpy(), dtype=np.bool_)


def decimal_scale(unit: object) -> tuple[int, int]:
    """Return (decimals, step) with unit = step x 10^-decimals."""
    exact = Decimal(str(unit)).normalize()
    exponent = exact.as_tuple().exponent
    assert isinstance(exponent, int)
    decimals = max(-exponent, 0)
    return decimals, int(exact.scaleb(decimals))


def decimal_units(column: pl.Series, unit: Decimal) -> tuple[I64, Flags]:
    """Return text numbers as exact counts of ``unit``, and (n,) bool: not negative, and a multiple of it.

    No float is involved. ``1e-7`` is understood; ``NaN``, ``inf``, ``1,5`` and blanks are not numbers. What is not ok
    counts 0.
    """
    digits, step = decimal_scale(unit)
    halves = column.str.splitn(".", 2).struct.unnest().get_columns()
    whole, fraction = halves[0], halves[1].fill_null("")
    if bool((fraction.str.len_bytes() > digits).any()):
        fraction = fraction.str.strip_chars_end("0")
    wholes = whole.cast(int, strict=False)
    parts = fraction.str.pad_end(digits, "0").cast(int, strict=False) if digits else fraction.cast(int, strict=False)
    if not digits:
        parts = parts.fill_null(0)
    # Casting is quick and lets signs and blanks pass; what is not plain digits is looked at one by one.
    plain = ~column.str.contains_any(NOT_DIGITS).fill_null(value=True)
    plain &= wholes.is_not_null() & parts.is_not_null() & (fraction.str.len_bytes() <= digits)
    ok = np.array(plain.to_numpy(), dtype=np.bool_)
    first, rest = (np.array(one.fill_null(0).to_numpy(), dtype=np.int64) for one in (wholes, parts))
    ok &= first < 10 ** max(WHOLE_DIGITS - digits, 0)
    count = np.where(ok, first, 0) * np.int64(10 ** min(digits, WHOLE_DIGITS)) + np.where(ok, rest, 0)
    for i in np.flatnonzero(~ok).tolist():
        found = _count(column[i], digits)
        ok[i], count[i] = found is not None, found or 0
    ok &= count % step == 0
    return np.where(ok, count // step, 0).astype(np.int64), ok


def _count(text: str | None, digits: int) -> int | None:
    """Return a number, in scientific notation or with more digits, as a count of 10^-digits; None when it is none."""
    if text is None or NUMBER.fullmatch(text) is None:
        return None
    scaled = Decimal(text).scaleb(digits)
    fits = scaled == scaled.to_integral_value() and scaled < 10**WHOLE_DIGITS
    return int(scaled) if fits else None


def whole_numbers(column: pl.Series) -> tuple[I64, Flags]:
    """Return text as integers, and (n,) bool: it is nothing but digits, with a minus or none."""
    values = column.cast(int, strict=False)
    plain = values.is_not_null() & ~column.str.contains_any(["+", " ", "\t", "_"]).fill_null(value=True)
    ok = np.array(plain.to_numpy(), dtype=np.bool_)
    return np.where(ok, np.array(values.fill_null(0).to_numpy(), dtype=np.int64), 0), ok
