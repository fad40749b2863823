"""Daily volatility from what has been seen, or assumed when too little has.

    sigma_D = sqrt(RV x D / T)        RV = sum of squared log returns of the mid over T, sampled every 10 s

Source: realised variance, Andersen, Bollerslev, Diebold, Labys (2003), Econometrica 71, eq. 8. Symbols (paper ->
ours): RV ``realised_var``, T ``realised_ns``, D ``day_ns`` (the trading day: nights are not in it). Of n returns, each
normal, the relative standard error of sigma is 1 / sqrt(2 n).
"""

from __future__ import annotations

import math

from nowake.core.plan import Assumption
from nowake.core.value import Value, check_types, require

SAMPLE_NS = 10_000_000_000
"""Sampling of ``View.realised_var``."""
RETURNS_MIN = 30
"""Fewer returns than this (5 minutes) are not used: their standard error alone is over 13 %."""
REST_OF_DAY_RELATIVE_SD = 0.25
"""How far the rest of a day departs from the part seen (seasonality, news); assumed."""

SESSION_VOL_BPS = 200.0
AROUND_THE_CLOCK_VOL_BPS = 300.0
FALLBACK_RELATIVE_SD = 0.5
UNMOVED_REMEDY = f"of a price that never moved believe a common one, {SESSION_VOL_BPS:g} bps +- 50 %"


class VolatilityBelief(Value, frozen=True):
    """Daily volatility.

    Attributes:
        daily_bps: One standard deviation of the price over a trading day, basis points, > 0: a price that has not moved
            is not known to stay.
        relative_sd: Standard error of it, as a fraction of it.
        assumed: Whether nobody measured it.
    """

    daily_bps: float
    relative_sd: float
    assumed: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        good = math.isfinite(self.daily_bps) and self.daily_bps > 0
        require(good, "daily_bps", self.daily_bps, "> 0", UNMOVED_REMEDY)
        require(math.isfinite(self.relative_sd) and self.relative_sd >= 0, "relative_sd", self.relative_sd, ">= 0")


def update(belief: VolatilityBelief, realised_var: float, realised_ns: int, day_ns: int) -> VolatilityBelief:
    """Return a belief after a stretch of market that it does not know yet.

    Belief and measurement are both uncertain by a factor, so their logarithms are averaged, weighted by precision.

    Args:
        belief: Before.
        realised_var: Sum of squared log returns of the stretch; too little to measure changes nothing.
        realised_ns: Time covered by it.
        day_ns: Length of the trading day.
    """
    returns = realised_ns // SAMPLE_NS
    if returns < RETURNS_MIN or realised_var <= 0:
        return belief
    seen_bps = 1e4 * math.sqrt(realised_var * day_ns / realised_ns)
    seen_sd = math.sqrt(REST_OF_DAY_RELATIVE_SD**2 + 1 / (2 * returns))
    weight = belief.relative_sd**2 / (belief.relative_sd**2 + seen_sd**2)
    daily_bps = belief.daily_bps * (seen_bps / belief.daily_bps) ** weight
    return VolatilityBelief(daily_bps=daily_bps, relative_sd=min(belief.relative_sd, seen_sd))


def realised_volatility(
    realised_var: float, realised_ns: int, day_ns: int, *, around_the_clock: bool
) -> tuple[VolatilityBelief, tuple[Assumption, ...]]:
    """Return the daily volatility that a stretch of market supports, and what had to be assumed.

    Args:
        realised_var: Sum of squared log returns, dimensionless, >= 0.
        realised_ns: Time covered by it, nanoseconds.
        day_ns: Length of the trading day, nanoseconds, > 0.
        around_the_clock: Whether the listing trades 24/7; chooses the fallback.
    """
    returns = realised_ns // SAMPLE_NS
    if returns >= RETURNS_MIN and realised_var > 0:
        daily_bps = 1e4 * math.sqrt(realised_var * day_ns / realised_ns)
        relative_sd = math.sqrt(REST_OF_DAY_RELATIVE_SD**2 + 1 / (2 * returns))
        return VolatilityBelief(daily_bps=daily_bps, relative_sd=relative_sd), ()
    fallback = AROUND_THE_CLOCK_VOL_BPS if around_the_clock else SESSION_VOL_BPS
    seen = f"only {realised_ns / 60e9:.1f} min of prices seen" if returns < RETURNS_MIN else "the price never moved"
    note = Assumption(name="volatility", value=f"{fallback:g} bps a day", why=f"{seen}; a common order of magnitude")
    return VolatilityBelief(daily_bps=fallback, relative_sd=FALLBACK_RELATIVE_SD, assumed=True), (note,)
