"""LOBSTER messages and recorded book -> rows, and the check of one against the other.

A book of the recorded window is carried forward by the messages alone. After each message its levels are held
against the book file, place by place: a place that the carried book fills is *compared* (and is *mismatched* when
price or size differ), a place beyond its end is *seeded*: the level entered the window from outside, where no
message could tell of it. A level pushed out of the window is taken off the book. After a mismatch the book goes on
from the file, so that one lost message is counted once.

Layout of the inputs. ``message`` (n, 6) i64: ns after midnight, type, order id, size, price, direction of the
resting order. ``book`` (n, 4 L) i64: ask price, ask size, bid price, bid size, best level first; a price of
+-9999999999 is an empty place. ``*_ok`` (n,) bool: False = the line was bad and is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, HIDDEN, I64, SEEDED, SIDE_SHIFT, SNAPSHOT, U16, Book, Row
from nowake.data.build import Flags

EMPTY_PRICE = 9_999_999_999
COMPARED, SEEDED_SLOTS, MISMATCHED, SKIPPED = 0, 1, 2, 3
FIGURES = 4

_KIND_OF_TYPE = {1: Row.ADD, 2: Row.REDUCE, 3: Row.DELETE, 4: Row.FILL}
_BID, _ASK = int(Book.BID) << SIDE_SHIFT, int(Book.ASK) << SIDE_SHIFT
_SET, _CLEAR, _TRADE = int(Row.SET), int(Row.CLEAR), int(Row.TRADE)
_ADD, _REDUCE, _DELETE, _FILL = int(Row.ADD), int(Row.REDUCE), int(Row.DELETE), int(Row.FILL)
_HALT, _RESUME = int(Row.HALT), int(Row.RESUME)
_END, _SEEDED, _SNAPSHOT, _HIDDEN = int(END), int(SEEDED), int(SNAPSHOT), int(HIDDEN)


@dataclass
class _Window:
    """The carried book of the reference, and what it has written so far."""

    levels: int
    sides: dict[int, dict[int, int]] = field(default_factory=lambda: {_BID: {}, _ASK: {}})
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    figures: list[int] = field(default_factory=lambda: [0] * FIGURES)

    def ordered(self, side: int) -> list[tuple[int, int]]:
        """Return (price, size) of a side, best first."""
        return sorted(self.sides[side].items(), reverse=side == _BID)

    def apply(self, k: int, message: list[int], trusted: bool) -> None:
        """Apply one good message and write its row."""
        _, kind, _, size, price, direction = message
        side = _BID if direction == 1 else _ASK
        book = self.sides[side]
        if kind in (5, 6):
            flag = (_ASK if direction == 1 else _BID) | _HIDDEN if kind == 5 else 0
            self.rows.append((k, _TRADE | flag, price, size))
        elif kind == 7:
            self.rows.append((k, _RESUME if price == 1 else _HALT, 0, 0))
        elif kind == 1:
            full = len(book) >= self.levels
            if price not in book and full and _worse(side, price, self.ordered(side)[-1][0]):
                self.figures[SKIPPED] += 1
                return
            book[price] = book.get(price, 0) + size
            self.rows.append((k, _ADD | side, price, size))
            if len(book) > self.levels:
                gone = self.ordered(side)[-1][0]
                del book[gone]
                self.rows.append((k, _SET | side | _SEEDED, gone, 0))
        elif book.get(price, 0) < size:
            self.figures[MISMATCHED] += int(trusted)
            if kind == 4:
                self.rows.append((k, _TRADE | (_ASK if direction == 1 else _BID), price, size))
        else:
            book[price] -= size
            if not book[price]:
                del book[price]
            self.rows.append((k, _KIND_OF_TYPE[kind] | side, price, size))

    def snapshot(self, k: int, recorded: dict[int, list[tuple[int, int]]], message: list[int] | None) -> None:
        """Start from the recorded book; of the first message only a print is kept, the book holds its effect."""
        if message is not None and message[1] in (4, 5, 6):
            flag = 0 if message[1] == 6 else _ASK if message[5] == 1 else _BID
            hidden = _HIDDEN if message[1] == 5 else 0
            self.rows.append((k, _TRADE | flag | hidden, message[4], message[3]))
        elif message is not None and message[1] == 7:
            self.rows.append((k, _RESUME if message[4] == 1 else _HALT, 0, 0))
        self.rows.append((k, _CLEAR | _SNAPSHOT, 0, 0))
        for side in (_BID, _ASK):
            for price, size in recorded[side]:
                self.rows.append((k, _SET | side | _SEEDED | _SNAPSHOT, price, size))
            self.figures[SEEDED_SLOTS] += len(recorded[side])
            self.figures[COMPARED] += self.levels - len(recorded[side])
            self.sides[side] = dict(recorded[side])

    def reconcile(self, k: int, side: int, recorded: list[tuple[int, int]], trusted: bool) -> None:
        """Hold one side against the file, count, and go on from the file."""
        own = self.ordered(side)
        for place in range(self.levels):
            mine = own[place] if place < len(own) else None
            theirs = recorded[place] if place < len(recorded) else None
            if mine == theirs:
                self.figures[COMPARED] += 1
            elif mine is None or not trusted:
                self.figures[SEEDED_SLOTS] += 1
            else:
                self.figures[COMPARED] += 1
                self.figures[MISMATCHED] += 1
        keep = dict(recorded)
        for price, _ in own:
            if price not in keep:
                self.rows.append((k, _SET | side | _SEEDED, price, 0))
        for price, size in recorded:
            if self.sides[side].get(price) != size:
                self.rows.append((k, _SET | side | _SEEDED, price, size))
        self.sides[side] = keep


def _worse(side: int, price: int, than: int) -> bool:
    return price < than if side == _BID else price > than


def lobster_rows_reference(
    message: I64, message_ok: Flags, book: I64, book_ok: Flags
) -> tuple[list[tuple[int, int, int, int]], list[int]]:
    """Say what ``lobster_rows_kernel`` does; read this first.

    Returns:
        Rows (message index, code, price, qty), and the figures in the order COMPARED, SEEDED_SLOTS, MISMATCHED,
        SKIPPED.
    """
    window = _Window(book.shape[1] // 4)
    started, trusted = False, True
    for k in range(len(message)):
        first = len(window.rows)
        trusted = trusted and bool(message_ok[k])
        current = message[k].tolist() if message_ok[k] else None
        if started and current is not None:
            window.apply(k, current, trusted)
        if book_ok[k]:
            cells = book[k].reshape(-1, 4).tolist()
            recorded = {
                _BID: [(p, q) for _, _, p, q in cells if abs(p) != EMPTY_PRICE],
                _ASK: [(p, q) for p, q, _, _ in cells if abs(p) != EMPTY_PRICE],
            }
            if started:
                window.reconcile(k, _BID, recorded[_BID], trusted)
                window.reconcile(k, _ASK, recorded[_ASK], trusted)
            else:
                window.snapshot(k, recorded, current)
                started = True
            trusted = True
        else:
            trusted = False
        if len(window.rows) > first:
            _, code, price, size = window.rows[-1]
            window.rows[-1] = (k, code | _END, price, size)
    return window.rows, window.figures


@kernel
def lobster_rows_kernel(
    message: I64,
    message_ok: Flags,
    book: I64,
    book_ok: Flags,
    out_message: I64,
    out_code: U16,
    out_price: I64,
    out_qty: I64,
    figures: I64,
) -> int:
    """Do what ``lobster_rows_reference`` does, into the ``out_*`` columns; return the number of rows.

    Args:
        message: See the module.
        message_ok: See the module.
        book: See the module.
        book_ok: See the module.
        out_message: (n (3 + 4 L),) index of the message a row belongs to; the other outputs have this length too.
        out_code: Packed codes.
        out_price: Price units.
        out_qty: Quantity units.
        figures: (4,) zeros, filled in.
    """
    n, levels = message.shape[0], book.shape[1] // 4
    px = np.zeros((2, levels + 1), dtype=np.int64)
    sz = np.zeros((2, levels + 1), dtype=np.int64)
    count = np.zeros(2, dtype=np.int64)
    w = 0
    started, trusted = False, True
    for k in range(n):
        first = w
        trusted = trusted and message_ok[k]
        kind, size, price, direction = message[k, 1], message[k, 3], message[k, 4], message[k, 5]
        s = 0 if direction == 1 else 1
        resting = _BID if direction == 1 else _ASK
        aggressor = _ASK if direction == 1 else _BID
        if message_ok[k] and (kind >= 5 or (kind == 4 and not started)):
            # Prints that leave the displayed book alone, halts, and the print that precedes the first book.
            code = 0
            if kind == 4:
                code = _TRADE | aggressor
            elif kind == 5:
                code = _TRADE | aggressor | _HIDDEN
            elif kind == 6:
                code = _TRADE
            else:
                code = _RESUME if price == 1 else _HALT
            if started or book_ok[k]:
                out_message[w], out_code[w] = k, code
                out_price[w], out_qty[w] = (0, 0) if kind == 7 else (price, size)
                w += 1
        elif message_ok[k] and started:
            at = 0
            while at < count[s] and px[s, at] != price:
                at += 1
            if kind == 1:
                if at < count[s]:
                    sz[s, at] += size
                    out_message[w], out_code[w], out_price[w], out_qty[w] = k, _ADD | resting, price, size
                    w += 1
                else:
                    # Insert in order; ``at`` becomes the place.
                    at = count[s]
                    while at > 0 and ((px[s, at - 1] < price) if s == 0 else (px[s, at - 1] > price)):
                        at -= 1
                    if at >= levels:
                        figures[3] += 1
                    else:
                        for i in range(count[s], at, -1):
                            px[s, i], sz[s, i] = px[s, i - 1], sz[s, i - 1]
                        px[s, at], sz[s, at] = price, size
                        count[s] += 1
                        out_message[w], out_code[w], out_price[w], out_qty[w] = k, _ADD | resting, price, size
                        w += 1
                        if count[s] > levels:
                            count[s] = levels
                            out_message[w], out_code[w] = k, _SET | resting | _SEEDED
                            out_price[w], out_qty[w] = px[s, levels], 0
                            w += 1
            elif at == count[s] or sz[s, at] < size:
                if trusted:
                    figures[2] += 1
                if kind == 4:
                    out_message[w], out_code[w], out_price[w], out_qty[w] = k, _TRADE | aggressor, price, size
                    w += 1
            else:
                sz[s, at] -= size
                if sz[s, at] == 0:
                    count[s] -= 1
                    for i in range(at, count[s]):
                        px[s, i], sz[s, i] = px[s, i + 1], sz[s, i + 1]
                code = _REDUCE if kind == 2 else (_DELETE if kind == 3 else _FILL)
                out_message[w], out_code[w], out_price[w], out_qty[w] = k, code | resting, price, size
                w += 1
        if book_ok[k]:
            extra = 0
            if not started:
                out_message[w], out_code[w], out_price[w], out_qty[w] = k, _CLEAR | _SNAPSHOT, 0, 0
                w += 1
                extra = _SNAPSHOT
            for s in range(2):
                side = _BID if s == 0 else _ASK
                column = 2 if s == 0 else 0
                depth = 0
                while depth < levels and abs(book[k, 4 * depth + column]) != EMPTY_PRICE:
                    depth += 1
                same = 0
                for i in range(levels):
                    mine, theirs = i < count[s], i < depth
                    bp, bq = book[k, 4 * i + column], book[k, 4 * i + column + 1]
                    if (not mine and not theirs) or (mine and theirs and px[s, i] == bp and sz[s, i] == bq):
                        figures[0] += 1
                        same += 1
                    elif not mine or not trusted:
                        figures[1] += 1
                    else:
                        figures[0] += 1
                        figures[2] += 1
                if same == levels:
                    continue
                for i in range(count[s]):
                    found = False
                    for j in range(depth):
                        found = found or book[k, 4 * j + column] == px[s, i]
                    if not found:
                        out_message[w], out_code[w] = k, _SET | side | _SEEDED
                        out_price[w], out_qty[w] = px[s, i], 0
                        w += 1
                for j in range(depth):
                    bp, bq = book[k, 4 * j + column], book[k, 4 * j + column + 1]
                    found = False
                    for i in range(count[s]):
                        found = found or (px[s, i] == bp and sz[s, i] == bq)
                    if not found:
                        out_message[w], out_code[w] = k, _SET | side | _SEEDED | extra
                        out_price[w], out_qty[w] = bp, bq
                        w += 1
                for j in range(depth):
                    px[s, j], sz[s, j] = book[k, 4 * j + column], book[k, 4 * j + column + 1]
                count[s] = depth
            started, trusted = True, True
        else:
            trusted = False
        if w > first:
            out_code[w - 1] |= _END
    return w
