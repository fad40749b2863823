"""What the orders of a router study say: router against each fixed strategy, and estimates against what came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nowake.core.tape import F64
from nowake.core.value import Value
from nowake.plan.implementation_shortfall import RISK_AVERSION
from nowake.study.router.outcomes import FIXED, ROUTED, SIDES, Cell, Outcome
from nowake.study.statistics import Interval, bootstrap, mean_sd, student

GROUPS = ("recorded", "modelled", "synthetic")
Twins = dict[str, Outcome]
"""The same order by strategy."""


@dataclass(frozen=True, slots=True)
class Panel:
    """The orders of one market that every strategy worked.

    Attributes:
        market, group: Whose.
        urgency: Of all of them.
        strategies: In the order of the third axis.
        costs: (windows, cells, strategies, sides) basis points, without holes.
    """

    market: str
    group: str
    urgency: float
    strategies: tuple[str, ...]
    costs: F64

    def of(self, *names: str) -> F64:
        """Return (windows, cells, names, sides) costs."""
        return self.costs[:, :, [self.strategies.index(name) for name in names]]


def twins_of(outcomes: Iterable[Outcome], strategies: Sequence[str]) -> tuple[list[Twins], int]:
    """Return complete sets of twins, and how many sets some strategy refused or did not yet work."""
    sets: dict[tuple[str, str, Cell], Twins] = defaultdict(dict)
    for one in outcomes:
        task = one.task
        sets[task.spot.name, task.side, task.cell][task.strategy] = one
    whole = [twins for twins in sets.values() if all(name in twins and not twins[name].refused for name in strategies)]
    return whole, len(sets) - len(whole)


def panels(sets: Iterable[Twins], strategies: Sequence[str], measure: str, urgency: float) -> list[Panel]:
    """Return the costs of orders of one urgency by market, without holes.

    A size that less than half of a market's windows could do is left out there; then windows that lack one of the
    others. Two windows make a market.
    """
    found: dict[tuple[str, str], dict[tuple[int, str], dict[tuple[float, str], Twins]]] = {}
    for twins in sets:
        task = next(iter(twins.values())).task
        if task.cell.urgency == urgency:
            windows = found.setdefault((task.spot.group, task.spot.market), {})
            orders = windows.setdefault((task.spot.window.start_ns, task.spot.name), {})
            orders[task.cell.share, task.side] = twins
    made = []
    for (group, market), windows in sorted(found.items()):
        orders_of = [windows[name] for name in sorted(windows)]
        shares = sorted({share for orders in orders_of for share, _ in orders})
        kept = [k for k in shares if 2 * sum(_has(orders, k) for orders in orders_of) >= len(orders_of)]
        rows = [orders for orders in orders_of if all(_has(orders, k) for k in kept)]
        if kept and len(rows) >= 2:
            costs = [
                [[[row[k, side][name].cost_bps(measure) for side in SIDES] for name in strategies] for k in kept]
                for row in rows
            ]
            made.append(Panel(market, group, urgency, tuple(strategies), np.asarray(costs, dtype=np.float64)))
    return made


def _has(orders: dict[tuple[float, str], Twins], share: float) -> bool:
    return all((share, side) in orders for side in SIDES)


def mean_difference(of: Sequence[Panel], ours: str, theirs: str) -> Interval | None:
    """Return the mean cost of ``ours`` less that of ``theirs``: over a window's orders, windows, then markets."""
    pairs = [panel.of(ours, theirs) for panel in of]
    return student([(pair[:, :, 0] - pair[:, :, 1]).mean(axis=(1, 2)) for pair in pairs]) if pairs else None


def score(mean: F64, sd: F64, urgency: float, risk: str = "variance") -> F64:
    """Return J, the less the better: with the odds u / (1 - u) of the urgency, basis points.

    ``variance``: mean + 0.005 x odds x sd ** 2, what the router and strategy IS minimise; ``sd``: mean + odds x sd. At
    urgency 1 nothing but risk counts: the sd itself.
    """
    if urgency == 1:
        return sd
    odds = urgency / (1 - urgency)
    return mean + odds * (RISK_AVERSION * sd**2 if risk == "variance" else sd)


def objective_difference(of: Sequence[Panel], ours: str, theirs: str, risk: str = "variance") -> Interval | None:
    """Return J of ``ours`` less that of ``theirs``: averaged over cells, then markets; bootstrap over windows."""
    if not of:
        return None
    urgency = of[0].urgency

    def difference(sample: F64) -> F64:
        each = [
            score(*mean_sd(sample[:, :, k, 0]), urgency, risk) - score(*mean_sd(sample[:, :, k, 1]), urgency, risk)
            for k in range(sample.shape[2])
        ]
        return np.asarray(np.mean(each, axis=0), dtype=np.float64)

    return bootstrap([panel.of(ours, theirs) for panel in of], difference)


def level(of: Sequence[Panel], strategy: str) -> tuple[float, float, float]:
    """Return mean cost, sd and J of a strategy, averaged over cells, then markets, basis points."""
    found = []
    for panel in of:
        costs = panel.of(strategy)[:, :, 0]
        mean, sd = costs.mean(axis=(0, 2)), costs.std(axis=(0, 2), ddof=1)
        found.append((mean.mean(), sd.mean(), score(mean, sd, panel.urgency).mean()))
    mean, sd, whole = np.mean(found, axis=0)
    return float(mean), float(sd), float(whole)


class Held(Value, frozen=True):
    """How estimates held: share of orders within p05 .. p95; mean of cost less estimate, bps; sd of it over its sd."""

    orders: int
    share: Interval
    bias_bps: Interval
    spread: float


def calibration(outcomes: Sequence[Outcome], measure: str) -> Held | None:
    """Return how the first plans' estimates held; windows are resampled, within their group of markets as one."""
    clusters: dict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        if not one.refused and one.sd_bps > 0:
            clusters[one.task.spot.name].append(one)
    if len(clusters) < 2:
        return None
    rows, scaled = [], []
    for name in sorted(clusters):
        orders = clusters[name]
        costs = [one.cost_bps(measure) for one in orders]
        inside = sum(one.p05_bps <= cost <= one.p95_bps for one, cost in zip(orders, costs, strict=True))
        errors = [cost - one.mean_bps for one, cost in zip(orders, costs, strict=True)]
        rows.append((inside, sum(errors), len(orders)))
        scaled += [error / one.sd_bps for one, error in zip(orders, errors, strict=True)]
    table = np.asarray(rows, dtype=np.float64)

    def ratio(column: int) -> Interval:
        return bootstrap([table], lambda s: s[:, :, column].sum(axis=1) / s[:, :, 2].sum(axis=1))

    return Held(
        orders=len(scaled), share=ratio(0), bias_bps=ratio(1), spread=float(np.sqrt(np.mean(np.square(scaled))))
    )


def best_fixed(of: Sequence[Panel]) -> str:
    """Return the fixed strategy of least J in hindsight."""
    return min((name for name in of[0].strategies if name != ROUTED), key=lambda name: level(of, name)[2])


def chosen(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how often the router began with each strategy."""
    counts = dict.fromkeys(FIXED, 0)
    for one in outcomes:
        if one.task.strategy == ROUTED and not one.refused:
            counts[one.worked] = counts.get(one.worked, 0) + 1
    return counts
