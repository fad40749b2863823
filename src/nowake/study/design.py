"""The design of a study: which orders, in which worlds. Written down before the first run, as TOML or JSON.

``[order]`` and ``[world]`` name fields of an order and options of a simulated run; a field with a list takes each of
its values, and all fields together make the grid. ``[[market]]`` tables, of the same fields, stand beside each other:
a market with its symbol and tapes, say. ``{from = 1, count = 20}`` counts. ``sample = 200`` keeps that many points of
the grid, drawn by content: the same ones whatever else is in the file's order.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nowake.core.errors import InputError
from nowake.core.ids import random_word
from nowake.core.value import Value, content_hash, require

Scalar = str | int | float | bool
PATHS = ("tapes", "history", "allow")
"""World fields that are lists themselves: never an axis."""
MOST = 1_000_000
"""Points of a grid."""


class Axis(Value, frozen=True):
    """A field and the values that it takes; a value that is itself a list (tapes) is a tuple of texts."""

    name: str
    values: tuple[Scalar | tuple[str, ...], ...]


class Point(Value, frozen=True):
    """One run of the grid: the fields that were given, by name, in the order of their names."""

    order: tuple[tuple[str, Scalar], ...]
    world: tuple[tuple[str, Scalar | tuple[str, ...]], ...]


class Design(Value, frozen=True):
    """A study as it was written down.

    Attributes:
        markets: Grids that stand beside each other; each is (order axes, world axes).
        order, world: Axes that hold in all of them.
        compare: The field whose values are compared in pairs; empty = the strategy if it varies, else nothing.
        sample: Points kept of the grid; 0 = all.
        seed: Of the sample.
    """

    markets: tuple[tuple[tuple[Axis, ...], tuple[Axis, ...]], ...]
    order: tuple[Axis, ...] = ()
    world: tuple[Axis, ...] = ()
    compare: str = ""
    sample: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.sample >= 0, "sample", self.sample, ">= 0")
        require(bool(self.markets), "market", "none", "at least one")

    def points(self) -> list[Point]:
        """Return the runs, those of one market together, each once.

        Raises:
            InputError: A field is given twice, or the grid is too large.
        """
        found: dict[Point, None] = {}
        for order, world in self.markets:
            orders, worlds = _joined(order, self.order), _joined(world, self.world)
            count = 1
            for axis in (*orders, *worlds):
                count *= len(axis.values)
            require(len(found) + count <= MOST, "design", len(found) + count, f"a grid of at most {MOST:,} runs")
            names = [axis.name for axis in worlds]
            for drawn in itertools.product(*(axis.values for axis in worlds)):
                made = tuple(sorted(zip(names, drawn, strict=True)))
                for asked in itertools.product(*(axis.values for axis in orders)):
                    fields = tuple(sorted(zip((axis.name for axis in orders), asked, strict=True)))
                    found[Point(order=fields, world=made)] = None  # type: ignore[arg-type]
        every = list(found)
        if not self.sample or self.sample >= len(every):
            return every
        rank = sorted(range(len(every)), key=lambda i: self._draw(every[i]))
        return [every[i] for i in sorted(rank[: self.sample])]

    def _draw(self, point: Point) -> int:
        """Return a point's place in the draw: that of what twins share, so that a sample keeps them together."""
        compared = self.compare or "strategy"
        order = tuple(one for one in point.order if one[0] != compared)
        world = tuple(one for one in point.world if one[0] != compared)
        return random_word(self.seed, "design", content_hash(Point(order=order, world=world)))


def read_design(path: Path, order_fields: set[str], world_fields: set[str]) -> Design:
    """Return the design in a TOML or JSON file.

    Raises:
        InputError: It is neither, or says something that no run has.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("design", str(path), f"a file that can be read ({error.strerror})") from error
    try:
        said = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("design", str(path), f"TOML, or JSON in a file called .json: {error}") from error
    return parse_design(said, order_fields, world_fields)


def parse_design(said: Any, order_fields: set[str], world_fields: set[str]) -> Design:
    """Return the design that a mapping of tables names.

    Args:
        said: As read from TOML or JSON.
        order_fields: What an order may be given.
        world_fields: What a world may be given.

    Raises:
        InputError: A table or field is not one.
    """
    known = ("order", "world", "market", "compare", "sample", "seed")
    require(isinstance(said, Mapping), "design", said, "tables such as [order] and [world]")
    for name in said:
        require(name in known, "design", name, f"one of {', '.join(known)}")
    markets = said.get("market", [{}])
    markets = [markets] if isinstance(markets, Mapping) else markets
    require(isinstance(markets, list) and bool(markets), "market", markets, "a table, or several: [[market]]")
    parsed = []
    for number, one in enumerate(markets):
        where = f"market[{number}]"
        require(isinstance(one, Mapping), where, one, "a table")
        fields = {**one}
        if "tape" in fields:
            fields["tapes"] = fields.pop("tape")
        order = {name: value for name, value in fields.items() if name in order_fields}
        rest = {name: value for name, value in fields.items() if name not in order_fields}
        parsed.append((_axes(where, order, order_fields), _axes(where, rest, world_fields | order_fields)))
    require(isinstance(said.get("compare", ""), str), "compare", said.get("compare"), "the name of a field")
    for name in ("sample", "seed"):
        value = said.get(name, 0)
        require(isinstance(value, int) and not isinstance(value, bool), name, value, "a whole number")
    return Design(
        markets=tuple(parsed),
        order=_axes("order", said.get("order", {}), order_fields),
        world=_axes("world", said.get("world", {}), world_fields),
        compare=said.get("compare", ""),
        sample=said.get("sample", 0),
        seed=said.get("seed", 0),
    )


def _axes(where: str, table: Any, known: set[str]) -> tuple[Axis, ...]:
    """Return the axes that a table names."""
    require(isinstance(table, Mapping), where, table, "a table of fields")
    made = []
    for name, value in table.items():
        name = "tapes" if name == "tape" else name
        require(name in known, f"{where}.{name}", value, f"one of {', '.join(sorted(known))}")
        made.append(Axis(name=name, values=_values(f"{where}.{name}", name, value)))
    return tuple(sorted(made, key=lambda axis: axis.name))


def _values(where: str, name: str, value: Any) -> tuple[Scalar | tuple[str, ...], ...]:
    """Return what a field takes: itself, each of a list, or as many as ``{from, count}`` counts."""
    if name in PATHS:
        many = [value] if isinstance(value, str) else value
        good = isinstance(many, list) and all(isinstance(one, str) for one in many)
        require(good, where, value, "a path, or a list of those of one market")
        return (tuple(many),)
    if isinstance(value, Mapping):
        first, count = value.get("from", 0), value.get("count", 0)
        good = set(value) <= {"from", "count"} and isinstance(first, int) and isinstance(count, int)
        good = good and 0 < count <= MOST
        require(good, where, json.dumps(dict(value), default=str), f"{{from = 1, count = 20}}, the count 1 to {MOST:,}")
        return tuple(range(first, first + count))
    many = value if isinstance(value, list) else [value]
    good = bool(many) and all(isinstance(one, str | int | float | bool) for one in many)
    require(good, where, value, "a text, a number, true or false, or a list of them")
    return tuple(dict.fromkeys(many))


def _joined(one: tuple[Axis, ...], other: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Return the axes of a market with those that hold in all of them."""
    twice = {axis.name for axis in one} & {axis.name for axis in other}
    if twice:
        raise InputError(min(twice), "twice", "given once: in the market, or for all of them")
    return tuple(sorted((*one, *other), key=lambda axis: axis.name))
