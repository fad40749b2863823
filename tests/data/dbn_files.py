"""Small DBN files for the tests, written by Databento's own encoder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import databento_dbn as dbn
import pyarrow as pa

OPEN_NS = 1_719_878_400_000_000_000
"""2024-07-02 00:00 UTC: Globex is open."""
ES, OTHER = 118, 119
LAST, SNAPSHOT, GAP = 128, 32, 4
TICK = 250_000_000


class Interval(NamedTuple):
    """Days on which a symbol has a number, the last one excluded; the encoder asks for these names."""

    start_date: date
    end_date: date
    symbol: str


class Mapping(NamedTuple):
    """The numbers of a symbol."""

    raw_symbol: str
    intervals: list[Interval]


def nanos(ticks: int) -> int:
    """Return the DBN price of so many ES ticks above 5,000."""
    return 5_000_000_000_000 + TICK * ticks


def metadata(schema: str, symbols: dict[str, int] | None = None, version: int = 3, **changes: Any) -> bytes:
    """Return the head of a file."""
    mappings = [
        Mapping(name, [Interval(date(2024, 7, 1), date(2024, 7, 4), str(number))])
        for name, number in (symbols if symbols is not None else {"ESU4": ES}).items()
    ]
    told = {
        "dataset": "GLBX.MDP3",
        "start": OPEN_NS,
        "stype_in": dbn.SType.RAW_SYMBOL,
        "stype_out": dbn.SType.INSTRUMENT_ID,
        "schema": dbn.Schema.from_str(schema) if schema else None,
        "mappings": mappings,
        "version": version,
        **changes,
    }
    return bytes(dbn.Metadata(**told))


def mbo(
    ms: int, action: str, side: str, ticks: int, size: int, order: int = 0, flags: int = LAST, **changes: Any
) -> dbn.MBOMsg:
    """Return an order-by-order record ``ms`` after midnight, received 1 ms later."""
    told = {
        "publisher_id": 1,
        "instrument_id": ES,
        "ts_event": OPEN_NS + ms * 1_000_000,
        "order_id": order,
        "price": nanos(ticks),
        "size": size,
        "action": dbn.Action.from_str(action),
        "side": dbn.Side.from_str(side),
        "ts_recv": OPEN_NS + (ms + 1) * 1_000_000,
        "flags": flags,
        **changes,
    }
    return dbn.MBOMsg(**told)


def window(bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], levels: int) -> list[dbn.BidAskPair]:
    """Return the levels of a record from (ticks, size), best first."""
    none = (dbn.UNDEF_PRICE, 0)
    both = [
        [(nanos(ticks), size) for ticks, size in side[:levels]] + [none] * (levels - len(side[:levels]))
        for side in (bids, asks)
    ]
    return [
        dbn.BidAskPair(bid_px=b, ask_px=a, bid_sz=bq, ask_sz=aq, bid_ct=1, ask_ct=1)
        for (b, bq), (a, aq) in zip(*both, strict=True)
    ]


def mbp(
    kind: type,
    ms: int,
    action: str,
    side: str,
    ticks: int,
    size: int,
    levels: list[dbn.BidAskPair] | None = None,
    flags: int = LAST,
    **changes: Any,
) -> Any:
    """Return a record of ``mbp-1``, ``mbp-10`` or, without levels, ``trades``."""
    told = {
        "publisher_id": 1,
        "instrument_id": ES,
        "ts_event": OPEN_NS + ms * 1_000_000,
        "price": nanos(ticks),
        "size": size,
        "action": dbn.Action.from_str(action),
        "side": dbn.Side.from_str(side),
        "depth": 0,
        "ts_recv": OPEN_NS + (ms + 1) * 1_000_000,
        "flags": flags,
        **changes,
    }
    if levels is not None:
        told["levels"] = levels if kind is dbn.MBP10Msg else levels[0]
    return kind(**told)


def write_dbn(path: Path, head: bytes, records: Sequence[Any]) -> Path:
    """Write a file, packed when its name ends in ``.zst``."""
    data = head + b"".join(bytes(record) for record in records)
    if path.suffix == ".zst":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as packed:
            packed.write(data)
        data = sink.getvalue().to_pybytes()
    path.write_bytes(data)
    return path
