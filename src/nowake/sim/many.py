"""Many worlds on one pass of a tape: the same recorded market, and in each world other orders of ours.

Worlds share the book and the pass, not each other's orders: world 3 does not see what world 4 took. Use it where many
small questions are asked of one market (would this order have filled, for each queue model, place and latency); a
world that is steered by an engine runs in ``sim.world``. What happens in a world is what ``sim.match_l2`` says, on a
tape made from bars within what ``sim.bars_book`` leaves of each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nowake.core.child import OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import F64, I64, Tape
from nowake.core.value import Value, check_types, require
from nowake.market import book as bk
from nowake.market.hours import Hours
from nowake.market.own import coarsest_step
from nowake.market.table import grown, new_table
from nowake.sim import layout as lay
from nowake.sim import many_kernel as mk
from nowake.sim.bars_book import bars_book
from nowake.sim.layout import NO_LIMIT
from nowake.sim.merge import NEVER, VenueRows, venue_rows
from nowake.sim.queues import FIFO, queue_model

CHUNK_ROWS = 1_000_000
"""Rows between two reports of progress."""
WORLDS_MOST = 1_000_000


class Probe(Value, frozen=True):
    """An order of one world, by the venue's clock.

    Attributes:
        arrives_ns: When it is at the venue's matching.
        price_units: Limit price; 0 for a market order, and for a peg without a limit.
        order_type: Limit, post-only or market.
        tif: Until cancelled, or immediate-or-cancel.
        cancel_ns: When its cancel is at the matching; ``NEVER`` = it may rest to the end of the tape.
        peg: Follows the recorded best price of its side, never beyond its limit.
        world: Its world; orders of one world share every print and never trade with each other.
    """

    arrives_ns: int
    side: Side
    qty_units: int
    price_units: int = 0
    order_type: OrderType = OrderType.LIMIT
    tif: TimeInForce = TimeInForce.GTC
    cancel_ns: int = NEVER
    peg: bool = False
    world: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")
        require(self.cancel_ns >= self.arrives_ns, "cancel_ns", self.cancel_ns, ">= arrives_ns")
        require(0 <= self.world < WORLDS_MOST, "world", self.world, f"0 to {WORLDS_MOST - 1:,}")
        priced = self.price_units > 0 or (self.price_units == 0 and (self.peg or self.order_type is OrderType.MARKET))
        require(priced, "price_units", self.price_units, "> 0 but for market and pegged orders")
        market = self.order_type is OrderType.MARKET
        require(not market or self.price_units == 0, "price_units", self.price_units, "0 for a market order")
        rests = self.tif is TimeInForce.GTC
        require(rests or self.tif is TimeInForce.IOC, "tif", self.tif, "gtc or ioc")
        require(not (market and rests), "tif", self.tif, "ioc for market orders")
        post = self.order_type is OrderType.POST_ONLY
        require(rests or not post, "tif", self.tif, "gtc for post-only orders")
        require(not self.peg or rests, "peg", self.peg, "left to orders that rest")


class WorldRules(Value, frozen=True):
    """What differs between worlds besides their orders.

    Attributes:
        queue_model: Name in ``sim.queues``; ``fifo`` for all worlds or for none.
        ledger: Whether what is taken stays taken (impact ``ledger``).
        half_life_ns: Of that; None = it never comes back by itself.
    """

    queue_model: str = "power-2"
    ledger: bool = False
    half_life_ns: int | None = None

    def __post_init__(self) -> None:
        check_types(self)
        good = self.half_life_ns is None or self.half_life_ns > 0
        require(good, "half_life_ns", self.half_life_ns, "None or > 0")


class Outcomes(NamedTuple):
    """What became of the probes of all worlds.

    Attributes:
        status: (n,) i64 per probe: filled, ended (cancelled, expired), live, refused (``many_kernel``).
        filled: (n,) i64 quantity units per probe.
        first_ns: (n,) i64 venue time of its first fill, ``NEVER`` = none.
        fills: (f, 5) i64 in order of time: probe, quantity, price units, venue time, how (``layout``).
    """

    status: I64
    filled: I64
    first_ns: I64
    fills: I64


class _Arrays(NamedTuple):
    """The fixed part of what the kernel works on."""

    state: I64
    groups: I64
    orders: I64
    fronts: F64
    worlds: I64
    exponents: F64
    events: I64


def run_worlds(
    tape: Tape,
    probes: Sequence[Probe],
    rules: Sequence[WorldRules] = (WorldRules(),),
    *,
    session: Session | None = None,
    rows: VenueRows | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outcomes:
    """Run every world over the tape once.

    Args:
        tape: The market.
        probes: Orders of all worlds, in any order.
        rules: Of world 0, 1, ...; a single one holds for all.
        session: Trading hours: a probe that arrives when the venue is closed is refused, one that rests ends at the
            close. None = always open.
        rows: Of ``merge.venue_rows``, to share it between calls.
        progress: Called with the number of rows done.

    Raises:
        InputError: A world without rules, a quantity or price off the listing's grid, exact queues in some worlds only.
    """
    require(isinstance(tape, Tape), "tape", tape, "made by nowake.read_tape(...)")
    for name, given, kind in (("probes", probes, Probe), ("rules", rules, WorldRules)):
        good = isinstance(given, list | tuple) and all(isinstance(one, kind) for one in given)
        require(good, name, given, f"a list of nowake.{kind.__name__}(...)")
    require(session is None or isinstance(session, Session), "session", session, "a Session, or None")
    count = max((probe.world for probe in probes), default=0) + 1
    rules = tuple(rules) * count if len(rules) == 1 else tuple(rules)
    require(len(rules) >= count, "rules", len(rules), f"one for all worlds, or one for each of {count}")
    models = [queue_model(one.queue_model) for one in rules]
    exact = sum(model.number == FIFO for model in models)
    require(exact in (0, len(models)), "queue_model", "fifo", "for all worlds or for none")
    rows = venue_rows(tape, fifo=exact > 0) if rows is None else rows
    require(bool(len(rows.joined)) == bool(exact), "rows", "shared", "made for the same queue model")
    arrays = _Arrays(
        state=np.zeros(mk.STATE, dtype=np.int64),
        groups=np.zeros((2, len(probes) + 1, 3), dtype=np.int64),
        orders=_orders(tape, probes),
        fronts=np.zeros((len(probes), 2), dtype=np.float64),
        worlds=np.zeros((len(rules), lay.VENUE_STATS), dtype=np.int64),
        exponents=np.array([model.n for model in models], dtype=np.float64),
        events=_events(tape, probes, session),
    )
    arrays.state[mk.S_DEPTH] = tape.meta.depth_levels
    for world, one, model in zip(arrays.worlds, rules, models, strict=True):
        half_ns = -1 if one.half_life_ns is None else one.half_life_ns
        world[[lay.V_LEDGER, lay.V_HALF_NS]] = int(one.ledger), half_ns
        world[[lay.V_MODEL, lay.V_LOT]] = model.number, tape.listing.lot_units
    refused = np.ones(len(probes), dtype=bool)
    refused[arrays.events[:, 1]] = False
    arrays.orders[refused, mk.M_STATE] = mk.REFUSED
    fills = _run(tape, rows, arrays, any(one.ledger for one in rules), progress)
    fills[:, lay.X_PRICE] += tape.meta.price_base
    filled = np.bincount(fills[:, lay.X_ORDER], fills[:, lay.X_QTY], minlength=len(probes)).astype(np.int64)
    first = np.full(len(probes), NEVER, dtype=np.int64)
    np.minimum.at(first, fills[:, lay.X_ORDER], fills[:, lay.X_T])
    return Outcomes(arrays.orders[:, mk.M_STATE].copy(), filled, first, fills)


def _orders(tape: Tape, probes: Sequence[Probe]) -> I64:
    """Return the kernel's rows of the probes, refusing what no venue would take."""
    listing, base = tape.listing, tape.meta.price_base
    orders = np.zeros((len(probes), mk.ORDER_FIELDS), dtype=np.int64)
    for i, probe in enumerate(probes):
        lots, price = probe.qty_units % listing.lot_units == 0, probe.price_units
        require(lots, f"probes[{i}].qty_units", probe.qty_units, f"a multiple of the lot {listing.lot_units}")
        problem = listing.order_problem(price, probe.qty_units) if price else None
        require(problem is None, f"probes[{i}]", price, f"an order the venue takes: {problem}")
        side = 0 if probe.side is Side.BUY else 1
        key = (price - base) * int(probe.side) if price else bk.NO_PRICE
        how = mk.POSTS if probe.order_type is OrderType.POST_ONLY else mk.RESTS
        how = mk.TAKES if probe.tif is TimeInForce.IOC else how
        orders[i, [mk.M_SIDE, mk.M_KEY, mk.M_LEAVES, mk.M_WORLD]] = side, key, probe.qty_units, probe.world
        orders[i, [mk.M_PEG, mk.M_HOW, mk.M_LIMIT]] = int(probe.peg), how, key if price else NO_LIMIT
    return orders


def _events(tape: Tape, probes: Sequence[Probe], session: Session | None) -> I64:
    """Return (e, 3) i64 what arrives at the venue, by time: time, probe, 0 = the order or 1 = its cancel."""
    hours = Hours(session)
    last = int(tape.t_event.max()) if len(tape) else 0
    events = []
    for t, i in sorted((probe.arrives_ns, i) for i, probe in enumerate(probes)):
        if hours.is_open(t):
            events.append((t, i, 0))
            events.append((min(probes[i].cancel_ns, _close_ns(hours, t, last) - 1), i, 1))
    events.sort(key=lambda event: event[0])  # stable: an order before its own cancel
    return np.array([event for event in events if event[2] == 0 or event[0] <= last], dtype=np.int64).reshape(-1, 3)


def _close_ns(hours: Hours, t_ns: int, last_ns: int) -> int:
    """Return when the session that is open at ``t_ns`` closes, where that is not after ``last_ns``."""
    change = hours.next_change(t_ns)
    while change <= last_ns and hours.is_open(change):
        change = hours.next_change(change)  # another day of a market around the clock
    return change


def _run(tape: Tape, rows: VenueRows, arrays: _Arrays, ledger: bool, progress: Callable[[int], None] | None) -> I64:
    """Run the kernel to the end, enlarging what it asks for; returns the fills, prices as offsets."""
    book = bk.new_book(coarsest_step(tape))
    kept = len(arrays.worlds) + 1 if ledger else 1
    taken, taken_at = (np.tile(new_table(64), (kept, 1)) for _ in range(2))
    fills = np.zeros((4 * len(arrays.orders) + 1024, lay.FILL_FIELDS), dtype=np.int64)
    scratch = np.zeros((len(arrays.worlds), 3), dtype=np.int64)
    bars, stop = bars_book(tape), 0
    while stop < len(tape):
        stop = min(stop + CHUNK_ROWS, len(tape))
        while status := mk.run_many(
            *rows[:3], tape.code, tape.price, tape.qty, book, arrays.state, arrays.groups, arrays.orders, arrays.fronts,
            arrays.worlds, arrays.exponents, arrays.events, fills, taken, taken_at, scratch, stop,
        ):  # fmt: skip
            if status in (bk.GROW, bk.REGRID):
                book = bk.repaired(book, status)
            elif status == lay.FILLS_FULL:
                fills = np.concatenate([fills, np.zeros_like(fills)])
            elif status == lay.BAR_OVER:
                room, arrays.state[mk.S_BAR] = bars.room(int(arrays.state[mk.S_BAR]))
                arrays.worlds[:, lay.V_BAR_ROOM] = room
            else:
                taken, taken_at = (np.stack([grown(one) for one in tables]) for tables in (taken, taken_at))
        if progress:
            progress(stop)
    return fills[: int(arrays.state[mk.S_FILLS]), : lay.X_LEVEL]
