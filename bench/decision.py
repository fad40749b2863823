"""What one decision costs: a TWAP over recorded (or synthetic) rows, less what the kernels take for the same rows.

A decision is a handled step: an input with its view, through strategy, tactic and gate, with its records encoded and
chained in memory. CPU time of the process, best and median of the runs; the parts are measured in runs of their own,
whose clocks take some of the time they show. Ratio: to the two kernels' time over the rows of the same window.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nowake
from nowake.app.run_journal import open_journal
from nowake.app.wiring import Prepared, RunOptions, load_tape, prepare, work
from nowake.core.tape import Tape
from nowake.core.view import Watch, WatchKind
from nowake.engine import host
from nowake.journal.journal import Journal
from nowake.sim.exchange import Latency, SimMarket

DAY = "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
NEVER = 2**60
PARTS: dict[str, tuple[Any, str]] = {
    "market and venue (kernels, messages)": (SimMarket, "advance"),
    "messages taken in": (SimMarket, "poll"),
    "view": (SimMarket, "view"),
    "decide (strategy, tactic, gate, state)": (host, "step"),
    "journal (codec, hash chain)": (Journal, "append"),
}


def read() -> tuple[Tape, nowake.OrderRequest, str]:
    """Return the tape, the order, and what they are."""
    folder = os.environ.get("NOWAKE_TEST_DATA", "")
    if folder and (path := Path(folder) / DAY).exists():
        order = nowake.order("buy", 10_000, "AMZN", start="10:00", over="2h", strategy="twap")
        return nowake.read_tape(path), order, "AMZN 2012-06-21, LOBSTER level 5"
    order = nowake.order("buy", 100_000, "SYNTH", over="2h", strategy="twap")
    return load_tape(order, RunOptions()), order, "SYNTH (no recorded data found)"


def run(tape: Tape, order: nowake.OrderRequest) -> tuple[float, int]:
    """Work the order once; returns CPU seconds and the number of steps."""
    prepared = prepare(order, RunOptions(), tape=tape)
    journal = open_journal(prepared, None)
    since = time.process_time()
    work(prepared, journal)
    taken = time.process_time() - since
    return taken, sum(1 for _ in journal.batches())


def kernels(tape: Tape, prepared: Prepared) -> float:
    """Return CPU seconds of both kernels over the order's window with nobody to wake."""
    market = SimMarket(tape, latency=Latency())
    order = prepared.order
    market.advance(order.start_ns)
    watch = Watch(watch_id="w", parent_id="p", listing=market.key, kind=WatchKind.VOLUME, a=NEVER)
    since = time.process_time()
    market.advance(min(order.end_ns, market.end_ns), (watch,))
    return time.process_time() - since


def parts(tape: Tape, order: nowake.OrderRequest) -> dict[str, float]:
    """Return CPU seconds of each part of one run."""
    spent = dict.fromkeys(PARTS, 0.0)
    kept: list[tuple[Any, str, Callable[..., Any]]] = []
    for label, (owner, name) in PARTS.items():
        inner = getattr(owner, name)
        kept.append((owner, name, inner))

        def timed(*args: Any, _inner: Callable[..., Any] = inner, _label: str = label, **more: Any) -> Any:
            since = time.thread_time()
            try:
                return _inner(*args, **more)
            finally:
                spent[_label] += time.thread_time() - since

        setattr(owner, name, timed)
    try:
        run(tape, order)
    finally:
        for owner, name, inner in kept:
            setattr(owner, name, inner)
    return spent


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tape, order, name = read()
    prepared = prepare(order, RunOptions(), tape=tape)
    run(tape, order)
    kernels(tape, prepared)
    runs, bare, steps = [], [], 0
    for _ in range(options.rounds):
        taken, steps = run(tape, order)
        runs.append(taken)
        bare.append(kernels(tape, prepared))
    kernel = statistics.median(bare)
    document = {
        "bench": "decision",
        "market": name,
        "steps": steps,
        "us_per_decision": {
            "best": 1e6 * (min(runs) - kernel) / steps,
            "median": 1e6 * (statistics.median(runs) - kernel) / steps,
        },
        "kernel_s": kernel,
        "ratio_run_to_kernels": statistics.median(runs) / kernel,
        "us_per_decision_by_part": {label: 1e6 * spent / steps for label, spent in parts(tape, order).items()},
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
