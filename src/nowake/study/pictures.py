"""Findings as pages: what of a study is drawn (``view.study_page`` draws it)."""

from __future__ import annotations

from collections.abc import Sequence

from nowake.study.estimates import EstimateError
from nowake.study.queues import QueueErrors
from nowake.study.table import Table
from nowake.view.study_page import Dot, Panel, Sheet, study_page

COST, ERROR = "cost bps", "se"


def queues_page(
    errors: Sequence[QueueErrors], estimates: Sequence[Sequence[EstimateError]], found: Sequence[Table]
) -> str:
    """Return the page of ``nowake study queues``.

    Args:
        errors: Of every tape.
        estimates: Of every tape: our own, by model and lateness of the feed.
        found: All tables, shown below the charts.
    """
    panels = [
        Panel(
            "quantity",
            "Filled too much by a queue model",
            "Of orders that join the touch: what the model fills beyond what the exact queue does, over it.",
            "quantity too much, %",
            [(one.listing, [Dot(k.model, 100 * k.bias) for k in one.models]) for one in errors],
        ),
        Panel(
            "ending",
            "Orders that end otherwise",
            "Filled, in part or not at all by the model, and not so by the exact queue.",
            "orders, %",
            [(one.listing, [Dot(k.model, 100 * (1 - k.same)) for k in one.models]) for one in errors],
        ),
        Panel(
            "late",
            "First fill too late",
            "Mean, over orders that are filled in both; below 0 = the model fills too early.",
            "seconds",
            [(one.listing, [Dot(k.model, k.late_s) for k in one.models]) for one in errors],
        ),
        Panel(
            "estimate",
            "Our own estimate of the queue",
            "Mean size of its error, over the queue that was joined; the feed as it was recorded.",
            "of the queue joined, %",
            [(one[0].listing, [Dot(k.model, 100 * k.share) for k in one if k.data_ns == 0]) for one in estimates],
        ),
    ]
    listings = ", ".join(one.listing for one in errors)
    return study_page("Queue models against the exact queue", listings, panels, [_sheet(one, 1) for one in found])


def runs_page(title: str, under: str, found: Sequence[Table]) -> str:
    """Return the page of ``nowake study run``: each table of costs as a chart, dots with two standard errors.

    Args:
        title: Of it.
        under: A line under that.
        found: ``Study.tables()``.
    """
    panels, sheets = [], []
    for number, one in enumerate(found):
        first = one.head.index("runs" if "runs" in one.head else "pairs")
        if COST not in one.head:
            sheets.append(_sheet(one, first))
            continue
        cost, error = one.head.index(COST), one.head.index(ERROR)
        dots = [
            Dot(", ".join(row[:first]), float(row[cost]), 2 * float(row[error] or 0)) for row in one.rows if row[cost]
        ]
        sheets.append(_sheet(one, first))
        if dots:
            words = "Basis points of arrival notional, positive = paid; bars: two standard errors, clustered by market."
            panels.append(Panel(f"costs{number}", one.title, words, "cost, bps", [("", dots)]))
    return study_page(title, under, panels, sheets)


def _sheet(found: Table, numbers: int) -> Sheet:
    return Sheet(found.title, found.head, found.rows, numbers)
