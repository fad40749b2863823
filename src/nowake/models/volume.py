"""How much the others will trade, and when: ``VolumeBelief``.

Within a session the volume seen so far is spread over the day through an *assumed* U-shaped curve: with x the
fraction of the trading day gone and c its depth,

    f(x) = (1 - c) + 12 c (x - 1/2) ** 2        F(x) = (1 - c) x + 4 c ((x - 1/2) ** 3 + 1/8)

f integrates to 1 over the day for every c and stays >= 0 for c <= 1; c = 1/2 gives twice the mean rate at the open and
the close and half of it at noon. That volume is U-shaped: Admati, Pfleiderer (1988), Rev. Financ. Stud. 1, 3-40,
Table 1 and the studies they name; the quadratic is ours, the simplest curve of that shape. Listings that trade around
the clock get a flat curve. A belief speaks of its own trading hours only: outside them it expects nothing, and it is
never stretched over another window.
"""

from __future__ import annotations

import math

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.plan import Assumption
from nowake.core.sessions import Session
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, require

U_SHAPE = 0.5
DAYS_AHEAD = 5
"""Trading days after the current one that a belief from one day covers."""
AROUND_THE_CLOCK_NS = 24 * 3600 * NS_PER_SECOND

OBSERVED_MIN_NS = 60 * NS_PER_SECOND
"""Less than this is nothing: a rate of a few prints is not a rate."""
OBSERVED_ENOUGH_NS = 600 * NS_PER_SECOND
DAY_RELATIVE_SD = 0.35
"""How far the rest of a day departs from its assumed curve; static forecasts of real days err by 30-60 %
(Chen, Feng, Palomar 2016, MAPE of static forecasts)."""
SAMPLE_RELATIVE_SD = 0.35
"""Relative sd of the rate seen in 10 minutes; falls with the square root of the time seen."""
SHORT_WIDENING = 2.0
UNKNOWN_RELATIVE_SD = 2.0


def u_cumulative(x: float, u_shape: float) -> float:
    """Return F(x), the fraction of a day's volume traded in the first ``x`` of it.

    Args:
        x: Fraction of the trading day; clipped to [0, 1].
        u_shape: Depth c of the U in [0, 1]; 0 is flat.
    """
    at = min(1.0, max(0.0, x))
    return (1 - u_shape) * at + 4 * u_shape * ((at - 0.5) ** 3 + 0.125)


class VolumeBelief(Value, frozen=True):
    """Volume of the others on the stated venue's prints.

    Attributes:
        per_day: Quantity units a trading day; 0 = unknown.
        day_ns: Length of that day, nanoseconds.
        windows: Trading hours [open_ns, close_ns) it speaks of, in rising order; empty = around the clock.
        u_shape: Depth of the assumed intraday curve in [0, 1]; 0 = flat.
        relative_sd: Standard error of an expected volume, as a fraction of it.
        asof_ns: Nothing received after this was used.
        assumed: Whether the day was extrapolated rather than measured on days of the past.
        base: What volume it counts, in words.
    """

    per_day: float
    day_ns: int
    windows: tuple[tuple[int, int], ...] = ()
    u_shape: float = 0.0
    relative_sd: float = UNKNOWN_RELATIVE_SD
    asof_ns: int = 0
    assumed: bool = True
    base: str = ""

    def __post_init__(self) -> None:
        require(math.isfinite(self.per_day) and self.per_day >= 0, "per_day", self.per_day, ">= 0")
        require(self.day_ns > 0, "day_ns", self.day_ns, "> 0")
        edges = [edge for window in self.windows for edge in window]
        rising = edges == sorted(edges) and all(opens < closes for opens, closes in self.windows)
        require(rising, "windows", self.windows, "hours in rising order that do not overlap")
        require(0 <= self.u_shape <= 1, "u_shape", self.u_shape, "in [0, 1]")
        require(math.isfinite(self.relative_sd) and self.relative_sd >= 0, "relative_sd", self.relative_sd, ">= 0")

    @property
    def known(self) -> bool:
        """Return whether any volume is expected; False means that nobody knows, not that none will trade."""
        return self.per_day > 0

    def day_fraction(self, t0_ns: int, t1_ns: int) -> float:
        """Return which part of a day's volume falls in [t0_ns, t1_ns): 1 for a whole regular day, more for several."""
        if t1_ns <= t0_ns:
            return 0.0
        if not self.windows:
            return (t1_ns - t0_ns) / self.day_ns
        total = 0.0
        for opens, closes in self.windows:
            low, high = max(t0_ns, opens), min(t1_ns, closes)
            if low < high:
                length = closes - opens
                part = u_cumulative((high - opens) / length, self.u_shape)
                part -= u_cumulative((low - opens) / length, self.u_shape)
                total += part * length / self.day_ns
        return total

    def expected(self, t0_ns: int, t1_ns: int) -> float:
        """Return the quantity units that the others are expected to trade in [t0_ns, t1_ns); 0 when unknown.

        The part of the interval outside the belief's own trading hours counts nothing.
        """
        return self.per_day * self.day_fraction(t0_ns, t1_ns)


def trading_hours(session: Session, t_ns: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the length of a regular trading day and the windows of the days from ``t_ns`` on (none = 24/7).

    Raises:
        Refused: The session table does not know the day.
    """
    if session.always_open:
        return AROUND_THE_CLOCK_NS, ()
    first = session.trading_day(t_ns)
    ordinals = range(first.toordinal(), first.toordinal() + 2 * DAYS_AHEAD)
    windows: list[tuple[int, int]] = []
    for ordinal in ordinals:
        try:
            hours = session.hours(first.fromordinal(ordinal))
        except Refused:
            if not windows:
                raise
            break
        if hours is not None and len(windows) <= DAYS_AHEAD:
            windows.append(hours)
    if not windows:
        raise Refused(f"{session.name} does not trade within {2 * DAYS_AHEAD} days of {first}")
    regular = session.at(first, session.closes) - session.at(first, session.opens)
    return regular % AROUND_THE_CLOCK_NS, tuple(windows)


def observed_volume(
    volume_others: int, since_ns: int, asof_ns: int, session: Session, listing: Listing
) -> tuple[VolumeBelief, tuple[Assumption, ...]]:
    """Return the volume belief that the prints since ``since_ns`` support, and what had to be assumed.

    Args:
        volume_others: Quantity units printed by others in [since_ns, asof_ns].
        since_ns: When the market was first seen.
        asof_ns: Now.
        session: Trading hours of the listing.
        listing: Whose prints these are; its instrument names the unit and its volume base the prints.
    """
    day_ns, windows = trading_hours(session, asof_ns)
    u_shape, base = U_SHAPE if windows else 0.0, listing.volume_base
    blank = VolumeBelief(per_day=0.0, day_ns=day_ns, windows=windows, u_shape=u_shape, asof_ns=asof_ns, base=base)
    fraction = blank.day_fraction(since_ns, asof_ns) if since_ns else 0.0
    open_ns = _open_time(windows, since_ns, asof_ns) if since_ns else 0
    if open_ns < OBSERVED_MIN_NS or volume_others <= 0 or fraction <= 0:
        seen = "no prints seen yet" if volume_others <= 0 else "less than a minute of trading seen"
        return blank, (Assumption(name="volume", value="unknown", why=seen),)
    relative_sd = math.hypot(DAY_RELATIVE_SD, SAMPLE_RELATIVE_SD * math.sqrt(OBSERVED_ENOUGH_NS / open_ns))
    short = open_ns < OBSERVED_ENOUGH_NS
    relative_sd *= SHORT_WIDENING if short else 1.0
    belief = VolumeBelief(
        per_day=volume_others / fraction,
        day_ns=day_ns,
        windows=windows,
        u_shape=u_shape,
        relative_sd=min(relative_sd, UNKNOWN_RELATIVE_SD),
        asof_ns=asof_ns,
        base=base,
    )
    instrument = listing.instrument
    human = float(instrument.qty(1)) * belief.per_day
    per_day = round(human, 2 - math.floor(math.log10(human)))
    shape = f"U-shaped, {1 + 2 * u_shape:g}x the mean rate at open and close" if windows else "flat"
    curve = Assumption(name="volume curve", value=shape, why="a single day shows no curve; common form")
    rate = Assumption(
        name="volume",
        value=f"{per_day:,.12g} {instrument.base} a day +- {100 * belief.relative_sd:.0f} %",
        why=f"extrapolated from {open_ns / 60e9:.0f} min of prints" + (", widened: under 10 min" if short else ""),
    )
    return belief, (curve, rate)


def _open_time(windows: tuple[tuple[int, int], ...], t0_ns: int, t1_ns: int) -> int:
    if not windows:
        return max(0, t1_ns - t0_ns)
    return sum(max(0, min(t1_ns, closes) - max(t0_ns, opens)) for opens, closes in windows)
