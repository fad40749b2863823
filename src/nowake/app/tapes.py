"""What the ``tape`` commands do: import, describe, check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nowake.core.errors import DataError, InputError
from nowake.core.tape import Tape
from nowake.data import checks, listings
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import CheckReport
from nowake.data.lake import LakeEntry, is_lake, list_lake, require_fits, write_lake
from nowake.data.readers.base import Progress
from nowake.data.readers.mapping import parse_mapping, to_text
from nowake.data.source import open_tapes


@dataclass(frozen=True, slots=True)
class Files:
    """Recorded files and lakes as a person names them.

    Attributes:
        paths: Files and folders.
        symbol: One listing of several; None = all.
        catalogue: JSON file with further listings.
        mapping: Texts of ``--map``.
        listing: Text of ``--listing``.
    """

    paths: Sequence[Path]
    symbol: str | None = None
    catalogue: Path | None = None
    mapping: tuple[str, ...] = ()
    listing: str = ""

    def open(
        self, allow: tuple[str, ...], progress: Progress | None, paths: Sequence[Path] | None = None
    ) -> tuple[Tape, ...]:
        """Return the tapes of all the paths, or of some of them; see ``data.source.open_tapes``."""
        return open_tapes(
            self.paths if paths is None else paths,
            self.symbol,
            load_catalogue(self.catalogue),
            allow=allow,
            progress=progress,
            mappings=[one for text in self.mapping for one in parse_mapping(text)],
            listing=self.listing,
        )


def mapping_text(given: Sequence[str]) -> str:
    """Return the mappings that ``--map`` names as one text that holds all that their files say."""
    return to_text([one for text in given for one in parse_mapping(text)])


def listing_text(given: str) -> str:
    """Return what ``--listing`` names as a text that holds all that its file says."""
    return listings.listing_text(listings.parse_listing(given, load_catalogue())) if given else ""


Imported = list[tuple[Tape, tuple[Path, ...]]]


def import_tapes(
    files: Files,
    out: Path,
    allow: tuple[str, ...] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Read tapes and write them into a lake; return each with its files.

    Raises:
        InputError: The symbol fits no listing found, or a fault that is allowed is not one.
        DataError: A file is unusable or unsound, or the lake cannot take it.
    """
    if out.exists() and not out.is_dir():
        raise DataError(str(out), "is a file, not a folder", remedy="name a folder for the lake")
    made: Imported = []
    tapes = files.open(allow, progress)
    for tape in tapes:
        require_fits(tape, out, overwrite=overwrite)  # all of them, before any is written
    for tape in tapes:
        if progress is not None:
            progress(1.0, f"writing {tape.listing.key}")
        made.append((tape, write_lake(tape, out, overwrite=overwrite)))
    return made


def tape_info(files: Files, progress: Progress | None = None) -> tuple[list[LakeEntry], tuple[Tape, ...]]:
    """Return the days of the lakes among the paths, and the tapes of the recorded files.

    Raises:
        InputError: Nothing found is of the symbol.
        DataError: A path is missing or unusable.
    """
    lakes = [path for path in files.paths if path.is_dir() or (path.is_file() and is_lake(path))]
    others = [path for path in files.paths if path not in lakes]
    entries = [entry for path in lakes for entry in list_lake(path)]
    if files.symbol is not None:
        wanted = files.symbol.lower()
        entries = [e for e in entries if wanted in (e.listing.key.lower(), e.listing.instrument.symbol.lower())]
        if not entries and not others:
            raise InputError(
                "symbol", files.symbol, "a listing of the lake", "`nowake tape info` without it lists them"
            )
    return entries, files.open(checks.FAULTS, progress, others) if others else ()


def check_tapes(files: Files, progress: Progress | None = None) -> tuple[CheckReport, ...]:
    """Return the figures of every tape found; an unsound one is reported, not refused.

    Raises:
        InputError: The symbol fits no listing found.
        DataError: A file is unusable.
    """
    made = []
    for tape in files.open(checks.FAULTS, progress):
        if progress is not None:
            progress(1.0, f"checking {tape.listing.key}")
        made.append(checks.check(tape))
    return tuple(made)
