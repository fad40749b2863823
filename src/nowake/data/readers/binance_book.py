"""Binance messages -> rows: which updates the book may use, in which order, and the check against best quotes.

Binance's rules. A REST snapshot with id L is joined by the first update that ends at or after L (spot: after L) and
whose predecessor ended at or before L; from then on every update must name its predecessor (futures: ``pu``; spot:
``U`` - 1). Updates received before the snapshot that it does not contain are used when the snapshot arrives. Where
the chain breaks the book is gone: a GAP row, and no update until another snapshot joins.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nowake.core.tape import END, I64, KIND_MASK, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, U16, Book, Row
from nowake.data.build import Columns
from nowake.data.readers import binance_lines as lines
from nowake.data.readers.binance_lines import Messages
from nowake.data.readers.quotes import Prints, Quotes, merged_rows
from nowake.data.replay import replay

_ROWS, _GAP = 0, 1


@dataclass(slots=True)
class Emission:
    """What goes on the tape, in order: (k,) each.

    Attributes:
        message: Number of the message that gives the rows.
        at: Number of the message at whose receipt they are known; equal to ``message`` but for held-back updates.
        what: 0 = its rows, 1 = a GAP row in its place.
        gaps: Broken chains.
        buffered: Updates that no book could use.
        joined: Snapshots that an update or the end of the file joined.
    """

    message: I64
    at: I64
    what: I64
    gaps: int
    buffered: int
    joined: int


@dataclass(slots=True)
class _Plan:
    """Emission of book messages while it is being made: (message, at, rank, what)."""

    entries: list[tuple[I64, I64, int, int]] = field(default_factory=list)
    gaps: int = 0
    buffered: int = 0
    joined: int = 0

    def add(self, message: I64, at: I64, rank: int, what: int) -> None:
        """Add messages that share rank and what."""
        self.entries.append((message, at, rank, what))


def _plan_book(found: Messages, *, inclusive: bool) -> _Plan:
    """Return which book messages are used; ``inclusive`` = futures, whose first update may end at L itself."""
    plan = _Plan()
    updates = np.flatnonzero(found.kind == lines.DEPTH)
    snapshots = np.flatnonzero(found.kind == lines.SNAPSHOT).tolist()
    last, prev = found.last_id[updates], found.prev_id[updates]
    breaks = np.flatnonzero(prev[1:] != last[:-1]) + 1
    done, count = 0, len(updates)
    for snapshot in snapshots:
        if done and done <= count and plan.joined and (done == count or updates[done] > snapshot):
            continue  # the book is whole at this point: it needs no new start
        reached = last[done:] >= found.last_id[snapshot] + (0 if inclusive else 1)
        first = done + int(np.argmax(reached)) if reached.any() else count
        if first < count and prev[first] > found.last_id[snapshot]:
            continue  # too old: an update between it and the first one we hold is missing
        later = breaks[breaks > first]
        end = int(later[0]) if len(later) else count
        plan.joined += 1
        plan.buffered += first - done
        plan.add(np.array([snapshot]), np.array([snapshot]), 0, _ROWS)
        used = updates[first:end]
        plan.add(used, np.maximum(used, snapshot), 1, _ROWS)
        if end < count:
            plan.gaps += 1
            plan.add(updates[end : end + 1], np.maximum(updates[end : end + 1], snapshot), 1, _GAP)
        done = end
    plan.buffered += count - done
    return plan


def order_messages(found: Messages, *, inclusive: bool) -> Emission:
    """Return everything that goes on the tape, in receive order."""
    plan = _plan_book(found, inclusive=inclusive)
    others = np.flatnonzero((found.kind == lines.TRADE) | (found.kind == lines.QUOTE))
    plan.add(others, others, 0, _ROWS)
    message = np.concatenate([entry[0] for entry in plan.entries])
    at = np.concatenate([entry[1] for entry in plan.entries])
    rank = np.concatenate([np.full(len(entry[0]), entry[2]) for entry in plan.entries])
    what = np.concatenate([np.full(len(entry[0]), entry[3]) for entry in plan.entries])
    order = np.lexsort((message, rank, at))
    return Emission(message[order], at[order], what[order], plan.gaps, plan.buffered, plan.joined)


def build_rows(found: Messages, emission: Emission) -> tuple[Columns, I64]:
    """Return the rows, and for each emitted message the number of its last row (-1 before the first row).

    The event time of messages that state none (spot best quotes and snapshots) is their receive time less the
    clock offset: the latest it can have been.
    """
    kind = found.kind[emission.message]
    is_gap = emission.what == _GAP
    extra = ((kind == lines.SNAPSHOT) & ~is_gap).astype(np.int64)
    size = np.where(is_gap, 1, found.count[emission.message] + extra)
    ends = np.cumsum(size)
    owner = np.repeat(np.arange(len(size)), size)
    place = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - size, size) - extra[owner]
    plain = (place >= 0) & ~is_gap[owner]
    level = np.where(plain, found.start[emission.message][owner] + place, 0)
    price, qty = np.where(plain, found.price[level], 0), np.where(plain, found.qty[level], 0)
    code = np.where(
        plain, _codes(kind)[owner] | found.side[level].astype(np.uint16) << SIDE_SHIFT, _bare(is_gap)[owner]
    )
    code[ends[size > 0] - 1] |= END
    recv, event = found.recv[emission.at], found.event[emission.message]
    stated = event > 0
    offset = int((recv - event)[stated].min()) if stated.any() else 0
    event = np.where(stated, event, recv - offset)
    return Columns(event[owner], code.astype(np.uint16), price, qty, t_recv=recv[owner]), ends - 1


def best_quotes_as_levels(rows: Columns) -> Columns:
    """Return rows whose best quotes are a book of one level (``quotes``), where a recording has no other book.

    Beside a book they only check it, and stay what they are.
    """
    kind, side = rows.code & KIND_MASK, ((rows.code & SIDE_MASK) >> SIDE_SHIFT).astype(np.int64)
    bid, ask = (np.flatnonzero((kind == Row.QUOTE) & (side == one)) for one in (Book.BID, Book.ASK))
    if not len(bid) or not np.isin(kind, (Row.QUOTE, Row.TRADE)).all():
        return rows
    price, qty, trades = np.where(rows.qty > 0, rows.price, 0), rows.qty, kind == Row.TRADE
    return merged_rows(
        Quotes(rows.t_event[bid], price[bid], qty[bid], price[ask], qty[ask], rows.t_recv[bid]),
        Prints(
            rows.t_event[trades], price[trades], qty[trades], side[trades],
            np.zeros(np.count_nonzero(trades), dtype=np.bool_), rows.t_recv[trades],
        ),
    )  # fmt: skip


def _codes(kind: lines.U8) -> U16:
    """Return the code of ordinary rows by kind of message, side left out."""
    table = np.zeros(256, dtype=np.uint16)
    table[lines.DEPTH] = Row.SET
    table[lines.SNAPSHOT] = Row.SET | SNAPSHOT
    table[lines.TRADE] = Row.TRADE
    table[lines.QUOTE] = Row.QUOTE
    return table[kind]


def _bare(is_gap: lines.U8) -> U16:
    """Return the code of rows that carry no level: GAP, or the CLEAR that opens a snapshot."""
    return np.where(is_gap, np.uint16(Row.GAP), np.uint16(Row.CLEAR | SNAPSHOT))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rebuilt book held against the best quotes."""

    compared: int
    mismatched: int
    crossed: int
    locked: int


def compare_with_quotes(found: Messages, emission: Emission, columns: Columns, last_row: I64) -> Comparison:
    """Hold the rebuilt touch after each update whose last id is a best quote's id too against that quote."""
    quotes = np.flatnonzero(found.kind == lines.QUOTE)
    quotes = quotes[np.argsort(found.last_id[quotes], kind="stable")]
    used = np.flatnonzero((found.kind[emission.message] == lines.DEPTH) & (emission.what == _ROWS))
    ids = found.last_id[emission.message[used]]
    spot = np.searchsorted(found.last_id[quotes], ids)
    same = spot < len(quotes)
    same[same] = found.last_id[quotes[spot[same]]] == ids[same]
    marks, rows = last_row[used[same]], found.start[quotes[spot[same]]]
    touch, counts, _ = replay(columns.code, columns.price, columns.qty, marks)
    stated = np.column_stack([found.price[rows], found.qty[rows], found.price[rows + 1], found.qty[rows + 1]])
    wrong = int(np.count_nonzero((touch != stated).any(axis=1)))
    return Comparison(len(marks), wrong, int(counts[0]), int(counts[1]))
