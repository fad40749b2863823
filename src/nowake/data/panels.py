"""Tables over days as arrays, for beliefs and calibration: volume by bins, daily panels, daily bars, an impact panel.

Each is a frozen value that was checked when it was made; ``read_panel`` tells from a file's columns which it is. They
are not tapes: nothing trades on them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nowake.core.errors import DataError, InputError
from nowake.core.sessions import Session
from nowake.core.tape import F64, I64
from nowake.core.volume import DayVolume
from nowake.data.readers.base import first_bytes
from nowake.data.readers.table import PARQUET, column_names, read_table, read_text

Days = npt.NDArray[np.datetime64]
"""datetime64[D]."""

PANEL_VALUES_MAX = 100_000_000
BIN_NAME = re.compile(r"\d{2}:\d{2}")
UNITS = {"returns": "fraction a day", "volumes": "quote currency a day", "sigmas": "fraction a day"}
IMPACT = ("symbol", "day", "imbalance", "totalDailyValue", "arrivalPrice", "terminalPrice", "vwap330", "vwapClose")
DAILY = ("symbol", "date", "open", "high", "low", "close", "adjusted_close", "volume")


@dataclass(frozen=True, slots=True)
class VolumeBins:
    """Volume by interval of the day.

    Attributes:
        source: File name.
        days: (d,) trading days, rising; length 0 when the file names none (they are consecutive then, oldest first).
        starts: b clock times in the session's zone at which the bins start; empty when the file names none.
        volume: (d, b) quantity as printed (shares), >= 0.
    """

    source: str
    days: Days
    starts: tuple[time, ...]
    volume: F64

    def __post_init__(self) -> None:
        d, b = self.volume.shape
        _check(self.source, d > 0 and b > 0, "holds no volume")
        _check(self.source, len(self.days) in (0, d) and len(self.starts) in (0, b), "its days or bins do not match")
        _check(self.source, bool(np.isfinite(self.volume).all() and (self.volume >= 0).all()), "has a volume below 0")
        _check(self.source, bool((np.diff(self.days).astype(np.int64) > 0).all()), "its days are not in order")
        _check(self.source, list(self.starts) == sorted(set(self.starts)), "its bins are not in order")
        self.volume.setflags(write=False)

    def day_volumes(self, session: Session, qty_unit: float = 1.0) -> tuple[DayVolume, ...]:
        """Return the days as the volume curve takes them; those on which the session has other hours are left out.

        Args:
            session: Trading hours of the listing; the bins must fill its regular day.
            qty_unit: Quantity unit of the listing in the file's unit (shares).

        Raises:
            InputError: The file names no days, or its bins do not start when the session opens.
        """
        if not len(self.days) or not self.starts:
            raise InputError("bins", self.source, "a file that names its days and bins")
        if self.starts[0] != session.opens:
            raise InputError("bins", self.starts[0], f"bins from the open of {session.name}, {session.opens}")
        regular = session.at(date(2001, 1, 3), session.closes) - session.at(date(2001, 1, 3), session.opens)
        made = []
        for day, volume in zip(self.days.astype(object), self.volume, strict=True):
            hours = session.hours(day)
            if hours is None or hours[1] - hours[0] != regular:
                continue
            bins = tuple((volume / qty_unit).tolist())
            opens, closes = hours
            made.append(
                DayVolume(day=day, opens_ns=opens, closes_ns=closes, bins=bins, seen_from_ns=opens, seen_to_ns=closes)
            )
        return tuple(made)


@dataclass(frozen=True, slots=True)
class DailyPanel:
    """One number a symbol and day.

    Attributes:
        source: File name.
        name: ``returns``, ``volumes``, ``sigmas``, or the file's own word.
        unit: In words.
        days: (t,) rising.
        symbols: n names; ``cash`` may be one of the returns.
        values: (t, n), finite; volumes and sigmas >= 0.
    """

    source: str
    name: str
    unit: str
    days: Days
    symbols: tuple[str, ...]
    values: F64

    def __post_init__(self) -> None:
        _check(
            self.source, self.values.shape == (len(self.days), len(self.symbols)), "is not a table of days and symbols"
        )
        _check(self.source, len(self.days) > 0, "has no days")
        _check(self.source, bool(np.isfinite(self.values).all()), "has a value that is no number")
        _check(self.source, len(set(self.symbols)) == len(self.symbols), "names a symbol twice")
        _check(self.source, bool((np.diff(self.days).astype(np.int64) > 0).all()), "its days are not in order")
        if self.name in ("volumes", "sigmas"):
            _check(self.source, bool((self.values >= 0).all()), f"has {self.name} below 0")
        self.values.setflags(write=False)


@dataclass(frozen=True, slots=True)
class DailyBars:
    """Daily bars of many symbols on one calendar; NaN where a symbol has no day.

    Attributes:
        source: File name.
        days: (t,) rising: every day on which any symbol traded.
        symbols: n names, rising.
        open, high, low, close, adjusted: (t, n) quote currency; ``adjusted`` is the close less splits and dividends.
        volume: (t, n) shares.
    """

    source: str
    days: Days
    symbols: tuple[str, ...]
    open: F64
    high: F64
    low: F64
    close: F64
    adjusted: F64
    volume: F64

    def __post_init__(self) -> None:
        there = np.isfinite(self.close)
        for name in ("open", "high", "low", "close", "adjusted"):
            value = getattr(self, name)
            _check(
                self.source, bool(((value > 0) == there).all()), f"has {name} prices that are missing or not above 0"
            )
            value.setflags(write=False)
        ordered = (self.high >= np.maximum(self.open, self.close)) & (self.low <= np.minimum(self.open, self.close))
        _check(self.source, bool(ordered[there].all()), "has a high below, or a low above, the other prices of its day")
        _check(self.source, bool((self.volume[there] >= 0).all()), "has a volume below 0")
        self.volume.setflags(write=False)


@dataclass(frozen=True, slots=True)
class ImpactPanel:
    """Imbalance and prices per symbol and day: what an Almgren-Thum-Hauptmann-Li (2005) fit takes. (n,) each.

    A price is NaN where the source has none; imbalance and value are always there.

    Attributes:
        source: File name.
        symbols: The distinct names.
        symbol: Index into ``symbols``.
        day: Number of the day, >= 0.
        imbalance: Signed value of what was traded from the open to 15:30, quote currency; positive = bought.
        value: Value traded on the whole day, quote currency, > 0.
        arrival, terminal: Prices at the start and the end of the time counted, > 0.
        vwap330, vwap_close: Mean prices to 15:30 and to the close, > 0.
    """

    source: str
    symbols: tuple[str, ...]
    symbol: I64
    day: I64
    imbalance: F64
    value: F64
    arrival: F64
    terminal: F64
    vwap330: F64
    vwap_close: F64

    def __post_init__(self) -> None:
        n = len(self.symbol)
        _check(self.source, n > 0, "has no rows")
        for name in ("day", "imbalance", "value", "arrival", "terminal", "vwap330", "vwap_close"):
            column = getattr(self, name)
            gaps = np.isnan(column) & (name not in ("day", "imbalance", "value"))
            good = len(column) == n and bool((np.isfinite(column) | gaps).all())
            _check(self.source, good, f"has {name} that is no number")
            column.setflags(write=False)
        for name in ("value", "arrival", "terminal", "vwap330", "vwap_close"):
            _check(self.source, not (getattr(self, name) <= 0).any(), f"has {name} that is not above 0")
        pairs = self.symbol * (int(self.day.max()) + 1) + self.day
        _check(self.source, len(np.unique(pairs)) == n, "has a symbol twice on a day")


Panel = VolumeBins | DailyPanel | DailyBars | ImpactPanel


def read_panel(path: str | Path) -> Panel:
    """Return a table over days as arrays: ``VolumeBins``, ``DailyPanel``, ``DailyBars`` or ``ImpactPanel``.

    Args:
        path: CSV with days in rows and bins or symbols in columns, a bare CSV of bins in rows and days in columns, or a
            Parquet file of daily bars or of an impact panel.

    Raises:
        DataError: It is none of these, is damaged, or holds what it must not; says what.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(path.name, "there is no such file", remedy="check the path")
    if first_bytes(path, 4) == PARQUET:
        names = column_names(path)
        for columns, read in ((IMPACT, _impact), (DAILY, _daily_bars)):
            if set(columns) <= set(names):
                return read(path)
        raise _unknown(path)
    rows = [row for row in _csv_rows(path) if row]
    head = rows[0]
    if not _is_number(head[0]):
        return _with_days(path, rows)
    return VolumeBins(path.name, np.empty(0, dtype="datetime64[D]"), (), _numbers(path, rows, 0, 1).T.copy())


def is_panel(path: Path) -> bool:
    """Return whether ``read_panel`` reads a file."""
    try:
        read_panel(path)
    except (DataError, InputError):
        return False
    return True


def _check(source: str, ok: bool, problem: str) -> None:
    if not ok:
        raise DataError(source, problem, remedy="mend or replace the file")


def _unknown(path: Path) -> DataError:
    return DataError(
        path.name,
        "is none of the panels that are known",
        remedy="give volume by bins, a daily panel, daily bars or an impact panel",
    )


def _csv_rows(path: Path) -> list[list[str]]:
    try:
        text = read_text(path).decode("utf-8")
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path.name, f"is not a CSV file ({error})", remedy="check the file") from error
    if not rows or not rows[0]:
        raise DataError(path.name, "is empty", remedy="get it again")
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(path: Path, rows: Sequence[Sequence[str]], skip: int, first_line: int) -> F64:
    """Return the cells of rows after the first ``skip`` columns; each row must have the width of the first."""
    width = len(rows[0]) if rows else 0
    made = np.empty((len(rows), width - skip))
    for i, row in enumerate(rows):
        if len(row) != width:
            raise DataError(path.name, f"has {len(row)} cells, not {width}", line=i + first_line, remedy="mend it")
        try:
            made[i] = [float(cell) for cell in row[skip:]]
        except ValueError as error:
            raise DataError(path.name, f"holds no number ({error})", line=i + first_line, remedy="mend it") from error
    return made


def _with_days(path: Path, rows: list[list[str]]) -> Panel:
    """Return a CSV whose first column is the day: bins of a day when the others are clock times, else symbols."""
    head, body = [cell.strip() for cell in rows[0]], rows[1:]
    values = _numbers(path, [head[:1] + ["0"] * (len(head) - 1), *body], 1, 1)[1:]
    try:
        days = np.array([date.fromisoformat(row[0].strip()[:10]) for row in body], dtype="datetime64[D]")
    except ValueError as error:
        raise DataError(
            path.name, f"its first column is no day ({error})", remedy="write days as 2019-01-02"
        ) from error
    names = head[1:]
    if names and all(BIN_NAME.fullmatch(name) for name in names):
        try:
            starts = tuple(datetime.strptime(name, "%H:%M").time() for name in names)  # noqa: DTZ007 - a clock time
        except ValueError as error:
            raise DataError(path.name, f"has a bin at no time ({error})", remedy="write bins as 09:30") from error
        return VolumeBins(path.name, days, starts, values)
    name = next((one for one in UNITS if one in path.stem.lower()), path.stem)
    return DailyPanel(path.name, name, UNITS.get(name, ""), days, tuple(names), values)


def _columns(path: Path, names: Sequence[str]) -> dict[str, Any]:
    table = read_table(path, names)
    for name in names[:2]:
        if table.columns[name].null_count():
            raise DataError(path.name, f"has rows without a {name}", remedy="leave them out")
    return {name: table.columns[name] for name in names}


def _floats(path: Path, column: Any) -> F64:
    try:
        return np.array(column.to_numpy(), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(path.name, f"its column {column.name} holds no numbers", remedy="check the file") from error


def _impact(path: Path) -> ImpactPanel:
    found = _columns(path, IMPACT)
    symbols, index = np.unique(found["symbol"].to_numpy().astype(str), return_inverse=True)
    numbers = [_floats(path, found[name]) for name in IMPACT[1:]]
    day = numbers[0].astype(np.int64)
    _check(path.name, bool((day == numbers[0]).all() and (day >= 0).all()), "has a day that is no number from 0 on")
    return ImpactPanel(path.name, tuple(symbols.tolist()), index.astype(np.int64), day, *numbers[1:])


def _daily_bars(path: Path) -> DailyBars:
    found = _columns(path, DAILY)
    symbols, column = np.unique(found["symbol"].to_numpy().astype(str), return_inverse=True)
    try:
        days, row = np.unique(found["date"].to_numpy().astype("datetime64[D]"), return_inverse=True)
    except (TypeError, ValueError) as error:
        raise DataError(path.name, "its column date holds no days", remedy="check the file") from error
    shape = (len(days), len(symbols))
    if shape[0] * shape[1] > PANEL_VALUES_MAX:
        raise DataError(path.name, f"has {shape[0]:,} days of {shape[1]:,} symbols", remedy="give it in parts")
    _check(path.name, len(np.unique(row * shape[1] + column)) == len(row), "has a symbol twice on a day")
    wide = []
    for name in DAILY[2:]:
        values = np.full(shape, np.nan)
        values[row, column] = _floats(path, found[name])
        wide.append(values)
    return DailyBars(path.name, days, tuple(symbols.tolist()), *wide)
