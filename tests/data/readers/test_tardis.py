"""Tardis CSV: small files of the published layout, against dict books read with ``csv`` and ``Decimal``."""

from __future__ import annotations

import csv
import gzip
import io
import pickle
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError, NowakeError
from nowake.core.tape import END, SNAPSHOT, Book, Row, Tape
from nowake.data.checks import FAULTS
from nowake.data.readers.text import decimal_units, split_lines, whole_numbers
from nowake.data.replay import replay
from nowake.data.source import check_paths, open_tapes

T0 = 1_580_515_200_000_000
"""2020-02-01, microseconds."""
BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"


def level(ms: int, side: str, price: str, amount: str, *, snap: bool = False, delay: int = 5, who: str = "") -> str:
    """Return a book row sent ``ms`` after midnight and received ``delay`` ms later."""
    local = T0 + (ms + delay) * 1_000
    sent = local if snap else T0 + ms * 1_000
    return f"{who or 'binance-futures,BTCUSDT'},{sent},{local},{str(snap).lower()},{side},{price},{amount}\n"


def trade(ms: int, number: int, side: str, price: str, amount: str, delay: int = 5) -> str:
    return f"binance-futures,BTCUSDT,{T0 + ms * 1_000},{T0 + (ms + delay) * 1_000},{number},{side},{price},{amount}\n"


SMALL = [
    level(0, "bid", "9350.1", "2.123", snap=True),
    level(0, "bid", "9350", "1", snap=True),
    level(0, "ask", "9350.2", "0.5", snap=True),
    level(10, "ask", "9350.2", "0.4"),
    level(20, "bid", "9350.1", "0"),
    level(20, "bid", "9349.9", "7e-3"),
    level(30, "ask", "9350.30", "3.000"),
]
PRINTS = [
    trade(10, 1, "buy", "9350.2", "0.1"),
    trade(12, 2, "sell", "9350", "0.001"),
    trade(50, 3, "unknown", "9350", "1"),
]


def write(path: Path, header: str, rows: Sequence[str]) -> Path:
    text = (header + "".join(rows)).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def told(tape: Tape) -> list[tuple[str, str, int, int, bool]]:
    return [
        (Row(c & 15).name, Book((c & 0x30) >> 4).name, p, q, bool(c & END))
        for c, p, q in zip(tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True)
    ]


@pytest.mark.parametrize("name", ["book.csv", "book.csv.gz"])
def test_a_small_book_with_its_trades(tmp_path: Path, name: str) -> None:
    book = write(tmp_path / name, BOOK, SMALL)
    prints = write(tmp_path / f"trades_{name}", TRADES, PRINTS)
    (tape,) = open_tapes([book, prints])
    assert tape.listing.key == "BTCUSDT@binance-usdm"
    assert told(tape) == [
        ("CLEAR", "NONE", 0, 0, False),
        ("SET", "BID", 93_501, 2_123, False),
        ("SET", "BID", 93_500, 1_000, False),
        ("SET", "ASK", 93_502, 500, True),
        ("TRADE", "BID", 93_502, 100, True),
        ("SET", "ASK", 93_502, 400, True),
        ("TRADE", "ASK", 93_500, 1, True),
        ("SET", "BID", 93_501, 0, False),
        ("SET", "BID", 93_499, 7, True),
        ("SET", "ASK", 93_503, 3_000, True),
        ("TRADE", "NONE", 93_500, 1_000, True),
    ]
    assert (tape.code[:4] & SNAPSHOT).all()
    assert tape.meta.clock_offset_ns == 5_000_000
    assert not tape.meta.trade_side_native
    assert tape.t_event[0] == T0 * 1_000
    (alone,) = open_tapes([prints])
    assert len(alone) == 3


def test_a_restart_within_a_file_is_a_gap_and_a_new_file_is_none(tmp_path: Path) -> None:
    again = [level(60, "bid", "9340", "1", snap=True), level(60, "ask", "9341", "1", snap=True)]
    later = [level(100, "bid", "9340", "2", snap=True), level(100, "ask", "9341", "2", snap=True)]
    one = write(tmp_path / "a.csv.gz", BOOK, [*SMALL, *again, level(70, "ask", "9341", "0")])
    (report,) = check_paths([one])
    assert (report.gaps, report.faults) == (1, ("gaps",))
    (tape,) = open_tapes([one], allow=FAULTS)
    names = [row[0] for row in told(tape)]
    assert names == ["CLEAR"] + ["SET"] * 7 + ["GAP", "CLEAR"] + ["SET"] * 3
    gap = names.index("GAP")
    assert tape.t_event[gap] == tape.t_event[gap - 1]
    two = [write(tmp_path / "b.csv.gz", BOOK, SMALL), write(tmp_path / "c.csv.gz", BOOK, later)]
    (tape,) = open_tapes(two[::-1])
    assert [row[0] for row in told(tape)].count("CLEAR") == 2
    assert tape.meta.figures.gaps == 0


def test_updates_before_the_snapshot_are_buffered_and_alone_refused(tmp_path: Path) -> None:
    early = [level(-9, "bid", "9350", "1"), level(-8, "bid", "9350", "2")]
    (report,) = check_paths([write(tmp_path / "a.csv", BOOK, [*early, *SMALL])])
    assert (report.buffered, report.rows) == (2, 8)
    with pytest.raises(DataError, match="no snapshot to start from"):
        open_tapes([write(tmp_path / "b.csv", BOOK, early)])


def test_grouped_symbols_are_a_tape_each_and_unknown_ones_are_skipped(tmp_path: Path) -> None:
    spot = [level(k, "bid", "9350.01", "1", snap=True, who="binance,BTCUSDT") for k in range(3)]
    odd = [level(k, "bid", "1", "1", snap=True, who="binance,ZZZUSDT") for k in range(3)]
    path = write(tmp_path / "a.csv", BOOK, [row for rows in zip(spot, odd, SMALL, strict=False) for row in rows])
    tapes = open_tapes([path])
    assert sorted(tape.listing.key for tape in tapes) == ["BTCUSDT@binance-spot", "BTCUSDT@binance-usdm"]
    assert {tape.meta.figures.skipped for tape in tapes} == {3}
    with pytest.raises(DataError, match="records ZZZUSDT@binance-spot, which the catalogue does not know"):
        open_tapes([write(tmp_path / "b.csv", BOOK, odd)])


@pytest.mark.parametrize(
    "bad",
    [
        level(15, "bid", "NaN", "1"),
        level(15, "bid", "-9350.1", "1"),
        level(15, "bid", "9350.1", "-1"),
        level(15, "bid", "9350.15", "1"),  # off the grid
        level(15, "bid", "9350.1", "0.0001"),
        level(15, "bid", "0", "1"),
        level(15, "bid", "9350.1", ""),
        level(15, "bid", "9350.1", "1e99"),
        level(15, "bid", "9350.1", "1,5"),
        level(15, "bids", "9350.1", "1"),
        level(15, "bid", "9350.1", "1").replace("false", "maybe"),
        level(15, "bid", "9350.1", "1").replace("1580515200015000", "soon"),
        level(15, "bid", "9350.1", "1").replace("1580515200015000", "1480515200015000"),
        level(15, "bid", "9350.1", "1", delay=-3_600_000),
        level(15, "bid", "9350.1", "1", delay=3_600_000),
        "\n",
        "binance-futures\n",
        "9" * 1_000 + "\n",
    ],
)
def test_a_bad_row_is_quarantined(tmp_path: Path, bad: str) -> None:
    more = [level(100 + k, "bid", "9000", "1") for k in range(200)]
    (report,) = check_paths([write(tmp_path / "a.csv.gz", BOOK, [*SMALL[:4], bad, *SMALL[4:], *more])])
    assert (report.quarantined, report.quarantined_lines, report.rows, report.faults) == (1, (6,), 208, ())


@st.composite
def recordings(draw: st.DrawFn) -> list[str]:
    """Draw a snapshot and messages of one to three levels each."""
    bids, asks = range(100, 110), range(110, 120)
    amounts = st.sampled_from(["0", "0.5", "1.250", "3", "1e-3", "12345678.001"])
    rows = [level(0, "bid", str(p), "1", snap=True) for p in bids] + [
        level(0, "ask", str(p), "2", snap=True) for p in asks
    ]
    for k in range(draw(st.integers(0, 25))):
        for _ in range(draw(st.integers(1, 3))):
            side = draw(st.sampled_from(["bid", "ask"]))
            price = draw(st.sampled_from(bids if side == "bid" else asks))
            rows.append(level(1 + k, side, f"{price}.{draw(st.sampled_from(['0', '5']))}", draw(amounts)))
    return rows


@given(rows=recordings())
def test_the_book_equals_a_dict_book(tmp_path_factory: pytest.TempPathFactory, rows: list[str]) -> None:
    path = write(tmp_path_factory.mktemp("t") / "a.csv.gz", BOOK, rows)
    (tape,) = open_tapes([path], allow=FAULTS)
    book: dict[str, dict[Decimal, Decimal]] = {"bid": {}, "ask": {}}
    touches, previous = [], ""

    def best() -> tuple[Decimal, Decimal, Decimal, Decimal]:
        bid, ask = max(book["bid"], default=Decimal(0)), min(book["ask"], default=Decimal(0))
        return bid, book["bid"].get(bid, Decimal(0)), ask, book["ask"].get(ask, Decimal(0))

    for row in csv.DictReader(io.StringIO(BOOK + "".join(rows))):
        if previous and row["local_timestamp"] != previous:
            touches.append(best())
        previous = row["local_timestamp"]
        amount = Decimal(row["amount"])
        book[row["side"]].pop(Decimal(row["price"]), None)
        if amount:
            book[row["side"]][Decimal(row["price"])] = amount
    touches.append(best())
    ends = np.flatnonzero(tape.code & END)
    touch, _, _ = replay(tape.code, tape.prices(), tape.qty.astype(np.int64), ends)
    unit = tape.listing.instrument
    seen = [(unit.price(b), unit.qty(bq), unit.price(a), unit.qty(aq)) for b, bq, a, aq in touch.tolist()]
    assert seen == touches


def test_prints_equal_what_polars_reads(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    rows = [
        trade(k, k, str(rng.choice(["buy", "sell"])), f"{9_000 + rng.integers(0, 999) / 10:.1f}", f"{rng.random():.3f}")
        for k in range(3_000)
    ]
    path = write(tmp_path / "a.csv.gz", TRADES, [row for row in rows if ",0.000\n" not in row])
    (tape,) = open_tapes([path])
    frame = pl.read_csv(path)
    assert np.array_equal(tape.prices(), np.rint(frame["price"].to_numpy() * 10))
    assert np.array_equal(tape.qty, np.rint(frame["amount"].to_numpy() * 1_000))
    assert np.array_equal(tape.t_event, frame["timestamp"].to_numpy() * 1_000)
    assert np.array_equal((tape.code & 0x30) == 16, (frame["side"] == "buy").to_numpy())


@given(st.lists(st.decimals(0, 10**9, places=8) | st.sampled_from([Decimal("1E-8"), Decimal("2.50E-7")]), min_size=1))
def test_decimals_are_exact(values: list[Decimal]) -> None:
    text = [str(value) for value in values]
    units, ok = decimal_units(pl.Series(text), Decimal("0.00000001"))
    assert ok.all()
    assert units.tolist() == [int(value * 10**8) for value in values]
    tenth, ok = decimal_units(pl.Series(text), Decimal("0.25"))
    assert ok.tolist() == [value % Decimal("0.25") == 0 for value in values]
    assert tenth.tolist() == [int(value * 4) if good else 0 for value, good in zip(values, ok, strict=True)]


def test_what_is_no_number() -> None:
    for text in (
        "",
        "-1",
        "+1",
        "nan",
        "inf",
        "1e999",
        "1e-999",
        "0x10",
        "1_0",
        " 1",
        "1 ",
        "١",
        "1.2.3",
        ".",
        "e5",
        "9" * 40,
    ):
        assert decimal_units(pl.Series([text]), Decimal("0.01"))[1].tolist() == [False], text
        assert whole_numbers(pl.Series([text]))[1].tolist() == [text == "-1"], text
    assert decimal_units(pl.Series([None, "5"], dtype=pl.String), Decimal(1))[1].tolist() == [False, True]


def test_lines_keep_their_numbers() -> None:
    columns, ok = split_lines(b"a,b\n\nc,d,e\nf,g\r\n\xff,h\n", ",", 2)
    assert ok.tolist() == [True, False, False, True, True]
    assert columns[1].to_list()[3:] == ["g", "h"]


def test_hostile_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    text = (BOOK + "".join(SMALL)).encode()
    rng = np.random.default_rng(3)
    other = BOOK.replace("is_snapshot,side,price,amount", "ask_amount,ask_price,bid_price,bid_amount").encode()
    contents = {
        "truncated": gzip.compress(text)[:-20],
        "cut off": text[:-6],
        "another data type": gzip.compress(other + b"x\n"),
        "no row below": gzip.compress(BOOK.encode()),
        "not valid": gzip.compress(BOOK.encode() + rng.bytes(5_000) + b"\n"),
        "no reader": pickle.dumps(text),
    }
    for words, content in contents.items():
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            open_tapes([path], allow=FAULTS)
        assert "\n" not in str(caught.value)
        assert words in str(caught.value)


def test_not_one_row_with_a_sound_time(tmp_path: Path) -> None:
    rows = [trade(0, 1, "buy", "9350", "1", delay=-3_600_000), trade(1, 2, "buy", "9350", "1", delay=3_600_000)]
    with pytest.raises(DataError, match="no usable row"):
        open_tapes([write(tmp_path / "a.csv", TRADES, rows)])


edits = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 30), st.binary(max_size=8)), min_size=1, max_size=4)


@given(changes=edits, packed=st.booleans(), trades=st.booleans())
def test_mutated_files(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, bytes]], packed: bool, trades: bool
) -> None:
    header, rows = (TRADES, PRINTS) if trades else (BOOK, SMALL)
    data = (header + "".join(rows)).encode()
    for at, cut, put in changes:
        at %= len(data) + 1
        data = data[:at] + put + data[at + cut :]
    path = tmp_path_factory.mktemp("fuzz") / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    try:
        tapes = open_tapes([path], allow=FAULTS)
    except NowakeError as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - refusing is one of two good ends
        return
    for tape in tapes:
        assert (tape.qty >= 0).all()
        assert (np.diff(tape.t_local()) >= 0).all()
