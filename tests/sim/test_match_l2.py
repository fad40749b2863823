"""Matching: kernel equals reference on random streams and orders, and no fill is larger than what was there."""

from __future__ import annotations

import copy
import dataclasses
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided
from sim_orders import child, own_impacts, plain_overlay

from nowake.core.child import ChildOrder, ChildStatus, Liquidity, TimeInForce
from nowake.core.instrument import FeeSchedule
from nowake.core.order import Side
from nowake.core.tape import END, HIDDEN, OFF_EXCHANGE, SEEDED, SNAPSHOT, Book, Row, Tape, row_code
from nowake.core.value import replace
from nowake.market import book as bk
from nowake.market import seen
from nowake.market.book_l3 import NOTE_FIELDS, OrderBook
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim import layout as lay
from nowake.sim import match_l2 as l2
from nowake.sim.impact import OwnImpact, charge
from nowake.sim.match_reference import TOOK, ReferenceMatcher
from nowake.sim.merge import joined_at
from nowake.sim.queues import queue_model
from nowake.sim.rules import VenueRules
from nowake.sim.venue import SimVenue

BID, ASK = Book.BID, Book.ASK
NO_ROWS = np.empty(0, dtype=np.int64)
NO_NOTES = np.empty((0, NOTE_FIELDS), dtype=np.int64)
SELL_HITS, BUY_HITS = ASK, BID  # side of a TRADE row: its aggressor


class Driver:
    """A kernel venue fed row by row."""

    def __init__(
        self,
        tape: Tape,
        model: str = "power-2",
        impact: str = "off",
        half: int | None = None,
        refresh: int = 0,
        own: OwnImpact | None = None,
        named: bool = False,
        **rules: object,
    ) -> None:
        self.venue = SimVenue(
            tape, fees=FeeSchedule(), session=None, model=queue_model(model), seed=1,
            impact=charge(impact, tape.listing, half_life_ns=half, own=own),
            rules=VenueRules(refresh_ns=refresh, **rules),
        )  # fmt: skip
        self.rows = list(
            zip(tape.t_event.tolist(), tape.code.tolist(), tape.price.tolist(), tape.qty.tolist(), strict=True)
        )
        self.joined = joined_at(tape, NO_ROWS) if model == "fifo" else np.empty(0, dtype=np.int32)
        self.notes = OrderBook().notes(tape, tape.t_event, NO_ROWS) if named else NO_NOTES
        if named:
            self.venue.name_taken(log=False)
        self.fills: list[tuple[str, int, int, int, bool]] = []

    def row(self, i: int) -> None:
        t, code, price, qty = self.rows[i]
        venue = self.venue
        while status := l2.venue_row(
            *bk.parts(venue.book), venue.stats, venue.reals, venue.orders, venue.fronts, venue.fills, venue.taken,
            venue.taken_at, t, code, price, qty, i, self.joined, self.notes, venue.log, i,
            l2.is_plain(venue.stats, self.joined),
        ):  # fmt: skip
            venue.make_room(status)
        self.note(venue.collect())

    def note(self, reports: list) -> list[str]:
        for report in reports:
            if report.fill is not None:
                fill = report.fill
                maker = fill.liquidity is Liquidity.MAKER
                self.fills.append((fill.child_id, fill.qty_units, fill.price_units, fill.t_venue_ns, maker))
        return [report.kind for report in reports]

    def submit(self, order: ChildOrder, t: int) -> list[str]:
        return self.note(self.venue.submit(order, t))


ACTIONS = st.tuples(
    st.integers(0, 60),  # before which row
    st.sampled_from(["limit", "limit", "post-only", "market", "primary", "midpoint", "hidden", "iceberg", "cancel"]),
    st.booleans(),  # buy
    st.integers(-3, 3),
    st.sampled_from([1, 3, 20, 200]),
    st.sampled_from(["gtc", "ioc", "fok"]),
    st.sampled_from([None, None, 0, 1, 7]),  # displayed at a time
)
PEGS = ("primary", "midpoint")


def act(driver: Driver, reference: ReferenceMatcher, names: list[str], i: int, t: int, what: tuple) -> None:
    """Let one order or cancel arrive at both before row ``i``; ``names`` are those of the orders they took."""
    kind, buy, away, size, tif, display = what
    if kind == "cancel":
        name = f"o{size % 10}"
        driver.venue.cancel(name, t)
        reference.orders = [order for order in reference.orders if names[order.number] != name]
        return
    reference.refresh(t, i)
    reference.look(t, i)
    name, side = f"o{len(names)}", 0 if buy else 1
    rests = kind not in ("market", "limit") or (kind == "limit" and tif == "gtc")
    display = {"hidden": 0, "iceberg": min(size, 7), "midpoint": None}.get(kind, display)
    order = child(
        name, Side.BUY if buy else Side.SELL, size, 0 if kind in PEGS and size == 3 else MID + away,
        kind if kind in ("market", "post-only") else "limit", "gtc" if rests else tif,
        peg=kind if kind in PEGS else "none", display=min(size, display) if rests and display is not None else None,
    )  # fmt: skip
    if "rejected" in driver.submit(order, t):
        return
    names.append(name)
    number, left, limit = len(names) - 1, size, order.price_units or None
    if kind in ("limit", "market", "hidden", "iceberg"):
        whole = order.tif is not TimeInForce.FOK or not copy.deepcopy(reference).take(number, side, limit, size, t)
        left = reference.take(number, side, limit, size, t, i) if whole else left
    if left and order.tif is TimeInForce.GTC:
        reference.rest(number, side, limit, left, t, peg=order.peg, display=order.display_qty_units, row=i)


def left_of_bar(rows: list[tuple[int, int, int, int]], bar_ms: int, t: int, fills: list[tuple]) -> int:
    """Return what one may still have of the bar at ``t``: a quarter of its prints, less what was filled in it."""
    quotes = [row[0] for row in rows if row[1] & 15 == Row.SET]
    phase = (START_NS + quotes[0] * MS if quotes else 0) % (bar_ms * MS)

    def bar(at_ns: int) -> int:
        return (at_ns - phase) // (bar_ms * MS)

    printed = sum(row[3] for row in rows if row[1] & 15 == Row.TRADE and bar(START_NS + row[0] * MS) == bar(t))
    return printed // 4 - sum(fill[1] for fill in fills if bar(fill[3]) == bar(t))


@settings(max_examples=300)
@given(
    rows=streams(max_rows=60, reach=3),
    actions=st.lists(ACTIONS, max_size=10),
    model=st.sampled_from(["power-2", "power-3", "log", "risk-averse", "fifo"]),
    ids=st.lists(st.integers(0, 5), min_size=60, max_size=60),
    ledger=st.sampled_from([None, -1, 30 * MS]),
    refresh=st.sampled_from([0, MS, 50 * MS]),
    own=st.none() | own_impacts(),
    bar_ms=st.sampled_from([0, 0, 7, 100]),
)
def test_kernel_equals_reference(
    rows: list[tuple[int, int, int, int]],
    actions: list[tuple],
    model: str,
    ids: list[int],
    ledger: int | None,
    refresh: int,
    own: OwnImpact | None,
    bar_ms: int,
) -> None:
    tape = make_tape(rows)
    if bar_ms:
        tape = dataclasses.replace(tape, meta=replace(tape.meta, modelled=f"from {bar_ms}ms bars"))
    if model == "fifo":
        tape = dataclasses.replace(tape, order_id=np.array(ids[: len(rows)], dtype=np.int64))
    impact = "full" if own else "off" if ledger is None else "ledger"
    driver = Driver(tape, model, impact, None if own or ledger in (None, -1) else ledger, refresh, own)
    named = queue_model(model)
    overlay = plain_overlay(own) if own else ReferenceOverlay(half_ns=0 if ledger is None else ledger)
    reference = ReferenceMatcher(model=named.number, n=named.n, overlay=overlay, refresh_ns=refresh)
    if bar_ms:
        reference.bar_room = lambda t, fills: left_of_bar(rows, bar_ms, t, fills)
    names: list[str] = []
    prices = tape.prices().tolist()
    for i in range(len(rows)):
        t, code, _, qty = driver.rows[i]
        driver.venue.stats[lay.V_CURSOR] = i
        for at, kind, buy, away, size, tif, display in actions:
            if at != i:
                continue
            act(driver, reference, names, i, t, (kind, buy, away, size, tif, display))
        driver.row(i)
        came = int(driver.joined[i]) if model == "fifo" else None
        reference.row(t, code, prices[i], qty, i, came)
    expected = [(names[number], qty, price, t, how != TOOK) for number, qty, price, t, how in reference.fills]
    # The venue names each order it refused, the reference only those it took: compare by id.
    renamed = {name: name for name in names}
    assert [(renamed[f[0]], *f[1:]) for f in driver.fills] == expected
    live = {names[order.number]: order.leaves for order in reference.orders}
    left = {s.child_id: driver.venue.child(s.child_id).qty_units - s.cum_qty for s in driver.venue.truth() if s.live}
    assert left == live
    worlds = {names[one.number]: [(w.ahead, w.left) for w in one.worlds] for one in reference.orders if one.plain}
    fronts = {name: driver.venue.fronts[driver.venue._by_id[name].slot] for name in worlds}
    ends = ((lay.F_AHEAD_MAX, lay.F_LEFT_MAX), (lay.F_AHEAD_MIN, lay.F_LEFT_MIN))
    found = {name: [(front[ahead], front[left]) for ahead, left in ends] for name, front in fronts.items()}
    assert found == worlds


def run_rows(rows: list[tuple[int, int, int, int]], *orders: ChildOrder, **options: object) -> Driver:
    """Build the standard book, let the orders arrive, then run the rows."""
    before = two_sided()
    driver = Driver(make_tape(before + rows), **options)
    for i in range(len(before)):
        driver.row(i)
    for order in orders:
        driver.submit(order, START_NS)
    for i in range(len(before), len(before) + len(rows)):
        driver.row(i)
    return driver


def filled(driver: Driver) -> list[tuple[str, int, int]]:
    return [(name, qty, price) for name, qty, price, _, _ in driver.fills]


def trade(ms: int, aggressor: Book, price: int, qty: int, *flags: int) -> tuple[int, int, int, int]:
    return ms, row_code(Row.TRADE, aggressor, END, *flags), price, qty


def level(ms: int, side: Book, price: int, qty: int, *flags: int) -> tuple[int, int, int, int]:
    return ms, row_code(Row.SET, side, END, *flags), price, qty


BUY = child("b", Side.BUY, 30, MID - 1)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([trade(1, SELL_HITS, MID - 1, 100)], []),  # exactly the 100 ahead of us
        ([trade(1, SELL_HITS, MID - 1, 110)], [("b", 10, MID - 1)]),
        ([trade(1, SELL_HITS, MID - 1, 60), trade(2, SELL_HITS, MID - 1, 60)], [("b", 20, MID - 1)]),
        ([trade(1, BUY_HITS, MID - 1, 500)], []),
        ([trade(1, SELL_HITS, MID, 500)], []),  # better than our price
        ([trade(1, SELL_HITS, MID - 2, 5)], [("b", 5, MID - 1)]),  # through us: at our price, at most the print
        ([trade(1, SELL_HITS, MID - 2, 500)], [("b", 30, MID - 1)]),
        ([trade(1, SELL_HITS, MID - 1, 500, HIDDEN)], []),  # the displayed 100 go first
        ([level(1, BID, MID - 1, 0), trade(1, SELL_HITS, MID - 1, 500, HIDDEN)], [("b", 30, MID - 1)]),
        ([trade(1, SELL_HITS, MID - 1, 500, OFF_EXCHANGE)], []),  # printed elsewhere
        ([trade(1, SELL_HITS, MID - 2, 500, OFF_EXCHANGE)], []),
        ([level(1, BID, MID - 1, 40), trade(1, SELL_HITS, MID - 1, 45)], [("b", 5, MID - 1)]),
        ([level(1, BID, MID - 1, 900), trade(1, SELL_HITS, MID - 1, 110)], [("b", 10, MID - 1)]),
        ([level(1, ASK, MID - 1, 7)], [("b", 7, MID - 1)]),  # the ask comes to us
        ([level(1, ASK, MID - 3, 70)], [("b", 30, MID - 1)]),
        ([level(1, ASK, MID - 1, 7, SNAPSHOT)], []),
        ([level(1, ASK, MID - 1, 7, SEEDED)], []),
        ([level(1, BID, MID - 1, 0, SEEDED), trade(2, SELL_HITS, MID - 1, 110)], [("b", 10, MID - 1)]),
        ([(1, row_code(Row.HALT, Book.NONE, END), 0, 0), trade(2, SELL_HITS, MID - 2, 9)], []),
        ([(1, row_code(Row.FILL, BID, END), MID - 1, 100), (2, row_code(Row.FILL, BID, END), MID - 2, 4)],
         [("b", 4, MID - 1)]),
    ],
)  # fmt: skip
def test_who_is_filled(rows: list[tuple[int, int, int, int]], expected: list[tuple[str, int, int]]) -> None:
    assert filled(run_rows(rows, BUY)) == expected


def test_two_own_orders_share_one_print_by_price_then_time() -> None:
    orders = [
        child("late", Side.BUY, 20, MID - 1),
        child("best", Side.BUY, 20, MID),
        child("last", Side.BUY, 9, MID - 1),
    ]
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 150)], *orders)
    assert filled(driver) == [("best", 20, MID), ("late", 20, MID - 1), ("last", 9, MID - 1)]
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 125)], *orders)
    assert filled(driver) == [("best", 20, MID), ("late", 5, MID - 1)]


def test_a_market_order_walks_the_levels_and_the_rest_expires() -> None:
    driver = run_rows([])
    said = driver.submit(child("m", Side.BUY, 350, kind="market"), START_NS)
    assert said == ["acked", "filled", "filled", "filled", "ended"]
    assert filled(driver) == [("m", 100, MID + 1), ("m", 100, MID + 2), ("m", 100, MID + 3)]
    assert driver.venue.truth()[0].status is ChildStatus.EXPIRED


def test_a_limit_order_takes_up_to_its_price_and_rests() -> None:
    driver = run_rows([trade(1, SELL_HITS, MID + 2, 20)], child("l", Side.BUY, 250, MID + 2))
    assert filled(driver) == [("l", 100, MID + 1), ("l", 100, MID + 2), ("l", 20, MID + 2)]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (child("x", Side.BUY, 5, MID + 1, "post-only"), "would-cross"),
        (child("x", Side.SELL, 5, MID - 1, "post-only"), "would-cross"),
        (child("x", Side.BUY, 7, MID - 1), "grid"),
        (child("x", Side.BUY, 10, MID - 1), "min-notional"),
        (child("x", Side.SELL, 50, MID - 2, tif="ioc"), "self-trade"),
        (child("b", Side.BUY, 50, MID - 1), "duplicate-id"),
    ],
)
def test_orders_are_refused_by_name(order: ChildOrder, code: str) -> None:
    tape = make_tape(two_sided(), lot_units=5, min_qty_units=20)
    if code == "would-cross":
        tape = make_tape(two_sided(), lot_units=5)
    driver = Driver(tape)
    for i in range(len(tape)):
        driver.row(i)
    driver.submit(child("b", Side.BUY, 30, MID - 1), START_NS)
    report = driver.venue.submit(order, START_NS)[0]
    assert (report.kind, report.code) == ("rejected", code)
    assert sum(status.live for status in driver.venue.truth()) == 1


def test_a_halted_venue_refuses_orders_and_takes_cancels() -> None:
    driver = run_rows([(1, row_code(Row.HALT, Book.NONE, END), 0, 0)], BUY)
    assert driver.venue.submit(child("h", Side.BUY, 1, MID - 1), START_NS)[0].code == "halted"
    assert [r.kind for r in driver.venue.cancel("b", START_NS)] == ["ended"]
    assert driver.venue.cancel("b", START_NS)[0].code == "too-late"
    assert driver.venue.cancel("nobody", START_NS)[0].code == "unknown"


def market_buy(driver: Driver, name: str, qty: int, t: int = START_NS) -> list[tuple[str, int, int]]:
    before = len(driver.fills)
    driver.submit(child(name, Side.BUY, qty, kind="market"), t)
    return filled(driver)[before:]


def test_with_impact_off_the_book_ignores_us() -> None:
    driver = run_rows([])
    assert market_buy(driver, "a", 60) == [("a", 60, MID + 1)]
    assert market_buy(driver, "b", 60) == [("b", 60, MID + 1)]


def test_the_ledger_remembers_what_we_took() -> None:
    rows = [level(1, ASK, MID + 1, 120), level(2, ASK, MID + 1, 60), level(3, ASK, MID + 1, 0)]
    rows += [level(4, ASK, MID + 1, 100)]
    driver = Driver(make_tape(two_sided() + rows), impact="ledger")
    for i in range(6):
        driver.row(i)
    assert market_buy(driver, "a", 60) == [("a", 60, MID + 1)]
    assert market_buy(driver, "b", 60) == [("b", 40, MID + 1), ("b", 20, MID + 2)]
    driver.row(6)  # 100 -> 120: a rise adds 20 to what is seen
    assert market_buy(driver, "c", 30) == [("c", 20, MID + 1), ("c", 10, MID + 2)]
    driver.row(7)  # 120 -> 60: taken 120 falls to 60, nothing is seen
    assert market_buy(driver, "d", 1) == [("d", 1, MID + 2)]
    driver.row(8)
    driver.row(9)  # the level went and came again: new quantity
    assert market_buy(driver, "e", 100) == [("e", 100, MID + 1)]


def test_what_was_taken_comes_back_by_half_lives_and_at_once_when_instant() -> None:
    driver = Driver(make_tape(two_sided()), impact="ledger", half=10 * MS)
    for i in range(6):
        driver.row(i)
    assert market_buy(driver, "a", 100) == [("a", 100, MID + 1)]
    assert market_buy(driver, "b", 60, START_NS + 10 * MS) == [("b", 50, MID + 1), ("b", 10, MID + 2)]
    instant = Driver(make_tape(two_sided()), impact="ledger", half=0)
    for i in range(6):
        instant.row(i)
    assert market_buy(instant, "a", 60) + market_buy(instant, "b", 60) == [("a", 60, MID + 1), ("b", 60, MID + 1)]


@given(rows=streams(max_rows=60, reach=3, odd=False), buys=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 150))))
def test_with_the_ledger_no_displayed_quantity_is_taken_twice(
    rows: list[tuple[int, int, int, int]], buys: list[tuple[int, int]]
) -> None:
    """Judge by arrivals: at each price, what we took <= all that was ever shown to arrive there."""
    tape = make_tape(rows)
    driver = Driver(tape, impact="ledger")
    came: dict[int, int] = defaultdict(int)
    size: dict[int, int] = defaultdict(int)
    prices = tape.prices().tolist()
    for i, (_, code, _, qty) in enumerate(driver.rows):
        driver.row(i)
        kind, side = Row(code & 15), code >> 4 & 3
        if side == ASK and kind in (Row.SET, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL):
            price = prices[i]
            now = qty if kind is Row.SET else max(size[price] + (qty if kind is Row.ADD else -qty), 0)
            came[price] += max(now - size[price], 0)
            size[price] = now
        for n, (at, want) in enumerate(buys):
            if at == i:
                market_buy(driver, f"{i}-{n}", want, driver.rows[i][0])
    took: dict[int, int] = defaultdict(int)
    for _, qty, price, _, _ in driver.fills:
        took[price] += qty
    assert all(took[price] <= came[price] for price in took)


@given(rows=streams(max_rows=60, reach=3), sizes=st.lists(st.integers(1, 80), min_size=1, max_size=4))
def test_passive_fills_never_exceed_the_print_or_the_arrival(
    rows: list[tuple[int, int, int, int]], sizes: list[int]
) -> None:
    tape = make_tape(rows)
    driver = Driver(tape)
    for n, qty in enumerate(sizes):
        driver.submit(child(f"b{n}", Side.BUY, qty, MID - n % 2), START_NS)
    old: dict[int, int] = {}
    for i, (_, code, price, qty) in enumerate(driver.rows):
        before = len(driver.fills)
        driver.row(i)
        got = sum(fill[1] for fill in driver.fills[before:])
        new = dict(bk.levels(driver.venue.book, 1))
        arrived = max(new.get(-price, 0) - old.get(-price, 0), 0)
        old = new
        printed = qty if code & 15 in (Row.TRADE, Row.FILL) else 0
        assert got <= max(printed, arrived)


def test_half_up_rounding_of_big_pro_rata_is_exact() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        old = int(rng.integers(1, 2**61))
        amount, new = int(rng.integers(0, old + 1)), int(rng.integers(0, old + 1))
        assert seen.scaled_up(amount, new, old) == -(-amount * new // old)
