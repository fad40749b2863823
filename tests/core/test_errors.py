"""Every error says what is wrong and what to do, apart; its text is the two in one sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from nowake.core import errors
from nowake.core.errors import (
    DataError,
    InputError,
    InvariantBroken,
    JournalCorrupt,
    JournalError,
    JournalUnwritable,
    NowakeError,
    Refused,
    VenueError,
    VenueRejected,
    VenueUnavailable,
)

SOURCES = sorted(Path(errors.__file__).parents[1].rglob("*.py"))
MADE = [
    (NowakeError("it broke", "mend it"), "it broke", "mend it"),
    (InputError("size", -1, "> 0", "give one"), "size must be > 0, was -1", "give one"),
    (DataError("a.csv", "is cut", line=3, remedy="load it again"), "a.csv, line 3: is cut", "load it again"),
    (Refused("too late", "start earlier"), "too late", "start earlier"),
    (VenueError("gone", "wait", child_id="c1"), "gone", "wait"),
    (VenueUnavailable("gone", child_id="c1"), "gone", ""),
    (VenueRejected("no"), "no", ""),
    (JournalError("a.db exists", "resume it"), "a.db exists", "resume it"),
    (JournalUnwritable("disk full", "free space"), "disk full", "free space"),
    (JournalCorrupt("damaged", "restore it"), "damaged", "restore it"),
]


def every_class() -> set[type]:
    found, waiting = set(), [NowakeError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return found


@pytest.mark.parametrize(("error", "reason", "remedy"), MADE, ids=lambda value: type(value).__name__)
def test_reason_and_remedy_are_apart(error: NowakeError, reason: str, remedy: str) -> None:
    assert (error.reason, error.remedy) == (reason, remedy)
    assert str(error) == (f"{reason}; {remedy}" if remedy else reason)


def test_a_broken_invariant_says_what_to_do() -> None:
    error = InvariantBroken("I1", "a unit is missing")
    assert error.reason == "invariant I1 broken: a unit is missing"
    assert error.remedy


def test_every_class_of_the_tree_is_held_to_this() -> None:
    assert {type(one) for one, _, _ in MADE} | {InvariantBroken} == every_class()


def test_long_and_odd_values_are_shown_in_part() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert len(str(InputError("size", "9" * 10_000_000, "a number"))) < 300
    assert "a value of type int" in str(InputError("size", 10**5000, "small"))
    assert "a value of type Odd" in str(InputError("size", Odd(), "a number"))


def raised(source: str) -> list[tuple[int, str]]:
    """Return line and text of the literal reasons in raised errors of the tree."""
    names = {kind.__name__ for kind in every_class()} - {"InputError", "DataError", "InvariantBroken"}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args:
            parts = [one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)]
            found.append((node.lineno, "".join(str(one) for one in parts)))
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_remedy_is_glued_to_a_reason(path: Path) -> None:
    assert [(line, text) for line, text in raised(path.read_text(encoding="utf-8")) if "; " in text] == []


def test_that_rule_sees_a_glued_remedy() -> None:
    assert raised('raise JournalError(f"{path} exists; name another")') == [(1, " exists; name another")]
