"""A decision of the router: a table for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nowake.core.instrument import Listing
from nowake.core.routing import HEAD, StrategyDecision
from nowake.view import format as f

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
