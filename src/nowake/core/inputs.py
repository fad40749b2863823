"""Everything that can happen to the engine. One input and its decisions are one atomic batch of the journal.

An input carries all that ``decide`` may see besides the state and the environment: the local time and, where a market
is concerned, a ``View`` of fixed size.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from operator import attrgetter
from typing import Any

from nowake.core.amendment import Amendment
from nowake.core.child import ChildStatus, Fill, OrderStatus
from nowake.core.order import ParentOrder
from nowake.core.value import Value, content_hash, require
from nowake.core.view import View


class Input(Value, frozen=True, tag_field="record"):
    """Base: ``t_ns`` is the engine's local time at which it is handled; never decreases within a journal."""

    t_ns: int


class OrderReceived(Input, frozen=True, tag="order-received"):
    """A caller asks for a large order. Refused or planned in the same step.

    Attributes:
        actor: Who asked.
        key: Idempotency key of the call; empty = the parent id.
    """

    order: ParentOrder
    view: View
    actor: str = "user"
    key: str = ""


class Woken(Input, frozen=True, tag="woken"):
    """Timers and watches of one parent fired; ids in rising order."""

    parent_id: str
    fired: tuple[str, ...]
    view: View


class Acked(Input, frozen=True, tag="acked"):
    """The venue accepted a child."""

    child_id: str
    t_venue_ns: int
    view: View | None = None


class Rejected(Input, frozen=True, tag="rejected"):
    """The venue refused a child; final. ``code`` is one of ours: would-cross, min-notional, grid, halted, other."""

    child_id: str
    t_venue_ns: int
    code: str
    text: str = ""
    view: View | None = None


class Filled(Input, frozen=True, tag="filled"):
    """The venue executed part of a child."""

    fill: Fill
    view: View | None = None


class Busted(Input, frozen=True, tag="busted"):
    """The venue undid a trade (FIX ExecType H), or states it otherwise (G): ``fill`` as it was, and what it is now.

    The only thing that lowers a filled quantity (I6).
    """

    fill: Fill
    t_venue_ns: int
    correction: Fill | None = None
    view: View | None = None

    def __post_init__(self) -> None:
        if self.correction is not None:
            other = self.correction.trade_id != self.fill.trade_id and self.correction.child_id == self.fill.child_id
            require(other, "correction", self.correction.trade_id, "another trade id of the same child")


class Ended(Input, frozen=True, tag="ended"):
    """A child will not trade again: canceled, or an IOC's rest expired. ``cum_qty`` is what it filled in all."""

    child_id: str
    t_venue_ns: int
    status: ChildStatus
    cum_qty: int
    view: View | None = None

    def __post_init__(self) -> None:
        ended = self.status in (ChildStatus.CANCELED, ChildStatus.EXPIRED)
        require(ended, "status", self.status, "canceled or expired")


class CancelRejected(Input, frozen=True, tag="cancel-rejected"):
    """The venue would not cancel: ``code`` is too-late or unknown. Proves nothing about the child."""

    child_id: str
    t_venue_ns: int
    code: str
    view: View | None = None


class SendFailed(Input, frozen=True, tag="send-failed"):
    """A command left and it is not known whether it arrived: the child is in doubt."""

    child_id: str
    text: str


class StatusReported(Input, frozen=True, tag="status-reported"):
    """The venue's answer to a query of one child; ``requested_ns`` is when we asked (local)."""

    status: OrderStatus
    requested_ns: int
    view: View | None = None


class OpenOrdersReported(Input, frozen=True, tag="open-orders-reported"):
    """All orders the venue holds open for the account, as of a request made at ``requested_ns`` (local)."""

    requested_ns: int
    statuses: tuple[OrderStatus, ...]
    view: View | None = None


class OperatorAction(StrEnum):
    """What an operator may do to one parent."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    AMEND = "amend"


class OperatorCommand(Input, frozen=True, tag="operator-command"):
    """An operator acts on one parent.

    Attributes:
        actor: Who.
        key: Makes a repeated call harmless: the same key with the same body does nothing, with another is a conflict.
        amendment: For AMEND: what is to change.
    """

    parent_id: str
    action: OperatorAction
    actor: str
    key: str
    view: View | None = None
    amendment: Amendment | None = None

    def __post_init__(self) -> None:
        require(bool(self.key), "key", self.key, "given")
        require(bool(self.actor), "actor", self.actor, "given")
        amends = self.action is OperatorAction.AMEND
        require(amends == (self.amendment is not None), "amendment", self.amendment, "given for amend only")

    @property
    def body_hash(self) -> str:
        """Return the hash of what is asked, whoever asks it and whenever."""
        return content_hash((self.parent_id, self.action.value, self.amendment))


class Restarted(Input, frozen=True, tag="restarted"):
    """The process was restarted on this journal: everything possibly sent is in doubt until the venue says."""

    epoch: int


class MarketClosed(Input, frozen=True, tag="market-closed"):
    """The market or recording ended: nothing more will trade. The view is the last one."""

    view: View


AnyInput = (
    OrderReceived
    | Woken
    | Acked
    | Rejected
    | Filled
    | Busted
    | Ended
    | CancelRejected
    | SendFailed
    | StatusReported
    | OpenOrdersReported
    | OperatorCommand
    | Restarted
    | MarketClosed
)

_CHILD: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((Acked, Rejected, Ended, CancelRejected, SendFailed), attrgetter("child_id")),
    **dict.fromkeys((Filled, Busted), attrgetter("fill.child_id")),
    StatusReported: attrgetter("status.child_id"),
}


def child_of(event: AnyInput) -> str:
    """Return the child that an input is about, "" = none, or several."""
    found = _CHILD.get(type(event))
    return found(event) if found is not None else ""
