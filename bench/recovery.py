"""Recovery: how much of a journal is folded when it is opened, with snapshots and without.

A long order on SYNTH is worked and stopped near its end, as a kill would leave it. Prints one JSON document. The bound
is on records folded; the chain of hashes is always walked whole, which is what ``open_s`` is. The replay of every input
is timed beside it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nowake.app import run_journal, wiring
from nowake.app.buffered import BufferedStore
from nowake.app.operate import desk
from nowake.app.operate.desk import OperatorDesk
from nowake.app.replay import replay
from nowake.app.request import OrderRequest
from nowake.journal.header import code_hash
from nowake.journal.sqlite import SqliteJournal
from nowake.live.recover import recover
from nowake.sim.run import simulate

REQUEST = OrderRequest(side="buy", quantity="100000", symbol="SYNTH", over="6h", max_participation="0.2")
ROUNDS = 5


class Stopped(Exception):
    """The run is over for this bench."""


def make(path: Path, tape: Any, every: int, stop_at: int) -> None:
    """Work the order until it has made ``stop_at`` records, a snapshot ``every`` so many."""
    prepared = wiring.prepare(REQUEST, wiring.RunOptions(seed=1), tape=tape)
    desk.SNAPSHOT_EVERY = every

    def listen(_: int, host: Any) -> None:
        if host.records >= stop_at:
            raise Stopped

    with run_journal.open_journal(prepared, path) as journal:
        store = BufferedStore(journal)
        try:
            simulate(prepared.market, prepared.order, prepared.env, store, listen, OperatorDesk(None, store, journal))
        except Stopped:
            store.flush()


def measure(path: Path) -> dict[str, float]:
    """Return medians over rounds of opening, and of recovering with and without the snapshot."""
    took: dict[str, list[float]] = {"open_s": [], "recover_s": [], "fold_all_s": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with SqliteJournal.open_writer(path) as journal:
            took["open_s"].append(time.perf_counter() - start)
            start = time.perf_counter()
            found = recover(journal)
            took["recover_s"].append(time.perf_counter() - start)
            start = time.perf_counter()
            whole = recover(journal, use_snapshot=False)
            took["fold_all_s"].append(time.perf_counter() - start)
            assert whole.state == found.state
    figures = {name: round(sorted(seconds)[ROUNDS // 2], 4) for name, seconds in took.items()}
    return {"records": found.records, "folded": found.records - found.from_seq, **figures}


def main() -> None:
    """Print the figures."""
    code_hash()
    tape = wiring.load_tape(REQUEST, wiring.RunOptions(seed=1))
    figures: dict[str, Any] = {"bench": "recovery", "targets": {"folded": "at most the interval and a batch"}}
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        for every in (500, 2000):
            path = Path(name) / f"every-{every}.db"
            make(path, tape, every, 9300)
            figures[f"every_{every}"] = measure(path)
        start = time.perf_counter()
        found = replay(path)
        figures["replay"] = {
            "inputs": found.redecided,
            "seconds": round(time.perf_counter() - start, 3),
            "equal": found.equal,
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
