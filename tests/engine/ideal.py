"""An ideal market: a book deeper than any slice, no latency, no impact, no fees; its prints are known to the test."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from nowake.core.child import Liquidity
from nowake.core.instrument import FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.tape import END, SNAPSHOT, Book, Figures, Row, Tape, row_code
from nowake.data.build import Columns, make_tape
from nowake.engine.decide import with_defaults
from nowake.engine.env import Env, sim_limits
from nowake.engine.state import ParentState
from nowake.journal.memory import MemoryJournal
from nowake.models.beliefs import Beliefs
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.run import simulate

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000
MID, DEEP = 10_000, 1_000_000
NO_FEES = FeeSchedule(maker_bps=Decimal(0), taker_bps=Decimal(0), source="test")
LISTING = Listing(
    instrument=Instrument(
        symbol="IDEAL",
        base="shares",
        quote="USD",
        kind=InstrumentKind.EQUITY,
        price_unit=Decimal("0.01"),
        qty_unit=Decimal(1),
    ),
    venue="SIM",
    ticks=(GridBand(from_units=0, step_units=1),),
    fees=NO_FEES,
    session=ALWAYS_OPEN.name,
)


@dataclass(frozen=True)
class Run:
    """What happened: fills of the parent and the prints of others, both as (t_ns, quantity) in time order."""

    parent: ParentState
    fills: list[tuple[int, int, int, Liquidity]]
    prints: list[tuple[int, int]]
    journal: MemoryJournal
    env: Env

    def own(self, t_ns: int) -> int:
        """Return what had been filled by ``t_ns``."""
        return sum(qty for t, qty, _, _ in self.fills if t <= t_ns)

    def others(self, t_ns: int) -> int:
        """Return what others had printed since the start of the order by ``t_ns``."""
        return sum(qty for t, qty in self.prints if self.parent.order.start_ns < t <= t_ns)


def ideal_tape(seed: int, minutes: int = 30, *, prints: bool = True, path: list[int] | None = None) -> Tape:
    """Return a market with a print every 2 to 5 s; the touch stands at ``path`` (one mid a minute), else still."""
    r = random.Random(seed)
    rows: list[tuple[int, int, int, int]] = []

    def book(t: int, mid: int, kind: int = 0) -> None:
        rows.append((t, row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0))
        for away in range(3):
            rows.append((t, row_code(Row.SET, Book.BID, SNAPSHOT), mid - 1 - away, DEEP))
            last = (END,) if away == 2 else ()
            rows.append((t, row_code(Row.SET, Book.ASK, SNAPSHOT, *last), mid + 1 + away, DEEP))

    book(T0, path[0] if path else MID)
    t, minute = T0, 0
    while t < T0 + minutes * 60 * S:
        t += r.randint(2 * S, 5 * S)
        if path and (t - T0) // (60 * S) != minute and minute + 1 < len(path):
            minute += 1
            book(t, path[minute])
        elif prints:
            mid = path[minute] if path else MID
            aggressor = r.choice((Book.BID, Book.ASK))
            price = mid + 1 if aggressor is Book.BID else mid - 1
            rows.append((t, row_code(Row.TRADE, aggressor, END), price, r.randint(1, 400)))
    columns = np.array(rows, dtype=np.int64).T
    made = Columns(columns[0], columns[1].astype(np.uint16), columns[2], columns[3])
    return make_tape(LISTING, "ideal", "test/1", made, Figures())


def ideal_order(
    qty: int, minutes: float = 20, side: Side = Side.BUY, strategy: str = "twap", **parameters
) -> ParentOrder:
    """Return an order from one minute after the tape's start."""
    return ParentOrder(
        parent_id="ideal-order",
        listing=LISTING.key,
        side=side,
        qty_units=qty,
        decided_ns=T0 + 60 * S,
        start_ns=T0 + 60 * S,
        end_ns=T0 + 60 * S + round(minutes * 60 * S),
        strategy=strategy,
        parameters=Parameters(**parameters),
    )


def work(order: ParentOrder, tape: Tape, beliefs: Beliefs | None = None) -> Run:
    """Work an order on an ideal market, with beliefs of its own or those that the market shows."""
    market = SimMarket(
        tape, latency=Latency(), fees=NO_FEES, session=ALWAYS_OPEN, queue_model="power-2", impact="off", seed=1
    )
    limits = sim_limits(LISTING.key, order.parameters.participation_max)
    stated = () if beliefs is None else ((LISTING.key, beliefs),)
    env = Env(listings=(LISTING,), sessions=(ALWAYS_OPEN,), limits=limits, beliefs=stated)
    journal = MemoryJournal()
    t_ns, _ = market.advance(order.decided_ns, ())
    order = with_defaults(order, market.view(t_ns), LISTING)
    host = simulate(market, order, env, journal)
    parent = host.state.parents[order.parent_id]
    events = [batch.input for batch in journal.batches()]
    fills = [
        (e.fill.t_venue_ns, e.fill.qty_units, e.fill.price_units, e.fill.liquidity)
        for e in events
        if hasattr(e, "fill")
    ]
    is_print = (tape.code & 15) == Row.TRADE
    prints = list(zip(tape.t_event[is_print].tolist(), tape.qty[is_print].tolist(), strict=True))
    return Run(parent, fills, prints, journal, env)
