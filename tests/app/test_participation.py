"""Participation recounted by hand from the fills and the recorded prints, beside the engine's own counting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nowake
from nowake.core.tape import KIND_MASK, Row

ROLLING_NS = 300 * 10**9
ROUNDING = 0.00005
"""Fills of a few shares are rounded to whole ones."""


@pytest.fixture(scope="module")
def amzn(recorded_data: Path) -> nowake.Tape:
    return nowake.read_tape(recorded_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip", "AMZN")


def worst_shares(tape: nowake.Tape, result: nowake.Result) -> tuple[float, float]:
    """Return the highest own / (own + others) since the start, and over five minutes, at any fill."""
    kinds = tape.code & KIND_MASK
    prints = np.isin(kinds, [int(Row.TRADE), int(Row.FILL)])
    t_print, q_print = tape.t_event[prints], tape.qty[prints].astype(np.int64)
    fills = [one.fill for child in result.report.children for one in child.fills]
    t = np.array([one.t_venue_ns for one in fills])
    own = np.array([one.qty_units for one in fills])
    # The venue says which fills are inside a recorded print: they are no volume of others.
    inside = np.array([one.qty_units * (not one.unprinted) for one in fills])

    def share(low: int, high: int) -> float:
        mine = (t > low) & (t <= high)
        others = q_print[(t_print > low) & (t_print <= high)].sum() - inside[mine].sum()
        return float(own[mine].sum() / (own[mine].sum() + others)) if own[mine].sum() > 1 else 0.0

    start = result.report.order.start_ns - 1
    moments = t.tolist()
    return max(share(start, at) for at in moments), max(share(at - ROLLING_NS, at) for at in moments)


@pytest.mark.parametrize(
    "asked",
    [
        {"quantity": 20_000, "over": "2h"},
        {"quantity": 60_000, "over": "2h", "strategy": "twap"},
        {"quantity": 60_000, "over": "2h", "strategy": "vwap"},
        {"quantity": 60_000, "over": "2h"},
        {"quantity": 20_000, "over": "2h", "slices": 1},
        {"quantity": 20_000, "over": "2h", "slices": 2},
        {"quantity": 3_000, "over": "10m", "slices": 1},
        {"quantity": 20_000, "over": "1h", "max_participation": 0.05},
        {"quantity": 60_000, "over": "1h", "urgency": 1.0},
    ],
    ids=str,
)
def test_participation_keeps_to_the_cap_at_every_fill(amzn: nowake.Tape, asked: dict[str, object]) -> None:
    result = nowake.work_order(nowake.order("buy", symbol="AMZN", start="10:00", **asked), amzn)
    cap = result.report.order.parameters.participation_max
    cumulative, rolling = worst_shares(amzn, result)
    assert cumulative <= cap + ROUNDING
    assert rolling <= 2 * cap + ROUNDING
    assert cumulative > 0.02, "nothing was traded: the test would show nothing"
