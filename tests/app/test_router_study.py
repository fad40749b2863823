"""A tiny router study on SYNTH, through the command, and its statistics computed again from the file alone."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from nowake.app.cli import app
from nowake.study.router.findings import calibration, mean_difference, objective_difference, panels, twins_of
from nowake.study.router.outcomes import read_outcomes

LINE = "study router --regimes balanced,thin --seeds 3 --over 1m --strategies twap,pov,auto --json --out"
NAMES = ("twap", "pov", "auto")
ORDERS = 2 * 3 * 2 * 5 * 3
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a study of two regimes keeps."""
    out = tmp_path_factory.mktemp("study") / "results"
    said = CliRunner().invoke(app, [*LINE.split(), str(out)])
    assert said.exit_code == 0, said.stderr
    assert json.loads(said.stdout)["orders"] == ORDERS
    return out / "orders.jsonl"


@pytest.fixture
def rows(kept: Path) -> Rows:
    """Return it line by line."""
    return [json.loads(line) for line in kept.read_text().splitlines()]


def charged(row: dict[str, Any]) -> float:
    return row["ledger_bps"] + row["almgren_bps"]


def by_hand(rows: Rows) -> tuple[dict[tuple[str, str], list[float]], dict[tuple[str, float, str], list[float]]]:
    """Return, at urgency 0.5, auto less twap by (market, window), and costs by (market, share, strategy)."""
    cost = {}
    for row in rows:
        task = row["task"]
        if task["cell"]["urgency"] == 0.5 and not row["refused"]:
            spot = task["spot"]
            cost[spot["market"], spot["source"], task["side"], task["cell"]["share"], task["strategy"]] = charged(row)
    assert len(cost) == ORDERS * 3 // 5
    differences, costs = defaultdict(list), defaultdict(list)
    for (market, source, side, share, strategy), value in cost.items():
        costs[market, share, strategy].append(value)
        if strategy == "auto":
            differences[market, source].append(value - cost[market, source, side, share, "twap"])
    return differences, costs


def test_mean_and_objective_are_those_computed_from_the_file(kept: Path, rows: Rows) -> None:
    outcomes = read_outcomes(kept)
    sets, incomplete = twins_of(outcomes, NAMES)
    assert incomplete == 0
    of = panels(sets, NAMES, "charged", 0.5)
    differences, costs = by_hand(rows)
    markets = ("SYNTH/balanced", "SYNTH/thin")
    windows = [[math.fsum(d) / len(d) for (name, _), d in differences.items() if name == market] for market in markets]

    # Welch's interval for the mean of two means: half that of the difference to the other's negative.
    found = mean_difference(of, "auto", "twap")
    assert found is not None
    assert found.mean == pytest.approx(np.mean([np.mean(one) for one in windows]), abs=1e-9)
    welch = stats.ttest_ind(windows[0], [-one for one in windows[1]], equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((welch.low / 2, welch.high / 2), rel=1e-6)

    cells = [(market, share) for market in markets for share in (0.01, 0.05, 0.1)]
    scores = {
        name: np.mean([np.mean(costs[*c, name]) + 0.005 * np.var(costs[*c, name], ddof=1) for c in cells])
        for name in ("pov", "twap")
    }
    score = objective_difference(of, "pov", "twap")
    assert score is not None
    assert score.mean == pytest.approx(scores["pov"] - scores["twap"], abs=1e-9)
    low, high = resampled_by_hand(rows)
    assert (score.low, score.high) == pytest.approx((low, high), abs=0.2 * (high - low))


def resampled_by_hand(rows: Rows) -> tuple[float, float]:
    """Return the bootstrap interval of J, pov less twap, by loops over windows with another generator."""
    held: dict[str, dict[str, dict[tuple[float, str], list[float]]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        task, spot = row["task"], row["task"]["spot"]
        if task["cell"]["urgency"] == 0.5:
            held[spot["market"]][spot["source"]].setdefault((task["cell"]["share"], task["strategy"]), []).append(
                charged(row)
            )
    draws, chance = [], random.Random(5)
    for _ in range(1_500):
        parts = []
        for windows in held.values():
            picked = chance.choices(list(windows.values()), k=len(windows))
            for share in (0.01, 0.05, 0.1):
                for name, sign in (("pov", 1), ("twap", -1)):
                    sample = [cost for one in picked for cost in one[share, name]]
                    parts.append(sign * (np.mean(sample) + 0.005 * np.var(sample, ddof=1)))
        draws.append(sum(parts) / 6)
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def test_calibration_counts_what_lies_inside(kept: Path, rows: Rows) -> None:
    outcomes = read_outcomes(kept)
    held = calibration(outcomes, "charged")
    assert held is not None
    inside = [row["p05_bps"] <= charged(row) <= row["p95_bps"] for row in rows]
    assert held.orders == len(rows)
    assert held.share.mean == pytest.approx(np.mean(inside))
    assert held.bias_bps.mean == pytest.approx(np.mean([charged(row) - row["mean_bps"] for row in rows]))
    assert held.share.low <= held.share.mean <= held.share.high


def test_twins_trade_the_same_market_and_buys_mirror_sells(rows: Rows) -> None:
    assert {(row["refused"], row["filled"] > 0) for row in rows} == {("", True)}
    sizes = defaultdict(set)
    for row in rows:
        sizes[row["task"]["spot"]["source"], row["task"]["cell"]["share"]].add(row["qty_units"])
    assert all(len(one) == 1 for one in sizes.values())


def test_a_study_goes_on_where_it_stopped(cli) -> None:
    line = "study router --out results --regimes thin --seeds 2 --over 1m --strategies twap"
    assert cli(line, "--json").document["orders"] == 20
    path = cli.folder / "results" / "orders.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:7]) + lines[7][:30])  # cut off in the middle of the eighth
    said = cli(line, "--json")
    assert said.document["orders"] == 20
    again = path.read_bytes().splitlines(keepends=True)
    assert again[:7] == lines[:7]
    assert sorted(again) == sorted(lines)
    before = path.read_bytes()
    assert cli(line).code == 0
    assert path.read_bytes() == before


def test_two_processes_find_what_one_finds(cli) -> None:
    line = "study router --regimes thin,calm --seeds 1 --over 1m --strategies twap"
    for out, more in (("one", ""), ("two", " --processes 2")):
        assert cli(f"{line} --out {out}{more}").code == 0
    one, two = ((cli.folder / out / "orders.jsonl").read_bytes() for out in ("one", "two"))
    assert sorted(one.splitlines()) == sorted(two.splitlines())


@pytest.mark.slow
def test_windows_of_a_recording(cli, amzn_lake: Path) -> None:
    said = cli(
        "study router --out results --symbol AMZN --over 10m --windows 2 --strategies twap --json --tape",
        str(amzn_lake),
    )
    counts = said.document["tables"][0]["rows"]
    assert counts == [["recorded", "AMZN@XNAS", "2", "20", "0", counts[0][-1]]]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--regimes stormy", "regime must be one of balanced, calm"),
        ("--symbol AMZN", "symbol must be left out where no tape is given"),
        ("--regimes thin --over soon", "over"),
        ("--regimes thin --strategies hope", "strategy must be one of"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(cli, line: str, why: str) -> None:
    said = cli(f"study router --out results {line}")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert why in said.err
