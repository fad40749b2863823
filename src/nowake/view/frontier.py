"""How an order's cost changes with its horizon or rate: a table for the terminal, two figures for pages."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nowake.core.units import format_duration
from nowake.plan.frontier import Frontier, FrontierPoint
from nowake.view import charts
from nowake.view import format as f


def frontier_table(found: Frontier, zone: str) -> RenderableType:
    """Return a line for each horizon or rate, the order's own marked, and what was left out."""
    title = f"{found.strategy}: cost over other {'rates' if _by_rate(found) else 'horizons'}, bps"
    table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="bold")
    names = ("", "rate", "over", "end", "peak of volume", "mean", "sd", "5 %", "95 %")
    for name in names if _by_rate(found) else names[:1] + names[2:]:
        table.add_column(name, justify="left" if name in ("", "end") else "right", header_style="dim")
    for one in found.points:
        cost = one.cost
        peak = f.percent(one.peak_participation) if one.peak_participation else "not known"
        rate = [f.percent(one.rate)] if one.rate is not None else []
        table.add_row(
            "▸" if one.chosen else "",
            *rate,
            _over(one),
            f.clock(one.end_ns, zone),
            Text(peak, style="red" if one.over_cap else ""),
            *(f"{value:+.2f}" for value in (cost.mean_bps,)),
            f"{cost.sd_bps:.2f}",
            *(f"{value:+.2f}" for value in (cost.p05_bps, cost.p95_bps)),
            style="bold" if one.chosen else "",
        )
    blocks: list[RenderableType] = [Text(), table]
    if any(one.over_cap for one in found.points):
        blocks.append(
            Text(f"in red: over your cap of {f.percent(found.cap)}; the engine would keep to it", style="dim")
        )
    blocks += [Text(f"left out: {one.text}", style="dim") for one in found.left_out]
    return Padding(Group(*blocks), (0, 1))


def _by_rate(found: Frontier) -> bool:
    return any(one.rate is not None for one in found.points)


def _over(one: FrontierPoint) -> str:
    return format_duration(max(1, round(one.horizon_ns / 1e9)) * 10**9)


def _label(one: FrontierPoint) -> str:
    return _over(one) if one.rate is None else f"{100 * one.rate:.3g} %"


def frontier_figure(found: Frontier) -> Any:
    """Return expected cost against its standard deviation: a point for each horizon or rate, the order's own marked."""
    from plotly.graph_objects import Scatter

    made = charts.plain_figure(380)
    made.add_trace(
        Scatter(
            x=[one.cost.sd_bps for one in found.points],
            y=[one.cost.mean_bps for one in found.points],
            mode="lines+markers+text",
            text=[_label(one) for one in found.points],
            textposition="top right",
            cliponaxis=False,
            textfont={"size": 11, "color": charts.QUIET},
            line={"color": charts.MARKET, "width": 1.6},
            marker={"size": 8, "color": [charts.PAID if one.over_cap else charts.MARKET for one in found.points]},
            name="over other rates" if _by_rate(found) else "over other horizons",
            hovertemplate="%{text}<br>mean %{y:+.2f} bps, sd %{x:.2f} bps<extra></extra>",
        )
    )
    _mark_chosen(made, found, [one.cost.sd_bps for one in found.points if one.chosen])
    made.update_xaxes(title={"text": "standard deviation, bps", "standoff": 8}, rangemode="tozero")
    made.update_yaxes(title={"text": "expected cost, bps", "standoff": 12})
    return made


def fan_figure(found: Frontier) -> Any:
    """Return the cost against the horizon: its mean, and the band that holds nine of ten outcomes."""
    from plotly.graph_objects import Scatter

    made = charts.plain_figure(340)
    hours = [one.horizon_ns / 3600e9 for one in found.points]
    high, low = [one.cost.p95_bps for one in found.points], [one.cost.p05_bps for one in found.points]
    made.add_trace(charts.band_trace(hours, low, high, "90 % of outcomes"))
    made.add_trace(
        Scatter(
            x=hours,
            y=[one.cost.mean_bps for one in found.points],
            mode="lines+markers",
            line={"color": charts.MARKET, "width": 1.8},
            marker={"size": 7, "color": [charts.PAID if one.over_cap else charts.MARKET for one in found.points]},
            text=[_label(one) for one in found.points],
            name="mean",
            hovertemplate="%{text}: %{y:+.2f} bps<extra></extra>",
        )
    )
    _mark_chosen(made, found, [one.horizon_ns / 3600e9 for one in found.points if one.chosen])
    made.update_xaxes(title={"text": "horizon, hours", "standoff": 8}, rangemode="tozero")
    made.update_yaxes(
        title={"text": "cost, bps, positive = paid", "standoff": 12}, zeroline=True, zerolinecolor=charts.QUIET
    )
    return made


def _mark_chosen(made: Any, found: Frontier, x: list[float]) -> None:
    from plotly.graph_objects import Scatter

    made.add_trace(
        Scatter(
            x=x,
            y=[one.cost.mean_bps for one in found.points if one.chosen],
            mode="markers",
            marker={"size": 15, "symbol": "star", "color": charts.DONE},
            name="as asked",
            hovertemplate="as asked: %{y:+.2f} bps<extra></extra>",
        )
    )
