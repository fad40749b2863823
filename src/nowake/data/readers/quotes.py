"""Best quotes and prints of one listing, merged on one clock into the rows of a tape.

The quote is a book of one level: what moves is told by SET rows, END after each update. A level that the touch leaves
behind is still there, and one that it falls back to was there before, so those rows are SEEDED: they entered or left
the recorded window and are no events of the market. An update that changes nothing is kept as one row: the feed lives.

At one and the same instant the prints come first: a print and the quote that it moved carry the same stamp when clocks
tick in milliseconds, and a print must meet the quote that was there before it. A print has a side only where the source
states one (``market.microstructure.trades`` signs the others by the quotes). What a tape has no column for is left out:
the venue letters of quotes and prints, and sale conditions; of the letters only "made off exchange" stays, as a flag.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nowake.core.tape import END, I64, OFF_EXCHANGE, SEEDED, SNAPSHOT, U16, Book, Row, row_code
from nowake.data.build import NO_ROWS, Columns, Flags

BID_SET, ASK_SET = row_code(Row.SET, Book.BID), row_code(Row.SET, Book.ASK)
_SLOTS = 4


@dataclass(frozen=True, slots=True)
class Quotes:
    """Updates of a best quote in time order, (n,) each; price and quantity units, 0 = that side is empty.

    Attributes:
        t: UTC ns.
        bid, bid_qty, ask, ask_qty: The quote from then on.
        recv: Receive time, length 0 when the source has none.
    """

    t: I64
    bid: I64
    bid_qty: I64
    ask: I64
    ask_qty: I64
    recv: I64 = field(default_factory=lambda: NO_ROWS)


@dataclass(frozen=True, slots=True)
class Prints:
    """Prints in time order, (m,) each; price and quantity units.

    Attributes:
        t: UTC ns.
        price, qty: Both > 0.
        side: ``Book`` number of the aggressor, NONE = not stated.
        off_exchange: Whether it was made away from every displayed book.
        recv: Receive time, length 0 when the source has none.
    """

    t: I64
    price: I64
    qty: I64
    side: I64
    off_exchange: Flags
    recv: I64 = field(default_factory=lambda: NO_ROWS)


NO_QUOTES = Quotes(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS)
NO_PRINTS = Prints(NO_ROWS, NO_ROWS, NO_ROWS, NO_ROWS, np.empty(0, dtype=np.bool_))


def merged_rows(quotes: Quotes, prints: Prints) -> Columns:
    """Return the rows of both, in time order, prints before quotes of the same instant; see ``with_prints``."""
    index, code, price, qty = quote_rows(quotes)
    recv = quotes.recv[index] if len(quotes.recv) else NO_ROWS
    return with_prints(Columns(quotes.t[index], code, price, qty, recv), prints)


def with_prints(book: Columns, prints: Prints) -> Columns:
    """Return the rows of a book and the prints, in time order, prints before book rows of the same instant.

    Receive times are kept where both have them (or there is only one of the two), and they are the clock then.
    """
    clocked = len(book.t_recv) == len(book.t_event) and len(prints.recv) == len(prints.t)
    off = np.where(prints.off_exchange, OFF_EXCHANGE, 0)
    print_code = row_code(Row.TRADE, Book.NONE, END) | prints.side << 4 | off
    first, second = (prints.recv, book.t_recv) if clocked else (prints.t, book.t_event)
    clock = np.concatenate([first, second])  # prints first: the sort is stable
    order = np.argsort(clock, kind="stable")
    return Columns(
        np.concatenate([prints.t, book.t_event])[order],
        np.concatenate([print_code.astype(np.uint16), book.code])[order],
        np.concatenate([prints.price, book.price])[order],
        np.concatenate([prints.qty, book.qty])[order],
        t_recv=clock[order] if clocked else NO_ROWS,
    )


def quote_rows(quotes: Quotes) -> tuple[I64, U16, I64, I64]:
    """Return ``(update, code, price, qty)`` of every row, (k,) each; the first update is a snapshot after a CLEAR."""
    n = len(quotes.t)
    if not n:
        return NO_ROWS, np.empty(0, dtype=np.uint16), NO_ROWS, NO_ROWS
    there = np.zeros((n, _SLOTS), dtype=np.bool_)
    code = np.zeros((n, _SLOTS), dtype=np.int64)
    price, qty = np.zeros((n, _SLOTS), dtype=np.int64), np.zeros((n, _SLOTS), dtype=np.int64)
    sides = ((quotes.bid, quotes.bid_qty, 1, BID_SET), (quotes.ask, quotes.ask_qty, -1, ASK_SET))
    for k, (new, new_qty, sign, kind) in enumerate(sides):
        old, old_qty = np.concatenate([[0], new[:-1]]), np.concatenate([[0], new_qty[:-1]])
        moved = new != old
        better = moved & (old > 0) & (new > 0) & (sign * (new - old) > 0)
        left, came = k, k + 2
        there[:, left] = moved & (old > 0)
        code[:, left], price[:, left] = kind + np.where(better, SEEDED, 0), old
        there[:, came] = (new > 0) & (moved | (new_qty != old_qty))
        code[:, came] = kind + np.where(moved & ~better, SEEDED, 0)
        price[:, came], qty[:, came] = new, new_qty
    still = ~there.any(axis=1)
    there[:, 2] |= still & (quotes.bid > 0)
    there[:, 3] |= still & (quotes.bid == 0) & (quotes.ask > 0)
    code[0] = code[0] & ~SEEDED | SNAPSHOT
    last = _SLOTS - 1 - np.argmax(there[:, ::-1], axis=1)
    code[np.arange(n), last] |= END
    index = np.repeat(np.arange(n, dtype=np.int64), _SLOTS).reshape(n, _SLOTS)[there]
    clear = row_code(Row.CLEAR, Book.NONE, SNAPSHOT) | (0 if there[0].any() else END)
    return (
        np.concatenate([[0], index]).astype(np.int64),
        np.concatenate([[clear], code[there]]).astype(np.uint16),
        np.concatenate([[0], price[there]]).astype(np.int64),
        np.concatenate([[0], qty[there]]).astype(np.int64),
    )
