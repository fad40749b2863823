"""Planning without a tape, stated beliefs beside one, past days, lists of orders, schedules as CSV."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import nowake
from nowake.app.planning import find_listing, plan_request, typed_window
from nowake.app.request import OrderRequest
from nowake.app.wiring import RunOptions, prepare, reopen
from nowake.core.sessions import ALWAYS_OPEN, iso, to_ns
from nowake.data.catalogue import load_catalogue
from nowake.data.sessions import session

XNAS = session("XNAS")
AMZN = load_catalogue().find("AMZN")
HOUR = 3600 * 10**9
MSFT = nowake.Beliefs(price=410, adv="22m", daily_vol="1.6%", spread="0.7bps")
STATED = "--price 410 --adv 22m --vol 1.6% --spread 0.7bps"
SUNDAY = to_ns(datetime(2026, 11, 22, 18, tzinfo=UTC))


def ns(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))


def window(now: str, **fields: str) -> tuple[str, str, str]:
    request = OrderRequest(side="buy", quantity="1", symbol="MSFT@XNAS", **fields)
    start, end, moved = typed_window(request, XNAS, ns(now))
    return iso(start), iso(end), moved.code if moved else ""


# When


@pytest.mark.parametrize(
    ("now", "fields", "start", "end", "code"),
    [
        ("2026-11-22T18:00Z", {"over": "3h"}, "2026-11-23T14:30:00Z", "2026-11-23T17:30:00Z", ""),  # a Sunday
        ("2026-11-26T15:00Z", {"over": "3h"}, "2026-11-27T14:30:00Z", "2026-11-27T17:30:00Z", ""),  # Thanksgiving
        (
            "2026-11-27T15:00Z",
            {"over": "4h"},
            "2026-11-30T14:30:00Z",
            "2026-11-30T18:30:00Z",
            "next-session",
        ),  # early close
        ("2026-11-23T15:00:00.5Z", {"over": "3h"}, "2026-11-23T15:00:01Z", "2026-11-23T18:00:01Z", ""),
        ("2026-11-23T20:00Z", {"over": "3h"}, "2026-11-24T14:30:00Z", "2026-11-24T17:30:00Z", "next-session"),
        ("2026-10-30T21:00Z", {"over": "1h"}, "2026-11-02T14:30:00Z", "2026-11-02T15:30:00Z", ""),  # clocks go back
        ("2026-10-29T21:00Z", {"over": "1h"}, "2026-10-30T13:30:00Z", "2026-10-30T14:30:00Z", ""),
        ("2026-11-23T12:00Z", {"start": "10:00", "end": "11:00"}, "2026-11-23T15:00:00Z", "2026-11-23T16:00:00Z", ""),
        (
            "2026-11-23T18:00Z",
            {"start": "10:00", "over": "1h"},
            "2026-11-24T15:00:00Z",
            "2026-11-24T16:00:00Z",
            "next-session",
        ),
        (
            "2026-11-23T18:00Z",
            {"start": "close-1h", "end": "close-5m"},
            "2026-11-23T20:00:00Z",
            "2026-11-23T20:55:00Z",
            "",
        ),
        (
            "2026-11-23T18:00Z",
            {"start": "open+30m", "over": "1h"},
            "2026-11-24T15:00:00Z",
            "2026-11-24T16:00:00Z",
            "next-session",
        ),
        ("2026-11-23T18:00Z", {"end": "11:00"}, "2026-11-24T14:30:00Z", "2026-11-24T16:00:00Z", "next-session"),
        (
            "2026-11-23T18:00Z",
            {"start": "2012-06-21T10:00-04:00", "end": "12:00"},
            "2012-06-21T14:00:00Z",
            "2012-06-21T16:00:00Z",
            "",
        ),
        (
            "2026-11-23T18:00Z",
            {"start": "15:00", "over": "1h", "tz": "Europe/London"},
            "2026-11-24T15:00:00Z",
            "2026-11-24T16:00:00Z",
            "next-session",
        ),
    ],
)
def test_no_tape_means_the_next_instant_the_market_is_open(
    now: str, fields: dict[str, str], start: str, end: str, code: str
) -> None:
    assert window(now, **fields) == (start, end, code)


def test_around_the_clock_it_is_now() -> None:
    request = OrderRequest(side="buy", quantity="1", symbol="BTCUSDT@binance-spot", over="2h")
    start, end, moved = typed_window(request, ALWAYS_OPEN, SUNDAY + 1)
    assert (start, end - start, moved) == (SUNDAY + 10**9, 2 * HOUR, None)
    night = nowake.order("buy", 1, "BTCUSDT@binance-spot", start="23:00", end="01:00")
    start, end, _ = typed_window(night, ALWAYS_OPEN, SUNDAY)
    assert (iso(start), iso(end)) == ("2026-11-22T23:00:00Z", "2026-11-23T01:00:00Z")


# What


def test_the_command_of_the_issue_as_written(cli) -> None:
    said = cli(f"plan sell 5m-USD MSFT@XNAS {STATED} --over 3h")
    assert said.code == 0
    for words in (
        "SELL 12,195 shares MSFT@XNAS",
        "5.00 m USD at mid 410.00",
        "(3h)",
        "not in the catalogue",
        "stated:",
    ):
        assert words in said.out
    document = cli(f"plan sell 5m-USD MSFT@XNAS {STATED} --over 3h --strategy vwap --json").document
    assert document["schema"] == "nowake/plan/1"
    assert document["status"] == "planned"
    assert document["arrival_mid"] == 410
    assert sum(one["quantity"] for one in document["slices"]) == document["order"]["quantity"] == int(5e6 / 410)
    assert {"listing", "volume curve", "volume error", "volatility error", "fees"} & {
        one["name"] for one in document["assumed"]
    } >= {"listing", "volume curve", "volume error", "volatility error"}
    assert "spread" not in {one["name"] for one in document["assumed"]}
    assert list(cli.folder.iterdir()) == []


def test_the_numbers_are_those_stated() -> None:
    request = nowake.order("sell", "5m-USD", "MSFT@XNAS", over="3h", strategy="twap")
    made = plan_request(request, RunOptions(beliefs=MSFT), now_ns=SUNDAY)
    plan = made.plan
    # By hand: the U of depth 1/2 has F(3 / 6.5) of the day in the first three hours.
    x = 3 / 6.5
    part = 0.5 * x + 2 * ((x - 0.5) ** 3 + 0.125)
    assert sum(plan.expected_volume) == pytest.approx(22e6 * part, rel=1e-4)
    assert plan.cost is not None
    taking = (1 + 3 * 0.5) / 4
    assert plan.cost.spread_bps == pytest.approx(0.35 * taking)
    shares = 5e6 // 410
    assert plan.cost.temporary_bps + plan.cost.permanent_bps == pytest.approx(
        2 / 3 * 0.7 * 160 * np.sqrt(shares / 22e6), rel=0.01
    )
    assert plan.asof_ns == made.order.start_ns == made.order.decided_ns
    assert plan_request(request, RunOptions(beliefs=MSFT), now_ns=SUNDAY) == made


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"adv": "9.02b-USD"}, True),
        ({"adv": 22_000_000}, True),
        ({"daily_vol": "160bps"}, True),
        ({"daily_vol": 0.016}, True),
        ({"spread": 0.7}, True),
        ({"spread": "0.0287-USD"}, True),
        ({"spread": "0.007%"}, True),
        ({"price": Decimal("410.00")}, True),
        ({"spread": "0.8bps"}, False),
        ({"adv": "21m"}, False),
    ],
)
def test_one_number_may_be_written_in_many_ways(fields: dict[str, object], same: bool) -> None:
    request = nowake.order("sell", 10_000, "MSFT@XNAS", over="3h", start="2026-11-23T10:00-05:00")
    written = {"price": 410, "adv": "22m", "daily_vol": "1.6%", "spread": "0.7bps"} | fields
    mine, other = (
        nowake.plan_order(request, beliefs=nowake.Beliefs(**written)),
        nowake.plan_order(request, beliefs=MSFT),
    )
    assert (mine.cost == other.cost) is same


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"price": 0}, "price must be > 0"),
        ({"price": "cheap"}, "price must be a number"),
        ({"adv": -5}, "adv must be > 0"),
        ({"adv": float("nan")}, "adv must be finite"),
        ({"daily_vol": 1.6}, "write 1.6% if percent are meant"),
        ({"daily_vol": "0%"}, "daily_vol must be above 0"),
        ({"spread": "-1bps"}, "spread must be at least 0"),
        ({"depth": True}, "depth must be a number"),
        ({"depth": "0"}, "depth must be > 0"),
        ({"price": None}, "price must be a number"),
    ],
)
def test_a_wrong_belief_is_one_sentence(fields: dict[str, object], message: str) -> None:
    with pytest.raises(nowake.InputError, match=message) as caught:
        nowake.Beliefs(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plan buy 100 MSFT@XNAS --over 1h", "needs a recorded market"),
        ("plan buy 100 MSFT@XNAS --over 1h --adv 22m", "price must be stated, since no tape shows one"),
        (f"plan buy 100 MSFT --over 1h {STATED}", "say where, as in MSFT@XNAS"),
        (f"plan buy 100 MSFT@MOON --over 1h {STATED}", "--listing MSFT@MOON"),
        (f"plan buy 100 BTCUSDT --over 1h {STATED}", "say which"),
        (f"plan buy 5m-EUR MSFT@XNAS --over 1h {STATED}", "shares or a value in USD"),
        (f"plan buy 0 MSFT@XNAS --over 1h {STATED}", "quantity must be > 0"),
        (f"plan buy 0.5 MSFT@XNAS --over 1h {STATED}", "multiple of 1"),
        (f"plan buy 100 MSFT@XNAS --start 2026-11-22T10:00-05:00 --over 1h {STATED}", "it next opens at 2026-11-23"),
        (f"plan buy 100 MSFT@XNAS --start 2026-11-23T15:00-05:00 --over 2h {STATED}", "--over 1h is the longest"),
        (f"plan buy 100 MSFT@XNAS --start 2026-11-23T15:00-05:00 --end 14:00 {STATED}", "end must be after the start"),
        ("plan buy 100 MSFT@XNAS --over 1h --price 410 --adv 5b-EUR", "adv must be in shares or USD"),
        ("plan buy 100 MSFT@XNAS --over 1h --price 1e300", "price must be"),
        ("plan buy 100 MSFT@XNAS --over 1h --price 1e24", "was '1e24'"),
        ("plan buy 100 MSFT@XNAS --over 1h --price 410 --adv 0.5", "adv must be at least 1, was '0.5'"),
        ("plan buy 100 MSFT@XNAS --over 1h --price 410 --history none", "no such file"),
        (f"plan buy 100 MSFT@XNAS --over 1h {STATED} --listing AMZN@XNAS", "of the order's symbol"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(cli, line: str, message: str) -> None:
    said = cli(line)
    assert said.code == 1
    assert message in said.err
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1


def test_beliefs_alone_need_only_a_price() -> None:
    plan = nowake.plan_order(nowake.order("buy", 100, "AMZN", over="1h"), beliefs=nowake.Beliefs(price=200))
    assert {"volume", "volatility", "spread", "depth"} <= {one.name for one in plan.assumed}
    assert "unknown-volume" in {one.code for one in plan.warnings}
    assert plan.cost is not None


def test_a_stated_listing_takes_the_place_of_the_catalogue() -> None:
    listing, assumed = find_listing("XYZ@VENUE", "XYZ@VENUE,tick=0.05,lot=10")
    assert listing.key == "XYZ@VENUE"
    assert not assumed
    assert find_listing("amzn")[0] == AMZN


# Beside a tape


def test_stated_beliefs_take_the_place_of_what_a_tape_shows(tmp_path: Path) -> None:
    order = nowake.order("buy", 5_000, "SYNTH", over="20m")
    seen = nowake.plan_order(order)
    told = nowake.plan_order(order, beliefs=nowake.Beliefs(adv="1m", spread="9bps"))
    assert "over-cap" in {one.code for one in told.warnings}
    assert "over-cap" not in {one.code for one in seen.warnings}
    assert told.cost.spread_bps == pytest.approx(4.5 * 0.625)
    assert told.cost.timing_risk_bps == pytest.approx(seen.cost.timing_risk_bps, rel=0.2)
    path = tmp_path / "run.db"
    result = nowake.work_order(order, beliefs=nowake.Beliefs(adv="1m", spread="9bps"), journal=path)
    assert result.report.plan.cost == told.cost
    assert reopen(path).env == prepare(order, RunOptions(beliefs=nowake.Beliefs(adv="1m", spread="9bps"))).env
    assert nowake.resume_order(path).journal_hash == result.journal_hash


def test_the_option_reaches_the_run(cli) -> None:
    plain = cli("work buy 2000 SYNTH --over 5m --json").document
    told = cli("work buy 2000 SYNTH --over 5m --adv 100k --json").document
    assert plain["plan"]["cost"] != told["plan"]["cost"]
    assert any("over your 15 %" in one["text"] for one in told["warnings"])
