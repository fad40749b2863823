"""What a plan takes, and what pricing it without writing it out does, by strategy. Prints one JSON document.

    python bench/planning.py

Microseconds of the wall clock, best of alternating rounds: ``price`` is ``price_plan``, ``make`` is ``make_plan``,
``slow_estimate`` the slice-by-slice estimate with quantiles by bisection that ``price_plan`` took the place of.
``ratio`` is slow_estimate to the estimate now. ``twenty_ms`` is what twenty candidates take, five of each
strategy over one to five hours.
"""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import ExecutionSlice
from nowake.core.sessions import Session
from nowake.core.value import replace
from nowake.data.catalogue import load_catalogue
from nowake.data.sessions import session as find_session
from nowake.models.beliefs import Beliefs
from nowake.models.volatility import VolatilityBelief
from nowake.models.volume import U_SHAPE, VolumeBelief, trading_hours
from nowake.plan.cost import estimate, take_fraction
from nowake.plan.planner import Progress, make_plan, price_plan

HOUR_NS = 3600 * 10**9
ROUNDS = 60
SLOW_ROUNDS = 5
GRID = tuple(-8 + k / 16 for k in range(257))
WEIGHTS = tuple(math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / 16 for z in GRID)


def market() -> tuple[Listing, Session, Beliefs, int]:
    """Return AMZN on Nasdaq at 10:00 on a summer day: 2 million shares a day, 2 % volatility."""
    listing = load_catalogue().find("AMZN@XNAS")
    session = find_session(listing.session)
    opens = session.next_open(int(datetime(2026, 6, 22, 4, tzinfo=UTC).timestamp()) * 10**9)
    start_ns = opens + HOUR_NS // 2
    day_ns, windows = trading_hours(session, start_ns)
    volume = VolumeBelief(
        per_day=2e6, day_ns=day_ns, windows=windows, u_shape=U_SHAPE, relative_sd=0.4, asof_ns=start_ns
    )
    beliefs = Beliefs(
        listing=listing.key,
        asof_ns=start_ns,
        mid2=4_400_000,
        spread_bps=4.0,
        volatility=VolatilityBelief(daily_bps=200.0, relative_sd=0.25),
        volume=volume,
        level_qty=150.0,
        fees=listing.fees,
    )
    return listing, session, beliefs, start_ns


def slow_estimate(order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> tuple[float, ...]:
    """Return mean impact, sd and three quantiles as they were first calculated: slice by slice, by bisection."""
    impact, volume = beliefs.impact, beliefs.volume
    qty, daily = sum(one.qty_units for one in slices), beliefs.volatility.daily_bps
    taking = sum(one.qty_units * take_fraction(order.parameters.urgency, one.tactic) for one in slices) / qty
    others = [volume.expected(one.release_ns, one.end_ns) for one in slices]
    average = impact.y * daily * (qty / volume.per_day) ** impact.delta / (1 + impact.delta)
    average *= sum(
        one.qty_units / qty * (1 + one.qty_units / market) ** impact.delta
        for one, market in zip(slices, others, strict=True)
    )
    left, weighted, before = float(qty), 0.0, slices[0].release_ns
    for one in slices:
        weighted += left**2 * (one.release_ns - before)
        after = left - one.qty_units
        weighted += (left**2 + left * after + after**2) / 3 * (one.end_ns - one.release_ns)
        left, before = after, one.end_ns
    relative = 1 + beliefs.volatility.relative_sd**2
    timing = daily * math.sqrt(relative * weighted / qty**2 / volume.day_ns)
    normal = math.hypot(timing, beliefs.spread_bps / 2 * (1 - taking))
    log_sd = math.sqrt(
        math.log1p((impact.y_sd / impact.y) ** 2)
        + impact.delta**2 * math.log1p(volume.relative_sd**2)
        + math.log1p(beliefs.volatility.relative_sd**2)
        + (impact.delta_sd * math.log(qty / volume.per_day)) ** 2
    )
    return average, timing, *(slow_quantile(p, normal, average, log_sd) for p in (0.05, 0.5, 0.95))


def slow_quantile(p: float, normal: float, impact: float, log_sd: float) -> float:
    """Return a quantile of normal + impact x (lognormal - 1)."""
    sd = math.hypot(normal, impact * math.sqrt(math.expm1(log_sd**2)))

    def below(at: float) -> float:
        shifts = (impact * math.expm1(log_sd * z - log_sd**2 / 2) for z in GRID)
        return sum(
            weight * math.erfc(-(at - shift) / normal / math.sqrt(2)) / 2
            for weight, shift in zip(WEIGHTS, shifts, strict=True)
        )

    low, high = -6 * sd, 8 * sd
    while high - low > 1e-7 * sd:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < p else (low, middle)
    return (low + high) / 2


def best_us(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the best time of each call, microseconds, measured in turn."""
    best = dict.fromkeys(calls, math.inf)
    for turn in range(ROUNDS):
        for name, call in calls.items():
            if name == "slow_estimate" and turn >= SLOW_ROUNDS:
                continue
            since = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - since)
    return {name: 1e6 * seconds for name, seconds in best.items()}


def main() -> None:
    """Print the measurements."""
    listing, session, beliefs, start_ns = market()
    unit = ParentOrder(
        parent_id="bench",
        listing=listing.key,
        side=Side.BUY,
        qty_units=10_000,
        decided_ns=start_ns,
        start_ns=start_ns,
        end_ns=start_ns + 2 * HOUR_NS,
    )
    progress = Progress.start(unit)
    made = {}
    candidates = []
    for name in ("twap", "vwap", "pov", "is"):
        for hours in (2.0, 5.9):
            order = replace(unit, strategy=name, end_ns=start_ns + int(hours * HOUR_NS))
            plan = make_plan(order, progress, beliefs, listing, session, start_ns)
            times = best_us(
                {
                    "price": lambda o=order: price_plan(o, progress, beliefs, listing, session, start_ns),  # type: ignore[misc]
                    "make": lambda o=order: make_plan(o, progress, beliefs, listing, session, start_ns),  # type: ignore[misc]
                    "estimate": lambda o=order, p=plan: estimate(o, p.slices, beliefs, listing),  # type: ignore[misc]
                    "slow_estimate": lambda o=order, p=plan: slow_estimate(o, p.slices, beliefs),  # type: ignore[misc]
                }
            )
            ratio = times["slow_estimate"] / times["estimate"]
            made[f"{name}, {hours:g} h, {len(plan.slices)} slices"] = {
                **{key: round(value, 1) for key, value in times.items()},
                "ratio": round(ratio, 1),
            }
        candidates += [replace(unit, strategy=name, end_ns=start_ns + k * HOUR_NS) for k in range(1, 6)]
    twenty = best_us(
        {"all": lambda: [price_plan(o, progress, beliefs, listing, session, start_ns) for o in candidates]}
    )
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "machine": platform.machine(),
                "microseconds": made,
                "twenty_ms": round(twenty["all"] / 1e3, 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
