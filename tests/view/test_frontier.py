"""The frontier as a table and as figures: every point is there, the one asked for is marked."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

import nowake
from nowake.plan.frontier import Frontier
from nowake.view.frontier import fan_figure, frontier_figure, frontier_table

BELIEFS = nowake.Beliefs(price=410, adv="1m", daily_vol="1.6%", spread="0.7bps")


def frontier(strategy: str, **terms: str) -> Frontier:
    order = nowake.order(
        "sell", "5m-USD", "MSFT@XNAS", start="2026-11-23T10:00-05:00", over="3h", strategy=strategy, **terms
    )
    return nowake.order_frontier(order, beliefs=BELIEFS)


def text_of(found: Frontier, width: int) -> str:
    console = Console(width=width, record=True, force_terminal=False, file=io.StringIO())
    console.print(frontier_table(found, "America/New_York"))
    return console.export_text()


@pytest.mark.parametrize("strategy", ["twap", "vwap", "is", "pov"])
def test_the_table_has_a_line_for_each_point(strategy: str) -> None:
    found = frontier(strategy)
    lines = text_of(found, 110).splitlines()
    assert max(map(len, lines)) <= 110
    for one in found.points:
        line = next(line for line in lines if f"{one.cost.sd_bps:.2f}" in line)
        assert f"{one.cost.mean_bps:+.2f}" in line
        assert line.strip().startswith("▸") == one.chosen
        assert ("rate" in "".join(lines)) == (one.rate is not None)
    assert sum("left out" in line for line in lines) == len(found.left_out)


def test_a_horizon_over_the_cap_says_so() -> None:
    assert "over your cap of 10.0 %" in text_of(frontier("twap", max_participation="0.1"), 110)


@pytest.mark.parametrize("strategy", ["is", "pov"])
def test_the_figures_hold_every_point_and_mark_the_one_asked(strategy: str) -> None:
    found = frontier(strategy)
    assert found.chosen is not None
    line, mark = json.loads(frontier_figure(found).to_json())["data"]
    assert line["x"] == [one.cost.sd_bps for one in found.points]
    assert line["y"] == [one.cost.mean_bps for one in found.points]
    assert (mark["x"], mark["y"]) == ([found.chosen.cost.sd_bps], [found.chosen.cost.mean_bps])
    band, mean, star = json.loads(fan_figure(found).to_json())["data"]
    count = len(found.points)
    assert band["y"][:count] == [one.cost.p95_bps for one in found.points]
    assert band["y"][count:] == [one.cost.p05_bps for one in reversed(found.points)]
    assert mean["x"] == [one.horizon_ns / 3600e9 for one in found.points]
    assert star["y"] == [found.chosen.cost.mean_bps]
