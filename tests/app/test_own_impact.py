"""``--impact full`` from what is typed to what is kept: parsed, assumed, worked, decided again."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nowake
from nowake.app.cli import app
from nowake.app.own_impact import assumed_impact, parse_own_impact
from nowake.core.errors import InputError
from nowake.core.sessions import ALWAYS_OPEN
from nowake.sim.impact import OwnImpact
from nowake.sim.synthetic.generate import synth_tape

START_NS = 1_767_623_400 * 10**9
FULL = ["work", "buy", "2000", "SYNTH", "--over", "5m", "--strategy", "twap", "--impact", "full"]


def test_what_is_typed() -> None:
    typed = "permanent=2e-6, transient=5e-6, kernel=exponential, decay=10m, half-life=30s"
    assert parse_own_impact(typed) == OwnImpact(
        permanent=2e-6, transient=5e-6, kernel="exponential", decay_s=600.0, half_life_s=30.0
    )
    assert parse_own_impact("permanent=1,half-life=never").half_life_s is None
    for wrong in ("loud", "permanent=", "permanent=x", "volume=3", "permanent=1,permanent=2", "kernel=round"):
        with pytest.raises(InputError):
            parse_own_impact(wrong)


def test_what_is_assumed_is_the_square_root_law_at_one_percent_of_a_day() -> None:
    """From the tape's own numbers by hand: prints and mids of the rows, not the market that the code measures with."""
    tape = synth_tape(seed=4, start_ns=START_NS, duration_ns=3600 * 10**9)
    own = assumed_impact(tape, ALWAYS_OPEN)
    printed = int(tape.qty[(tape.code & 15) == 5].sum())
    hours = (int(tape.t_event[-1]) - int(tape.t_event[0])) / 3600e9
    per_unit = own.permanent + own.transient
    assert own.permanent == own.transient
    # The day of an always open market has 24 hours; volatility, not recomputed here, is the parameters' within a third.
    moved = per_unit * 0.01 * printed / hours * 24
    from nowake.sim.synthetic import find_regime

    expected = 0.5 * find_regime("balanced").daily_vol * math.sqrt(0.01) * float(tape.prices().mean()) / 100
    assert moved == pytest.approx(expected, rel=0.35)
    assert own.assumed


def test_the_price_runs_away_from_a_buyer_and_the_run_is_decided_again(tmp_path: Path) -> None:
    costs = {}
    for name, more in (("none", "permanent=0"), ("some", "permanent=2e-4"), ("much", "permanent=1e-3")):
        path = tmp_path / f"{name}.db"
        said = CliRunner().invoke(app, [*FULL, "--own-impact", more, "--journal", str(path), "--json"])
        assert said.exit_code == 0, said.stderr
        costs[name] = json.loads(said.stdout)["shortfall"]["total_bps"]
        again = CliRunner().invoke(app, ["replay", str(path)])
        assert again.exit_code == 0, again.stderr
        assert "equal" in again.stdout
    assert costs["none"] < costs["some"] < costs["much"]
    # 2,000 shares at 1e-3 USD a share move the price by 2 USD in the end, and cost half of it on the way.
    assert costs["much"] - costs["none"] == pytest.approx(0.5 * 2.0 / 100 * 1e4, rel=0.25)


def test_every_result_says_what_was_assumed() -> None:
    order = nowake.order("sell", 2_000, "SYNTH", over="5m")
    result = nowake.work_order(order, impact="full")
    assert "own impact" in {one.name for one in result.report.assumed}
    assert "own impact" not in {one.name for one in nowake.work_order(order).report.assumed}
