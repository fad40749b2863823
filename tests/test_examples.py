"""Every script in ``examples/`` runs as its docstring says, and prints something sensible."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

import nowake

FOLDER = Path(__file__).resolve().parents[1] / "examples"


def run(name: str, arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    return capsys.readouterr().out


def test_plan_and_work(capsys, monkeypatch):
    out = run("plan_and_work.py", [], capsys, monkeypatch)
    assert re.search(r"^(twap|vwap|is|pov): ", out, re.MULTILINE)
    assert "assumed: " in out
    assert re.search(r"^done: 10000 of 10000 in \d+ children$", out, re.MULTILINE)


def test_compare_urgencies(capsys, monkeypatch):
    rows = [line.split() for line in run("compare_urgencies.py", ["3"], capsys, monkeypatch).splitlines()[1:]]
    assert [row[0] for row in rows] == ["1.0", "0.5", "0.0"]
    posted = [float(row[1].rstrip("%")) for row in rows]
    assert posted[0] == 0
    assert posted == sorted(posted)
    assert float(rows[0][3]) == 0, "the first urgency is what the others are compared with"


def test_read_a_journal(capsys, monkeypatch, tmp_path):
    path = tmp_path / "run.db"
    nowake.work_order(nowake.order("sell", 2_000, "SYNTH", over="10m"), journal=path)
    out = run("read_a_journal.py", [str(path)], capsys, monkeypatch)
    assert out.startswith("run.db: SELL 2,000 of 2,000 shares SYNTH@SIM, done, shortfall ")
    assert "1 OrderAdmitted" in out


def test_each_example_is_run_here():
    told = Path(__file__).read_text(encoding="utf-8")
    for path in FOLDER.glob("*.py"):
        assert f'"{path.name}"' in told, f"{path.name} is not run by a test"
