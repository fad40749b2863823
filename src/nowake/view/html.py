"""One execution as one self-contained HTML page: works offline, light and dark, readable without JavaScript.

Plotly's JavaScript is taken from the installed wheel and embedded once, compressed: the page has about 2 MB.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Any, NamedTuple

from nowake.core.units import format_duration
from nowake.tca.report import ExecutionReport
from nowake.view import charts
from nowake.view import format as f


class Page(NamedTuple):
    """What goes on a page.

    Attributes:
        report: The execution.
        path: (local time, twice the mid) of the market; empty = the views of the engine are drawn.
        zone: Of local times.
        seed, tape, journal, journal_hash, version: Where it comes from.
        savings: Of a paired comparison, bps each; empty = none was made.
        comparison: Its finding in sentences.
        faults: What went wrong on purpose (``sim.faults``); None = nothing was to.
    """

    report: ExecutionReport
    path: tuple[tuple[int, int], ...]
    zone: str
    seed: int
    tape: str
    journal: str
    journal_hash: str
    version: str
    savings: tuple[float, ...] = ()
    comparison: tuple[str, ...] = ()
    faults: Mapping[str, Any] | None = None


def page(found: Page) -> str:
    """Return the page."""
    report = found.report
    text = resources.files("nowake.view").joinpath("page.html").read_text(encoding="utf-8")
    title = (
        f"{report.order.side.name} {f.quantity(report.listing.instrument, report.order.qty_units)} {report.listing.key}"
    )
    parts = {
        "title": escape(f"{title} - nowake"),
        "headline": _headline(report),
        "status": escape(f"{report.status}, with a rest" if report.residual_units else report.status),
        "sub": _sub(found),
        "notes": _notes(report),
        "tiles": "".join(tile(*one) for one in _tiles(report)),
        "price_text": f"Mid {'of the market' if found.path else 'as the engine saw it'}; a mark is a fill.",
        "schedule_text": "What the plan wanted released by each moment, and what was filled.",
        "shortfall_text": "Against the mid at the decision; the parts add up. Diamond: the estimate, 90 % band.",
        "comparison": _comparison(found),
        "benchmarks": _benchmark_table(report),
        "account": _account(report),
        "plan": _plan_table(report),
        "children": _children_table(report, found.faults),
        "assumed": _assumed_table(report),
        "footer": _footer(found),
        "figures": _figures(found),
        "plotly": _plotly(),
    }
    return _filled(text, parts)


def shell(title: str, body: str, figures: dict[str, Any]) -> str:
    """Return another page in the same clothes.

    Args:
        title: Of the window.
        body: HTML of what stands on it; an element with a figure's name as id gets that figure.
        figures: Plotly's, by name.
    """
    text = resources.files("nowake.view").joinpath("page.html").read_text(encoding="utf-8")
    head, _, rest = text.partition("<main>")
    tail = rest[rest.index('<script type="application/json"') :]
    parts = {"title": escape(title), "body": body, "figures": _plain(figures), "plotly": _plotly()}
    return _filled(f"{head}<main>{{{{body}}}}</main>\n{tail}", parts)


def _filled(text: str, parts: dict[str, str]) -> str:
    """Return a template with its names filled in, in one pass from the left: what is filled in is not looked at."""
    made, at = [], 0
    while (start := text.find("{{", at)) >= 0:
        end = text.index("}}", start)
        made += [text[at:start], parts[text[start + 2 : end]]]
        at = end + 2
    return "".join([*made, text[at:]])


@cache
def _plotly() -> str:
    """Return Plotly's JavaScript, compressed and in letters."""
    code = resources.files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(code, 9, mtime=0)).decode("ascii")


def _figures(found: Page) -> str:
    """Return the figures of a report as JSON."""
    report, zone = found.report, found.zone
    figures = {
        "price": charts.price_figure(report, zone, found.path),
        "schedule": charts.schedule_figure(report, zone),
        "shortfall": charts.shortfall_figure(report),
    }
    if found.savings:
        figures["savings"] = charts.savings_figure(found.savings)
    return _plain(figures)


def _plain(figures: dict[str, Any]) -> str:
    """Return figures as JSON that cannot end a script element."""
    plain = {}
    for name, figure in figures.items():
        value = json.loads(figure.to_json())
        value["layout"].pop("template", None)
        plain[name] = {"data": value["data"], "layout": value["layout"]}
    return json.dumps(plain, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _headline(report: ExecutionReport) -> str:
    side = report.order.side.name.lower()
    amount = escape(f.quantity(report.listing.instrument, report.order.qty_units))
    return f'<span class="{side}">{side.capitalize()}</span> {amount} {escape(report.listing.key)}'


def _sub(found: Page) -> str:
    order = found.report.order
    over = format_duration(order.end_ns - order.start_ns)
    text = f"{order.strategy.upper()} over {over}, {f.window(order.start_ns, order.end_ns, found.zone)}"
    if found.zone != "UTC":
        text += f" ({f.window(order.start_ns, order.end_ns, 'UTC')})"
    return escape(text)


def _notes(report: ExecutionReport) -> str:
    said = [f.humanise(one.text, report.listing) for one in report.warnings]
    if report.residual_units:
        left = f.quantity(report.listing.instrument, report.residual_units)
        nothing = "" if report.filled_units else "Nothing filled: "
        said.insert(0, f"{nothing}{left} not traded: {f.humanise(report.residual_reason, report.listing)}")
    return "".join(f'<p class="note">{escape(text)}</p>' for text in said)


def _tiles(report: ExecutionReport) -> list[tuple[str, str, str]]:
    """Return (number, words, class) of what is looked at first."""
    listing, instrument = report.listing, report.listing.instrument
    filled = f.filled(report.filled_units, report.order.qty_units)
    made = [(filled, f"filled, {f.quantity(instrument, report.filled_units)}", "")]
    if report.average_units is not None:
        made.append((f.price(listing, report.average_units, more=2), f"average price, {instrument.quote}", ""))
    if report.shortfall is not None:
        total = report.shortfall.total_bps
        money = f.money(float(instrument.money(report.shortfall.total_money)), _currency(report), sign=True)
        made.append((f"{total:+.2f} bps", f"shortfall, {money}", "paid" if total > 0 else "saved"))
    for name, value in (("VWAP", report.slippage.vwap_bps), ("TWAP", report.slippage.twap_bps)):
        if value is not None:
            made.append((f"{value:+.2f} bps", f"against market {name}", "paid" if value > 0 else "saved"))
    made.append((f.percent(report.participation), "of the market's volume", ""))
    return made


def tile(number: str, words: str, style: str) -> str:
    """Return a number in large letters over what it is; the style is a class of the page's."""
    return f'<div class="tile"><b class="{style}">{escape(number)}</b><span>{escape(words)}</span></div>'


def _currency(report: ExecutionReport) -> str:
    return report.listing.instrument.currency


def table(rows: Iterable[Sequence[str]], head: Sequence[str] = (), *, numbers: frozenset[int] = frozenset()) -> str:
    """Return a table; the first cell of a row names it, the columns in ``numbers`` are set right."""

    def cells(row: Sequence[str], tag: str) -> str:
        made = []
        for k, text in enumerate(row):
            name = "th" if k == 0 or tag == "th" else "td"
            kind = ' class="n"' if k in numbers else ""
            made.append(f"<{name}{kind}>{escape(text)}</{name}>")
        return "".join(made)

    top = f"<tr>{cells(head, 'th')}</tr>" if head else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table>{top}{body}</table>"


def _benchmark_table(report: ExecutionReport) -> str:
    market, listing, slippage = report.market, report.listing, report.slippage
    if market is None:
        return "<p>Not known.</p>"
    vwap, twap = market.vwap_units, market.twap_units
    rows = []
    for name, units, cost in (
        ("arrival mid", market.arrival_mid2 / 2, slippage.arrival_bps),
        ("market VWAP", None if vwap is None else float(vwap), slippage.vwap_bps),
        ("market TWAP", None if twap is None else float(twap), slippage.twap_bps),
    ):
        rows.append((name, f.DASH if units is None else f.price(listing, units, more=2), f.bps(cost)))
    return table(rows, ("", "price", "slippage, bps"), numbers=frozenset({1, 2}))


def _account(report: ExecutionReport) -> str:
    shortfall, instrument = report.shortfall, report.listing.instrument
    if shortfall is None:
        return "<p>Not known.</p>"
    scale = shortfall.total_bps / shortfall.total_money if shortfall.total_money else 0.0
    rows = []
    for name in ("delay", "trading", "opportunity", "fees", "total"):
        money = getattr(shortfall, f"{name}_money")
        value = shortfall.total_bps if name == "total" else money * scale
        rows.append((name, f"{float(instrument.money(money)):+,.4f}", f"{value:+.3f}"))
    return table(rows, ("", _currency(report), "bps"), numbers=frozenset({1, 2}))


def _plan_table(report: ExecutionReport) -> str:
    plan = report.plan
    if plan is None:
        return "<p>The order was refused.</p>"
    rows = [("slices", str(len(plan.slices))), ("cap", f.percent(plan.cap))]
    if plan.cost is not None:
        cost = plan.cost
        # The rest planned again has an estimate of its own; the diamond and the summary show that of the whole order.
        label = "estimate" if report.estimate in (None, cost) else "estimate, of the last plan"
        rows.append((label, f"{cost.mean_bps:+.2f} bps, 90 % within {cost.p05_bps:+.2f} .. {cost.p95_bps:+.2f}"))
        for name in ("spread", "temporary", "permanent", "transient", "fees", "opportunity"):
            value = getattr(cost, f"{name}_bps")
            if value:
                rows.append((f"  {name}", f"{value:+.2f} bps"))
    rows += [("why" if k == 0 else "", f.humanise(reason, report.listing)) for k, reason in enumerate(plan.reasons)]
    return table(rows)


def _children_table(report: ExecutionReport, faults: Mapping[str, Any] | None) -> str:
    found = report.statistics

    def seconds(value: float | None) -> str:
        return f.DASH if value is None else f.duration(int(value * 1e9))

    rows: tuple[tuple[str, str], ...] = (
        ("sent", str(found.children)),
        ("fills", str(found.fills)),
        ("posted", f.DASH if found.maker_share is None else f"{f.percent(found.maker_share)} of the quantity"),
        ("filled of what was sent", f.percent(found.fill_rate)),
        ("half filled within", seconds(found.time_to_fill_median_s)),
        ("cancelled, expired, refused", f"{found.cancels}, {found.expired}, {found.rejects}"),
    )
    if report.queue_model:
        unit = report.listing.instrument
        rows += (("queues", f.queues(report.queue_model, unit, report.filled_units, report.bounds)),)
    if faults is not None:
        rows += (("faults", f.faults(faults)),)
    return table(rows)


def _assumed_table(report: ExecutionReport) -> str:
    if not report.assumed:
        return "<p>Nothing.</p>"
    return table([(one.name, one.value, one.why) for one in report.assumed], ("what", "value", "why"))


def _comparison(found: Page) -> str:
    if not found.savings:
        return ""
    first, *rest = found.comparison
    more = "".join(f"<p>{escape(text)}</p>" for text in rest)
    chart = '<div class="chart" id="savings" style="height:260px"></div>'
    return f'<section class="card"><h2>{escape(first)}</h2>{more}{chart}</section>'


def _footer(found: Page) -> str:
    parts = [f"nowake {found.version}", found.tape, f"seed {found.seed}"]
    parts += [f"journal {found.journal}"] if found.journal else []
    volume = found.report.listing.volume_base
    parts += [f"volume counts {volume}"] if volume else []
    return escape(" · ".join(part for part in [*parts, f"hash {found.journal_hash}"] if part))
