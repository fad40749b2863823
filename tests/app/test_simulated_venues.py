"""Several venues by hand: what is refused, in whose words, and that ids are never used again."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest

import nowake
from nowake.core.child import ChildStatus
from nowake.core.errors import InputError, Refused
from nowake.core.inputs import Filled
from nowake.core.value import replace
from nowake.sim.synthetic import synth_tape

START_NS = 1_767_623_400 * 10**9
KEY, DARK = "SYNTH@SIM", "SYNTH@DARK"


@pytest.fixture(scope="module")
def tape() -> nowake.Tape:
    return synth_tape(seed=1, start_ns=START_NS, duration_ns=90 * 10**9)


@pytest.fixture
def venues(tape: nowake.Tape) -> nowake.SimulatedVenues:
    liquidity = nowake.DarkLiquidity(
        listing=KEY, bin_s=86_400, buy_per_hour=(9_000.0,), sell_per_hour=(9_000.0,), sizes=(100,)
    )
    return nowake.SimulatedVenues([tape], dark=[liquidity])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("latency", 5),
        ("latency", {KEY: 5}),
        ("latency", {"NO@SIM": "1ms"}),
        ("fees", 1.0),
        ("fees", {KEY: 0.3}),
        ("seed", "a"),
        ("dark", 3),
    ],
)
def test_a_wrong_option_is_one_sentence(tape: nowake.Tape, option: str, value: object) -> None:
    given: dict[str, Any] = {option: value}
    with pytest.raises(InputError, match=rf"^{option} must be"):
        nowake.SimulatedVenues([tape], **given)


@pytest.mark.parametrize("tapes", [[], None, "x", [3]])
def test_venues_need_tapes(tapes: Any) -> None:
    with pytest.raises(InputError, match=r"^tapes must be"):
        nowake.SimulatedVenues(tapes)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": -3}),
        ("quantity", {"quantity": "many"}),
        ("limit", {"limit": 0}),
        ("limit", {"limit": -5}),
        ("limit", {"limit": None}),
        ("side", {"side": 0}),
        ("post_only", {"post_only": True}),  # it was sent as a market order
        ("post_only", {"post_only": True, "immediate": True, "limit": 99}),
        ("post_only", {"post_only": True, "immediate": True, "symbol": DARK}),
        ("min_quantity", {"min_quantity": 2, "limit": 99}),
        ("min_quantity", {"min_quantity": 11, "immediate": True}),
        ("min_quantity", {"min_quantity": -1, "symbol": DARK}),
        ("symbol", {"symbol": "SYNTH"}),
        ("symbol", {"symbol": "AAPL"}),
        ("symbol", {"symbol": 5}),
    ],
)
def test_a_wrong_child_is_refused_in_the_words_it_was_asked_in(
    venues: nowake.SimulatedVenues, field: str, words: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"side": "buy", "quantity": 10, "symbol": KEY, **words}
    with pytest.raises(InputError, match=rf"^{field} must be"):
        venues.send(**asked)
    assert venues.run("1s") == ()


def test_a_market_whose_recording_is_over_takes_no_order(venues: nowake.SimulatedVenues) -> None:
    resting = venues.send("buy", 5, KEY, limit="1")
    venues.run("1h")
    for symbol in (KEY, DARK):
        with pytest.raises(Refused, match=f"the recording of {symbol} ended"):
            venues.send("buy", 5, symbol)
    venues.cancel(resting)
    assert [type(told).__name__ for told in venues.run("1s")] == ["Ended"]


def test_orders_worked_one_after_the_other_never_share_an_id(venues: nowake.SimulatedVenues) -> None:
    done = [venues.work(nowake.order("buy", 200, KEY, over="20s"))[0] for _ in range(2)]
    assert [one.filled for one in done] == [200, 200]
    assert done[0].parent_id != done[1].parent_id
    assert not [status for status in venues.markets.truth() if status.status is ChildStatus.REJECTED]
    assert sum(fill.qty_units for fill in venues.fills()) == 400


def test_what_is_said_of_a_child_sent_by_hand_is_told_by_run_also_when_orders_were_worked(
    venues: nowake.SimulatedVenues,
) -> None:
    by_hand = venues.send("sell", 7, KEY)
    venues.work(nowake.order("buy", 200, KEY, over="20s"))
    told = venues.run("1s")
    assert [type(event).__name__ for event in told] == ["Acked", "Filled"]
    assert isinstance(told[1], Filled)
    assert told[1].fill.child_id == by_hand
    assert venues.run("1s") == ()


@pytest.mark.parametrize("field", ["sizes", "buy_per_hour", "bin_s", "listing"])
@pytest.mark.parametrize("value", [None, "x", ("a",), (1.5, "2")])
def test_liquidity_that_is_stated_must_be_what_it_says(field: str, value: Any) -> None:
    given = {"listing": KEY, "bin_s": 60, "buy_per_hour": (1.0,), "sell_per_hour": (1.0,), "sizes": (1,), field: value}
    if (field, value) != ("listing", "x"):
        with pytest.raises(InputError, match=rf"^{field} must be"):
            nowake.DarkLiquidity(**given)


@pytest.mark.parametrize("rest_ns", [-1, 10**17])  # who may still be there is looked for that far back
def test_liquidity_stays_a_day_at_most(rest_ns: int) -> None:
    with pytest.raises(InputError, match=r"^rest_ns must be"):
        nowake.DarkLiquidity(
            listing=KEY, bin_s=60, buy_per_hour=(1.0,), sell_per_hour=(1.0,), sizes=(1,), rest_ns=rest_ns
        )


def test_liquidity_has_whole_sizes() -> None:
    with pytest.raises(InputError, match=r"^sizes must be"):
        nowake.DarkLiquidity(
            listing=KEY,
            bin_s=60,
            buy_per_hour=(1.0,),
            sell_per_hour=(1.0,),
            sizes=(1.5,),  # type: ignore[arg-type]
        )


def cut(tape: nowake.Tape, venue: str, last_ns: int) -> nowake.Tape:
    """Return the rows that happened by ``last_ns``, as those of another venue."""
    n = int(np.searchsorted(tape.t_event, last_ns, side="right"))
    meta = replace(tape.meta, listing=replace(tape.listing, venue=venue))
    names = ("t_event", "recv_delta", "code", "price", "qty", "order_id")
    return dataclasses.replace(tape, meta=meta, **{name: getattr(tape, name)[:n] for name in names})


def told_by(tape: nowake.Tape, last_ns: int, seed: int) -> list[object]:
    """Send and cancel at random on two venues and a dark one for 20 s; return all that is seen and told."""
    tapes = [cut(tape, "A", last_ns), cut(synth_tape(seed=2, start_ns=START_NS, duration_ns=90 * 10**9), "B", last_ns)]
    rates: dict[str, Any] = {"buy_per_hour": (3_600.0,), "sell_per_hour": (3_600.0,), "sizes": (50, 300)}
    dark = nowake.DarkLiquidity(listing="SYNTH@A", bin_s=86_400, **rates)
    latency = {"SYNTH@B": "20ms", "SYNTH@DARK": "lognormal:5ms,0.4"}
    venues = nowake.SimulatedVenues(tapes, dark=[dark], latency=latency)
    draw, found, sent = random.Random(seed), list[object](), list[str]()
    while venues.now_ns < START_NS + 20 * 10**9:
        symbol, side = draw.choice(venues.listings), draw.choice(["buy", "sell"])
        view, price = venues.view(symbol), venues.listing(symbol).instrument.price
        found.append((venues.now_ns, symbol, view))
        touch = [view.bid_units, view.ask_units][:: 1 if side == "buy" else -1]
        what = draw.choice(["cancel", "rest", "market", "take"])
        if what == "cancel" and sent:
            venues.cancel(draw.choice(sent))
        elif what == "market":
            sent.append(venues.send(side, 100, symbol))
        else:
            limit = price(touch[what == "take"])
            sent.append(venues.send(side, draw.choice([10, 200]), symbol, limit=limit, immediate=what == "take"))
        found += venues.run(draw.choice(["7ms", "150ms", "1s"]))
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_told_depends_on_what_was_recorded_later(tape: nowake.Tape, seed: int) -> None:
    whole = told_by(tape, START_NS + 90 * 10**9, seed)
    assert sum(isinstance(one, Filled) for one in whole) > 10
    assert told_by(tape, START_NS + 22 * 10**9, seed) == whole
