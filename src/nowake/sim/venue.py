"""The venue's half of a simulated listing: its book, our orders on it, its answers, its own record of fills.

It knows venue time only; ``exchange.SimMarket`` carries commands to it and answers back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderStatus, OrderType, Peg, TimeInForce
from nowake.core.ids import digest
from nowake.core.instrument import FeeSchedule, Listing
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import F64, I64, Tape
from nowake.core.value import Value, require
from nowake.market import book as bk
from nowake.market.hours import Hours
from nowake.market.own import coarsest_step
from nowake.market.queue import UNKNOWN_FRONT
from nowake.market.table import grown, new_table
from nowake.sim import layout as lay
from nowake.sim import match_l2 as l2
from nowake.sim import overlay, requeue
from nowake.sim.queues import QueueModel
from nowake.sim.rules import VenueRules

IMPACTS = ("off", "ledger")
_PEGS = {Peg.NONE: 0, Peg.PRIMARY: lay.PEG_PRIMARY, Peg.MIDPOINT: lay.PEG_MIDPOINT}


class Report(Value, frozen=True):
    """One report of the venue, by its own clock.

    Attributes:
        sequence: Counts the venue's reports.
        kind: acked, rejected, filled, ended, cancel-rejected, status, open-orders.
        t_venue_ns: Venue time.
        code, text: Why not, for refusals.
    """

    sequence: int
    kind: str
    child_id: str
    t_venue_ns: int
    fill: Fill | None = None
    status: ChildStatus | None = None
    cum_qty: int = 0
    code: str = ""
    text: str = ""
    statuses: tuple[OrderStatus, ...] = ()
    requested_ns: int = 0


@dataclass(slots=True)
class _Order:
    """A child the venue has accepted or refused."""

    child: ChildOrder
    slot: int = -1
    reserve: int = -1
    cum_qty: int = 0
    status: ChildStatus = ChildStatus.WORKING
    fills: list[Fill] = field(default_factory=list)

    def as_status(self) -> OrderStatus:
        return OrderStatus(
            child_id=self.child.child_id,
            known=True,
            live=not self.status.terminal,
            status=self.status,
            cum_qty=self.cum_qty,
            fills=tuple(self.fills),
        )


class SimVenue:
    """A matching venue over a recorded L2 market.

    Args:
        tape: The market.
        fees: What fills cost.
        session: Trading hours, None = always open.
        model: Queue model.
        impact: ``off`` or ``ledger``.
        half_life_ns: Of what we took with ``ledger``: None = it never comes back by itself, 0 = at once.
        seed: Goes into the trade ids.
        rules: What the venue does beside matching.
    """

    def __init__(
        self,
        tape: Tape,
        *,
        fees: FeeSchedule,
        session: Session | None,
        model: QueueModel,
        impact: str,
        half_life_ns: int | None,
        seed: int,
        rules: VenueRules | None = None,
    ) -> None:
        require(impact in IMPACTS, "impact", impact, " or ".join(IMPACTS))
        require(half_life_ns is None or half_life_ns >= 0, "half_life_ns", half_life_ns, ">= 0")
        self.listing: Listing = tape.listing
        self.fees = fees
        self._base = tape.meta.price_base
        self._depth = tape.meta.depth_levels
        self._seed = seed
        self._hours = Hours(session)
        self.book: I64 = bk.new_book(coarsest_step(tape))
        self.stats: I64 = np.zeros(lay.VENUE_STATS, dtype=np.int64)
        remembers = impact == "ledger" and half_life_ns != 0
        self.stats[[lay.V_LEDGER, lay.V_HALF_NS]] = int(remembers), -1 if half_life_ns is None else half_life_ns
        self.stats[[lay.V_MODEL, lay.V_LOT]] = model.number, tape.listing.lot_units
        self.rules = rules or VenueRules()
        self.stats[[lay.V_DUE, lay.V_REFRESH_NS]] = lay.NEVER, self.rules.refresh_ns
        self.reals: F64 = np.array([model.n], dtype=np.float64)
        self.orders: I64 = np.zeros((8, lay.ORDER_FIELDS), dtype=np.int64)
        self.fronts: F64 = np.zeros((8, 2), dtype=np.float64)
        self.fills: I64 = np.zeros((256, lay.FILL_FIELDS), dtype=np.int64)
        self.taken: I64 = new_table(64)
        self.taken_at: I64 = new_table(64)
        self._by_id: dict[str, _Order] = {}
        self._in_slot: dict[int, _Order] = {}
        self._sequence = 0

    @property
    def has_live(self) -> bool:
        """Return whether an order of ours can still trade."""
        return bool(self.stats[lay.V_LIVE] > 0)

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return every order it ever accepted or refused, with all fills, in order of arrival."""
        return tuple(order.as_status() for order in self._by_id.values())

    def child(self, child_id: str) -> ChildOrder:
        """Return a child it knows."""
        return self._by_id[child_id].child

    def make_room(self, status: int) -> None:
        """Enlarge what a kernel found too small (its status)."""
        if status in (bk.GROW, bk.REGRID):
            self.book = bk.repaired(self.book, status)
        elif status == lay.FILLS_FULL:
            self.fills = np.concatenate([self.fills, np.zeros_like(self.fills)])
        else:
            self.taken, self.taken_at = grown(self.taken), grown(self.taken_at)

    def _report(self, kind: str, child_id: str, t_ns: int, **more: object) -> Report:
        self._sequence += 1
        return Report(sequence=self._sequence, kind=kind, child_id=child_id, t_venue_ns=t_ns, **more)  # type: ignore[arg-type]

    def collect(self) -> list[Report]:
        """Return reports of the fills that the kernels wrote since the last call."""
        count = int(self.stats[lay.V_FILLS])
        if count == 0:
            return []
        self.stats[lay.V_FILLS] = 0
        reports = []
        for slot, qty, price, t_ns, how in self.fills[:count].tolist():
            order = self._in_slot[slot]
            reports.append(self._filled(order, price + self._base, qty, t_ns, how))
            if order.status is ChildStatus.FILLED:
                self._free(order)
        return reports

    def _free(self, order: _Order) -> None:
        """Let go of the slots of an order that can no longer trade."""
        for slot in (order.slot, order.reserve):
            if slot < 0:
                continue
            self._in_slot.pop(slot)
            self.stats[lay.V_LIVE] -= int(self.orders[slot, lay.O_LIVE])
            self.stats[lay.V_PEGS] -= int(self.orders[slot, lay.O_PEG] != 0)
            self.stats[lay.V_MIDS] -= int(self.orders[slot, lay.O_PEG] == lay.PEG_MIDPOINT)
            self.orders[slot] = 0
        order.slot = order.reserve = -1
        if not self._in_slot:
            self.stats[lay.V_SLOTS] = 0

    def _filled(self, order: _Order, price_units: int, qty: int, t_ns: int, how: int) -> Report:
        child, maker = order.child, how != lay.TOOK
        fill = Fill(
            child_id=child.child_id,
            trade_id=digest("trade", self.listing.key, self._seed, child.child_id, len(order.fills), length=16),
            price_units=price_units,
            qty_units=qty,
            fee_money=self.fees.fee(self.listing.instrument, price_units, qty, maker=maker),
            liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
            t_venue_ns=t_ns,
            unprinted=how != lay.PRINTED,
        )
        order.fills.append(fill)
        order.cum_qty += qty
        if order.cum_qty == child.qty_units:
            order.status = ChildStatus.FILLED
        return self._report("filled", child.child_id, t_ns, fill=fill, cum_qty=order.cum_qty)

    def cancel(self, child_id: str, t_ns: int) -> list[Report]:
        """Cancel what is left of an order at venue time ``t_ns``."""
        order = self._by_id.get(child_id)
        if order is None or order.status is ChildStatus.REJECTED:
            return [self._report("cancel-rejected", child_id, t_ns, code="unknown")]
        if order.status.terminal:
            return [self._report("cancel-rejected", child_id, t_ns, code="too-late")]
        self._free(order)
        order.status = ChildStatus.CANCELED
        return [self._report("ended", child_id, t_ns, status=order.status, cum_qty=order.cum_qty)]

    def query(self, child_id: str, requested_ns: int, t_ns: int) -> list[Report]:
        """Say what became of a child."""
        order = self._by_id.get(child_id)
        status = OrderStatus(child_id=child_id, known=False) if order is None else order.as_status()
        return [self._report("status", child_id, t_ns, statuses=(status,), requested_ns=requested_ns)]

    def query_open(self, requested_ns: int, t_ns: int) -> list[Report]:
        """List the orders that can still trade."""
        live = tuple(order.as_status() for order in self._by_id.values() if not order.status.terminal)
        return [self._report("open-orders", "", t_ns, statuses=live, requested_ns=requested_ns)]

    def submit(self, child: ChildOrder, t_ns: int) -> list[Report]:
        """Accept or refuse a child that arrives at venue time ``t_ns``, match it, rest or expire what is left."""
        child_id = child.child_id
        if child_id in self._by_id:
            return [self._report("rejected", child_id, t_ns, code="duplicate-id", text="this id has been used")]
        order = self._by_id[child_id] = _Order(child)
        self._settle(t_ns)
        side = 0 if child.side is Side.BUY else 1
        key = self._arrival_key(child, side)
        why = self._refusal(child, side, key, t_ns)
        if why is not None:
            order.status = ChildStatus.REJECTED
            return [self._report("rejected", child_id, t_ns, code=why[0], text=why[1])]
        reports = [self._report("acked", child_id, t_ns)]
        left = child.qty_units
        if child.order_type is not OrderType.POST_ONLY and child.peg is Peg.NONE:
            least = left if child.tif is TimeInForce.FOK else child.min_qty_units
            if not least or self._takeable(left, side, key, t_ns) >= least:
                left = self._walk(order, side, key, t_ns)
            reports += self.collect()
        if left and child.tif.immediate:
            self._free(order)
            order.status = ChildStatus.EXPIRED
            reports.append(self._report("ended", child_id, t_ns, status=order.status, cum_qty=order.cum_qty))
        elif left:
            self._rest(order, side, key, left, t_ns)
        return reports

    def _settle(self, t_ns: int) -> None:
        """Do what was due at the venue by ``t_ns``."""
        if t_ns >= self.stats[lay.V_DUE]:
            requeue.refresh(self.stats, self.orders, self.fronts, t_ns, int(self.stats[lay.V_CURSOR]))

    def _arrival_key(self, child: ChildOrder, side: int) -> int:
        """Return the key at which a child arrives; NO_PRICE: a market order, or a peg that has nothing to follow."""
        priced = child.price_units != 0
        limit = (child.price_units - self._base) * int(child.side) if priced else lay.NO_LIMIT
        if child.peg is Peg.NONE:
            return limit if priced else bk.NO_PRICE
        key = int(requeue.peg_key(self.book[: bk.HEAD], side, _PEGS[child.peg], limit))
        return limit if key == bk.NO_PRICE and priced else key

    def _refusal(self, child: ChildOrder, side: int, key: int, t_ns: int) -> tuple[str, str] | None:
        """Return (code, text) of why a child cannot be accepted, or None."""
        if not self._hours.is_open(t_ns):
            return "closed", "the session is closed"
        if self.book[bk.HALT_STATE]:
            return "halted", "trading is halted"
        if child.peg is not Peg.NONE and key == bk.NO_PRICE:
            return "no-reference", "there is no price to peg to, and no limit"
        best = overlay.seen_best(*bk.parts(self.book), self.stats, self.taken, self.taken_at, 1 - side, t_ns)
        free = key == bk.NO_PRICE or child.peg is Peg.MIDPOINT  # of the tick grid
        price = child.price_units if free else self._base + key * int(child.side)
        if free and not price and best != bk.NO_PRICE:
            touch = self._base + (-best if side == 0 else best)
            price = touch - touch % self.listing.tick_units(touch)
        if price > 0 and (problem := self.listing.order_problem(price, child.qty_units)):
            return self._problem_code(price, child.qty_units), problem
        if (child.display_qty_units or 0) % self.listing.lot_units:
            return "grid", f"display quantity {child.display_qty_units} is not a multiple of the lot"
        crosses = best != bk.NO_PRICE and key + best >= 0
        if child.order_type is OrderType.POST_ONLY and crosses:
            return "would-cross", "it would take liquidity"
        for slot, order in self._in_slot.items():
            other = self.orders[slot]
            if other[lay.O_SIDE] != side and (key == bk.NO_PRICE or key + int(other[lay.O_KEY]) >= 0):
                return "self-trade", f"it would trade with own order {order.child.child_id}"
        return None

    def _problem_code(self, price: int, qty: int) -> str:
        listing = self.listing
        if qty % listing.lot_units or price % listing.tick_units(price):
            return "grid"
        return "min-notional" if qty < listing.min_order_units(price) else "max-quantity"

    def _takeable(self, qty: int, side: int, key: int, t_ns: int) -> int:
        """Return how much of ``qty`` would trade at once; nothing changes."""
        shown = int(self.book[bk.LEVELS + 1 - side])
        scratch = self.stats.copy()
        scratch[[lay.V_LEDGER, lay.V_FILLS]] = 0
        fills = np.zeros((shown + 1, lay.FILL_FIELDS), dtype=np.int64)
        left = l2.take(
            *bk.parts(self.book), scratch, fills, self.taken, self.taken_at, 0, side, key, qty, t_ns
        )  # fmt: skip
        return qty - int(left)

    def _walk(self, order: _Order, side: int, key: int, t_ns: int) -> int:
        """Take what the other side shows; returns what is left."""
        shown = int(self.book[bk.LEVELS + 1 - side])
        while int(self.stats[lay.V_FILLS]) + shown > len(self.fills):
            self.make_room(lay.FILLS_FULL)
        while 4 * (int(self.stats[lay.V_TAKEN]) + shown + 2) > len(self.taken) and self.stats[lay.V_LEDGER]:
            self.make_room(lay.LEDGER_FULL)
        order.slot = self._take_slot(order)
        left = l2.take(
            *bk.parts(self.book), self.stats, self.fills, self.taken, self.taken_at, order.slot, side, key,
            order.child.qty_units, t_ns,
        )  # fmt: skip
        return int(left)

    def _free_slot(self) -> int:
        slot = next(i for i in range(len(self.orders) + 1) if i not in self._in_slot)
        if slot == len(self.orders):
            self.orders = np.concatenate([self.orders, np.zeros_like(self.orders)])
            self.fronts = np.concatenate([self.fronts, np.zeros_like(self.fronts)])
        return slot

    def _rest(self, order: _Order, side: int, key: int, left: int, t_ns: int) -> None:
        """Put an order on the book behind all that is seen at its price; an iceberg as two (``sim.layout``)."""
        child = order.child
        display = child.shown_qty_units
        if order.slot < 0:
            order.slot = self._take_slot(order)
        ahead = self._ahead(side, key, t_ns)
        self.stats[lay.V_ARRIVALS] += 1
        joined = int(self.stats[lay.V_ARRIVALS])
        limit = (child.price_units - self._base) * int(child.side) if child.price_units else lay.NO_LIMIT
        row = [1, side, key, left, joined, _PEGS[child.peg], self.stats[lay.V_CURSOR], 0, display, lay.NEVER, limit]
        parts = [order.slot]
        if not display:
            row[lay.O_SEQ] += lay.HIDDEN_SEQ
        self.orders[order.slot] = row
        if 0 < display < left:
            order.reserve = self._take_slot(order)
            parts.append(order.reserve)
            row[lay.O_LEAVES], row[lay.O_SEQ] = left - display, joined + lay.HIDDEN_SEQ
            self.orders[order.reserve] = row
            self.orders[order.slot, [lay.O_LEAVES, lay.O_LINK]] = display, order.reserve + 1
            self.orders[order.reserve, lay.O_LINK] = order.slot + 1
        self.fronts[parts] = ahead, 0.0
        self.stats[lay.V_LIVE] += len(parts)
        self.stats[lay.V_PEGS] += len(parts) * (child.peg is not Peg.NONE)
        self.stats[lay.V_MIDS] += int(child.peg is Peg.MIDPOINT)
        self.stats[lay.V_EDGES] = -1  # looked at after the next message
        self.stats[lay.V_SLOTS] = max(int(self.stats[lay.V_SLOTS]), *(slot + 1 for slot in parts))

    def _take_slot(self, order: _Order) -> int:
        slot = self._free_slot()
        self._in_slot[slot] = order
        return slot

    def _ahead(self, side: int, key: int, t_ns: int) -> float:
        """Return what is seen at a price, UNKNOWN_FRONT where the source does not show it."""
        head, size, _, _, table = bk.parts(self.book)
        if key == lay.PARKED:
            return 0.0
        ahead = float(overlay.depth_seen(head, size, table, self.stats, self.taken, self.taken_at, side, key, t_ns))
        if self._depth and bk.level_size(head, size, table, side, key) == 0:
            shown = bk.levels(self.book, side, self._depth)
            if len(shown) == self._depth and key < shown[-1][0]:
                ahead = UNKNOWN_FRONT
        return ahead
