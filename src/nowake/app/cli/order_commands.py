"""``nowake plan``, ``nowake work``, ``nowake resume``."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nowake.app.cli.options import (
    FullOption,
    HtmlOption,
    JournalArgument,
    JournalOption,
    JsonOption,
    KeyOption,
    LogLevelOption,
    LogOption,
    MetricsOption,
    OrderOptions,
    SpeedOption,
    VenuesOption,
    takes_order,
)
from nowake.app.cli.screen import EXIT_FAILED, Screen, one_sentence_errors, work_progress
from nowake.app.cli.venues_commands import had_ended, is_of_venues, resume_on_venues, show_venues, work_on_venues
from nowake.core.errors import InputError
from nowake.core.value import replace

if TYPE_CHECKING:
    from nowake.app.planning import Planned
    from nowake.app.request import OrderRequest
    from nowake.app.results import Result
    from nowake.app.wiring import RunOptions
    from nowake.plan.frontier import Frontier
    from nowake.telemetry.telemetry import Telemetry


@partial(takes_order, optional=True)
def plan(
    given: OrderOptions,
    orders: Annotated[
        Path | None,
        typer.Option(
            help="CSV list of orders in place of one: side,quantity,symbol and any option as columns",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="write the schedule there as CSV", show_default=False)] = None,
    frontier: Annotated[
        bool, typer.Option("--frontier", help="also show the cost over other horizons, or at other rates of volume")
    ] = False,
    html: HtmlOption = None,
    as_json: JsonOption = False,
    full: FullOption = False,
) -> None:
    """Print what an order would cost and how it would be worked, on a tape or on stated beliefs. Sends nothing."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        since = time.monotonic()
        from nowake.app import pages

        pages.check_page(html)
        if orders is not None:
            if html is not None:
                raise InputError("html", str(html), "left out with --orders", "a page shows one plan")
            _plan_orders(screen, given, orders, csv, since)
            return
        request, options = given.request(), given.options()
        from nowake.app import documents
        from nowake.app.order_list import write_schedules
        from nowake.app.planning import plan_request

        with screen.reading("market") as reading:
            made = plan_request(request, options, progress=reading)
        if csv is not None:
            write_schedules(csv, [(None, made)])
        if html is not None:
            pages.write_plan_page(made, html)
        others = made.frontier() if frontier else None
        if as_json:
            screen.document(documents.plan_document(made, time.monotonic() - since, others))
            return
        _show_plan(screen, made, others, full=full)
        if html is not None:
            screen.show(f"page {html}")


def _show_plan(screen: Screen, made: Planned, others: Frontier | None, *, full: bool) -> None:
    """Print conditions, ranking, the plan and its curve, and what other horizons would cost where that is wanted."""
    from nowake.view import terminal
    from nowake.view.conditions import summary_table
    from nowake.view.curve import curve
    from nowake.view.frontier import frontier_table
    from nowake.view.routing import decision_table

    screen.show(terminal.ticket(made.order, made.plan, made.listing, made.zone, made.mid2))
    decision = made.decision
    if decision is not None:
        if decision.conditions is not None:
            screen.show(summary_table(decision.conditions))
        screen.show(decision_table(decision, made.listing))
    if len(made.plan.slices) > 1:
        screen.show(curve(made.plan, made.order.end_ns, made.zone))
    screen.show(terminal.plan_tables(made.plan, made.listing, made.zone, full=full))
    if others is not None:
        screen.show(frontier_table(others, made.zone))


def _plan_orders(screen: Screen, given: OrderOptions, path: Path, csv: Path | None, since: float) -> None:
    """Print the plans of a list; exit 1 when a row of it could not be planned."""
    from nowake.app import documents, order_list
    from nowake.view.order_list import PlannedLine, TotalLine, list_table

    with screen.reading("market") as reading:
        rows = order_list.plan_list(path, given.for_all_orders(), given.options(), time.time_ns(), reading)
    sums = order_list.totals(rows)
    if csv is not None:
        order_list.write_schedules(csv, [(row.line, row.planned) for row in rows if row.planned is not None])
    if screen.as_json:
        screen.document(documents.list_document(rows, sums, time.monotonic() - since))
    else:
        screen.show(
            list_table(
                [PlannedLine(row.line, *row.planned.shown) for row in rows if row.planned is not None],
                [TotalLine(t.currency, t.orders, t.value, t.cost_mean, t.cost_mean_bps, t.cost_sd) for t in sums],
            )
        )
    for row in rows:
        if row.error is not None:
            screen.err.print(f"Error: {path.name}, line {row.line}: {row.error}", markup=False, soft_wrap=True)
    if any(row.error is not None for row in rows):
        raise typer.Exit(EXIT_FAILED)


@takes_order
def work(
    given: OrderOptions,
    journal: JournalOption = None,
    as_json: JsonOption = False,
    full: FullOption = False,
    html: HtmlOption = None,
    speed: SpeedOption = 0.0,
    log: LogOption = "",
    metrics: MetricsOption = "",
    log_level: LogLevelOption = "info",
    venues: VenuesOption = None,
) -> None:
    """Work an order to its end on a recorded or the synthetic market, journal every step, and measure it."""
    screen = Screen(as_json=as_json, log_on_err=log == "-")
    with one_sentence_errors(screen):
        request, options = given.request(), given.options()
        from nowake.app import outlets, pages

        if venues is not None:
            from nowake.app.venues_file import venues_of

            options = replace(options, venues=venues_of(venues))
            pages.check_page(html)
            unheard = {"log": log, "metrics": metrics}
            over = work_on_venues(screen, request, options, journal, unheard, speed=speed)
            show_venues(screen, over, "work", full=full, html=html)
            raise typer.Exit(over.exit_code)
        pages.check_page(html)
        told = outlets.Outlets(log=log, metrics=metrics, level=log_level)
        told.check(journal=journal, html=html)
        with outlets.opened(told) as telemetry:
            result = run_order(screen, request, options, journal, speed=speed, telemetry=telemetry)
        screen.warn(outlets.complaint(telemetry))
        show_result(screen, result, "work", full=full, html=html)
        raise typer.Exit(result.exit_code)


def resume(
    journal: JournalArgument = None,
    tape: Annotated[
        list[str] | None, typer.Option(help="where the tapes are now, if they moved", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    full: FullOption = False,
    html: HtmlOption = None,
    speed: SpeedOption = 0.0,
    key: KeyOption = "",
    log: LogOption = "",
    metrics: MetricsOption = "",
    log_level: LogLevelOption = "info",
) -> None:
    """Go on: with a paused order, in its own process; or with a run that was cut off, in this one.

    What is journaled is not done again; a finished run is only shown. A run that was cut off while it was paused works
    again at once.
    """
    screen = Screen(as_json=as_json, log_on_err=log == "-")
    with one_sentence_errors(screen):
        from nowake.app import outlets, pages, results, runs
        from nowake.app.cli.operate_commands import show_answer
        from nowake.app.operate import client
        from nowake.app.operate.desk import Control
        from nowake.core.inputs import OperatorAction

        pages.check_page(html)
        path = journal or runs.latest_run()
        ask = client.command(OperatorAction.RESUME, key)
        control = Control(path, speed, unpause=ask, say=screen.err.print)
        several = is_of_venues(path)
        told = outlets.Outlets(log=log, metrics=metrics, level=log_level)
        if not several:
            told.check(journal=path, html=html)
        if client.owner_of(path) is not None:
            show_answer(screen, client.give(path, ask), ask, path)
        if several:
            unheard = {"log": log, "metrics": metrics}
            over = resume_on_venues(screen, path, tuple(tape or ()), unheard, control)
            show_venues(screen, over, "work", full=full, html=html)
            raise typer.Exit(over.exit_code)
        screen.resume_hint = f"go on with: nowake resume {path}"
        from nowake.app.interrupts import between_steps

        with outlets.opened(told) as telemetry, screen.stage("resume") as shown, between_steps() as check:
            screen.announce(shown)
            listen = partial(work_progress, shown, check=check)
            result, went_on = results.resume_run(path, tuple(tape or ()), shown.update, listen, control, telemetry)
        screen.warn(outlets.complaint(telemetry))
        if not went_on:
            screen.err.print(had_ended(path, tape))
        show_result(screen, result, "work", full=full, html=html)
        raise typer.Exit(result.exit_code)


def run_order(
    screen: Screen,
    request: OrderRequest,
    options: RunOptions,
    journal: Path | None,
    command: str = "work",
    *,
    speed: float = 0.0,
    telemetry: Telemetry | None = None,
) -> Result:
    """Prepare an order, show its ticket, work it into a journal; the journal becomes the latest run."""
    since = time.monotonic()
    from nowake.app import results, runs, wiring
    from nowake.app.operate.desk import Control
    from nowake.view import terminal

    if journal is not None:
        results.check_new_journal(journal)
    with screen.reading("market") as reading:
        prepared = wiring.prepare(request, options, command=command, progress=reading)
    made = wiring.plan(prepared)
    path = journal or runs.new_run(prepared.listing.key, request.side)
    screen.resume_hint = f"go on with: nowake resume {path}"
    zone = request.tz or prepared.session.zone
    screen.show(terminal.ticket(prepared.order, made, prepared.listing, zone, prepared.mid2))
    runs.remember(path)
    control = Control(path, speed, say=screen.err.print)
    with screen.working() as working:
        return results.work_prepared(
            prepared,
            path,
            working(prepared),
            created_ns=time.time_ns(),
            since_s=since,
            control=control,
            telemetry=telemetry,
        )


def show_result(screen: Screen, result: Result, schema: str, *, full: bool, html: Path | None) -> None:
    """Print a result as a document or a summary, and write its page where one is wanted."""
    from nowake.app import documents, pages
    from nowake.view import terminal

    files = [("journal", str(result.path))] if result.path else []
    if html is not None:
        pages.write_page(result, html)
        files.append(("page", str(html)))
    if screen.as_json:
        screen.document(documents.result_document(result, schema, full=full))
        return
    screen.show(terminal.summary(result.report, result.zone, tuple(files), result.faults))
    if full:
        screen.show(terminal.child_table(result.report, result.zone))
