"""Journal speed: durable batches a second, grouped records a second, p99; beside bare SQLite in the same run.

Prints one JSON document. Rounds of ours and of bare SQLite alternate, so that the ratio is of the same machine in the
same minute; the bare writer stores rows of the same size and computes nothing.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nowake.core.child import ChildOrder, OrderType, TimeInForce
from nowake.core.decisions import ChildSubmitted, TimerSet, Verdict
from nowake.core.inputs import Woken
from nowake.core.order import Side
from nowake.core.ports import Record
from nowake.core.profile import Profile
from nowake.core.view import Integrity, Timer, View
from nowake.journal.codec import encode_batch, join
from nowake.journal.header import Header
from nowake.journal.journal import GROUP_BATCHES, Mode
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal

ROUNDS = 5
EACH_BATCHES = 1500
RESERVED = 4_000_000
GROUPED_BATCHES = 20_000
HEADER = Header(journal_id="bench", account="sim", profile=Profile.SIM, code_hash="c0de")


def batch(k: int) -> Sequence[Record]:
    """Return a step as the engine makes them: a wake with a full view, a child with its verdicts, a timer."""
    levels = tuple((1_000_000 - 100 * i, 300 + i) for i in range(5))
    view = View(
        listing="AMZN@XNAS", t_ns=1_340_287_200_000_000_000 + k, row=k, integrity=Integrity.OK, bid_units=1_000_000,
        ask_units=1_000_100, bid_qty=300, ask_qty=200, bids=levels, asks=levels, volume_all=123_456, volume_own=10_000,
        notional_all=123_456_000_000, mid2_time=10**15, mid_ns=10**13, spread_time=10**11, since_ns=10**18,
        last_units=1_000_000, realised_var=1.234e-6, realised_ns=10**13, last_row_ns=10**18, queues=(("c" * 26, 5),),
    )  # fmt: skip
    child = ChildOrder(
        child_id="c" * 26, parent_id="p" * 16, leg="00001/XNAS/post", attempt=k, listing="AMZN@XNAS", side=Side.BUY,
        order_type=OrderType.POST_ONLY, tif=TimeInForce.GTC, price_units=1_000_000, qty_units=100, role="post",
    )  # fmt: skip
    gate = tuple(Verdict(control=name, passed=True) for name in ("overrun", "collar", "size", "participation", "rate"))
    return (
        Woken(t_ns=view.t_ns, parent_id="p" * 16, fired=("slice-1",), view=view),
        ChildSubmitted(
            child=child, slice_index=1, plan_revision=0, tactic="post-and-chase", reason="slice 1 is due", gate=gate
        ),
        TimerSet(timer=Timer(timer_id="chase-1", parent_id="p" * 16, t_ns=view.t_ns + 10**9)),
    )


def write_ours(path: Path, mode: Mode, batches: Sequence[Sequence[Record]], reserve: int) -> tuple[float, list[float]]:
    """Return seconds in all, and of each append."""
    took = []
    with SqliteJournal.create(path, HEADER, mode=mode, reserve_bytes=reserve) as journal:
        start = before = time.perf_counter()
        for one in batches:
            journal.append(one)
            after = time.perf_counter()
            took.append(after - before)
            before = after
        journal.sync()
        return time.perf_counter() - start, took


def write_bare(path: Path, rows: Sequence[tuple[int, bytes, bytes]], group: int) -> float:
    """Return seconds that bare SQLite (WAL, FULL) takes for the rows, ``group`` of them a transaction."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (k INTEGER PRIMARY KEY, a, b)"
    )
    start = time.perf_counter()
    for k in range(0, len(rows), group):
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows[k : k + group])
        db.execute("COMMIT")
    took = time.perf_counter() - start
    db.close()
    return took


def compare(folder: Path, mode: Mode, n: int, reserve: int = 0) -> dict[str, float]:
    """Return figures of one mode, medians over alternating rounds."""
    batches = [batch(k) for k in range(n)]
    bodies = [join(encode_batch(one)) for one in batches]
    rows = [(k, body, bytes(32)) for k, body in enumerate(bodies)]
    ours, bare, each = [], [], []
    for k in range(ROUNDS):
        seconds, took = write_ours(folder / f"{mode}{reserve}-{k}.db", mode, batches, reserve)
        ours.append(seconds)
        each += took
        bare.append(write_bare(folder / f"bare-{mode}{reserve}-{k}.db", rows, 1 if mode == "each" else GROUP_BATCHES))
    cuts = statistics.quantiles(each, n=1000)
    return {
        "batches_per_s": round(n / statistics.median(ours)),
        "records_per_s": round(3 * n / statistics.median(ours)),
        "append_p50_us": round(cuts[499] * 1e6, 1),
        "append_p99_us": round(cuts[989] * 1e6, 1),
        "append_p999_us": round(cuts[998] * 1e6, 1),
        "append_max_ms": round(max(each) * 1e3, 2),
        "bytes_per_record": round(statistics.mean(len(body) for body in bodies) / 3),
        "bare_sqlite_batches_per_s": round(n / statistics.median(bare)),
        "time_over_bare": round(statistics.median(a / b for a, b in zip(ours, bare, strict=True)), 3),
    }


def reading(path: Path) -> dict[str, float]:
    """Return speeds of going over a finished journal."""
    start = time.perf_counter()
    records = read_journal(path).verify().records
    verified = time.perf_counter()
    SqliteJournal.open_writer(path).close()
    opened = time.perf_counter()
    return {
        "verify_and_decode_records_per_s": round(records / (verified - start)),
        "open_writer_records_per_s": round(records / (opened - verified)),
    }


def memory(n: int) -> dict[str, float]:
    """Return the speed of the chain alone."""
    batches = [batch(k) for k in range(n)]
    journal = MemoryJournal(HEADER)
    start = time.perf_counter()
    for one in batches:
        journal.append(one)
    took = time.perf_counter() - start
    return {"records_per_s": round(3 * n / took), "us_per_batch": round(took / n * 1e6, 2)}


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        figures = {
            "bench": "journal",
            "targets": {"each_batches_per_s": 5000, "grouped_records_per_s": 150_000, "grouped_append_p99_us": 1000},
            "each": compare(folder, "each", EACH_BATCHES),
            "each_reserved": compare(folder, "each", EACH_BATCHES, RESERVED),
            "grouped": compare(folder, "grouped", GROUPED_BATCHES),
            "memory": memory(GROUPED_BATCHES),
            "reading": reading(folder / "grouped0-0.db"),
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
