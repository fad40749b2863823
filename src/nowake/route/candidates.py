"""The ways that are weighed: strategies at several speeds, from what the window needs up to what the cap allows.

A speed is a share of the volume. With X what is unsent, V the volume of others that is expected in the window and c the
participation cap, the odds own / others run from X / V (the whole window) to c / (1 - c) (as fast as the cap allows) in
equal ratios. A strategy that follows the volume is weighed at these shares but the first, which would not be done if
any of the volume stayed away; one with a schedule over the windows in which they would do the order, a little longer so
that whole lots and a thin minute keep to the cap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from nowake.core.errors import Refused
from nowake.core.order import ParentOrder
from nowake.core.routing import Exclusion
from nowake.core.terms import human_name
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, replace
from nowake.models.volume import VolumeBelief
from nowake.plan.strategies import AUTO, end_behaviour, find_strategy
from nowake.plan.strategy import Strategy

ROOM = 1.05
"""A schedule takes this much more volume than its share would need."""
STEP_LEAST = 1.15
"""Speeds that are nearer to each other than this ratio are one."""
SHORTEST_NS = 30 * NS_PER_SECOND
MILLIONTH = 1e-6
RATES = ("participation_target", "participation_by_price", "participation_by_size", "participation_by_time")
"""Parameters that fix the speed of a strategy that follows."""


class Speeds(Value, frozen=True):
    """How fast an order may be worked.

    Attributes:
        rates: Own share of all volume, rising, (0, 1]; the first does the order in the whole window, the last is the
            cap. One: no speed does the order within the cap.
        ends_ns: Where schedules of these speeds end, falling from the window's end; fewer where they coincide.
    """

    rates: tuple[float, ...]
    ends_ns: tuple[int, ...]


def speeds(volume: VolumeBelief, qty_units: int, start_ns: int, end_ns: int, cap: float, count: int) -> Speeds:
    """Return the speeds at which a quantity can be done in [start_ns, end_ns).

    Args:
        volume: Of the others; some is expected in the window.
        qty_units: To be done.
        start_ns: The window begins, UTC ns.
        end_ns: It ends.
        cap: Participation cap, (0, 1].
        count: How many speeds at most, >= 2.
    """
    slowest = qty_units / volume.expected(start_ns, end_ns)
    fastest = cap / (1 - cap) if cap < 1 else float("inf")
    if slowest >= fastest:
        return Speeds(rates=(cap,), ends_ns=(end_ns,))
    if fastest == float("inf"):  # nothing is too fast: as fast as the shortest schedule
        fastest = max(slowest, qty_units / max(volume.expected(start_ns, start_ns + SHORTEST_NS), MILLIONTH))
    steps = count - 1
    while steps > 1 and (fastest / slowest) ** (1 / steps) < STEP_LEAST:
        steps -= 1
    odds = [slowest * (fastest / slowest) ** (k / steps) for k in range(steps + 1)]
    most = min(cap, 1 - MILLIONTH)
    rates = [min(most, (int(o / (1 + o) / MILLIONTH) + 1) * MILLIONTH) for o in odds]
    ends = [end_ns, *(_end_of(volume, ROOM * qty_units / o, start_ns, end_ns) for o in odds[1:])]
    rising = [rates[0], *(high for low, high in pairwise(rates) if high > low)]
    falling = [ends[0], *(after for before, after in pairwise(ends) if after < before)]
    return Speeds(rates=tuple(round(one, 6) for one in rising), ends_ns=tuple(falling))


def _end_of(volume: VolumeBelief, wanted: float, start_ns: int, end_ns: int) -> int:
    """Return by when a volume of others is expected: a whole second of the window, at least the shortest schedule."""
    return min(end_ns, max(volume.reached(wanted, start_ns, end_ns, NS_PER_SECOND), start_ns + SHORTEST_NS))


def usable(order: ParentOrder, names: Sequence[str]) -> tuple[tuple[Strategy, ...], tuple[Exclusion, ...]]:
    """Return the strategies that give effect to all that the user set, and why the others do not.

    Raises:
        InputError: A name is no strategy.
        Refused: None honours all of it.
    """
    changed = order.parameters.changed()
    found, excluded = [], []
    for name in names:
        strategy = find_strategy(name)
        ignored = [one for one in changed if one not in strategy.honours]
        if not ignored:
            found.append(strategy)
            continue
        said = ", ".join(sorted(human_name(one) for one in ignored))
        excluded.append(Exclusion(what=strategy.name, reason=f"does not honour {said}"))
    if not found:
        said = "; ".join(f"{one.what} {one.reason}" for one in excluded)
        raise Refused(f"no strategy honours all that is asked: {said}", "leave one of them out")
    return tuple(found), tuple(excluded)


def worked_by(order: ParentOrder, name: str, rate: float | None = None) -> ParentOrder:
    """Return an order of strategy ``auto`` as a strategy works it; at the end it does what ``auto`` does.

    Args:
        order: As asked.
        name: Of the strategy.
        rate: Own share of volume, where it follows.
    """
    asked = order.parameters
    changes: dict[str, object] = {}
    if order.strategy == AUTO and asked.end_behaviour is None:
        changes["end_behaviour"] = end_behaviour(order)
    if rate is not None:
        changes["participation_target"] = rate
    parameters = replace(asked, **changes) if changes else asked
    return replace(order, strategy=name, parameters=parameters)


def ways(order: ParentOrder, strategy: Strategy, found: Speeds) -> Iterator[ParentOrder]:
    """Yield an order as a strategy works it at each speed."""
    asked, base = order.parameters, worked_by(order, strategy.name)
    if not strategy.follows:
        for end_ns in found.ends_ns:
            yield base if end_ns == base.end_ns else replace(base, end_ns=end_ns)
    elif "participation_target" not in strategy.honours or any(getattr(asked, name) for name in RATES):
        yield base
    else:
        floor = asked.participation_min or 0.0
        rates = found.rates[1:] or found.rates  # the first leaves no room for any volume to stay away
        for rate in [one for one in rates if one >= floor] or rates[-1:]:
            yield worked_by(base, strategy.name, rate)
