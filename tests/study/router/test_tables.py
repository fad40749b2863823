"""What tables say of an interval."""

from __future__ import annotations

import pytest

from nowake.study.router.tables import verdict
from nowake.study.statistics import Interval
from nowake.study.table import Table


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "worse"),
        (-0.3, -0.1, "better"),
        (-0.1, 0.3, "not told apart"),
        (0.0, 0.0, "the same"),
        (-0.004, -0.001, "the same"),
        (-0.02, -0.001, "better"),
    ],
)
def test_a_verdict_follows_the_interval(low: float, high: float, said: str) -> None:
    assert verdict(Interval(mean=(low + high) / 2, low=low, high=high)) == said


def test_a_table_is_markdown() -> None:
    made = Table(title="T", head=("a", "b"), rows=(("1", "2"),)).markdown()
    assert made.splitlines() == ["**T**", "", "| a | b |", "| --- | --- |", "| 1 | 2 |"]
