"""Several venues on one clock: rows a second of all tapes together, and the ratio to the same tapes run one by one.

``orders``: a natively pegged order works on every venue through all rows, its fills delivered one by one in Python.
``watched``: on top of that one-shot watches for each next 50,000 of volume are armed on every venue, so that every
market has to stop where any of them stops. ``alone``: the order and the watch on the first venue only, the others
beside it, all of them looked at once an hour. Rates are by CPU time of the one thread; best of the repeats.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence

from kernel import peg

from nowake.core.tape import Tape
from nowake.core.value import replace
from nowake.core.view import Watch, WatchKind
from nowake.market.run_reference import ReferenceMarket
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.markets import Markets
from nowake.sim.markets_reference import ReferenceMarkets
from nowake.sim.match_reference import ReferenceMatcher
from nowake.sim.merge_reference import ReferenceWorld
from nowake.sim.synthetic.generate import synth_tape

MS = 1_000_000
HOUR_NS = 3_600_000_000_000
START_NS = 1_767_312_000_000_000_000  # 2026-01-02
LATENCY = Latency(decision_ns=50_000, entry_ns=5 * MS, response_ns=5 * MS, data_ns=5 * MS)
VOLUME = 50_000


def make_tape(rows: int, seed: int, venue: str) -> Tape:
    """Return a synthetic tape of exactly ``rows`` rows on a venue."""
    hours = rows // 100_000 + 2
    while True:
        tape = synth_tape(seed=seed, start_ns=START_NS, duration_ns=hours * HOUR_NS)
        if len(tape) >= rows:
            tape = tape.head(rows)
            meta = replace(tape.meta, listing=replace(tape.listing, venue=venue))
            return Tape(meta, tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty, tape.order_id)
        hours *= 2


def markets_of(tapes: Sequence[Tape]) -> Markets:
    """Return simulated markets of the tapes on one clock."""
    return Markets([SimMarket(tape, latency=LATENCY) for tape in tapes])


def run(tapes: Sequence[Tape], *, traded: Sequence[str], watched: Sequence[str]) -> tuple[int, int]:
    """Run to the end of the last tape; returns (fills, stops)."""
    markets = markets_of(tapes)
    end = markets.end_ns
    now, _ = markets.advance(max(one.start_ns for one in markets.members.values()) + MS)
    for listing in traded:
        markets.submit(peg(listing), now)
    due = dict.fromkeys(watched, VOLUME)
    fills = stops = 0
    while now < end:
        armed = [Watch(watch_id=key, parent_id="p", listing=key, kind=WatchKind.VOLUME, a=a) for key, a in due.items()]
        now, fired = markets.advance(end, armed)
        stops += 1
        for key in fired:
            due[key] = markets.view(now, key).volume_all + VOLUME
        fills += sum(getattr(message.event, "fill", None) is not None for message in markets.poll(now))
    for key in markets.members:
        markets.view(now, key)
    return fills, stops


def plain(tapes: Sequence[Tape], rows: int) -> tuple[int, float]:
    """Run the plain reference over the heads of the tapes; returns (fills, rows a second)."""
    heads = [tape.head(rows) for tape in tapes]
    worlds = {
        tape.listing.key: ReferenceWorld(tape, LATENCY, ReferenceMatcher(), ReferenceMarket(tape.meta.silence_ns))
        for tape in heads
    }
    markets = ReferenceMarkets(worlds)
    end = max(int(tape.t_local(LATENCY.data_ns)[-1]) for tape in heads)
    started = time.process_time()
    now, _ = markets.advance(max(int(tape.t_local(LATENCY.data_ns)[0]) for tape in heads) + MS)
    for key in worlds:
        markets.submit(peg(key), now)
    fills = 0
    while now < end:
        now, _ = markets.advance(end)
        fills += sum(message[1] == "filled" for message in markets.poll(now))
    return fills, rows * len(tapes) / (time.process_time() - started)


def timed(work: Callable[[], tuple[int, int]], repeats: int) -> tuple[float, tuple[int, int]]:
    """Return the best CPU time, seconds, and what the work returned."""
    best, result = float("inf"), (0, 0)
    for _ in range(repeats):
        started = time.process_time()
        result = work()
        best = min(best, time.process_time() - started)
    return best, result


def measured(tapes: Sequence[Tape], count: int, repeats: int, sample: int) -> dict[str, object]:
    """Return the figures of the first ``count`` tapes on one clock."""
    chosen = tapes[:count]
    keys = [tape.listing.key for tape in chosen]
    rows = sum(map(len, chosen))
    made: dict[str, object] = {"venues": count, "rows": rows}
    for name, traded, watched in (("orders", keys, ()), ("watched", keys, keys), ("alone", keys[:1], keys[:1])):
        together, told = timed(lambda t=traded, w=watched: run(chosen, traded=t, watched=w), repeats)
        apart = 0.0
        for tape in chosen:
            one = [tape.listing.key] if tape.listing.key in traded else []
            seen = [key for key in one if key in watched]
            apart += timed(lambda tape=tape, one=one, seen=seen: run([tape], traded=one, watched=seen), repeats)[0]
        made[name] = {
            "rows_per_second": round(rows / together),
            "fills": told[0],
            "stops": told[1],
            "rows_per_second_one_by_one": round(rows / apart),
            "ratio_to_one_by_one": round(apart / together, 3),
        }
    heads = [tape.head(sample) for tape in chosen]
    fills, rate = plain(chosen, sample)
    fast, told = timed(lambda: run(heads, traded=keys, watched=()), 1)
    made["ratio_to_reference"] = round(sample * count / fast / rate)
    made["same_fills_as_reference"] = fills == told[0]
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of each tape")
    parser.add_argument("--sample", type=int, default=20_000, help="rows of each tape for the plain reference")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tapes = [make_tape(options.rows, options.seed + n, f"V{n}") for n in range(5)]
    keys = [tape.listing.key for tape in tapes]
    run([tape.head(options.sample) for tape in tapes], traded=keys, watched=keys)  # compiles
    document = {
        "bench": "venues",
        "runs": [measured(tapes, count, options.repeats, options.sample) for count in (2, 5)],
        "machine": f"{platform.machine()} {platform.python_implementation()} {platform.python_version()}",
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main()
