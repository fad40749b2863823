"""A dark midpoint venue: judged by hand, and by a plain count of everything over the tape; a stale mid is caught."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, two_sided
from sim_orders import child

from nowake.core.errors import InputError
from nowake.core.inputs import Acked, Ended, Filled, Rejected
from nowake.core.instrument import ListingKind
from nowake.core.order import Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.tape import END, Book, Row, row_code
from nowake.core.value import replace
from nowake.core.view import Integrity, Watch, WatchKind
from nowake.models.dark import Arrival, Arrivals, DarkLiquidity
from nowake.sim.dark import DarkMarket, as_it_happens, dark_listing
from nowake.sim.dark_venue import DarkVenue
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.markets import Markets

KEY = "TEST@DARK"
S = 1000 * MS
BID, ASK = Book.BID, Book.ASK
LATENCY = Latency(entry_ns=3 * MS, response_ns=5 * MS, data_ns=7 * MS)


def liquidity(**changes: object) -> DarkLiquidity:
    made = {"listing": "TEST@SIM", "bin_s": 86_400, "buy_per_hour": (3600.0,), "sell_per_hour": (3600.0,)}
    return DarkLiquidity(**{**made, "sizes": (10, 20, 300), "rest_ns": 2 * S, **changes})


def quote(t_ms: int, bid: int, ask: int, old_bid: int, old_ask: int) -> list[tuple[int, int, int, int]]:
    """Return a message that moves a one-level quote."""
    rows = [(t_ms, row_code(Row.SET, BID), old_bid, 0), (t_ms, row_code(Row.SET, ASK), old_ask, 0)]
    return [*rows, (t_ms, row_code(Row.SET, BID), bid, 50), (t_ms, row_code(Row.SET, ASK, END), ask, 50)]


def walking(seconds: int, seed: int) -> list[tuple[int, int, int, int]]:
    """Return rows of a quote that moves every 100 ms, sometimes locked, crossed or halted for a while."""
    import random

    rng = random.Random(seed)
    bid, ask = MID - 1, MID + 1
    rows = [(0, row_code(Row.SET, BID), bid, 50), (0, row_code(Row.SET, ASK, END), ask, 50)]
    for t in range(100, seconds * 1000, 100):
        step = rng.choice([-1, 0, 0, 1])
        wide = rng.choice([0, -1, 1, 2, 2, 3, 4])
        new_bid = bid + step
        new_ask = new_bid + wide
        if (new_bid, new_ask) != (bid, ask):
            rows += quote(t, new_bid, new_ask, bid, ask)
        bid, ask = new_bid, new_ask
        if rng.random() < 0.02:
            rows.append((t, row_code(Row.HALT, Book.NONE, END), 0, 0))
        elif rng.random() < 0.2:
            rows.append((t, row_code(Row.RESUME, Book.NONE, END), 0, 0))
    return rows


def sound_mids(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """Return (ns, twice the mid) from each message on, 0 = no sound mid: counted over plain dictionaries."""
    book: dict[int, dict[int, int]] = {int(BID): {}, int(ASK): {}}
    halted, found = False, []
    for t, code, price, qty in rows:
        kind, side = code & 15, (code >> 4) & 3
        if kind == Row.SET:
            book[side][price] = qty
        elif kind in (Row.HALT, Row.RESUME):
            halted = kind == Row.HALT
        if code & END:
            bids = [p for p, q in book[int(BID)].items() if q]
            asks = [p for p, q in book[int(ASK)].items() if q]
            good = bids and asks and max(bids) < min(asks) and not halted
            found.append((START_NS + t * MS, max(bids) + min(asks) if good else 0))
    return found


def mid_at(mids: list[tuple[int, int]], t_ns: int) -> int:
    return next((mid2 for since, mid2 in reversed(mids) if since <= t_ns), 0)


def dark(
    rows: list,
    seed: int = 1,
    reference_ns: int = 0,
    latency: Latency = LATENCY,
    grid: Mapping[str, int] | None = None,
    **changes: object,
) -> DarkMarket:
    tape = make_tape(rows, **(grid or {}))
    listing = dark_listing(tape.listing)
    return DarkMarket(
        listing, tape, liquidity(**changes), latency=latency, reference_ns=reference_ns, session=ALWAYS_OPEN, seed=seed
    )


def events_to(market: DarkMarket | Markets, until_ns: int) -> list:
    events = []
    while True:
        t, _ = market.advance(until_ns)
        found = [message.event for message in market.poll(t)]
        events += found
        if t == until_ns and not found:
            return events


ORDERS = st.tuples(
    st.integers(0, 50_000),  # ms
    st.sampled_from([Side.BUY, Side.SELL]),
    st.sampled_from([10, 100, 500]),
    st.integers(-3, 3),
    st.sampled_from(["limit", "post-only", "market"]),
    st.booleans(),
    st.sampled_from([0, 10, 100]),
)


def judged(orders: list, seed: int, reference_ns: int, walk: int) -> None:
    """Send orders and hold every fill against the tape and the arrivals, by plain counting."""
    rows = walking(60, walk)
    market = dark(rows, seed=seed, reference_ns=reference_ns)
    mids, sent, events = sound_mids(rows), {}, []
    for n, (at, side, qty, away, kind, immediate, least) in enumerate(sorted(orders, key=lambda one: one[0])):
        events += events_to(market, START_NS + at * MS)
        tif = "ioc" if immediate and kind == "limit" else "gtc"
        least = min(least, qty) if tif == "ioc" or kind == "market" else 0
        order = child(f"c{n}", side, qty, MID + away, kind, tif=tif, listing=KEY, least=least)
        sent[order.child_id] = order
        market.submit(order, market.now_ns)
    events += events_to(market, START_NS + 70 * S)
    given: dict[Side, int] = {Side.BUY: 0, Side.SELL: 0}
    at_once: dict[str, int] = {}
    for event in events:
        if not isinstance(event, Filled):
            continue
        fill, order = event.fill, sent[event.fill.child_id]
        assert event.t_ns == fill.t_venue_ns + LATENCY.response_ns
        mid2 = mid_at(mids, fill.t_venue_ns - reference_ns)
        assert mid2 > 0, "filled at a reference that is not sound"
        assert fill.price_units == (mid2 // 2 if order.side is Side.SELL else math.ceil(mid2 / 2))
        assert order.price_units == 0 or (order.price_units - fill.price_units) * order.side >= 0
        given[order.side] += fill.qty_units
        if fill.liquidity == "taker":
            at_once[fill.child_id] = at_once.get(fill.child_id, 0) + fill.qty_units
    drawn = Arrivals(liquidity(), ALWAYS_OPEN, seed, KEY)
    for side, other in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        came = 0
        for one in drawn.after(other, START_NS - 60 * S):
            if one.t_ns > START_NS + 70 * S:
                break
            came += one.qty
        assert given[side] <= came
    for name, qty in at_once.items():
        assert qty >= sent[name].min_qty_units
    for status in market.truth():
        assert status.cum_qty == sum(fill.qty_units for fill in status.fills) <= sent[status.child_id].qty_units


@settings(max_examples=60)
@given(
    orders=st.lists(ORDERS, min_size=1, max_size=12),
    seed=st.integers(0, 100),
    reference_ns=st.sampled_from([0, 30 * MS, 250 * MS]),
    walk=st.integers(0, 20),
)
def test_every_fill_is_at_a_sound_mid_within_its_cap_and_the_liquidity_that_came(
    orders: list, seed: int, reference_ns: int, walk: int
) -> None:
    judged(orders, seed, reference_ns, walk)


MANY = [(500 * n, Side.BUY if n % 2 else Side.SELL, 100, 0, "market", True, 0) for n in range(100)]
RESTING = [(0, Side.BUY, 500, 3, "limit", False, 0), (100, Side.SELL, 500, -3, "limit", False, 0)]


def test_something_is_filled_in_the_judged_runs() -> None:
    judged(MANY + RESTING, 3, 30 * MS, 2)
    market = dark(walking(60, 2), seed=3)
    market.advance(START_NS)
    market.submit(child("c", Side.BUY, 500, MID + 50, listing=KEY), START_NS)
    assert sum(isinstance(event, Filled) for event in events_to(market, START_NS + 60 * S)) >= 2


def test_a_fill_at_a_stale_mid_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the venue trades on the reference as it was 200 ms before."""
    real = DarkVenue.mid2

    def late(self: DarkVenue, t_ns: int) -> int:
        return real(self, t_ns - 200 * MS)

    monkeypatch.setattr(DarkVenue, "mid2", late)
    with pytest.raises(AssertionError):
        judged(MANY + RESTING, 3, 0, 2)


def test_a_fill_at_an_unsound_reference_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: locked, crossed and halted references are traded on."""
    monkeypatch.setattr(
        DarkVenue, "mid2", lambda self, t_ns: self.reference.advance(t_ns) and self.reference.view(t_ns, ()).mid2
    )
    with pytest.raises(AssertionError, match="not sound"):
        judged(MANY + RESTING, 3, 0, 2)


class Fixed(Arrivals):
    """Counter-orders by hand: (ms, side, qty, stays ms)."""

    def __init__(self, *given: tuple[int, Side, int, int]) -> None:
        super().__init__(liquidity(), ALWAYS_OPEN, 0)
        self._given = [
            Arrival(START_NS + t * MS, side, qty, START_NS + (t + stays) * MS, (n, 0))
            for n, (t, side, qty, stays) in enumerate(given)
        ]

    def next_after(self, side: Side, t_ns: int, until_ns: int) -> Arrival | None:
        return next((one for one in self._given if one.side is side and t_ns < one.t_ns <= until_ns), None)

    def present(self, side: Side, t_ns: int) -> tuple[Arrival, ...]:
        return tuple(one for one in self._given if one.side is side and one.t_ns <= t_ns < one.ends_ns)


def by_hand(
    *given: tuple[int, Side, int, int], rows: list | None = None, latency: Latency | None = None, **grid: int
) -> DarkMarket:
    market = dark(rows or two_sided(), latency=latency or Latency(), grid=grid)
    market._venue.arrivals = Fixed(*given)
    market.advance(START_NS)
    return market


def test_resting_orders_are_filled_by_who_arrives_oldest_first() -> None:
    market = by_hand((100, Side.SELL, 30, 0), (200, Side.BUY, 99, 0), (300, Side.SELL, 50, 0))
    for name, qty in (("a", 20), ("b", 40)):
        market.submit(child(name, Side.BUY, qty, MID + 5, listing=KEY), START_NS)
    fills = [e.fill for e in events_to(market, START_NS + S) if isinstance(e, Filled)]
    assert [(f.child_id, f.qty_units, f.t_venue_ns - START_NS) for f in fills] == [
        ("a", 20, 100 * MS), ("b", 10, 100 * MS), ("b", 30, 300 * MS)
    ]  # fmt: skip
    assert {f.price_units for f in fills} == {MID}
    assert {str(f.liquidity) for f in fills} == {"maker"}


def test_an_order_that_arrives_takes_what_is_there_and_no_more() -> None:
    market = by_hand((0, Side.SELL, 30, 900), (10, Side.SELL, 30, 50), (20, Side.SELL, 30, 900))
    market.advance(START_NS + 100 * MS)
    market.submit(child("ioc", Side.BUY, 100, MID, tif="ioc", listing=KEY), market.now_ns)
    market.submit(child("late", Side.BUY, 100, MID, tif="ioc", listing=KEY), market.now_ns)
    events = events_to(market, START_NS + S)
    assert [(e.fill.child_id, e.fill.qty_units) for e in events if isinstance(e, Filled)] == [("ioc", 30), ("ioc", 30)]
    assert [(e.child_id, e.cum_qty) for e in events if isinstance(e, Ended)] == [("ioc", 60), ("late", 0)]


def test_a_minimum_quantity_is_met_or_nothing_trades() -> None:
    for least, filled in ((60, 60), (61, 0)):
        market = by_hand((0, Side.SELL, 30, 900), (20, Side.SELL, 30, 900))
        market.advance(START_NS + 100 * MS)
        order = child("c", Side.BUY, 100, MID, tif="ioc", listing=KEY, least=least)
        market.submit(order, market.now_ns)
        assert sum(e.fill.qty_units for e in events_to(market, START_NS + S) if isinstance(e, Filled)) == filled


def test_a_resting_minimum_is_met_by_each_arrival_or_nothing_trades() -> None:
    market = by_hand((100, Side.SELL, 20, 0), (200, Side.SELL, 50, 0), (300, Side.SELL, 20, 0))
    market.submit(child("c", Side.BUY, 60, 0, peg="midpoint", least=30, listing=KEY), START_NS)
    fills = [e.fill for e in events_to(market, START_NS + S) if isinstance(e, Filled)]
    assert [(f.qty_units, f.t_venue_ns - START_NS) for f in fills] == [(50, 200 * MS), (10, 300 * MS)]


def test_a_lit_venue_keeps_no_resting_minimum() -> None:
    market = SimMarket(make_tape(two_sided()), latency=Latency())
    now, _ = market.advance(START_NS)
    market.submit(child("c", Side.BUY, 60, 0, peg="midpoint", least=30), now)
    (refused,) = events_to(market, START_NS + S)
    assert "dark venues only" in refused.text


def test_fill_or_kill_and_pegs_to_what_is_not_shown() -> None:
    for qty, filled in ((60, 60), (61, 0)):
        market = by_hand((0, Side.SELL, 30, 900), (20, Side.SELL, 30, 900))
        market.advance(START_NS + 100 * MS)
        market.submit(child("c", Side.BUY, qty, MID, tif="fok", listing=KEY), market.now_ns)
        assert sum(e.fill.qty_units for e in events_to(market, START_NS + S) if isinstance(e, Filled)) == filled
    market = by_hand()
    market.submit(child("c", Side.BUY, 10, 0, peg="primary", listing=KEY), START_NS)
    assert isinstance(events_to(market, START_NS + S)[0], Rejected)


def test_fill_or_kill_counts_whole_lots() -> None:
    """Sizes that were fitted from prints need not be whole lots; what is not trades with nobody."""
    for words, filled in (({"tif": "fok"}, 0), ({"tif": "ioc", "least": 60}, 0), ({"tif": "ioc", "least": 50}, 50)):
        market = by_hand((0, Side.SELL, 35, 900), (20, Side.SELL, 25, 900), lot_units=10, min_qty_units=10)
        market.advance(START_NS + 100 * MS)
        market.submit(child("c", Side.BUY, 60, MID, listing=KEY, **words), market.now_ns)
        assert sum(e.fill.qty_units for e in events_to(market, START_NS + S) if isinstance(e, Filled)) == filled


def test_what_a_dark_venue_cannot_do_is_refused() -> None:
    crossed = [*two_sided(), (1, row_code(Row.SET, BID, END), MID + 5, 10)]  # no mid to check a price against
    for order, code in (
        (child("c", Side.BUY, 10, MID, tif="cls", listing=KEY), "no-auction"),
        (child("c", Side.BUY, 15, 0, peg="midpoint", listing=KEY), "grid"),
    ):
        market = by_hand((0, Side.SELL, 35, 900), rows=crossed, lot_units=10, min_qty_units=10)
        market.advance(START_NS + 10 * MS)
        market.submit(order, market.now_ns)
        (refused,) = events_to(market, START_NS + S)
        assert isinstance(refused, Rejected)
        assert refused.code == code


def test_a_cap_holds_and_half_a_tick_is_a_price() -> None:
    rows = two_sided(ask=MID + 2)  # the mid is MID + 1/2, finer than the price unit
    for side, cap, price in (
        (Side.BUY, MID, None), (Side.BUY, MID + 1, MID + 1), (Side.SELL, MID + 1, None), (Side.SELL, MID, MID)
    ):  # fmt: skip
        other = Side.SELL if side is Side.BUY else Side.BUY
        market = by_hand((100, other, 30, 0), rows=rows)
        market.submit(child("c", side, 20, cap, listing=KEY), START_NS)
        fills = [e.fill.price_units for e in events_to(market, START_NS + S) if isinstance(e, Filled)]
        assert fills == ([] if price is None else [price])


def test_a_silent_reference_is_not_traded_on() -> None:
    market = by_hand((59_000, Side.SELL, 10, 0), (61_000, Side.SELL, 10, 0))  # silence is a minute
    market.submit(child("c", Side.BUY, 20, MID, listing=KEY), START_NS)
    assert [e.fill.qty_units for e in events_to(market, START_NS + 90 * S) if isinstance(e, Filled)] == [10]


def test_messages_take_their_time_and_nothing_else_is_seen() -> None:
    market = by_hand((100, Side.SELL, 30, 0), latency=LATENCY)
    market.submit(child("c", Side.BUY, 20, MID, listing=KEY), START_NS)
    acked, filled = events_to(market, START_NS + S)
    assert isinstance(acked, Acked)
    assert (acked.t_venue_ns, acked.t_ns) == (START_NS + 3 * MS, START_NS + 8 * MS)
    assert (filled.fill.t_venue_ns, filled.t_ns) == (START_NS + 100 * MS, START_NS + 105 * MS)
    assert filled.fill.unprinted
    view = market.view(market.now_ns)
    assert (view.listing, view.bids, view.asks, view.bid_qty, view.ask_qty) == (KEY, (), (), 0, 0)
    assert (view.mid2, view.volume_own, view.queues) == (2 * MID, 20, ())
    depth = Watch(watch_id="q", parent_id="p", listing=KEY, kind=WatchKind.QUEUE, a=1, child_id="c")
    with pytest.raises(InputError, match="shows none"):
        market.advance(market.now_ns, [depth])


def test_a_watch_on_it_watches_the_reference() -> None:
    market = by_hand(rows=[*two_sided(), (500, row_code(Row.SET, ASK, END), MID + 1, 0)])
    touch = Watch(watch_id="w", parent_id="p", listing=KEY, kind=WatchKind.ASK_NOT, a=MID + 1)
    assert market.advance(START_NS + 900 * MS, [touch]) == (START_NS + 500 * MS, ("w",))


def test_questions_are_answered_and_bad_orders_refused() -> None:
    market = by_hand((5, Side.SELL, 99, 0))
    market.submit(child("c", Side.BUY, 20, MID, listing=KEY), START_NS)
    market.submit(child("c", Side.BUY, 20, MID, listing=KEY), START_NS)
    market.cancel("c", START_NS)
    market.cancel("c", START_NS)
    market.cancel("nobody", START_NS)
    market.query("c", START_NS)
    market.query_open(KEY, START_NS)
    events = events_to(market, START_NS + S)
    assert [type(event).__name__ for event in events] == [
        "Acked", "Rejected", "Ended", "CancelRejected", "CancelRejected", "StatusReported", "OpenOrdersReported"
    ]  # fmt: skip
    assert [e.code for e in events if isinstance(e, Rejected)] == ["duplicate-id"]
    assert events[-1].statuses == ()


def test_what_it_is_made_of_must_fit() -> None:
    tape = make_tape(two_sided())
    with pytest.raises(InputError, match="a dark one"):
        DarkMarket(tape.listing, tape, liquidity(), latency=LATENCY)
    other = replace(dark_listing(tape.listing), reference="ELSE@SIM")
    with pytest.raises(InputError, match="ELSE@SIM"):
        DarkMarket(other, tape, liquidity(), latency=LATENCY)
    assert dark_listing(tape.listing).kind is ListingKind.DARK


def test_the_venue_receives_rows_as_they_happen_not_as_we_do() -> None:
    tape = make_tape([*two_sided(), *quote(100, MID, MID + 2, MID - 1, MID + 1)], recv_ms=[2] * 6 + [900] * 4)
    near = as_it_happens(tape)
    assert len(near.recv_delta) == 0
    assert near.t_local().tolist() == tape.t_event.tolist()


# -- beside the lit market, on one clock -----------------------------------------------------------------------------


def together(seed: int, order: tuple[str, ...]) -> Markets:
    tape = make_tape(walking(60, 5), silence_ns=10**12)
    lit = SimMarket(tape, latency=LATENCY, impact="ledger", seed=1)
    hidden = DarkMarket(
        dark_listing(tape.listing),
        tape,
        liquidity(),
        latency=LATENCY,
        reference_ns=20 * MS,
        session=ALWAYS_OPEN,
        seed=seed,
    )
    both = {lit.key: lit, hidden.key: hidden}
    return Markets([both[key] for key in order])


def run_both(markets: Markets, *, watched: bool) -> list:
    """Rest an order on each venue and look at each touch that changes; returns all that is told."""
    events = []
    now, _ = markets.advance(START_NS + S)
    markets.submit(child("lit", Side.BUY, 400, MID - 3, "post-only", listing="TEST@SIM"), now)
    markets.submit(child("dark", Side.BUY, 400, MID + 9, listing=KEY), now)
    until = START_NS + 40 * S
    while now < until:
        armed = []
        if watched:
            for key in ("TEST@SIM", KEY):
                view = markets.view(now, key)
                armed.append(Watch(watch_id=key, parent_id="p", listing=key, kind=WatchKind.BID_NOT, a=view.bid_units))
        now, fired = markets.advance(until, armed)
        if fired:
            assert markets.view(now, KEY).bid_units == markets.view(now, "TEST@SIM").bid_units
        events += [message.event for message in markets.poll(now)]
    return [event for event in events if isinstance(event, Filled)]


def test_beside_the_lit_market_it_fills_the_same_however_it_is_looked_at() -> None:
    plain = run_both(together(4, ("TEST@SIM", KEY)), watched=False)
    assert {event.fill.child_id for event in plain} >= {"dark"}
    assert plain == run_both(together(4, ("TEST@SIM", KEY)), watched=True)
    turned = run_both(together(4, (KEY, "TEST@SIM")), watched=True)
    assert sorted(map(str, plain)) == sorted(map(str, turned))


def test_a_closed_reference_says_so() -> None:
    market = by_hand()
    assert market.view(START_NS).integrity is Integrity.OK
