"""Comma-separated integers, fast: a compiled scanner and the plain reading of it.

Every field is a decimal integer, optionally signed; the first one may be a decimal fraction, which is returned as a
count of 1e-``decimals`` exactly (no float is involved; further digits round half up: LOBSTER prints a few times as
43002.632812672004). A line that is anything else is marked bad, never guessed.
"""

from __future__ import annotations

import re

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import I64
from nowake.data.build import Bytes, Flags

_INTEGER = re.compile(rb"-?[0-9]{1,17}")
_FRACTION = re.compile(rb"([0-9]{1,9})(?:\.([0-9]*))?")


def count_lines(data: Bytes) -> int:
    """Return the number of lines in ``data``; the last one need not end with a newline."""
    if not len(data):
        return 0
    return int(np.count_nonzero(data == 10)) + int(data[-1] != 10)


def scan_reference(data: bytes, columns: int, decimals: int) -> tuple[I64, Flags]:
    r"""Say what ``scan_kernel`` does; read this first.

    Args:
        data: The text, UTF-8 or not; lines end with ``\n`` or ``\r\n``.
        columns: Fields a line.
        decimals: Digits after the point kept of the first field; 0 = an integer like the others.

    Returns:
        ``(table, ok)``: (n, columns) i64 and (n,) bool. Rows that are not ok are zero.
    """
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    table = np.zeros((len(lines), columns), dtype=np.int64)
    ok = np.zeros(len(lines), dtype=np.bool_)
    for row, line in enumerate(lines):
        fields = line.removesuffix(b"\r").split(b",")
        if len(fields) != columns:
            continue
        values = [_fraction(fields[0], decimals) if decimals else _integer(fields[0]), *map(_integer, fields[1:])]
        good = [value for value in values if value is not None]
        if len(good) == columns:
            table[row], ok[row] = good, True
    return table, ok


def _integer(field: bytes) -> int | None:
    return int(field) if _INTEGER.fullmatch(field) else None


def _fraction(field: bytes, decimals: int) -> int | None:
    found = _FRACTION.fullmatch(field)
    if found is None:
        return None
    digits = (found[2] or b"").ljust(decimals + 1, b"0")
    up = int(digits[decimals] >= ord("5"))
    whole: int = int(found[1]) * 10**decimals
    return whole + int(digits[:decimals]) + up


@kernel
def scan_kernel(data: Bytes, columns: int, decimals: int, table: I64, ok: Flags) -> int:
    """Do what ``scan_reference`` does, into ``table`` (n, columns) and ``ok`` (n,); return the lines seen."""
    n, at, row = data.shape[0], 0, 0
    while at < n:
        column, good, ended = 0, True, False
        while good and not ended:
            negative, digits, value, kept, up = False, 0, np.int64(0), -1, 0
            fraction = decimals > 0 and column == 0
            if at < n and data[at] == 45 and not fraction:
                negative, at = True, at + 1
            while at < n:
                c = data[at]
                if 48 <= c <= 57:
                    if kept < 0:
                        value = value * 10 + (c - 48)
                        digits += 1
                        if digits > (9 if fraction else 17):
                            good = False
                            break
                    else:
                        if kept < decimals:
                            value = value * 10 + (c - 48)
                        elif kept == decimals:
                            up = 1 if c >= 53 else 0
                        kept += 1
                elif c == 46 and fraction and kept < 0 and digits > 0:
                    kept = 0
                else:
                    break
                at += 1
            if not good or digits == 0:
                good = False
                break
            if fraction:
                for _ in range(decimals - max(kept, 0)):
                    value *= 10
                value += up
            table[row, column] = -value if negative else value
            column += 1
            if at < n and data[at] == 44:
                at += 1
                good = column < columns
            else:
                if at < n and data[at] == 13 and (at + 1 == n or data[at + 1] == 10):
                    at += 1
                ended = at >= n or data[at] == 10
                good = ended
        ok[row] = good and column == columns
        if not ok[row]:
            for i in range(columns):
                table[row, i] = 0
        while at < n and data[at] != 10:
            at += 1
        at += 1
        row += 1
    return row


def scan(data: bytes, columns: int, decimals: int = 0) -> tuple[I64, Flags]:
    """Return ``(table, ok)`` of comma-separated integers; see ``scan_reference``."""
    view = np.frombuffer(data, dtype=np.uint8)
    lines = count_lines(view)
    table = np.zeros((lines, columns), dtype=np.int64)
    ok = np.zeros(lines, dtype=np.bool_)
    scan_kernel(view, columns, decimals, table, ok)
    return table, ok
