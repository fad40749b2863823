"""Two cursors over one tape: the venue's rows by event time, ours by receive time, exactly interleaved.

A row that we receive at ``t`` may make us act, and what we send then reaches the venue at ``t + lead`` (decision and
entry latency). A fill at venue time ``v`` reaches us at ``v + response``. So a venue row at ``v`` may be run before our
row at ``t`` exactly when ``v <= t + lead``: earlier actions are all known, later ones come after it; and no row of ours
beyond the first message due may be run at all. At equal times: venue rows, then commands, then our rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import F64, I32, I64, KIND_MASK, SNAPSHOT, U16, Row, Tape
from nowake.core.value import require
from nowake.market.book import HEAD, TOPS, WIDTH, WORDS
from nowake.market.book_l3 import NOTE_FIELDS, OrderBook
from nowake.market.run import (
    ASK,
    AT_END,
    BID,
    CLOCK,
    CURSOR,
    FLAGS,
    LOG_COUNT,
    LOG_DONE,
    TAKEN_FULL,
    VOLUME_ALL,
    any_watch_holds,
    follow_venue,
    own_row,
    watches_queue,
)
from nowake.sim.layout import V_CURSOR, V_FILLS, V_LIVE, V_TAKEN
from nowake.sim.match_l2 import is_plain, venue_row

REFERENCE = "nowake.sim.merge_reference:ReferenceWorld"
"""The plain meaning, which tests hold the kernels to."""

L_LIMIT, L_COMMAND, L_LEAD, L_RESPONSE, L_EXTRA, L_NOW = 0, 1, 2, 3, 4, 5
LIMITS = 6

NEVER = 2**62

REACHED, FIRED, COMMAND = 0, 3, 6
OWN_SIDE = 16
"""Added to GROW or REGRID when it is our book that asks."""


@kernel(counted=False, inline=True)
def _run_venue(
    t_venue: I64, order: I64, joined: I32, notes: I64, code: U16, price: I32, qty: I32 | I64, book: I64, venue: I64,
    reals: F64, orders: I64, fronts: F64, fills: I64, taken: I64, taken_at: I64, log: I64, limits: I64, plain: bool,
) -> int:  # fmt: skip
    """Do what ``run_venue`` does; ``plain`` a constant, so that each kind of venue has a loop of its own."""
    a = HEAD + 2 * book[WIDTH]
    b = a + 2 * book[WORDS]
    c = b + 2 * book[TOPS]
    head, size, bits, top, table = book[:HEAD], book[HEAD:a], book[a:b], book[b:c], book[c:]
    n = code.shape[0]
    sorted_rows = order.shape[0] == 0
    limit, command, lead = limits[L_LIMIT], limits[L_COMMAND], limits[L_LEAD]
    horizon = min(limit + lead, command)
    v = venue[V_CURSOR]
    outcome = REACHED
    while v < n and t_venue[np.uint64(v)] <= horizon:
        r = np.uint64(v if sorted_rows else order[v])  # unsigned: no index counts from the end
        before = venue[V_FILLS]
        outcome = venue_row(
            head, size, bits, top, table, venue, reals, orders, fronts, fills, taken, taken_at,
            t_venue[np.uint64(v)], int(np.int64(code[r])), int(price[r]), int(qty[r]), v, joined, notes, log,
            int(r), plain,
        )  # fmt: skip
        if outcome != 0:
            break
        if venue[V_FILLS] > before:
            limit = min(limit, t_venue[v] + limits[L_RESPONSE])
            horizon = min(limit + lead, command)
        v += 1
    if outcome == REACHED and command <= limit + lead:
        outcome = COMMAND
    venue[V_CURSOR], limits[L_LIMIT] = v, limit
    return outcome


@kernel(counted=False)
def run_venue(
    t_venue: I64, order: I64, joined: I32, notes: I64, code: U16, price: I32, qty: I32 | I64, book: I64, venue: I64,
    reals: F64, orders: I64, fronts: F64, fills: I64, taken: I64, taken_at: I64, log: I64, limits: I64,
) -> int:  # fmt: skip
    """Run the venue alone as far as we could still act, or to the first command, when no row of ours can wake us.

    Our side follows afterwards, to the limit that this leaves (lowered to the delivery of the first fill). Arguments as
    for ``merge``.

    Returns:
        REACHED, COMMAND, or what must be enlarged.
    """
    if is_plain(venue, joined):
        return _run_venue(
            t_venue, order, joined, notes, code, price, qty, book, venue, reals, orders, fronts, fills, taken, taken_at,
            log, limits, True,
        )  # fmt: skip
    return _run_venue(
        t_venue, order, joined, notes, code, price, qty, book, venue, reals, orders, fronts, fills, taken, taken_at,
        log, limits, False,
    )  # fmt: skip


@kernel(counted=False)
def merge(
    t_venue: I64, order: I64, joined: I32, notes: I64, t_event: I64, recv_delta: I32 | I64, code: U16, price: I32,
    qty: I32 | I64, venue_book: I64, venue: I64, venue_reals: F64, orders: I64, fronts: F64, fills: I64, taken: I64,
    taken_at: I64, log: I64, own_book: I64, stats: I64, reals: F64, queues: F64, watches: I64, count: int, limits: I64,
) -> int:  # fmt: skip
    """Run both sides to the limit, the first watch, or the first command due at the venue.

    The venue side may lag while no order is live, no command is on its way and its ``log`` is not needed: nothing can
    come of its rows.

    ``t_venue`` to ``notes`` are ``VenueRows``;
    ``t_event`` to ``qty`` the columns of the tape; ``venue_book`` to ``log`` the venue (``sim.match_l2``);
    ``own_book`` to ``count`` our market (``market.run``). ``limits`` holds the limit (lowered here to the delivery of
    the first fill), the time of the next command at the venue, lead, response, the addition to our receive times, and
    the local time at the start.

    Returns:
        REACHED, FIRED, COMMAND; or what must be enlarged (``venue_row``; plus OWN_SIDE for our book). Call again.
    """
    if stats[AT_END] != 0 and any_watch_holds(watches, count, stats, queues, limits[L_NOW]):
        return FIRED
    at = HEAD + 2 * own_book[WIDTH]
    at2 = at + 2 * own_book[WORDS]
    at3 = at2 + 2 * own_book[TOPS]
    head, size, bits, top, table = (
        own_book[:HEAD],
        own_book[HEAD:at],
        own_book[at:at2],
        own_book[at2:at3],
        own_book[at3:],
    )
    at = HEAD + 2 * venue_book[WIDTH]
    at2 = at + 2 * venue_book[WORDS]
    at3 = at2 + 2 * venue_book[TOPS]
    v_head, v_size, v_bits = venue_book[:HEAD], venue_book[HEAD:at], venue_book[at:at2]
    v_top, v_table = venue_book[at2:at3], venue_book[at3:]
    n = t_event.shape[0]
    sorted_rows = order.shape[0] == 0
    has_delta, has_log = recv_delta.shape[0] > 0, log.shape[0] > 0
    limit, command, lead, extra = limits[L_LIMIT], limits[L_COMMAND], limits[L_LEAD], limits[L_EXTRA]
    i, v = stats[CURSOR], venue[V_CURSOR]
    plain = is_plain(venue, joined)
    # What held nothing holds nothing until what it looks at has changed: most messages are not looked at.
    always, looked, bid, ask, flags, volume = watches_queue(watches, count), False, 0, 0, 0, 0
    outcome = -1
    while True:
        t = NEVER
        r = np.uint64(i)  # unsigned: no index counts from the end
        if i < n:
            t = int(t_event[r] + extra)
            if has_delta:
                t += int(recv_delta[r])
        if venue[V_LIVE] > 0 or command < NEVER or (has_log and venue[V_TAKEN] > 0):
            act = min(t, limit)
            horizon = min(act + lead, command)
            while v < n and t_venue[np.uint64(v)] <= horizon:
                w = np.uint64(v if sorted_rows else order[v])
                before = venue[V_FILLS]
                outcome = venue_row(
                    v_head, v_size, v_bits, v_top, v_table, venue, venue_reals, orders, fronts, fills, taken, taken_at,
                    t_venue[np.uint64(v)], int(np.int64(code[w])), int(price[w]), int(qty[w]), v, joined, notes,
                    log, int(w), plain,
                )  # fmt: skip
                if outcome != 0:
                    break
                v += 1
                if venue[V_FILLS] > before:
                    limit = min(limit, t_venue[v - 1] + limits[L_RESPONSE])
                    act = min(act, limit)
                    horizon = min(act + lead, command)
            if outcome > 0:
                break
            if command <= act + lead:
                outcome = COMMAND
                break
        if t > limit:
            outcome = REACHED
            break
        if has_log and log[LOG_DONE] < log[LOG_COUNT] and follow_venue(log, stats, i) != 0:
            outcome = TAKEN_FULL + OWN_SIDE
            break
        c = int(np.int64(code[r]))
        outcome = own_row(head, size, bits, top, table, stats, reals, queues, t, c, int(price[r]), int(qty[r]))
        if outcome != 0:
            outcome += OWN_SIDE
            break
        i += 1
        if c & 0x100 and count > 0:
            same = (stats[BID] == bid) & (stats[ASK] == ask) & (stats[FLAGS] == flags) & (stats[VOLUME_ALL] == volume)
            if always or not (looked and same):
                if any_watch_holds(watches, count, stats, queues, stats[CLOCK]):
                    outcome = FIRED
                    break
                looked, bid, ask, flags, volume = True, stats[BID], stats[ASK], stats[FLAGS], stats[VOLUME_ALL]
    stats[CURSOR], venue[V_CURSOR], limits[L_LIMIT] = i, v, limit
    return outcome


@kernel(counted=False)
def is_rising(values: I64) -> bool:
    """Return whether no value is under its predecessor."""
    for i in range(1, values.shape[0]):  # noqa: SIM110 - a kernel knows no generators
        if values[i] < values[i - 1]:
            return False
    return True


class VenueRows(NamedTuple):
    """A tape as the venue sees it.

    Attributes:
        times: (n,) i64 ns, rising.
        rows: (n,) i64: the row of the tape that happens at each; empty = the order of the tape.
        joined: (n,) i32: at which of these the order that a row is about joined the book, -1 = before the first;
            empty = not known, or not asked for.
        notes: (n, 3) i64: whom each row is about (``market.book_l3.OrderBook.notes``); empty = not asked for.
    """

    times: I64
    rows: I64
    joined: I32
    notes: I64


def venue_rows(tape: Tape, *, fifo: bool = False, void: bool = False) -> VenueRows:
    """Return a tape as the venue sees it; ``fifo``: with the place of every order in its queue.

    ``void``: with what it takes to follow the orders that we consume by name (``sim.void``); only with ``fifo``.

    Raises:
        InputError: ``fifo``, and the tape has no order ids.
    """
    times, rows = venue_order(tape)
    joined = joined_at(tape, rows) if fifo else np.empty(0, dtype=np.int32)
    notes = OrderBook().notes(tape, times, rows) if fifo and void else np.empty((0, NOTE_FIELDS), dtype=np.int64)
    return VenueRows(times, rows, joined, notes)


def joined_at(tape: Tape, rows: I64) -> I32:
    """Return (n,) for each row in the venue's order: at which of them its order last joined, -1 = before the first.

    An order that is added again, as one that was modified, has lost its place; one that a snapshot states again has
    not, and one that it tells of first may have been there before anybody.
    """
    good = len(tape.order_id) == len(tape)
    require(good, "queue_model", "fifo", "left to tapes with order ids", "choose power-2, or an order-by-order source")
    ids, kind = tape.order_id, tape.code & np.uint16(KIND_MASK | SNAPSHOT)  # so that no snapshot's row is an ADD
    if len(rows):
        ids, kind = ids[rows], kind[rows]
    n = len(ids)
    by_id = np.argsort(ids, kind="stable")
    group = np.cumsum(np.diff(ids[by_id], prepend=ids[by_id[:1]]) != 0)
    added = np.where(kind[by_id] == Row.ADD, by_id + 1, 0)
    newest = np.maximum.accumulate(group * (n + 1) + added) % (n + 1) - 1
    joined = np.empty(n, dtype=np.int32)
    joined[by_id] = np.where(ids[by_id] == 0, -1, newest)
    return joined


def venue_order(tape: Tape) -> tuple[I64, I64]:
    """Return when each row happens at the venue and in which order: (times, rows).

    Event times that go back between streams are put in order, stably; rows of a snapshot, and CLEAR and GAP, stay
    between what was received before and after them, because a book rebuilt across them would be another book.

    Returns:
        (n,) rising venue times, and the (n,) rows they belong to; empty rows = the order of the tape.
    """
    none = np.empty(0, dtype=np.int64)
    if is_rising(tape.t_event):
        return tape.t_event, none
    kind = tape.code & np.uint16(15)
    barrier = (tape.code & np.uint16(0x400) != 0) | (kind == 6) | (kind == 10)
    times = tape.t_event.copy()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], barrier, [False]]).astype(np.int8)))
    floor, done = np.int64(-NEVER), 0
    for start, stop in edges.reshape(-1, 2).tolist():
        before = np.maximum(times[done:start], floor)
        times[done:start] = before
        floor = max(floor, before.max()) if start > done else floor
        if floor == -NEVER:  # nothing came before: as early as what follows
            floor = min(times[start:stop].min(), times[stop : stop + 1].min(initial=NEVER))
        times[start:stop] = floor
        done = stop
    times[done:] = np.maximum(times[done:], floor)
    rows = np.argsort(times, kind="stable")
    return times[rows], rows
