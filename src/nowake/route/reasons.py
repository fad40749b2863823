"""Why a decision came out as it did, in clauses with the numbers."""

from __future__ import annotations

from nowake.core.order import ParentOrder
from nowake.core.routing import Candidate, StrategyDecision
from nowake.plan.feasibility import percent


def reasons_of(made: StrategyDecision, order: ParentOrder) -> tuple[str, ...]:
    """Return why, a clause each.

    Args:
        made: The decision without its reasons.
        order: As asked.
    """
    found = [_verdict(made)]
    if made.override:
        found += _override(made)
    elif made.ranking:
        found += _against(made)
    if made.ranking:
        found += [_urgency(made, order), *_cap(made, order)]
    return tuple(found)


def _verdict(made: StrategyDecision) -> str:
    chosen = made.chosen
    words = chosen.words if chosen is not None else made.strategy
    if made.fallback:
        taken = f"{made.override}, as asked" if made.override else f"{made.strategy} is taken"
        return f"{made.fallback}, so that nothing can be weighed: {taken}"
    if made.override:
        return f"{words}, as asked"
    count = len(made.ranking)
    weighed = f"least score of {count} ways" if count > 1 else "the only way that may be taken"
    return f"{words}: {weighed}"


def _against(made: StrategyDecision) -> list[str]:
    """Return how the choice compares with the next other strategy and with the least expected cost."""
    chosen, found = made.ranking[0], []
    other = next((one for one in made.ranking if one.strategy != chosen.strategy), None)
    if other is not None:
        found.append(f"against {other.words}: {_compared(chosen, other)}")
    cheapest = min(made.ranking, key=lambda one: one.cost.mean_bps)
    if cheapest not in (chosen, other):
        found.append(f"against the least expected cost, {cheapest.words}: {_compared(chosen, cheapest)}")
    return found


def _compared(one: Candidate, other: Candidate) -> str:
    """Return what one way costs and risks more than another."""
    mean = one.cost.mean_bps - other.cost.mean_bps
    risk = one.cost.sd_bps - other.cost.sd_bps
    return f"{mean:+.2f} bps expected, {risk:+.2f} bps sd, {one.score_bps - other.score_bps:+.2f} in all"


def _override(made: StrategyDecision) -> list[str]:
    """Return what the user's own choice is expected to cost more than the router's."""
    if made.chosen is None or not made.ranking:
        return []
    best = made.ranking[0]
    if best == made.chosen:
        return ["the router would choose the same"]
    return [f"the router would choose {best.words}; yours, against it: {_compared(made.chosen, best)}"]


def _urgency(made: StrategyDecision, order: ParentOrder) -> str:
    urgency = order.parameters.urgency
    if urgency == 0:
        return "urgency 0: risk does not count"
    if urgency == 1:
        return "urgency 1: nothing but risk counts"
    best = made.ranking[0]
    risk = made.risk_aversion * best.cost.timing_risk_bps**2
    return (
        f"urgency {urgency:g}: {made.risk_aversion:.3g} x timing risk squared, {risk:.2f} of the best score "
        f"{best.score_bps:.2f}"
    )


def _cap(made: StrategyDecision, order: ParentOrder) -> list[str]:
    cap = order.parameters.participation_max
    least = min(one.peak_participation for one in made.ranking)
    if least <= cap:
        return []
    return [f"no way keeps to the cap {percent(cap)} of expected volume, the calmest peaks at {percent(least)}"]
