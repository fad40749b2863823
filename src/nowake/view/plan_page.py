"""One plan as one self-contained HTML page: conditions, ranking, schedule, what another horizon would cost."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.routing import HEAD, StrategyDecision
from nowake.core.units import format_duration
from nowake.plan.frontier import Frontier
from nowake.view import format as f
from nowake.view.conditions import summary_rows
from nowake.view.curve import curve_figure
from nowake.view.frontier import fan_figure, frontier_figure
from nowake.view.html import shell, table, tile
from nowake.view.terminal import notional_of

PARTS = ("spread", "temporary", "permanent", "transient", "fees", "opportunity")


class PlanPage(NamedTuple):
    """What goes on a page.

    Attributes:
        order: As asked, with its defaults.
        plan: How it would be worked.
        listing: What is traded where.
        zone: Of local times.
        mid2: Twice the mid it arrives at, price units; 0 = not known.
        decision: Of the router; None = nothing was weighed.
        frontier: What other horizons or rates would cost; None = not known.
        version: Of nowake.
    """

    order: ParentOrder
    plan: ExecutionPlan
    listing: Listing
    zone: str
    mid2: int
    decision: StrategyDecision | None
    frontier: Frontier | None
    version: str


def plan_page(found: PlanPage) -> str:
    """Return the page."""
    order, listing = found.order, found.listing
    amount = f.quantity(listing.instrument, order.qty_units)
    side = order.side.name.lower()
    figures = {"curve": curve_figure(found.plan, listing, found.zone)}
    if found.frontier is not None and found.frontier.points:
        figures |= {"frontier": frontier_figure(found.frontier), "fan": fan_figure(found.frontier)}
    words = found.decision.chosen.words if found.decision and found.decision.chosen else found.plan.strategy
    body = [
        f'<header><h1><span class="{side}">{side.upper()}</span> {escape(amount)} {escape(listing.key)}</h1>',
        f'<span class="badge">{escape(words)}</span></header>',
        f'<p class="sub">{escape(_sub(found))}</p>',
        *(f'<p class="note">{escape(f.humanise(one.text, listing))}</p>' for one in found.plan.warnings),
        f'<div class="tiles">{"".join(tile(*one) for one in _tiles(found))}</div>',
        "<noscript><p>The charts need JavaScript; the tables below do not.</p></noscript>",
        _conditions(found),
        _ranking(found),
        _chart("Schedule", "The target, and in the shade what its slices leave open.", "curve", 300),
        *_frontier(found),
        f'<div class="two">{_card("Expected cost", _cost(found))}{_card("Why", _why(found))}</div>',
        _card("Assumed, not measured", _assumed(found)),
        f"<footer>{escape(f'nowake {found.version}')}</footer>",
    ]
    return shell(f"{side.upper()} {amount} {listing.key} - plan - nowake", "\n".join(body), figures)


def _sub(found: PlanPage) -> str:
    order = found.order
    over = format_duration(order.end_ns - order.start_ns)
    limits = f"at most {f.percent(order.parameters.participation_max)} of volume, urgency {order.parameters.urgency:g}"
    return f"{f.window(order.start_ns, order.end_ns, found.zone)} ({over}) · {limits}"


def _tiles(found: PlanPage) -> list[tuple[str, str, str]]:
    plan, made = found.plan, []
    value = notional_of(found.order, found.listing, found.mid2)
    instrument = found.listing.instrument
    currency = instrument.currency
    if value is not None:
        made.append((f"{f.compact(value)} {currency}", "value at the mid", ""))
    if plan.cost is not None:
        made.append((f"{plan.cost.mean_bps:+.2f} bps", "expected cost", "paid" if plan.cost.mean_bps > 0 else "saved"))
        band = plan.cost.p05_bps, plan.cost.p95_bps
        digits = 1 if max(map(abs, band)) < 10 else 0  # a tile is narrow
        made.append((" .. ".join(f"{one:+.{digits}f}" for one in band), "90 % within, bps", ""))
        made.append((f"{plan.cost.sd_bps:.2f} bps", "standard deviation", ""))
    made.append((str(len(plan.slices)), "slices", ""))
    known = [one.participation for one, v in zip(plan.slices, plan.expected_volume, strict=True) if v]
    if known:
        made.append((f.percent(max(known)), "peak of expected volume", ""))
    return made


def _card(title: str, inside: str, text: str = "") -> str:
    said = f"<p>{escape(text)}</p>" if text else ""
    return f'<section class="card"><h2>{escape(title)}</h2>{said}<div class="scroll">{inside}</div></section>'


def _chart(title: str, text: str, name: str, height: int) -> str:
    return _card(title, f'<div class="chart" id="{name}" style="height:{height}px"></div>', text)


def _conditions(found: PlanPage) -> str:
    decision = found.decision
    if decision is None or decision.conditions is None:
        return ""
    return _card("Market", table(summary_rows(decision.conditions), ("", "now", "", "from")))


def _ranking(found: PlanPage) -> str:
    decision = found.decision
    if decision is None:
        return ""
    rows = decision.rows(len(decision.ranking))
    made = table([(row[1], row[0], *row[2:]) for row in rows], ("way", "", *HEAD[2:]), numbers=frozenset(range(2, 9)))
    reasons = [("", f.humanise(one, found.listing)) for one in decision.reasons]
    reasons += [("not weighed", f"{one.what}: {one.reason}") for one in decision.excluded]
    text = "In basis points; a star marks what is done. Score = mean + haste + risk aversion x timing risk squared."
    return _card("Ways to trade it", (made if rows else "") + table(reasons), text)


def _frontier(found: PlanPage) -> list[str]:
    if found.frontier is None or not found.frontier.points:
        return []
    first = _chart("Cost against risk", f"{found.frontier.strategy} over other horizons or rates.", "frontier", 380)
    return [f'<div class="two">{first}{_chart("Cost by horizon", "Mean, and nine of ten outcomes.", "fan", 340)}</div>']


def _cost(found: PlanPage) -> str:
    cost = found.plan.cost
    if cost is None:
        return "<p>No price is known, so no cost is stated.</p>"
    rows = [(name, f"{getattr(cost, f'{name}_bps'):+.2f}") for name in PARTS if getattr(cost, f"{name}_bps")]
    rows += [
        ("mean", f"{cost.mean_bps:+.2f}"),
        ("sd, prices moving", f"{cost.timing_risk_bps:.2f}"),
        ("sd, parameters not known", f"{cost.parameter_sd_bps:.2f}"),
    ]
    return table(rows, ("", "bps"), numbers=frozenset({1}))


def _why(found: PlanPage) -> str:
    return table([("", f.humanise(one, found.listing)) for one in found.plan.reasons])


def _assumed(found: PlanPage) -> str:
    if not found.plan.assumed:
        return "<p>Nothing.</p>"
    return table([(one.name, one.value, one.why) for one in found.plan.assumed], ("what", "value", "why"))
