"""The least of expected cost and risk together: Almgren and Chriss' schedule, with drift, caps and lots.

Selling X over T in N periods of tau = T / N, with n_k traded in period k and x_k = x_(k-1) - n_k left after it,

    E = gamma X^2 / 2 + epsilon sum |n_k| + (eta~ / tau) sum n_k^2 - alpha tau sum x_k      eta~ = eta - gamma tau / 2
    V = sigma^2 tau sum x_k^2                                                minimise E + lambda V,  every n_k >= 0

Without caps, x_j = X sinh(kappa (T - t_j)) / sinh(kappa T) + d_j with cosh(kappa tau) = 1 + kappa~^2 tau^2 / 2,
kappa~^2 = lambda sigma^2 / eta~, and the drift's part

    d_j = (1 - (sinh(kappa (T - t_j)) + sinh(kappa t_j)) / sinh(kappa T)) alpha / (2 lambda sigma^2)
        = alpha tau^2 / (4 eta~) sinh(kappa t_j / 2) sinh(kappa (T - t_j) / 2)
          / (sinh^2(kappa tau / 2) cosh(kappa T / 2))

whose second form also holds at lambda = 0. Where caps bind, or drift would have the order trade against itself, the
schedule is ``solvers.capped``'s.

Source: Almgren, Chriss (2000), J. Risk 3, 5-39: eqs. 4-8, 14-20, and section 4 for drift. Symbols (paper -> ours):
X ``quantity``, T ``horizon``, N ``periods``, sigma ``volatility``, eta ``eta``, gamma ``gamma``, epsilon ``epsilon``,
lambda ``risk_aversion``, alpha ``drift``, x_k ``holdings``, n_k ``trades``, 1 / kappa ``half_life``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nowake.core.errors import InputError, Refused
from nowake.core.value import require
from nowake.plan.slicer import slice_exactly

Floats = NDArray[np.float64]
PERIODS_MAX = 1_000_000
SUM_CLOSE = 1e-12
"""Relative difference between a quantity and what its caps allow that is rounding."""
SMALL_ANGLE = 1e-8
"""Below this kappa T / 2 the schedule is the straight line, to the last digit."""
LARGE_ANGLE = 300.0
"""Beyond this kappa tau / 2 nothing is held, and squares of hyperbolic sines overflow."""
BETA_MAX = 1e8
"""Holding that costs more against trading changes the best cost by less than a part in this."""
LONGEST = 1e300
LEAST_CAP = 1e-12
"""A smaller cap is none at all: what it would let trade is rounding."""
NO_CAP = 2.0
"""What stands for none in the kernel's units, in which the quantity is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """A schedule, and the distribution of what it costs.

    Attributes:
        holdings: (N + 1,) what is left before the first period and after each; the last is 0.
        trades: (N,) what each period trades; 0 or of the quantity's sign, and they sum to it.
        expected_cost: E, money: the quantity's unit times the price's. Positive = paid.
        cost_sd: Square root of V, money.
        half_life: 1 / kappa, the unit of the horizon: in this time an uncapped order with an endless horizon falls to
            1 / e of itself. Infinite where risk does not count.
    """

    holdings: Floats
    trades: Floats
    expected_cost: float
    cost_sd: float
    half_life: float


@dataclass(frozen=True, slots=True)
class Problem:
    """The numbers of one schedule, checked; the names are ``almgren_chriss``'s, the quantity has its sign."""

    quantity: float
    horizon: float
    periods: int
    volatility: float
    eta: float
    gamma: float
    epsilon: float
    risk_aversion: float
    drift: float

    @property
    def tau(self) -> float:
        """Return the length of a period."""
        return self.horizon / self.periods

    @property
    def eta_tilde(self) -> float:
        """Return eta - gamma tau / 2."""
        return self.eta - self.gamma * self.tau / 2

    @property
    def half_angle(self) -> float:
        """Return kappa tau / 2: 2 sinh of it is kappa~ tau."""
        return math.asinh(self.volatility * math.sqrt(self.risk_aversion / self.eta_tilde) * self.tau / 2)

    @property
    def drift_pull(self) -> float:
        """Return alpha tau^2 / (2 eta~ X): what drift does to the trades, in parts of the whole."""
        return self.drift * self.tau**2 / (2 * self.eta_tilde * self.quantity)


def almgren_chriss(
    quantity: float,
    horizon: float,
    periods: int,
    *,
    volatility: float,
    eta: float,
    gamma: float,
    epsilon: float,
    risk_aversion: float,
    drift: float = 0.0,
    max_trade: ArrayLike | None = None,
    lot: float | None = None,
) -> Trajectory:
    """Return the schedule of least E + risk_aversion x V; see the module for both.

    Units: quantity q (shares), price p, time t (days), all of one kind throughout.

    Args:
        quantity: q; > 0 sells, < 0 buys. A buy is the mirror of the sale in a market with the opposite drift.
        horizon: t, > 0.
        periods: N >= 1, of equal length.
        volatility: p per square root of t, >= 0: absolute, not a return.
        eta: Temporary impact, p per (q / t); more than gamma x horizon / periods / 2.
        gamma: Permanent impact, p per q, >= 0.
        epsilon: Fixed cost of a unit, p, >= 0: half the spread and fees.
        risk_aversion: lambda, 1 / (p q), >= 0; 0 = expected cost alone counts.
        drift: Expected change of the price, p per t; a rise is to a seller's gain.
        max_trade: Most that a period may trade, q, >= 0: one number, or (N,); None = no cap.
        lot: Every trade is a multiple of this, q, > 0, and so must the quantity be; None = any trade.

    Raises:
        InputError: An argument is outside its domain.
        Refused: The caps are too small for the quantity; the nearest cap and horizon that do are named.

    >>> almgren_chriss(1e6, 5, 5, volatility=0.95, eta=2.5e-6, gamma=2.5e-7, epsilon=0.0625,
    ...                risk_aversion=1e-6).holdings.round().tolist()
    [1000000.0, 541956.0, 289854.0, 147897.0, 62142.0, 0.0]
    """
    problem = _checked(quantity, horizon, periods, volatility, eta, gamma, epsilon, risk_aversion, drift)
    lots = None if lot is None else _in_lots(quantity, lot)
    caps = None if max_trade is None else _caps(problem, max_trade, lot)
    parts = closed_form(problem) if caps is None else _bounded(problem, caps)
    if parts.min() < 0:
        parts = _bounded(problem, None)
    if lots is None:
        trades = parts * problem.quantity
    else:
        whole = slice_exactly(lots, parts.tolist())
        trades = math.copysign(float(lot or 0), quantity) * np.array(whole, dtype=np.float64)
    return _priced(problem, trades)


def closed_form(problem: Problem) -> Floats:
    """Return what each period trades as a part of the whole, (N,), where neither sign nor size is bounded."""
    count, half = problem.periods, problem.half_angle
    left = np.arange(count, -1, -1) / count  # of the time
    if half * count < SMALL_ANGLE:
        holdings = left
        shape = left * (1 - left) * count**2
    else:
        away = 2 * half * count  # kappa T
        holdings = np.exp(-away * (1 - left)) * np.expm1(-2 * away * left) / math.expm1(-2 * away)
        # sinh(a) sinh(b) / cosh(a + b), a + b = kappa T / 2, without the exponentials that overflow
        shape = np.expm1(-away * (1 - left)) * np.expm1(-away * left) / (2 * (1 + math.exp(-away)))
        shape = shape / math.sinh(half) ** 2 if half < LARGE_ANGLE else np.zeros_like(shape)
    if problem.drift:
        holdings = holdings + problem.drift_pull / 2 * shape
    parts: Floats = holdings[:-1] - holdings[1:]
    return parts


def _bounded(problem: Problem, caps: Floats | None) -> Floats:
    """Return the parts of the best schedule within [0, caps]; caps are parts of the whole that suffice."""
    from nowake.plan.solvers import capped  # compiles kernels: only who needs them pays

    most = np.full(problem.periods, NO_CAP) if caps is None else np.where(caps >= 1, NO_CAP, caps)
    most[most < LEAST_CAP] = 0.0
    total = float(most.sum())
    if total <= 1 + SUM_CLOSE:
        return most / total
    beta = min((2 * math.sinh(min(problem.half_angle, LARGE_ANGLE))) ** 2, BETA_MAX)
    if most.min() > 0:
        found, _ = capped.solve(beta, problem.drift_pull, most, np.ones(problem.periods))
        return found
    open_ = np.flatnonzero(most > 0)  # what is left is held through the periods that may not trade
    held = np.diff(np.append(open_, problem.periods)).astype(np.float64)
    found, _ = capped.solve(beta, problem.drift_pull, most[open_], held)
    parts = np.zeros(problem.periods)
    parts[open_] = found
    return parts


def _priced(problem: Problem, trades: Floats) -> Trajectory:
    """Return the trades with what they cost."""
    holdings = np.zeros(problem.periods + 1)
    holdings[:-1] = trades[::-1].cumsum()[::-1]  # from the end, where little is left: relative accuracy everywhere
    holdings[0] = problem.quantity
    trades.setflags(write=False)
    holdings.setflags(write=False)
    after, size, tau = holdings[1:], abs(problem.quantity), problem.tau
    cost = problem.gamma * size**2 / 2 + problem.epsilon * size + problem.eta_tilde / tau * float(trades @ trades)
    if problem.drift:
        cost -= problem.drift * tau * float(after.sum())
    half = problem.half_angle
    return Trajectory(
        holdings=holdings,
        trades=trades,
        expected_cost=cost,
        cost_sd=problem.volatility * math.sqrt(tau * float(after @ after)),
        half_life=tau / (2 * half) if half > tau / LONGEST else math.inf,
    )


def _checked(
    quantity: float,
    horizon: float,
    periods: int,
    volatility: float,
    eta: float,
    gamma: float,
    epsilon: float,
    risk_aversion: float,
    drift: float,
) -> Problem:
    """Return the numbers as floats within their domains."""
    given = {"quantity": quantity, "horizon": horizon, "volatility": volatility, "eta": eta, "gamma": gamma}
    given |= {"epsilon": epsilon, "risk_aversion": risk_aversion, "drift": drift}
    numbers = {name: _finite(name, value) for name, value in given.items()}
    require(numbers["quantity"] != 0, "quantity", quantity, "other than 0")
    require(numbers["horizon"] > 0, "horizon", horizon, "> 0")
    for name in ("volatility", "gamma", "epsilon", "risk_aversion"):
        require(numbers[name] >= 0, name, given[name], ">= 0")
    whole = not isinstance(periods, bool) and hasattr(periods, "__index__")
    if not (whole and 1 <= periods <= PERIODS_MAX):
        raise InputError("periods", periods, f"a whole number from 1 to {PERIODS_MAX:,}")
    problem = Problem(periods=int(periods), **numbers)
    least = problem.gamma * problem.tau / 2
    if problem.eta <= least:
        rule = f"> gamma x horizon / periods / 2 = {least:g}, or trading at once would cost nothing"
        raise InputError("eta", eta, rule, "take more periods or a smaller gamma")
    return problem


def _finite(name: str, value: object) -> float:
    """Return a number as a float."""
    if type(value) is float and math.isfinite(value):
        return value
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InputError(name, value, "a number") from None
    require(math.isfinite(number) and not isinstance(value, bool | str), name, value, "a finite number")
    return number


def _in_lots(quantity: float, lot: float) -> int:
    """Return the size of the quantity in lots."""
    require(_finite("lot", lot) > 0, "lot", lot, "> 0")
    lots = Fraction(repr(float(quantity))) / Fraction(repr(float(lot)))
    require(lots.denominator == 1, "quantity", quantity, f"a multiple of the lot {float(lot):g}")
    return abs(int(lots))


def _caps(problem: Problem, max_trade: ArrayLike, lot: float | None) -> Floats:
    """Return the caps as parts of the whole, (N,), cut to whole lots.

    Raises:
        InputError: Not one number >= 0, or one for each period.
        Refused: They do not let the whole be traded.
    """
    try:
        given = np.asarray(max_trade, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("max_trade", max_trade, "a number, or one for each period") from None
    fits = given.ndim == 0 or given.shape == (problem.periods,)
    if not fits:
        raise InputError("max_trade", given.shape, f"one number, or one for each of the {problem.periods} periods")
    require(bool(given.min() >= 0), "max_trade", max_trade, ">= 0 everywhere")
    size = abs(problem.quantity)
    most = np.minimum(given, size) if given.ndim else np.full(problem.periods, min(float(given), size))
    if lot is not None:
        most = np.floor(most / lot * (1 + SUM_CLOSE)) * lot
    total = float(most.sum())
    if total < size * (1 - SUM_CLOSE):
        raise _too_small(problem, most, total, lot, one=given.ndim == 0)
    return most / size


def _too_small(problem: Problem, most: Floats, total: float, lot: float | None, *, one: bool) -> Refused:
    """Return the refusal of caps that sum to ``total``, with the nearest that do."""
    size, count = abs(problem.quantity), problem.periods
    reason = f"max_trade lets {total:.12g} of {size:.12g} be traded in {count} periods"
    if one:
        cap = size / count if lot is None else math.ceil(round(size / lot) / count) * lot
        remedy = f"nearest is a max_trade of {cap!r}"
        if total:
            more = math.ceil(size / float(most[0]) * (1 - SUM_CLOSE))
            remedy += f", or a horizon of {problem.horizon * more / count!r} in {more} periods"
        return Refused(reason, remedy)
    if not total:
        return Refused(reason, "let some period trade")
    return Refused(reason, f"nearest is a max_trade {size / total:.6g} times as large, or a horizon longer by as much")
