"""Control 18: a constant offset between venue and recorder is measured; clocks that move apart stop what is new."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from nowake.core.child import ChildStatus
from nowake.core.decisions import ChildSubmitted, Withheld
from nowake.core.view import Integrity
from nowake.live.drift import DriftMeter

S, MS = 1_000_000_000, 1_000_000
Desks = Callable[..., Any]


def heard(meter: DriftMeter, seconds: range, offset: Callable[[int], int], r: random.Random) -> None:
    """Let a venue tell its clock ten times a second over a way of 1 ms and an exponential rest of 20 ms."""
    for t in range(seconds.start * 10, seconds.stop * 10):
        sent = 1_700_000_000 * S + t * S // 10
        meter.take(sent + offset(t // 10) + MS + int(r.expovariate(1 / (20 * MS))), sent)


def test_a_constant_offset_of_an_hour_is_measured_and_no_drift() -> None:
    meter = DriftMeter()
    heard(meter, range(600), lambda _: 3600 * S, random.Random(1))
    assert abs(meter.offset_ns - 3600 * S - MS) < 5 * MS
    assert abs(meter.drift_ns) < 5 * MS
    assert not meter.over


def test_a_way_that_takes_seconds_now_and_then_is_no_drift() -> None:
    r = random.Random(2)
    meter = DriftMeter()
    for t in range(6000):
        sent = 1_700_000_000 * S + t * S // 10
        meter.take(sent + MS + (3 * S if r.random() < 0.3 else 0), sent)
        assert not meter.over


def test_half_a_second_is_borne_and_more_is_not_whichever_way() -> None:
    for sign in (1, -1):
        for most, over in ((450, False), (600, True)):
            meter, r = DriftMeter(), random.Random(3)
            heard(meter, range(60), lambda _: 0, r)
            heard(meter, range(60, 600), lambda s, k=sign * most: (s - 60) * k * MS // 540, r)
            assert meter.over is over
            heard(meter, range(600, 620), lambda _: 0, r)
            assert not meter.over, "it came back"


def test_nothing_new_is_sent_while_the_clocks_drift_apart(desk: Desks) -> None:
    made = desk(qty=900, minutes=10.0)
    shell = made.shell()
    apart = {"ns": 0}
    assert shell.drift.drift_ns == 0
    shell.drift = DriftMeter()  # the shell's own is sixty times as patient on a clock that runs sixty times as fast
    take = shell.drift.take
    shell.drift.take = lambda local, venue: take(local, venue - apart["ns"])
    shell.submit(made.order)
    order = made.order

    def batches() -> list[Any]:
        return list(made.journal().batches())

    shell.run(order.start_ns + 120 * S)
    assert not shell.drift.over
    before = batches()
    assert any(isinstance(one, ChildSubmitted) for batch in before for one in batch.decisions)
    apart["ns"] = 3600 * S  # the venue's clock steps back by an hour
    shell.run(made.clock.now_ns() + 20 * 60 * S // 60 + 60 * S)
    assert shell.drift.over
    assert Integrity.CLOCK in shell.view(made.clock.now_ns()).integrity
    since = made.clock.now_ns()
    quiet = len(batches())
    shell.run(since + 120 * S)
    later = [one for batch in batches()[quiet:] for one in batch.decisions]
    assert not any(isinstance(one, ChildSubmitted) for one in later)
    told = [one for batch in batches() for one in batch.decisions if isinstance(one, Withheld)]
    assert any("clock" in one.detail for one in told)
    assert len(batches()) - quiet < 60, "it is said once, not at every turn of the loop"
    apart["ns"] = 0
    shell.run(order.end_ns + 600 * S)
    assert not shell.drift.over
    parent = shell.state.parents[order.parent_id]
    assert parent.filled == made.service.truth().filled(order.parent_id)
    after = [one for batch in batches() if batch.input.t_ns > since + 120 * S for one in batch.decisions]
    assert any(isinstance(one, ChildSubmitted) for one in after), "it goes on when the clocks agree again"
    assert parent.filled == 900
    assert all(child.status is not ChildStatus.IN_DOUBT for child in parent.live.values())
