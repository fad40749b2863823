"""Columns of a table as exact integers: times in ns, prices and quantities in units, sides; what is none is marked.

Every function returns ``(values, ok)``, (n,) i64 and (n,) bool; values that are not ok are 0. Nothing is repaired.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.tape import F64, I64, Book
from nowake.core.units import parse_duration
from nowake.data.build import Flags
from nowake.data.readers.mapping import TIME_UNITS, Mapping
from nowake.data.readers.table import Table

if TYPE_CHECKING:
    import polars as pl

Checked = tuple[I64, Flags]
DAY_NS = 86_400_000_000_000
EPOCH_FIRST_S, EPOCH_LAST_S = 315_532_800, 4_102_444_800
"""1980 to 2100: the times that a whole number may mean when its unit is not told."""
OFF_GRID = 1e-6
_ISO = (
    r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r"\s*(Z|z|UTC|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?$"
)
_PLAIN = re.compile(r"\d{4}-\d{2}-\d{2}([T ])\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(Z?)$")
_CLOCK = r"^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?$"


def series(table: Table, name: str) -> pl.Series:
    """Return a column of the table by the name that the mapping gives it."""
    return table.columns[name]


def floats(table: Table, name: str) -> tuple[F64, Flags]:
    """Return a column as float64; text that is no number and what is missing is not ok."""
    import polars as pl

    column = series(table, name)
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    made = column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
    values = np.array(made, dtype=np.float64)
    ok = np.isfinite(values)
    values[~ok] = 0.0
    return values, ok


def missing(table: Table, name: str) -> Flags:
    """Return where a column has nothing: null, or text of blanks."""
    import polars as pl

    column = series(table, name)
    if column.dtype == pl.String:
        column = column.str.strip_chars()
        return np.array((column.is_null() | (column == "")).to_numpy(), dtype=np.bool_)
    return np.array(column.is_null().to_numpy(), dtype=np.bool_)


def units(table: Table, name: str, scale: float, unit: Decimal) -> Checked:
    """Return a column as counts of ``unit``; what is not a finite multiple of it, or negative, is not ok.

    The file's binary or decimal number is taken for the multiple it is nearest to; 1e-6 of a unit, or the precision of
    a float where that is less fine, is the most it may be away.
    """
    values, ok = floats(table, name)
    step = float(unit) / scale
    counts = values / step
    whole = np.rint(counts)
    away = np.abs(counts - whole)
    ok &= (away <= np.maximum(OFF_GRID, 4 * np.spacing(np.abs(counts)))) & (whole >= 0) & (whole < 2.0**62)
    return np.where(ok, whole, 0).astype(np.int64), ok


def nearest(table: Table, name: str, scale: float, unit: Decimal) -> Checked:
    """Return a column as counts of ``unit``, rounded to the nearest (means and prices finer than the unit)."""
    values, ok = floats(table, name)
    whole = np.rint(values * scale / float(unit))
    ok &= (whole >= 0) & (whole < 2.0**62)
    return np.where(ok, whole, 0).astype(np.int64), ok


def finest(values: F64, ok: Flags, at_most: int = 9) -> Decimal:
    """Return the largest power of ten, at most 1, of which every value is a multiple; 1e-``at_most`` if none is."""
    found = values[ok]
    for digits in range(at_most):
        counts = found * 10.0**digits
        if (np.abs(counts - np.rint(counts)) <= np.maximum(OFF_GRID, 4 * np.spacing(np.abs(counts)))).all():
            return Decimal(1).scaleb(-digits)
    return Decimal(1).scaleb(-at_most)


def truths(table: Table, name: str) -> Flags:
    """Return where a flag column is set: not empty, false, no or 0."""
    import polars as pl

    column = series(table, name)
    if column.dtype == pl.Boolean:
        return np.array(column.fill_null(value=False).to_numpy(), dtype=np.bool_)
    text = column.cast(pl.String, strict=False).fill_null("").str.strip_chars().str.to_lowercase()
    return np.array(~text.is_in(["", "0", "0.0", "false", "f", "no", "n"]).to_numpy(), dtype=np.bool_)


def words(table: Table, name: str) -> pl.Series:
    """Return a column as text without blanks at its ends, in small letters; missing is empty."""
    import polars as pl

    column = series(table, name)
    if column.dtype.is_float():
        column = column.cast(pl.Int64, strict=False)
    return column.cast(pl.String, strict=False).fill_null("").str.strip_chars().str.to_lowercase()


def sides(table: Table, mapping: Mapping) -> Checked:
    """Return ``Book`` numbers; an empty side is NONE, a word that is neither side is not ok."""
    said = words(table, mapping.side)
    buys, sells = (np.array(said.is_in(sorted(s)).to_numpy(), dtype=np.bool_) for s in (mapping.buys, mapping.sells))
    empty = np.array(said.is_in(["", "n", "none", "0", "unknown"]).to_numpy(), dtype=np.bool_) & ~buys & ~sells
    values = np.where(buys, int(Book.BID), np.where(sells, int(Book.ASK), int(Book.NONE))).astype(np.int64)
    return values, buys | sells | empty


def times(table: Table, mapping: Mapping, role: str = "time") -> Checked:
    """Return UTC ns of the column that holds ``time`` or ``recv``, or of ``date`` with a clock time or a bin.

    Raises:
        InputError: The times state no zone and the mapping names none, or their unit cannot be told.
    """
    if role == "time" and mapping.date:
        return _dated(table, mapping)
    return _instants(table, series(table, getattr(mapping, role)), mapping)


def _instants(table: Table, column: pl.Series, mapping: Mapping) -> Checked:
    import polars as pl

    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            return _zoned(column.cast(pl.Datetime("ns")), mapping, table)
        return _whole(column.cast(pl.Datetime("ns", "UTC")).to_physical())
    if column.dtype == pl.Date:
        raise InputError(
            "time", column.name, "an instant", "a day alone is none: name its clock column as time, and it as date"
        )
    if column.dtype == pl.String:
        column = column.str.strip_chars()
        number = column.cast(pl.Float64, strict=False)
        if mapping.time_format:
            return _formatted(table, column, mapping)
        if number.null_count() > column.null_count() + len(column) // 2:
            return _iso(table, column, mapping)
        whole = column.cast(pl.Int64, strict=False)
        column = whole if whole.null_count() <= number.null_count() else number
    if not column.dtype.is_numeric():
        raise InputError(
            "time", f"{column.name} of type {column.dtype}", "times", "give ISO text or numbers since 1970"
        )
    return _counted(column, mapping)


def _whole(column: pl.Series) -> Checked:
    """Return an integer column; missing values are not ok."""
    ok = np.array(column.is_not_null().to_numpy(), dtype=np.bool_)
    return np.array(column.fill_null(0).to_numpy(), dtype=np.int64), ok


def _counted(column: pl.Series, mapping: Mapping) -> Checked:
    """Return times that are numbers since 1970 in the unit told, or the one in which they are of our days."""
    import polars as pl

    fraction = column.dtype.is_float()
    values = np.array(column.cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy(), dtype=np.float64)
    ok = np.isfinite(values)
    if mapping.time_unit:
        per = TIME_UNITS[mapping.time_unit]
    else:
        middle = float(np.median(values[ok])) if ok.any() else 0.0
        fits = [ns for ns in TIME_UNITS.values() if EPOCH_FIRST_S <= middle * ns / 1e9 <= EPOCH_LAST_S]
        if len(fits) != 1:
            raise InputError(
                "time_unit", f"{column.name} around {middle:g}", "told", f"time_unit={'|'.join(TIME_UNITS)}"
            )
        per = fits[0]
    ok &= (values >= EPOCH_FIRST_S * (1e9 / per)) & (values <= EPOCH_LAST_S * (1e9 / per))
    if fraction:
        whole = np.floor(np.where(ok, values, 0.0))
        rest = np.rint((np.where(ok, values, 0.0) - whole) * per)
        return np.where(ok, whole.astype(np.int64) * per + rest.astype(np.int64), 0), ok
    exact = np.array(column.cast(pl.Int64, strict=False).fill_null(0).to_numpy(), dtype=np.int64)
    return np.where(ok, exact, 0) * per, ok


def _zoned(local: pl.Series, mapping: Mapping, table: Table) -> Checked:
    """Return naive ns datetimes as instants of the mapping's zone; those that occur twice or never are not ok."""
    if not mapping.time_zone:
        _no_zone(local.name, table)
    made = local.dt.replace_time_zone(mapping.time_zone, ambiguous="null", non_existent="null")
    return _whole(made.to_physical())


def _no_zone(name: str, table: Table) -> NoReturn:
    raise DataError(
        table.source,
        f"the times in column {name} state no zone",
        remedy="name it, as in --map time_zone=UTC,... or time_zone=America/New_York",
    )


def _formatted(table: Table, column: pl.Series, mapping: Mapping) -> Checked:
    import polars as pl

    try:
        made = column.str.to_datetime(mapping.time_format, time_unit="ns", strict=False)
    except pl.exceptions.PolarsError as error:
        raise InputError("time_format", mapping.time_format, "a format of strptime") from error
    if isinstance(made.dtype, pl.Datetime) and made.dtype.time_zone is not None:
        return _whole(made.cast(pl.Datetime("ns", "UTC")).to_physical())
    return _zoned(made, mapping, table)


def _iso(table: Table, column: pl.Series, mapping: Mapping) -> Checked:
    """Return ISO text as instants, exact to the ns; text without a zone needs the mapping's.

    What is written as the first value is parsed at once; the others, should there be any, in their own way.
    """
    first = column.drop_nulls()
    shape = _PLAIN.match(first[0]) if len(first) else None
    if shape is None:
        return _any_iso(table, column, mapping)
    form = f"%Y-%m-%d{shape[1]}%H:%M:%S%.f{shape[2]}"
    made = column.str.to_datetime(form, time_unit="ns", strict=False)
    values, ok = _whole(made.to_physical()) if shape[2] else _zoned(made, mapping, table)
    others = np.flatnonzero(np.array((made.is_null() & column.is_not_null()).to_numpy(), dtype=np.bool_))
    if len(others):
        more, good = _any_iso(table, column.gather(others), mapping)
        values[others], ok[others] = more, good
    return values, ok


def _any_iso(table: Table, column: pl.Series, mapping: Mapping) -> Checked:
    """Return ISO text of any form as instants."""
    import polars as pl

    part = {k: column.str.extract(_ISO, k) for k in range(1, 7)}
    day = part[1].str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
    seconds = _clock_seconds(part[2], part[3], part[4])
    nanos = part[5].fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    local = (day * 86_400 + seconds) * 10**9 + nanos
    ok = np.array(local.is_not_null().to_numpy(), dtype=np.bool_)
    zone = part[6].str.replace(r"^(Z|z|UTC)$", "+00:00").str.replace(":", "")
    stated = np.array(zone.is_not_null().to_numpy(), dtype=np.bool_)
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    offset = zone.str.slice(1, 2).cast(pl.Int64) * 3600 + zone.str.slice(3, 2).cast(pl.Int64) * 60
    shift = pl.select(offset * sign).to_series().fill_null(0).to_numpy()
    values = np.array(local.fill_null(0).to_numpy(), dtype=np.int64)
    if (ok & ~stated).any():
        naive, good = _zoned(pl.Series(column.name, values).cast(pl.Datetime("ns")), mapping, table)
        ok &= stated | good
        values = np.where(stated, values - shift * 10**9, naive)
    else:
        values = values - shift * 10**9
    return np.where(ok, values, 0), ok


def _clock_seconds(hours: pl.Series, minutes: pl.Series, seconds: pl.Series) -> pl.Series:
    """Return seconds after midnight, null where the clock has no such time."""
    import polars as pl

    h, m, s = (one.cast(pl.Int64, strict=False) for one in (hours, minutes, seconds.fill_null("0")))
    fits = (h <= 23) & (m <= 59) & (s <= 59)
    return pl.select(pl.when(fits).then(h * 3600 + m * 60 + s)).to_series()


def _dated(table: Table, mapping: Mapping) -> Checked:
    """Return the instants of a day with a clock time, or with the number of its interval."""
    import polars as pl

    column = series(table, mapping.date)
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.date()
    if column.dtype != pl.Date:
        text = column.cast(pl.String, strict=False).str.strip_chars().str.replace_all("-", "")
        column = text.str.to_date("%Y%m%d", strict=False)
    midnight = column.cast(pl.Datetime("ns"))
    if mapping.bin:
        number = series(table, mapping.bin).cast(pl.Int64, strict=False)
        first = pl.Series([mapping.bin_start])
        start = _clock_seconds(*(first.str.extract(_CLOCK, k) for k in (1, 2, 3)))
        if start.null_count():
            raise InputError("bin_start", mapping.bin_start, "a clock time such as 09:30")
        after = number * parse_duration("interval", mapping.interval) + start[0] * 10**9
    else:
        clock = series(table, mapping.time).cast(pl.String, strict=False).str.strip_chars()
        part = [clock.str.extract(_CLOCK, k) for k in (1, 2, 3, 4)]
        nanos = part[3].fill_null("").str.pad_end(9, "0").cast(pl.Int64)
        after = _clock_seconds(*part[:3]) * 10**9 + nanos
    local = (midnight.to_physical() + after).cast(pl.Datetime("ns"))
    return _zoned(local, mapping, table)
