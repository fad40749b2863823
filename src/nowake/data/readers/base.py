"""What a reader is: the contract between ``readers`` and everything that opens recorded files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from nowake.core.errors import DataError
from nowake.core.instrument import Catalogue, Listing
from nowake.core.tape import Tape
from nowake.data.build import Flags
from nowake.data.catalogue import load_catalogue
from nowake.data.readers.mapping import Mapping

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and what is being done."""

LINE_BYTES_MAX = 4 * 1024 * 1024
"""A longer line is a bad line: the longest honest one, a book snapshot of 5,000 levels a side, has 0.4 MB."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader may be told.

    Attributes:
        catalogue: Where listings are looked up.
        listing: Overrides the lookup.
        progress: Told how far the reading is; None = nobody listens.
        mappings: Which column of a table holds what; the first that fits a file is its own.
    """

    catalogue: Catalogue = field(default_factory=load_catalogue)
    listing: Listing | None = None
    progress: Progress | None = None
    mappings: tuple[Mapping, ...] = ()

    def part(self, index: int, count: int) -> ReadOptions:
        """Return the options for piece ``index`` (0-based) of ``count``: its progress fills its share of the whole."""
        outer = self.progress
        if outer is None:
            return self
        return replace(self, progress=lambda done, what: outer((index + done) / count, what))

    def tell(self, fraction: float, what: str) -> None:
        """Report progress to whoever listens."""
        if self.progress is not None:
            self.progress(fraction, what)


@dataclass(frozen=True, slots=True)
class Reader:
    """One recorded format. ``read`` takes the files of one or several listings and gives one tape a listing.

    Attributes:
        name: As users write it.
        version: Raised when the same file gives other rows; part of the tape's metadata.
        sniff: Says from name and first bytes whether a file is of this format; never raises for a readable file.
        read: Files that ``sniff`` accepts, and options, to tapes in time order of their first rows.
    """

    name: str
    version: int
    sniff: Callable[[Path], bool]
    read: Callable[[Sequence[Path], ReadOptions], tuple[Tape, ...]]

    @property
    def label(self) -> str:
        """Return name and version, ``lobster/1``."""
        return f"{self.name}/{self.version}"


def first_bytes(path: Path, count: int = 4096) -> bytes:
    """Return the first bytes of a file, empty when there are none.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise DataError(path.name, f"cannot be read ({error.strerror})", remedy="check the path") from error


def bad_lines(ok: Flags, most: int) -> tuple[int, ...]:
    """Return the 1-based numbers of the first ``most`` rows that are not ok."""
    return tuple(int(i) + 1 for i in np.flatnonzero(~ok)[:most])
