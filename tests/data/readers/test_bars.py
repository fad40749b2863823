"""The market made from bars: given back exactly, blind to what comes after, priced like its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError
from nowake.core.tape import END, SNAPSHOT, Book, Row, row_code
from nowake.data.build import Columns
from nowake.data.readers import bars as model
from nowake.data.readers.bars import Bars, abdi_ranaldo, bar_rows, depth_units, past_mean, spread_units, too_small
from nowake.data.replay import replay
from nowake.data.source import check_paths, open_tapes

MINUTE = model.MINUTE_NS
T0 = 1_700_000_040 * 10**9  # a whole minute


@st.composite
def bar_series(draw: st.DrawFn, least: int = 1) -> Bars:
    n, tick = draw(st.integers(least, 12)), 5
    rows = []
    for _ in range(n):
        low = draw(st.integers(900, 1100))
        high = low + draw(st.sampled_from([0, 1, tick, 40]))
        first, last = draw(st.integers(low, high)), draw(st.integers(low, high))
        rows.append((first, high, low, last, draw(st.sampled_from([0, 4, 5, 6, 7, 8, 1_000, 12_345_678_901]))))
    minutes = np.cumsum(draw(st.lists(st.sampled_from([1, 1, 1, 3]), min_size=n, max_size=n)))
    return Bars(T0 + minutes * MINUTE, *np.array(rows, dtype=np.int64).T, interval_ns=MINUTE)  # type: ignore[misc]


def again(columns: Columns, interval: int = MINUTE) -> pl.DataFrame:
    """Return the bars of the prints of a tape."""
    is_print = (columns.code & 15) == Row.TRADE
    frame = {"t": columns.t_event[is_print], "price": columns.price[is_print], "qty": columns.qty[is_print]}
    price = pl.col("price")
    return (
        pl.DataFrame(frame)
        .group_by(pl.col("t") // interval * interval, maintain_order=True)
        .agg(
            price.first().alias("open"), price.max().alias("high"), price.min().alias("low"),
            price.last().alias("close"), pl.col("qty").sum().alias("volume"),
        )
    )  # fmt: skip


@given(bars=bar_series())
def test_bars_computed_again_are_the_bars(bars: Bars) -> None:
    found = again(bar_rows("made", bars, 5, 1))
    traded = bars.volume > 0
    for name, column in (("t", bars.t), *((n, getattr(bars, n)) for n in ("open", "high", "low", "close", "volume"))):
        assert found[name].to_list() == column[traded].tolist()


@given(bars=bar_series(least=2), cut=st.integers(1, 11))
def test_no_row_knows_of_a_later_bar(bars: Bars, cut: int) -> None:
    """Cut the input after bar k: every row before the end of bar k is unchanged, and rows lie inside their bar."""
    cut = min(cut, len(bars.t) - 1)
    names = ("t", "open", "high", "low", "close", "volume")
    head = Bars(*(getattr(bars, name)[:cut] for name in names), interval_ns=MINUTE)
    whole, part = bar_rows("made", bars, 5, 1), bar_rows("made", head, 5, 1)
    rows = len(part.t_event)
    for name in ("t_event", "code", "price", "qty"):
        assert getattr(whole, name)[:rows].tolist() == getattr(part, name).tolist()
    assert (whole.t_event[rows:] >= bars.t[cut]).all()
    inside = np.searchsorted(bars.t, whole.t_event, side="right") - 1
    assert (whole.t_event < bars.t[inside] + MINUTE).all()


@given(bars=bar_series(least=3), other=bar_series(least=3), k=st.integers(0, 11))
def test_spread_and_depth_of_a_bar_are_of_bars_before_it(bars: Bars, other: Bars, k: int) -> None:
    """Replace bar k and all that follow: what is believed at the start of bar k is the same."""
    k = min(k, len(bars.t) - 1, len(other.t) - 1)
    names = ("open", "high", "low", "close", "volume")
    mixed = Bars(
        bars.t, *(np.concatenate([getattr(bars, n)[:k], np.resize(getattr(other, n), len(bars.t) - k)]) for n in names),
        interval_ns=MINUTE,
    )  # fmt: skip
    for believed in (spread_units, depth_units):
        assert np.array_equal(believed(bars, 5)[: k + 1], believed(mixed, 5)[: k + 1], equal_nan=True)


@given(bars=bar_series(least=4), tick=st.sampled_from([1, 5]), lot=st.sampled_from([1, 100]))
def test_every_print_is_at_the_touch_or_beyond_it(bars: Bars, tick: int, lot: int) -> None:
    columns = bar_rows("made", bars, tick, lot)
    where = np.flatnonzero((columns.code & 15) == Row.TRADE)
    touch, counts, _ = replay(columns.code, columns.price, columns.qty, where.astype(np.int64))
    bid, bid_qty, ask, ask_qty = touch.T
    price, known = columns.price[where], touch[:, 0] > 0
    assert known[columns.t_event[where] >= bars.t[2]].all()
    assert not known[columns.t_event[where] < bars.t[2]].any()
    assert ((price <= bid) | (price >= ask))[known].all()
    assert ((ask - bid)[known] >= tick).all()
    assert (touch[known][:, [0, 2]] % tick == 0).all()
    assert (bid_qty == ask_qty).all()
    assert (bid_qty[known] >= lot).all()
    assert (bid_qty % lot == 0).all()
    assert counts.tolist() == [0, 0, 0]


def test_a_rising_bar_row_by_row() -> None:
    """Three equal bars, tick 10: the third has a past, so it has quotes. 100 - 90 - 120 - 110, seven steps."""
    one = np.array([100, 120, 90, 110, 700], dtype=np.int64)
    bars = Bars(T0 + np.arange(3) * MINUTE, *np.repeat(one, 3).reshape(5, 3), interval_ns=MINUTE)  # type: ignore[misc]
    columns = bar_rows("made", bars, 10, 1)
    third = columns.t_event >= bars.t[2]
    is_print = (columns.code & 15) == Row.TRADE
    assert columns.price[third & is_print].tolist() == [100, 95, 90, 105, 120, 115, 110]
    assert columns.qty[is_print].tolist() == [100] * 21
    assert columns.t_event[third & is_print].tolist() == [bars.t[2] + (2 * j + 1) * MINUTE // 14 for j in range(7)]
    first = np.flatnonzero(third)[:4]
    # Its first leg is a sale down to 90, so its open is a buy, at the ask.
    spread = max(round(float(spread_units(bars, 10)[2]) / 10), 1) * 10
    assert [(int(columns.code[i]), int(columns.price[i])) for i in first] == [
        (row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0),
        (row_code(Row.SET, Book.BID, SNAPSHOT), 100 - spread),
        (row_code(Row.SET, Book.ASK, SNAPSHOT, END), 100),
        (row_code(Row.TRADE, Book.NONE, END), 100),
    ]
    assert int(columns.qty[first[1]]) == int(0.03 * 700)


@pytest.mark.parametrize("before", [110, 95])
def test_the_way_a_bar_goes_does_not_tell_its_close(before: int) -> None:
    """Two bars of one open and range, one rising and one falling: their rows are equal until the last leg begins."""
    first, ups = np.array([100, 120, 90, before, 700]), np.array([100, 120, 90, 110, 700])
    rows = {}
    for close in (110, 95):
        last = ups.copy()
        last[3] = close
        table = np.stack([first, first, last]).T
        columns = bar_rows("made", Bars(T0 + np.arange(3) * MINUTE, *table, interval_ns=MINUTE), 10, 1)  # type: ignore[misc]
        seen = columns.t_event < T0 + 2 * MINUTE + MINUTE * 4 // 7
        rows[close] = [getattr(columns, name)[seen].tolist() for name in ("t_event", "code", "price", "qty")]
    assert rows[110] == rows[95]


def test_a_bar_with_less_than_its_corners_is_named() -> None:
    bars = Bars(
        T0 + np.arange(3) * MINUTE, *np.array([[9, 9, 9], [10, 9, 10], [9, 9, 9], [10, 9, 10], [3, 3, 4]]), MINUTE
    )  # type: ignore[misc]
    assert too_small(bars).tolist() == [True, False, False]


def test_past_means_are_of_the_past() -> None:
    values = np.array([1.0, np.nan, 3.0, 5.0, 100.0])
    assert past_mean(values, 2).tolist()[1:] == [1.0, 1.0, 3.0, 4.0]
    assert np.isnan(past_mean(values, 2)[0])


def bounced(spread: float, days: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return high, low, close of bars of 200 trades, each half a spread off a random walk."""
    walk = np.cumsum(rng.normal(0, 0.0005, (days, 200)).ravel()).reshape(days, 200)
    trades = np.exp(walk + spread / 2 * rng.choice([-1, 1], (days, 200)))
    return trades.max(axis=1), trades.min(axis=1), trades[:, -1]


@pytest.mark.parametrize("spread", [0.002, 0.005, 0.01])
def test_the_spread_of_a_simulated_market_is_found(spread: float) -> None:
    products = abdi_ranaldo(*bounced(spread, 20_000, np.random.default_rng(3)))
    assert 2 * np.sqrt(products.mean()) == pytest.approx(spread, rel=0.1)


def test_the_files_own_spread_and_depth_are_taken_from_the_past() -> None:
    flat = [np.full(4, 1000)] * 4
    spread, depth = np.array([np.nan, 30.0, 50.0, 900.0]), np.array([100.0, 300.0, np.nan, 9.0])
    bars = Bars(T0 + np.arange(4) * MINUTE, *flat, np.full(4, 70), MINUTE, spread, depth)  # type: ignore[misc]
    assert spread_units(bars, 10).tolist()[2:] == [30.0, 40.0]
    assert depth_units(bars, 1).tolist()[1:] == [100.0, 200.0, 200.0]


def test_too_many_rows_are_refused() -> None:
    n = model.ROWS_MAX // 30
    ones = np.broadcast_to(np.int64(1000), n)
    with pytest.raises(DataError, match="make more than 60,000,000 rows; give fewer days"):
        bar_rows("long", Bars(ones, ones, ones, ones, ones, ones, MINUTE), 1, 1)


@pytest.mark.parametrize(
    ("name", "interval"), [("SPY_1min_2009_rth_clean.parquet", MINUTE), ("us_5min_2025.parquet", 5 * MINUTE)]
)
def test_recorded_bars_come_back_exactly(recorded_data: Path, name: str, interval: int) -> None:
    path = recorded_data / "bars" / name
    for tape in open_tapes([path]):
        found = again(Columns(tape.t_event, tape.code, tape.prices(), tape.qty.astype(np.int64)), interval)
        source = pl.read_parquet(path)
        if "symbol" in source.columns:
            source = source.filter(pl.col("symbol") == tape.listing.instrument.symbol)
        for column in ("open", "high", "low", "close"):
            assert found[column].to_list() == np.rint(source[column].to_numpy() * 1e4).astype(int).tolist()
        assert found["volume"].to_list() == source["volume"].to_list()
        assert tape.meta.modelled.startswith("from ")
        assert tape.listing.volume_base.startswith("modelled from ")


def test_the_modelled_spread_of_qqq_is_the_one_its_file_states(recorded_data: Path) -> None:
    path = recorded_data / "bars" / "qqq_1min_2023-09_on.parquet"
    (tape,) = open_tapes([path])
    stated = pl.read_parquet(path)["spr_mean"].mean()
    marks = np.flatnonzero(tape.code & END).astype(np.int64)[1000::97]
    touch, _, _ = replay(tape.code, tape.prices(), tape.qty.astype(np.int64), marks)
    spread = (touch[:, 2] - touch[:, 0]).mean() / 1e4
    assert spread == pytest.approx(stated, rel=0.35)  # whole ticks of 0.01 for a mean of 0.016
    (report,) = check_paths([path])
    assert report.quarantined == 84
    assert report.quarantined_lines[:3] == (13279, 14054, 14064)
