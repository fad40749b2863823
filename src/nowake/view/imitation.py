"""A recorded market beside one that was made like it: spread and depth as pictures, figures as a table, one page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from nowake.view import charts, html

Row = tuple[str, str, str, str, str]
"""A figure, recorded, made, made / recorded, mean of other seeds / recorded."""


class Profile(NamedTuple):
    """One market's shape, for a picture.

    Attributes:
        spreads: Part of the time at a spread of 1, 2, ... ticks.
        depth: Mean quantity at each distance from the reference price, 0.5, 1.5, ... ticks; None = not recorded.
    """

    spreads: Sequence[float]
    depth: Sequence[float | None]


class ImitationPage(NamedTuple):
    """What the page shows.

    Attributes:
        title: Of it.
        fitted: To what, in a clause.
        rows: Of the table.
        notes: Warnings.
        recorded, made: Shapes.
        quantity_unit: In words.
    """

    title: str
    fitted: str
    rows: Sequence[Row]
    notes: Sequence[str]
    recorded: Profile
    made: Profile
    quantity_unit: str


HEIGHT = 300
HEAD = ("mean over market time", "recorded", "made", "ratio", "other seeds")


def spread_figure(recorded: Profile, made: Profile) -> Any:
    """Return how long the spread was how wide."""
    from plotly.graph_objects import Bar

    last = max((k for one in (recorded, made) for k, part in enumerate(one.spreads) if part > 0.002), default=0) + 1
    drawn = charts.plain_figure(HEIGHT, barmode="group", bargap=0.15)
    for one, name, colour in ((recorded, "recorded", charts.QUIET), (made, "made", charts.MARKET)):
        parts = [100 * part for part in one.spreads[:last]]
        drawn.add_trace(
            Bar(
                x=list(range(1, last + 1)),
                y=parts,
                name=name,
                marker={"color": colour},
                hovertemplate="%{x} ticks: %{y:.1f} %<extra>" + name + "</extra>",
            )
        )
    drawn.update_xaxes(title={"text": "spread, ticks"})
    drawn.update_yaxes(title={"text": "part of the time, %", "standoff": 12}, rangemode="tozero")
    return drawn


def depth_figure(recorded: Profile, made: Profile, quantity_unit: str) -> Any:
    """Return the mean size at each distance from the reference price."""
    from plotly.graph_objects import Scatter

    drawn = charts.plain_figure(HEIGHT)
    for one, name, colour, dash in (
        (recorded, "recorded", charts.QUIET, "dot"),
        (made, "made", charts.MARKET, "solid"),
    ):
        drawn.add_trace(
            Scatter(
                x=[k + 0.5 for k in range(len(one.depth))],
                y=list(one.depth),
                mode="lines+markers",
                line={"color": colour, "width": 1.8, "dash": dash},
                name=name,
                hovertemplate="%{x} ticks: %{y:,.4~g}<extra>" + name + "</extra>",
            )
        )
    drawn.update_xaxes(title={"text": "distance from the reference price, ticks"})
    drawn.update_yaxes(title={"text": quantity_unit, "standoff": 12}, rangemode="tozero")
    return drawn


def imitation_page(found: ImitationPage) -> str:
    """Return the whole page, self-contained."""
    body = [
        f"<header><h1>{escape(found.title)}</h1></header>",
        f'<p class="sub">fitted to {escape(found.fitted)}</p>',
        *(f'<p class="note">{escape(note)}</p>' for note in found.notes),
        "<noscript><p>The charts need JavaScript; the table below does not.</p></noscript>",
        _card("Figures", f"<p>* not calibrated</p>{_figures(found.rows)}"),
        _chart("Spread", "How long it was how wide.", "spread"),
        _chart("Depth", "Mean size at each distance from the reference price, bids and asks together.", "depth"),
    ]
    figures = {
        "spread": spread_figure(found.recorded, found.made),
        "depth": depth_figure(found.recorded, found.made, found.quantity_unit),
    }
    return html.shell(f"{found.title} - nowake", "\n".join(body), figures)


def _chart(title: str, words: str, name: str) -> str:
    return _card(title, f'<p>{words}</p><div class="chart" id="{name}" style="height:{HEIGHT}px"></div>')


def _figures(rows: Sequence[Row]) -> str:
    width = len(HEAD) if any(row[4] for row in rows) else len(HEAD) - 1
    return html.table([row[:width] for row in rows], HEAD[:width], numbers=frozenset({1, 2, 3, 4}))


def _card(title: str, inside: str) -> str:
    return f'<section class="card"><h2>{title}</h2>{inside}</section>'
