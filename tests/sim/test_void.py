"""Recorded orders that we consumed are void: by hand, kernel = plain meaning, conservation, on recorded days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape
from sim_orders import child, own_impacts, plain_overlay
from test_fifo import with_ids
from test_match_l2 import Driver, act

from nowake.core.child import ChildOrder
from nowake.core.order import Side
from nowake.core.tape import END, SEEDED, Book, Row, Tape, row_code
from nowake.core.view import Watch, WatchKind
from nowake.data.source import open_tapes
from nowake.market import book as bk
from nowake.market import run as run_module
from nowake.market.book_l3 import N_REACH, OrderBook
from nowake.market.book_l3_reference import ReferenceOrderBook
from nowake.market.table import table_get
from nowake.sim import layout as lay
from nowake.sim.exchange import SimMarket
from nowake.sim.impact import OwnImpact
from nowake.sim.latency import Latency
from nowake.sim.match_reference import TOOK, ReferenceMatcher
from nowake.sim.queues import queue_model
from nowake.sim.void_reference import ReferenceVoids, reach_of

BID, ASK = Book.BID, Book.ASK
OFFER = MID + 1
IdRow = tuple[int, int, int, int, int]
"""(ms, code, price, qty, id)."""


def ask(ms: int, kind: Row, qty: int, name: int, price: int = OFFER, *flags: int) -> IdRow:
    return ms, row_code(kind, ASK, END, *flags), price, qty, name


def bid(ms: int, kind: Row, qty: int, name: int, price: int = MID - 1, *flags: int) -> IdRow:
    return ms, row_code(kind, BID, END, *flags), price, qty, name


BOOK = [
    bid(0, Row.ADD, 100, 90),
    ask(0, Row.ADD, 100, 1), ask(0, Row.ADD, 50, 2), ask(0, Row.ADD, 70, 3),
    ask(0, Row.ADD, 40, 4, OFFER + 1), ask(0, Row.ADD, 60, 5, OFFER + 2),
]  # fmt: skip
"""Offers: 100, 50 and 70 in this order, then 40 and 60 a tick and two ticks higher."""


def tape_of(rows: list[IdRow]) -> Tape:
    return with_ids(make_tape([row[:4] for row in rows]), [row[4] for row in rows])


def named_driver(tape: Tape, impact: str = "ledger", own: OwnImpact | None = None, **options: object) -> Driver:
    return Driver(tape, "fifo", impact, own=own, named=True, **options)


def run(rows: list[IdRow], *orders: ChildOrder, **options: object) -> Driver:
    """Let orders meet BOOK one after the other, then run the rows."""
    driver = named_driver(tape_of([*BOOK, *rows]), **options)
    for i in range(len(BOOK)):
        driver.row(i)
    driver.venue.stats[lay.V_CURSOR] = len(BOOK)
    for order in orders:
        assert "rejected" not in driver.submit(order, START_NS)
    driver.fills.clear()
    for i in range(len(BOOK), len(BOOK) + len(rows)):
        driver.row(i)
    return driver


def offers(driver: Driver) -> list[tuple[int, int]]:
    """Return (price, seen size) of the offers."""
    venue, found = driver.venue, []
    for key, size in bk.levels(venue.book, 1):
        left = size - table_get(venue.taken, key * 2 + 1)
        found += [(9_000 - key, left)] if left > 0 else []
    return found


def takes(qty: int, name: str = "take") -> ChildOrder:
    return child(name, Side.BUY, qty, OFFER, tif="ioc")


SELL = child("s", Side.SELL, 30, OFFER, "post-only")
"""An order of ours that stands last at the offer."""
EXEC = Row.FILL


@pytest.mark.parametrize(
    ("took", "rows", "expected"),
    [
        # We took all of the first order. It is deleted: nothing that is seen changes.
        (100, [ask(1, Row.DELETE, 100, 1)], [(OFFER, 120), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # ... its owner halves it: neither.
        (100, [ask(1, Row.REDUCE, 50, 1)], [(OFFER, 120), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # We took 80 of 100, the owner takes back 15: of the 20 that live 5 are left.
        (80, [ask(1, Row.REDUCE, 15, 1)], [(OFFER, 125), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # ... takes back 50: nothing of it is left, and no more than that goes.
        (80, [ask(1, Row.REDUCE, 50, 1)], [(OFFER, 120), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # One who is not void leaves: all of it goes.
        (100, [ask(1, Row.DELETE, 70, 3)], [(OFFER, 50), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # The aggressor who executed the void order takes the next 50 and 50 of the third.
        (100, [ask(1, EXEC, 100, 1)], [(OFFER, 20), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # ... and those are void now: when they are executed as recorded, their aggressors find 20, and then nobody.
        (100, [ask(1, EXEC, 100, 1), ask(2, EXEC, 50, 2)], [(OFFER + 1, 40), (OFFER + 2, 60)]),
        (100, [ask(1, EXEC, 100, 1), ask(2, EXEC, 50, 2), ask(3, EXEC, 70, 3)], [(OFFER + 1, 40), (OFFER + 2, 60)]),
        # 20 live, 60 are executed: 20 of it, then 40 of the second.
        (80, [ask(1, EXEC, 60, 1)], [(OFFER, 80), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # Who then is deleted with the 40 that nobody recorded as gone leaves with what lives, 10 of 50.
        (80, [ask(1, EXEC, 60, 1), ask(2, Row.DELETE, 50, 2)], [(OFFER, 70), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # All is void; an aggressor for 100 went no further as recorded: it expires.
        (220, [ask(1, EXEC, 100, 1)], [(OFFER + 1, 40), (OFFER + 2, 60)]),
        # It also executed the next price in the same instant: its loose 100 go there and on, as far as that.
        (220, [ask(1, EXEC, 100, 1), ask(1, EXEC, 10, 4, OFFER + 1)], [(OFFER + 2, 60)]),
        # What was left of it joined the bids two ticks higher: so far it would have gone.
        (220, [ask(1, EXEC, 100, 1), bid(1, Row.ADD, 5, 91, OFFER + 2)], []),
        (220, [ask(1, EXEC, 70, 1), bid(1, Row.ADD, 5, 91, OFFER + 2)], [(OFFER + 2, 30)]),
        # An order that joins is live whatever we took before it.
        (220, [ask(1, Row.ADD, 33, 6)], [(OFFER, 33), (OFFER + 1, 40), (OFFER + 2, 60)]),
        (220, [ask(1, Row.ADD, 33, 6), ask(2, EXEC, 10, 1)], [(OFFER, 23), (OFFER + 1, 40), (OFFER + 2, 60)]),
        # The level leaves the recorded window and comes back with 150 unknown: 100 of it are still void.
        (100, [ask(1, Row.SET, 0, 0, OFFER, SEEDED), ask(2, Row.SET, 150, 0, OFFER, SEEDED)],
         [(OFFER, 50), (OFFER + 1, 40), (OFFER + 2, 60)]),
    ],
)  # fmt: skip
def test_what_is_seen_after_we_took(took: int, rows: list[IdRow], expected: list[tuple[int, int]]) -> None:
    assert offers(run(rows, takes(took))) == expected


@pytest.mark.parametrize(
    ("took", "rows", "expected"),
    [
        (100, [ask(1, EXEC, 100, 1)], []),  # 120 live before us
        (100, [ask(1, EXEC, 100, 1), ask(2, EXEC, 25, 2)], [5]),  # 20 were left before us
        (220, [ask(1, EXEC, 100, 1)], [30]),  # nobody else: the aggressor is ours, and no more than we offer
        (220, [ask(1, EXEC, 12, 1)], [12]),
        (220, [ask(1, Row.DELETE, 100, 1)], []),  # a cancel brings nobody
        (220, [ask(1, Row.REDUCE, 99, 1)], []),
        (210, [ask(1, EXEC, 100, 1)], [30]),  # 10 live before us
        (210, [ask(1, EXEC, 30, 1)], [20]),
        (210, [ask(1, Row.ADD, 500, 6), ask(2, EXEC, 100, 1)], [30]),  # who came after us waits
        (220, [ask(1, EXEC, 20, 1), ask(2, EXEC, 20, 1)], [20, 10]),
        (220, [bid(1, Row.DELETE, 100, 90), ask(2, EXEC, 100, 1), ask(2, EXEC, 40, 4, OFFER + 1)], [30]),
    ],
)
def test_when_the_aggressor_is_ours(took: int, rows: list[IdRow], expected: list[int]) -> None:
    """Ours joins behind 100, 50 and 70 of which ``took`` are void."""
    driver = run(rows, takes(took), SELL)
    assert [qty for _, qty, price, _, maker in driver.fills if maker and price == OFFER] == expected
    assert sum(fill[1] for fill in driver.fills) == sum(expected)


def test_an_aggressor_that_finds_nobody_at_its_price_reaches_ours_at_the_next_if_it_would_have_gone_there() -> None:
    deep = child("d", Side.SELL, 30, OFFER + 1, "post-only")
    rows = [ask(1, EXEC, 100, 1), ask(1, EXEC, 1, 4, OFFER + 1)]
    driver = run(rows, takes(220), deep)
    # 40 stand before ours at the next price, 100 come: ours is filled.
    assert driver.fills == [("d", 30, OFFER + 1, START_NS + MS, True)]
    assert run(rows[:1], takes(220), deep).fills == []


def test_off_and_instant_refill_know_no_void_orders() -> None:
    for options in ({"impact": "off"}, {"impact": "ledger", "half": 0}):
        driver = Driver(tape_of([*BOOK, ask(1, EXEC, 100, 1)]), "fifo", named=False, **options)
        for i in range(len(BOOK)):
            driver.row(i)
        driver.submit(takes(220), START_NS)
        driver.row(len(BOOK))
        assert offers(driver) == [(OFFER, 120), (OFFER + 1, 40), (OFFER + 2, 60)]


def test_what_is_void_does_not_come_back_by_half_lives() -> None:
    driver = run([bid(3_600_000, Row.ADD, 1, 92)], takes(100), half=MS)
    assert offers(driver)[0] == (OFFER, 120)


@st.composite
def markets(draw: st.DrawFn) -> list[IdRow]:
    """Draw rows that are consistent: executions mostly of the first at the best price, in runs of one aggressor."""
    queues: dict[tuple[Book, int], list[list[int]]] = {}
    rows: list[IdRow] = []
    next_id, ms = 1, 0
    for _ in range(draw(st.integers(10, 70))):
        ms += draw(st.sampled_from([0, 0, 1, 20]))
        side = draw(st.sampled_from([BID, ASK, ASK]))
        sign = -1 if side == BID else 1
        prices = sorted((p for on, p in queues if on == side), reverse=side == BID)
        what = draw(st.sampled_from(["add", "add", "sweep", "sweep", "odd", "reduce", "delete", "set", "seen"]))
        if not prices or what == "add":
            price, qty = MID + draw(st.integers(1, 4)) * sign, draw(st.sampled_from([1, 5, 10, 30, 100]))
            name = next_id if draw(st.integers(0, 9)) else 0
            queue = queues.setdefault((side, price), [])
            if name:
                queue.append([name, qty])
            elif queue and queue[0][0] == 0:
                queue[0][1] += qty
            else:
                queue.insert(0, [0, qty])
            rows.append((ms, row_code(Row.ADD, side, END), price, qty, name))
            next_id += 1
            continue
        if what in ("set", "seen"):
            price = draw(st.sampled_from(prices))
            qty = draw(st.sampled_from([0, 3, 40, sum(one[1] for one in queues[side, price])]))
            if qty != sum(one[1] for one in queues[side, price]):
                queues[side, price] = [[0, qty]] if qty else []
            flag = SEEDED if what == "seen" else 0
            rows.append((ms, row_code(Row.SET, side, END, flag), price, qty, 0))
        elif what == "sweep":
            left = draw(st.sampled_from([1, 7, 20, 60, 150]))
            for price in prices[: draw(st.integers(1, 3))]:
                queue = queues[side, price]
                while left and queue:
                    part = min(left, queue[0][1])
                    rows.append((ms, row_code(Row.FILL, side, END), price, part, queue[0][0]))
                    queue[0][1] -= part
                    left -= part
                    if not queue[0][1]:
                        queue.pop(0)
            if left and draw(st.booleans()):
                queues.setdefault((Book(3 - side), prices[0]), []).append([next_id, left])
                rows.append((ms, row_code(Row.ADD, Book(3 - side), END), prices[0], left, next_id))
                next_id += 1
        else:
            price = draw(st.sampled_from(prices))
            one = draw(st.sampled_from(queues[side, price]))
            kind = {"odd": Row.FILL, "reduce": Row.REDUCE, "delete": Row.DELETE}[what]
            qty = one[1] if what == "delete" else draw(st.integers(1, one[1]))
            rows.append((ms, row_code(kind, side, END), price, qty, one[0]))
            one[1] -= qty
            if one[1] == 0:
                queues[side, price].remove(one)
        queues = {place: queue for place, queue in queues.items() if queue}
    return rows


ACTIONS = st.tuples(
    st.integers(0, 70),
    st.sampled_from(["limit", "limit", "market", "market", "post-only", "hidden", "iceberg", "primary", "cancel"]),
    st.sampled_from([True, True, False]),
    st.integers(-3, 4),
    st.sampled_from([1, 3, 20, 200]),
    st.sampled_from(["gtc", "ioc"]),
    st.sampled_from([None, None, 7]),
)


def plain(own: OwnImpact | None) -> ReferenceVoids:
    made = plain_overlay(own) if own else None
    return ReferenceVoids(
        half_ns=-1, unit=made.unit if made else 0, permanent=made.permanent if made else 0.0,
        terms=made.terms if made else (),
    )  # fmt: skip


def compare(driver: Driver, reference: ReferenceMatcher, names: list[str]) -> None:
    """Hold fills, orders that are left, what is void and places in queues against the plain meaning."""
    fills = [(names[number], qty, price, t, how != TOOK) for number, qty, price, t, how in reference.fills]
    assert driver.fills == fills
    venue, base = driver.venue, driver.base
    void = {
        (key % 2, (key >> 1) * (1 if key % 2 == 0 else -1) + base): amount
        for key, amount in venue.taken.reshape(-1, 2).tolist()
        if amount
    }
    overlay = reference.overlay
    assert isinstance(overlay, ReferenceVoids)
    places = {*overlay.void, *overlay.nobody}
    assert void == {place: amount for place in places if (amount := overlay.taken_now(*place, 0))}
    assert venue.stats[lay.V_TAKEN] == len(void)
    shown = {names[one.number]: (one.leaves, one.row, one.ahead) for one in reference.orders if one.plain}
    found = {}
    for name in shown:
        slot = venue._by_id[name].slot
        found[name] = (*venue.orders[slot, [lay.O_LEAVES, lay.O_ROW]].tolist(), float(venue.fronts[slot, lay.F_AHEAD]))
    assert found == shown


@settings(max_examples=400)
@given(
    rows=markets(),
    actions=st.lists(ACTIONS, min_size=1, max_size=12),
    own=st.none() | st.none() | own_impacts().filter(lambda one: one.half_life_s != 0),
    refresh=st.sampled_from([0, MS]),
)
def test_kernel_equals_the_plain_meaning(
    rows: list[IdRow], actions: list[tuple], own: OwnImpact | None, refresh: int
) -> None:
    tape = tape_of(rows)
    driver = named_driver(tape, "full" if own else "ledger", own, refresh=refresh)
    driver.base = tape.meta.price_base
    reference = ReferenceMatcher(model=queue_model("fifo").number, overlay=plain(own), refresh_ns=refresh)
    names: list[str] = []
    plain_rows = list(zip(*(c.tolist() for c in (tape.t_event, tape.code, tape.prices(), tape.qty)), strict=True))
    for i, row in enumerate(plain_rows):
        driver.venue.stats[lay.V_CURSOR] = i
        for action in actions:
            if action[0] == i:
                act(driver, reference, names, i, row[0], action[1:])
        driver.row(i)
        reference.row(*row, i, int(driver.joined[i]), rows[i][4], reach_of(plain_rows, i))
        compare(driver, reference, names)


@settings(max_examples=200)
@given(rows=markets(), actions=st.lists(ACTIONS.filter(lambda a: a[1] != "cancel"), min_size=1, max_size=8))
def test_nobody_is_filled_by_an_order_twice(rows: list[IdRow], actions: list[tuple]) -> None:
    """Judge by the recording alone.

    At each price, what we take is at most what arrived there; what we make of one row is at most its print or what
    arrived; and of everything that was ever offered at a price, what we took and what left otherwise never exceeds it:
    what is seen is never under 0 nor above what is recorded.
    """
    tape = tape_of(rows)
    driver = named_driver(tape)
    came: dict[tuple[int, int], int] = {}
    took: dict[tuple[int, int], int] = {}
    sizes: dict[tuple[int, int], int] = {}
    for i, (_, code, price, qty, _) in enumerate(rows):
        driver.venue.stats[lay.V_CURSOR] = i
        for _, kind, buy, away, size, tif, _ in (action for action in actions if action[0] == i):
            how = kind if kind in ("market", "post-only") else "limit"
            order = child(
                f"o{len(driver.venue.truth())}", Side.BUY if buy else Side.SELL, size, MID + away, how,
                "gtc" if how == "post-only" else tif,
            )  # fmt: skip
            before = len(driver.fills)
            driver.submit(order, int(tape.t_event[i]))
            for _, part, at, _, maker in driver.fills[before:]:
                assert not maker
                place = int(buy), at
                took[place] = took.get(place, 0) + part
        before = len(driver.fills)
        driver.row(i)
        kind, side = Row(code & 15), (code >> 4 & 3) - 1
        now = qty if kind is Row.SET else sizes.get((side, price), 0) + (qty if kind is Row.ADD else -qty)
        arrived = max(now - sizes.get((side, price), 0), 0)
        came[side, price] = came.get((side, price), 0) + arrived
        sizes[side, price] = now
        made = sum(fill[1] for fill in driver.fills[before:])
        assert made <= max(qty if kind is Row.FILL else 0, arrived)
        for packed, amount in driver.venue.taken.reshape(-1, 2).tolist():
            at = 9_000 + (packed >> 1) * (1 if packed % 2 == 0 else -1)
            assert amount >= 0
            assert amount <= sizes.get((packed % 2, at), 0) or not sizes.get((packed % 2, at), 0) or amount == 0
    assert all(took[place] <= came.get(place, 0) for place in took)


@pytest.mark.parametrize("symbol", ["AMZN", "AAPL"])
def test_kernel_equals_the_plain_meaning_on_a_recorded_day(recorded_data: Path, symbol: str) -> None:
    """We take and post all through 25,000 rows of a day: fills, orders left, places, and what is void are the same."""
    name = {"AMZN": "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip", "AAPL": "LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"}
    (whole,) = open_tapes([recorded_data / "lobster" / name[symbol]])
    count, base = 25_000, whole.meta.price_base
    tape = whole.head(count)
    driver = named_driver(tape)
    driver.base = base
    reference = ReferenceMatcher(model=queue_model("fifo").number, overlay=plain(None), lot=tape.listing.lot_units)
    names: list[str] = []
    rows = list(zip(*(c.tolist() for c in (tape.t_event, tape.code, tape.prices(), tape.qty)), strict=True))
    ids, rng, changes, loose = tape.order_id.tolist(), np.random.default_rng(5), 0, 0
    for i, row in enumerate(rows):
        driver.venue.stats[lay.V_CURSOR] = i
        if i > 100 and i % 40 == 0:
            buy, rests = bool(rng.integers(2)), bool(rng.integers(2))
            touch = bk.levels(driver.venue.book, int(buy) if not rests else 1 - int(buy), 2)
            if len(touch) == 2:
                price = abs(touch[int(rng.integers(len(touch)))][0] + (base if (buy == rests) else -base))
                qty = int(rng.choice([1, 50, 100, 300]))
                kind, tif = ("post-only", "gtc") if rests else ("limit", "ioc")
                order = child(f"o{i}", Side.BUY if buy else Side.SELL, qty, price, kind, tif, listing=tape.listing.key)
                if "rejected" not in driver.submit(order, row[0]):
                    names.append(order.child_id)
                    left = qty if rests else reference.take(len(names) - 1, 1 - int(buy), price, qty, row[0], i)
                    if left and rests:
                        reference.rest(len(names) - 1, 1 - int(buy), price, left, row[0], row=i)
        before = driver.venue.taken.copy()
        driver.row(i)
        reach = reach_of_row(rows, i)
        reference.row(*row, i, int(driver.joined[i]), ids[i], reach)
        if len(before) != len(driver.venue.taken) or not np.array_equal(before, driver.venue.taken):
            changes += 1
            loose += Row(row[1] & 15) is Row.FILL
            compare(driver, reference, names)
    compare(driver, reference, names)
    assert len(driver.fills) > 100
    assert changes > 50
    assert loose > 10


def reach_of_row(rows: list[tuple[int, int, int, int]], i: int) -> int | None:
    """Return ``reach_of`` looking at the rows around one only."""
    lo = max(i - 60, 0)
    return reach_of(rows[lo : i + 60], i - lo)


def test_how_far_an_aggressor_would_have_gone_is_the_same_on_a_recorded_day(recorded_data: Path) -> None:
    (tape,) = open_tapes([recorded_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"])
    notes = OrderBook().notes(tape, tape.t_event, np.empty(0, dtype=np.int64))
    rows = list(zip(*(c.tolist() for c in (tape.t_event, tape.code, tape.prices(), tape.qty)), strict=True))
    base, deeper = tape.meta.price_base, 0
    for i in np.flatnonzero(tape.code & 15 == Row.FILL)[:3_000].tolist():
        reach = reach_of_row(rows, i)
        assert reach is not None
        sign = 1 if (rows[i][1] >> 4 & 3) == BID else -1
        assert notes[i, N_REACH] == sign * (reach - base)
        deeper += reach != rows[i][2]
    assert deeper > 100


DELAY = 5 * MS


def worked(tape: Tape, data_ns: int, own: OwnImpact | None, *, pauses: bool) -> list[tuple]:
    """Take all of the touch and more every 3 s; return what we see every 100 ms."""
    market = SimMarket(
        tape, latency=Latency(data_ns=data_ns), impact="full" if own else "ledger", own_impact=own, seed=3
    )
    start, seen = int(tape.t_event[0]) // (100 * MS) * 100 * MS + 1_000 * MS, []
    now = 0
    for k in range(600):
        until = start + k * 100 * MS + data_ns
        looks = (Watch(watch_id="w", parent_id="p", listing=market.key, kind=WatchKind.BID_NOT, a=1),) if pauses else ()
        while now < until:  # looking at every touch, or running on without a look
            now, _ = market.advance(until, looks)
            market.poll(now)
            if pauses and now < until:
                now, _ = market.advance(min(now + 20 * MS, until))
                market.poll(now)
        view = market.view(now)
        seen.append((view.bids, view.asks))
        if k % 30 == 3 and view.asks and view.bids:
            side = Side.BUY if k % 60 == 3 else Side.SELL
            name, qty = f"t{k}", view.ask_qty if side is Side.BUY else view.bid_qty
            price = view.ask_units if side is Side.BUY else view.bid_units
            market.submit(child(name, side, qty + 50, price, tif="ioc", listing=market.key), now)
        if data_ns == 0:
            tables = market.venue.taken, run_module.tables(market.own.stats)[0]
            there, here = ({k: v for k, v in one.reshape(-1, 2).tolist() if v} for one in tables)
            assert here == there
    assert sum(len(order.fills) for order in market.venue.truth()) >= 10
    return seen


@pytest.mark.parametrize("data_ns", [0, DELAY])
@pytest.mark.parametrize("own", [None, OwnImpact(permanent=1e-4, transient=3e-4, half_life_s=None)])
def test_we_see_what_became_void_as_late_as_the_data(recorded_data: Path, own: OwnImpact | None, data_ns: int) -> None:
    """Without latency our mark is the venue's at every look; nothing depends on how often we look."""
    (tape,) = open_tapes([recorded_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"])
    tape = tape.head(6_000)
    once = worked(tape, data_ns, own, pauses=False)
    assert once == worked(tape, data_ns, own, pauses=True)
    assert len(set(once)) > 100


@given(rows=markets())
def test_notes_are_what_a_plain_book_says(rows: list[IdRow]) -> None:
    tape, book = tape_of(rows), ReferenceOrderBook()
    notes = OrderBook().notes(tape, tape.t_event, np.empty(0, dtype=np.int64))
    for i, (_, code, price, qty, name) in enumerate(rows):
        kind, side = Row(code & 15), (code >> 4 & 3) - 1
        if kind in (Row.REDUCE, Row.DELETE, Row.FILL):
            ahead = book.ahead(name)
            has = dict(book.queue(side, price)).get(name if ahead is not None else 0, 0)
            assert notes[i, :2].tolist() == [-1 if ahead is None else ahead, has]
        book.apply(code, price, qty, name)
