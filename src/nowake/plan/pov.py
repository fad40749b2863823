"""POV: a fixed share of the volume, own / (own + others) = rate, whatever the volume turns out to be.

The plan shows the path that the expected volume would give; the engine follows the prints instead
(``engine.following``) and never the clock. The rate may vary, as price-, size- and time-variant orders do: in steps of
the market price, of the quantity left, or of the time since the start. The band around it: at or above its floor the
order waits in the queue, under the floor it crosses; its top is the participation cap.
"""

from __future__ import annotations

from itertools import pairwise

from nowake.core.errors import Refused
from nowake.core.order import EndBehaviour, Parameters, Side
from nowake.core.plan import ExecutionSlice, Notice
from nowake.core.units import format_duration
from nowake.plan.slicer import slice_exactly
from nowake.plan.strategy import COMMON, Layout, Request, Strategy, tactic_of

MILLION = 1_000_000
DEFAULT_RATE = 0.10
BINS = 24
"""The expected path is drawn in this many intervals."""
BINARY = 40


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


def layout(request: Request) -> Layout:
    """Return the path that the expected volume would give at the order's rate, as slices.

    Where that volume would not do the order, the slices show it all the same, in proportion, and a notice says what to
    expect; where no volume is known, one slice.
    """
    rate = target_rate(request.order.parameters)
    if rate >= 1:
        raise Refused("participation_target is 1: nobody else's volume would be left to follow", "ask for less than 1")
    edges, weights, notices = _expected_path(request, rate)
    listing = request.listing
    quantities = slice_exactly(
        request.qty_units,
        weights,
        lot_units=listing.lot_units,
        min_units=request.min_units,
        max_units=listing.max_qty_units,
        show=lambda units: f"{listing.instrument.qty(units):,f}",
    )
    tactic = tactic_of(request.order.parameters, patient="follow")
    slices = tuple(
        ExecutionSlice(
            index=request.first_index + k, release_ns=edges[k], end_ns=edges[k + 1], qty_units=qty, tactic=tactic
        )
        for k, qty in enumerate(quantities)
        if qty
    )
    reasons = (f"follows the prints of others at {100 * rate:.3g} % of all volume; the slices are what is expected",)
    return Layout(slices=slices, reasons=reasons, warnings=notices)


def _expected_path(request: Request, rate: float) -> tuple[list[int], list[float], tuple[Notice, ...]]:
    """Return the edges of the intervals, what each is expected to do, and what should be said of it."""
    volume, instrument = request.beliefs.volume, request.listing.instrument
    odds = rate / (1 - rate)
    expected = odds * volume.expected(request.start_ns, request.end_ns)
    if expected <= 0:
        return [request.start_ns, request.end_ns], [1.0], ()
    end_ns = request.end_ns if expected <= request.qty_units else _done_ns(request, odds)
    span = end_ns - request.start_ns
    bins = max(1, min(BINS, span, request.qty_units // request.min_units))
    edges = [request.start_ns + span * k // bins for k in range(bins + 1)]
    weights = [volume.expected(low, high) for low, high in pairwise(edges)]
    if expected >= request.qty_units:
        over = format_duration(max(1, round(span / 1e9)) * 10**9)
        done = Notice(code="pov-done", text=f"expected to be done after {over}, when the volume comes as expected")
        return edges, weights, (done,)
    lot = request.listing.lot_units
    units = int(expected) // lot * lot
    needed = request.qty_units / (request.qty_units + expected / odds)
    text = (
        f"at {100 * rate:.3g} % the expected volume gives about {instrument.qty(units):,f} of "
        f"{instrument.qty(request.qty_units):,f} {instrument.base}: all of it needs {100 * needed:.3g} %"
    )
    return edges, weights, (Notice(code="pov-short", text=text),)


def _done_ns(request: Request, odds: float) -> int:
    """Return when the expected volume will have given the whole quantity, to a millionth of the window."""
    low, high = request.start_ns, request.end_ns
    for _ in range(BINARY):
        middle = (low + high) // 2
        if odds * request.beliefs.volume.expected(request.start_ns, middle) < request.qty_units:
            low = middle
        else:
            high = middle
    return max(high, request.start_ns + 1)


POV = Strategy(
    name="pov",
    honours=COMMON
    | {
        "participation_target",
        "participation_min",
        "participation_by_price",
        "participation_by_size",
        "participation_by_time",
    }
    - {"randomise_time", "randomise_size"},
    end_behaviour=EndBehaviour.CANCEL,
    layout=layout,
    follows=True,
)
