"""What a dark venue left is passed on: by hand, and so that nothing is lost or made whatever the sizes and lots."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.decisions import ParentStatus
from nowake.core.instrument import Listing
from nowake.core.value import replace
from nowake.sim.dark import dark_listing
from nowake.sim.passing import Passing
from nowake.sim.synthetic import LISTING

DARK = dark_listing(LISTING)


def lit(venue: str, lot: int = 1) -> Listing:
    return replace(LISTING, venue=venue, lot_units=lot)


def parent(listing: Listing, name: str, qty: int, status: ParentStatus, left: int = 0) -> Any:
    order = SimpleNamespace(listing=listing.key, parent_id=name, qty_units=qty)
    return SimpleNamespace(order=order, status=status, abandoned={"end of window": left} if left else {})


def host(*parents: Any, keys: tuple[str, ...] = ()) -> Any:
    known = {one.order.parent_id: one for one in parents}
    return SimpleNamespace(state=SimpleNamespace(parents=known, keys=dict.fromkeys(keys)))


def new_totals(desk: Passing, at: Any) -> dict[str, int]:
    return {one.parent_id: one.amendment.qty_units for one in desk.take(5, at) if one.amendment}


def test_a_rest_is_divided_by_size_among_those_that_run_and_only_once() -> None:
    a, b, c = lit("A"), lit("B"), lit("C")
    desk = Passing(["d"], ["a", "b", "c"], [DARK, a, b, c])
    running, done = ParentStatus.RUNNING, ParentStatus.DONE
    others = [parent(a, "a", 300, running), parent(b, "b", 100, running), parent(c, "c", 900, done)]
    assert new_totals(desk, host(parent(DARK, "d", 50, running), *others)) == {}
    assert new_totals(desk, host(parent(DARK, "d", 50, done, left=41), *others)) == {"a": 331, "b": 110}
    assert new_totals(desk, host(parent(DARK, "d", 50, done, left=41), *others, keys=("d-a", "d-b"))) == {}


def test_who_is_paused_gets_a_rest_only_where_nobody_runs() -> None:
    a, b = lit("A"), lit("B")
    desk, over = Passing(["d"], ["a", "b"], [DARK, a, b]), parent(DARK, "d", 50, ParentStatus.DONE, left=40)
    paused = parent(a, "a", 300, ParentStatus.PAUSED)
    assert new_totals(desk, host(over, paused, parent(b, "b", 100, ParentStatus.RUNNING))) == {"b": 140}
    assert new_totals(desk, host(over, paused, parent(b, "b", 100, ParentStatus.HALTED))) == {"a": 340}


def test_nothing_is_passed_where_nothing_was_left_or_nobody_runs() -> None:
    a, done = lit("A"), ParentStatus.DONE
    full = host(parent(DARK, "d", 50, done), parent(a, "a", 300, ParentStatus.RUNNING))
    late = host(parent(DARK, "d", 50, done, left=9), parent(a, "a", 300, done))
    for at in (full, late):
        assert new_totals(Passing(["d"], ["a"], [DARK, a]), at) == {}


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.sampled_from([1, 5, 100])), min_size=1, max_size=5),
    st.integers(1, 10**6),
)
def test_nothing_is_lost_but_what_no_lot_takes(sizes: list[tuple[int, int]], left: int) -> None:
    listings = [lit(f"V{k}", lot) for k, (_, lot) in enumerate(sizes)]
    parents = [
        parent(one, f"p{k}", qty, ParentStatus.RUNNING)
        for k, (one, (qty, _)) in enumerate(zip(listings, sizes, strict=True))
    ]
    desk = Passing(["d"], [f"p{k}" for k in range(len(sizes))], [DARK, *listings])
    found = new_totals(desk, host(parent(DARK, "d", left, ParentStatus.DONE, left=left), *parents))
    more = [found.get(f"p{k}", qty) - qty for k, (qty, _) in enumerate(sizes)]
    assert all(part >= 0 and part % lot == 0 for part, (_, lot) in zip(more, sizes, strict=True))
    assert 0 <= left - sum(more) < sizes[0][1]
    whole = sum(qty for qty, _ in sizes)
    for part, (qty, lot) in list(zip(more, sizes, strict=True))[1:]:
        assert abs(Decimal(left) * qty / whole - part) < lot
