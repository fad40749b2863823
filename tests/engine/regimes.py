"""A market that is told how it is: volume, volatility and spread stand still within a regime.

So its sums are known by hand. The price does not move; what a view says of volatility is the regime's own figure.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

from campaign import CrashingHost, Outcome, worked
from toy import LISTING, T0, S, ToyMarket, toy_env, toy_order

from nowake.core.value import replace
from nowake.journal.memory import MemoryJournal
from nowake.models.beliefs import Beliefs
from nowake.models.volatility import VolatilityBelief
from nowake.models.volume import VolumeBelief

DAY_S = 86_400
BID = 10_000


class Regime(NamedTuple):
    """From a second of the market on: quantity a second, volatility of a day in bps, spread in ticks."""

    since_s: int
    volume: int = 100
    vol_bps: float = 200.0
    spread: int = 2


class RegimeMarket(ToyMarket):
    """Prints the volume of its regime every second, bought and sold in turn, at a touch that stands still."""

    def __init__(self, regimes: list[Regime], *, seconds: int = 4_000, seed: int = 0):
        super().__init__(seed, seconds=seconds, sums=True)
        self.regimes = [self._at(regimes, k) for k in range(seconds + 1)]
        self.path = [
            (BID, BID + one.spread, 10_000, 10_000, 1 if k % 2 else -1, one.volume)
            for k, one in enumerate(self.regimes)
        ]
        self.touch = self.path[0]
        parts = (
            (2 * BID + one.spread for one in self.regimes),
            (one.spread for one in self.regimes),
            ((one.vol_bps / 1e4) ** 2 / DAY_S for one in self.regimes),
        )
        self.sums = [list(itertools.accumulate(one, initial=0)) for one in parts]

    @staticmethod
    def _at(regimes: list[Regime], second: int) -> Regime:
        return [one for one in regimes if one.since_s <= second][-1]

    def running_sums(self, t_ns: int) -> dict[str, Any]:
        """Return the sums that the regimes so far amount to."""
        at = min(max(0, t_ns - T0) // S, len(self.path) - 1)
        return {
            "mid2_time": self.sums[0][at] * 1000,
            "spread_time": self.sums[1][at] * 1000,
            "mid_ns": at * S,
            "realised_var": float(self.sums[2][at]),
            "realised_ns": at * S,
        }


BELIEVED = Beliefs(
    listing=LISTING.key,
    asof_ns=T0,
    mid2=2 * BID + 2,
    spread_bps=2.0,
    volatility=VolatilityBelief(daily_bps=200.0, relative_sd=0.25),
    volume=VolumeBelief(per_day=100.0 * DAY_S, day_ns=DAY_S * S, relative_sd=0.3, asof_ns=T0, assumed=False),
)
"""What holds of a market that stays in ``Regime(0)``: 100 a second, 200 bps a day, a spread of 2 bps."""


def auto_order(qty: int = 10_000, minutes: float = 60, **parameters: object):
    """Return an order whose strategy is left to the router."""
    return replace(toy_order(qty=qty, minutes=minutes, **parameters), strategy="auto")


def work(order, regimes, *, commands=(), crash=0.0, seed=0, faults=None, **env_changes) -> Outcome:
    """Work an order on a market of regimes, believing that the first one stays."""
    env = replace(toy_env(order), beliefs=((LISTING.key, BELIEVED),), **env_changes)
    market = RegimeMarket(regimes, seconds=(order.end_ns - T0) // S + 240, seed=seed)
    journal = MemoryJournal()
    host = CrashingHost(env, journal, seed + 7, crash)
    return worked(order, env, host, journal, market, faults, seed, commands)
