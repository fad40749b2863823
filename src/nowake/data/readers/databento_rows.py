"""Databento records -> rows: order by order (``mbo``), windows of levels (``mbp-1``, ``mbp-10``), prints (``trades``).

Layouts are those of DBN, little endian, the same in all its versions. Prices count 1e-9 of the quote currency.

``mbo``: actions A, C, M change orders; R clears; T is the aggressor's print and F that a resting order was executed,
both without effect on the book: the C or M of the resting order follows in the same message. ``order_rows`` says what
becomes of them.

``mbp-N``: every record carries the N best levels a side after it, and T records are prints. Levels that change are SET
rows. A level that leaves the window because a better one came, or enters it because a better one went, is SEEDED: no
event of the market. The first record, and the first after a gap, start with CLEAR and the whole window as a snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nowake.core.tape import END, I64, SEEDED, SIDE_SHIFT, SNAPSHOT, Book, Row
from nowake.core.units import NS_PER_SECOND
from nowake.data.build import Columns, Flags

HEADER = [("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"), ("ts_event", "<u8")]
MBO = np.dtype(
    [
        *HEADER,
        *(("order_id", "<u8"), ("price", "<i8"), ("size", "<u4"), ("flags", "u1"), ("channel_id", "u1")),
        *(("action", "u1"), ("side", "u1"), ("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")),
    ]
)
TRADES = np.dtype(
    [
        *HEADER,
        *(("price", "<i8"), ("size", "<u4"), ("action", "u1"), ("side", "u1"), ("flags", "u1"), ("depth", "u1")),
        *(("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")),
    ]
)
LEVEL = np.dtype(
    [
        *(("bid_px", "<i8"), ("ask_px", "<i8"), ("bid_sz", "<u4"), ("ask_sz", "<u4")),
        *(("bid_ct", "<u4"), ("ask_ct", "<u4")),
    ]
)

LAST_FLAG, SNAPSHOT_FLAG, GAP_FLAG = 0x80, 0x20, 0x04
NO_PRICE, NO_SIZE = 2**63 - 1, 2**32 - 1
"""Undefined prices and sizes."""
TIME_FIRST, TIME_LAST = 631_152_000_000_000_000, 4_102_444_800_000_000_000
"""1990 and 2100: a time outside is damaged."""
CLOCK_SLACK_NS = 600 * NS_PER_SECOND
"""A record whose (receive - event) is this far from the median has a damaged time."""
WINDOW_RECORDS = 1 << 18
"""So many records' windows are compared at once."""

Records = npt.NDArray[Any]
"""Structured records in one of the layouts."""

_BID, _ASK = int(Book.BID), int(Book.ASK)
_NO_LEVEL = -(2**62)
_SIDES = np.zeros(256, dtype=np.int8)
_SIDES[ord("B")], _SIDES[ord("A")] = _BID, _ASK


@dataclass(frozen=True, slots=True)
class Grid:
    """How records count: 1e-9 of the quote currency in a price unit, and quantity units in one of their sizes."""

    price_nanos: int
    size_units: int


def level_dtype(levels: int) -> npt.DTypeLike:
    """Return the layout of ``mbp-1`` or ``mbp-10``."""
    return np.dtype([*[(name, TRADES[name]) for name in TRADES.names or ()], ("levels", LEVEL, (levels,))])


def of_this_age(t_ns: I64) -> Flags:
    """Return (n,) bool: a time can be one of a recording."""
    return np.asarray((t_ns > TIME_FIRST) & (t_ns < TIME_LAST))


def sound_times(records: Records) -> Flags:
    """Return (n,) bool: both times are of this age and near each other, and receive times do not go back."""
    recv, event = records["ts_recv"].astype(np.int64), records["ts_event"].astype(np.int64)
    sound = of_this_age(recv) & of_this_age(event)
    live = np.flatnonzero(sound & ((records["flags"] & SNAPSHOT_FLAG) == 0))
    if len(live):
        delay = recv[live] - event[live]
        sound[live[np.abs(delay - np.int64(np.median(delay))) > CLOCK_SLACK_NS]] = False
    good = np.flatnonzero(sound)
    if len(good):
        behind = recv[good] < np.maximum.accumulate(recv[good])
        ahead = recv[good] > np.minimum.accumulate(recv[good][::-1])[::-1]
        # One stamp too late makes all that follow look early: the fewer are wrong.
        sound[good[behind if np.count_nonzero(behind) <= np.count_nonzero(ahead) else ahead]] = False
    return np.asarray(sound)


def sound_values(records: Records, grid: Grid) -> Flags:
    """Return (n,) bool: action, side, price and size can be what the schema states."""
    action, side, price, size = (records[name] for name in ("action", "side", "price", "size"))
    sound = np.isin(action, np.frombuffer(b"AMCRTFN", dtype=np.uint8))
    sound &= np.isin(side, np.frombuffer(b"ABN", dtype=np.uint8))
    valued = np.isin(action, np.frombuffer(b"AMCTF", dtype=np.uint8))
    good = (price > 0) & (price != NO_PRICE) & (price % grid.price_nanos == 0) & (size > 0) & (size < NO_SIZE)
    if "order_id" in (records.dtype.names or ()):
        good &= (side != ord("N")) | ~np.isin(action, np.frombuffer(b"AMC", dtype=np.uint8))
    sound &= ~valued | good
    if "levels" in (records.dtype.names or ()):
        levels = records["levels"]
        for px, sz in (("bid_px", "bid_sz"), ("ask_px", "ask_sz")):
            empty = levels[px] == NO_PRICE
            held = (levels[px] > 0) & (levels[px] % grid.price_nanos == 0) & (levels[sz] > 0) & (levels[sz] < NO_SIZE)
            sound &= (empty | held).all(axis=1)
    return np.asarray(sound)


def times(records: Records) -> tuple[I64, I64]:
    """Return event and receive times, UTC ns; a snapshot's event time is its receipt less the least delay seen.

    Snapshot records repeat the time of what happened last, which may be days before.
    """
    event, recv = records["ts_event"].astype(np.int64), records["ts_recv"].astype(np.int64)
    snap = (records["flags"] & SNAPSHOT_FLAG) != 0
    delay = int((recv - event)[~snap].min()) if not snap.all() else 0
    return np.where(snap, recv - np.int64(delay), event), recv


def gap_starts(flags: npt.NDArray[np.uint8]) -> Flags:
    """Return (n,) bool: the first of each run of records that the source marks as after a gap."""
    bad = (flags & GAP_FLAG) != 0
    return np.asarray(bad & ~np.concatenate([[False], bad[:-1]]))


def mbo_columns(records: Records, grid: Grid) -> tuple[Columns, dict[str, int]]:
    """Return rows and figures (compared, mismatched, gaps) of order-by-order records."""
    from nowake.data.readers.order_rows import COMPARED, MISMATCHED, Op, OrderMessages, order_rows
    from nowake.data.readers.turns import in_turn

    ops = np.zeros(256, dtype=np.int8)
    ops[list(b"AMCRTF")] = (Op.ADD, Op.MODIFY, Op.CANCEL, Op.CLEAR, Op.TRADE, Op.FILL)
    gaps, source = gap_starts(records["flags"]), records
    twice = np.zeros(len(records), dtype=np.bool_)
    if gaps.any():  # a message of its own before each record at which the source marks one
        at = np.repeat(np.arange(len(records)), 1 + gaps)
        source, twice = records[at], np.concatenate([at[1:] == at[:-1], [False]])
    names, order = np.unique(source["order_id"], return_inverse=True)
    snap = (source["flags"] & SNAPSHOT_FLAG) != 0
    messages = OrderMessages(
        op=np.where(twice, np.int8(Op.GAP), ops[source["action"]]).astype(np.int8),
        order=order.astype(np.int64),
        side=_SIDES[source["side"]],
        price=source["price"] // grid.price_nanos,
        size=source["size"].astype(np.int64) * grid.size_units,
        last=((source["flags"] & LAST_FLAG) != 0) | twice,
        snap=snap & ~twice,
    )
    rows, moved = in_turn(order_rows(messages, len(names)), len(names))
    event, recv = times(source)
    ids = np.where(rows.order >= 0, names.astype(np.int64)[rows.order], 0)
    columns = Columns(event[rows.index], rows.code, rows.price, rows.qty, recv[rows.index], ids)
    figures = {
        "compared": int(rows.figures[COMPARED]),
        "mismatched": int(rows.figures[MISMATCHED]),
        "gaps": int(np.count_nonzero(gaps)),
        "reordered": moved,
    }
    return columns, figures


def trade_columns(records: Records, grid: Grid) -> tuple[Columns, dict[str, int]]:
    """Return the prints of ``trades`` records; each is a message."""
    prints = records[records["action"] == ord("T")]
    event, recv = times(prints)
    code = (int(Row.TRADE) | END) + (_SIDES[prints["side"]].astype(np.int64) << SIDE_SHIFT)
    size = prints["size"].astype(np.int64) * grid.size_units
    return Columns(event, code.astype(np.uint16), prints["price"] // grid.price_nanos, size, recv), {}


def level_columns(records: Records, grid: Grid) -> tuple[Columns, dict[str, int]]:
    """Return rows and figures (gaps) of records with windows of levels."""
    flags = records["flags"]
    gaps = gap_starts(flags)
    bad = (flags & GAP_FLAG) != 0
    fresh = ((flags & SNAPSHOT_FLAG) != 0) | (records["action"] == ord("R"))
    fresh |= ~bad & np.concatenate([[False], bad[:-1]])
    fresh[0] = True
    is_print = records["action"] == ord("T")
    pieces = [
        _piece(np.flatnonzero(gaps), 0, int(Row.GAP), 0, 0),
        _piece(np.flatnonzero(fresh), 1, int(Row.CLEAR) | SNAPSHOT, 0, 0),
        _piece(
            np.flatnonzero(is_print),
            3,
            int(Row.TRADE) | _SIDES[records["side"][is_print]].astype(np.int64) << SIDE_SHIFT,
            records["price"][is_print] // grid.price_nanos,
            records["size"][is_print].astype(np.int64) * grid.size_units,
        ),
    ]
    for lo in range(0, len(records), WINDOW_RECORDS):
        part = slice(max(lo - 1, 0), lo + WINDOW_RECORDS)
        for side in (_BID, _ASK):
            pieces += _side_pieces(records[part], part.start, lo, side, fresh[part] | bad[part], bad[part], grid)
    rows = np.concatenate(pieces)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    last = ((flags & LAST_FLAG) != 0).astype(np.int64)
    # Messages: the snapshot of a fresh record is one of its own, before whatever else the record says.
    message = 2 * (np.cumsum(last) - last)[rows[:, 0]] + (rows[:, 1] > 2)
    message += 2 * np.cumsum(np.where(rows[:, 1] == 0, 1, 0))
    ends = np.concatenate([message[1:] != message[:-1], [True]])
    event, recv = times(records)
    code = rows[:, 2] | np.where(ends, END, 0)
    columns = Columns(event[rows[:, 0]], code.astype(np.uint16), rows[:, 3], rows[:, 4], recv[rows[:, 0]])
    return columns, {"gaps": int(np.count_nonzero(gaps))}


def _piece(index: I64, key: int, code: I64 | int, price: I64 | int, qty: I64 | int) -> I64:
    """Return (k, 5) i64: record, place within the record, code, price, quantity."""
    made = np.empty((len(index), 5), dtype=np.int64)
    made[:, 0], made[:, 1], made[:, 2], made[:, 3], made[:, 4] = index, key, code, price, qty
    return made


def _side_pieces(
    records: Records, offset: int, first: int, side: int, restart: Flags, bad: Flags, grid: Grid
) -> list[I64]:
    """Return the rows of one side for records from ``first`` on; record ``first - 1`` is there for comparison."""
    name, sign = ("bid", 1) if side == _BID else ("ask", -1)
    raw = records["levels"][f"{name}_px"]
    price = np.where(raw == NO_PRICE, _NO_LEVEL, sign * (raw // grid.price_nanos))  # rises towards the best
    size = np.where(raw == NO_PRICE, 0, records["levels"][f"{name}_sz"].astype(np.int64) * grid.size_units)
    own = sign * (records["price"] // grid.price_nanos)
    own = np.where(_SIDES[records["side"]] == side, own, _NO_LEVEL + 1)
    now = np.arange(first - offset, len(records))
    code = int(Row.SET) | side << SIDE_SHIFT
    pieces = []
    whole = now[restart[now] & ~bad[now]]
    k, j = np.nonzero(price[whole] != _NO_LEVEL)
    pieces.append(_piece(whole[k] + offset, 2, code | SNAPSHOT, sign * price[whole[k], j], size[whole[k], j]))
    now = now[~restart[now]]
    now = now[((price[now] != price[now - 1]) | (size[now] != size[now - 1])).any(axis=1)]
    new, old, new_size, old_size = price[now], price[now - 1], size[now], size[now - 1]
    same = new[:, :, None] == old[:, None, :]
    gone_k, gone_j = np.nonzero((old != _NO_LEVEL) & ~same.any(axis=1))
    gone = old[gone_k, gone_j]
    pushed = (new[gone_k].min(axis=1) > gone) & (own[now[gone_k]] != gone)  # an empty place is below every price
    pieces.append(_piece(now[gone_k] + offset, 4, code | np.where(pushed, SEEDED, 0), sign * gone, 0))
    had = np.where(same, old_size[:, None, :], 0).sum(axis=2)
    came = ~same.any(axis=2)
    set_k, set_j = np.nonzero((new != _NO_LEVEL) & (came | (had != new_size)))
    level = new[set_k, set_j]
    entered = came[set_k, set_j] & (old[set_k].min(axis=1) > level) & (own[now[set_k]] != level)
    pieces.append(
        _piece(now[set_k] + offset, 5, code | np.where(entered, SEEDED, 0), sign * level, new_size[set_k, set_j])
    )
    return pieces
