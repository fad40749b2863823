"""The table of strategies. A new one is a new file and a line in ``STRATEGIES``.

Third parties add theirs as entry points of the group ``nowake.strategies``, each naming a ``Strategy``; they are
looked for only when a name is asked for that is not in the table, and never replace one that is.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from nowake.core.errors import InputError, Refused
from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.terms import human_name
from nowake.plan.conflicts import check_conflicts
from nowake.plan.implementation_shortfall import IS
from nowake.plan.pov import POV
from nowake.plan.strategy import Strategy
from nowake.plan.twap import TWAP
from nowake.plan.vwap import VWAP

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        TWAP,
        VWAP,
        POV,
        IS,
    )
}  # fmt: skip

AUTO = "auto"
FALLBACK = TWAP
"""What ``auto`` means where no router has chosen."""
ENTRY_POINTS = "nowake.strategies"


def find_strategy(name: str) -> Strategy:
    """Return the strategy called ``name``, letter case ignored; ``auto`` gives the fallback.

    Raises:
        InputError: There is none (the known ones are named), or a third party's entry point is not a ``Strategy``.
    """
    wanted = name.strip().lower()
    if wanted == AUTO:
        return FALLBACK
    if wanted in STRATEGIES:
        return STRATEGIES[wanted]
    others = {point.name.lower(): point for point in entry_points(group=ENTRY_POINTS)}
    if wanted not in others:
        raise InputError("strategy", name, f"one of {', '.join(sorted({*STRATEGIES, *others, AUTO}))}")
    found = others[wanted].load()
    if not isinstance(found, Strategy):
        raise InputError("strategy", name, f"a nowake.plan.strategy.Strategy at {others[wanted].value}")
    return found


def check_parameters(order: ParentOrder) -> None:
    """Refuse an order that changes a parameter which its strategy does not honour.

    Raises:
        InputError: The strategy is unknown.
        Refused: A changed parameter has no effect there (all such are named), or two of them contradict each other.
    """
    strategy = find_strategy(order.strategy)
    ignored = [name for name in order.parameters.changed() if name not in strategy.honours]
    if ignored:
        honoured, named = (
            ", ".join(sorted(human_name(name) for name in found)) for found in (strategy.honours, ignored)
        )
        raise Refused(f"{strategy.name} does not honour {named}", f"leave it out; {strategy.name} honours {honoured}")
    check_conflicts(order)


def end_behaviour(order: ParentOrder) -> EndBehaviour:
    """Return what happens at the end of the order's window: as asked, else the strategy's default.

    An order that never takes cannot finish by crossing: it drops its rest unless it is told to run on. One that must
    complete finishes.
    """
    if order.parameters.end_behaviour is None and order.parameters.never_take:
        return EndBehaviour.CANCEL
    if order.parameters.end_behaviour is None and order.parameters.must_complete:
        return EndBehaviour.FINISH
    return order.parameters.end_behaviour or find_strategy(order.strategy).end_behaviour
