"""What the ``tape`` commands do: import, describe, check."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nowake.core.errors import DataError, InputError, NowakeError
from nowake.core.sessions import iso
from nowake.core.tape import KIND_MASK, Row, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace
from nowake.data import checks, listings
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import CheckReport
from nowake.data.lake import LakeEntry, is_lake, list_lake, require_fits, write_lake
from nowake.data.readers.base import Progress
from nowake.data.readers.mapping import parse_mapping, to_text
from nowake.data.source import open_tapes

EXAMPLE_WINDOWS = ("30m", "10m", "5m", "2m", "1m", "10s")
"""Lengths of an example order; the first that fits is proposed."""

EXAMPLE_PART = 0.01
"""Of the volume in its window that an example order trades."""

EXAMPLES_TRIED = 3
"""Tapes of an import for which an example is looked for."""


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


def example_order(tapes: Sequence[Tape], lake: Path) -> str:
    """Return a command that plans a small order on the first of some tapes that takes one, empty where none does.

    Every one is tried before it is proposed: what is printed works.
    """
    for tape in tapes[:EXAMPLES_TRIED]:
        for over in EXAMPLE_WINDOWS:
            try:
                return _example(tape, lake, over)
            except NowakeError:  # too long, too large, or no market at all: the next may do
                continue
    return ""


def _example(tape: Tape, lake: Path, over: str) -> str:
    """Return a command that plans a part of what trades in the first window of a length.

    Raises:
        NowakeError: It cannot be planned.
    """
    from nowake.app import wiring
    from nowake.app.request import OrderRequest

    key, instrument, lot = tape.listing.key, tape.listing.instrument, tape.listing.lot_units
    asked = OrderRequest(side="buy", quantity=f"{instrument.qty(lot):f}", symbol=key, over=over)
    options = wiring.RunOptions(tapes=(str(lake),))
    order = wiring.prepare(asked, options, tape=tape).order
    prints = np.isin(tape.code & KIND_MASK, [int(Row.TRADE), int(Row.FILL)])
    inside = prints & (tape.t_event >= order.start_ns) & (tape.t_event <= order.end_ns)
    lots = max(1, int(tape.qty[inside].sum(dtype=np.int64) * EXAMPLE_PART) // lot)
    # A lake may hold other days as well; the order arrives with the first book of its second.
    start = iso(order.start_ns // NS_PER_SECOND * NS_PER_SECOND)
    quantity = f"{instrument.qty(lots * lot).normalize():f}"
    wiring.plan(wiring.prepare(replace(asked, quantity=quantity, start=start), options, tape=tape))
    return shlex.join(["nowake", "plan", "buy", quantity, key, "--tape", str(lake), "--start", start, "--over", over])


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
