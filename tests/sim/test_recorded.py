"""The simulated venue over recorded markets: equal to the plain event loop, and never better than the prints allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sim_orders import child, plain_overlay, told

from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.data.source import open_tapes
from nowake.market import book as bk
from nowake.market.book_reference import ReferenceBook
from nowake.market.run_reference import ReferenceMarket
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim.exchange import SimMarket
from nowake.sim.impact import OwnImpact
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
    equal_to_the_plain_event_loop(tape.head(40_000), None, 10**6)


def test_with_full_impact_too(tape: Tape) -> None:
    """Coefficients under which a sweep moves the price by ticks; few lots, since the plain form goes lot by lot."""
    tick = float(max(band.step_units for band in tape.listing.ticks) * tape.listing.instrument.price_unit)
    lot = float(tape.listing.lot_units * tape.listing.instrument.qty_unit)
    own = OwnImpact(permanent=0.0031 * tick / lot, transient=0.123 * tick / lot, half_life_s=20.0, t0_s=0.1)
    equal_to_the_plain_event_loop(tape.head(8_000), own, 40 * tape.listing.lot_units)


def equal_to_the_plain_event_loop(part: Tape, own: OwnImpact | None, big: int) -> None:
    impact = "full" if own else "ledger"
    market = SimMarket(part, queue_model="power-2", latency=LATENCY, impact=impact, own_impact=own)
    overlays = [plain_overlay(own, part.listing) if own else ReferenceOverlay() for _ in "ab"]
    world = ReferenceWorld(
        part, LATENCY, ReferenceMatcher(overlay=overlays[0], lot=part.listing.lot_units),
        ReferenceMarket(part.meta.silence_ns, overlay=overlays[1]),
    )  # fmt: skip
    local = part.t_local(LATENCY.data_ns)
    step = (int(local[-1]) - int(local[0])) // 20
    key = part.listing.key
    for i in range(1, 20):
        goal = int(local[0]) + i * step
        while True:
            now, _ = market.advance(goal)
            assert world.advance(goal)[0] == now
            events = [message.event for message in market.poll(now)]
            assert [told(event) for event in events] == world.poll(now)
            view = market.view(now)
            assert (view.bids, view.asks) == (tuple(world.own.levels(0, 5)), tuple(world.own.levels(1, 5)))
            if now == goal:
                break
        for one in (market, world):
            kind = "limit" if i == 1 else "market"
            one.submit(child(f"c{i}", Side.BUY, big, 0, kind, listing=key, peg="primary" if i == 1 else "none"), now)
    assert market.truth()[0].cum_qty > 0
