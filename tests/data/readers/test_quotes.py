"""Best quotes and prints on one clock: rows by hand, the book that comes of them, and who traded with whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.tape import END, OFF_EXCHANGE, SEEDED, SNAPSHOT, Book, Row, Tape, row_code
from nowake.data.readers.quotes import NO_PRINTS, NO_QUOTES, Prints, Quotes, merged_rows, quote_rows
from nowake.data.replay import replay
from nowake.data.source import open_tapes
from nowake.market.microstructure.touch import touches
from nowake.market.microstructure.trades import prints as tape_prints
from nowake.market.microstructure.trades import quote_rule

BID, ASK = Book.BID, Book.ASK
prices = st.sampled_from([0, *range(95, 106)])
updates = st.lists(st.tuples(prices, st.integers(1, 3), prices, st.integers(1, 3)), min_size=1, max_size=30)


def quotes_of(rows: list[tuple[int, int, int, int]], times: list[int] | None = None) -> Quotes:
    t = np.array(times if times is not None else range(len(rows)), dtype=np.int64)
    bid, bid_qty, ask, ask_qty = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Quotes(t, bid, np.where(bid > 0, bid_qty, 0), ask, np.where(ask > 0, ask_qty, 0))


def prints_of(rows: list[tuple[int, int, int]]) -> Prints:
    t, price, qty = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Prints(t, price, qty, np.zeros(len(t), dtype=np.int64), np.zeros(len(t), dtype=np.bool_))


def test_rows_by_hand() -> None:
    quotes = quotes_of([(100, 5, 102, 6), (101, 2, 102, 6), (100, 7, 102, 6), (100, 7, 103, 1), (100, 7, 103, 1)])
    _, code, price, qty = quote_rows(quotes)
    assert list(zip(code.tolist(), price.tolist(), qty.tolist(), strict=True)) == [
        (row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0),
        (row_code(Row.SET, BID, SNAPSHOT), 100, 5),
        (row_code(Row.SET, ASK, SNAPSHOT, END), 102, 6),
        (row_code(Row.SET, BID, SEEDED), 100, 0),  # a better bid came: 100 is still there, only not shown
        (row_code(Row.SET, BID, END), 101, 2),
        (row_code(Row.SET, BID), 101, 0),  # it went: that is an event
        (row_code(Row.SET, BID, SEEDED, END), 100, 7),  # ... and 100 comes back into the window
        (row_code(Row.SET, ASK), 102, 0),
        (row_code(Row.SET, ASK, SEEDED, END), 103, 1),
        (row_code(Row.SET, BID, END), 100, 7),  # nothing changed: the feed lives
    ]


@given(rows=updates)
def test_the_book_is_the_quote_after_every_update(rows: list[tuple[int, int, int, int]]) -> None:
    quotes = quotes_of(rows)
    index, code, price, qty = quote_rows(quotes)
    last = np.array([int(np.flatnonzero(index == i)[-1]) for i in range(len(rows)) if (index == i).any()])
    shown = [i for i in range(len(rows)) if (index == i).any()]
    touch, _, _ = replay(code, price, qty, last)
    columns = (quotes.bid, quotes.bid_qty, quotes.ask, quotes.ask_qty)
    assert touch.tolist() == [[int(column[i]) for column in columns] for i in shown]
    assert all(code[at] & END for at in last)
    hidden = [i for i in range(1, len(rows)) if i not in shown]
    assert all(quotes.bid[i] == quotes.ask[i] == 0 for i in hidden)  # an empty book that stays empty says nothing


@given(
    rows=updates,
    times=st.data(),
    trades=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 200), st.integers(1, 9)), min_size=1, max_size=20),
)
def test_prints_meet_the_quote_before_their_own_instant(
    rows: list[tuple[int, int, int, int]], times: st.DataObject, trades: list[tuple[int, int, int]]
) -> None:
    """Held against polars' as-of join, strictly before."""
    at = sorted(times.draw(st.lists(st.integers(0, 40), min_size=len(rows), max_size=len(rows))))
    trades = sorted(trades)
    quotes = quotes_of(rows, at)
    columns = merged_rows(quotes, prints_of(trades))
    is_print = (columns.code & 15) == Row.TRADE
    where = np.flatnonzero(is_print)
    touch, _, _ = replay(columns.code, columns.price, columns.qty, where.astype(np.int64))
    left = pl.DataFrame({"t": [t for t, _, _ in trades], "n": range(len(trades))})
    right = (
        pl.DataFrame({"t": quotes.t, "bid": quotes.bid, "ask": quotes.ask}).group_by("t", maintain_order=True).last()
    )
    met = left.join_asof(right, on="t", strategy="backward", allow_exact_matches=False).fill_null(0)
    assert touch[:, [0, 2]].tolist() == met.select("bid", "ask").to_numpy().tolist()
    assert columns.t_event[where].tolist() == [t for t, _, _ in trades]
    assert (np.diff(columns.t_event) >= 0).all()
    assert columns.qty[where].tolist() == [qty for _, _, qty in trades]


def test_receive_times_are_the_clock_where_both_have_them() -> None:
    quotes = quotes_of([(100, 1, 101, 1), (100, 2, 101, 1)], [10, 20])
    late = Quotes(quotes.t, quotes.bid, quotes.bid_qty, quotes.ask, quotes.ask_qty, recv=quotes.t + 100)
    early = Prints(*(np.array([x]) for x in (15, 100, 1, 0)), np.array([False]), recv=np.array([16]))
    columns = merged_rows(late, early)
    assert columns.t_recv.tolist() == [16, 110, 110, 110, 120]
    assert columns.t_event.tolist() == [15, 10, 10, 10, 20]
    assert len(merged_rows(late, NO_PRINTS).t_recv) == 4
    assert len(merged_rows(NO_QUOTES, early).t_recv) == 1
    assert len(merged_rows(quotes, early).t_recv) == 0


@pytest.fixture(scope="module")
def ibm(recorded_data: Path) -> Tape:
    """Return the five days of IBM."""
    (tape,) = open_tapes(sorted((recorded_data / "us_equity_nbbo").glob("*.parquet")))
    return tape


def test_ibm_volume_and_off_exchange_prints(ibm: Tape, recorded_data: Path) -> None:
    trades = pl.read_parquet(recorded_data / "us_equity_nbbo" / "ibm_trades_20131007_11.parquet")
    is_print = (ibm.code & 15) == Row.TRADE
    assert int(ibm.qty[is_print].sum()) == trades["size"].sum()
    off = (ibm.code & OFF_EXCHANGE) > 0
    assert int(ibm.qty[off].sum()) == trades.filter(pl.col("exchange") == "D")["size"].sum()
    assert ibm.meta.consolidated
    assert not ibm.meta.trade_side_native
    assert ibm.listing.volume_base == "consolidated prints, off-exchange included"


def test_ibm_signs_by_the_quote_rule_equal_an_as_of_join(ibm: Tape, recorded_data: Path) -> None:
    folder = recorded_data / "us_equity_nbbo"
    quotes = pl.read_parquet(folder / "ibm_nbbo_20131007_11.parquet").filter(~pl.col("suspicious"))
    trades = pl.read_parquet(folder / "ibm_trades_20131007_11.parquet").sort("ts", maintain_order=True)
    last = quotes.group_by("ts", maintain_order=True).last().sort("ts")
    met = trades.join_asof(last, on="ts", strategy="backward", allow_exact_matches=False)
    mid2 = (met["bid"] + met["ask"]).fill_null(0).to_numpy()
    wanted = np.where(mid2 > 0, np.sign(np.rint(1e4 * (2 * met["price"].to_numpy() - mid2))), 0)
    found = tape_prints(ibm, touches(ibm))
    signs = quote_rule(found.price_units, found.bid_units, found.ask_units)
    assert np.mean(signs == wanted) == 1.0
    assert 0.40 < np.mean(signs == 1) < 0.48
