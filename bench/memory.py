"""What an L2 tape takes: bytes a row in its columns, in a fresh process that loads it, and at rest; seconds to load it.

The rows are the synthetic market's (no receive times, 32-bit quantities: 18 bytes a row); ``widest`` is what the
columns of a recorded L2 tape take with receive times and 64-bit quantities. Loading is timed in several fresh
processes, CPU and wall: medians, and the best beside them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from kernel import make_tape

from nowake.core.tape import Tape
from nowake.data.lake import write_lake

LOAD = """
import json, os, sys, time
from pathlib import Path
from nowake.data.lake import read_lake

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

small = read_lake(Path(sys.argv[1]))
before, since, clock = resident(), time.process_time(), time.perf_counter()
(tape,) = read_lake(Path(sys.argv[2]))
taken, wall = time.process_time() - since, time.perf_counter() - clock
grown = (resident() - before) / len(tape)
print(json.dumps({"load_cpu_s": taken, "load_wall_s": wall, "resident_bytes_per_row": grown}))
"""


def widest(tape: Tape) -> Tape:
    """Return the tape with receive times and 64-bit quantities."""
    delta = np.zeros(len(tape), dtype=np.int32)
    return dataclasses.replace(tape, recv_delta=delta, qty=tape.qty.astype(np.int64))


def load(small: Path, large: Path) -> dict[str, float]:
    """Load the rows in a fresh process."""
    command = [sys.executable, "-c", LOAD, str(small), str(large)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main() -> None:
    """Print the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    tape = make_tape(options.rows, 1)
    with tempfile.TemporaryDirectory() as name:
        small, large = Path(name) / "small", Path(name) / "large"
        write_lake(make_tape(100_000, 1), small)
        files = write_lake(tape, large)
        rest = sum(file.stat().st_size for file in files)
        loads = [load(small, large) for _ in range(options.rounds)]
    document = {
        "bench": "memory",
        "rows": len(tape),
        "bytes_per_row": {"these": tape.nbytes / len(tape), "widest": widest(tape).nbytes / len(tape)},
        "at_rest_mb": rest / 1e6,
        **{what: statistics.median(one[what] for one in loads) for what in loads[0]},
        "best": {what: min(one[what] for one in loads) for what in loads[0]},
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
