"""A market made from bars gives no more than its bars traded, and whoever reads a result knows that it was made."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_orders import child

from nowake.core.inputs import Ended, Filled
from nowake.core.order import Side
from nowake.core.tape import Row, Tape
from nowake.data.source import open_tapes
from nowake.sim import bars_book as bb
from nowake.sim.bars_book import TAKE_PART, BarsBook, bars_book
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.merge import NEVER

MINUTE = 60 * 10**9
VOLUMES = [70_000, 70_000, 70_000, 900, 0, 70_000, 14, 70_000]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of eight bars of a minute, some of which hardly trade."""
    file = tmp_path_factory.mktemp("bars") / "bars.csv"
    lines = ["timestamp,open,high,low,close,volume"]
    for minute, volume in enumerate(VOLUMES):
        lines.append(f"2024-01-05T15:{minute:02d}:00Z,100.0,100.6,99.4,100.2,{volume}")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tape(path: Path) -> Tape:
    from nowake.data.readers.mapping import parse_mapping

    told = parse_mapping("time=timestamp,open=open,high=high,low=low,close=close,volume=volume")
    (made,) = open_tapes([path], mappings=told, listing="MSFT@XNAS")
    return made


def test_the_bars_are_found_again(tape: Tape) -> None:
    book = bars_book(tape)
    assert isinstance(book, BarsBook)
    start = int(tape.t_event[0]) // MINUTE * MINUTE
    assert [book.volume(start + n * MINUTE + 1) for n in range(8)] == VOLUMES
    assert book.volume(start - 1) == 0


def swept(tape: Tape, orders: list[tuple[int, int, bool]]) -> tuple[dict[int, int], dict[int, int]]:
    """Send orders (ms, qty, buys) that take and that rest; return what was filled, and what of it was made, by bar."""
    market = SimMarket(tape, latency=Latency(), impact="off")
    start = int(tape.t_event[0]) // MINUTE * MINUTE
    filled: dict[int, int] = {}
    made: dict[int, int] = {}

    def hear() -> None:
        for message in market.poll(market.now_ns):
            if isinstance(message.event, Filled):
                fill = message.event.fill
                bar = (fill.t_venue_ns - start) // MINUTE
                for into in (filled,) if fill.liquidity == "taker" else (filled, made):
                    into[bar] = into.get(bar, 0) + fill.qty_units

    for n, (at, qty, buys) in enumerate(sorted(orders)):
        until = max(start + at * 1_000_000, market.start_ns)
        while market.advance(until)[0] < until or market.next_message_ns <= until:
            hear()
        side, key = (Side.BUY if buys else Side.SELL), tape.listing.key
        market.submit(child(f"t{n}", side, qty, kind="market", listing=key), market.now_ns)
        view = market.view(market.now_ns)
        price = view.bid_units if buys else view.ask_units
        if price:
            market.submit(child(f"p{n}", side, qty, price, "post-only", listing=key), market.now_ns)
    while market.advance(market.end_ns)[0] < market.end_ns or market.next_message_ns < NEVER:
        hear()
    return filled, made


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(120_000, 479_000), st.sampled_from([1, 500, 50_000]), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_no_more_is_filled_than_a_part_of_the_bar(tape: Tape, orders: list[tuple[int, int, bool]]) -> None:
    filled, _ = swept(tape, orders)
    for bar, volume in enumerate(VOLUMES):
        assert filled.get(bar, 0) <= TAKE_PART * volume


GREEDY = [(180_000 + 2_000 * n, 50_000, True) for n in range(140)]


def test_a_book_that_gives_more_than_its_bar_is_noticed(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: no limit; the touch of past volume is offered in a minute that traded 900, or nothing."""
    filled, made = swept(tape, GREEDY)
    assert all(filled.get(bar, 0) <= TAKE_PART * volume for bar, volume in enumerate(VOLUMES))
    assert filled[5] > 0
    assert sum(made.values()) > 0
    monkeypatch.setattr(bb, "TAKE_PART", 1e9)
    filled, made = swept(tape, GREEDY)
    assert any(filled.get(bar, 0) > TAKE_PART * volume for bar, volume in enumerate(VOLUMES))
    assert any(made.get(bar, 0) > TAKE_PART * volume for bar, volume in enumerate(VOLUMES))


def test_an_order_that_wants_all_or_nothing_gets_nothing_over_the_limit(tape: Tape) -> None:
    market = SimMarket(tape, latency=Latency(), impact="off")
    now, _ = market.advance(int(tape.t_event[0]) // MINUTE * MINUTE + 3 * MINUTE + 10**9)
    key, ask = tape.listing.key, market.view(now).ask_units
    market.submit(child("all", Side.BUY, 300, ask, tif="fok", listing=key), now)
    market.submit(child("some", Side.BUY, 300, ask, tif="ioc", listing=key), now)
    market.advance(now)
    events = [message.event for message in market.poll(now)]
    assert sum(e.fill.qty_units for e in events if isinstance(e, Filled)) == 225
    assert [e.cum_qty for e in events if isinstance(e, Ended)] == [0, 225]


def test_prints_are_the_bars(tape: Tape) -> None:
    printed = (tape.code & 15) == Row.TRADE
    frame = pl.DataFrame({"t": tape.t_event[printed] // MINUTE, "p": tape.prices()[printed], "q": tape.qty[printed]})
    bars = frame.group_by("t", maintain_order=True).agg(
        pl.col("p").first().alias("o"), pl.col("p").max().alias("h"), pl.col("p").min().alias("l"), pl.col("q").sum()
    )
    assert bars["q"].to_list() == [volume for volume in VOLUMES if volume]
    unit = float(tape.listing.instrument.price_unit)
    assert {round(p * unit, 2) for p in bars["h"].to_list()[:3]} == {100.6}
    assert {round(p * unit, 2) for p in bars["l"].to_list()[:3]} == {99.4}
    assert json.loads(json.dumps(tape.meta.modelled)).startswith("from 1m bars")
