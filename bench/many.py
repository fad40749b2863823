"""Many worlds on one pass of a tape, a natively pegged order in each: what 64 cost against one.

Worlds differ in when their order came and in their queue model. Times are CPU time of the one thread, best of the
repeats, runs alternating.
"""

from __future__ import annotations

import argparse
import json
import platform
import time

from kernel import MS, make_tape

from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.sim.many import Outcomes, Probe, WorldRules, run_worlds
from nowake.sim.merge import VenueRows, venue_rows

MODELS = ("power-2", "power-3", "log", "risk-averse")


def probes(tape: Tape, worlds: int) -> list[Probe]:
    """Return a pegged bid of 10^12 units in every world, each a millisecond after the last."""
    first = int(tape.t_event[0])
    return [
        Probe(arrives_ns=first + (5 + k) * MS, side=Side.BUY, qty_units=10**12, peg=True, world=k)
        for k in range(worlds)
    ]


def timed(tape: Tape, worlds: int, rows: VenueRows, models: tuple[str, ...]) -> tuple[float, Outcomes]:
    """Return the CPU seconds of a pass with ``worlds`` worlds, and what came of it."""
    rules = [WorldRules(queue_model=models[k % len(models)]) for k in range(worlds)]
    asked = probes(tape, worlds)
    start = time.process_time()
    found = run_worlds(tape, asked, rules, rows=rows)
    return time.process_time() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--worlds", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", default=",".join(MODELS), help="queue models, by turns")
    options = parser.parse_args()
    models = tuple(options.models.split(","))
    tape = make_tape(options.rows, options.seed)
    rows = venue_rows(tape)
    timed(tape.head(min(100_000, options.rows)), 2, venue_rows(tape.head(min(100_000, options.rows))), models)
    one, many = [], []
    for _ in range(options.repeats):
        seconds, first = timed(tape, 1, rows, models)
        one.append(seconds)
        seconds, found = timed(tape, options.worlds, rows, models)
        many.append(seconds)
    document = {
        "bench": "many",
        "rows": len(tape),
        "worlds": options.worlds,
        "cpu_seconds_one": round(min(one), 4),
        "cpu_seconds_many": round(min(many), 4),
        "ratio": round(min(many) / min(one), 2),
        "ns_per_row_and_world": round(min(many) / len(tape) / options.worlds * 1e9, 2),
        "fills": len(found.fills),
        "first_world_the_same": found.filled[:1].tolist() == first.filled.tolist(),
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
