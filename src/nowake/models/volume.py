"""How much the others will trade, and when: ``VolumeBelief``.

With past days, volume is their mean daily volume times the curve of ``models.volume_curve``. Without, the volume seen
so far is spread over the day through an *assumed* U-shaped curve: with x the fraction of the trading day gone and c
its depth,

    f(x) = (1 - c) + 12 c (x - 1/2) ** 2        F(x) = (1 - c) x + 4 c ((x - 1/2) ** 3 + 1/8)

f integrates to 1 over the day for every c and stays >= 0 for c <= 1; c = 1/2 gives twice the mean rate at the open and
the close and half of it at noon. That volume is U-shaped: Admati, Pfleiderer (1988), Rev. Financ. Stud. 1, 3-40,
Table 1 and the studies they name; the quadratic is ours, the simplest curve of that shape. Listings that trade around
the clock get a flat curve. A belief speaks of its own trading hours only: outside them it expects nothing, and it is
never stretched over another window: a session without a curve of its own hours gets the assumed U.

``update`` corrects the level within the day from what the others were seen to trade.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.plan import Assumption
from nowake.core.sessions import Session
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, check_types, replace, require
from nowake.core.volume import VolumeSeen
from nowake.models.volume_curve import (
    LEVEL_DAYS,
    LEVEL_SD,
    U_SHAPE,
    VolumeCurve,
    VolumeHistory,
    u_cumulative,
)

if TYPE_CHECKING:
    from nowake.models.volume_kernels import Table

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

NOISE_VAR = 0.02
"""Variance of log volume within a day around its level, for the volume of a whole day's curve; that of a part W of it
is this / W. Assumed: of 0.005 to 0.08, on AAPL and ADBE 2019, its forecasts of the rest of the day are within 0.02 log
sd of the best at every hour. Chen, Feng, Palomar's model fitted to the same data gives (var_mu / (1 - a_mu)^2 + r) / 26
= 0.009 and 0.037."""
LOG_RATIO_MAX = math.log(10.0)
"""Seen volume counts as at most this far from the expected, in logs: one block does not make the day."""


class VolumeBelief(Value, frozen=True, dict=True):
    """Volume of the others on the stated venue's prints.

    Attributes:
        per_day: Quantity units a regular trading day; 0 = unknown.
        day_ns: Length of that day, nanoseconds.
        windows: Trading hours [open_ns, close_ns) it speaks of, in rising order; empty = around the clock.
        u_shape: Depth of the assumed intraday curve in [0, 1]; 0 = flat. Used where no curve fits.
        curves: Tabulated curves of past days; each is used for windows of exactly its own hours.
        relative_sd: Standard error of an expected volume, as a fraction of it.
        level_sd: Log sd of the day's level alone, which ``update`` narrows; None = ``relative_sd`` is all of it.
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
    curves: tuple[VolumeCurve, ...] = ()
    level_sd: float | None = None

    def __post_init__(self) -> None:
        check_types(self)
        require(math.isfinite(self.per_day) and self.per_day >= 0, "per_day", self.per_day, ">= 0")
        require(self.day_ns > 0, "day_ns", self.day_ns, "> 0")
        edges = [edge for window in self.windows for edge in window]
        rising = edges == sorted(edges) and all(opens < closes for opens, closes in self.windows)
        require(rising, "windows", self.windows, "hours in rising order that do not overlap")
        require(0 <= self.u_shape <= 1, "u_shape", self.u_shape, "in [0, 1]")
        require(math.isfinite(self.relative_sd) and self.relative_sd >= 0, "relative_sd", self.relative_sd, ">= 0")
        level = self.level_sd
        require(level is None or (math.isfinite(level) and level >= 0), "level_sd", level, ">= 0")

    @property
    def known(self) -> bool:
        """Return whether any volume is expected; False means that nobody knows, not that none will trade."""
        return self.per_day > 0

    def curve_of(self, opens_ns: int, closes_ns: int) -> VolumeCurve | None:
        """Return the curve of exactly these hours, None where past days show none."""
        return next((one for one in self.curves if one.fits(opens_ns, closes_ns)), None)

    @cached_property
    def _table(self) -> Table:
        """Return the belief as its kernels read it."""
        from nowake.models.volume_kernels import Table

        curves = [self.curve_of(opens, closes) for opens, closes in self.windows]
        bins = [0 if curve is None else len(curve.cumulative) - 1 for curve in curves]
        padded = np.zeros((len(curves), max(bins) + 1))
        for row, curve in zip(padded, curves, strict=True):
            if curve is not None:
                row[: len(curve.cumulative)] = curve.cumulative
        lengths = [closes - opens for opens, closes in self.windows]
        shares = [
            length / self.day_ns if curve is None else curve.day_share
            for length, curve in zip(lengths, curves, strict=True)
        ]
        return Table(np.array(self.windows), padded, np.array(bins), np.array(shares), self.u_shape)

    def day_fraction(self, t0_ns: int, t1_ns: int) -> float:
        """Return which part of a day's volume falls in [t0_ns, t1_ns): 1 for a whole regular day, more for several."""
        if t1_ns <= t0_ns:
            return 0.0
        if not self.windows:
            return self._around_the_clock(t0_ns, t1_ns)
        total = 0.0
        for opens, closes in self.windows:
            low, high = max(t0_ns, opens), min(t1_ns, closes)
            if low < high:
                length = closes - opens
                first, last = (low - opens) / length, (high - opens) / length
                curve = self.curve_of(opens, closes)
                if curve is not None:
                    total += curve.day_share * (curve.fraction(last) - curve.fraction(first))
                else:
                    part = u_cumulative(last, self.u_shape) - u_cumulative(first, self.u_shape)
                    total += part * length / self.day_ns
        return total

    def _around_the_clock(self, t0_ns: int, t1_ns: int) -> float:
        """Return days of volume where days follow each other without a break (UTC days when there is a curve)."""
        first = t0_ns // AROUND_THE_CLOCK_NS * AROUND_THE_CLOCK_NS
        curve = self.curve_of(first, first + AROUND_THE_CLOCK_NS)
        if curve is None:
            return (t1_ns - t0_ns) / self.day_ns
        days, into = divmod(t1_ns - first, AROUND_THE_CLOCK_NS)
        before = curve.fraction((t0_ns - first) / AROUND_THE_CLOCK_NS)
        return days + curve.fraction(into / AROUND_THE_CLOCK_NS) - before

    def expected(self, t0_ns: int, t1_ns: int) -> float:
        """Return the quantity units that the others are expected to trade in [t0_ns, t1_ns); 0 when unknown.

        The part of the interval outside the belief's own trading hours counts nothing.
        """
        return self.per_day * self.day_fraction(t0_ns, t1_ns)

    def day_fractions(self, t0_ns: NDArray[np.int64], t1_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ``day_fraction`` of every interval.

        Args:
            t0_ns: (n,) begin of each, UTC ns.
            t1_ns: (n,) its end, after its begin.
        """
        if not self.windows:
            return self._around_the_clock_each(t0_ns, t1_ns)
        from nowake.models.volume_kernels import fractions_kernel  # compiles: only who needs it pays

        found = np.empty(t0_ns.size)
        fractions_kernel(t0_ns, t1_ns, self._table, found)
        return found

    def _around_the_clock_each(self, t0_ns: NDArray[np.int64], t1_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        first = int(t0_ns[0]) // AROUND_THE_CLOCK_NS * AROUND_THE_CLOCK_NS
        curve = self.curve_of(first, first + AROUND_THE_CLOCK_NS)
        if curve is None:
            flat: NDArray[np.float64] = (t1_ns - t0_ns) / self.day_ns
            return flat
        (days0, into0), (days1, into1) = (np.divmod(at - first, AROUND_THE_CLOCK_NS) for at in (t0_ns, t1_ns))
        after, before = (curve.fractions(into / AROUND_THE_CLOCK_NS) for into in (into1, into0))
        found: NDArray[np.float64] = (days1 - days0) + after - before
        return found

    def expected_each(self, t0_ns: NDArray[np.int64], t1_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return ``expected`` of every interval, quantity units; arguments as for ``day_fractions``."""
        return self.per_day * self.day_fractions(t0_ns, t1_ns)

    def reached(self, qty: float, start_ns: int, end_ns: int, step_ns: int = 1) -> int:
        """Return by when ``qty`` is expected since ``start_ns``: a whole number of steps, at most ``end_ns``.

        Args:
            qty: Quantity units of the others, > 0.
            start_ns: From when on, UTC ns.
            end_ns: Later than that; returned where the volume until then does not do, or is just enough.
            step_ns: How exactly.
        """
        high = -(-(end_ns - start_ns) // step_ns)
        if self.windows:
            from nowake.models.volume_kernels import reached_kernel

            high = reached_kernel(self.per_day, qty, start_ns, step_ns, 1, high, self._table)
        else:
            low = 1
            while low < high:
                middle = (low + high) // 2
                if self.expected(start_ns, start_ns + middle * step_ns) < qty:
                    low = middle + 1
                else:
                    high = middle
        return min(end_ns, start_ns + high * step_ns)


def past_hours(session: Session, t0_ns: int, t1_ns: int) -> tuple[tuple[int, int], ...]:
    """Return the windows of the trading days that [t0_ns, t1_ns] touches, none for a session around the clock.

    Raises:
        Refused: The session table does not know a day.
    """
    if session.always_open:
        return ()
    first, last = session.trading_day(t0_ns), session.trading_day(t1_ns)
    hours = (session.hours(first.fromordinal(k)) for k in range(first.toordinal(), last.toordinal() + 1))
    return tuple(window for window in hours if window is not None)


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
    # What was seen may have begun days ago: those days count by their own hours.
    so_far = replace(blank, windows=past_hours(session, since_ns, asof_ns)) if since_ns else blank
    fraction = so_far.day_fraction(since_ns, asof_ns) if since_ns else 0.0
    open_ns = _open_time(so_far.windows, since_ns, asof_ns) if since_ns else 0
    if open_ns < OBSERVED_MIN_NS or volume_others <= 0 or fraction <= 0:
        seen = "no prints seen yet" if volume_others <= 0 else "less than a minute of trading seen"
        return blank, (Assumption(name="volume", value="unknown", why=seen),)
    relative_sd = math.hypot(DAY_RELATIVE_SD, SAMPLE_RELATIVE_SD * math.sqrt(OBSERVED_ENOUGH_NS / open_ns))
    short = open_ns < OBSERVED_ENOUGH_NS
    relative_sd *= SHORT_WIDENING if short else 1.0
    belief = replace(blank, per_day=volume_others / fraction, relative_sd=min(relative_sd, UNKNOWN_RELATIVE_SD))
    rate = Assumption(
        name="volume",
        value=f"{per_day_text(belief.per_day, listing)} +- {100 * belief.relative_sd:.0f} %",
        why=f"extrapolated from {open_ns / 60e9:.0f} min of prints" + (", widened: under 10 min" if short else ""),
    )
    return belief, (curve_assumption(belief, "a single day shows no curve; common form"), rate)


def per_day_text(per_day: float, listing: Listing) -> str:
    """Return a volume in quantity units a day, > 0, to three figures, as a person reads it."""
    human = float(listing.instrument.qty(1)) * per_day
    return f"{round(human, 2 - math.floor(math.log10(human))):,.12g} {listing.instrument.base} a day"


def curve_assumption(belief: VolumeBelief, why: str) -> Assumption:
    """Return the note that the day's shape is assumed."""
    shape = "flat"
    if belief.windows and belief.u_shape:
        shape = f"U-shaped, {1 + 2 * belief.u_shape:g}x the mean rate at open and close"
    return Assumption(name="volume curve", value=shape, why=why)


def history_volume(
    history: VolumeHistory, asof_ns: int, session: Session, listing: Listing, seen: VolumeSeen | None = None
) -> tuple[VolumeBelief, tuple[Assumption, ...]]:
    """Return the volume belief that past days support, corrected by what was seen of the day itself.

    Args:
        history: Estimated for the day of ``asof_ns`` or an earlier one.
        asof_ns: Now.
        session: Trading hours of the listing.
        listing: Names units and the prints counted.
        seen: What the others traded today, up to now; None = nothing is known of it.

    Raises:
        Refused: Look-ahead: the history used the traded day itself, or what was seen lies in the future.
    """
    today = session.trading_day(asof_ns)
    if history.days[-1] >= today:
        raise Refused(f"look-ahead: a volume curve of {history.days[-1]} for an order on {today}")
    day_ns, windows = trading_hours(session, asof_ns)
    belief = VolumeBelief(
        per_day=history.adv,
        day_ns=day_ns,
        windows=windows,
        u_shape=U_SHAPE if windows else 0.0,
        relative_sd=level_error(history.level_sd),
        level_sd=history.level_sd,
        asof_ns=min(asof_ns, seen.since_ns) if seen else asof_ns,
        assumed=False,
        base=listing.volume_base,
        curves=history.curves,
    )
    notes: list[Assumption] = []
    if not history.level_measured:
        why = f"too few past days ({len(history.days)}) to hold {LEVEL_DAYS} out"
        notes.append(Assumption(name="volume error", value=f"+- {100 * LEVEL_SD:.0f} % a day", why=why))
    if windows and belief.curve_of(*windows[0]) is None:
        notes.append(curve_assumption(belief, "no past day of the same hours"))
    if seen is not None:
        if seen.until_ns > asof_ns:
            raise Refused(f"look-ahead: volume seen until {seen.until_ns} for a decision at {asof_ns}")
        belief = replace(update(belief, seen), asof_ns=asof_ns)
    return belief, tuple(notes)


def level_error(log_sd: float) -> float:
    """Return the relative standard error of a lognormal volume whose log has this standard deviation."""
    return math.sqrt(math.expm1(log_sd**2))


def update(belief: VolumeBelief, seen: VolumeSeen) -> VolumeBelief:
    """Return the belief after what the others were seen to trade: a Bayesian shrinkage of the day's level.

    With L the level over what was believed, in logs, W the part of the day's curve in the interval and v, V the volume
    seen and expected there:

        prior L ~ N(0, s^2)      log(v / V) = L + N(0, k / W)      posterior precision 1 / s^2 + W / k

    s = ``level_sd``, k = ``NOISE_VAR``. The curve's shape stays; the level moves by the posterior mean, and the error
    of what is left of the day is that of the level and the noise of the rest together. An unknown volume (``per_day``
    0) has a flat prior: what was seen is all that is known. Intervals must be handed over in order and once.

    Args:
        belief: As of ``seen.since_ns`` or earlier.
        seen: Volume of the others, own fills left out.

    Raises:
        Refused: The interval was used before.
    """
    if seen.since_ns < belief.asof_ns:
        raise Refused(
            f"volume from {seen.since_ns} on was counted already, up to {belief.asof_ns}", "hand over each bin once"
        )
    part = belief.day_fraction(seen.since_ns, seen.until_ns)
    if part <= 0:
        return replace(belief, asof_ns=seen.until_ns)
    noise = NOISE_VAR / part
    if not belief.known:
        if not seen.qty_units:
            return replace(belief, asof_ns=seen.until_ns)
        moved, variance = math.log(seen.qty_units / part), noise
        level = math.exp(moved)
    else:
        prior = _level_variance(belief)
        ratio = math.log(max(seen.qty_units, 0.5) / (belief.per_day * part))
        ratio = min(LOG_RATIO_MAX, max(-LOG_RATIO_MAX, ratio))
        weight = prior / (prior + noise)
        level, variance = belief.per_day * math.exp(weight * ratio), weight * noise
    rest = _rest_of_day(belief, seen.until_ns)
    return replace(
        belief,
        per_day=level,
        level_sd=math.sqrt(variance),
        relative_sd=min(UNKNOWN_RELATIVE_SD, math.sqrt(math.expm1(min(variance + NOISE_VAR / rest, 2.0)))),
        asof_ns=seen.until_ns,
    )


def _level_variance(belief: VolumeBelief) -> float:
    if belief.level_sd is not None:
        return belief.level_sd**2
    return math.log1p(belief.relative_sd**2)


def _rest_of_day(belief: VolumeBelief, t_ns: int) -> float:
    """Return the part of a day's volume that is still to come today, at least a hundredth."""
    closes = next((closes for opens, closes in belief.windows if opens <= t_ns < closes), None)
    return max(0.01, belief.day_fraction(t_ns, closes)) if closes is not None else 1.0


def _open_time(windows: tuple[tuple[int, int], ...], t0_ns: int, t1_ns: int) -> int:
    if not windows:
        return max(0, t1_ns - t0_ns)
    return sum(max(0, min(t1_ns, closes) - max(t0_ns, opens)) for opens, closes in windows)
