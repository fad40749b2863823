"""Prices to compare an execution with, and the comparison.

Sign of every slippage: positive = paid, for both sides (a buy above, a sell below its benchmark).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.value import Value, require
from nowake.core.view import View

Price = int | float | Fraction

MID2_TIME_SCALE = 1_000_000
"""``View.mid2_time`` is an integral in price units x ns, divided by this."""


class Interval(Value, frozen=True):
    """The market between two views: differences of their running sums, nothing resampled.

    Attributes:
        first_ns, last_ns: Local times of the two views.
        arrival_mid2: Twice the mid of the first, price units; 0 = it had none.
        last_mid2: Twice the newest mid, price units; 0 = none.
        volume_units: Printed in between, own prints included.
        own_units: Own part of it, as far as the last view had seen it.
        notional_units: Sum of price units x quantity units over those prints.
        mid2_time: Integral of twice the mid over time, price units x ns / 1e6.
        mid_ns: Nanoseconds over which it ran.
    """

    first_ns: int
    last_ns: int
    arrival_mid2: int
    last_mid2: int
    volume_units: int
    own_units: int
    notional_units: int
    mid2_time: int
    mid_ns: int

    def __post_init__(self) -> None:
        require(self.last_ns >= self.first_ns, "last_ns", self.last_ns, f">= first_ns {self.first_ns}")
        for name in ("volume_units", "own_units", "notional_units", "mid_ns"):
            require(getattr(self, name) >= 0, name, getattr(self, name), ">= 0")

    @property
    def vwap_units(self) -> Fraction | None:
        """Return the volume-weighted price of all prints, own included, in price units; None without prints."""
        return Fraction(self.notional_units, self.volume_units) if self.volume_units else None

    @property
    def twap_units(self) -> Fraction | None:
        """Return the time-weighted mid in price units; the arrival mid when no time passed; None without a mid."""
        if self.mid_ns:
            return Fraction(self.mid2_time * MID2_TIME_SCALE, 2 * self.mid_ns)
        return Fraction(self.arrival_mid2, 2) if self.arrival_mid2 else None


def interval(first: View, last: View, last_mid2: int = 0) -> Interval:
    """Return the market from ``first`` to ``last``, views of one listing.

    Args:
        first: At the start.
        last: At the end.
        last_mid2: Newest known twice-the-mid where ``last`` has none.
    """
    require(first.listing == last.listing, "listing", last.listing, f"that of the first view, {first.listing}")
    return Interval(
        first_ns=first.t_ns,
        last_ns=last.t_ns,
        arrival_mid2=first.mid2,
        last_mid2=last.mid2 or last_mid2 or first.mid2,
        volume_units=last.volume_all - first.volume_all,
        own_units=last.volume_own - first.volume_own,
        notional_units=last.notional_all - first.notional_all,
        mid2_time=last.mid2_time - first.mid2_time,
        mid_ns=last.mid_ns - first.mid_ns,
    )


def average_price(fills: Iterable[tuple[Price, Price]]) -> Fraction | None:
    """Return the quantity-weighted price of (price, quantity) pairs, exactly; None when there are none."""
    notional, quantity = Fraction(0), Fraction(0)
    for price, qty in fills:
        notional += Fraction(price) * Fraction(qty)
        quantity += Fraction(qty)
    return notional / quantity if quantity else None


def slippage_bps(side: Side, price: Price, benchmark: Price) -> float:
    """Return what ``price`` cost against ``benchmark``, in basis points of it; positive = paid, for both sides.

    Raises:
        InputError: The benchmark is not a price.

    >>> round(slippage_bps(Side.BUY, 100.0622222, 100.052), 4)
    1.0217
    """
    require(benchmark > 0, "benchmark", benchmark, "a price > 0")
    return float(side * (Fraction(price) - Fraction(benchmark)) / Fraction(benchmark) * 10_000)


def ex_own_vwap(own_average: Price, market_vwap: Price, share: Price) -> Fraction:
    """Return the VWAP of the others' prints, from that of all prints.

    Solves the identity own - market = (1 - share) (own - ex_own), share = own part of all volume.

    Args:
        own_average: Average price of own prints.
        market_vwap: VWAP of all prints, own included; same unit.
        share: Own volume / all volume, [0, 1).

    Raises:
        InputError: The share is 1 (then there is no other print) or no share at all.
    """
    if not 0 <= share < 1:
        raise InputError("share", float(share), "in [0, 1)", "with a share of 1 there is no print of others")
    own, market = Fraction(own_average), Fraction(market_vwap)
    return own - (own - market) / (1 - Fraction(share))
