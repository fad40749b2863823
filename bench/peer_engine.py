"""The whole engine against NautilusTrader on the same rows, in alternating runs: one TWAP over all of them.

    python bench/peer_engine.py --peer-python /path/of/an/environment/with/nautilus_trader/bin/python

Ours decides in Python, asks the gate and journals in memory; the peer replays delta by delta with its own TWAP of
market orders. What is timed is the run from the first row to the last, without making the peer's data objects. CPU
seconds of the process: other work on the machine counts little. Ours is timed as it works by default (``posts``: it
rests and chases, a few decisions a slice) and at urgency 1 (``takes``: it crosses, as the peer's does). The window is
as long as the rows need, the slices are as many on both sides.
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

import nowake
from nowake.app.run_journal import open_journal
from nowake.app.wiring import SYNTH_HISTORY_NS, SYNTH_LONGEST_NS, RunOptions, load_tape, prepare, work
from nowake.core.tape import KIND_MASK, Row, Tape
from nowake.engine.state import ParentState

LONGEST_S = SYNTH_LONGEST_NS // 10**9
SKIPPED = "skipped: no peer; give --peer-python, or NOWAKE_PEER_NAUTILUS, an interpreter that has nautilus_trader"


def write_rows(tape: Tape, start_ns: int, qty: int, horizon_s: float, interval_s: float, path: Path) -> None:
    """Write the rows and the order for the peer."""
    keep = np.isin(tape.code & KIND_MASK, (Row.SET, Row.TRADE))
    np.savez(
        path,
        t_event=tape.t_event[keep],
        code=tape.code[keep],
        price=tape.prices()[keep],
        qty=tape.qty[keep],
        order_start_ns=start_ns,
        order_qty=qty,
        horizon_s=horizon_s,
        interval_s=interval_s,
    )


def window_s(rows: int) -> int:
    """Return for how long an order is to be worked that ends ``rows`` rows after the synthetic market begins, s."""
    tape = load_tape(nowake.order("buy", 1, "SYNTH", over=f"{LONGEST_S}s", strategy="twap"), RunOptions())
    if rows >= len(tape):
        raise SystemExit(f"--rows {rows}: the longest synthetic market has {len(tape)}")
    return int(tape.t_event[rows] - tape.t_event[0] - SYNTH_HISTORY_NS) // 10**9


def peer(python: str, path: Path) -> dict[str, object]:
    """Run the peer once."""
    script = Path(__file__).with_name("peers") / "nautilus_rows.py"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([python, str(script), str(path)], check=True, capture_output=True, env=env, text=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def work_once(tape: Tape, order: nowake.OrderRequest) -> tuple[float, int, ParentState]:
    """Work the order once; returns CPU seconds, the number of steps and the parent as it ended."""
    prepared = prepare(order, RunOptions(), tape=tape)
    journal = open_journal(prepared, None)
    since = time.process_time()
    host = work(prepared, journal)
    taken = time.process_time() - since
    (parent,) = host.state.parents.values()
    return taken, sum(1 for _ in journal.batches()), parent


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("NOWAKE_PEER_NAUTILUS", ""))
    parser.add_argument("--qty", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--slices", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.peer_python:
        print(SKIPPED, file=sys.stderr)
        return
    terms = {"over": f"{window_s(options.rows)}s", "strategy": "twap", "slices": options.slices}
    posts = nowake.order("buy", options.qty, "SYNTH", **terms)
    takes = nowake.order("buy", options.qty, "SYNTH", urgency=1.0, **terms)
    tape = load_tape(posts, RunOptions())
    taken: dict[str, list[float]] = {"posts": [], "takes": [], "peer": []}
    ended: dict[str, dict[str, int]] = {}
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rows.npz"
        for order in (posts, takes):
            _, _, parent = work_once(tape, order)  # compiles
        window, slices = parent.order, len(parent.plan.slices)
        rows = int(np.searchsorted(tape.t_event, window.end_ns))  # our run stops with the order, so does the peer's
        horizon_s = (window.end_ns - window.start_ns) / 1e9
        write_rows(tape.head(rows), window.start_ns, options.qty, horizon_s, horizon_s / slices, path)
        for _ in range(options.rounds):
            for label, order in (("posts", posts), ("takes", takes)):
                seconds, steps, parent = work_once(tape, order)
                taken[label].append(seconds)
                ended[label] = {"steps": steps, "children": len(parent.closed), "filled": parent.filled}
            found = peer(options.peer_python, path)
            taken["peer"].append(float(found["cpu_s"]))  # type: ignore[arg-type]
    cpu = {label: statistics.median(seconds) for label, seconds in taken.items()}
    document = {
        "bench": "peer_engine",
        "rows": rows,
        "slices": slices,
        "window_s": horizon_s,
        "cpu_s": taken,
        "rows_per_second": {label: round(rows / seconds) for label, seconds in cpu.items()},
        "ratio": {label: cpu["peer"] / cpu[label] for label in ("posts", "takes")},
        "ours": ended,
        "peer": {"orders": found["orders"], "filled": found["filled"], "objects_s": found["objects_s"]},
        "us_per_step": {label: 1e6 * cpu[label] / one["steps"] for label, one in ended.items()},
        "us_per_row_of_peer": 1e6 * cpu["peer"] / rows,
        "versions": found["versions"],
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
