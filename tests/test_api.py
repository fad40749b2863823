"""The public names are importable, are the real things, and cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import nowake


def test_every_public_name_is_importable_and_listed_once():
    assert len(nowake.__all__) == len(set(nowake.__all__))
    assert sorted(nowake.__all__) == sorted(name for names in nowake._HOMES.values() for name in names)
    for name in nowake.__all__:
        assert getattr(nowake, name) is not None
    assert set(nowake.__all__) <= set(dir(nowake))


def test_every_public_name_is_documented():
    for name in nowake.__all__:
        assert (getattr(nowake, name).__doc__ or "").strip(), name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'twap_everything'"):
        _ = nowake.twap_everything


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("numpy", "numba", "polars", "pyarrow", "plotly", "scipy", "typer", "rich", "msgspec")
    code = f"import sys, nowake; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_main_job_in_python(tmp_path):
    order = nowake.order("buy", 3_000, "SYNTH", over="10m")
    plan = nowake.plan_order(order, seed=3)
    assert isinstance(plan, nowake.ExecutionPlan)
    assert sum(one.qty_units for one in plan.slices) == 3_000
    path = tmp_path / "run.db"
    result = nowake.work_order(order, seed=3, journal=path)
    assert result.report.filled_units == 3_000
    assert nowake.measure(path).report == result.report
    again = nowake.work_order(order, seed=3)
    assert again.journal_hash == result.journal_hash
    with pytest.raises(nowake.JournalError, match="resume"):
        nowake.work_order(order, seed=3, journal=path)


def test_a_real_ticker_needs_a_tape():
    with pytest.raises(nowake.Refused, match="--tape"):
        nowake.plan_order(nowake.order("buy", 100, "AMZN", over="1h"))


ODD = (None, True, 5, -1, 0.5, "yes", [], [5], {}, b"x", object(), float("nan"), 10**5000, Path("x"), 1j)
FITS = {
    "side": (5,),
    "quantity": (5, 0.5),
    "must_complete": (True,),
    "max_participation": (0.5,),
    "urgency": (0.5,),
    "limit": (5, 0.5),
    "slices": (5,),
    "parent_id": ("yes",),
    "never_take": (True,),
    **dict.fromkeys(("participation", "min_participation", "i_would_part", "display_randomise"), (0.5,)),
    **dict.fromkeys(("randomise_time", "randomise_size"), (0.5,)),
    **dict.fromkeys(("i_would", "display", "min_fill", "discretion"), (5, 0.5)),
    "limit_offset": (5, -1, 0.5),
    "symbol": ("yes",),
    "fees": (5, -1, 0.5),
    "seed": (5,),
    "tapes": ([],),
    "history": ([],),
    "beliefs": (None,),
    "allow": ([],),
}
"""Odd values that are no mistake for a field."""
LATER = {"symbol": ("yes",), "start": ("yes",), "strategy": ("yes",)}
"""Text that is found to be none of the known ones when the order meets its market."""


def fits(name: str, value: object) -> bool:
    return any(type(value) is type(one) and value == one for one in FITS.get(name, ()))


@pytest.mark.parametrize("name", nowake.OrderRequest.__struct_fields__)
def test_a_field_of_an_order_of_another_type_is_one_sentence(name):
    right = {"side": "buy", "quantity": 100, "symbol": "SYNTH", "over": "5m"}
    if name == "end":
        del right["over"]
    for value in ODD:
        if fits(name, value):
            nowake.order(**{**right, name: value})
        elif value == "yes" and name in LATER:
            with pytest.raises(nowake.InputError, match=value):
                nowake.plan_order(nowake.order(**{**right, name: value}))
        elif value == "yes" and name == "end":
            with pytest.raises(nowake.InputError, match="end must be"):
                nowake.plan_order(nowake.order(**{**right, name: value}))
        else:
            with pytest.raises(nowake.InputError, match=rf"^{name} must be [^\n]*$") as caught:
                nowake.order(**{**right, name: value})
            assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", nowake.RunOptions.__struct_fields__)
def test_an_option_of_another_type_is_one_sentence(name):
    order = nowake.order("buy", 100, "SYNTH", over="5m")
    files = {one: f"({one}|yes|x)" for one in ("history", "rules", "venues")}
    field = {"tapes": "(tapes|tape|yes)", **files}.get(name, name)
    for value in ODD:
        if fits(name, value):
            nowake.plan_order(order, **{name: value})
            continue
        with pytest.raises(nowake.InputError, match=rf"^{field}(:| must be) [^\n]*$"):
            nowake.plan_order(order, **{name: value})


def test_numbers_of_numpy_are_numbers():
    import numpy as np

    given = {"quantity": np.int64(100), "max_participation": np.float64(0.1), "slices": np.int32(3)}
    order = nowake.order("buy", symbol="SYNTH", over="5m", urgency=np.float32(0.5), **given)
    assert order == nowake.order("buy", 100, "SYNTH", over="5m", max_participation=0.1, slices=3)
    assert type(order.slices) is int
    assert type(order.urgency) is float
    assert nowake.RunOptions(seed=np.uint8(3), tapes=["a"]) == nowake.RunOptions(seed=3, tapes=("a",))


def test_sides_and_times_may_be_values():
    import datetime as dt

    start = dt.datetime(2026, 1, 5, 15, tzinfo=dt.UTC)
    order = nowake.order(nowake.Side.SELL, 100, "SYNTH", start=start, over="5m")
    assert order == nowake.order("sell", 100, "SYNTH", start="2026-01-05T15:00:00+00:00", over="5m")
    with pytest.raises(nowake.InputError, match="start must be a time with a zone"):
        nowake.order("sell", 100, "SYNTH", start=start.replace(tzinfo=None), over="5m")


@pytest.mark.parametrize("odd", [5, [5], [], "", b"x", {}, True, 1j])
def test_paths_of_another_type_are_one_sentence(odd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    order = nowake.order("buy", 100, "SYNTH", over="5m")
    calls = [
        ("paths", lambda: nowake.read_tape(odd)),
        ("journal", lambda: nowake.measure(odd)),
        ("journal", lambda: nowake.resume_order(odd)),
        ("journal", lambda: nowake.work_order(order, journal=odd)),
        ("tape", lambda: nowake.plan_order(order, odd)),
        ("order", lambda: nowake.plan_order(odd)),
        ("symbol", lambda: nowake.read_tape("x", odd)),
    ]
    if odd not in ([], ""):
        calls += [("allow", lambda: nowake.read_tape("x", allow=odd))]
        calls += [("tapes", lambda: nowake.resume_order("x.db", tapes=odd))]
    for name, call in calls:
        if name == "symbol" and odd == "":
            continue
        with pytest.raises(nowake.InputError, match=rf"^{name} must be [^\n]*$"):
            call()


def test_values_made_by_hand_check_their_types():
    good = nowake.FeeSchedule(maker_bps=0, taker_bps=0.3)
    assert good == nowake.FeeSchedule(taker_bps=Decimal("0.3"))
    for make in (
        lambda: nowake.FeeSchedule(taker_bps="many"),
        lambda: nowake.FeeSchedule(source=5),
        lambda: nowake.Parameters(slices="3"),
        lambda: nowake.Parameters(must_complete=1),
        lambda: nowake.Parameters(participation_max="0.15"),
        lambda: nowake.Parameters(end_behaviour="stop"),
        lambda: nowake.Parameters(participation_by_price=5),
        lambda: nowake.ParentOrder(
            parent_id=5, listing="A@B", side=nowake.Side.BUY, qty_units=1, decided_ns=0, start_ns=0, end_ns=1
        ),
        lambda: nowake.Instrument(
            symbol="A", base="shares", quote="USD", kind="stock", price_unit=Decimal(1), qty_unit=Decimal(1)
        ),
    ):
        with pytest.raises(nowake.InputError, match=r"must be"):
            make()


@pytest.mark.parametrize(("executor", "strategy"), [(nowake.TWAPExecutor, "twap"), (nowake.VWAPExecutor, "vwap")])
def test_an_executor_does_what_the_facade_does_with_its_strategy(executor, strategy, tmp_path):
    made = executor(seed=3)
    order = made.order("sell", 3_000, "SYNTH", over="20m", urgency=0.2)
    assert order == nowake.order("sell", 3_000, "SYNTH", over="20m", urgency=0.2, strategy=strategy)
    assert made.plan(order) == nowake.plan_order(order, seed=3)
    result = made.execute(order, tmp_path / "run.db")
    assert result.journal_hash == nowake.work_order(order, seed=3).journal_hash
    assert result.report.filled_units == 3_000
    with pytest.raises(nowake.InputError, match=f"strategy must be {strategy}"):
        made.plan(nowake.order("sell", 3_000, "SYNTH", over="20m", strategy="pov"))


def test_the_best_number_of_slices_does_not_fall_with_size_or_duration():
    twap = nowake.TWAPExecutor(seed=1)
    by_size = [twap.slice_count(twap.order("buy", qty, "SYNTH", over="30m")) for qty in (1, 100, 2_000, 20_000)]
    by_time = [twap.slice_count(twap.order("buy", 5_000, "SYNTH", over=over)) for over in ("1m", "10m", "1h", "3h")]
    assert by_size[0] == 1
    for counts in (by_size, by_time):
        assert counts == sorted(counts)
    shares = nowake.VWAPExecutor(seed=1)
    profile = shares.volume_profile(shares.order("buy", 5_000, "SYNTH", over="30m"))
    assert sum(share for _, share in profile) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("odd", [None, "5", [], True, object()])
def test_plans_and_beliefs_made_by_hand_check_their_types_too(odd):
    for make in (
        lambda: nowake.ExecutionSlice(index=odd, release_ns=0, end_ns=1, qty_units=1),
        lambda: nowake.CostEstimate(
            mean_bps=0.0, sd_bps=odd, p05_bps=0, p50_bps=0, p95_bps=0, spread_bps=0, temporary_bps=0,
            permanent_bps=0, fees_bps=0, timing_risk_bps=0, parameter_sd_bps=0,
        ),
        lambda: nowake.Beliefs(daily_vol=odd),
        lambda: nowake.ParentOrder(
            parent_id="p", listing="A@B", side=odd, qty_units=1, decided_ns=0, start_ns=0, end_ns=1
        ),
    ):  # fmt: skip
        with pytest.raises(nowake.InputError, match=r"^(index|sd_bps|daily_vol|side) must be [^\n]*$"):
            make()
