"""Ours against naive TWAP, paired: each pair trades the same order on the same synthetic market from the same seed.

The market's own movement is in both runs of a pair and cancels in their difference, so a few pairs show what would
take thousands of unpaired runs. Each run sees the book consumed by its own orders only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, stdev

from nowake.app import wiring
from nowake.app.request import OrderRequest
from nowake.app.results import work_prepared
from nowake.app.wiring import RunOptions
from nowake.core.tape import Tape
from nowake.core.value import replace
from nowake.tca.report import ExecutionReport

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Pair:
    """Total shortfall of one pair, basis points of arrival value, positive = paid."""

    seed: int
    ours_bps: float
    naive_bps: float

    @property
    def saving_bps(self) -> float:
        """Return what ours paid less."""
        return self.naive_bps - self.ours_bps


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the pairs say.

    Attributes:
        pairs: One a seed.
        fees_bps: Mean saving on fees, a part of the saving.
        slices: Of both schedules.
        unfilled: Runs that left a residual (it is charged as opportunity cost in both).
    """

    pairs: tuple[Pair, ...]
    fees_bps: float
    slices: int
    unfilled: int

    @property
    def savings(self) -> tuple[float, ...]:
        """Return the saving of each pair, bps."""
        return tuple(pair.saving_bps for pair in self.pairs)

    @property
    def mean_bps(self) -> float:
        """Return the mean saving."""
        return mean(self.savings)

    @property
    def error_bps(self) -> float:
        """Return the standard error of the mean saving."""
        return stdev(self.savings) / math.sqrt(len(self.pairs))

    @property
    def unpaired_error_bps(self) -> float:
        """Return what the standard error would be without pairing: two independent batches of as many runs."""
        ours, naive = [one.ours_bps for one in self.pairs], [one.naive_bps for one in self.pairs]
        return math.hypot(stdev(ours), stdev(naive)) / math.sqrt(len(self.pairs))

    @property
    def band_bps(self) -> tuple[float, float]:
        """Return the 95 % confidence interval of the mean saving (Student's t)."""
        from scipy.special import stdtrit

        reach = float(stdtrit(len(self.pairs) - 1, (1 + CONFIDENCE) / 2)) * self.error_bps
        return self.mean_bps - reach, self.mean_bps + reach

    @property
    def significant(self) -> bool:
        """Return whether the interval excludes zero."""
        low, high = self.band_bps
        return low > 0 or high < 0

    @property
    def words(self) -> tuple[str, ...]:
        """Return the finding in sentences, honest where there is none."""
        low, high = self.band_bps
        n, won = len(self.pairs), sum(saving > 0 for saving in self.savings)
        number = f"{abs(self.mean_bps):.2f} bps (standard error {self.error_bps:.2f}, 95 % {low:+.2f} .. {high:+.2f})"
        if not self.significant:
            first = f"No difference can be shown: the mean saving of {self.mean_bps:+.2f} bps is within its error "
            first += f"(standard error {self.error_bps:.2f}, 95 % {low:+.2f} .. {high:+.2f}) over {n} pairs."
        else:
            verb = "saved" if self.mean_bps > 0 else "cost"
            first = f"Posting first {verb} {number} against naive TWAP over {n} pairs; cheaper in {won} of {n}."
        found = [first]
        trading = self.mean_bps - self.fees_bps
        found.append(f"Of the mean, {self.fees_bps:+.2f} bps are fees and {trading:+.2f} bps prices.")
        found.append(
            f"Naive TWAP is the same order in the same {self.slices} slices, each crossed at once (urgency 1). Both "
            "runs of a pair trade the same market from the same seed, so its moves cancel in the difference: unpaired, "
            f"the standard error would be {self.unpaired_error_bps:.2f} bps."
        )
        if self.unfilled:
            found.append(f"{self.unfilled} of {2 * n} runs left a rest; it is charged at the last price.")
        return tuple(found)


def compare(
    request: OrderRequest,
    options: RunOptions,
    seeds: range,
    progress: Callable[[float, str], None] | None = None,
) -> Comparison:
    """Work an order and its naive twin on the synthetic market of each seed.

    Args:
        request: Of SYNTH.
        options: Common to all; the seed is replaced.
        seeds: At least two.
        progress: Told how far it is.
    """
    pairs, fees, unfilled, slices = [], [], 0, 0
    for k, seed in enumerate(seeds):
        if progress is not None:
            progress(k / len(seeds), f"pair {k + 1} of {len(seeds)}")
        here = replace(options, seed=seed)
        tape = wiring.load_tape(request, here)

        def run(asked: OrderRequest, here: RunOptions = here, tape: Tape = tape) -> ExecutionReport:
            return work_prepared(wiring.prepare(asked, here, tape=tape, command="demo"), None).report

        ours = run(request)
        assert ours.plan is not None
        slices = len(ours.plan.slices)
        naive = run(replace(request, urgency=1.0, slices=slices))
        assert ours.shortfall is not None
        assert naive.shortfall is not None
        pairs.append(Pair(seed, ours.shortfall.total_bps, naive.shortfall.total_bps))
        fees.append(_fees_bps(naive) - _fees_bps(ours))
        unfilled += (ours.residual_units > 0) + (naive.residual_units > 0)
    if progress is not None:
        progress(1.0, "")
    return Comparison(tuple(pairs), mean(fees), slices, unfilled)


def _fees_bps(report: ExecutionReport) -> float:
    assert report.shortfall is not None
    assert report.market is not None
    instrument = report.listing.instrument
    value = instrument.notional(report.market.arrival_mid2, report.order.qty_units) / 2
    return float(instrument.money(report.shortfall.fees_money) / value) * 1e4
