"""Writes the HTML pages of runs and plans."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nowake.app.paired import Comparison
from nowake.app.planning import Planned
from nowake.app.results import Result
from nowake.app.venues_results import VenuesResult
from nowake.core.errors import InputError
from nowake.core.tape import END
from nowake.data.replay import replay
from nowake.journal.header import package_version
from nowake.view.format import window
from nowake.view.html import Page, page
from nowake.view.plan_page import PlanPage, plan_page
from nowake.view.venues_page import VenuePart, VenuesPage, venues_page

PATH_POINTS = 2000
"""Moments at which the market is drawn."""


def check_page(path: Path | None) -> None:
    """Refuse a page that cannot be written, before anything is done for it.

    Raises:
        InputError: It is a folder, or its folder is missing.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InputError("html", str(path), "a file in a folder that exists")


def market_path(result: Result) -> tuple[tuple[int, int], ...]:
    """Return (local time, twice the mid) of the recorded market from arrival to end; empty without its tape."""
    tape, market = result.tape, result.report.market
    if tape is None or market is None:
        return ()
    local = tape.t_local()
    whole = np.flatnonzero(tape.code & END)
    at = np.searchsorted(local[whole], [market.first_ns, market.last_ns], side="right")
    inside = whole[max(int(at[0]) - 1, 0) : int(at[1])]
    wanted = np.linspace(market.first_ns, market.last_ns, PATH_POINTS).astype(np.int64)
    marks = inside[np.unique(np.clip(np.searchsorted(local[inside], wanted, side="right") - 1, 0, len(inside) - 1))]
    touch, _, _ = replay(tape.code, tape.prices(), tape.qty.astype(np.int64), marks)
    mids = np.where((touch[:, 0] > 0) & (touch[:, 2] > 0), touch[:, 0] + touch[:, 2], 0)
    times = np.maximum(local[marks], market.first_ns)
    return tuple((int(t), int(mid)) for t, mid in zip(times, mids, strict=True) if mid)


def write_page(result: Result, path: Path, comparison: Comparison | None = None) -> None:
    """Write a self-contained page; a file that is there is replaced.

    Raises:
        InputError: The path cannot be written.
    """
    run = result.header.run
    made = Page(
        report=result.report,
        path=market_path(result),
        zone=result.zone,
        seed=result.header.seed,
        tape=run.tapes[0].name if run.tapes else "",
        journal=str(result.path) if result.path else "",
        journal_hash=result.journal_hash,
        version=result.header.version,
        savings=comparison.savings if comparison else (),
        comparison=comparison.words if comparison else (),
        faults=result.faults,
    )
    _write(page(made), path)


def write_venues_page(result: VenuesResult, path: Path) -> None:
    """Write the page of an order over several venues; a file that is there is replaced.

    Raises:
        InputError: The path cannot be written.
    """
    run, orders = result.header.run, [one.report.order for one in result.legs]
    zone = result.legs[0].zone
    made = VenuesPage(
        parts=[VenuePart(one.report, market_path(one), one.zone, one.faults) for one in result.legs],
        whole=result.whole(),
        window=window(min(one.start_ns for one in orders), max(one.end_ns for one in orders), zone),
        seed=result.header.seed,
        tapes=[one.name for one in run.tapes],
        journal=str(result.path) if result.path else "",
        journal_hash=result.journal_hash,
        version=result.header.version,
    )
    _write(venues_page(made), path)


def write_plan_page(planned: Planned, path: Path) -> None:
    """Write the page of a plan; a file that is there is replaced.

    Raises:
        InputError: The path cannot be written.
    """
    frontier = None if planned.beliefs is None or planned.beliefs.mid2 <= 0 else planned.frontier()
    made = PlanPage(
        order=planned.order,
        plan=planned.plan,
        listing=planned.listing,
        zone=planned.zone,
        mid2=planned.mid2,
        decision=planned.decision,
        frontier=frontier,
        version=package_version(),
    )
    _write(plan_page(made), path)


def _write(text: str, path: Path) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError("html", str(path), f"a file that can be written ({error.strerror})") from error
