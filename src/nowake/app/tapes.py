"""What the ``tape`` commands do: import, describe, check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nowake.core.errors import DataError, InputError
from nowake.core.tape import Tape
from nowake.data import checks
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import CheckReport
from nowake.data.lake import LakeEntry, is_lake, list_lake, write_lake
from nowake.data.readers.base import Progress
from nowake.data.source import open_tapes

Imported = list[tuple[Tape, tuple[Path, ...]]]


def import_tapes(
    paths: Sequence[Path],
    out: Path,
    symbol: str | None = None,
    allow: tuple[str, ...] = (),
    catalogue: Path | None = None,
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
    tapes = open_tapes(paths, symbol, load_catalogue(catalogue), allow=allow, progress=progress)
    made: Imported = []
    for tape in tapes:
        if progress is not None:
            progress(1.0, f"writing {tape.listing.key}")
        made.append((tape, write_lake(tape, out, overwrite=overwrite)))
    return made


def tape_info(
    paths: Sequence[Path], symbol: str | None = None, catalogue: Path | None = None, progress: Progress | None = None
) -> tuple[list[LakeEntry], tuple[Tape, ...]]:
    """Return the days of the lakes among ``paths``, and the tapes of the recorded files.

    Raises:
        InputError: Nothing found is of the symbol.
        DataError: A path is missing or unusable.
    """
    lakes = [path for path in paths if path.is_dir() or (path.is_file() and is_lake(path))]
    files = [path for path in paths if path not in lakes]
    entries = [entry for path in lakes for entry in list_lake(path)]
    if symbol is not None:
        wanted = symbol.lower()
        entries = [e for e in entries if wanted in (e.listing.key.lower(), e.listing.instrument.symbol.lower())]
        if not entries and not files:
            raise InputError("symbol", symbol, "a listing of the lake", "`nowake tape info` without it lists them")
    if not files:
        return entries, ()
    return entries, open_tapes(files, symbol, load_catalogue(catalogue), allow=checks.FAULTS, progress=progress)


def check_tapes(
    paths: Sequence[Path], symbol: str | None = None, catalogue: Path | None = None, progress: Progress | None = None
) -> tuple[CheckReport, ...]:
    """Return the figures of every tape found; an unsound one is reported, not refused.

    Raises:
        InputError: The symbol fits no listing found.
        DataError: A file is unusable.
    """
    tapes = open_tapes(paths, symbol, load_catalogue(catalogue), allow=checks.FAULTS, progress=progress)
    made = []
    for tape in tapes:
        if progress is not None:
            progress(1.0, f"checking {tape.listing.key}")
        made.append(checks.check(tape))
    return tuple(made)
