"""Everything the engine can decide. Decisions hold exact values, the reason, and are applied to the state in order.

Those that reach a venue (``Effect``) leave only after their batch is durable.
"""

from __future__ import annotations

from enum import StrEnum

from nowake.core.child import ChildOrder
from nowake.core.expected import Expected
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan, Notice
from nowake.core.routing import StrategyDecision
from nowake.core.value import Value, require
from nowake.core.view import Timer, Watch


class Decision(Value, frozen=True, tag_field="record"):
    """Base of the decisions."""


class Verdict(Value, frozen=True):
    """What one control of the gate found: passed or not, in words with its numbers."""

    control: str
    passed: bool
    detail: str = ""


class OrderAdmitted(Decision, frozen=True, tag="order-admitted"):
    """The order is accepted and will be worked by this first plan.

    ``base_others`` is the volume of others when its window opened, where that is now.
    """

    order: ParentOrder
    plan: ExecutionPlan
    base_others: int | None = None


class PlanAdopted(Decision, frozen=True, tag="plan-adopted"):
    """The parent is worked by this revised plan from now on."""

    plan: ExecutionPlan


class Trigger(StrEnum):
    """Why a strategy was chosen when it was."""

    ADMISSION = "admission"
    AMENDMENT = "amendment"
    VOLUME = "volume"
    VOLATILITY = "volatility"
    SPREAD = "spread"
    BEHIND = "behind"
    ENDED = "ended"


OF_THE_MARKET = (Trigger.VOLUME, Trigger.VOLATILITY, Trigger.SPREAD, Trigger.BEHIND)
"""The market, or what it let be done, was not as expected: another strategy for such a reason is a change of mind."""


class StrategyChosen(Decision, frozen=True, tag="strategy-chosen"):
    """The order is worked by this strategy from now on; the plan of it is in the same batch.

    Attributes:
        decision: What was weighed, and what came of it.
        order: As it is worked now: the chosen strategy's, over the window that was asked for.
        trigger: What made it fall; another strategy counts as a change of mind where it is in ``OF_THE_MARKET``.
        reason: The numbers of that, in words; empty at admission.
        expected: What a running order is held against; None = the user named the strategy, which then stays.
    """

    decision: StrategyDecision
    order: ParentOrder
    trigger: Trigger = Trigger.ADMISSION
    reason: str = ""
    expected: Expected | None = None


class OrderRefused(Decision, frozen=True, tag="order-refused"):
    """The order was not admitted; nothing was sent."""

    parent_id: str
    reason: str
    remedy: str = ""


class OrderAmended(Decision, frozen=True, tag="order-amended"):
    """The order is as ``order`` says from now on.

    Attributes:
        reason: Who changed what.
        notices: What is to be said of its limit at today's price; they take the place of the plan's.
    """

    parent_id: str
    order: ParentOrder
    reason: str
    notices: tuple[Notice, ...] = ()


class CommandRefused(Decision, frozen=True, tag="command-refused"):
    """An operator's command has no effect.

    Attributes:
        key: Of the command.
        code: ``conflict`` (the key was used with another body), ``unknown-order``, ``status``, or ``amendment``.
    """

    parent_id: str
    key: str
    code: str
    reason: str
    remedy: str = ""


class ChildSubmitted(Decision, frozen=True, tag="child-submitted"):
    """Effect: send a child. The verdicts are those of the gate on these exact values."""

    child: ChildOrder
    slice_index: int
    plan_revision: int
    tactic: str
    reason: str
    gate: tuple[Verdict, ...]


class CancelRequested(Decision, frozen=True, tag="cancel-requested"):
    """Effect: ask the venue to cancel a child."""

    child_id: str
    reason: str


class QueryRequested(Decision, frozen=True, tag="query-requested"):
    """Effect: ask the venue what became of a child."""

    child_id: str
    reason: str


class OpenOrdersRequested(Decision, frozen=True, tag="open-orders-requested"):
    """Effect: ask the venue for all open orders of the account."""

    listing: str
    reason: str


class TimerSet(Decision, frozen=True, tag="timer-set"):
    """Arm (or move) a timer."""

    timer: Timer


class TimerCleared(Decision, frozen=True, tag="timer-cleared"):
    """Disarm a timer."""

    timer_id: str
    parent_id: str


class WatchSet(Decision, frozen=True, tag="watch-set"):
    """Arm (or replace) a watch."""

    watch: Watch


class WatchCleared(Decision, frozen=True, tag="watch-cleared"):
    """Disarm a watch."""

    watch_id: str
    parent_id: str


class Withheld(Decision, frozen=True, tag="withheld"):
    """The schedule wanted a child that was not sent: which control or condition stopped it, with its numbers."""

    parent_id: str
    slice_index: int
    qty_units: int
    control: str
    detail: str


class RateSet(Decision, frozen=True, tag="rate-set"):
    """From now on the parent follows the volume of others at this rate: own / (own + others), in millionths."""

    parent_id: str
    rate_ppm: int
    reason: str

    def __post_init__(self) -> None:
        require(0 < self.rate_ppm < 1_000_000, "rate_ppm", self.rate_ppm, "in (0, 1,000,000)")


class Abandoned(Decision, frozen=True, tag="abandoned"):
    """Part of the unsent quantity will not be traded, for a named reason."""

    parent_id: str
    qty_units: int
    reason: str

    def __post_init__(self) -> None:
        require(self.qty_units > 0, "qty_units", self.qty_units, "> 0")


class ParentStatus(StrEnum):
    """Where a parent is in its life."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDING = "ending"
    HALTED = "halted"
    DONE = "done"


class StatusChanged(Decision, frozen=True, tag="status-changed"):
    """The parent's status changed. DONE only when nothing is live, in doubt or unsent."""

    parent_id: str
    status: ParentStatus
    reason: str


class Alerted(Decision, frozen=True, tag="alerted"):
    """Something a person should look at: overfill, conflict, five rejects, doubt too long."""

    code: str
    text: str
    parent_id: str = ""


AnyDecision = (
    OrderAdmitted
    | PlanAdopted
    | StrategyChosen
    | OrderRefused
    | OrderAmended
    | CommandRefused
    | ChildSubmitted
    | CancelRequested
    | QueryRequested
    | OpenOrdersRequested
    | TimerSet
    | TimerCleared
    | WatchSet
    | WatchCleared
    | Withheld
    | RateSet
    | Abandoned
    | StatusChanged
    | Alerted
)

Effect = ChildSubmitted | CancelRequested | QueryRequested | OpenOrdersRequested
EFFECTS = (ChildSubmitted, CancelRequested, QueryRequested, OpenOrdersRequested)
