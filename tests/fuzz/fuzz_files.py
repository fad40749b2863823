"""Small files of every reader, and the accidents that happen to files."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dbn_files
import polars as pl
from data_files import (
    LATER_LINES,
    LOBSTER_NAME,
    LOBSTER_ROWS,
    SPOT_LINES,
    futures_lines,
    lobster_text,
    trade,
    write_lobster,
)
from databento_dbn import MBP1Msg, MBP10Msg, TradeMsg

BITS = [1 << k for k in range(8)]
TOKENS = (
    b"0", b"-1", b"nan", b"NaN", b"inf", b"1e300", b"9" * 25, b"", b" ", b",", b"\n", b"\r\n", b"\x00",
    b"\xff\xfe", b'"',
    b"null", b"{}", b"[", b"true", b"-0", b"1e-9", b"99999999999999999999", b"2012-06-21T10:00:00", b"\xf0\x9f\x92\xa9",
)  # fmt: skip


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Return ``data`` after one to four accidents; now and then unchanged."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(ACCIDENTS)(rng, data)
    return data


def _flip(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ rng.choice(BITS)]) + data[at + 1 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _splice(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.randbytes(rng.randrange(9)) + data[at + rng.randrange(20) :]


def _field(rng: random.Random, data: bytes) -> bytes:
    """Replace a field of a line of text."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    fields = lines[at].split(b",")
    fields[rng.randrange(len(fields))] = rng.choice(TOKENS)
    lines[at] = b",".join(fields)
    return b"\n".join(lines)


def _lines(rng: random.Random, data: bytes) -> bytes:
    """Drop, double or swap lines."""
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(3)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(other, lines[at])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


ACCIDENTS: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flip, _cut, _splice, _field, _field, _lines)


@dataclass(frozen=True, slots=True)
class Sample:
    """A small recording.

    Attributes:
        files: Contents by name; the first is the one that is opened.
        mapping: For ``--map``.
        listing: For ``--listing``.
        packed: Whether the files are handed over gzipped, after the accident.
    """

    files: dict[str, bytes]
    mapping: str = ""
    listing: str = ""
    packed: bool = False

    def write(self, rng: random.Random, folder: Path) -> Path:
        """Write the files, one of them after an accident; return the one to open."""
        hit = rng.choice(sorted(self.files))
        for name, data in self.files.items():
            data = mutated(rng, data) if name == hit else data
            (folder / name).write_bytes(gzip.compress(data, 1) if self.packed else data)
        return folder / next(iter(self.files))


T0 = 1_580_515_200_000_000
_BTC = "binance-futures,BTCUSDT"


def _text(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _tardis() -> dict[str, Sample]:
    book = [
        f"{_BTC},{T0 + 1000 * ms},{T0 + 1000 * ms + 5000},{snap},{side},{price},{size}"
        for ms, snap, side, price, size in (
            (0, "true", "bid", "9350.1", "2.123"), (0, "true", "ask", "9350.2", "0.5"),
            (10, "false", "ask", "9350.2", "0.4"),
            (20, "false", "bid", "9350.1", "0"), (20, "false", "bid", "9349.9", "7e-3"),
            (30, "false", "ask", "9350.3", "3"),
        )
    ]  # fmt: skip
    prints = [
        f"{_BTC},{T0 + 10_000 * k},{T0 + 10_000 * k + 5000},{k},{s},9350.2,0.1" for k, s in enumerate(("buy", "sell"))
    ]
    head = "exchange,symbol,timestamp,local_timestamp"
    return {
        "tardis_book": Sample({"book.csv": _text(f"{head},is_snapshot,side,price,amount", *book)}),
        "tardis_trades": Sample({"trades.csv": _text(f"{head},id,side,price,amount", *prints)}),
    }


def _events() -> Sample:
    start, btc = 1_430_438_400_000, 100_000_000
    rows = [
        f"{order},{start + ms},{start + ms},{price},{volume},{action},{side}"
        for ms, order, action, side, price, volume in (
            (0, 10, "created", "bid", 235.0, 3 * btc), (10, 11, "created", "ask", 236.0, 2 * btc),
            (100, 12, "created", "bid", 236.5, 3 * btc), (200, 12, "changed", "bid", 236.5, btc + 1),
            (201, 11, "deleted", "ask", 236.0, 0), (300, 13, "created", "ask", 236.5, btc // 2),
            (500, 10, "changed", "bid", 234.5, btc), (600, 10, "deleted", "bid", 234.5, btc),
        )
    ]  # fmt: skip
    return Sample({"events.csv": _text("id,timestamp,exchange_timestamp,price,volume,action,direction", *rows)})


def _tables(folder: Path) -> dict[str, Sample]:
    start = 1_710_165_600
    quotes = [f"{start + k},{20 + k % 3 / 100:.2f},900,{20.02 + k % 3 / 100:.2f},900" for k in range(8)]
    trades = [f"{start + k}.5,{20 + 2 * (k % 2) / 100:.2f},300,{'SB'[k % 2]}" for k in range(8)]
    bars = [f"2013-07-09T{14 + k // 60:02}:{k % 60:02}:00Z,10.0{k},10.09,10.00,10.0{k},{500 + k}" for k in range(8)]
    levels = [f"{start + k},{'BA'[k % 2]},{20 + (k % 2) / 10:.2f},{k % 3 * 100}" for k in range(10)]
    listing = "XYZ@XNAS"
    frame = folder / "t.parquet"
    pl.read_csv(_text("t,p,q,s", *trades)).write_parquet(frame)
    bar = "time=t,open=o,high=h,low=l,close=c,volume=v"
    return {
        "quotes": Sample({"q.csv": _text("t,b,bq,a,aq", *quotes)}, "time=t,bid=b,bid_qty=bq,ask=a,ask_qty=aq", listing),
        "prints": Sample({"t.csv": _text("t,p,q,s", *trades)}, "time=t,price=p,qty=q,side=s", listing),
        "bars": Sample({"b.csv": _text("t,o,h,l,c,v", *bars)}, bar, listing),
        "levels": Sample({"l.csv": _text("t,s,p,q", *levels)}, "kind=book,time=t,side=s,price=p,qty=q", listing),
        "parquet": Sample({"t.parquet": frame.read_bytes()}, "time=t,price=p,qty=q,side=s", listing),
    }


def _databento() -> dict[str, Sample]:
    bids, asks = [(-1, 5), (-2, 6)], [(1, 5), (2, 6)]
    top, ten = dbn_files.window(bids, asks, 1), dbn_files.window(bids, asks, 10)
    records = {
        "mbo": [dbn_files.mbo(k, "A", "AB"[k % 2], 1 - 2 * (k % 2), 5, order=k + 1) for k in range(6)]
        + [dbn_files.mbo(9, "C", "A", 1, 5, order=1)],
        "mbp-1": [dbn_files.mbp(MBP1Msg, k, "T" if k == 2 else "A", "B", -1, 5, top) for k in range(5)],
        "mbp-10": [dbn_files.mbp(MBP10Msg, k, "A", "B", -1, 5, ten) for k in range(5)],
        "trades": [dbn_files.mbp(TradeMsg, k, "T", "B", -1, 5) for k in range(5)],
    }
    return {
        f"dbn_{schema}": Sample({"x.dbn": dbn_files.metadata(schema) + b"".join(bytes(one) for one in found)})
        for schema, found in records.items()
    }


def samples(folder: Path) -> dict[str, Sample]:
    """Return a small recording for every reader and layout, by name."""
    spot = "".join(
        [*SPOT_LINES, *LATER_LINES, *(trade(302 + k, 3 + k, "100.00", "1", buyer_is_maker=True) for k in range(20))]
    )
    lobster = {LOBSTER_NAME.format(kind=kind): text for kind, text in lobster_text(LOBSTER_ROWS).items()}
    return {
        "lobster": Sample(lobster),
        "lobster_zip": Sample({"LOBSTER_ABC.zip": write_lobster(folder).read_bytes()}),
        "spot": Sample({"spot.txt": spot.encode()}),
        "spot_gz": Sample({"spot.gz": spot.encode()}, packed=True),
        "spot_gz_torn": Sample({"spot.gz": gzip.compress(spot.encode())}),
        "usdm": Sample({"usdm.txt": "".join(futures_lines(coin=False)).encode()}),
        "coinm": Sample({"coinm.txt": "".join(futures_lines(coin=True)).encode()}),
        "events": _events(),
        **_tardis(),
        **_tables(folder),
        **_databento(),
    }
