"""What ``tape imitate`` does: fit a queue-reactive book to a recorded market, and write markets made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
from nowake.sim.queue_reactive.shape import SHORT_NS, Shape, tape_shape

Row = tuple[str, str, str, str, str]

START_NS = 1_767_623_400 * NS_PER_SECOND
"""2026-01-05 14:30 UTC, where SYNTH begins too."""
LONGEST_NS = 72 * 3_600 * NS_PER_SECOND

Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Imitated:
    """A market made like a recorded one.

    Attributes:
        recorded: The tape it is like.
        seed: Of it.
        book: Fitted.
        tape: Made.
        figures: Of it.
        files: Of the lake that hold it.
    """

    recorded: Tape
    seed: int
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
    return Imitated(recorded, seed, book, tape, tape_figures(tape, book.tick), written)


def others(found: Imitated, seeds: int, told: Told | None = None) -> list[Figures]:
    """Return the figures of markets of other seeds, as long as the one that was made.

    Args:
        found: Made.
        seeds: How many.
        told: Hears how far it is.
    """
    made, first = [], int(found.tape.t_event[0])
    length_ns = max(int(found.tape.t_event[-1]) - first, 1)
    for k in range(seeds):
        tape = imitate(found.book, seed=found.seed + 1 + k, start_ns=START_NS, duration_ns=length_ns)
        made.append(tape_figures(tape, found.book.tick))
        if told is not None:
            told((k + 1) / seeds, f"{k + 1} of {seeds} other seeds")
    return made


def mean_ratios(found: Imitated, figures: Sequence[Figures]) -> tuple[tuple[float, float], ...]:
    """Return of each figure the mean over several markets, as part of the recorded, and its standard deviation.

    Of the volatility it is the root mean square, as within one market.
    """
    ratios = np.array([one.ratios(found.book.recorded) for one in figures])
    means = np.concatenate([ratios[:, :3].mean(axis=0), np.sqrt((ratios[:, 3:] ** 2).mean(axis=0))])
    spread = ratios.std(axis=0, ddof=1) if len(ratios) > 1 else np.zeros(len(FIGURES))
    return tuple(zip(means.tolist(), spread.tolist(), strict=True))


def rows(found: Imitated, figures: Sequence[Figures] = (), shapes: tuple[Shape, Shape] | None = None) -> list[Row]:
    """Return (figure, recorded, made, made / recorded, mean of other seeds / recorded) in words.

    Args:
        found: Made.
        figures: Of other seeds.
        shapes: Of the recorded and the made market: figures that nothing was calibrated to.
    """
    instrument, sample = found.book.listing.instrument, format_duration(found.book.recorded.sample_ns)
    unit = float(instrument.qty_unit)
    names = (
        ("mean spread, ticks", 1.0, "spread_ticks"),
        (f"touch depth, {instrument.base}", unit, "touch_qty"),
        (f"volume an hour, {instrument.base}", unit, "volume"),
        (f"volatility, ticks in {sample}", 1.0, "volatility"),
    )
    seen = [f"{mean:.3f} +- {sd:.3f}" for mean, sd in mean_ratios(found, figures)] if figures else [""] * 4
    made = []
    for (name, scale, field), other in zip(names, seen, strict=True):
        theirs, ours = (scale * getattr(one, field) for one in (found.book.recorded, found.figures))
        made.append((name, _number(theirs), _number(ours), f"{ours / theirs:.3f}", other))
    if shapes is None:
        return made
    for name, field in (
        ("prints an hour *", "prints"),
        ("moves of the mid an hour *", "mid_moves"),
        *([("volatility, ticks in 10s *", "short_volatility")] if found.book.recorded.sample_ns > SHORT_NS else []),
    ):
        theirs, ours = (float(getattr(one, field)) for one in shapes)
        made.append((name, _number(theirs), _number(ours), f"{ours / theirs:.3f}" if theirs else "-", ""))
    return made


def _number(value: float) -> str:
    """Return a number with four digits that count, or whole."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def shapes_of(found: Imitated) -> tuple[Shape, Shape]:
    """Return the shapes of the recorded and the made market."""
    tick, queues = found.book.tick, found.book.queues
    return tape_shape(found.recorded, tick, queues), tape_shape(found.tape, tick, queues)


def page(found: Imitated, made: Sequence[Row], shapes: tuple[Shape, Shape]) -> str:
    """Return a page that shows both markets."""
    from nowake.view.imitation import ImitationPage, Profile, imitation_page

    unit = float(found.book.listing.instrument.qty_unit)
    recorded, ours = (
        Profile(one.spreads.tolist(), [unit * size if size == size else None for size in one.depth.tolist()])
        for one in shapes
    )
    return imitation_page(
        ImitationPage(
            title=f"{found.tape.listing.key} like {found.recorded.listing.key}",
            fitted=found.book.card.text,
            rows=made,
            notes=found.book.card.warnings,
            recorded=recorded,
            made=ours,
            quantity_unit=found.book.listing.instrument.base,
        )
    )


def document(found: Imitated, lake: Path, figures: Sequence[Figures], shapes: tuple[Shape, Shape]) -> dict[str, Any]:
    """Return what ``tape imitate --json`` prints."""
    seen = mean_ratios(found, figures) if figures else ()
    plain = [
        {"prints_hour": one.prints, "mid_moves_hour": one.mid_moves, "ticks_in_10s": one.short_volatility}
        for one in shapes
    ]
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
        "other_seeds": {name: {"mean": m, "sd": sd} for name, (m, sd) in zip(FIGURES, seen, strict=False)},
        "not_calibrated": {"recorded": plain[0], "made": plain[1]},
        "card": builtins(found.book.card),
        "warnings": list(found.book.card.warnings),
    }
