"""``nowake.LiquidityAnalyzer``: it rests on nothing later than asked for, draws itself, and refuses in sentences."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nowake
from nowake.app.planning import plan_request
from nowake.app.wiring import RunOptions
from nowake.core.conditions import Conditions, SizeClass
from nowake.core.tape import Tape
from nowake.core.value import from_json, to_json


@pytest.fixture(scope="module")
def amazon(amzn_lake: Path) -> Tape:
    return nowake.read_tape(amzn_lake)


@pytest.fixture(scope="module")
def synth() -> nowake.LiquidityAnalyzer:
    return nowake.LiquidityAnalyzer(seed=3)


def test_it_is_the_real_class(synth: nowake.LiquidityAnalyzer) -> None:
    found = synth.analyze("buy", 2_000)
    assert isinstance(found.conditions, Conditions)
    assert found.size_class is SizeClass.MEDIUM
    assert found.conditions.norms == found.norms.hash == synth.norms().hash
    assert from_json(to_json(found.conditions), Conditions) == found.conditions
    text = str(found)
    assert text.startswith("BUY 2,000 shares SYNTH@SIM")
    for word in ("liquidity", "cost to sweep now", "depth within 10 bps, ask", "half-life"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 118
    page = found._repr_html_()
    assert "<table>" in page
    assert "time to trade" in page
    with pytest.raises(AttributeError):
        _ = found.nothing_of_the_kind


@pytest.mark.parametrize("at", ["10:30", "open+3h", "2012-06-21T15:00:00-04:00", datetime(2012, 6, 21, 17, tzinfo=UTC)])
def test_the_future_of_a_recorded_day_changes_nothing(amazon: Tape, at: str | datetime) -> None:
    whole = nowake.LiquidityAnalyzer(amazon).analyze("sell", 3_000, at=at)
    rows = int(np.searchsorted(amazon.t_event, whole.asof_ns, side="right"))
    cut = nowake.LiquidityAnalyzer(amazon.head(rows + 1))  # one row later, so that the instant is covered
    assert cut.analyze("sell", 3_000, at=at).conditions == whole.conditions
    assert cut.bins(until=at).equals(nowake.LiquidityAnalyzer(amazon).bins(until=at))


def test_later_days_of_the_history_are_not_there(past_lake: Path, past_days: list[date], past_day) -> None:
    middle = past_days[4]
    analyzer = nowake.LiquidityAnalyzer(past_day(middle, 99), history=past_lake)
    days = analyzer.bins()["t"].dt.date().unique().sort().to_list()
    assert days == past_days[:5]
    assert analyzer.norms(at="12:00").days == 5
    alone = nowake.LiquidityAnalyzer(past_day(middle, 99)).bins()
    assert analyzer.bins().tail(len(alone)).equals(alone)
    volume = nowake.LiquidityAnalyzer(past_day(middle, 99), history=past_lake).analyze("buy", 1_000, at="12:00")
    assert volume.measure("of_day").why == ""  # past days are measured, not assumed


def test_going_back_in_time_gives_what_going_there_gave(amazon: Tape) -> None:
    analyzer = nowake.LiquidityAnalyzer(amazon)
    first = analyzer.analyze("buy", 500, at="11:00").conditions
    analyzer.analyze("buy", 500)
    assert analyzer.analyze("buy", 500, at="11:00").conditions == first


def test_the_bins_of_a_day(amazon: Tape) -> None:
    frame = nowake.LiquidityAnalyzer(amazon).bins()
    assert len(frame) == 389
    assert frame["volume"].sum() == frame["buys"].sum() + frame["sells"].sum()
    assert (frame["ask"] > frame["bid"]).all()
    assert frame["bid"][-1] == 220.65  # the recorded touch, to the cent
    inside = frame.filter(pl.col("spread_bps").is_between(0.4, 30))
    assert len(inside) == len(frame)
    assert nowake.LiquidityAnalyzer(amazon, bin_width="15m").bins().height == 25


def test_sweep_equals_the_recorded_book(amazon: Tape) -> None:
    found = nowake.LiquidityAnalyzer(amazon).analyze("buy", 200, at="12:00")
    touch, mid = found.value("touch"), found.value("mid")
    assert touch is not None
    assert mid is not None
    assert found.measure("touch").base == "5 levels a side"
    half = found.value("spread_now") / 2  # type: ignore[operator]
    small = nowake.LiquidityAnalyzer(amazon).analyze("buy", 1, at="12:00")
    assert small.value("sweep_cost") == pytest.approx(half)
    assert found.value("sweep_cost") >= half - 1e-9  # type: ignore[operator]
    assert found.value("sweep_filled") == 1


def test_time_to_trade_scales_with_the_participation(synth: nowake.LiquidityAnalyzer) -> None:
    slow, fast = (synth.analyze("buy", 2_000, participation=p).value("time_to_trade") for p in ("10%", 0.5))
    assert slow == pytest.approx(fast * (0.9 / 0.1))  # type: ignore[operator]


def test_an_order_above_the_day(synth: nowake.LiquidityAnalyzer) -> None:
    found = synth.analyze("buy", "1b")
    assert found.size_class is SizeClass.BLOCK
    assert found.value("sweep_filled") < 0.01  # type: ignore[operator]
    assert found.measure("sweep_cost").at_least


def test_values_in_money_are_sizes(synth: nowake.LiquidityAnalyzer) -> None:
    found = synth.analyze("buy", "100k-USD")
    assert found.qty_units == pytest.approx(100_000 / found.value("mid"), abs=1)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda one: one.analyze("hold", 1), "side must be buy or sell"),
        (lambda one: one.analyze("buy", 0), "quantity must be > 0"),
        (lambda one: one.analyze("buy", -3), "quantity must be > 0"),
        (lambda one: one.analyze("buy", math.nan), "quantity must be finite"),
        (lambda one: one.analyze("buy", 0.5), "quantity must be a multiple of 1"),
        (lambda one: one.analyze("buy", 1, participation=0), "participation must be"),
        (lambda one: one.analyze("buy", 1, at="05:00"), "at must be inside the recording"),
        (lambda one: one.analyze("buy", 1, at="soon"), "at must be an ISO time"),
        (lambda one: one.analyze("buy", 1, at=datetime(2026, 1, 5)), "at must be a time with a zone"),  # noqa: DTZ001
        (lambda one: one.analyze("buy", 1, at=5), "at must be text or an aware datetime"),
        (lambda _: nowake.LiquidityAnalyzer("tape.zip"), "tape must be made by nowake.read_tape"),
        (lambda _: nowake.LiquidityAnalyzer(bin_width="3s"), "bin must be a multiple of 10 s"),
        (lambda _: nowake.LiquidityAnalyzer(bin_width=60), "bin_width must be a duration"),
        (lambda _: nowake.LiquidityAnalyzer(history=[5]), "history must be a path or a list of paths"),
    ],
)
def test_refusals_are_sentences(synth: nowake.LiquidityAnalyzer, call, said: str) -> None:
    with pytest.raises(nowake.InputError) as caught:
        call(synth)
    assert said in str(caught.value)


def test_a_plan_is_scored_against_the_history_before_it(amazon: Tape) -> None:
    order = nowake.order("buy", 2_000, "AMZN", start="11:00", over="30m")
    found = plan_request(order, RunOptions(), tape=amazon).decision
    assert found is not None
    assert found.conditions is not None
    scores = [getattr(found.conditions, f"{name}_score") for name in ("liquidity", "volatility", "spread", "volume")]
    assert None not in scores
    rows = int(np.searchsorted(amazon.t_event, found.conditions.asof_ns + 45 * 60 * 10**9, side="right"))
    cut = plan_request(order, RunOptions(), tape=amazon.head(rows)).decision
    assert cut is not None
    assert cut.conditions == found.conditions
    norms = nowake.LiquidityAnalyzer(amazon).norms(at="11:00")
    assert norms.percentile("spread", found.conditions.value("spread"))[0] == pytest.approx(
        found.conditions.spread_score, abs=0.05
    )
