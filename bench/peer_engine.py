"""The whole engine against NautilusTrader on the same rows, in alternating runs: one TWAP from start to end.

    python bench/peer_engine.py --peer-python /path/of/an/environment/with/nautilus_trader/bin/python

Ours decides in Python, asks the gate and journals in memory; the peer replays delta by delta with its own TWAP of
market orders. What is timed is the run from the first row to the last, without making the peer's data objects. CPU
seconds of the process: other work on the machine counts little.
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
from nowake.app.wiring import RunOptions, load_tape, open_journal, prepare, work
from nowake.core.tape import KIND_MASK, Row, Tape

HOURS, SLICES_S = 2, 60.0
SKIPPED = "skipped: no peer; give --peer-python, or NOWAKE_PEER_NAUTILUS, an interpreter that has nautilus_trader"


def write_rows(tape: Tape, start_ns: int, qty: int, horizon_s: float, path: Path) -> None:
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
        interval_s=SLICES_S,
    )


def peer(python: str, path: Path) -> dict[str, object]:
    """Run the peer once."""
    script = Path(__file__).with_name("peers") / "nautilus_rows.py"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([python, str(script), str(path)], check=True, capture_output=True, env=env, text=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer-python", default=os.environ.get("NOWAKE_PEER_NAUTILUS", ""))
    parser.add_argument("--qty", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not options.peer_python:
        print(SKIPPED, file=sys.stderr)
        return
    order = nowake.order("buy", options.qty, "SYNTH", over=f"{HOURS}h", strategy="twap")
    tape = load_tape(order, RunOptions())
    ours, theirs, steps = [], [], 0
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "rows.npz"
        work(prepared := prepare(order, RunOptions(), tape=tape), open_journal(prepared, None))  # compiles
        window = prepared.order
        rows = int(np.searchsorted(tape.t_event, window.end_ns))  # our run stops with the order, so does the peer's
        write_rows(tape.head(rows), window.start_ns, options.qty, (window.end_ns - window.start_ns) / 1e9, path)
        for _ in range(options.rounds):
            prepared = prepare(order, RunOptions(), tape=tape)
            journal = open_journal(prepared, None)
            since = time.process_time()
            host = work(prepared, journal)
            ours.append(time.process_time() - since)
            steps = sum(1 for _ in journal.batches())
            found = peer(options.peer_python, path)
            theirs.append(float(found["cpu_s"]))  # type: ignore[arg-type]
    (parent,) = host.state.parents.values()
    mine, other = statistics.median(ours), statistics.median(theirs)
    document = {
        "bench": "peer_engine",
        "rows": rows,
        "cpu_s": {"ours": ours, "peer": theirs},
        "rows_per_second": {"ours": round(rows / mine), "peer": round(rows / other)},
        "ratio": other / mine,
        "ours": {"steps": steps, "children": len(parent.closed), "filled": parent.filled},
        "peer": {"orders": found["orders"], "filled": found["filled"], "objects_s": found["objects_s"]},
        "us_per_step": 1e6 * mine / steps,
        "us_per_row_of_peer": 1e6 * other / rows,
        "versions": found["versions"],
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
