"""The public names are importable, are the real things, and cost nothing until they are used."""

from __future__ import annotations

import subprocess
import sys

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
