"""Whether a plan can be done as asked, and what comes nearest when it cannot.

A window outside trading hours is refused. Participation over the cap is not: the engine keeps to the cap whatever
the plan says, so the user is told what to expect and which window would fit. Unknown volume refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import LIMIT_AWAY, ExecutionSlice, Notice
from nowake.core.sessions import Session, iso
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.models.beliefs import Beliefs
from nowake.plan.schedule import Floats, Schedule

MINUTE_NS = 60 * NS_PER_SECOND
SEARCH_NS = 7 * 24 * 60 * MINUTE_NS
"""Longest window looked at where trading never stops."""


def open_until(session: Session, t_ns: int, limit_ns: int) -> int:
    """Return when the trading that goes on at ``t_ns`` stops, at most ``limit_ns``; ``t_ns`` itself when closed."""
    if not session.is_open(t_ns):
        return t_ns
    day, until = session.trading_day(t_ns), t_ns
    while until < limit_ns:
        hours = session.hours(day)
        if hours is None or (until > t_ns and hours[0] != until):
            break
        until, day = hours[1], day + timedelta(days=1)
    return min(until, limit_ns)


def check_window(start_ns: int, end_ns: int, session: Session) -> None:
    """Refuse a window [start_ns, end_ns) that does not lie within one stretch of trading.

    Raises:
        Refused: It starts outside trading hours, or goes past the close; the remedy is the next open instant, or the
            longest window that fits.
    """
    if not session.is_open(start_ns):
        raise Refused(
            f"{iso(start_ns)} is outside the trading hours of {session.name}",
            f"it next opens at {iso(session.next_open(start_ns))}",
        )
    close_ns = open_until(session, start_ns, end_ns)
    if close_ns < end_ns:
        raise Refused(
            f"the window ends at {iso(end_ns)}, after {session.name} closes at {iso(close_ns)}",
            f"--over {format_duration(close_ns - start_ns)} is the longest that fits",
        )


def participation(qty: float, others: float) -> float:
    """Return own / (own + others)."""
    return qty / (qty + others)


def peak_participation(slices: Sequence[ExecutionSlice], beliefs: Beliefs) -> float:
    """Return the largest participation that a slice needs of the expected volume; 0 when volume is unknown."""
    if not beliefs.volume.known:
        return 0.0
    laid = Schedule.of(slices)
    return float(rates_of(laid, beliefs.volume.expected_each(laid.release_ns, laid.end_ns)).max())


def rates_of(laid: Schedule, others: Floats) -> Floats:
    """Return own / (own + others) of every slice, (n,)."""
    found: Floats = laid.qty_units / (laid.qty_units + others)
    return found


def fitting_end(
    start_ns: int,
    end_ns: int,
    limit_ns: int,
    cap: float,
    beliefs: Beliefs,
    layout: Callable[[int], Sequence[ExecutionSlice]],
) -> int | None:
    """Return the first end after ``end_ns`` whose layout needs no slice over the cap, or None up to ``limit_ns``.

    Ends are looked at in order, at whole minutes of the window up to an hour and at whole five minutes beyond;
    ``layout`` gives the slices for an end.
    """
    now = layout(end_ns)
    qty, at = int(Schedule.of(now).qty_units.sum()), end_ns
    while True:
        step = MINUTE_NS if at - start_ns < 60 * MINUTE_NS else 5 * MINUTE_NS
        at = start_ns + ((at - start_ns) // step + 1) * step
        if at > limit_ns:
            return None
        # The peak is never under the whole, and the whole is cheap to look at.
        whole = participation(qty, beliefs.volume.expected(now[0].release_ns, at))
        if whole <= cap and peak_participation(layout(at), beliefs) <= cap:
            return at


def participation_notices(
    order: ParentOrder,
    slices: Sequence[ExecutionSlice],
    beliefs: Beliefs,
    listing: Listing,
    session: Session,
    layout: Callable[[int], Sequence[ExecutionSlice]],
) -> tuple[Notice, ...]:
    """Return what is to be said of the plan's participation: nothing, over the cap, or volume unknown.

    Args:
        order: For window and cap.
        slices: The plan's.
        beliefs: For the expected volume.
        listing: To write quantities in its units.
        session: The search for a fitting window stops at its close.
        layout: The slices that the same strategy would lay out up to another end.
    """
    cap = order.parameters.participation_max
    if beliefs.volume.expected(slices[0].release_ns, slices[-1].end_ns) <= 0:
        text = "no volume is known yet: the plan assumes none, and pacing follows the prints"
        return (Notice(code="unknown-volume", text=text),)
    peak = peak_participation(slices, beliefs)
    if peak <= cap or cap == 1:
        return ()
    said = f"peak needs {percent(peak)} of expected volume, over your {percent(cap)}"
    limit_ns = open_until(session, order.start_ns, order.start_ns + SEARCH_NS)
    fits = fitting_end(order.start_ns, order.end_ns, limit_ns, cap, beliefs, layout)
    if fits is not None:
        over = format_duration(fits - order.start_ns)
        return (Notice(code="over-cap", text=f"{said}: --over {over} fits"),)
    lots = int(_even_pace_units(layout(limit_ns), cap, beliefs)) // listing.lot_units
    quantity = f"{listing.instrument.qty(lots * listing.lot_units):,f} {listing.instrument.base}"
    until = f"in {format_duration(SEARCH_NS)}" if session.always_open else f"before {iso(limit_ns)}"
    return (Notice(code="over-cap", text=f"{said}: no window {until} fits, at an even pace {quantity} would"),)


def _even_pace_units(slices: Sequence[ExecutionSlice], cap: float, beliefs: Beliefs) -> float:
    """Return the quantity whose even spread over the time of ``slices`` just meets the cap where volume is thinnest."""
    laid = Schedule.of(slices)
    expected = beliefs.volume.expected_each(laid.release_ns, laid.end_ns)
    rate = float((expected / (laid.end_ns - laid.release_ns)).min())
    return rate * int(laid.end_ns[-1] - laid.release_ns[0]) * cap / (1 - cap)


def limit_notices(order: ParentOrder, beliefs: Beliefs, listing: Listing) -> tuple[Notice, ...]:
    """Return a notice when the limit lies on the far side of the mid, so that nothing trades at today's price."""
    limit = order.parameters.limit_units
    if limit is None or beliefs.mid2 <= 0:
        return ()
    away_bps = order.side * (beliefs.mid2 - 2 * limit) / beliefs.mid2 * 1e4
    if away_bps <= 0:
        return ()
    where = "under" if order.side is Side.BUY else "over"
    price = listing.instrument.price(limit)
    text = f"the limit {price:f} is {away_bps:.1f} bps {where} the mid: little trades until the price comes to it"
    return (Notice(code=LIMIT_AWAY, text=text),)


def percent(rate: float) -> str:
    """Return a rate as a person reads it: ``22 %``, with as many digits as tell it from a round cap."""
    return f"{100 * rate:.3g} %"
