"""How a field of a record is shown: integer units as human numbers, instants as ISO times, enumerations by name."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum
from typing import Any

from nowake.core.instrument import Instrument, Listing
from nowake.core.sessions import iso
from nowake.core.units import json_number
from nowake.telemetry.events import Field
from nowake.telemetry.redact import redact


def value_at(record: object, path: tuple[str, ...]) -> Any:
    """Return what stands at a path of attributes; None where a part of it is missing or None."""
    found: Any = record
    for name in path:
        found = getattr(found, name, None)
        if found is None:
            return None
    return found


Words = Callable[[str, Listing], str]
"""Puts the integer units in the engine's sentences into human ones."""


def shown(field: Field, value: Any, listing: Listing | None, words: Words | None = None) -> Any:
    """Return a value as it goes into a log: JSON types only, secrets taken out, no integer units.

    Args:
        field: Says how.
        value: From the record.
        listing: Of the order concerned; None = not known, and numbers in its units are left out.
        words: What ``words`` fields go through.
    """
    if value is None or (field.kind == "time" and value == 0):
        return None
    if field.kind in _UNITS:
        return None if listing is None else _in_units(field.kind, value, listing.instrument)
    if field.kind == "words" and words is not None and listing is not None:
        return plain(words(value, listing))
    if field.kind == "time":
        return iso(value)
    if field.kind == "count":
        return len(value)
    if field.kind == "share":
        return value / 1e6
    return plain(value)


_UNITS = ("qty", "price", "money")


def _in_units(kind: str, units: int, instrument: Instrument) -> float | int | None:
    if kind == "price" and units == 0:  # a market order has none
        return None
    if kind == "qty":
        return json_number(instrument.qty(units))
    return json_number(instrument.price(units) if kind == "price" else instrument.money(units))


def plain(value: Any) -> Any:
    """Return a value as JSON types; text without secrets."""
    if isinstance(value, IntEnum):
        return value.name.lower().replace("_", "-")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return value
