"""What the arrays of a simulated venue hold: the layout that kernels, ``sim.venue`` and tests share.

Orders are rows of ``orders`` (m, 11) i64: live, side (0 buys), recorded key, leaves, sequence, peg (PEG_PRIMARY,
PEG_MIDPOINT), row at which it joined, link, display quantity, when it is refreshed, greatest key of a peg; and of
``fronts`` (m, 6) f64: quantity ahead, printed since the level's last row, ahead at most and at least, left at worst
and at best (``sim.bounds``). What is not displayed has HIDDEN_SEQ added to its sequence, so that at one price it comes
after all that is. An iceberg is two rows: what is displayed, and the reserve; each links to the other (row + 1), and
the reserve holds the display quantity and the time of the refresh. Fills are rows of ``fills`` (f, 6) i64: order,
quantity, seen price offset, venue time, how: TOOK, PRINTED (made, inside a recorded print) or UNPRINTED (made, but
whoever came to our price is in the book and not in the prints), and the level whose recorded quantity it used up,
NO_LEVEL = none. ``venue`` (32,) i64 holds the scalars, ``reals`` the queue model's exponent, what of a print is left at
worst and at best, and from R_SHIFT on the shift (``market.seen``); ``taken`` and ``taken_at`` are tables
(``market.table``) by level: key x 2 + side.

Numba compiles these numbers into every ``@kernel`` that reads them; that word here puts this file under the hash by
which compiled kernels are kept (``core.jit``).
"""

from __future__ import annotations

O_LIVE, O_SIDE, O_KEY, O_LEAVES, O_SEQ, O_PEG, O_ROW = 0, 1, 2, 3, 4, 5, 6
O_LINK, O_DISPLAY, O_DUE, O_LIMIT = 7, 8, 9, 10
ORDER_FIELDS = 11
PEG_PRIMARY, PEG_MIDPOINT = 1, 2
HIDDEN_SEQ = 2**40
NEVER = 2**62
NO_LIMIT = 2**60
PARKED = -(2**60)
"""Key of a midpoint peg while there is no mid: nothing reaches it."""
F_AHEAD, F_TRADED = 0, 1
F_AHEAD_MAX, F_AHEAD_MIN, F_LEFT_MAX, F_LEFT_MIN = 2, 3, 4, 5
FRONT_FIELDS = 6
R_N, R_WORST, R_BEST, R_SHIFT = 0, 1, 2, 3
X_ORDER, X_QTY, X_PRICE, X_T, X_HOW, X_LEVEL = 0, 1, 2, 3, 4, 5
FILL_FIELDS = 6
NO_LEVEL = -(2**63)

V_CURSOR, V_LIVE, V_SLOTS, V_FILLS, V_LEDGER, V_HALF_NS, V_TAKEN, V_MODEL, V_PEGS, V_EDGES, V_LOT = range(11)
V_DUE, V_REFRESH_NS, V_ARRIVALS, V_MIDS = 11, 12, 13, 14
"""The earliest refresh of an iceberg, or end of a bar; how long a refresh takes, how many have joined a queue, how many
peg to the mid."""
V_BAR_ROOM, V_BAR_UNTIL = 15, 16
"""Of a market made from bars (``sim.bars_book``): what may still be filled until then; else without end."""
V_BAR_WORST, V_BAR_BEST = 17, 18
"""Of the same bar, what is left of it at worst and at best (``sim.bounds``)."""
V_UNIT, V_SHIFT, V_SHIFT_AT, V_SHIFT_DUE, V_MOVED, V_FLOOR = range(24, 30)
"""Of the shift: its unit (0 = there is none), rounded, when its state was made, how long it stands still, whether
orders have lost their place, and the least seen price there can be."""
VENUE_STATS = 32

FILLS_FULL, LEDGER_FULL, BAR_OVER, LOG_FULL = 4, 5, 7, 9
TOOK, PRINTED, UNPRINTED = 0, 1, 2

NO_ID = -2
"""``joined`` of a row where queues are not exact; -1 = its order was there before the tape began."""
