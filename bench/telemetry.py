"""What a log costs: one order on SYNTH with telemetry off, metrics only, log at info, log at debug; rounds alternate.

Prints one JSON document: seconds of working the order (the market is made before), and microseconds an event.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from nowake.app import outlets
from nowake.app.outlets import Outlets
from nowake.app.request import OrderRequest
from nowake.app.results import work_prepared
from nowake.app.wiring import RunOptions, load_tape, prepare

ROUNDS = 15
REQUEST = OrderRequest(side="buy", quantity="20000", symbol="SYNTH", over="1h")
OPTIONS = RunOptions(seed=1)


def main() -> None:
    """Measure and print."""
    tape = load_tape(REQUEST, OPTIONS)
    folder = Path(tempfile.mkdtemp())
    ways = {
        "off": Outlets(),
        "metrics": Outlets(metrics=str(folder / "prom")),
        "info": Outlets(log=str(folder / "info"), metrics=str(folder / "prom2")),
        "debug": Outlets(log=str(folder / "debug"), metrics=str(folder / "prom3"), level="debug"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for k in range(ROUNDS + 1):
        for name, way in ways.items():
            prepared = prepare(REQUEST, OPTIONS, tape=tape)
            since = time.perf_counter()
            with outlets.opened(way) as telemetry:
                work_prepared(prepared, folder / f"{name}-{k}.db", telemetry=telemetry)
            if k:  # the first round loads and compiles
                seconds[name].append(time.perf_counter() - since)
    best = {name: min(found) for name, found in seconds.items()}
    lines = {name: (folder / name).read_text().count("\n") / (ROUNDS + 1) for name in ("info", "debug")}
    print(
        json.dumps(
            {
                "bench": "telemetry",
                "work_s": {name: round(found, 4) for name, found in best.items()},
                "median_s": {name: round(statistics.median(found), 4) for name, found in seconds.items()},
                "ratio_to_off": {name: round(found / best["off"], 3) for name, found in best.items()},
                "lines": lines,
                "us_a_line": {name: round((best[name] - best["off"]) / n * 1e6, 1) for name, n in lines.items()},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
