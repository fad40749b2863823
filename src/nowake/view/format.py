"""Numbers as a trader reads them: human units, the decimals of the price grid, signs on costs, both clocks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from nowake.core.instrument import Instrument, Listing
from nowake.core.units import format_duration

DASH = "-"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(t_ns: int, zone: str = "UTC") -> datetime:
    """Return an instant as a datetime in a zone, cut to microseconds."""
    return (_EPOCH + timedelta(microseconds=t_ns // 1000)).astimezone(ZoneInfo(zone))


def clock(t_ns: int, zone: str = "UTC", *, decimals: int = 0) -> str:
    """Return the time of day in a zone, ``10:00:05``, with decimals of the second where asked."""
    at = moment(t_ns, zone)
    rest = f"{at.microsecond:06d}"[:decimals]
    return f"{at:%H:%M:%S}.{rest}" if rest else f"{at:%H:%M:%S}"


def window(start_ns: int, end_ns: int, zone: str) -> str:
    """Return a window in a zone, its date once: ``2012-06-21 10:00:00 - 12:00:00 EDT``."""
    first, last = moment(start_ns, zone), moment(end_ns, zone)
    until = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M:%S}"
    return f"{first:%Y-%m-%d %H:%M:%S} - {until} {last.tzname() or zone}"


def price_decimals(listing: Listing, price_units: int) -> int:
    """Return how many decimals a price needs on the grid that holds there."""
    step = (listing.instrument.price_unit * listing.tick_units(max(price_units, 1))).normalize()
    return max(0, -int(step.as_tuple().exponent))


def price(listing: Listing, units: float, *, more: int = 0) -> str:
    """Return a price in price units (whole or not) as text; ``more`` decimals than the grid has for averages."""
    decimals = price_decimals(listing, int(units)) + more
    return f"{Decimal(units) * listing.instrument.price_unit:,.{decimals}f}"


def quantity(instrument: Instrument, units: int, *, unit: bool = True) -> str:
    """Return a quantity as text, ``20,000 shares``."""
    amount = instrument.qty(units).normalize()
    text = f"{amount:,f}"
    return f"{text} {instrument.base}" if unit else text


def compact(amount: float) -> str:
    """Return a large amount as people say it: ``2.23 m``, ``456.10 k``, ``12.50``."""
    for size, letter in ((1e9, " b"), (1e6, " m"), (1e3, " k")):
        if abs(amount) >= size:
            return f"{amount / size:,.2f}{letter}"
    return f"{amount:,.2f}"


def money(amount: float, currency: str, *, sign: bool = False) -> str:
    """Return an amount of money with two decimals, more for small ones."""
    decimals = 2 if abs(amount) >= 1 or amount == 0 else 6 if abs(amount) < 0.01 else 4
    return f"{amount:{'+' if sign else ''},.{decimals}f} {currency}"


def bps(value: float | None) -> str:
    """Return a cost in basis points with its sign, or a dash."""
    return DASH if value is None else f"{value:+.2f}"


def percent(value: float | None, *, decimals: int = 1) -> str:
    """Return a fraction in per cent, or a dash."""
    return DASH if value is None else f"{100 * value:.{decimals}f} %"


def filled(units: int, total: int) -> str:
    """Return the part that is filled in per cent; 100 % only when all of it is.

    >>> filled(999_999, 1_000_000), filled(10, 10)
    ('99.9 %', '100 %')
    """
    return "100 %" if units >= total else f"{units * 1000 // total / 10:.1f} %"


def duration(ns: int) -> str:
    """Return a duration, seconds cut to three decimals under a minute."""
    if ns < 0:
        return f"-{duration(-ns)}"
    if ns < 1_000_000:
        return "0s" if ns < 1000 else f"{ns // 1000}us"
    return format_duration(ns - ns % 1_000_000 if ns < 60 * 10**9 else ns)


# Units inside the engine's words. The engine speaks in integers; people do not.

_PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern), kinds)
    for pattern, kinds in (
        (r"own (\d+) of (\d+) volume (?:counted|seen)", ("q", "q")),
        (r"(\d+) shown, (\d+) is the smallest fill wanted", ("q", "q")),
        (r"others printed (\d+), of which the rate", ("q",)),
        (r"own (\d+) beside (\d+) of others", ("q", "q")),
        (r"^(?:participation: )?(\d+) with (\d+) allowed", ("q", "q")),
        (r"(\d+) left, the venue's minimum order is (\d+)", ("q", "q")),
        (r"the touch from (\d+) to (\d+)", ("p", "p")),
        (r"(?<!\d)(\d+) is worse than the limit (\d+)", ("p", "p")),
        (r"worst case (\d+) of (\d+)", ("q", "q")),
        (r"^(?:size: )?(\d+) is over (\d+)$", ("q", "q")),
        (r"the venue filled (\d+) (?:more|of)", ("q",)),
        (r"of (\d+) at (\d+) was undone: filled (\d+) before, (\d+) now", ("q", "p", "q", "q")),
        (r"quantity (\d+) is not a positive multiple of the lot (\d+)", ("q", "q")),
        (r"quantity (\d+) is under the venue's minimum (\d+)", ("q", "q")),
        (r"quantity (\d+) is over the venue's maximum (\d+)", ("q", "q")),
        (r"price (\d+) is off the tick grid of (\d+)", ("p", "t")),
    )
)
_SECONDS = re.compile(r"\b(\d+\.\d)\d+(s|ms)\b")
_CAP = re.compile(r"\bcap (0\.\d+|1)\b")


def humanise(text: str, listing: Listing) -> str:
    """Return the engine's words with its integer units turned into human ones, caps into per cent.

    Durations keep one decimal.

    >>> humanise("nothing to turn", listing=None)
    'nothing to turn'
    """
    for pattern, kinds in _PATTERNS:
        text = pattern.sub(lambda found, kinds=kinds: _turned(found, kinds, listing), text)  # type: ignore[misc]
    text = _SECONDS.sub(r"\1\2", text)
    return _CAP.sub(lambda found: f"cap {100 * float(found[1]):g} %", text)


def _turned(found: re.Match[str], kinds: tuple[str, ...], listing: Listing) -> str:
    """Return a match with each of its numbers in human units."""
    text, done, made = found[0], found.start(), []
    for group, kind in enumerate(kinds, start=1):
        units = int(found[group])
        if kind == "q":
            shown = quantity(listing.instrument, units, unit=False)
        elif kind == "p":
            shown = price(listing, units)
        else:
            shown = f"{listing.instrument.price(units).normalize():f}"
        made.append(text[done - found.start() : found.start(group) - found.start()] + shown)
        done = found.end(group)
    return "".join(made) + text[done - found.start() :]


def queues(model: str, instrument: Instrument, filled_units: int, bounds: tuple[int, int] | None) -> str:
    """Return by which model queues were told, and between which quantities the fills lie where that is not certain."""
    said = "fifo, exact" if model == "fifo" else f"{model}, estimated"
    if bounds is None or bounds == (filled_units, filled_units):
        return f"{said}; the data decide every fill"
    worst, best = (quantity(instrument, one, unit=False) for one in bounds)
    return f"{said}; by the data the same orders filled {worst} at worst, {best} at best"


def faults(found: Mapping[str, Any]) -> str:
    """Return what went wrong on purpose: how often in all, from which seed, and each by its name.

    Of a run that is read back only what was asked for is known.
    """
    if found["happened"] is None:
        return f"{found['faults']} from seed {found['seed']}, counted where the run is worked"
    happened = {name: one["count"] for name, one in found["happened"].items()}
    each = ", ".join(f"{name} {count:,}" for name, count in happened.items())
    return f"{sum(happened.values()):,} from seed {found['seed']}" + (f": {each}" if each else "")
