"""Own impact ``full``: nothing is charged twice, nothing is earned by it, and without numbers it is nothing at all."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams
from sim_orders import child, own_impacts, run_to_end

from nowake.core.errors import InputError, Refused
from nowake.core.inputs import Filled
from nowake.core.instrument import FeeSchedule
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.core.view import Watch, WatchKind
from nowake.data.sessions import session as find_session
from nowake.data.source import open_tapes
from nowake.engine.env import Env, sim_limits
from nowake.journal.memory import MemoryJournal
from nowake.market import book as bk
from nowake.market.book_l3 import NOTE_FIELDS
from nowake.market.run import NO_LOG
from nowake.market.seen import S_LEVEL
from nowake.models.impact import ExponentialKernel, PowerLawKernel, transient_cost
from nowake.sim import layout as lay
from nowake.sim import match_l2 as l2
from nowake.sim.exchange import Latency, SimMarket
from nowake.sim.impact import OwnImpact, charge
from nowake.sim.queues import queue_model
from nowake.sim.run import SimOptions, make_market, simulate
from nowake.sim.venue import SimVenue

BID, ASK = Book.BID, Book.ASK
NOTHING = OwnImpact(half_life_s=0.0)
MINUTE = 60 * 10**9


def deep(levels: int = 40, size: int = 100, spread: int = 2) -> list[tuple[int, int, int, int]]:
    """Return one message that makes a book of many levels; bids end at MID - spread / 2."""
    rows = [(0, row_code(Row.SET, BID), MID - spread // 2 - i, size) for i in range(levels)]
    rows += [(0, row_code(Row.SET, ASK), MID + (spread + 1) // 2 + i, size) for i in range(levels)]
    return [*rows[:-1], (0, rows[-1][1] | END, *rows[-1][2:])]


class Venue:
    """A venue alone, fed rows and orders by hand."""

    def __init__(self, tape: Tape, own: OwnImpact) -> None:
        made = charge("full", tape.listing, own=own)
        self.sim = SimVenue(tape, fees=FeeSchedule(), session=None, model=queue_model("power-2"), impact=made, seed=1)
        columns = tape.t_event, tape.code, tape.price, tape.qty
        self.rows = list(zip(*(column.tolist() for column in columns), strict=True))
        self.fills: list[tuple[str, int, int, bool]] = []

    def row(self, i: int) -> None:
        sim = self.sim
        while status := l2.venue_row(
            *bk.parts(sim.book), sim.stats, sim.reals, sim.orders, sim.fronts, sim.fills, sim.taken, sim.taken_at,
            *self.rows[i], i, np.empty(0, dtype=np.int32), np.empty((0, NOTE_FIELDS), dtype=np.int64), NO_LOG, i,
            l2.is_plain(sim.stats, np.empty(0, dtype=np.int32)),
        ):  # fmt: skip
            sim.make_room(status)
        sim.stats[lay.V_CURSOR] = i + 1
        self.note(sim.collect())

    def note(self, reports: list) -> list[tuple[int, int]]:
        """Return (price, quantity) of the fills among reports."""
        fills = [report.fill for report in reports if report.fill is not None]
        self.fills += [(f.child_id, f.price_units, f.qty_units, f.liquidity.value == "maker") for f in fills]
        return [(f.price_units, f.qty_units) for f in fills]

    def trade(self, name: str, qty: int, t: int = START_NS) -> list[tuple[int, int]]:
        """Take ``qty``, a sale < 0, with a market order."""
        side = Side.BUY if qty > 0 else Side.SELL
        return self.note(self.sim.submit(child(name, side, abs(qty), kind="market"), t))

    @property
    def cash(self) -> int:
        """Return what taking has earned, units x units."""
        return sum((1 if name.startswith("s") else -1) * price * qty for name, price, qty, _ in self.fills)


def opened(own: OwnImpact, rows: list[tuple[int, int, int, int]] | None = None) -> Venue:
    venue = Venue(make_tape(rows or deep()), own)
    for i in range(len(venue.rows)):
        venue.row(i)
    return venue


def test_the_walk_is_charged_by_the_book_and_the_shift_only_once() -> None:
    """By hand: a tenth of a tick a share, 100 shares a level, nothing refilled, a half goes up.

    Lot k trades at its recorded level plus round(k / 10). After 25 shares both sides stand 3 ticks (2.5) higher.
    """
    venue = opened(OwnImpact(permanent=0.001))
    assert venue.trade("b1", 25) == [(MID + 1, 5), (MID + 2, 10), (MID + 3, 10)]
    assert venue.sim.shift_units == 3
    assert venue.trade("s1", -5) == [(MID - 1 + 3, 1), (MID - 1 + 2, 4)]
    # 75 of the first level are left, at 2 ticks more: what is taken is not given back by the sale.
    assert venue.trade("b2", 3) == [(MID + 1 + 2, 3)]
    assert sum(qty for _, qty in venue.trade("b3", 72)) == 72
    assert venue.trade("b4", 1) == [(MID + 2 + 10, 1)]  # the second level; 95 net: 9.5 -> 10


def test_a_passive_fill_moves_the_shift_once() -> None:
    """By hand: 14 shares made of a print through us, a tenth of a tick each: 1.4 ticks, so 1; 15 would be 2."""
    rows = [*deep(), (1, row_code(Row.TRADE, ASK, END), MID - 4, 14)]
    venue = Venue(make_tape(rows), OwnImpact(permanent=0.001))
    for i in range(len(rows) - 1):
        venue.row(i)
    venue.note(venue.sim.submit(child("b", Side.BUY, 50, MID - 1), START_NS))
    venue.row(len(rows) - 1)
    assert [qty for _, _, qty, _ in venue.fills] == [14]
    assert venue.sim.shift_units == 1
    assert venue.sim.reals[lay.R_SHIFT + S_LEVEL] == pytest.approx(1.4)


def test_a_limit_order_stops_where_the_seen_price_passes_its_limit() -> None:
    venue = opened(OwnImpact(permanent=0.001))
    assert venue.note(venue.sim.submit(child("b", Side.BUY, 60, MID + 2), START_NS)) == [(MID + 1, 5), (MID + 2, 10)]
    # The rest stands at the price it was sent with, one tick under what is seen now.
    assert venue.sim.truth()[0].live
    head = venue.sim.book[: bk.HEAD]
    assert (bk.best_key(head, 1), venue.sim.shift_units) == (-(MID + 1 - 9_000), 2)
    assert venue.sim.orders[0, lay.O_KEY] == MID + 2 - 2 - 9_000


def test_a_piece_whose_last_bit_falls_short_of_a_tick_does_not_end_the_level() -> None:
    """A tenth of a tick a share in four parts that do not add up to a half to the last bit: all of a level is taken."""
    for parts in range(1, 40):
        part = 0.001 * parts / 40
        venue = opened(OwnImpact(permanent=0.001 - part, transient=part, kernel="power-law", half_life_s=None))
        fills = venue.trade("b", 100)
        levels: dict[int, int] = defaultdict(int)
        for n, (_, qty) in enumerate(fills):
            levels[int(venue.sim.marks[n].level)] += qty
        assert list(levels.values()) == [100]


def test_a_replacement_meets_the_prices_of_its_own_time() -> None:
    """As an order that is sent then does: the shift has died away by the time at which it arrives."""
    found = []
    for sent in ("replace", "submit"):
        venue = opened(OwnImpact(transient=0.001, kernel="exponential", decay_s=1.0))
        venue.note(venue.sim.submit(child("r", Side.BUY, 5, MID - 3), START_NS))
        venue.trade("b", 50)
        assert venue.sim.shift_units == 5
        later = START_NS + 100 * 10**9
        if sent == "submit":
            venue.sim.cancel("r", later)
        new = child("n", Side.BUY, 120, MID + 1)
        reports = venue.sim.replace("r", new, later) if sent == "replace" else venue.sim.submit(new, later)
        found.append(venue.note(reports))
        assert venue.sim.orders[venue.sim._by_id["n"].slot, lay.O_KEY] + venue.sim.shift_units == MID + 1 - 9_000
    assert found[0] == found[1]
    assert sum(qty for _, qty in found[0]) > 0


@pytest.mark.parametrize("kernel", ["exponential", "power-law"])
def test_what_schedules_cost_is_the_models_own_cost(kernel: str) -> None:
    """A schedule's cost over the touch, with instant refill, is 1/2 x'Gx of ``models.impact`` to half a tick a share.

    The planner's code prices it, in money and seconds; the simulator goes lot by lot on a grid.
    """
    own = OwnImpact(permanent=0.0004, transient=0.003, kernel=kernel, t0_s=2.0, decay_s=30.0, half_life_s=0.0)
    venue = opened(own, deep(size=100_000))
    times, sizes = [0.0, 10.0, 15.0, 60.0, 90.0, 300.0], [400, 300, -100, 500, 250, -150]
    paid = 0
    for n, (t, x) in enumerate(zip(times, sizes, strict=True)):
        touch = MID + (1 if x > 0 else -1)
        fills = venue.trade(f"{n}", x, START_NS + round(t * 1e9))
        assert sum(qty for _, qty in fills) == abs(x)
        paid += sum((1 if x > 0 else -1) * (price - touch) * qty for price, qty in fills)
    model = (
        ExponentialKernel(scale=0.3, rate=np.log(2) / 30)
        if kernel == "exponential"
        else PowerLawKernel(scale=0.3, beta=0.5, t0=2.0)
    )
    expected = transient_cost(model, times, sizes, permanent=0.04)
    assert paid == pytest.approx(expected, rel=0.02)


PATTERN = st.lists(
    st.tuples(st.sampled_from([0, 1, 7, 40, 900, 60_000]), st.integers(-150, 150).filter(bool)), min_size=1, max_size=12
)


@settings(max_examples=300)
@given(pattern=PATTERN, own=own_impacts(), spread=st.sampled_from([1, 2]))
def test_no_round_trip_against_ourselves_earns_anything(
    pattern: list[tuple[int, int]], own: OwnImpact, spread: int
) -> None:
    """The market stands still; we buy and sell in any pattern, and end flat: Gatheral's condition, with the grid."""
    venue = opened(own, deep(levels=60, size=60, spread=spread))
    t, position = START_NS, 0
    for n, (wait, qty) in enumerate(pattern):
        t += wait * MS
        filled = sum(q for _, q in venue.trade(f"{'b' if qty > 0 else 's'}{n}", qty, t))
        position += filled if qty > 0 else -filled
    for n in range(40):  # home, when the book has come back where it must
        if position:
            t += 10**10
            done = sum(q for _, q in venue.trade(f"{'s' if position > 0 else 'b'}x{n}", -position, t))
            position -= done if position > 0 else -done
    if position == 0:
        assert venue.cash <= 0


@settings(max_examples=200)
@given(pattern=PATTERN, own=own_impacts(), posts=st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=5))
def test_the_shift_alone_never_fills_a_resting_order(
    pattern: list[tuple[int, int]], own: OwnImpact, posts: list[tuple[int, bool]]
) -> None:
    """Rows that bring nobody (the same sizes again, prints none) while our trades move the seen prices about."""
    quiet = [(ms, row_code(Row.SET, ASK, END), MID + 30, 100) for ms in range(0, 100, 10)]
    venue = Venue(make_tape(deep() + quiet), own)
    for i in range(80):
        venue.row(i)
    for n, (away, buy) in enumerate(posts):
        price = MID + away
        venue.note(venue.sim.submit(child(f"r{n}", Side.BUY if buy else Side.SELL, 50, price, "post-only"), START_NS))
    t = START_NS
    for n, (wait, qty) in enumerate(pattern):
        t += wait * MS
        venue.trade(f"t{n}", qty, t)
        if n < len(quiet):
            venue.rows[80 + n] = (t, *venue.rows[80 + n][1:])
            venue.row(80 + n)
    assert not [fill for fill in venue.fills if fill[3]]


@settings(max_examples=200)
@given(
    rows=streams(max_rows=60, reach=3, odd=False),
    orders=st.lists(st.tuples(st.integers(0, 60), st.integers(-2, 2), st.integers(1, 150)), max_size=8),
    own=own_impacts().filter(lambda own: own.half_life_s is None),
)
def test_in_every_window_we_trade_no_more_than_was_shown_and_printed(
    rows: list[tuple[int, int, int, int]], orders: list[tuple[int, int, int]], own: OwnImpact
) -> None:
    """By level: used up in a window <= displayed at its start + what came in it; and made of prints <= printed."""
    tape = make_tape(rows)
    venue = Venue(tape, own)
    size: dict[int, int] = defaultdict(int)
    steps = []  # per row: (size before, came, taken, printed, made of prints)
    for i, (t, code, price, qty) in enumerate(venue.rows):
        kind, side = Row(code & 15), (code >> 4 & 3) - 1
        before, came = dict(size), defaultdict(int)
        if kind in (Row.SET, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL) and side >= 0:
            level = (price if side == 0 else -price) * 2 + side
            now = qty if kind is Row.SET else max(size[level] + (qty if kind is Row.ADD else -qty), 0)
            came[level] = max(now - size[level], 0)
            size[level] = now
        venue.row(i)
        for n, (at, away, want) in enumerate(orders):
            if at == i:
                side_of = Side.BUY if n % 2 else Side.SELL
                venue.note(venue.sim.submit(child(f"{i}-{n}", side_of, want, MID + away), t))
        marks, venue.sim.marks = venue.sim.marks, []
        taken: dict[int, int] = defaultdict(int)
        for mark in marks:
            taken[mark.level] += mark.taken
        made = sum(abs(mark.moved) for mark in marks if mark.level == lay.NO_LEVEL)
        printed = qty if kind in (Row.TRADE, Row.FILL) else 0
        steps.append((before, came, taken, printed, made))
    for first in range(len(steps)):
        shown, used, prints, made = steps[first][0], defaultdict(int), 0, 0
        arrived: dict[int, int] = defaultdict(int, shown)
        for _, came, taken, printed, mine in steps[first:]:
            for level, amount in came.items():
                arrived[level] += amount
            for level, amount in taken.items():
                used[level] += amount
            prints, made = prints + printed, made + mine
            assert made <= prints
            assert all(used[level] <= arrived[level] for level in used)


def a_run(tape: Tape, **options: object) -> tuple[tuple[int, str], int]:
    """Work an order in the first half hour of a tape; returns (records, journal hash) and how much was filled."""
    session = find_session(tape.listing.session)
    market = make_market(tape, session, SimOptions(**options))  # type: ignore[arg-type]
    start = market.start_ns + (market.end_ns - market.start_ns) // 10
    order = ParentOrder(
        parent_id="w",
        listing=tape.listing.key,
        side=Side.BUY,
        qty_units=200 * tape.listing.lot_units * (1 if tape.listing.lot_units > 1 else 5),
        decided_ns=start,
        start_ns=start,
        end_ns=start + (market.end_ns - market.start_ns) // 5,
        parameters=Parameters(),
    )
    env = Env(listings=(tape.listing,), sessions=(session,), limits=sim_limits(order.listing, 0.15))
    journal = MemoryJournal()
    host = simulate(market, order, env, journal)
    return journal.head(), host.state.parents["w"].filled


@pytest.mark.parametrize("files", ["lobster/*AMZN*_1.zip", "binance/spot_btcusdt_20240808.gz"])
def test_without_numbers_and_with_instant_refill_the_journal_is_that_of_off(recorded_data: Path, files: str) -> None:
    (tape,) = open_tapes(sorted(recorded_data.glob(files)))
    off, filled = a_run(tape, impact="off")
    assert filled > 0
    assert a_run(tape, impact="full", own_impact=NOTHING) == (off, filled)
    assert a_run(tape, impact="ledger", half_life_ns=0) == (off, filled)
    tick = float(max(band.step_units for band in tape.listing.ticks) * tape.listing.instrument.price_unit)
    lot = float(tape.listing.lot_units * tape.listing.instrument.qty_unit)
    moved, _ = a_run(tape, impact="full", own_impact=OwnImpact(permanent=0.02 * tick / lot, half_life_s=0.0))
    assert moved != off


def test_we_see_our_own_mark_when_the_market_data_bring_it() -> None:
    """The trade is at 10 + 1 ms; the fill is told at 16 ms, the book shows it at 18 ms, when data of 11 ms come."""
    rows = [*deep(), *((ms, row_code(Row.SET, BID, END), MID - 30, 100) for ms in range(1, 60))]
    latency = Latency(entry_ns=MS, response_ns=5 * MS, data_ns=7 * MS)
    own = OwnImpact(permanent=0.001, half_life_s=None)
    market = SimMarket(make_tape(rows), latency=latency, impact="full", own_impact=own)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("b", Side.BUY, 100, kind="market"), now)
    fills = [event for event in run_to_end(market, START_NS + 17 * MS) if isinstance(event, Filled)]
    assert {(e.t_ns - START_NS) // MS for e in fills} == {16}
    assert market.view(START_NS + 17 * MS).asks[0] == (MID + 1, 100)
    market.advance(START_NS + 18 * MS)
    view = market.view(START_NS + 18 * MS)
    assert view.asks[0] == (MID + 2 + 10, 100)
    assert view.bids[0] == (MID - 1 + 10, 100)
    assert view.mid2 == view.bid_units + view.ask_units


def test_a_watch_sees_what_has_come_back_of_a_level_that_we_took() -> None:
    """All of the best ask is taken at 10 ms; a millisecond later 7 of 100 are back, and no row touched the level."""
    rows = [*deep(), *((ms, row_code(Row.SET, BID, END), MID - 30, 100 + ms) for ms in range(1, 60))]
    market = SimMarket(make_tape(rows), latency=Latency(), impact="ledger", half_life_ns=10 * MS)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("b", Side.BUY, 100, kind="market"), now)
    run_to_end(market, now)
    assert market.view(now).asks[0] == (MID + 2, 100)
    watch = Watch(watch_id="w", parent_id="p", listing=market.key, kind=WatchKind.ASK_AT_MOST, a=MID + 1)
    assert market.advance(START_NS + 50 * MS, [watch]) == (START_NS + 11 * MS, ("w",))
    assert market.view(market.now_ns).asks[0] == (MID + 1, 7)


def test_numbers_that_are_none_are_refused() -> None:
    tape = make_tape(deep())
    with pytest.raises(InputError, match="permanent"):
        OwnImpact(permanent=-1.0)
    with pytest.raises(InputError, match="kernel"):
        OwnImpact(kernel="gaussian")
    with pytest.raises(InputError, match="own_impact"):
        charge("full", tape.listing)
    with pytest.raises(InputError, match="own_impact"):
        charge("ledger", tape.listing, own=NOTHING)
    with pytest.raises(Refused, match="ticks a lot"):
        charge("full", tape.listing, own=OwnImpact(permanent=1.0))
