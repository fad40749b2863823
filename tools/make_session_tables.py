"""Write the session tables that ship with the package from ``exchange_calendars``.

Run ``python tools/make_session_tables.py`` (extra ``calendars``) and commit what changed. Past years are what
happened; coming years are the calendar's own rules, and half days that are announced late are missing there.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import exchange_calendars

from nowake.core.sessions import Session, SpecialDay
from nowake.core.value import to_json

FOLDER = Path(__file__).resolve().parents[1] / "src" / "nowake" / "data" / "session_tables"
FIRST, LAST = date(1990, 1, 1), date(2030, 12, 31)


def table(name: str) -> Session:
    """Return the session table of one exchange, by its market identifier code."""
    if name == "CMES":
        return globex(name)
    calendar = exchange_calendars.get_calendar(name, start=FIRST.isoformat(), end=LAST.isoformat())
    zone = str(calendar.tz)
    opens, closes = calendar.open_times[-1][1], calendar.close_times[-1][1]
    local = {
        day.date(): (start.tz_convert(zone).time(), end.tz_convert(zone).time())
        for day, start, end in zip(
            calendar.schedule.index, calendar.schedule["open"], calendar.schedule["close"], strict=True
        )
    }
    days = [FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 1)]
    return Session(
        name=name,
        zone=zone,
        opens=opens,
        closes=closes,
        weekdays=(0, 1, 2, 3, 4),
        closed=tuple(day for day in days if day.weekday() < 5 and day not in local),
        special=tuple(
            SpecialDay(day=day, opens=start, closes=end)
            for day, (start, end) in local.items()
            if (start, end) != (opens, closes)
        ),
        valid_from=FIRST,
        valid_to=LAST,
    )


def globex(name: str) -> Session:
    """Return the hours of CME Globex equity index futures: 17:00 of the evening before to 16:00, Chicago.

    The calendar knows the trading days and the early closes, but runs each day on to 17:00; the daily break from
    16:00 to 17:00 is CME's own.
    """
    zone, first = "America/Chicago", date(2005, 1, 1)
    calendar = exchange_calendars.get_calendar(name, start=first.isoformat(), end=LAST.isoformat())
    opens, closes = time(17), time(16)
    local = {
        day.date(): end.tz_convert(zone).time()
        for day, end in zip(calendar.schedule.index, calendar.schedule["close"], strict=True)
    }
    days = [first + timedelta(days=i) for i in range((LAST - first).days + 1)]
    return Session(
        name=name,
        zone=zone,
        opens=opens,
        closes=closes,
        weekdays=(0, 1, 2, 3, 4),
        closed=tuple(day for day in days if day.weekday() < 5 and day not in local),
        special=tuple(SpecialDay(day=d, opens=opens, closes=end) for d, end in local.items() if end < closes),
        valid_from=first,
        valid_to=LAST,
    )


def main() -> None:
    """Write one JSON file an exchange."""
    for name, opens in (("CMES", time(17)), ("XNAS", time(9, 30)), ("XNYS", time(9, 30))):
        made = table(name)
        assert made.opens == opens, made.opens
        (FOLDER / f"{name}.json").write_bytes(to_json(made) + b"\n")
        print(f"{name}: {len(made.closed)} closed days, {len(made.special)} with hours of their own")


if __name__ == "__main__":
    main()
