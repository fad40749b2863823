"""What the same order would cost over other horizons, or followed at other rates: fast and dear, or slow and uncertain.

Schedules (TWAP, VWAP, IS) are priced over horizons in a geometric ladder, from the shortest in which the participation
cap lets the expected volume do the order, to the end of trading (around the clock: four times the longer of the order's
window and that shortest one); those that follow the volume (POV) at rates up to the cap. Every point comes from
``price_plan``, so the one that is the order's own costs what its plan says.

Source of the picture: Almgren, Chriss (2000), J. Risk 3, 5-39, section 2.3: the efficient frontier.
"""

from __future__ import annotations

from nowake.core.errors import NowakeError
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import CostEstimate, Notice
from nowake.core.sessions import Session
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.core.value import Value, replace
from nowake.models.beliefs import Beliefs
from nowake.plan.feasibility import MINUTE_NS, SEARCH_NS, open_until
from nowake.plan.planner import Progress, price_plan
from nowake.plan.rates import target_rate
from nowake.plan.strategies import find_strategy

STEPS = 8
"""Horizons looked at, beside the order's own."""
RATES = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30)
LONGER = 4
APART = 1.25
"""A horizon nearer to the order's own than this factor says nothing more."""
UNKNOWN_SHORTEST = 4
"""Where no volume is known the shortest horizon is this part of the window."""


class FrontierPoint(Value, frozen=True):
    """One way to work the order, priced.

    Attributes:
        horizon_ns: From the first slice's release to the last one's end; of a strategy that follows the volume, as the
            volume is expected.
        end_ns: When that is.
        rate: Followed; None for a schedule.
        peak_participation: Largest participation that a slice needs of the expected volume; 0 = volume is unknown.
        slices: How many.
        cost: Its estimate.
        over_cap: Whether a slice of a schedule needs more than the order's cap.
        chosen: Whether this is the order as asked.
    """

    horizon_ns: int
    end_ns: int
    peak_participation: float
    slices: int
    cost: CostEstimate
    rate: float | None = None
    over_cap: bool = False
    chosen: bool = False


class Frontier(Value, frozen=True):
    """How an order's cost changes with its horizon or rate.

    Attributes:
        strategy: That lays it out.
        cap: The order's participation cap.
        points: By horizon, the shortest first.
        left_out: Horizons and rates that could not be priced, and why.
    """

    strategy: str
    cap: float
    points: tuple[FrontierPoint, ...]
    left_out: tuple[Notice, ...] = ()

    @property
    def chosen(self) -> FrontierPoint | None:
        """Return the order as asked; None where that could not be priced."""
        return next((one for one in self.points if one.chosen), None)


def cost_frontier(
    order: ParentOrder, progress: Progress, beliefs: Beliefs, listing: Listing, session: Session, now_ns: int
) -> Frontier:
    """Return what ``order`` would cost over other horizons, or at other rates of volume.

    Arguments as for ``make_plan``. What cannot be laid out or done is left out, with the reason.

    Raises:
        InputError: The strategy is unknown.
    """
    follows = find_strategy(order.strategy).follows
    ways = _rates(order) if follows else _horizons(order, progress, beliefs, session, now_ns)
    points: list[FrontierPoint] = []
    left_out: list[Notice] = []
    for name, one in ways:
        try:
            priced = price_plan(one, progress, beliefs, listing, session, now_ns)
        except NowakeError as error:
            left_out.append(Notice(code="not-priced", text=f"{name}: {error}"))
            continue
        if priced.cost is None or any(notice.code == "pov-short" for notice in priced.notices):
            left_out.append(Notice(code="not-priced", text=f"{name}: {priced.notices[0].text}"))
            continue
        points.append(
            FrontierPoint(
                horizon_ns=priced.end_ns - priced.release_ns,
                end_ns=priced.end_ns,
                peak_participation=priced.peak_participation,
                slices=priced.slices,
                cost=priced.cost,
                rate=target_rate(one.parameters) if follows else None,
                over_cap=not follows and priced.peak_participation > order.parameters.participation_max,
                chosen=one == order,
            )
        )
    points.sort(key=lambda point: point.horizon_ns)
    return Frontier(
        strategy=find_strategy(order.strategy).name,
        cap=order.parameters.participation_max,
        points=tuple(points),
        left_out=tuple(left_out),
    )


def _rates(order: ParentOrder) -> list[tuple[str, ParentOrder]]:
    """Return the order at rates up to its cap, its own among them."""
    parameters, own = order.parameters, target_rate(order.parameters)
    cap = parameters.participation_max
    ways = [(f"{100 * own:.3g} % of volume", order)]
    for rate in sorted({*(one for one in RATES if one < cap), *((cap,) if cap < 1 else ())} - {own}):
        floor = parameters.participation_min
        how = replace(
            parameters, participation_target=rate, participation_min=None if floor is None else min(floor, rate)
        )
        ways.append((f"{100 * rate:.3g} % of volume", replace(order, parameters=how)))
    return ways


def _horizons(
    order: ParentOrder, progress: Progress, beliefs: Beliefs, session: Session, now_ns: int
) -> list[tuple[str, ParentOrder]]:
    """Return the order over a ladder of horizons, its own among them."""
    start_ns = max(now_ns, order.start_ns, progress.slice_end_ns)
    window_ns = order.end_ns - start_ns
    shortest = _shortest(order, progress.unsent_units, beliefs, start_ns) or max(window_ns // UNKNOWN_SHORTEST, 1)
    if session.always_open:
        longest = min(LONGER * max(window_ns, shortest), SEARCH_NS)
    else:
        longest = open_until(session, start_ns, start_ns + SEARCH_NS) - start_ns
    shortest = min(shortest, window_ns, longest)
    spans = {round(shortest * (longest / shortest) ** (k / (STEPS - 1))) for k in range(STEPS)}
    rounded = {min(longest, _rounded(span)) for span in spans}
    apart = {span for span in rounded if not 1 / APART < span / window_ns < APART}
    ways = [("the window asked", order)]
    return ways + [(format_duration(span), replace(order, end_ns=start_ns + span)) for span in sorted(apart)]


def _rounded(span_ns: int) -> int:
    """Return a horizon rounded up as a person would say it: seconds, from ten minutes on whole minutes."""
    step = NS_PER_SECOND if span_ns < 10 * MINUTE_NS else MINUTE_NS
    return -(-span_ns // step) * step


def _shortest(order: ParentOrder, qty_units: int, beliefs: Beliefs, start_ns: int) -> int:
    """Return the time in which the expected volume allows the quantity at the cap; 0 where that is not to be known."""
    cap = order.parameters.participation_max
    needed = qty_units * (1 - cap) / cap
    volume = beliefs.volume
    low, high = 0, SEARCH_NS
    if needed <= 0 or volume.expected(start_ns, start_ns + high) < needed:
        return 0
    while high - low > NS_PER_SECOND:
        middle = (low + high) // 2
        low, high = (middle, high) if volume.expected(start_ns, start_ns + middle) < needed else (low, middle)
    return high
