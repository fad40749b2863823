"""Small hand-made recordings for the tests of ``nowake.data``."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

BASE_NS = 1_723_161_253_000_000_000
OFFSET_MS = 1_270
"""The recorder's clock runs this far behind the venue's."""

LOBSTER_NAME = "ABC_2012-06-21_34200000_57600000_{kind}_2.csv"

# One day of two recorded levels: (message, book row after it). Ask 101.00 x 5, 102.00 x 6; bid 100.00 x 7, 99.00 x 8.
LOBSTER_ROWS = [
    ("34200.000000001,5,0,3,1005000,-1", "1010000,5,1000000,7,1020000,6,990000,8"),
    ("34200.18960767,1,11,4,1000000,1", "1010000,5,1000000,11,1020000,6,990000,8"),
    ("34201,1,12,2,1005000,-1", "1005000,2,1000000,11,1010000,5,990000,8"),  # 102.00 leaves the window
    ("34202.5,4,12,2,1005000,-1", "1010000,5,1000000,11,1020000,9,990000,8"),  # ... and comes back with 9
    ("34203,2,11,1,1000000,1", "1010000,5,1000000,10,1020000,9,990000,8"),
    ("34204,3,11,3,1000000,1", "1010000,5,1000000,7,1020000,9,990000,8"),
    ("34205,7,0,0,-1,-1", "1010000,5,1000000,7,1020000,9,990000,8"),
    ("34206,7,0,0,1,-1", "1010000,5,1000000,7,1020000,9,990000,8"),
    ("34207.000000002,4,9,7,1000000,1", "1010000,5,990000,8,1020000,9,980000,1"),
]


def lobster_text(rows: list[tuple[str, str]]) -> dict[str, bytes]:
    """Return the pair of files, by kind."""
    return {
        "message": "".join(f"{message}\n" for message, _ in rows).encode(),
        "orderbook": "".join(f"{book}\n" for _, book in rows).encode(),
    }


def write_lobster(folder: Path, texts: dict[str, bytes] | None = None, name: str = LOBSTER_NAME) -> Path:
    """Write a LOBSTER zip and return it."""
    texts = lobster_text(LOBSTER_ROWS) if texts is None else texts
    path = folder / "LOBSTER_ABC.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for kind, text in texts.items():
            archive.writestr(name.format(kind=kind), text)
    return path


def write_pair(folder: Path, texts: dict[str, bytes] | None = None) -> Path:
    """Write the pair of CSV files and return the message file."""
    texts = lobster_text(LOBSTER_ROWS) if texts is None else texts
    for kind, text in texts.items():
        (folder / LOBSTER_NAME.format(kind=kind)).write_bytes(text)
    return folder / LOBSTER_NAME.format(kind="message")


def line(ms: int, payload: dict[str, object], stream: str = "btcusdt@x") -> str:
    """Return one stream line received ``ms`` after the start."""
    data = json.dumps({"stream": stream, "data": payload}, separators=(",", ":"))
    return f"{BASE_NS + ms * 1_000_000} {data}\n"


def venue_ms(ms: int) -> int:
    """Return the venue's time, in its milliseconds, of what is received without delay after ``ms``."""
    return BASE_NS // 1_000_000 + ms + OFFSET_MS


def depth(ms: int, first: int, last: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> str:
    """Return a spot depth update."""
    payload = {"e": "depthUpdate", "E": venue_ms(ms), "s": "BTCUSDT", "U": first, "u": last}
    return line(ms, {**payload, "b": bids, "a": asks})


def quote(ms: int, last: int, bid: tuple[str, str], ask: tuple[str, str]) -> str:
    """Return a spot best quote, which states no time."""
    return line(ms, {"u": last, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]})


def trade(ms: int, number: int, price: str, qty: str, *, buyer_is_maker: bool) -> str:
    """Return a spot trade."""
    payload = {"e": "trade", "E": venue_ms(ms), "s": "BTCUSDT", "t": number, "p": price, "q": qty, "T": venue_ms(ms)}
    return line(ms, {**payload, "m": buyer_is_maker, "M": True})


def snapshot(ms: int, last: int, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> str:
    """Return the reply of the spot REST snapshot."""
    data = json.dumps({"lastUpdateId": last, "bids": bids, "asks": asks}, separators=(",", ":"))
    return f"{BASE_NS + ms * 1_000_000} {data}\n"


SPOT_LINES = [
    depth(0, 1, 5, [("99.00", "9.00000")], []),  # in the snapshot already: dropped
    depth(100, 6, 10, [("100.00", "2.00000")], []),  # ends after the snapshot: held back until it is here
    snapshot(150, 8, [("100.00", "1.00000"), ("99.00", "9.00000")], [("101.00", "3.00000"), ("102.00", "4.00000")]),
    trade(160, 1, "101.00", "0.50000", buyer_is_maker=False),
    depth(200, 11, 20, [], [("101.00", "2.50000")]),
    quote(201, 20, ("100.00", "2.00000"), ("101.00", "2.50000")),
    trade(202, 2, "100.00", "0.25000", buyer_is_maker=True),
    depth(300, 21, 30, [("100.00", "0.00000")], [("101.00", "2.50000")]),
    quote(301, 30, ("99.00", "9.00000"), ("101.00", "2.50000")),
]

LATER_LINES = [
    depth(1_000, 31, 40, [("99.50", "1.00000")], []),
    quote(1_001, 40, ("99.50", "1.00000"), ("101.00", "2.50000")),
]


def write_spot(folder: Path, lines: list[str] | None = None, name: str = "spot.gz") -> Path:
    """Write a capture, gzip when the name says so."""
    text = "".join(SPOT_LINES if lines is None else lines).encode()
    path = folder / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def futures_lines(*, coin: bool) -> list[str]:
    """Return a futures capture: transaction times, ``pu`` chain, a trade of the insurance fund."""
    symbol = "BTCUSD_PERP" if coin else "BTCUSDT"
    base: dict[str, object] = {"s": symbol, **({"ps": "BTCUSD"} if coin else {})}
    size = "7" if coin else "0.007"
    shot = {"lastUpdateId": 8, "E": venue_ms(5), "T": venue_ms(4), "bids": [["100.0", size]], "asks": [["100.1", size]]}
    shot |= {"symbol": symbol, "pair": "BTCUSD"} if coin else {}

    def update(ms: int, first: int, last: int, prev: int, bids: list[list[str]]) -> str:
        ids = {"U": first, "u": last, "pu": prev}
        times = {"E": venue_ms(ms), "T": venue_ms(ms) - 1}
        return line(ms, {"e": "depthUpdate", **times, **base, **ids, "b": bids, "a": []})

    def fill(ms: int, kind: str) -> str:
        times = {"E": venue_ms(ms), "T": venue_ms(ms)}
        return line(ms, {"e": "trade", **times, **base, "t": ms, "p": "100.1", "q": size, "X": kind, "m": False})

    return [
        update(1, 2, 7, 1, [["99.0", size]]),
        f"{BASE_NS + 5_000_000} {json.dumps(shot)}\n",
        update(6, 8, 10, 7, [["100.0", "0"]]),
        fill(7, "MARKET"),
        fill(8, "INSURANCE_FUND"),
        update(9, 20, 30, 10, [["99.5", size]]),
    ]
