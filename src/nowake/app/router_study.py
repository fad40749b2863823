"""Works the orders of a router study, window by window, and keeps what each came to; goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from nowake.app import wiring
from nowake.app.request import OrderRequest, covered_ns
from nowake.app.results import work_prepared
from nowake.app.wiring import Prepared, RunOptions
from nowake.core.errors import InputError, Refused
from nowake.core.sessions import iso, to_ns
from nowake.core.tape import Tape
from nowake.core.units import format_duration, parse_duration
from nowake.core.value import Value, content_hash, replace
from nowake.data.sessions import session as find_session
from nowake.journal.header import code_hash
from nowake.models.beliefs import beliefs_from_view
from nowake.sim.run import make_market
from nowake.study.router.charges import (
    PARTS,
    MarketTruth,
    almgren_charge_bps,
    draw_law,
    istar_charge_bps,
    trading_of,
)
from nowake.study.router.outcomes import Cell, Outcome, Spot, Task, append_outcomes, read_outcomes, tasks_of
from nowake.study.router.windows import Window, lay_windows, order_units, printed_units, spread_evenly
from nowake.study.spread import spread
from nowake.tca.report import ExecutionReport

ORDERS = "orders.jsonl"
"""What a study keeps, in its folder."""

Progress = Callable[[float, str], None]


class Job(Value, frozen=True):
    """The orders of one window that are still to be worked, and how its market is made."""

    spot: Spot
    symbol: str
    options: RunOptions
    tasks: tuple[Task, ...]


class Market(Value, frozen=True):
    """Where a study takes its windows.

    Attributes:
        symbol: One listing of the tapes, or the synthetic one.
        options: Tapes, or seed and regime.
        over: Length of a window, ``30m``.
        windows: At most this many, evenly spread; 0 = all there are.
    """

    symbol: str
    options: RunOptions
    over: str
    windows: int = 0


def find_spots(market: Market) -> list[tuple[Spot, RunOptions]]:
    """Return the windows of a market.

    Raises:
        Refused: Not one fits.
    """
    length_ns = parse_duration("over", market.over)
    if not market.options.tapes:
        return [_synthetic_spot(market, length_ns)]
    tape = _recorded(market.options, market.symbol)
    session = find_session(tape.listing.session)
    made = make_market(tape, session, market.options.sim())
    first_ns, last_ns = made.first_valid_ns(), covered_ns(session, made.end_ns, tape.meta.silence_ns)
    windows = spread_evenly(lay_windows(session, first_ns, last_ns, length_ns), market.windows)
    if not windows:
        raise Refused(
            f"{tape.listing.key} holds no window of {market.over}: it covers {iso(first_ns)} to {iso(last_ns)}",
            "ask for shorter ones",
        )
    group = "modelled" if tape.meta.modelled else "recorded"
    key, source = tape.listing.key, tape.meta.content_hash
    return [(Spot(market=key, group=group, source=source, window=one), market.options) for one in windows]


def _synthetic_spot(market: Market, length_ns: int) -> tuple[Spot, RunOptions]:
    from nowake.sim.synthetic import find_regime

    start_ns = to_ns(datetime.fromisoformat(wiring.SYNTH_START))
    regime = market.options.regime or "balanced"
    made_from = content_hash((find_regime(regime), market.options.seed))
    window = Window(start_ns=start_ns, end_ns=start_ns + length_ns)
    spot = Spot(market=f"{wiring.SYNTH}/{regime}", group="synthetic", source=made_from, window=window)
    return spot, market.options


def jobs_of(
    markets: Sequence[Market], cells: Sequence[Cell], strategies: Sequence[str], done: set[str]
) -> tuple[list[Job], int]:
    """Return what is still to be worked, and how many orders there are in all."""
    jobs, total = [], 0
    for market in markets:
        for spot, options in find_spots(market):
            tasks = tasks_of(spot, cells, strategies)
            total += len(tasks)
            missing = tuple(task for task in tasks if task.key not in done)
            if missing:
                jobs.append(Job(spot=spot, symbol=market.symbol, options=options, tasks=missing))
    return jobs, total


def work_orders(
    out: Path,
    markets: Sequence[Market],
    cells: Sequence[Cell],
    strategies: Sequence[str],
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Work what is not in the folder yet and return all that is in it.

    Args:
        out: Folder of the results; made if needed.
        markets: Where.
        cells: Which orders.
        strategies: Which twins of each.
        processes: How many work at a time, a thread each.
        progress: Told how far it is.

    Raises:
        InputError: A market or an order is not what it must be.
        DataError: What is kept there is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / ORDERS
    kept = read_outcomes(path)
    jobs, total = jobs_of(markets, cells, strategies, {one.key for one in kept})
    wanted = sum(len(job.tasks) for job in jobs)
    done = total - wanted
    for made in _worked(jobs, processes):
        append_outcomes(path, made)
        kept += made
        done += len(made)
        if progress is not None:
            progress(done / total, f"{done:,} of {total:,} orders, {made[0].task.spot.market}")
    return kept


def _worked(jobs: Sequence[Job], processes: int) -> Iterator[list[Outcome]]:
    """Yield what every job came to as it is done."""
    yield from spread(work_job, jobs, jobs=processes)


@lru_cache(maxsize=1)
def _recorded(options: RunOptions, symbol: str) -> Tape:
    request = OrderRequest(side="buy", quantity="1", symbol=symbol, over="1h")
    return wiring.load_tape(request, options)


@lru_cache(maxsize=1)
def _recorded_truth(options: RunOptions, symbol: str) -> MarketTruth:
    """Return the volatility and volume of a whole recording, by the estimators that plans use on a part of it."""
    tape = _recorded(options, symbol)
    session = find_session(tape.listing.session)
    market = make_market(tape, session, options.sim())
    t_ns, _ = market.advance(market.end_ns, ())
    found = beliefs_from_view(market.view(t_ns), tape.listing, session)
    return MarketTruth(daily_bps=found.volatility.daily_bps, day_volume=found.volume.per_day)


def _synthetic_truth(regime: str) -> MarketTruth:
    from nowake.sim.synthetic import find_regime

    made = find_regime(regime)
    return MarketTruth(daily_bps=1e4 * made.daily_vol, day_volume=float(made.adv_shares))


def work_job(job: Job) -> list[Outcome]:
    """Work the orders of one window, one after the other."""
    spot, window = job.spot, job.spot.window
    if job.options.tapes:
        tape, truth = _recorded(job.options, job.symbol), _recorded_truth(job.options, job.symbol)
    else:
        request = _request(job, job.tasks[0], "1")
        tape, truth = wiring.load_tape(request, job.options), _synthetic_truth(job.options.regime)
    others = printed_units(tape, window.edges(PARTS))
    law = draw_law(0, spot.name)
    made = []
    for task in job.tasks:
        qty = order_units(float(others.sum()), task.cell.share, tape.listing.lot_units)
        blank = Outcome(key=task.key, task=task, code=code_hash(), qty_units=qty)
        if not qty:
            made.append(replace(blank, refused="less than a lot"))
            continue
        try:
            asked = _request(job, task, f"{tape.listing.instrument.qty(qty):f}")
            prepared = wiring.prepare(asked, job.options, tape=tape, command="study")
            first = wiring.plan(prepared).strategy
            report = work_prepared(prepared, None).report
        except InputError as error:  # too small for the venue, say: its twins leave the comparison with it
            made.append(replace(blank, refused=str(error)))
            continue
        fills = [(one.t_ns, one.fill.qty_units) for child in report.children for one in child.fills]
        done = trading_of(fills, window.edges(PARTS), others, qty, report.order.parameters.participation_max)
        charges = almgren_charge_bps(done, truth, law), istar_charge_bps(done, truth, law)
        made.append(_measured(blank, prepared, report, first, charges))
    return made


def _request(job: Job, task: Task, quantity: str) -> OrderRequest:
    window = task.spot.window
    return OrderRequest(
        side=task.side,
        quantity=quantity,
        symbol=job.symbol,
        start=iso(window.start_ns),
        over=format_duration(window.end_ns - window.start_ns),
        strategy=task.strategy,
        urgency=task.cell.urgency,
    )


def _measured(
    blank: Outcome, prepared: Prepared, report: ExecutionReport, first: str, charges: tuple[float, float]
) -> Outcome:
    if report.status != "done" or report.shortfall is None or report.market is None or report.plan is None:
        return replace(blank, refused=f"{report.status}: {report.status_reason}")
    if report.estimate is None:
        return replace(blank, refused="nothing was estimated")
    listing, order = prepared.env.listings[0], report.order
    instrument = listing.instrument
    value = instrument.notional(round(report.market.arrival_mid2 / 2), order.qty_units)
    rest = report.residual_units / order.qty_units
    taker = float(listing.fees.taker_bps) + float(
        listing.fees.taker_per_qty * instrument.qty(order.qty_units) / value * 10_000
    )
    half_spread = 1e4 * prepared.view.spread_units / prepared.view.mid2 if prepared.view.mid2 else 0.0
    estimate = report.estimate
    return replace(
        blank,
        worked=first,
        plans=report.plan.revision + 1,
        filled=1 - rest,
        participation=report.participation or 0.0,
        ledger_bps=report.shortfall.total_bps + rest * (half_spread + taker),
        fees_bps=float(instrument.money(report.shortfall.fees_money) / value * 10_000),
        almgren_bps=charges[0],
        istar_bps=charges[1],
        mean_bps=estimate.mean_bps,
        sd_bps=estimate.sd_bps,
        p05_bps=estimate.p05_bps,
        p95_bps=estimate.p95_bps,
    )
