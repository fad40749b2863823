"""The worker of a served venue: what a new journal's engine knows."""

from __future__ import annotations

from types import SimpleNamespace

from nowake.app.exchange import worker
from nowake.core.order import ParentOrder, Side
from nowake.data.sessions import session
from nowake.engine.env import Timing
from nowake.route.router import SmartRouter
from nowake.sim.synthetic import LISTING


def test_its_engine_chooses_the_strategy_of_an_order_that_names_none() -> None:
    order = ParentOrder(
        parent_id="p", listing=LISTING.key, side=Side.BUY, qty_units=1, decided_ns=0, start_ns=0, end_ns=1
    )
    venue = SimpleNamespace(
        connect=lambda: None, meta=SimpleNamespace(listing=LISTING), session=session(LISTING.session)
    )
    made = worker._environment(SimpleNamespace(order=order, timing=Timing()), venue)
    assert made.router == SmartRouter()
