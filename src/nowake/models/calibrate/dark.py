"""Fit ``DarkLiquidity`` from the off-exchange prints of a consolidated tape, and say how it does on days it never saw.

Prints made off exchange at the midpoint, or near it, are trades of hidden orders with hidden orders. Those that follow
each other within five seconds are joined to one arrival. Each had a buyer and a seller of whom one arrived; the quote
rule says which where the print is off the mid, and the others count half to each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nowake.core.errors import Refused
from nowake.core.ids import random_word
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import F64, I64, OFF_EXCHANGE, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, require
from nowake.market.microstructure.touch import Touches, touches
from nowake.market.microstructure.trades import prints, quote_rule
from nowake.models.calibrate.dark_sizes import size_slope
from nowake.models.dark import DAY_NS, Arrival, Arrivals, DarkLiquidity, Markout

Flags = npt.NDArray[np.bool_]

NEAR = 0.1
"""A print counts as at the mid within this part of the half spread."""
JOIN_NS = 5 * NS_PER_SECOND
BIN_S = 1800
SIZE_QUANTILES = 64
MARKOUT_S = (1.0, 10.0, 60.0)
DISPERSION_NS = 300 * NS_PER_SECOND
DAYS_MIN = 2
ASSUMED = (
    "a counter-order that is not taken stays 10 s on average: prints do not tell",
    "half of the prints at the very mid were begun by buyers: nothing signs them",
    "our order stands where the resting party of a print stood: nobody tells its rank",
)


class MidPrints(NamedTuple):
    """Arrivals at the mid, (k,) each, in time order, and what they were made of.

    Attributes:
        t_ns: Event time.
        qty: Quantity units, of all prints joined.
        sign: +1 a buyer began it, -1 a seller, 0 not known.
        day: Number of its day in ``days``.
        days: Days with a session and quotes on the tape.
        hours: (open, close) ns of each, as far as the tape covers it.
        prints: Off-exchange prints in the sessions, with a sound quote.
        near: Of these, near the mid.
        markouts: Of those inside the spread.
    """

    t_ns: I64
    qty: I64
    sign: I64
    day: I64
    days: tuple[date, ...]
    hours: tuple[tuple[int, int], ...]
    prints: int
    near: int
    markouts: tuple[Markout, ...]

    def of_days(self, wanted: Sequence[int]) -> MidPrints:
        """Return those of some days only, by number."""
        kept = np.isin(self.day, wanted)
        number = {old: new for new, old in enumerate(wanted)}
        return self._replace(
            t_ns=self.t_ns[kept],
            qty=self.qty[kept],
            sign=self.sign[kept],
            day=np.array([number[int(one)] for one in self.day[kept]], dtype=np.int64),
            days=tuple(self.days[one] for one in wanted),
            hours=tuple(self.hours[one] for one in wanted),
        )


def mid_prints(tape: Tape, session: Session, *, near: float = NEAR, join_ns: int = JOIN_NS) -> MidPrints:
    """Return the arrivals at the mid that the off-exchange prints of a tape show.

    Args:
        tape: With best quotes, and prints marked OFF_EXCHANGE.
        session: Prints outside it are left out.
        near: Part of the half spread.
        join_ns: Prints at most this far apart are one arrival.

    Raises:
        Refused: The tape has no off-exchange print that met a sound quote in a session.
    """
    touch = touches(tape)
    found = prints(tape, touch)
    t, bid, ask = tape.t_event[found.row], found.bid_units, found.ask_units
    sound = (bid > 0) & (ask > bid) & ((tape.code[found.row] & np.uint16(OFF_EXCHANGE)) > 0)
    days, hours = _covered(session, int(tape.t_event[0]), int(tape.t_event[-1]))
    day = np.full(len(t), -1, dtype=np.int64)
    for number, (opens, closes) in enumerate(hours):
        day[(t >= opens) & (t < closes)] = number
    sound &= day >= 0
    if not sound.any():
        raise Refused(
            f"the tape of {tape.listing.key} has no off-exchange print at a sound quote in its session",
            "fit on a consolidated tape, such as quotes and trades of the US national market",
        )
    away = np.abs(2 * found.price_units - bid - ask) / np.maximum(ask - bid, 1)
    sign = quote_rule(found.price_units, bid, ask)
    at_mid = sound & (away <= near)
    markouts = _markouts(touch, found.price_units, t, sign, day, sound & (away < 1) & (sign != 0), len(days))
    when, qty, side, which = (column[at_mid] for column in (t, found.qty, sign, day))
    order = np.argsort(when, kind="stable")
    when, qty, side, which = when[order], qty[order], side[order], which[order]
    first = np.flatnonzero(np.diff(when, prepend=np.int64(-(2**62))) > join_ns)
    joined = np.add.reduceat(qty, first) if len(first) else qty[:0]
    begun = np.sign(np.add.reduceat(qty * side, first)) if len(first) else side[:0]
    return MidPrints(
        when[first], joined, begun, which[first], days, hours, int(sound.sum()), int(at_mid.sum()), markouts
    )


def _covered(session: Session, first_ns: int, last_ns: int) -> tuple[tuple[date, ...], tuple[tuple[int, int], ...]]:
    """Return the trading days that a stretch of time touches, and their hours inside it."""
    days: list[date] = []
    hours: list[tuple[int, int]] = []
    for number in range(session.trading_day(first_ns).toordinal(), session.trading_day(last_ns).toordinal() + 1):
        day = date.fromordinal(number)
        of_day = session.hours(day)
        if of_day is not None and of_day[1] > first_ns and of_day[0] <= last_ns:
            days.append(day)
            hours.append((max(of_day[0], first_ns), min(of_day[1], last_ns)))
    return tuple(days), tuple(hours)


def _markouts(touch: Touches, price: I64, t: I64, sign: I64, day: I64, used: Flags, days: int) -> tuple[Markout, ...]:
    """Return the provider's markouts of signed prints: against the side that began the trade; none of a lone day."""
    sound = (touch.bid_units > 0) & (touch.ask_units > touch.bid_units)
    times, mids = touch.t_ns[sound], (touch.bid_units + touch.ask_units)[sound] / 2
    made = []
    for seconds in MARKOUT_S:
        wanted = t[used] + np.int64(seconds * NS_PER_SECOND)
        at = np.searchsorted(times, wanted, side="right") - 1
        # A horizon over the end of the day would meet the next one's first quote.
        same = (at >= 0) & (wanted <= times[-1]) & (wanted - times[at] < DAY_NS // 4)
        bps = (-sign[used] * (mids[at] - price[used]) / price[used] * 10_000.0)[same]
        by_day = [bps[day[used][same] == number].mean() for number in range(days) if (day[used][same] == number).any()]
        if len(by_day) < DAYS_MIN:
            continue
        error = float(np.std(by_day, ddof=1) / np.sqrt(len(by_day)))
        made.append(Markout(seconds=seconds, bps=float(bps.mean()), error_bps=error, count=len(bps)))
    return tuple(made)


def fit_dark(found: MidPrints, listing: str, session: Session, *, bin_s: int = BIN_S) -> DarkLiquidity:
    """Return the hidden liquidity that arrivals at the mid show.

    Intensities are counts over the time observed, half of the unsigned to each side. The error of their level is the
    relative standard deviation of the days' volume at the mid over the root of their number.

    Args:
        found: From ``mid_prints``.
        listing: Key of the listing.
        session: Of it.
        bin_s: Seconds of a bin of the time of day.

    Raises:
        Refused: Fewer than two days, or no arrival.
    """
    if len(found.days) < DAYS_MIN or len(found.t_ns) < len(found.days):
        raise Refused(
            f"{len(found.t_ns)} arrivals at the mid on {len(found.days)} days tell no intensity and no error of it",
            f"give at least {DAYS_MIN} days of a listing that trades at the mid",
        )
    since = _since_open(found.t_ns, found.day, found, session)
    bins = max(1, -(-_longest(found, session) // (bin_s * NS_PER_SECOND)))
    hours = _hours_by_bin(found, session, bins, bin_s)
    which = np.minimum(since // (bin_s * NS_PER_SECOND), bins - 1)
    both = np.bincount(which, minlength=bins)
    of_side = {sign: np.bincount(which[found.sign == sign], minlength=bins) for sign in (1, -1)}
    unsigned = (both - of_side[1] - of_side[-1]) / 2
    rate = {sign: np.where(hours > 0, (of_side[sign] + unsigned) / np.maximum(hours, 1e-12), 0.0) for sign in (1, -1)}
    volume = np.bincount(found.day, weights=found.qty, minlength=len(found.days))
    length = np.array([closes - opens for opens, closes in found.hours], dtype=np.float64)
    volume_sd = float(np.std(volume / length, ddof=1) / np.mean(volume / length))
    by_size = size_slope(found.t_ns, found.qty, found.day, found.hours)
    return DarkLiquidity(
        listing=listing,
        bin_s=bin_s,
        buy_per_hour=tuple(rate[1].tolist()),
        sell_per_hour=tuple(rate[-1].tolist()),
        sizes=_size_table(found.qty / by_size.relative**by_size.slope),
        size_slope=by_size.slope,
        error=volume_sd / float(np.sqrt(len(volume))),
        day_sd=volume_sd / (1 + by_size.slope),  # volume goes as the intensity to the power of one and the slope
        size_mean=float(found.qty.mean()),
        size_error=float(np.std(found.qty, ddof=1) / np.sqrt(len(found.qty))),
        spell_sd=_spell_sd(found),
        dispersion=_dispersion(found),
        days=found.days,
        prints=found.prints,
        near=found.near,
        arrivals=len(found.t_ns),
        markouts=found.markouts,
        assumed=ASSUMED,
    )


def _opens(found: MidPrints, session: Session) -> I64:
    """Return (days,) from when the time of day counts."""
    if session.always_open:
        return np.array([opens - opens % DAY_NS for opens, _ in found.hours], dtype=np.int64)
    return np.array([(session.hours(day) or (0, 0))[0] for day in found.days], dtype=np.int64)


def _since_open(t_ns: I64, day: I64, found: MidPrints, session: Session) -> I64:
    return t_ns - _opens(found, session)[day]


def _longest(found: MidPrints, session: Session) -> int:
    return int(max(closes - opens for (_, closes), opens in zip(found.hours, _opens(found, session), strict=True)))


def _hours_by_bin(found: MidPrints, session: Session, bins: int, bin_s: int) -> F64:
    """Return (bins,) how many hours of each bin were observed."""
    width = bin_s * NS_PER_SECOND
    seen = np.zeros(bins)
    for (begin, end), opens in zip(found.hours, _opens(found, session).tolist(), strict=True):
        edges = opens + width * np.arange(bins + 1)
        seen += np.maximum(np.minimum(end, edges[1:]) - np.maximum(begin, edges[:-1]), 0) / (3600 * NS_PER_SECOND)
    return seen


def _size_table(qty: F64) -> tuple[int, ...]:
    """Return equally likely sizes with the mean and the shape of those seen: the means of their quantile bins."""
    parts = np.array_split(np.sort(qty), min(SIZE_QUANTILES, len(qty)))
    return tuple(max(1, round(float(part.mean()))) for part in parts)


def _by_half_hours(found: MidPrints) -> F64:
    """Return (n, 6) arrivals of five minutes each, a row a half hour of a day."""
    rows = [np.zeros((0, 6))]
    for number, (opens, closes) in enumerate(found.hours):
        edges = np.arange(opens, closes + 1, DISPERSION_NS)
        counts = np.histogram(found.t_ns[found.day == number], edges)[0]
        rows.append(counts[: len(counts) // 6 * 6].reshape(-1, 6).astype(np.float64))
    return np.concatenate(rows)


def _dispersion(found: MidPrints) -> float:
    """Return variance over mean of the counts in five minutes, about the mean of their half hour."""
    counts = _by_half_hours(found)
    total = counts.mean(axis=1).sum() if len(counts) else 0.0
    return float(counts.var(axis=1, ddof=1).sum() / total) if total > 0 else 1.0


def _spell_sd(found: MidPrints) -> float:
    """Return the relative standard deviation of the intensity of a half hour about its day and its hour.

    What Poisson counts leave over: with a factor of variance b a count of mean m has variance m + b m^2. The means are
    those of rows and columns, so (days - 1) x (half hours - 1) degrees of freedom are left.
    """
    rows = [_by_half_hours(found.of_days([number])).sum(axis=1) for number in range(len(found.days))]
    table = np.array([row[: min(map(len, rows))] for row in rows])
    days, halves = table.shape
    if halves < 2 or table.sum() == 0:
        return 0.0
    mean = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    variance = float(((table - mean) ** 2).sum()) * days * halves / ((days - 1) * (halves - 1))
    return float(np.sqrt(max(variance - float(table.sum()), 0.0) / float((mean**2).sum())))


class Rested(NamedTuple):
    """What becomes of resting orders at the mid: part filled in time, and mean time to fill cut off at the horizon."""

    fill_rate: float
    mean_s: float


class HeldOut(Value, frozen=True):
    """How a fit does on days that it never saw: resting orders at the mid, one every five minutes.

    Attributes:
        qty: Size of the orders, quantity units; ``horizon_s``: how long they rest.
        days: Held out.
        orders: How many.
        predicted, seen: Part of them that is filled.
        error: One standard error of the difference: what the fit's own days and bursts make of so few orders, and the
            error of its level.
        predicted_s, seen_s: Mean time to fill, an order not filled counting as the horizon; ``error_s`` likewise.
    """

    qty: int
    horizon_s: float
    days: tuple[date, ...]
    orders: int
    predicted: float
    seen: float
    error: float
    predicted_s: float
    seen_s: float
    error_s: float


def rested(times: I64, sizes: I64, starts: I64, qty: int, horizon_ns: int) -> Rested:
    """Return what becomes of an order of ``qty`` from each start, when arrivals at ``times`` bring ``sizes``.

    Args:
        times: (k,) ns, rising.
        sizes: (k,) quantity units.
        starts: (n,) ns.
        qty: > 0.
        horizon_ns: > 0.
    """
    total = np.concatenate([[0], np.cumsum(sizes)])
    first = np.searchsorted(times, starts, side="right")
    done = np.searchsorted(total, total[first] + qty, side="left") - 1
    at = np.append(times, np.int64(2**62))[np.minimum(done, len(times))]
    waited = np.minimum(at - starts, horizon_ns)
    return Rested(float((at - starts <= horizon_ns).mean()), float(waited.mean()) / NS_PER_SECOND)


def held_out(
    fitted: DarkLiquidity, later: MidPrints, session: Session, *, qty: int, horizon_s: float = 600.0, draws: int = 40
) -> HeldOut:
    """Hold a fit against days it never saw: resting orders of both sides, one every five minutes.

    Args:
        fitted: On other days.
        later: Of the days held out; a print that nothing signs is given to a side by its own number.
        session: Of the listing.
        qty: Of the orders, quantity units.
        horizon_s: How long they rest.
        draws: Seeds of the prediction.
    """
    require(qty > 0, "qty", qty, "> 0")
    horizon_ns = round(horizon_s * NS_PER_SECOND)
    starts = [np.arange(opens, closes - horizon_ns, DISPERSION_NS) for opens, closes in later.hours]
    seen = [
        rested(later.t_ns[mine], later.qty[mine], times, qty, horizon_ns)
        for sign in (1, -1)
        for number, times in enumerate(starts)
        for mine in [(later.day == number) & (_given(later) == sign)]
    ]
    draws_of = [_predicted(fitted, later, session, starts, qty, horizon_ns, 1.0, seed) for seed in range(draws)]
    rates, means = (np.array([getattr(one, name) for one in draws_of]) for name in Rested._fields)
    more = [_predicted(fitted, later, session, starts, qty, horizon_ns, 1 + fitted.error, n) for n in range(draws)]
    level = float(np.mean([one.fill_rate for one in more]) - rates.mean())
    level_s = float(np.mean([one.mean_s for one in more]) - means.mean())
    return HeldOut(
        qty=qty,
        horizon_s=horizon_s,
        days=later.days,
        orders=2 * sum(len(one) for one in starts),
        predicted=float(rates.mean()),
        seen=float(np.mean([one.fill_rate for one in seen])),
        error=float(np.hypot(rates.std(ddof=1), level)),
        predicted_s=float(means.mean()),
        seen_s=float(np.mean([one.mean_s for one in seen])),
        error_s=float(np.hypot(means.std(ddof=1), level_s)),
    )


def _given(later: MidPrints) -> I64:
    """Return (k,) the sign of each arrival; those that nothing signs are given one."""
    coin = np.array([1 if random_word(0, "side", int(t)) & 1 else -1 for t in later.t_ns.tolist()], dtype=np.int64)
    return np.where(later.sign != 0, later.sign, coin)


def _predicted(
    fitted: DarkLiquidity,
    later: MidPrints,
    session: Session,
    starts: Sequence[I64],
    qty: int,
    horizon_ns: int,
    scale: float,
    seed: int,
) -> Rested:
    """Return what the simulator's own arrivals of one seed make of the same orders."""
    made = []
    drawn = Arrivals(fitted, session, seed, scale=scale)
    for side in (Side.BUY, Side.SELL):
        for (opens, closes), times in zip(later.hours, starts, strict=True):
            coming = takewhile(partial(_before, closes), drawn.after(side, opens))
            found = [(one.t_ns, one.qty) for one in coming]
            when, sizes = np.array(found, dtype=np.int64).reshape(-1, 2).T
            made.append(rested(when, sizes, times, qty, horizon_ns))
    return Rested(float(np.mean([one.fill_rate for one in made])), float(np.mean([one.mean_s for one in made])))


def _before(t_ns: int, one: Arrival) -> bool:
    return one.t_ns < t_ns
