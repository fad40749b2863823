"""The page of an order over several venues: the whole, the table of the venues, and a price and a schedule of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from nowake.tca.report import ExecutionReport
from nowake.view import charts, html
from nowake.view import format as f
from nowake.view.venues import COLUMNS, NOTE, Whole, cells, sums, warnings

TEXTS = ("venue", "status")
"""Columns that are not numbers."""


class VenuePart(NamedTuple):
    """The order at one venue.

    Attributes:
        report: As measured.
        path: (local time, twice the mid) of its market; empty = the views of the engine.
        zone: Of local times.
        faults: What went wrong there on purpose (``sim.faults``); None = nothing was to.
    """

    report: ExecutionReport
    path: tuple[tuple[int, int], ...]
    zone: str
    faults: Mapping[str, Any] | None = None


class VenuesPage(NamedTuple):
    """What goes on a page.

    Attributes:
        parts: One a venue.
        whole: Their sums.
        window: Of the order, in words.
        seed, tapes, journal, journal_hash, version: Where it comes from.
    """

    parts: Sequence[VenuePart]
    whole: Whole
    window: str
    seed: int
    tapes: Sequence[str]
    journal: str
    journal_hash: str
    version: str


def venues_page(found: VenuesPage) -> str:
    """Return the page, self-contained."""
    whole = found.whole
    title, _, status = whole.title.rpartition(": ")
    badge = f"{status}, with a rest" if whole.left else status
    body = [
        f'<header><h1>{escape(title)}</h1><span class="badge">{escape(badge)}</span></header>',
        f'<p class="sub">{escape(found.window)}</p>',
        *(f'<p class="note">{escape(text)}</p>' for text in _notes(found)),
        f'<div class="tiles">{"".join(html.tile(number, words, "") for number, words in _tiles(whole))}</div>',
        "<noscript><p>The charts need JavaScript; the table does not.</p></noscript>",
        _card("Venue by venue", f'<p>{escape(NOTE)}</p><div class="scroll">{_table(found)}</div>'),
    ]
    if faults := [(one.report.listing.key, f.faults(one.faults)) for one in found.parts if one.faults is not None]:
        body.append(_card("Faults, made on purpose", html.table(faults)))
    figures = {}
    for k, part in enumerate(found.parts):
        price, schedule = f"price-{k}", f"schedule-{k}"
        figures[price] = charts.price_figure(part.report, part.zone, part.path)
        figures[schedule] = charts.schedule_figure(part.report, part.zone)
        said = f"Mid {'of the market' if part.path else 'as the engine saw it'}; a mark is a fill."
        key = part.report.listing.key
        body.append(_card(f"{key}: price and fills", f"<p>{said}</p>{_chart(price, 400)}"))
        body.append(_card(f"{key}: schedule and done", _chart(schedule, 300)))
    body.append(f"<footer>{_footer(found)}</footer>")
    return html.shell(f"{title} - nowake", "\n".join(body), figures)


def _tiles(whole: Whole) -> list[tuple[str, str]]:
    return [
        (f"{whole.filled} of {whole.asked}", "filled"),
        (whole.average, "average price"),
        (f"{whole.arrival} bps", "against each venue's mid at arrival, positive = paid"),
        (whole.fees, "fees"),
    ]


def _notes(found: VenuesPage) -> list[str]:
    """Return what was not traded in all, what each venue then left and why, and what each warns of."""
    said = [f"{found.whole.left}: not traded on any venue"] if found.whole.left else []
    for report in [part.report for part in found.parts]:
        if found.whole.left and report.residual_units:
            left = f.quantity(report.listing.instrument, report.residual_units)
            said.append(f"{report.listing.key} left {left}: {f.humanise(report.residual_reason, report.listing)}")
    return [*said, *(text for part in found.parts for text in warnings(part.report))]


def _table(found: VenuesPage) -> str:
    rows = [*(cells(part.report) for part in found.parts), sums(found.whole)]
    numbers = frozenset(k for k, name in enumerate(COLUMNS) if name not in TEXTS)
    return html.table(rows, COLUMNS, numbers=numbers)


def _card(title: str, inside: str) -> str:
    return f'<section class="card"><h2>{escape(title)}</h2>{inside}</section>'


def _chart(name: str, height: int) -> str:
    return f'<div class="chart" id="{name}" style="height:{height}px"></div>'


def _footer(found: VenuesPage) -> str:
    parts = [f"nowake {found.version}", *found.tapes, f"seed {found.seed}"]
    parts += [f"journal {found.journal}"] if found.journal else []
    return escape(" · ".join(part for part in [*parts, f"hash {found.journal_hash}"] if part))
