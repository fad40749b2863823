"""Several venues as people write them: a TOML or JSON file with one table a venue, ``[[venue]]`` and ``[[dark]]``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from nowake.app.fees_and_latency import parse_fees, parse_latency
from nowake.app.venue_rules import from_text, parse_rules, read_rules, rules_text
from nowake.core.errors import DataError, InputError
from nowake.core.units import number_text
from nowake.core.value import Value, check_types, from_json, require
from nowake.data.tables import read_tables
from nowake.models.dark import DarkLiquidity
from nowake.sim.faults import parse_faults

UNTIL, PART = 0.5, 0.25
WHAT = "venues"


class LitVenue(Value, frozen=True, omit_defaults=True):
    """A venue with a book.

    Attributes:
        name: ``NEAR`` makes ``SYNTH@NEAR``; empty = what the tape says.
        tapes: Its recording; none = the synthetic market. Not hashed.
        listing: What recorded files are of, as ``--listing`` takes it.
        seed, regime: Of the synthetic market; None = the command's seed and the venue's place in the file.
        latency, fees, rules, faults: As for one venue; empty = those of the command.
        weight: Of the order's displayed part; 0 = nothing of it. Where none is given, the volume seen decides.
    """

    name: str = ""
    tapes: tuple[str, ...] = ()
    listing: str = ""
    seed: int | None = None
    regime: str = ""
    latency: str = ""
    fees: str = ""
    rules: str = ""
    faults: str = ""
    weight: float | None = None

    def __post_init__(self) -> None:
        check_types(self)
        _check_name(self.name, needed=not self.tapes)
        require(not (self.tapes and self.regime), "regime", self.regime, "left out of a venue with a tape")
        require(bool(self.tapes) or not self.listing, "listing", self.listing, "left out of a venue without a tape")
        require(self.seed is None or 0 <= self.seed < 2**63, "seed", self.seed, "at least 0 and below 2**63")
        good = self.weight is None or 0 <= self.weight < 1e9
        require(good, "weight", self.weight, ">= 0")
        _check_texts(self.latency, self.fees, self.faults)
        from_text(self.rules)


class DarkPlace(Value, frozen=True, omit_defaults=True):
    """A venue that matches at the mid of another one's book.

    Attributes:
        name: ``DARK`` makes ``SYNTH@DARK``.
        reference: Name of the venue whose mid it is.
        liquidity: Its hidden counter-orders.
        latency, fees, faults: As for one venue; empty = those of the command.
        part: Of the order that rests here first.
        until: Part of the window after which what is left goes to the venues with a book.
    """

    name: str
    reference: str
    liquidity: DarkLiquidity
    latency: str = ""
    fees: str = ""
    faults: str = ""
    part: float = PART
    until: float = UNTIL

    def __post_init__(self) -> None:
        check_types(self)
        _check_name(self.name)
        require(0 <= self.part <= 1, "part", self.part, "in [0, 1]")
        require(0 < self.until <= 1, "until", self.until, "in (0, 1]")
        _check_texts(self.latency, self.fees, self.faults)


class Venues(Value, frozen=True, omit_defaults=True):
    """Venues on one clock; messages of one instant come in this order."""

    lit: tuple[LitVenue, ...]
    dark: tuple[DarkPlace, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.lit), WHAT, 0, "at least one with a book, [[venue]]")
        names = [name for name in (*(one.name for one in self.lit), *(one.name for one in self.dark)) if name]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, "name", ", ".join(twice), "given once")
        for one in self.dark:
            known = [venue.name for venue in self.lit if venue.name]
            require(one.reference in known, "reference", one.reference, f"the name of a [[venue]]: {', '.join(known)}")


def _check_name(name: str, *, needed: bool = True) -> None:
    good = (not needed and not name) or (name.isascii() and name.replace("-", "").replace("_", "").isalnum())
    require(good, "name", name, "letters, digits, - and _")


def _check_texts(latency: str, fees: str, faults: str) -> None:
    parse_fees(fees)
    parse_faults(faults)
    parse_latency(latency)


def venues_of(given: object) -> Venues:
    """Return venues given as a value or the path of a file.

    Raises:
        DataError: The file cannot be read.
        InputError: Something in it is not what it must be; names file, table and field.
    """
    if isinstance(given, Venues):
        return given
    if not isinstance(given, str | Path) or not str(given):
        raise InputError(WHAT, given, "the path of a TOML or JSON file")
    path = Path(given)
    found = read_tables(path, WHAT)
    for name in found:
        require(name in ("venue", "dark"), f"{path.name}: table", name, "venue or dark")
    lit = [_lit(one, f"{path.name}, venue {k}", path.parent) for k, one in _tables(found, "venue", path)]
    dark = [_dark(one, f"{path.name}, dark {k}", path.parent) for k, one in _tables(found, "dark", path)]
    try:
        return Venues(lit=tuple(lit), dark=tuple(dark))
    except InputError as error:
        raise _within(path.name, error) from None


def _tables(found: dict[str, Any], name: str, path: Path) -> list[tuple[int, dict[str, Any]]]:
    many = found.get(name, [])
    many = [many] if isinstance(many, dict) else many
    good = isinstance(many, list) and all(isinstance(one, dict) for one in many)
    require(good, f"{path.name}: {name}", many, f"tables, [[{name}]]")
    return list(enumerate(many, 1))


def _within(where: str, error: InputError) -> InputError:
    """Return an error with the place of what it is about; that of another file names itself."""
    return error if isinstance(error, DataError) else InputError(f"{where}: {error.field}", *_rest(error))


def _rest(error: InputError) -> tuple[object, str, str]:
    return error.value, error.rule, error.remedy


_NUMBERS = ("weight", "part", "until")


def _fields(found: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of a venue, numbers as Python's own."""
    for name in found:
        require(name in known, "field", name, f"one of {', '.join(known)}")
    made = dict(found)
    for name in ("latency", "fees"):
        if name in made:
            made[name] = number_text(name, made[name])
    for name in _NUMBERS:
        if name in made:
            made[name] = float(number_text(name, made[name])) if not isinstance(made[name], str) else made[name]
    return made


def _lit(found: dict[str, Any], where: str, folder: Path) -> LitVenue:
    known = ("name", "tape", "listing", "seed", "regime", "latency", "fees", "rules", "faults", "weight")
    try:
        made = _fields(found, known)
        if "tape" in made:
            tapes = made.pop("tape")
            tapes = [tapes] if isinstance(tapes, str) else tapes
            good = isinstance(tapes, list) and tapes and all(isinstance(one, str) and one for one in tapes)
            require(bool(good), "tape", tapes, "a path, or a list of paths", "leave it out for the synthetic market")
            made["tapes"] = tuple(str(folder / one) for one in tapes)
        if "rules" in made:
            rules = made["rules"]
            require(isinstance(rules, str | dict), "rules", rules, "a table, or the path of a file")
            read = parse_rules(rules, "rules") if isinstance(rules, dict) else read_rules(folder / rules)
            made["rules"] = rules_text(read)
        return LitVenue(**made)
    except InputError as error:
        raise _within(where, error) from None


def _dark(found: dict[str, Any], where: str, folder: Path) -> DarkPlace:
    own = ("name", "reference", "latency", "fees", "faults", "part", "until")
    stated = tuple(name for name in DarkLiquidity.__struct_fields__ if name != "listing")
    try:
        made = _fields(found, (*own, "liquidity", *stated))
        require("reference" in made, "reference", "", "the name of the venue whose mid it matches at")
        numbers = {name: made.pop(name) for name in stated if name in made}
        path = made.pop("liquidity", None)
        one = "given: the path of what nowake.fit_dark found, or buy_per_hour, sell_per_hour and sizes"
        require((path is not None) != bool(numbers), "liquidity", path if path is not None else "", one)
        liquidity = _stated(numbers) if path is None else read_liquidity(folder / _text("liquidity", path))
        return DarkPlace(**{"name": "DARK", **made}, liquidity=liquidity)
    except InputError as error:
        raise _within(where, error) from None


def _text(name: str, value: object) -> str:
    require(isinstance(value, str) and bool(value), name, value, "the path of a file")
    return str(value)


def _stated(numbers: dict[str, Any]) -> DarkLiquidity:
    """Return liquidity that is written down; one rate holds all day, and one size for all."""
    for name in ("buy_per_hour", "sell_per_hour", "sizes"):
        require(name in numbers, name, "", "given, or liquidity = the path of what nowake.fit_dark found")
        if not isinstance(numbers[name], list):
            numbers[name] = [numbers[name]]
    for name, whole in (("buy_per_hour", False), ("sell_per_hour", False), ("sizes", True)):
        good = all(_is_number(one, whole=whole) for one in numbers[name])
        require(good, name, _floats(numbers[name]), f"a {'whole ' * whole}number, or a list of them")
    most = max(len(numbers[name]) for name in ("buy_per_hour", "sell_per_hour"))
    bins = "given, seconds: a list of rates needs the length of its bins"
    require(most == 1 or "bin_s" in numbers, "bin_s", numbers.get("bin_s", ""), bins)
    plain = {name: _floats(value) for name, value in numbers.items()}
    return DarkLiquidity(listing="", **{"bin_s": 86_400, **plain})


def _is_number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float | Decimal) and not isinstance(value, bool)


def _floats(value: Any) -> Any:
    """Return exact numbers as Python's own."""
    if isinstance(value, list):
        return [_floats(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value


def read_liquidity(path: Path) -> DarkLiquidity:
    """Return the hidden liquidity in a JSON file, as ``write_liquidity`` wrote it.

    Raises:
        DataError: It cannot be read, or is none.
    """
    try:
        return from_json(path.read_bytes(), DarkLiquidity)
    except OSError as error:
        why = f"cannot be read as hidden liquidity ({error.strerror})"
        raise DataError(path.name, why, remedy="write it with nowake.save_dark") from error
    except InputError as error:
        raise DataError(
            path.name, f"is no hidden liquidity: {error.rule}", remedy="write it with nowake.save_dark"
        ) from error


def save_dark(liquidity: DarkLiquidity, path: str | Path) -> None:
    """Write what ``fit_dark`` found into a JSON file, for a ``[[dark]]`` venue's ``liquidity``.

    Raises:
        InputError: It is no hidden liquidity.
    """
    require(isinstance(liquidity, DarkLiquidity), "liquidity", liquidity, "what nowake.fit_dark(...) returns")
    Path(path).write_bytes(msgspec.json.format(msgspec.json.encode(liquidity), indent=1))
