"""What a decision of the router takes. Prints one JSON document.

    python bench/routing.py

Milliseconds of the wall clock, best of alternating rounds: ``decide`` weighs about 20 ways, ``plans`` makes the plans
of the same ways in full, one by one; ``ratio`` is plans to decide. Aim: a decision under 5 ms. ``decide_median_ms`` is
what it took under the ``load`` of the machine: how many processes wanted its ``processors`` in the last minute.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
from statistics import median

from planning import HOUR_NS, market

from nowake.core.order import ParentOrder, Side
from nowake.core.value import replace
from nowake.plan.planner import Progress, make_plan
from nowake.route.router import SmartRouter, routed

ROUNDS = 200
SLOW_ROUNDS = 3


def main() -> None:
    """Print the measurements."""
    listing, session, beliefs, start_ns = market()
    router, made = SmartRouter(), {}
    for name, qty, hours in (
        ("0.5 % of a day", 10_000, 2.0),
        ("1 % of a day", 20_000, 2.0),
        ("5 % of a day", 100_000, 5.0),
    ):
        order = ParentOrder(
            parent_id="bench",
            listing=listing.key,
            side=Side.BUY,
            qty_units=qty,
            decided_ns=start_ns,
            start_ns=start_ns,
            end_ns=start_ns + int(hours * HOUR_NS),
            strategy="auto",
        )
        progress = Progress.start(order)
        decision = router.decide(order, progress, beliefs, listing, session, start_ns)
        ways = [
            replace(routed(order, replace(decision, chosen=one, strategy=one.strategy)), end_ns=one.end_ns)
            for one in decision.ranking
        ]
        took, plans = [], math.inf
        for turn in range(ROUNDS):
            since = time.perf_counter()
            router.decide(order, progress, beliefs, listing, session, start_ns)
            took.append(time.perf_counter() - since)
            if turn < SLOW_ROUNDS:
                since = time.perf_counter()
                for one in ways:
                    make_plan(one, progress, beliefs, listing, session, start_ns)
                plans = min(plans, time.perf_counter() - since)
        made[name] = {
            "ways": len(decision.ranking) + len(decision.excluded),
            "slices": sum(one.slices for one in decision.ranking),
            "decide_ms": round(1e3 * min(took), 2),
            "decide_median_ms": round(1e3 * median(took), 2),
            "plans_ms": round(1e3 * plans, 1),
            "ratio": round(plans / min(took), 1),
        }
    where = {"python": platform.python_version(), "load": round(os.getloadavg()[0], 1), "processors": os.cpu_count()}
    print(json.dumps({"bench": "routing", **where, "orders": made}, indent=2))


if __name__ == "__main__":
    main()
