"""Call auctions: all interest gathers, then everything that can trade does so at one price.

**The price** is, of the limits there are, the one at which most can trade; of several, where the least is left over; of
several, the highest if all of them leave buyers over and the lowest if all leave sellers over (market pressure); else
the reference price, or the nearest of them to it. Without any limit it is the reference price.

**Who trades** at it: market orders, then better limits, then earlier ones; the last may be filled in part.

Source: the price determination of the Xetra market model (most volume, least surplus, pressure, reference price).
Nasdaq's crosses (rules 4752 to 4754: most shares, least imbalance, nearest the reference) have the first two in common.

Most tapes record no interest of an auction, at most its print. What ours get of that is *modelled*: ``inside_print``.
Where orders rest in the recorded book before trading starts and cross, that book is the interest: ``uncross``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nowake.core.child import ChildOrder, TimeInForce
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import I64, KIND_MASK, OFF_EXCHANGE, SIDE_MASK, Row, Tape
from nowake.core.value import Value, require
from nowake.market.book import levels
from nowake.sim.merge import VenueRows

WINDOW_NS = 60_000_000_000
"""A recorded auction prints within this after its instant, or it did not take place; which print it was shows then."""

_BLOCK = 4096
"""Rows looked at at a time, from the newest back."""


class Interest(Value, frozen=True):
    """What one order would do in an auction.

    Attributes:
        side: Buy or sell.
        qty_units: How much, > 0.
        limit_units: Price limit, None = at any price.
    """

    side: Side
    qty_units: int
    limit_units: int | None = None

    def __post_init__(self) -> None:
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        require(self.limit_units is None or self.limit_units > 0, "limit_units", self.limit_units, "> 0 or None")

    def accepts(self, price_units: int) -> bool:
        """Return whether it would trade at a price."""
        return self.limit_units is None or int(self.side) * (self.limit_units - price_units) >= 0


class Cross(NamedTuple):
    """The outcome of an auction, or what is indicated while orders gather.

    Attributes:
        price_units: The one price.
        qty_units: What trades.
        surplus_units: What is left over at it: buyers > 0, sellers < 0.
    """

    price_units: int
    qty_units: int
    surplus_units: int


def indicative(interest: Sequence[Interest], reference_units: int) -> Cross | None:
    """Return price, size and surplus if the auction were now, None = nothing can trade.

    ``reference_units`` is the price that decides when nothing else does.
    """
    limits = sorted({one.limit_units for one in interest if one.limit_units is not None})
    found = crosses_at(interest, limits or [reference_units])
    most = max(cross.qty_units for cross in found)
    if most == 0:
        return None
    found = [cross for cross in found if cross.qty_units == most]
    least = min(abs(cross.surplus_units) for cross in found)
    found = [cross for cross in found if abs(cross.surplus_units) == least]
    if all(cross.surplus_units > 0 for cross in found):
        return found[-1]
    if all(cross.surplus_units < 0 for cross in found):
        return found[0]
    return crosses_at(interest, [min(max(reference_units, found[0].price_units), found[-1].price_units)])[0]


def crosses_at(interest: Sequence[Interest], prices: Sequence[int]) -> list[Cross]:
    """Return what could trade at each of some prices, whatever trades better at another."""
    bought, sold = (_ready(interest, side, prices) for side in (Side.BUY, Side.SELL))
    return [Cross(price, min(b, s), b - s) for price, b, s in zip(prices, bought, sold, strict=True)]


def _ready(interest: Sequence[Interest], side: Side, prices: Sequence[int]) -> list[int]:
    """Return how much of a side would trade at each price: sorted once by limit, so that whole books are quick."""
    own = [one for one in interest if one.side is side]
    always = sum(one.qty_units for one in own if one.limit_units is None)
    limits = sorted((int(side) * one.limit_units, one.qty_units) for one in own if one.limit_units is not None)
    sums = np.concatenate([[0], np.cumsum([qty for _, qty in limits], dtype=np.int64)])
    below = np.searchsorted([limit for limit, _ in limits], [int(side) * price for price in prices])
    return [always + int(sums[-1] - sums[k]) for k in below]


def by_priority(interest: Sequence[Interest], side: Side, price_units: int) -> list[int]:
    """Return which orders of a side trade at a price, the first in priority first; ``interest`` is in order of time."""
    ready = [i for i, one in enumerate(interest) if one.side is side and one.accepts(price_units)]

    def rank(i: int) -> tuple[bool, int, int]:
        limit = interest[i].limit_units
        return limit is not None, -int(side) * (limit or 0), i

    return sorted(ready, key=rank)


def uncross(interest: Sequence[Interest], reference_units: int) -> tuple[Cross | None, list[int]]:
    """Hold the auction of ``interest``, in order of time.

    Returns:
        The cross, None = nothing trades, and (n,) what each order gets.
    """
    filled = [0] * len(interest)
    cross = indicative(interest, reference_units)
    if cross is not None:
        for side in Side:
            share_out(interest, side, cross.price_units, cross.qty_units, filled)
    return cross, filled


def share_out(interest: Sequence[Interest], side: Side, price_units: int, qty_units: int, filled: list[int]) -> None:
    """Give ``qty_units`` to the orders of a side by their priority, adding to ``filled``."""
    left = qty_units
    for i in by_priority(interest, side, price_units):
        part = min(interest[i].qty_units, left)
        filled[i] += part
        left -= part


def inside_print(
    interest: Sequence[Interest],
    price_units: int,
    qty_units: int,
    share: float,
    lot_units: int = 1,
    had: Mapping[Side, int] | None = None,
) -> list[int]:
    """Return what our orders get of an auction of which only the print is known: *modelled*.

    The recorded cross stays as it was, price and size; ours trade inside it, in place of others on the same side. Each
    of our sides gets at most ``share`` of what was matched, in whole lots, by priority; an order whose limit the price
    passes gets nothing.

    ``interest`` is in order of time, ``share`` in [0, 1]; price and quantity are those of the recorded print. ``had`` =
    what other orders of ours got of it, by side: with them no side gets more than was printed.
    """
    require(0 <= share <= 1, "share", share, "in [0, 1]")
    filled = [0] * len(interest)
    for side in Side:
        most = min(int(qty_units * share), qty_units - (had or {}).get(side, 0))
        share_out(interest, side, price_units, max(most, 0) // lot_units * lot_units, filled)
    return filled


def auction_ns(session: Session | None, tif: TimeInForce, t_ns: int) -> int | None:
    """Return the instant of the opening or closing auction of the trading day of ``t_ns``, None = there is none."""
    if session is None or session.always_open:
        return None
    hours = session.hours(session.trading_day(t_ns))
    if hours is None:
        return None
    return hours[0] if tif is TimeInForce.OPG else hours[1]


def recorded_print(tape: Tape, rows: VenueRows, instant_ns: int) -> tuple[int, int, int]:
    """Return (venue time, price, quantity) of the print of an auction at ``instant_ns``: price and quantity 0 = none.

    It is the largest print without an aggressor, on the exchange, in the minute from the instant on; nobody can know it
    before that is over.
    """
    times = rows.times
    lo, hi = np.searchsorted(times, [instant_ns, instant_ns + WINDOW_NS + 1])
    at = rows.rows[lo:hi] if len(rows.rows) else np.arange(lo, hi)
    code = tape.code[at]
    crossed = (code & KIND_MASK == Row.TRADE) & (code & (SIDE_MASK | OFF_EXCHANGE) == 0)
    if not crossed.any():
        return instant_ns + WINDOW_NS, 0, 0
    found = int(np.argmax(np.where(crossed, tape.qty[at], -1)))
    return int(times[lo + found]), int(tape.prices()[at[found]]), int(tape.qty[at[found]])


def interest_of(child: ChildOrder, open_qty: int) -> Interest:
    """Return what a child would do in an auction."""
    return Interest(side=child.side, qty_units=open_qty, limit_units=child.price_units or None)


def interest_of_book(book: I64, base_units: int) -> list[Interest]:
    """Return what a recorded book would do in an auction, a level as one order; ``base_units`` is added to prices."""
    found = []
    for at, side in enumerate((Side.BUY, Side.SELL)):
        for key, size in levels(book, at):
            price = base_units + int(side) * key
            if price > 0 and size > 0:
                found.append(Interest(side=side, qty_units=size, limit_units=price))
    return found


def last_print(tape: Tape, rows: VenueRows, before: int) -> int:
    """Return the price of the last print on the exchange before a place in the venue's order, 0 = none."""
    for stop in range(before, 0, -_BLOCK):
        at = np.arange(max(stop - _BLOCK, 0), stop)
        at = rows.rows[at] if len(rows.rows) else at
        kind = tape.code[at] & KIND_MASK
        printed = ((kind == Row.TRADE) | (kind == Row.FILL)) & (tape.code[at] & OFF_EXCHANGE == 0)
        if printed.any():
            return int(tape.price[at[np.flatnonzero(printed)[-1]]]) + tape.meta.price_base
    return 0


def halts(tape: Tape, rows: VenueRows) -> list[tuple[int, int | None]]:
    """Return (from, to) of every stretch in which trading was halted, venue time; None = to the end of the tape."""
    kind = tape.code[rows.rows] & KIND_MASK if len(rows.rows) else tape.code & KIND_MASK
    found: list[tuple[int, int | None]] = []
    since = None
    for at in np.flatnonzero((kind == Row.HALT) | (kind == Row.RESUME)).tolist():
        t_ns = int(rows.times[at])
        if kind[at] == Row.HALT:
            since = t_ns if since is None else since
        elif since is not None:
            found.append((since, t_ns))
            since = None
    return found if since is None else [*found, (since, None)]
