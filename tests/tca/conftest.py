"""A journal told by hand: an order on a market whose numbers are easy to add up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from nowake.core import decisions as d
from nowake.core import inputs as i
from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderType, TimeInForce
from nowake.core.instrument import GridBand, Instrument, InstrumentKind, Listing
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import Assumption, ExecutionPlan, ExecutionSlice
from nowake.core.ports import Record
from nowake.core.profile import Profile
from nowake.core.view import Integrity, View
from nowake.journal.header import Header
from nowake.journal.memory import MemoryJournal
from nowake.tca.report import ExecutionReport, measure

CENT = Instrument(
    symbol="ABC",
    base="shares",
    quote="USD",
    kind=InstrumentKind.EQUITY,
    price_unit=Decimal("0.01"),
    qty_unit=Decimal(1),
)
LISTING = Listing(
    instrument=CENT, venue="XTST", ticks=(GridBand(from_units=0, step_units=1),), volume_base="all prints"
)
SECOND = 1_000_000_000


class Story:
    """Tells a journal batch by batch; the market is a mid, and sums that grow as it is told."""

    def __init__(self, side: Side = Side.BUY, qty: int = 1000, start_s: int = 10, **order: Any) -> None:
        self.journal = MemoryJournal(Header(journal_id="story", account="test", profile=Profile.SIM, code_hash="c0de"))
        fields = {
            "parent_id": "p1", "listing": LISTING.key, "side": side, "qty_units": qty, "decided_ns": start_s * SECOND,
            "start_ns": start_s * SECOND, "end_ns": (start_s + 100) * SECOND,
        }  # fmt: skip
        self.order = ParentOrder(**{**fields, **order})
        self.market: dict[str, int] = {"volume_all": 500, "volume_own": 0, "notional_all": 500 * 10_000}
        self.mid2, self.t_s = 20_000, 0.0
        self.mid2_time, self.mid_ns, self.integrity = 0, 0, Integrity.OK

    def at(self, t_s: float, mid2: int | None = None) -> Story:
        """Let time pass under the old mid, then move it."""
        passed = round((t_s - self.t_s) * SECOND)
        self.mid2_time += self.mid2 * passed // 1_000_000
        self.mid_ns += passed
        self.t_s, self.mid2 = t_s, self.mid2 if mid2 is None else mid2
        return self

    def printed(self, qty: int, price: int, *, own: bool = False) -> Story:
        """Let the market print."""
        self.market["volume_all"] += qty
        self.market["volume_own"] += qty * own
        self.market["notional_all"] += qty * price
        return self

    @property
    def t_ns(self) -> int:
        """Return the local time."""
        return round(self.t_s * SECOND)

    def view(self) -> View:
        """Return the market now, one unit wide on each side of the mid."""
        return View(
            listing=LISTING.key, t_ns=self.t_ns, row=0, integrity=self.integrity, bid_units=self.mid2 // 2 - 1,
            ask_units=self.mid2 - (self.mid2 // 2 - 1), bid_qty=1, ask_qty=1, mid2_time=self.mid2_time,
            mid_ns=self.mid_ns, **self.market,
        )  # fmt: skip

    def tell(self, event: i.AnyInput, *decided: d.AnyDecision) -> Story:
        """Append a batch."""
        batch: list[Record] = [event, *decided]
        self.journal.append(batch)
        return self

    def plan(self, revision: int, qty: int, releases_s: tuple[float, ...]) -> ExecutionPlan:
        """Return a plan of equal slices."""
        each = qty // len(releases_s)
        slices = tuple(
            ExecutionSlice(
                index=100 * revision + k, release_ns=round(t * SECOND), end_ns=round(t * SECOND) + 1, qty_units=each
            )
            for k, t in enumerate(releases_s)
        )
        return ExecutionPlan(
            parent_id=self.order.parent_id, strategy="twap", listing=LISTING.key, side=self.order.side,
            revision=revision, asof_ns=slices[0].release_ns, qty_units=each * len(slices), cap=0.15, slices=slices,
            expected_volume=(0,) * len(slices), assumed=(Assumption(name="volume", value="none", why="no past days"),),
        )  # fmt: skip

    def receive(self, releases_s: tuple[float, ...] = (10, 60)) -> Story:
        """Receive and admit the order."""
        admitted = d.OrderAdmitted(order=self.order, plan=self.plan(0, self.order.qty_units, releases_s))
        return self.tell(i.OrderReceived(t_ns=self.t_ns, order=self.order, view=self.view()), admitted)

    def send(self, child_id: str, qty: int, price: int, *, post: bool = True) -> Story:
        """Wake and send a child."""
        child = ChildOrder(
            child_id=child_id, parent_id=self.order.parent_id, leg=f"leg {child_id}", attempt=0, listing=LISTING.key,
            side=self.order.side, order_type=OrderType.POST_ONLY if post else OrderType.LIMIT,
            tif=TimeInForce.GTC if post else TimeInForce.IOC, price_units=price, qty_units=qty, role="post",
        )  # fmt: skip
        sent = d.ChildSubmitted(child=child, slice_index=0, plan_revision=0, tactic="post", reason="due", gate=())
        woken = i.Woken(t_ns=self.t_ns, parent_id=self.order.parent_id, fired=("t",), view=self.view())
        return self.tell(woken, sent)

    def ack(self, child_id: str, t_venue_s: float) -> Story:
        """Let the venue accept."""
        return self.tell(i.Acked(t_ns=self.t_ns, child_id=child_id, t_venue_ns=round(t_venue_s * SECOND)))

    def fill(
        self,
        child_id: str,
        trade_id: str,
        qty: int,
        price: int,
        *decided: d.AnyDecision,
        fee: int = 0,
        maker: bool = True,
    ) -> Story:
        """Let the venue fill, at the local time less 0.1 s; the print is told by ``printed``."""
        fill = Fill(
            child_id=child_id, trade_id=trade_id, price_units=price, qty_units=qty, fee_money=fee,
            liquidity=Liquidity.MAKER if maker else Liquidity.TAKER, t_venue_ns=self.t_ns - SECOND // 10,
        )  # fmt: skip
        return self.tell(i.Filled(t_ns=self.t_ns, fill=fill, view=self.view()), *decided)

    def end(self, child_id: str, status: ChildStatus, cum: int, *decided: d.AnyDecision) -> Story:
        """Let a child end."""
        ended = i.Ended(
            t_ns=self.t_ns,
            child_id=child_id,
            t_venue_ns=self.t_ns - SECOND // 10,
            status=status,
            cum_qty=cum,
            view=self.view(),
        )
        return self.tell(ended, *decided)

    def done(self, reason: str = "filled") -> d.StatusChanged:
        """Return the decision that the order is done."""
        return d.StatusChanged(parent_id=self.order.parent_id, status=d.ParentStatus.DONE, reason=reason)

    def measure(self, parent_id: str | None = None) -> ExecutionReport:
        """Return the report."""
        return measure(self.journal.batches(), LISTING, parent_id)


@pytest.fixture(scope="session")
def story() -> type[Story]:
    """Return the class that tells journals."""
    return Story


@pytest.fixture(scope="session")
def listing() -> Listing:
    """Return the listing of the stories: cents and whole shares."""
    return LISTING
