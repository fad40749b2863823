"""Plan an order, look at what it would cost, work it, and measure it. Runs on the synthetic market.

python examples/plan_and_work.py
"""

from __future__ import annotations

import nowake


def main() -> None:
    order = nowake.order("buy", 10_000, "SYNTH", over="20m", max_participation=0.10)

    plan = nowake.plan_order(order, seed=1)
    print(f"{plan.strategy}: {len(plan.slices)} slices, at most {plan.cap:.0%} of volume")
    if plan.cost is not None:
        print(
            f"expected {plan.cost.mean_bps:+.2f} bps, 90 % within {plan.cost.p05_bps:+.2f} .. {plan.cost.p95_bps:+.2f}"
        )
    for notice in plan.warnings:
        print("warning:", notice.text)
    for one in plan.assumed:
        print(f"assumed: {one.name} = {one.value} ({one.why})")

    result = nowake.work_order(order, seed=1)
    report = result.report
    print(
        f"{report.status}: {report.filled_units} of {report.order.qty_units} in {report.statistics.children} children"
    )
    if report.residual_units:
        print(f"{report.residual_units} not traded: {report.residual_reason}")
    if report.shortfall is not None:
        print(f"shortfall {report.shortfall.total_bps:+.2f} bps, against VWAP {report.slippage.vwap_bps:+.2f} bps")


if __name__ == "__main__":
    main()
