"""Writes tests/golden/journal_1.db: a tiny journal of format 1.

The file is the promise that old journals stay readable; this script shows what is in it. Made again only as long as no
release carries format 1; after that the records may grow by fields with defaults, and the file stays. It writes to the
path given, so that a new file never replaces the old one by accident:
``python tests/golden/make_journal_1.py NEW.db``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from nowake.core.child import ChildOrder, ChildStatus, Fill, Liquidity, OrderType, TimeInForce
from nowake.core.decisions import ChildSubmitted, OrderAdmitted, StatusChanged, TimerSet, Verdict
from nowake.core.decisions import ParentStatus as Status
from nowake.core.inputs import Acked, Ended, Filled, OrderReceived, Woken
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import ExecutionPlan, ExecutionSlice
from nowake.core.ports import Record
from nowake.core.profile import Profile
from nowake.core.view import Integrity, Timer, View
from nowake.journal.header import Header, Origin, Run, TapeRef
from nowake.journal.sqlite import SqliteJournal

HEADER = Header(
    journal_id="golden-1",
    account="sim",
    profile=Profile.SIM,
    code_hash="0" * 32,
    env_hash="",
    seed=7,
    version="0.1.0",
    run=Run(
        command="work",
        tapes=(TapeRef(name="AMZN@XNAS 2012-06-21", content_hash="a" * 32),),
        order={"side": "buy", "quantity": "300", "symbol": "AMZN"},
        options={"impact": "ledger", "max_participation": 0.15, "over": "2h"},
    ),
)


def view(t_ns: int, volume: int) -> View:
    """Return a market of 220.00 / 220.02."""
    return View(
        listing="AMZN@XNAS", t_ns=t_ns, row=t_ns, integrity=Integrity.OK, bid_units=2_200_000, ask_units=2_200_200,
        bid_qty=100, ask_qty=200, bids=((2_200_000, 100),), asks=((2_200_200, 200),), volume_all=volume,
        notional_all=volume * 2_200_200,
    )  # fmt: skip


def batches() -> list[tuple[list[Record], bytes]]:
    """Return the batches and the raw bytes beside each: an order admitted, a child sent, filled, done."""
    order = ParentOrder(
        parent_id="p1", listing="AMZN@XNAS", side=Side.BUY, qty_units=300, decided_ns=1, start_ns=1, end_ns=100
    )
    plan = ExecutionPlan(
        parent_id="p1", strategy="twap", listing="AMZN@XNAS", side=Side.BUY, revision=0, asof_ns=1, qty_units=300,
        cap=0.15, slices=(ExecutionSlice(index=0, release_ns=2, end_ns=100, qty_units=300),), expected_volume=(3000,),
    )  # fmt: skip
    child = ChildOrder(
        child_id="c1", parent_id="p1", leg="00000/XNAS/take", attempt=0, listing="AMZN@XNAS", side=Side.BUY,
        order_type=OrderType.LIMIT, tif=TimeInForce.IOC, price_units=2_200_200, qty_units=300, role="take",
    )  # fmt: skip
    sent = ChildSubmitted(
        child=child, slice_index=0, plan_revision=0, tactic="cross", reason="the slice is due",
        gate=(Verdict(control="collar", passed=True, detail="0.5 bp of 200 bp"),),
    )  # fmt: skip
    fill = Fill(
        child_id="c1", trade_id="t1", price_units=2_200_200, qty_units=200, fee_money=60_000_000,
        liquidity=Liquidity.TAKER, t_venue_ns=4,
    )  # fmt: skip
    admitted = OrderAdmitted(order=order, plan=plan)
    timer = Timer(timer_id="release-0", parent_id="p1", t_ns=2)
    return [
        ([OrderReceived(t_ns=1, order=order, view=view(1, 0)), admitted, TimerSet(timer=timer)], b""),
        ([Woken(t_ns=2, parent_id="p1", fired=("release-0",), view=view(2, 500)), sent], b""),
        ([Acked(t_ns=5, child_id="c1", t_venue_ns=3)], b'{"ack":"c1"}'),
        ([Filled(t_ns=5, fill=fill, view=view(5, 900))], b'{"fill":"t1"}'),
        (
            [
                Ended(t_ns=6, child_id="c1", t_venue_ns=4, status=ChildStatus.EXPIRED, cum_qty=200, view=view(6, 900)),
                StatusChanged(parent_id="p1", status=Status.ENDING, reason="the cap is reached"),
            ],
            b"",
        ),
    ]  # fmt: skip


def make(path: Path) -> None:
    """Write the journal to ``path``, which must not exist."""
    origin = Origin(created_ns=1_700_000_000_000_000_000, host="golden", paths={"AMZN@XNAS 2012-06-21": "lake"})
    with SqliteJournal.create(path, HEADER, origin) as journal:
        journal.put_blob(b"an environment")
        for batch, raw in batches():
            journal.append(batch, raw)
        journal.save_snapshot(journal.head()[0], b"a state")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
