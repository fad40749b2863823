"""Every command on SYNTH, with short windows: documents, sums, exit codes, the latest run."""

from __future__ import annotations

import json
import math
import re
import shutil
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest

SHORT = "buy 2000 SYNTH --over 4m --seed 3"
WORK_KEYS = {
    *(
        "schema",
        "status",
        "order",
        "plan",
        "filled",
        "residual",
    ),
    *(
        "avg_price",
        "arrival_mid",
        "market_vwap",
        "slippage_bps",
        "shortfall",
        "fees",
    ),
    *(
        "participation",
        "children",
        "fills",
        "currency",
        "unit",
        "venue",
    ),
    *(
        "volume_base",
        "assumed",
        "warnings",
        "journal",
        "journal_hash",
        "seed",
    ),
    *("elapsed_s",),
}
CHILD_KEYS = {"id", "t_sent", "t_venue", "side", "type", "price", "quantity", "t_cancel", "fills"}


def check_sums(document: dict) -> None:
    """Check that what adds up does, exactly as printed."""
    parts = document["shortfall"]
    assert set(parts) == {"delay", "trading", "opportunity", "fees", "total", "total_bps"}
    assert all(isinstance(value, int | float) for value in parts.values())
    assert parts["delay"] + parts["trading"] + parts["opportunity"] + parts["fees"] == parts["total"]
    left = Fraction(str(document["order"]["quantity"])) - Fraction(str(document["filled"]))
    assert left == Fraction(str(document["residual"]["quantity"]))
    assert document["fees"] == parts["fees"]


def when(text: str) -> datetime:
    """Return an ISO time, cut to microseconds."""
    assert text.endswith("Z")
    return datetime.fromisoformat(text)


def test_work_prints_one_document_with_every_key(cli) -> None:
    said = cli(f"work {SHORT} --journal run.db --json")
    assert said.code == 0
    document = said.document
    assert set(document) >= WORK_KEYS
    assert document["schema"] == "nowake/work/1"
    assert document["status"] == "done"
    assert document["filled"] == 2000
    assert document["residual"] == {"quantity": 0, "reason": None}
    assert document["order"]["quantity"] == 2000
    assert document["order"]["unit"] == document["unit"] == "shares"
    assert document["order"]["notional"] == pytest.approx(2000 * document["arrival_mid"])
    assert document["order"]["start"].endswith("Z")
    assert document["journal"] == "run.db"
    assert document["seed"] == 3
    assert isinstance(document["children"], int)
    assert isinstance(document["fills"], int)
    assert isinstance(document["plan"]["slices"], int)
    assert set(document["slippage_bps"]) == {"arrival", "vwap", "twap"}
    assert document["assumed"]
    check_sums(document)


def test_full_lists_say_the_same_as_the_counts(cli) -> None:
    counts = cli(f"work {SHORT} --journal run.db --json").document
    full = cli("tca run.db --json --full").document
    assert full["schema"] == "nowake/tca/1"
    assert len(full["children"]) == counts["children"]
    assert len(full["fills"]) == counts["fills"]
    assert len(full["plan"]["slices"]) == counts["plan"]["slices"]
    for child in full["children"]:
        assert set(child) >= CHILD_KEYS
        assert when(child["t_sent"]) <= when(child["t_venue"])
        assert sum(fill["quantity"] for fill in child["fills"]) <= child["quantity"]
        for fill in child["fills"]:
            assert set(fill) >= {"t", "price", "quantity", "liquidity"}
    fills = [fill for child in full["children"] for fill in child["fills"]]
    assert sum(fill["quantity"] for fill in fills) == full["filled"]
    cash = sum(Fraction(str(fill["price"])) * fill["quantity"] for fill in fills)
    assert float(cash / full["filled"]) == pytest.approx(full["avg_price"], abs=1e-9)
    assert full["journal_hash"] == counts["journal_hash"]
    assert full["shortfall"] == counts["shortfall"]


def test_plan_shows_the_order_that_work_works(cli) -> None:
    planned, worked = cli(f"plan {SHORT} --json"), cli(f"work {SHORT} --json --full")
    assert planned.code == worked.code == 0
    plan, work = planned.document, worked.document
    assert plan["schema"] == "nowake/plan/1"
    assert plan["order"] == work["order"]
    assert plan["slices"] == work["plan"]["slices"]
    assert plan["cost"] == work["plan"]["cost"]
    assert sum(one["quantity"] for one in plan["slices"]) == 2000
    cost = plan["cost"]
    assert set(cost) >= {"mean_bps", "sd_bps", "p05_bps", "p95_bps", "parts"}
    assert cost["p05_bps"] < cost["mean_bps"] < cost["p95_bps"]
    assert math.fsum(cost["parts"].values()) == pytest.approx(cost["mean_bps"], abs=1e-9)
    assert plan["assumed"]
    assert isinstance(plan["warnings"], list)


def test_plan_writes_nothing(cli) -> None:
    assert cli(f"plan {SHORT}").code == 0
    assert list(cli.folder.iterdir()) == []


def test_plan_warns_of_participation_over_the_cap_and_says_what_fits(cli) -> None:
    said = cli("plan buy 40000 SYNTH --over 5m --json").document
    text = " ".join(one["text"] for one in said["warnings"])
    assert "15 %" in text
    assert "--over" in text


def test_ticket_and_summary_are_readable(cli) -> None:
    out = cli(f"work {SHORT}").out
    for words in ("ticket", "BUY 2,000 shares SYNTH@SIM", "UTC", "result", "2,000 shares filled (100 %)", "journal"):
        assert words in out
    assert "market VWAP" in out
    assert "total" in out
    assert max(map(len, out.splitlines())) <= 120


def test_same_seed_gives_the_same_journal_and_another_does_not(cli) -> None:
    first, again = (cli(f"work {SHORT} --json").document for _ in range(2))
    other = cli("work buy 2000 SYNTH --over 4m --seed 4 --json").document
    assert first["journal"] != again["journal"]
    assert first["journal_hash"] == again["journal_hash"] != other["journal_hash"]


def test_unnamed_runs_are_kept_and_the_latest_is_the_default(cli) -> None:
    cli(f"work {SHORT}")
    second = cli("work sell 1500 SYNTH --over 3m --json").document
    assert Path(second["journal"]).parent == cli.folder / "runs"
    for command in ("tca --json", "explain --json", "resume --json"):
        said = cli(command)
        assert said.code == 0
        assert said.document["journal_hash"] == second["journal_hash"]


def test_a_named_journal_is_the_latest_run_too(cli) -> None:
    cli(f"work {SHORT}")
    named = cli("work sell 1500 SYNTH --over 3m --journal mine.db --json").document
    assert cli("tca --json").document["journal_hash"] == named["journal_hash"]


def test_without_a_run_there_is_no_latest(cli) -> None:
    said = cli("tca")
    assert said.code == 1
    assert "there is no run" in said.err


def test_resume_of_a_finished_run_shows_it(cli) -> None:
    worked = cli(f"work {SHORT} --journal run.db --json").document
    said = cli("resume run.db --json")
    assert said.code == 0
    assert "ended already" in said.err
    assert said.document["journal_hash"] == worked["journal_hash"]


def cut(source: Path, target: Path, records: int) -> None:
    """Copy a journal without the batches from ``records`` on, as a crash leaves it."""
    import sqlite3

    shutil.copy(source, target)
    with sqlite3.connect(target) as db:
        db.execute("DELETE FROM batches WHERE seq >= ?", (records,))
    db.close()


@pytest.mark.parametrize("records", [0, 1, 40, 150])
def test_resume_ends_a_cut_run_as_it_would_have_ended(cli, records: int) -> None:
    worked = cli(f"work {SHORT} --journal whole.db --json").document
    cut(cli.folder / "whole.db", cli.folder / "cut.db", records)
    refused = cli(f"work {SHORT} --journal cut.db --json")
    assert refused.code == 1
    assert "unfinished" in refused.err
    assert "nowake resume cut.db" in refused.err
    said = cli("resume cut.db --json")
    assert said.code == 0
    assert said.document["journal_hash"] == worked["journal_hash"]
    assert said.document["filled"] == worked["filled"]


def test_explain_tells_of_every_child_and_of_what_was_withheld(cli) -> None:
    worked = cli("work buy 12000 SYNTH --over 4m --seed 3 --journal run.db --json").document
    document = cli("explain run.db --json").document
    assert document["schema"] == "nowake/explain/1"
    assert len(document["children"]) == worked["children"]
    for child in document["children"]:
        assert child["why"]
        assert child["became"]
        assert child["saw"]["bid"] < child["saw"]["ask"]
        assert len(child["gate"]) >= 8
        assert all(verdict["passed"] for verdict in child["gate"])
    assert worked["residual"]["quantity"] > 0
    held = [one for one in document["withheld"] if one["control"] == "participation"]
    assert held
    assert "cap 15 %" in held[0]["why"]
    text = cli("explain run.db").out
    assert "saw" in text
    assert "held" in text
    assert "not traded" in text


def test_a_residual_at_the_cap_is_an_end_as_instructed(cli) -> None:
    said = cli("work buy 12000 SYNTH --over 4m --seed 3 --json")
    document = said.document
    assert said.code == 0
    assert document["status"] == "done"
    assert document["residual"]["quantity"] > 0
    assert "participation" in document["residual"]["reason"]
    assert document["participation"] <= 0.15 + 1e-9
    check_sums(document)


def test_a_residual_despite_must_complete_is_exit_3(cli) -> None:
    said = cli("work buy 2000 SYNTH --over 4m --seed 3 --limit 90 --must-complete --json")
    assert said.document["residual"]["quantity"] == 2000
    assert "limit" in said.document["residual"]["reason"]
    assert said.code == 3


def test_a_limit_out_of_reach_without_must_complete_is_exit_0(cli) -> None:
    said = cli("work buy 2000 SYNTH --over 4m --seed 3 --limit 90 --json")
    assert said.code == 0
    document = said.document
    assert document["filled"] == 0
    assert document["avg_price"] is None
    check_sums(document)
    assert document["status_reason"] == f"nothing filled: {document['residual']['reason']}"


def test_an_order_that_filled_nothing_says_so_and_why(cli) -> None:
    out = cli("work buy 2000 SYNTH --over 4m --seed 3 --limit 90 --html page.html").out
    (status,) = [line for line in out.splitlines() if "status" in line]
    assert "done, nothing filled" in status
    assert "2,000 shares not traded: limit" in out
    page = (cli.folder / "page.html").read_text(encoding="utf-8")
    assert "Nothing filled: 2,000 shares not traded: limit" in page


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("--impact OFF", "--impact off"),
        ("--end-behaviour Cancel", "--end-behaviour cancel"),
        ("--strategy TWAP", "--strategy twap"),
        ("--allow Gaps", "--allow gaps"),
    ],
)
def test_letter_case_of_names_does_not_matter(cli, typed: str, meant: str) -> None:
    one, other = (cli(f"work {SHORT} {options} --json").document for options in (typed, meant))
    assert one["journal_hash"] == other["journal_hash"]


def test_no_latency_reaches_the_venue_at_once(cli) -> None:
    def delays_ns(latency: str) -> set[int]:
        document = cli(f"work {SHORT} --latency {latency} --json --full").document
        pairs = [(when(one["t_sent"]), when(one["t_venue"])) for one in document["children"]]
        return {round((venue - sent).total_seconds() * 1e6) * 1000 for sent, venue in pairs}

    assert delays_ns("0") == delays_ns("0ms") == {0}
    assert delays_ns("5ms") == {5_000_000}


def test_clock_times_and_zones_on_the_synthetic_market(cli) -> None:
    utc = cli("plan buy 2000 SYNTH --start 15:00 --end 15:05 --json").document["order"]
    zoned = cli("plan buy 2000 SYNTH --start 10:00 --over 5m --tz America/New_York --json").document["order"]
    assert (utc["start"], utc["end"]) == ("2026-01-05T15:00:00Z", "2026-01-05T15:05:00Z")
    assert (zoned["start"], zoned["end"]) == (utc["start"], utc["end"])
    assert zoned["start_local"] == "2026-01-05T10:00:00-05:00"
    assert zoned["zone"] == "America/New_York"


def test_a_value_is_turned_into_a_quantity(cli) -> None:
    said = cli("plan buy 200k-USD SYNTH --over 5m --json").document
    assert said["order"]["quantity"] == int(200_000 / said["arrival_mid"])


def test_fees_latency_and_impact_change_the_run(cli) -> None:
    plain = cli(f"work {SHORT} --json").document
    for option in ("--fees 5", "--latency 50ms", "--impact off", "--urgency 1", "--slices 2"):
        changed = cli(f"work {SHORT} {option} --json").document
        assert changed["journal_hash"] != plain["journal_hash"], option
    assert cli(f"work {SHORT} --fees 5 --json").document["fees"] > plain["fees"]


def test_full_prints_every_child(cli) -> None:
    counts = cli(f"work {SHORT} --json").document
    out = cli("tca --full").out
    assert sum("gtc" in line or "ioc" in line for line in out.splitlines()) == counts["children"]


def test_demo_works_an_order_compares_and_writes_its_page(cli) -> None:
    said = cli("demo --pairs 3")
    assert said.code == 0
    for words in ("ticket", "result", "over 3 pairs", "same market from the same seed", "try next"):
        assert words in " ".join(said.out.split())
    page = (cli.folder / "nowake-demo.html").read_text(encoding="utf-8")
    assert "SYNTH@SIM" in page
    shown = said.out[said.out.index("try next") :]
    tried = re.findall(r"^.*?nowake (.+?)  ", shown, flags=re.MULTILINE)
    assert len(tried) == 5
    for line in tried:
        assert cli(line).code == 0, line


def test_demo_json_states_the_comparison(cli) -> None:
    document = cli("demo --pairs 3 --out page.html --json").document
    found = document["comparison"]
    assert len(found["pairs"]) == 3
    savings = [one["naive_bps"] - one["ours_bps"] for one in found["pairs"]]
    assert found["saving_bps"]["mean"] == pytest.approx(sum(savings) / 3)
    assert (cli.folder / "page.html").is_file()


def test_page_of_a_run_is_written_where_asked(cli) -> None:
    assert cli(f"work {SHORT} --html page.html").code == 0
    assert cli("tca --html again.html --json").code == 0
    assert (cli.folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (cli.folder / "again.html").is_file()


def test_a_log_on_standard_error_is_events_only(cli) -> None:
    said = cli(f"work {SHORT} --log - --json")
    assert said.code == 0
    events = [json.loads(line)["event"] for line in said.err.splitlines()]
    assert (events[0], events[-1]) == ("run_started", "run_ended")
    assert events.count("filled") == said.document["fills"]
    assert "woken" not in events


def test_log_and_metrics_go_where_they_are_asked_for(cli) -> None:
    for _ in range(2):  # the log grows, the metrics are of one process
        document = cli(f"work {SHORT} --log run.log --metrics run.prom --log-level WARNING --json").document
        lines = [json.loads(line) for line in (cli.folder / "run.log").read_text().splitlines()]
        assert {line["level"] for line in lines} <= {"warning", "error"}
        text = (cli.folder / "run.prom").read_text()
        assert f"nowake_acked_total {document['children']}" in text
        assert 'nowake_run_ended_total{status="done"} 1' in text
    cli(f"work {SHORT} --journal cut.db --log run.log")
    cut(cli.folder / "cut.db", cli.folder / "rest.db", 150)
    said = cli("resume rest.db --log rest.log --metrics rest.prom --json")
    assert said.code == 0
    lines = [json.loads(line) for line in (cli.folder / "rest.log").read_text().splitlines()]
    assert lines[0]["resumed"] is True
    assert 0 < sum(line["event"] == "filled" for line in lines) < said.document["fills"]
    assert {path.name for path in cli.folder.iterdir()} >= {"run.log", "run.prom", "rest.log", "rest.prom"}
    assert not list(cli.folder.glob(".*making"))


def test_import_proposes_an_order_that_can_be_planned(cli) -> None:
    """The command printed is the command run; where nothing can be planned, none is printed."""
    from nowake.app.tapes import example_order
    from nowake.core.tape import KIND_MASK, Row, Tape
    from nowake.data.build import COLUMNS
    from nowake.data.lake import write_lake
    from nowake.sim.synthetic import synth_tape

    tape = synth_tape(seed=1, start_ns=1_767_623_400 * 10**9, duration_ns=240 * 10**9)
    write_lake(tape, cli.folder / "lake")
    words = example_order([tape], Path("lake"))
    assert words.startswith("nowake plan buy ")
    assert "SYNTH@SIM --tape lake" in words
    assert words.endswith("--over 2m")
    said = cli(words.removeprefix("nowake "))
    assert said.code == 0, said.err
    prints = (tape.code & KIND_MASK) == Row.TRADE
    bare = Tape(tape.meta, *(getattr(tape, name)[prints[: len(getattr(tape, name))]] for name in COLUMNS))
    assert example_order([bare], Path("lake")) == ""
