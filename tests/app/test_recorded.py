"""The commands of the issue, as written, on recorded markets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nowake.app.cli import app


def test_plan_on_a_lake(cli, amzn_lake: Path) -> None:
    line = "plan buy 20000 AMZN --start 2012-06-21T10:00-04:00 --over 2h --strategy twap --json --tape"
    document = cli(line, str(amzn_lake)).document
    assert document["order"]["start"] == "2012-06-21T14:00:00Z"
    assert document["order"]["start_local"] == "2012-06-21T10:00:00-04:00"
    assert document["venue"] == "XNAS"
    assert document["volume_base"] == "Nasdaq prints only"
    assert sum(one["quantity"] for one in document["slices"]) == 20_000
    assert any("15 %" in one["text"] and "--over" in one["text"] for one in document["warnings"])


def test_work_tca_explain_on_a_lake(cli, amzn_lake: Path) -> None:
    line = "work buy 10000 AMZN --start 10:00 --over 2h --strategy twap --journal run.db --json --tape"
    said = cli(line, str(amzn_lake))
    assert said.code == 0
    document = said.document
    assert document["filled"] + document["residual"]["quantity"] == 10_000
    assert document["order"]["start"] == "2012-06-21T14:00:00Z"
    parts = document["shortfall"]
    assert parts["delay"] + parts["trading"] + parts["opportunity"] + parts["fees"] == parts["total"]
    assert cli("tca run.db --json").document["journal_hash"] == document["journal_hash"]
    assert cli("explain run.db").code == 0


def test_the_last_minute_of_a_day_is_worked_to_the_close(cli, amzn_lake: Path) -> None:
    """The last row is 40 ms before the close: the market is known to the close, and no more rows come."""
    line = "work sell 200 AMZN --start 15:59 --end close --must-complete --journal run.db --json --tape"
    document = cli(line, str(amzn_lake)).document
    assert document["order"]["end"] == "2012-06-21T20:00:00Z"
    assert document["filled"] == 200
    assert cli("replay run.db --json").document["status"] == "equal"


def test_vwap_follows_the_curve_on_a_lake(cli, amzn_lake: Path) -> None:
    line = "work buy 4000 AMZN --start 15:00 --over 55m --strategy vwap --json --full --tape"
    document = cli(line, str(amzn_lake)).document
    assert document["filled"] == 4000
    assert document["plan"]["strategy"] == "vwap"
    quantities = [one["quantity"] for one in document["plan"]["slices"]]
    assert sum(quantities) == 4000
    # One day shows no curve: the assumed U rises towards the close, and the plan says so.
    assert quantities[-1] > 1.2 * quantities[0]
    assert "volume curve" in {one["name"] for one in document["assumed"]}


def test_work_over_two_files_and_midnight(cli, recorded_data: Path) -> None:
    tapes = [str(recorded_data / "binance" / f"spot_btcusdt_{day}.gz") for day in ("20240808", "20240809")]
    said = cli("work sell 5 BTCUSDT@binance-spot --over 8m --json", "--tape", tapes[0], "--tape", tapes[1])
    document = said.document
    assert said.code == 0
    assert document["unit"] == "BTC"
    assert document["order"]["quantity"] == 5
    assert document["order"]["start"] < "2024-08-09T00:00:00Z" < document["order"]["end"]
    assert document["filled"] == pytest.approx(5, abs=0.001)


@pytest.mark.parametrize(
    ("files", "order", "unit"),
    [
        ("databento/esh4-*.zst", "buy 20 ESH4 --over 10m", "contracts"),
        ("databento/futures_mbp-1_*.zst", "sell 3 ESU4 --over 3m", "contracts"),
        ("bitstamp/orders_*.parquet", "sell 2 BTCUSD --start 02:00 --over 10m", "BTC"),
    ],
)
def test_an_order_on_every_market(cli, recorded_data: Path, files: str, order: str, unit: str) -> None:
    if files.startswith("databento"):
        pytest.importorskip("databento_dbn")
    said = cli(f"tape import {' '.join(map(str, sorted(recorded_data.glob(files))))} --out lake --json")
    assert said.code == 0
    assert cli(f"plan {order} --tape lake --json").code == 0
    document = cli(f"work {order} --tape lake --journal run.db --json").document
    parts = document["shortfall"]
    assert document["unit"] == unit
    assert document["filled"] > 0
    assert document["filled"] + document["residual"]["quantity"] == document["order"]["quantity"]
    assert parts["delay"] + parts["trading"] + parts["opportunity"] + parts["fees"] == parts["total"]
    assert cli("tca run.db --json").document["journal_hash"] == document["journal_hash"]


def test_tape_commands(cli, amzn_lake: Path) -> None:
    said = cli("tape check --json", str(amzn_lake))
    assert said.code == 0
    document = said.document
    wanted = ["rows", "quarantined", "gaps", "crossed", "compared", "seeded", "mismatched", "clock_offset_ms"]
    assert set(document) >= {*wanted, "schema", "status"}
    assert (document["compared"], document["seeded"], document["mismatched"]) == (1_525_500, 33_850, 0)
    info = cli("tape info --json", str(amzn_lake)).document
    assert info["tapes"][0]["listing"] == "AMZN@XNAS"
    assert "AMZN@XNAS" in cli("tape info", str(amzn_lake)).out
    assert "sound" in cli("tape check", str(amzn_lake)).out


def test_resume_needs_to_be_told_where_its_tapes_are_now(cli, amzn_lake: Path) -> None:
    import shutil
    import sqlite3

    shutil.copytree(amzn_lake, cli.folder / "lake")
    worked = cli("work buy 500 AMZN --start 10:00 --over 10m --tape lake --journal run.db --json").document
    with sqlite3.connect(cli.folder / "run.db") as db:
        db.execute("DELETE FROM batches WHERE seq >= 20")
    db.close()
    shutil.move(cli.folder / "lake", cli.folder / "moved")
    lost = cli("resume run.db")
    assert lost.code == 1
    assert "there is no such file or folder" in lost.err
    said = cli("resume run.db --tape moved --json")
    assert said.code == 0
    assert said.document["journal_hash"] == worked["journal_hash"]


def command(*words: str) -> list[str]:
    """Return the command line of a process."""
    return [sys.executable, "-m", "nowake", *words]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start ``nowake`` in a folder."""
    env = {**os.environ, "NOWAKE_RUNS_DIR": str(folder / "runs")}
    return subprocess.Popen(
        command(*words), cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_worker_is_resumed_to_the_same_end(cli, how: signal.Signals) -> None:
    order = ("buy", "60000", "SYNTH", "--over", "3h", "--seed", "5")
    whole = cli(" ".join(("work", *order, "--journal", "whole.db", "--json"))).document
    worker = start(cli.folder, "work", *order, "--journal", "cut.db")
    journal, patience = cli.folder / "cut.db", time.monotonic() + 120
    while not journal.exists() and time.monotonic() < patience:
        time.sleep(0.02)
    time.sleep(0.4)
    worker.send_signal(how)
    _, err = worker.communicate(timeout=60)
    if how is signal.SIGINT and worker.returncode != 0:
        assert worker.returncode == 130
        assert "nowake resume cut.db" in err
        assert "Traceback" not in err
    document = cli("resume cut.db --json").document
    assert document["journal_hash"] == whole["journal_hash"]


def test_start_of_the_command_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom nowake.app.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "heavy = {'numba', 'numpy', 'polars', 'plotly', 'pyarrow', 'scipy', 'sqlite3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_every_command_has_help(cli) -> None:
    names = [one.name for one in app.registered_commands]
    assert set(names) >= {"demo", "plan", "work", "resume", "status", "pause", "amend", "cancel", "tca", "explain"}
    for line in [*names, "tape import", "tape info", "tape check", "tape", ""]:
        said = cli(f"{line} --help")
        assert said.code == 0
        text = " ".join(said.out.split())
        assert "Usage" in text
        first = text.split("]")[-1] if "╭" not in text else text.split("╭")[0]
        assert len(first) > 40, line
    assert cli("--version").out.startswith("nowake ")
