"""Trading hours by name, from the tables in ``session_tables/`` (made by ``tools/make_session_tables.py``)."""

from __future__ import annotations

from functools import cache
from importlib import resources

from nowake.core.errors import InputError
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.value import from_json


def session_names() -> tuple[str, ...]:
    """Return the names ``session`` knows."""
    folder = resources.files("nowake.data").joinpath("session_tables")
    files = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json"))
    return (ALWAYS_OPEN.name, *(name.removesuffix(".json") for name in files))


@cache
def session(name: str) -> Session:
    """Return the trading hours called ``name``, one of ``session_names()``.

    Raises:
        InputError: There is no such table.
    """
    if name == ALWAYS_OPEN.name:
        return ALWAYS_OPEN
    if name not in session_names():
        raise InputError("session", name, f"one of {', '.join(session_names())}")
    table = resources.files("nowake.data").joinpath("session_tables", f"{name}.json")
    return from_json(table.read_bytes(), Session)
