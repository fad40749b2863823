"""How much stands ahead of a resting order, estimated from level sizes and prints alone.

One formula serves our own estimate (``market``) and the matcher (``sim.queues`` gives the models their names). A level
went from ``prev`` to ``new`` while ``traded`` of it was printed; ``front`` was ahead of us, ``back = prev - front`` was
behind. The cancelled part ``change = prev - new - traded`` falls on the back with probability ``p``::

    front' = min(front - (1 - p) change + min(back - p change, 0), new)

``traded`` has already been taken off ``front`` when it was printed. A rise of the level joins behind us.

=======  ============  ===========================================
model    name          p, the share of cancels behind us
=======  ============  ===========================================
0        risk-averse   1 until the level is smaller than ``front``
1        power-n       b^n / (b^n + f^n)
2        power2-n      b^n / (b + f)^n
3        power3-n      1 - (f / (f + b))^n
4        log           ln(1 + b) / (ln(1 + b) + ln(1 + f))
5        log2          ln(1 + b) / ln(1 + b + f)
7        optimistic    0 until nobody is ahead: the counterpart of risk-averse
=======  ============  ===========================================

Source: hftbacktest ``queue.rs`` (ProbQueueModel), and R. Cont's remark that cancels are not uniform over the queue;
p = b / (b + f) (power-1) spreads cancels uniformly. Unlike it, a cancel never takes ``front`` under 0.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64

UNKNOWN_FRONT = 4503599627370496.0
"""Ahead of an order whose level is not recorded (deeper than the tape keeps): everything, until the level is seen."""

NOTHING = 1e-9
"""A queue shorter than this is none; powers of it are still numbers."""

Q_LIVE, Q_SIDE, Q_KEY, Q_FRONT, Q_TRADED = 0, 1, 2, 3, 4
QUEUE_FIELDS = 5


def new_queues(count: int) -> F64:
    """Return room for ``count`` tracked orders: (count, 5) live, side, key, front, traded since the last level row."""
    return np.zeros((count, QUEUE_FIELDS), dtype=np.float64)


def front_after_reference(model: int, n: float, front: float, prev: float, new: float, traded: float) -> float:
    """Return what stands ahead after a level row; read this first.

    Args:
        model: Number in the table above.
        n: Exponent of the power models.
        front: Ahead of us, prints already taken off, quantity units.
        prev: Size of the level before.
        new: Size of it after.
        traded: Printed at the level since its last row.
    """
    change = prev - new - traded
    if change < 0 or model == 0:
        return min(front, new)
    if model == 7:
        return min(max(front - change, 0.0), new)
    f, b = max(front, 0.0), max(prev - front, 0.0)
    if f + b < NOTHING:
        return 0.0
    m = max(f, b)
    p: float = (
        (b / m) ** n / ((b / m) ** n + (f / m) ** n),  # b^n / (b^n + f^n), in reach of a float
        (b / (b + f)) ** n,
        1 - (f / (f + b)) ** n,
        math.log(1 + b) / (math.log(1 + b) + math.log(1 + f)),
        math.log(1 + b) / math.log(1 + b + f),
    )[model - 1]
    estimate = front - (1 - p) * change + min(b - p * change, 0.0)
    return min(max(estimate, min(front, 0.0)), new)


@kernel(counted=False, inline=True)
def front_after(model: int, n: float, front: float, prev: float, new: float, traded: float) -> float:
    """Do what ``front_after_reference`` does."""
    change = prev - new - traded
    f, b = max(front, 0.0), max(prev - front, 0.0)
    if model == 1 and n == 2.0:
        # The default, without a branch on whether the level rose or fell, which nobody can foresee.
        square = b * b + f * f
        p = b * b / (square if square > 0.0 else 1.0)
        estimate = front - (1 - p) * change + min(b - p * change, 0.0)
        estimate = min(max(estimate, min(front, 0.0)), new)
        estimate = 0.0 if f + b < NOTHING else estimate
        return min(front, new) if change < 0 else estimate
    if change < 0 or model == 0:
        return min(front, new)
    if model == 7:
        return min(max(front - change, 0.0), new)
    if f + b < NOTHING:
        return 0.0
    if model == 1:
        m = max(f, b)
        p = (b / m) ** n / ((b / m) ** n + (f / m) ** n)
    elif model == 2:
        p = (b / (b + f)) ** n
    elif model == 3:
        p = 1 - (f / (f + b)) ** n
    elif model == 4:
        p = math.log(1 + b) / (math.log(1 + b) + math.log(1 + f))
    else:
        p = math.log(1 + b) / math.log(1 + b + f)
    estimate = front - (1 - p) * change + min(b - p * change, 0.0)
    return min(max(estimate, min(front, 0.0)), new)


@kernel(counted=False, inline=True)
def queues_after_level(
    queues: F64, count: int, model: int, n: float, side: int, key: int, prev: int, new: int, seeded: int
) -> None:
    """Move the tracked orders that stand at a level whose size went from ``prev`` to ``new``."""
    for i in range(count):
        if queues[i, Q_LIVE] != 0 and queues[i, Q_SIDE] == side and queues[i, Q_KEY] == key:
            if seeded != 0:
                if new > 0:
                    queues[i, Q_FRONT] = min(queues[i, Q_FRONT], float(new))
            else:
                traded = queues[i, Q_TRADED]
                queues[i, Q_FRONT] = front_after(model, n, queues[i, Q_FRONT], float(prev), float(new), traded)
                queues[i, Q_TRADED] = 0.0


@kernel(counted=False)
def queues_after_print(queues: F64, count: int, side: int, key: int, qty: int) -> None:
    """Take a print of ``qty`` against ``side`` at ``key`` off what stands ahead, not under 0."""
    for i in range(count):
        if queues[i, Q_LIVE] != 0 and queues[i, Q_SIDE] == side and queues[i, Q_KEY] == key:
            queues[i, Q_FRONT] = max(queues[i, Q_FRONT] - qty, 0.0)
            queues[i, Q_TRADED] += qty
