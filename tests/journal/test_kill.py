"""SIGKILL of the writer at any moment: what was said to be durable is there, batches are whole, writing goes on."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal

WRITER = Path(__file__).with_name("writer_process.py")
_SPEC = importlib.util.spec_from_file_location("writer_process", WRITER)
assert _SPEC is not None
assert _SPEC.loader is not None
writer_process = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(writer_process)


def run_and_kill(path: Path, mode: str, *, after_s: float = 0.0, kill_at: int = -1) -> int:
    """Run the writer until it is dead; return the number of batches that it said were durable (0 = none said)."""
    command = [sys.executable, str(WRITER), str(path), mode, str(kill_at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = ""
        if kill_at < 0:
            first = writer.stdout.readline()
            time.sleep(after_s)
            writer.kill()
        lines = (first + writer.stdout.read()).splitlines(keepends=True)
    assert writer.returncode == -9
    whole = [line for line in lines if line.endswith("\n")]
    return int(whole[-1]) + 1 if whole else 0


def check(path: Path, said: int) -> int:
    """Hold the journal against what its dead writer said; return its batches."""
    read = [list(batch.records) for batch in read_journal(path).batches()]
    with SqliteJournal.open_writer(path) as journal:
        assert not journal.notices
        kept = [list(batch.records) for batch in journal.batches()]
        journal.latest_snapshot()
        assert not journal.notices
    assert kept == read == [writer_process.batch(k) for k in range(len(kept))]
    assert len(kept) >= said
    assert not read_journal(path).verify().notices
    return len(kept)


def kill_often(path: Path, times: int, seed: int) -> None:
    """Kill one journal's writers ``times`` times in a row, resuming in between."""
    rng = random.Random(seed)
    before = 0
    for k in range(times):
        said = run_and_kill(path, ("each", "grouped")[k % 2], after_s=rng.random() * 0.05)
        now = check(path, said)
        assert now > before, f"seed {seed}, kill {k}"
        before = now


def test_killed_at_random_moments(tmp_path: Path) -> None:
    kill_often(tmp_path / "a.db", 6, seed=1)


@pytest.mark.parametrize("mode", ["each", "grouped"])
@pytest.mark.parametrize("kill_at", [0, 1, 2, 3, 4, 5, 9, 44])
def test_killed_at_a_statement(tmp_path: Path, mode: str, kill_at: int) -> None:
    check(tmp_path / "a.db", run_and_kill(tmp_path / "a.db", mode, kill_at=kill_at))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_many_times(tmp_path: Path, seed: int) -> None:
    kill_often(tmp_path / "a.db", 25, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["each", "grouped"])
def test_killed_at_every_statement(tmp_path: Path, mode: str) -> None:
    for kill_at in range(120):
        path = tmp_path / f"{kill_at}.db"
        check(path, run_and_kill(path, mode, kill_at=kill_at))
