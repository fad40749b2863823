"""TOML and JSON files that people write: read into plain tables, numbers exact."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from nowake.core.errors import DataError


def read_tables(path: Path, what: str) -> dict[str, Any]:
    """Return the tables in a TOML file, or a JSON file called ``.json``; numbers with a point are ``Decimal``.

    Args:
        path: Of the file.
        what: It should hold, for the refusal: "rules of a venue".

    Raises:
        DataError: It cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or no path at all
        why = getattr(error, "strerror", None) or error
        raise DataError(
            path.name or str(path), f"cannot be read as {what} ({why})", remedy="name a TOML or JSON file"
        ) from error
    form = "JSON" if path.suffix.lower() == ".json" else "TOML"
    try:
        found = json.loads(text, parse_float=Decimal) if form == "JSON" else tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:  # both decoders' errors are ValueErrors
        raise DataError(path.name, f"is not {form} ({error})", remedy="mend it") from error
    if not isinstance(found, dict):
        raise DataError(path.name, f"holds no names and values, so no {what}", remedy="write name: value pairs in {}")
    return found
