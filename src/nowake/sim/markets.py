"""Several markets on one clock: each with its own tape, latency, fees, rules and session.

``advance`` stops at the earliest watch, message or limit over all of them, and then every one stands exactly there:
none has run past it, so what we do next meets each venue as it is. At one instant all rows received by then are in,
except that a market whose watch fired stands right behind the message that fired it. ``markets_reference`` is the
plain meaning.

A market may not run before it is known where the others stop. Those with a watch, an order, a command or a message are
*active*. When there are several, they rehearse a stretch of time: each runs its kernels ahead, no farther than the
earliest stop found so far, on state that can be put back; then whoever is ahead of the earliest is put back and runs
to it. A stretch ends before a command arrives or a session changes. Markets that are not active follow when somebody
looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nowake.core.child import ChildOrder, OrderStatus
from nowake.core.ports import VenueMessage
from nowake.core.value import require
from nowake.core.view import View, Watch
from nowake.market.own import NOT_BEGUN
from nowake.sim.world import Market

REFERENCE = "nowake.sim.markets_reference:ReferenceMarkets"
"""The plain meaning, which tests hold this to."""

STRETCH_NS = 100_000_000
"""Length of the first rehearsal; the next ones go by how far apart the stops are."""
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

    def rehearse(self, until_ns: int, watches: Sequence[Watch] = (), *, last: bool = False) -> tuple[int, bool]:
        """Run ahead to the first stop; see ``SimMarket.rehearse``."""

    def put_back(self) -> None:
        """Stand again where the last rehearsal began."""

    def truth(self) -> tuple[OrderStatus, ...]:
        """Return the venue's own record of every order and fill."""


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
        self._stretch_ns = STRETCH_NS
        self._of_child: dict[str, Member] = {}
        self._turn = list(self.members.values())
        self._held: set[str] = set()

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
            require(False, "listing", listing, f"one of {', '.join(self.members)}")
            raise AssertionError
        return found

    def _here(self, listing: str, t_ns: int) -> Member:
        """Return a market, brought to an instant at which nothing stops it."""
        one = self._member(listing)
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
        due = [message for one in self.members.values() if not one.is_idle for message in one.poll(now_ns)]
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
        wanted = {key: tuple(one for one in watches if one.listing == key) for key in {w.listing for w in watches}}
        active = [one for one in self._turn if one.key in wanted or not one.is_idle]
        for key in wanted:
            self._member(key)
        for one in self.members.values():
            # Where a watch fired, rows of that very instant may be left; those of active markets are looked at below.
            if (one in active and one.now_ns < self.now_ns) or (one not in active and one.key in self._held):
                one.advance(self.now_ns, ())
        fired = self._together(active, wanted, self.now_ns)
        while not fired and self.now_ns < until_ns:
            goal = min(until_ns, self._next_message(active))
            if goal <= self.now_ns:
                break
            fired = self._stretch(active, wanted, goal)
        self._held = {watch.listing for watch in watches if watch.watch_id in fired}
        return self.now_ns, tuple(sorted(fired))

    @staticmethod
    def _next_message(active: list[Member]) -> int:
        return min((one.next_message_ns for one in active), default=2**62)

    def _together(self, active: list[Member], wanted: dict[str, tuple[Watch, ...]], t_ns: int) -> list[str]:
        """Move all active markets to ``t_ns``, before which none of them stops; returns the watches that hold."""
        fired: list[str] = []
        for one in active:
            reached, held = one.advance(t_ns, wanted.get(one.key, ()))
            assert reached == t_ns, f"{one.key} stopped at {reached}, the others at {t_ns}"
            fired += held
        self.now_ns = t_ns
        return fired

    def _stretch(self, active: list[Member], wanted: dict[str, tuple[Watch, ...]], goal_ns: int) -> list[str]:
        """Move to the first stop of any market, to ``goal_ns`` at the farthest; returns the watches that hold."""
        if len(active) < 2:
            held_now: tuple[str, ...] = ()
            self.now_ns = goal_ns
            for one in active:
                self.now_ns, held_now = one.advance(goal_ns, wanted.get(one.key, ()))
            return list(held_now)
        calm = min(one.undisturbed_ns for one in active)
        if calm <= self.now_ns:
            return self._together(active, wanted, self.now_ns) or self._together(active, wanted, self.now_ns + 1)
        began, end = self.now_ns, min(goal_ns, self.now_ns + self._stretch_ns, calm)
        stops: list[tuple[int, bool]] = []
        stop = end
        for one in active:
            reached, held = one.rehearse(stop, wanted.get(one.key, ()), last=one is active[-1])
            stops.append((reached, held))
            stop = min(stop, reached)
        fired: list[str] = []
        for one, (reached, held) in zip(active, stops, strict=True):
            if reached > stop:
                one.put_back()
            holds = held and reached == stop
            fired += one.advance(stop, wanted[one.key] if holds else ())[1]
        self._adapt(active, stops, stop, began, end)
        self.now_ns = stop
        return fired

    def _adapt(self, active: list[Member], stops: list[tuple[int, bool]], stop: int, began: int, end: int) -> None:
        """Make the next rehearsal about as long as a stop takes to come, and let who stopped first begin it."""
        if stop < end:
            self._stretch_ns = max(STRETCH_MIN_NS, 2 * (stop - began))
            first = next(one for one, (reached, _) in zip(active, stops, strict=True) if reached == stop)
            self._turn.sort(key=lambda one: one is not first)
        else:
            self._stretch_ns = min(STRETCH_MAX_NS, 2 * self._stretch_ns)
