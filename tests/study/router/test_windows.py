"""Windows of a study: end to end inside sessions, volumes by brute force."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.sessions import ALWAYS_OPEN, Session, to_ns
from nowake.core.tape import KIND_MASK, Row
from nowake.sim.synthetic import synth_tape
from nowake.study.router.windows import MINUTE_NS, Window, lay_windows, order_units, printed_units, spread_evenly

DAYS = Session(name="day", opens=time(10), closes=time(12), weekdays=(0, 1, 2, 3, 4), closed=(date(2026, 1, 6),))


def at(day: int, hour: int, minute: int = 0) -> int:
    return to_ns(datetime(2026, 1, day, hour, minute, tzinfo=UTC))


def test_windows_fill_each_session_from_half_a_window_on() -> None:
    # Monday 5 from 10:07 (the first book) on, Tuesday closed, Wednesday 7 covered until 11:20.
    found = lay_windows(DAYS, at(5, 10, 7), at(7, 11, 20), 30 * MINUTE_NS)
    starts = [(5, 10, 22), (5, 10, 52), (5, 11, 22), (7, 10, 15), (7, 10, 45)]
    assert [one.start_ns for one in found] == [at(*one) for one in starts]
    assert {one.end_ns - one.start_ns for one in found} == {30 * MINUTE_NS}


def test_around_the_clock_there_is_one_session() -> None:
    found = lay_windows(ALWAYS_OPEN, at(5, 23, 54), at(6, 0, 5), 2 * MINUTE_NS)
    assert [one.start_ns for one in found] == [at(5, 23, 55) + 2 * k * MINUTE_NS for k in range(5)]
    assert lay_windows(ALWAYS_OPEN, at(5, 0), at(5, 0, 20), 30 * MINUTE_NS) == []


@given(st.integers(0, 60), st.integers(0, 20))
def test_even_choice_keeps_order_and_number(count: int, most: int) -> None:
    windows = [Window(start_ns=k, end_ns=k + 1) for k in range(count)]
    found = spread_evenly(windows, most)
    assert len(found) == (min(count, most) if most else count)
    starts = [one.start_ns for one in found]
    assert starts == sorted(set(starts))
    if found and most:
        gaps = np.diff([-1, *starts, count])
        assert gaps.max() <= 2 * count / len(found) + 1


def test_volume_between_edges_is_that_of_the_prints() -> None:
    start = to_ns(datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=9))
    tape = synth_tape(seed=3, start_ns=start, duration_ns=5 * MINUTE_NS)
    window = Window(start_ns=start + MINUTE_NS, end_ns=start + 4 * MINUTE_NS)
    edges = window.edges(7)
    rows = list(zip(tape.t_event.tolist(), (tape.code & KIND_MASK).tolist(), tape.qty.tolist(), strict=True))
    expected = [
        sum(qty for t, kind, qty in rows if kind in (Row.TRADE, Row.FILL) and low <= t < high)
        for low, high in pairwise(edges)
    ]
    assert printed_units(tape, edges).tolist() == expected
    assert min(expected) > 0


def test_an_order_is_rounded_down_to_a_lot() -> None:
    assert order_units(1_999.0, 0.10, 100) == 100
    assert order_units(1_999.0, 0.10, 1) == 199
    assert order_units(999.0, 0.10, 100) == 0
