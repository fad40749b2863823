"""Studies of orders and worlds: the same numbers however they are spread, and what is done is not done again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

import nowake
from nowake.app import experiments
from nowake.app.cli import app
from nowake.core.errors import DataError, InputError, NowakeError, Refused
from nowake.core.value import replace
from nowake.study.design import parse_design
from nowake.study.kept import keep_rows, read_rows
from nowake.study.pictures import runs_page
from nowake.study.spread import spread

DESIGN: dict[str, Any] = {
    "order": {
        "symbol": "SYNTH",
        "side": ["buy", "sell"],
        "quantity": "500",
        "over": "1m",
        "strategy": ["twap", "is"],
    },
    "world": {"seed": {"from": 1, "count": 3}, "latency": ["1ms", "50ms"]},
}
RUNS = 2 * 2 * 3 * 2


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the study keeps when one process works it."""
    out = tmp_path_factory.mktemp("study") / "alone"
    assert nowake.run_study(DESIGN, out).made == RUNS
    return out


def test_each_row_is_what_the_order_alone_comes_to(alone: Path) -> None:
    frame = read_rows(alone)
    assert frame.height == RUNS
    for row in frame.sample(3, seed=1).iter_rows(named=True):
        order = nowake.order(
            row["order.side"], row["order.quantity"], "SYNTH", over="1m", strategy=row["order.strategy"]
        )
        result = nowake.work_order(order, seed=row["world.seed"], latency=row["world.latency"])
        report = result.report
        assert report.shortfall is not None
        assert row["cost_bps"] == pytest.approx(report.shortfall.total_bps, abs=1e-9)
        assert row["filled"] * report.order.qty_units == report.filled_units
        parts = sum(row[f"{name}_bps"] for name in ("delay", "trading", "opportunity", "fees"))
        assert parts == pytest.approx(row["cost_bps"], abs=1e-6)


def test_two_processes_give_the_same_numbers(alone: Path, tmp_path: Path) -> None:
    study = nowake.run_study(DESIGN, tmp_path, jobs=2)
    assert study.made == RUNS
    assert_frame_equal(read_rows(alone), read_rows(tmp_path))


def test_a_cluster_gives_the_same_numbers_when_a_worker_is_killed(alone: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip(
        "distributed", reason='the Dask backend is an extra: pip install "nowake[cluster]"'
    )
    killed: list[int] = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:

        def kill_one(done: float, text: str) -> None:
            del text
            if 0 < done < 1 and not killed:
                killed.append(cluster.workers[0].pid)
                os.kill(killed[0], signal.SIGKILL)

        study = nowake.run_study(
            DESIGN, tmp_path, jobs=2, backend="dask", scheduler=cluster.scheduler_address, progress=kill_one
        )
    assert killed, "no worker was killed: the test shows nothing"
    assert study.made == RUNS
    assert_frame_equal(read_rows(alone), read_rows(tmp_path))


def die_once(marks: str) -> str:
    mark = Path(marks) / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marks


def wrong(marks: str) -> str:
    with (Path(marks) / "tries").open("a") as file:
        file.write("x")
    raise ZeroDivisionError("a bug of the task")


def test_a_bug_shows_at_once_and_a_death_is_survived_on_a_scheduler_that_allows_none(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason='an extra: pip install "nowake[cluster]"')
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as cluster,
    ):
        address = cluster.scheduler_address
        assert list(spread(die_once, [str(tmp_path)], backend="dask", scheduler=address)) == [str(tmp_path)]
        with pytest.raises(ZeroDivisionError, match="a bug of the task"):
            list(spread(wrong, [str(tmp_path)], backend="dask", scheduler=address))
    assert (tmp_path / "tries").read_text() == "x"


def test_a_tape_that_is_another_one_at_the_worker_is_refused(tmp_path: Path, recorded_data: Path) -> None:
    found = str(recorded_data / "bitstamp" / "orders_2015-05-01.parquet")
    order = {"symbol": "BTCUSD", "side": "buy", "quantity": "0.1", "over": "1m", "strategy": "twap"}
    design = parse_design(
        {"order": order, "world": {"tapes": [found]}}, experiments.ORDER_FIELDS, experiments.WORLD_FIELDS
    )
    (run,) = experiments.runs_of(design)
    assert run.source
    with pytest.raises(DataError, match="another recording at the worker"):
        experiments.work_chunk((replace(run, source="0" * 32),))


def test_parts_are_on_the_disk_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, synced, renamed, and the folder synced: what is told to be kept outlives a loss of power."""
    said: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(number: int) -> None:
        said.append("folder" if os.path.isdir(f"/proc/self/fd/{number}") else "file")  # noqa: PTH112
        sync(number)

    def renamed(path: Path, target: Path) -> Path:
        said.append("name")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    keep_rows(tmp_path, [{"key": "a", "code": "b"}])
    assert said == ["file", "name", "folder"]
    assert read_rows(tmp_path).height == 1


def test_what_is_kept_is_not_done_again(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after its first chunks, a study goes on where it was; whole parts only, and none is touched again."""

    class Stop(Exception):
        pass

    def stop(done: float, text: str) -> None:
        del text
        if done > 0.3:
            raise Stop

    with pytest.raises(Stop):
        nowake.run_study(DESIGN, tmp_path, progress=stop)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    kept = read_rows(tmp_path).height
    assert 0 < kept < RUNS
    worked: list[str] = []
    original = experiments._worked

    def counted(run: experiments.Run) -> dict[str, object]:
        worked.append(run.key)
        return original(run)

    monkeypatch.setattr(experiments, "_worked", counted)
    study = nowake.run_study(DESIGN, tmp_path)
    assert study.made == len(worked) == RUNS - kept
    assert not set(worked) & set(pl.concat([pl.read_parquet(path) for path in before])["key"])
    assert all(path.read_bytes() == data for path, data in before.items())
    assert_frame_equal(read_rows(alone), read_rows(tmp_path))
    assert nowake.run_study(DESIGN, tmp_path).made == 0


def test_tables_by_hand(alone: Path) -> None:
    study = nowake.run_study(DESIGN, alone)
    frame = study.frame
    cost, twins = study.tables()
    ledger = {row[:3]: row for row in cost.rows}
    costs = frame.filter(
        (pl.col("order.side") == "buy") & (pl.col("order.strategy") == "is") & (pl.col("world.latency") == "1ms")
    )["cost_bps"].to_numpy()
    row = ledger["buy", "is", "1ms"]
    assert row[3:6] == ("3", f"{costs.mean():+.2f}", f"{costs.std(ddof=1) / np.sqrt(3):.2f}")
    by = {(r["order.side"], r["world.seed"], r["world.latency"], r["order.strategy"]): r["cost_bps"]
          for r in frame.iter_rows(named=True)}  # fmt: skip
    apart = np.array([by[(*k[:3], "twap")] - v for k, v in by.items() if k[3] == "is"])
    seeds = [k[1] for k in by if k[3] == "is"]  # four pairs on each market: one draw
    means = np.array([apart[[s == seed for s in seeds]].mean() for seed in (1, 2, 3)])
    (line,) = twins.rows
    assert line == ("twap less is", "12", f"{apart.mean():+.2f}", f"{means.std(ddof=1) / np.sqrt(3):.2f}")


def test_a_worker_of_another_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = experiments._worked
    monkeypatch.setattr(experiments, "_worked", lambda run: original(run) | {"code": "0" * 32})
    with pytest.raises(Refused, match="install the same version"):
        nowake.run_study({"order": DESIGN["order"], "world": {"seed": 1}}, tmp_path)
    assert not read_rows(tmp_path).height


def die(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.filterwarnings("default")
def test_a_killed_process_is_said_in_a_sentence() -> None:
    with pytest.raises(NowakeError, match="goes on where it stopped"):
        list(spread(die, [0, 1, 2], jobs=2))


LEAVES = """
import os, sys, time
from pathlib import Path
from nowake.study.spread import spread

def work(mark):
    Path(mark, str(os.getpid())).touch()
    time.sleep(0.2)

if __name__ == "__main__":
    list(spread(work, [sys.argv[1]] * 1_000, jobs=2))
"""


def test_processes_do_not_stay_when_their_study_is_killed(tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text(LEAVES)
    marks = tmp_path / "marks"
    marks.mkdir()
    with subprocess.Popen([sys.executable, str(tmp_path / "leaves.py"), str(marks)]) as parent:
        for _ in range(600):
            if len(list(marks.iterdir())) == 2:
                break
            time.sleep(0.1)
        parent.kill()
    workers = [int(one.name) for one in marks.iterdir()]
    assert len(workers) == 2
    for _ in range(600):
        if not any(_lives(pid) for pid in workers):
            break
        time.sleep(0.1)
    assert [pid for pid in workers if _lives(pid)] == []


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""  # a dead one that nobody has waited for has none
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_ctrl_c_reaches_the_workers_of_a_cluster_without_their_traces(alone: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason='the Dask backend is an extra: pip install "nowake[cluster]"')
    file, out = tmp_path / "design.json", tmp_path / "out"
    seeds = {"from": 1, "count": 400}
    file.write_text(json.dumps(DESIGN | {"world": DESIGN["world"] | {"seed": seeds}}))
    words = [sys.executable, "-m", "nowake", "study", "run", str(file), "--out", str(out), "--jobs", "2"]
    with subprocess.Popen(
        [*words, "--backend", "dask"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        for _ in range(1_200):
            if out.exists() and list(out.glob("runs-*.parquet")):
                break
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, said = run.communicate(timeout=120)
    assert (run.returncode, "Traceback" in said, "what is done is kept" in said) == (130, False, True), said
    kept = read_rows(out)
    assert 0 < kept.height < RUNS // 3 * 400
    both = read_rows(alone).filter(pl.col("key").is_in(kept["key"].to_list()))
    assert_frame_equal(kept.filter(pl.col("key").is_in(both["key"].to_list())), both)


def test_an_order_that_fits_no_market_is_counted_and_left_out(tmp_path: Path) -> None:
    order = {**DESIGN["order"], "quantity": ["500", "0.5"], "side": "buy"}
    study = nowake.run_study({"order": order, "world": {"seed": 1}}, tmp_path)
    refused = study.frame.filter(pl.col("refused") != "")
    assert refused["order.quantity"].to_list() == ["0.5", "0.5"]
    assert refused["cost_bps"].null_count() == 2
    assert experiments.study_document(study)["refused"] == 2


def test_the_command(tmp_path: Path) -> None:
    file, out = tmp_path / "design.toml", tmp_path / "out"
    file.write_text('[order]\nsymbol = "SYNTH"\nside = "buy"\nquantity = "100"\nover = "1m"\nstrategy = "twap"\n')
    said = CliRunner().invoke(app, ["study", "run", str(file), "--out", str(out), "--json"])
    assert said.exit_code == 0, said.stderr
    document = json.loads(said.stdout)
    assert (document["runs"], document["made"], document["refused"]) == (1, 1, 0)
    wrong = CliRunner().invoke(app, ["study", "run", str(file), "--out", str(out), "--scheduler", "tcp://x:1"])
    assert wrong.exit_code == 1
    assert "scheduler" in wrong.stderr


def test_the_page_draws_what_the_tables_say(alone: Path, tmp_path: Path) -> None:
    study = nowake.run_study(DESIGN, alone)
    cost, twins = study.tables()
    html = runs_page("Study", "runs", [cost, twins])
    figures = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)[1])  # type: ignore[index]
    assert set(figures) == {"costs0", "costs1"}
    (drawn,) = figures["costs0"]["data"]
    assert drawn["x"] == [float(row[cost.head.index("cost bps")]) for row in cost.rows]
    assert drawn["error_x"]["array"] == [2 * float(row[cost.head.index("se")]) for row in cost.rows]
    assert figures["costs0"]["layout"]["yaxis"]["ticktext"] == [", ".join(row[:3]) for row in cost.rows]
    for one in (cost, twins):
        assert all(f'<td class="n">{row[-1]}</td>' in html for row in one.rows)
    file, page = tmp_path / "design.toml", tmp_path / "page.html"
    file.write_text('[order]\nsymbol = "SYNTH"\nside = "buy"\nquantity = "100"\nover = "1m"\nstrategy = "twap"\n')
    said = CliRunner().invoke(app, ["study", "run", str(file), "--out", str(tmp_path / "out"), "--html", str(page)])
    assert said.exit_code == 0, said.stderr
    assert "Study design" in page.read_text(encoding="utf-8")


def test_what_was_refused_is_told_and_why(tmp_path: Path) -> None:
    order = {"symbol": "SYNTH", "side": "buy", "quantity": "100", "over": "1m", "strategy": "twap"}
    some = nowake.run_study({"order": order | {"start": ["10:00", "25:00"]}}, tmp_path / "some")
    cost, refused = some.tables()
    assert [row[1] for row in cost.rows] == ["1"]
    assert refused.rows == (("start must be a clock time such as 10:00, was '25:00'", "1"),)
    assert "25:00" in runs_page("Study", "runs", some.tables())
    none = nowake.run_study({"order": order, "world": {"queue_model": "fifo"}}, tmp_path / "none")
    (refused,) = none.tables()
    assert "tapes with order ids" in refused.rows[0][0]
    file = tmp_path / "design.json"
    for design, code in (({"order": order, "world": {"queue_model": "fifo"}}, 1), ({"order": order}, 0)):
        file.write_text(json.dumps(design))
        for document in ((), ("--json",)):
            said = CliRunner().invoke(
                app, ["study", "run", str(file), "--out", str(tmp_path / f"cli{code}"), *document]
            )
            assert said.exit_code == code, said.stderr


def test_an_interrupt_says_that_what_is_done_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "design.toml"
    file.write_text('[order]\nsymbol = "SYNTH"\nside = "buy"\nquantity = "100"\nover = "1m"\n')
    monkeypatch.setattr(experiments, "spread", interrupted)
    said = CliRunner().invoke(app, ["study", "run", str(file), "--out", str(tmp_path / "out")])
    assert (said.exit_code, "what is done is kept" in said.stderr) == (130, True)


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    for changes, named in (
        ({"order": {"symbol": "SYNTH", "side": "buy"}}, "order.quantity"),
        ({"world": {"seed": 1, "impact": "loud"}}, "impact"),
        ({"world": {"queue_model": "fifoo"}}, "queue_model"),
        ({"world": {"faults": "gremlins=1"}}, "gremlins"),
        ({"compare": "urgency"}, "compare"),
    ):
        with pytest.raises(InputError, match=named):
            nowake.run_study(
                DESIGN | {"order": DESIGN["order"] | {"side": "buy"}, "world": {"seed": 1}} | changes, tmp_path
            )
    assert list(tmp_path.iterdir()) == [], "it is said before the first order is worked"
    with pytest.raises(InputError, match="backend"):
        nowake.run_study(DESIGN, tmp_path / "b", backend="abacus")
    with pytest.raises(Refused, match="dask scheduler"):
        nowake.run_study(DESIGN, tmp_path / "c", backend="dask", scheduler="nowhere")
    pl.DataFrame({"price": [1.0]}).write_parquet(tmp_path / "runs-x.parquet")
    with pytest.raises(DataError, match=r"runs-x.parquet: is no part of a study; move it"):
        nowake.run_study(DESIGN, tmp_path)
    (tmp_path / "runs-x.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="no part of a study"):
        nowake.run_study(DESIGN, tmp_path)
