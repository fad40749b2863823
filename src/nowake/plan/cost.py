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
  + (sd delta x ln(Q / V_D))^2, r = relative standard errors.

Quantiles are of C itself: its distribution function is one integral, by the trapezoidal rule, inverted by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import Assumption, CostEstimate, ExecutionSlice
from nowake.core.value import Value
from nowake.models.beliefs import Beliefs
from nowake.models.impact import find_form

CROSS = "cross"
TAKES = {CROSS: 1.0, "minimum-fill": 1.0, "post": 0.0}
"""Part of a slice that takes liquidity, for tactics of which urgency does not decide it."""
PARTICIPATION_LIMIT = 0.95
"""Own share of volume beyond which the speed correction is held."""
_GRID = tuple(-8 + i / 16 for i in range(257))
_WEIGHTS = tuple(math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / 16 for z in _GRID)


class Cost(Value, frozen=True):
    """The distribution C = centre + normal(0, normal_sd) + impact x (M - 1).

    Attributes:
        centre_bps: Its mean.
        normal_sd_bps: Of timing and posting together.
        impact_bps: Mean of the impact part, >= 0.
        log_sd: Standard deviation of ln M.
    """

    centre_bps: float
    normal_sd_bps: float
    impact_bps: float
    log_sd: float

    @property
    def impact_sd_bps(self) -> float:
        """Return the standard deviation of the impact part."""
        return self.impact_bps * math.sqrt(math.expm1(self.log_sd**2))

    @property
    def sd_bps(self) -> float:
        """Return the standard deviation of the whole."""
        return math.hypot(self.normal_sd_bps, self.impact_sd_bps)

    def probability(self, cost_bps: float) -> float:
        """Return P(C <= cost_bps): integrate out the part that varies less, so that the integrand is smooth."""
        floor = self.centre_bps - self.impact_bps
        drift = -(self.log_sd**2) / 2
        if self.normal_sd_bps >= self.impact_sd_bps:
            if self.normal_sd_bps == 0:
                return 1.0 if cost_bps >= self.centre_bps else 0.0
            return sum(
                weight
                * _phi((cost_bps - floor - self.impact_bps * math.exp(drift + self.log_sd * z)) / self.normal_sd_bps)
                for z, weight in zip(_GRID, _WEIGHTS, strict=True)
            )
        total = 0.0
        for z, weight in zip(_GRID, _WEIGHTS, strict=True):
            impact = (cost_bps - floor - self.normal_sd_bps * z) / self.impact_bps
            if impact > 0:
                total += weight * _phi((math.log(impact) - drift) / self.log_sd)
        return total

    def quantile(self, p: float) -> float:
        """Return the cost that is not exceeded with probability ``p`` in (0, 1), to 1e-7 of the sd.

        A spread under 1e-7 of the mean is none: floats could not tell its quantiles apart.
        """
        if self.sd_bps <= 1e-7 * max(1.0, abs(self.centre_bps)):
            return self.centre_bps
        low, high = self.centre_bps - self.sd_bps, self.centre_bps + self.sd_bps
        while self.probability(low) > p:
            low -= high - low
        while self.probability(high) < p:
            high += high - low
        while high - low > 1e-7 * self.sd_bps:
            middle = (low + high) / 2
            low, high = (middle, high) if self.probability(middle) < p else (low, middle)
        return (low + high) / 2


def _phi(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def take_fraction(urgency: float, tactic: str) -> float:
    """Return the part of a slice expected to take liquidity, in [0, 1]."""
    return TAKES.get(tactic, (1 + 3 * urgency) / 4)


def estimate(order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs, listing: Listing) -> CostEstimate:
    """Return the cost of working ``slices`` as a distribution; see the module for every term.

    Args:
        order: For urgency and cap.
        slices: At least one, in order of release; their quantity is what is costed (of a re-plan: what is unsent,
            against the price at the re-plan, as if nothing had been done before).
        beliefs: As of the plan.
        listing: For its fee schedule.

    Raises:
        Refused: No price is known, so nothing is a fraction of it.
    """
    if beliefs.mid2 <= 0:
        raise Refused("no price is known, so the cost cannot be stated", "wait for a valid book")
    qty = sum(one.qty_units for one in slices)
    taking = sum(one.qty_units * take_fraction(order.parameters.urgency, one.tactic) for one in slices) / qty
    half_bps = beliefs.spread_bps / 2
    permanent, temporary, log_sd = _impact(order, slices, beliefs)
    fees = _fees_bps(listing, beliefs.price_units, qty, taking)
    timing = timing_risk_bps(slices, beliefs)
    posting_sd = half_bps * (1 - taking)
    spread = half_bps * taking
    cost = Cost(
        centre_bps=spread + temporary + permanent + fees,
        normal_sd_bps=math.hypot(timing, posting_sd),
        impact_bps=temporary + permanent,
        log_sd=log_sd,
    )
    return CostEstimate(
        mean_bps=cost.centre_bps,
        sd_bps=cost.sd_bps,
        p05_bps=cost.quantile(0.05),
        p50_bps=cost.quantile(0.50),
        p95_bps=cost.quantile(0.95),
        spread_bps=spread,
        temporary_bps=temporary,
        permanent_bps=permanent,
        fees_bps=fees,
        timing_risk_bps=timing,
        parameter_sd_bps=math.hypot(posting_sd, cost.impact_sd_bps),
    )


def others_volume(order: ParentOrder, one: ExecutionSlice, beliefs: Beliefs) -> float:
    """Return what the others are expected to trade in a slice, quantity units, > 0.

    Where nothing is known the slice is taken to run at the order's cap.
    """
    cap = order.parameters.participation_max
    at_cap = one.qty_units * max(1 - cap, 1 - PARTICIPATION_LIMIT) / cap
    return beliefs.volume.expected(one.release_ns, one.end_ns) or at_cap


def _impact(order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> tuple[float, float, float]:
    """Return permanent and temporary part of the mean, bps, and the sd of the logarithm of their sum."""
    impact, volume, volatility = beliefs.impact, beliefs.volume, beliefs.volatility
    qty = sum(one.qty_units for one in slices)
    others = [others_volume(order, one, beliefs) for one in slices]
    day_volume = volume.per_day
    if not volume.known:
        span = volume.day_fraction(slices[0].release_ns, slices[-1].end_ns)
        fallback = (slices[-1].end_ns - slices[0].release_ns) / volume.day_ns
        day_volume = sum(others) / (span or fallback)
    form = find_form(impact.form)
    peak = form.peak_bps(qty, day_volume, daily_vol_bps=volatility.daily_bps, y=impact.y, delta=impact.delta)
    average = form.average_bps(qty, day_volume, daily_vol_bps=volatility.daily_bps, y=impact.y, delta=impact.delta)
    most = PARTICIPATION_LIMIT / (1 - PARTICIPATION_LIMIT)
    speed = sum(
        one.qty_units / qty * (1 + min(one.qty_units / market, most)) ** impact.delta
        for one, market in zip(slices, others, strict=True)
    )
    permanent = impact.remaining * peak / 2
    log_variance = (
        math.log1p((impact.y_sd / impact.y) ** 2)
        + impact.delta**2 * math.log1p(volume.relative_sd**2)
        + math.log1p(volatility.relative_sd**2)
        + (impact.delta_sd * math.log(qty / day_volume)) ** 2
    )
    return permanent, average * speed - permanent, math.sqrt(log_variance)


def timing_risk_bps(slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> float:
    """Return the standard deviation from prices moving while the schedule runs, bps of the whole quantity.

    From the first release on; a slice that posts falls linearly over its interval, one that crosses at its release.
    """
    left = total = float(sum(one.qty_units for one in slices))
    weighted_ns, before = 0.0, slices[0].release_ns
    for one in slices:
        weighted_ns += left**2 * (one.release_ns - before)
        after = left - one.qty_units
        start = after if one.tactic == CROSS else left
        weighted_ns += (start**2 + start * after + after**2) / 3 * (one.end_ns - one.release_ns)
        left, before = after, one.end_ns
    days = weighted_ns / total**2 / beliefs.volume.day_ns
    volatility = beliefs.volatility
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


def cost_assumptions(order: ParentOrder, slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> tuple[Assumption, ...]:
    """Return what ``estimate`` takes for granted beyond the beliefs themselves."""
    found = [
        Assumption(
            name="impact parts", value="2/3 of the peak remains, half of it paid", why="literature, not measured"
        ),
        Assumption(
            name="impact speed", value="((own + others) / others) ** delta", why="the law says nothing of speed"
        ),
        Assumption(name="volatility curve", value="flat over the day", why="a single day shows no curve"),
    ]
    if any(one.tactic != CROSS for one in slices):
        share = take_fraction(order.parameters.urgency, slices[0].tactic)
        found += [
            Assumption(name="take share", value=f"{100 * share:.0f} %", why="set by urgency, not measured"),
            Assumption(name="posted fills", value="0 +- half a spread", why="earned spread lost to adverse selection"),
        ]
    if not all(beliefs.volume.expected(one.release_ns, one.end_ns) > 0 for one in slices):
        cap = order.parameters.participation_max
        found.append(Assumption(name="participation", value=f"{100 * cap:g} %, the cap", why="volume is unknown"))
    return tuple(found)
