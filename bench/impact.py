"""Impact forms on a million orders: milliseconds, best of alternating rounds, beside one pass of numpy.sqrt.

Prints one JSON document. ``passes`` is the ratio to the pass of the same round.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable

import numpy as np

from nowake.models.impact import (
    KISSELL,
    Impact,
    almgren2005,
    istar,
    kyle,
    linear,
    logarithmic,
    power_law,
    square_root,
)
from nowake.models.impact.calculator import AdvancedMarketImpactCalculator

ORDERS = 1_000_000
ROUNDS = 9
LIMIT_MS = 50.0


def milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def main() -> None:
    rng = np.random.default_rng(7)
    quantity, adv = rng.lognormal(8, 1, ORDERS), np.full(ORDERS, 5e6)
    volatility, days = rng.uniform(0.005, 0.05, ORDERS), rng.uniform(0.05, 1, ORDERS)
    shares, pov = adv * 200, rng.uniform(0.01, 0.3, ORDERS)
    size, annual = quantity / adv, volatility * math.sqrt(250)
    calculator = AdvancedMarketImpactCalculator(adv=5e6, volatility=0.02)
    forms: dict[str, Callable[[], Impact]] = {
        "linear": lambda: linear(quantity, adv, volatility),
        "square_root": lambda: square_root(quantity, adv, volatility),
        "power_law": lambda: power_law(quantity, adv, volatility),
        "logarithmic": lambda: logarithmic(quantity, adv, volatility),
        "kyle": lambda: kyle(quantity, adv, volatility),
        "almgren2005": lambda: almgren2005(quantity, days, adv, shares, volatility),
        "istar": lambda: istar(size, annual, pov, *KISSELL["all"]),
        "calculator square-root": lambda: calculator.impact("square-root", quantity, participation=pov),
    }
    best, ratio = dict.fromkeys(forms, math.inf), dict.fromkeys(forms, math.inf)
    for _ in range(ROUNDS):
        one_pass = milliseconds(lambda: np.sqrt(quantity))
        for name, form in forms.items():
            took = milliseconds(lambda form=form: form().total_bps)  # type: ignore[misc]
            best[name], ratio[name] = min(best[name], took), min(ratio[name], took / one_pass)
    rows = {name: {"ms": round(best[name], 2), "passes": round(ratio[name], 1)} for name in forms}
    worst = max(best.values())
    print(json.dumps({"bench": "impact", "orders": ORDERS, "limit_ms": LIMIT_MS, "met": worst < LIMIT_MS} | rows))


if __name__ == "__main__":
    main()
