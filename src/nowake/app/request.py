"""What a person asks for, in human units, and how it becomes a ``ParentOrder``.

The request is kept in the journal as it was typed; ``resolve`` turns it into integers against one listing and the time
its market covers. Nothing is guessed: what does not fit is refused with the nearest thing that does.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_DOWN
from zoneinfo import ZoneInfo

from nowake.core.errors import InputError, Refused
from nowake.core.instrument import Listing
from nowake.core.order import SLICES_MOST, EndBehaviour, Parameters, ParentOrder, Side
from nowake.core.sessions import Session, iso, to_ns
from nowake.core.terms import TERMS, check_terms, human_name, human_names, parse_terms, share
from nowake.core.units import NS_PER_SECOND, decimal, format_duration, parse_duration, round_price, to_units
from nowake.core.value import Value, check_types, force_lower, replace, require

FIRST_BOOK_NS = 60 * NS_PER_SECOND
"""An order may start up to this long before the first valid book of a recording: it arrives with that book."""

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
_RELATIVE = re.compile(r"(open|close)(?:([+-])(\w+))?")
NOTIONAL = re.compile(r"(?P<amount>[\d.,_]+[kmb]?)-(?P<currency>[A-Za-z]+)")
"""A value in a currency: ``5m-USDT``."""


class OrderRequest(Value, frozen=True):
    """A large order as a person states it.

    Attributes:
        side: ``buy``, ``sell`` (``B``, ``S``, ``SS``, FIX ``1``, ``2``, ``5``).
        quantity: Shares, base asset or contracts, ``10000`` or ``10k``; ``5m-USDT`` is a value in quote currency.
        symbol: ``AMZN`` or ``AMZN@XNAS``.
        start: ISO time with a zone, ``10:00`` in the session's zone, ``open+30m``; empty = as soon as there is a book.
        end: As ``start``; or give ``over``.
        over: Duration, ``2h``, ``1h30m``.
        strategy: ``auto``, the router chooses; or a name in the table of strategies.
        end_behaviour: ``finish``, ``cancel``, ``run-on``; empty = the strategy's default, of ``auto`` ``finish``.
        must_complete: See ``Parameters``.
        max_participation: ``0.15`` or ``15%``.
        urgency: 0 to 1.
        limit: Price in quote currency; empty = none.
        slices: How many; 0 = chosen by cost.
        never_take: Only post.
        participation: Rate that POV keeps to, ``10%``; empty = its default.
        min_participation: Floor of POV's band.
        participation_by_price: Rates by market price, ``220:5%,225:12%``; likewise ``participation_by_size`` by the
            quantity left, ``5000:12%``, and ``participation_by_time`` by the time since the start, ``30m:12%``.
        limit_offset: Limit relative to the arrival mid in basis points, ``10``; beyond it = positive.
        i_would: Price at which ``i_would_part`` (empty = all) of the order is taken at once.
        display: Largest size shown; ``display_randomise`` varies it, ``display_refresh`` spaces it.
        min_fill: A child trades at least this, or nothing.
        randomise_time: Fraction by which the slices' times are jittered; ``randomise_size`` their sizes.
        discretion: Take when the far touch is at most this far from the posted price.
        tz: Zone in which clock times are meant; empty = the session's.
        parent_id: The caller's key; empty = derived.
    """

    side: str
    quantity: str
    symbol: str
    start: str = ""
    end: str = ""
    over: str = ""
    strategy: str = "auto"
    end_behaviour: str = ""
    must_complete: bool = False
    max_participation: str = "0.15"
    urgency: float = 0.5
    limit: str = ""
    slices: int = 0
    never_take: bool = False
    participation: str = ""
    min_participation: str = ""
    participation_by_price: str = ""
    participation_by_size: str = ""
    participation_by_time: str = ""
    limit_offset: str = ""
    i_would: str = ""
    i_would_part: str = ""
    display: str = ""
    display_randomise: str = ""
    display_refresh: str = ""
    min_fill: str = ""
    randomise_time: str = ""
    randomise_size: str = ""
    discretion: str = ""
    tz: str = ""
    parent_id: str = ""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("strategy", "end_behaviour"):
            force_lower(self, name)
        Side.parse(self.side)
        if not NOTIONAL.fullmatch(self.quantity.strip()):
            require(decimal("quantity", self.quantity) > 0, "quantity", self.quantity, "> 0")
        if self.end and self.over:
            raise Refused("the order has both an end and a length", "give --end or --over, not both")
        if not (self.end or self.over):
            raise Refused("the order has no end", "say how long it may take: --over 1h, or until when: --end 15:30")
        if self.over:
            parse_duration("over", self.over)
        share("max_participation", self.max_participation)
        if self.end_behaviour:
            _end_behaviour(self.end_behaviour)
        if self.limit:
            require(decimal("limit", self.limit) > 0, "limit", self.limit, "> 0")
        require(0 <= self.urgency <= 1, "urgency", self.urgency, "in [0, 1]")
        require(self.slices >= 0, "slices", self.slices, ">= 0")
        require(self.slices <= SLICES_MOST, "slices", self.slices, f"at most {SLICES_MOST:,}")
        check_terms(self.terms())
        if self.tz:
            _zone(self.tz)

    def terms(self) -> dict[str, str]:
        """Return the further terms as they were given, by name."""
        return {name: getattr(self, name) for name in TERMS}


class MarketHours(Value, frozen=True):
    """The time that a market can serve.

    Attributes:
        first_ns: First instant with a valid book.
        last_ns: To where the market is known: the last row, or the close that it covers (see ``covered_ns``).
        mid2: Twice the mid where it is needed (value orders), 0 = not known yet.
    """

    first_ns: int
    last_ns: int
    mid2: int = 0


def covered_ns(session: Session, last_row_ns: int, silence_ns: int) -> int:
    """Return to where a recording covers its market.

    Args:
        session: Of the listing.
        last_row_ns: Its last row.
        silence_ns: Longest silence that is normal for it; the close is covered where the last row is that near to it.
    """
    if session.always_open or not session.is_open(last_row_ns):
        return last_row_ns
    close_ns = close_of(session, last_row_ns)
    return close_ns if close_ns - last_row_ns <= silence_ns else last_row_ns


def close_of(session: Session, t_ns: int) -> int:
    """Return the close of the session that is open at an instant; the instant itself when it is closed."""
    hours = session.hours(session.trading_day(t_ns))
    return hours[1] if hours is not None and hours[0] <= t_ns < hours[1] else t_ns


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InputError("tz", name, "an IANA time zone such as America/New_York") from None


def _end_behaviour(text: str) -> EndBehaviour:
    try:
        return EndBehaviour(text)
    except ValueError:
        raise InputError("end_behaviour", text, "finish, cancel or run-on") from None


def resolve(request: OrderRequest, listing: Listing, session: Session, market: MarketHours, key: str) -> ParentOrder:
    """Return the order in integer units over a window inside the market.

    Args:
        request: As typed.
        listing: Of the order.
        session: The listing's.
        market: What the tape covers.
        key: Parent id where the request names none.

    Raises:
        InputError: A field is not what it must be.
        Refused: The window does not fit the market; says which does.
    """
    start_ns, end_ns = window(request, session, market)
    check_length(start_ns, end_ns)
    if start_ns < market.first_ns <= start_ns + FIRST_BOOK_NS and end_ns > market.first_ns:
        start_ns = market.first_ns
    _check_window(start_ns, end_ns, market, session)
    return ParentOrder(
        parent_id=request.parent_id or key,
        listing=listing.key,
        side=Side.parse(request.side),
        qty_units=quantity_units(request, listing, market.mid2),
        decided_ns=start_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        strategy=request.strategy,
        parameters=parameters(request, listing),
    )


def window(request: OrderRequest, session: Session, market: MarketHours) -> tuple[int, int]:
    """Return the window that a request names, whether or not the market covers it.

    Args:
        request: As typed.
        session: Of the listing; the request's own zone takes the place of its zone for clock times.
        market: Its first instant is the default start; its days are those of a start's clock time. An end's is of the
            start's session day.

    Raises:
        InputError: A text is not a time, or a clock time fits several days.
    """
    zone = replace(session, zone=request.tz) if request.tz else session
    start_ns = market.first_ns
    if request.start:
        start_ns = _instant("start", request.start, zone, session, market)
    if request.over:
        return start_ns, start_ns + parse_duration("over", request.over)
    return start_ns, _instant("end", request.end, zone, session, market, start_ns)


def parameters(request: OrderRequest, listing: Listing) -> Parameters:
    """Return the parameters of a request; the limit is rounded to the tick grid, never to a worse price."""
    side = Side.parse(request.side)
    limit = None
    if request.limit:
        limit = listing.instrument.price_units(request.limit, "limit")
        limit = round_price(limit, listing.tick_units(limit), int(side))
    terms = parse_terms(request.terms(), listing, side)
    try:
        return Parameters(
            end_behaviour=_end_behaviour(request.end_behaviour) if request.end_behaviour else None,
            must_complete=request.must_complete,
            participation_max=share("max_participation", request.max_participation),
            urgency=request.urgency,
            limit_units=limit,
            slices=request.slices or None,
            never_take=request.never_take,
            **terms,
        )
    except Refused:
        raise
    except InputError as error:  # it names parameters, the person gave terms
        raise InputError(human_name(error.field), error.value, human_names(error.rule), error.remedy) from None


def quantity_units(request: OrderRequest, listing: Listing, mid2: int) -> int:
    """Return the quantity on the listing's lot grid; a value in quote currency is rounded down to it.

    Raises:
        InputError: Off the grid, below one lot, or a value without a price to divide by.
    """
    instrument, lot = listing.instrument, listing.lot_units
    value = NOTIONAL.fullmatch(request.quantity.strip())
    if value is None:
        units = instrument.qty_units(request.quantity)
        require(units > 0, "quantity", request.quantity, "> 0")
        require(units % lot == 0, "quantity", request.quantity, f"a multiple of the lot {instrument.qty(lot):f}")
        return units
    if value["currency"].upper() != instrument.quote.upper():
        raise InputError("quantity", request.quantity, f"{instrument.base} or a value in {instrument.quote}")
    require(mid2 > 0, "quantity", request.quantity, "a quantity, since no price is known")
    amount, price = decimal("quantity", value["amount"]), instrument.price(mid2) / 2
    each = instrument.multiplier if instrument.inverse else price * instrument.multiplier
    units = to_units("quantity", amount / each, instrument.qty_unit, rounding=ROUND_DOWN)
    units -= units % lot
    require(units > 0, "quantity", request.quantity, f"worth at least one lot of {instrument.qty(lot):f}")
    return units


def _instant(
    field: str, text: str, zone: Session, session: Session, market: MarketHours, since_ns: int | None = None
) -> int:
    """Return the instant that a text names; a clock time is of the session day of ``since_ns``.

    Without one it is of the only session day that the market covers. Around the clock, where the market holds it
    several times, it is the next one after ``since_ns``. ``zone`` is the session with the zone in which clock times are
    meant; opening hours are the session's own.
    """
    text = text.strip()
    relative = _RELATIVE.fullmatch(text.lower())
    if relative:
        if session.always_open:
            raise InputError(field, text, f"a time, since {session.name} has no open and close", "write a clock time")
        day = _only_day(field, text, session, market) if since_ns is None else session.trading_day(since_ns)
        hours = session.hours(day)
        if hours is None:
            raise InputError(field, text, f"on a trading day, and {session.name} is closed on {day}")
        anchor = hours[0] if relative[1] == "open" else hours[1]
        if not relative[2]:
            return anchor
        shift = parse_duration(field, relative[3])
        return anchor + shift if relative[2] == "+" else anchor - shift
    if _CLOCK.fullmatch(text):
        try:
            clock = time.fromisoformat(text.zfill(8) if text.count(":") == 2 else text.zfill(5))
        except ValueError:
            raise InputError(field, text, "a clock time such as 10:00") from None
        if since_ns is not None and not session.always_open:
            day = session.trading_day(since_ns)
            around = [zone.at(day + timedelta(days=k), clock) for k in (-1, 0, 1)]
            return next((t for t in around if session.trading_day(t) == day), around[1])
        days = _open_days(session, market)
        eves = [day - timedelta(days=1) for day in days] if session.overnight else []
        told = [zone.at(day, clock) for day in sorted({*eves, *days})]
        inside = [t for t in told if market.first_ns <= t <= market.last_ns]
        if len(inside) == 1:
            return inside[0]
        later = [t for t in inside if since_ns is not None and t > since_ns]
        if later:
            return later[0]
        if len(days) == 1:
            return next((t for t in told if session.trading_day(t) == days[0]), told[-1])
        names = ", ".join(iso(t) for t in inside[:5]) or "none of its days holds that time"
        raise InputError(field, text, "one time of the tape, which covers several days", f"candidates: {names}")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(field, text, "an ISO time with a zone, a clock time, open+30m or close-5m") from None
    if moment.tzinfo is None:
        raise InputError(field, text, "a time with a zone", _zoned(moment, zone, session, market))
    return to_ns(moment, field)


def _zoned(moment: datetime, zone: Session, session: Session, market: MarketHours) -> str:
    """Return how to write a time that came without a zone: in the session's, or where it is enough as a clock time."""
    aware = moment.replace(tzinfo=ZoneInfo(zone.zone))
    precise = "minutes" if not moment.second and not moment.microsecond else "auto"
    said = f"write {aware.isoformat(timespec=precise)} if it is in {zone.zone}"
    if precise == "minutes" and _open_days(session, market) == [moment.date()]:
        said += f", or {moment:%H:%M}"
    return said


def _open_days(session: Session, market: MarketHours) -> list[date]:
    """Return the trading days that the market touches."""
    first, last = session.trading_day(market.first_ns), session.trading_day(market.last_ns)
    days = (date.fromordinal(k) for k in range(first.toordinal(), last.toordinal() + 1))
    return [day for day in days if session.hours(day) is not None]


def _only_day(field: str, text: str, session: Session, market: MarketHours) -> date:
    """Return the one trading day that the market covers."""
    days = _open_days(session, market)
    if len(days) != 1:
        names = ", ".join(str(day) for day in days[:5]) or "none trades"
        raise InputError(field, text, "a full date and time, as the tape covers several sessions", f"days: {names}")
    return days[0]


def is_dated(text: str) -> bool:
    """Return whether a start or end names its day itself: neither a clock time nor relative to open or close."""
    text = text.strip()
    return bool(text) and not _CLOCK.fullmatch(text) and not _RELATIVE.fullmatch(text.lower())


def check_length(start_ns: int, end_ns: int) -> None:
    """Refuse a window that ends before it starts, or at once."""
    require(end_ns > start_ns, "end", iso(end_ns), f"after the start {iso(start_ns)}")
    require(end_ns - start_ns >= NS_PER_SECOND, "over", format_duration(end_ns - start_ns), "at least 1s")


def check_covered(start_ns: int, end_ns: int, last_ns: int) -> None:
    """Refuse a window that goes on after the recording ends, at ``last_ns``; says which would fit."""
    if end_ns > last_ns:
        fits = (last_ns - start_ns) // NS_PER_SECOND * NS_PER_SECOND
        raise Refused(
            f"the window ends at {iso(end_ns)}, after the tape's end at {iso(last_ns)}",
            f"the longest that fits from there is --over {format_duration(fits)}" if fits else "start earlier",
        )


def _check_window(start_ns: int, end_ns: int, market: MarketHours, session: Session) -> None:
    if start_ns < market.first_ns:
        raise Refused(
            f"the start {iso(start_ns)} is before the first valid book at {iso(market.first_ns)}",
            "start then or later",
        )
    hours = None if session.always_open else session.hours(session.trading_day(start_ns))
    if not session.always_open and (hours is None or not hours[0] <= start_ns < hours[1]):
        raise Refused(f"{session.name} is closed at {iso(start_ns)}", _open_hours(start_ns, market, session))
    if start_ns >= market.last_ns:
        raise Refused(f"the start {iso(start_ns)} is after the tape's end at {iso(market.last_ns)}", "start earlier")
    check_covered(start_ns, end_ns, market.last_ns)


def _open_hours(t_ns: int, market: MarketHours, session: Session) -> str:
    """Return the remedy for a start at which the market is closed: its next hours in the tape, else its last ones."""
    spans = [hours for day in _open_days(session, market) if (hours := session.hours(day)) is not None]
    spans = [(opens, closes) for opens, closes in spans if opens < market.last_ns]
    if not spans:
        return "choose a tape that holds a session"
    later = [hours for hours in spans if hours[0] > t_ns]
    opens, closes = later[0] if later else spans[-1]
    words = "is next open" if later else "was last open"
    return f"on this tape it {words} from {iso(max(opens, market.first_ns))} to {iso(min(closes, market.last_ns))}"
