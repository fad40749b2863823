"""The table of ``explain``: one row for each child, each thing withheld, each turn of the parent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_STYLE = {"filled": "", "unfilled": "dim", "withheld": "yellow", "event": "bold cyan"}


class DecisionRow(NamedTuple):
    """One row, as text; ``kind`` is filled, unfilled, withheld or event."""

    when: str
    slice_index: str
    what: str
    saw: str
    why: str
    gate: str
    became: str
    kind: str


def decision_table(rows: Sequence[DecisionRow], zone: str) -> RenderableType:
    """Return the decisions of one parent in order of time."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"time, {zone}", no_wrap=True)
    table.add_column("slice", justify="right", no_wrap=True)
    for name in ("what", "saw: size x bid | ask x size", "why", "gate", "what became of it"):
        table.add_column(name, no_wrap=name.startswith(("what", "saw")) and name != "what became of it")
    for row in rows:
        style = _STYLE.get(row.kind, "")
        if row.kind == "event":
            table.add_row(row.when, "", Text(row.what), "", Text(row.why), "", "", style=style)
        else:
            table.add_row(row.when, row.slice_index, row.what, row.saw, row.why, row.gate, row.became, style=style)
    return table
