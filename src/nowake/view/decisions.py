"""What ``explain`` shows: two lines for each child and each thing withheld, one for each turn of the parent.

Then the slices that ended with something wanted and not sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_INDENT = 19
"""Columns that a second line stands in; a text too long for the terminal goes on under itself."""
_STYLE = {"filled": "bold", "unfilled": "", "withheld": "yellow", "event": "bold cyan"}


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


class MissedRow(NamedTuple):
    """A slice that ended with something wanted and not sent, as text."""

    window: str
    slice_index: str
    missing: str
    of: str
    why: tuple[str, ...]


def decision_list(rows: Sequence[DecisionRow], zone: str) -> RenderableType:
    """Return the decisions of one parent in order of time."""
    wide = max((len(row.what) for row in rows if row.kind != "event"), default=0)
    seen = max((len(row.saw) for row in rows), default=0)
    lines: list[RenderableType] = [Text(f"time in {zone}; saw: size x bid | ask x size", style="dim")]
    for row in rows:
        if row.kind == "event":
            event = Table.grid()
            event.add_column(no_wrap=True)
            event.add_column()
            event.add_row(Text.assemble((row.when, "dim"), "       ", (row.what, _STYLE["event"]), "  "), row.why)
            lines.append(event)
            continue
        style = _STYLE[row.kind]
        head = ((row.when, "dim"), f" {'#' + row.slice_index:>5} ", (row.what.ljust(wide), style))
        lines.append(Text.assemble(*head, ("  saw ", "dim"), row.saw.ljust(seen), ("  gate ", "dim"), row.gate))
        became = (row.became, "green" if row.kind == "filled" else "dim")
        lines.append(Padding(Text.assemble((f"{row.why} -> ", "dim"), became), (0, 0, 0, _INDENT), expand=False))
    return Group(*lines)


def missed_list(rows: Sequence[MissedRow]) -> RenderableType:
    """Return the slices that wanted more than was sent, and every reason for it."""
    lines: list[RenderableType] = [Text("wanted at the end of a slice and not sent:", style="bold yellow")]
    for row in rows:
        head = ((row.window, "dim"), f" {'#' + row.slice_index:>5} ", (row.missing, "yellow"), (f"  ({row.of})", "dim"))
        lines.append(Text.assemble(*head))
        lines += [Padding(Text(why, style="dim"), (0, 0, 0, _INDENT + 7), expand=False) for why in row.why]
    return Group(*lines)


def detail(facts: Sequence[tuple[str, str]]) -> RenderableType:
    """Return facts about one child, a line each."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column()
    for what, text in facts:
        rows.add_row(what, Text(text))
    return rows
