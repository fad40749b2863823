"""Which way to work an order, and why: ``StrategyDecision``, with everything that was weighed.

A value of the router (``route.router``), stored in the journal when it takes effect, shown by ``plan`` and ``explain``.
"""

from __future__ import annotations

import math

from nowake.core.order import ParentOrder
from nowake.core.plan import CostEstimate
from nowake.core.value import Value, check_types, replace, require


class Candidate(Value, frozen=True):
    """One way to work what is unsent, priced.

    Attributes:
        strategy: Name in the table of strategies.
        end_ns: Its schedule ends here; at or before the order's end.
        participation_target: Rate of a strategy that follows the volume; None for the others.
        cost: As the planner estimates it.
        score_bps: mean + risk aversion x sd of the cost: the less, the better.
        peak_participation: Largest share of the expected volume that a slice needs; 0 = the volume is unknown.
        slices: How many.
    """

    strategy: str
    end_ns: int
    cost: CostEstimate
    score_bps: float
    participation_target: float | None = None
    peak_participation: float = 0.0
    slices: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        require(math.isfinite(self.score_bps), "score_bps", self.score_bps, "finite")

    def order(self, asked: ParentOrder) -> ParentOrder:
        """Return the order as this candidate works it; its window stays as asked, only the schedule may end before."""
        parameters = asked.parameters
        if self.participation_target is not None:
            parameters = replace(parameters, participation_target=self.participation_target)
        return replace(asked, strategy=self.strategy, parameters=parameters)


class Exclusion(Value, frozen=True):
    """A way that was not priced or may not be taken, and why.

    Attributes:
        what: Strategy, with horizon or rate where they matter.
        reason: In words, with the numbers.
    """

    what: str
    reason: str


class StrategyDecision(Value, frozen=True):
    """What the router decided, from what, and what else there was.

    Attributes:
        parent_id: Whose order.
        asof_ns: Nothing received after this was looked at.
        qty_units: What was unsent then.
        risk_aversion: Standard deviations are weighed by this, >= 0.
        chosen: What is done; the first of the ranking unless the user or the fallback said otherwise.
        ranking: Every candidate that was priced and is allowed, best first.
        excluded: The others.
        reasons: Why this one, a clause each.
        fallback: Why nothing could be weighed, so that TWAP is taken; empty = it was weighed.
        override: The strategy that the user named; empty = the router's own choice stands.
        beliefs: Content hash of the beliefs.
    """

    parent_id: str
    asof_ns: int
    qty_units: int
    risk_aversion: float
    chosen: Candidate | None
    ranking: tuple[Candidate, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    reasons: tuple[str, ...] = ()
    fallback: str = ""
    override: str = ""
    beliefs: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        good = math.isfinite(self.risk_aversion) and self.risk_aversion >= 0
        require(good, "risk_aversion", self.risk_aversion, ">= 0")
        weighed = self.chosen is not None or bool(self.fallback or self.override)
        require(weighed, "chosen", self.chosen, "given, or a fallback or an override says why not")
