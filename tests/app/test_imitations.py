"""``nowake tape imitate``: from a recorded tape to a market that orders are worked on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nowake
from nowake.app.cli import app
from nowake.data.lake import read_lake, write_lake
from nowake.sim.queue_reactive import FIGURES
from nowake.sim.synthetic import synth_tape

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market")
    write_lake(synth_tape(seed=3, start_ns=1_767_625_200 * SECOND, duration_ns=2_400 * SECOND), folder)
    return folder


@pytest.fixture(scope="module")
def made(market: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object], str]:
    out = tmp_path_factory.mktemp("made")
    words = [
        "tape",
        "imitate",
        str(market),
        "--out",
        str(out / "lake"),
        "--seed",
        "5",
        "--over",
        "40m",
        "--seeds",
        "3",
        "--queues",
        "12",
    ]
    result = CliRunner().invoke(app, [*words, "--html", str(out / "page.html"), "--json"])
    assert result.exit_code == 0, result.output
    return out / "lake", json.loads(result.stdout), (out / "page.html").read_text(encoding="utf-8")


def test_the_document_says_what_was_made(made: tuple[Path, dict[str, object], str]) -> None:
    lake, found, page = made
    (tape,) = read_lake(lake)
    assert (found["listing"], found["like"], found["rows"]) == ("SYNTH@LIKE", "SYNTH@SIM", len(tape))
    assert found["content_hash"] == tape.meta.content_hash
    assert tape.meta.modelled == "a queue-reactive book fitted to SYNTH@SIM"
    assert list(found["ratios"]) == list(FIGURES)
    assert all(0.75 < one["mean"] < 1.25 for one in found["other_seeds"].values())
    card = found["card"]
    assert sum(card["events"]) > 10_000
    assert all(error > 0 for _, _, error in card["rates"])
    assert "SYNTH@LIKE like SYNTH@SIM" in page
    assert "moves of the mid an hour" in page


def test_an_order_is_worked_on_it(made: tuple[Path, dict[str, object], str]) -> None:
    lake = str(made[0])
    order = nowake.order("buy", 1_000, "SYNTH@LIKE", over="10m", start="2026-01-05T14:35:00Z")
    plan = nowake.plan_order(order, tapes=(lake,))
    assert "a queue-reactive book fitted to SYNTH@SIM (docs/models/queue-reactive.md)" in str(plan.assumed)
    result = nowake.work_order(order, tapes=(lake,))
    assert result.report.filled_units == 1_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--over", "100h"], "over must be at most 72h"),
        (["--queues", "41"], "queues must be 0 or 4 to 40"),
        (["--symbol", "AMZN"], "AMZN"),
        (["--over", "soon"], "over"),
    ],
)
def test_refusals_are_one_sentence(market: Path, tmp_path: Path, words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["tape", "imitate", str(market), "--out", str(tmp_path / "x"), *words])
    assert result.exit_code == 1
    assert said in result.output
    assert not (tmp_path / "x").exists()
