"""What ``plan`` shows of the router: conditions, ranking, curve, page, document; and the facade."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import nowake
from nowake.core.value import from_json, to_json
from nowake.view.curve import band

STATED = "--price 410 --adv 22m --vol 1.6% --spread 0.7bps --start 2026-11-23T10:00-05:00 --over 3h"
BELIEFS = nowake.Beliefs(price=410, adv="22m", daily_vol="1.6%", spread="0.7bps")


def order(**terms: object) -> nowake.OrderRequest:
    return nowake.order("sell", "200k", "MSFT@XNAS", start="2026-11-23T10:00-05:00", over="3h", **terms)


def test_auto_is_what_is_worked_where_nothing_is_named() -> None:
    assert order().strategy == "auto"
    assert nowake.plan_order(order(), beliefs=BELIEFS).strategy == "is"
    assert nowake.plan_order(order(strategy="twap"), beliefs=BELIEFS).strategy == "twap"


def test_plan_prints_the_ranking_and_the_curve(cli: Any) -> None:
    said = cli(f"plan sell 200k MSFT@XNAS {STATED}")
    assert said.code == 0
    assert " 1 *  is over" in said.out
    assert "least score of" in said.out
    assert "100 %" in said.out
    assert "▇█" in said.out


def test_the_decision_is_in_the_document(cli: Any) -> None:
    made = cli(f"plan sell 200k MSFT@XNAS {STATED} --json").document
    decision = made["decision"]
    assert decision["strategy"] == made["strategy"] == decision["chosen"]["strategy"]
    assert decision["chosen"] == decision["ranking"][0]
    assert decision["chosen"]["cost"] == made["cost"]
    scores = [one["score_bps"] for one in decision["ranking"]]
    assert scores == sorted(scores)
    assert len(scores) + len(decision["excluded"]) >= 15
    assert decision["override"] is decision["fallback"] is decision["conditions"] is None
    assert made["order"]["strategy"] == "auto"
    assert made["order"]["end_behaviour"] == "finish"
    named = cli(f"plan sell 200k MSFT@XNAS {STATED} --strategy vwap --json").document
    assert named["decision"]["override"] == named["strategy"] == "vwap"
    assert named["decision"]["ranking"] == decision["ranking"]
    assert named["decision"]["costs_more_bps"] > 1


def test_a_market_that_is_seen_shows_its_conditions(cli: Any) -> None:
    made = cli("plan buy 2000 SYNTH --over 30m --json").document
    conditions = made["decision"]["conditions"]
    assert conditions["measures"]["spread"]["value"] > 0
    assert conditions["asof"] == made["asof"]
    assert (conditions["side"], conditions["quantity"], conditions["unit"]) == ("buy", 2_000, "shares")
    assert set(conditions) == set(
        cli("watch SYNTH --over 10m --quantity 2000 --json").document["conditions"]
    )  # one form everywhere
    assert "volatility" in cli("plan buy 2000 SYNTH --over 30m").out


def test_every_order_of_a_list_has_its_decision(cli: Any) -> None:
    (cli.folder / "list.csv").write_text(
        "side,quantity,symbol,strategy\nbuy,50k,MSFT@XNAS,\nsell,20k,MSFT@XNAS,twap\n", encoding="utf-8"
    )
    made = cli(f"plan --orders list.csv {STATED} --json").document
    assert [one["decision"]["override"] for one in made["orders"]] == [None, "twap"]
    assert [one["order"]["strategy"] for one in made["orders"]] == ["auto", "twap"]


def test_the_page_is_whole_and_holds_the_ranking(cli: Any) -> None:
    said = cli(f"plan sell 200k MSFT@XNAS {STATED} --html plan.html")
    assert said.code == 0
    assert "page plan.html" in said.out
    text = (cli.folder / "plan.html").read_text(encoding="utf-8")
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert set(figures) == {"curve", "frontier", "fan"}
    assert all(f'id="{name}"' in text for name in figures)
    shown = unescape(re.sub(r"<[^>]+>", " ", text.partition("<main>")[2].partition("<script")[0]))
    assert "1 *" in shown
    assert "least score of" in shown
    assert "{{" not in text
    assert "http" not in shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--html .", "html must be a file in a folder that exists"),
        ("--html nowhere/plan.html", "html must be a file in a folder that exists"),
        ("--strategy best", "strategy must be one of"),
        ("--participation 10% --slices 5", "no strategy honours all that is asked"),
        ("--never-take --must-complete", "never_take contradicts must_complete"),
    ],
)
def test_what_cannot_be_routed_is_refused_in_one_sentence(cli: Any, line: str, said: str) -> None:
    found = cli(f"plan sell 200k MSFT@XNAS {STATED} {line}")
    assert found.code == 1
    assert said in found.err.replace("-", "_").replace("never_take", "never_take")
    assert found.err.strip().count("\n") == 0


def test_a_page_of_a_list_is_refused(cli: Any) -> None:
    (cli.folder / "list.csv").write_text("side,quantity,symbol\nbuy,50k,MSFT@XNAS\n", encoding="utf-8")
    found = cli(f"plan --orders list.csv {STATED} --html plan.html")
    assert found.code == 1
    assert "a page shows one plan" in found.err


def test_volume_that_nobody_knows_falls_back_and_says_so() -> None:
    made = nowake.route_order(order(), beliefs=nowake.Beliefs(price=410))
    assert (made.strategy, made.ranking) == ("twap", ())
    assert "no volume is known" in made.reasons[0]
    assert nowake.plan_order(order(), beliefs=nowake.Beliefs(price=410)).strategy == "twap"


def test_route_order_gives_the_decision_that_plan_order_follows() -> None:
    made, plan = nowake.route_order(order(), beliefs=BELIEFS), nowake.plan_order(order(), beliefs=BELIEFS)
    assert isinstance(made, nowake.StrategyDecision)
    assert made.chosen is not None
    assert (made.chosen.cost, made.chosen.slices) == (plan.cost, len(plan.slices))
    assert from_json(to_json(made), nowake.StrategyDecision) == made


def test_the_band_holds_the_target_and_closes_between_slices() -> None:
    plan = nowake.plan_order(order(), beliefs=BELIEFS)
    done = 0
    for one in plan.slices:
        assert band(plan, one.release_ns) == pytest.approx((done / plan.qty_units,) * 3)
        low, target, high = band(plan, (one.release_ns + one.end_ns) // 2)
        assert low == pytest.approx(done / plan.qty_units)
        done += one.qty_units
        assert high == pytest.approx(done / plan.qty_units)
        assert target == pytest.approx((low + high) / 2, rel=1e-6)
    assert band(plan, plan.slices[-1].end_ns) == (1, 1, 1)


def test_what_is_worked_is_what_was_planned() -> None:
    asked = nowake.order("buy", 3_000, "SYNTH", over="20m")
    plan, result = nowake.plan_order(asked, seed=3), nowake.work_order(asked, seed=3)
    assert result.report.filled_units == 3_000
    assert result.report.plan is not None
    assert (result.report.plan.strategy, result.report.plan.cost) == (plan.strategy, plan.cost)


def test_what_is_planned_is_what_working_begins_with() -> None:
    """The plan's decision and the one in the journal are the same value, conditions and percentiles included."""
    from nowake.app import planning, wiring
    from nowake.app.wiring import RunOptions

    asked = nowake.order("buy", "2000", "SYNTH", over="30m", start="2026-01-05T10:30-05:00")
    planned = planning.plan_request(asked, RunOptions(seed=4)).decision
    begun = wiring.route(wiring.prepare(asked, RunOptions(seed=4))).chosen
    assert planned is not None
    assert begun is not None
    assert begun.decision == planned
    found = planned.conditions
    assert found is not None
    assert found.spread_score is not None
    assert found.measure("spread").base.startswith("the last 5m")


def test_a_book_of_which_one_level_is_kept_ends_there(recorded_data: Path) -> None:
    from nowake.app.liquidity import background_at

    tape = nowake.read_tape(recorded_data / "lobster" / "LOBSTER_SampleFile_AAPL_2012-06-21_1.zip")
    assert background_at(tape, int(tape.t_event[20_000])).levels_known == 1
