"""The JSON documents of the command line: human units, JSON numbers, ISO times. Built from plans and results.

Every document has ``schema`` and ``status``. A command that fails prints ``nowake/error/1`` instead of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from nowake.app.explain import Explanation
from nowake.app.order_list import Row, Total
from nowake.app.planning import Planned
from nowake.app.results import Result
from nowake.app.tapes import Imported
from nowake.core.conditions import Conditions, Measure
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import Assumption, ExecutionPlan, ExecutionSlice, Notice
from nowake.core.routing import StrategyDecision
from nowake.core.sessions import iso
from nowake.core.tape import Tape
from nowake.core.terms import show_terms
from nowake.core.units import NS_PER_SECOND, format_duration, json_number
from nowake.core.value import Value
from nowake.data.checks import CheckReport, allowed
from nowake.data.lake import LakeEntry
from nowake.models.card import Card
from nowake.plan.frontier import Frontier
from nowake.tca.document import candidate_document, choice_document, cost_document
from nowake.tca.document import document as report_document
from nowake.view.format import humanise, moment


def encode(document: dict[str, Any]) -> str:
    """Return a document as the one text that goes to standard output."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A name of a file may hold bytes that are no UTF-8; they come as surrogates, whose escape JSON knows.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def error_document(status: str, reason: str, remedy: str) -> dict[str, Any]:
    """Return what a command prints with ``--json`` when it is refused or fails.

    Args:
        status: ``refused`` or ``failed`` (exit code 1), ``halted`` (4), ``interrupted`` (130), ``error`` (2: the
            command line itself is wrong).
        reason: What is wrong, a clause.
        remedy: What to do about it, a phrase; empty = null.
    """
    return {"schema": "nowake/error/1", "status": status, "error": reason, "remedy": remedy or None}


def order_document(order: ParentOrder, listing: Listing, zone: str, mid2: int) -> dict[str, Any]:
    """Return an order with its unit, value and window in both clocks.

    Args:
        order: As it is worked.
        listing: Its own.
        zone: Of the local clock.
        mid2: Twice the mid it arrived at, price units; 0 = not known.
    """
    instrument, how = listing.instrument, order.parameters
    notional = float(instrument.notional(mid2, order.qty_units)) if mid2 else None
    if notional is not None:
        notional = notional * 2 if instrument.inverse else notional / 2
    return {
        "id": order.parent_id,
        "side": order.side.name.lower(),
        "quantity": json_number(instrument.qty(order.qty_units)),
        "unit": instrument.base,
        "notional": notional,
        "currency": instrument.currency,
        "symbol": instrument.symbol,
        "listing": listing.key,
        "venue": listing.venue,
        "strategy": order.strategy,
        "start": iso(order.start_ns),
        "end": iso(order.end_ns),
        "start_local": moment(order.start_ns, zone).isoformat(),
        "end_local": moment(order.end_ns, zone).isoformat(),
        "zone": zone,
        "over": format_duration(order.end_ns - order.start_ns),
        "end_behaviour": how.end_behaviour.value if how.end_behaviour else None,
        "must_complete": how.must_complete,
        "max_participation": how.participation_max,
        "urgency": how.urgency,
        "limit": json_number(instrument.price(how.limit_units)) if how.limit_units else None,
        "slices": how.slices,
        "terms": show_terms(how, listing),
    }


def slice_document(one: ExecutionSlice, expected: int, listing: Listing) -> dict[str, Any]:
    """Return one slice; ``expected_volume`` is that of others, null where it is not known."""
    instrument = listing.instrument
    return {
        "index": one.index,
        "release": iso(one.release_ns),
        "end": iso(one.end_ns),
        "quantity": json_number(instrument.qty(one.qty_units)),
        "participation": one.participation if expected else None,
        "expected_volume": json_number(instrument.qty(expected)) if expected else None,
        "tactic": one.tactic,
    }


def slices_document(plan: ExecutionPlan, listing: Listing) -> list[dict[str, Any]]:
    """Return all slices of a plan."""
    return [slice_document(one, v, listing) for one, v in zip(plan.slices, plan.expected_volume, strict=True)]


def notices(found: tuple[Notice, ...]) -> list[dict[str, str]]:
    """Return notices as a list of code and text."""
    return [{"code": one.code, "text": one.text} for one in found]


def assumptions(found: tuple[Assumption, ...]) -> list[dict[str, str]]:
    """Return assumptions as a list of name, value and why."""
    return [{"name": one.name, "value": one.value, "why": one.why} for one in found]


def card_document(card: Card) -> dict[str, Any]:
    """Return on what a belief was measured, or that it was stated."""
    return {
        "belief": card.belief,
        "text": card.text,
        "days": [day.isoformat() for day in card.days],
        "sources": list(card.sources),
        "score": dict(card.score),
        "warnings": list(card.warnings),
        "valid_until": card.valid_until.isoformat() if card.valid_until else None,
    }


def _plan_head(plan: ExecutionPlan) -> dict[str, Any]:
    known = [one.participation for one, v in zip(plan.slices, plan.expected_volume, strict=True) if v]
    return {
        "strategy": plan.strategy,
        "asof": iso(plan.asof_ns),
        "peak_participation": max(known) if known else None,
        "cost": cost_document(plan.cost),
        "reasons": list(plan.reasons),
    }


def plan_document(planned: Planned, elapsed_s: float | None = None, frontier: Frontier | None = None) -> dict[str, Any]:
    """Return what ``plan --json`` prints; without a time it took, as an element of a list."""
    listing, plan, mid2 = planned.listing, planned.plan, planned.mid2
    instrument = listing.instrument
    return {
        "schema": "nowake/plan/1",
        "status": "planned",
        "order": order_document(planned.order, listing, planned.zone, mid2),
        **_plan_head(plan),
        "slices": slices_document(plan, listing),
        "arrival_mid": float(instrument.price(mid2) / 2) if mid2 else None,
        "currency": instrument.currency,
        "unit": instrument.base,
        "venue": listing.venue,
        "volume_base": listing.volume_base,
        "cards": [card_document(one) for one in planned.cards],
        "assumed": assumptions(plan.assumed),
        "warnings": notices(plan.warnings),
        "decision": decision_document(planned.decision, listing),
        "seed": planned.seed,
        **({} if frontier is None else {"frontier": frontier_document(frontier)}),
        **({} if elapsed_s is None else {"elapsed_s": round(elapsed_s, 6)}),
    }


def decision_document(made: StrategyDecision | None, listing: Listing) -> dict[str, Any] | None:
    """Return what the router decided, with all that was weighed; None where nothing was."""
    if made is None:
        return None
    return {
        "asof": iso(made.asof_ns),
        "strategy": made.strategy,
        "override": made.override or None,
        "fallback": made.fallback or None,
        "risk_aversion": made.risk_aversion,
        "chosen": None if made.chosen is None else candidate_document(made.chosen),
        "costs_more_bps": made.costs_more_bps,
        "ranking": [candidate_document(one) for one in made.ranking],
        "excluded": [{"what": one.what, "reason": one.reason} for one in made.excluded],
        "reasons": list(made.reasons),
        "conditions": None if made.conditions is None else conditions_document(made.conditions, listing),
        "beliefs": made.beliefs,
    }


def conditions_document(conditions: Conditions, listing: Listing) -> dict[str, Any]:
    """Return conditions as plain JSON values: human units, ISO times, every measure with what it rests on."""
    return {
        "asof": iso(conditions.asof_ns),
        "listing": conditions.listing,
        "side": conditions.side.name.lower(),
        "quantity": json_number(listing.instrument.qty(conditions.qty_units)),
        "unit": listing.instrument.base,
        "integrity": str(conditions.integrity),
        "scores": {
            name: getattr(conditions, f"{name}_score") for name in ("liquidity", "volatility", "spread", "volume")
        },
        "size_class": conditions.size_class.value,
        "size_why": conditions.size_why,
        "norms": conditions.norms or None,
        "measures": {one.name: measure_document(one) for one in conditions.measures},
    }


def measure_document(one: Measure) -> dict[str, Any]:
    """Return a measure as plain JSON values."""
    return {
        "value": one.value,
        "unit": one.unit or None,
        "percentile": one.percentile,
        "sample": one.sample,
        "age_s": one.age_ns / NS_PER_SECOND,
        "base": one.base or None,
        "at_least": one.at_least,
        "why": one.why or None,
    }


def frontier_document(found: Frontier) -> dict[str, Any]:
    """Return what the order would cost over other horizons or at other rates, the shortest horizon first."""
    points = [
        {
            "horizon_s": one.horizon_ns / 1e9,
            "end": iso(one.end_ns),
            "rate": one.rate,
            "peak_participation": one.peak_participation or None,
            "slices": one.slices,
            "over_cap": one.over_cap,
            "chosen": one.chosen,
            "cost": cost_document(one.cost),
        }
        for one in found.points
    ]
    return {"strategy": found.strategy, "cap": found.cap, "points": points, "left_out": notices(found.left_out)}


def list_document(rows: Sequence[Row], sums: Sequence[Total], elapsed_s: float) -> dict[str, Any]:
    """Return what ``plan --orders --json`` prints: a plan or an error document for each row, and totals by currency."""
    made = []
    for row in rows:
        if row.planned is not None:
            made.append({"line": row.line, **plan_document(row.planned)})
        elif row.error is not None:
            made.append({"line": row.line, **error_document("refused", row.error.reason, row.error.remedy)})
    good = sum(row.planned is not None for row in rows)
    return {
        "schema": "nowake/plan-list/1",
        "status": "planned" if good == len(rows) else "partly refused" if good else "refused",
        "orders": made,
        "totals": [
            {
                "currency": one.currency,
                "orders": one.orders,
                "priced": one.priced,
                "bought": one.bought,
                "sold": one.sold,
                "cost": one.cost_mean,
                "cost_bps": one.cost_mean_bps,
                "cost_sd_if_independent": one.cost_sd,
            }
            for one in sums
        ],
        "elapsed_s": round(elapsed_s, 6),
    }


def result_document(result: Result, schema: str, *, full: bool) -> dict[str, Any]:
    """Return what ``work --json`` and ``tca --json`` print.

    Args:
        result: The run.
        schema: ``work`` or ``tca``.
        full: Slices, children and fills as lists rather than counts.
    """
    report = result.report
    listing, plan = report.listing, report.plan
    mid2 = report.market.arrival_mid2 if report.market else 0
    measured = report_document(report, full=full)
    residual = measured["residual"]
    if residual["reason"]:
        residual["reason"] = humanise(residual["reason"], listing)
    measured["status_reason"] = humanise(measured["status_reason"], listing)
    planned = None
    if plan is not None:
        slices = slices_document(plan, listing)
        planned = {**_plan_head(plan), "slices": slices if full else len(slices)}
    return {
        "schema": f"nowake/{schema}/1",
        "status": measured.pop("status"),
        "order": order_document(report.order, listing, result.zone, mid2),
        "plan": planned,
        **measured,
        "journal": str(result.path) if result.path else None,
        "journal_hash": result.journal_hash,
        "seed": result.header.seed,
        **({} if result.faults is None else {"faults": result.faults}),
        "elapsed_s": round(result.elapsed_s, 6),
    }


def explain_document(found: Explanation, result: Result) -> dict[str, Any]:
    """Return what ``explain --json`` prints."""
    listing = result.report.listing
    mid2 = result.report.market.arrival_mid2 if result.report.market else 0
    return {
        "schema": "nowake/explain/1",
        "status": result.report.status,
        "order": order_document(result.report.order, listing, result.zone, mid2),
        "children": [found.child_document(one) for one in found.children],
        "withheld": [found.withheld_document(one) for one in found.withheld],
        "slices": [one.to_dict(listing) for one in found.slices],
        "events": [found.event_document(one) for one in found.events],
        "choices": [choice_document(one) for one in result.report.chosen],
        "currency": listing.instrument.quote,
        "unit": listing.instrument.base,
        "venue": listing.venue,
        "journal": str(result.path) if result.path else None,
        "journal_hash": result.journal_hash,
    }


def explain_venues_document(told: Sequence[tuple[Result, Explanation]]) -> dict[str, Any]:
    """Return what ``explain --json`` prints of an order over several venues."""
    first = told[0][0]
    return {
        "schema": "nowake/explain-venues/1",
        "status": "ok",
        "venues": [explain_document(found, result) for result, found in told],
        "journal": str(first.path) if first.path else None,
        "journal_hash": first.journal_hash,
    }


def check_document(report: CheckReport) -> dict[str, Any]:
    """Return one tape's figures, every field of ``CheckReport``."""
    return builtins(report)


def checks_document(reports: tuple[CheckReport, ...], allow: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what ``tape check --json`` prints: the figures themselves for one tape, a list for several.

    The status is ``unsound`` when a tape has a fault that is not allowed.

    Raises:
        InputError: A fault that is allowed is not one.
    """
    accepted = allowed(allow)
    unsound = any(set(one.faults) - set(accepted) for one in reports)
    head = {"schema": "nowake/tape-check/1", "status": "unsound" if unsound else "ok"}
    if len(reports) == 1:
        return {**head, **check_document(reports[0])}
    return {**head, "tapes": [check_document(one) for one in reports]}


def import_document(made: Imported, out: Path, elapsed_s: float) -> dict[str, Any]:
    """Return what ``tape import --json`` prints."""
    tapes = [{**tape_document(tape), "files": [str(path) for path in files]} for tape, files in made]
    return {
        "schema": "nowake/tape-import/1",
        "status": "ok",
        "lake": str(out),
        "tapes": tapes,
        "elapsed_s": round(elapsed_s, 6),
    }


def builtins(value: Value) -> dict[str, Any]:
    """Return a value as JSON-able, fields at their defaults included."""
    return {name: msgspec.to_builtins(getattr(value, name)) for name in value.__struct_fields__}


def tape_document(tape: Tape) -> dict[str, Any]:
    """Return what a tape is."""
    meta, local = tape.meta, tape.t_local()
    return {
        "listing": tape.listing.key,
        "source": meta.source,
        "reader": meta.reader,
        "rows": len(tape),
        "first": iso(int(local[0])),
        "last": iso(int(local[-1])),
        "depth_levels": meta.depth_levels,
        "order_by_order": meta.order_by_order,
        "modelled": meta.modelled,
        "quarantined": meta.quarantined,
        "clock_offset_ms": meta.clock_offset_ns / 1e6,
        "resident_bytes": tape.nbytes,
        "session": tape.listing.session,
        "volume_base": tape.listing.volume_base,
        "content_hash": meta.content_hash,
    }


def lake_document(entry: LakeEntry) -> dict[str, Any]:
    """Return one day of one listing in a lake."""
    return {
        "listing": entry.listing.key,
        "day": entry.part.day.isoformat(),
        "rows": entry.part.rows,
        "source": entry.source,
        "session": entry.listing.session,
        "volume_base": entry.listing.volume_base,
        "content_hash": entry.content_hash,
        "file": entry.file,
    }
