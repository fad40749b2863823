"""How a run stands, as a panel: who works it, how far it is, on which terms, what holds it back."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan, Notice
from nowake.view import format as f
from nowake.view.terminal import headline

_STYLE = {"running": "green", "done": "green", "paused": "yellow", "ending": "yellow"}


class Standing(NamedTuple):
    """A run at one moment; quantities in units, texts in human ones.

    Attributes:
        t_ns: Market time.
        owner: Who works it, in words.
        due: Released by the schedule so far.
        abandoned: (quantity, reason).
        average_units: Of the fills, price units; None = nothing filled.
        held: What last kept something from being sent; empty = nothing.
        warnings: Of the plan.
        changes: How often the order's strategy was changed while it ran.
    """

    order: ParentOrder
    plan: ExecutionPlan
    listing: Listing
    zone: str
    status: str
    t_ns: int
    owner: str
    filled: int
    live: int
    unsent: int
    due: int
    abandoned: tuple[tuple[int, str], ...]
    average_units: float | None
    held: str
    warnings: tuple[Notice, ...] = ()
    changes: int = 0


def standing(now: Standing) -> RenderableType:
    """Return the panel."""
    order, listing, how = now.order, now.listing, now.order.parameters
    unit = listing.instrument

    def amount(units: int) -> str:
        return f.quantity(unit, units, unit=False)

    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    rows.add_row("order", headline(order, listing))
    rows.add_row("status", Text(f"{now.status} at {f.clock(now.t_ns, now.zone)}, {now.owner}"))
    done = f"{amount(now.filled)} filled ({f.filled(now.filled, order.qty_units)}), {amount(now.due)} due"
    rows.add_row("progress", f"{done}; {amount(now.live)} live, {amount(now.unsent)} unsent")
    if now.average_units is not None:
        rows.add_row("average", f"{f.price(listing, now.average_units, more=2)} {unit.quote}")
    rows.add_row("window", f.window(order.start_ns, order.end_ns, now.zone))
    limit = f"limit {f.price(listing, how.limit_units)}" if how.limit_units else "no limit"
    must = ", must complete" if how.must_complete else ""
    cap = f.percent(how.participation_max, decimals=0)
    rows.add_row("terms", f"{limit}, at most {cap} of volume, urgency {how.urgency:g}{must}")
    position = now.plan.position(now.t_ns) + 1
    asked = "" if order.strategy == now.plan.strategy else f" by {order.strategy}"
    changed = f" (changed {now.changes} times)" if now.changes > 1 else " (changed once)" if now.changes else ""
    at = f"revision {now.plan.revision}, slice {position} of {len(now.plan.slices)}"
    rows.add_row("plan", f"{now.plan.strategy}{asked}{changed}, {at}")
    for units, why in now.abandoned:
        rows.add_row("abandoned", Text(f"{amount(units)}: {why}", style="yellow"))
    if now.held:
        rows.add_row("held back", Text(now.held, style="yellow"))
    for one in now.warnings:
        rows.add_row("warning", Text(one.text, style="yellow"))
    style = _STYLE.get(now.status, "red")
    return Panel(rows, title="status", title_align="left", border_style=style, padding=(0, 1))
