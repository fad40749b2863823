"""The compiled scanner of Binance lines; ``binance_lines`` says what each line means.

It reads the objects as Binance writes them (no spaces, known keys, each once) in one pass over the bytes. A line
that is anything else is marked ODD with its place, and is read plainly.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import I64
from nowake.data.build import Bytes
from nowake.data.readers.binance_lines import (
    BAD,
    DEPTH,
    ODD,
    OTHER,
    QUOTE,
    TRADE,
    U8,
    Grid,
    Messages,
    read_plainly,
)
from nowake.data.scan import count_lines

_BID, _ASK, _NS = 1, 2, 1_000_000
_COLON, _COMMA, _DOT, _QUOTE, _OPEN, _CLOSE, _LIST, _LIST_END = 58, 44, 46, 34, 123, 125, 91, 93
_STREAM = np.frombuffer(b'{"stream":"', dtype=np.uint8)
_DATA = np.frombuffer(b',"data":{', dtype=np.uint8)
_DEPTH_UPDATE = np.frombuffer(b"depthUpdate", dtype=np.uint8)
_TRADE_NAME = np.frombuffer(b"trade", dtype=np.uint8)
_TICKER = np.frombuffer(b"bookTicker", dtype=np.uint8)
_MARKET = np.frombuffer(b"MARKET", dtype=np.uint8)
_TRUE = np.frombuffer(b"true", dtype=np.uint8)
_FALSE = np.frombuffer(b"false", dtype=np.uint8)
# Where the numbers of a message are kept; times come first.
_N_EVENT, _N_TRANSACTION, _N_FIRST, _N_LAST, _N_PREV, _N_TRADE = range(6)
_N_PRICE, _N_QTY, _N_BID, _N_BID_QTY, _N_ASK, _N_ASK_QTY, _NUMBERS = range(6, 13)
# Keys that were seen, as bits.
_S, _U1, _U, _PU, _T1, _P, _Q, _M, _B, _A, _BQ, _AQ, _E1, _E, _TT, _OTHER_KEY = (1 << i for i in range(16))


@kernel
def _starts(data: Bytes, at: int, word: U8) -> bool:
    """Return whether ``word`` stands at ``at``."""
    if at + word.shape[0] > data.shape[0]:
        return False
    for i in range(word.shape[0]):  # noqa: SIM110 - a loop is what the compiler takes
        if data[at + i] != word[i]:
            return False
    return True


@kernel
def _integer(data: Bytes, at: int, digits_max: int) -> tuple[int, int]:
    """Return (value, end) of the digits at ``at``; end = -1 when there are none, too many, or a leading zero."""
    value, begin, n = 0, at, data.shape[0]
    while at < n and 48 <= data[at] <= 57:
        value = value * 10 + (data[at] - 48)
        at += 1
        if at - begin > digits_max:
            return 0, -1
    if at == begin or (data[begin] == 48 and at - begin > 1):
        return 0, -1
    return value, at


@kernel
def _decimal(data: Bytes, at: int, decimals: int, step: int) -> tuple[int, int]:
    """Return (units, end) of the quoted number at ``at``; end = -1 when it is not one or is off the grid."""
    n = data.shape[0]
    if at >= n or data[at] != _QUOTE:
        return 0, -1
    at += 1
    value, begin = 0, at
    while at < n and 48 <= data[at] <= 57:
        value = value * 10 + (data[at] - 48)
        at += 1
    if at == begin or at - begin > 12 or at - begin + decimals > 18:
        return 0, -1
    kept = 0
    if at < n and data[at] == _DOT:
        at += 1
        begin = at
        while at < n and 48 <= data[at] <= 57:
            if kept < decimals:
                value = value * 10 + (data[at] - 48)
                kept += 1
            elif data[at] != 48:
                return 0, -1
            at += 1
        if at == begin or at - begin > 18:
            return 0, -1
    while kept < decimals:
        value *= 10
        kept += 1
    if at >= n or data[at] != _QUOTE:
        return 0, -1
    if step != 1:
        if value % step:
            return 0, -1
        value //= step
    return value, at + 1


@kernel
def scan_messages(
    data: Bytes,
    symbol: U8,
    grid: tuple[int, int, int, int],
    kind: U8,
    ids: tuple[I64, I64, I64, I64, I64, I64, I64],
    side: U8,
    price: I64,
    qty: I64,
) -> int:
    """Scan ``data`` into the columns; return the number of levels written.

    Args:
        data: Whole lines.
        symbol: Bytes of the symbol expected.
        grid: See ``binance_lines.Grid``.
        kind: (lines,) filled in; ODD lines carry their bounds in first_id and last_id.
        ids: (lines,) each: recv, event, first_id, last_id, prev_id, start, count, filled in.
        side: (r,) with room for every level of ``data``, filled in.
        price: (r,) likewise.
        qty: (r,) likewise.
    """
    recv, event, first_id, last_id, prev_id, start, count = ids
    price_decimals, price_step, qty_decimals, qty_step = grid
    numbers = np.zeros(_NUMBERS, dtype=np.int64)
    n, at, line, w = data.shape[0], 0, 0, 0
    while at < n:
        begin, first = at, w
        seen, name = 0, -1
        numbers[:] = 0
        maker, market, lists = False, True, 0
        local, at = _integer(data, at, 19)
        # 9 at the front of 19 digits may pass 64 bits: leave those to the plain reading.
        good = at > 0 and (at - begin < 19 or data[begin] <= 56)
        good = good and at < n and data[at] == 32 and _starts(data, at + 1, _STREAM)
        if good:
            at += 1 + _STREAM.shape[0]
            while at < n and data[at] != _QUOTE and data[at] >= 32 and data[at] < 127 and data[at] != 92:
                at += 1
            good = at < n and data[at] == _QUOTE and _starts(data, at + 1, _DATA)
            at += 1 + _DATA.shape[0]
        while good:
            # One "key":value
            if at + 3 >= n or data[at] != _QUOTE:
                good = False
                break
            k0, k1 = data[at + 1], data[at + 2]
            if k1 == _QUOTE:
                at += 3
                k1 = 0
            elif data[at + 3] == _QUOTE:
                at += 4
            else:
                good = False
                break
            if at >= n or data[at] != _COLON:
                good = False
                break
            at += 1
            bit, number, decimal_digits, step = 0, -1, -1, 1
            if k1 == 117 and k0 == 112:  # pu
                bit, number = _PU, _N_PREV
            elif k1 == 115 and k0 == 112:  # ps
                bit = _OTHER_KEY
                if at < n and data[at] == _QUOTE:
                    at += 1
                    while at < n and data[at] > 32 and data[at] < 127 and data[at] != _QUOTE and data[at] != 92:
                        at += 1
                    at = at + 1 if at < n and data[at] == _QUOTE else -1
                else:
                    at = -1
            elif k1 != 0:
                at = -1
            elif k0 == 69:  # E
                bit, number = _E, _N_EVENT
            elif k0 == 84:  # T
                bit, number = _TT, _N_TRANSACTION
            elif k0 == 85:  # U
                bit, number = _U1, _N_FIRST
            elif k0 == 117:  # u
                bit, number = _U, _N_LAST
            elif k0 == 116:  # t
                bit, number = _T1, _N_TRADE
            elif k0 == 112:  # p
                bit, number, decimal_digits, step = _P, _N_PRICE, price_decimals, price_step
            elif k0 == 113:  # q
                bit, number, decimal_digits, step = _Q, _N_QTY, qty_decimals, qty_step
            elif k0 == 66:  # B
                bit, number, decimal_digits, step = _BQ, _N_BID_QTY, qty_decimals, qty_step
            elif k0 == 65:  # A
                bit, number, decimal_digits, step = _AQ, _N_ASK_QTY, qty_decimals, qty_step
            elif k0 == 109 or k0 == 77:  # m, M
                is_true = _starts(data, at, _TRUE)
                if k0 == 109:
                    bit = _M
                    maker = is_true
                if is_true:
                    at += 4
                elif _starts(data, at, _FALSE):
                    at += 5
                else:
                    at = -1
            elif k0 == 115:  # s
                bit = _S
                size = symbol.shape[0]
                if at < n and data[at] == _QUOTE and _starts(data, at + 1, symbol) and at + 1 + size < n:
                    at = at + 2 + size if data[at + 1 + size] == _QUOTE else -1
                else:
                    at = -1
            elif k0 == 101:  # e
                bit = _E1
                if at >= n or data[at] != _QUOTE:
                    at = -1
                elif _starts(data, at + 1, _DEPTH_UPDATE):
                    name, at = DEPTH, at + 1 + _DEPTH_UPDATE.shape[0]
                elif _starts(data, at + 1, _TRADE_NAME):
                    name, at = TRADE, at + 1 + _TRADE_NAME.shape[0]
                elif _starts(data, at + 1, _TICKER):
                    name, at = QUOTE, at + 1 + _TICKER.shape[0]
                else:
                    at = -1
                if at >= 0:
                    at = at + 1 if at < n and data[at] == _QUOTE else -1
            elif k0 == 88:  # X
                bit = _OTHER_KEY << 1
                market = at < n and data[at] == _QUOTE and _starts(data, at + 1, _MARKET)
                at = at + 8 if market and at + 7 < n and data[at + 7] == _QUOTE else -1
            elif k0 == 98 or k0 == 97:  # b, a: a price, or a list of [price, size]
                bit = _B if k0 == 98 else _A
                if at >= n or data[at] != _LIST:
                    number = _N_BID if k0 == 98 else _N_ASK
                    decimal_digits, step = price_decimals, price_step
                else:
                    lists += 1
                    at += 1
                    while at < n and data[at] != _LIST_END:
                        if data[at] != _LIST:
                            at = -1
                            break
                        level, at = _decimal(data, at + 1, price_decimals, price_step)
                        if at < 0 or at >= n or data[at] != _COMMA:
                            at = -1
                            break
                        amount, at = _decimal(data, at + 1, qty_decimals, qty_step)
                        if at < 0 or at >= n or data[at] != _LIST_END:
                            at = -1
                            break
                        at += 1
                        side[w] = _BID if k0 == 98 else _ASK
                        price[w], qty[w] = level, amount
                        w += 1
                        # After a level: another one, or the end of the list.
                        if at + 1 < n and data[at] == _COMMA and data[at + 1] == _LIST:
                            at += 1
                        elif at >= n or data[at] != _LIST_END:
                            at = -1
                            break
                    at = at + 1 if 0 <= at < n else -1
            else:
                at = -1
            if at >= 0 and number >= 0:
                if decimal_digits >= 0:
                    value, at = _decimal(data, at, decimal_digits, step)
                else:
                    value, at = _integer(data, at, 13 if number <= _N_TRANSACTION else 18)
                numbers[number] = value
            if at < 0 or seen & bit:
                good = False
                break
            seen |= bit
            if at < n and data[at] == _COMMA:
                at += 1
                continue
            good = at + 1 < n and data[at] == _CLOSE and data[at + 1] == _CLOSE
            at += 2
            if good and at < n and data[at] == 13:
                at += 1
            good = good and (at >= n or data[at] == 10)
            break
        if good:
            stamp = numbers[_N_TRANSACTION] if numbers[_N_TRANSACTION] > 0 else numbers[_N_EVENT]
            if name < 0 and not seen & _E1:
                name = QUOTE
            id_first, id_last, id_prev = numbers[_N_FIRST], numbers[_N_LAST], numbers[_N_PREV]
            if not seen & _S:
                good = False
            elif name == DEPTH:
                need = _U1 | _U | _B | _A
                good = seen & need == need and lists == 2 and stamp > 0 and id_first <= id_last
                if not seen & _PU:
                    id_prev = id_first - 1
            elif name == TRADE:
                need = _T1 | _P | _Q | _M
                good = seen & need == need and lists == 0 and stamp > 0
                id_first, id_last, id_prev = numbers[_N_TRADE], numbers[_N_TRADE], 0
                if good:
                    side[w] = _ASK if maker else _BID
                    price[w], qty[w] = numbers[_N_PRICE], numbers[_N_QTY]
                    if price[w] <= 0 or qty[w] <= 0:
                        name = OTHER
                    w += 1
            else:
                need = _U | _B | _A | _BQ | _AQ
                good = seen & need == need and lists == 0
                id_first, id_prev = id_last, 0
                if good:
                    side[w], price[w], qty[w] = _BID, numbers[_N_BID], numbers[_N_BID_QTY]
                    side[w + 1], price[w + 1], qty[w + 1] = _ASK, numbers[_N_ASK], numbers[_N_ASK_QTY]
                    w += 2
        if good:
            kind[line], recv[line], event[line] = name, local, stamp * _NS
            first_id[line], last_id[line], prev_id[line] = id_first, id_last, id_prev
            start[line], count[line] = first, w - first
        else:
            w = first
            # A failed read may have stopped anywhere in the line, never behind its end.
            at = begin
            while at < n and data[at] != 10:
                at += 1
            if 48 <= data[begin] <= 57:
                kind[line], first_id[line], last_id[line] = ODD, begin, at
            else:
                kind[line] = BAD  # no local time: nothing for the plain reading to find
        at += 1
        line += 1
    return w


def parse(data: bytes, grid: Grid, symbol: str) -> Messages:
    """Return the messages of whole lines; equal to ``parse_reference`` but for the order of levels in memory."""
    view = np.frombuffer(data, dtype=np.uint8)
    found = Messages.empty(count_lines(view), len(data) // 8 + 16)
    ids = (found.recv, found.event, found.first_id, found.last_id, found.prev_id, found.start, found.count)
    name = np.frombuffer(symbol.encode(), dtype=np.uint8)
    n = scan_messages(view, name, (*grid,), found.kind, ids, found.side, found.price, found.qty)
    found.side, found.price, found.qty = found.side[:n].copy(), found.price[:n].copy(), found.qty[:n].copy()
    odd = np.flatnonzero(found.kind == ODD).tolist()
    lines = [(i, data[int(found.first_id[i]) : int(found.last_id[i])]) for i in odd]
    found.first_id[odd] = found.last_id[odd] = 0
    read_plainly(found, lines, grid, symbol)
    return found
