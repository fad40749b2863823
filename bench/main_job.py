"""The main job as a user meets it: one recorded day with a two-hour TWAP, and a process from start to first result.

Prints one JSON document. Recorded data is looked for in the folder that NOWAKE_TEST_DATA names; without it the
synthetic market stands in and the document says so. Ratios: the run against one bare replay of the same rows, the
process against a process that only imports what any such program must (numpy and numba).
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import nowake
from nowake.app.run_journal import open_journal
from nowake.app.wiring import RunOptions, prepare, work
from nowake.core.tape import Tape
from nowake.market.own import OwnMarket

DAY = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
RUNS = 5
FIRST_RESULT = "import nowake; nowake.work_order(nowake.order('buy', 3000, 'SYNTH', over='10m'))"
BARE = "import numpy, numba"


def read() -> tuple[Tape, nowake.OrderRequest, str]:
    """Return the tape, the order, and what they are."""
    folder = os.environ.get("NOWAKE_TEST_DATA", "")
    path = Path(folder) / DAY
    if folder and path.exists():
        order = nowake.order("buy", 10_000, "AMZN", start="10:00", over="2h")
        return nowake.read_tape(path), order, "AMZN 2012-06-21, LOBSTER level 5"
    from nowake.app.wiring import load_tape

    order = nowake.order("buy", 100_000, "SYNTH", over="2h")
    return load_tape(order, RunOptions()), order, "SYNTH (no recorded data found)"


def day() -> dict[str, object]:
    """Time reading, and working one order, in a warm process."""
    reads, works, replays = [], [], []
    steps = children = 0
    name = ""
    for _ in range(RUNS):
        since = time.perf_counter()
        tape, order, name = read()
        reads.append(time.perf_counter() - since)
        since = time.perf_counter()
        prepared = prepare(order, RunOptions(), tape=tape)
        journal = open_journal(prepared, None)
        host = work(prepared, journal)
        works.append(time.perf_counter() - since)
        steps = sum(1 for _ in journal.batches())
        (parent,) = host.state.parents.values()
        children = len(parent.closed)
        since = time.perf_counter()
        market = OwnMarket(tape)
        market.advance(prepared.order.end_ns, ())
        replays.append(time.perf_counter() - since)
    warm = statistics.median(reads[1:]) + statistics.median(works[1:])
    return {
        "market": name,
        "rows": len(tape),
        "read_s": statistics.median(reads[1:]),
        "work_s": statistics.median(works[1:]),
        "read_and_work_s": warm,
        "bare_replay_s": statistics.median(replays[1:]),
        "ratio_work_to_bare_replay": statistics.median(works[1:]) / statistics.median(replays[1:]),
        "steps": steps,
        "us_per_step": 1e6 * statistics.median(works[1:]) / steps,
        "children": children,
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def process(code: str) -> float:
    """Return the median seconds of whole processes that run ``code``."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    taken = []
    for _ in range(RUNS + 1):
        since = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=env)
        taken.append(time.perf_counter() - since)
    return statistics.median(taken[1:])


def main() -> None:
    """Print the document."""
    first, bare = process(FIRST_RESULT), process(BARE)
    start = {"first_result_s": first, "bare_imports_s": bare, "ratio": first / bare}
    print(json.dumps({"schema": "nowake/bench/1", "day": day(), "start": start}, indent=2))


if __name__ == "__main__":
    main()
