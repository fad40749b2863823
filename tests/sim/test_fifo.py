"""First come first served, exactly: our place in the queue against oracles that keep every order by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, two_sided
from sim_orders import child
from test_match_l2 import Driver

from nowake.core.errors import InputError
from nowake.core.inputs import Filled
from nowake.core.order import Side
from nowake.core.tape import END, KIND_MASK, SEEDED, SNAPSHOT, Book, Row, Tape, row_code
from nowake.core.value import replace as changed
from nowake.data.source import open_tapes
from nowake.market.book_l3 import OrderBook
from nowake.sim import layout as lay
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.merge import joined_at

BID, ASK = Book.BID, Book.ASK


def with_ids(tape: Tape, ids: list[int]) -> Tape:
    """Return the tape with order ids."""
    return Tape(
        changed(tape.meta, order_by_order=True), tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty,
        np.array(ids, dtype=np.int64),
    )  # fmt: skip


def test_joined_at_by_hand() -> None:
    """An order belongs to its last ADD; before any it was there already; added again it has lost its place."""
    kinds = [Row.REDUCE, Row.ADD, Row.ADD, Row.FILL, Row.DELETE, Row.ADD, Row.REDUCE, Row.ADD, Row.REDUCE]
    ids = [7, 7, 8, 7, 8, 7, 7, 0, 0]  # the last two have no id: whose they are is not known
    rows = [(i, row_code(kind, BID, END), MID - 1, 5) for i, kind in enumerate(kinds)]
    tape = with_ids(make_tape(rows), ids)
    none = np.empty(0, dtype=np.int64)
    assert joined_at(tape, none).tolist() == [-1, 1, 2, 1, 2, 5, 5, -1, -1]
    # The venue's order may be another: here the second and third row change places.
    assert joined_at(tape, np.array([0, 2, 1, 3, 4, 5, 6, 7, 8])).tolist() == [-1, 1, 2, 2, 1, 5, 5, -1, -1]


def test_an_order_that_a_snapshot_states_again_joined_when_it_joined() -> None:
    codes = [row_code(Row.ADD, BID, SNAPSHOT), row_code(Row.ADD, BID), row_code(Row.CLEAR, Book.NONE, SNAPSHOT)]
    codes += [row_code(Row.ADD, BID, SNAPSHOT)] * 3 + [row_code(Row.FILL, BID)] * 3
    tape = with_ids(make_tape([(i, code, MID - 1, 5) for i, code in enumerate(codes)]), [1, 2, 0, 1, 2, 3, 1, 2, 3])
    assert joined_at(tape, np.empty(0, dtype=np.int64)).tolist() == [-1, 1, -1, -1, 1, -1, -1, 1, -1]


def test_a_tape_without_ids_is_refused() -> None:
    with pytest.raises(InputError, match="order ids"):
        SimMarket(make_tape(two_sided()), latency=Latency(), queue_model="fifo")


@st.composite
def fair_markets(draw: st.DrawFn) -> list[tuple[int, int, int, int, int]]:
    """Draw (ms, code, price, qty, id) rows of a market whose executions always meet the first of the best level."""
    queues: dict[tuple[Book, int], list[list[int]]] = {}
    rows, next_id = [], 1
    for ms in range(draw(st.integers(10, 120))):
        side = draw(st.sampled_from([BID, ASK]))
        prices = sorted((p for on, p in queues if on == side), reverse=side == BID)
        what = draw(st.sampled_from(["add", "add", "add", "fill", "fill", "reduce", "delete"])) if prices else "add"
        if what == "add":
            price = MID + draw(st.integers(1, 3)) * (-1 if side == BID else 1)
            qty = draw(st.integers(1, 30))
            queues.setdefault((side, price), []).append([next_id, qty])
            rows.append((ms, row_code(Row.ADD, side, END), price, qty, next_id))
            next_id += 1
            continue
        price = prices[0] if what == "fill" else draw(st.sampled_from(prices))
        queue = queues[side, price]
        one = queue[0] if what == "fill" else draw(st.sampled_from(queue))
        qty = one[1] if what == "delete" else draw(st.integers(1, one[1]))
        kind = {"fill": Row.FILL, "reduce": Row.REDUCE, "delete": Row.DELETE}[what]
        rows.append((ms, row_code(kind, side, END), price, qty, one[0]))
        one[1] -= qty
        if one[1] == 0:
            queue.remove(one)
        if not queue:
            del queues[side, price]
    return rows


class Named:
    """The oracle: remembers by name who stood before us, and how much each still has."""

    def __init__(self, book: OrderBook, side: int, price: int, leaves: int) -> None:
        self.side, self.price, self.leaves = side, price, leaves
        self.before = dict(book.queue(side, price))
        self.came_later: set[int] = set()
        self.fills: list[int] = []

    def row(self, code: int, price: int, qty: int, order_id: int) -> None:
        kind, side = Row(code & KIND_MASK), ((code >> 4) & 3) - 1
        if kind is Row.ADD:
            self.came_later.add(order_id)
        if side != self.side or kind not in (Row.REDUCE, Row.DELETE, Row.FILL):
            return
        behind = price < self.price if side == 0 else price > self.price
        named = order_id if order_id in self.before else 0
        if price == self.price and order_id not in self.came_later:
            self.before[named] = self.before.get(named, 0) - qty
            if self.before[named] <= 0 or (named and kind is Row.DELETE):
                del self.before[named]
        elif kind is Row.FILL and (behind or (price == self.price and not self.before)):
            part = min(qty, self.leaves)
            self.leaves -= part
            if part:
                self.fills.append(part)

    @property
    def ahead(self) -> int:
        return sum(self.before.values())


@settings(max_examples=200)
@given(
    rows=fair_markets(),
    at=st.integers(0, 80),
    side=st.sampled_from([0, 1]),
    away=st.integers(1, 3),
    qty=st.integers(1, 40),
)
def test_our_place_is_exact(
    rows: list[tuple[int, int, int, int, int]], at: int, side: int, away: int, qty: int
) -> None:
    tape = with_ids(make_tape([row[:4] for row in rows]), [row[4] for row in rows])
    driver, book = Driver(tape, "fifo"), OrderBook()
    at = min(at, len(rows) - 1)
    for i in range(at):
        driver.row(i)
        book.apply(*(int(column[i]) for column in (tape.code, tape.price, tape.qty, tape.order_id)))
    price = MID + away * (-1 if side == 0 else 1)
    order = child("us", Side.BUY if side == 0 else Side.SELL, qty, price)
    driver.venue.stats[lay.V_CURSOR] = at
    driver.submit(order, START_NS + at * MS)
    oracle = Named(book, side, price - tape.meta.price_base, qty)
    for i in range(at, len(rows)):
        driver.row(i)
        oracle.row(*(int(column[i]) for column in (tape.code, tape.price, tape.qty, tape.order_id)))
        assert [fill[1] for fill in driver.fills] == oracle.fills
        if oracle.leaves:
            assert driver.venue.fronts[0, lay.F_AHEAD] == oracle.ahead


@settings(max_examples=100)
@given(rows=fair_markets(), at=st.integers(1, 80), side=st.sampled_from([0, 1]), away=st.integers(1, 3))
def test_our_place_is_exact_in_a_whole_market(
    rows: list[tuple[int, int, int, int, int]], at: int, side: int, away: int
) -> None:
    """The same through the simulated market, whose kernels count the venue's rows themselves."""
    tape = with_ids(make_tape([row[:4] for row in rows]), [row[4] for row in rows])
    market, book, at = SimMarket(tape, latency=Latency(), queue_model="fifo"), OrderBook(), min(at, len(rows))
    book.run(tape, 0, at)
    now, _ = market.advance(START_NS + at * MS - 1)
    price = MID + away * (-1 if side == 0 else 1)
    market.submit(child("us", Side.BUY if side == 0 else Side.SELL, 25, price, "post-only"), now)
    oracle, made = Named(book, side, price - tape.meta.price_base, 25), []
    for i in range(at, len(rows)):
        oracle.row(*(int(column[i]) for column in (tape.code, tape.price, tape.qty, tape.order_id)))
    while now < market.end_ns + MS:
        now, _ = market.advance(market.end_ns + MS)
        made += [one.event.fill.qty_units for one in market.poll(now) if isinstance(one.event, Filled)]
    assert made == oracle.fills


def test_joining_the_touch_of_a_recorded_day(recorded_data: Path) -> None:
    """60 orders join the best bid or ask of AMZN one after the other; each is followed for 1,500 rows."""
    (tape,) = open_tapes([recorded_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"])
    driver, book = Driver(tape, "fifo"), OrderBook()
    rows = list(zip(*(c.tolist() for c in (tape.code, tape.price, tape.qty, tape.order_id)), strict=True))
    oracle: Named | None = None
    followed = seen = compared = 0
    for i in range(95_000):
        if i >= 2_000 and i % 1_550 == 0:
            side = i // 1_550 % 2
            price = book.levels(side)[0][0]
            driver.venue.stats[lay.V_CURSOR] = i
            order = child(
                f"o{i}", Side.BUY if side == 0 else Side.SELL, 100, price + tape.meta.price_base, "post-only",
                listing=tape.listing.key,
            )  # fmt: skip
            driver.fills.clear()
            assert driver.submit(order, int(tape.t_event[i - 1])) == ["acked"]
            oracle, followed, slot = Named(book, side, price, 100), followed + 1, driver.venue._by_id[f"o{i}"].slot
        elif i % 1_550 == 1_500:
            driver.venue.cancel(f"o{i - 1_500}", int(tape.t_event[i - 1]))
            oracle = None
        driver.row(i)
        book.apply(*rows[i])
        if oracle is not None and tape.code[i] & SEEDED:
            if rows[i][1] == oracle.price:
                oracle = None  # the level left the recorded window: who leaves it is not recorded
        elif oracle is not None:
            oracle.row(*rows[i])
            made = [fill[1] for fill in driver.fills]
            if made != oracle.fills and tape.code[i] & KIND_MASK in (Row.ADD, Row.TRADE):
                oracle = None  # the other side came, or a hidden print: not of the queue
                continue
            if made != oracle.fills or (oracle.leaves and driver.venue.fronts[slot, lay.F_AHEAD] != oracle.ahead):
                raise AssertionError((i, made, oracle.fills, driver.venue.fronts[slot], oracle.ahead))
            compared, seen = compared + 1, seen + (len(oracle.fills) > 0)
    assert followed == 60
    assert seen > 1_000
    assert compared > 20_000
