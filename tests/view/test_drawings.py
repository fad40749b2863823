"""Ticket, summary, charts and page of full, partial and empty executions."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from rich.console import Console

from nowake.core.value import replace
from nowake.tca.report import ExecutionReport
from nowake.view import charts, terminal
from nowake.view.html import Page, page
from nowake.view.imitation import ImitationPage, Profile, imitation_page


def text_of(block: object, width: int = 120) -> str:
    console = Console(width=width, record=True, force_terminal=False, file=io.StringIO())
    console.print(block)
    return console.export_text()


def make(report: ExecutionReport, **more: object) -> str:
    return page(Page(report, (), "America/New_York", 3, "a tape", "run.db", "ab" * 32, "0.1.0", **more))  # type: ignore[arg-type]


def test_summary_tells_what_happened(report: ExecutionReport) -> None:
    text = text_of(terminal.summary(report, "UTC"))
    assert report.listing.key in text
    assert "arrival mid" in text
    assert "estimated" in text
    if report.residual_units:
        assert "not traded" in text
    assert "cap 0.15" not in text
    assert ("nothing filled" in text) == (report.filled_units == 0)


def test_the_estimate_of_a_later_plan_is_not_shown_as_that_of_the_order(filled: ExecutionReport) -> None:
    assert filled.estimate is not None
    assert "of the last plan" not in make(filled)
    later = replace(filled, estimate=replace(filled.estimate, p95_bps=filled.estimate.p95_bps + 1))
    assert "estimate, of the last plan" in make(later)


def test_a_page_of_a_market_made_like_another_has_no_empty_column() -> None:
    shape = Profile(spreads=(0.6, 0.4), depth=(100.0, 200.0))
    row = ("mean spread, ticks", "1.4", "1.4", "1.0", "")
    found = ImitationPage("X@LIKE like X@V", "some events", [row], (), shape, shape, "shares")
    assert "other seeds" not in imitation_page(found)
    assert "other seeds" in imitation_page(found._replace(rows=[(*row[:4], "1.01 +- 0.02")]))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_ticket_fits_the_terminal(filled: ExecutionReport, width: int) -> None:
    plan = filled.plan
    assert plan is not None
    mid2 = filled.market.arrival_mid2 if filled.market else 0
    block = terminal.ticket(filled.order, plan, filled.listing, "America/New_York", mid2)
    lines = text_of(block, width).splitlines()
    assert max(map(len, lines)) <= width
    assert "UTC" in "".join(lines)


def test_a_ticket_without_a_price_says_so(filled: ExecutionReport) -> None:
    assert filled.plan is not None
    plan = replace(filled.plan, cost=None)
    assert "no price is known" in text_of(terminal.ticket(filled.order, plan, filled.listing, "UTC", 0))


def test_a_long_schedule_is_cut_unless_asked(filled: ExecutionReport) -> None:
    plan = filled.plan
    assert plan is not None
    first = plan.slices[0]
    slices = tuple(
        replace(first, index=k, release_ns=first.release_ns + k, end_ns=first.release_ns + k + 1, qty_units=1)
        for k in range(100)
    )
    long = replace(plan, slices=slices, expected_volume=(0,) * 100, qty_units=100)
    assert "more" in text_of(terminal.plan_tables(long, filled.listing, "UTC"))
    full = text_of(terminal.plan_tables(long, filled.listing, "UTC", full=True))
    assert "more" not in full.split("why")[0]
    assert "not known" in full


def test_figures_show_every_fill(filled: ExecutionReport) -> None:
    figure = charts.price_figure(filled, "UTC")
    fills = sum(len(trace.x) for trace in figure.data if trace.name in ("posted", "taken"))
    assert fills == filled.statistics.fills


def test_schedule_ends_where_the_order_does(filled: ExecutionReport) -> None:
    done = next(trace for trace in charts.schedule_figure(filled, "UTC").data if trace.name == "done")
    assert done.y[-1] == 2000
    assert all(a <= b for a, b in pairwise(done.y))


def test_waterfall_adds_up(report: ExecutionReport) -> None:
    bars = charts.shortfall_figure(report).data[0]
    assert sum(bars.y[:4]) == pytest.approx(bars.y[4], abs=1e-9)


class Outside(HTMLParser):
    """Collects everything that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [str(v) for k, v in attrs if k in ("src", "href", "data", "action")]


def test_page_is_self_contained_and_small(report: ExecutionReport) -> None:
    text = make(report)
    parser = Outside()
    parser.feed(text)
    assert parser.found == []
    outside = re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", text, flags=re.DOTALL)
    assert "http" not in outside
    assert "{{" not in outside
    assert len(text) < 2_500_000
    assert "prefers-color-scheme: dark" in text


def test_page_holds_figures_and_plotly(filled: ExecutionReport) -> None:
    text = make(filled, savings=(0.1, -0.2, 0.4), comparison=("found", "because"))
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert set(figures) == {"price", "schedule", "shortfall", "savings"}
    code = re.search(r'id="plotly">(.*?)</script>', text, re.DOTALL)[1]  # type: ignore[index]
    assert b"Plotly" in gzip.decompress(base64.b64decode(code))
    assert 'id="savings"' in text


def test_page_escapes_what_it_is_told(filled: ExecutionReport) -> None:
    hostile = "</script><script>alert(1)</script>{{plotly}}"
    listing = filled.listing
    named = replace(listing, volume_base=hostile, instrument=replace(listing.instrument, base=hostile))
    text = make(replace(filled, listing=named), comparison=(hostile,), savings=(0.1, 0.2))
    assert "<script>alert" not in text
    assert text.count("</script>") == 3
