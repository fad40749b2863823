"""From paths to tapes: a path is a lake (or a file of one) or a recorded file that a reader knows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from nowake.core.errors import DataError
from nowake.core.instrument import Catalogue
from nowake.core.tape import Tape
from nowake.core.value import require
from nowake.data.build import join, relisted
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import FAULTS, CheckReport, check, require_sound
from nowake.data.lake import is_lake, read_lake
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

    Files of one listing are one tape in time order; two listings are two tapes.

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
    tapes = _read_all([Path(path) for path in paths], options)
    if told is not None:
        found = ", ".join(dict.fromkeys(tape.listing.key for tape in tapes))
        require(
            any(tape.listing.key == told.key for tape in tapes), "listing", told.key, f"one of those found: {found}"
        )
        tapes = [relisted(tape, told) if tape.listing.key == told.key else tape for tape in tapes]
    by_key: dict[str, list[Tape]] = {}
    for tape in tapes:
        by_key.setdefault(tape.listing.key, []).append(tape)
    if symbol is not None:
        listings = tuple(same[0].listing for same in by_key.values())
        wanted = Catalogue(listings=listings).find(symbol).key
        by_key = {wanted: by_key[wanted]}
    joined = tuple(join(same) for same in by_key.values())
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


def _read_all(paths: list[Path], options: ReadOptions) -> list[Tape]:
    """Return the tapes of every path; the files of one reader are read together."""
    tapes: list[Tape] = []
    files: dict[str, list[Path]] = {}
    for path in dict.fromkeys(paths):
        if not path.exists():
            raise DataError(str(path), "there is no such file or folder", remedy="check the path")
        if path.is_dir() or is_lake(path):
            tapes += read_lake(path)
        else:
            reader = mapped.READER if fitting(path, options.mappings) else reader_of(path)
            files.setdefault(reader.name, []).append(path)
    for index, (name, group) in enumerate(files.items()):
        tapes += all_readers()[name].read(group, options.part(index, len(files)))
    return tapes
