"""What is typed of a simulated venue: its fees and how far away it is."""

from __future__ import annotations

from nowake.core.errors import InputError
from nowake.core.instrument import FeeSchedule
from nowake.core.units import NS_PER_SECOND, decimal, format_duration, parse_duration
from nowake.core.value import require

LATENCY_MAX_NS = 3600 * NS_PER_SECOND
"""More than an hour one way is a mistake in the unit."""


def parse_latency(text: str) -> int:
    """Return the nanoseconds one way that ``0`` or ``5ms`` names.

    Raises:
        InputError: It is no time, or too long.
    """
    rule = f"0 or a time such as 5ms, at most {format_duration(LATENCY_MAX_NS)}"
    try:
        one_way = parse_duration("latency", text, zero=True)
    except InputError:
        raise InputError("latency", text, rule) from None
    require(one_way <= LATENCY_MAX_NS, "latency", text, rule)
    return one_way


def parse_fees(text: str) -> FeeSchedule | None:
    """Return the schedule that ``TAKER`` or ``MAKER/TAKER`` (basis points) names, None for an empty text."""
    if not text:
        return None
    parts = text.replace("bps", "").split("/")
    try:
        maker, taker = (decimal("fees", part) for part in (parts if len(parts) > 1 else parts * 2))
    except ValueError:  # no number, or not one or two of them
        raise InputError("fees", text, "TAKER or MAKER/TAKER in basis points, such as 10 or -0.2/0.3") from None
    return FeeSchedule(maker_bps=maker, taker_bps=taker, source="stated by the user")
