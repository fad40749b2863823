"""Designs of studies: grids counted by hand, samples drawn by content, what is wrong named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nowake.core.errors import InputError
from nowake.study.design import Design, parse_design, read_design

ORDER = {"symbol", "side", "quantity", "over", "strategy"}
WORLD = {"seed", "impact", "tapes"}


def parsed(**tables: Any) -> Design:
    return parse_design(tables, ORDER, WORLD)


def test_a_grid_is_every_combination_once() -> None:
    design = parsed(
        order={"side": ["buy", "sell"], "strategy": ["twap", "is", "twap"], "over": "5m"},
        world={"seed": {"from": 3, "count": 4}},
    )
    points = design.points()
    assert len(points) == len(set(points)) == 2 * 2 * 4
    assert {dict(p.world)["seed"] for p in points} == {3, 4, 5, 6}
    assert all(dict(p.order)["over"] == "5m" for p in points)


def test_markets_stand_beside_each_other_and_tapes_are_no_axis() -> None:
    design = parsed(
        market=[{"symbol": "SYNTH", "seed": [1, 2]}, {"symbol": "AMZN", "tape": ["a", "b"]}],
        order={"side": ["buy", "sell"]},
    )
    points = design.points()
    assert len(points) == 2 * 2 + 2
    of_tape = [p for p in points if dict(p.order)["symbol"] == "AMZN"]
    assert [dict(p.world) for p in of_tape] == [{"tapes": ("a", "b")}] * 2


def test_a_sample_is_drawn_by_content() -> None:
    """The same runs whatever the order of the file's lines, and a larger sample holds the smaller one."""
    tables = {"order": {"side": ["buy", "sell"]}, "world": {"seed": {"from": 1, "count": 50}}}
    turned = {"order": {"side": ["sell", "buy"]}, "world": {"seed": list(range(50, 0, -1))}}
    small, large = parsed(**tables, sample=10).points(), parsed(**tables, sample=30).points()
    assert len(set(small)) == 10
    assert set(small) == set(parsed(**turned, sample=10).points())
    assert set(small) < set(large)
    assert set(small) != set(parsed(**tables, sample=10, seed=1).points())


@pytest.mark.parametrize(
    ("tables", "named"),
    [
        ({"orders": {}}, "orders"),
        ({"order": {"sides": "buy"}}, "order.sides"),
        ({"order": {"side": []}}, "order.side"),
        ({"world": {"seed": {"from": 1}}}, "world.seed"),
        ({"world": {"tapes": 3}}, "world.tapes"),
        ({"market": []}, "market"),
        ({"market": [{"colour": 1}]}, r"market\[0\].colour"),
        ({"sample": -1}, "sample"),
        ({"sample": "many"}, "sample"),
        ({"compare": 3}, "compare"),
        ({"world": {"seed": {"from": 0, "count": 2_000_000}}}, "1,000,000"),
    ],
)
def test_what_is_wrong_is_named(tables: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        parsed(**tables).points()


def test_a_field_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="given once"):
        parsed(market=[{"side": "buy"}], order={"side": "sell"}).points()


def test_files(tmp_path: Path) -> None:
    toml, text = tmp_path / "d.toml", tmp_path / "d.json"
    toml.write_text('sample = 2\n[order]\nside = ["buy", "sell"]\n')
    text.write_text(json.dumps({"sample": 2, "order": {"side": ["buy", "sell"]}}))
    assert read_design(toml, ORDER, WORLD) == read_design(text, ORDER, WORLD)
    text.write_text("[order]")
    for path in (text, tmp_path / "none.toml"):
        with pytest.raises(InputError, match="design"):
            read_design(path, ORDER, WORLD)


def test_a_sample_keeps_twins_together() -> None:
    order = {"symbol": "SYNTH", "side": ["buy", "sell"], "quantity": ["1", "2", "3"], "strategy": ["twap", "is"]}
    found = parse_design({"order": order, "sample": 6}, ORDER, WORLD).points()
    cases = [tuple(one for one in point.order if one[0] != "strategy") for point in found]
    assert len(found) == 6
    assert all(cases.count(one) == 2 for one in cases)


@pytest.mark.parametrize("count", [0, -3, 10**11])
def test_a_count_is_bounded_before_it_is_counted(count: int) -> None:
    with pytest.raises(InputError, match=r"count 1 to 1,000,000"):
        parsed(order={"side": "buy"}, world={"seed": {"from": 1, "count": count}})
