"""Guards of speed: ratios to our own plain reference in CPU time of the same run, never a wall clock.

The factors asked for are a fraction of what is measured (docs/speed.md), so that a loaded machine does not matter; a
kernel that fell back to Python, or does by the row what it did by the message, is far below them.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[1] / "bench"


def run(name: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *options])
    monkeypatch.syspath_prepend(str(BENCH))
    runpy.run_path(str(BENCH / f"{name}.py"), run_name="__main__")


def test_the_kernel_stays_far_ahead_of_the_plain_reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("kernel", monkeypatch, "--rows", "300000", "--sample", "10000", "--repeats", "3")
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["reference"]["same_fills"]
    assert document["fills"] > 1000
    assert document["ratio_to_reference"] >= 50, document


@pytest.mark.parametrize("name", ["peer_kernel", "peer_engine"])
def test_a_bench_without_its_peer_says_how_to_give_one(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in ("NOWAKE_PEER_HFTBACKTEST", "NOWAKE_PEER_NAUTILUS"):
        monkeypatch.delenv(variable, raising=False)
    run(name, monkeypatch)
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("skipped: no peer; give --peer-python")
