"""A whole list of orders from a CSV file, planned row by row; a row that cannot be is named and stops no other."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import msgspec

from nowake.app import wiring
from nowake.app.planning import Planned, plan_request
from nowake.app.request import OrderRequest
from nowake.app.stated import Beliefs
from nowake.app.wiring import RunOptions
from nowake.core.errors import DataError, InputError, NowakeError
from nowake.core.order import Side
from nowake.core.sessions import iso
from nowake.core.tape import Tape
from nowake.core.units import INT64_MAX, decimal
from nowake.core.value import replace

REQUIRED = ("side", "quantity", "symbol")
_YES, _NO = {"1", "true", "yes", "y", "x"}, {"0", "false", "no", "n", ""}
_OTHER_NAMES = {"vol": "daily_vol", "qty": "quantity"}
SCHEDULE_COLUMNS = ("t_release", "t_end", "quantity", "cumulative", "participation", "expected_volume")


def columns() -> tuple[str, ...]:
    """Return every column that a list may have: the fields of an order, of beliefs, fees and tape."""
    return (*OrderRequest.__struct_fields__, *Beliefs.__struct_fields__, "fees", "tape")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: its line number, what it says, and its plan or why there is none."""

    line: int
    said: Mapping[str, str]
    planned: Planned | None
    error: NowakeError | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Sums over the rows in one currency.

    Attributes:
        orders, priced: Planned rows, and those of them with a value and an estimate; the sums are of the priced.
        bought, sold: Value at the mid.
        cost_mean: Expected cost, money.
        cost_sd: Of the sum, as if prices moved independently: orders on one side of one market move together.
    """

    currency: str
    orders: int
    priced: int
    bought: float
    sold: float
    cost_mean: float
    cost_sd: float

    @property
    def cost_mean_bps(self) -> float | None:
        """Return the expected cost in basis points of the value traded, None where there is none."""
        return self.cost_mean / self.value * 1e4 if self.value else None

    @property
    def value(self) -> float:
        """Return the value traded, both sides together."""
        return self.bought + self.sold


def read_rows(path: Path) -> tuple[tuple[int, dict[str, str]], ...]:
    """Return (line number, cells by column) of a list; empty cells and empty rows are left out.

    Raises:
        DataError: The file cannot be read, or its columns are not those of a list.
    """
    known, remedy = columns(), "its first line names the columns: side,quantity,symbol,over,..."
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return tuple(_rows(path.name, file, known, remedy))
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})", remedy="check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(path.name, "is not text in UTF-8", remedy="save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise DataError(path.name, f"is not a CSV file ({error})", remedy="save it as CSV with commas") from error


def _rows(name: str, file: TextIO, known: Sequence[str], remedy: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(file, strict=True)
    head: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if not head:
            head = [_OTHER_NAMES.get(word, word) for word in (_column(cell) for cell in cells)]
            wrong = [word for word in head if word not in known or head.count(word) > 1]
            if wrong:
                problem = f"column {wrong[0]!r} is not known, or there twice"
                raise DataError(name, problem, line=reader.line_num, remedy=f"columns are {', '.join(known)}")
            missing = [word for word in REQUIRED if word not in head]
            if missing:
                problem = f"has no column {', '.join(missing)}"
                raise DataError(name, problem, line=reader.line_num, remedy=remedy)
            continue
        said = {word: cell.strip() for word, cell in zip(head, cells, strict=False) if cell.strip()}
        if len(cells) > len(head):
            said["extra"] = cells[len(head)]
        yield reader.line_num, said
    if not head:
        raise DataError(name, "is empty", remedy=remedy)


def _column(cell: str) -> str:
    return cell.strip().lower().removeprefix("--").replace("-", "_").replace(" ", "_")


def plan_list(
    path: Path,
    defaults: Mapping[str, Any],
    options: RunOptions,
    now_ns: int,
    progress: wiring.ReadProgress | None = None,
) -> tuple[Row, ...]:
    """Return the rows of a list, each planned or with the reason why not, in order.

    Args:
        path: CSV; see ``columns``.
        defaults: Fields of ``OrderRequest`` for rows that do not say them.
        options: For rows that do not say their own; tapes are read once for each symbol.
        now_ns: The time, for rows without a tape.
        progress: Told how far it is.

    Raises:
        DataError: The file as a whole cannot be used.
    """
    found = read_rows(path)
    if not found:
        raise DataError(path.name, "holds no order", remedy="add a row under its first line")
    tapes: dict[tuple[tuple[str, ...], str], Tape] = {}
    made = []
    for number, (line, said) in enumerate(found):
        if progress is not None:
            progress(number / len(found), f"line {line}")
        try:
            made.append(Row(line, said, _plan_row(said, defaults, options, now_ns, tapes)))
        except NowakeError as error:
            made.append(Row(line, said, None, error))
    return tuple(made)


def _plan_row(
    said: Mapping[str, str],
    defaults: Mapping[str, Any],
    options: RunOptions,
    now_ns: int,
    tapes: dict[tuple[tuple[str, ...], str], Tape],
) -> Planned:
    if "extra" in said:
        raise InputError("row", said["extra"], "as long as the first line", "quote cells that hold a comma")
    request, options = _request(said, defaults), _options(said, options)
    key = (options.tapes, request.symbol.upper())
    if options.tapes and key not in tapes:
        tapes[key] = wiring.load_tape(request, options)
    return plan_request(request, options, now_ns=now_ns, tape=tapes.get(key) if options.tapes else None)


def _request(said: Mapping[str, str], defaults: Mapping[str, Any]) -> OrderRequest:
    fields: dict[str, Any] = dict(defaults)
    for field in msgspec.structs.fields(OrderRequest):
        if field.name in said:
            fields[field.name] = _typed(field.name, said[field.name], field.type)
    # A row's own end stands in place of a length for all, and the other way round.
    for own, other in (("end", "over"), ("over", "end")):
        if own in said and other not in said:
            fields[other] = ""
    missing = [name for name in REQUIRED if not fields.get(name)]
    if missing:
        raise InputError(missing[0], "", "given in every row")
    return OrderRequest(**fields)


def _typed(name: str, text: str, kind: Any) -> Any:
    """Return the text of a cell as what its field holds."""
    if kind is bool:
        if text.lower() not in _YES | _NO:
            raise InputError(name, text, "yes or no")
        return text.lower() in _YES
    if kind is float:
        return float(decimal(name, text))
    if kind is int:
        count = decimal(name, text)
        if abs(count) > INT64_MAX or count != count.to_integral_value():
            raise InputError(name, text, "a whole number")
        return int(count)
    return text


def _options(said: Mapping[str, str], options: RunOptions) -> RunOptions:
    stated = {name: said[name] for name in Beliefs.__struct_fields__ if name in said}
    changes: dict[str, Any] = {name: said[name] for name in ("fees",) if name in said}
    if stated:
        changes["beliefs"] = replace(options.beliefs, **stated)
    if "tape" in said:
        changes["tapes"] = (said["tape"],)
    return replace(options, **changes) if changes else options


def totals(rows: Sequence[Row]) -> tuple[Total, ...]:
    """Return the sums over the planned rows, by currency."""
    found: dict[str, list[Planned]] = {}
    for row in rows:
        if row.planned is not None:
            found.setdefault(currency_of(row.planned), []).append(row.planned)
    return tuple(_total(currency, some) for currency, some in sorted(found.items()))


def currency_of(planned: Planned) -> str:
    """Return the currency in which an order's value and cost are counted."""
    return planned.listing.instrument.currency


def notional_of(planned: Planned) -> float | None:
    """Return the value of an order at the mid it arrives at, None where no price is known."""
    from nowake.view.terminal import notional_of as notional

    return notional(planned.order, planned.listing, planned.mid2)


def _total(currency: str, some: Sequence[Planned]) -> Total:
    priced = [
        (one, value, cost)
        for one in some
        if (value := notional_of(one)) is not None and (cost := one.plan.cost) is not None
    ]
    return Total(
        currency=currency,
        orders=len(some),
        priced=len(priced),
        bought=math.fsum(value for one, value, _ in priced if one.order.side is Side.BUY),
        sold=math.fsum(value for one, value, _ in priced if one.order.side is Side.SELL),
        cost_mean=math.fsum(cost.mean_bps / 1e4 * value for _, value, cost in priced),
        cost_sd=math.hypot(*(cost.sd_bps / 1e4 * value for _, value, cost in priced)),
    )


def write_schedules(path: Path, planned: Sequence[tuple[int | None, Planned]]) -> None:
    """Write schedules as CSV: one row a slice; with line numbers, also ``line`` and ``listing`` in front.

    Quantities are in human units, ``participation`` and ``expected_volume`` (of others) empty where not known, times
    ISO 8601 in UTC.
    """
    numbered = any(line is not None for line, _ in planned)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*(("line", "listing") if numbered else ()), *SCHEDULE_COLUMNS))
        for line, one in planned:
            front = (line, one.listing.key) if numbered else ()
            qty, plan = one.listing.instrument.qty, one.plan
            for part, total, volume in zip(plan.slices, plan.cumulative_units, plan.expected_volume, strict=True):
                writer.writerow(
                    (
                        *front,
                        iso(part.release_ns),
                        iso(part.end_ns),
                        f"{qty(part.qty_units):f}",
                        f"{qty(total):f}",
                        f"{part.participation:.6g}" if volume else "",
                        f"{qty(volume):f}" if volume else "",
                    )
                )
