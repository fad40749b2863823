"""Recorded orders that we consumed, on a tape that names them: void for us, whatever the recording says of them later.

**Data.** The tape is order by order, the queue model ``fifo``, the impact ``ledger`` or ``full``. ``notes`` says of
every row that takes a quantity off the book what stood before its order and what the order had
(``market.book_l3.OrderBook.notes``), and of an execution how far its aggressor would have gone: to the worst price that
it paid, or to the limit at which what was left of it joined the book. All of it is past when the row is.

**State.** We take first come first served. So at each level what is void is the front of the recorded queue: of
``taken`` = T, an order with H that has A before it is void in v = min(max(T - A, 0), H), and T is all there is to keep.
Nothing decays: a void order does not come back; its level is refilled by the orders that the tape brings.

**Rules**, for a row that takes q off an order (H, A) at a level where T > 0:

- *cancelled in part, or deleted*: the owner's live part goes first (an order reduced by q ends with q less, however
  much of it was executed), so v' = min(v, H - q). A void order that is deleted changes nothing that is seen;
- *executed*: our orders at better prices come first, as always. Then the aggressor meets what lives of its
  counterparty, H - v; the rest is **loose** and matches again: at the same price with whoever stands next, recorded or
  ours, by time; then level by level as far as the aggressor would have gone. Recorded orders that it meets are void
  from then on (T grows by that), ours are filled inside the recorded print (PRINTED). What finds nobody expires;
- no row but a new order makes more be seen of a level, whatever a tape that contradicts itself says of its orders;
- orders that are not known by name count as one that stands first; its void part falls with its cancels pro rata;
- a level whose size is stated anew (SET) keeps T as on a tape without names (``market.seen``), and an order that joins
  anew, also one that was modified, is a new order.

With impact ``off``, or refill at once, nothing is taken and none of this runs.
"""

from __future__ import annotations

from nowake.core.jit import kernel
from nowake.core.tape import I64
from nowake.market.book import NO_PRICE, next_key
from nowake.market.run import LOG_COUNT, LOG_DONE, LOG_FIRST, LOG_WIDTH
from nowake.market.seen import scaled_up, taken_after_level
from nowake.market.table import table_get, table_put
from nowake.sim.layout import V_TAKEN

REFERENCE = "nowake.sim.void_reference:ReferenceVoids"
"""The plain meaning, which tests hold the kernels to."""


@kernel(counted=False)
def void_after(void: int, kind: int, qty: int, left: int, ahead: int, has: int) -> tuple[int, int]:
    """Return what is void of a level after a row takes ``qty`` off an order, and what of its aggressor is loose.

    ``left`` is what our orders before it leave of an execution; ``ahead`` < 0: the order has no name.
    """
    mine = min(max(void - max(ahead, 0), 0), has)
    has = max(has, qty)
    rest, loose = has - qty, 0
    if kind == 4:
        live = has - mine
        hit = min(left, live)
        after = rest - min(live - hit, rest)
        loose = left - hit
    elif kind == 3 and ahead >= 0:
        after = 0
    elif ahead >= 0:
        after = min(mine, rest)
    else:
        after = scaled_up(mine, rest, has) if has > 0 else 0
    return void - mine + after, loose


@kernel(counted=False)
def set_void(venue: I64, taken: I64, log: I64, row: int, packed: int, amount: int) -> None:
    """Set what is void of a level, and write the change for those who will see it; the caller made room."""
    change = amount - table_get(taken, packed)
    if change == 0:
        return
    venue[V_TAKEN] += table_put(taken, packed, amount)
    if log.shape[0] > 0:
        if log[LOG_DONE] == log[LOG_COUNT]:
            log[LOG_DONE], log[LOG_COUNT] = 0, 0
        at = LOG_FIRST + LOG_WIDTH * log[LOG_COUNT]
        log[at], log[at + 1], log[at + 2] = row, packed, change
        log[LOG_COUNT] += 1


@kernel(counted=False)
def void_after_level(
    venue: I64, taken: I64, taken_at: I64, log: I64, row: int, side: int, key: int, old: int, new: int, flags: int
) -> None:
    """Carry what is void over a level that is stated anew or grows: as on a tape without names."""
    packed = key * 2 + side
    before = table_get(taken, packed)
    venue[V_TAKEN] += taken_after_level(taken, taken_at, -1, side, key, old, new, flags, 0)
    after = table_get(taken, packed)
    venue[V_TAKEN] += table_put(taken, packed, before)
    set_void(venue, taken, log, row, packed, after)


@kernel(counted=False)
def levels_to(head: I64, bits: I64, top: I64, table: I64, side: int, key: int, reach: int) -> int:
    """Return how many levels of a side stand worse than ``key`` up to ``reach``."""
    n = 0
    level = next_key(head, bits, top, table, side, key) if reach < key else NO_PRICE
    while level != NO_PRICE and level >= reach:
        n += 1
        level = next_key(head, bits, top, table, side, level)
    return n
