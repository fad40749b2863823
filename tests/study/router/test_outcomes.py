"""Where outcomes are kept: what is cut off does not count, what is twice counts once, what is damaged is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from nowake.core.errors import DataError
from nowake.study.router.outcomes import CELLS, FIXED, SIDES, Outcome, Spot, append_outcomes, read_outcomes, tasks_of
from nowake.study.router.windows import Window

SPOT = Spot(market="A@B", group="recorded", source="x", window=Window(start_ns=1, end_ns=2))
TASKS = tasks_of(SPOT, CELLS, FIXED)
OUTCOMES = [Outcome(key=task.key, task=task, code="c", ledger_bps=0.1 + k) for k, task in enumerate(TASKS)]


def test_every_order_of_the_grid_has_a_key_of_its_own() -> None:
    assert len(TASKS) == len(CELLS) * len(SIDES) * len(FIXED) == len({task.key for task in TASKS})
    assert len({task.spot.name for task in TASKS}) == 1


def test_outcomes_come_back_exactly_and_once(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    assert read_outcomes(path) == []
    append_outcomes(path, OUTCOMES[:3])
    append_outcomes(path, OUTCOMES[2:5])
    assert read_outcomes(path) == OUTCOMES[:5]


def test_a_line_that_was_cut_off_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    append_outcomes(path, OUTCOMES[:2])
    path.write_bytes(path.read_bytes()[:-7])
    assert read_outcomes(path) == OUTCOMES[:1]
    append_outcomes(path, OUTCOMES[1:3])
    assert read_outcomes(path) == OUTCOMES[:3]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    append_outcomes(path, OUTCOMES[:2])
    path.write_bytes(b"?" + path.read_bytes()[1:])
    with pytest.raises(DataError, match=r"orders.jsonl, line 1: .*; name another folder"):
        read_outcomes(path)


def test_a_cost_is_what_its_measure_says() -> None:
    one = Outcome(key="k", task=TASKS[0], code="c", ledger_bps=1.0, almgren_bps=2.0, istar_bps=4.0)
    assert [one.cost_bps(name) for name in ("ledger", "charged", "istar")] == [1.0, 3.0, 5.0]
