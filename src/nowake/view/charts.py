"""Plotly figures of one execution, shared by report, notebook and dashboard. Plotly is imported when one is drawn.

Colours work on a light and on a dark page; backgrounds are transparent, so the page decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from nowake.core.child import Liquidity
from nowake.core.order import Side
from nowake.tca.report import ExecutionReport
from nowake.view import format as f

INK, QUIET, GRID = "#6b7786", "#98a2b0", "rgba(128,140,155,0.22)"
MARKET, PLAN, DONE, MAKER, TAKER = "#5b8def", "#98a2b0", "#12a67c", "#12a67c", "#f0803c"
PAID, SAVED = "#e5534b", "#12a67c"
POINTS_MAX = 4000
"""A line of more points is thinned: no screen shows them."""


def plain_figure(height: int, **layout: Any) -> Any:
    """Return an empty figure of the house's look, ``height`` pixels high."""
    from plotly.graph_objects import Figure

    made = Figure()
    made.update_layout(
        template="none",
        height=height,
        margin={"l": 64, "r": 24, "t": 12, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 13, "color": INK},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        hovermode="closest",
        **layout,
    )
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "ticks": "outside", "tickcolor": GRID}
    made.update_xaxes(**axis, showgrid=False)
    made.update_yaxes(**axis, automargin=True)
    return made


def times(times_ns: Sequence[int], zone: str) -> list[str]:
    """Return local times as Plotly wants them: ISO without a zone."""
    return [f.moment(t, zone).strftime("%Y-%m-%dT%H:%M:%S.%f") for t in times_ns]


def band_trace(x: Sequence[Any], low: Sequence[float], high: Sequence[float], name: str) -> Any:
    """Return the area between two lines over the same ``x``, without an outline."""
    from plotly.graph_objects import Scatter

    return Scatter(
        x=[*x, *reversed(x)],
        y=[*high, *reversed(low)],
        fill="toself",
        mode="lines",
        fillcolor="rgba(91,141,239,0.20)",
        line={"width": 0},
        hoverinfo="skip",
        name=name,
    )


def _thin(count: int) -> range:
    return range(0, count, max(1, -(-count // POINTS_MAX)))


def price_figure(report: ExecutionReport, zone: str, path: Sequence[tuple[int, int]] = ()) -> Any:
    """Return the mid while the order was worked, its fills, and the benchmarks.

    Args:
        report: Measured.
        zone: Of the time axis.
        path: (local time, twice the mid) of the market; without it the engine's own views are drawn.
    """
    from plotly.graph_objects import Scatter

    listing, unit = report.listing, float(report.listing.instrument.price_unit)
    made = plain_figure(400)
    points = list(path) or [(one.t_ns, one.mid2) for one in report.path if one.mid2]
    points = [points[k] for k in _thin(len(points))]
    made.add_trace(
        Scatter(
            x=times([t_ns for t_ns, _ in points], zone),
            y=[mid2 * unit / 2 for _, mid2 in points],
            mode="lines",
            line={"color": MARKET, "width": 1.4, "shape": "hv"},
            name="mid",
            hovertemplate="%{x|%H:%M:%S}  %{y}<extra>mid</extra>",
        )
    )
    for liquidity, colour, symbol in ((Liquidity.MAKER, MAKER, "circle"), (Liquidity.TAKER, TAKER, "diamond")):
        made.add_trace(_fills(report, zone, liquidity, colour, symbol))
    lines = sorted(_benchmarks(report), reverse=True)
    for k, (units, name, dash) in enumerate(lines):
        made.add_hline(y=units * unit, line={"color": QUIET, "width": 1.2, "dash": dash})
        made.add_annotation(  # beside the plot: over it, fills would cover it
            x=1,
            xref="paper",
            xanchor="left",
            y=units * unit,
            yanchor="middle" if len(lines) == 1 else ("bottom", "middle", "top")[2 * k // (len(lines) - 1)],
            text=f" {name}<br> {f.price(listing, units, more=2)}",
            align="left",
            showarrow=False,
            font={"size": 11, "color": QUIET},
        )
    made.update_layout(margin={"r": 84})
    made.update_yaxes(
        title={"text": f"price, {report.listing.instrument.quote}", "standoff": 12},
        tickformat=f".{f.price_decimals(listing, 1 << 40)}f",
    )
    return made


def _benchmarks(report: ExecutionReport) -> list[tuple[float, str, str]]:
    """Return (price units, name, dash) of the lines to draw."""
    found: list[tuple[float, str, str]] = []
    if report.market is not None:
        found.append((report.market.arrival_mid2 / 2, "arrival", "dot"))
    if report.average_units is not None:
        found.append((report.average_units, "average", "dash"))
    limit = report.order.parameters.limit_units
    if limit is not None:
        found.append((float(limit), "limit", "solid"))
    return found


def _fills(report: ExecutionReport, zone: str, liquidity: Liquidity, colour: str, symbol: str) -> Any:
    from plotly.graph_objects import Scatter

    instrument = report.listing.instrument
    fills = [one.fill for child in report.children for one in child.fills if one.fill.liquidity is liquidity]
    largest = max((one.fill.qty_units for child in report.children for one in child.fills), default=1)
    area = 10 if report.statistics.fills <= 100 else 6
    verb = "bought" if report.order.side is Side.BUY else "sold"
    how = "posted" if liquidity is Liquidity.MAKER else "taken"
    return Scatter(
        x=times([one.t_venue_ns for one in fills], zone),
        y=[float(instrument.price(one.price_units)) for one in fills],
        mode="markers",
        marker={
            "color": colour,
            "symbol": symbol,
            "opacity": 0.75,
            "size": [4 + area * (one.qty_units / largest) ** 0.5 for one in fills],
            "line": {"width": 0},
        },
        name=how,
        text=[f"{verb} {f.quantity(instrument, one.qty_units)}, {how}" for one in fills],
        hovertemplate="%{x|%H:%M:%S.%L}  %{y}<br>%{text}<extra></extra>",
    )


def schedule_figure(report: ExecutionReport, zone: str) -> Any:
    """Return what the plan wanted by each moment against what was done."""
    from plotly.graph_objects import Scatter

    instrument, unit = report.listing.instrument, float(report.listing.instrument.qty_unit)
    made = plain_figure(300)
    points = [report.schedule[k] for k in _thin(len(report.schedule))]
    if report.schedule and points[-1] is not report.schedule[-1]:
        points.append(report.schedule[-1])
    at = times([one.t_ns for one in points], zone)
    for name, values, colour, width, fill in (
        ("plan", [one.target_units * unit for one in points], PLAN, 1.4, None),
        ("done", [one.filled_units * unit for one in points], DONE, 2.0, "tozeroy"),
    ):
        made.add_trace(
            Scatter(
                x=at,
                y=values,
                mode="lines",
                name=name,
                line={"color": colour, "width": width, "shape": "hv", "dash": "dot" if name == "plan" else "solid"},
                fill=fill,
                fillcolor="rgba(18,166,124,0.12)",
                hovertemplate="%{x|%H:%M:%S}  %{y:,}<extra>" + name + "</extra>",
            )
        )
    made.update_yaxes(title={"text": instrument.base, "standoff": 12}, rangemode="tozero", tickformat="~s")
    return made


def shortfall_figure(report: ExecutionReport) -> Any:
    """Return the parts of the shortfall as a waterfall in bps, beside what was estimated with its 90 % band."""
    from plotly.graph_objects import Scatter, Waterfall

    shortfall, instrument = report.shortfall, report.listing.instrument
    made = plain_figure(300, showlegend=False)
    if shortfall is None:
        return made
    scale = shortfall.total_bps / shortfall.total_money if shortfall.total_money else 0.0
    currency = instrument.currency
    names = ("delay", "trading", "opportunity", "fees")
    money = [getattr(shortfall, f"{name}_money") for name in names]
    values = [amount * scale for amount in money] + [shortfall.total_bps]
    amounts = [float(instrument.money(amount)) for amount in (*money, shortfall.total_money)]
    made.add_trace(
        Waterfall(
            x=[*names, "total"],
            y=values,
            measure=["relative"] * 4 + ["total"],
            text=[f"{value:+.2f}" if value else "0" for value in values],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": PAID}},
            decreasing={"marker": {"color": SAVED}},
            totals={"marker": {"color": PAID if shortfall.total_bps > 0 else SAVED}},
            connector={"line": {"color": GRID, "width": 1}},
            customdata=[f"{f.money(amount, currency, sign=True)}" for amount in amounts],
            hovertemplate="%{x}: %{text} bps<br>%{customdata}<extra></extra>",
            width=0.6,
        )
    )
    cost = report.estimate
    if cost is not None:
        made.add_trace(
            Scatter(
                x=["estimate"],
                y=[cost.mean_bps],
                mode="markers+text",
                text=[f"  {cost.mean_bps:+.2f}"],
                textposition="middle right",
                marker={"color": MARKET, "size": 11, "symbol": "diamond"},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [cost.p95_bps - cost.mean_bps],
                    "arrayminus": [cost.mean_bps - cost.p05_bps],
                    "color": MARKET,
                    "thickness": 1.6,
                    "width": 8,
                },
                hovertemplate="estimated %{y:+.2f} bps, 90 % within "
                f"{cost.p05_bps:+.2f} .. {cost.p95_bps:+.2f}<extra></extra>",
            )
        )
    made.update_xaxes(range=[-0.6, 6.1 if cost is not None else 4.6], tickangle=0, tickfont={"size": 11})
    made.update_yaxes(title={"text": "bps, positive = paid", "standoff": 12}, zeroline=True, zerolinecolor=QUIET)
    return made


def savings_figure(savings: Sequence[float]) -> Any:
    """Return the saving of each pair in rising order, with the mean and twice its standard error."""
    from plotly.graph_objects import Bar

    made = plain_figure(260, showlegend=False, bargap=0.25)
    ordered = sorted(savings)
    made.add_trace(
        Bar(
            x=list(range(1, len(ordered) + 1)),
            y=ordered,
            marker={"color": [SAVED if one > 0 else PAID for one in ordered], "opacity": 0.85},
            hovertemplate="%{y:+.2f} bps<extra></extra>",
        )
    )
    centre, error = mean(ordered), stdev(ordered) / len(ordered) ** 0.5
    made.add_hrect(y0=centre - 2 * error, y1=centre + 2 * error, fillcolor=MARKET, opacity=0.18, line_width=0)
    made.add_hline(y=centre, line={"color": MARKET, "width": 1.6})
    made.add_annotation(
        x=0, xref="paper", xanchor="left", y=centre, yanchor="bottom", showarrow=False,
        text=f"mean {centre:+.2f} bps, band: two standard errors", font={"size": 12, "color": MARKET},
    )  # fmt: skip
    made.update_xaxes(title="pairs, by saving", showticklabels=False, ticks="")
    made.update_yaxes(title={"text": "saved, bps", "standoff": 12}, zeroline=True, zerolinecolor=QUIET)
    return made
