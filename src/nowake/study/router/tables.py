"""The findings of a router study as tables of text, for a terminal, a page and a document alike."""

from __future__ import annotations

from collections.abc import Sequence

from nowake.study.router.findings import (
    GROUPS,
    Panel,
    Twins,
    best_fixed,
    calibration,
    chosen,
    level,
    mean_difference,
    objective_difference,
    panels,
    twins_of,
)
from nowake.study.router.outcomes import FIXED, MEASURES, ROUTED, Outcome
from nowake.study.statistics import Interval
from nowake.study.table import Table

STRATEGIES = (*FIXED, ROUTED)
SAME_BPS = 0.01
"""A difference whose whole interval is smaller is none."""


def tables_of(outcomes: Sequence[Outcome]) -> list[Table]:
    """Return every table that the orders support."""
    worked = {one.task.strategy for one in outcomes}
    strategies = tuple(name for name in STRATEGIES if name in worked)
    sets, _ = twins_of(outcomes, strategies)
    urgencies = sorted({one.task.cell.urgency for one in outcomes}, key=lambda u: (u != 0.5, u))
    made = [_counts(outcomes, sets, strategies)]
    for urgency in urgencies:
        made.append(_levels(sets, strategies, urgency))
        if ROUTED in strategies:
            made += [_differences(sets, strategies, urgency, measure) for measure in MEASURES]
    if ROUTED in strategies:
        made += [_by_market(sets, strategies), _choices(outcomes)]
    return [*made, *(_calibration(outcomes, strategies, measure) for measure in MEASURES)]


def _pooled(
    sets: Sequence[Twins], strategies: Sequence[str], measure: str, urgency: float
) -> list[tuple[str, list[Panel]]]:
    """Return markets by group, and all of them."""
    of = panels(sets, strategies, measure, urgency)
    named = [(group, [one for one in of if one.group == group]) for group in GROUPS]
    return [(name, some) for name, some in [*named, ("all", of)] if some]


def _counts(outcomes: Sequence[Outcome], sets: Sequence[Twins], strategies: Sequence[str]) -> Table:
    rows = []
    for market in sorted({(one.task.spot.group, one.task.spot.market) for one in outcomes}):
        mine = [one for one in outcomes if (one.task.spot.group, one.task.spot.market) == market]
        refused = sum(bool(one.refused) for one in mine)
        windows = len({one.task.spot.name for one in mine})
        twins = sum(next(iter(one.values())).task.spot.market == market[1] for one in sets)
        done = [_mean([o.filled for o in mine if o.task.strategy == s and not o.refused]) for s in strategies]
        part = [_mean([o.participation for o in mine if o.task.strategy == s and not o.refused]) for s in strategies]
        cells = [f"{100 * d:.1f} / {100 * p:.1f}" for d, p in zip(done, part, strict=True)]
        rows.append((*market, str(windows), str(twins), str(refused), *cells))
    head = ("group", "market", "windows", "sets of twins", "refused", *strategies)
    return Table(title="Orders; filled % / own part of volume %, mean", head=head, rows=tuple(rows))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _levels(sets: Sequence[Twins], strategies: Sequence[str], urgency: float) -> Table:
    rows = []
    for measure in MEASURES:
        for group, of in _pooled(sets, strategies, measure, urgency):
            found = [level(of, name) for name in strategies]
            rows.append((measure, group, *(f"{m:.2f} / {sd:.2f} / {j:.2f}" for m, sd, j in found)))
    title = f"Urgency {urgency:g}: mean cost / sd / J, bps"
    return Table(title=title, head=("cost", "group", *strategies), rows=tuple(rows))


def _differences(sets: Sequence[Twins], strategies: Sequence[str], urgency: float, measure: str) -> Table:
    rows = []
    for group, of in _pooled(sets, strategies, measure, urgency):
        best = best_fixed(of)
        for name in strategies:
            if name != ROUTED:
                mean, score = mean_difference(of, ROUTED, name), objective_difference(of, ROUTED, name)
                other = objective_difference(of, ROUTED, name, "sd")
                mark = f"{name} (least J)" if name == best else name
                rows.append((group, mark, _shown(mean), _shown(score), verdict(score), _shown(other)))
    title = f"Urgency {urgency:g}, {measure}: {ROUTED} less each strategy, bps; negative = {ROUTED} is better"
    head = ("group", "less", "mean cost", "J", "by J", "J by sd")
    return Table(title=title, head=head, rows=tuple(rows))


def _by_market(sets: Sequence[Twins], strategies: Sequence[str]) -> Table:
    rows = []
    for panel in panels(sets, strategies, "charged", 0.5):
        best = best_fixed([panel])
        score = objective_difference([panel], ROUTED, best)
        rows.append((panel.market, str(len(panel.costs)), best, _shown(score), verdict(score)))
    head = ("market", "windows", "least J", f"J of {ROUTED} less that", "by J")
    return Table(title="Urgency 0.5, charged, by market", head=head, rows=tuple(rows))


def _choices(outcomes: Sequence[Outcome]) -> Table:
    rows = []
    for urgency in sorted({one.task.cell.urgency for one in outcomes}):
        for group in GROUPS:
            mine = [o for o in outcomes if o.task.cell.urgency == urgency and o.task.spot.group == group]
            routed = [one for one in mine if one.task.strategy == ROUTED and not one.refused]
            if routed:
                counts = chosen(mine)
                plans = _mean([one.plans for one in routed])
                rows.append((f"{urgency:g}", group, *(str(counts[name]) for name in FIXED), f"{plans:.1f}"))
    return Table(title="What the router began with", head=("urgency", "group", *FIXED, "plans, mean"), rows=tuple(rows))


def _calibration(outcomes: Sequence[Outcome], strategies: Sequence[str], measure: str) -> Table:
    rows = []
    for name in (*strategies, "all"):
        for group in (*GROUPS, "all"):
            mine = [
                one for one in outcomes if name in ("all", one.task.strategy) and group in ("all", one.task.spot.group)
            ]
            held = calibration(mine, measure)
            if held is not None and (name == "all" or group == "all"):
                share = Interval(mean=100 * held.share.mean, low=100 * held.share.low, high=100 * held.share.high)
                rows.append(
                    (name, group, str(held.orders), _shown(share, 1), _shown(held.bias_bps), f"{held.spread:.2f}")
                )
    head = ("strategy", "group", "orders", "inside p05 .. p95, %", "cost less estimate, bps", "error / its sd")
    return Table(title=f"Calibration, {measure}", head=head, rows=tuple(rows))


def verdict(found: Interval | None) -> str:
    """Return what an interval of a difference says; what is too small to be shown is the same."""
    if found is None:
        return ""
    if max(abs(found.low), abs(found.high)) < SAME_BPS:
        return "the same"
    return {1: "worse", -1: "better", 0: "not told apart"}[found.sign]


def _shown(found: Interval | None, digits: int = 2) -> str:
    if found is None:
        return ""
    mean, low, high = (round(one, digits) + 0.0 for one in (found.mean, found.low, found.high))  # no negative zero
    return f"{mean:.{digits}f} ({low:.{digits}f} .. {high:.{digits}f})"
