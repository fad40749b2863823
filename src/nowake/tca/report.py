"""``measure``: a journal in, everything there is to know about one execution out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from nowake.core.child import Liquidity
from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import Assumption, CostEstimate, ExecutionPlan, Notice
from nowake.core.value import Value, replace, require
from nowake.core.view import View
from nowake.journal.codec import Batch
from nowake.tca.benchmarks import Interval, average_price, ex_own_vwap, interval, slippage_bps
from nowake.tca.schedule import SchedulePoint, adherence
from nowake.tca.shortfall import Execution, Shortfall, wagner
from nowake.tca.statistics import FillStatistics, fill_statistics
from nowake.tca.trail import ChildReport, ChosenAt, Trail, read_trails


class Slippage(Value, frozen=True):
    """Average price against three benchmarks, basis points of the benchmark, positive = paid; None = not known."""

    arrival_bps: float | None = None
    vwap_bps: float | None = None
    twap_bps: float | None = None


class MarketPoint(Value, frozen=True):
    """A moment of the market as the engine saw it: twice the mid (0 = none) and all volume so far, units."""

    t_ns: int
    mid2: int
    volume_units: int


class ExecutionReport(Value, frozen=True):
    """One execution, measured. Quantities and prices in integer units of ``listing.instrument``.

    Attributes:
        order: As admitted, and as amended since.
        listing: What was traded where.
        plan: The newest; None for a refused order.
        status: ``refused``, or what the parent's status is.
        status_reason: Why.
        filled_units, residual_units, overfill_units: ``order.qty_units + overfill = filled + residual``.
        residual_reason: Why the residual was not traded; empty without one.
        average_units: Average fill price; None without fills.
        market: The interval the benchmarks are of; None when no view had a mid at or after the start.
        vwap_ex_own_units: VWAP of the others' prints; None where it cannot be told.
        slippage: Against the mid at arrival, and VWAP (own prints included) and TWAP of the interval.
        shortfall: Wagner's parts; None without a market.
        fees_money: Integer money units, positive = paid.
        participation: Own / (own + others) over the interval; None without a market.
        children: In the order they were sent, with their fills.
        statistics: Over the children.
        schedule: Planned against done.
        path: The market at every view in the interval.
        assumed: Numbers that nobody measured.
        warnings: What the user should know.
        own_unprinted_units: Own passive fills that no recorded print contains (the recorded book came to our price);
            the market's volume has them on top of the prints.
        estimate: What the whole order was expected to cost when it began; None for one that was amended: nothing was
            expected of the order that it became.
        chosen: How its strategy was chosen, and each change of mind; empty where nothing was weighed.
        bounds: What the children would have been filled at worst and at best by when they ended, units, where the
            recording cannot tell (``docs/simulator.md``); None for a run that is not simulated.
        queue_model: By which its queues were told; empty for a run that is not simulated.
    """

    order: ParentOrder
    listing: Listing
    plan: ExecutionPlan | None
    status: str
    status_reason: str
    filled_units: int
    residual_units: int
    overfill_units: int
    residual_reason: str
    average_units: float | None
    market: Interval | None
    vwap_ex_own_units: float | None
    slippage: Slippage
    shortfall: Shortfall | None
    fees_money: int
    participation: float | None
    children: tuple[ChildReport, ...]
    statistics: FillStatistics
    schedule: tuple[SchedulePoint, ...]
    path: tuple[MarketPoint, ...]
    assumed: tuple[Assumption, ...] = ()
    warnings: tuple[Notice, ...] = ()
    estimate: CostEstimate | None = None
    own_unprinted_units: int = 0
    chosen: tuple[ChosenAt, ...] = ()
    bounds: tuple[int, int] | None = None
    queue_model: str = ""

    def __post_init__(self) -> None:
        total = self.filled_units + self.residual_units
        expected = self.order.qty_units + self.overfill_units
        require(total == expected, "filled and residual", total, f"the order and its overfill, {expected}")
        fills = sum(child.filled_units for child in self.children)
        require(fills == self.filled_units, "filled", self.filled_units, f"the sum of the fills {fills}")


def measure(
    batches: Iterable[Batch],
    listing: Listing,
    parent_id: str | None = None,
    bounds: Mapping[str, tuple[int, int]] | None = None,
    queue_model: str = "",
) -> ExecutionReport:
    """Return the measured execution of one parent order.

    Args:
        batches: Of a journal: ``read_journal(path).batches()``, or those of one in memory.
        listing: What the order traded.
        parent_id: Which order; None = the only one of the journal.
        bounds: Of a simulated run, by child id, units; looked at once the batches are read. None = not simulated.
        queue_model: In force in a simulated run.

    Raises:
        InputError: No such order, several and none named, or another listing.
        JournalError: The journal cannot be read to its end.
    """
    trail = _pick(read_trails(batches), parent_id)
    order = trail.order
    require(order.listing == listing.key, "listing", listing.key, f"that of the order, {order.listing}")
    children = trail.children
    if bounds is not None:
        children = tuple(replace(one, bounds=bounds.get(one.order.child_id)) for one in children)
    fills = [one for child in children for one in child.fills]
    filled = sum(one.fill.qty_units for one in fills)
    fees = sum(one.fill.fee_money for one in fills)
    average = average_price((one.fill.price_units, one.fill.qty_units) for one in fills)
    market = _interval(trail)
    left = max(order.qty_units - filled, 0)
    why = _residual_reason(trail) if left else ""
    end_ns = market.last_ns if market else trail.t_ns
    return ExecutionReport(
        order=order,
        listing=listing,
        plan=trail.plans[-1][1] if trail.plans else None,
        status=trail.status,
        status_reason=trail.reason if filled or trail.status != "done" else f"nothing filled: {why}",
        filled_units=filled,
        residual_units=left,
        overfill_units=max(filled - order.qty_units, 0),
        residual_reason=why,
        average_units=None if average is None else float(average),
        market=market,
        vwap_ex_own_units=_vwap_ex_own(market, average, filled),
        slippage=_slippage(order, market, average),
        shortfall=_shortfall(order, listing, market, [(f.fill.price_units, f.fill.qty_units) for f in fills], fees),
        fees_money=fees,
        participation=_participation(market, filled),
        children=children,
        statistics=fill_statistics(children),
        schedule=adherence(trail.plans, [(one.t_ns, one.fill.qty_units) for one in fills], end_ns),
        path=_path(trail, market),
        own_unprinted_units=sum(
            one.fill.qty_units for one in fills if one.fill.unprinted and one.fill.liquidity is Liquidity.MAKER
        ),
        estimate=trail.plans[0][1].cost if trail.plans and not trail.amended else None,
        assumed=trail.plans[-1][1].assumed if trail.plans else (),
        warnings=_warnings(trail, listing, market, filled),
        chosen=tuple(trail.chosen),
        bounds=None if bounds is None else _sum_bounds(children, max(order.qty_units, filled)),
        queue_model=queue_model,
    )


def _sum_bounds(children: tuple[ChildReport, ...], whole: int) -> tuple[int, int]:
    """Return the sums at worst and at best, this one no more than ``whole``: then less would have been sent.

    A child of which nothing was said counts with what it filled.
    """
    each = [one.bounds or (one.filled_units, one.filled_units) for one in children]
    return sum(worst for worst, _ in each), min(sum(best for _, best in each), whole)


def _pick(trails: dict[str, Trail], parent_id: str | None) -> Trail:
    names = ", ".join(list(trails)[:8])
    if parent_id is None and len(trails) == 1:
        return next(iter(trails.values()))
    if parent_id in trails:
        return trails[parent_id]
    if not trails:
        raise InputError("journal", "no order", "one with an order", "nothing was asked for before it ended")
    raise InputError("order", parent_id, "one of the journal's", f"say which: {names}")


def _in_window(trail: Trail) -> list[View]:
    """Return the views from the arrival on: the first at or after the start that may be traded on (or has a mid)."""
    views = [view for view in trail.views if view.t_ns >= trail.order.start_ns]
    with_mid = [k for k, view in enumerate(views) if view.mid2]
    tradable = [k for k in with_mid if views[k].tradable]
    first = next(iter(tradable or with_mid), len(views))
    return views[first:]


def _interval(trail: Trail) -> Interval | None:
    views = _in_window(trail)
    if not views:
        return None
    last_mid2 = next(view.mid2 for view in reversed(views) if view.mid2)
    return interval(views[0], views[-1], last_mid2)


def _path(trail: Trail, market: Interval | None) -> tuple[MarketPoint, ...]:
    if market is None:
        return ()
    return tuple(
        MarketPoint(t_ns=view.t_ns, mid2=view.mid2, volume_units=view.volume_all) for view in _in_window(trail)
    )


def _residual_reason(trail: Trail) -> str:
    """Return why something is left: what was said when it was abandoned, else why nothing is traded now."""
    reasons = list(dict.fromkeys(reason for _, reason in trail.abandoned))
    if reasons:
        return "; ".join(reasons)
    if trail.status in ("refused", "halted", "paused"):
        return trail.reason or trail.status
    return f"still {trail.status}" + (f" ({trail.withheld})" if trail.withheld else "")


def _others(market: Interval) -> int:
    return market.volume_units - market.own_units


def _participation(market: Interval | None, filled: int) -> float | None:
    if market is None:
        return None
    total = filled + _others(market)
    return filled / total if total else 0.0


def _vwap_ex_own(market: Interval | None, average: Fraction | None, filled: int) -> float | None:
    """Return the others' VWAP where the prints of the interval hold exactly our fills, else None."""
    if market is None or market.vwap_units is None or market.own_units != filled or not _others(market):
        return None
    if average is None:
        return float(market.vwap_units)
    return float(ex_own_vwap(average, market.vwap_units, Fraction(filled, market.volume_units)))


def _slippage(order: ParentOrder, market: Interval | None, average: Fraction | None) -> Slippage:
    if market is None or average is None:
        return Slippage()
    vwap, twap = market.vwap_units, market.twap_units
    return Slippage(
        arrival_bps=slippage_bps(order.side, average, Fraction(market.arrival_mid2, 2)),
        vwap_bps=None if vwap is None else slippage_bps(order.side, average, vwap),
        twap_bps=None if twap is None else slippage_bps(order.side, average, twap),
    )


def _shortfall(
    order: ParentOrder, listing: Listing, market: Interval | None, fills: list[tuple[int, int]], fees: int
) -> Shortfall | None:
    if market is None:
        return None
    done = Execution(
        side=order.side,
        qty_units=order.qty_units,
        fills=tuple(fills),
        decision_mid2=order.decision_mid2 or market.arrival_mid2,
        arrival_mid2=market.arrival_mid2,
        last_mid2=market.last_mid2,
        fees_money=fees,
    )
    return wagner(listing.instrument, done)


def _warnings(trail: Trail, listing: Listing, market: Interval | None, filled: int) -> tuple[Notice, ...]:
    found = [*(trail.plans[-1][1].warnings if trail.plans else ()), *trail.notices]
    if market is None:
        text = "no view with a mid at or after the start: slippage and shortfall are not known"
        found.append(Notice(code="no-benchmark", text=text))
    elif market.own_units != filled:
        amount = listing.instrument.qty(abs(filled - market.own_units))
        where = "are not in the last view" if filled > market.own_units else "in the last view are not of its fills"
        text = f"own prints of {amount.normalize():f} {listing.instrument.base} {where}: "
        found.append(Notice(code="own-prints", text=text + "the market VWAP is of the prints seen"))
    if not trail.over:
        found.append(
            Notice(code="unfinished", text=f"the order is {trail.status}: measured as far as the journal goes")
        )
    return tuple(dict.fromkeys(found))
