"""Call phases, halts and reopenings: worked by hand, against all prices tried one by one, and without look-ahead."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, two_sided
from msgspec import UNSET
from sim_orders import child, run_to_end
from test_auction import brute_force

from nowake.core.child import ChildOrder, ChildStatus
from nowake.core.errors import InputError
from nowake.core.inputs import Acked, CancelRejected, Ended, Filled, Rejected
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, row_code
from nowake.core.value import from_msgpack, replace, to_msgpack
from nowake.core.view import Indication, View
from nowake.sim import auction_venue
from nowake.sim.auction import Interest
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.rules import SelfTrade, VenueRules, WhileHalted

OPEN = START_NS + 100 * MS
Row4 = tuple[int, int, int, int]


def clock(ms: int) -> time:
    return (datetime.fromtimestamp(START_NS // 10**9, UTC) + timedelta(milliseconds=ms)).time()


OPENS = Session(name="S", opens=clock(100), closes=time(23, 59))
CLOSES = Session(name="S", opens=time(0), closes=clock(100))
CALL = {"call_ns": 80 * MS, "indicate_ns": 10 * MS}


def level(ms: int, side: Book, price: int, qty: int) -> Row4:
    return (ms, row_code(Row.SET, side, END), price, qty)


def turn(ms: int, kind: Row) -> Row4:
    return (ms, row_code(kind, Book.NONE, END), 0, 0)


def crossed_print(ms: int, price: int, qty: int) -> Row4:
    return (ms, row_code(Row.TRADE, Book.NONE, END), price, qty)


COLLECTED = [
    level(0, Book.BID, MID + 2, 100),
    level(0, Book.BID, MID, 200),
    level(0, Book.ASK, MID - 1, 150),
    level(0, Book.ASK, MID + 1, 100),
]
"""Orders that rest before the opening, and cross."""


def market_of(rows: list[Row4], session: Session | None, latency: Latency | None = None, **rules: object) -> SimMarket:
    tape = make_tape([*rows, level(900, Book.BID, MID - 50, 1)])
    return SimMarket(tape, latency=latency or Latency(), session=session, impact="off", rules=VenueRules(**rules))


def fills_of(events: list) -> list[tuple[str, int, int, int]]:
    """Return (child, quantity, price, ms of venue time) of every fill."""
    fills = [event.fill for event in events if isinstance(event, Filled)]
    return [(f.child_id, f.qty_units, f.price_units, (f.t_venue_ns - START_NS) // MS) for f in fills]


def test_what_gathers_trades_with_the_recorded_book_at_the_opening() -> None:
    """By hand: at MID + 1 buyers want 30 + 100 + 40, sellers offer 150 + 100; no other price trades 170."""
    market = market_of(COLLECTED, OPENS, Latency(data_ns=5 * MS), limits_in_auctions=True, **CALL)
    run_to_end(market, START_NS + 24 * MS)
    assert market.view(START_NS + 24 * MS).indicated is UNSET
    events = run_to_end(market, START_NS + 30 * MS)
    at = START_NS + 20 * MS
    # 150 trade at MID - 1 as at MID, and either leaves 150 of the buyers over: so the higher.
    expected = Indication(t_venue_ns=at, uncross_ns=OPEN, price_units=MID, qty_units=150, surplus_units=150)
    assert market.view(START_NS + 30 * MS).indicated == expected
    for order in (
        child("market", Side.BUY, 30, kind="market", tif="opg"),
        child("limit", Side.BUY, 40, MID + 1),
        child("dear", Side.SELL, 10, MID + 3, tif="opg"),
        child("rests", Side.BUY, 40, MID - 4),
    ):
        market.submit(order, market.now_ns)
    events += run_to_end(market, START_NS + 99 * MS)
    shown = market.view(START_NS + 99 * MS).indicated
    assert shown == replace(
        expected, t_venue_ns=START_NS + 90 * MS, price_units=MID + 1, qty_units=170, surplus_units=-80
    )
    events += run_to_end(market, START_NS + 106 * MS)
    assert market.view(START_NS + 106 * MS).indicated is UNSET
    events += run_to_end(market, START_NS + 500 * MS)
    assert fills_of(events) == [("market", 30, MID + 1, 100), ("limit", 40, MID + 1, 100)]
    assert all(event.fill.modelled for event in events if isinstance(event, Filled))
    assert [(e.child_id, e.status) for e in events if isinstance(e, Ended)] == [("dear", ChildStatus.EXPIRED)]
    assert [status.child_id for status in market.truth() if status.live] == ["rests"]


def test_without_a_call_limit_orders_are_refused_before_the_opening_and_nothing_is_indicated() -> None:
    market = market_of(COLLECTED, OPENS, limits_in_auctions=True)
    run_to_end(market, START_NS + 30 * MS)
    market.submit(child("limit", Side.BUY, 40, MID + 1), market.now_ns)
    events = run_to_end(market, START_NS + 90 * MS)
    assert [event.code for event in events if isinstance(event, Rejected)] == ["closed"]
    view = market.view(START_NS + 90 * MS)
    assert view.indicated is UNSET
    assert b"indicated" not in to_msgpack(view)


def test_an_indication_is_written_down_with_the_view() -> None:
    market = market_of(COLLECTED, OPENS, **CALL)
    run_to_end(market, START_NS + 50 * MS)
    view = market.view(START_NS + 50 * MS)
    assert isinstance(view.indicated, Indication)
    assert from_msgpack(to_msgpack(view), View) == view


SIDES = st.sampled_from(list(Side))
OWN = st.lists(st.tuples(SIDES, st.integers(1, 12), st.none() | st.integers(3, 14)), max_size=6)


@settings(max_examples=150)
@given(
    bids=st.dictionaries(st.integers(3, 14), st.integers(1, 12), min_size=1, max_size=5),
    asks=st.dictionaries(st.integers(3, 14), st.integers(1, 12), min_size=1, max_size=5),
    own=OWN,
)
def test_the_opening_is_that_of_all_prices_tried_one_by_one(
    bids: dict[int, int], asks: dict[int, int], own: list[tuple[Side, int, int | None]]
) -> None:
    rows = [level(0, Book.BID, price, qty) for price, qty in bids.items()]
    rows += [level(0, Book.ASK, price, qty) for price, qty in asks.items()]
    tape = make_tape([*rows, level(900, Book.BID, 1, 1)], base=8)
    market = SimMarket(tape, latency=Latency(), session=OPENS, impact="off", rules=VenueRules(**CALL))
    market.advance(START_NS)
    for n, (side, qty, limit) in enumerate(own):
        kind = "limit" if limit else "market"
        market.submit(child(f"o{n}", side, qty, limit or 0, kind=kind, tif="opg"), market.now_ns)
    events = run_to_end(market, START_NS + 99 * MS)
    shown = market.view(START_NS + 99 * MS).indicated
    events += run_to_end(market)
    interest = [Interest(side=Side.BUY, qty_units=qty, limit_units=price) for price, qty in bids.items()]
    interest += [Interest(side=Side.SELL, qty_units=qty, limit_units=price) for price, qty in asks.items()]
    interest += [Interest(side=side, qty_units=qty, limit_units=limit) for side, qty, limit in own]
    reference = max(1, 8 + (max(bids) - 8 - (min(asks) - 8) + 2 * (min(asks) - 8)) // 2)
    expected = brute_force(interest, reference)
    assert isinstance(shown, Indication)
    assert (shown.price_units, shown.qty_units) == (expected[:2] if expected else (0, 0))
    if max(bids) < min(asks):
        assert not fills_of(events)  # a book that does not cross collected nothing: then there is but the print
        return
    assert expected is not None
    price, most, surplus = expected
    assert shown.surplus_units == surplus
    fills = fills_of(events)
    assert {fill[2] for fill in fills} <= {price}
    for side in Side:
        got = {f"o{n}": 0 for n, one in enumerate(own) if one[0] is side}
        for name, qty, _, _ in fills:
            got |= {name: got[name] + qty} if name in got else {}
        ready = [(n, one) for n, one in enumerate(own) if one[0] is side]
        ready = [(n, one) for n, one in ready if one[2] is None or side * (one[2] - price) >= 0]
        levels = [(p, qty) for p, qty in (bids if side is Side.BUY else asks).items() if side * (p - price) >= 0]
        left = most
        queue = [(-(10**6), 1, n, one[1]) for n, one in ready if one[2] is None]
        queue += [(-side * one[2], 1, n, one[1]) for n, one in ready if one[2] is not None]
        queue += [(-side * p, 0, -1, qty) for p, qty in levels]
        for _, _, n, qty in sorted(queue):
            part = min(qty, left)
            left -= part
            if n >= 0:
                assert got.pop(f"o{n}") == part
        assert left == 0  # what one side trades, the other does
        assert not any(got.values())


def test_cancels_and_replacements_are_refused_near_the_auction() -> None:
    market = market_of(two_sided(), CLOSES, freeze_ns=30 * MS)
    now, _ = market.advance(START_NS + 10 * MS)
    for name in ("a", "b", "c"):
        market.submit(child(name, Side.BUY, 40, MID, tif="cls"), now)
    run_to_end(market, START_NS + 69 * MS)
    market.cancel("a", START_NS + 69 * MS)
    market.replace("c", child("d", Side.BUY, 50, MID + 1, tif="cls"), START_NS + 69 * MS)
    events = run_to_end(market, START_NS + 70 * MS)
    assert [(type(e), e.child_id) for e in events] == [(Ended, "a"), (Ended, "c"), (Acked, "d")]
    market.cancel("b", START_NS + 70 * MS)
    market.replace("d", child("e", Side.BUY, 50, MID + 2, tif="cls"), START_NS + 70 * MS)
    market.cancel("b", START_NS + 99 * MS)
    events = run_to_end(market, START_NS + 99 * MS)
    assert [(type(e), getattr(e, "code", "")) for e in events] == [
        (CancelRejected, "frozen"), (Rejected, "frozen"), (CancelRejected, "frozen"),
    ]  # fmt: skip
    assert {status.child_id for status in market.truth() if status.live} == {"b", "d"}


def test_a_replacement_carries_what_was_filled_and_a_smaller_one_keeps_its_place() -> None:
    rows = [*two_sided(), crossed_print(130, MID, 500)]
    market = market_of(rows, CLOSES, auction_share=0.2)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("a", Side.BUY, 90, MID, tif="cls"), now)
    market.submit(child("b", Side.BUY, 90, MID, tif="cls"), now)
    market.submit(child("c", Side.BUY, 5, MID, tif="cls"), now)
    market.replace("a", child("a2", Side.BUY, 80, MID, tif="cls"), now)
    market.replace("c", child("c2", Side.SELL, 5, MID, tif="cls"), now)
    events = run_to_end(market)
    assert [event.code for event in events if isinstance(event, Rejected)] == ["other"]
    assert fills_of(events) == [("a2", 80, MID, 60_100), ("b", 20, MID, 60_100)]


def test_an_order_in_an_auction_whose_print_is_not_known_yet_cannot_be_taken_out() -> None:
    """Who could see the print and cancel would trade with hindsight."""
    rows = [*two_sided(), crossed_print(130, MID, 500)]
    market = market_of(rows, CLOSES, auction_share=0.2)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("a", Side.BUY, 90, MID, tif="cls"), now)
    events = run_to_end(market, START_NS + 150 * MS)
    market.cancel("a", START_NS + 150 * MS)
    market.replace("a", child("b", Side.BUY, 10, MID, tif="cls"), START_NS + 150 * MS)
    events += run_to_end(market)
    assert [(type(e), e.code) for e in events if isinstance(e, CancelRejected | Rejected)] == [
        (CancelRejected, "frozen"), (Rejected, "frozen"),
    ]  # fmt: skip
    assert fills_of(events) == [("a", 90, MID, 60_100)]


def test_what_rests_at_the_close_takes_part_in_the_closing_auction_where_rules_say_so() -> None:
    rows = [*two_sided(), crossed_print(130, MID - 2, 500)]
    for joins in (False, True):
        market = market_of(rows, CLOSES, auction_share=0.1, limits_in_auctions=joins)
        now, _ = market.advance(START_NS + 10 * MS)
        market.submit(child("rests", Side.BUY, 40, MID), now)
        market.submit(child("low", Side.BUY, 40, MID - 3), now)
        market.submit(child("peg", Side.BUY, 40, kind="post-only", peg="primary"), now)
        market.submit(child("moc", Side.BUY, 30, kind="market", tif="cls"), now)
        events = run_to_end(market)
        fills = [("moc", 30, MID - 2, 60_100), ("rests", 20, MID - 2, 60_100)]
        assert sorted(fills_of(events)) == fills[: 1 + joins]
        ended = {e.child_id: (e.t_venue_ns - START_NS) // MS for e in events if isinstance(e, Ended)}
        at = 60_100 if joins else 100
        assert ended == {"rests": at, "low": at, "peg": 100}


def halted(*more: Row4) -> list[Row4]:
    """Return a market that is halted from 50 to 200 ms."""
    return [*two_sided(), turn(50, Row.HALT), *more, turn(200, Row.RESUME)]


REOPENS = {"while_halted": WhileHalted.REST, "reopen_by_auction": True}


def test_nothing_trades_in_a_halt_cancels_work_and_orders_are_refused_or_rest_by_rule() -> None:
    rows = halted((80, row_code(Row.TRADE, Book.ASK, END), MID - 3, 900), level(90, Book.ASK, MID - 5, 900))
    for rule, codes in ((WhileHalted.REFUSE, ["halted", "halted"]), (WhileHalted.REST, ["halted"])):
        market = market_of(rows, None, while_halted=rule)
        now, _ = market.advance(START_NS + 10 * MS)
        market.submit(child("stays", Side.BUY, 40, MID), now)
        market.submit(child("goes", Side.BUY, 40, MID), now)
        run_to_end(market, START_NS + 60 * MS)
        market.submit(child("new", Side.BUY, 40, MID - 1), START_NS + 60 * MS)
        market.submit(child("takes", Side.BUY, 40, MID + 1, tif="ioc"), START_NS + 60 * MS)
        market.cancel("goes", START_NS + 60 * MS)
        events = run_to_end(market, START_NS + 199 * MS)
        assert [event.code for event in events if isinstance(event, Rejected)] == codes
        assert [event.child_id for event in events if isinstance(event, Ended)] == ["goes"]
        assert not fills_of(events)


def test_a_halt_ends_in_an_auction_with_the_book_that_collected_orders() -> None:
    """By hand: 300 are offered at MID - 5; ours want 70 at MID or better, others 300 at MID - 1 to MID - 3."""
    market = market_of(halted(level(90, Book.ASK, MID - 5, 300)), None, Latency(data_ns=5 * MS), **REOPENS, **CALL)
    now, _ = market.advance(START_NS + 10 * MS)
    market.submit(child("rests", Side.BUY, 40, MID), now)
    run_to_end(market, START_NS + 60 * MS)
    market.submit(child("new", Side.BUY, 30, MID + 4), START_NS + 60 * MS)
    market.submit(child("low", Side.BUY, 30, MID - 9), START_NS + 60 * MS)
    market.submit(child("gone", Side.BUY, 30, MID + 4), START_NS + 60 * MS)
    market.cancel("gone", START_NS + 70 * MS)
    events = run_to_end(market, START_NS + 89 * MS)
    shown = market.view(START_NS + 89 * MS).indicated
    assert isinstance(shown, Indication)
    # Before the seller came ours met the recorded offer of 100 at MID + 1, the reference being the mid.
    assert (shown.uncross_ns, shown.qty_units) == (0, 30)
    events += run_to_end(market, START_NS + 199 * MS)
    assert not fills_of(events)
    shown = market.view(START_NS + 199 * MS).indicated
    # At MID - 2: 70 of ours and 200 of others; at MID - 3: 70 and 300 for the 300 offered, 70 too many.
    assert shown == Indication(
        t_venue_ns=START_NS + 190 * MS, uncross_ns=0, price_units=MID - 3, qty_units=300, surplus_units=70
    )
    events = run_to_end(market, START_NS + 500 * MS)
    assert fills_of(events) == [("rests", 40, MID - 3, 200), ("new", 30, MID - 3, 200)]
    assert market.view(START_NS + 500 * MS).indicated is UNSET
    assert [status.child_id for status in market.truth() if status.live] == ["low"]


@pytest.mark.parametrize(("printed", "filled_ms"), [(None, 300), (MID, 300), (MID - 2, 220)])
def test_a_halt_whose_book_does_not_cross_ends_in_the_book_and_its_print_is_one_as_any(
    printed: int | None, filled_ms: int
) -> None:
    """A print of which nobody knows yet that it is the auction's fills what rests at a better price, no more."""
    rows = [*halted(), *([crossed_print(220, printed, 500)] if printed else [])]
    rows += [(300, row_code(Row.TRADE, Book.ASK, END), MID - 5, 1_000)]
    market = market_of(rows, None, **REOPENS, auction_share=0.1)
    run_to_end(market, START_NS + 60 * MS)
    market.submit(child("new", Side.BUY, 80, MID), START_NS + 60 * MS)
    assert fills_of(run_to_end(market)) == [("new", 80, MID, filled_ms)]


def test_own_orders_that_cross_as_trading_begins_meet_by_the_rule_of_the_venue() -> None:
    """A buyer and a seller of ours at one price wait for the end of a halt; neither ever rests beyond the other."""
    expected = {
        SelfTrade.REJECT_NEWEST: {"buys": 30},
        SelfTrade.CANCEL_OLDEST: {"sells": 20},
        SelfTrade.CANCEL_BOTH: {},
        SelfTrade.DECREMENT: {"buys": 10},
    }
    for rule, left in expected.items():
        market = market_of(halted(), None, **REOPENS, self_trade=rule)
        run_to_end(market, START_NS + 60 * MS)
        market.submit(child("buys", Side.BUY, 30, MID), START_NS + 60 * MS)
        market.submit(child("sells", Side.SELL, 20, MID), START_NS + 61 * MS)
        events = run_to_end(market)
        assert not fills_of(events)
        lives = [order for order in market.venue._by_id.values() if order.can_trade()]
        assert {order.child.child_id: order.open_qty for order in lives} == left


def test_what_crosses_the_book_as_trading_begins_takes_from_it_and_never_rests_beyond_it() -> None:
    """By hand: 100 are offered at MID + 1, and 150 are wanted there: 100 trade, 50 rest."""
    for rows, session, at, rules in (
        (halted(), None, 200, REOPENS),
        (list(two_sided()), OPENS, 100, {"limits_in_auctions": True, **CALL}),
    ):
        market = market_of(rows, session, **rules)
        run_to_end(market, START_NS + 60 * MS)
        market.submit(child("wants", Side.BUY, 150, MID + 1), START_NS + 60 * MS)
        events = run_to_end(market, START_NS + 500 * MS)
        assert fills_of(events) == [("wants", 100, MID + 1, at)]
        assert [one.child_id for one in market.truth() if one.live] == ["wants"]


def test_orders_that_wait_for_a_reopening_end_with_the_session() -> None:
    market = market_of([*two_sided(), turn(50, Row.HALT)], CLOSES, **REOPENS)
    run_to_end(market, START_NS + 60 * MS)
    market.submit(child("new", Side.BUY, 80, MID + 5), START_NS + 60 * MS)
    events = run_to_end(market)
    assert [(type(e), e.child_id) for e in events] == [(Acked, "new"), (Ended, "new")]
    assert events[1].t_venue_ns == START_NS + 100 * MS
    assert not [status for status in market.truth() if status.live]


def shown_at(rows: list[Row4], session: Session | None, orders: list[ChildOrder], **rules: object) -> list:
    """Return what is indicated at 15, 25, ... 95 ms."""
    market = market_of(rows, session, **rules)
    market.advance(START_NS)
    for order in orders:
        market.submit(order, START_NS)
    found = []
    for ms in range(15, 100, 10):
        run_to_end(market, START_NS + ms * MS)
        found.append(market.view(START_NS + ms * MS).indicated)
    return found


def test_an_indication_knows_nothing_of_what_comes() -> None:
    orders = [child("m", Side.BUY, 30, kind="market", tif="cls")]
    rules = {**CALL, "limits_in_auctions": True}
    known = shown_at([*two_sided(), level(60, Book.ASK, MID + 1, 20)], CLOSES, orders, **rules)
    later = [level(75, Book.ASK, MID + 1, 0), crossed_print(130, MID + 9, 500)]
    cut = shown_at([*two_sided(), level(60, Book.ASK, MID + 1, 20), *later], CLOSES, orders, **rules)
    assert cut[:6] == known[:6]
    assert cut[7] != known[7]
    assert [(one.price_units, one.qty_units) for one in known[1:5]] == [(MID + 1, 30)] * 4
    assert (known[6].price_units, known[6].qty_units) == (MID + 2, 30)


@pytest.mark.parametrize("values", [{"call_ns": -1}, {"indicate_ns": 0}, {"indicate_ns": 999_999}, {"freeze_ns": -1}])
def test_rules_that_mean_nothing_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(InputError):
        VenueRules(**values)


def test_planted_bugs_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: orders are never frozen; what rests is left out of a reopening; ours come before recorded orders."""
    venue = auction_venue.AuctionVenue
    for name, bug, test in (
        ("_frozen", lambda *_: False, test_cancels_and_replacements_are_refused_near_the_auction),
        ("_pulled", lambda _: [], test_a_halt_ends_in_an_auction_with_the_book_that_collected_orders),
        ("_recorded_interest", lambda *_: [], test_what_gathers_trades_with_the_recorded_book_at_the_opening),
    ):  # fmt: skip
        with monkeypatch.context() as planted:
            planted.setattr(venue, name, bug)
            with pytest.raises(AssertionError):
                test()


@pytest.mark.parametrize(("early_ns", "taken"), [(3, True), (2, True), (1, False), (0, False)])
def test_an_order_takes_part_that_arrives_before_the_instant(early_ns: int, taken: bool) -> None:
    rows = [*two_sided(), crossed_print(130, MID, 500)]
    market = market_of(rows, CLOSES, Latency(entry_ns=MS), auction_share=0.2)
    sent = START_NS + 99 * MS - early_ns
    market.advance(START_NS + 10 * MS)
    market.submit(child("first", Side.BUY, 5, MID, tif="cls"), START_NS + 10 * MS)
    run_to_end(market, sent)
    market.submit(child("a", Side.BUY, 30, MID, tif="cls"), sent)
    events = run_to_end(market)
    assert fills_of(events) == [("first", 5, MID, 60_100), *([("a", 30, MID, 60_100)] if taken else [])]
    assert [e.code for e in events if isinstance(e, Rejected)] == ([] if taken else ["too-late"])


@pytest.mark.parametrize("known_early", [True, False])
def test_a_cancel_of_the_instant_of_an_auction_comes_after_it_whenever_it_was_sent(known_early: bool) -> None:
    market = market_of([*two_sided(), crossed_print(130, MID, 500)], CLOSES, Latency(entry_ns=MS), auction_share=0.2)
    market.advance(START_NS + 10 * MS)
    market.submit(child("in", Side.BUY, 5, MID, tif="cls"), START_NS + 10 * MS)
    sent = START_NS + 99 * MS - 1
    run_to_end(market, START_NS + 50 * MS if known_early else sent)
    market.cancel("in", sent)
    assert fills_of(run_to_end(market)) == [("in", 5, MID, 60_100)]


def test_an_order_that_comes_when_the_auction_has_been_held_is_refused_and_never_forgotten() -> None:
    """All that was known by the last nanosecond before the instant has been acted on."""
    market = market_of([*two_sided(), crossed_print(130, MID, 500)], CLOSES, auction_share=0.2)
    last = START_NS + 100 * MS - 1
    market.advance(START_NS + 10 * MS)
    market.submit(child("in", Side.BUY, 5, MID, tif="cls"), START_NS + 10 * MS)
    run_to_end(market, last)
    market.submit(child("late", Side.BUY, 30, MID, tif="cls"), last)
    events = run_to_end(market)
    assert [(e.child_id, e.code) for e in events if isinstance(e, Rejected)] == [("late", "too-late")]
    assert fills_of(events) == [("in", 5, MID, 60_100)]


@pytest.mark.parametrize(("resting", "at_open"), [(0, 10), (6, 4), (50, 0)])
def test_of_an_auction_in_a_bar_no_more_is_had_than_that_bar_has(resting: int, at_open: int) -> None:
    """A quarter of the 40 that the bar of 100 ms printed, told a minute later: in another bar."""
    rows = [*two_sided(), crossed_print(130, MID + 2, 40), level(61_000, Book.BID, MID - 5, 1)]
    tape = make_tape(rows)
    tape = dataclasses.replace(tape, meta=replace(tape.meta, modelled="from 100ms bars"))
    market = SimMarket(tape, latency=Latency(), session=OPENS, rules=VenueRules(auction_share=0.5))
    market.advance(START_NS + 10 * MS)
    market.submit(child("opens", Side.SELL, 50, MID, tif="opg"), START_NS + 10 * MS)
    run_to_end(market, START_NS + 110 * MS)
    if resting:
        market.submit(child("rests", Side.SELL, resting, MID), START_NS + 110 * MS)
    got = [(name, qty) for name, qty, _, _ in fills_of(run_to_end(market)) if name == "opens"]
    assert got == ([("opens", at_open)] if at_open else [])


def test_in_a_halt_it_is_the_halts_auction_that_is_indicated() -> None:
    """The closing call runs too; nobody knows whether the halt ends before it."""
    for ends_ms in (90, 200):
        rows = [*two_sided(), turn(70, Row.HALT), turn(ends_ms, Row.RESUME)]
        market = market_of(rows, CLOSES, **REOPENS, **CALL)
        run_to_end(market, START_NS + 85 * MS)
        shown = market.view(START_NS + 85 * MS).indicated
        assert isinstance(shown, Indication)
        assert shown.uncross_ns == 0
