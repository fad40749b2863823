"""Small tables: tapes, checks, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nowake.core.value import Value


def imported(made: Sequence[tuple[str, int, int]], out: Path, elapsed_s: float) -> RenderableType:
    """Return what was imported: (listing, rows, files) each."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("listing")
    table.add_column("rows", justify="right")
    table.add_column("files", justify="right")
    for listing, rows, files in made:
        table.add_row(listing, f"{rows:,}", str(files))
    return Group(table, Text(f"in {out}, {elapsed_s:.2f} s", style="dim"))


def facts(found: dict[str, Any]) -> RenderableType:
    """Return names and values, one a line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in found.items():
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        table.add_row(name.replace("_", " "), shown)
    return Group(table, Text())


def imitated(rows: Sequence[tuple[str, ...]], fitted: str, made: str, out: Path) -> RenderableType:
    """Return how a market that was made compares with the recorded one: a figure and its values in words each."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("mean over market time")
    for name in ("recorded", "made", "ratio", *(["other seeds"] if any(row[4] for row in rows) else [])):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row[: len(table.columns)])
    last = Text(f"* not calibrated; {made} in {out}", style="dim")
    return Group(Text(f"fitted to {fitted}"), Text(), table, Text(), last)


def checked(report: Value) -> RenderableType:
    """Return a check report; its faults last and in colour."""
    values = {name: getattr(report, name) for name in report.__struct_fields__}
    faults = values.pop("faults")
    shown = {name: value for name, value in values.items() if value != () and value != ""}
    verdict = Text(f"unsound: {', '.join(faults)}", style="bold red") if faults else Text("sound", style="bold green")
    return Group(facts(shown), verdict, Text())


def compared(pairs: Sequence[tuple[int, float, float]], words: Sequence[str], *, good: bool) -> RenderableType:
    """Return a paired comparison: (seed, ours, naive) in bps each, and the finding in sentences."""
    reach = max((abs(naive - ours) for _, ours, naive in pairs), default=0.0) or 1.0
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("seed", "naive TWAP, bps", "nowake, bps", "saved, bps"):
        table.add_column(name, justify="right")
    table.add_column("")
    for seed, ours, naive in pairs:
        saved = naive - ours
        bar = Text("█" * max(1, round(16 * abs(saved) / reach)), style="green" if saved > 0 else "red")
        table.add_row(str(seed), f"{naive:+.2f}", f"{ours:+.2f}", f"{saved:+.2f}", bar)
    said = [Text(words[0], style="bold green" if good else "bold yellow")]
    said += [Text(line, style="dim") for line in words[1:]]
    return Group(table, Text(), *said)


def next_steps(commands: Sequence[tuple[str, str]], page: str, journal: str) -> RenderableType:
    """Return what to try next: (command, what it gives) each."""
    table = Table.grid(padding=(0, 3))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="dim")
    for command, gives in commands:
        table.add_row(command, gives)
    where = facts({"page": page, "journal": journal})
    return Group(Text(), where, Text("try next", style="bold"), table)
