"""What a schedule will cost: a distribution in basis points of arrival notional, positive = paid, same for both sides.

    C = spread + fees + I M + sigma_n Z          Z normal(0, 1);  M lognormal, mean 1

- **spread** = h f(u): half the quoted spread h on the part f that takes. f is 1 for slices that cross; posting first
  takes f(u) = (1 + 3 u) / 4 at urgency u (assumed). A posted fill is charged nothing: the half spread it earns is
  taken to be lost again to adverse selection, give or take h (assumed; it is the spread's parameter sd).
- **impact** I = average square-root impact of the size x speed: the law of ``models.impact`` is free of the horizon
  at ordinary participation; volume that is our own cannot absorb us, so each slice of q against V of others pays
  ((q + V) / V) ** delta more (assumed; 1.08 at 15 %, and 1 for a slow order).
- **permanent** = half of what remains of the peak (two thirds): the level rises as the order fills, so the order pays
  half of it on average (Almgren et al. 2005, eq. 6: J = I / 2 + ...). **temporary** = the rest of I.
- **timing risk** sigma_n: sigma_D sqrt(integral of (x / X) ** 2 dt / D) with x what is left of X; Almgren, Chriss
  (2000), eq. 5, in continuous time: falling linearly through a slice that posts, at once in one that crosses. The
  standard error of sigma_D is in it as E[sigma^2].
- **parameters**: ln M has variance ln(1 + (sd Y / Y)^2) + delta^2 ln(1 + r_V^2) + ln(1 + r_sigma^2)
  + (sd delta x ln(Q / V_D))^2 + (w ln(Q / 10 % V_D))^2, r = relative standard errors; the last one only for orders over
  10 % of a day's volume, beyond which the law was not measured: w = 1/4 (assumed).
- **opportunity** is zero: the whole quantity is costed as planned, and no drift is expected of what is left undone.

Quantiles are of C itself (``plan.distribution``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import Assumption, CostEstimate, ExecutionSlice
from nowake.models.beliefs import Beliefs
from nowake.models.impact import find_form
from nowake.plan.distribution import Cost
from nowake.plan.schedule import Floats, Schedule

__all__ = ["Cost", "cost_assumptions", "cost_of", "estimate", "measured", "take_fraction", "timing_risk_bps"]

if TYPE_CHECKING:
    from nowake.plan.solvers.numbers import Numbers

CROSS = "cross"
TAKES = {CROSS: 1.0, "minimum-fill": 1.0, "post": 0.0, "midpoint": 0.0}
"""Part of a slice that takes liquidity, for tactics of which urgency does not decide it."""
PARTICIPATION_LIMIT = 0.95
"""Own share of volume beyond which the speed correction is held."""

LAW_MEASURED_TO = 0.10
"""Part of a day's volume up to which the square-root law was measured (``models.impact``)."""
BEYOND_LOG_SD = 0.25
"""How far impact may be off per unit of ln(size) beyond that; assumed."""


def take_fraction(urgency: float, tactic: str) -> float:
    """Return the part of a slice expected to take liquidity, in [0, 1]."""
    return TAKES.get(tactic, (1 + 3 * urgency) / 4)


def estimate(
    order: ParentOrder,
    slices: Sequence[ExecutionSlice],
    beliefs: Beliefs,
    listing: Listing,
    expected: Floats | None = None,
) -> CostEstimate:
    """Return the cost of working ``slices`` as a distribution; see the module for every term.

    Args:
        order: For urgency and cap.
        slices: At least one, in order of release, best a ``Schedule``; their quantity is what is costed (of a re-plan:
            what is unsent, against the price at the re-plan, as if nothing had been done before).
        beliefs: As of the plan.
        listing: For its fee schedule.
        expected: (n,) volume of others that the beliefs expect in each, where the caller has it.

    Raises:
        Refused: No price is known, so nothing is a fraction of it.
    """
    if beliefs.mid2 <= 0:
        raise Refused("no price is known, so the cost cannot be stated", "wait for a valid book")
    laid = Schedule.of(slices)
    numbers = measured(laid, beliefs, order.parameters.participation_max, expected)
    return cost_of(order, laid, numbers, beliefs, listing)


def cost_of(order: ParentOrder, laid: Schedule, numbers: Numbers, beliefs: Beliefs, listing: Listing) -> CostEstimate:
    """Return ``estimate`` of a schedule whose numbers are known, where a price is."""
    taking = _taking(order, laid)
    half_bps = beliefs.spread_bps / 2
    permanent, temporary, log_sd = _impact(laid, numbers, beliefs)
    fees = _fees_bps(listing, beliefs.price_units, numbers.qty_units, taking)
    timing = _timing_bps(numbers, beliefs)
    posting_sd = half_bps * (1 - taking)
    spread = half_bps * taking
    cost = Cost(
        centre_bps=spread + temporary + permanent + fees,
        normal_sd_bps=math.hypot(timing, posting_sd),
        impact_bps=temporary + permanent,
        log_sd=log_sd,
    )
    p05, p50, p95 = cost.quantiles(0.05, 0.50, 0.95)
    return CostEstimate(
        mean_bps=cost.centre_bps,
        sd_bps=cost.sd_bps,
        p05_bps=p05,
        p50_bps=p50,
        p95_bps=p95,
        spread_bps=spread,
        temporary_bps=temporary,
        permanent_bps=permanent,
        fees_bps=fees,
        timing_risk_bps=timing,
        parameter_sd_bps=math.hypot(posting_sd, cost.impact_sd_bps),
    )


def _taking(order: ParentOrder, laid: Schedule) -> float:
    """Return the part of the quantity that is expected to take."""
    urgency = order.parameters.urgency
    if isinstance(laid.tactics, str):
        return take_fraction(urgency, laid.tactics)
    parts = np.array([take_fraction(urgency, tactic) for tactic in laid.tactics])
    return float(laid.qty_units @ parts / laid.qty_units.sum())


def measured(slices: Sequence[ExecutionSlice], beliefs: Beliefs, cap: float, expected: Floats | None = None) -> Numbers:
    """Return the numbers of slices that their cost follows from; arguments as for ``estimate``.

    Where no volume is known a slice is taken to run at the order's ``cap``.
    """
    from nowake.plan.solvers.numbers import Numbers, numbers_kernel  # compiles: only who needs it pays

    laid = Schedule.of(slices)
    if expected is None:
        expected = beliefs.volume.expected_each(laid.release_ns, laid.end_ns)
    found = numbers_kernel(
        laid.release_ns,
        laid.end_ns,
        laid.qty_units,
        expected,
        laid.having(CROSS),
        max(1 - cap, 1 - PARTICIPATION_LIMIT) / cap,
        beliefs.impact.delta,
        PARTICIPATION_LIMIT / (1 - PARTICIPATION_LIMIT),
    )
    return Numbers(*found)


def _impact(laid: Schedule, numbers: Numbers, beliefs: Beliefs) -> tuple[float, float, float]:
    """Return permanent and temporary part of the mean, bps, and the sd of the logarithm of their sum."""
    impact, volume, volatility = beliefs.impact, beliefs.volume, beliefs.volatility
    qty = numbers.qty_units
    day_volume = volume.per_day
    if not volume.known:
        first_ns, last_ns = int(laid.release_ns[0]), int(laid.end_ns[-1])
        span = volume.day_fraction(first_ns, last_ns)
        fallback = (last_ns - first_ns) / volume.day_ns
        day_volume = numbers.others / (span or fallback)
    form = find_form(impact.form)
    peak = form.peak_bps(qty, day_volume, daily_vol_bps=volatility.daily_bps, y=impact.y, delta=impact.delta)
    average = form.average_bps(qty, day_volume, daily_vol_bps=volatility.daily_bps, y=impact.y, delta=impact.delta)
    permanent = impact.remaining * peak / 2
    log_variance = (
        math.log1p((impact.y_sd / impact.y) ** 2)
        + impact.delta**2 * math.log1p(volume.relative_sd**2)
        + math.log1p(volatility.relative_sd**2)
        + (impact.delta_sd * math.log(qty / day_volume)) ** 2
        + (BEYOND_LOG_SD * math.log(max(1.0, qty / day_volume / LAW_MEASURED_TO))) ** 2
    )
    return permanent, average * numbers.speed - permanent, math.sqrt(log_variance)


def timing_risk_bps(slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> float:
    """Return the standard deviation from prices moving while the schedule runs, bps of the whole quantity.

    From the first release on; a slice that posts falls linearly over its interval, one that crosses at its release.
    """
    return _timing_bps(measured(slices, beliefs, cap=1.0), beliefs)


def _timing_bps(numbers: Numbers, beliefs: Beliefs) -> float:
    volatility, days = beliefs.volatility, numbers.waiting_ns / beliefs.volume.day_ns
    return volatility.daily_bps * math.sqrt((1 + volatility.relative_sd**2) * days)


def _fees_bps(listing: Listing, price_units: int, qty: int, taking: float) -> float:
    """Return expected fees in bps of notional; never silently zero: assumed schedules are listed with the beliefs."""
    instrument, fees = listing.instrument, listing.fees
    notional = instrument.notional(price_units, qty)
    maker, taker = (
        bps + per_qty * instrument.qty(qty) / notional * 10_000
        for bps, per_qty in ((fees.maker_bps, fees.maker_per_qty), (fees.taker_bps, fees.taker_per_qty))
    )
    share = Decimal(repr(taking))
    return float(share * taker + (1 - share) * maker)


def cost_assumptions(
    order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs, expected: Floats | None = None
) -> tuple[Assumption, ...]:
    """Return what ``estimate`` takes for granted beyond the beliefs themselves; arguments as there."""
    laid = Schedule.of(slices)
    tactics = [laid.tactic_of(k) for k in range(len(laid))]
    if expected is None:
        expected = beliefs.volume.expected_each(laid.release_ns, laid.end_ns)
    found = [
        Assumption(
            name="impact parts", value="2/3 of the peak remains, half of it paid", why="literature, not measured"
        ),
        Assumption(
            name="impact speed", value="((own + others) / others) ** delta", why="the law says nothing of speed"
        ),
        Assumption(name="volatility curve", value="flat over the day", why="a single day shows no curve"),
    ]
    if any(tactic != CROSS for tactic in tactics):
        share = take_fraction(order.parameters.urgency, tactics[0])
        why = "set by urgency, not measured" if share else "never takes"
        found += [
            Assumption(name="take share", value=f"{100 * share:.0f} %", why=why),
            Assumption(name="posted fills", value="0 +- half a spread", why="earned spread lost to adverse selection"),
        ]
    part = float(laid.qty_units.sum()) / beliefs.volume.per_day if beliefs.volume.known else 0.0
    if part > LAW_MEASURED_TO:
        why = f"measured up to {100 * LAW_MEASURED_TO:g} %; the band is wider for it"
        found.append(
            Assumption(name="impact of size", value=f"the law at {100 * part:.3g} % of a day's volume", why=why)
        )
    if not (expected > 0).all():
        cap = order.parameters.participation_max
        found.append(Assumption(name="participation", value=f"{100 * cap:g} %, the cap", why="volume is unknown"))
    return tuple(found)
