"""Why a decision came out as it did, in clauses with the numbers."""

from __future__ import annotations

from nowake.core.conditions import Conditions, SizeClass
from nowake.core.order import ParentOrder
from nowake.core.routing import Candidate, StrategyDecision
from nowake.models.beliefs import Beliefs
from nowake.plan.feasibility import percent

LIKE = {"spread": "spread", "volatility": "volatility", "volume_rate": "volume", "density": "liquidity"}
UNUSUAL = 0.9
"""A measure above this part of its own history, or below what is left of it, is said."""
APART = 1.25
"""A measure of now that is this many times what is believed, or as little, is said."""


def reasons_of(made: StrategyDecision, order: ParentOrder, beliefs: Beliefs) -> tuple[str, ...]:
    """Return why, a clause each.

    Args:
        made: The decision without its reasons.
        order: As asked.
        beliefs: That it was weighed by.
    """
    found = [_verdict(made)]
    if made.override:
        found += _override(made)
    elif made.ranking:
        found += _against(made)
    if made.ranking:
        found += [_urgency(made, order), *_cap(made, order)]
    if made.conditions is not None:
        found += _market(made.conditions, beliefs)
    return tuple(found)


def _market(now: Conditions, beliefs: Beliefs) -> list[str]:
    """Return what of the market is unusual for it, or other than what was weighed by, and how large the order is."""
    found = []
    for name, score, believed in (
        ("spread", now.spread_score, beliefs.spread_bps),
        ("volatility", now.volatility_score, beliefs.volatility.daily_bps),
        ("volume_rate", now.volume_score, 0.0),
        ("density", now.liquidity_score, 0.0),
    ):
        one, said = now.measure(name), []
        if one.value is None:
            continue
        if score is not None and not 1 - UNUSUAL <= score <= UNUSUAL:
            said.append(f"above {100 * score:.0f} % of its own history")
        if believed and not 1 / APART <= one.value / believed <= APART:
            said.append(f"weighed by {believed:.3g}")
        if said:
            found.append(f"{LIKE[name]} is {one.value:.3g} {one.unit}, {', '.join(said)}")
    if now.size_class in (SizeClass.LARGE, SizeClass.BLOCK):
        found.append(f"a {now.size_class} order here: {now.size_why}")
    return found


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
    # z: two ways that cost the same to the cent differ by +0.00, never by -0.00.
    return f"{mean:+z.2f} bps expected, {risk:+z.2f} bps sd, {one.score_bps - other.score_bps:+z.2f} in all"


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
