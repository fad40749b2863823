"""The terms of an order in human words: what each may look like, and the parameter that it becomes.

One table for command line, Python and documents. A new term is a field of ``OrderRequest`` (text, empty = not given)
and a line in ``TERMS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from nowake.core.errors import InputError, Refused
from nowake.core.instrument import Listing
from nowake.core.order import Parameters, Side
from nowake.core.units import decimal, format_duration, parse_duration, round_price, to_units
from nowake.core.value import require

_STEP = re.compile(r"\s*([^:=]+?)\s*[:=]\s*([^:=]+?)\s*")


def share(field: str, text: str, least: float = 0.0) -> float:
    """Return the fraction that ``0.15`` or ``15%`` names, in (least, 1].

    Raises:
        InputError: It is none.
    """
    rate = decimal(field, text.strip().removesuffix("%"))
    if text.strip().endswith("%"):
        rate /= 100
    require(least < rate <= 1, field, text, f"above {least:g} and at most 1", "15% or 0.15")
    return float(rate)


def _share(field: str, text: str, _: Listing, __: Side) -> float:
    return share(field, text)


def _bps(field: str, text: str, _: Listing, __: Side) -> float:
    return float(_number_of_bps(field, text))


def _price(field: str, text: str, listing: Listing, side: Side) -> int:
    units = listing.instrument.price_units(text, field)
    require(units > 0, field, text, "> 0")
    return round_price(units, listing.tick_units(units), int(side))


def _distance(field: str, text: str, listing: Listing, _: Side) -> int:
    return to_units(field, decimal(field, text), listing.instrument.price_unit, rounding=ROUND_DOWN)


def _quantity(field: str, text: str, listing: Listing, _: Side) -> int:
    instrument, lot = listing.instrument, listing.lot_units
    units = instrument.qty_units(text, field)
    require(units > 0 and units % lot == 0, field, text, f"a multiple of the lot {instrument.qty(lot):f}, > 0")
    return units


def _duration(field: str, text: str, _: Listing, __: Side) -> int:
    return parse_duration(field, text)


def _steps(threshold: Callable[[str, str, Listing], int]) -> Callable[[str, str, Listing, Side], Any]:
    def parse(field: str, text: str, listing: Listing, _: Side) -> tuple[tuple[int, float], ...]:
        _check_steps(field, text)
        steps = []
        for part in text.split(","):
            found = _STEP.fullmatch(part)
            assert found is not None  # _check_steps
            steps.append((threshold(field, found[1], listing), share(field, found[2])))
        return tuple(sorted(steps))

    return parse


@dataclass(frozen=True, slots=True)
class Term:
    """One term.

    Attributes:
        parameter: Field of ``Parameters`` that it sets.
        check: (field, text): raises InputError for what no listing could make sense of.
        parse: (field, text, listing, side) to its value; raises InputError.
        show: (value, listing) to a text that means the same.
    """

    parameter: str
    check: Callable[[str, str], object]
    parse: Callable[[str, str, Listing, Side], Any]
    show: Callable[[Any, Listing], str]


def _positive(field: str, text: str) -> None:
    require(decimal(field, text) > 0, field, text, "> 0")


def _not_negative(field: str, text: str) -> None:
    require(decimal(field, text) >= 0, field, text, ">= 0")


def _number_of_bps(field: str, text: str) -> Decimal:
    return decimal(field, text.strip().removesuffix("bps").strip())


def _check_steps(field: str, text: str) -> None:
    for part in text.split(","):
        found = _STEP.fullmatch(part)
        if found is None:
            raise InputError(field, text, "THRESHOLD:RATE steps separated by commas, such as 220:5%,225:12%")
        share(field, found[2])


def _show_share(value: Any, _: Listing) -> str:
    return f"{100 * value:.6g}%"


def _show_price(value: Any, listing: Listing) -> str:
    return f"{listing.instrument.price(value):f}"


def _show_quantity(value: Any, listing: Listing) -> str:
    return f"{listing.instrument.qty(value):f}"


def _show_duration(value: Any, _: Listing) -> str:
    return format_duration(value)


def _show_steps(show: Callable[[Any, Listing], str]) -> Callable[[Any, Listing], str]:
    return lambda steps, listing: ",".join(f"{show(at, listing)}:{_show_share(rate, listing)}" for at, rate in steps)


TERMS: dict[str, Term] = {
    "participation": Term("participation_target", share, _share, _show_share),
    "min_participation": Term("participation_min", share, _share, _show_share),
    "participation_by_price": Term(
        "participation_by_price",
        _check_steps,
        _steps(lambda field, text, listing: listing.instrument.price_units(text, field)),
        _show_steps(_show_price),
    ),
    "participation_by_size": Term(
        "participation_by_size",
        _check_steps,
        _steps(lambda field, text, listing: listing.instrument.qty_units(text, field)),
        _show_steps(_show_quantity),
    ),
    "participation_by_time": Term(
        "participation_by_time",
        _check_steps,
        _steps(lambda field, text, _: parse_duration(field, text, zero=True)),
        _show_steps(_show_duration),
    ),
    "limit_offset": Term("limit_offset_bps", _number_of_bps, _bps, lambda value, _: f"{value:g} bps"),
    "i_would": Term("i_would_units", _positive, _price, _show_price),
    "i_would_part": Term("i_would_fraction", share, _share, _show_share),
    "display": Term("display_units", _positive, _quantity, _show_quantity),
    "display_randomise": Term("display_randomise", share, _share, _show_share),
    "display_refresh": Term("display_refresh_ns", parse_duration, _duration, _show_duration),
    "min_fill": Term("min_fill_units", _positive, _quantity, _show_quantity),
    "randomise_time": Term("randomise_time", share, _share, _show_share),
    "randomise_size": Term("randomise_size", share, _share, _show_share),
    "discretion": Term("discretion_units", _not_negative, _distance, _show_price),
}


_HUMAN = {term.parameter: name for name, term in TERMS.items()}
_HUMAN |= {"limit_units": "limit", "participation_max": "max_participation"}
_PARAMETER = re.compile(rf"\b({'|'.join(sorted(_HUMAN, key=len, reverse=True))})\b")


def human_name(parameter: str) -> str:
    """Return what people call a field of ``Parameters``: the option's name."""
    return _HUMAN.get(parameter, parameter)


def human_names(text: str) -> str:
    """Return a sentence about ``Parameters`` with every field named as people call it."""
    return _PARAMETER.sub(lambda found: human_name(found[0]), text)


def check_terms(given: dict[str, str]) -> None:
    """Refuse terms that no listing could make sense of.

    Raises:
        InputError: Names the first.
    """
    for name, text in given.items():
        if text.strip():
            TERMS[name].check(name, text)


def parse_terms(given: dict[str, str], listing: Listing, side: Side) -> dict[str, Any]:
    """Return parameters from the terms that were given; an I-would price without a part means the whole order.

    Raises:
        InputError: A text is not what it must be.
        Refused: A part without a price.
    """
    made = {
        term.parameter: term.parse(name, text, listing, side)
        for name, term in TERMS.items()
        if (text := given.get(name, "").strip())
    }
    if "i_would_fraction" in made and "i_would_units" not in made:
        raise Refused("i_would_part has no effect without i_would", "say from which price on: --i-would")
    if "i_would_units" in made:
        made.setdefault("i_would_fraction", 1.0)
    return made


def show_terms(parameters: Parameters, listing: Listing) -> dict[str, str]:
    """Return the terms that an order states beyond the usual ones, in human words."""
    changed = set(parameters.changed())
    shown = {
        name: term.show(getattr(parameters, term.parameter), listing)
        for name, term in TERMS.items()
        if term.parameter in changed
    }
    if parameters.never_take:
        shown["never_take"] = "yes"
    return shown
