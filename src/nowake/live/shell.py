"""The live shell: the simulator's loop over a real clock, a connection and a journal on disk. The same engine host.

One thread, one loop: take in what arrived, bring our market up to now, hand messages, watches and timers to the
engine, let the effects of durable batches leave. A process that dies anywhere in it is continued by the next one:
fold the journal, put everything possibly sent in doubt, ask the venue.
"""

from __future__ import annotations

from contextlib import suppress

from nowake.core.child import ChildStatus, Fill, Liquidity, TimeInForce
from nowake.core.decisions import AnyDecision
from nowake.core.errors import VenueUnavailable
from nowake.core.inputs import (
    Acked,
    AnyInput,
    Filled,
    OpenOrdersReported,
    OrderReceived,
    SendFailed,
    StatusReported,
    Woken,
)
from nowake.core.order import ParentOrder
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace
from nowake.core.view import Integrity, View, Watch, WatchKind
from nowake.engine.desk import Desk
from nowake.engine.drop_copy import DropCopy
from nowake.engine.env import Env
from nowake.engine.host import Host
from nowake.engine.state import EngineState
from nowake.journal.journal import Journal
from nowake.journal.told import Listener, told
from nowake.live.clock import LocalClock
from nowake.live.drift import DRIFT_NS, WINDOW_NS, DriftMeter
from nowake.live.market import fed_market, feed_gap
from nowake.live.recover import Recovered, recover, save_state
from nowake.live.venues.base import LiveVenue

WAIT_SECONDS = 0.02
"""Longest sleep of the loop: the bound on how late a timer is noticed when nothing arrives."""
RECONNECT_NS = NS_PER_SECOND
FEED_LATE_NS = NS_PER_SECOND
"""How long the place of an order in the queue waits for the feed to come to its arrival: a market may be quiet."""
RESTING = (ChildStatus.WORKING, ChildStatus.PENDING_CANCEL)


class Shell:
    """Works the orders of one journal at one venue.

    Args:
        journal: Open for writing; mode ``each`` or ``grouped`` (effects wait for durability in both).
        epoch: The journal's, as of this opening.
        env: The engine's environment; must be the one the journal was begun with.
        venue: Adapter; is connected when it is not.
        clock: The local clock.
        desk: Where operators' commands come from; None = nowhere.
        snapshot_every: Records between two saved states, which bounds what a recovery folds; 0 = never.
        use_snapshot: False recovers by folding everything.
        listener: Told of every batch once it is durable.
        drop_copy: Asks the venue again what it filled; None = every 30 s.

    Attributes:
        recovered: What the journal stood for when this process began.
        drift: How far the venue's clock has moved against ours; over 500 ms nothing new is sent (18).
    """

    def __init__(
        self,
        journal: Journal,
        epoch: int,
        env: Env,
        venue: LiveVenue,
        clock: LocalClock,
        *,
        desk: Desk | None = None,
        snapshot_every: int = 1000,
        use_snapshot: bool = True,
        listener: Listener | None = None,
        drop_copy: DropCopy | None = None,
    ) -> None:
        self.recovered: Recovered = recover(journal, use_snapshot=use_snapshot)
        self.host = Host(env, told(journal, listener), self.recovered.state)
        self._journal, self._venue, self._clock = journal, venue, clock
        self._every, self._saved = snapshot_every, self.recovered.from_seq
        self._desk = desk
        self._copy = drop_copy or DropCopy()
        self._last_view = self.recovered.view
        self._seen = _trade_ids(self.recovered.state)
        self._tracked: set[str] = set()
        self._arrived: dict[str, int] = {}
        self._shown_ns = 0
        self._gap = False
        self._retry_ns = 0
        faster = NS_PER_SECOND // max(1, int(1e9 * clock.wall_seconds(NS_PER_SECOND)))  # half a second on the wall
        self.drift = DriftMeter(DRIFT_NS * max(1, faster), WINDOW_NS * max(1, faster))
        if not venue.connected:
            venue.connect()
        self._feed_since_ns = self._now()
        self.market = fed_market(venue.meta, venue.session, self._last_view)
        if self.recovered.records:
            now_ns = self._now()
            self._release(self.host.restart(now_ns, epoch), now_ns)

    @property
    def state(self) -> EngineState:
        """Return the newest durable state."""
        return self.host.state

    def _now(self) -> int:
        """Return the local time; never before what is journaled, whatever clock wrote that."""
        return max(self._clock.now_ns(), self.host.state.t_ns)

    def view(self, now_ns: int) -> View:
        """Return the market as we know it; it must have been brought up to ``now_ns``."""
        view = self.market.view(now_ns)
        return replace(view, integrity=view.integrity | Integrity.CLOCK) if self.drift.over else view

    def submit(self, order: ParentOrder, *, within_ns: int = 60 * NS_PER_SECOND) -> None:
        """Hand an order to the engine as soon as the book may be traded on, at the latest after ``within_ns``."""
        give_up_ns = self._now() + within_ns
        while True:
            now_ns = self._take_in()
            self._advance(now_ns)
            if self.view(now_ns).tradable or now_ns >= give_up_ns:
                break
        self._handle(OrderReceived(t_ns=now_ns, order=order, view=self.view(now_ns)), now_ns)

    def run(self, until_ns: int) -> EngineState:
        """Work until nothing is left to do, or until local time ``until_ns``; return the state."""
        while (self.host.state.active() or self._copy.unsettled(self.host.state)) and self._now() < until_ns:
            self.step()
        self.host.store.sync()
        return self.host.state

    def step(self) -> None:
        """One turn of the loop."""
        now_ns = self._take_in()
        fired = self._advance(now_ns)
        for message in self._venue.poll(now_ns):
            self._own_prints(message.event)
            event = message.event
            if isinstance(event, Acked):
                self._arrived[event.child_id] = event.t_venue_ns
            if not self._copy.is_news(event, self.host.state):
                continue
            if hasattr(event, "view"):
                event = replace(event, view=self.view(now_ns))
            self._handle(event, now_ns, message.raw)
        self._commands(now_ns)
        self._wakes(now_ns, fired)
        self._copy.ask(self.host.state, self._venue, now_ns)
        self._follow(now_ns)
        self._save()

    def close(self) -> None:
        """Let go of the venue; the journal belongs to the caller."""
        self._venue.close()

    # -- what comes in ----------------------------------------------------------------------------------------------

    def _take_in(self) -> int:
        """Wait for something to happen, feed our market; return the local time reached."""
        self._venue.wait(self._patience())
        if not self._venue.connected:
            self._reconnect()
        now_ns = self._now()
        if self._venue.clock_ns:
            self.drift.take(now_ns, self._venue.clock_ns)
        for rows in self._venue.rows(now_ns):
            self.market.feed(rows)
            self._shown_ns = max(self._shown_ns, int(rows.t_event.max(initial=0)))
        return now_ns

    def _patience(self) -> float:
        timer = self.host.due_timer()
        return min(WAIT_SECONDS, self._clock.wall_seconds(timer - self._now())) if timer else WAIT_SECONDS

    def _reconnect(self) -> None:
        """The connection is lost: distrust the book; when it is back, distrust all we believe of our children."""
        now_ns = self._now()
        if not self._gap:
            self._gap = True
            feed_gap(self.market, now_ns)
        if now_ns < self._retry_ns:
            return
        self._retry_ns = now_ns + RECONNECT_NS
        with suppress(VenueUnavailable):
            self._venue.connect()
            self._gap = False
            self._feed_since_ns = self._now()
            live = [child_id for parent in self.state.parents.values() for child_id in parent.live]
            for child_id in live:
                now_ns = self._now()
                text = "the connection was lost and made again: reports may be missing"
                self._handle(SendFailed(t_ns=now_ns, child_id=child_id, text=text), now_ns)

    def _advance(self, now_ns: int) -> set[str]:
        """Bring our market up to now; return the watches that held at any message on the way."""
        armed: list[Watch] = []
        fired: set[str] = set()
        for watch in (one for parent in self.state.parents.values() for one in parent.watches.values()):
            if watch.kind is not WatchKind.INTEGRITY:
                armed.append(watch)
            elif bool(watch.a & Integrity.CLOCK) is self.drift.over:  # the market knows nothing of clocks
                armed.append(replace(watch, a=watch.a & ~int(Integrity.CLOCK)))
            else:
                fired.add(watch.watch_id)
        while True:
            left: tuple[Watch, ...] = tuple(watch for watch in armed if watch.watch_id not in fired)
            reached, held = self.market.advance(now_ns, left)
            fired.update(held)
            if reached >= now_ns and not held:
                return fired

    def _own_prints(self, event: AnyInput) -> None:
        """Count own fills we are told of for the first time, by whichever message."""
        for fill in _fills(event):
            if fill.trade_id in self._seen or self.state.find_child(fill.child_id) is None:
                continue
            self._seen.add(fill.trade_id)
            takes = fill.liquidity is Liquidity.TAKER and not self._venue.shows_own_takes
            unseen = fill.t_venue_ns < self._feed_since_ns
            self.market.own_print(fill.price_units, fill.qty_units, added=takes or unseen or fill.unprinted)

    # -- what goes to the engine ------------------------------------------------------------------------------------

    def _commands(self, now_ns: int) -> None:
        """Hand over what operators ask for; they are answered when it is durable."""
        while self._desk is not None and (commands := self._desk.take(now_ns, self.host)):
            for command in commands:
                given = replace(command, t_ns=now_ns, view=self.view(now_ns))
                decisions = self._handle(given, now_ns)
                self._journal.sync()
                self._desk.tell(command, decisions, self.host)

    def _wakes(self, now_ns: int, fired: set[str]) -> None:
        """Wake each parent once for all of its timers and watches that are due; late ones are due too."""
        for parent_id, parent in self.state.parents.items():
            due = [key for key, timer in parent.timers.items() if timer.t_ns <= now_ns]
            due += [key for key in parent.watches if key in fired]
            if due:
                view = self.view(now_ns)
                event = Woken(t_ns=now_ns, parent_id=parent_id, fired=tuple(sorted(due)), view=view)
                self._handle(event, now_ns)

    def _handle(self, event: AnyInput, now_ns: int, raw: bytes = b"") -> tuple[AnyDecision, ...]:
        before = self.host.state
        try:
            decisions = self.host.handle(event, raw)
        except Exception:  # whatever it is: what rests at the venue must not stay there alone (I28)
            self._withdraw(now_ns)
            raise
        if self.host.state is not before:  # else nothing was journaled, and recovery would not know the view
            self._last_view = getattr(event, "view", None) or self._last_view
        self._release(decisions, now_ns)
        return decisions

    def _release(self, decisions: tuple[AnyDecision, ...], now_ns: int) -> None:
        for failed in self.host.release(decisions, self._venue, now_ns):
            self._handle(failed, now_ns)

    def _withdraw(self, now_ns: int) -> None:
        """The core or the journal failed (I28, F27): only cancels may leave now, and they should."""
        for parent in self.state.parents.values():
            for child_id in parent.live:
                with suppress(VenueUnavailable):
                    self._venue.cancel(child_id, now_ns)

    def _follow(self, now_ns: int) -> None:
        """Estimate the queues of exactly those children that rest, as the engine knows them.

        Who joined before us may be on its way still: the queue is what the feed shows when it has come to our arrival.
        """
        children = {key: child for parent in self.state.parents.values() for key, child in parent.live.items()}
        self._arrived = {key: t_ns for key, t_ns in self._arrived.items() if key in children}
        resting = {
            key: child.order
            for key, child in children.items()
            if child.status in RESTING
            and child.order.tif is TimeInForce.GTC
            and (self._arrived.get(key, 0) <= self._shown_ns or now_ns >= child.acked_ns + FEED_LATE_NS)
        }
        for child_id in self._tracked - set(resting):
            self.market.untrack(child_id)
        for child_id, order in resting.items():
            if child_id not in self._tracked:
                self.market.track(child_id, order.side, order.price_units)
        self._tracked = set(resting)

    def _save(self) -> None:
        records = self._journal.head()[0]
        if self._every and records - self._saved >= self._every:
            save_state(self._journal, self.state, self._last_view)
            self._saved = records


def _fills(event: AnyInput) -> tuple[Fill, ...]:
    if isinstance(event, Filled):
        return (event.fill,)
    if isinstance(event, StatusReported):
        return event.status.fills
    if isinstance(event, OpenOrdersReported):
        return tuple(fill for status in event.statuses for fill in status.fills)
    return ()


def _trade_ids(state: EngineState) -> set[str]:
    """Return the ids of all trades that a state has applied."""
    found: set[str] = set()
    for parent in state.parents.values():
        for children in (parent.live, parent.closed):
            for child in children.values():
                found.update(key.trade_id for key in child.fills)
    return found
