"""The queue-reactive book, running, compiled. Read ``reference`` first: it says the same in plain Python.

Each queue is a Markov chain whose intensities depend on its distance from the reference price, on whether it is in
front of, at or behind its side's touch, and on its size (``observe``). When the mid moves away from the reference
price, that follows with chance theta; then, with chance theta_reinit, the whole book is drawn anew from recorded ones.
Source: Huang, Lehalle, Rosenbaum (2015), J. Am. Stat. Assoc. 110, 107-122, models I and III.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import END, F64, I64, SEEDED, SNAPSHOT, Book, Row, row_code
from nowake.sim.queue_reactive.observe import units_of
from nowake.sim.synthetic.flow import word
from nowake.sim.synthetic.market import Columns

REFERENCE = "nowake.sim.queue_reactive.reference"

# Slots of ``state`` and ``reals``.
T, PLACE, DRAWS, SAMPLE, MID2, ROWS, REFERENCE_MOVES = range(7)
STATE = 8
SPREAD, DEPTH, VOLUME, SQUARES, SAMPLES, SECONDS = range(6)
REALS = 6
# Slots of ``whole`` and ``chances``, the parameters.
TICK, UNIT, SIZES, SAMPLE_NS, START_NS = range(5)
THETA, REINIT, JUMP, APART_RATE = range(4)

# By the side of the book that is met: of a print the aggressor's side is written.
_SETS = np.array([row_code(Row.SET, Book.BID), row_code(Row.SET, Book.ASK)], dtype=np.int64)
_TRADES = np.array([row_code(Row.TRADE, Book.ASK), row_code(Row.TRADE, Book.BID)], dtype=np.int64)
_END, _SEEDED, _SNAPSHOT = int(END), int(SEEDED), int(SNAPSHOT)
_CLEAR = row_code(Row.CLEAR, Book.NONE, SNAPSHOT)
_PART = 1.0 / 9007199254740992.0


@kernel
def _uniform(key: np.uint64, state: I64) -> float:
    """Return the next number in (0, 1)."""
    state[DRAWS] += 1
    return (np.int64(word(key, state[DRAWS]) >> np.uint64(11)) + 0.5) * _PART


@kernel
def _price(side: int, queue: int, place: int) -> int:
    """Return a queue's price, ticks; queues count from 1."""
    return place + queue if side == 1 else place + 1 - queue


@kernel
def _write(out: Columns, state: I64, writes: bool, code: int, price: int, qty: int) -> None:
    """Write a row at the time reached."""
    if writes:
        n = state[ROWS]
        out.t_event[n], out.code[n], out.price[n], out.qty[n] = state[T], np.uint16(code), price, qty
        state[ROWS] += 1


@kernel
def _best(book: I64, side: int) -> int:
    """Return the first queue that is not empty, counted from 1; K + 1 = none."""
    for i in range(book.shape[1]):
        if book[side, i] > 0:
            return i + 1
    return book.shape[1] + 1  # type: ignore[no-any-return]


@kernel
def _shift(book: I64, by: int, bank: I64, key: np.uint64, state: I64, tick: int, out: Columns, writes: bool) -> None:
    """Move the reference price by ``by`` ticks: queues keep their prices, those that come into sight are drawn."""
    queues = book.shape[1]
    for side in range(2):
        away = 1 if side == 1 else -1  # of rising queue numbers, in ticks
        step = by * away  # the new queue i was queue i + step
        if step > 0:
            for i in range(queues):
                if i < step and book[side, i] > 0:  # cannot be: the mid has moved beyond it
                    _write(out, state, writes, _SETS[side] | _SEEDED, _price(side, i + 1, state[PLACE]) * tick, 0)
                if i + step < queues:
                    book[side, i] = book[side, i + step]
                else:
                    pick = int(_uniform(key, state) * bank.shape[0])
                    book[side, i] = bank[pick, int(_uniform(key, state) * 2), queues - 1]
                    if book[side, i] > 0:
                        price = _price(side, i + 1, state[PLACE] + by) * tick
                        _write(out, state, writes, _SETS[side] | _SEEDED, price, book[side, i])
        elif step < 0:
            for i in range(queues - 1, -1, -1):
                if i - step >= queues and book[side, i] > 0:
                    _write(out, state, writes, _SETS[side] | _SEEDED, _price(side, i + 1, state[PLACE]) * tick, 0)
                book[side, i] = book[side, i + step] if i + step >= 0 else 0
    state[PLACE] += by


@kernel
def _redraw(book: I64, by: int, bank: I64, key: np.uint64, state: I64, tick: int, out: Columns, writes: bool) -> None:
    """Take the shape of a recorded book around a reference price ``by`` ticks on, bids and asks exchanged or not."""
    queues, old = book.shape[1], state[PLACE]
    pick, swap = int(_uniform(key, state) * bank.shape[0]), 1 if _uniform(key, state) < 0.5 else 0
    place = max(old + by, queues + 1)
    for side in range(2):  # what goes, first: the book is never crossed within the message
        for i in range(queues):
            price = _price(side, i + 1, old)
            there = price - place if side == 1 else place + 1 - price
            stays = 1 <= there <= queues and bank[pick, side ^ swap, there - 1] > 0
            if book[side, i] > 0 and not stays:
                _write(out, state, writes, _SETS[side], price * tick, 0)
    for side in range(2):
        for i in range(queues):
            price = _price(side, i + 1, place)
            was = price - old if side == 1 else old + 1 - price
            before = book[side, was - 1] if 1 <= was <= queues else 0
            qty = bank[pick, side ^ swap, i]
            if qty > 0 and qty != before:
                _write(out, state, writes, _SETS[side], price * tick, qty)
    for side in range(2):
        for i in range(queues):
            book[side, i] = bank[pick, side ^ swap, i]
    state[PLACE] = place


@kernel
def snapshot(book: I64, state: I64, tick: int, out: Columns) -> None:
    """Write the whole book at the time reached."""
    _write(out, state, True, _CLEAR, state[PLACE] * tick, 0)
    for side in range(2):
        for i in range(book.shape[1]):
            if book[side, i] > 0:
                _write(
                    out, state, True, _SETS[side] | _SNAPSHOT, _price(side, i + 1, state[PLACE]) * tick, book[side, i]
                )
    out.code[state[ROWS] - 1] |= np.uint16(_END)


@kernel
def _weigh(book: I64, rates: F64, whole: I64, weights: F64) -> float:
    """Write the intensity of (event, side, queue) into ``weights`` (3, 2, K); returns their sum."""
    total, sizes = 0.0, whole[SIZES]
    for side in range(2):
        seen = False
        for i in range(book.shape[1]):
            qty = book[side, i]
            weights[2, side, i] = 0.0
            if qty == 0:
                s = 1 if seen else 0
            else:
                n = units_of(qty, whole[UNIT], sizes)
                s = 1 + sizes + n if seen else 1 + n
                if not seen:
                    weights[2, side, i] = rates[2, i, s]
                seen = True
            weights[0, side, i] = rates[0, i, s]
            # Above the cap each unit is cancelled as often as at it, so that no queue grows for ever.
            weights[1, side, i] = rates[1, i, s] * max(qty / (whole[UNIT] * sizes), 1.0) if qty > 0 else 0.0
            total += weights[0, side, i] + weights[1, side, i] + weights[2, side, i]
    return total


@kernel
def _change(
    what: int, side: int, i: int, book: I64, empties: F64, quantities: I64, whole: I64, key: np.uint64,
    state: I64, reals: F64, out: Columns, writes: bool,
) -> None:  # fmt: skip
    """Let one event happen to a queue."""
    tick, sizes, qty = whole[TICK], whole[SIZES], book[side, i]
    size = quantities[what, min(i, quantities.shape[1] - 1), int(_uniform(key, state) * quantities.shape[2])]
    price = _price(side, i + 1, state[PLACE]) * tick
    if what == 0:
        book[side, i] = qty + size
    else:
        n = units_of(qty, whole[UNIT], sizes)
        s = 1 + n if _best(book, side) == i + 1 else 1 + sizes + n
        taken = qty if qty == 1 or _uniform(key, state) < empties[what - 1, i, s] else min(size, qty - 1)
        if what == 2:
            _write(out, state, writes, _TRADES[side], price, taken)
            reals[VOLUME] += taken
        book[side, i] = qty - taken
    _write(out, state, writes, _SETS[side], price, book[side, i])


@kernel
def _follow(
    before: int, book: I64, bank: I64, moves: I64, whole: I64, chances: F64, key: np.uint64, state: I64, out: Columns,
    writes: bool,
) -> None:  # fmt: skip
    """Move the reference price after the mid, by chance; a side that is empty is drawn anew."""
    queues, tick = book.shape[1], whole[TICK]
    ask, bid = _best(book, 1), _best(book, 0)
    if ask > queues or bid > queues:
        _redraw(book, 0, bank, key, state, tick, out, writes)
        return
    away = ask - bid
    moved = 2 * state[PLACE] + 1 + away - before
    if moved == 0 or away == 0 or (moved > 0) != (away > 0) or not _uniform(key, state) < chances[THETA]:
        return
    by = (abs(away) + 1) // 2
    by = by if away > 0 else -by
    if state[PLACE] + by <= 2 * queues:
        return
    _shift(book, by, bank, key, state, tick, out, writes)
    state[REFERENCE_MOVES] += 1
    if _uniform(key, state) < chances[REINIT]:
        exact = chances[JUMP] * moves[int(_uniform(key, state) * moves.shape[0])]
        jump = int(exact) + (1 if _uniform(key, state) < exact - int(exact) else 0)
        jump = jump if by > 0 else -jump
        if state[PLACE] + jump <= 2 * queues:
            jump = 0
        _redraw(book, jump, bank, key, state, tick, out, writes)


@kernel
def _pass_time(book: I64, t: int, whole: I64, state: I64, reals: F64) -> None:
    """Bring the figures to time ``t``."""
    ask, bid = _best(book, 1), _best(book, 0)
    mid2 = 2 * state[PLACE] + 1 + ask - bid
    while state[SAMPLE] <= t:
        if state[MID2] != 0:
            reals[SQUARES] += (mid2 - state[MID2]) ** 2 / 4.0
            reals[SAMPLES] += 1
        state[MID2] = mid2
        state[SAMPLE] += whole[SAMPLE_NS]
    seconds = (t - state[T]) / 1e9
    reals[SPREAD] += (ask + bid - 1) * seconds
    reals[DEPTH] += (book[0, bid - 1] + book[1, ask - 1]) / 2.0 * seconds
    reals[SECONDS] += seconds
    state[T] = t


@kernel
def run(
    t_end: int, whole: I64, chances: F64, rates: F64, empties: F64, quantities: I64, apart: I64, bank: I64, moves: I64,
    key: np.uint64, state: I64, reals: F64, book: I64, occupancy: F64, out: Columns, writes: bool,
) -> bool:  # fmt: skip
    """Run the book until ``t_end`` (ns; True) or until ``out`` is nearly full (False).

    ``occupancy`` (N + 1,) collects seconds that the first ask queue spent at each size in units; of length 0 = not.
    """
    queues = book.shape[1]
    weights = np.zeros((3, 2, queues))
    room = 16 * queues + 16
    while True:
        if writes and state[ROWS] + room > out.t_event.shape[0]:
            return False
        total = _weigh(book, rates, whole, weights) + chances[APART_RATE]
        t = state[T] + max(int(-np.log(_uniform(key, state)) / total * 1e9), 1) if total > 0.0 else t_end
        if occupancy.shape[0] > 0:
            n = min(book[1, 0], occupancy.shape[0] - 1)
            occupancy[n] += (min(t, t_end) - state[T]) / 1e9
        _pass_time(book, min(t, t_end), whole, state, reals)
        if t >= t_end:
            return True
        first = state[ROWS]
        left = _uniform(key, state) * total - chances[APART_RATE]
        if left < 0.0:
            side = int(_uniform(key, state) * 2)
            qty = apart[int(_uniform(key, state) * apart.shape[0])]
            price = _price(side, _best(book, side), state[PLACE]) * whole[TICK]
            _write(out, state, writes, _TRADES[side], price, qty)
            reals[VOLUME] += qty
        else:
            before = 2 * state[PLACE] + 1 + _best(book, 1) - _best(book, 0)
            what, side, i = 0, 0, 0
            for index in range(3 * 2 * queues):
                what, side, i = index // (2 * queues), index // queues % 2, index % queues
                left -= weights[what, side, i]
                if left < 0.0 and weights[what, side, i] > 0.0:
                    break
            if weights[what, side, i] > 0.0:
                _change(
                    what, side, i, book, empties, quantities, whole, key, state, reals, out, writes
                )  # fmt: skip
                _follow(before, book, bank, moves, whole, chances, key, state, out, writes)
        if writes and state[ROWS] > first:
            out.code[state[ROWS] - 1] |= np.uint16(_END)
