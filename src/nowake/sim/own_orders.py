"""Own orders that rest at a simulated venue, as those see them that come after: met, or made smaller."""

from __future__ import annotations

from collections.abc import Mapping

from nowake.core.tape import I64
from nowake.market.book import NO_PRICE
from nowake.sim import layout as lay
from nowake.sim.reports import VenueOrder


def key_of(orders: I64, order: VenueOrder) -> int:
    """Return the recorded key at which an order rests; ``orders`` as in ``sim.layout``."""
    return int(orders[order.slot if orders[order.slot, lay.O_LIVE] else order.reserve, lay.O_KEY])


def first_met(orders: I64, in_slot: Mapping[int, VenueOrder], side: int, key: int) -> VenueOrder | None:
    """Return the own order that an incoming one of ``side`` at ``key`` would meet first."""
    rows = [
        (-int(orders[slot, lay.O_KEY]), int(orders[slot, lay.O_SEQ]), slot)
        for slot in in_slot
        if orders[slot, lay.O_LIVE]
        and orders[slot, lay.O_SIDE] != side
        and orders[slot, lay.O_KEY] > lay.PARKED
        and (key == NO_PRICE or key + int(orders[slot, lay.O_KEY]) >= 0)
    ]
    return in_slot[min(rows)[2]] if rows else None


def make_smaller(stats: I64, orders: I64, order: VenueOrder, qty: int) -> None:
    """Take ``qty`` off a resting order, first of what it does not show; it keeps its place."""
    for slot in (order.reserve, order.slot):
        part = min(qty, int(orders[slot, lay.O_LEAVES])) if slot >= 0 else 0
        if part and orders[slot, lay.O_LIVE]:
            orders[slot, lay.O_LEAVES] -= part
            qty -= part
            if orders[slot, lay.O_LEAVES] == 0:
                orders[slot, lay.O_LIVE] = 0
                stats[lay.V_LIVE] -= 1
