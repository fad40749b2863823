"""Runs a study of orders and worlds: what is done is kept and not done again; processes or a cluster do the rest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from nowake.app import wiring
from nowake.app.request import OrderRequest
from nowake.app.results import Result, work_prepared
from nowake.app.wiring import RunOptions
from nowake.core.errors import DataError, InputError, Refused
from nowake.core.tape import Tape
from nowake.core.value import Value, content_hash, replace
from nowake.journal.header import code_hash
from nowake.sim.faults import parse_faults
from nowake.study.design import Design, Point, parse_design, read_design
from nowake.study.kept import Row, keep_rows, read_rows
from nowake.study.spread import spread
from nowake.study.summary import differences, levels, refusals, varied
from nowake.study.table import Table

VERSION = 1
"""Of what is measured; part of every key."""
CHUNK_MOST = 16
ORDER_FIELDS = set(OrderRequest.__struct_fields__) - {"parent_id"}
WORLD_FIELDS = set(RunOptions.__struct_fields__) - {"beliefs"}
STRATEGY = "order.strategy"

Progress = Callable[[float, str], None]


class Run(Value, frozen=True):
    """One order in one world.

    Attributes:
        key: Its identity by content.
        source: Content of the tape, empty = synthetic: a worker's file of the same name must be the same.
        inputs: What the design gave it.
    """

    key: str
    source: str
    request: OrderRequest
    options: RunOptions
    inputs: tuple[tuple[str, str | int | float | bool], ...]


@dataclass(frozen=True, slots=True)
class Study:
    """What a study came to.

    Attributes:
        folder: Where it is kept.
        frame: A row for each run of the design that is done: its inputs (``order.side``, ``world.seed``, ...), what it
            cost (basis points of arrival notional, positive = paid) and what was expected.
        inputs: The columns that the design set.
        compare: The input whose values are compared, empty = none.
        made: Runs that were done just now; the others were kept.
    """

    folder: Path
    frame: pl.DataFrame
    inputs: tuple[str, ...]
    compare: str
    made: int

    @property
    def refused(self) -> int:
        """Return how many runs were refused."""
        return self.frame.filter(pl.col("refused") != "").height if self.frame.height else 0

    def tables(self) -> list[Table]:
        """Return costs by what was varied, seeds apart, differences between twins, and what was refused and why."""
        if not self.frame.height:
            return []
        shown = [name for name in varied(self.frame, self.inputs) if name not in ("world.seed", "order.start")]
        found = [levels(self.frame, shown)]
        if self.compare:
            found.append(differences(self.frame, self.inputs, self.compare))
        return [one for one in (*found, refusals(self.frame)) if one.rows]


def run_study(
    design: str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    jobs: int = 1,
    backend: str = "processes",
    scheduler: str = "",
    progress: Progress | None = None,
) -> Study:
    """Work every run of a design that the folder does not hold yet; the same numbers however the work is spread.

    Args:
        design: Path of a TOML or JSON file, or its tables (``nowake.study.design``).
        out: Folder of the results, Parquet; made if needed.
        jobs: Processes.
        backend: ``processes`` (joblib) or ``dask``.
        scheduler: Address of a Dask scheduler; empty = a cluster of ``jobs`` on this machine.
        progress: Told how far it is.

    Raises:
        InputError: The design is not one.
        DataError: A tape or what is kept cannot be read.
    """
    if isinstance(design, Mapping):
        plan = parse_design(design, ORDER_FIELDS, WORLD_FIELDS)
    else:
        plan = read_design(Path(design), ORDER_FIELDS, WORLD_FIELDS)
    if jobs < 1:
        raise InputError("jobs", jobs, ">= 1")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    runs = runs_of(plan)
    compared = _compared(plan, runs)
    kept = set(read_rows(folder)["key"].to_list())
    missing = [run for run in runs if run.key not in kept]
    done = len(runs) - len(missing)
    if progress:
        progress(done / max(len(runs), 1), f"{done:,} of {len(runs):,} runs are kept")
    for rows in spread(work_chunk, chunks_of(missing, jobs), jobs=jobs, backend=backend, scheduler=scheduler):
        _check_program(rows)
        keep_rows(folder, rows)
        done += len(rows)
        if progress:
            progress(done / len(runs), f"{done:,} of {len(runs):,} runs")
    inputs = tuple(dict.fromkeys(name for run in runs for name, _ in run.inputs))
    found = read_rows(folder)
    found = found.filter(pl.col("key").is_in([run.key for run in runs]))
    return Study(folder, found, inputs, compared, len(missing))


def _check_program(rows: Sequence[Row]) -> None:
    """Refuse rows of a worker that has another program: their numbers may be others."""
    for row in rows:
        if row["code"] != code_hash():
            why = f"a worker has the program {row['code']}, this study {code_hash()}"
            raise Refused(why, "install the same version there")


def runs_of(design: Design) -> list[Run]:
    """Return the runs of a design; a market's tape is known by its content.

    Raises:
        InputError: A field is not what it must be.
    """
    made = []
    for point in design.points():
        request, options = _request(point), _options(point)
        source = _tape(options, request.symbol).meta.content_hash if options.tapes else ""
        key = content_hash((VERSION, code_hash(), request, replace(options, tapes=()), source))
        inputs = [(f"order.{name}", value) for name, value in point.order]
        inputs += [(f"world.{name}", " ".join(v) if isinstance(v, tuple) else v) for name, v in point.world]
        made.append(Run(key=key, source=source, request=request, options=options, inputs=tuple(inputs)))
    return made


def _request(point: Point) -> OrderRequest:
    fields = dict(point.order)
    for name in ("quantity", "max_participation", "limit"):
        if isinstance(fields.get(name), int | float):
            fields[name] = str(fields[name])
    for name in ("side", "quantity", "symbol"):
        if name not in fields:
            raise InputError(f"order.{name}", "missing", "given, under [order] or in every [[market]]")
    if isinstance(fields.get("urgency"), int):
        fields["urgency"] = float(fields["urgency"])
    return OrderRequest(**fields)  # type: ignore[arg-type]


def _options(point: Point) -> RunOptions:
    made = RunOptions(**dict(point.world))  # type: ignore[arg-type]
    made.sim()  # says now what a text of it should have been
    parse_faults(made.faults)
    return made


def chunks_of(runs: Sequence[Run], jobs: int) -> list[tuple[Run, ...]]:
    """Return the runs in pieces of one market each: large enough to load a tape for, small enough to be shared out."""
    markets: dict[tuple[tuple[str, ...], str], list[Run]] = {}
    for run in runs:
        markets.setdefault((run.options.tapes, run.request.symbol), []).append(run)
    made = []
    for those in markets.values():
        size = max(1, min(CHUNK_MOST, math.ceil(len(those) / (4 * jobs))))
        made += [tuple(those[i : i + size]) for i in range(0, len(those), size)]
    return made


def work_chunk(runs: tuple[Run, ...]) -> list[Row]:
    """Work some runs, one after the other, and return what each came to."""
    return [_worked(run) for run in runs]


@lru_cache(maxsize=1)
def _market(tapes: tuple[str, ...], symbol: str, allow: tuple[str, ...], mapping: str, listing: str) -> Tape:
    request = OrderRequest(side="buy", quantity="1", symbol=symbol, over="1h")
    return wiring.load_tape(request, RunOptions(tapes=tapes, allow=allow, mapping=mapping, listing=listing))


def _tape(options: RunOptions, symbol: str) -> Tape:
    return _market(options.tapes, symbol, options.allow, options.mapping, options.listing)


@lru_cache(maxsize=1)
def _synthetic(symbol: str, start: str, end: str, over: str, tz: str, seed: int, regime: str) -> Tape:
    """Return a synthetic market; the orders on it come one after the other."""
    request = OrderRequest(side="buy", quantity="1", symbol=symbol, start=start, end=end, over=over, tz=tz)
    return wiring.load_tape(request, RunOptions(seed=seed, regime=regime))


def _made(run: Run) -> Tape:
    asked, options = run.request, run.options
    return _synthetic(asked.symbol, asked.start, asked.end, asked.over, asked.tz, options.seed, options.regime)


def _recorded(run: Run) -> Tape:
    tape = _tape(run.options, run.request.symbol)
    if tape.meta.content_hash != run.source:
        where = " + ".join(run.options.tapes)
        raise DataError(where, "is another recording at the worker", remedy="give every worker the same files")
    return tape


def _worked(run: Run) -> Row:
    """Return the row of a run.

    Raises:
        DataError: The tape here is not that of the study.
    """
    row: Row = {"key": run.key, "code": code_hash(), **dict(run.inputs)}
    tape = _recorded(run) if run.options.tapes else None
    try:
        tape = tape if tape is not None else _made(run)
        prepared = wiring.prepare(run.request, run.options, tape=tape, command="study")
        result = work_prepared(prepared, None)
    except (InputError, Refused) as error:  # this order does not fit this market; its twins leave the pairs with it
        return row | _blank() | {"refused": str(error)}
    return row | _measured(result)


def _blank() -> Row:
    """Return the columns of a run that was not worked."""
    texts = dict.fromkeys(("refused", "status", "strategy", "residual_reason", "warnings", "assumed"), "")
    numbers: Row = dict.fromkeys(NUMBERS)
    return {**texts, **numbers, "plans": 0, "children": 0, "fills": 0, "journal_hash": ""}


NUMBERS = (
    "quantity", "filled", "arrival_price", "average_price", "cost_bps", "delay_bps", "trading_bps", "opportunity_bps",
    "fees_bps", "vwap_bps", "twap_bps", "participation", "maker_share", "mean_bps", "sd_bps", "p05_bps", "p95_bps",
)  # fmt: skip
"""Columns of floats: human units, basis points, parts of one; None = not known."""


def _measured(result: Result) -> Row:
    """Return the columns of a run that was worked."""
    report = result.report
    instrument, order = report.listing.instrument, report.order
    row = _blank()
    row |= {
        "refused": f"{report.status}: {report.status_reason}" if report.status == "refused" else "",
        "status": report.status,
        "strategy": report.plan.strategy if report.plan else "",
        "plans": report.plan.revision + 1 if report.plan else 0,
        "residual_reason": report.residual_reason,
        "warnings": " ".join(one.code for one in report.warnings),
        "assumed": " ".join(one.name for one in report.assumed),
        "children": report.statistics.children,
        "fills": report.statistics.fills,
        "journal_hash": result.journal_hash,
        "quantity": float(instrument.qty(order.qty_units)),
        "filled": report.filled_units / order.qty_units,
        "participation": report.participation,
        "maker_share": report.statistics.maker_share,
        "vwap_bps": report.slippage.vwap_bps,
        "twap_bps": report.slippage.twap_bps,
    }
    if report.average_units is not None:
        row["average_price"] = report.average_units * float(instrument.price_unit)
    parts = report.shortfall
    if parts is not None and report.market is not None:
        row["arrival_price"] = report.market.arrival_mid2 / 2 * float(instrument.price_unit)
        row["cost_bps"] = parts.total_bps
        twice = instrument.notional(report.market.arrival_mid2, order.qty_units)  # the price doubled, not halved
        value = twice * 2 if instrument.inverse else twice / 2
        for name in ("delay", "trading", "opportunity", "fees"):
            row[f"{name}_bps"] = float(instrument.money(getattr(parts, f"{name}_money")) / value) * 1e4
    if report.estimate is not None:
        for name in ("mean_bps", "sd_bps", "p05_bps", "p95_bps"):
            row[name] = getattr(report.estimate, name)
    return row


def _compared(design: Design, runs: Sequence[Run]) -> str:
    """Return the input whose values are compared, empty = none.

    Raises:
        InputError: The design names one that it does not vary.
    """
    values: dict[str, set[object]] = {}
    for name, value in (one for run in runs for one in run.inputs):
        values.setdefault(name, set()).add(value)
    free = [name for name, taken in values.items() if len(taken) > 1]
    if not design.compare:
        return STRATEGY if STRATEGY in free else ""
    for name in free:
        if design.compare in (name, name.split(".", 1)[1]):
            return name
    raise InputError(
        "compare", design.compare, f"a field that the design varies: {', '.join(free) or 'it varies none'}"
    )


def study_document(study: Study) -> dict[str, Any]:
    """Return what ``nowake study run --json`` prints."""
    tables = [{"title": one.title, "head": one.head, "rows": one.rows} for one in study.tables()]
    return {
        "schema": "study",
        "runs": study.frame.height,
        "made": study.made,
        "refused": study.refused,
        "folder": str(study.folder),
        "inputs": list(study.inputs),
        "tables": tables,
    }
