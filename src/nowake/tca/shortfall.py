"""Implementation shortfall that adds up exactly, in integer money units.

Symbols: S the order, q and p of the fills, Pd the price at the decision, P0 at arrival, Pn at the end.

* Perold (1988): sum q(p - Pd) + (S - sum q)(Pn - Pd) + fees.
* Wagner & Edwards (1993): S(P0 - Pd) + sum q(p - P0) + (S - sum q)(Pn - P0) + fees: the same total, split by who
  caused it: delay, trading, opportunity, fees.

Signed by the side, so that positive = paid. Prices that are mids come as twice the mid, an integer. For inverse
contracts the price is replaced by -1 / price, so that costs are in the base currency they settle in.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from nowake.core.instrument import Instrument
from nowake.core.order import Side
from nowake.core.value import Value, require


class Execution(Value, frozen=True):
    """What the shortfall is computed from, in integer units of the instrument.

    Attributes:
        qty_units: S.
        fills: (price_units, qty_units) of each.
        decision_mid2, arrival_mid2, last_mid2: Twice Pd, P0, Pn in price units.
        fees_money: Integer money units, positive = paid.
    """

    side: Side
    qty_units: int
    fills: tuple[tuple[int, int], ...]
    decision_mid2: int
    arrival_mid2: int
    last_mid2: int
    fees_money: int

    def __post_init__(self) -> None:
        for name in ("qty_units", "decision_mid2", "arrival_mid2", "last_mid2"):
            require(getattr(self, name) > 0, name, getattr(self, name), "> 0")
        for price_units, qty_units in self.fills:
            require(price_units > 0 and qty_units > 0, "fills", (price_units, qty_units), "prices and quantities > 0")

    @property
    def rest_units(self) -> int:
        """Return what was not filled; negative after an overfill."""
        return self.qty_units - sum(qty for _, qty in self.fills)


class Shortfall(Value, frozen=True):
    """Wagner's parts in integer money units; they sum to ``total_money``, checked.

    Attributes:
        delay_money: The market moved between decision and arrival.
        trading_money: Fills against the arrival price.
        opportunity_money: What was not filled, against the last price.
        fees_money: Paid to venues, negative = rebates.
        total_money: Their sum.
        total_bps: The total in basis points of the order's value at the decision price.
    """

    delay_money: int
    trading_money: int
    opportunity_money: int
    fees_money: int
    total_money: int
    total_bps: float

    def __post_init__(self) -> None:
        parts = self.delay_money + self.trading_money + self.opportunity_money + self.fees_money
        require(self.total_money == parts, "total_money", self.total_money, f"the sum of its parts {parts}")


class Perold(Value, frozen=True):
    """Perold's parts in integer money units: execution and opportunity against the decision price, and fees."""

    execution_money: int
    opportunity_money: int
    fees_money: int

    @property
    def total_money(self) -> int:
        """Return their sum."""
        return self.execution_money + self.opportunity_money + self.fees_money


def _value(instrument: Instrument, qty_units: int, price2: int) -> Fraction:
    """Return what ``qty_units`` cost at half of ``price2`` price units, in money units, exactly."""
    price = Fraction(instrument.price_unit) * price2 / 2
    amount = Fraction(instrument.qty_unit) * qty_units * Fraction(instrument.multiplier)
    return (-amount / price if instrument.inverse else amount * price) / Fraction(instrument.money_unit)


def _cost(instrument: Instrument, side: Side, moves: Sequence[tuple[int, int, int]]) -> Fraction:
    """Return the cost of (quantity, twice the price from, twice the price to), money units, exactly."""
    zero = Fraction(0)
    return side * sum((_value(instrument, q, b) - _value(instrument, q, a) for q, a, b in moves), zero)


def wagner(instrument: Instrument, done: Execution) -> Shortfall:
    """Return the shortfall split into delay, trading, opportunity and fees.

    Each part is rounded half-even to a money unit once; the total is their sum.
    """
    before, start, end = done.decision_mid2, done.arrival_mid2, done.last_mid2
    delay = round(_cost(instrument, done.side, [(done.qty_units, before, start)]))
    trading = round(_cost(instrument, done.side, [(qty, start, 2 * price) for price, qty in done.fills]))
    opportunity = round(_cost(instrument, done.side, [(done.rest_units, start, end)]))
    total = delay + trading + opportunity + done.fees_money
    paper = abs(_value(instrument, done.qty_units, before))
    return Shortfall(
        delay_money=delay,
        trading_money=trading,
        opportunity_money=opportunity,
        fees_money=done.fees_money,
        total_money=total,
        total_bps=float(total / paper * 10_000),
    )


def perold(instrument: Instrument, done: Execution) -> Perold:
    """Return the same shortfall split as Perold does; equal totals up to the rounding of the parts."""
    before, end = done.decision_mid2, done.last_mid2
    return Perold(
        execution_money=round(_cost(instrument, done.side, [(qty, before, 2 * price) for price, qty in done.fills])),
        opportunity_money=round(_cost(instrument, done.side, [(done.rest_units, before, end)])),
        fees_money=done.fees_money,
    )


def as_numbers(instrument: Instrument, shortfall: Shortfall) -> dict[str, float]:
    """Return the parts in human money as JSON numbers: ``delay, trading, opportunity, fees, total, total_bps``.

    The total is the floating-point sum of the four as printed, left to right, so that a reader who adds them up gets
    it exactly; it differs from the exact total by the last bit at most.
    """
    names = ("delay", "trading", "opportunity", "fees")
    parts = {name: float(instrument.money(getattr(shortfall, f"{name}_money"))) for name in names}
    total = parts["delay"] + parts["trading"] + parts["opportunity"] + parts["fees"]
    return {**parts, "total": total, "total_bps": shortfall.total_bps}
