"""How fast the meter is: rows a second over a recorded or synthetic day, against its plain reference in the same run.

    python bench/liquidity.py [PATH ...]

A path is a recorded file or a lake with one listing; without one the synthetic market of six hours is metered. Prints
JSON: rows, bins, rows a second of the kernel (whole tape in one call, and in chunks of 1,000 rows as a feed delivers
them), of the reference over its first rows, the ratio, and what a decision pays for its conditions.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.data.source import open_tapes
from nowake.market.liquidity import conditions_from_view
from nowake.market.microstructure.bins import BIN_NS, Meter, bins_of
from nowake.market.microstructure.meter_reference import ReferenceMeter
from nowake.market.norms import norms_of
from nowake.sim.synthetic import synth_tape

REPEATS = 5
REFERENCE_ROWS = 20_000
CHUNK = 1_000
SYNTH_START_NS = 1_767_623_400_000_000_000
DAY_NS = 23_400 * 10**9


def best_s(call: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some calls; the first one, which may compile, does not count."""
    call()
    found = []
    for _ in range(REPEATS):
        since = time.perf_counter()
        call()
        found.append(time.perf_counter() - since)
    return min(found)


def chunked(tape: Tape) -> Meter:
    """Return the meter of a tape that was fed in chunks."""
    found = Meter(part(tape, 0, 0))
    for lo in range(0, len(tape), CHUNK):
        piece = part(tape, lo, min(lo + CHUNK, len(tape)))
        found.feed(piece)
        found.advance(int(piece.t_local()[-1]))
    return found


def part(tape: Tape, lo: int, hi: int) -> Tape:
    """Return rows of a tape."""
    delta = tape.recv_delta[lo:hi] if len(tape.recv_delta) else tape.recv_delta
    ids = tape.order_id[lo:hi] if len(tape.order_id) else tape.order_id
    return Tape(tape.meta, tape.t_event[lo:hi], delta, tape.code[lo:hi], tape.price[lo:hi], tape.qty[lo:hi], ids)


def reference(tape: Tape) -> ReferenceMeter:
    """Return the plain meter over a tape."""
    found = ReferenceMeter(tape.meta.silence_ns, BIN_NS, tape.meta.depth_levels)
    rows = zip(tape.t_local().tolist(), tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True)
    latest = 0
    for t, code, price, qty in rows:
        latest = max(latest, t)
        found.row(latest, code, price, qty)
    return found


def main(paths: list[str]) -> None:
    """Measure and print."""
    if paths:
        (tape,) = open_tapes([Path(one) for one in paths])
    else:
        tape = synth_tape(seed=1, start_ns=SYNTH_START_NS, duration_ns=6 * 3600 * 10**9)
    whole = best_s(lambda: bins_of(tape))
    fed = best_s(lambda: chunked(tape))
    some = tape.head(REFERENCE_ROWS)
    since = time.perf_counter()
    reference(some)
    plain = time.perf_counter() - since
    meter = Meter(tape)
    meter.advance(int(tape.t_local().max()))
    view = meter.view(meter.now_ns)
    norms = norms_of(meter.bins, view.t_ns, DAY_NS)
    one = tape.listing.lot_units
    decide = best_s(lambda: conditions_from_view(view, tape.listing, Side.BUY, one, norms=norms, day_volume=1e6))
    history = best_s(lambda: norms_of(meter.bins, view.t_ns, DAY_NS))
    figures = {
        "bench": "liquidity",
        "source": tape.meta.source,
        "rows": len(tape),
        "bins": meter.count,
        "meter_rows_per_s": round(len(tape) / whole),
        "meter_fed_rows_per_s": round(len(tape) / fed),
        "reference_rows_per_s": round(len(some) / plain),
        "ratio_to_reference": round((len(tape) / whole) / (len(some) / plain), 1),
        "conditions_us": round(1e6 * decide, 1),
        "norms_ms": round(1e3 * history, 2),
    }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
