"""Past days of a lake in the plan of a later day: shape, level, no look-ahead, the cache, the resume."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import nowake
from nowake.core.sessions import to_ns
from nowake.core.value import replace
from nowake.data.catalogue import load_catalogue
from nowake.data.sessions import session

XNAS = session("XNAS")
AMZN = load_catalogue().find("AMZN")
HOUR = 3600 * 10**9
MSFT = nowake.Beliefs(price=410, adv="22m", daily_vol="1.6%", spread="0.7bps")
STATED = "--price 410 --adv 22m --vol 1.6% --spread 0.7bps"
SUNDAY = to_ns(datetime(2026, 11, 22, 18, tzinfo=UTC))


def last_half_hour(plan: nowake.ExecutionPlan) -> float:
    """Return the part of a plan that it trades after 15:30."""
    turn = XNAS.hours(XNAS.trading_day(plan.slices[0].release_ns))[1] - HOUR // 2
    late = 0.0
    for one in plan.slices:
        late += one.qty_units * max(0, one.end_ns - max(turn, one.release_ns)) / (one.end_ns - one.release_ns)
    return late / plan.qty_units


def test_past_days_of_the_same_lake_shape_the_plan(past_lake: Path, past_days: list[date], cli) -> None:
    start = f"{past_days[8]}T13:30-04:00"
    line = f"plan buy 2000 AMZN --tape {past_lake} --start {start} --over 2h29m --strategy vwap --slices 149 --json"
    document = cli(line).document
    late = sum(one["quantity"] for one in document["slices"] if one["release"] >= f"{past_days[8]}T19:30:00Z")
    # Ten times the rate in the last of five half hours: 10 / 14 of the volume, less the day's worth of the assumed U.
    assert 0.62 < late / 2000 < 10 / 14
    assert "volume curve" not in {one["name"] for one in document["assumed"]}
    assert any("volume curve of 8 past days" in reason and "MAPE" in reason for reason in document["reasons"])
    card = document["cards"][0]
    assert card["days"] == [str(day) for day in past_days[:8]]
    assert card["score"]["mape"] < card["score"]["mape_u"]
    first = cli(line.replace(start, f"{past_days[0]}T13:30-04:00")).document
    assert "volume curve" in {one["name"] for one in first["assumed"]}


def test_the_traded_day_and_later_ones_are_never_used(past_lake: Path, past_days: list[date]) -> None:
    order = nowake.order("buy", 2000, "AMZN", start=f"{past_days[3]}T13:30-04:00", over="2h", strategy="vwap")
    order = replace(order, parent_id="same")
    plan = nowake.plan_order(order, nowake.read_tape([past_lake], "AMZN"))
    early = [past_lake / f"venue=XNAS/symbol=AMZN/date={day}/tape.parquet" for day in past_days[:4]]
    assert nowake.plan_order(order, nowake.read_tape(early, "AMZN")) == plan


def test_history_of_another_lake_serves_with_and_without_a_tape(
    past_lake: Path, past_days: list[date], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, past_day
) -> None:
    monkeypatch.setenv("NOWAKE_CACHE_DIR", str(tmp_path / "cache"))
    order = nowake.order("buy", 2000, "AMZN", start=f"{past_days[8]}T13:30-04:00", end="15:59", strategy="vwap")
    quiet = past_day(past_days[8], 99, busy_close=False)
    alone, helped = nowake.plan_order(order, quiet), nowake.plan_order(order, quiet, history=past_lake)
    assert last_half_hour(alone) < 0.4 < last_half_hour(helped)
    assert any("8 past days" in reason for reason in helped.reasons)
    kept = list((tmp_path / "cache" / "volume").iterdir())
    assert len(kept) == 8
    typed = nowake.plan_order(order, beliefs=nowake.Beliefs(price=220), history=[past_lake])
    assert last_half_hour(typed) == pytest.approx(last_half_hour(helped), abs=0.06)  # intervals differ
    assert not {"volume", "volume curve"} & {one.name for one in typed.assumed}
    # A run with past days is resumed from its journal, even where they are gone.
    result = nowake.work_order(order, quiet, history=past_lake, journal=tmp_path / "run.db")
    assert result.report.plan == helped


def test_a_history_without_the_listing_is_refused(past_lake: Path) -> None:
    with pytest.raises(nowake.InputError, match="it holds AMZN@XNAS"):
        nowake.plan_order(nowake.order("buy", 1, "AAPL", over="1h"), beliefs=MSFT, history=past_lake)
