"""A list of orders in a file: every row planned or named, totals, schedules as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nowake
from nowake.app.order_list import columns, plan_list, totals
from nowake.app.wiring import RunOptions
from nowake.core.sessions import to_ns
from nowake.data.catalogue import load_catalogue
from nowake.data.sessions import session

XNAS = session("XNAS")
AMZN = load_catalogue().find("AMZN")
HOUR = 3600 * 10**9
MSFT = nowake.Beliefs(price=410, adv="22m", daily_vol="1.6%", spread="0.7bps")
STATED = "--price 410 --adv 22m --vol 1.6% --spread 0.7bps"
SUNDAY = to_ns(datetime(2026, 11, 22, 18, tzinfo=UTC))


@pytest.fixture
def orders_csv(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str) -> Path:
        path = tmp_path / "orders.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


GOOD = ("side,quantity,symbol,over,strategy,price,adv,vol,spread", "buy,10k,MSFT@XNAS,2h,vwap,410,22m,1.6%,0.7bps")


def test_a_bad_row_stops_no_other(cli, orders_csv: Callable[..., Path]) -> None:
    path = orders_csv(
        *GOOD,
        "hold,5,MSFT@XNAS,1h,,410,22m,,",
        "sell,2m-USD,AAPL,1h,,190,50m,1.4%,0.5bps",
        "",
        "buy,5,BTCUSDT@binance-spot,1h,,60000,20k,2.5%,0.01bps",
        "sell,5,MSFT@XNAS,1h,,410,22m,1.6%,0.7bps,more",
        "buy,-5,MSFT@XNAS,1h,,410,22m,,",
        "buy,300,SYNTH,10m",
    )
    said = cli(f"plan --orders {path} --json")
    assert said.code == 1
    document = said.document
    assert document["schema"] == "nowake/plan-list/1"
    assert document["status"] == "partly refused"
    assert [one["line"] for one in document["orders"]] == [2, 3, 4, 6, 7, 8, 9]
    assert [one["schema"][7:] for one in document["orders"]] == [
        "plan/1",
        "error/1",
        "plan/1",
        "plan/1",
        "error/1",
        "error/1",
        "plan/1",
    ]
    errors = [line for line in said.err.splitlines() if line.startswith("Error: ")]  # a slow machine shows progress too
    assert [line.split(":")[1] for line in errors] == [f" orders.csv, line {line}" for line in (3, 7, 8)]
    usd, usdt = document["totals"]
    plans = [one for one in document["orders"] if one["schema"] == "nowake/plan/1"]
    for total, currency in ((usd, "USD"), (usdt, "USDT")):
        mine = [one for one in plans if one["currency"] == currency]
        values = [one["order"]["notional"] for one in mine]
        costs = [one["cost"]["mean_bps"] * value / 1e4 for one, value in zip(mine, values, strict=True)]
        assert total["currency"] == currency
        assert total["orders"] == total["priced"] == len(mine)
        assert total["bought"] + total["sold"] == pytest.approx(sum(values))
        assert total["cost"] == pytest.approx(sum(costs))
        assert total["cost_bps"] == pytest.approx(sum(costs) / sum(values) * 1e4)
        spread = [one["cost"]["sd_bps"] * value / 1e4 for one, value in zip(mine, values, strict=True)]
        assert total["cost_sd_if_independent"] == pytest.approx(np.sqrt(np.sum(np.square(spread))))
    alone = cli("plan buy 10k MSFT@XNAS --over 2h --strategy vwap " + STATED + " --json").document
    assert plans[0]["cost"] == alone["cost"]


def test_the_table_says_the_same(cli, orders_csv: Callable[..., Path]) -> None:
    said = cli(f"plan --orders {orders_csv(*GOOD, 'sell,2m-USD,AAPL,1h,,190,50m,1.4%,0.5bps')}")
    assert said.code == 0
    for words in ("BUY 10,000 shares MSFT@XNAS", "SELL 10,526 shares AAPL@XNAS", "totals", "USD", "6.1"):
        assert words in said.out
    assert max(map(len, said.out.splitlines())) <= 120


def test_options_of_the_command_are_for_rows_that_say_nothing(orders_csv: Callable[..., Path]) -> None:
    path = orders_csv(
        "Symbol,SIDE,qty,--over,end,must-complete,slices,max participation",
        "MSFT@XNAS,sell,1000,,,yes,7,5%",
        "MSFT@XNAS,sell,1000,30m,,no,,",
        "MSFT@XNAS,sell,1000,,11:00,,,",
    )
    defaults = {"over": "2h", "strategy": "vwap", "max_participation": "0.1"}
    rows = plan_list(path, defaults, RunOptions(beliefs=MSFT), SUNDAY)
    assert all(row.error is None for row in rows)
    first, second, third = (row.planned for row in rows)
    assert len(first.plan.slices) == 7
    assert first.order.parameters.must_complete
    assert (first.plan.cap, second.plan.cap) == (0.05, 0.1)
    assert [one.order.end_ns - one.order.start_ns for one in (first, second, third)] == [
        2 * HOUR,
        HOUR // 2,
        3 * HOUR // 2,
    ]
    assert {one.order.strategy for one in (first, second, third)} == {"vwap"}
    (total,) = totals(rows)
    assert (total.sold, total.bought) == (3 * 410_000, 0)


def test_a_row_may_name_its_tape(past_lake: Path, past_days: list[date], orders_csv: Callable[..., Path]) -> None:
    path = orders_csv(
        "side,quantity,symbol,start,over,tape",
        f"buy,500,AMZN,{past_days[2]}T10:00-04:00,1h,{past_lake}",
        f"sell,500,AMZN,{past_days[3]}T10:00-04:00,1h,{past_lake}",
        f"sell,500,AAPL,{past_days[3]}T10:00-04:00,1h,{past_lake}",
    )
    rows = plan_list(path, {}, RunOptions(), SUNDAY)
    assert [row.error is None for row in rows] == [True, True, False]
    assert rows[0].planned.mid2 == 4_400_000


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "is empty; its first line names the columns"),
        (("side,quantity,symbol",), "holds no order"),
        (("side,quantity",), "orders.csv, line 1: has no column symbol"),
        (("side,quantity,symbol,colour", "buy,1,A,red"), "column 'colour' is not known"),
        (("side,quantity,symbol,side", "buy,1,A,red"), "there twice"),
        (("side,quantity,symbol", 'buy,"1,A'), "is not a CSV file"),
    ],
)
def test_a_file_that_is_no_list_is_one_sentence(
    cli, orders_csv: Callable[..., Path], lines: tuple[str, ...], message: str
) -> None:
    said = cli(f"plan --orders {orders_csv(*lines)}")
    assert said.code == 1
    assert message in said.err
    assert said.err.count("\n") == 1


def test_files_that_are_not_text_or_not_there(cli, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_bytes(b"side,quantity,symbol\n\xff\xfe\x00")
    assert "UTF-8" in cli("plan --orders orders.csv").err
    assert "cannot be read" in cli("plan --orders nowhere.csv").err
    assert "cannot be read" in cli(f"plan --orders {tmp_path}").err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("plan", "Missing argument 'side'"),
        ("plan buy 5", "Missing argument 'symbol'"),
        ("plan buy 5 SYNTH --orders a.csv", "not both"),
    ],
)
def test_one_order_or_a_list(cli, line: str, message: str) -> None:
    said = cli(line)
    assert said.code == 2
    assert message in said.err


def test_all_rows_refused_is_refused(cli, orders_csv: Callable[..., Path]) -> None:
    said = cli(f"plan --orders {orders_csv('side,quantity,symbol', 'buy,1,SYNTH')} --json")
    assert said.code == 1
    assert said.document["status"] == "refused"
    assert said.document["totals"] == []
    assert "the order has no end" in said.document["orders"][0]["error"]


def test_every_column_is_known() -> None:
    assert {"side", "quantity", "symbol", "price", "adv", "daily_vol", "spread", "depth", "fees", "tape"} <= set(
        columns()
    )


# Schedules as CSV


def test_a_schedule_is_written_as_the_document_says_it(cli) -> None:
    document = cli(f"plan buy 10k MSFT@XNAS --over 2h --strategy vwap {STATED} --csv s.csv --json").document
    with (cli.folder / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["t_release", "t_end", "quantity", "cumulative", "participation", "expected_volume"]
    assert len(rows) == len(document["slices"])
    done = 0
    for row, one in zip(rows, document["slices"], strict=True):
        done += one["quantity"]
        assert (row["t_release"], row["t_end"]) == (one["release"], one["end"])
        assert (float(row["quantity"]), float(row["cumulative"])) == (one["quantity"], done)
        assert float(row["participation"]) == pytest.approx(one["participation"], rel=1e-5)
        assert float(row["expected_volume"]) == one["expected_volume"]
    assert done == 10_000


def test_a_list_of_schedules_says_whose(cli, orders_csv: Callable[..., Path]) -> None:
    path = orders_csv(*GOOD, "buy,1.5,BTCUSDT@binance-spot,1h,,60000,,,")
    assert cli(f"plan --orders {path} --csv s.csv").code == 0
    with (cli.folder / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["line"], row["listing"]) for row in rows} == {("2", "MSFT@XNAS"), ("3", "BTCUSDT@binance-spot")}
    coins = [row for row in rows if row["line"] == "3"]
    assert sum(Decimal(row["quantity"]) for row in coins) == Decimal("1.5")
    assert {row["participation"] for row in coins} == {""}
    assert "cannot be used" in cli(f"plan --orders {path} --csv nowhere/s.csv").err


def test_documents_are_json(cli) -> None:
    out = cli(f"plan buy 10k MSFT@XNAS --over 2h {STATED} --json").out
    assert json.loads(out)["cards"][0]["belief"] == "stated"


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("must_complete", "perhaps", "must_complete must be yes or no"),
        ("slices", "2.5", "slices must be a whole number"),
        ("slices", "1e400000", "slices must be a whole number"),
        ("urgency", "much", "urgency must be a number"),
        ("price", "0", "price must be > 0"),
        ("fees", "1/2/3", "fees must be"),
    ],
)
def test_a_cell_that_is_not_what_it_must_be(
    orders_csv: Callable[..., Path], column: str, cell: str, message: str
) -> None:
    path = orders_csv(f"side,quantity,symbol,over,{column}", f"buy,100,MSFT@XNAS,1h,{cell}")
    (row,) = plan_list(path, {}, RunOptions(beliefs=MSFT), SUNDAY)
    assert message in str(row.error)


NASTY = (
    *("", "0", "-1", "nan", "inf", "1e300", "1e400000", "1e-300", "5m-USD", "5m-EUR", "50%", "25:61", "close+5m"),
    *("2026-11-23T10:00", "1990-01-01T10:00Z", "400d", "0s", "yes", "a@b@c", "@", "\x00", "\u00b2", "1" * 400),
)
"""Cells that somebody will write."""
KNOWN = ("side", "quantity", "symbol", "over")


def said_in_sentences(path: Path) -> bool:
    """Plan a list; say whether all that is wrong with it is said in single lines. Anything but our errors is raised."""
    try:
        rows = plan_list(path, {}, RunOptions(beliefs=MSFT), SUNDAY)
    except nowake.NowakeError as error:
        return "\n" not in str(error)
    return all(row.error is None or "\n" not in str(row.error) for row in rows)


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_in_the_cells_is_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    head = [*KNOWN, *data.draw(st.permutations(sorted(set(columns()) - {"tape", *KNOWN})))[:3]]
    wrong = st.sampled_from(NASTY) | st.text(max_size=8)
    spoiled = data.draw(st.dictionaries(st.sampled_from(head), wrong, min_size=1))
    row = {"side": "buy", "quantity": "100", "symbol": "MSFT@XNAS", "over": "1h"} | spoiled
    path = tmp_path_factory.mktemp("cells") / "orders.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows([head, [row.get(name, "") for name in head]])
    assert said_in_sentences(path)


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_list_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "orders.csv"
    path.write_bytes(content)
    assert said_in_sentences(path)
