"""Human units in, integer units inside.

A price or quantity is an ``int`` count of the instrument's finest unit; this module is the only place where the two
meet. Conversions are exact (``Decimal``), and refuse rather than round unless the caller names a direction.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, InvalidOperation, Overflow
from numbers import Real

from nowake.core.errors import InputError
from nowake.core.value import require

Number = int | float | str | Decimal

INT64_MAX = 2**63 - 1
NS_PER_SECOND = 1_000_000_000

_SUFFIX = {"k": 3, "m": 6, "b": 9}
NUMBER_MOST = 10**30
"""A larger number is a mistake, whatever it counts."""
_NOTHING = re.compile(r"0+(?:\.0+)?(?:ns|us|ms|s|m|h|d)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?[kmb]?")
_DURATION_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3_600 * NS_PER_SECOND,
    "d": 86_400 * NS_PER_SECOND,
}


def decimal(field: str, value: Number) -> Decimal:
    """Return ``value`` as a finite Decimal; text may end in k, m or b (thousand, million, billion).

    Raises:
        InputError: Not a finite number.
    """
    exponent = 0
    if isinstance(value, str):
        text = value.strip().replace("_", "").lower()
        if "," in text:
            # 1,000 is a thousand; 0,5 is somebody's one half: not to be taken for five.
            require(bool(_GROUPED.fullmatch(text)), field, value, "a number", "write a decimal point, as in 0.5")
            text = text.replace(",", "")
        if text and text[-1] in _SUFFIX:
            exponent, text = _SUFFIX[text[-1]], text[:-1]
    elif isinstance(value, bool):
        raise InputError(field, value, "a number")
    else:
        text = repr(value) if isinstance(value, float) else str(value)
    try:
        number = Decimal(text).scaleb(exponent)
    except Overflow:
        raise InputError(field, value, f"at most {NUMBER_MOST:.0e} in size") from None
    except InvalidOperation:
        raise InputError(field, value, "a number") from None
    require(number.is_finite(), field, value, "finite")
    return number


def to_units(field: str, value: Number, unit: Decimal, *, rounding: str | None = None) -> int:
    """Return ``value`` (human units) as a count of ``unit``.

    Args:
        field: What it is, for the error.
        value: Human units.
        unit: Size of one integer unit, > 0.
        rounding: None refuses what is off the grid; else a ``decimal`` rounding mode.

    Raises:
        InputError: Not a finite number, off the grid, or beyond int64.
    """
    number = decimal(field, value)
    # Bound the exponent first: 1e300 / 1e-8 must be refused, not computed to 308 digits.
    require(number == 0 or -30 < number.adjusted() < 25, field, value, "between 1e-30 and 1e25 in size")
    count = number / unit
    whole = count.to_integral_value(rounding=rounding or ROUND_DOWN)
    if rounding is None and whole != count:
        raise InputError(field, value, f"a multiple of {unit.normalize():f}")
    require(abs(whole) <= INT64_MAX, field, value, f"at most {INT64_MAX} units of {unit:f}")
    return int(whole)


def from_units(count: int, unit: Decimal) -> Decimal:
    """Return ``count`` units as an exact Decimal in human units."""
    return count * unit


def json_number(value: Decimal) -> int | float:
    """Return an exact decimal as the JSON number that prints it: an int where it is whole."""
    return int(value) if value == value.to_integral_value() else float(value)


def round_price(price_units: int, tick_units: int, side_sign: int) -> int:
    """Return the price on the tick grid, never more aggressive than given (a buy rounds down, a sell up)."""
    return price_units // tick_units * tick_units if side_sign > 0 else -(-price_units // tick_units) * tick_units


def number_text(field: str, value: object) -> str:
    """Return a number given as text or as a number, as the text that ``decimal`` reads back to the same number.

    Raises:
        InputError: Neither text nor a real number (a truth value is none), or beyond all size.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        # Python refuses to write an integer of very many digits.
        require(abs(value) <= NUMBER_MOST, field, value, f"at most {NUMBER_MOST:.0e} in size")
    elif isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise InputError(field, value, "a number, or text with one")
    return str(value)


def parse_duration(field: str, value: str | int, *, zero: bool = False) -> int:
    """Return nanoseconds of ``"30m"``, ``"1h30m"``, ``"500ms"`` (an int is taken as nanoseconds).

    Args:
        field: What it is, for the error.
        value: The duration.
        zero: Accept nothing too, ``"0"`` with or without a unit.

    Raises:
        InputError: Not a duration, or not positive.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        require(value > 0 or (zero and value == 0), field, value, "> 0 ns")
        return value
    text = str(value).strip().lower()
    if zero and _NOTHING.fullmatch(text):
        return 0
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise InputError(field, value, 'a duration such as "30m", "2h" or "1h30m"')
    total = int(sum(Decimal(number) * _DURATION_NS[unit] for number, unit in parts))
    require(0 < total <= 366 * _DURATION_NS["d"], field, value, "longer than nothing and at most 366 days")
    return total


def format_duration(duration_ns: int) -> str:
    """Return a duration as a person writes it: ``2h40m``, ``8m``, ``1.5s``; re-readable by ``parse_duration``."""
    if duration_ns < NS_PER_SECOND:
        return f"{duration_ns / 1_000_000:g}ms" if duration_ns >= 1_000_000 else f"{duration_ns}ns"
    seconds = duration_ns / NS_PER_SECOND
    if seconds < 60:
        return f"{seconds:g}s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return "".join(f"{n}{u}" for n, u in ((hours, "h"), (minutes, "m"), (secs, "s")) if n)


__all__ = [
    "INT64_MAX",
    "NS_PER_SECOND",
    "ROUND_CEILING",
    "ROUND_DOWN",
    "ROUND_FLOOR",
    "Number",
    "decimal",
    "format_duration",
    "from_units",
    "json_number",
    "number_text",
    "parse_duration",
    "round_price",
    "to_units",
]
