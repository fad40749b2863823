"""Conditions of a market as tables: for the terminal, for text, for notebooks; and the screen of ``watch``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nowake.core.conditions import Conditions, Measure
from nowake.core.instrument import Listing
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.core.view import Integrity
from nowake.view import format as f

SCORES = (("liquidity", "density"), ("volatility", "volatility"), ("spread", "spread"), ("volume", "volume_rate"))
WORDS = {
    "bid_size": "size at the bid",
    "ask_size": "size at the ask",
    "spread_now": "spread now",
    "touch": "size that the order meets at the touch",
    "density": "density",
    "volume_rate": "volume",
    "effective_spread": "effective spread",
    "resilience": "half-life of a widened spread",
    "of_day": "part of a day",
    "time_to_trade": "time to trade",
    "sweep_cost": "cost to sweep now",
    "sweep_filled": "filled by that sweep",
}
BAR = 16
LINE = "▁▂▃▄▅▆▇█"
TEXT_WIDTH = 118


def name_of(measure: Measure) -> str:
    """Return the name of a measure in words."""
    if measure.name.startswith("depth_"):
        _, band, side = measure.name.split("_")
        return f"depth within {band.removesuffix('bps')} bps, {side}"
    return WORDS.get(measure.name, measure.name.replace("_", " "))


def value_text(measure: Measure) -> str:
    """Return a value with its unit, a dash where it is not known; ``>=`` where the true one may be larger."""
    value = measure.value
    if value is None:
        return f.DASH
    if measure.name in ("of_day", "sweep_filled"):
        return f"{100 * value:.3g} %"
    if measure.name == "time_to_trade":
        return format_duration(max(1, round(value)) * 10**9)
    if measure.name == "imbalance":
        return f"{value:+.2f}"
    if measure.name in ("bid", "ask", "mid", "microprice"):
        shown = f"{value:,.{4 if abs(value) < 10_000 else 3}f}"
    elif abs(value) >= 100_000:
        shown = f.compact(value)
    else:
        shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{'>= ' if measure.at_least else ''}{shown} {measure.unit}".rstrip()


def _rounded(age_ns: int) -> int:
    """Return an age to the tenth of a second, from a second on."""
    return round(age_ns / 1e8) * 10**8 if age_ns >= 10**9 else age_ns


def bar(part: float | None) -> Text:
    """Return a percentile as a small bar, empty where it is not known."""
    if part is None:
        return Text("·" * BAR, style="dim")
    full = round(part * BAR)
    return Text.assemble(("█" * full, "cyan"), ("░" * (BAR - full), "dim"))


def percent_text(part: float | None) -> str:
    """Return a percentile as ``73 %``."""
    return f.DASH if part is None else f"{100 * part:.0f} %"


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return values as a line of blocks, at most ``width``, the last of every stretch; empty for none."""
    shown = [values[(k + 1) * len(values) // width - 1] for k in range(width)] if len(values) > width else list(values)
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    steps = len(LINE) - 1
    return "".join(LINE[round(steps * (one - low) / (high - low))] if high > low else LINE[3] for one in shown)


def _head(found: Conditions, listing: Listing, zone: str) -> Text:
    amount = f.quantity(listing.instrument, found.qty_units)
    when = f.moment(found.asof_ns, zone)
    line = Text.assemble(
        (found.side.name, "bold green" if found.side > 0 else "bold red"), f" {amount} ", (listing.key, "bold"),
        (f"   {when:%Y-%m-%d %H:%M:%S} {when.tzname() or zone}", "dim"),
    )  # fmt: skip
    if found.integrity != Integrity.OK:
        line.append(f"   {found.integrity}", style="bold yellow")
    return line


def scores_table(found: Conditions) -> RenderableType:
    """Return the four scores with their bars and the numbers behind them; under it why one is not known, once."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("score", no_wrap=True, min_width=10)
    table.add_column("", no_wrap=True, min_width=BAR)
    table.add_column("percentile", justify="right", no_wrap=True, min_width=5)
    table.add_column("of", overflow="ellipsis", no_wrap=True)
    reasons: dict[str, list[str]] = {}
    for name, behind in SCORES:
        score, one = getattr(found, f"{name}_score"), found.measure(behind)
        of = value_text(one) if behind == name else f"{name_of(one)} {value_text(one)}".removeprefix("volume ")
        table.add_row(name, bar(score), percent_text(score), of)
        if score is None:
            reasons.setdefault(one.why, []).append(name)
    said = [Text(f"{', '.join(names)}: {why}", style="dim") for why, names in reasons.items()]
    return Group(table, *said)


def summary_rows(found: Conditions) -> list[tuple[str, str, str, str]]:
    """Return what the market is like as (name, number, where in its own history, what it rests on)."""
    rows = []
    for name, behind in SCORES:
        score, one = getattr(found, f"{name}_score"), found.measure(behind)
        place = "" if score is None else f"above {percent_text(score)} of its own history"
        rests = [one.base, f"{one.sample:,} observed" if one.sample else "", one.why]
        if one.age_ns >= NS_PER_SECOND:
            rests.append(f"{format_duration(one.age_ns // NS_PER_SECOND * NS_PER_SECOND)} old")
        rows.append((name, value_text(one), place, ", ".join(text for text in rests if text)))
    return [*rows, ("size", found.size_class.value, "", found.size_why)]


def summary_table(found: Conditions) -> RenderableType:
    """Return what the market is like for the order of a plan, a line each."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="market", title_justify="left", title_style="bold")
    for name in ("", "now", "", "from"):
        table.add_column(name, header_style="dim", style="dim" if name == "from" else "")
    for row in summary_rows(found):
        table.add_row(*row)
    return Padding(Group(Text(), table), (0, 1))


def measures_table(found: Conditions) -> Table:
    """Return every measure with its sample, age and base."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("measure", "value", "percentile", "sample", "age", "of"):
        table.add_column(name, justify="right" if name in ("value", "percentile", "sample", "age") else "left")
    for one in found.measures:
        said = ": ".join(part for part in (one.base, one.why) if part)
        table.add_row(
            name_of(one),
            value_text(one),
            percent_text(one.percentile) if one.percentile is not None else "",
            f"{one.sample:,}" if one.known else "",
            f.duration(_rounded(one.age_ns)) if one.known else "",
            Text(said, style="dim"),
        )
    return table


def conditions_table(found: Conditions, listing: Listing, zone: str) -> RenderableType:
    """Return conditions as a table: the order, its size class, the scores, every measure."""
    size = Text.assemble("size class ", (found.size_class.value, "bold"), (f"  {found.size_why}", "dim"))
    return Group(_head(found, listing, zone), size, Text(), scores_table(found), Text(), measures_table(found))


def conditions_text(found: Conditions, listing: Listing, zone: str) -> str:
    """Return the table as plain text."""
    out = io.StringIO()
    Console(file=out, width=TEXT_WIDTH, highlight=False, no_color=True).print(conditions_table(found, listing, zone))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def conditions_html(found: Conditions, listing: Listing, zone: str) -> str:
    """Return the table as HTML for a notebook; every text of the data is escaped."""
    head = escape(_head(found, listing, zone).plain)
    rows = []
    for name, behind in SCORES:
        score = getattr(found, f"{name}_score")
        cells = f"<td><meter min='0' max='1' value='{score or 0:.3f}'></meter></td><td>{percent_text(score)}</td>"
        rows.append(f"<tr><td><b>{name}</b></td>{cells}<td>{escape(found.measure(behind).why)}</td></tr>")
    more = [
        f"<tr><td>{escape(name_of(one))}</td><td style='text-align:right'>{escape(value_text(one))}</td>"
        f"<td>{percent_text(one.percentile) if one.percentile is not None else ''}</td>"
        f"<td>{escape(': '.join(part for part in (one.base, one.why) if part))}</td></tr>"
        for one in found.measures
    ]
    size = f"size class <b>{found.size_class.value}</b> ({escape(found.size_why)})"
    return f"<div><p>{head}<br>{size}</p><table>{''.join(rows)}</table><table>{''.join(more)}</table></div>"


class Moment(NamedTuple):
    """What ``watch`` shows of an instant.

    Attributes:
        conditions: At that time.
        mids: Mid prices so far, evenly spaced, the oldest first.
        done: Part of the recording, in [0, 1].
        speed: Market time per second of the reader's time; None = as fast as it goes.
        bins: Closed so far.
        sized: Whether the user named an order; else what depends on its size is left out.
    """

    conditions: Conditions
    mids: Sequence[float]
    done: float
    speed: float | None
    bins: int
    sized: bool


def watch_screen(shown: Moment, listing: Listing, zone: str) -> RenderableType:
    """Return the screen of ``watch``."""
    found = shown.conditions
    facts = Table.grid(padding=(0, 2))
    for _ in range(4):
        facts.add_column(no_wrap=True)
    mid, micro, spread = (found.measure(name) for name in ("mid", "microprice", "spread_now"))
    for side in ("bid", "ask"):
        size = Text(f"x {value_text(found.measure(f'{side}_size'))}" if mid.known else "")
        facts.add_row(Text(side, "dim"), value_text(found.measure(side)), Text(), size)
    facts.add_row(Text("mid", "dim"), value_text(mid), Text("microprice", "dim"), value_text(micro))
    facts.add_row(
        Text("spread now", "dim"), value_text(spread), Text("imbalance", "dim"), value_text(found.measure("imbalance"))
    )
    facts.add_row(
        Text("volatility", "dim"), value_text(found.measure("volatility")),
        Text("volume", "dim"), value_text(found.measure("volume_rate")),
    )  # fmt: skip
    facts.add_row(
        Text("effective", "dim"), value_text(found.measure("effective_spread")),
        Text("half-life", "dim"), value_text(found.measure("resilience")),
    )  # fmt: skip
    blocks: list[RenderableType] = [_watch_head(shown, listing, zone)]
    if mid.why and not mid.known:
        blocks.append(Text(mid.why, style="yellow"))
    if shown.mids:
        low, high = min(shown.mids), max(shown.mids)
        line = Text.assemble((sparkline(shown.mids, 60), "cyan"), (f"  {low:,.2f} to {high:,.2f}", "dim"))
        blocks += [line]
    blocks += [Text(), facts, Text(), _depth_table(found), Text(), scores_table(found)]
    if shown.sized:
        blocks += [Text(), _order_lines(found)]
    rate = f"{shown.speed:g} x" if shown.speed else "as fast as it goes"
    under = f"{100 * shown.done:.0f} % of the recording, {shown.bins} bins, {rate}; Ctrl-C stops"
    return Panel(
        Group(*blocks), title=listing.key, title_align="left", subtitle=under, subtitle_align="left",
        border_style="cyan", padding=(0, 1),
    )  # fmt: skip


def _watch_head(shown: Moment, listing: Listing, zone: str) -> Text:
    found = shown.conditions
    when = f.moment(found.asof_ns, zone)
    line = Text(f"{when:%Y-%m-%d} ", style="dim")
    line.append(f"{when:%H:%M:%S}", style="bold")
    line.append(f" {when.tzname() or zone}", style="dim")
    if found.integrity != Integrity.OK:
        line.append(f"   {found.integrity}", style="bold yellow")
    elif listing.volume_base:
        line.append(f"   {listing.volume_base}", style="dim")
    return line


def _depth_table(found: Conditions) -> Table:
    """Return depth by distance, bids growing to the left and asks to the right."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="center", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    rows = [[found.measure(f"depth_{bps}bps_{side}") for side in ("bid", "ask")] for bps in (5, 10, 25)]
    most = max((one.value or 0.0 for pair in rows for one in pair), default=0.0) or 1.0
    for bps, (bid, ask) in zip((5, 10, 25), rows, strict=True):
        left, right = ("█" * round(16 * (one.value or 0.0) / most) for one in (bid, ask))
        said = Text(f"{bps} bps", style="dim")
        table.add_row(value_text(bid), Text(left, style="green"), said, Text(right, style="red"), value_text(ask))
    return table


def _order_lines(found: Conditions) -> Text:
    sweep, time = found.measure("sweep_cost"), found.measure("time_to_trade")
    line = Text.assemble(f"{found.side.name.lower()}: ", (found.size_class.value, "bold"), f", {found.size_why}\n")
    line.append(f"sweep now {value_text(sweep)}{f' ({sweep.why})' if sweep.why else ''}, ")
    line.append(f"{value_text(time)} {time.base.split(',')[0]}" if time.known else f"time not known: {time.why}")
    return line


def watch_line(shown: Moment, zone: str) -> str:
    """Return an instant as one plain line, for what is no terminal."""
    found = shown.conditions
    parts = [f.clock(found.asof_ns, zone)]
    for name in ("mid", "spread_now", "imbalance", "volatility", "volume_rate"):
        one = found.measure(name)
        parts.append(f"{name_of(one)} {value_text(one)}")
    scores = ", ".join(f"{name} {percent_text(getattr(found, f'{name}_score'))}" for name, _ in SCORES)
    return "  ".join([*parts, f"scores: {scores}"])
