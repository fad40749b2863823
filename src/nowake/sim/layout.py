"""What the arrays of a simulated venue hold: the layout that kernels, ``sim.venue`` and tests share.

Orders are rows of ``orders`` (m, 7) i64: live, side (0 buys), key, leaves, sequence, peg, row at which it
joined; and of ``fronts`` (m, 2) f64: quantity ahead, printed since the level's last row. Fills are rows of ``fills``
(f, 5) i64: order, quantity, price offset, venue time, and how: TOOK, PRINTED (made, inside a recorded print) or
UNPRINTED (made, but whoever came to our price is in the book and not in the prints). ``venue`` (16,) i64 holds the
scalars, ``taken`` and ``taken_at`` are tables (``market.table``) by level: key x 2 + side.
"""

from __future__ import annotations

O_LIVE, O_SIDE, O_KEY, O_LEAVES, O_SEQ, O_PEG, O_ROW = 0, 1, 2, 3, 4, 5, 6
ORDER_FIELDS = 7
F_AHEAD, F_TRADED = 0, 1
X_ORDER, X_QTY, X_PRICE, X_T, X_HOW = 0, 1, 2, 3, 4
FILL_FIELDS = 5

V_CURSOR, V_LIVE, V_SLOTS, V_FILLS, V_LEDGER, V_HALF_NS, V_TAKEN, V_MODEL, V_PEGS, V_EDGES, V_LOT = range(11)
VENUE_STATS = 16

FILLS_FULL, LEDGER_FULL = 4, 5
TOOK, PRINTED, UNPRINTED = 0, 1, 2

NO_ID = -2
"""``joined`` of a row where queues are not exact; -1 = its order was there before the tape began."""
