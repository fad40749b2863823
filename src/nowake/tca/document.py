"""An execution report as plain JSON: human units, JSON numbers, times ISO with a Z."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nowake.core.instrument import Instrument
from nowake.core.plan import CostEstimate
from nowake.core.routing import Candidate, StrategyDecision
from nowake.core.sessions import iso
from nowake.core.units import json_number
from nowake.tca.report import ExecutionReport
from nowake.tca.shortfall import as_numbers
from nowake.tca.trail import ChildFill, ChildReport, ChosenAt

COST_PARTS = ("spread_bps", "temporary_bps", "permanent_bps", "transient_bps", "fees_bps", "opportunity_bps")
"""Parts of the mean; they sum to it."""


def price(instrument: Instrument, units: float | None) -> float | None:
    """Return a price in price units (whole or not) in human units, or None."""
    # By way of the shortest text of the float: 10014.60855 cents are 100.1460855, not 100.14608550000001.
    return None if units is None else float(Decimal(repr(units)) * instrument.price_unit)


def document(report: ExecutionReport, *, full: bool = False) -> dict[str, Any]:
    """Return what ``work --json`` and ``tca --json`` print of an execution, besides order, plan and journal.

    Args:
        report: From ``measure``.
        full: ``children`` and ``fills`` as lists rather than counts.
    """
    listing, market = report.listing, report.market
    instrument = listing.instrument
    vwap = market.vwap_units if market else None
    twap = market.twap_units if market else None
    children = [child_document(instrument, child) for child in report.children]
    fills = [
        {"child": child.order.child_id, **fill_document(instrument, one)}
        for child in report.children
        for one in child.fills
    ]
    return {
        "status": report.status,
        "status_reason": report.status_reason,
        "filled": json_number(instrument.qty(report.filled_units)),
        "residual": {
            "quantity": json_number(instrument.qty(report.residual_units)),
            "reason": report.residual_reason or None,
        },
        "avg_price": price(instrument, report.average_units),
        "arrival_mid": price(instrument, market.arrival_mid2 / 2) if market else None,
        "market_vwap": price(instrument, None if vwap is None else float(vwap)),
        "market_vwap_ex_own": price(instrument, report.vwap_ex_own_units),
        "market_twap": price(instrument, None if twap is None else float(twap)),
        "market_volume": json_number(instrument.qty(market.volume_units)) if market else None,
        "queue_model": report.queue_model or None,
        "fill_bounds": bounds_document(report.listing.instrument, report.filled_units, report.bounds),
        "own_unprinted": json_number(instrument.qty(report.own_unprinted_units)),
        "slippage_bps": {
            "arrival": report.slippage.arrival_bps,
            "vwap": report.slippage.vwap_bps,
            "twap": report.slippage.twap_bps,
        },
        "shortfall": as_numbers(instrument, report.shortfall) if report.shortfall else None,
        "fees": float(instrument.money(report.fees_money)),
        "participation": report.participation,
        "statistics": statistics_document(report),
        "children": children if full else len(children),
        "fills": fills if full else len(fills),
        "currency": instrument.currency,
        "unit": instrument.base,
        "venue": listing.venue,
        "volume_base": listing.volume_base,
        "choices": [choice_document(one) for one in report.chosen],
        "assumed": [{"name": one.name, "value": one.value, "why": one.why} for one in report.assumed],
        "warnings": [{"code": one.code, "text": one.text} for one in report.warnings],
    }


def bounds_document(instrument: Instrument, filled_units: int, bounds: tuple[int, int] | None) -> dict[str, Any] | None:
    """Return what would have been filled at worst, as estimated, and at best; None where no simulator said it."""
    if bounds is None:
        return None
    units = {"pessimistic": bounds[0], "estimate": filled_units, "optimistic": bounds[1]}
    return {name: json_number(instrument.qty(one)) for name, one in units.items()}


def choice_document(one: ChosenAt) -> dict[str, Any]:
    """Return one choice of a strategy: what is done, what made it fall, and what was weighed."""
    record = one.record
    return {
        "t": iso(one.t_ns),
        "strategy": record.order.strategy,
        "trigger": record.trigger.value,
        "reason": record.reason or None,
        **weighed_document(record.decision),
    }


def weighed_document(decision: StrategyDecision) -> dict[str, Any]:
    """Return what a router weighed, best first, and what it could not; scores and costs in basis points."""
    return {
        "override": decision.override or None,
        "fallback": decision.fallback or None,
        "risk_aversion": decision.risk_aversion,
        "chosen": None if decision.chosen is None else candidate_document(decision.chosen),
        "ranking": [candidate_document(one) for one in decision.ranking],
        "excluded": [{"what": one.what, "reason": one.reason} for one in decision.excluded],
        "reasons": list(decision.reasons),
        "beliefs": decision.beliefs,
    }


def candidate_document(one: Candidate) -> dict[str, Any]:
    """Return one way to work an order, priced."""
    return {
        "strategy": one.strategy,
        "words": one.words,
        "start": iso(one.start_ns),
        "end": iso(one.end_ns),
        "expected_end": iso(one.done_ns),
        "participation": one.participation_target,
        "peak_participation": one.peak_participation or None,
        "slices": one.slices,
        "score_bps": one.score_bps,
        "haste_bps": one.haste_bps,
        "cost": cost_document(one.cost),
    }


def cost_document(cost: CostEstimate | None) -> dict[str, Any] | None:
    """Return a cost estimate; ``parts`` sum to the mean, the two risks are standard deviations."""
    if cost is None:
        return None
    return {
        "mean_bps": cost.mean_bps,
        "sd_bps": cost.sd_bps,
        "p05_bps": cost.p05_bps,
        "p50_bps": cost.p50_bps,
        "p95_bps": cost.p95_bps,
        "parts": {name.removesuffix("_bps"): getattr(cost, name) for name in COST_PARTS},
        "timing_risk_bps": cost.timing_risk_bps,
        "parameter_sd_bps": cost.parameter_sd_bps,
    }


def statistics_document(report: ExecutionReport) -> dict[str, Any]:
    """Return the fill statistics."""
    found = report.statistics
    return {name: getattr(found, name) for name in found.__struct_fields__}


def child_document(instrument: Instrument, child: ChildReport) -> dict[str, Any]:
    """Return one child with its fills; a market order has no price, times that never came are null."""
    order = child.order
    return {
        "id": order.child_id,
        "t_sent": iso(child.t_sent_ns),
        "t_venue": iso(child.t_venue_ns) if child.t_venue_ns else None,
        "side": order.side.name.lower(),
        "type": order.order_type.value,
        "tif": order.tif.value,
        "price": json_number(instrument.price(order.price_units)) if order.price_units else None,
        "quantity": json_number(instrument.qty(order.qty_units)),
        "status": child.status.value,
        "slice": child.slice_index,
        "t_cancel": iso(child.t_cancel_ns) if child.t_cancel_ns else None,
        "fill_bounds": bounds_document(instrument, child.filled_units, child.bounds),
        "fills": [fill_document(instrument, one) for one in child.fills],
    }


def fill_document(instrument: Instrument, one: ChildFill) -> dict[str, Any]:
    """Return one fill; ``t`` is the venue's time."""
    fill = one.fill
    return {
        "t": iso(fill.t_venue_ns),
        "price": json_number(instrument.price(fill.price_units)),
        "quantity": json_number(instrument.qty(fill.qty_units)),
        "liquidity": fill.liquidity.value,
        "fee": float(instrument.money(fill.fee_money)),
    }
