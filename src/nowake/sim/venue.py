"""The venue's half of a simulated listing: its book, our orders on it, its answers, its own record of fills.

It knows venue time only; ``exchange.SimMarket`` carries commands to it and answers back.
"""

from __future__ import annotations

import numpy as np

from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderType, Peg, TimeInForce
from nowake.core.ids import digest
from nowake.core.instrument import FeeSchedule
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import F64, I64, Tape
from nowake.market import book as bk
from nowake.market.hours import Hours
from nowake.market.own import coarsest_step
from nowake.market.queue import UNKNOWN_FRONT
from nowake.market.run import LOG_FIRST, LOG_WIDTH, NO_LOG
from nowake.market.seen import LONG
from nowake.market.table import grown, new_table
from nowake.sim import layout as lay
from nowake.sim import match_l2 as l2
from nowake.sim import overlay, requeue
from nowake.sim import own_orders as own
from nowake.sim.bars_book import bars_book
from nowake.sim.impact import Charge
from nowake.sim.queues import QueueModel
from nowake.sim.reports import Mark, Report, VenueOrder
from nowake.sim.rules import SelfTrade, VenueRules, WhileHalted, grid_refusal
from nowake.sim.takeable import pieces, takeable
from nowake.sim.venue_desk import VenueDesk, retry_text

_BAR_ROOMS = [lay.V_BAR_ROOM, lay.V_BAR_WORST, lay.V_BAR_BEST]
_PEGS = {Peg.NONE: 0, Peg.PRIMARY: lay.PEG_PRIMARY, Peg.MIDPOINT: lay.PEG_MIDPOINT}


def same_terms(new: ChildOrder, old: ChildOrder) -> bool:
    """Return whether a replacement differs in nothing that costs its place but a smaller quantity."""
    terms = ("price_units", "order_type", "peg", "display_qty_units")
    return all(getattr(new, name) == getattr(old, name) for name in terms)


class SimVenue(VenueDesk):
    """A matching venue over a recorded market, by price level or order by order.

    Args:
        tape: The market.
        fees: What fills cost.
        session: Trading hours, None = always open.
        model: Queue model.
        impact: What our own trades do to the market (``sim.impact``).
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
        impact: Charge,
        seed: int,
        rules: VenueRules | None = None,
    ) -> None:
        super().__init__(tape.listing, fees, rules or VenueRules())
        self._base = tape.meta.price_base
        self._depth = tape.meta.depth_levels
        self._bars = bars_book(tape)
        self._seed = seed
        self._session = session
        self._hours = Hours(session)
        self.book: I64 = bk.new_book(coarsest_step(tape))
        self.stats: I64 = np.zeros(lay.VENUE_STATS, dtype=np.int64)
        self.stats[[lay.V_LEDGER, lay.V_HALF_NS]] = int(impact.half_ns != 0), impact.half_ns
        self.stats[[lay.V_UNIT, lay.V_SHIFT_DUE, lay.V_FLOOR]] = impact.unit, LONG, 1 - self._base
        self.stats[[lay.V_MODEL, lay.V_LOT]] = model.number, tape.listing.lot_units
        self.stats[lay.V_REFRESH_NS] = self.rules.refresh_ns
        self.stats[lay.V_DUE] = lay.NEVER
        self._bar_room(0)
        self.reals: F64 = np.concatenate([[model.n, 0.0, 0.0], impact.shift])
        self.orders: I64 = np.zeros((8, lay.ORDER_FIELDS), dtype=np.int64)
        self.fronts: F64 = np.zeros((8, lay.FRONT_FIELDS), dtype=np.float64)
        self.fills: I64 = np.zeros((256, lay.FILL_FIELDS), dtype=np.int64)
        self.taken, self.taken_at = new_table(64), new_table(64)
        self.log: I64 = NO_LOG
        self._marks, self.marks = impact.marks, list[Mark]()
        self._in_slot: dict[int, VenueOrder] = {}

    @property
    def has_live(self) -> bool:
        """Return whether an order of ours can still trade."""
        return bool(self.stats[lay.V_LIVE] > 0)

    @property
    def is_followed(self) -> bool:
        """Return whether rows change what is seen of the book on our side, by way of the log."""
        return bool(len(self.log) and self.stats[lay.V_TAKEN] > 0)

    def name_taken(self, *, log: bool) -> None:
        """Follow what we take order by order (``sim.void``), before the first row; ``log``: and say what becomes of it.

        What is void does not come back by half-lives.
        """
        self.stats[lay.V_HALF_NS] = -1
        self.log = np.zeros(LOG_FIRST + 16 * LOG_WIDTH, dtype=np.int64) if log else NO_LOG

    def make_room(self, status: int) -> None:
        """Enlarge what a kernel found too small (its status)."""
        if status in (bk.GROW, bk.REGRID):
            self.book = bk.repaired(self.book, status)
        elif status == lay.FILLS_FULL:
            self.fills = np.concatenate([self.fills, np.zeros_like(self.fills)])
        elif status == lay.BAR_OVER:
            self._bar_room(int(self.stats[lay.V_BAR_UNTIL]))
        elif status == lay.LOG_FULL:
            self.log = np.concatenate([self.log, np.zeros_like(self.log)])
        else:
            self.taken, self.taken_at = grown(self.taken), grown(self.taken_at)

    def _bar_room(self, t_ns: int) -> int:
        """Return what may still be filled in the bar of ``t_ns``, a quantity that nothing is over without bars."""
        if t_ns >= self.stats[lay.V_BAR_UNTIL]:
            room, self.stats[lay.V_BAR_UNTIL] = self._bars.room(t_ns)
            self.stats[_BAR_ROOMS] = room
            self.stats[lay.V_DUE] = min(self.stats[lay.V_DUE], self.stats[lay.V_BAR_UNTIL])
        return int(self.stats[lay.V_BAR_ROOM])

    def _use_bar(self, qty: int) -> None:
        """Take what was surely filled off what the bar leaves."""
        for room in _BAR_ROOMS:  # a list of places takes ten times as long
            self.stats[room] -= qty

    def collect(self) -> list[Report]:
        """Return reports of the fills that the kernels wrote since the last call."""
        count = int(self.stats[lay.V_FILLS])
        if count == 0:
            return []
        self.stats[lay.V_FILLS] = 0
        reports = []
        for slot, qty, price, t_ns, how, level in self.fills[:count].tolist():
            order = self._in_slot[slot]
            if self._marks:
                self.marks.append(Mark(t_ns, level, qty if level != lay.NO_LEVEL else 0, int(order.child.side) * qty))
            reports.append(self._filled(order, price + self._base, qty, t_ns, how))
            if order.status.terminal:
                self._free(order)
                reports += self._ended(order, t_ns) if order.lost else []
        return reports

    def _ended(self, order: VenueOrder, t_ns: int, bounds: tuple[int, int] | None = None) -> list[Report]:
        child_id, cum_qty = order.child.child_id, order.cum_qty
        bounds = bounds if order.rested else (cum_qty, cum_qty)
        return [self._report("ended", child_id, t_ns, status=order.status, cum_qty=cum_qty, bounds=bounds)]

    def _free(self, order: VenueOrder) -> None:
        """Let go of the slots of an order that can no longer trade."""
        for slot in (order.slot, order.reserve):
            if slot < 0:
                continue
            self._in_slot.pop(slot)
            peg = self.orders.item(slot, lay.O_PEG)
            self.stats[lay.V_LIVE] -= self.orders.item(slot, lay.O_LIVE)
            if peg:
                self.stats[lay.V_PEGS] -= 1
                self.stats[lay.V_MIDS] -= int(peg == lay.PEG_MIDPOINT)
            self.orders[slot] = 0
        order.slot = order.reserve = -1
        if not self._in_slot:
            self.stats[lay.V_SLOTS] = 0

    def _filled(
        self, order: VenueOrder, price_units: int, qty: int, t_ns: int, how: int, *, modelled: bool = False
    ) -> Report:
        child, maker = order.child, how != lay.TOOK
        fill = Fill(
            child_id=child.child_id,
            trade_id=digest("trade", self.listing.key, self._seed, child.child_id, len(order.fills), length=16),
            price_units=price_units,
            qty_units=qty,
            fee_money=self._fees_now(price_units, qty).fee(self.listing.instrument, price_units, qty, maker=maker),
            liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
            t_venue_ns=t_ns,
            unprinted=how != lay.PRINTED,
            modelled=modelled,
        )
        order.fills.append(fill)
        order.cum_qty += qty
        if order.open_qty == 0:
            order.status = ChildStatus.CANCELED if order.lost else ChildStatus.FILLED
        bounds = order.bounds(self.fronts) if order.status is ChildStatus.FILLED else None
        return self._report("filled", child.child_id, t_ns, fill=fill, cum_qty=order.cum_qty, bounds=bounds)

    def cancel(self, child_id: str, t_ns: int) -> list[Report]:
        """Cancel what is left of an order at venue time ``t_ns``."""
        if wait_ns := self._meter.wait_ns(t_ns, cancel=True):
            return [self._report("cancel-rejected", child_id, t_ns, code="rate-limit", text=retry_text(wait_ns))]
        order = self._by_id.get(child_id)
        if order is None or order.status is ChildStatus.REJECTED:
            return [self._report("cancel-rejected", child_id, t_ns, code="unknown")]
        if order.status.terminal:
            return [self._report("cancel-rejected", child_id, t_ns, code="too-late")]
        return self._cancel(order, t_ns)

    def _cancel(self, order: VenueOrder, t_ns: int) -> list[Report]:
        bounds = order.bounds(self.fronts)
        self._free(order)
        order.status = ChildStatus.CANCELED
        return self._ended(order, t_ns, bounds)

    def submit(self, child: ChildOrder, t_ns: int) -> list[Report]:
        """Accept or refuse a child that arrives at venue time ``t_ns``, match it, rest or expire what is left."""
        order = VenueOrder(child)
        if (refused := self._refuse_message(order, t_ns)) is not None:
            return refused
        side = 0 if child.side is Side.BUY else 1
        self._age(t_ns)
        key = self._arrival_key(child, side)
        why = self._refusal(child, side, key, t_ns)
        return self._reject(order, t_ns, *why) if why is not None else self._enter(order, side, key, t_ns)

    def replace(self, old_id: str, child: ChildOrder, t_ns: int) -> list[Report]:
        """Let ``child`` take the place of an order, as FIX's cancel/replace does (``docs/order-types.md``).

        The quantity of ``child`` is the total, with what the old order had filled. Either the old order ends and the
        new one is live, or the new one is refused and the old one stands as it is: never both.
        """
        order = VenueOrder(child)
        if (refused := self._refuse_message(order, t_ns)) is not None:
            return refused
        old = self._by_id.get(old_id)
        if old is None or old is order or old.status is ChildStatus.REJECTED:
            return self._reject(order, t_ns, "unknown", f"there is no order {old_id} to replace")
        if old.status.terminal:
            return self._reject(order, t_ns, "too-late", f"order {old_id} is over")
        if child.side is not old.child.side or child.tif is not old.child.tif:
            return self._reject(
                order, t_ns, "other", "a replacement has the side and the time in force of the old order"
            )
        order.cum_qty = old.cum_qty
        side = 0 if child.side is Side.BUY else 1
        self._age(t_ns)
        key = self._arrival_key(child, side)
        keeps = 0 < order.open_qty <= old.open_qty and same_terms(child, old.child)
        why = grid_refusal(self.listing, child, child.price_units) if keeps else self._refusal(child, side, key, t_ns)
        if why is not None:
            return self._reject(order, t_ns, *why)
        if not keeps:
            return self._cancel(old, t_ns) + self._enter(order, side, key, t_ns)
        order.slot, order.reserve, old.slot, old.reserve = old.slot, old.reserve, -1, -1
        order.rested, order.followed, old.followed = True, False, False
        for slot in (order.slot, order.reserve):
            if slot >= 0:
                self._in_slot[slot] = order
        own.make_smaller(self.stats, self.orders, order, old.open_qty - order.open_qty)
        old.status = ChildStatus.CANCELED
        return [*self._ended(old, t_ns), self._report("acked", child.child_id, t_ns)]

    def _refuse_message(self, order: VenueOrder, t_ns: int) -> list[Report] | None:
        """Take a new order's message in: return why it cannot be read, or None."""
        child_id = order.child.child_id
        if wait_ns := self._meter.wait_ns(t_ns, cancel=False):
            return [self._report("rejected", child_id, t_ns, code="rate-limit", text=retry_text(wait_ns))]
        if child_id in self._by_id:
            return [self._report("rejected", child_id, t_ns, code="duplicate-id", text="this id has been used")]
        self._by_id[child_id] = order
        self._settle(t_ns)
        return None

    def _enter(self, order: VenueOrder, side: int, key: int, t_ns: int) -> list[Report]:
        """Acknowledge an order, match it, rest or expire what is left."""
        child = order.child
        reports = [self._report("acked", child.child_id, t_ns)]
        if order.open_qty > 0 and child.order_type is not OrderType.POST_ONLY and child.peg is Peg.NONE:
            least = order.open_qty if child.tif is TimeInForce.FOK else child.min_qty_units
            if not least or self._takeable(order.open_qty, side, key, t_ns) >= least:
                reports += self._match(order, side, key, t_ns)
        if order.status.terminal:
            return reports
        if order.open_qty <= 0:
            return reports + self._cancel(order, t_ns)
        if child.tif.immediate:
            self._free(order)
            order.status = ChildStatus.EXPIRED
            return reports + self._ended(order, t_ns)
        if child.peg is Peg.NONE:
            key = self._arrival_key(child, side)  # the walk may have moved the shift
        self._rest(order, side, key, order.open_qty, t_ns)
        return reports

    def _match(self, order: VenueOrder, side: int, key: int, t_ns: int, *, walks: bool = True) -> list[Report]:
        """Walk what is seen; meet own orders as the venue's rule says, each after all that is seen up to its price.

        Without ``walks`` it meets own orders only.
        """
        reports: list[Report] = []
        while order.can_trade():
            met = own.first_met(self.orders, self._in_slot, side, key)
            stop = key if met is None else -own.key_of(self.orders, met)
            if walks:
                self._walk(order, side, stop, t_ns)
            reports += self.collect()
            if met is None or not order.can_trade():
                break
            if self.rules.self_trade is SelfTrade.DECREMENT:
                part = min(order.open_qty, met.open_qty)
                order.lost += part
                met.lost += part
                own.make_smaller(self.stats, self.orders, met, part)
                reports += self._cancel(met, t_ns) if met.open_qty == 0 else []
            else:
                reports += self._cancel(met, t_ns)
                if self.rules.self_trade is SelfTrade.CANCEL_BOTH:
                    return reports + self._cancel(order, t_ns)
        return reports

    def _settle(self, t_ns: int) -> None:
        """Do what was due at the venue by ``t_ns``."""
        if t_ns >= self.stats[lay.V_DUE]:
            requeue.refresh(self.stats, self.orders, self.fronts, t_ns, int(self.stats[lay.V_CURSOR]))

    @property
    def shift_units(self) -> int:
        """Return by how much seen prices differ from recorded ones, price units."""
        return int(self.stats[lay.V_SHIFT])

    def _age(self, t_ns: int) -> None:
        """Bring the shift to venue time ``t_ns``."""
        if self.stats[lay.V_UNIT] and t_ns >= self.stats[lay.V_SHIFT_DUE]:
            (head, size, _, _, table), row = bk.views(self.book), int(self.stats[lay.V_CURSOR])
            own, mark = (self.stats, self.reals, self.orders, self.fronts), (self.taken, self.taken_at)
            overlay.age_shift(head, size, table, *own, *mark, t_ns, row)

    def _recorded(self, child: ChildOrder) -> int:
        """Return a child's seen price as a recorded key, NO_LIMIT when it has none."""
        if not child.price_units:
            return lay.NO_LIMIT
        return (child.price_units - self._base - self.shift_units) * int(child.side)

    def _arrival_key(self, child: ChildOrder, side: int) -> int:
        """Return the key at which a child arrives; NO_PRICE: a market order, or a peg that has nothing to follow."""
        priced, limit = child.price_units != 0, self._recorded(child)
        if child.peg is Peg.NONE:
            return limit if priced else bk.NO_PRICE
        key = int(requeue.peg_key(self.book[: bk.HEAD], side, _PEGS[child.peg], limit))
        return limit if key == bk.NO_PRICE and priced else key

    def _refusal(self, child: ChildOrder, side: int, key: int, t_ns: int) -> tuple[str, str] | None:
        """Return (code, text) of why a child cannot be accepted, or None."""
        if not self._hours.is_open(t_ns):
            return "closed", "the session is closed"
        best = overlay.seen_best(*bk.views(self.book), self.stats, self.taken, self.taken_at, 1 - side, t_ns)
        crosses = best != bk.NO_PRICE and (key == bk.NO_PRICE or key + best >= 0)
        takes = crosses or child.tif.immediate
        if self.book[bk.HALT_STATE] and (takes or self.rules.while_halted is WhileHalted.REFUSE):
            return "halted", "trading is halted"
        if child.min_qty_units and not child.tif.immediate:
            return "other", "a minimum quantity of an order that rests is kept by dark venues only"
        if child.peg is not Peg.NONE and key == bk.NO_PRICE:
            return "no-reference", "there is no price to peg to, and no limit"
        free = key == bk.NO_PRICE or child.peg is Peg.MIDPOINT  # of the tick grid
        seen_base = self._base + self.shift_units
        price = child.price_units if free else seen_base + key * int(child.side)
        if free and not price and best != bk.NO_PRICE:
            touch = seen_base + (-best if side == 0 else best)
            price = touch - touch % self.listing.tick_units(touch)
        if why := grid_refusal(self.listing, child, price):
            return why
        if child.order_type is OrderType.POST_ONLY and crosses:
            return "would-cross", "it would take liquidity"
        passive = child.order_type is OrderType.POST_ONLY or child.peg is not Peg.NONE
        whole = child.min_qty_units > 0 or child.tif is TimeInForce.FOK
        if self.rules.self_trade is SelfTrade.REJECT_NEWEST or passive or whole:
            met = own.first_met(self.orders, self._in_slot, side, key)
            if met is not None:
                return "self-trade", f"it would trade with own order {met.child.child_id}"
        return None

    def _takeable(self, qty: int, side: int, key: int, t_ns: int) -> int:
        """Return how much of ``qty`` would trade at once; nothing changes."""
        qty = min(qty, self._bar_room(t_ns))
        arrays = (self.stats, self.reals, self.orders, self.taken, self.taken_at)
        return takeable(self.book, *arrays, side, key, qty, t_ns)

    def _walk(self, order: VenueOrder, side: int, key: int, t_ns: int) -> None:
        """Take what the other side shows."""
        shown = int(self.book[bk.LEVELS + 1 - side]) + pieces(self.stats, self.reals, order.open_qty)
        while int(self.stats[lay.V_FILLS]) + shown > len(self.fills):
            self.make_room(lay.FILLS_FULL)
        while 4 * (int(self.stats[lay.V_TAKEN]) + shown + 2) > len(self.taken) and self.stats[lay.V_LEDGER]:
            self.make_room(lay.LEDGER_FULL)
        if order.slot < 0:
            order.slot = self._take_slot(order)
        wanted = min(order.open_qty, self._bar_room(t_ns))
        left = l2.take(
            *bk.views(self.book), self.stats, self.reals, self.orders, self.fills, self.taken, self.taken_at,
            order.slot, side, key, wanted, t_ns,
        )  # fmt: skip
        self._use_bar(wanted - int(left))
        if self.stats[lay.V_MOVED]:
            head, size, _, _, table = bk.views(self.book)
            overlay.join_back(
                head, size, table, self.stats, self.orders, self.fronts, self.taken, self.taken_at, t_ns,
                int(self.stats[lay.V_CURSOR]),
            )  # fmt: skip

    def _free_slot(self) -> int:
        slot = next(i for i in range(len(self.orders) + 1) if i not in self._in_slot)
        if slot == len(self.orders):
            self.orders = np.concatenate([self.orders, np.zeros_like(self.orders)])
            self.fronts = np.concatenate([self.fronts, np.zeros_like(self.fronts)])
        return slot

    def _rest(self, order: VenueOrder, side: int, key: int, left: int, t_ns: int) -> None:
        """Put an order on the book behind all that is seen at its price; an iceberg as two (``sim.layout``)."""
        child = order.child
        display = child.shown_qty_units
        if order.slot < 0:
            order.slot = self._take_slot(order)
        ahead = self._ahead(side, key, t_ns)
        self.stats[lay.V_ARRIVALS] += 1
        joined = int(self.stats[lay.V_ARRIVALS])
        limit = self._recorded(child)
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
        best = 0.0 if ahead == UNKNOWN_FRONT else ahead
        inherited = order.cum_qty - sum([fill.qty_units for fill in order.fills])  # by what it replaces
        for slot in parts:
            self.fronts[slot] = ahead, 0.0, ahead, best, left, left
        order.rested, order.followed = True, display > 0 and order.reserve < 0 and not inherited
        self.stats[lay.V_LIVE] += len(parts)
        self.stats[lay.V_PEGS] += len(parts) * (child.peg is not Peg.NONE)
        self.stats[lay.V_MIDS] += int(child.peg is Peg.MIDPOINT)
        self.stats[lay.V_EDGES] = -1  # looked at after the next message
        self.stats[lay.V_SLOTS] = max(int(self.stats[lay.V_SLOTS]), *(slot + 1 for slot in parts))

    def _take_slot(self, order: VenueOrder) -> int:
        slot = self._free_slot()
        self._in_slot[slot] = order
        return slot

    def _ahead(self, side: int, key: int, t_ns: int) -> float:
        """Return what is seen at a price, UNKNOWN_FRONT where the source does not show it."""
        head, size, _, _, table = bk.views(self.book)
        if key == lay.PARKED:
            return 0.0
        ahead = float(overlay.depth_seen(head, size, table, self.stats, self.taken, self.taken_at, side, key, t_ns))
        if self._depth and bk.level_size(head, size, table, side, key) == 0:
            shown = bk.levels(self.book, side, self._depth)
            if len(shown) == self._depth and key < shown[-1][0]:
                ahead = UNKNOWN_FRONT
        return ahead
