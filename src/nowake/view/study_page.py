"""Findings of a study as one page: values with their errors as dots on a line, and the tables they come from."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from nowake.view import charts, html

COLOURS = (charts.MARKET, charts.TAKER, charts.DONE, "#a06cd5", charts.INK)
"""Of the series of a panel, over again when there are more."""
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")
ROW, EDGES = 26, 110
"""Pixels of a line of dots, and of what stands around them."""


class Dot(NamedTuple):
    """A value by name; ``error``: half the length of its bar, 0 = none is drawn."""

    name: str
    value: float
    error: float = 0.0


class Panel(NamedTuple):
    """A chart: lines by name from top to bottom, on each a dot of every series that has one.

    Attributes:
        name: Of the element.
        title, words: Over it.
        axis: What the values are, with their unit.
        series: (name, dots); a series without a name is not in the legend.
    """

    name: str
    title: str
    words: str
    axis: str
    series: Sequence[tuple[str, Sequence[Dot]]]

    @property
    def height(self) -> int:
        """Return how many pixels high it is."""
        return EDGES + ROW * len({dot.name for _, dots in self.series for dot in dots})


class Sheet(NamedTuple):
    """A table: title, head, rows; columns from ``numbers`` on are set right."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: int = 1


def dots_figure(panel: Panel) -> Any:
    """Return the chart of a panel."""
    from plotly.graph_objects import Scatter

    names = list(dict.fromkeys(dot.name for _, dots in panel.series for dot in dots))
    made = charts.plain_figure(panel.height, showlegend=any(name for name, _ in panel.series))
    for k, (name, dots) in enumerate(panel.series):
        shift = 0.0 if len(panel.series) == 1 else 0.5 * (k / (len(panel.series) - 1) - 0.5)
        made.add_trace(
            Scatter(
                x=[dot.value for dot in dots],
                y=[names.index(dot.name) + shift for dot in dots],
                mode="markers",
                marker={"color": COLOURS[k % len(COLOURS)], "symbol": SYMBOLS[k % len(SYMBOLS)], "size": 9},
                error_x=_bars(dots),
                name=name,
                text=[dot.name for dot in dots],
                hovertemplate="%{text}: %{x}<extra>" + escape(name) + "</extra>",
            )
        )
    made.add_vline(x=0, line={"color": charts.QUIET, "width": 1})
    made.update_xaxes(title={"text": panel.axis}, showgrid=True)
    made.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.4, -0.6],
        showgrid=False,
        ticks="",
        zeroline=False,
    )
    return made


def _bars(dots: Sequence[Dot]) -> dict[str, Any] | None:
    if not any(dot.error for dot in dots):
        return None
    return {"type": "data", "array": [dot.error for dot in dots], "thickness": 1.4, "width": 4}


def study_page(title: str, under: str, panels: Sequence[Panel], sheets: Sequence[Sheet]) -> str:
    """Return the whole page, self-contained."""
    body = [
        f"<header><h1>{escape(title)}</h1></header>",
        f'<p class="sub">{escape(under)}</p>',
        "<noscript><p>The charts need JavaScript; the tables below do not.</p></noscript>",
    ]
    for one in panels:
        chart = f'<div class="chart" id="{escape(one.name)}" style="height:{one.height}px"></div>'
        body.append(_card(one.title, f"<p>{escape(one.words)}</p>{chart}"))
    for sheet in sheets:
        numbers = frozenset(range(sheet.numbers, len(sheet.head)))
        body.append(
            _card(sheet.title, f'<div class="scroll">{html.table(sheet.rows, sheet.head, numbers=numbers)}</div>')
        )
    return html.shell(f"{title} - nowake", "\n".join(body), {one.name: dots_figure(one) for one in panels})


def _card(title: str, inside: str) -> str:
    return f'<section class="card"><h2>{escape(title)}</h2>{inside}</section>'
