"""``measure`` on journals told by hand: every number recomputed here from the story, in human units."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core import decisions as d
from nowake.core import inputs as i
from nowake.core.child import ChildStatus, Fill, Liquidity, OrderStatus
from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.order import Side
from nowake.core.value import from_json, replace, to_json
from nowake.core.view import Integrity
from nowake.tca.document import document, price
from nowake.tca.report import ExecutionReport, measure

MakeStory = Any
KEYS_OF_THE_ISSUE = {
    "status", "filled", "residual", "avg_price", "arrival_mid", "market_vwap", "slippage_bps", "shortfall", "fees",
    "participation", "children", "fills", "currency", "unit", "venue", "volume_base", "assumed", "warnings",
}  # fmt: skip
KEYS_OF_A_CHILD = {"id", "t_sent", "t_venue", "side", "type", "price", "quantity", "t_cancel", "fills"}


def full_story(story: MakeStory, **order: Any) -> Any:
    """Return an order of 1000: 400 posted and filled in two parts, 600 of which 500 are taken; 100 remain.

    The mid is 100.00 from 0 s, 100.10 from 60 s, 100.20 from 100 s. Prints in the window: 3100 of others at 100.05,
    own 100 at 99.99, 300 at 99.99, 500 at 100.11.
    """
    told = story(**order)
    told.at(10).receive()
    told.at(12).send("c1", 400, 9_999).at(13).ack("c1", 12.5)
    told.at(20).printed(100, 9_999, own=True).fill("c1", "t1", 100, 9_999, fee=-10)
    told.at(30).printed(300, 9_999, own=True).fill("c1", "t2", 300, 9_999, fee=-30)
    told.at(60, 20_020).printed(3100, 10_005).send("c2", 600, 10_011, post=False).ack("c2", 60.5)
    told.at(61).printed(500, 10_011, own=True).fill("c2", "t3", 500, 10_011, fee=1000, maker=False)
    told.at(62).end("c2", ChildStatus.EXPIRED, 500)
    left = d.Abandoned(parent_id="p1", qty_units=100, reason="participation: cap 15 %")
    woken = i.Woken(t_ns=0, parent_id="p1", fired=("end",), view=told.view())
    told.at(110, 20_040)
    told.tell(replace(woken, t_ns=told.t_ns, view=told.view()), left, told.done("ended with a residual"))
    told.at(500, 30_000).printed(10**6, 15_000).tell(i.MarketClosed(t_ns=told.t_ns, view=told.view()))
    return told


def test_every_number_of_a_full_story(story: MakeStory) -> None:
    report = full_story(story).measure()
    out = document(report)
    assert set(out) >= KEYS_OF_THE_ISSUE
    assert (out["status"], out["filled"]) == ("done", 900)
    assert out["residual"] == {"quantity": 100, "reason": "participation: cap 15 %"}
    average = (400 * 99.99 + 500 * 100.11) / 900
    vwap = (400 * 99.99 + 500 * 100.11 + 3100 * 100.05) / 4000
    twap = (50 * 100.00 + 50 * 100.10) / 100
    assert out["avg_price"] == pytest.approx(average, rel=1e-12)
    assert out["arrival_mid"] == 100.0
    assert out["market_vwap"] == pytest.approx(vwap, rel=1e-12)
    assert out["market_vwap_ex_own"] == pytest.approx(100.05, rel=1e-12)
    assert out["market_twap"] == pytest.approx(twap, rel=1e-12)
    assert out["market_volume"] == 4000
    assert out["participation"] == pytest.approx(900 / 4000)
    for name, benchmark in (("arrival", 100.0), ("vwap", vwap), ("twap", twap)):
        assert out["slippage_bps"][name] == pytest.approx((average - benchmark) / benchmark * 1e4, rel=1e-6)
    shortfall = out["shortfall"]
    assert set(shortfall) == {"delay", "trading", "opportunity", "fees", "total", "total_bps"}
    assert shortfall["delay"] == 0
    assert shortfall["trading"] == pytest.approx(-400 * 0.01 + 500 * 0.11)
    assert shortfall["opportunity"] == pytest.approx(100 * 0.20)
    assert out["fees"] == shortfall["fees"] == pytest.approx(960e-8)
    assert shortfall["total"] == sum([shortfall[k] for k in ("delay", "trading", "opportunity", "fees")])
    assert shortfall["total_bps"] == pytest.approx(shortfall["total"] / (1000 * 100) * 1e4)
    assert (out["children"], out["fills"]) == (2, 3)
    assert (out["currency"], out["unit"], out["venue"], out["volume_base"]) == ("USD", "shares", "XTST", "all prints")
    assert out["assumed"] == [{"name": "volume", "value": "none", "why": "no past days"}]
    assert out["warnings"] == []


def test_a_decision_before_the_arrival_costs_delay(story: MakeStory) -> None:
    report = full_story(story, decided_ns=5, decision_mid2=19_980).measure()
    assert report.shortfall is not None
    assert document(report)["shortfall"]["delay"] == pytest.approx(1000 * 0.10)
    assert report.shortfall.total_bps == pytest.approx(
        float(Decimal(report.shortfall.total_money) / 10**8) / 99_900 * 1e4
    )


def test_a_sale_pays_what_the_purchase_gained(story: MakeStory) -> None:
    bought, sold = full_story(story).measure(), full_story(story, side=Side.SELL).measure()
    assert sold.slippage.vwap_bps == -(bought.slippage.vwap_bps or 0)
    assert sold.shortfall is not None
    assert bought.shortfall is not None
    assert sold.shortfall.trading_money == -bought.shortfall.trading_money


def test_full_lists(story: MakeStory) -> None:
    out = document(full_story(story).measure(), full=True)
    first, second = out["children"]
    assert set(first) >= KEYS_OF_A_CHILD
    assert first["t_sent"] == "1970-01-01T00:00:12Z"
    assert first["t_venue"] == "1970-01-01T00:00:12.5Z"
    assert (first["type"], first["price"], first["quantity"]) == ("post-only", 99.99, 400)
    assert (first["status"], first["t_cancel"]) == ("filled", None)
    assert first["fills"] == [
        {"t": "1970-01-01T00:00:19.9Z", "price": 99.99, "quantity": 100, "liquidity": "maker", "fee": -1e-7},
        {"t": "1970-01-01T00:00:29.9Z", "price": 99.99, "quantity": 300, "liquidity": "maker", "fee": -3e-7},
    ]
    assert (second["status"], second["t_cancel"]) == ("expired", "1970-01-01T00:01:01.9Z")
    assert [one["child"] for one in out["fills"]] == ["c1", "c1", "c2"]
    assert json.loads(json.dumps(out)) == out


def test_own_posted_fills_that_no_print_contains_are_a_figure(story: MakeStory) -> None:
    told = story(qty=2000).at(10).receive().send("c1", 2000, 10_000)
    for k, (liquidity, unprinted) in enumerate(
        [(Liquidity.MAKER, True), (Liquidity.MAKER, False), (Liquidity.TAKER, True), (Liquidity.MAKER, True)]
    ):
        fill = Fill(
            child_id="c1", trade_id=f"t{k}", price_units=10_000, qty_units=10**k, fee_money=0, liquidity=liquidity,
            t_venue_ns=1, unprinted=unprinted,
        )  # fmt: skip
        told.at(told.t_s + 1).tell(i.Filled(t_ns=told.t_ns, fill=fill))
    report = told.measure()
    assert report.own_unprinted_units == 1 + 1000
    assert document(report)["own_unprinted"] == 1001


def test_statistics(story: MakeStory) -> None:
    found = full_story(story).measure().statistics
    assert (found.children, found.fills, found.filled_children) == (2, 3, 2)
    assert found.maker_share == pytest.approx(400 / 900)
    assert found.fill_rate == pytest.approx(900 / 1000)
    assert found.time_to_fill_mean_s == pytest.approx((7.4 + 0.4) / 2)
    assert (found.cancels, found.expired, found.rejects) == (0, 1, 0)


def test_report_is_a_value_that_round_trips(story: MakeStory) -> None:
    report = full_story(story).measure()
    assert from_json(to_json(report), ExecutionReport) == report


def test_cancels_rejects_and_a_reject_that_proves_nothing(story: MakeStory) -> None:
    told = story().at(10).receive()
    told.send("c1", 100, 9_990).ack("c1", 10.1).at(15).end("c1", ChildStatus.CANCELED, 0)
    told.send("c2", 100, 10_005).at(16)
    told.tell(i.Rejected(t_ns=told.t_ns, child_id="c2", t_venue_ns=told.t_ns, code="would-cross"))
    told.send("c3", 100, 9_995).at(17).fill("c3", "t", 40, 9_995)
    told.tell(i.Rejected(t_ns=told.t_ns, child_id="c3", t_venue_ns=told.t_ns, code="duplicate-id"))
    told.tell(i.SendFailed(t_ns=told.t_ns, child_id="c3", text="timeout"))
    report = told.measure()
    assert [child.status for child in report.children][:2] == [ChildStatus.CANCELED, ChildStatus.REJECTED]
    assert (report.statistics.cancels, report.statistics.rejects, report.statistics.would_cross) == (1, 1, 1)
    assert report.filled_units == 40
    assert (report.residual_units, report.residual_reason) == (960, "still running")
    assert "unfinished" in [notice.code for notice in report.warnings]


fills_told = st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["filled", "status", "open"])), max_size=30)


@given(told_of=fills_told)
def test_a_fill_counts_once_however_often_and_by_whom_it_is_told(
    story: MakeStory, told_of: list[tuple[int, str]]
) -> None:
    told = story(qty=500).at(10).receive().send("c1", 500, 10_000)
    for k, how in told_of:
        told.at(told.t_s + 1)
        fill = Fill(
            child_id="c1", trade_id=f"t{k}", price_units=9_990 + k, qty_units=1 + k, fee_money=k,
            liquidity=Liquidity.TAKER, t_venue_ns=1,
        )  # fmt: skip
        status = OrderStatus(child_id="c1", known=True, live=True, fills=(fill, fill))
        event: i.AnyInput = i.Filled(t_ns=told.t_ns, fill=fill)
        if how == "status":
            event = i.StatusReported(t_ns=told.t_ns, status=status, requested_ns=0)
        elif how == "open":
            event = i.OpenOrdersReported(t_ns=told.t_ns, statuses=(status,), requested_ns=0)
        told.tell(event)
    report = told.measure()
    seen = {k for k, _ in told_of}
    assert report.filled_units == sum(1 + k for k in seen)
    assert report.fees_money == sum(seen)
    assert not [notice for notice in report.warnings if notice.code == "fill-conflict"]


def test_one_trade_id_with_two_contents_is_told(story: MakeStory) -> None:
    told = story().at(10).receive().send("c1", 100, 10_000).fill("c1", "t", 40, 10_000).fill("c1", "t", 41, 10_000)
    report = told.measure()
    assert report.filled_units == 40
    assert "fill-conflict" in [notice.code for notice in report.warnings]


def test_an_overfill_is_not_hidden(story: MakeStory) -> None:
    told = story(qty=100).at(10).receive((10,)).send("c1", 100, 10_000)
    report = told.fill("c1", "t1", 100, 10_000).fill("c1", "t2", 30, 10_000).measure()
    assert (report.filled_units, report.residual_units, report.overfill_units) == (130, 0, 30)


def test_a_late_fill_after_the_end_counts(story: MakeStory) -> None:
    told = full_story(story)
    told.at(600).fill("c2", "late", 100, 10_011)
    report = told.measure()
    assert (report.filled_units, report.residual_units, report.residual_reason) == (1000, 0, "")


def test_a_refused_order(story: MakeStory) -> None:
    told = story().at(10)
    refused = d.OrderRefused(parent_id="p1", reason="the market is closed", remedy="wait")
    told.tell(i.OrderReceived(t_ns=told.t_ns, order=told.order, view=told.view()), refused)
    report = told.measure()
    assert (report.status, report.residual_reason) == ("refused", "the market is closed")
    assert report.plan is None
    assert document(report)["children"] == 0


def test_a_repeated_order_does_not_replace_the_first(story: MakeStory) -> None:
    told = story().at(10).receive()
    again = i.OrderReceived(t_ns=told.t_ns, order=told.order, view=told.view())
    told.tell(again, d.OrderRefused(parent_id="p1", reason="id used"))
    assert told.measure().status == "running"


def test_the_arrival_is_the_first_good_view_at_or_after_the_start(story: MakeStory) -> None:
    told = story(start_s=20).at(5, 10_000).receive((20,))
    told.at(20, 21_000)
    told.integrity = Integrity.CROSSED
    told.send("c1", 100, 10_000).at(21, 20_500)
    told.integrity = Integrity.OK
    report = told.send("c2", 100, 10_000).at(30, 20_600).send("c3", 100, 10_000).measure()
    assert report.market is not None
    assert (report.market.arrival_mid2, report.market.last_mid2) == (20_500, 20_600)
    assert report.market.first_ns == 21 * 10**9


def test_without_a_market_nothing_is_made_up(story: MakeStory) -> None:
    told = story(start_s=20).at(5).receive((20,))
    out = document(told.measure())
    assert out["slippage_bps"] == {"arrival": None, "vwap": None, "twap": None}
    assert out["shortfall"] is out["arrival_mid"] is out["market_vwap"] is out["participation"] is None
    assert "no-benchmark" in [warning["code"] for warning in out["warnings"]]


def test_own_prints_the_last_view_has_not_seen_are_told(story: MakeStory) -> None:
    told = story().at(10).receive().send("c1", 100, 10_000).printed(300, 10_000).fill("c1", "t", 100, 10_000)
    report = told.measure()
    assert report.participation == 0.25
    assert report.vwap_ex_own_units is None
    assert "own-prints" in [notice.code for notice in report.warnings]


def test_schedule_counts_a_revision_on_top_of_what_was_done(story: MakeStory) -> None:
    told = story().at(10).receive((10, 40)).send("c1", 500, 10_000)
    told.at(20).fill("c1", "t1", 300, 10_000)
    revised = told.at(30).plan(1, 700, (50, 70))
    told.tell(i.Woken(t_ns=told.t_ns, parent_id="p1", fired=("t",), view=told.view()), d.PlanAdopted(plan=revised))
    told.at(80).send("c2", 700, 10_000).at(90).fill("c2", "t2", 700, 10_000, told.done())
    points = [(p.t_ns / 1e9, p.target_units, p.filled_units) for p in told.measure().schedule]
    assert points == [
        (10, 500, 0), (20, 500, 300), (30, 300, 300), (50, 650, 300), (70, 1000, 300), (90, 1000, 1000),
    ]  # fmt: skip


def test_prices_print_without_noise(listing: Listing) -> None:
    assert repr(price(listing.instrument, 10014.60855)) == "100.1460855"
    assert price(listing.instrument, None) is None


def test_which_order(story: MakeStory, listing: Listing) -> None:
    told = story().at(10).receive()
    other = replace(told.order, parent_id="p2")
    told.tell(i.OrderReceived(t_ns=told.t_ns, order=other, view=told.view()))
    assert told.measure("p2").order.parent_id == "p2"
    with pytest.raises(InputError, match="say which: p1, p2"):
        told.measure()
    with pytest.raises(InputError, match="say which: p1, p2"):
        told.measure("p3")
    with pytest.raises(InputError, match="nothing was asked for"):
        measure([], listing)
    with pytest.raises(InputError, match="listing must be that of the order"):
        measure(told.journal.batches(), replace(listing, venue="XOTH"), "p1")
