"""A snapshot that states a book order by order: nobody has moved, nothing comes back; and rows that fit no book."""

from __future__ import annotations

import pytest
from sim_orders import child
from test_void import EXEC, OFFER, SELL, IdRow, ask, offers, run, takes

from nowake.core.order import Side
from nowake.core.tape import END, SNAPSHOT, Book, Row, row_code
from nowake.sim import layout as lay

ASK = Book.ASK


def restated(ms: int, qty: int, name: int, *flags: int) -> IdRow:
    return ms, row_code(Row.ADD, ASK, SNAPSHOT, *flags), OFFER, qty, name


def snapshot(*orders: tuple[int, int], ms: int = 1) -> list[IdRow]:
    """Return a message that states the offer again, order by order, first of (quantity, id) first."""
    rows = [(ms, row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0, 0), *(restated(ms, *one) for one in orders)]
    return [*rows[:-1], (ms, rows[-1][1] | END, *rows[-1][2:])]


@pytest.mark.parametrize(
    ("took", "rows", "seen"),
    [
        (100, [], 120),  # what we took does not come back because the book is stated again
        (130, [], 90),
        (130, [ask(2, Row.DELETE, 100, 1)], 90),  # the first of it is void, whoever says so
        (130, [ask(2, EXEC, 100, 1)], 0),
        (130, [ask(2, Row.ADD, 33, 6)], 123),
    ],
)
def test_a_snapshot_of_orders_brings_nothing_back(took: int, rows: list[IdRow], seen: int) -> None:
    """A recovery of the feed states the three orders one by one; the first alone is less than we took."""
    told = snapshot((100, 1), (50, 2), (70, 3))
    assert dict(offers(run([*told, *rows], takes(took)))).get(OFFER, 0) == seen


def test_a_snapshot_that_brings_less_back_leaves_what_joins_later_alone() -> None:
    rows = [*snapshot((40, 1)), ask(2, Row.ADD, 33, 6)]
    assert offers(run(rows, takes(100))) == [(OFFER, 33)]


def test_a_snapshot_of_orders_costs_and_saves_no_place() -> None:
    """100, 50 and 70 stand before ours; the first order of the snapshot alone was taken for all that does."""
    told = snapshot((100, 1), (50, 2), (70, 3), (80, 6))
    before = [ask(0, Row.ADD, 80, 6)]
    rows = [ask(2, EXEC, 100, 1), ask(3, Row.DELETE, 50, 2), ask(4, EXEC, 70, 3), ask(5, EXEC, 12, 6)]
    driver = run([*before, *told, *rows[:3]], SELL)
    assert driver.fills == []
    assert driver.venue.fronts[0, lay.F_AHEAD] == 0
    assert [qty for _, qty, *_ in run([*before, *told, *rows], SELL).fills] == [12]


def test_rows_that_contradict_the_book_bring_nothing_back() -> None:
    """A reduction by nothing of nobody divided by 0; a whole order deleted with 0 made seen again what we took."""
    assert offers(run([ask(1, Row.REDUCE, 0, 77)], takes(100)))[0] == (OFFER, 120)
    mine = child("b", Side.BUY, 50, OFFER, "post-only")
    driver = run([ask(1, Row.DELETE, 0, 1)], takes(220), mine)
    assert driver.fills == []
    assert offers(driver)[0] == (OFFER + 1, 40)
