"""What a journal says of each parent order: children, fills, plans, views. One pass, no market, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nowake.core import decisions as d
from nowake.core import inputs as i
from nowake.core.child import ChildOrder, ChildStatus, Fill, OrderStatus
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan, Notice
from nowake.core.value import Value
from nowake.core.view import View
from nowake.journal.codec import Batch


class ChildFill(Value, frozen=True):
    """A fill and when we learned of it (local time)."""

    fill: Fill
    t_ns: int


class ChildReport(Value, frozen=True):
    """The life of one child.

    Attributes:
        order: The exact values sent.
        t_sent_ns: Local time of the decision.
        t_venue_ns: Venue time at which it was accepted (or refused); 0 = never heard.
        t_heard_ns: Local time at which the venue's yes or no reached us; 0 = never.
        t_cancel_ns: Venue time at which it left the book unfilled or partly filled; 0 = it did not.
        status: What is known of it last.
        code: Why the venue refused it; empty otherwise.
        slice_index: The slice it was sent for.
        tactic, reason: Why it was sent.
        fills: In the order we learned of them.
        bounds: What a simulated venue says it would have been filled at worst and at best by when it ended; None = it
            has not said.
    """

    order: ChildOrder
    t_sent_ns: int
    slice_index: int
    tactic: str
    reason: str
    t_venue_ns: int = 0
    t_heard_ns: int = 0
    t_cancel_ns: int = 0
    status: ChildStatus = ChildStatus.IN_FLIGHT
    code: str = ""
    fills: tuple[ChildFill, ...] = ()
    bounds: tuple[int, int] | None = None

    @property
    def filled_units(self) -> int:
        """Return the quantity filled."""
        return sum(one.fill.qty_units for one in self.fills)


class ChosenAt(Value, frozen=True):
    """A choice of strategy and when it was made (local time)."""

    t_ns: int
    record: d.StrategyChosen


@dataclass
class _Child:
    """A child being read."""

    sent: d.ChildSubmitted
    t_sent_ns: int
    t_venue_ns: int = 0
    t_heard_ns: int = 0
    t_cancel_ns: int = 0
    status: ChildStatus = ChildStatus.IN_FLIGHT
    code: str = ""
    fills: dict[str, ChildFill] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)

    @property
    def filled(self) -> int:
        """Return how much of it was filled."""
        return sum(one.fill.qty_units for one in self.fills.values())

    def undo(self, fill: Fill) -> None:
        """Take a trade out that the venue undid, or will not let in when its report comes after that."""
        self.undone.add(fill.trade_id)
        self.fills.pop(fill.trade_id, None)

    def add(self, fill: Fill, t_ns: int) -> str:
        """Take a fill once by its trade id; return what is wrong with a second one under the same id."""
        known = self.fills.get(fill.trade_id)
        if fill.trade_id in self.undone:
            return ""
        if known is None:
            self.fills[fill.trade_id] = ChildFill(fill=fill, t_ns=t_ns)
            self.t_venue_ns = self.t_venue_ns or fill.t_venue_ns
            full = self.filled >= self.sent.child.qty_units
            self.status = ChildStatus.FILLED if full else self.status
            return ""
        same = (known.fill.price_units, known.fill.qty_units) == (fill.price_units, fill.qty_units)
        return "" if same else f"trade {fill.trade_id} was reported twice with different values, the first counts"

    def end(self, status: ChildStatus, t_venue_ns: int) -> None:
        """Note that it left the book; a full one stays filled."""
        if self.status is not ChildStatus.FILLED:
            self.status = status
        if status in (ChildStatus.CANCELED, ChildStatus.EXPIRED):
            self.t_cancel_ns = self.t_cancel_ns or t_venue_ns

    def report(self) -> ChildReport:
        """Return it as a value."""
        return ChildReport(
            order=self.sent.child,
            t_sent_ns=self.t_sent_ns,
            slice_index=self.sent.slice_index,
            tactic=self.sent.tactic,
            reason=self.sent.reason,
            t_venue_ns=self.t_venue_ns,
            t_heard_ns=self.t_heard_ns,
            t_cancel_ns=self.t_cancel_ns,
            status=self.status,
            code=self.code,
            fills=tuple(self.fills.values()),
        )


@dataclass
class Trail:
    """One parent as the journal tells it.

    Attributes:
        order: As received, then as admitted.
        t_ns: Local time of receipt.
        plans: (local time, plan, quantity of the order then) in order of adoption.
        amended: Whether an operator changed the order.
        status: ``refused`` or a ``ParentStatus``.
        abandoned: (quantity, reason) in order.
        withheld: What last held the schedule back, in words.
        views: Views of its listing while it lived.
    """

    order: ParentOrder
    t_ns: int
    plans: list[tuple[int, ExecutionPlan, int]] = field(default_factory=list)
    amended: bool = False
    status: str = "received"
    reason: str = ""
    abandoned: list[tuple[int, str]] = field(default_factory=list)
    withheld: str = ""
    views: list[View] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    chosen: list[ChosenAt] = field(default_factory=list)
    _children: dict[str, _Child] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Return whether nothing more is expected."""
        return self.status in (d.ParentStatus.DONE, "refused")

    @property
    def children(self) -> tuple[ChildReport, ...]:
        """Return its children in the order they were sent."""
        return tuple(child.report() for child in self._children.values())

    def warn(self, code: str, text: str) -> None:
        """Note something for the user, once."""
        if text and all(notice.text != text for notice in self.notices):
            self.notices.append(Notice(code=code, text=text))

    def take_input(self, event: i.AnyInput) -> bool:
        """Read an input; return whether it is about this parent."""
        match event:
            case i.OrderReceived():
                return event.order.parent_id == self.order.parent_id
            case i.Woken() | i.OperatorCommand():
                return event.parent_id == self.order.parent_id
            case i.Filled():
                return self._fill(event.fill, event.t_ns)
            case i.Busted():
                if event.fill.child_id in self._children:
                    self._children[event.fill.child_id].undo(event.fill)
                return self._fill(event.correction or event.fill, event.t_ns)
            case i.StatusReported():
                return self._told(event.status, event.t_ns)
            case i.OpenOrdersReported():
                return sum(self._told(status, event.t_ns) for status in event.statuses) > 0
            case i.Acked() | i.Rejected() | i.Ended() | i.CancelRejected() | i.SendFailed():
                child = self._children.get(event.child_id)
                if child is not None:
                    _child_event(child, event)
                return child is not None
        return False

    def _fill(self, fill: Fill, t_ns: int) -> bool:
        child = self._children.get(fill.child_id)
        if child is not None:
            self.warn("fill-conflict", child.add(fill, t_ns))
        return child is not None

    def _told(self, status: OrderStatus, t_ns: int) -> bool:
        child = self._children.get(status.child_id)
        if child is None:
            return False
        for fill in status.busted:
            child.undo(fill)
        for fill in status.fills:
            self._fill(fill, t_ns)
        if status.known and status.live and child.status in (ChildStatus.IN_FLIGHT, ChildStatus.IN_DOUBT):
            child.status = ChildStatus.WORKING
        elif status.known and not status.live and status.cum_qty >= child.filled:
            child.end(status.status, 0)
        return True

    def take_decision(self, decision: d.AnyDecision, t_ns: int) -> bool:
        """Read a decision made at local time ``t_ns``; return whether it is about this parent."""
        if parent_of(decision) != self.order.parent_id:
            return False
        match decision:
            case d.OrderAdmitted():
                self.order, self.status = decision.order, d.ParentStatus.RUNNING.value
                self.plans.append((t_ns, decision.plan, self.order.qty_units))
            case d.PlanAdopted():
                self.plans.append((t_ns, decision.plan, self.order.qty_units))
            case d.StrategyChosen():
                self.chosen.append(ChosenAt(t_ns=t_ns, record=decision))
            case d.OrderAmended():
                self.order, self.amended = decision.order, True
                self.plans.append((t_ns, self.plans[-1][1], self.order.qty_units))
                self.warn("amended", decision.reason)
                for notice in decision.notices:
                    self.warn(notice.code, notice.text)
            case d.OrderRefused() if not self.plans:  # a repeated order is refused too; the first goes on
                self.status, self.reason = "refused", decision.reason
            case d.ChildSubmitted():
                self._children.setdefault(decision.child.child_id, _Child(decision, t_ns))
            case d.Withheld():
                self.withheld = f"{decision.control}: {decision.detail}" if decision.detail else decision.control
            case d.Abandoned():
                self.abandoned.append((decision.qty_units, decision.reason))
            case d.StatusChanged():
                self.status, self.reason = decision.status.value, decision.reason
            case d.Alerted():
                self.warn(decision.code, decision.text)
        return True


def _child_event(child: _Child, event: i.Acked | i.Rejected | i.Ended | i.CancelRejected | i.SendFailed) -> None:
    match event:
        case i.Acked():
            if not child.t_heard_ns:
                child.t_venue_ns, child.t_heard_ns = event.t_venue_ns, event.t_ns
            if child.status in (ChildStatus.IN_FLIGHT, ChildStatus.IN_DOUBT):
                child.status = ChildStatus.WORKING
        case i.Rejected() if not child.fills and not child.t_heard_ns and event.code != "duplicate-id":
            # A reject of what was accepted or traded, or of a repeated id, proves nothing about the first order.
            child.t_venue_ns, child.t_heard_ns, child.code = event.t_venue_ns, event.t_ns, event.code
            child.end(ChildStatus.REJECTED, event.t_venue_ns)
        case i.Ended() if event.cum_qty >= child.filled:  # less is nonsense, or a trade was undone: asked about
            child.end(event.status, event.t_venue_ns)
        case i.SendFailed() if child.status is ChildStatus.IN_FLIGHT:
            child.status = ChildStatus.IN_DOUBT


def parent_of(decision: d.AnyDecision) -> str:
    """Return the id of the order that a decision is about, "" = it names none."""
    match decision:
        case d.OrderAdmitted() | d.PlanAdopted():
            return decision.plan.parent_id
        case d.StrategyChosen():
            return decision.order.parent_id
        case d.ChildSubmitted():
            return decision.child.parent_id
        case d.TimerSet():
            return decision.timer.parent_id
        case d.WatchSet():
            return decision.watch.parent_id
        case d.CancelRequested() | d.QueryRequested() | d.OpenOrdersRequested():
            return ""
    return decision.parent_id


def _views(event: i.AnyInput) -> Iterator[View]:
    view = getattr(event, "view", None)
    if view is not None:
        yield view


def read_trails(batches: Iterable[Batch]) -> dict[str, Trail]:
    """Return every parent of a journal by its id, in order of receipt."""
    trails: dict[str, Trail] = {}
    for batch in batches:
        event = batch.input
        if isinstance(event, i.OrderReceived) and event.order.parent_id not in trails:
            trails[event.order.parent_id] = Trail(event.order, event.t_ns)
        for trail in trails.values():
            was_over = trail.over
            about = [trail.take_input(event), *(trail.take_decision(one, event.t_ns) for one in batch.decisions)]
            if any(about) or not was_over:
                trail.views += [view for view in _views(event) if view.listing == trail.order.listing]
    return trails
