"""The volume curve of past days: how a day's volume is spread over the listing's own session, and how far that errs.

Each past day is divided by its own total, so that a busy day counts no more than a quiet one. With s_id the share of
bin i on day d, over the last n <= ``DAYS_USED`` whole days of the same hours,

    w_i = (n m_i + s0_i) / (n + 1)        m_i = median over d of s_id, scaled to sum to 1 (the mean for n < 3)

s0 is the assumed shape (U, or flat around the clock): one day's worth of it keeps a curve from one or two days sane,
and is gone in the noise of twenty. Medians, because single bins carry news and blocks. The level is the mean daily
volume of the same days (ADV).

The own error is measured out of sample: each of the last days is forecast from the days before it. Sources: shares
rather than volumes, Satish, Saxena, Palmer (2014), J. Trading 9, 3; rolling means and their errors as the benchmark,
Chen, Feng, Palomar (2016), J. Trading 11, 4. Days that a recording does not cover, and days at or after the day that
is traded, are never used. Days of other hours (early closes) have a curve of their own, or none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from statistics import fmean, median
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from nowake.core.sessions import Session
from nowake.core.value import Value, require
from nowake.core.volume import DayVolume

DAYS_USED = 20
HELD_OUT_MAX = 20
MEDIAN_DAYS = 3
"""A median of fewer is a mean or a day."""
U_SHAPE = 0.5
LEVEL_SD = 0.35
"""Log sd of a day's volume around the mean of the days before it, assumed where fewer than ``LEVEL_DAYS`` could be
held out: 0.34 (AAPL) and 0.43 (ADBE) in the first half of 2019."""
LEVEL_DAYS = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def u_cumulative(x: float, u_shape: float) -> float:
    """Return F(x), the fraction of a day's volume traded in the first ``x`` of it, of the assumed U.

    Args:
        x: Fraction of the trading day; clipped to [0, 1].
        u_shape: Depth c of the U in [0, 1]; 0 is flat.
    """
    at = min(1.0, max(0.0, x))
    off = at - 0.5
    return (1 - u_shape) * at + 4 * u_shape * (off * off * off + 0.125)


@lru_cache(maxsize=4096)
def _clock(t_ns: int, zone: str) -> time:
    """Return the local clock time of an instant."""
    return (_EPOCH + timedelta(microseconds=t_ns // 1000)).astimezone(ZoneInfo(zone)).time()


class VolumeCurve(Value, frozen=True):
    """How a day's continuous volume is spread over one session's own hours; it says nothing of other hours.

    Attributes:
        opens: Local clock time of the open.
        zone: Its IANA zone.
        length_ns: From open to close.
        cumulative: Fraction of the day's volume traded by the end of each of n equal bins, rising from 0 to 1, n + 1.
        day_share: Volume of such a day as a fraction of a regular one's.
        days: Past days it was estimated from.
        opening_share, closing_share: Auctions as a fraction of that volume; None = not known apart. Not in the curve.
    """

    opens: time
    zone: str
    length_ns: int
    cumulative: tuple[float, ...]
    day_share: float = 1.0
    days: int = 0
    opening_share: float | None = None
    closing_share: float | None = None

    def __post_init__(self) -> None:
        require(self.length_ns > 0, "length_ns", self.length_ns, "> 0")
        edges = tuple(float(one) for one in self.cumulative)  # arrays hand over numbers that cannot be encoded
        msgspec.structs.force_setattr(self, "cumulative", edges)
        rising = len(edges) > 1 and all(math.isfinite(one) for one in edges) and list(edges) == sorted(edges)
        require(rising and edges[0] == 0 and edges[-1] == 1, "cumulative", edges[:4], "rising from 0 to 1")
        require(math.isfinite(self.day_share) and self.day_share > 0, "day_share", self.day_share, "> 0")

    def fits(self, opens_ns: int, closes_ns: int) -> bool:
        """Return whether a session has the hours that this curve was estimated on."""
        return closes_ns - opens_ns == self.length_ns and _clock(opens_ns, self.zone) == self.opens

    def fraction(self, x: float) -> float:
        """Return the fraction of the day's volume traded in the first ``x`` of the session; clipped to [0, 1]."""
        bins = len(self.cumulative) - 1
        at = min(1.0, max(0.0, x)) * bins
        low = min(int(at), bins - 1)
        below, above = self.cumulative[low], self.cumulative[low + 1]
        return below + (above - below) * (at - low)

    def fractions(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``fraction`` of every ``x`` in [0, 1], any shape."""
        edges = np.array(self.cumulative)
        at = x * (edges.size - 1)
        low = np.minimum(at.astype(np.int64), edges.size - 2)
        below = edges[low]
        found: NDArray[np.float64] = below + (edges[low + 1] - below) * (at - low)
        return found


class VolumeScore(Value, frozen=True):
    """Errors out of sample: each held-out day forecast from the days before it.

    Attributes:
        held_out: Days.
        mape, mape_u, mape_flat: Mean of |forecast - volume| / volume over bins with volume, forecast = ADV x share, of
            this curve, of the assumed U and of a flat one.
        share_l1, share_l1_u, share_l1_flat: Mean over days of the sum over bins of |forecast share - share|: what a
            VWAP schedule misses.
        level_log_sd: Root mean square of log(volume of the day / forecast).
    """

    held_out: int
    mape: float
    mape_u: float
    mape_flat: float
    share_l1: float
    share_l1_u: float
    share_l1_flat: float
    level_log_sd: float


class VolumeHistory(Value, frozen=True):
    """What past days say of a listing's volume, and the card of it.

    Attributes:
        listing: Key.
        traded_day: Trading day it was estimated for; only earlier days were used.
        curves: The regular hours first; one for each kind of day that was seen.
        adv: Mean quantity units of a regular day, continuous trading.
        level_sd: Log sd of a day around ``adv``; measured when ``level_measured``.
        score: Own error; None when there was no day to hold out.
        days: Used, in order.
        sources: Content hashes of what they were counted from, same order.
        left_out: Why other days were not used, a clause each.
    """

    listing: str
    traded_day: date
    curves: tuple[VolumeCurve, ...]
    adv: float
    level_sd: float
    level_measured: bool
    days: tuple[date, ...]
    sources: tuple[str, ...] = ()
    score: VolumeScore | None = None
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.curves) and self.adv > 0, "adv", self.adv, "> 0, of at least one curve")
        require(bool(self.days), "days", self.days, "at least one")
        late = [day for day in self.days if day >= self.traded_day]
        require(not late, "days", late, f"before the day that is traded, {self.traded_day} (look-ahead)")


def estimate_history(
    days: Sequence[DayVolume], session: Session, traded_day: date, listing: str = ""
) -> VolumeHistory | None:
    """Return what the days before ``traded_day`` say, None when no whole regular day is among them.

    Args:
        days: In any order; those at or after ``traded_day`` are ignored, as are days that no recording covers.
        session: Of the listing: its regular hours are the regular curve's.
        traded_day: Trading day for which volume is to be forecast.
        listing: Key, for the card.
    """
    past = sorted((one for one in days if one.day < traded_day), key=lambda one: one.day)
    usable = [one for one in past if one.whole and one.total > 0]
    left_out = tuple(
        f"{one.day}: {'no prints' if one.whole else 'not recorded whole'}" for one in past if one not in usable
    )
    regular = [one for one in usable if _is_regular(one, session)][-DAYS_USED - HELD_OUT_MAX :]
    if not regular:
        return None
    counts = {len(one.bins) for one in regular}
    require(len(counts) == 1, "days", sorted(counts), "of one number of bins")
    used = regular[-DAYS_USED:]
    adv = fmean(one.total for one in used)
    apart: dict[tuple[time, int, int], list[DayVolume]] = {}
    for one in usable:
        if not _is_regular(one, session):
            hours = (_clock(one.opens_ns, session.zone), one.closes_ns - one.opens_ns, len(one.bins))
            apart.setdefault(hours, []).append(one)
    shape = 0.0 if session.always_open else U_SHAPE
    score = _score(regular, shape)
    measured = score is not None and score.held_out >= LEVEL_DAYS
    return VolumeHistory(
        listing=listing,
        traded_day=traded_day,
        curves=(
            _curve(used, session, shape, 1.0),
            *(_curve(some, session, shape, fmean(one.total for one in some) / adv) for some in apart.values()),
        ),
        adv=adv,
        level_sd=score.level_log_sd if score is not None and measured else LEVEL_SD,
        level_measured=measured,
        days=tuple(one.day for one in used),
        sources=tuple(one.source for one in used),
        score=score,
        left_out=left_out,
    )


def _is_regular(one: DayVolume, session: Session) -> bool:
    if session.always_open:
        return True
    hours = (_clock(one.opens_ns, session.zone), _clock(one.closes_ns, session.zone))
    return hours == (session.opens, session.closes)


def curve_shares(days: Sequence[DayVolume], u_shape: float) -> tuple[float, ...]:
    """Return the share of each bin that past days of the same hours give; they sum to 1.

    Args:
        days: At least one, all of the same number of bins, each with volume.
        u_shape: Depth of the assumed shape that counts as one more day.
    """
    n, bins = len(days), len(days[0].bins)
    middle = median if n >= MEDIAN_DAYS else fmean
    shares = [[volume / one.total for volume in one.bins] for one in days]
    typical = [middle(column) for column in zip(*shares, strict=True)]
    # Where most days have no print at all in most bins (a thin listing) the medians are 0: then means.
    total = math.fsum(typical)
    if total <= 0:
        typical = [fmean(column) for column in zip(*shares, strict=True)]
        total = math.fsum(typical)
    assumed = _assumed_shares(bins, u_shape)
    made = [(n * one / total + prior) / (n + 1) for one, prior in zip(typical, assumed, strict=True)]
    scale = math.fsum(made)
    return tuple(one / scale for one in made)


def _assumed_shares(bins: int, u_shape: float) -> list[float]:
    edges = [u_cumulative(k / bins, u_shape) for k in range(bins + 1)]
    return [after - before for before, after in pairwise(edges)]


def _curve(days: Sequence[DayVolume], session: Session, u_shape: float, day_share: float) -> VolumeCurve:
    shares = curve_shares(days, u_shape)
    running = [0.0]
    for share in shares:
        running.append(running[-1] + share)
    edges = (*(min(1.0, one) for one in running[:-1]), 1.0)
    newest = days[-1]
    return VolumeCurve(
        opens=_clock(newest.opens_ns, session.zone),
        zone=session.zone,
        length_ns=newest.closes_ns - newest.opens_ns,
        cumulative=edges,
        day_share=day_share,
        days=len(days),
        opening_share=_auction_share(days, "opening"),
        closing_share=_auction_share(days, "closing"),
    )


def _auction_share(days: Sequence[DayVolume], name: str) -> float | None:
    known = [getattr(one, name) / one.total for one in days if getattr(one, name) is not None]
    return float(median(known)) if known else None


def _score(days: Sequence[DayVolume], u_shape: float) -> VolumeScore | None:
    """Return the errors of forecasting each of the last days from the ones before it, at most ``DAYS_USED``.

    Half of the days are held out, so that the first forecast too has days to stand on; of a few days all but the first.
    """
    held_out = min(HELD_OUT_MAX, len(days) - 1 if len(days) < 6 else max(LEVEL_DAYS, len(days) // 2))
    if held_out < 1:
        return None
    errors: list[list[float]] = [[], [], []]
    misses: list[list[float]] = [[], [], []]
    logs: list[float] = []
    for at in range(len(days) - held_out, len(days)):
        before, today = days[max(0, at - DAYS_USED) : at], days[at]
        adv, bins = fmean(one.total for one in before), len(today.bins)
        logs.append(math.log(today.total / adv))
        shapes = (curve_shares(before, u_shape), _assumed_shares(bins, U_SHAPE), [1 / bins] * bins)
        for k, shape in enumerate(shapes):
            pairs = list(zip(shape, today.bins, strict=True))
            errors[k] += [abs(adv * share - volume) / volume for share, volume in pairs if volume > 0]
            misses[k].append(math.fsum(abs(share - volume / today.total) for share, volume in pairs))
    return VolumeScore(
        held_out=held_out,
        mape=fmean(errors[0]),
        mape_u=fmean(errors[1]),
        mape_flat=fmean(errors[2]),
        share_l1=fmean(misses[0]),
        share_l1_u=fmean(misses[1]),
        share_l1_flat=fmean(misses[2]),
        level_log_sd=math.sqrt(fmean(one * one for one in logs)),
    )


def days_from_bins(
    days: Sequence[date], bins: Sequence[Sequence[float]], session: Session, source: str = ""
) -> tuple[DayVolume, ...]:
    """Return whole days from a table of bins, for curves from arrays rather than tapes.

    Args:
        days: n local days; each must trade.
        bins: (n, k) quantity units, k equal bins over each day's own session.
        session: Of the listing.
        source: Where they come from.

    Raises:
        InputError: The table and the days are not of one length, a day does not trade, or a number is not a volume.
    """
    require(len(days) == len(bins), "bins", len(bins), f"one row for each of the {len(days)} days")
    made = []
    for day, row in zip(days, bins, strict=True):
        hours = session.hours(day)
        require(hours is not None, "days", str(day), f"a day on which {session.name} trades")
        assert hours is not None
        made.append(
            DayVolume(
                day=day,
                opens_ns=hours[0],
                closes_ns=hours[1],
                bins=tuple(float(one) for one in row),
                seen_from_ns=hours[0],
                seen_to_ns=hours[1],
                source=source,
            )
        )
    return tuple(made)
