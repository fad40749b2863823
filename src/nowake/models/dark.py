"""Hidden liquidity at the midpoint: what is believed of the counter-orders that a dark venue holds and receives.

Counter-orders of each side arrive as a Poisson process whose intensity goes by time of day (a step function of the time
since the session opened, since midnight UTC where it is always open) and is multiplied by two log-normal factors of
mean 1, one of the day and one of each half hour: liquidity comes in spells, and days differ. Each has a size drawn
from the fitted sizes, larger where more of them come (``size_slope``), and stays for an exponential time.
docs/models/dark.md has the equation, its source, limits and measured error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

from nowake.core.ids import random_word
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, check_types, require

SLOT_NS = 60 * NS_PER_SECOND
"""Arrivals are drawn by slots of the clock, so that those of one slot do not depend on who looks, or when."""
SPELL_NS = 1800 * NS_PER_SECOND
"""How long a spell of more or less liquidity than is usual at its hour lasts."""
REST_ASSUMED_NS = 10 * NS_PER_SECOND
"""Mean stay of a counter-order; prints do not tell it."""
REST_LONGEST = 20
"""A counter-order that stays longer than this many mean stays is not looked for (2e-9 of them do)."""
DAY_NS = 86_400 * NS_PER_SECOND


class Markout(Value, frozen=True):
    """Where the mid was some time after off-exchange prints inside the spread, seen by who provided.

    Attributes:
        seconds: After the print.
        bps: Mean move in the provider's favour; negative = adverse selection.
        error_bps: Standard error of the mean, by days.
        count: Prints.
    """

    seconds: float
    bps: float
    error_bps: float
    count: int


class DarkLiquidity(Value, frozen=True):
    """Hidden liquidity at the midpoint of one listing's market.

    Attributes:
        listing: Whose off-exchange prints it was fitted from.
        bin_s: Length of a bin of the time of day.
        buy_per_hour, sell_per_hour: Arrivals an hour by bin: of buyers (whom a resting sell meets), and of sellers.
        sizes: Equally likely sizes of an arrival at mean intensity, quantity units, rising.
        size_slope: Sizes go as the intensity over its mean, to this power; 0 = they do not depend on it.
        rest_ns: Mean stay of an arrival that is not taken; assumed.
        error: Relative standard error of the level of arrivals, from how the days differ.
        day_sd: Relative standard deviation of the level from day to day.
        spell_sd: And of the intensity from one half hour to the next, buyers and sellers alike.
        size_mean, size_error: Mean size and its standard error, quantity units.
        dispersion: Variance over mean of the arrivals in five minutes, over the days' own pattern; 1 = Poisson.
        days: That it was fitted on.
        prints, near, arrivals: Off-exchange prints in the sessions; of these near the mid; what they were joined to.
        markouts: Of the off-exchange prints inside the spread.
        assumed: What no data stands behind, in words.
    """

    listing: str
    bin_s: int
    buy_per_hour: tuple[float, ...]
    sell_per_hour: tuple[float, ...]
    sizes: tuple[int, ...]
    size_slope: float = 0.0
    rest_ns: int = REST_ASSUMED_NS
    error: float = 0.0
    day_sd: float = 0.0
    spell_sd: float = 0.0
    size_mean: float = 0.0
    size_error: float = 0.0
    dispersion: float = 1.0
    days: tuple[date, ...] = ()
    prints: int = 0
    near: int = 0
    arrivals: int = 0
    markouts: tuple[Markout, ...] = ()
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        require(self.bin_s > 0, "bin_s", self.bin_s, "> 0")
        for name in ("buy_per_hour", "sell_per_hour"):
            rates = getattr(self, name)
            good = all(math.isfinite(rate) and 0 <= rate <= 3_600_000 for rate in rates)
            require(bool(rates) and good, name, rates, "rates of 0 to 1,000 a second, one a bin")
        same = f"as many rates as buy_per_hour, {len(self.buy_per_hour)}"
        require(len(self.buy_per_hour) == len(self.sell_per_hour), "sell_per_hour", self.sell_per_hour, same)
        good = bool(self.sizes) and min(self.sizes, default=0) > 0 and list(self.sizes) == sorted(self.sizes)
        require(good, "sizes", self.sizes, "quantities > 0, rising")
        require(0 <= self.rest_ns <= DAY_NS, "rest_ns", self.rest_ns, f"0 to {DAY_NS:,} (a day)")
        for name in ("error", "day_sd", "spell_sd"):
            value = getattr(self, name)
            require(0 <= value <= 10, name, value, "in [0, 10]")
        require(0 <= self.size_slope <= 1, "size_slope", self.size_slope, "in [0, 1]")

    def per_hour(self, side: Side, since_ns: int) -> float:
        """Return the arrivals an hour of counter-orders of a side, ``since_ns`` after the open; later bins = the last.

        Args:
            side: Of the counter-orders.
            since_ns: >= 0.
        """
        rates = self.buy_per_hour if side is Side.BUY else self.sell_per_hour
        return rates[min(since_ns // (self.bin_s * NS_PER_SECOND), len(rates) - 1)]

    def relative(self, since_ns: int) -> float:
        """Return the arrivals an hour of both sides over their mean of the day, ``since_ns`` after the open."""
        mean = (sum(self.buy_per_hour) + sum(self.sell_per_hour)) / len(self.buy_per_hour)
        return (self.per_hour(Side.BUY, since_ns) + self.per_hour(Side.SELL, since_ns)) / mean if mean > 0 else 1.0


class Arrival(NamedTuple):
    """A hidden counter-order.

    Attributes:
        t_ns: Venue time at which it arrives.
        side: Its own.
        qty: Quantity units.
        ends_ns: When it leaves if nobody has taken it.
        key: Names it: (slot, number).
    """

    t_ns: int
    side: Side
    qty: int
    ends_ns: int
    key: tuple[int, int]


class Arrivals:
    """The counter-orders of one dark venue: a function of the seed alone, in whatever order it is asked.

    Args:
        liquidity: What is believed.
        session: Trading hours; nothing arrives while it is closed.
        seed: Of all draws.
        name: Of the venue; two venues have different arrivals.
        scale: Multiplies the intensities: to see what the error of a fit means.
    """

    def __init__(
        self, liquidity: DarkLiquidity, session: Session, seed: int, name: str = "", scale: float = 1.0
    ) -> None:
        self.liquidity = liquidity
        self._session = session
        self._seed, self._name, self._scale = seed, name, scale
        self._slot = lru_cache(maxsize=4096)(self._draw)

    def _since_open(self, t_ns: int) -> int:
        """Return the time since the session opened, -1 = it is closed; of a market without hours since midnight UTC."""
        if self._session.always_open:
            return t_ns % DAY_NS if self._session.is_open(t_ns) else -1
        hours = self._session.hours(self._session.trading_day(t_ns))
        return t_ns - hours[0] if hours is not None and hours[0] <= t_ns < hours[1] else -1

    def _uniform(self, side: Side, slot: int, number: int, what: str) -> float:
        """Return a number in (0, 1]."""
        return (random_word(self._seed, "dark", self._name, int(side), slot, number, what) + 1) / 2**64

    def _factor(self, sd: float, what: str, number: int) -> float:
        """Return a log-normal factor of mean 1 and standard deviation ``sd``."""
        if sd == 0:
            return 1.0
        word = random_word(self._seed, "dark", self._name, what, number)
        variance = math.log1p(sd * sd)
        return math.exp(math.sqrt(variance) * NormalDist().inv_cdf((word + 0.5) / 2**64) - variance / 2)

    def _draw(self, side: Side, slot: int) -> tuple[Arrival, ...]:
        """Return the arrivals of a side in one slot; the intensity is that of the slot's beginning."""
        begin = slot * SLOT_NS
        since = self._since_open(begin)
        rate = self._scale * self.liquidity.per_hour(side, since) if since >= 0 else 0.0
        if rate <= 0:
            return ()
        day = self._session.trading_day(begin).toordinal()
        factor = self._factor(self.liquidity.day_sd, "day", day)
        factor *= self._factor(self.liquidity.spell_sd, "spell", begin // SPELL_NS)
        rate *= factor
        larger = (factor * self.liquidity.relative(since)) ** self.liquidity.size_slope
        mean_ns = 3600 * NS_PER_SECOND / rate
        made: list[Arrival] = []
        t = float(begin)
        while True:
            number = len(made)
            t -= math.log(self._uniform(side, slot, number, "gap")) * mean_ns
            if t >= begin + SLOT_NS:
                return tuple(made)
            sizes = self.liquidity.sizes
            word = random_word(self._seed, "dark", self._name, int(side), slot, number, "size")
            rest = -math.log(self._uniform(side, slot, number, "rest")) * self.liquidity.rest_ns
            qty = max(1, round(sizes[word % len(sizes)] * larger))
            made.append(Arrival(int(t), side, qty, int(t + rest), (slot, number)))

    def after(self, side: Side, t_ns: int) -> Iterator[Arrival]:
        """Yield the arrivals of a side after an instant, in order, without end."""
        slot = t_ns // SLOT_NS
        while True:
            yield from (one for one in self._slot(side, slot) if one.t_ns > t_ns)
            slot += 1

    def next_after(self, side: Side, t_ns: int, until_ns: int) -> Arrival | None:
        """Return the first arrival of a side after ``t_ns``, None = none by ``until_ns``."""
        for slot in range(t_ns // SLOT_NS, until_ns // SLOT_NS + 1):
            for one in self._slot(side, slot):
                if t_ns < one.t_ns <= until_ns:
                    return one
        return None

    def present(self, side: Side, t_ns: int) -> tuple[Arrival, ...]:
        """Return the counter-orders of a side that arrived by ``t_ns`` and are still there, oldest first."""
        oldest = t_ns - REST_LONGEST * self.liquidity.rest_ns
        return tuple(
            one
            for slot in range(oldest // SLOT_NS, t_ns // SLOT_NS + 1)
            for one in self._slot(side, slot)
            if one.t_ns <= t_ns < one.ends_ns
        )
