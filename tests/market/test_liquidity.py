"""Conditions of an order: walks equal brute force, percentiles equal counting, what is not known is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_rows import MS, START_NS, listing, make_tape, streams, two_sided
from scipy import stats

from nowake.core.conditions import Conditions, SizeClass
from nowake.core.errors import InputError
from nowake.core.expected import Mark
from nowake.core.order import Side
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.core.value import from_json, replace, to_json
from nowake.core.view import Integrity, View
from nowake.data.source import open_tapes
from nowake.market import liquidity as lq
from nowake.market.microstructure import meter as m
from nowake.market.microstructure.bins import Bins, Meter, bins_of
from nowake.market.norms import QUANTILES, WINDOWS_LEAST, LiquidityNorms, Norm, norms_of, windows
from nowake.market.own import OwnMarket

TEN = 10_000 * MS
HOUR = 3_600 * 1_000 * MS
DAY = 13 * HOUR // 2

level_sizes = st.lists(st.integers(1, 50), max_size=5)


def view_of(bids: list[int], asks: list[int], **changes: object) -> View:
    """Return a view of a book with one level a price unit from 9,999 down and 10,001 up."""
    shown = {
        "bids": [(9_999 - k, q) for k, q in enumerate(bids)],
        "asks": [(10_001 + k, q) for k, q in enumerate(asks)],
    }
    (bid, bid_qty), (ask, ask_qty) = ((levels or [(0, 0)])[0] for levels in shown.values())
    flags = Integrity.OK if bids and asks else Integrity.EMPTY
    made = View(
        listing="TEST@SIM", t_ns=START_NS, row=9, integrity=flags, bid_units=bid, ask_units=ask, bid_qty=bid_qty,
        ask_qty=ask_qty, bids=tuple(shown["bids"]), asks=tuple(shown["asks"]), last_row_ns=START_NS - 7,
    )  # fmt: skip
    return replace(made, **changes)


def conditions(view: View, side: Side = Side.BUY, qty: int = 10, **options: object) -> Conditions:
    return lq.conditions_from_view(view, listing(), side, qty, **options)  # type: ignore[arg-type]


# What is read off the book


@given(bids=level_sizes, asks=level_sizes, side=st.sampled_from(Side), qty=st.integers(1, 300))
def test_sweep_cost_is_the_brute_force_walk_share_by_share(
    bids: list[int], asks: list[int], side: Side, qty: int
) -> None:
    found = conditions(view_of(bids, asks), side, qty)
    if not bids or not asks:
        assert found.value("sweep_cost") is None
        assert found.measure("sweep_cost").why == "the book is empty"
        return
    sizes = asks if side is Side.BUY else bids
    shares = [10_001 + k if side is Side.BUY else 9_999 - k for k, size in enumerate(sizes) for _ in range(size)][:qty]
    paid = math.fsum(int(side) * (price / 10_000 - 1) * 1e4 for price in shares) / len(shares)
    cost = found.measure("sweep_cost")
    assert cost.value == pytest.approx(paid)
    assert cost.at_least is (len(shares) < qty)
    assert found.value("sweep_filled") == pytest.approx(len(shares) / qty)
    assert (f"{100 * len(shares) / qty:.3g} % of the order" in cost.why) is (len(shares) < qty)


@given(bids=level_sizes.filter(bool), asks=level_sizes.filter(bool), known=st.integers(0, 6))
def test_depth_by_bps_says_where_the_view_ends(bids: list[int], asks: list[int], known: int) -> None:
    found = conditions(view_of(bids, asks), levels_known=known)
    for name, sizes in (("bid", bids), ("ask", asks)):
        for bps in (5, 10, 25):
            one = found.measure(f"depth_{bps}bps_{name}")
            assert one.value == sum(size for k, size in enumerate(sizes) if k + 1 <= bps)
            # The last level seen is within the band, and the source or the view shows no more than these.
            assert one.at_least is (len(sizes) <= bps and len(sizes) >= min(known or 5, 5))


def test_the_touch_by_hand() -> None:
    found = conditions(view_of([30, 5], [10, 5]))
    assert found.value("mid") == 100.0  # 10,000 cents
    assert found.value("spread_now") == pytest.approx(2.0)
    assert found.value("imbalance") == pytest.approx(20 / 40)
    assert found.value("microprice") == pytest.approx(100.01 - 0.02 * 10 / 40)
    assert found.value("touch") == 10
    assert found.value("density") == pytest.approx(50 / 4)  # 9,998 to 10,002: 4 bps
    assert found.measure("mid").age_ns == 7


# What the past says


def steps_view(t_ns: int, seconds: int, **changes: object) -> View:
    """Return a view after so many seconds of a book of 9,999 / 10,001."""
    ns = seconds * 1_000 * MS
    sums = {"mid2_time": 20_000 * ns // 10**6, "spread_time": 2 * ns // 10**6, "mid_ns": ns, "since_ns": START_NS}
    return view_of([100] * 5, [100] * 5, t_ns=t_ns, last_row_ns=t_ns, **(sums | changes))


def test_rates_between_two_views_are_arithmetic() -> None:
    first = steps_view(START_NS + 60_000 * MS, 60, volume_all=500, realised_var=1e-6, realised_ns=6 * TEN)
    then = steps_view(
        START_NS + 180_000 * MS, 180, volume_all=900, volume_own=100, realised_var=3e-6, realised_ns=18 * TEN
    )
    found = conditions(
        then, Side.SELL, 60, earlier=Mark.of(first), participation=0.2, day_volume=12_000.0, day_ns=36 * 10**12
    )
    assert found.value("volume_rate") == pytest.approx(150)  # 300 of the others in 2 minutes
    assert found.value("time_to_trade") == pytest.approx(60 * (0.8 / 0.2) / 150 * 60)
    assert found.value("spread") == pytest.approx(2.0)
    assert found.value("volatility") == pytest.approx(1e4 * math.sqrt(2e-6 / 120 * 36_000))
    assert found.value("of_day") == pytest.approx(0.005)
    assert found.size_class is SizeClass.SMALL
    assert "2m" in found.measure("volume_rate").base
    alone = conditions(then)
    assert "since the market opened to us" in alone.measure("volume_rate").base
    assert alone.value("volume_rate") == pytest.approx(800 / 3)


def random_bins(count: int, seed: int = 7, bin_ns: int = TEN) -> Bins:
    """Return bins of 10 s that follow one another, with random contents."""
    rng = np.random.default_rng(seed)
    ints, reals = np.zeros((count, m.INTS), dtype=np.int64), np.zeros((count, m.REALS))
    ints[:, m.START] = START_NS + bin_ns * np.arange(count)
    ints[:, [m.OPEN_NS, m.BOOK_NS, m.REALISED_NS]] = bin_ns
    ints[:, [m.SAMPLES, m.DENSE]] = 10
    ints[:, m.DEPTH : m.DEPTH + 6] = rng.integers(100, 900, (count, 6))
    for column in (m.VOLUME, m.ON_BOOK, m.PRINTS):
        ints[:, column] = rng.integers(1, 90, count)
    ints[:, m.RECOVERED] = rng.integers(0, 4, count)
    ints[:, m.EXPOSED_NS] = rng.integers(0, TEN, count)
    reals[:, m.MID], reals[:, m.SPREAD] = 10_000, rng.uniform(1, 9, count)
    reals[:, m.REALISED_VAR] = rng.uniform(0, 1e-7, count)
    reals[:, m.DENSITY], reals[:, m.EFFECTIVE] = rng.uniform(100, 900, (2, count))
    return Bins("TEST@SIM", bin_ns, ints, reals)


def test_window_measures_equal_the_sums_written_out() -> None:
    bins = random_bins(50)
    end = START_NS + 50 * TEN
    found = lq.past_of_bins(bins, end, DAY, 5)
    ints, reals = bins.ints[-5:], bins.reals[-5:]
    expected = {
        "spread": 1e4 * reals[:, m.SPREAD].mean() / 10_000,
        "density": reals[:, m.DENSITY].sum() / 50,
        "depth_10bps": (ints[:, m.DEPTH + 1] + ints[:, m.DEPTH + 4]).sum() / 50,
        "volatility": 1e4 * math.sqrt(reals[:, m.REALISED_VAR].sum() * DAY / (5 * TEN)),
        "volume_rate": ints[:, m.VOLUME].sum() / 50 * 60,
        "effective_spread": reals[:, m.EFFECTIVE].sum() / ints[:, m.ON_BOOK].sum(),
        "resilience": math.log(2) * ints[:, m.EXPOSED_NS].sum() / 1e9 / ints[:, m.RECOVERED].sum(),
    }
    for name, value in expected.items():
        assert found.values[name][0] == pytest.approx(value), name


# Percentiles


@given(
    history=st.lists(st.integers(0, 6) | st.floats(0, 6), min_size=QUANTILES, max_size=120),
    value=st.integers(-1, 7) | st.floats(-1, 7),
)
def test_percentiles_are_near_the_count_of_what_is_below(history: list[float], value: float) -> None:
    table = np.quantile(np.array(history, dtype=float), np.linspace(0, 1, QUANTILES))
    norm = Norm(name="spread", quantiles=tuple(np.maximum.accumulate(table).tolist()), windows=len(history))
    found = norm.percentile(value)
    # Mean of "strict" and "weak" is what scipy calls "mean"; between them lies every convention of ties.
    strict, weak = (stats.percentileofscore(history, value, kind) / 100 for kind in ("strict", "weak"))
    step = 1 / (QUANTILES - 1) + 1 / len(history)
    assert strict - step <= found <= weak + step


def test_percentiles_by_hand() -> None:
    norm = Norm(name="spread", quantiles=(1.0, 2.0, 2.0, 2.0, 4.0), windows=40)
    found = [norm.percentile(value) for value in (0, 1, 1.5, 2, 3, 4, 5)]
    assert found == [0.0, 0.0, 0.125, 0.5, 0.875, 1.0, 1.0]
    assert Norm(name="spread", quantiles=(1.0,) * 41, windows=40).percentile(1.0) == 0.5


@given(values=st.lists(st.floats(-10, 10), min_size=2, max_size=9))
def test_percentiles_rise(values: list[float]) -> None:
    norm = Norm(name="spread", quantiles=tuple(sorted(values)), windows=40)
    found = [norm.percentile(value) for value in sorted({*values, *np.linspace(-11, 11, 23).tolist()})]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] == 1


def test_scores_are_percentiles_of_the_own_history() -> None:
    bins = random_bins(200, bin_ns=60_000 * MS)
    end = START_NS + 200 * 60_000 * MS
    norms = norms_of(bins, end, DAY, base="prints of a test")
    assert (norms.bins, norms.days, norms.from_ns, norms.to_ns) == (200, 2, START_NS, end)  # 22:13 to 01:33 UTC
    view = view_of([100] * 5, [100] * 5, t_ns=end, last_row_ns=end)
    book = lq.Book(end, Integrity.OK, view.bids, view.asks, (False, False), 0, "the whole book")
    found = lq.conditions_from_bins(book, bins, listing(), Side.BUY, 10, norms=norms)
    ints, reals, _ = windows(bins, 5)
    spreads = reals[:, m.SPREAD] / reals[:, m.MID]
    assert found.spread_score == found.measure("spread").percentile
    assert found.spread_score == pytest.approx(stats.percentileofscore(spreads, spreads[-1], "mean") / 100, abs=0.03)
    volumes = ints[:, m.VOLUME]
    assert found.volume_score == pytest.approx(stats.percentileofscore(volumes, volumes[-1], "mean") / 100, abs=0.03)
    assert found.norms == norms.hash
    assert from_json(to_json(norms), LiquidityNorms) == norms
    assert all(one is not None for one in (found.liquidity_score, found.volatility_score))
    assert found.measure("volume_rate").base == "the last 5m, prints of SIM"


def test_too_little_history_is_said_and_not_faked() -> None:
    bins = random_bins(WINDOWS_LEAST + 3, bin_ns=60_000 * MS)
    end = START_NS + HOUR
    norms = norms_of(bins, end, DAY)
    found = conditions(view_of([1], [1], t_ns=end), norms=norms)
    assert (found.spread_score, found.liquidity_score) == (None, None)
    assert found.measure("density").why == "its history has 19 windows of 5m, 20 are the least"
    assert conditions(view_of([1], [1])).measure("density").why == "no history of this listing was given"
    assert norms_of(bins.until(0), end, DAY).bins == 0


def test_windows_do_not_reach_over_a_gap() -> None:
    bins = random_bins(20)
    ints = bins.ints.copy()
    ints[10:, m.START] += 3 * TEN
    _, _, ends = windows(Bins(bins.listing, TEN, ints, bins.reals), 5)
    assert len(ends) == 2 * 6
    found = lq.past_of_bins(Bins(bins.listing, TEN, ints[:12], bins.reals[:12]), int(ints[11, 0]) + TEN, DAY, 5)
    assert set(found.why.values()) == {"the last 50s are not recorded in one stretch"}
    stale = lq.past_of_bins(bins, START_NS + 40 * TEN, DAY, 5)
    assert set(stale.why.values()) == {"nothing is recorded since 3m20s"}


def test_what_a_window_lacks_is_said() -> None:
    bins = random_bins(5)
    ints = bins.ints.copy()
    ints[:, m.REALISED_NS] = 0
    ints[0, m.REALISED_NS] = 4 * TEN
    ints[:, [m.PRINTS, m.ON_BOOK, m.VOLUME, m.RECOVERED]] = 0
    ints[:, m.BOOK_NS] = TEN // 3
    found = lq.past_of_bins(Bins(bins.listing, TEN, ints, bins.reals), START_NS + 5 * TEN, DAY, 5)
    assert found.values["volume_rate"] == (0.0, 0)
    del found.why["volume_rate"]
    assert {name: found.why[name] for name, (value, _) in found.values.items() if value is None} == {
        **dict.fromkeys(
            ["spread", "density", "depth_5bps", "depth_10bps", "depth_25bps", "imbalance"],
            "a sound book for less than 50 % of 50s",
        ),
        "volatility": "4 returns of 10 s in 50s, 5 are the least",
        "effective_spread": "nothing was printed in 50s",
        "resilience": "0 recoveries in 50s, 5 are the least",
    }


# No look-ahead, and the two forms agree


@given(rows=streams(max_rows=80, odd=False), keep=st.integers(2, 80))
def test_the_future_changes_no_norm(rows: list[tuple[int, int, int, int]], keep: int) -> None:
    tape = make_tape([*two_sided(), *rows])
    cut = tape.head(keep)
    t = int(cut.t_local()[-1]) // TEN * TEN
    found = []
    for one in (cut, tape):
        meter = Meter(one, None, TEN)
        meter.advance(int(one.t_local()[-1]))
        meter.settle(int(one.t_local()[-1]))
        found.append(norms_of(meter.bins, t, DAY, window_bins=1))
    assert found[0] == found[1]
    assert found[0].hash == found[1].hash


@pytest.fixture(scope="module")
def amazon(recorded_data: Path) -> Tape:
    (tape,) = open_tapes(sorted(recorded_data.glob("lobster/*AMZN*_5.zip")))
    return tape


def test_a_recorded_hour_both_forms(amazon: Tape) -> None:
    at = int(amazon.t_event[0]) // (60_000 * MS) * 60_000 * MS + HOUR
    meter = Meter(amazon)
    meter.advance(at - 300_000 * MS)
    earlier = Mark.of(meter.view(meter.now_ns))
    meter.advance(at)
    view = meter.view(at)
    assert replace(view, queues=()) == view_of_own(amazon, at)
    norms = norms_of(meter.bins, at, DAY)
    options = {"norms": norms, "day_volume": 2.2e6}
    by_view = lq.conditions_from_view(
        view,
        amazon.listing,
        Side.BUY,
        2_000,
        earlier=earlier,
        levels_known=5,
        **options,  # type: ignore[arg-type]
    )
    book = lq.Book(at, view.integrity, view.bids, view.asks, (True, True), by_view.measure("mid").age_ns, "it")
    by_bins = lq.conditions_from_bins(book, meter.bins, amazon.listing, Side.BUY, 2_000, **options)  # type: ignore[arg-type]
    for name in ("spread", "volatility", "volume_rate", "sweep_cost", "depth_25bps_ask", "of_day", "time_to_trade"):
        assert by_view.value(name) == pytest.approx(by_bins.value(name), rel=1e-6), name
    assert by_view.spread_score == pytest.approx(by_bins.spread_score, abs=1e-6)
    assert by_bins.measure("resilience").percentile is not None
    whole = bins_of(amazon)
    assert norms_of(whole, at, DAY) == norms


def view_of_own(tape: Tape, at: int) -> View:
    market = OwnMarket(tape)
    market.advance(at)
    return market.view(at)


# Bad input: refused in a sentence, or answered with what is missing


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (Integrity.EMPTY, "the book is empty"),
        (Integrity.CROSSED, "the book is crossed"),
        (Integrity.GAP | Integrity.HALTED, "the book is gap and halted"),
        (Integrity.CLOSED, "the book is closed"),
    ],
)
def test_nothing_is_read_off_an_unsound_book(flags: Integrity, why: str) -> None:
    found = conditions(view_of([5], [5], integrity=flags))
    names = ("mid", "spread_now", "imbalance", "touch", "depth_10bps_ask", "sweep_cost", "sweep_filled")
    assert {(found.value(name), found.measure(name).why) for name in names} == {(None, why)}
    assert found.value("density") is None
    assert found.size_class is SizeClass.UNKNOWN


def test_a_silent_book_is_shown_with_a_word() -> None:
    found = conditions(view_of([5], [5], integrity=Integrity.SILENT))
    assert found.value("spread_now") == pytest.approx(2.0)
    assert "silent" in found.measure("spread_now").why


def test_no_volume_gives_no_time() -> None:
    quiet = steps_view(START_NS + 120_000 * MS, 120)
    found = conditions(quiet).measure("time_to_trade")
    assert (found.value, found.why.startswith("nothing was printed")) == (None, True)
    assert conditions(view_of([5], [5])).measure("time_to_trade").why == "no sound book in no time"
    slow = steps_view(START_NS + 120_000 * MS, 120, volume_all=1)
    assert conditions(slow, qty=10**9).measure("time_to_trade").why == "over 1000 days"


def test_an_order_larger_than_the_day_is_a_block() -> None:
    found = conditions(view_of([5], [5]), qty=5_000, day_volume=1_000.0)
    assert (found.value("of_day"), found.size_class) == (5.0, SizeClass.BLOCK)


def test_depth_narrower_than_the_spread_says_so() -> None:
    wide = replace(view_of([5], [5]), bids=((9_900, 5),), asks=((10_100, 5),), bid_units=9_900, ask_units=10_100)
    found = conditions(wide)
    assert found.value("depth_10bps_ask") == 0
    assert found.measure("depth_10bps_ask").why == "half the spread is more than 10 bps"
    assert found.size_class is SizeClass.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qty": 0}, "quantity must be > 0 units, was 0"),
        ({"qty": -5}, "quantity must be > 0 units, was -5"),
        ({"side": 0}, "side must be buy or sell, was 0"),
        ({"participation": 0.0}, "participation must be above 0 and below 1, was 0.0"),
        ({"participation": 1.0}, "participation must be above 0 and below 1, was 1.0"),
        ({"participation": math.nan}, "participation must be above 0 and below 1, was nan"),
        ({"day_volume": math.nan}, "day_volume must be >= 0, or None where it is not known, was nan"),
        ({"day_volume": -1.0}, "day_volume must be >= 0, or None where it is not known, was -1.0"),
        ({"norms": norms_of(random_bins(3), START_NS + DAY, DAY)}, "norms must be of a time not after"),
        ({"earlier": Mark.of(view_of([1], [1], t_ns=START_NS + 1))}, "earlier must be not after"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as caught:
        conditions(view_of([5], [5]), **({"side": Side.BUY, "qty": 10} | changes))  # type: ignore[arg-type]
    assert str(caught.value).startswith(said)


def test_rows_are_what_the_meter_of_a_hand_made_market_says() -> None:
    rows = [*two_sided(), (5_000, row_code(Row.TRADE, Book.BID, END), 10_001, 30)]
    bins = bins_of(make_tape([*rows, (65_000, row_code(Row.TRADE, Book.BID, END), 10_001, 10)]))
    assert bins.ints[:, m.VOLUME].tolist() == [30]
