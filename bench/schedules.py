"""How fast capped Almgren-Chriss schedules are made, against general solvers on the same problems. Prints one JSON.

    python bench/schedules.py

Every solver gets the same caps and must come within 1e-7 of the best cost, as a fraction of it; how near each came is
printed. Times are the best of several, alternately measured, in microseconds of the wall clock;
``kernel`` is the solver alone, ``function`` the public call with its checks and costs. Clarabel and cvxpy are measured
where they are installed (an environment of their own: ``pip install clarabel cvxpy``); Clarabel gets the matrices
ready-made, cvxpy a problem compiled once, of which only the parameters change, as well as one made afresh.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from nowake.plan import almgren_chriss
from nowake.plan.solvers import capped

REPEATS = {100: 200, 1000: 40}
TERMS: dict[str, float] = {"volatility": 0.95, "eta": 2.5e-6, "gamma": 2.5e-7, "epsilon": 0.0625, "risk_aversion": 1e-6}
QUANTITY, HORIZON = 1e6, 5.0

Solver = Callable[[], np.ndarray]


def problem(size: int, uneven: bool) -> tuple[float, np.ndarray]:
    """Return beta and caps: even ones, or ones that follow a U with noise, a third over what is needed."""
    tau = HORIZON / size
    beta = TERMS["risk_aversion"] * TERMS["volatility"] ** 2 * tau**2 / (TERMS["eta"] - TERMS["gamma"] * tau / 2)
    if not uneven:
        return beta, np.full(size, 1.33 / size)
    shape = 1 + 4 * np.linspace(-1, 1, size) ** 2
    shape *= np.random.default_rng(7).uniform(0.5, 1.5, size)
    return beta, 1.33 * shape / shape.sum()


def cost(trades: np.ndarray, beta: float) -> float:
    """Return the cost that all of them minimise."""
    left = 1 - np.cumsum(trades)
    left[-1] = 0.0
    return float(trades @ trades / 2 + beta * left @ left / 2)


def clarabel_direct(beta: float, caps: np.ndarray) -> Solver:
    """Return Clarabel on (n, x): n_k + x_k - x_(k-1) = 0, 0 <= n <= u."""
    clarabel = importlib.import_module("clarabel")
    size = len(caps)
    weights = np.concatenate((np.ones(size), np.full(size - 1, beta)))
    quadratic = sparse.diags(weights, format="csc")
    chain = sparse.diags([np.ones(size - 1), -np.ones(size - 1)], [0, -1], shape=(size, size - 1))
    equal = sparse.hstack((sparse.identity(size), chain))
    start = np.zeros(size)
    start[0] = 1.0
    bounds = sparse.hstack(
        (sparse.vstack((sparse.identity(size), -sparse.identity(size))), sparse.csc_matrix((2 * size, size - 1)))
    )
    matrix = sparse.vstack((equal, bounds), format="csc")
    right = np.concatenate((start, caps, np.zeros(size)))
    cones = [clarabel.ZeroConeT(size), clarabel.NonnegativeConeT(2 * size)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False

    def run() -> np.ndarray:
        solver = clarabel.DefaultSolver(quadratic, np.zeros(2 * size - 1), matrix, right, cones, settings)
        return np.array(solver.solve().x[:size])

    return run


def cvxpy_of(beta: float, caps: np.ndarray, *, compiled: bool) -> Solver:
    """Return cvxpy on the same form, with its default solver: compiled once, or made afresh every time."""
    cp: Any = importlib.import_module("cvxpy")
    size = len(caps)

    def make() -> tuple[Any, Any, Any]:
        most = cp.Parameter(size, nonneg=True, value=caps)
        n, x = cp.Variable(size), cp.Variable(size + 1)
        objective = cp.sum_squares(n) / 2 + beta / 2 * cp.sum_squares(x[1:])
        path = [x[0] == 1, x[size] == 0, n == x[:-1] - x[1:], n >= 0, n <= most]
        return cp.Problem(cp.Minimize(objective), path), n, most

    kept = make() if compiled else None

    def run() -> np.ndarray:
        made, n, most = kept or make()
        most.value = caps
        made.solve(solver=cp.CLARABEL)
        return np.array(n.value)

    return run


def solvers(size: int, beta: float, caps: np.ndarray) -> dict[str, Solver]:
    """Return every solver that is installed."""
    held = np.ones(size)
    most = caps * QUANTITY
    found: dict[str, Solver] = {
        "kernel": lambda: capped.solve(beta, 0.0, caps, held)[0],
        "function": lambda: almgren_chriss(QUANTITY, HORIZON, size, max_trade=most, **TERMS).trades / QUANTITY,
    }
    if importlib.util.find_spec("clarabel"):
        found["clarabel"] = clarabel_direct(beta, caps)
    if importlib.util.find_spec("cvxpy"):
        found["cvxpy_compiled_once"] = cvxpy_of(beta, caps, compiled=True)
        found["cvxpy"] = cvxpy_of(beta, caps, compiled=False)
    return found


def measure(size: int, uneven: bool) -> dict[str, Any]:
    """Return microseconds and distance from the best cost of each solver, and the ratios to the public function."""
    beta, caps = problem(size, uneven)
    running = solvers(size, beta, caps)
    costs = {name: cost(np.clip(run(), 0, caps), beta) for name, run in running.items()}
    best = dict.fromkeys(running, float("inf"))
    for repeat in range(REPEATS[size]):
        for name, run in running.items():
            if repeat % 10 and name not in ("kernel", "function"):
                continue
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    least = costs["kernel"]
    return {
        "microseconds": {name: round(1e6 * seconds, 1) for name, seconds in best.items()},
        "above_best_cost": {name: float(f"{found / least - 1:.1e}") for name, found in costs.items()},
        "times_function": {name: round(seconds / best["function"], 1) for name, seconds in best.items()},
    }


def main() -> None:
    """Print the measurements."""
    made = {
        f"{size} slices, {'uneven' if uneven else 'even'} caps": measure(size, uneven)
        for size in REPEATS
        for uneven in (False, True)
    }
    print(json.dumps({"python": platform.python_version(), "machine": platform.machine(), **made}, indent=2))


if __name__ == "__main__":
    main()
