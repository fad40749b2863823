"""What the terminal shows: the ticket before, progress while working, the summary after, the tables of a plan.

Functions from values to Rich renderables; nothing is printed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import Assumption, CostEstimate, ExecutionPlan, Notice
from nowake.core.terms import show_terms
from nowake.core.units import format_duration
from nowake.plan.strategies import AUTO
from nowake.tca.report import ExecutionReport
from nowake.view import format as f

BLOCKS = " ▁▂▃▄▅▆▇█"
SIDE_STYLE = {Side.BUY: "bold green", Side.SELL: "bold red"}
SLICES_SHOWN = 24


def _pairs() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    return table


def headline(order: ParentOrder, listing: Listing) -> Text:
    """Return ``BUY 10,000 shares AMZN@XNAS`` in the colour of its side."""
    amount = f.quantity(listing.instrument, order.qty_units)
    return Text.assemble((order.side.name, SIDE_STYLE[order.side]), f" {amount} ", (listing.key, "bold"))


def _strategies(report: ExecutionReport, zone: str) -> str:
    """Return which strategies the router chose, and when it changed to each."""
    first, *later = report.chosen
    changes = [f"{one.record.order.strategy} at {f.clock(one.t_ns, zone)} ({one.record.trigger})" for one in later]
    return ", then ".join([f"{report.order.strategy}: {first.record.order.strategy}", *changes])


def notional_of(order: ParentOrder, listing: Listing, mid2: int) -> float | None:
    """Return the value of an order at a mid (given twice, price units), None without one."""
    if not mid2:
        return None
    instrument = listing.instrument
    doubled = float(instrument.notional(mid2, order.qty_units))
    return doubled * 2 if instrument.inverse else doubled / 2


def ticket(order: ParentOrder, plan: ExecutionPlan, listing: Listing, zone: str, mid2: int) -> RenderableType:
    """Return the ticket shown before anything is sent.

    Args:
        order: With its defaults filled in.
        plan: What working it would start with.
        listing: What is traded where.
        zone: Of the local clock.
        mid2: Twice the mid it arrives at, price units; 0 = not known.
    """
    instrument, how = listing.instrument, order.parameters
    currency = instrument.currency
    rows = _pairs()
    value = notional_of(order, listing, mid2)
    worth = "value not known" if value is None else f"{f.compact(value)} {currency} at mid {f.price(listing, mid2 / 2)}"
    first = headline(order, listing)
    first.append(f"   {worth}", style="default")
    rows.add_row("order", first)
    over = format_duration(order.end_ns - order.start_ns)
    rows.add_row("window", f"{f.window(order.start_ns, order.end_ns, zone)}  ({over})")
    if zone != "UTC":
        rows.add_row("", Text(f.window(order.start_ns, order.end_ns, "UTC"), style="dim"))
    rows.add_row("strategy", _strategy_line(plan))
    limits = f"at most {f.percent(how.participation_max, decimals=1)} of volume, urgency {how.urgency:g}"
    end = how.end_behaviour.value if how.end_behaviour else "finish"
    limits += f", at the end: {end}" + (", must complete" if how.must_complete else "")
    if how.limit_units:
        limits += f", limit {f.price(listing, how.limit_units)}"
    rows.add_row("limits", limits)
    if terms := show_terms(how, listing):
        rows.add_row("terms", ", ".join(f"{name.replace('_', ' ')} {said}" for name, said in terms.items()))
    rows.add_row("fees", Text(_fees_line(listing)))
    rows.add_row("estimate", estimate_line(plan.cost, value, currency))
    if listing.volume_base:
        rows.add_row("volume", Text(f"counts {listing.volume_base}", style="dim"))
    blocks: list[RenderableType] = [rows]
    if plan.warnings:
        blocks.append(warnings(plan.warnings, listing))
    return Panel(Group(*blocks), title="ticket", title_align="left", border_style="cyan", padding=(0, 1))


def _strategy_line(plan: ExecutionPlan) -> str:
    first = plan.slices[0]
    tactics = ", ".join(dict.fromkeys(one.tactic for one in plan.slices))
    count = len(plan.slices)
    every = f", one every {f.duration(first.end_ns - first.release_ns)}" if count > 1 else ""
    return f"{plan.strategy}: {count} slice{'s' if count != 1 else ''}{every}, {tactics}"


def _fees_line(listing: Listing) -> str:
    fees, instrument = listing.fees, listing.instrument
    each = f"{instrument.quote} per {instrument.base.removesuffix('s')}"
    said = []
    for name, bps, per in (
        ("take", fees.taker_bps, fees.taker_per_qty),
        ("make", fees.maker_bps, fees.maker_per_qty),
    ):
        parts = [f"{bps.normalize():+f} bps"] if bps or not per else []
        parts += [f"{per.normalize():+f} {each}"] if per else []
        said.append(f"{name} {' and '.join(parts)}")
    stated = "" if "assumed" not in fees.source else " (assumed)"
    return ", ".join(said) + stated


def estimate_line(cost: CostEstimate | None, value: float | None, currency: str) -> Text:
    """Return the expected cost with its 90 % band, in basis points and money."""
    if cost is None:
        return Text("no price is known, so no cost is stated", style="yellow")
    line = Text.assemble((f"{cost.mean_bps:+.2f} bps", "bold"))
    if value is not None:
        line.append(f" ({f.money(cost.mean_bps / 1e4 * value, currency)})")
    line.append(f", 90 % within {cost.p05_bps:+.2f} .. {cost.p95_bps:+.2f} bps")
    return line


def warnings(found: tuple[Notice, ...], listing: Listing) -> RenderableType:
    """Return warnings, one a line."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style="yellow", no_wrap=True)
    table.add_column(style="yellow")
    for one in found:
        table.add_row("!", f.humanise(one.text, listing))
    return table


def assumed(found: tuple[Assumption, ...]) -> RenderableType:
    """Return what nobody measured, and why it was taken."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="assumed", title_justify="left", title_style="bold")
    for name in ("what", "value", "why"):
        table.add_column(name, header_style="dim", style="dim" if name == "why" else "")
    for one in found:
        table.add_row(one.name, one.value, one.why)
    return table


def plan_tables(plan: ExecutionPlan, listing: Listing, zone: str, *, full: bool = False) -> RenderableType:
    """Return the slices, the parts of the cost, the reasons and the assumptions of a plan."""
    blocks: list[RenderableType] = [slice_table(plan, listing, zone, full=full)]
    if plan.cost is not None:
        blocks += [Text(), cost_table(plan.cost)]
    blocks += [
        Text(),
        Text("why", style="bold"),
        *(Text(f"  {f.humanise(reason, listing)}") for reason in plan.reasons),
    ]
    if plan.assumed:
        blocks += [Text(), assumed(plan.assumed)]
    return Padding(Group(*blocks), (0, 1))


def slice_table(plan: ExecutionPlan, listing: Listing, zone: str, *, full: bool = False) -> RenderableType:
    """Return the schedule; a long one is cut in the middle unless ``full``."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="schedule", title_justify="left", title_style="bold")
    for name in ("#", "release", "quantity", "done", "of expected volume", ""):
        right = name in ("#", "quantity", "done", "of expected volume")
        table.add_column(name, justify="right" if right else "left", header_style="dim")
    count, total = len(plan.slices), 0
    hidden = range(0) if full or count <= SLICES_SHOWN else range(SLICES_SHOWN // 2, count - SLICES_SHOWN // 4)
    peak = max((one.participation for one in plan.slices), default=0.0)
    for k, one in enumerate(plan.slices):
        total += one.qty_units
        if k in hidden:
            if k == hidden[0]:
                table.add_row("", f"... {len(hidden)} more", "", "", "", "", style="dim")
            continue
        share = one.participation if plan.expected_volume[k] else None
        bar = "█" * round(12 * one.participation / peak) if peak and share is not None else ""
        table.add_row(
            str(one.index),
            f.clock(one.release_ns, zone),
            f.quantity(listing.instrument, one.qty_units, unit=False),
            f.percent(total / plan.qty_units),
            f.percent(share) if share is not None else "not known",
            Text(bar, style="red" if share is not None and share > plan.cap + 1e-12 else "cyan"),
        )
    return table


def cost_table(cost: CostEstimate) -> RenderableType:
    """Return the parts of an estimated cost and its risks."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="expected cost, bps", title_justify="left", title_style="bold")
    table.add_column("", style="dim")
    table.add_column("", justify="right")
    for name in ("spread", "temporary", "permanent", "transient", "fees", "opportunity"):
        value = getattr(cost, f"{name}_bps")
        if value:
            table.add_row(name, f"{value:+.2f}")
    table.add_row(Text("mean", style="bold"), Text(f"{cost.mean_bps:+.2f}", style="bold"))
    table.add_row("sd, prices moving", f"{cost.timing_risk_bps:.2f}")
    table.add_row("sd, parameters not known", f"{cost.parameter_sd_bps:.2f}")
    return table


# -- after ----------------------------------------------------------------------------------------------------------


def summary(
    report: ExecutionReport,
    zone: str,
    files: tuple[tuple[str, str], ...] = (),
    faults: Mapping[str, Any] | None = None,
) -> RenderableType:
    """Return the result of an execution.

    Args:
        report: As measured.
        zone: Of the local clock.
        files: (what, where) of what was written, shown last.
        faults: What went wrong on purpose (``sim.faults``); None = nothing was to.
    """
    listing, instrument = report.listing, report.listing.instrument
    rows = _pairs()
    rows.add_row("order", headline(report.order, listing))
    rows.add_row("status", _status_line(report))
    if report.order.strategy == AUTO and report.chosen:
        rows.add_row("strategy", Text(_strategies(report, zone)))
    if report.average_units is not None:
        rows.add_row("average", f"{f.price(listing, report.average_units, more=2)} {instrument.quote}")
    if report.market is not None:
        rows.add_row("against", _benchmarks(report))
        rows.add_row("cost", _cost(report))
    if report.filled_units:
        rows.add_row("market", _market_line(report))
        rows.add_row("children", _children_line(report))
        if report.queue_model:
            words = f.queues(report.queue_model, instrument, report.filled_units, report.bounds)
            rows.add_row("queues", Text(words))
        rows.add_row("schedule", _schedule_line(report, zone))
    if faults is not None:
        rows.add_row("faults", Text(f.faults(faults)))
    for what, where in files:
        rows.add_row(what, Text(where, overflow="fold"))
    blocks: list[RenderableType] = [rows]
    known = {one.text for one in report.plan.warnings} if report.plan else set()
    fresh = tuple(one for one in report.warnings if one.text not in known)
    if fresh:
        blocks.append(warnings(fresh, listing))
    clean = report.status == "done" and not report.residual_units
    style = "green" if clean else "yellow" if report.status == "done" else "red"
    return Panel(Group(*blocks), title="result", title_align="left", border_style=style, padding=(0, 1))


def _status_line(report: ExecutionReport) -> Text:
    instrument = report.listing.instrument
    share = f.filled(report.filled_units, report.order.qty_units)
    done = (
        f"{f.quantity(instrument, report.filled_units)} filled ({share})" if report.filled_units else "nothing filled"
    )
    line = Text(f"{report.status}, {done}")
    if report.residual_units:
        left = f.quantity(instrument, report.residual_units)
        line.append(f"\n{left} not traded: {f.humanise(report.residual_reason, report.listing)}", style="yellow")
    if report.overfill_units:
        line.append(f"\n{f.quantity(instrument, report.overfill_units)} too many", style="bold red")
    return line


def _benchmarks(report: ExecutionReport) -> RenderableType:
    market, listing, slippage = report.market, report.listing, report.slippage
    assert market is not None
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=True, header_style="dim")
    for name in ("", "price", "slippage, bps"):
        table.add_column(name, justify="left" if not name else "right")
    vwap, twap = market.vwap_units, market.twap_units
    for name, units, cost in (
        ("arrival mid", market.arrival_mid2 / 2, slippage.arrival_bps),
        ("market VWAP", None if vwap is None else float(vwap), slippage.vwap_bps),
        ("market TWAP", None if twap is None else float(twap), slippage.twap_bps),
    ):
        shown = f.DASH if units is None else f.price(listing, units, more=2)
        table.add_row(name, shown, Text(f.bps(cost), style=_cost_style(cost)))
    return table


def _cost_style(cost: float | None) -> str:
    return "" if cost is None else "red" if cost > 0 else "green"


def _cost(report: ExecutionReport) -> RenderableType:
    """Return the shortfall as a small account that adds up, beside what was estimated."""
    shortfall, instrument = report.shortfall, report.listing.instrument
    if shortfall is None:
        return Text(f.DASH)
    currency = instrument.currency
    scale = shortfall.total_bps / shortfall.total_money if shortfall.total_money else None
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=True, header_style="dim")
    table.add_column("shortfall")
    table.add_column(currency, justify="right")
    table.add_column("bps", justify="right")
    for name in ("delay", "trading", "opportunity", "fees"):
        money = getattr(shortfall, f"{name}_money")
        share = None if scale is None else money * scale
        table.add_row(name, _amount(float(instrument.money(money))), f.bps(share) if money else "0.00", style="")
    total = float(instrument.money(shortfall.total_money))
    style = f"bold {_cost_style(shortfall.total_bps)}"
    table.add_row(
        Text("total", style="bold"), Text(_amount(total), style=style), Text(f.bps(shortfall.total_bps), style=style)
    )
    cost = report.estimate
    if cost is None:
        return table
    inside = cost.p05_bps <= shortfall.total_bps <= cost.p95_bps
    said = f"estimated {cost.mean_bps:+.2f} bps, 90 % within {cost.p05_bps:+.2f} .. {cost.p95_bps:+.2f}: "
    verdict = "inside the band" if inside else "outside the band"
    return Group(table, Text.assemble((said, "dim"), (verdict, "dim" if inside else "yellow")))


def _amount(amount: float) -> str:
    decimals = 2 if abs(amount) >= 1 or amount == 0 else 6
    return f"{amount:+,.{decimals}f}" if amount else "0.00"


def _market_line(report: ExecutionReport) -> str:
    market, instrument = report.market, report.listing.instrument
    if market is None:
        return f.DASH
    volume = f.quantity(instrument, market.volume_units)
    line = f"{f.percent(report.participation)} of {volume} traded meanwhile"
    if report.own_unprinted_units:
        line += f"\n{f.quantity(instrument, report.own_unprinted_units)} of it own posted fills in no recorded print"
    return line


def _children_line(report: ExecutionReport) -> str:
    found = report.statistics
    line = f"{found.children} sent, {found.fills} fills, {f.percent(found.maker_share, decimals=0)} posted"
    if found.time_to_fill_median_s is not None:
        line += f", half filled within {f.duration(int(found.time_to_fill_median_s * 1e9))}"
    counts = ((found.cancels, "cancelled"), (found.expired, "expired"), (found.rejects, "refused by the venue"))
    rest = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{line}\n{rest}" if rest else line


def _schedule_line(report: ExecutionReport, zone: str, width: int = 40) -> Text:
    """Return two rows of blocks: what the plan wanted by each moment, and what was done."""
    points = report.schedule
    first, last = points[0].t_ns, points[-1].t_ns
    if last <= first:
        return Text(f"all at {f.clock(first, zone)}")
    rows = []
    for kind in ("target_units", "filled_units"):
        marks, k = [], 0
        for column in range(width):
            at = first + (last - first) * (column + 1) // width
            while k + 1 < len(points) and points[k + 1].t_ns <= at:
                k += 1
            level = getattr(points[k], kind) / report.order.qty_units
            marks.append(BLOCKS[min(8, max(0, round(8 * level)))])
        rows.append("".join(marks))
    done = f"{f.clock(first, zone)} - {f.clock(last, zone)}"
    return Text.assemble((rows[0], "cyan"), ("  plan\n", "dim"), (rows[1], "green"), ("  done  ", "dim"), (done, "dim"))


def section(title: str) -> RenderableType:
    """Return a rule with a title."""
    return Rule(Text(title, style="bold"), align="left", style="dim")


def child_table(report: ExecutionReport, zone: str) -> RenderableType:
    """Return every child with what it filled."""
    listing, instrument = report.listing, report.listing.instrument
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title="children", title_justify="left")
    for name in ("sent", "slice", "type", "quantity", "price", "filled", "average", "ended"):
        table.add_column(name, justify="left" if name in ("sent", "type", "ended") else "right", no_wrap=True)
    for child in report.children:
        order, filled = child.order, child.filled_units
        cash = sum(one.fill.qty_units * one.fill.price_units for one in child.fills)
        table.add_row(
            f.clock(child.t_sent_ns, zone, decimals=3),
            str(child.slice_index),
            f"{order.order_type.value} {order.tif.value}",
            f.quantity(instrument, order.qty_units, unit=False),
            f.price(listing, order.price_units) if order.price_units else "market",
            f.quantity(instrument, filled, unit=False),
            f.price(listing, cash / filled, more=2) if filled else f.DASH,
            child.status.value,
            style="" if filled else "dim",
        )
    return table
