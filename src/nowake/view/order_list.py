"""The table of a planned list of orders: one row an order, the totals by currency under it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.units import format_duration
from nowake.view import format as f
from nowake.view.terminal import headline, notional_of


class PlannedLine(NamedTuple):
    """A planned order and the line of the file that states it."""

    line: int
    order: ParentOrder
    plan: ExecutionPlan
    listing: Listing
    mid2: int
    zone: str


class TotalLine(NamedTuple):
    """Sums in one currency: orders, value, expected cost in money and in basis points of the value, its sd."""

    currency: str
    orders: int
    value: float
    cost: float
    cost_bps: float | None
    cost_sd: float


def list_table(lines: Sequence[PlannedLine], totals: Sequence[TotalLine]) -> RenderableType:
    """Return the orders of a list as a table, and their totals."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("line", "order", "by", "value", "start", "over", "peak", "cost, bps", "90 % within"):
        table.add_column(
            name, justify="left" if name in ("order", "by", "start", "over") else "right", no_wrap=name != "order"
        )
    for one in lines:
        table.add_row(*_cells(one))
    blocks: list[RenderableType] = [table]
    if totals:
        sums = Table(
            box=None, padding=(0, 2, 0, 0), header_style="dim", title="totals", title_justify="left", title_style="bold"
        )
        for name in ("currency", "orders", "value", "cost", "cost, bps", "sd, if independent"):
            sums.add_column(name, justify="left" if name == "currency" else "right")
        for total in totals:
            sums.add_row(
                total.currency,
                str(total.orders),
                f.compact(total.value),
                f.money(total.cost, total.currency),
                f.bps(total.cost_bps),
                f.money(total.cost_sd, total.currency),
            )
        blocks += [Text(), sums]
    return Group(*blocks)


def _cells(one: PlannedLine) -> tuple[str | Text, ...]:
    order, plan, instrument = one.order, one.plan, one.listing.instrument
    value = notional_of(order, one.listing, one.mid2)
    currency = instrument.currency
    known = [part.participation for part, v in zip(plan.slices, plan.expected_volume, strict=True) if v]
    peak = Text(f.percent(max(known)) if known else f.DASH)
    if known and max(known) > plan.cap + 1e-12:
        peak.stylize("red")
    cost = plan.cost
    return (
        str(one.line),
        headline(order, one.listing),
        plan.strategy,
        f.DASH if value is None else f"{f.compact(value)} {currency}",
        f"{f.moment(order.start_ns, one.zone):%m-%d %H:%M}",
        format_duration(order.end_ns - order.start_ns),
        peak,
        f.DASH if cost is None else f.bps(cost.mean_bps),
        f.DASH if cost is None else f"{cost.p05_bps:+.1f} .. {cost.p95_bps:+.1f}",
    )
