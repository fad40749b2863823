"""From paths to tapes: a path is a lake (or a file of one) or a recorded file that a reader knows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from nowake.core.errors import DataError
from nowake.core.instrument import Catalogue, Listing
from nowake.core.tape import Tape
from nowake.core.value import require
from nowake.data.build import join, relisted
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import FAULTS, CheckReport, check, require_sound
from nowake.data.lake import LakeFile, is_lake, lake_files, read_files
from nowake.data.listings import parse_listing
from nowake.data.readers import all_readers, mapped, reader_of
from nowake.data.readers.base import Progress, ReadOptions
from nowake.data.readers.mapping import Mapping
from nowake.data.readers.parts import fitting


def open_tapes(
    paths: Sequence[Path],
    symbol: str | None = None,
    catalogue: Catalogue | None = None,
    *,
    allow: Collection[str] = (),
    progress: Progress | None = None,
    mappings: Sequence[Mapping] = (),
    listing: str = "",
) -> tuple[Tape, ...]:
    """Return one tape a listing from lakes and recorded files.

    Files of one listing are one tape in time order; two listings are two tapes. Of a lake only the listing asked for
    is read.

    Args:
        paths: Lake folders, Parquet files of a lake, or recorded files.
        symbol: ``AMZN`` or ``AMZN@XNAS``; None = every listing found.
        catalogue: Where listings of recorded files are looked up; None = the shipped one.
        allow: Names of faults that do not refuse a tape, see ``checks.FAULTS``.
        progress: Told how far the reading is.
        mappings: Which column of a table holds what, see ``readers.mapping``.
        listing: What recorded files are of, see ``listings.parse_listing``; empty = what they say themselves. For a
            tape of a lake with the same key it takes the place of the listing that was recorded.

    Raises:
        InputError: The symbol fits no listing found, or several (they are named); or what was found is not of
            ``listing``.
        DataError: A path is missing, a file is unusable, or a tape is unsound.
    """
    if not paths:
        raise DataError("tape", "no path was given", remedy="name a lake folder or a recorded file")
    catalogue = catalogue or load_catalogue()
    told = parse_listing(listing, catalogue) if listing else None
    options = ReadOptions(catalogue=catalogue, listing=told, progress=progress, mappings=tuple(mappings))
    stored, tapes = _find_all([Path(path) for path in paths], options)
    known: dict[str, Listing] = {}
    for meta in [*(file.meta for files in stored for file in files), *(tape.meta for tape in tapes)]:
        known.setdefault(meta.listing.key, meta.listing)
    if told is not None:
        require(told.key in known, "listing", told.key, f"one of those found: {', '.join(known)}")
    if symbol is not None:
        held_by = ", ".join(dict.fromkeys(Path(path).name or str(path) for path in paths))
        known = {key: known[key] for key in [Catalogue(listings=tuple(known.values())).find(symbol, held_by).key]}
    for files in stored:
        tapes += read_files([file for file in files if file.meta.listing.key in known])
    joined = tuple(
        join([relisted(tape, told) if told and told.key == key else tape for tape in tapes if tape.listing.key == key])
        for key in known
    )
    for tape in joined:
        require_sound(tape, allow)
    return joined


def check_paths(
    paths: Sequence[Path],
    symbol: str | None = None,
    catalogue: Catalogue | None = None,
    *,
    progress: Progress | None = None,
    mappings: Sequence[Mapping] = (),
    listing: str = "",
) -> tuple[CheckReport, ...]:
    """Return the figures of every tape found at ``paths``; an unsound tape is reported, not refused.

    Raises:
        InputError: As ``open_tapes``.
        DataError: A path is missing or a file is unusable.
    """
    tapes = open_tapes(paths, symbol, catalogue, allow=FAULTS, progress=progress, mappings=mappings, listing=listing)
    return tuple(check(tape) for tape in tapes)


def _find_all(paths: list[Path], options: ReadOptions) -> tuple[list[list[LakeFile]], list[Tape]]:
    """Return the files of each of the lakes among the paths, not read yet, and the tapes of the recorded files.

    The recorded files of one reader are read together.
    """
    stored: list[list[LakeFile]] = []
    tapes: list[Tape] = []
    files: dict[str, list[Path]] = {}
    for path in dict.fromkeys(paths):
        if not path.exists():
            raise DataError(str(path), "there is no such file or folder", remedy="check the path")
        if path.is_dir() or is_lake(path):
            stored.append(lake_files(path))
        else:
            reader = mapped.READER if fitting(path, options.mappings) else reader_of(path)
            files.setdefault(reader.name, []).append(path)
    for index, (name, group) in enumerate(files.items()):
        tapes += all_readers()[name].read(group, options.part(index, len(files)))
    return stored, tapes
