"""The rules of a simulated venue as people write them: a TOML or JSON file, and one canonical text for the journal.

The names are those of ``sim.rules.VenueRules``; a time is written without its unit in the name, ``refresh = "2ms"``;
a fee tier is ``{from_volume = 1_000_000, fees = "-0.5/0.3"}``, or names the fields of ``FeeSchedule``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from nowake.app.fees_and_latency import parse_fees
from nowake.core.errors import InputError
from nowake.core.instrument import FeeSchedule
from nowake.core.units import decimal, number_text, parse_duration
from nowake.core.value import require
from nowake.data.tables import read_tables
from nowake.sim.rules import FeeTier, VenueRules

_TIME = "_ns"
STATED = "stated by the user"


def read_rules(path: Path) -> VenueRules:
    """Return the rules in a TOML or JSON file.

    Raises:
        DataError: It cannot be read, or is neither.
        InputError: Something in it is no rule, or not what it must be; names file and rule.
    """
    return parse_rules(read_tables(path, "rules of a venue"), path.name)


def rules_of(given: object) -> str:
    """Return the canonical text of rules given as a value, a path, or their text; empty for none.

    Raises:
        DataError: As ``read_rules``.
        InputError: As ``read_rules``, or none of these was given.
    """
    if isinstance(given, VenueRules):
        return rules_text(given)
    if isinstance(given, Path):
        return rules_text(read_rules(given))
    forms = "the path of a TOML or JSON file, or a nowake.sim.rules.VenueRules"
    if not isinstance(given, str):
        raise InputError("rules", given, forms)
    text = given.strip()
    return rules_text(from_text(text) if text.startswith("{") else read_rules(Path(text))) if text else ""


def from_text(text: str) -> VenueRules:
    """Return the rules in a text of ``rules_text``; empty = none.

    Raises:
        InputError: It is not one.
    """
    if not text:
        return VenueRules()
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError("rules", text, f"rules of a venue as JSON ({error})") from error
    return parse_rules(found, "rules")


def rules_text(rules: VenueRules) -> str:
    """Return rules as one text that ``from_text`` reads again: what differs from no rules, by name; empty for none."""
    written: dict[str, Any] = {}
    for name in rules.__struct_fields__:
        value = getattr(rules, name)
        if value == getattr(VenueRules(), name):
            continue
        if name.endswith(_TIME):
            written[name.removesuffix(_TIME)] = f"{value}ns"
        elif name == "fee_tiers":
            written[name] = [_numbers({"from_volume": one.from_volume, **_fields(one.fees)}) for one in value]
        else:
            written |= _numbers({name: value})
    return json.dumps(written, sort_keys=True) if written else ""


def _fields(value: FeeSchedule) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _numbers(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields with exact numbers as text, equal numbers as equal texts."""
    plain = {name: f"{one.normalize():f}" for name, one in fields.items() if isinstance(one, Decimal)}
    return {**msgspec.to_builtins(fields), **plain}


def parse_rules(found: Any, source: str) -> VenueRules:
    """Return the rules that a table names.

    Args:
        found: The table.
        source: Where it stands, for the refusal.

    Raises:
        InputError: Something in it is no rule, or not what it must be.
    """
    forms = _forms()
    require(isinstance(found, dict), source, found, f"a table of {', '.join(forms)}")
    given: dict[str, Any] = {}
    try:
        for name, value in found.items():
            require(name in forms, "rule", name, f"one of {', '.join(forms)}")
            field, parse = forms[name]
            given[field] = parse(name, value)
        return VenueRules(**given)
    except InputError as error:
        raise InputError(f"{source}: {error.field}", error.value, error.rule, error.remedy) from None


_Parse = Callable[[str, Any], Any]


def _forms() -> dict[str, tuple[str, _Parse]]:
    """Return, by the name in a file, the field and how its value is read."""
    kinds = get_type_hints(VenueRules)
    made: dict[str, tuple[str, _Parse]] = {}
    for name in VenueRules.__struct_fields__:
        if name == "fee_tiers":
            made[name] = (name, _tiers)
        elif name.endswith(_TIME):
            made[name.removesuffix(_TIME)] = (name, _duration)
        elif kinds[name] in (Decimal, float):
            made[name] = (name, _decimal if kinds[name] is Decimal else _float)
        else:
            made[name] = (name, lambda _, value: value)
    return made


def _duration(name: str, value: object) -> int:
    require(isinstance(value, str), name, value, 'a time with its unit, such as "2ms", or "0"')
    return parse_duration(name, str(value), zero=True)


def _decimal(name: str, value: object) -> Decimal:
    return decimal(name, number_text(name, value))


def _float(name: str, value: object) -> float:
    return float(_decimal(name, value))


def _tiers(name: str, value: Any) -> tuple[FeeTier, ...]:
    """Return fee tiers: of each its volume, and its fees in one text or by the fields of a schedule."""
    require(isinstance(value, list), name, value, "a list of tables, [[fee_tiers]]")
    made = []
    for number, one in enumerate(value, 1):
        where = f"{name}, tier {number}"
        require(isinstance(one, dict), where, one, "a table with from_volume and fees")
        known = ("from_volume", "fees", *FeeSchedule.__struct_fields__)
        for field in one:
            require(field in known, where, field, f"one of {', '.join(known)}")
        volume = one.get("from_volume")
        require(volume is not None, where, one, "a table with from_volume", "say from which volume on it holds")
        named = {field: item for field, item in one.items() if field not in ("from_volume", "fees")}
        require(("fees" in one) != bool(named), where, one, "with fees, or with what they are made of")
        try:
            fees = parse_fees(number_text("fees", one["fees"])) if "fees" in one else None
            made.append(FeeTier(from_volume=_decimal("from_volume", volume), fees=fees or _schedule(named)))
        except InputError as error:
            raise InputError(f"{where}: {error.field}", error.value, error.rule, error.remedy) from None
    return tuple(made)


def _schedule(named: dict[str, Any]) -> FeeSchedule:
    """Return fees from the fields of a schedule."""
    source = named.pop("source", STATED)
    return FeeSchedule(**{field: _decimal(field, item) for field, item in named.items()}, source=source)
