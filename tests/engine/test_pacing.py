"""When live children are over the rolling rule: one pass over the window says what every instant by itself does."""

from __future__ import annotations

from types import SimpleNamespace as Some
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from nowake.engine.pacing import crowded_ns, own_limit

WINDOW_NS = 100
NOW_NS = 200


def crowded_by_instant(parent: Any, others_now: int, minimum: int) -> int:
    """Ask at each instant anew: who traded since then, and which sample is the first of the window."""
    cap = min(1.0, 2 * parent.order.parameters.participation_max)
    for t_ns in [NOW_NS, *(one.t_ns + WINDOW_NS + 1 for one in parent.samples if one.t_ns + WINDOW_NS + 1 > NOW_NS)]:
        since = t_ns - WINDOW_NS
        own = sum(one.qty for one in parent.own_fills if one.t_ns >= since)
        inside = [one for one in parent.samples if one.t_ns >= since]
        others = others_now - inside[0].others if inside else 0
        if parent.order.start_ns > since and parent.base_others is not None:
            own, others = parent.filled, others_now - parent.base_others
        if own + parent.reserved > max(minimum, own_limit(others, cap)):
            return t_ns
    return 0


steps = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30)), max_size=12)
# An own fill that is told of before its print is taken off the volume of others too early: their sum may fall a little.
dipping = st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 30)), max_size=12)


@example(  # a sample on the window's very edge is inside it
    fills=[],
    prints=[(40, 0), (40, 0), (20, 0), (40, 30), (5, 30), (1, 30)],
    reserved=10,
    earlier=0,
    cap=0.05,
    start=0,
    base=None,
    minimum=1,
    until=NOW_NS,
)
@example(  # and so is a fill
    fills=[(40, 0), (40, 0), (20, 10)],
    prints=[],
    reserved=0,
    earlier=0,
    cap=0.05,
    start=0,
    base=None,
    minimum=1,
    until=NOW_NS,
)
@example(  # volume that leaves the window before the next wake is told
    fills=[],
    prints=[(20, 0), (40, 0), (40, 0), (0, 5)],
    reserved=2,
    earlier=0,
    cap=0.15,
    start=0,
    base=None,
    minimum=1,
    until=202,
)
@example(  # own fills of the window take room as much as what rests
    fills=[(21, 0), (40, 0), (40, 2)],
    prints=[(20, 0), (40, 0), (40, 0), (1, 5)],
    reserved=0,
    earlier=0,
    cap=0.15,
    start=0,
    base=None,
    minimum=1,
    until=200,
)
@given(
    fills=steps,
    prints=dipping,
    reserved=st.integers(0, 40),
    earlier=st.integers(0, 30),
    cap=st.sampled_from([0.05, 0.15, 0.5]),
    start=st.sampled_from([0, 120, 190]),
    base=st.sampled_from([None, 0]),
    minimum=st.sampled_from([1, 10]),
    until=st.integers(NOW_NS, NOW_NS + WINDOW_NS + 50),
)
def test_one_pass_says_what_every_instant_says(
    fills: list[tuple[int, int]],
    prints: list[tuple[int, int]],
    reserved: int,
    earlier: int,
    cap: float,
    start: int,
    base: int | None,
    minimum: int,
    until: int,
) -> None:
    t_ns, own = 0, []
    for wait, qty in fills:
        t_ns = min(t_ns + wait, NOW_NS)
        own.append(Some(t_ns=t_ns, qty=qty))
    t_ns, volume, samples = 0, 0, []
    for wait, qty in prints:
        t_ns, volume = min(t_ns + wait, NOW_NS), volume + qty
        samples.append(Some(t_ns=t_ns, others=volume))
    parent = Some(
        order=Some(start_ns=start, parameters=Some(participation_max=cap)),
        own_fills=tuple(own),
        samples=tuple(samples),
        filled=sum(one.qty for one in own) + earlier,
        reserved=reserved,
        base_others=base,
    )
    view = Some(t_ns=NOW_NS, volume_all=volume + 7, volume_own=7)
    expected = crowded_by_instant(parent, volume, minimum)
    assert crowded_ns(parent, Some(rolling_ns=WINDOW_NS), view, minimum) == expected  # type: ignore[arg-type]
    asked = crowded_ns(parent, Some(rolling_ns=WINDOW_NS), view, minimum, until)  # type: ignore[arg-type]
    # Who is woken at ``until`` asks again then; what comes before must be told now.
    assert asked == expected if 0 < expected < until else asked in (0, expected)
