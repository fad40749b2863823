"""Replay of an L2 tape through both books with one natively pegged order: rows a second, and the ratio to plain Python.

The pegged order works with queue position and latency through all rows; there is no engine and no journal.
``rows_per_second`` is the two kernels with the fills left as numbers; ``reported`` is the same with every fill
delivered in Python as a message with its fee, trade id and raw bytes, which is what an engine gets. Rates are by CPU
time of the one thread (other work on the machine does not count); wall times stand beside them. Best of the repeats.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable

import numpy as np

from nowake.core.child import ChildOrder, OrderType, Peg, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.market.run_reference import ReferenceMarket
from nowake.sim import layout as lay
from nowake.sim import merge
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.match_reference import ReferenceMatcher
from nowake.sim.merge_reference import ReferenceWorld
from nowake.sim.synthetic.generate import synth_tape

MS = 1_000_000
HOUR_NS = 3_600_000_000_000
START_NS = 1_767_312_000_000_000_000  # 2026-01-02
LATENCY = Latency(decision_ns=50_000, entry_ns=5 * MS, response_ns=5 * MS, data_ns=5 * MS)
LEAD_NS = LATENCY.decision_ns + LATENCY.entry_ns


def make_tape(rows: int, seed: int) -> Tape:
    """Return a synthetic tape of exactly ``rows`` rows."""
    hours = rows // 100_000 + 2
    while True:
        tape = synth_tape(seed=seed, start_ns=START_NS, duration_ns=hours * HOUR_NS)
        if len(tape) >= rows:
            return tape.head(rows)
        hours *= 2


def peg(listing: str) -> ChildOrder:
    """Return a bid that never runs out."""
    return ChildOrder(
        child_id=f"peg-{listing}",
        parent_id="bench",
        leg="0",
        attempt=0,
        listing=listing,
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        tif=TimeInForce.GTC,
        price_units=0,
        qty_units=10**12,
        role="post",
        peg=Peg.PRIMARY,
    )


def replay(market: SimMarket | ReferenceWorld, tape: Tape, *, first_ns: int, end_ns: int) -> tuple[int, int]:
    """Send the peg and run to the end; returns (fills, quantity)."""
    now, _ = market.advance(first_ns)
    market.submit(peg(tape.listing.key), now)
    fills = quantity = 0
    while now < end_ns:
        now, _ = market.advance(end_ns)
        for message in market.poll(now):
            fill = message[5] if isinstance(message, tuple) else getattr(message.event, "fill", None)
            if fill:
                fills += 1
                quantity += fill if isinstance(fill, int) else fill.qty_units
    return fills, quantity


def unattended(market: SimMarket, tape: Tape) -> tuple[int, int]:
    """Run both kernels to the end with nobody to tell; returns (fills, quantity)."""
    now, _ = market.advance(market.start_ns + MS)
    market.submit(peg(tape.listing.key), now)
    now, _ = market.advance(market.end_ns)  # to the acknowledgement
    market.poll(now)
    venue, own = market.venue, market.own
    limits = np.array([market.end_ns, merge.NEVER, LEAD_NS, merge.NEVER, own.extra_ns, now], dtype=np.int64)
    fills = quantity = 0
    while True:
        status = merge.run_venue(
            *market.venue_rows, *own.columns[2:], venue.book, venue.stats, venue.reals, venue.orders, venue.fronts,
            venue.fills, venue.taken, venue.taken_at, venue.log, limits,
        )  # fmt: skip
        count = int(venue.stats[lay.V_FILLS])
        fills, quantity = fills + count, quantity + int(venue.fills[:count, lay.X_QTY].sum())
        venue.stats[lay.V_FILLS] = 0
        if status == merge.REACHED:
            own.run(market.end_ns, own.watch_table([]))
            return fills, quantity
        assert status == lay.FILLS_FULL


def timed(run: Callable[[], tuple[int, int]], repeats: int) -> tuple[float, float, tuple[int, int]]:
    """Return the best CPU and wall time of several runs, seconds, and what the run returned."""
    cpu, wall, result = [], [], (0, 0)
    for _ in range(repeats):
        start, start_wall = time.process_time(), time.perf_counter()
        result = run()
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - start_wall)
    return min(cpu), min(wall), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--sample", type=int, default=100_000, help="rows for the plain reference")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tape = make_tape(options.rows, options.seed)
    sample = tape.head(min(options.sample, options.rows))

    def attended(part: Tape) -> tuple[int, int]:
        market = SimMarket(part, latency=LATENCY)
        return replay(market, part, first_ns=market.start_ns + MS, end_ns=market.end_ns)

    def reference() -> tuple[int, int]:
        world = ReferenceWorld(sample, LATENCY, ReferenceMatcher(), ReferenceMarket(sample.meta.silence_ns))
        local = sample.t_local(LATENCY.data_ns)
        return replay(world, sample, first_ns=int(local[0]) + MS, end_ns=int(local[-1]))

    sample_fills = attended(sample)  # compiles
    unattended(SimMarket(sample, latency=LATENCY), sample)
    cpu, wall, fills = timed(lambda: unattended(SimMarket(tape, latency=LATENCY), tape), options.repeats)
    reported_cpu, _, reported = timed(lambda: attended(tape), 1)
    reference_cpu, _, reference_fills = timed(reference, 1)
    rate, reference_rate = len(tape) / cpu, len(sample) / reference_cpu
    document = {
        "bench": "kernel",
        "rows": len(tape),
        "rows_per_second": round(rate),
        "cpu_seconds": round(cpu, 4),
        "wall_seconds": round(wall, 4),
        "fills": fills[0],
        "quantity": fills[1],
        "reported": {
            "rows_per_second": round(len(tape) / reported_cpu),
            "us_per_fill": round((reported_cpu - cpu) / max(reported[0], 1) * 1e6, 1),
            # Fills after the last delivery before the end of the tape are never told.
            "quantity": reported[1],
        },
        "reference": {
            "rows": len(sample),
            "rows_per_second": round(reference_rate),
            "same_fills": sample_fills == reference_fills,
        },
        "ratio_to_reference": round(rate / reference_rate),
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
