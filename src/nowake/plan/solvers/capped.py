"""The least-cost way through a chain of capped periods: an exact active-set kernel, with an interior point behind it.

In units of the whole quantity, with x_0 = 1 held and nothing left at the end,

    minimise   sum over k of  n_k ** 2 / 2 + beta x_k ** 2 / 2 - drift x_k,     x_k = x_(k-1) - n_k,  x_N = 0
    such that  0 <= n_k <= u_k

Let p_k be the price of holding: p_k = p_(k+1) + beta x_k - drift. The optimum is the path whose every trade is its
price held within its bounds, n_k = min(max(p_k, 0), u_k) (Karush, Kuhn, Tucker; necessary and sufficient, as the
problem is strictly convex). For given sets of trades at 0 and at their caps p is linear in what is held,
p_k = P_k x_(k-1) + q_k, and one sweep back (Riccati's, with x_N = 0 as the end) and one forth give the path: O(N),
stable for any beta. The sets are then read off p and the sweep repeated until they rest: a semismooth Newton method
(Hintermueller, Ito, Kunisch 2002, SIAM J. Optim. 13, 865-888), exact when it rests.

It need not rest. Then a primal-dual interior point (Mehrotra 1992, SIAM J. Optim. 2, 575-601), whose Newton systems are
tridiagonal in x, comes within 1e-10 of the optimum, and its sets are tried once more.

Caps are > 0 and sum to more than 1: the caller takes out what cannot trade, and writes 2 for a cap that is none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nowake.core.jit import kernel

Floats = NDArray[np.float64]
Sets = NDArray[np.int8]
ROUNDS_MAX = 30
"""Sets that have not come to rest after so many sweeps go round in circles."""
REST = 1e-13
"""How far over its bound a price must be to change sets, in units of the whole quantity."""
STEPS_MAX = 100
GAP = 1e-11
"""Where the interior point stops: complementarity gap, as a fraction of the cost."""


def sweep_dense(beta: float, drift: float, caps: Floats, held: Floats, sets: Sets) -> tuple[Floats, Floats]:
    """Return trades and prices for given sets by one dense linear system: the reference of the two sweeps.

    Args:
        beta: Cost of holding against cost of trading, dimensionless, >= 0.
        drift: Gain from holding, same units.
        caps: (N,) largest trades, > 0.
        held: (N,) for how many periods what is left after each trade is held.
        sets: (N,) -1 for a trade of 0, 1 for one at its cap, 0 for one in between: at least one of these.
    """
    size = len(caps)
    after = np.tril(np.ones((size, size)))  # x = 1 - after @ n
    free = sets == 0
    fixed = np.where(sets == 1, caps, 0.0)
    hessian = np.eye(size) + beta * after.T @ (held[:, None] * after)
    gradient = -after.T @ (held * (beta - drift))
    system = np.zeros((size + 1, size + 1))
    right = np.zeros(size + 1)
    for k in range(size):  # stationary where free, given elsewhere; the last unknown is the multiplier of sum n = 1
        system[k, : size + 1] = [*hessian[k], -1.0] if free[k] else [*np.eye(size)[k], 0.0]
        right[k] = -gradient[k] if free[k] else fixed[k]
    system[size, :size], right[size] = 1.0, 1.0
    solved: Floats = np.linalg.solve(system, right).astype(np.float64)
    trades = solved[:size]
    prices: Floats = trades - (hessian @ trades + gradient - solved[size])
    return trades, prices


def solve_reference(beta: float, drift: float, caps: Floats, held: Floats) -> tuple[Floats, bool]:
    """Return the optimal trades and whether the sets came to rest; see the module."""
    sets = np.zeros(len(caps), dtype=np.int8)
    trades, close = caps / caps.sum(), REST * (1.0 + beta + abs(drift) * len(caps))
    for _ in range(ROUNDS_MAX):
        trades, prices = sweep_dense(beta, drift, caps, held, sets)
        over = np.where(sets == 1, prices >= caps - close, prices > caps + close)
        under = np.where(sets == -1, prices <= close, prices < -close)
        new = np.where(over, 1, np.where(under, -1, 0)).astype(np.int8)
        if (new == sets).all():
            return np.clip(trades, 0.0, caps), True
        if new.all():
            break
        sets = new
    return trades, False


@kernel
def settle(beta: float, drift: float, caps: Floats, held: Floats, sets: Sets, trades: Floats) -> bool:
    """Sweep from ``sets`` until they rest, writing ``trades``; return whether they did."""
    size = caps.size
    close = REST * (1.0 + beta + abs(drift) * size)
    slope, level = np.empty(size), np.empty(size)
    for _ in range(ROUNDS_MAX):
        last = size - 1
        rest = 0.0
        while last >= 0 and sets[last] != 0:
            rest += caps[last] if sets[last] == 1 else 0.0
            last -= 1
        if last < 0:
            return False
        slope[last], level[last] = 1.0, -rest
        for k in range(last - 1, -1, -1):
            a = slope[k + 1] + held[k] * beta
            b = level[k + 1] - held[k] * drift
            if sets[k] == 0:
                slope[k] = a / (1.0 + a)
                level[k] = b / (1.0 + a)
            else:
                slope[k] = a
                level[k] = b - a * caps[k] if sets[k] == 1 else b
        x, price, moved = 1.0, 0.0, False
        for k in range(size):
            price = slope[k] * x + level[k] if k <= last else price - held[k - 1] * (beta * x - drift)
            state = sets[k]
            cap = caps[k]
            if state == 0:
                n = min(max(price, 0.0), cap)  # within what is taken for rounding
                new = 1 if price > cap + close else (-1 if price < -close else 0)
            elif state == 1:
                n = cap
                new = 1 if price >= cap - close else (-1 if price < -close else 0)
            else:
                n = 0.0
                new = -1 if price <= close else (1 if price > cap + close else 0)
            x -= n
            trades[k] = n
            if new != state:
                sets[k] = new
                moved = True
        if not moved:
            return True
    return False


@kernel
def approach(beta: float, drift: float, caps: Floats, held: Floats, trades: Floats, sets: Sets) -> float:
    """Write the interior point's ``trades`` and the sets they tend to; return the gap, as a fraction of the cost."""
    size = caps.size
    low, high = np.empty(size), np.empty(size)  # multipliers of n >= 0 and n <= u
    grad, weight, push = np.empty(size), np.empty(size), np.empty(size)
    step, dlow, dhigh = np.empty(size), np.empty(size), np.empty(size)
    pivot, move, room = np.empty(size), np.empty(size), np.empty(size)
    close = REST * (1.0 + beta + abs(drift) * size)
    total = 0.0
    for k in range(size):
        total += caps[k]
    start = max(1.0, beta) / size
    for k in range(size):
        trades[k] = caps[k] / total
        room[k] = caps[k] * (1.0 - 1.0 / total)  # to the cap, kept apart: the difference would cancel
        low[k] = high[k] = start
    ratio = 1e300
    for _ in range(STEPS_MAX):
        x, cost, gap, off = 1.0, 0.0, 0.0, 0.0
        for k in range(size):
            n = trades[k]
            x -= n
            if k == size - 1:
                x = 0.0
            grad[k] = held[k] * (beta * x - drift)  # of holding x after trade k
            cost += 0.5 * n * n + held[k] * (0.5 * beta * x * x - drift * x)
            gap += n * low[k] + room[k] * high[k]
        for k in range(size - 1):
            dual = grad[k] - (trades[k] - low[k] + high[k]) + (trades[k + 1] - low[k + 1] + high[k + 1])
            off = max(off, abs(dual))
        scale = abs(cost) + 1e-300
        ratio = gap / scale
        if ratio <= GAP and off <= 1e4 * close:
            break
        mean = gap / (2 * size)
        target = 0.0
        for phase in range(2):
            for k in range(size):
                n, t = trades[k], room[k]
                second_low = step[k] * dlow[k] if phase else 0.0
                second_high = -step[k] * dhigh[k] if phase else 0.0
                weight[k] = 1.0 + low[k] / n + high[k] / t
                # What the trade's own gradient is, the complementary multipliers put in.
                push[k] = n - (target - second_low) / n + (target - second_high) / t
            for k in range(size - 1):  # (D' W D + beta) dx = -r, tridiagonal
                right = push[k] - push[k + 1] - grad[k]
                diagonal = weight[k] + weight[k + 1] + held[k] * beta
                if k > 0:
                    factor = weight[k] / pivot[k - 1]
                    diagonal -= factor * weight[k]
                    right += factor * move[k - 1]
                pivot[k] = diagonal
                move[k] = right
            for k in range(size - 2, -1, -1):
                ahead = weight[k + 1] * move[k + 1] if k < size - 2 else 0.0
                move[k] = (move[k] + ahead) / pivot[k]
            primal, dual_step = 1.0, 1.0
            for k in range(size):
                n, t = trades[k], room[k]
                before = move[k - 1] if k > 0 else 0.0
                after = move[k] if k < size - 1 else 0.0
                second_low = step[k] * dlow[k] if phase else 0.0
                second_high = -step[k] * dhigh[k] if phase else 0.0
                d = before - after
                step[k] = d
                dlow[k] = (target - second_low - low[k] * d) / n - low[k]
                dhigh[k] = (target - second_high + high[k] * d) / t - high[k]
                if d < 0:
                    primal = min(primal, -n / d)
                elif d > 0:
                    primal = min(primal, t / d)
                if dlow[k] < 0:
                    dual_step = min(dual_step, -low[k] / dlow[k])
                if dhigh[k] < 0:
                    dual_step = min(dual_step, -high[k] / dhigh[k])
            if phase == 0:
                ahead = 0.0
                for k in range(size):
                    n, t = trades[k] + primal * step[k], room[k] - primal * step[k]
                    ahead += n * (low[k] + dual_step * dlow[k]) + t * (high[k] + dual_step * dhigh[k])
                target = mean * (ahead / gap) ** 3
        length = min(1.0, 0.995 * min(primal, dual_step))
        for k in range(size):
            trades[k] += length * step[k]
            room[k] -= length * step[k]
            low[k] += length * dlow[k]
            high[k] += length * dhigh[k]
    for k in range(size):
        sets[k] = -1 if low[k] > trades[k] else (1 if high[k] > room[k] else 0)
    return ratio


@kernel
def solve(beta: float, drift: float, caps: Floats, held: Floats) -> tuple[Floats, bool]:
    """Return the optimal trades, (N,), and whether they are exact: else they are the interior point's.

    Arguments as for ``sweep_dense``.
    """
    size = caps.size
    sets = np.zeros(size, dtype=np.int8)
    trades = np.empty(size)
    if settle(beta, drift, caps, held, sets, trades):
        return trades, True
    near = np.empty(size)
    approach(beta, drift, caps, held, near, sets)
    done, free = 0.0, 0
    for k in range(size):
        done += caps[k] if sets[k] == 1 else 0.0
        free += sets[k] == 0
    if free == 0 and abs(done - 1.0) <= 1e-12:  # a corner: nothing lies between its bounds
        for k in range(size):
            trades[k] = caps[k] if sets[k] == 1 else 0.0
        return trades, True
    if settle(beta, drift, caps, held, sets, trades):
        return trades, True
    return near, False
