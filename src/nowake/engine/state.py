"""The engine's whole state, as frozen values. It is what ``reduce(apply, journal)`` gives, nothing else.

Dictionaries in here are never changed in place: a new state shares what did not change. Terminal children leave
``live`` for the short form in ``closed``, so the hot state stays small.
"""

from __future__ import annotations

from msgspec import field

from nowake.core.child import ChildOrder, ChildStatus, Liquidity
from nowake.core.decisions import ParentStatus
from nowake.core.errors import InvariantBroken
from nowake.core.expected import Expected, Mark
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.value import Value, content_hash
from nowake.core.view import Timer, Watch

ROLLING_NS = 300_000_000_000
"""How long samples and own fills are kept: the window of the rolling participation rule."""


class FillKey(Value, frozen=True, array_like=True):
    """What makes a fill the same fill (within venue, account and instrument), and what it said."""

    trade_id: str
    price_units: int
    qty_units: int


class ChildState(Value, frozen=True):
    """A child that can still trade, as far as we know.

    Attributes:
        leaves: What it can still fill; its bucket in I1 is named by ``status``.
        sent_ns: When its intent was recorded.
        asked_ns: When the last question about it, or its cancel, was recorded.
        not_found_ns: When a question was asked that the venue answered "not found", asked after the horizon; 0 = never.
        cum_reported: The venue's own word of its filled total, where it said so (fills may lag behind it).
    """

    order: ChildOrder
    slice_index: int
    status: ChildStatus
    filled: int
    leaves: int
    sent_ns: int
    acked_ns: int = 0
    asked_ns: int = 0
    doubt_ns: int = 0
    not_found_ns: int = 0
    cum_reported: int = 0
    ended: ChildStatus | None = None
    fills: tuple[FillKey, ...] = ()


class ClosedChild(Value, frozen=True):
    """A child that is over: enough to recognise its late and repeated messages."""

    status: ChildStatus
    leg: str
    filled: int
    fills: tuple[FillKey, ...] = ()


class Sample(Value, frozen=True, array_like=True):
    """Volume of others since the market opened to us, at a time."""

    t_ns: int
    others: int


class OwnFill(Value, frozen=True, array_like=True):
    """An own fill of the last rolling window."""

    t_ns: int
    qty: int


class Routing(Value, frozen=True):
    """What an order remembers whose strategy the router chooses.

    Attributes:
        asked: The order as the user has it, strategy ``auto``; the parent's order is how it is worked.
        expected: Of the market, at the last decision.
        marks: The market's sums in the last minutes, at most one a minute, none from before the last decision.
        changes: How often the market brought it to another strategy.
        left: Strategy before the present one; empty = there was none.
    """

    asked: ParentOrder
    expected: Expected
    marks: tuple[Mark, ...]
    changes: int = 0
    left: str = ""


class ParentState(Value, frozen=True):
    """One large order as it stands.

    Attributes:
        base_others: Volume of others when its window opened; None before.
        samples, own_fills: Of the rolling window; of the samples also the newest from before it.
        attempts: Next attempt number per leg.
        sends: Times of the creates of the last second.
        rejects: Rejects in a row; ``aggressive``: children sent to take; both since a person last resumed the order.
        withheld: (slice, controls) recorded since the last child was sent: each is said once.
        held_back: (control, detail) that last kept something from being sent; names a residual.
        worked: (slice, filled by its children): bounds how far a slice catches up.
        last_take_ns, last_post_ns: When the newest child that takes, or posts, was sent.
        would_units: Filled by I-would children.
        rate_ppm: Rate at which the order follows the volume of others now, millionths of all volume; 0 = it does not.
        followed: Volume of others since the start that ``due_micro`` accounts for.
        due_micro: What following asked for so far, millionths of a quantity unit.
        routing: Where the router chooses the strategy; None = the user did.
        cash_units: Sum of price x quantity over the fills; ``fees_money``: money units.
    """

    order: ParentOrder
    plan: ExecutionPlan
    status: ParentStatus
    unsent: int
    filled: int = 0
    overfill: int = 0
    abandoned: dict[str, int] = field(default_factory=dict)
    live: dict[str, ChildState] = field(default_factory=dict)
    closed: dict[str, ClosedChild] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    watches: dict[str, Watch] = field(default_factory=dict)
    base_others: int | None = None
    samples: tuple[Sample, ...] = ()
    own_fills: tuple[OwnFill, ...] = ()
    sends: tuple[int, ...] = ()
    rejects: int = 0
    aggressive: int = 0
    withheld: tuple[int, tuple[str, ...]] = (-1, ())
    held_back: tuple[str, str] = ("", "")
    ending: str = ""
    cash_units: int = 0
    fees_money: int = 0
    maker_units: int = 0
    worked: tuple[int, int] = (-1, 0)
    last_take_ns: int = 0
    last_post_ns: int = 0
    would_units: int = 0
    rate_ppm: int = 0
    followed: int = 0
    due_micro: int = 0
    routing: Routing | None = None

    @property
    def asked(self) -> ParentOrder:
        """Return the order as the user has it; ``order`` is how it is worked."""
        return self.order if self.routing is None else self.routing.asked

    def bucket(self, status: ChildStatus) -> int:
        """Return the sum of leaves that stand in one bucket."""
        return sum(child.leaves for child in self.live.values() if child.status is status)

    @property
    def reserved(self) -> int:
        """Return what live children may still fill, whatever their status."""
        return sum([child.leaves for child in self.live.values()])

    def used_by(self, slice_index: int) -> int:
        """Return what the children of a slice have filled or may still fill."""
        done = self.worked[1] if self.worked[0] == slice_index else 0
        return done + sum([child.leaves for child in self.live.values() if child.slice_index == slice_index])

    def leg_live(self, leg: str) -> bool:
        """Return whether a possibly-live child holds the leg."""
        return any(child.order.leg == leg for child in self.live.values())


class CommandNote(Value, frozen=True):
    """What is remembered of an operator's command: the hash of its body, and why it was refused ("" = it was not)."""

    body: str
    refused: str = ""


class EngineState(Value, frozen=True):
    """All parents of one journal.

    Attributes:
        t_ns: Local time of the newest applied input.
        epoch: Of the writer.
        keys: Operator commands by idempotency key.
        refused: Ids of orders that were refused (ids are never reused).
        ignored: Messages that were recognised as repeated, and counted.
        foreign: Fills or orders of ids that are not ours: shown, never adopted.
    """

    t_ns: int = 0
    epoch: int = 0
    parents: dict[str, ParentState] = field(default_factory=dict)
    keys: dict[str, CommandNote] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    ignored: int = 0
    foreign: tuple[str, ...] = ()

    def find_child(self, child_id: str) -> str | None:
        """Return the id of the parent that ever sent ``child_id``, or None."""
        for parent_id, parent in self.parents.items():
            if child_id in parent.live or child_id in parent.closed:
                return parent_id
        return None

    def active(self) -> bool:
        """Return whether any parent is not done."""
        return any(parent.status is not ParentStatus.DONE for parent in self.parents.values())


def state_hash(state: EngineState) -> str:
    """Return the content hash of a state: equal for the live state and for the fold over its journal (I5)."""
    return content_hash(state)


def check_parent(parent: ParentState) -> None:
    """Assert I1 and what hangs on it. Always on.

    Raises:
        InvariantBroken: With the numbers.
    """
    reserved, live = 0, parent.live
    for child in live.values():
        if child.leaves < 0:
            raise InvariantBroken("I1", f"{parent.order.parent_id}: a child has negative leaves")
        reserved += child.leaves
    abandoned = sum(parent.abandoned.values()) if parent.abandoned else 0
    if parent.order.qty_units + parent.overfill != parent.filled + reserved + parent.unsent + abandoned:
        raise InvariantBroken(
            "I1",
            f"{parent.order.parent_id}: {parent.order.qty_units} + overfill {parent.overfill} != "
            f"filled {parent.filled} + live {reserved} + unsent {parent.unsent} + abandoned {parent.abandoned}",
        )
    if parent.unsent < 0 or parent.overfill < 0 or (abandoned and min(parent.abandoned.values()) < 0):
        raise InvariantBroken("I1", f"{parent.order.parent_id}: a bucket is negative")
    if len(live) > 1 and len({child.order.leg for child in live.values()}) != len(live):
        raise InvariantBroken("I2", f"{parent.order.parent_id}: two possibly-live children on one leg")
    if parent.status is ParentStatus.DONE and (parent.live or parent.unsent):
        raise InvariantBroken(
            "I8", f"{parent.order.parent_id} is done: {parent.unsent} unsent, {len(parent.live)} live"
        )


def maker(liquidity: Liquidity, qty: int) -> int:
    """Return ``qty`` when it was made, 0 when it was taken."""
    return qty if liquidity is Liquidity.MAKER else 0


def get_parent(state: EngineState, parent_id: str) -> ParentState:
    """Return a parent that must exist."""
    found = state.parents.get(parent_id)
    if found is None:
        raise InvariantBroken("I8", f"no parent {parent_id}")
    return found
