"""The rate at which an order follows volume: what its parameters ask for, whatever strategy follows.

The rate may vary, as price-, size- and time-variant orders do: in steps of the market price, of the quantity left, or
of the time since the start. ``engine.rate`` asks which step is in force.
"""

from __future__ import annotations

from nowake.core.order import Parameters, Side

MILLION = 1_000_000
DEFAULT_RATE = 0.10


def target_rate(parameters: Parameters) -> float:
    """Return the rate before it varies: as asked, else 10 %, or the cap where that is lower."""
    asked = parameters.participation_target
    return min(DEFAULT_RATE, parameters.participation_max) if asked is None else asked


def rising_prices(parameters: Parameters) -> tuple[int, ...]:
    """Return the prices, in price units, at which the rate changes."""
    return tuple(price for price, _ in parameters.participation_by_price)


def times_ns(parameters: Parameters) -> tuple[int, ...]:
    """Return the times since the start, in ns, at which the rate changes."""
    return tuple(t_ns for t_ns, _ in parameters.participation_by_time)


def rate_in_force(
    parameters: Parameters,
    *,
    side: Side,
    left_units: int,
    elapsed_ns: int,
    bid_units: int,
    ask_units: int,
    now_ppm: int,
) -> tuple[int, str]:
    """Return the rate in millionths of all volume, and why.

    A price step comes into force when the best bid has reached its threshold, and goes out of force when the best ask
    has fallen under it: a threshold inside the spread changes nothing.

    Args:
        parameters: Of the order.
        side: Of the order.
        left_units: Quantity not filled yet.
        elapsed_ns: Since the start.
        bid_units: Best bid, price units.
        ask_units: Best ask, price units.
        now_ppm: Rate in force so far, 0 = none yet.
    """
    steps = (
        ("quantity left", left_units, parameters.participation_by_size),
        ("time since the start", elapsed_ns, parameters.participation_by_time),
    )
    for name, at, table in steps:
        if table:
            return _capped(parameters, _step(table, at, target_rate(parameters)), f"the step of its {name}")
    if parameters.participation_by_price:
        table = parameters.participation_by_price
        by_bid = _step(table, bid_units, target_rate(parameters))
        by_ask = _step(table, ask_units, target_rate(parameters))
        if by_bid != by_ask and now_ppm in (round(by_bid * MILLION), round(by_ask * MILLION)):
            return now_ppm, "a threshold lies inside the spread"
        chosen = by_ask if side is Side.BUY else by_bid
        return _capped(parameters, chosen, "the step of the market price")
    return _capped(parameters, target_rate(parameters), "the order's rate")


def _step(table: tuple[tuple[int, float], ...], at: int, before: float) -> float:
    """Return the rate of the last threshold at or below ``at``; under the first one the order's own."""
    return next((rate for threshold, rate in reversed(table) if at >= threshold), before)


def _capped(parameters: Parameters, rate: float, reason: str) -> tuple[int, str]:
    return min(round(min(rate, parameters.participation_max) * MILLION), MILLION - 1), reason
