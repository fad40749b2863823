"""The block-shaped book: walked by hand, against the formula of the continuous book, through the engine."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_orders import child

from nowake.core.child import ChildStatus
from nowake.core.decisions import ParentStatus
from nowake.core.errors import InputError
from nowake.core.inputs import Acked, AnyInput, CancelRejected, Ended, Filled, Rejected, StatusReported
from nowake.core.order import ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.value import replace
from nowake.core.view import Watch, WatchKind
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import Host
from nowake.journal.memory import MemoryJournal
from nowake.models.impact import ExponentialKernel, transient_cost
from nowake.sim.latency import Latency
from nowake.sim.obizhaeva_wang import BlockBook, BlockMarket
from nowake.sim.world import World
from nowake.study.known_truth import START_NS, truth_listing, work_schedule

SECOND = 1_000_000_000
LISTING = truth_listing(Decimal("0.01"))
KEY = LISTING.key
BOOK = BlockBook(price_units=10_000, depth=10.0, resilience=0.01, permanent=0.04)


def market_of(book: BlockBook = BOOK, seconds: int = 10_000, latency: Latency = Latency()) -> BlockMarket:  # noqa: B008
    return BlockMarket(LISTING, book, start_ns=START_NS, end_ns=START_NS + seconds * SECOND, latency=latency)


def answers(market: BlockMarket, t_ns: int) -> list[AnyInput]:
    """Advance to ``t_ns`` and return all that was said by then."""
    said: list[AnyInput] = []
    while True:
        reached, _ = market.advance(t_ns)
        found = [one.event for one in market.poll(reached)]
        if reached == t_ns and not found:
            return said
        said += found


def fills_of(said: list[AnyInput]) -> list[tuple[int, int]]:
    return [(one.fill.price_units, one.fill.qty_units) for one in said if isinstance(one, Filled)]


def test_a_buy_walks_up_by_hand() -> None:
    """The ask begins at 10,000: level 10,000 holds the half unit above it, five shares, the next ten each."""
    market = market_of()
    view = market.view(START_NS)
    assert view.asks[:3] == ((10_000, 5), (10_001, 10), (10_002, 10))
    assert view.bids[:3] == ((10_000, 5), (9_999, 10), (9_998, 10))
    market.submit(child("a", Side.BUY, 22, kind="market", listing=KEY), START_NS)
    said = answers(market, START_NS)
    assert [type(one) for one in said] == [Acked, Filled, Filled, Filled]
    assert fills_of(said) == [(10_000, 5), (10_001, 10), (10_002, 7)]
    # 22 shares push the ask 2.2 up, to 10,002.2; 0.88 of that stays for ever, and the bid rises by it.
    assert market.view(START_NS).ask_units == 10_002
    assert market.view(START_NS).ask_qty == 3
    assert market.view(START_NS).bid_units == 10_001
    far = START_NS + 5_000 * SECOND
    answers(market, far)
    assert market.view(far).ask_units == 10_001
    assert market.view(far).ask_qty == 6  # ten shares a unit over [10,000.88, 10,001.5)


def test_limits_minimum_and_refusals() -> None:
    market = market_of()
    at = START_NS
    market.submit(child("limit", Side.BUY, 50, 10_001, listing=KEY), at)
    said = answers(market, at)
    assert fills_of(said) == [(10_000, 5), (10_001, 10)]  # the rest rests, and nobody comes
    market.submit(child("ioc", Side.SELL, 50, 10_000, tif="ioc", listing=KEY), at)
    said = answers(market, at)
    assert isinstance(said[-1], Ended)
    assert (said[-1].status, said[-1].cum_qty) == (ChildStatus.EXPIRED, 11)
    market.submit(child("least", Side.SELL, 50, 10_000, tif="ioc", listing=KEY, least=20), at)
    assert fills_of(answers(market, at)) == []
    market.submit(child("post", Side.BUY, 5, 20_000, kind="post-only", listing=KEY), at)
    market.submit(child("limit", Side.BUY, 5, 10_001, listing=KEY), at)
    codes = [one.code for one in answers(market, at) if isinstance(one, Rejected)]
    assert codes == ["would-cross", "duplicate-id"]
    market.cancel("limit", at)
    market.cancel("limit", at)
    market.cancel("none", at)
    market.query("limit", at)
    said = answers(market, at)
    assert isinstance(said[0], Ended)
    assert [one.code for one in said if isinstance(one, CancelRejected)] == ["too-late", "unknown"]
    assert isinstance(said[-1], StatusReported)
    assert (said[-1].status.cum_qty, said[-1].status.live) == (15, False)
    with pytest.raises(InputError, match="listing"):
        market.submit(child("x", Side.BUY, 1, kind="market"), at)


@pytest.mark.parametrize(("qty", "got"), [(15, [(10_000, 5), (10_001, 10)]), (16, [])])
def test_fill_or_kill_is_all_or_nothing_and_never_rests(qty: int, got: list[tuple[int, int]]) -> None:
    market = market_of()
    market.submit(child("fok", Side.BUY, qty, 10_001, tif="fok", listing=KEY), START_NS)
    assert fills_of(answers(market, START_NS + SECOND)) == got
    assert not market.truth()[0].live


@pytest.mark.parametrize("words", [{"tif": "cls"}, {"peg": "midpoint"}, {"peg": "primary"}])
def test_what_this_market_does_not_know_is_refused(words: dict[str, str]) -> None:
    market = market_of()
    market.submit(child("c", Side.BUY, 20, 10_001, listing=KEY, **words), START_NS)
    assert [type(one) for one in answers(market, START_NS + SECOND)] == [Rejected]


def test_latency_is_kept() -> None:
    market = market_of(latency=Latency(decision_ns=1, entry_ns=10, response_ns=100))
    market.submit(child("a", Side.BUY, 5, kind="market", listing=KEY), START_NS)
    said = answers(market, START_NS + 1_000)
    assert [one.t_ns - START_NS for one in said] == [111, 111]
    assert isinstance(said[1], Filled)
    assert said[1].fill.t_venue_ns == START_NS + 11


def test_watches_hold_at_quotes() -> None:
    market = market_of(replace(BOOK, resilience=1.0, volume_rate=7.0))
    market.submit(child("a", Side.BUY, 105, kind="market", listing=KEY), START_NS)
    answers(market, START_NS)
    watch = Watch(watch_id="w", parent_id="p", listing=KEY, kind=WatchKind.ASK_AT_MOST, a=10_005)
    reached, fired = market.advance(START_NS + 60 * SECOND, (watch,))
    # 10,010.5 comes down to 10,004.2 and level 10,005 holds a share, rounded, from 10,005.45 on: ln(6.3 / 1.25) s.
    assert fired == ("w",)
    assert reached - START_NS == 1_700_000_000
    assert market.view(reached).ask_units == 10_005
    volume = Watch(watch_id="v", parent_id="p", listing=KEY, kind=WatchKind.VOLUME, a=105 + 70)
    assert market.advance(START_NS + 60 * SECOND, (volume,)) == (START_NS + 10 * SECOND, ("v",))


TRADES = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 3_000)), min_size=1, max_size=12)


@settings(deadline=None)
@given(trades=TRADES, side=st.sampled_from(Side))
def test_fills_cost_what_the_continuous_book_charges(trades: list[tuple[int, int]], side: Side) -> None:
    """Whole ticks and whole shares: an order errs by at most a part of a tick over the shares of one level."""
    at, sizes = zip(*sorted(dict(trades).items()), strict=True)
    done = work_schedule(market_of(), side, [START_NS + t * SECOND for t in at], sizes)
    assert sum(fill.qty_units for fill in done.fills) == sum(sizes)
    kernel = ExponentialKernel(scale=1 / BOOK.depth - BOOK.permanent, rate=BOOK.resilience)
    exact = transient_cost(kernel, np.array(at, dtype=float), np.array(sizes, dtype=float), permanent=BOOK.permanent)
    levels = len(done.fills)
    assert abs(done.cost_units(side, BOOK.price_units) - exact) <= 2 * BOOK.depth / 8 * len(sizes) + 0.5 * levels


@settings(deadline=None, max_examples=30)
@given(
    trades=st.lists(st.tuples(st.integers(1, 500), st.integers(1, 2_000), st.sampled_from(Side)), max_size=10),
    spread=st.integers(0, 4),
)
def test_no_round_trip_earns(trades: list[tuple[int, int, Side]], spread: int) -> None:
    market, t_ns, held = market_of(replace(BOOK, spread_units=spread)), START_NS, 0
    said: list[AnyInput] = []
    for k, (seconds, qty, side) in enumerate(trades):
        t_ns += seconds * SECOND
        said += answers(market, t_ns)
        market.submit(child(f"c{k}", side, qty, kind="market", listing=KEY), t_ns)
        held += int(side) * qty
    said += answers(market, t_ns + SECOND)
    if held:
        back = Side.SELL if held > 0 else Side.BUY
        market.submit(child("back", back, abs(held), kind="market", listing=KEY), t_ns + SECOND)
        said += answers(market, t_ns + 2 * SECOND)
    fills = [one.fill for one in said if isinstance(one, Filled)]
    sides = {one.child.child_id: int(one.child.side) for one in market._orders.values()}
    paid = sum(sides[fill.child_id] * fill.price_units * fill.qty_units for fill in fills)
    assert sum(sides[fill.child_id] * fill.qty_units for fill in fills) == 0
    assert paid >= -len(fills) - len(trades) * BOOK.depth  # rounding to ticks at most


def test_the_engine_works_an_order_on_it() -> None:
    """TWAP by the whole engine: it ends, the venue's record agrees, and the cost is the formula's for its own fills."""
    book = replace(BOOK, depth=100.0, permanent=0.004, spread_units=2.0, volume_rate=50.0)
    market = market_of(book, seconds=7_200)
    listing = replace(LISTING, fees=LISTING.fees)
    env = Env(listings=(listing,), sessions=(ALWAYS_OPEN,), limits=sim_limits(KEY, 0.15))
    order = ParentOrder(
        parent_id="p",
        listing=KEY,
        side=Side.BUY,
        qty_units=5_000,
        strategy="twap",
        decided_ns=START_NS,
        start_ns=START_NS,
        end_ns=START_NS + 3_600 * SECOND,
    )
    host = Host(env, MemoryJournal())
    World(market, host).run(order)
    parent = host.state.parents["p"]
    assert parent.status is ParentStatus.DONE
    assert parent.filled == 5_000
    fills = [fill for one in market.truth() for fill in one.fills]
    assert sum(fill.qty_units for fill in fills) == 5_000
    times = sorted({fill.t_venue_ns for fill in fills})
    sizes = [sum(fill.qty_units for fill in fills if fill.t_venue_ns == t) for t in times]
    kernel = ExponentialKernel(scale=1 / book.depth - book.permanent, rate=book.resilience)
    exact = transient_cost(kernel, [(t - START_NS) / SECOND for t in times], sizes, permanent=book.permanent)
    exact += sum(sizes) * book.spread_units / 2
    cost = sum((fill.price_units - book.price_units) * fill.qty_units for fill in fills)
    assert cost == pytest.approx(exact, rel=0.02)
    assert not any(one.live for one in market.truth())


@pytest.mark.parametrize(
    ("wrong", "names"),
    [({"depth": 0.0}, "depth"), ({"permanent": 0.1}, "permanent"), ({"resilience": float("inf")}, "resilience")],
)
def test_a_book_that_is_none_is_refused(wrong: dict[str, float], names: str) -> None:
    with pytest.raises(InputError, match=names):
        replace(BOOK, **wrong)
