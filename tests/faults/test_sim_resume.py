"""A simulated run killed by SIGKILL at random moments and executed again: what is journaled is a prefix of the whole.

The venue lives in the killed process here, so this proves re-execution, not recovery: that is ``test_crash``.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nowake.journal.reader import read_journal

SEED = 5
KILLED = -9
ORDER = {"side": "buy", "quantity": "4000", "symbol": "SYNTH", "over": "40m"}


def kept(path: Path) -> list[tuple[Any, ...]]:
    """Return the batches of a journal as the file holds them, byte for byte."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT seq, body, hash FROM batches ORDER BY seq").fetchall()


def start(forker: Any, path: Path) -> int:
    pid: int = forker.start(run="sim", journal=str(path), order=ORDER, seed=SEED, log=str(path) + ".err")
    return pid


def errors(path: Path) -> str:
    return Path(str(path) + ".err").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(forker: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[Any, ...]], str, float]:
    """Return the batches and hash of a run that nobody killed, and the seconds it took."""
    path = tmp_path_factory.mktemp("whole") / "run.db"
    before = time.monotonic()
    assert forker.wait(start(forker, path)) == 0, errors(path)
    return kept(path), read_journal(path).verify().head, time.monotonic() - before


def kill_and_resume(forker: Any, path: Path, whole: tuple[list[tuple[Any, ...]], str, float], kills: int) -> None:
    """Kill one run ``kills`` times, each time holding what it left against the whole; then let it end."""
    batches, head, seconds = whole
    seed = f"{path.parent.name}: {SEED}, {kills} kills"
    rng = random.Random(f"{SEED} {path.parent.name} {kills}")
    before: list[tuple[Any, ...]] = []
    for _ in range(kills):
        status = forker.kill_after(start(forker, path), rng.random() * seconds)
        assert status in (0, KILLED), f"{seed}: {errors(path)}"
        if status == 0:
            break
        there = kept(path)
        assert there[: len(before)] == before, f"{seed}: records were lost or changed"
        assert there == batches[: len(there)], f"{seed}: not a prefix of the whole run"
        before = there
    assert forker.wait(start(forker, path)) == 0, f"{seed}: {errors(path)}"
    assert kept(path) == batches, seed
    found = read_journal(path).verify()
    assert found.head == head, seed
    assert not found.notices


def test_killed_sim_run_is_executed_again(forker: Any, tmp_path: Path, whole: Any) -> None:
    kill_and_resume(forker, tmp_path / "run.db", whole, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"run{k}.db" for k in range(10)])
def test_killed_sim_runs_are_executed_again(forker: Any, tmp_path: Path, whole: Any, name: str) -> None:
    kill_and_resume(forker, tmp_path / name, whole, 6)


def test_killed_while_the_journal_is_written(forker: Any, tmp_path: Path, whole: Any) -> None:
    """Kill as soon as the file grows: some batches are there, some were only appended, none is half there."""
    batches, head, _ = whole
    path = tmp_path / "run.db"
    pid = start(forker, path)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(there := _peek(path)) < 3:
        time.sleep(0.001)
    assert forker.kill_after(pid, 0.0) in (0, KILLED), errors(path)
    left = kept(path)
    assert len(there) <= len(left) <= len(batches)
    assert left == batches[: len(left)]
    assert forker.wait(start(forker, path)) == 0, errors(path)
    assert read_journal(path).verify().head == head


def _peek(path: Path) -> list[tuple[Any, ...]]:
    try:
        return kept(path)
    except sqlite3.Error:
        return []
