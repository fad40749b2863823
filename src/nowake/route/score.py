"""What the router minimises, in basis points: S = mean + haste + lambda x variance. Strategy IS minimises the same.

- **mean** is that of the planner's cost estimate, **variance** the square of its timing risk: of prices moving while
  the order is worked. What is not known of the parameters is much the same whichever way is taken.
- **lambda** is IS's risk aversion: u / (1 - u) x 0.005 per basis point at urgency u.
- **haste** replaces the temporary part of the mean by the linear law that IS takes: K x the plan's pace over an even
  pace, where K is what the believed law charges the whole order at an even pace through its window. The believed
  square-root law hardly charges for speed, which no anonymous tape can confirm; a decision that trusted it would rush
  every order. 0 = as if at an even pace, positive = faster, negative = calmer.

The pace of a plan is its own volume over the others' in each slice, weighed by quantity.
"""

from __future__ import annotations

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import CostEstimate
from nowake.core.value import Value
from nowake.models.beliefs import Beliefs
from nowake.plan.implementation_shortfall import RISK_AVERSION, URGENCY_ODDS_MAX, market_terms
from nowake.plan.strategy import Request


def risk_aversion(urgency: float) -> float:
    """Return lambda for an urgency in [0, 1], per basis point."""
    return RISK_AVERSION * (min(urgency / (1 - urgency), URGENCY_ODDS_MAX) if urgency < 1 else URGENCY_ODDS_MAX)


class Yardstick(Value, frozen=True):
    """By what the ways of one order are weighed.

    Attributes:
        risk_aversion: lambda, per basis point.
        even_bps: K: temporary impact of the whole order at an even pace through its window.
        even_pace: Own volume over that of others at that pace; 0 = no volume is known, and haste is not judged.
    """

    risk_aversion: float
    even_bps: float
    even_pace: float

    def haste_bps(self, cost: CostEstimate, pace: float) -> float:
        """Return what the linear law charges for a pace more than the estimate does."""
        return self.even_bps * pace / self.even_pace - cost.temporary_bps if self.even_pace else 0.0

    def score_bps(self, cost: CostEstimate, pace: float) -> float:
        """Return mean + haste + lambda x variance."""
        return cost.mean_bps + self.haste_bps(cost, pace) + self.risk_aversion * cost.timing_risk_bps**2


def yardstick(order: ParentOrder, beliefs: Beliefs, listing: Listing, *, known: bool = True) -> Yardstick:
    """Return by what the ways of ``order`` are weighed: the same before it starts and while it runs.

    Args:
        order: As asked.
        beliefs: Of its listing.
        listing: Its own.
        known: Whether some volume is expected in its window.
    """
    whole = Request(
        order=order,
        qty_units=order.qty_units,
        start_ns=order.start_ns,
        end_ns=order.end_ns,
        first_index=0,
        beliefs=beliefs,
        listing=listing,
        min_units=1,
    )
    terms, _ = market_terms(whole)
    days = (order.end_ns - order.start_ns) / beliefs.volume.day_ns
    return Yardstick(
        risk_aversion=risk_aversion(order.parameters.urgency),
        even_bps=terms.eta_tilde * order.qty_units / days,
        even_pace=order.qty_units / beliefs.volume.expected(order.start_ns, order.end_ns) if known else 0.0,
    )
