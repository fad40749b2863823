"""The book of one market order by order: the kernel. Its meaning is ``book_l3_reference``; read that first.

Orders are rows of ``orders`` (n, 5) i64, linked first come first within their level; levels are rows of ``places``
(m, 5) i64. Two hash tables (``market.table``) find an order by its id and a level by side and price. Free rows are
linked through NEXT and FIRST. ``head`` (8,) i64 holds what is free, how much is used, and what was counted. Nothing is
searched: adding, reducing and removing an order are O(1); only ``queue`` and ``ahead`` walk one level.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import I32, I64, U16, Tape
from nowake.core.value import require
from nowake.market.table import grown, new_table, table_get, table_put

REFERENCE = "nowake.market.book_l3_reference:ReferenceOrderBook"
"""The plain meaning, which tests hold the kernels to."""

HEAD = 8
FREE_ORDER, FREE_PLACE, ORDERS, PLACES, STRAYS = 0, 1, 2, 3, 4
MET, MET_FIRST = 5, 6

O_ID, O_QTY, O_PLACE, O_PREV, O_NEXT = 0, 1, 2, 3, 4
ORDER_WORDS = 5
P_PACKED, P_UNNAMED, P_TOTAL, P_FIRST, P_LAST = 0, 1, 2, 3, 4
PLACE_WORDS = 5

N_AHEAD, N_HAS, N_REACH = 0, 1, 2
NOTE_FIELDS = 3
"""Of a row: quantity before the order that it is about, and of that order; how far its aggressor would have gone."""

OK, ORDERS_FULL, PLACES_FULL = 0, 1, 2
NONE = -1


@kernel(counted=False)
def _place(head: I64, places: I64, by_price: I64, packed: int) -> int:
    """Return the row of a level, made when there is none; the caller made sure of room."""
    found = table_get(by_price, packed) - 1
    if found >= 0:
        return found
    row = head[FREE_PLACE]
    head[FREE_PLACE] = places[row, P_FIRST]
    head[PLACES] += 1
    places[row, P_PACKED], places[row, P_UNNAMED], places[row, P_TOTAL] = packed, 0, 0
    places[row, P_FIRST], places[row, P_LAST] = NONE, NONE
    table_put(by_price, packed, row + 1)
    return int(row)


@kernel(counted=False)
def _release_if_empty(head: I64, places: I64, by_price: I64, row: int) -> None:
    """Let go of a level on which nothing stands."""
    if places[row, P_TOTAL] != 0:
        return
    table_put(by_price, places[row, P_PACKED], 0)
    places[row, P_FIRST] = head[FREE_PLACE]
    head[FREE_PLACE] = row
    head[PLACES] -= 1


@kernel(counted=False)
def _remove(head: I64, orders: I64, ids: I64, places: I64, slot: int) -> None:
    """Take an order out of its queue; its level stays, even when empty."""
    row, before, after = orders[slot, O_PLACE], orders[slot, O_PREV], orders[slot, O_NEXT]
    places[row, P_TOTAL] -= orders[slot, O_QTY]
    if before == NONE:
        places[row, P_FIRST] = after
    else:
        orders[before, O_NEXT] = after
    if after == NONE:
        places[row, P_LAST] = before
    else:
        orders[after, O_PREV] = before
    table_put(ids, orders[slot, O_ID], 0)
    orders[slot, O_NEXT] = head[FREE_ORDER]
    head[FREE_ORDER] = slot
    head[ORDERS] -= 1


@kernel(counted=False)
def _set(head: I64, orders: I64, ids: I64, places: I64, by_price: I64, packed: int, qty: int) -> None:
    """Take a level's size as stated; what its orders do not add up to forgets who they are."""
    row = table_get(by_price, packed) - 1
    if row < 0:
        if qty == 0:
            return
        row = _place(head, places, by_price, packed)
    if places[row, P_TOTAL] != qty:
        while places[row, P_FIRST] != NONE:
            _remove(head, orders, ids, places, places[row, P_FIRST])
        places[row, P_UNNAMED], places[row, P_TOTAL] = qty, qty
        _release_if_empty(head, places, by_price, row)


@kernel(counted=False)
def _add(
    head: I64, orders: I64, ids: I64, places: I64, by_price: I64, packed: int, qty: int, order_id: int
) -> None:  # fmt: skip
    """Add an order, or an unnamed quantity, to a level."""
    if qty <= 0:
        head[STRAYS] += qty < 0
        return
    if order_id != 0:
        known = table_get(ids, order_id) - 1
        if known >= 0:
            head[STRAYS] += 1
            place = orders[known, O_PLACE]
            _remove(head, orders, ids, places, known)
            _release_if_empty(head, places, by_price, place)
    row = _place(head, places, by_price, packed)
    places[row, P_TOTAL] += qty
    if order_id == 0:
        places[row, P_UNNAMED] += qty
        return
    slot, last = head[FREE_ORDER], places[row, P_LAST]
    head[FREE_ORDER] = orders[slot, O_NEXT]
    head[ORDERS] += 1
    orders[slot, O_ID], orders[slot, O_QTY], orders[slot, O_PLACE] = order_id, qty, row
    orders[slot, O_PREV], orders[slot, O_NEXT] = last, NONE
    if last == NONE:
        places[row, P_FIRST] = slot
    else:
        orders[last, O_NEXT] = slot
    places[row, P_LAST] = slot
    table_put(ids, order_id, slot + 1)


@kernel(counted=False)
def _take_off(
    head: I64, orders: I64, ids: I64, places: I64, by_price: I64, packed: int, qty: int, order_id: int, whole: bool
) -> None:  # fmt: skip
    """Take a quantity, or the whole order, off the book."""
    slot = table_get(ids, order_id) - 1 if order_id != 0 else NONE
    if slot < 0:
        row = table_get(by_price, packed) - 1
        stands = places[row, P_UNNAMED] if row >= 0 else 0
        head[STRAYS] += qty > stands
        gone = min(qty, stands)
        if row >= 0:
            places[row, P_UNNAMED] -= gone
            places[row, P_TOTAL] -= gone
            _release_if_empty(head, places, by_price, row)
        return
    row, has = orders[slot, O_PLACE], orders[slot, O_QTY]
    head[STRAYS] += qty > has or places[row, P_PACKED] != packed
    if whole or qty >= has:
        _remove(head, orders, ids, places, slot)
        _release_if_empty(head, places, by_price, row)
    else:
        orders[slot, O_QTY] -= qty
        places[row, P_TOTAL] -= qty


@kernel(counted=False)
def _forget(head: I64, orders: I64, ids: I64, places: I64, by_price: I64) -> None:
    """Empty the book."""
    for table in (ids, by_price):
        for slot in range(table.shape[0] // 2):
            table[2 * slot], table[2 * slot + 1] = -(2**63), 0
    for slot in range(orders.shape[0]):
        orders[slot, O_NEXT] = slot + 1 if slot + 1 < orders.shape[0] else NONE
    for row in range(places.shape[0]):
        places[row, P_FIRST] = row + 1 if row + 1 < places.shape[0] else NONE
    head[FREE_ORDER], head[FREE_PLACE], head[ORDERS], head[PLACES] = 0, 0, 0, 0


@kernel(counted=False)
def _count_execution(head: I64, orders: I64, ids: I64, places: I64, order_id: int) -> None:
    """Count an execution of a known order, and whether it stood first at its price."""
    slot = table_get(ids, order_id) - 1 if order_id != 0 else NONE
    if slot >= 0:
        head[MET] += 1
        head[MET_FIRST] += orders[slot, O_PREV] == NONE and places[orders[slot, O_PLACE], P_UNNAMED] == 0


@kernel(counted=False)
def apply_order_row(
    head: I64, orders: I64, ids: I64, places: I64, by_price: I64, code: int, price: int, qty: int, order_id: int
) -> int:  # fmt: skip
    """Apply one tape row; returns OK, or ORDERS_FULL or PLACES_FULL: nothing changed, make room and call again."""
    kind, side = code & 15, ((code >> 4) & 3) - 1
    if kind == 6:
        _forget(head, orders, ids, places, by_price)
    if kind > 4 or side < 0:
        return OK
    if kind <= 1 and head[FREE_PLACE] == NONE:
        return PLACES_FULL
    if kind == 1 and head[FREE_ORDER] == NONE:
        return ORDERS_FULL
    packed = price * 2 + side
    if kind == 0:
        _set(head, orders, ids, places, by_price, packed, qty)
    elif kind == 1:
        _add(head, orders, ids, places, by_price, packed, qty, order_id)
    else:
        if kind == 4:
            _count_execution(head, orders, ids, places, order_id)
        _take_off(head, orders, ids, places, by_price, packed, qty, order_id, kind == 3)
    return OK


@kernel(counted=False)
def apply_order_rows(
    head: I64, orders: I64, ids: I64, places: I64, by_price: I64,
    code: U16, price: I32, qty: I32 | I64, order_id: I64, lo: int, hi: int,
) -> tuple[int, int]:  # fmt: skip
    """Apply rows [lo, hi); returns (OK, hi), or what must be enlarged and the row at which to go on."""
    for i in range(lo, hi):
        status = apply_order_row(
            head, orders, ids, places, by_price, int(np.int64(code[i])), int(price[i]), int(qty[i]), int(order_id[i])
        )
        if status != OK:
            return status, i
    return OK, hi


@kernel(counted=False)
def ahead_of(orders: I64, ids: I64, places: I64, order_id: int) -> int:
    """Return the quantity before an order at its price, -1 when it is not known."""
    slot = table_get(ids, order_id) - 1
    if slot < 0:
        return NONE
    ahead = places[orders[slot, O_PLACE], P_UNNAMED]
    slot = orders[slot, O_PREV]
    while slot != NONE:
        ahead += orders[slot, O_QTY]
        slot = orders[slot, O_PREV]
    return int(ahead)


@kernel(counted=False)
def note_row(orders: I64, ids: I64, places: I64, by_price: I64, code: int, price: int, order_id: int, out: I64) -> None:
    """Write (ahead, has) of the order that a row is about into ``out``, before the row is applied."""
    kind, side = code & 15, ((code >> 4) & 3) - 1
    out[N_AHEAD], out[N_HAS] = NONE, 0
    if kind < 2 or kind > 4 or side < 0:
        return
    slot = table_get(ids, order_id) - 1 if order_id != 0 else NONE
    if slot >= 0 and places[orders[slot, O_PLACE], P_PACKED] == price * 2 + side:
        out[N_AHEAD], out[N_HAS] = ahead_of(orders, ids, places, order_id), orders[slot, O_QTY]
    else:
        row = table_get(by_price, price * 2 + side) - 1
        out[N_HAS] = places[row, P_UNNAMED] if row >= 0 else 0


@kernel(counted=False)
def note_rows(
    head: I64, orders: I64, ids: I64, places: I64, by_price: I64,
    code: U16, price: I32, qty: I32 | I64, order_id: I64, order: I64, out: I64, lo: int,
) -> tuple[int, int]:  # fmt: skip
    """Apply rows from ``lo`` on in ``order`` (empty = as they stand), noting each; returns as ``apply_order_rows``."""
    n = code.shape[0]
    for v in range(lo, n):
        i = order[v] if order.shape[0] > 0 else v
        c, p, q, name = int(np.int64(code[i])), int(price[i]), int(qty[i]), int(order_id[i])
        note_row(orders, ids, places, by_price, c, p, name, out[v])
        status = apply_order_row(head, orders, ids, places, by_price, c, p, q, name)
        if status != OK:
            return status, v
    return OK, n


@kernel(counted=False)
def note_reach(t: I64, code: U16, price: I32, order: I64, out: I64) -> None:
    """Write how far the aggressor of every FILL row would have gone, as a key of the side it met, into N_REACH.

    One aggressor: executions of one side at one instant with nothing between them but prints and levels that enter or
    leave the recorded window. It went at least to the worst of its prices; and to its limit when what was left of it
    then joined the other side.
    """
    n = code.shape[0]
    v = 0
    while v < n:
        i = order[v] if order.shape[0] > 0 else v
        side = ((int(np.int64(code[i])) >> 4) & 3) - 1
        if int(np.int64(code[i])) & 15 != 4 or side < 0:
            v += 1
            continue
        sign = 1 if side == 0 else -1
        reach, end = sign * int(price[i]), v
        for w in range(v + 1, n):
            k = order[w] if order.shape[0] > 0 else w
            c = int(np.int64(code[k]))
            kind, on = c & 15, ((c >> 4) & 3) - 1
            if t[w] != t[v] or not (c & 0x200 or kind == 5 or (kind == 4 and on == side)):
                if t[w] == t[v] and kind == 1 and on == 1 - side:
                    reach = min(reach, sign * int(price[k]))
                break
            if (kind == 4 and c & 0x200 == 0) or (kind == 5 and on == 1 - side and c & 0x1000 == 0):
                reach, end = min(reach, sign * int(price[k])), w
        for w in range(v, end + 1):
            out[w, N_REACH] = reach
        v = end + 1


class OrderBook:
    """Every resting order of a market, first come first at each price.

    Prices are offsets from the tape's price base, quantities quantity units; side 0 bids, 1 asks. Quantity that stood
    there before the book was watched has no id and counts as first in its queue.
    """

    def __init__(self, orders: int = 1024, places: int = 256) -> None:
        require(orders > 0 and places > 0, "orders", (orders, places), "> 0")
        self.head = np.zeros(HEAD, dtype=np.int64)
        self.orders = np.zeros((orders, ORDER_WORDS), dtype=np.int64)
        self.places = np.zeros((places, PLACE_WORDS), dtype=np.int64)
        self.ids = new_table(_table_size(orders))
        self.by_price = new_table(_table_size(places))
        _forget(*self._arrays)

    @property
    def _arrays(self) -> tuple[I64, I64, I64, I64, I64]:
        return self.head, self.orders, self.ids, self.places, self.by_price

    @property
    def strays(self) -> int:
        """Return how many rows did not fit the book."""
        return int(self.head[STRAYS])

    @property
    def executions(self) -> tuple[int, int]:
        """Return how many executions met a known order, and how many of these the first at its price."""
        return int(self.head[MET]), int(self.head[MET_FIRST])

    @property
    def count(self) -> int:
        """Return how many known orders rest."""
        return int(self.head[ORDERS])

    def apply(self, code: int, price: int, qty: int, order_id: int) -> None:
        """Apply one tape row; an id of 0 is none."""
        while status := apply_order_row(*self._arrays, code, price, qty, order_id):
            self._make_room(status)

    def run(self, tape: Tape, lo: int, hi: int) -> None:
        """Apply the rows [lo, hi) of a tape that has order ids.

        Raises:
            InputError: It has none.
        """
        require(len(tape.order_id) == len(tape), "tape", tape.meta.source, "order by order: with an id on every row")
        while lo < hi:
            columns = tape.code, tape.price, tape.qty, tape.order_id
            status, lo = apply_order_rows(*self._arrays, *columns, lo, hi)
            if status:
                self._make_room(status)

    def notes(self, tape: Tape, times: I64, order: I64) -> I64:
        """Return what every row of a tape was about; the book, which must be empty, stands at its end afterwards.

        Args:
            tape: With order ids.
            times: (n,) when each row happens, ns.
            order: (n,) which row that is; empty = in the order of the tape.

        Returns:
            (n, 3): for a REDUCE, DELETE or FILL what stood before its order at its price, and what the order had, both
            before the row; (-1, what has no name there) where the order is not known. For a FILL also the worst price,
            as a key of its side, to which its aggressor would have gone.
        """
        out = np.zeros((len(tape), NOTE_FIELDS), dtype=np.int64)
        columns = tape.code, tape.price, tape.qty, tape.order_id
        lo = 0
        while lo < len(tape):
            status, lo = note_rows(*self._arrays, *columns, order, out, lo)
            if status:
                self._make_room(status)
        note_reach(times, tape.code, tape.price, order, out)
        return out

    def _make_room(self, status: int) -> None:
        """Double what is full."""
        if status == ORDERS_FULL:
            self.orders, self.ids = _doubled(self.orders, O_NEXT), grown(self.ids)
            self.head[FREE_ORDER] = len(self.orders) // 2
        else:
            self.places, self.by_price = _doubled(self.places, P_FIRST), grown(self.by_price)
            self.head[FREE_PLACE] = len(self.places) // 2

    def size(self, side: int, price: int) -> int:
        """Return the size of a level."""
        row = table_get(self.by_price, price * 2 + side) - 1
        return int(self.places[row, P_TOTAL]) if row >= 0 else 0

    def queue(self, side: int, price: int) -> list[tuple[int, int]]:
        """Return (order id, quantity) of a level, first in the queue first; id 0 = unnamed."""
        row = table_get(self.by_price, price * 2 + side) - 1
        if row < 0:
            return []
        unnamed = int(self.places[row, P_UNNAMED])
        return [*([(0, unnamed)] if unnamed else []), *self._walk(int(self.places[row, P_FIRST]))]

    def _walk(self, slot: int) -> Iterator[tuple[int, int]]:
        while slot != NONE:
            yield int(self.orders[slot, O_ID]), int(self.orders[slot, O_QTY])
            slot = int(self.orders[slot, O_NEXT])

    def levels(self, side: int) -> list[tuple[int, int]]:
        """Return (price, size) of a side, best first."""
        rows = self.by_price.reshape(-1, 2)
        used = self.places[rows[rows[:, 1] > 0, 1] - 1]
        mine = used[used[:, P_PACKED] & 1 == side]
        found = sorted(zip((mine[:, P_PACKED] >> 1).tolist(), mine[:, P_TOTAL].tolist(), strict=True))
        return found[::-1] if side == 0 else found

    def ahead(self, order_id: int) -> int | None:
        """Return the quantity that stands before a known order at its price, None for an unknown one."""
        found = ahead_of(self.orders, self.ids, self.places, order_id)
        return None if found == NONE else int(found)


def _table_size(rows: int) -> int:
    """Return the capacity of a table that stays at most half full."""
    return 1 << (2 * rows - 1).bit_length()


def _doubled(rows: I64, link: int) -> I64:
    """Return twice as many rows, the new ones free and linked by column ``link``."""
    n = len(rows)
    more = np.zeros_like(rows)
    more[:, link] = np.arange(n + 1, 2 * n + 1)
    more[-1, link] = NONE
    return np.concatenate([rows, more])
