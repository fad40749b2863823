"""The target of a plan over time, with the band that its slices leave: what is released, and what must be done by then.

A slice is released at its begin and done at its end: at any moment the order lies between what the slices that have
ended add up to and what those that have begun do, and on target in between.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from nowake.core.instrument import Listing
from nowake.core.plan import ExecutionPlan
from nowake.view import charts
from nowake.view import format as f

WIDTH, HEIGHT = 60, 8
DOTS = " ▁▂▃▄▅▆▇█"


def band(plan: ExecutionPlan, t_ns: int) -> tuple[float, float, float]:
    """Return what must be done by a moment, the target, and what may be, as parts of the whole: low <= target <= high.

    The target rises evenly through each slice.
    """
    done = [0, *accumulate(one.qty_units for one in plan.slices)]
    ended = bisect_right([one.end_ns for one in plan.slices], t_ns)
    begun = bisect_left([one.release_ns for one in plan.slices], t_ns)
    low, high = done[ended] / plan.qty_units, done[max(begun, ended)] / plan.qty_units
    if begun <= ended:
        return low, low, low
    now = plan.slices[ended]
    into = (t_ns - now.release_ns) / (now.end_ns - now.release_ns)
    return low, low + now.qty_units / plan.qty_units * min(1.0, max(0.0, into)), high


def curve(plan: ExecutionPlan, end_ns: int, zone: str) -> RenderableType:
    """Return the target as a chart of letters, its band shaded, from the first release to the end of the window."""
    first = plan.slices[0].release_ns
    last = max(end_ns, plan.slices[-1].end_ns)
    columns = [band(plan, first + (last - first) * (k + 1) // WIDTH) for k in range(WIDTH)]
    lines = []
    for row in range(HEIGHT, 0, -1):
        line = Text(f"{100 * row // HEIGHT:>4} % " if row in (HEIGHT, HEIGHT // 2) else " " * 7, style="dim")
        for _, target, high in columns:
            eighths = min(8, max(0, round(8 * (target * HEIGHT - row + 1))))
            shaded = eighths == 0 and high * HEIGHT > row - 0.5
            line.append("░" if shaded else DOTS[eighths], style="dim cyan" if shaded else "cyan")
        lines.append(line)
    ends = f.clock(first, zone), f.clock(last, zone)
    axis = Text(" " * 7 + ends[0] + ends[1].rjust(WIDTH - len(ends[0])), style="dim")
    title = Text("target, and what slices that have begun may do ahead of it", style="bold")
    return Padding(Group(title, *lines, axis), (0, 1))


def curve_figure(plan: ExecutionPlan, listing: Listing, zone: str) -> Any:
    """Return the target over time as a Plotly figure, its band shaded."""
    from plotly.graph_objects import Scatter

    unit = float(listing.instrument.qty_unit) * plan.qty_units
    moments = sorted({t for one in plan.slices for t in (one.release_ns, one.end_ns)})
    # Just after each release the slice's quantity may be done: the band is a staircase.
    moments = sorted({*moments, *(t + 1 for t, _ in pairwise(moments))})
    found = [band(plan, t) for t in moments]
    times = charts.times(moments, zone)
    made = charts.plain_figure(300)
    low, high = [one * unit for one, _, _ in found], [one * unit for _, _, one in found]
    made.add_trace(charts.band_trace(times, low, high, "band"))
    made.add_trace(
        Scatter(
            x=times,
            y=[target * unit for _, target, _ in found],
            mode="lines",
            line={"color": charts.MARKET, "width": 1.8},
            name="target",
            hovertemplate="%{x|%H:%M:%S}  %{y:,.0f}<extra>target</extra>",
        )
    )
    made.update_yaxes(title={"text": listing.instrument.base, "standoff": 12}, rangemode="tozero", tickformat="~s")
    return made
