"""What the journal's tests share: records of every kind, headers, and a way to make many batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from nowake.core import child, decisions, inputs
from nowake.core.amendment import Amendment
from nowake.core.expected import Expected, Mark
from nowake.core.order import EndBehaviour, Parameters, ParentOrder, Side
from nowake.core.plan import Assumption, CostEstimate, ExecutionPlan, ExecutionSlice, Notice
from nowake.core.ports import Record
from nowake.core.profile import Profile
from nowake.core.routing import Candidate, Exclusion, StrategyDecision
from nowake.core.view import Integrity, Timer, View, Watch, WatchKind
from nowake.journal.header import Header, Run, TapeRef

VIEW = View(
    listing="BTCUSDT@binance-spot",
    t_ns=1_000,
    row=77,
    integrity=Integrity.GAP | Integrity.CROSSED,
    bid_units=6_000_000,
    ask_units=6_000_001,
    bid_qty=5,
    ask_qty=7,
    bids=((6_000_000, 5), (5_999_999, 2)),
    asks=((6_000_001, 7),),
    volume_all=2**40,
    notional_all=2**62,
    mid2_time=-1,
    realised_var=1.25e-9,
    queues=(("c1", 3),),
)
ORDER = ParentOrder(
    parent_id="p1",
    listing=VIEW.listing,
    side=Side.SELL,
    qty_units=10,
    decided_ns=1,
    start_ns=2,
    end_ns=100,
    parameters=Parameters(urgency=0.25, participation_by_time=((5, 0.1), (6, 0.2))),
)
COST = CostEstimate(
    mean_bps=1.5, sd_bps=2.0, p05_bps=-1.0, p50_bps=1.5, p95_bps=5.0, spread_bps=1.0, temporary_bps=0.5,
    permanent_bps=0.0, fees_bps=0.0, timing_risk_bps=2.0, parameter_sd_bps=0.1,
)  # fmt: skip
PLAN = ExecutionPlan(
    parent_id="p1",
    strategy="twap",
    listing=VIEW.listing,
    side=Side.SELL,
    revision=0,
    asof_ns=1,
    qty_units=10,
    cap=0.15,
    slices=(
        ExecutionSlice(index=0, release_ns=2, end_ns=50, qty_units=4, participation=0.1),
        ExecutionSlice(index=1, release_ns=50, end_ns=100, qty_units=6),
    ),
    expected_volume=(0, 10),
    cost=COST,
    assumed=(Assumption(name="daily volatility", value="2 %", why="nobody measured it"),),
    warnings=(Notice(code="cap", text="near the cap"),),
)  # fmt: skip
CHILD = child.ChildOrder(
    child_id="c1",
    parent_id="p1",
    leg="00000/v/post",
    attempt=0,
    listing=VIEW.listing,
    side=Side.SELL,
    order_type=child.OrderType.POST_ONLY,
    tif=child.TimeInForce.GTC,
    price_units=6_000_001,
    qty_units=4,
    role="post",
)
FILL = child.Fill(
    child_id="c1", trade_id="7", price_units=6_000_001, qty_units=2, fee_money=-3,
    liquidity=child.Liquidity.MAKER, t_venue_ns=9,
)  # fmt: skip
STATUS = child.OrderStatus(child_id="c1", known=True, status=child.ChildStatus.FILLED, cum_qty=2, fills=(FILL,))
WEIGHED = StrategyDecision(
    parent_id="p1",
    asof_ns=1,
    qty_units=100,
    risk_aversion=0.5,
    chosen=Candidate(strategy="pov", end_ns=9, cost=COST, score_bps=2.5, participation_target=0.1),
    excluded=(Exclusion(what="is", reason="no volume"),),
    reasons=("the least",),
    beliefs="ab",
)
EXPECTED = Expected(
    mark=Mark(t_ns=1, others=10, realised_var=1e-6, realised_ns=600, spread_time=7, mid2_time=1000),
    until_ns=9,
    volume=(5, 10),
    volatility_bps=200.0,
    day_ns=23_400_000_000_000,
    spread_bps=1.5,
)

INPUTS: tuple[inputs.AnyInput, ...] = (
    inputs.OrderReceived(t_ns=1, order=ORDER, view=VIEW),
    inputs.Woken(t_ns=2, parent_id="p1", fired=("a", "b"), view=VIEW),
    inputs.Acked(t_ns=3, child_id="c1", t_venue_ns=2),
    inputs.Rejected(t_ns=3, child_id="c1", t_venue_ns=2, code="would-cross", text="naïve ☃", view=VIEW),
    inputs.Filled(t_ns=3, fill=FILL, view=VIEW),
    inputs.Busted(t_ns=3, fill=FILL, t_venue_ns=3, view=VIEW),
    inputs.Ended(t_ns=4, child_id="c1", t_venue_ns=3, status=child.ChildStatus.EXPIRED, cum_qty=2),
    inputs.CancelRejected(t_ns=4, child_id="c1", t_venue_ns=3, code="too-late"),
    inputs.SendFailed(t_ns=5, child_id="c1", text="timeout"),
    inputs.StatusReported(t_ns=6, status=STATUS, requested_ns=5),
    inputs.OpenOrdersReported(t_ns=6, requested_ns=5, statuses=(STATUS,)),
    inputs.OperatorCommand(
        t_ns=7,
        parent_id="p1",
        action=inputs.OperatorAction.AMEND,
        actor="me",
        key="k2",
        amendment=Amendment(limit_units=3, end_behaviour=EndBehaviour.CANCEL),
    ),
    inputs.Restarted(t_ns=8, epoch=2),
    inputs.MarketClosed(t_ns=9, view=VIEW),
)
DECISIONS: tuple[decisions.AnyDecision, ...] = (
    decisions.OrderAdmitted(order=ORDER, plan=PLAN),
    decisions.PlanAdopted(plan=PLAN),
    decisions.StrategyChosen(decision=WEIGHED, order=ORDER, expected=EXPECTED, trigger=decisions.Trigger.SPREAD),
    decisions.OrderRefused(parent_id="p1", reason="closed", remedy="wait"),
    decisions.OrderAmended(parent_id="p1", order=ORDER, reason="limit none -> 3, by me"),
    decisions.CommandRefused(parent_id="p1", key="k", code="status", reason="the order is done"),
    decisions.ChildSubmitted(
        child=CHILD, slice_index=0, plan_revision=0, tactic="post", reason="slice due",
        gate=(decisions.Verdict(control="collar", passed=True, detail="0.1 %"),),
    ),
    decisions.CancelRequested(child_id="c1", reason="chase"),
    decisions.QueryRequested(child_id="c1", reason="doubt"),
    decisions.OpenOrdersRequested(listing=VIEW.listing, reason="restart"),
    decisions.TimerSet(timer=Timer(timer_id="t", parent_id="p1", t_ns=50)),
    decisions.TimerCleared(timer_id="t", parent_id="p1"),
    decisions.WatchSet(
        watch=Watch(watch_id="w", parent_id="p1", listing=VIEW.listing, kind=WatchKind.QUEUE, a=3, child_id="c1")
    ),
    decisions.WatchCleared(watch_id="w", parent_id="p1"),
    decisions.Withheld(parent_id="p1", slice_index=0, qty_units=4, control="book", detail="crossed"),
    decisions.RateSet(parent_id="p1", rate_ppm=100_000, reason="size steps"),
    decisions.Abandoned(parent_id="p1", qty_units=6, reason="end of window"),
    decisions.StatusChanged(parent_id="p1", status=decisions.ParentStatus.DONE, reason="all filled"),
    decisions.Alerted(code="overfill", text="1 too many"),
)  # fmt: skip


@pytest.fixture(scope="session")
def every_record() -> tuple[Record, ...]:
    """Return at least one record of every kind."""
    return (*INPUTS, *DECISIONS)


@pytest.fixture(scope="session")
def make_batch() -> Callable[[int], Sequence[Record]]:
    """Return a function from k to the k-th of a sequence of batches of 1 to 4 records, all different."""

    def make(k: int) -> Sequence[Record]:
        first = INPUTS[k % len(INPUTS)]
        rest = [DECISIONS[(k + i) % len(DECISIONS)] for i in range(k % 4)]
        return [type(first)(**{**_fields(first), "t_ns": 100 + k}), *rest]

    return make


def _fields(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


@pytest.fixture(scope="session")
def make_header() -> Callable[..., Header]:
    """Return a function that makes a header, fields overridable."""

    def make(**changes: Any) -> Header:
        run = Run(
            command="work",
            tapes=(TapeRef(name="AMZN@XNAS 2012-06-21", content_hash="ab12"),),
            order={"side": "buy", "quantity": "1000", "nested": [1, 2.5, None, {"x": True}]},
            options={"seed": 7, "impact": "ledger"},
        )
        fields: dict[str, Any] = {
            "journal_id": "j1", "account": "sim", "profile": Profile.SIM, "code_hash": "c0de", "run": run, "seed": 7,
        }  # fmt: skip
        return Header(**{**fields, **changes})

    return make
