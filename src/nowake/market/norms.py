"""What is normal for a listing: quantiles of its own history, window by window. Percentiles come from nothing else.

A window is ``WINDOW_BINS`` bins that follow one another; windows begin a bin apart, so they overlap. What a market is
like now is measured over a window as well, and so like is held against like. History ends at ``asof``: a window counts
once its last bin is closed.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt

from nowake.core.tape import F64, I64
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.core.value import Value, check_types, content_hash, require
from nowake.market.microstructure import meter as m
from nowake.market.microstructure.bins import Bins
from nowake.market.run import GRID_NS

WINDOW_BINS = 5
WINDOWS_LEAST = 20
"""Fewer windows than this are no history: a percentile of five bins five times over is not one."""
QUANTILES = 41
"""A table in steps of 2.5 %."""
COVERED_LEAST = 0.5
"""Part of a window that must be open, and for prices with a sound book, for the window to count."""
EPISODES_LEAST = 5
"""Recoveries under which a half-life is not told: its relative standard error, 1 / sqrt(n), is over 45 %."""
RETURNS_LEAST = 5
"""Returns of 10 s under which a volatility is not told: its relative standard error, 1 / sqrt(2 n), is over 32 %."""
MINUTE_NS = 60 * NS_PER_SECOND

MEASURED = (
    "spread",
    "density",
    "depth_5bps",
    "depth_10bps",
    "depth_25bps",
    "imbalance",
    "volatility",
    "volume_rate",
    "effective_spread",
    "resilience",
)
"""What windows are measured by; sizes in quantity units, see ``window_values``."""


class Norm(Value, frozen=True):
    """The history of one measure: its quantiles, the least first and the greatest last, in equal steps."""

    name: str
    quantiles: tuple[float, ...]
    windows: int

    def __post_init__(self) -> None:
        check_types(self)
        require(len(self.quantiles) >= 2, "quantiles", self.quantiles, "two or more")
        good = all(math.isfinite(one) for one in self.quantiles) and list(self.quantiles) == sorted(self.quantiles)
        require(good, "quantiles", self.quantiles[:4], "finite and in rising order")

    def percentile(self, value: float) -> float:
        """Return the part of the history below ``value``, in [0, 1]: interpolated, ties count half."""
        return (self._part(value, bisect_left(self.quantiles, value)) + self._part(value, self._after(value))) / 2

    def _after(self, value: float) -> int:
        return bisect_right(self.quantiles, value)

    def _part(self, value: float, at: int) -> float:
        """Return the position of ``value`` in the table when it goes in before index ``at``."""
        steps = len(self.quantiles) - 1
        if at == 0:
            return 0.0
        if at > steps:
            return 1.0
        low, high = self.quantiles[at - 1], self.quantiles[at]
        # Between two equal values, or on one of them, the place is that of the value itself.
        inside = 1.0 if value >= high else (value - low) / (high - low) if high > low else 0.0
        return (at - 1 + inside) / steps


class LiquidityNorms(Value, frozen=True):
    """What is normal for a listing, as it was known at ``asof_ns``.

    Attributes:
        listing: Its key.
        asof_ns: Nothing after this was used.
        from_ns, to_ns: First and last instant of the bins used; equal = there were none.
        bin_ns, window_bins: How the history is cut.
        day_ns: Length of the trading day that volatilities are of.
        bins, days: How many bins were used, and of how many days (UTC dates on which they begin).
        base: What the volumes count, in words.
        norms: By measure; those with too few windows are left out.
        left_out: (measure, why).
    """

    listing: str
    asof_ns: int
    from_ns: int
    to_ns: int
    bin_ns: int
    day_ns: int
    bins: int
    days: int
    window_bins: int = WINDOW_BINS
    base: str = ""
    norms: tuple[Norm, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        require(self.to_ns <= self.asof_ns, "to_ns", self.to_ns, f"<= asof_ns {self.asof_ns}")

    @property
    def hash(self) -> str:
        """Return the identity by content."""
        return content_hash(self)

    @property
    def window_ns(self) -> int:
        """Return the length of a window."""
        return self.bin_ns * self.window_bins

    def percentile(self, name: str, value: float | None) -> tuple[float | None, str]:
        """Return (part of the history below ``value``, why it is not known).

        Args:
            name: Of a measure, see ``MEASURED``.
            value: In its unit there (sizes in quantity units); None = not known, and the percentile neither.
        """
        if value is None or not math.isfinite(value):
            return None, ""
        for one in self.norms:
            if one.name == name:
                return one.percentile(value), ""
        return None, dict(self.left_out).get(name, "its history was not taken")


def norms_of(
    bins: Bins, asof_ns: int, day_ns: int, *, base: str = "", window_bins: int = WINDOW_BINS
) -> LiquidityNorms:
    """Return what is normal, from the bins closed at ``asof_ns``.

    Args:
        bins: Of past days and today, in order of time; later ones are left alone.
        asof_ns: When it is asked.
        day_ns: Length of the trading day, > 0.
        base: What the volumes count, in words.
        window_bins: Bins of a window, >= 1.
    """
    require(window_bins >= 1, "window_bins", window_bins, ">= 1")
    require(day_ns > 0, "day_ns", day_ns, "> 0")
    known = bins.until(asof_ns)
    ints, reals, _ = windows(known, window_bins)
    values = window_values(ints, reals, bins.bin_ns * window_bins, day_ns)
    norms, left_out = [], []
    span = format_duration(bins.bin_ns * window_bins)
    for name in MEASURED:
        found = values[name][np.isfinite(values[name])]
        if len(found) < WINDOWS_LEAST:
            said = f"its history has {len(found)} windows of {span}, {WINDOWS_LEAST} are the least"
            left_out.append((name, said))
            continue
        table = np.quantile(found, np.linspace(0, 1, QUANTILES), method="linear")
        norms.append(Norm(name=name, quantiles=tuple(np.maximum.accumulate(table).tolist()), windows=len(found)))
    starts = known.start_ns
    return LiquidityNorms(
        listing=bins.listing,
        asof_ns=asof_ns,
        from_ns=int(starts[0]) if len(known) else asof_ns,
        to_ns=int(starts[-1]) + bins.bin_ns if len(known) else asof_ns,
        bin_ns=bins.bin_ns,
        day_ns=day_ns,
        bins=len(known),
        days=len(np.unique(starts // (86_400 * NS_PER_SECOND))),
        window_bins=window_bins,
        base=base,
        norms=tuple(norms),
        left_out=tuple(left_out),
    )


def windows(bins: Bins, count: int) -> tuple[I64, F64, I64]:
    """Return sums over every ``count`` bins that follow one another, and (k,) the instants at which they end.

    Columns are those of ``meter``; time-weighted means are replaced by mean x time.
    """
    ints, reals = bins.totals
    if len(bins) < count:
        return ints[:0], reals[:0], np.empty(0, dtype=np.int64)
    starts = bins.start_ns
    last = starts[count - 1 :]
    together = last - starts[: len(bins) - count + 1] == (count - 1) * bins.bin_ns
    summed, summed_reals = ints[count:] - ints[:-count], reals[count:] - reals[:-count]
    return summed[together], summed_reals[together], last[together] + bins.bin_ns


def window_values(ints: I64, reals: F64, window_ns: int, day_ns: int) -> dict[str, F64]:
    """Return (k,) of every measure of ``MEASURED`` from the sums of k windows; NaN where it is not known.

    ``spread``, ``effective_spread``: bps. ``density``: quantity units per bp. ``depth_*``: quantity units, both sides.
    ``imbalance``: in [-1, 1]. ``volatility``: bps a day. ``volume_rate``: quantity units a minute. ``resilience``: s.
    """
    is_open = ints[:, m.OPEN_NS] >= COVERED_LEAST * window_ns
    priced = is_open & (ints[:, m.BOOK_NS] >= COVERED_LEAST * window_ns)
    samples = ints[:, m.SAMPLES]
    returns = ints[:, m.REALISED_NS]
    varied = is_open & (returns >= max(COVERED_LEAST * window_ns, RETURNS_LEAST * GRID_NS))
    depth = {
        f"depth_{bps}bps": _ratio(ints[:, m.DEPTH + band] + ints[:, m.DEPTH + 3 + band], samples, priced)
        for band, bps in enumerate(m.BANDS)
    }
    return {
        "spread": 1e4 * _ratio(reals[:, m.SPREAD], reals[:, m.MID], priced),
        "density": _ratio(reals[:, m.DENSITY], ints[:, m.DENSE], priced),
        **depth,
        "imbalance": _ratio(reals[:, m.IMBALANCE], samples, priced, least=-np.inf),
        "volatility": 1e4 * np.sqrt(_ratio(reals[:, m.REALISED_VAR] * float(day_ns), returns, varied)),
        "volume_rate": MINUTE_NS * _ratio(ints[:, m.VOLUME], ints[:, m.OPEN_NS], is_open),
        "effective_spread": _ratio(reals[:, m.EFFECTIVE], ints[:, m.ON_BOOK], is_open),
        "resilience": math.log(2)
        / NS_PER_SECOND
        * _ratio(ints[:, m.EXPOSED_NS], ints[:, m.RECOVERED], ints[:, m.RECOVERED] >= EPISODES_LEAST),
    }


def _ratio(above: F64 | I64, below: F64 | I64, where: npt.NDArray[np.bool_], least: float = 0.0) -> F64:
    """Return above / below, NaN where it is not wanted or there is nothing below; never under ``least``."""
    good = where & (below > 0)
    # Running totals are taken apart by subtraction: what should be 0 may be a hair under it.
    return np.where(good, np.maximum(above, least) / np.where(good, below, 1), np.nan)
