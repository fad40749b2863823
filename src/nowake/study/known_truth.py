"""Schedules worked as orders on a book whose cheapest schedule is known: does the simulator charge what theory says?

The book is Obizhaeva and Wang's (``sim.obizhaeva_wang``), the setting that of their tables 1 and 2: 100,000 shares in
390 minutes, a depth of 5,000 shares a dollar, half of each move permanent. Costs are summed from the fills of immediate
orders, which walk a book of whole ticks; the formulas only say what to send, and what should have come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from nowake.core.child import ChildOrder, Fill, OrderType, TimeInForce
from nowake.core.errors import InputError
from nowake.core.ids import child_id
from nowake.core.inputs import Filled
from nowake.core.instrument import FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.order import Side
from nowake.core.sessions import to_ns
from nowake.core.tape import I64
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, require
from nowake.models.impact import ExponentialKernel, obizhaeva_wang, obizhaeva_wang_trades, transient_cost
from nowake.sim.obizhaeva_wang import BlockBook, BlockMarket
from nowake.study.table import Table

START_NS = to_ns(datetime.fromisoformat("2026-01-05T14:30:00+00:00"))
DAY_NS = 390 * 60 * NS_PER_SECOND
SHARES, DEPTH, PERMANENT, PRICE = 100_000, 5_000.0, 1e-4, 100
"""Shares; shares a dollar; dollars a share that stay; dollars."""
TRADES_MOST = 4_000
RESILIENCES = (1.0, 2.0, 10.0)
"""Per day of 390 minutes: half-lives of 270, 135 and 27 minutes."""


class TruthRow(Value, frozen=True):
    """One book, one number of trades: what the fills cost and what they should.

    Attributes:
        resilience: Per day.
        trades: Of each schedule, evenly spaced, the first at the start, the last at the end.
        tick: Dollars.
        optimal_cost, twap_cost: Dollars beyond the price before the order, from fills.
        optimal_exact, twap_exact: Of these very trades on a book without ticks.
        optimal_limit, twap_limit: In continuous time: the closed form.
    """

    resilience: float
    trades: int
    tick: float
    optimal_cost: float
    twap_cost: float
    optimal_exact: float
    twap_exact: float
    optimal_limit: float
    twap_limit: float

    @property
    def saving(self) -> float:
        """Return what the optimal schedule saves over TWAP, from fills."""
        return 1 - self.optimal_cost / self.twap_cost

    @property
    def saving_limit(self) -> float:
        """Return what it should save."""
        return 1 - self.optimal_limit / self.twap_limit

    @property
    def saving_error(self) -> float:
        """Return the relative error of the saving."""
        return self.saving / self.saving_limit - 1


@dataclass(frozen=True, slots=True)
class Worked:
    """A schedule as it was filled, in order."""

    fills: tuple[Fill, ...]

    def cost_units(self, side: Side, price_units: int) -> int:
        """Return price units x quantity units paid beyond a price, exactly; positive = paid."""
        return sum(int(side) * (fill.price_units - price_units) * fill.qty_units for fill in self.fills)


def work_schedule(market: BlockMarket, side: Side, times_ns: Sequence[int], sizes: Sequence[int]) -> Worked:
    """Return the fills of one immediate order at each time, sent through the venue port.

    Args:
        market: Stands at or before the first time.
        side: Of all of them.
        times_ns: Local, rising.
        sizes: Quantity units, >= 0; nothing is sent for 0.
    """
    fills: list[Fill] = []

    def wait(until_ns: int) -> None:
        while True:
            reached, _ = market.advance(until_ns, ())
            said = market.poll(reached)
            fills.extend(one.event.fill for one in said if isinstance(one.event, Filled))
            if reached == until_ns and not said:
                return

    for k, (t_ns, qty) in enumerate(zip(times_ns, sizes, strict=True)):
        wait(t_ns)
        if qty:
            market.submit(_immediate(market.key, side, k, qty), t_ns)
    wait(market.end_ns)
    return Worked(tuple(fills))


def _immediate(key: str, side: Side, k: int, qty: int) -> ChildOrder:
    return ChildOrder(
        child_id=child_id("schedule", f"trade-{k}", 0),
        parent_id="schedule",
        leg=f"trade-{k}",
        attempt=0,
        listing=key,
        side=side,
        order_type=OrderType.MARKET,
        tif=TimeInForce.IOC,
        price_units=0,
        qty_units=qty,
        role="take",
    )


def whole(sizes: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], total: int) -> I64:
    """Return whole sizes that sum to ``total``, never a unit off the exact ones in sum so far."""
    upto = np.rint(np.cumsum(np.asarray(sizes, dtype=np.float64))).astype(np.int64)
    upto[-1] = total
    return np.diff(upto, prepend=0)


def truth_listing(tick: Decimal) -> Listing:
    """Return the listing of the book: SYNTH, which no real symbol is, with one tick per price unit and no fees."""
    instrument = Instrument(
        symbol="SYNTH",
        base="shares",
        quote="USD",
        kind=InstrumentKind.EQUITY,
        price_unit=tick,
        qty_unit=Decimal(1),
    )
    return Listing(
        instrument=instrument,
        venue="OW",
        ticks=(GridBand(from_units=0, step_units=1),),
        fees=FeeSchedule(source="part of the definition of the book"),
        volume_base="none: nobody else trades",
    )


def _tick(tick: str) -> Decimal:
    try:
        unit = Decimal(tick)
    except InvalidOperation:
        raise InputError("tick", tick, "a number of dollars") from None
    fits = unit.is_finite() and Decimal("0.0001") <= unit <= 1 and not PRICE % unit
    require(fits, "tick", tick, f"between 0.0001 and 1, and a part of {PRICE} dollars")
    return unit


def truth_row(resilience: float, trades: int, tick: str = "0.01", side: Side = Side.BUY) -> TruthRow:
    """Return the costs of the optimal schedule and of TWAP on one book.

    Args:
        resilience: Per day, > 0.
        trades: Of each schedule, at least 2.
        tick: Dollars, > 0, a divisor of the price.
        side: Of the order.

    Raises:
        InputError: An argument is not what it must be.
    """
    require(2 <= trades <= TRADES_MOST, "trades", trades, f"between 2 and {TRADES_MOST:,}")
    unit = _tick(tick)
    listing, per_dollar = truth_listing(unit), float(1 / unit)
    book = BlockBook(
        price_units=int(PRICE / unit),
        depth=DEPTH / per_dollar,
        resilience=resilience * NS_PER_SECOND / DAY_NS,
        permanent=PERMANENT * per_dollar,
    )
    times = np.linspace(0.0, 1.0, trades)
    plans = (
        obizhaeva_wang_trades(SHARES, trades, 1.0, resilience=resilience),
        np.full(trades, SHARES / trades),
    )
    kernel = ExponentialKernel(scale=1 / DEPTH - PERMANENT, rate=resilience)
    costs = []
    for plan in plans:
        market = BlockMarket(listing, book, start_ns=START_NS, end_ns=START_NS + DAY_NS)
        sizes = whole(plan, SHARES)
        at_ns = [START_NS + round(t * DAY_NS) for t in times.tolist()]
        done = work_schedule(market, side, at_ns, sizes.tolist())
        assert sum(fill.qty_units for fill in done.fills) == SHARES
        costs.append(done.cost_units(side, book.price_units) / per_dollar)
    exact = [transient_cost(kernel, times, plan, permanent=PERMANENT) for plan in plans]
    limit = obizhaeva_wang(SHARES, 1.0, depth=DEPTH, resilience=resilience, permanent=PERMANENT)
    return TruthRow(
        resilience=resilience,
        trades=trades,
        tick=float(unit),
        optimal_cost=costs[0],
        twap_cost=costs[1],
        optimal_exact=exact[0],
        twap_exact=exact[1],
        optimal_limit=limit.cost,
        twap_limit=limit.twap_cost,
    )


def known_truth(
    trades: Sequence[int], tick: str = "0.01", told: Callable[[float], None] | None = None
) -> tuple[TruthRow, ...]:
    """Return a row for each resilience of the paper's table and each number of trades; ``told`` hears how far it is."""
    cases = [(rho, n) for rho in RESILIENCES for n in trades]
    made = []
    for k, (rho, n) in enumerate(cases):
        made.append(truth_row(rho, n, tick))
        if told is not None:
            told((k + 1) / len(cases))
    return tuple(made)


def parse_trades(text: str) -> tuple[int, ...]:
    """Return numbers of trades written with commas between.

    Raises:
        InputError: There are none, or one of them is no number that a schedule can have.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    good = words and all(word.isdecimal() and len(word) < 9 and 2 <= int(word) <= TRADES_MOST for word in words)
    require(bool(good), "trades", text, f"numbers between 2 and {TRADES_MOST:,}", "such as 101,401")
    return tuple(int(word) for word in words)


def table(rows: Sequence[TruthRow]) -> Table:
    """Return the rows as a table, costs in dollars."""
    return Table(
        title="100,000 shares in 390 minutes: cost of the fills, closed form in brackets",
        head=("resilience a day", "trades", "optimal, USD", "TWAP, USD", "saving", "error of the saving"),
        rows=tuple(
            (
                f"{one.resilience:g}",
                f"{one.trades:,}",
                f"{one.optimal_cost:,.1f} ({one.optimal_limit:,.1f})",
                f"{one.twap_cost:,.1f} ({one.twap_limit:,.1f})",
                f"{one.saving:.2%} ({one.saving_limit:.2%})",
                f"{one.saving_error:+.1%}",
            )
            for one in rows
        ),
    )


def document(rows: Sequence[TruthRow]) -> dict[str, Any]:
    """Return the rows as a JSON document, costs in dollars."""
    keys = (*TruthRow.__struct_fields__, "saving", "saving_limit", "saving_error")
    made = [{key: getattr(one, key) for key in keys} for one in rows]
    return {"schema": "study-truth", "status": "ok", "currency": "USD", "rows": made}
