"""What is intended and what it will cost: ``ExecutionSlice``, ``ExecutionPlan``, ``CostEstimate``."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate, pairwise

from nowake.core.order import Side
from nowake.core.value import Value, check_types, require


class Assumption(Value, frozen=True):
    """A number that nobody measured: what it is, its value in words, and why it was taken."""

    name: str
    value: str
    why: str


LIMIT_AWAY = "limit-away"
"""Code of the notice that little trades until the price comes to the limit."""


class Notice(Value, frozen=True):
    """Something the user should know about a plan or result, with the remedy where there is one."""

    code: str
    text: str


class CostEstimate(Value, frozen=True):
    """Cost of an order as a distribution, in basis points of arrival notional, positive = paid.

    Attributes:
        mean_bps, sd_bps: Of the total.
        p05_bps, p50_bps, p95_bps: Quantiles of the total; the band from p05 to p95 is the 90 % band.
        spread_bps, temporary_bps, permanent_bps, transient_bps, fees_bps, opportunity_bps: Parts of the mean; they
            sum to it.
        timing_risk_bps: Standard deviation from prices moving while the order is worked.
        parameter_sd_bps: Standard deviation from not knowing the parameters.
    """

    mean_bps: float
    sd_bps: float
    p05_bps: float
    p50_bps: float
    p95_bps: float
    spread_bps: float
    temporary_bps: float
    permanent_bps: float
    fees_bps: float
    timing_risk_bps: float
    parameter_sd_bps: float
    transient_bps: float = 0.0
    opportunity_bps: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        require(self.sd_bps >= 0, "sd_bps", self.sd_bps, ">= 0")
        require(
            self.p05_bps <= self.p50_bps <= self.p95_bps,
            "p50_bps",
            self.p50_bps,
            "between p05_bps and p95_bps",
        )
        parts = (
            self.spread_bps
            + self.temporary_bps
            + self.permanent_bps
            + self.transient_bps
            + self.fees_bps
            + self.opportunity_bps
        )
        close = abs(parts - self.mean_bps) <= 1e-9 * max(1.0, abs(parts))
        require(close, "mean_bps", self.mean_bps, f"the sum of its parts {parts}")


class ExecutionSlice(Value, frozen=True):
    """One step of a schedule.

    Attributes:
        index: Leg number of the slice; goes on over re-planning.
        release_ns, end_ns: The slice may work in [release_ns, end_ns).
        qty_units: What it adds to the target.
        participation: Own share of the volume expected in its window; 0 when the volume is unknown.
        tactic: Name in the table of tactics.
    """

    index: int
    release_ns: int
    end_ns: int
    qty_units: int
    participation: float = 0.0
    tactic: str = "post-and-chase"

    def __post_init__(self) -> None:
        check_types(self)
        require(self.index >= 0, "index", self.index, ">= 0")
        require(self.release_ns < self.end_ns, "end_ns", self.end_ns, f"> release_ns {self.release_ns}")
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        require(self.participation >= 0, "participation", self.participation, ">= 0")


class ExecutionPlan(Value, frozen=True, dict=True):
    """Slices in order of release that sum exactly to what is to be done, and what they will cost.

    Attributes:
        revision: 0 for the first plan, then counting up.
        asof_ns: Nothing at or after this instant was looked at.
        qty_units: The sum of the slices.
        cap: Participation cap that the plan keeps to.
        slices: By release time.
        expected_volume: Volume of others expected per slice, quantity units (0 = unknown), same length as slices.
        cost: The estimate, or None where no belief supports one.
        reasons: Why this plan, one clause each.
        assumed: Every number that nobody measured.
        warnings: What the user should know.
        beliefs: Content hashes of the beliefs used.
        corrects: Whether it is planned again when the day's volume turns out otherwise.
        follows: Whether the prints are followed at the order's rate; the slices then only show what is expected.
    """

    parent_id: str
    strategy: str
    listing: str
    side: Side
    revision: int
    asof_ns: int
    qty_units: int
    cap: float
    slices: tuple[ExecutionSlice, ...]
    expected_volume: tuple[int, ...]
    cost: CostEstimate | None = None
    reasons: tuple[str, ...] = ()
    assumed: tuple[Assumption, ...] = ()
    warnings: tuple[Notice, ...] = ()
    beliefs: tuple[str, ...] = ()
    follows: bool = False
    corrects: bool = False

    def __post_init__(self) -> None:
        check_types(self)
        require(bool(self.slices), "slices", self.slices, "at least one")
        total = sum(one.qty_units for one in self.slices)
        require(total == self.qty_units, "slices", total, f"a schedule that sums to {self.qty_units}")
        require(
            len(self.expected_volume) == len(self.slices),
            "expected_volume",
            len(self.expected_volume),
            "one per slice",
        )
        for before, after in pairwise(self.slices):
            ordered = before.index < after.index and before.end_ns <= after.release_ns
            require(ordered, "slices", after.index, f"after slice {before.index} and not overlapping it")
        require(
            self.slices[0].release_ns >= self.asof_ns,
            "asof_ns",
            self.asof_ns,
            "at or before the first release",
        )

    @cached_property
    def releases_ns(self) -> tuple[int, ...]:
        """Return the release of every slice."""
        return tuple(one.release_ns for one in self.slices)

    @cached_property
    def cumulative_units(self) -> tuple[int, ...]:
        """Return the quantity of all slices up to and including each."""
        return tuple(accumulate(one.qty_units for one in self.slices))

    @cached_property
    def cumulative_volume(self) -> tuple[int, ...]:
        """Return the expected volume of others up to the end of each slice, from the first one's release."""
        return tuple(accumulate(self.expected_volume))

    def position(self, t_ns: int) -> int:
        """Return the position of the newest slice released at or before ``t_ns``, -1 before the first."""
        return bisect_right(self.releases_ns, t_ns) - 1

    def target_units(self, t_ns: int) -> int:
        """Return the cumulative quantity that slices released at or before ``t_ns`` add up to."""
        position = self.position(t_ns)
        return self.cumulative_units[position] if position >= 0 else 0
