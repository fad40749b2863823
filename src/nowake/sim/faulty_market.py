"""A simulated market behind faults: what ``sim.faults`` draws happens here.

``FaultyMarket`` stands before a simulated market and loses, holds back, repeats, reorders, refuses and invents, each by
a named probability. What happens is drawn by counter from the seed, so a run repeats exactly; it is counted and listed.
The letters and numbers are those of docs/faults.md.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

from nowake.core.child import ChildOrder, ChildStatus, Fill, OrderStatus
from nowake.core.errors import VenueUnavailable
from nowake.core.inputs import (
    Acked,
    AnyInput,
    Busted,
    CancelRejected,
    Ended,
    Filled,
    OpenOrdersReported,
    Rejected,
    SendFailed,
    StatusReported,
)
from nowake.core.ports import VenueMessage
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace
from nowake.core.view import Integrity, View, Watch, WatchKind
from nowake.sim.faults import Faults, Switchboard

HELD_NS = 3 * NS_PER_SECOND // 2
"""Longest time that a command is held back: under the venue's horizon, after which "not found" counts."""
LATE_NS = 3 * NS_PER_SECOND
LATER_NS = 10 * NS_PER_SECOND
SKEW_NS = 2 * NS_PER_SECOND
SOON_NS = 1_000_000


class FaultyMarket:
    """A simulated market whose venue, wire and feed fail; implements ``sim.world.Market`` and ``sim.markets.Member``.

    Args:
        inner: ``SimMarket`` or another with its methods; its own record of fills is the truth.
        faults: What goes wrong.
        seed: Of all draws.

    Attributes:
        board: What happened.
        sent: How often each child id was handed over.
    """

    def __init__(self, inner: Any, faults: Faults, seed: int = 0) -> None:
        self.inner = inner
        self.key: str = getattr(inner, "key", "")
        self.start_ns: int = inner.start_ns
        self.end_ns: int = inner.end_ns
        self.board = Switchboard(faults, seed)
        self.sent: dict[str, int] = {}
        self._refused: dict[str, OrderStatus] = {}
        self._extra: dict[str, tuple[Fill, ...]] = {}
        self._undone: dict[str, tuple[Fill, ...]] = {}
        self._held: list[tuple[int, int, str, Any]] = []
        self._due: list[tuple[int, int, VenueMessage]] = []
        self._serial = 0
        self._closed_for: tuple[int, int] | None = None
        self._cut: tuple[int, int] | None = None
        self._went = False

    def __getattr__(self, name: str) -> Any:
        """Return what the wrapped market has and this one does not change."""
        return getattr(self.inner, name)

    # -- what we send ------------------------------------------------------------------------------------------------

    def _reach(self, now_ns: int) -> None:
        """Refuse a command where nothing gets through."""
        for name, why in (("disconnected", "the connection is lost"), ("limited", "429: too many requests")):
            if found := self.board.stretch(name, now_ns):
                self._cut = self._cut or (found if name == "disconnected" else None)
                raise VenueUnavailable(why)

    def _hold(self, t_ns: int, what: str, argument: Any) -> None:
        self._serial += 1
        heapq.heappush(self._held, (t_ns, self._serial, what, argument))

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child, if it gets through."""
        board, child_id = self.board, child.child_id
        self.sent[child_id] = self.sent.get(child_id, 0) + 1
        self._reach(now_ns)
        for name, code in (("regridded", "grid"), ("balance_short", "other"), ("rejected", "other")):
            if board.strikes(name, now_ns):
                self._refuse(child_id, code, name, now_ns)
                return
        if board.stretch("maintenance", now_ns):
            self._refuse(child_id, "halted", "maintenance", now_ns)
            return
        if count := board.strikes("submit_lost", now_ns):
            if count % 2:
                raise VenueUnavailable("timed out")
            return
        if count := board.strikes("submit_timeout", now_ns):
            if count % 2:
                self._hold(now_ns + board.late_ns(HELD_NS, "submit_timeout", count), "submit", child)
            else:
                self.inner.submit(child, now_ns)
            raise VenueUnavailable("timed out")
        self.inner.submit(child, now_ns)

    def _refuse(self, child_id: str, code: str, text: str, now_ns: int) -> None:
        self._refused[child_id] = OrderStatus(child_id=child_id, known=True, status=ChildStatus.REJECTED)
        t_ns = now_ns + SOON_NS
        self._receive(Rejected(t_ns=t_ns, child_id=child_id, t_venue_ns=t_ns, code=code, text=text), b"")

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child, if it gets through."""
        self._reach(now_ns)
        if count := self.board.strikes("cancel_lost", now_ns):
            if count % 2:
                raise VenueUnavailable("timed out")
            return
        if child_id in self._refused:
            self._too_late(child_id, now_ns)
        elif count := self.board.strikes("cancel_unclear", now_ns):
            self._too_late(child_id, now_ns)
            if count % 2:
                self.inner.cancel(child_id, now_ns)
        elif count := self.board.strikes("cancel_late", now_ns):
            self._hold(now_ns + self.board.late_ns(HELD_NS, "cancel_late", count), "cancel", child_id)
        else:
            self.inner.cancel(child_id, now_ns)

    def _too_late(self, child_id: str, now_ns: int) -> None:
        t_ns = now_ns + SOON_NS
        self._receive(CancelRejected(t_ns=t_ns, child_id=child_id, t_venue_ns=t_ns, code="too-late"), b"")

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask what became of a child, if it gets through."""
        self._reach(now_ns)
        if child_id in self._refused:
            t_ns = now_ns + SOON_NS
            self._receive(StatusReported(t_ns=t_ns, status=self._refused[child_id], requested_ns=now_ns), b"")
        else:
            self.inner.query(child_id, now_ns)

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask for all open orders, if it gets through."""
        self._reach(now_ns)
        self.inner.query_open(listing, now_ns)

    # -- what we hear ------------------------------------------------------------------------------------------------

    def _push(self, t_ns: int, event: AnyInput, raw: bytes) -> None:
        self._serial += 1
        message = VenueMessage(event=replace(event, t_ns=t_ns), raw=raw)
        heapq.heappush(self._due, (t_ns, self._serial, message))

    def _receive(self, event: AnyInput, raw: bytes) -> None:
        """Let a report of the venue through, or what becomes of it."""
        board, t_ns = self.board, event.t_ns
        if cut := board.stretch("disconnected", t_ns):
            self._cut = self._cut or cut
            return
        event = self._skewed(self._truthful(event))
        if board.strikes(_LOST.get(type(event), "answer_lost"), t_ns):
            return
        if isinstance(event, Acked) and (count := board.strikes("ack_late", t_ns)):
            t_ns += board.late_ns(LATER_NS, "ack_late", count)
        elif isinstance(event, Filled) and (count := board.strikes("fill_late", t_ns)):
            t_ns += board.late_ns(LATER_NS, "fill_late", count)
        elif count := board.strikes("delayed", t_ns):
            t_ns += board.late_ns(LATE_NS, "delayed", count)
        self._push(t_ns, event, raw)
        if count := board.strikes("repeated", t_ns):
            self._push(t_ns + board.late_ns(LATE_NS, "repeated", count), event, raw)
        if isinstance(event, Filled):
            self._more_fills(event, t_ns)
        if isinstance(event, Acked | Filled) and (count := board.strikes("nonsense", t_ns)):
            self._push(t_ns + board.late_ns(LATE_NS, "nonsense", count), _false_report(event, count), b"")

    def _more_fills(self, event: Filled, t_ns: int) -> None:
        """Tell the same trade otherwise, or one of somebody else."""
        board, fill = self.board, event.fill
        if count := board.strikes("conflicting", t_ns):
            other = replace(fill, qty_units=fill.qty_units + 1)
            self._push(t_ns + board.late_ns(LATE_NS, "conflicting", count), replace(event, fill=other), b"")
        if count := board.strikes("foreign", t_ns):
            other = replace(fill, child_id=f"foreign-{count}", trade_id=f"foreign-{count}")
            self._push(t_ns, replace(event, fill=other), b"")

    def _arrive(self, event: AnyInput, raw: bytes) -> None:
        """Take a report in; after the fill that makes an order whole the venue may fill more than it should have."""
        self._receive(event, raw)
        if not isinstance(event, Filled):
            return
        fill = event.fill
        if count := self.board.strikes("busted", event.t_ns):
            self._hold(event.t_ns + self.board.late_ns(LATER_NS, "busted", count), "undo", fill)
        if not self.board.faults.overfilled:
            return
        whole = any(one.status is ChildStatus.FILLED for one in self.inner.truth() if one.child_id == fill.child_id)
        if whole and fill.child_id not in self._extra and self.board.strikes("overfilled", event.t_ns):
            extra = replace(fill, trade_id=f"{fill.trade_id}-over", qty_units=1, fee_money=0)
            self._extra[fill.child_id] = (extra,)
            self._receive(replace(event, fill=extra), b"")

    def _truthful(self, event: AnyInput) -> AnyInput:
        """Return a report with the venue's surplus fills in it, and a stranger among the open orders."""
        if isinstance(event, StatusReported):
            return replace(event, status=self._with_extra(event.status))
        if isinstance(event, Ended):
            more = sum(fill.qty_units for fill in self._extra.get(event.child_id, ()))
            less = sum(fill.qty_units for fill in self._undone.get(event.child_id, ()))
            return replace(event, cum_qty=event.cum_qty + more - less) if more or less else event
        if isinstance(event, OpenOrdersReported):
            statuses = tuple(self._with_extra(status) for status in event.statuses)
            if count := self.board.strikes("foreign", event.t_ns):
                statuses += (OrderStatus(child_id=f"foreign-open-{count}", known=True, live=True),)
            return replace(event, statuses=statuses)
        return event

    def _with_extra(self, status: OrderStatus) -> OrderStatus:
        extra, undone = (found.get(status.child_id, ()) for found in (self._extra, self._undone))
        if not extra and not undone:
            return status
        gone = {fill.trade_id for fill in undone}
        fills = tuple(fill for fill in status.fills + extra if fill.trade_id not in gone)
        return replace(status, cum_qty=sum(fill.qty_units for fill in fills), fills=fills, busted=undone)

    def _skewed(self, event: AnyInput) -> AnyInput:
        """Return a report with the venue's times as a clock that is off tells them."""
        if not isinstance(event, Acked | Rejected | Ended | CancelRejected | Filled | Busted):
            return event
        found = self.board.stretch("skewed", event.t_ns)
        if not found:
            return event
        off_ns = self.board.number(2 * SKEW_NS + 1, "skewed", "by", found[0]) - SKEW_NS
        if isinstance(event, Filled):
            return replace(event, fill=replace(event.fill, t_venue_ns=event.fill.t_venue_ns + off_ns))
        return replace(event, t_venue_ns=event.t_venue_ns + off_ns)

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return what has got through by ``now_ns``."""
        self._gather(now_ns)
        due = []
        while self._due and self._due[0][0] <= now_ns:
            due.append(heapq.heappop(self._due)[2])
        return tuple(due)

    # -- time --------------------------------------------------------------------------------------------------------

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move as the wrapped market does, stopping where something of our own comes due as well."""
        t_ns = max(self.inner.now_ns, min(until_ns, self.inner.start_ns))
        while True:
            own, fired = self._watched(watches, t_ns)
            if fired:
                return t_ns, fired
            dues = [queue[0][0] for queue in (self._held, self._due) if queue]
            goal = min(until_ns, self.board.next_edge_ns(t_ns), *dues)
            t_ns, fired = self.inner.advance(max(goal, t_ns), own)
            self._happen(t_ns)
            self._gather(t_ns)
            if fired or (self._due and self._due[0][0] <= t_ns):
                return t_ns, fired
            if t_ns >= until_ns:
                return t_ns, self._watched(watches, t_ns)[1]

    # -- as one of several markets ----------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Return the local time reached."""
        found: int = self.inner.now_ns
        return found

    def end_of(self, listing: str) -> int:
        """Return the local time of the last row of a listing."""
        found: int = self.inner.end_of(listing)
        return found

    @property
    def next_message_ns(self) -> int:
        """Return when the next message gets through, or may be lost, ``merge.NEVER`` = none is on its way."""
        found: int = self.inner.next_message_ns
        return min(found, self._due[0][0]) if self._due else found

    @property
    def is_idle(self) -> bool:
        """Return whether nothing can come of it unless it is watched; after a first order the wire may always fail."""
        return not (self.sent or self._held or self._due) and bool(self.inner.is_idle)

    @property
    def undisturbed_ns(self) -> int:
        """Return the local time up to which no command arrives, no session changes and no stretch begins or ends."""
        soon: int = min(self.inner.undisturbed_ns, self.board.next_edge_ns(self.inner.now_ns) - 1)
        return min(soon, self._held[0][0] - 1) if self._held else soon

    def rehearse(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, bool]:
        """Run the wrapped market ahead to the first stop; see ``SimMarket.rehearse``. Nothing fails meanwhile."""
        stood: int = self.inner.now_ns
        own, fired = self._watched(watches, stood)
        self._went = not fired and until_ns > stood  # a command let go here just now is not rehearsed
        if not self._went:
            return stood, bool(fired)
        found: tuple[int, bool] = self.inner.rehearse(until_ns, own)
        return found

    def put_back(self) -> None:
        """Stand again where the last rehearsal began."""
        if self._went:
            self.inner.put_back()

    # -- what is seen ------------------------------------------------------------------------------------------------

    def _watched(self, watches: Sequence[Watch], t_ns: int) -> tuple[tuple[Watch, ...], tuple[str, ...]]:
        """Return the watches as the wrapped market must have them, and those that hold by what is wrong with the feed.

        Whether a book is sound is asked of what we are shown, which changes where a stretch begins or ends too.
        """
        own, fired = [], []
        for watch in watches:
            if watch.kind is not WatchKind.INTEGRITY or not (flags := self._flags(t_ns)):
                own.append(watch)
                continue
            shown = self.inner.view(t_ns, watch.listing).integrity
            if watch.a == shown | flags:
                own.append(replace(watch, a=int(shown)))
            else:
                fired.append(watch.watch_id)
        return tuple(own), tuple(sorted(fired))

    def _gather(self, t_ns: int) -> None:
        for message in self.inner.poll(t_ns):
            self._arrive(message.event, message.raw)

    def _happen(self, t_ns: int) -> None:
        """Let held commands arrive; let stretches begin and end."""
        while self._held and self._held[0][0] <= t_ns:
            _, _, what, argument = heapq.heappop(self._held)
            if what == "undo":
                self._undone[argument.child_id] = (*self._undone.get(argument.child_id, ()), argument)
                self._receive(Busted(t_ns=t_ns, fill=argument, t_venue_ns=t_ns), b"")
            else:
                getattr(self.inner, what)(argument, t_ns)
        if self._cut is not None and t_ns >= self._cut[1]:
            self._cut = None
            for child_id in self.sent:  # as the live shell does when it is connected again
                text = "the connection was lost and made again: reports may be missing"
                self._push(t_ns, SendFailed(t_ns=t_ns, child_id=child_id, text=text), b"")
        if self._cut is None and (cut := self.board.stretch("disconnected", t_ns)):
            self._cut = cut
            self._due = [one for one in self._due if isinstance(one[2].event, SendFailed)]
        closed = self.board.stretch("maintenance", t_ns)
        if closed and closed != self._closed_for:
            self._closed_for = closed
            for status in self.inner.truth():
                if status.live:
                    self.inner.cancel(status.child_id, t_ns)

    def view(self, t_ns: int, listing: str = "") -> View:
        """Return the market as the feed shows it, with what is wrong with the feed."""
        view: View = self.inner.view(t_ns, listing)
        flags = self._flags(t_ns)
        return replace(view, integrity=view.integrity | flags) if flags else view

    def _flags(self, t_ns: int) -> Integrity:
        """Return what is wrong with the feed at an instant."""
        flags = Integrity.OK
        for name, flag in _FEED:
            if found := self.board.stretch(name, t_ns):
                flags |= flag or _BOOKS[self.board.number(len(_BOOKS), name, "as", found[0])]
        return flags

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venue's own record of every order and fill, surplus fills included."""
        known = tuple(self._with_extra(status) for status in self.inner.truth())
        return (*known, *self._refused.values())

    def undone_units(self) -> int:
        """Return how much of what traded was undone again."""
        return sum(fill.qty_units for fills in self._undone.values() for fill in fills)

    def report(self) -> dict[str, Any]:
        """Return the seed, what was set and what happened, JSON-able."""
        return {"seed": self.board.seed, "faults": str(self.board.faults), "happened": self.board.report()}


def _false_report(event: Acked | Filled, count: int) -> AnyInput:
    """Return a report that contradicts a true one."""
    child_id = event.fill.child_id if isinstance(event, Filled) else event.child_id
    t_ns, said = event.t_ns, ChildStatus.CANCELED
    false: tuple[AnyInput, ...] = (
        Ended(t_ns=t_ns, child_id=child_id, t_venue_ns=t_ns, status=said, cum_qty=-count),
        Rejected(t_ns=t_ns, child_id=child_id, t_venue_ns=t_ns, code="other", text="nonsense"),
        StatusReported(
            t_ns=t_ns, status=OrderStatus(child_id=child_id, known=True, cum_qty=-1), requested_ns=t_ns - SOON_NS
        ),
        Acked(t_ns=t_ns, child_id=f"nonsense-{count}", t_venue_ns=t_ns),
    )
    return false[count % len(false)]


_LOST: dict[type, str] = {Acked: "ack_lost", Filled: "fill_lost", Ended: "end_lost", CancelRejected: "end_lost"}
_BOOKS = (Integrity.CROSSED, Integrity.EMPTY, Integrity.SILENT)
_FEED = (
    ("disconnected", Integrity.GAP),
    ("gap", Integrity.GAP),
    ("maintenance", Integrity.HALTED),
    ("skewed", Integrity.CLOCK),
    ("bad_book", Integrity.OK),
)
