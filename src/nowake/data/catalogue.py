"""The listings we know: ``catalogue.json``, or a file of the user's own in the same form."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nowake.core.errors import DataError
from nowake.core.instrument import Catalogue
from nowake.core.value import from_json


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Return the catalogue that ships with the package, with the listings in ``path`` added or overriding.

    Args:
        path: A JSON file ``{"listings": [...]}`` in the form of the shipped one; None = the shipped one alone.

    Raises:
        DataError: The file is missing or is not a catalogue.
    """
    shipped = from_json(resources.files("nowake.data").joinpath("catalogue.json").read_bytes(), Catalogue)
    if path is None:
        return shipped
    try:
        own = from_json(path.read_bytes(), Catalogue)
    except OSError as error:
        raise DataError(path.name, f"cannot be read ({error.strerror})", remedy="give a catalogue file") from error
    except ValueError as error:
        raise DataError(
            path.name, f"is not a catalogue: {error}", remedy="compare it with docs/how-to/listings-and-venue-rules.md"
        ) from error
    return shipped.with_listings(own.listings)
