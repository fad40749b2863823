"""Several markets on one clock: each with its own tape, latency, fees, rules and session.

``advance`` stops at the earliest watch, message or limit over all of them, and then every one stands exactly there:
none has run past it, so what we do next meets each venue as it is. At one instant all rows received by then are in,
except that a market whose watch fired stands right behind the message that fired it. ``markets_reference`` is the
plain meaning.

A market with a watch, an order, a command or a message is *active*. When there are several, each runs ahead by itself
to its own next stop, on state that can be put back (``rehearse``), and waits there. The earliest stop of all is where
the clock goes; who stops there becomes real, the others keep waiting. Whoever is looked at, sent to, or given other
watches while it is ahead is put back and runs to the clock first: nobody ever meets a market that has seen the future.
Commands and the change of a session are never rehearsed. Markets that are not active follow when somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from nowake.core.child import ChildOrder, OrderStatus
from nowake.core.errors import InputError
from nowake.core.ports import VenueMessage
from nowake.core.value import require
from nowake.core.view import View, Watch
from nowake.market.own import NOT_BEGUN
from nowake.sim.world import Market

REFERENCE = "nowake.sim.markets_reference:ReferenceMarkets"
"""The plain meaning, which tests hold this to."""

STRETCH_NS = 100_000_000
"""How far a market first runs ahead; twice as far when that was not in vain, half as far when it was put back."""
STRETCH_MIN_NS, STRETCH_MAX_NS = 100_000, 3_600_000_000_000


class Member(Market, Protocol):
    """One market of several; ``sim.exchange.SimMarket`` is one."""

    key: str
    start_ns: int
    end_ns: int

    @property
    def now_ns(self) -> int:
        """Return the local time reached."""

    @property
    def next_message_ns(self) -> int:
        """Return when the next message reaches us, ``merge.NEVER`` = none is on its way."""

    @property
    def is_idle(self) -> bool:
        """Return whether nothing can come of it unless it is watched."""

    @property
    def undisturbed_ns(self) -> int:
        """Return the local time up to which no command arrives and no session changes."""

    def rehearse(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, bool]:
        """Run ahead to the first stop; see ``SimMarket.rehearse``."""

    def put_back(self) -> None:
        """Stand again where the last rehearsal began."""

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venue's own record of every order and fill."""


class _Ahead(NamedTuple):
    """Where a market waits that has run ahead: its next stop, whether a watch holds there, and which were looked at."""

    stop_ns: int
    fired: bool
    watches: tuple[Watch, ...]


class Markets:
    """Several markets on one clock; implements ``sim.world.Market``.

    Args:
        members: One a listing; their order is that of messages and fired watches at one instant.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        require(len(members) > 0, "members", len(members), "at least one")
        self.members: dict[str, Member] = {one.key: one for one in members}
        twice = len(self.members) < len(members)
        require(not twice, "members", [one.key for one in members], "of different listings")
        self.now_ns = NOT_BEGUN
        self._ahead: dict[str, _Ahead] = {}
        self._stretch_ns = dict.fromkeys(self.members, STRETCH_NS)
        self._held: set[str] = set()
        self._of_child: dict[str, Member] = {}

    @property
    def end_ns(self) -> int:
        """Return the local time of the last row of all."""
        return max(one.end_ns for one in self.members.values())

    def end_of(self, listing: str) -> int:
        """Return the local time of the last row of a listing."""
        return self._member(listing).end_ns

    def _member(self, listing: str) -> Member:
        found = self.members.get(listing)
        if found is None:
            raise InputError("listing", listing, f"one of {', '.join(self.members)}")
        return found

    def _here(self, listing: str, t_ns: int) -> Member:
        """Return a market, brought to an instant at which nothing stops it: back from ahead, or up from behind."""
        one = self._member(listing)
        if self._ahead.pop(listing, None) is not None:
            one.put_back()
            self._stretch_ns[listing] = max(STRETCH_MIN_NS, self._stretch_ns[listing] // 2)
        if one.now_ns < t_ns:
            one.advance(t_ns, ())
        return one

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child to the venue of its listing."""
        one = self._here(child.listing, now_ns)
        self._of_child[child.child_id] = one
        one.submit(child, now_ns)

    def _venue_of(self, child_id: str, now_ns: int) -> Member:
        require(child_id in self._of_child, "child_id", child_id, "of a child that was sent")
        return self._here(self._of_child[child_id].key, now_ns)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask the venue of a child to cancel it."""
        self._venue_of(child_id, now_ns).cancel(child_id, now_ns)

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask the venue of a child what became of it."""
        self._venue_of(child_id, now_ns).query(child_id, now_ns)

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask one venue for all open orders."""
        self._here(listing, now_ns).query_open(listing, now_ns)

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return the messages due by ``now_ns``, by time, then by the order of the markets."""
        due = [
            message
            for one in self.members.values()
            if one.next_message_ns <= now_ns
            for message in self._here(one.key, now_ns).poll(now_ns)
        ]
        return tuple(sorted(due, key=lambda message: message.event.t_ns))

    def view(self, t_ns: int, listing: str = "") -> View:
        """Return the market of a listing as we know it at ``t_ns``; no name = the first."""
        return self._here(listing or next(iter(self.members)), t_ns).view(t_ns, listing)

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venues' own records of every order and fill: for judging, never for deciding."""
        return tuple(status for one in self.members.values() for status in one.truth())

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first watch that holds, the first message due to us, on any market.

        Returns:
            (t_ns, fired): local time reached; ids of all watches that hold there, in rising order.
        """
        if self.now_ns == NOT_BEGUN:
            self.now_ns = min(until_ns, *(one.start_ns for one in self.members.values()))
        until_ns = max(until_ns, self.now_ns)
        wanted: dict[str, tuple[Watch, ...]] = {}
        for watch in watches:
            wanted[self._member(watch.listing).key] = (*wanted.get(watch.listing, ()), watch)
        active, fired = self._begin(wanted)
        while not fired and self.now_ns < until_ns:
            goal = min([until_ns, *(one.next_message_ns for one in active)])
            if goal <= self.now_ns:
                break
            fired = self._alone(active, wanted, goal) if len(active) < 2 else self._stretch(active, wanted, goal)
        self._held = {watch.listing for watch in watches if watch.watch_id in fired}
        return self.now_ns, tuple(sorted(fired))

    def _begin(self, wanted: dict[str, tuple[Watch, ...]]) -> tuple[list[Member], list[str]]:
        """Bring who must act to the clock; returns the active markets and the watches that hold now."""
        active: list[Member] = []
        fired: list[str] = []
        for key, one in self.members.items():
            ahead, mine = self._ahead.get(key), wanted.get(key, ())
            if ahead is not None and ahead.watches == mine:
                active.append(one)  # it has been looked at here, and waits at its next stop
                continue
            if ahead is not None:
                self._here(key, self.now_ns)
            if mine or not one.is_idle:
                active.append(one)
                self._here(key, self.now_ns)
                fired += one.advance(self.now_ns, mine)[1]
            elif key in self._held:
                one.advance(self.now_ns, ())  # where its watch fired, rows of that very instant may be left
        if len(active) < 2:
            for one in active:
                self._here(one.key, self.now_ns)
        return active, fired

    def _alone(self, active: list[Member], wanted: dict[str, tuple[Watch, ...]], goal_ns: int) -> list[str]:
        """Move the only active market, if there is one, to its next stop or ``goal_ns``."""
        fired: tuple[str, ...] = ()
        self.now_ns = goal_ns if not active else self.now_ns
        for one in active:
            self.now_ns, fired = one.advance(goal_ns, wanted.get(one.key, ()))
        return list(fired)

    def _stretch(self, active: list[Member], wanted: dict[str, tuple[Watch, ...]], goal_ns: int) -> list[str]:
        """Move to the first stop of any market, to ``goal_ns`` at the farthest; returns the watches that hold."""
        for one in active:
            if one.key not in self._ahead:
                self._run_ahead(one, wanted.get(one.key, ()))
        stop = min(goal_ns, *(self._ahead[one.key].stop_ns for one in active))
        fired: list[str] = []
        for one in active:
            ahead = self._ahead[one.key]
            if ahead.stop_ns == stop:
                del self._ahead[one.key]
                fired += one.advance(stop, ahead.watches if ahead.fired else ())[1]
        self.now_ns = stop
        return fired

    def _run_ahead(self, one: Member, watches: tuple[Watch, ...]) -> None:
        """Let a market run to its next stop and wait there; it goes one instant only where it must not be rehearsed."""
        calm = min(one.undisturbed_ns, one.next_message_ns)
        until = min(calm, self.now_ns + self._stretch_ns[one.key])
        if until <= self.now_ns:
            one.rehearse(self.now_ns)
            self._ahead[one.key] = _Ahead(self.now_ns + 1, fired=True, watches=watches)
            return
        stop, fired = one.rehearse(until, watches)
        self._ahead[one.key] = _Ahead(stop, fired, watches)
        if stop == until:
            self._stretch_ns[one.key] = min(STRETCH_MAX_NS, 2 * self._stretch_ns[one.key])
