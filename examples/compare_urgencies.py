"""Work the same order at several urgencies on the same synthetic days, and compare: mean cost, and its error.

Each day is one seed. All urgencies trade the same days, so the market's moves cancel in the differences from the first.

python examples/compare_urgencies.py [DAYS]
"""

from __future__ import annotations

import sys
from math import sqrt
from statistics import mean, stdev

import nowake

URGENCIES = (1.0, 0.5, 0.0)


def work(urgency: float, seed: int) -> nowake.ExecutionReport:
    order = nowake.order("buy", 5_000, "SYNTH", over="10m", urgency=urgency)
    return nowake.work_order(order, seed=seed).report


def cost_bps(report: nowake.ExecutionReport) -> float:
    assert report.shortfall is not None
    return report.shortfall.total_bps


def main(days: int) -> None:
    seeds = range(1, days + 1)
    runs = {urgency: [work(urgency, seed) for seed in seeds] for urgency in URGENCIES}
    base = [cost_bps(one) for one in runs[URGENCIES[0]]]
    print(f"{'urgency':>7}  {'posted':>6}  {'cost, bps':>9}  {'saved, bps':>10}  {'error':>5}")
    for urgency, reports in runs.items():
        costs = [cost_bps(one) for one in reports]
        saved = [theirs - ours for theirs, ours in zip(base, costs, strict=True)]
        posted = mean(one.statistics.maker_share or 0.0 for one in reports)
        error = stdev(saved) / sqrt(days)
        print(f"{urgency:7.1f}  {posted:6.0%}  {mean(costs):+9.2f}  {mean(saved):+10.2f}  {error:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
