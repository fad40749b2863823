"""The table of an order over several venues: one row a venue, the whole under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.tca.report import ExecutionReport
from nowake.view import format as f

COLUMNS = ("venue", "order", "filled", "average", "arrival", "VWAP", "fees", "posted", "children", "status")
NOTE = "slippage against arrival and VWAP in bps, positive = paid; fees in money"


class Whole(NamedTuple):
    """The sums over the venues, as text: what was asked, filled and left, average price, slippage, fees."""

    title: str
    asked: str
    filled: str
    left: str
    average: str
    arrival: str
    fees: str


def plan_table(
    legs: Sequence[tuple[ParentOrder, ExecutionPlan]], listings: Sequence[Listing], zone: str
) -> RenderableType:
    """Return what each venue is given and how it is worked there, before anything is sent."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("venue", "order", "by", "slices", "window"):
        table.add_column(name, justify="right" if name in ("order", "slices") else "left")
    for (order, plan), listing in zip(legs, listings, strict=True):
        table.add_row(
            order.listing,
            f.quantity(listing.instrument, order.qty_units),
            plan.strategy,
            str(len(plan.slices)),
            f.window(order.start_ns, order.end_ns, zone),
        )
    return Group(table, Text())


def warnings(report: ExecutionReport) -> list[str]:
    """Return what an execution at one venue warns of that its plan did not, each with the venue's name."""
    known = {one.text for one in report.plan.warnings} if report.plan else set()
    fresh = [one.text for one in report.warnings if one.text not in known]
    return [f"{report.listing.key}: {f.humanise(text, report.listing)}" for text in fresh]


def result_table(reports: Sequence[ExecutionReport], whole: Whole, lines: Sequence[tuple[str, str]]) -> RenderableType:
    """Return what came of it, venue by venue and in all; slippage against arrival and VWAP in basis points.

    Args:
        reports: One a venue.
        whole: Their sums.
        lines: (what, text) shown below: faults that were made, files that were written.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("venue", "status") else "right", no_wrap=True)
    for one in reports:
        table.add_row(*cells(one))
    table.add_row(*sums(whole))
    under = Table.grid(padding=(0, 2))
    for what, text in lines:
        under.add_row(Text(what, style="dim"), Text(text, overflow="fold"))
    for text in (text for one in reports for text in warnings(one)):
        under.add_row(Text("!", style="yellow"), Text(text, style="yellow"))
    style = "green" if not whole.left and all(one.status == "done" for one in reports) else "yellow"
    note = Text(NOTE, style="dim")
    body = Group(table, note, Text(), under) if under.row_count else Group(table, note)
    return Panel(body, title=whole.title, title_align="left", border_style=style, padding=(0, 1))


def sums(whole: Whole) -> tuple[str, ...]:
    """Return the row of the whole, a text a column."""
    return ("in all", whole.asked, whole.filled, whole.average, whole.arrival, "", whole.fees, "", "", whole.left)


def cells(one: ExecutionReport) -> tuple[str, ...]:
    """Return the row of a venue, a text a column."""
    listing, instrument = one.listing, one.listing.instrument
    posted = one.statistics.maker_share
    left = f", {f.quantity(instrument, one.residual_units, unit=False)} left" if one.residual_units else ""
    return (
        listing.key,
        f.quantity(instrument, one.order.qty_units, unit=False),
        f.quantity(instrument, one.filled_units, unit=False),
        f.DASH if one.average_units is None else f.price(listing, one.average_units, more=2),
        f.bps(one.slippage.arrival_bps),
        f.bps(one.slippage.vwap_bps),
        f"{float(instrument.money(one.fees_money)):,.2f}",
        f.DASH if posted is None else f.percent(posted, decimals=0),
        str(one.statistics.children),
        f"{one.status}{left}",
    )
