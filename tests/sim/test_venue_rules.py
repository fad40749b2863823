"""Replacing orders, meeting own orders, halts, message rates and fee tiers: by hand, and over random streams."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams, two_sided
from sim_orders import KEY, child, run_to_end
from test_match_l2 import SELL_HITS, Driver, filled, level, run_rows, trade

from nowake.core.child import ChildStatus
from nowake.core.errors import InputError
from nowake.core.inputs import Acked, Ended, Filled, Rejected
from nowake.core.instrument import FeeSchedule
from nowake.core.order import Side
from nowake.core.tape import END, Book, Row, row_code
from nowake.sim import layout as lay
from nowake.sim.exchange import Latency, SimMarket
from nowake.sim.reports import Report
from nowake.sim.rules import FeeTier, MessageMeter, SelfTrade, VenueRules, WhileHalted

BID, ASK = Book.BID, Book.ASK


def said(reports: list[Report]) -> list[tuple[str, str, str, int]]:
    """Return (kind, child, code, filled so far) of reports."""
    return [(report.kind, report.child_id, report.code, report.cum_qty) for report in reports]


# Cancel / replace.


def feed(driver: Driver, rows: list[tuple[int, int, int, int]]) -> None:
    """Let rows come after those that the driver was made with."""
    more = Driver(make_tape(rows))
    for row in more.rows:
        driver.rows.append(row)
        driver.row(len(driver.rows) - 1)


@pytest.mark.parametrize(
    ("new", "after"),
    [
        (child("n", Side.BUY, 20, MID - 1), [("n", 10, MID - 1)]),  # smaller: it keeps its place
        (child("n", Side.BUY, 30, MID - 1), [("n", 10, MID - 1)]),
        (child("n", Side.BUY, 31, MID - 1), []),  # larger: to the back, behind the 40 that joined since
        (child("n", Side.BUY, 20, MID - 1, "post-only"), []),
        (child("n", Side.BUY, 20, MID - 1, display=0), []),
        (child("n", Side.BUY, 20, MID), [("n", 20, MID)]),  # another price
    ],
)
def test_a_smaller_quantity_keeps_the_place_and_all_else_goes_to_the_back(
    new: object, after: list[tuple[str, int, int]]
) -> None:
    driver = run_rows([level(1, BID, MID - 1, 140)], child("o", Side.BUY, 30, MID - 1))
    reports = driver.venue.replace("o", new, START_NS + 2 * MS)
    assert said(reports) == [("ended", "o", "", 0), ("acked", "n", "", 0)]
    feed(driver, [trade(3, SELL_HITS, MID - 1, 110)])
    assert filled(driver) == after
    assert [status.live for status in driver.venue.truth()] == [False, sum(f[1] for f in after) < new.qty_units]


def test_the_quantity_of_a_replacement_is_the_total_and_fills_carry_over() -> None:
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 112)], child("o", Side.BUY, 30, MID - 1))
    assert filled(driver) == [("o", 12, MID - 1)]
    reports = driver.venue.replace("o", child("n", Side.BUY, 25, MID - 1), START_NS + 2 * MS)
    assert said(reports) == [("ended", "o", "", 12), ("acked", "n", "", 0)]
    feed(driver, [trade(3, SELL_HITS, MID - 1, 500)])
    assert filled(driver)[1:] == [("n", 13, MID - 1)]
    old, new = driver.venue.truth()
    assert (old.cum_qty, old.status, new.cum_qty, new.status) == (12, ChildStatus.CANCELED, 25, ChildStatus.FILLED)


def test_a_total_that_is_filled_already_ends_both() -> None:
    driver = run_rows([trade(1, SELL_HITS, MID - 1, 112)], child("o", Side.BUY, 30, MID - 1))
    reports = driver.venue.replace("o", child("n", Side.BUY, 12, MID - 1), START_NS + 2 * MS)
    assert said(reports) == [("ended", "o", "", 12), ("acked", "n", "", 0), ("ended", "n", "", 12)]
    assert not driver.venue.has_live


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("nobody", child("n", Side.BUY, 5, MID - 1), "unknown"),
        ("n", child("n", Side.BUY, 5, MID - 1), "unknown"),
        ("done", child("n", Side.BUY, 5, MID - 1), "too-late"),
        ("o", child("o", Side.BUY, 5, MID - 1), "duplicate-id"),
        ("o", child("n", Side.SELL, 5, MID + 1), "other"),
        ("o", child("n", Side.BUY, 5, MID + 1, "post-only"), "would-cross"),
        ("o", child("n", Side.BUY, 5, MID + 1, tif="ioc"), "other"),
    ],
)
def test_a_replacement_that_is_refused_leaves_the_old_order_as_it_was(old: str, new: object, code: str) -> None:
    driver = run_rows([], child("o", Side.BUY, 30, MID - 1), child("done", Side.BUY, 3, MID + 1))
    (report,) = driver.venue.replace(old, new, START_NS + MS)
    assert (report.kind, report.child_id, report.code) == ("rejected", new.child_id, code)
    assert [status.child_id for status in driver.venue.truth() if status.live] == ["o"]
    feed(driver, [trade(2, SELL_HITS, MID - 1, 110)])
    assert filled(driver)[1:] == [("o", 10, MID - 1)]


def test_an_iceberg_made_smaller_loses_what_it_does_not_show() -> None:
    driver = run_rows([], child("o", Side.BUY, 50, MID - 1, display=20))
    driver.venue.replace("o", child("n", Side.BUY, 30, MID - 1, display=20), START_NS)
    feed(driver, [trade(1, SELL_HITS, MID - 1, 500)])
    assert filled(driver) == [("n", 20, MID - 1), ("n", 10, MID - 1)]
    assert not driver.venue.has_live


@settings(max_examples=150)
@given(
    rows=streams(max_rows=40, reach=3),
    steps=st.lists(
        st.tuples(
            st.integers(0, 40), st.integers(-2, 2), st.integers(1, 60), st.sampled_from([None, 0, 7]), st.booleans()
        ),
        min_size=1, max_size=8,
    ),
)  # fmt: skip
def test_of_a_chain_of_replacements_one_order_at_most_is_live(
    rows: list[tuple[int, int, int, int]], steps: list[tuple[int, int, int, int | None, bool]]
) -> None:
    """And what all of them filled never exceeds the largest total that was asked for."""
    driver = Driver(make_tape(rows))
    names = ["r0"]
    driver.submit(child("r0", Side.BUY, 40, MID - 1), START_NS)
    for i in range(len(rows)):
        driver.venue.stats[lay.V_CURSOR] = i
        for at, away, qty, display, again in steps:
            if at == i:
                name = f"r{len(names)}"
                shown = display if display is None else min(display, qty)
                order = child(name, Side.BUY, qty, MID - 1 + (0 if again else away), display=shown)
                before = {status.child_id: status for status in driver.venue.truth()}.get(names[-1])
                reports = driver.venue.replace(names[-1], order, driver.rows[i][0])
                driver.note(reports)
                if reports[0].kind != "rejected":
                    names.append(name)
                    assert reports[0].cum_qty == before.cum_qty
        driver.row(i)
        assert sum(status.live for status in driver.venue.truth()) <= 1
        live = int((driver.venue.orders[:, lay.O_LIVE] != 0).sum())
        assert live == driver.venue.stats[lay.V_LIVE]
    assert sum(fill[1] for fill in driver.fills) <= max([40, *(qty for _, _, qty, _, _ in steps)])


def test_a_market_sends_replacements_after_its_latency() -> None:
    """A cancel or replacement takes effect when it arrives, not when it is sent."""
    rows = [*two_sided(), (100, row_code(Row.TRADE, SELL_HITS, END), MID - 1, 110), (200, 293, MID - 1, 5)]
    for early_ms, code in ((2, "too-late"), (4, "")):
        market = SimMarket(make_tape(rows), latency=Latency(entry_ns=3 * MS, response_ns=MS))
        now, _ = market.advance(START_NS + 10 * MS)
        market.submit(child("o", Side.BUY, 10, MID - 1), now)
        now, _ = market.advance(START_NS + 20 * MS)
        market.poll(now)
        while now < START_NS + (100 - early_ms) * MS:
            now, _ = market.advance(START_NS + (100 - early_ms) * MS)
            market.poll(now)
        market.replace("o", child("n", Side.BUY, 8, MID - 2), now)
        events = run_to_end(market, START_NS + 150 * MS)
        if code:
            assert [type(event) for event in events] == [Filled, Rejected]
            assert events[1].code == code
        else:
            assert [type(event) for event in events] == [Ended, Acked]
    with pytest.raises(InputError, match="listing"):
        market.replace("n", child("x", Side.BUY, 8, MID, listing="OTHER@SIM"), START_NS + 150 * MS)
    assert market.key == KEY


def test_a_cancel_takes_effect_when_it_arrives() -> None:
    rows = [*two_sided(), (100, row_code(Row.TRADE, SELL_HITS, END), MID - 1, 110)]
    for early_ms, fills in ((2, 1), (4, 0)):
        market = SimMarket(make_tape(rows), latency=Latency(entry_ns=3 * MS))
        now, _ = market.advance(START_NS + 10 * MS)
        market.submit(child("o", Side.BUY, 10, MID - 1), now)
        now, _ = market.advance(START_NS + 20 * MS)
        market.poll(now)
        now, _ = market.advance(START_NS + (100 - early_ms) * MS)
        market.cancel("o", now)
        events = run_to_end(market)
        assert sum(isinstance(event, Filled) for event in events) == fills
        assert events[-1].t_venue_ns == now + 3 * MS


# Own orders that would meet.


@pytest.mark.parametrize(
    ("mode", "expected", "alive"),
    [
        ("reject-newest", [("rejected", "s", "self-trade", 0)], ["b"]),
        ("cancel-oldest", [("acked", "s", "", 0), ("filled", "s", "", 100), ("ended", "b", "", 0),
                           ("filled", "s", "", 150)], []),
        ("cancel-both", [("acked", "s", "", 0), ("filled", "s", "", 100), ("ended", "b", "", 0),
                         ("ended", "s", "", 100)], []),
        ("decrement", [("acked", "s", "", 0), ("filled", "s", "", 100), ("ended", "b", "", 0),
                       ("filled", "s", "", 120), ("ended", "s", "", 120)], []),
    ],
)  # fmt: skip
def test_an_order_that_meets_an_own_one(mode: str, expected: list[tuple[str, str, str, int]], alive: list[str]) -> None:
    """100 are seen at the price before the own 30, 100 at the next."""
    driver = Driver(make_tape(two_sided()), self_trade=SelfTrade(mode))
    for i in range(6):
        driver.row(i)
    driver.submit(child("b", Side.BUY, 30, MID - 1), START_NS)
    assert said(driver.venue.submit(child("s", Side.SELL, 150, MID - 2), START_NS)) == expected
    assert [status.child_id for status in driver.venue.truth() if status.live] == alive


def test_an_order_that_is_done_before_it_meets_an_own_one_meets_nobody() -> None:
    driver = Driver(make_tape(two_sided()), self_trade=SelfTrade.CANCEL_OLDEST)
    for i in range(6):
        driver.row(i)
    driver.submit(child("b", Side.BUY, 30, MID - 1), START_NS)
    assert driver.submit(child("s", Side.SELL, 100, MID - 2), START_NS) == ["acked", "filled"]
    assert driver.venue.truth()[0].live


def test_decrement_takes_the_smaller_quantity_off_both() -> None:
    driver = Driver(make_tape(two_sided()), self_trade=SelfTrade.DECREMENT)
    for i in range(6):
        driver.row(i)
    driver.submit(child("b", Side.BUY, 30, MID), START_NS)
    reports = driver.venue.submit(child("s", Side.SELL, 12, MID), START_NS)
    assert said(reports) == [("acked", "s", "", 0), ("ended", "s", "", 0)]
    feed(driver, [trade(1, SELL_HITS, MID, 500)])
    assert filled(driver) == [("b", 18, MID)]
    bought = driver.venue.truth()[0]
    assert (bought.live, bought.status, bought.cum_qty) == (False, ChildStatus.CANCELED, 18)


@settings(max_examples=200)
@given(
    rows=streams(max_rows=40, reach=3),
    orders=st.lists(
        st.tuples(
            st.integers(0, 40), st.booleans(), st.integers(-2, 2), st.sampled_from([1, 5, 40, 200]),
            st.sampled_from(["limit", "limit", "market", "post-only", "midpoint", "primary", "hidden", "iceberg"]),
        ),
        min_size=2, max_size=14,
    ),
    mode=st.sampled_from(list(SelfTrade)),
)  # fmt: skip
def test_own_orders_never_trade_with_each_other(
    rows: list[tuple[int, int, int, int]], orders: list[tuple[int, bool, int, int, str]], mode: SelfTrade
) -> None:
    """What an arriving order gets is in the recorded book; what is left resting crosses no own order that stands."""
    driver = Driver(make_tape(rows), impact="ledger", self_trade=mode)
    fixed: dict[str, tuple[Side, int]] = {}
    for i in range(len(rows)):
        driver.venue.stats[lay.V_CURSOR] = i
        for n, (at, buy, away, qty, kind) in enumerate(orders):
            if at != i:
                continue
            side = Side.BUY if buy else Side.SELL
            peg = kind if kind in ("midpoint", "primary") else "none"
            order = child(
                f"o{n}", side, qty, MID + away, kind if kind in ("market", "post-only") else "limit", peg=peg,
                display={"hidden": 0, "iceberg": max(qty // 3, 1)}.get(kind),
            )  # fmt: skip
            other = dict(seen(driver, 1 if buy else 0))
            before = len(driver.fills)
            driver.submit(order, driver.rows[i][0])
            took: dict[int, int] = {}
            for name, part, price, _, maker in driver.fills[before:]:
                assert (name, maker) == (f"o{n}", False)
                took[price] = took.get(price, 0) + part
            assert all(part <= other.get(price, 0) for price, part in took.items())
            if peg == "none":
                fixed[f"o{n}"] = side, order.price_units
        driver.row(i)
        live = {status.child_id for status in driver.venue.truth() if status.live}
        bids = [price for name, (side, price) in fixed.items() if name in live and side is Side.BUY]
        asks = [price for name, (side, price) in fixed.items() if name in live and side is Side.SELL]
        assert not bids or not asks or max(bids) < min(asks)
        assert int((driver.venue.orders[:, lay.O_LIVE] != 0).sum()) == driver.venue.stats[lay.V_LIVE]
    for status in driver.venue.truth():
        assert status.cum_qty == sum(fill[1] for fill in driver.fills if fill[0] == status.child_id)


def seen(driver: Driver, side: int) -> list[tuple[int, int]]:
    """Return (price, recorded size) of a side."""
    from nowake.market import book as bk

    sign = 1 if side == 0 else -1
    return [(9_000 + sign * key, size) for key, size in bk.levels(driver.venue.book, side)]


# Halts.


HALT = (1, row_code(Row.HALT, Book.NONE, END), 0, 0)
RESUME = (3, row_code(Row.RESUME, Book.NONE, END), 0, 0)


def test_in_a_halt_what_would_rest_may_be_taken_on_and_nothing_trades() -> None:
    driver = Driver(make_tape([*two_sided(), HALT]), while_halted=WhileHalted.REST)
    for i in range(7):
        driver.row(i)
    for order in (child("m", Side.BUY, 5, kind="market"), child("x", Side.BUY, 5, MID + 1)):
        assert driver.venue.submit(order, START_NS)[0].code == "halted"
    assert driver.submit(child("r", Side.BUY, 5, MID), START_NS) == ["acked"]
    feed(driver, [trade(2, SELL_HITS, MID - 1, 500), level(2, ASK, MID, 50)])
    assert filled(driver) == []
    feed(driver, [level(3, ASK, MID, 0), RESUME, trade(4, SELL_HITS, MID, 3)])
    assert filled(driver) == [("r", 3, MID)]
    assert [report.kind for report in driver.venue.cancel("r", START_NS)] == ["ended"]


# Message rates.


def test_messages_beyond_the_rate_are_refused_and_cancels_have_their_own() -> None:
    driver = Driver(make_tape(two_sided()), messages_per_second=4, cancel_reserve=1)
    for i in range(6):
        driver.row(i)
    for n in range(3):
        assert driver.submit(child(f"o{n}", Side.BUY, 5, MID - 1), START_NS + n * MS) == ["acked"]
    late = driver.venue.submit(child("late", Side.BUY, 5, MID - 1), START_NS + 10 * MS)[0]
    assert (late.code, late.text) == ("rate-limit", f"retry after {990 * MS} ns")
    assert driver.venue.replace("o1", child("late", Side.BUY, 4, MID - 1), START_NS + 10 * MS)[0].code == "rate-limit"
    assert driver.venue.cancel("o0", START_NS + 10 * MS)[0].kind == "ended"
    refused = driver.venue.cancel("o1", START_NS + 11 * MS)[0]
    assert (refused.kind, refused.code, refused.text) == ("cancel-rejected", "rate-limit", f"retry after {989 * MS} ns")
    # What was refused for the rate was not read: its id may be used again.
    assert driver.submit(child("late", Side.BUY, 5, MID - 1), START_NS + 1000 * MS) == ["rejected"]
    assert driver.submit(child("late", Side.BUY, 5, MID - 1), START_NS + 1001 * MS) == ["acked"]


@given(
    steps=st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=60),
    most=st.integers(1, 6),
    kept=st.integers(0, 5),
)
def test_no_second_holds_more_messages_than_declared(steps: list[tuple[int, bool]], most: int, kept: int) -> None:
    """And what one is told to wait is right: then there is room, and a nanosecond before there is none."""
    kept = min(kept, most - 1)
    rules = VenueRules(messages_per_second=most, cancel_reserve=kept)
    meter, t, taken = MessageMeter(rules), 0, []
    for wait, cancel in steps:
        t += wait * MS
        told = meter.wait_ns(t, cancel=cancel)
        limit = most if cancel else most - kept
        recent = [one for one in taken if t - one < 1000 * MS]
        assert (told == 0) == (len(recent) < limit)
        if told == 0:
            taken.append(t)
        else:
            assert len([one for one in taken if t + told - one < 1000 * MS]) < limit
            assert len([one for one in taken if t + told - 1 - one < 1000 * MS]) >= limit


# Fee tiers.


def test_fees_follow_the_volume_of_the_account() -> None:
    tiers = (
        FeeTier(from_volume=Decimal(5_000), fees=FeeSchedule(taker_bps=Decimal(5), maker_bps=Decimal(-1))),
        FeeTier(from_volume=Decimal(20_000), fees=FeeSchedule(taker_bps=Decimal(1), maker_bps=Decimal(-2))),
    )
    driver = Driver(make_tape(two_sided()), fee_tiers=tiers, volume_before=Decimal(0))
    for i in range(6):
        driver.row(i)
    orders = [child(f"m{n}", Side.BUY, 60, MID + 1, tif="ioc") for n in range(4)]
    fills = [report.fill for order in orders for report in driver.venue.submit(order, START_NS) if report.fill]
    # 60 shares at 100.01 are 6,000.60.
    bps = [Decimal(fill.fee_money) * 10_000 / Decimal(600060000000) for fill in fills]
    assert bps == [0, 5, 5, 5]
    driver.submit(child("r", Side.BUY, 60, MID), START_NS)
    feed(driver, [trade(1, SELL_HITS, MID, 500)])
    (fill,) = driver.venue.truth()[-1].fills
    assert fill.fee_money == Decimal(6_000) * 10**8 * Decimal(-2) / 10_000  # 24,002.40 before it: a rebate
    assert driver.venue.volume == Decimal("30002.40")


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("refresh_ns", {"refresh_ns": -1}),
        ("messages_per_second", {"messages_per_second": -1}),
        ("cancel_reserve", {"messages_per_second": 5, "cancel_reserve": 5}),
        ("cancel_reserve", {"cancel_reserve": 1}),
        ("volume_before", {"volume_before": Decimal(-1)}),
        ("fee_tiers", {"fee_tiers": (FeeTier(from_volume=Decimal(1), fees=FeeSchedule()),) * 2}),
    ],
)
def test_rules_that_mean_nothing_are_refused(field: str, values: dict[str, object]) -> None:
    with pytest.raises(InputError, match=field):
        VenueRules(**values)
