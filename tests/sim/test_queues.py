"""Queue models: the numbers of SCIENCE 10, kernel equals reference, and what must hold for all of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.market.queue import front_after, front_after_reference
from nowake.sim.queues import queue_model

# front 60 of a level of 100 that goes to 70; and the same after a print of 10 at the level. From hftbacktest's
# queue.rs, read and recomputed by hand.
GOLDEN = [
    ("power-1", 42.0, 40.0),
    ("power-3", 36.8571, 40.0),
    ("log", 44.2383, 40.0),
    ("log2", 54.1396, 47.0389),
    ("power2-3", 31.92, 32.5),
    ("power3-3", 53.52, 47.5),
    ("risk-averse", 60.0, 50.0),
    ("optimistic", 30.0, 30.0),  # by hand: all 30, or the 20 not printed, stood ahead
]


@pytest.mark.parametrize("function", [front_after, front_after_reference])
@pytest.mark.parametrize(("name", "untraded", "traded"), GOLDEN)
def test_the_published_numbers_come_out(function: object, name: str, untraded: float, traded: float) -> None:
    model = queue_model(name)
    assert round(function(model.number, model.n, 60.0, 100.0, 70.0, 0.0), 4) == untraded
    assert round(function(model.number, model.n, 50.0, 100.0, 70.0, 10.0), 4) == traded


@settings(max_examples=2_000)
@given(
    model=st.sampled_from([0, 1, 2, 3, 4, 5, 7]),
    n=st.sampled_from([1.0, 2.0, 3.0, 100.0]),
    front=st.one_of(st.floats(0, 1e6), st.floats(0, 1e-6)),
    prev=st.integers(0, 10**12),
    new=st.integers(0, 10**12),
    traded=st.integers(0, 10**5),
)
def test_kernel_equals_reference_and_stays_in_the_queue(
    model: int, n: float, front: float, prev: int, new: int, traded: int
) -> None:
    found = front_after(model, n, front, float(prev), float(new), float(traded))
    expected = front_after_reference(model, n, front, float(prev), float(new), float(traded))
    assert math.isclose(found, expected, rel_tol=1e-12, abs_tol=1e-14 * max(prev, new, 10**6))  # sizes cancel
    assert 0 <= found <= max(new, 0)
    assert found <= front + 1e-6 * max(front, 1)  # nobody cuts in


def test_names_are_refused_by_name() -> None:
    for name in ("power", "power-0", "power-x", "lifo", "power-101"):
        with pytest.raises(InputError, match="queue_model"):
            queue_model(name)
