"""How fast recorded markets are read and loaded. Prints one JSON document.

    python bench/readers.py [DATA]

DATA is a folder with ``lobster/`` and ``binance/``; without it, or when it is not there, the setting
NOWAKE_TEST_DATA is used. Every time is the best of several, in seconds of the wall clock, kernels compiled before.
The plain readings run in the same process, on the same bytes.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nowake.core.errors import NowakeError
from nowake.core.tape import Tape
from nowake.data.build import Columns, columns_of, make_tape
from nowake.data.lake import read_lake, write_lake
from nowake.data.readers.binance_lines import Grid, parse_reference
from nowake.data.readers.binance_scan import parse
from nowake.data.readers.lobster_book import lobster_rows_reference
from nowake.data.scan import scan, scan_reference
from nowake.data.source import open_tapes

LAKE_ROWS = 5_000_000
GRIDS = {
    "spot": (Grid(2, 1, 6, 1), "BTCUSDT"),
    "usdm": (Grid(1, 1, 3, 1), "BTCUSDT"),
    "coinm": (Grid(1, 1, 0, 1), "BTCUSD_PERP"),
}


def best(action: Callable[[], Any], times: int = 5) -> float:
    """Return the shortest time of several runs, the first one not counted."""
    action()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def lobster(folder: Path) -> dict[str, float]:
    """Time the AMZN day of five levels, zip to tape, and its plain reading."""
    path = folder / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
    fast = best(lambda: open_tapes([path]))
    with zipfile.ZipFile(path) as archive:
        texts = {
            kind: archive.read(name) for name in archive.namelist() for kind in ("message", "orderbook") if kind in name
        }
    start = time.perf_counter()
    message, message_ok = scan_reference(texts["message"], 6, 9)
    book, book_ok = scan_reference(texts["orderbook"], 20, 0)
    lobster_rows_reference(message, message_ok, book, book_ok)
    plain = time.perf_counter() - start
    return {
        "amzn_level5_s": fast,
        "reference_s": plain,
        "ratio": plain / fast,
        "csv_mb": sum(map(len, texts.values())) / 1e6,
    }


def binance(folder: Path) -> dict[str, dict[str, float]]:
    """Time every capture: whole (gzip to tape), the scanner alone, and the plain reading of its head."""
    found = {}
    for venue, (grid, symbol) in GRIDS.items():
        paths = sorted(folder.glob(f"{venue}_*.gz"))
        texts = [gzip.decompress(path.read_bytes()) for path in paths]
        size = sum(map(len, texts)) / 1e6
        head = texts[0][: texts[0].index(b"\n", 2_000_000) + 1]
        whole = best(lambda paths=paths: open_tapes(paths))
        scanner = best(lambda texts=texts, grid=grid, symbol=symbol: [parse(text, grid, symbol) for text in texts])
        unpack = best(lambda paths=paths: [gzip.decompress(path.read_bytes()) for path in paths])
        plain = best(lambda head=head, grid=grid, symbol=symbol: parse_reference(head, grid, symbol), times=1)
        found[venue] = {
            "text_mb": size,
            "whole_mb_s": size / whole,
            "scanner_mb_s": size / scanner,
            "gunzip_mb_s": size / unpack,
            "reference_mb_s": len(head) / 1e6 / plain,
            "scanner_ratio": (size / scanner) / (len(head) / 1e6 / plain),
        }
    return found


def stretched(tape: Tape, rows: int) -> Tape:
    """Return the rows of a tape again and again, each time later, until there are ``rows``; within its own days."""
    columns = columns_of(tape)
    times = -(-rows // len(tape))
    step = int(tape.t_event.max() - tape.t_event.min()) + 1

    def repeat(column: np.ndarray, later: int = 0) -> np.ndarray:
        return np.concatenate([column + np.asarray(i * later, dtype=column.dtype) for i in range(times)])[:rows]

    recv = repeat(columns.t_recv, step) if len(columns.t_recv) else columns.t_recv
    ids = repeat(columns.order_id, 10**9) if len(columns.order_id) else columns.order_id
    made = Columns(
        repeat(columns.t_event, step), repeat(columns.code), repeat(columns.price), repeat(columns.qty), recv, ids
    )
    return make_tape(tape.listing, "stretched", "bench/1", made, tape.meta.figures)


def lake(tapes: dict[str, Tape]) -> dict[str, dict[str, float]]:
    """Time writing and loading tapes of 5 M rows, with their bytes at rest and in memory."""
    found = {}
    for name, tape in tapes.items():
        long = stretched(tape, LAKE_ROWS)
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            files = write_lake(long, Path(folder))
            write = time.perf_counter() - start
            found[name] = {
                "rows": len(long),
                "files": len(files),
                "write_s": write,
                "load_s": best(lambda folder=folder: read_lake(Path(folder))),
                "rest_mb": sum(file.stat().st_size for file in files) / 1e6,
                "resident_bytes_a_row": long.nbytes / len(long),
            }
    return found


def rounded(value: Any) -> Any:
    """Return ``value`` with its floats to four digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> int:
    """Print the figures; say what is missing and return 1 when there is no data."""
    setting = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NOWAKE_TEST_DATA", "")
    data = Path(setting) if setting else None
    if data is None or not (data / "lobster").is_dir() or not (data / "binance").is_dir():
        message = "no recorded data: name the folder that holds lobster/ and binance/, or set NOWAKE_TEST_DATA"
        print(json.dumps({"schema": "nowake.bench/1", "bench": "readers", "skipped": message}))
        return 0
    try:
        scan(b"1\n", 1)
        spot = open_tapes(sorted((data / "binance").glob("spot_*.gz")))[0]
        amzn = open_tapes([data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"])[0]
        figures = {
            "lobster": lobster(data / "lobster"),
            "binance": binance(data / "binance"),
            "lake": lake({"l2_binance_spot": spot, "order_by_order_amzn": amzn}),
        }
    except (NowakeError, OSError) as error:
        print(json.dumps({"schema": "nowake.bench/1", "bench": "readers", "failed": str(error)}))
        return 1
    print(json.dumps({"schema": "nowake.bench/1", "bench": "readers", **rounded(figures)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
