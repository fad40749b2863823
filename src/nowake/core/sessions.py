"""When a listing trades: values only; the tables themselves are read by ``data.sessions``."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from nowake.core.errors import InputError, Refused
from nowake.core.value import Value, require

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(moment: datetime, field: str = "time") -> int:
    """Return nanoseconds since the epoch of an aware datetime, exactly.

    Raises:
        InputError: The datetime is naive.
    """
    if moment.tzinfo is None:
        raise InputError(
            field, moment.isoformat(), "a time with a zone", f"write {moment.isoformat()}+00:00 if it is UTC"
        )
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000


def iso(t_ns: int) -> str:
    """Return ``t_ns`` as ISO 8601 in UTC with a Z, as many decimals as it needs."""
    seconds, rest = divmod(t_ns, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else f"{text}Z"


class SpecialDay(Value, frozen=True):
    """A trading day with its own hours (an early close, a late open), local to the session's zone.

    As in ``Session``: an opening after the close is that of the evening before.
    """

    day: date
    opens: time
    closes: time


class Session(Value, frozen=True, dict=True):
    """Trading hours of a venue.

    Attributes:
        name: ``XNAS``, ``24/7``.
        zone: IANA zone in which the hours are stated and in which ``10:00`` is understood.
        opens, closes: Regular hours; equal times mean around the clock. An opening after the close is that of the
            evening before: futures that open at 17:00 and close at 16:00 trade Monday's day from Sunday evening on.
        weekdays: Trading days, Monday = 0.
        closed: Holidays.
        special: Days with their own hours.
        valid_from, valid_to: First and last day that the table knows.
    """

    name: str
    zone: str = "UTC"
    opens: time = time(0)
    closes: time = time(0)
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    closed: tuple[date, ...] = ()
    special: tuple[SpecialDay, ...] = ()
    valid_from: date = date(1970, 1, 1)
    valid_to: date = date(2199, 12, 31)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError):
            raise InputError("zone", self.zone, "an IANA time zone such as America/New_York") from None
        require(
            bool(self.weekdays) and all(0 <= d <= 6 for d in self.weekdays),
            "weekdays",
            self.weekdays,
            "days 0 to 6",
        )

    @cached_property
    def _exceptions(self) -> dict[date, tuple[time, time] | None]:
        """Return the clock times of days that are not regular, None = closed: to look up, not to search."""
        special = {one.day: (one.opens, one.closes) for one in reversed(self.special)}
        return special | dict.fromkeys(self.closed)

    @cached_property
    def _open_from_to(self) -> list[int]:
        """Return the open stretch that was asked about last, kept here: calendars take far longer than a comparison."""
        return [0, 0]

    @property
    def always_open(self) -> bool:
        """Return whether it trades around the clock."""
        return self.opens == self.closes

    @property
    def overnight(self) -> bool:
        """Return whether a regular trading day opens on the evening before."""
        return self.opens > self.closes

    def local_day(self, t_ns: int) -> date:
        """Return the date of an instant in the session's zone."""
        return (_EPOCH + timedelta(microseconds=t_ns // 1000)).astimezone(ZoneInfo(self.zone)).date()

    def trading_day(self, t_ns: int) -> date:
        """Return the trading day of an instant: its local date, or the next from an overnight opening on."""
        day = self.local_day(t_ns)
        return day + timedelta(days=1) if self.overnight and t_ns >= self.at(day, self.opens) else day

    def at(self, day: date, clock: time) -> int:
        """Return the instant of a local clock time on a local day."""
        return to_ns(datetime.combine(day, clock, tzinfo=ZoneInfo(self.zone)))

    def hours(self, day: date) -> tuple[int, int] | None:
        """Return ``(open_ns, close_ns)`` of a trading day, or None when it does not trade.

        Raises:
            Refused: The table does not know the day.
        """
        if not self.valid_from <= day <= self.valid_to:
            raise Refused(
                f"the session table {self.name} knows {self.valid_from} to {self.valid_to}, not {day}",
                "give a table that covers the day",
            )
        clocks = self._exceptions.get(day, (self.opens, self.closes))
        if day.weekday() not in self.weekdays or clocks is None:
            return None
        if self.always_open:
            return self.at(day, time(0)), self.at(day + timedelta(days=1), time(0))
        opens, closes = clocks
        eve = timedelta(days=1 if opens > closes else 0)
        return self.at(day - eve, opens), self.at(day, closes)

    def is_open(self, t_ns: int) -> bool:
        """Return whether an instant lies in [open, close)."""
        if self._open_from_to[0] <= t_ns < self._open_from_to[1]:
            return True
        if self.always_open and len(self.weekdays) == 7 and not self.closed:
            return True
        hours = self.hours(self.trading_day(t_ns))
        is_open = hours is not None and hours[0] <= t_ns < hours[1]
        if hours is not None and is_open:
            self._open_from_to[:] = hours
        return is_open

    def next_open(self, t_ns: int) -> int:
        """Return ``t_ns`` when open, else the next opening instant."""
        if self.is_open(t_ns):
            return t_ns
        day = self.trading_day(t_ns)
        for ahead in range(30):
            hours = self.hours(day + timedelta(days=ahead))
            if hours is not None and hours[0] >= t_ns:
                return hours[0]
        raise Refused(f"{self.name} does not open within 30 days of {iso(t_ns)}")


ALWAYS_OPEN = Session(name="24/7")
