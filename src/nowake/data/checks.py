"""What is wrong with a tape: figures for people, and the refusal of an unsound one.

Rows, prints, crossings and times are counted on the tape itself. What needs the source (lines, quarantine, gaps,
compared, seeded, mismatched) was counted by the reader and travels in the metadata, so that a tape from the lake
reports what its source reported.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from nowake.core.errors import DataError, InputError
from nowake.core.sessions import iso
from nowake.core.tape import HIDDEN, I64, KIND_MASK, OFF_EXCHANGE, U16, Row, Tape
from nowake.core.value import Value

FAULTS = ("quarantined", "gaps", "crossed", "disordered", "mismatched")
"""What refuses a tape unless allowed by name."""

CROSSED_PART_MAX = 0.01
"""The best quote of many venues crosses for moments; a larger part of its updates is a damaged recording."""

QUARANTINED_PART_MAX = 0.01
"""A larger part of bad lines is not a blemish but another format, or noise."""


class CheckReport(Value, frozen=True):
    """The figures of one tape.

    Attributes:
        listing: Its key.
        source: File names in words.
        content_hash: Identity of the tape.
        rows, lines: Of the tape, and of the source.
        quarantined, quarantined_lines: Bad lines left out, and the numbers of the first of them.
        gaps: Places where messages are missing.
        crossed, locked: Complete messages after which the book is so, but for halts.
        compared, seeded, mismatched: Book values held against the source's own, see ``core.tape.Figures``.
        buffered, skipped: Messages left out, see ``core.tape.Figures``.
        undecided: Messages whose effect the source does not say.
        disordered: Places where a source that keeps one clock goes back in event time by more than a second.
        overtaken: Rows that took more from a level than it held.
        clock_offset_ms: Recorder clock - venue clock, estimated; 0 without receive times.
        latency_ms_max: Longest corrected latency, event to receipt.
        latency_ms_min: Shortest; never negative.
        first, last: ISO times of the earliest and the latest event.
        silence_s_max: Longest time between two rows as received.
        backward: Rows whose event time is before that of the row above (normal between streams).
        duplicates: Prints equal to the print above in every column.
        prints, hidden: Prints, and those of hidden liquidity.
        volume: Printed quantity, human units of the instrument as text.
        vwap: Volume-weighted mean price of the prints, as text; empty without prints.
        off_exchange: Prints made away from every displayed book.
        volume_base: What the volume counts.
        modelled: How the market was made where none was recorded; empty = recorded.
        faults: Names of the faults found, see ``FAULTS``.
        strays: Rows that do not fit the book order by order: an id added twice, more taken off than stands there.
        executions: Executions of resting orders that were seen to come (order-by-order sources).
        first_in_queue: Of these, those that met the first at its price: price-time priority, as the data shows it.
    """

    listing: str
    source: str
    content_hash: str
    rows: int
    lines: int
    quarantined: int
    quarantined_lines: tuple[int, ...]
    gaps: int
    crossed: int
    locked: int
    compared: int
    seeded: int
    mismatched: int
    buffered: int
    skipped: int
    undecided: int
    disordered: int
    overtaken: int
    clock_offset_ms: float
    latency_ms_min: float
    latency_ms_max: float
    first: str
    last: str
    silence_s_max: float
    backward: int
    duplicates: int
    prints: int
    hidden: int
    volume: str
    vwap: str
    volume_base: str
    faults: tuple[str, ...]
    off_exchange: int = 0
    modelled: str = ""
    strays: int = 0
    executions: int = 0
    first_in_queue: int = 0


def check(tape: Tape) -> CheckReport:
    """Return the figures of a tape; it is never refused here."""
    from nowake.data.replay import book_counts

    price, qty = tape.prices(), tape.qty.astype(np.int64)
    crossed, locked, overtaken = book_counts(tape.code, price, qty)
    local, latency = tape.t_local(), tape.t_local() - tape.t_event
    figures, meta = tape.meta.figures, tape.meta
    kinds = tape.code & np.uint16(KIND_MASK)
    return CheckReport(
        listing=tape.listing.key,
        source=meta.source,
        content_hash=meta.content_hash,
        rows=len(tape),
        lines=figures.lines,
        quarantined=meta.quarantined,
        quarantined_lines=figures.quarantined_lines,
        gaps=max(figures.gaps, int(np.count_nonzero(kinds == Row.GAP))),
        crossed=crossed,
        locked=locked,
        compared=figures.compared,
        seeded=figures.seeded,
        mismatched=figures.mismatched,
        buffered=figures.buffered,
        skipped=figures.skipped,
        undecided=figures.undecided,
        disordered=figures.disordered,
        overtaken=overtaken,
        clock_offset_ms=meta.clock_offset_ns / 1e6,
        latency_ms_min=int(latency.min()) / 1e6,
        latency_ms_max=int(latency.max()) / 1e6,
        first=iso(int(tape.t_event.min())),
        last=iso(int(tape.t_event.max())),
        silence_s_max=int(np.diff(local).max(initial=0)) / 1e9,
        backward=int(np.count_nonzero(np.diff(tape.t_event) < 0)),
        faults=faults_of(tape),
        modelled=meta.modelled,
        **_prints(tape, price, qty, kinds),
        **_queues(tape),
    )


def _prints(tape: Tape, price: I64, qty: I64, kinds: U16) -> dict[str, Any]:
    """Return the fields of the report that count prints."""
    is_print = (kinds == Row.TRADE) | (kinds == Row.FILL)
    p, q, t = price[is_print], qty[is_print], tape.t_event[is_print]
    columns = [p, q, t, tape.code[is_print].astype(np.int64)]
    if len(tape.order_id):
        columns.append(tape.order_id[is_print])
    same = np.ones(max(len(p) - 1, 0), dtype=np.bool_)
    for column in columns:
        same &= np.diff(column) == 0
    total = int(q.sum())
    # Python integers: price x quantity of a long tape can pass 64 bits.
    notional = sum(int(a) * int(b) for a, b in zip(*_by_price(p, q), strict=True))
    mean = tape.listing.instrument.price_unit * notional / total if total else None
    return {
        "prints": len(p),
        "hidden": int(np.count_nonzero(tape.code[is_print] & HIDDEN)),
        "duplicates": int(np.count_nonzero(same)),
        "volume": format(tape.listing.instrument.qty(total), "f"),
        "vwap": "" if mean is None else format(round(mean, 10).normalize(), "f"),
        "off_exchange": int(np.count_nonzero(tape.code[is_print] & OFF_EXCHANGE)),
        "volume_base": tape.listing.volume_base,
    }


def _queues(tape: Tape) -> dict[str, Any]:
    """Return the fields of the report that an order-by-order tape has: whether its queues are served in order."""
    if not len(tape.order_id):
        return {}
    from nowake.market.book_l3 import OrderBook

    book = OrderBook()
    book.run(tape, 0, len(tape))
    known, first = book.executions
    return {"strays": book.strays, "executions": known, "first_in_queue": first}


def _by_price(price: I64, qty: I64) -> tuple[I64, I64]:
    """Return distinct prices and the quantity printed at each."""
    prices, place = np.unique(price, return_inverse=True)
    sums = np.zeros(len(prices), dtype=np.int64)
    np.add.at(sums, place, qty)
    return prices, sums


def faults_of(tape: Tape) -> tuple[str, ...]:
    """Return the names of the faults that the tape's metadata states, in the order of ``FAULTS``."""
    figures, lines = tape.meta.figures, max(tape.meta.figures.lines, 1)
    found = {
        "quarantined": tape.meta.quarantined > QUARANTINED_PART_MAX * lines,
        "gaps": figures.gaps > 0,
        "crossed": figures.crossed > (CROSSED_PART_MAX * lines if tape.meta.consolidated else 0),
        "disordered": figures.disordered > 0,
        "mismatched": figures.mismatched > 0,
    }
    return tuple(name for name in FAULTS if found[name])


def allowed(names: Collection[str]) -> tuple[str, ...]:
    """Return faults that shall not refuse a tape, in small letters.

    Raises:
        InputError: A name is not one of ``FAULTS``.
    """
    small = tuple(name.strip().lower() for name in names)
    unknown = sorted(set(small) - set(FAULTS))
    if unknown:
        raise InputError("allow", ", ".join(unknown), f"of {', '.join(FAULTS)}")
    return small


def require_sound(tape: Tape, allow: Collection[str] = ()) -> None:
    """Raise unless the tape has no fault, or only faults allowed by name.

    Raises:
        InputError: A name in ``allow`` is not a fault.
        DataError: The tape is unsound.
    """
    accepted = allowed(allow)
    bad = [name for name in faults_of(tape) if name not in accepted]
    if bad:
        figures = tape.meta.figures
        numbers = {**{name: getattr(figures, name, 0) for name in FAULTS}, "quarantined": tape.meta.quarantined}
        said = ", ".join(f"{numbers[name]} {name}" for name in bad)
        raise DataError(
            tape.meta.source,
            f"the tape of {tape.listing.key} is unsound ({said})",
            remedy=" ".join(f"--allow {name}" for name in bad) + " uses it all the same",
        )
