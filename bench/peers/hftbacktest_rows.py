"""hftbacktest on rows from ``bench/peer_kernel.py``; runs under an interpreter of its own, which has hftbacktest 2.4.

Prints one JSON document: seconds of the loop that keeps an order at the best bid, looking at every feed and looking
every 100 ms; and what became of each of the one-lot orders of the comparison.
"""

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from hftbacktest import GTX, LIMIT, BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.types import BUY_EVENT, DEPTH_EVENT, EXCH_EVENT, LOCAL_EVENT, SELL_EVENT, TRADE_EVENT, event_dtype
from numba import njit

STEP_NS = 100_000_000
MS = 1_000_000


def events(rows):
    """Return the rows as hftbacktest's events: sets of levels, and prints by their aggressor's side."""
    made = np.zeros(len(rows["t_event"]), dtype=event_dtype)
    code = rows["code"]
    kind = np.where((code & 0x0F) == 0, DEPTH_EVENT, TRADE_EVENT)
    side = np.where(((code >> 4) & 3) == 1, BUY_EVENT, SELL_EVENT)
    made["ev"] = kind | side | EXCH_EVENT | LOCAL_EVENT
    made["exch_ts"] = rows["t_event"]
    made["local_ts"] = rows["t_event"] + int(rows["latency_ns"])
    made["px"] = rows["price"] * float(rows["tick"])
    made["qty"] = rows["qty"]
    return made


def market(data, rows):
    """Return a backtest over the events: power-probability queue with n = 2, constant latency both ways."""
    tick, low, high = float(rows["tick"]), int(rows["price"].min()), int(rows["price"].max())
    asset = (
        BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(int(rows["latency_ns"]), int(rows["latency_ns"]))
        .power_prob_queue_model(2.0)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(tick)
        .lot_size(float(rows["lot"]))
        .roi_lb((low - 10) * tick)
        .roi_ub((high + 10) * tick)
    )
    return ROIVectorMarketDepthBacktest([asset])


@njit
def peg(hbt, lot, step_ns):
    """Keep a one-lot order at the best bid; ``step_ns`` 0 = look at every feed. Returns how many were sent."""
    order_id, price, sent = 0, 0, 0
    while True:
        status = hbt.elapse(step_ns) if step_ns else hbt.wait_next_feed(False, 1_000_000_000_000)
        if status != 0 and status != 2:
            return sent if status == 1 else -status
        depth = hbt.depth(0)
        best = depth.best_bid_tick
        if best == price:
            continue
        if order_id:
            orders = hbt.orders(0)
            order = orders.get(order_id)
            if order is not None and order.cancellable:
                hbt.cancel(0, order_id, False)
        hbt.clear_inactive_orders(0)
        order_id, price, sent = order_id + 1, best, sent + 1
        hbt.submit_buy_order(0, order_id, best * depth.tick_size, lot, GTX, LIMIT, False)


@njit
def compare(hbt, times, hold_ns, lot, ticks, filled):
    """Send one lot at the best bid at each of ``times``, cancel it after ``hold_ns``; writes its tick and its fill."""
    for i in range(len(times)):
        if hbt.elapse(times[i] - hbt.current_timestamp) != 0:
            return i
        depth = hbt.depth(0)
        ticks[i] = depth.best_bid_tick
        hbt.submit_buy_order(0, i + 1, ticks[i] * depth.tick_size, lot, GTX, LIMIT, False)
        if hbt.elapse(hold_ns) != 0:
            return i
        order = hbt.orders(0).get(i + 1)
        if order is not None and order.cancellable:
            hbt.cancel(0, i + 1, False)
        if hbt.elapse(10_000_000) != 0:
            return i
        order = hbt.orders(0).get(i + 1)
        if order is not None:
            filled[i] = order.exec_qty if order.status == 3 else 0.0
        hbt.clear_inactive_orders(0)
    return len(times)


def main():
    rows = dict(np.load(sys.argv[1]))
    what = sys.argv[2]
    data, lot = events(rows), float(rows["lot"])
    document = {"versions": {name: version(name) for name in ("hftbacktest", "numba", "numpy")}}
    if what == "compare":
        times = rows["times"]
        ticks, filled = np.zeros(len(times), dtype=np.int64), np.zeros(len(times))
        hbt = market(data, rows)
        hbt.elapse(MS)
        done = compare(hbt, times, int(rows["hold_ns"]), lot, ticks, filled)
        document |= {"done": done, "ticks": ticks.tolist(), "filled": filled.tolist()}
    else:
        step = 0 if what == "every" else STEP_NS
        peg(market(data[:1000], rows), lot, step)  # compiles
        hbt = market(data, rows)
        cpu, wall = time.process_time(), time.perf_counter()
        sent = peg(hbt, lot, step)
        document |= {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall, "sent": sent}
    print(json.dumps(document))


main()
