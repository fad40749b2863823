"""The simulated venue over recorded markets: equal to the plain event loop, and never better than the prints allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sim_orders import child, told

from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.data.source import open_tapes
from nowake.market import book as bk
from nowake.market.book_reference import ReferenceBook
from nowake.market.run_reference import ReferenceMarket
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.match_reference import ReferenceMatcher
from nowake.sim.merge import venue_order
from nowake.sim.merge_reference import ReferenceWorld

MS = 1_000_000
LATENCY = Latency(decision_ns=50_000, entry_ns=20 * MS, response_ns=20 * MS, data_ns=5 * MS)
FILES = {"AMZN": "lobster/*AMZN*_5.zip", "spot": "binance/spot_btcusdt_20240808.gz"}


@pytest.fixture(scope="module", params=list(FILES))
def tape(request: pytest.FixtureRequest, recorded_data: Path) -> Tape:
    (found,) = open_tapes(sorted(recorded_data.glob(FILES[request.param])))
    return found


def test_the_venue_in_event_order_keeps_the_book_sound(tape: Tape) -> None:
    times, rows = venue_order(tape)
    rows = rows if len(rows) else np.arange(len(tape))
    assert np.all(np.diff(times) >= 0)
    assert np.array_equal(np.sort(rows), np.arange(len(tape)))
    reference = ReferenceBook()
    for row in zip(tape.code[rows].tolist(), tape.prices()[rows].tolist(), tape.qty[rows].tolist(), strict=True):
        reference.apply(*row)
    market = SimMarket(tape, latency=LATENCY)
    now, _ = market.advance(market.start_ns)
    market.query_open(market.key, now + 10**14)  # makes the venue follow to the end
    market.advance(now + 10**14 + 10**9)
    for side, sign in ((0, 1), (1, -1)):
        found = [(tape.meta.price_base + sign * key, size) for key, size in bk.levels(market.venue.book, side)]
        assert found == reference.levels(side)


def test_a_pegged_order_and_sweeps_equal_the_plain_event_loop(tape: Tape) -> None:
    part = tape.head(40_000)
    market = SimMarket(part, queue_model="power-2", latency=LATENCY, impact="ledger")
    world = ReferenceWorld(
        part, LATENCY, ReferenceMatcher(ledger=True, lot=part.listing.lot_units), ReferenceMarket(part.meta.silence_ns)
    )
    local = part.t_local(LATENCY.data_ns)
    step = (int(local[-1]) - int(local[0])) // 20
    big = 10**6
    key = part.listing.key
    for i in range(1, 20):
        goal = int(local[0]) + i * step
        while True:
            now, _ = market.advance(goal)
            assert world.advance(goal)[0] == now
            events = [message.event for message in market.poll(now)]
            assert [told(event) for event in events] == world.poll(now)
            if now == goal:
                break
        for one in (market, world):
            kind = "limit" if i == 1 else "market"
            one.submit(child(f"c{i}", Side.BUY, big, 0, kind, listing=key, peg="primary" if i == 1 else "none"), now)
    assert market.truth()[0].cum_qty > 0
