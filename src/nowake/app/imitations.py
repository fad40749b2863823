"""What ``tape imitate`` does: fit a queue-reactive book to a recorded market, and write markets made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nowake.app.documents import builtins
from nowake.app.tapes import Files
from nowake.core.errors import InputError
from nowake.core.tape import Tape
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.core.value import require
from nowake.data.lake import require_fits, write_lake
from nowake.sim.queue_reactive import (
    FIGURES,
    Figures,
    QueueReactiveBook,
    calibrated,
    counted_book,
    imitate,
    tape_figures,
)

START_NS = 1_767_623_400 * NS_PER_SECOND
"""2026-01-05 14:30 UTC, where SYNTH begins too."""
LONGEST_NS = 72 * 3_600 * NS_PER_SECOND

Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Imitated:
    """A market made like a recorded one.

    Attributes:
        recorded: The tape it is like.
        book: Fitted.
        tape: Made.
        figures: Of it.
        files: Of the lake that hold it.
    """

    recorded: Tape
    book: QueueReactiveBook
    tape: Tape
    figures: Figures
    files: tuple[Path, ...]


def one_tape(files: Files, allow: tuple[str, ...], told: Told | None) -> Tape:
    """Return the one tape that files hold.

    Raises:
        InputError: They hold several listings.
    """
    found = files.open(allow, told)
    if len(found) != 1:
        names = ", ".join(tape.listing.key for tape in found)
        raise InputError("symbol", files.symbol or "not given", "one listing", f"say which: {names}")
    return found[0]


def fitted_book(tape: Tape, queues: int = 0, told: Told | None = None) -> QueueReactiveBook:
    """Return a book fitted to a tape and calibrated; see ``sim.queue_reactive``."""
    if told is not None:
        told(0.0, f"counting what happens to the book of {tape.listing.key}")
    return calibrated(counted_book(tape, queues=queues), told)


def imitate_tape(
    files: Files,
    out: Path,
    *,
    seed: int = 1,
    duration_ns: int = 0,
    queues: int = 0,
    allow: tuple[str, ...] = (),
    overwrite: bool = False,
    told: Told | None = None,
) -> Imitated:
    """Fit a book to a recorded market, and write a market made of it into a lake.

    Args:
        files: One listing.
        out: Folder of the lake.
        seed: Of what is made.
        duration_ns: Of what is made; 0 = the market time of the recorded.
        queues: Distances a side; 0 = by what was in sight.
        allow: Faults of the recorded tape that do not refuse it.
        overwrite: Replace what the lake holds of the day.
        told: Hears how far it is.

    Raises:
        InputError: An argument is not what it must be.
        Refused: There is no book, or too little happens to it.
        DataError: A file is unusable, or the lake cannot take it.
    """
    rule = f"at most {format_duration(LONGEST_NS)}"
    require(0 <= duration_ns <= LONGEST_NS, "over", format_duration(duration_ns), rule)
    require(0 <= seed < 2**63, "seed", seed, "at least 0 and below 2**63")
    recorded = one_tape(files, allow, told)
    book = fitted_book(recorded, queues, told)
    length_ns = duration_ns or min(round(book.recorded.seconds * NS_PER_SECOND), LONGEST_NS)
    tape = imitate(book, seed=seed, start_ns=START_NS, duration_ns=length_ns)
    require_fits(tape, out, overwrite=overwrite)
    written = write_lake(tape, out, overwrite=overwrite)
    return Imitated(recorded, book, tape, tape_figures(tape, book.tick), written)


def compared(found: Imitated) -> list[tuple[str, str, str, str]]:
    """Return (figure, recorded, made, made / recorded) in words."""
    book, made = found.book, found.figures
    instrument = book.listing.instrument
    sample = format_duration(book.recorded.sample_ns)
    units = ("ticks", instrument.base, f"{instrument.base} an hour", f"ticks in {sample}, root mean square")
    rows = []
    for name, unit, ratio, field in zip(
        FIGURES, units, made.ratios(book.recorded), ("spread_ticks", "touch_qty", "volume", "volatility"), strict=True
    ):
        scale = float(instrument.qty_unit) if field in ("touch_qty", "volume") else 1.0
        theirs, ours = (scale * getattr(one, field) for one in (book.recorded, made))
        rows.append((f"{name}, {unit}", f"{theirs:,.4g}", f"{ours:,.4g}", f"{ratio:.3f}"))
    return rows


def document(found: Imitated, lake: Path) -> dict[str, Any]:
    """Return what ``tape imitate --json`` prints."""
    return {
        "schema": "nowake/tape-imitate/1",
        "status": "ok",
        "lake": str(lake),
        "listing": found.tape.listing.key,
        "like": found.recorded.listing.key,
        "source": found.tape.meta.source,
        "rows": len(found.tape),
        "content_hash": found.tape.meta.content_hash,
        "files": [str(path) for path in found.files],
        "recorded": builtins(found.book.recorded),
        "made": builtins(found.figures),
        "ratios": dict(zip(FIGURES, found.figures.ratios(found.book.recorded), strict=True)),
        "card": builtins(found.book.card),
        "warnings": list(found.book.card.warnings),
    }
