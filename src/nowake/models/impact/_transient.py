"""Transient impact: a trade moves the price, the move dies away, and later trades pay what is left of it.

    cost(x) = 1/2 x'G x + 1/2 permanent X**2        G_ij = K(|t_i - t_j|)        X = sum x
    optimum  x = X G^-1 1 / (1'G^-1 1)              its transient cost = X**2 / (2 1'G^-1 1)

Symbols (paper -> ours): K or G(t) ``TransientKernel.value`` (price per unit of quantity), x ``sizes`` (signed, one
trade at each of ``times``), X their sum. Sources: Obizhaeva, Wang (2013), J. Financial Markets 16, 1-32; Alfonsi,
Schied, Slynko (2012), SIAM J. Financial Math. 3, 511-533; Gatheral, Schied, Slynko (2012), Math. Finance 22, 445-474.

**Units**: times and 1 / rate in one unit, whichever (the simulator uses seconds); K in money per unit of quantity, so
that the cost is money. A kernel's own ``scale`` is K(0), the move right after a trade of one unit.

**Manipulation.** K must be positive definite, else some round trip earns money for nothing. If it is also convex and
decreasing no optimal schedule trades against itself (Alfonsi, Schied, Slynko, theorem 1); exp(-t**2) is positive
definite and still does. ``judge`` says which; ``refuse_manipulation`` refuses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from nowake.core.errors import InputError, Refused
from nowake.core.value import require
from nowake.models.impact._form import F64, column

TRADES_MOST = 4_000
"""Trades of one schedule: G is dense."""
ROUNDING = 1e-9
"""Of the largest: an eigenvalue or trade below this is nought."""


class Exponentials(NamedTuple):
    """A kernel as K(t) ~ sum of weights x exp(-rates t): a state of a few numbers carries it from trade to trade.

    Attributes:
        weights: (n,) price per unit of quantity, > 0; they sum to K(0), exactly.
        rates: (n,) per unit of time, >= 0.
        error: Greatest |difference| / K(t) found on [0, ``horizon``]; 0 = exact.
        horizon: Time up to which ``error`` holds.
    """

    weights: F64
    rates: F64
    error: float
    horizon: float


class TransientKernel(Protocol):
    """What is left of a trade's move as time passes. Each form is a class in a file of its own."""

    @property
    def scale(self) -> float:
        """Return K(0), price per unit of quantity, > 0."""

    def value(self, tau: ArrayLike) -> F64:
        """Return K at ``tau`` >= 0, any shape; price per unit of quantity."""


def positive(name: str, value: float) -> None:
    """Refuse a parameter that is not a finite number > 0.

    Raises:
        InputError: It is none.
    """
    require(0 < value < math.inf, name, value, "a finite number > 0")


Kernel = TransientKernel | Callable[[F64], F64]
"""One of ours, or any function of an array of times."""


def kernel_matrix(kernel: Kernel, times: ArrayLike) -> F64:
    """Return G, (n, n): the kernel between any two of ``times``, (n,), increasing.

    Raises:
        InputError: No increasing finite times, too many, or a kernel that is not finite there.
    """
    at = column("times", times, -math.inf, math.inf, "finite")
    require(at.ndim == 1 and 1 <= len(at) <= TRADES_MOST, "times", at.shape, f"a row of 1 to {TRADES_MOST:,} instants")
    require(bool((np.diff(at) > 0).all()), "times", "not increasing", "increasing", "merge trades of one instant")
    gaps = np.abs(at[:, None] - at[None, :])
    matrix = np.asarray(kernel(gaps) if callable(kernel) else kernel.value(gaps), dtype=np.float64)
    require(matrix.shape == gaps.shape, "kernel", matrix.shape, f"of the shape of its times, {gaps.shape}")
    require(bool(np.isfinite(matrix).all()), "kernel", "not finite at some lag", "finite at every lag, 0 too")
    return matrix


def transient_cost(kernel: Kernel, times: ArrayLike, sizes: ArrayLike, *, permanent: float = 0.0) -> float:
    """Return what a schedule costs beyond the price before its first trade: money, positive = paid.

    Args:
        kernel: Transient part of the impact.
        times: (n,) instants, increasing.
        sizes: (n,) traded at each; the sign is the side.
        permanent: Part of the move that stays, price per unit of quantity, >= 0.

    Raises:
        InputError: An argument outside its domain.
    """
    require(0 <= permanent < math.inf, "permanent", permanent, "a finite number >= 0")
    matrix, x = kernel_matrix(kernel, times), column("sizes", sizes, -math.inf, math.inf, "finite")
    require(x.shape == matrix.shape[:1], "sizes", x.shape, f"one for each time, {matrix.shape[:1]}")
    return float(x @ matrix @ x + permanent * x.sum() ** 2) / 2


def transient_optimal(kernel: Kernel, times: ArrayLike, quantity: float = 1.0) -> F64:
    """Return the schedule of least cost, (n,): what to trade at each of ``times``.

    Permanent impact does not move it: it costs every schedule the same.

    Args:
        kernel: Transient part of the impact.
        times: (n,) instants, increasing.
        quantity: Whole order, signed.

    Raises:
        InputError: An argument outside its domain.
        Refused: The kernel is not positive definite on these times, so no schedule is the least.

    >>> from nowake.models.impact import LinearKernel
    >>> transient_optimal(LinearKernel(span=1.0), [0, 0.5, 1.0]).round(6).tolist()
    [0.5, 0.0, 0.5]
    """
    matrix = kernel_matrix(kernel, times)
    try:
        np.linalg.cholesky(matrix)
        x = np.linalg.solve(matrix, np.ones(len(matrix)))
    except np.linalg.LinAlgError:
        remedy = "use a kernel that is convex and decreasing"
        raise Refused("the kernel is not positive definite on these times", remedy) from None
    return np.asarray(quantity * x / x.sum())


class KernelVerdict(NamedTuple):
    """Whether a kernel lets somebody earn by trading against their own impact.

    Attributes:
        positive_definite: No round trip on these times earns money.
        least_eigenvalue: Of G, as a part of the largest.
        schedule: (n,) optimal schedule of one unit; empty where there is none.
        one_sided: That schedule never trades against itself.
        why: Of a verdict that is not good, in a clause; empty = good.
    """

    positive_definite: bool
    least_eigenvalue: float
    schedule: F64
    one_sided: bool
    why: str

    @property
    def good(self) -> bool:
        """Return whether the kernel may be used."""
        return self.positive_definite and self.one_sided


def judge(kernel: Kernel, times: ArrayLike | None = None) -> KernelVerdict:
    """Return whether a kernel allows manipulation on a grid of times.

    Args:
        kernel: To be judged.
        times: (n,) instants, increasing; None = 0 to 1 in steps of 1/5, 1/10, 1/50: the worst of the three.

    Raises:
        InputError: The times are none, or the kernel is not finite there.
    """
    if times is None:
        found = [judge(kernel, np.linspace(0, 1, n)) for n in (6, 11, 51)]
        return next((one for one in found if not one.good), found[-1])
    matrix = kernel_matrix(kernel, times)
    values = np.linalg.eigvalsh(matrix)
    least = float(values[0] / max(abs(values[-1]), abs(values[0]), math.ulp(0.0)))
    if not least > ROUNDING * 1e-5:
        why = f"it is not positive definite (least eigenvalue {least:.3g} of the largest): some round trip earns money"
        return KernelVerdict(False, least, np.empty(0), False, why)
    x = np.asarray(np.linalg.solve(matrix, np.ones(len(matrix))), dtype=np.float64)
    x /= x.sum()
    one_sided = bool((x >= -ROUNDING * np.abs(x).max()).all())
    why = "" if one_sided else f"its optimal schedule trades against itself (least part {x.min():.3g} of the order)"
    return KernelVerdict(True, least, x, one_sided, why)


def refuse_manipulation(kernel: Kernel, times: ArrayLike | None = None) -> None:
    """Refuse a kernel that allows manipulation; arguments as for ``judge``.

    Raises:
        Refused: It does, and how.
    """
    verdict = judge(kernel, times)
    if not verdict.good:
        raise Refused(f"the impact kernel allows manipulation: {verdict.why}", "use one that is convex and decreasing")


def numbers_of(name: str, value: Sequence[float]) -> F64:
    """Return a row of finite numbers >= 0.

    Raises:
        InputError: It is none.
    """
    made = column(name, list(value), 0.0, math.inf, "finite and >= 0", low_too=True)
    if made.ndim != 1 or not len(made):
        raise InputError(name, value, "at least one number")
    return made
