"""Schedule adherence: what the plan in force wanted by each moment, and what was done by then."""

from __future__ import annotations

from collections.abc import Sequence

from nowake.core.plan import ExecutionPlan
from nowake.core.value import Value


class SchedulePoint(Value, frozen=True):
    """At ``t_ns`` (local) the plan wanted ``target_units`` released and ``filled_units`` had been filled."""

    t_ns: int
    target_units: int
    filled_units: int


def adherence(
    plans: Sequence[tuple[int, ExecutionPlan, int]], fills: Sequence[tuple[int, int]], end_ns: int
) -> tuple[SchedulePoint, ...]:
    """Return the two step functions at every moment at which one of them steps, rising in time.

    A revised plan counts on top of what its predecessors had done: its slices sum to what was left.

    Args:
        plans: (local time of adoption, plan, quantity of the order from then on), in order.
        fills: (local time, quantity).
        end_ns: Steps of the plan after this are left out.
    """
    if not plans:
        return ()
    times = {plans[0][0]} | {t for t, _, _ in plans if t <= end_ns} | {t for t, _ in fills}
    for k, (since, plan, _) in enumerate(plans):
        until = plans[k + 1][0] if k + 1 < len(plans) else end_ns + 1
        times |= {one.release_ns for one in plan.slices if since <= one.release_ns < until}
    points = []
    for t_ns in sorted(times):
        _, plan, qty_units = [one for one in plans if one[0] <= t_ns][-1] if plans[0][0] <= t_ns else plans[0]
        target = qty_units - plan.qty_units + plan.target_units(t_ns)
        done = sum(qty for t, qty in fills if t <= t_ns)
        points.append(SchedulePoint(t_ns=t_ns, target_units=target, filled_units=done))
    return tuple(points)
