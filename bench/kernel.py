"""Replay of an L2 tape through both books with one natively pegged order: rows a second, and the ratio to plain Python.

The pegged order rests with queue position and latency all the way; there is no engine and no journal. Fills end the
order's size only at the end of the tape, so that it works through all rows.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable

from nowake.core.child import ChildOrder, OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.market.run_reference import ReferenceMarket
from nowake.sim.exchange import Latency, SimMarket
from nowake.sim.match_reference import ReferenceMatcher
from nowake.sim.merge_reference import ReferenceWorld
from nowake.sim.synthetic.generate import synth_tape

MS = 1_000_000
HOUR_NS = 3_600_000_000_000
START_NS = 1_767_312_000_000_000_000  # 2026-01-02
LATENCY = Latency(decision_ns=50_000, entry_ns=5 * MS, response_ns=5 * MS, data_ns=5 * MS)


def make_tape(rows: int, seed: int) -> Tape:
    """Return a synthetic tape of exactly ``rows`` rows."""
    hours = rows // 100_000 + 2
    while True:
        tape = synth_tape(seed=seed, start_ns=START_NS, duration_ns=hours * HOUR_NS)
        if len(tape) >= rows:
            return tape.head(rows)
        hours *= 2


def peg(tape: Tape) -> ChildOrder:
    """Return a bid that never runs out."""
    return ChildOrder(
        child_id="peg",
        parent_id="bench",
        leg="0",
        attempt=0,
        listing=tape.listing.key,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_units=1,
        qty_units=10**12,
        role="post",
    )


def replay(market: SimMarket | ReferenceWorld, tape: Tape, *, first_ns: int, end_ns: int) -> tuple[int, int]:
    """Send the peg and run to the end; returns (fills, quantity)."""
    now, _ = market.advance(first_ns)
    market.submit(peg(tape), now, peg=True)
    fills = quantity = 0
    while now < end_ns:
        now, _ = market.advance(end_ns)
        for message in market.poll(now):
            fill = message[5] if isinstance(message, tuple) else getattr(message.event, "fill", None)
            if fill:
                fills += 1
                quantity += fill if isinstance(fill, int) else fill.qty_units
    return fills, quantity


def timed(run: Callable[[], tuple[int, int]], repeats: int) -> tuple[float, tuple[int, int]]:
    """Return the best wall time of several runs, and what the run returned."""
    times, result = [], (0, 0)
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--sample", type=int, default=100_000, help="rows for the plain reference")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tape = make_tape(options.rows, options.seed)
    sample = tape.head(min(options.sample, options.rows))

    def kernel(part: Tape) -> tuple[int, int]:
        market = SimMarket(part, latency=LATENCY)
        return replay(market, part, first_ns=market.start_ns + MS, end_ns=market.end_ns)

    def reference() -> tuple[int, int]:
        world = ReferenceWorld(sample, LATENCY, ReferenceMatcher(), ReferenceMarket(sample.meta.silence_ns))
        local = sample.t_local(LATENCY.data_ns)
        return replay(world, sample, first_ns=int(local[0]) + MS, end_ns=int(local[-1]))

    kernel(sample)  # compiles
    seconds, (fills, quantity) = timed(lambda: kernel(tape), options.repeats)
    sample_seconds, sample_fills = timed(lambda: kernel(sample), options.repeats)
    reference_seconds, reference_fills = timed(reference, 1)
    rate, reference_rate = len(tape) / seconds, len(sample) / reference_seconds
    document = {
        "bench": "kernel",
        "rows": len(tape),
        "seconds": round(seconds, 4),
        "rows_per_second": round(rate),
        "fills": fills,
        "quantity": quantity,
        "reference_rows": len(sample),
        "reference_rows_per_second": round(reference_rate),
        "ratio_to_reference": round(rate / reference_rate, 1),
        "same_fills_as_reference": sample_fills == reference_fills,
        "sample_seconds": round(sample_seconds, 5),
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
