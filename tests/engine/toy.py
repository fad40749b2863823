"""A market small enough to read in one go, with its own book of orders and fills.

It shares no code with the simulator: it judges the engine, so it must not repeat its mistakes. One event a second:
the touch walks, something is printed. Orders rest at a price and fill when printed through; immediate ones take up to
the touch size. What goes wrong on the way to it and back is `sim.faulty_market`, put before it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderStatus, OrderType, TimeInForce
from nowake.core.inputs import (
    Acked,
    AnyInput,
    CancelRejected,
    Ended,
    Filled,
    OpenOrdersReported,
    Rejected,
    StatusReported,
)
from nowake.core.instrument import FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.order import EndBehaviour, Parameters, ParentOrder, Side
from nowake.core.ports import VenueMessage
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.value import replace
from nowake.core.view import Integrity, View, Watch
from nowake.engine.draft import holds
from nowake.engine.env import Env, sim_limits
from nowake.plan.strategies import AUTO
from nowake.route.router import SmartRouter

S = 1_000_000_000
T0 = 1_700_000_000 * S
LATENCY = 5_000_000

LISTING = Listing(
    instrument=Instrument(
        symbol="TOY",
        base="shares",
        quote="USD",
        kind=InstrumentKind.EQUITY,
        price_unit=Decimal("0.01"),
        qty_unit=Decimal(1),
    ),
    venue="TEST",
    ticks=(GridBand(from_units=0, step_units=1),),
    fees=FeeSchedule(taker_bps=Decimal(1), source="toy"),
)


@dataclass
class Resting:
    """An order as the venue holds it."""

    child: ChildOrder
    leaves: int
    live: bool = True
    fills: list[Fill] = field(default_factory=list)
    status: ChildStatus = ChildStatus.WORKING


class ToyMarket:
    """Implements what ``World`` needs of a market; ``orders`` is the truth that tests judge by."""

    def __init__(
        self,
        seed: int,
        *,
        seconds: int = 1200,
        listing: Listing = LISTING,
        volume: int = 100,
        drift: float = 0.0,
        depth: int = 50,
        sums: bool = False,
    ) -> None:
        self.listing = listing
        self.orders: dict[str, Resting] = {}
        self.duplicates = 0
        self.double_legs = 0
        self.bad_orders = 0
        self.start_ns, self.end_ns = T0, T0 + seconds * S
        self.integrity = Integrity.OK
        self._queue: list[tuple[int, int, str, object]] = []
        self._serial = 0
        self._due: list[tuple[int, int, VenueMessage]] = []
        self._now = T0
        self.volume_all = self.volume_own = self.notional = 0
        path = random.Random(seed + 1)
        self.path: list[tuple[int, int, int, int, int, int]] = []
        bid = 10_000
        for _ in range(seconds + 1):
            bid += path.choices((-1, 0, 1), weights=(1, 4, 1 + drift))[0]
            qty = path.randint(0, 2 * volume)
            self.path.append((bid, bid + 1, path.randint(1, depth), path.randint(1, depth), path.choice((1, -1)), qty))
        for k in range(seconds + 1):
            self._push(T0 + k * S, "tick", k)
        self.touch = self.path[0]
        self._sums = sums
        self._integrals: list[list[float]] = []

    # -- the loop's side --------------------------------------------------------------------------------------------

    def advance(self, until_ns: int, watches: tuple[Watch, ...]) -> tuple[int, tuple[str, ...]]:
        """Move to ``until_ns``, a watch or a message."""
        while True:
            fired = tuple(w.watch_id for w in watches if holds(w.kind, w.a, self.view(self._now)))
            if fired or (self._due and self._due[0][0] <= self._now) or self._now >= until_ns:
                return self._now, fired
            next_event = self._queue[0][0] if self._queue else until_ns
            next_message = self._due[0][0] if self._due else until_ns
            self._now = max(self._now, min(until_ns, next_event, next_message))
            while self._queue and self._queue[0][0] <= self._now:
                t_ns, _, kind, what = heapq.heappop(self._queue)
                getattr(self, f"_on_{kind}")(what, t_ns)

    @property
    def now_ns(self) -> int:
        """Return the time reached."""
        return self._now

    def end_of(self, listing: str) -> int:
        """Return when the path ends."""
        assert listing == self.listing.key
        return self.end_ns

    def view(self, t_ns: int, listing: str = "") -> View:
        """Return the touch and the totals."""
        bid, ask, bid_qty, ask_qty, _, _ = self.touch
        sums = self.running_sums(t_ns) if self._sums else {}
        return View(
            **sums,
            listing=self.listing.key,
            t_ns=t_ns,
            row=0,
            integrity=self.integrity if t_ns < self.end_ns else Integrity.CLOSED,
            bid_units=bid,
            ask_units=ask,
            bid_qty=bid_qty,
            ask_qty=ask_qty,
            bids=((bid, bid_qty),),
            asks=((ask, ask_qty), (ask + 1, 1000)),
            volume_all=self.volume_all,
            volume_own=self.volume_own,
            notional_all=self.notional,
            since_ns=T0,
            last_row_ns=t_ns // S * S,
        )

    def running_sums(self, t_ns: int) -> dict[str, Any]:
        """Return the integrals of a view from the path up to ``t_ns``, as ``View`` defines them."""
        at = min(max(0, t_ns - T0) // S, len(self.path) - 1)
        if not self._integrals:
            mids = [bid + ask for bid, ask, *_ in self.path]
            spreads = [ask - bid for bid, ask, *_ in self.path]
            squares = [math.log(b / a) ** 2 for a, b in itertools.pairwise(mids[::10])]
            self._integrals = [list(itertools.accumulate(one, initial=0)) for one in (mids, spreads, squares)]
        mids, spreads, squares = self._integrals
        return {
            "mid2_time": mids[at] * 1000,
            "spread_time": spreads[at] * 1000,
            "mid_ns": at * S,
            "realised_var": float(squares[at // 10]),
            "realised_ns": at // 10 * 10 * S,
        }

    # -- the port ---------------------------------------------------------------------------------------------------

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Take a child."""
        self._push(now_ns + LATENCY, "submit", child)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel."""
        self._push(now_ns + LATENCY, "cancel", child_id)

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask about one."""
        self._push(now_ns + LATENCY, "query", (child_id, now_ns))

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask about all."""
        assert listing == self.listing.key
        self._push(now_ns + LATENCY, "query_open", now_ns)

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return what is due."""
        out = []
        while self._due and self._due[0][0] <= now_ns:
            message = heapq.heappop(self._due)[2]
            out.append(VenueMessage(event=replace(message.event, t_ns=now_ns), raw=b"toy"))
        return tuple(out)

    # -- the venue's side -------------------------------------------------------------------------------------------

    def _push(self, t_ns: int, kind: str, what: object) -> None:
        self._serial += 1
        heapq.heappush(self._queue, (t_ns, self._serial, kind, what))

    def _report(self, event: AnyInput, t_ns: int) -> None:
        self._serial += 1
        heapq.heappush(self._due, (t_ns + LATENCY, self._serial, VenueMessage(event=event)))

    def _on_tick(self, k: int, t_ns: int) -> None:
        self.touch = self.path[k]
        bid, ask, _, _, sign, qty = self.touch
        price = ask if sign > 0 else bid
        self.volume_all += qty
        self.notional += qty * price
        left = qty
        for order in list(self.orders.values()):
            crossed = order.live and (order.child.price_units - price) * order.child.side >= 0
            if crossed and order.child.side != sign and left > 0:
                left -= self._execute(order, min(left, order.leaves), order.child.price_units, Liquidity.MAKER, t_ns)

    def _execute(self, order: Resting, qty: int, price: int, liquidity: Liquidity, t_ns: int) -> int:
        if qty <= 0:
            return 0
        fill = Fill(
            child_id=order.child.child_id,
            trade_id=f"{order.child.child_id}-{len(order.fills)}",
            price_units=price,
            qty_units=qty,
            fee_money=self.listing.fees.fee(self.listing.instrument, price, qty, maker=liquidity is Liquidity.MAKER),
            liquidity=liquidity,
            t_venue_ns=t_ns,
        )
        order.fills.append(fill)
        order.leaves = max(0, order.leaves - qty)
        self.volume_own += qty
        if liquidity is Liquidity.TAKER:
            self.volume_all += qty
            self.notional += qty * price
        if not order.leaves:
            order.live, order.status = False, ChildStatus.FILLED
        self._report(Filled(t_ns=t_ns, fill=fill), t_ns)
        return qty

    def _on_submit(self, child: ChildOrder, t_ns: int) -> None:
        if child.child_id in self.orders:
            self.duplicates += 1
            return
        self.bad_orders += self.listing.order_problem(child.price_units, child.qty_units) is not None
        self.double_legs += any(o.live and o.child.leg == child.leg for o in self.orders.values())
        order = self.orders[child.child_id] = Resting(child, child.qty_units)
        bid, ask, bid_qty, ask_qty, _, _ = self.touch
        far, size = (ask, ask_qty) if child.side > 0 else (bid, bid_qty)
        crosses = (child.price_units - far) * child.side >= 0
        if crosses and child.order_type is OrderType.POST_ONLY:
            order.live, order.status = False, ChildStatus.REJECTED
            self._report(Rejected(t_ns=t_ns, child_id=child.child_id, t_venue_ns=t_ns, code="would-cross"), t_ns)
            return
        self._report(Acked(t_ns=t_ns, child_id=child.child_id, t_venue_ns=t_ns), t_ns)
        if crosses and size >= child.min_qty_units:
            self._execute(order, min(order.leaves, size), far, Liquidity.TAKER, t_ns)
        if child.tif is TimeInForce.IOC and order.live:
            self._end(order, ChildStatus.EXPIRED, t_ns)

    def _end(self, order: Resting, status: ChildStatus, t_ns: int) -> None:
        order.live, order.status = False, status
        cum = sum(fill.qty_units for fill in order.fills)
        event = Ended(t_ns=t_ns, child_id=order.child.child_id, t_venue_ns=t_ns, status=status, cum_qty=cum)
        self._report(event, t_ns)

    def _on_cancel(self, child_id: str, t_ns: int) -> None:
        order = self.orders.get(child_id)
        if order is not None and order.live:
            self._end(order, ChildStatus.CANCELED, t_ns)
        else:
            code = "unknown" if order is None else "too-late"
            self._report(CancelRejected(t_ns=t_ns, child_id=child_id, t_venue_ns=t_ns, code=code), t_ns)

    def _status(self, child_id: str) -> OrderStatus:
        order = self.orders.get(child_id)
        if order is None:
            return OrderStatus(child_id=child_id, known=False)
        cum = sum(fill.qty_units for fill in order.fills)
        return OrderStatus(
            child_id=child_id, known=True, live=order.live, status=order.status, cum_qty=cum, fills=tuple(order.fills)
        )

    def _on_query(self, what: tuple[str, int], t_ns: int) -> None:
        status = self._status(what[0])
        self._report(StatusReported(t_ns=t_ns, status=status, requested_ns=what[1]), t_ns)

    def _on_query_open(self, requested_ns: int, t_ns: int) -> None:
        live = tuple(self._status(key) for key, order in self.orders.items() if order.live)
        self._report(OpenOrdersReported(t_ns=t_ns, requested_ns=requested_ns, statuses=live), t_ns)

    # -- the truth --------------------------------------------------------------------------------------------------

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return every order as the venue has it."""
        return tuple(self._status(key) for key in self.orders)

    def live_legs(self) -> list[str]:
        """Return the legs that are live at the venue."""
        return [order.child.leg for order in self.orders.values() if order.live]


def toy_order(qty: int = 1000, minutes: float = 10, side: Side = Side.BUY, **parameters: object) -> ParentOrder:
    """Return an order over ``minutes`` from T0 + 60 s."""
    parameters.setdefault("end_behaviour", EndBehaviour.FINISH)
    return ParentOrder(
        parent_id="toy-order",
        listing=LISTING.key,
        side=side,
        qty_units=qty,
        decided_ns=T0 + 60 * S,
        start_ns=T0 + 60 * S,
        end_ns=T0 + 60 * S + round(minutes * 60 * S),
        parameters=Parameters(**parameters),  # type: ignore[arg-type]
    )


def toy_env(order: ParentOrder, listing: Listing = LISTING) -> Env:
    """Return the environment of a simulated run of ``order``, with a router where the order leaves it the strategy."""
    return Env(
        listings=(listing,),
        sessions=(ALWAYS_OPEN,),
        limits=sim_limits(order.listing, order.parameters.participation_max),
        router=SmartRouter() if order.strategy == AUTO else None,
    )
