"""What ``nowake work --venues`` and the commands that read its journals print."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nowake.app.cli.screen import Screen
from nowake.core.errors import InputError

if TYPE_CHECKING:
    from nowake.app.operate.desk import Control
    from nowake.app.request import OrderRequest
    from nowake.app.run_options import RunOptions
    from nowake.app.venues_results import VenuesResult
    from nowake.app.venues_run import PreparedVenues
    from nowake.engine.host import Host
    from nowake.sim.world import Progress
    from nowake.view.live import Stage


def work_on_venues(
    screen: Screen,
    request: OrderRequest,
    options: RunOptions,
    journal: Path | None,
    unheard: Mapping[str, object],
    *,
    speed: float = 0.0,
) -> VenuesResult:
    """Prepare an order over several venues, show how it is divided, work it into a journal.

    Args:
        screen: Where it is shown.
        request: The order.
        options: With the venues.
        journal: None = a new file of the user's runs.
        unheard: Options that only an order on one market has, by name; all must be empty.
        speed: Seconds of market time per second; 0 = as fast as it goes.
    """
    since = time.monotonic()
    from nowake.app import results, runs
    from nowake.app.operate.desk import Control
    from nowake.app.venues_results import work_venues
    from nowake.app.venues_run import prepare_venues
    from nowake.view.venues import plan_table

    for name, value in unheard.items():
        if value:
            raise InputError(name, str(value), "left out with --venues")
    if journal is not None:
        results.check_new_journal(journal)
    with screen.reading("market") as reading:
        prepared = prepare_venues(request, options, progress=reading)
    legs = [(leg.order, plan) for leg, plan in zip(prepared.legs, prepared.plans(), strict=True)]
    screen.show(plan_table(legs, [leg.listing for leg in prepared.legs], prepared.zone))
    path = journal or runs.new_run(request.symbol, request.side)
    screen.resume_hint = f"go on with: nowake resume {path}"
    runs.remember(path)
    from nowake.app.interrupts import between_steps

    with screen.stage("working") as shown, between_steps() as check:
        screen.announce(shown)
        listen = listener(shown, check)(prepared)
        control = Control(path, speed, say=screen.err.print)
        return work_venues(prepared, path, listen, created_ns=time.time_ns(), since_s=since, control=control)


def listener(shown: Stage, check: Callable[[], None]) -> Callable[[PreparedVenues], Progress]:
    """Return what shows how far an order over several venues is; ``check`` may interrupt it."""

    def made(prepared: PreparedVenues) -> Progress:
        start_ns = min(leg.order.start_ns for leg in prepared.legs)
        end_ns = max(leg.order.end_ns for leg in prepared.legs)

        def listen(t_ns: int, host: Host) -> None:
            check()
            note = ", ".join(f"{one.order.listing} {one.filled:,}" for one in host.state.parents.values())
            shown.update(min(1.0, max(0.0, (t_ns - start_ns) / max(1, end_ns - start_ns))), f"filled: {note}")

        return listen

    return made


def show_venues(screen: Screen, result: VenuesResult, schema: str, *, full: bool, html: Path | None) -> None:
    """Print a result as a document, or as one table, and write its page where one is wanted.

    With ``full`` each venue's own summary is printed too.
    """
    files = [("journal", str(result.path))] if result.path else []
    if html is not None:
        from nowake.app import pages

        pages.write_venues_page(result, html)
        files.append(("page", str(html)))
    if screen.as_json:
        screen.document(result.to_dict(full=full, schema=schema))
        return
    from nowake.view import format as f
    from nowake.view import terminal
    from nowake.view.venues import result_table

    made = [(one.report.listing.key, f.faults(one.faults)) for one in result.legs if one.faults is not None]
    faults = [("faults", f"{key} {text}") for key, text in made]
    screen.show(result_table([one.report for one in result.legs], result.whole(), [*faults, *files]))
    if full:
        for one in result.legs:
            screen.show(terminal.summary(one.report, one.zone), terminal.child_table(one.report, one.zone))


def had_ended(path: Path, tapes: Sequence[str] | None) -> str:
    """Return what is said of a run with nothing left to go on with; tapes that were named for it are not looked at."""
    unread = " --tape was not looked at: nothing is worked again." if tapes else ""
    return f"{path} had ended already; this is its result.{unread}"


def is_of_venues(path: Path) -> bool:
    """Return whether the journal at a path is of an order over several venues."""
    from nowake.app import venues_run
    from nowake.journal.reader import read_journal

    return venues_run.is_of_venues(read_journal(path))


def resume_on_venues(
    screen: Screen, path: Path, tapes: tuple[str, ...], unheard: Mapping[str, object], control: Control
) -> VenuesResult:
    """Carry an order over several venues to its end, or show the end it came to."""
    from nowake.app.interrupts import between_steps
    from nowake.app.venues_results import resume_venues

    for name, value in unheard.items():
        if value:
            raise InputError(name, str(value), "left out of an order over several venues")
    screen.resume_hint = f"go on with: nowake resume {path}"
    with screen.stage("resume") as shown, between_steps() as check:
        screen.announce(shown)
        result, went_on = resume_venues(path, tapes, shown.update, listener(shown, check), control)
    if not went_on:
        screen.err.print(had_ended(path, tapes))
    return result
