"""The kernel against hftbacktest on the same rows, in alternating runs: rows a second, and one-lot orders filled.

    python bench/peer_kernel.py --peer-python /path/of/an/environment/with/hftbacktest/bin/python

Both hold a power-probability queue (n = 2) and 2 ms from the market to us, from us to the venue and back. *Speed*: ours
is a natively pegged order; hftbacktest has none, so a compiled loop moves an order to the best bid, looking at every
feed or (the least work that is still a peg) every 100 ms. *Fills*: both send the same one-lot bids at the same times
and cancel them after the same time; a peg's fills cannot be compared, as one follows at the venue and one from afar.
CPU seconds of one thread: other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from kernel import MS, make_tape, unattended

from nowake.core.child import ChildOrder, OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import KIND_MASK, Row, Tape
from nowake.sim.exchange import Latency, SimMarket

LATENCY = Latency(decision_ns=0, entry_ns=2 * MS, response_ns=2 * MS, data_ns=2 * MS)
PERIOD_NS, HOLD_NS, SETTLE_NS = 2_000 * MS, 1_900 * MS, 10 * MS
SKIPPED = "skipped: no peer; give --peer-python, or NOWAKE_PEER_HFTBACKTEST, an interpreter that has hftbacktest 2.4"


def write_rows(tape: Tape, times: np.ndarray, path: Path) -> None:
    """Write the rows for the peer: sets and prints (the one CLEAR that opens a tape has nothing to clear)."""
    keep = np.isin(tape.code & KIND_MASK, (Row.SET, Row.TRADE))
    listing = tape.listing
    np.savez(
        path,
        t_event=tape.t_event[keep],
        code=tape.code[keep],
        price=tape.prices()[keep],
        qty=tape.qty[keep].astype(np.float64),
        tick=float(listing.ticks[0].step_units),
        lot=float(listing.lot_units),
        latency_ns=LATENCY.data_ns,
        times=times,
        hold_ns=HOLD_NS,
    )


def peer(python: str, path: Path, what: str) -> dict[str, object]:
    """Run the peer once."""
    script = Path(__file__).with_name("peers") / "hftbacktest_rows.py"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([python, str(script), str(path), what], check=True, capture_output=True, env=env, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def one_lots(tape: Tape, times: np.ndarray) -> tuple[list[int], list[int]]:
    """Send one lot at the best bid at each time, cancel it after the hold; returns prices in ticks and fills."""
    market = SimMarket(tape, latency=LATENCY)
    tick, lot = tape.listing.ticks[0].step_units, tape.listing.lot_units
    prices, filled = [], {}

    def go(until_ns: int) -> None:
        now = market.now_ns
        while now < until_ns:
            now, _ = market.advance(until_ns)
            for message in market.poll(now):
                if (fill := getattr(message.event, "fill", None)) is not None:
                    filled[fill.child_id] = filled.get(fill.child_id, 0) + fill.qty_units

    market.advance(market.start_ns)
    for i, at in enumerate(times.tolist()):
        go(at)
        bid = market.view(at).bid_units
        prices.append(bid // tick)
        child = ChildOrder(
            child_id=str(i), parent_id="bench", leg=str(i), attempt=0, listing=tape.listing.key, side=Side.BUY,
            order_type=OrderType.POST_ONLY, tif=TimeInForce.GTC, price_units=bid, qty_units=lot, role="post",
        )  # fmt: skip
        market.submit(child, at)
        go(at + HOLD_NS)
        if str(i) not in filled:
            market.cancel(str(i), at + HOLD_NS)
        go(at + HOLD_NS + SETTLE_NS)
    return prices, [filled.get(str(i), 0) for i in range(len(times))]


def compare(python: str, rows: int, seed: int, folder: Path) -> dict[str, object]:
    """Compare what became of the one-lot orders."""
    tape = make_tape(rows, seed)
    first, last = int(tape.t_event[0]) + 60_000 * MS, int(tape.t_event[-1]) - PERIOD_NS
    times = np.arange(first, last, PERIOD_NS, dtype=np.int64)
    write_rows(tape, times, folder / "compare.npz")
    theirs = peer(python, folder / "compare.npz", "compare")
    prices, filled = one_lots(tape, times)
    their_ticks, their_fills = theirs["ticks"], theirs["filled"]
    assert isinstance(their_ticks, list)
    assert isinstance(their_fills, list)
    both = [bool(a) == bool(b) for a, b in zip(filled, their_fills, strict=True)]
    apart = [i for i, same in enumerate(both) if not same]
    ours_n, theirs_n = sum(map(bool, filled)), sum(map(bool, their_fills))
    return {
        "orders": len(times),
        "same_price": sum(a == b for a, b in zip(prices, their_ticks, strict=True)),
        "filled": ours_n,
        "filled_by_peer": theirs_n,
        "difference": ours_n / theirs_n - 1 if theirs_n else None,
        "orders_apart": len(apart),
        "first_apart": [
            {"at_ns": int(times[i]), "price": prices[i], "ours": filled[i], "peer": their_fills[i]} for i in apart[:10]
        ],
    }


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("NOWAKE_PEER_HFTBACKTEST", ""))
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--compare-rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not options.peer_python:
        print(SKIPPED, file=sys.stderr)
        return
    tape = make_tape(options.rows, options.seed)
    taken: dict[str, list[float]] = {"ours": [], "every": [], "step": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fills = compare(options.peer_python, options.compare_rows, options.seed, folder)
        write_rows(tape, np.empty(0, dtype=np.int64), folder / "rows.npz")
        unattended(SimMarket(tape.head(100_000), latency=LATENCY), tape)  # compiles
        found: dict[str, object] = {}
        for _ in range(options.rounds):
            market = SimMarket(tape, latency=LATENCY)
            since = time.process_time()
            unattended(market, tape)
            taken["ours"].append(time.process_time() - since)
            for what in ("every", "step"):
                found = peer(options.peer_python, folder / "rows.npz", what)
                taken[what].append(float(found["cpu_s"]))  # type: ignore[arg-type]
    cpu = {what: statistics.median(seconds) for what, seconds in taken.items()}
    document = {
        "bench": "peer_kernel",
        "rows": len(tape),
        "rows_per_second": {what: round(len(tape) / seconds) for what, seconds in cpu.items()},
        "cpu_s": taken,
        "ratio_to_peer_every_feed": cpu["every"] / cpu["ours"],
        "ratio_to_peer_every_100_ms": cpu["step"] / cpu["ours"],
        "bytes_per_row": tape.nbytes / len(tape),
        "peer_bytes_per_row": 64,
        "fills": fills,
        "versions": found["versions"],
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
