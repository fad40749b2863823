"""A decision of the router and the conditions it fell in: tables for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nowake.core.conditions import Conditions, Measure
from nowake.core.instrument import Listing
from nowake.core.routing import HEAD, StrategyDecision
from nowake.core.units import format_duration
from nowake.view import format as f

SCORES = ("liquidity", "volatility", "spread", "volume")
"""Scores of the conditions, and the measures behind them."""
BEHIND = {"liquidity": "density", "volume": "volume_rate"}
SHOWN = 6


def decision_table(made: StrategyDecision, listing: Listing) -> RenderableType:
    """Return the ranking, the best few, and why it came out so; what is done has a star."""
    blocks: list[RenderableType] = []
    rows = made.rows(SHOWN)
    if rows:
        count = len(made.ranking)
        title = f"ways to trade it, {count} weighed, bps" if count > 1 else "ways to trade it, bps"
        table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="bold")
        for k, name in enumerate(HEAD):
            table.add_column(name, justify="left" if k < 2 else "right", header_style="dim", no_wrap=True)
        for row in rows:
            table.add_row(*row, style="bold" if row[0].endswith("*") else "")
        blocks += [Text(), table]
    blocks += [Text(f"  {f.humanise(one, listing)}") for one in made.reasons]
    blocks += [Text(f"  not weighed: {one.what}: {one.reason}", style="dim") for one in made.excluded]
    return Padding(Group(*blocks), (0, 1))


def conditions_rows(found: Conditions) -> list[tuple[str, str, str, str]]:
    """Return what the market is like as (name, number, where in its own history, what it rests on)."""
    rows = [
        (name, *_measure(found.measure(BEHIND.get(name, name)), getattr(found, f"{name}_score"))) for name in SCORES
    ]
    return [*rows, ("size", found.size_class.value, "", found.size_why)]


def _measure(one: Measure, score: float | None) -> tuple[str, str, str]:
    number = "not known" if one.value is None else f"{'>= ' if one.at_least else ''}{one.value:.4g} {one.unit}".strip()
    place = "" if score is None else f"above {100 * score:.0f} % of its own history"
    rests = [one.base, f"{one.sample:,} observed" if one.sample else "", one.why]
    if one.age_ns >= 10**9:
        rests.append(f"{format_duration(one.age_ns // 10**9 * 10**9)} old")
    return number, place, ", ".join(text for text in rests if text)


def conditions_table(found: Conditions) -> RenderableType:
    """Return what the market is like for the order, a line each."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="market", title_justify="left", title_style="bold")
    for name in ("", "now", "", "from"):
        table.add_column(name, header_style="dim", style="dim" if name == "from" else "")
    for row in conditions_rows(found):
        table.add_row(*row)
    return Padding(Group(Text(), table), (0, 1))
