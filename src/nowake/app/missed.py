"""What each slice wanted and did not get, and why: told from the journal by folding it to the end of every slice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nowake.core import decisions as d
from nowake.core.child import ChildStatus
from nowake.core.decisions import ParentStatus
from nowake.core.instrument import Listing
from nowake.core.plan import ExecutionSlice
from nowake.core.sessions import iso
from nowake.core.units import json_number
from nowake.core.view import View
from nowake.engine.env import Env
from nowake.engine.host import fold
from nowake.engine.pacing import allowance
from nowake.engine.schedule import due_units, want
from nowake.engine.state import EngineState, ParentState, get_parent
from nowake.journal.codec import Batch
from nowake.tca.trail import parent_of
from nowake.view.format import clock, humanise, quantity

WAITING = (ChildStatus.IN_FLIGHT, ChildStatus.PENDING_CANCEL, ChildStatus.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class SliceStory:
    """One slice as it went, quantities in units.

    Attributes:
        index: Leg number.
        release_ns, end_ns: Its window; it ends early when a revised plan takes its place or the order ends.
        planned: What it adds to the schedule.
        children, sent: How many children were sent for it, and their quantity (a rest sent again counts again).
        due: What the schedule had released in all by its end.
        filled, live: Of the order at its end.
        missing: Wanted at its end and neither filled nor at the venue.
        why: Why that was not sent, in words; empty where nothing is missing.
    """

    index: int
    release_ns: int
    end_ns: int
    planned: int
    children: int
    sent: int
    due: int
    filled: int
    live: int
    missing: int
    why: tuple[str, ...]

    def to_dict(self, listing: Listing) -> dict[str, Any]:
        """Return it as JSON, in human units."""
        unit = listing.instrument
        amounts = {name: getattr(self, name) for name in ("planned", "sent", "due", "filled", "live", "missing")}
        return {
            "slice": self.index,
            "release": iso(self.release_ns),
            "end": iso(self.end_ns),
            "children": self.children,
            **{name: json_number(unit.qty(units)) for name, units in amounts.items()},
            "why": list(self.why),
        }


@dataclass
class _Open:
    """The slice that is being worked."""

    one: ExecutionSlice
    children: int = 0
    sent: int = 0
    held: dict[str, str] = field(default_factory=dict)


@dataclass
class _Reader:
    """Walks a journal from slice to slice."""

    parent_id: str
    listing: Listing
    env: Env
    zone: str
    view: View | None = None
    state: EngineState = field(default_factory=EngineState)
    waiting: deque[ExecutionSlice] = field(default_factory=deque)
    current: _Open | None = None
    turned: str = ""
    told: list[SliceStory] = field(default_factory=list)

    def take(self, batch: Batch) -> None:
        """Go on by one batch."""
        t_ns = batch.input.t_ns
        self._pass(t_ns)
        made = [one for one in batch.decisions if parent_of(one) == self.parent_id]
        plans = [one.plan for one in made if isinstance(one, d.OrderAdmitted | d.PlanAdopted)]
        if plans:
            self.close(t_ns)
        self.state = fold(batch.records, self.state)
        view = getattr(batch.input, "view", None)
        if view is not None and view.listing == self.listing.key:
            self.view = view
        if plans:
            self.waiting = deque(plans[-1].slices)
            self._pass(t_ns)
        for one in made:
            self._decision(one, t_ns)
        parent = self.state.parents.get(self.parent_id)
        if parent is not None and parent.status is ParentStatus.DONE:
            self.close(t_ns)
            self.waiting.clear()

    def _pass(self, t_ns: int) -> None:
        """Open and close the slices up to a time, which nothing that happens at it has changed yet."""
        while True:
            if self.current is not None and self.current.one.end_ns <= t_ns:
                self.close(self.current.one.end_ns)
            elif self.current is None and self.waiting and self.waiting[0].release_ns <= t_ns:
                self.current = _Open(self.waiting.popleft())
            else:
                return

    def _decision(self, one: d.AnyDecision, t_ns: int) -> None:
        if isinstance(one, d.StatusChanged):
            at = clock(t_ns, self.zone)
            running = one.status is ParentStatus.RUNNING
            self.turned = "" if running else f"{one.status.value} since {at}: {humanise(one.reason, self.listing)}"
        elif self.current is None:
            return
        elif isinstance(one, d.ChildSubmitted) and one.slice_index == self.current.one.index:
            self.current.children += 1
            self.current.sent += one.child.qty_units
        elif isinstance(one, d.Withheld) and one.slice_index == self.current.one.index:
            amount = quantity(self.listing.instrument, one.qty_units, unit=False)
            said = f"{one.control} held {amount} at {clock(t_ns, self.zone)}: {humanise(one.detail, self.listing)}"
            self.current.held[one.control] = said

    def close(self, t_ns: int) -> None:
        """End the slice that is worked, if one is, and tell it."""
        now, self.current = self.current, None
        if now is None:
            return
        parent = get_parent(self.state, self.parent_id)
        last_ns = max(now.one.release_ns, min(t_ns, now.one.end_ns) - 1)
        wanted = want(parent, last_ns)
        missing = 0 if parent.status is ParentStatus.DONE else wanted.qty_units
        if parent.status is ParentStatus.DONE and parent.abandoned:
            missing = max(0, min(due_units(parent, last_ns), parent.order.qty_units) - parent.filled)
        self.told.append(
            SliceStory(
                index=now.one.index,
                release_ns=now.one.release_ns,
                end_ns=min(t_ns, now.one.end_ns),
                planned=now.one.qty_units,
                children=now.children,
                sent=now.sent,
                due=due_units(parent, last_ns),
                filled=parent.filled,
                live=parent.reserved,
                missing=missing,
                why=self._why(parent, now, missing) if missing else (),
            )
        )

    def _cut_by_the_cap(self, parent: ParentState, missing: int) -> str:
        """Return what the participation cap would let through at most, where that is less than what is missing."""
        if self.view is None:
            return ""
        least = self.listing.min_order_units(max(1, self.view.mid2 // 2))
        allowed = allowance(parent, self.env.limits, self.view, least)
        if allowed.qty_units >= missing:
            return ""
        amount = quantity(self.listing.instrument, allowed.qty_units, unit=False)
        return f"participation let {amount} more through: {humanise(allowed.detail, self.listing)}"

    def _why(self, parent: ParentState, now: _Open, missing: int) -> tuple[str, ...]:
        """Return every reason there is; there is always one."""
        if parent.status is ParentStatus.DONE:
            shown = [(quantity(self.listing.instrument, qty, unit=False), why) for why, qty in parent.abandoned.items()]
            return tuple(f"{amount} abandoned: {humanise(why, self.listing)}" for amount, why in shown)
        why = [self.turned] if self.turned else []
        why += now.held.values()
        if not self.turned and "participation" not in now.held and (cut := self._cut_by_the_cap(parent, missing)):
            why.append(cut)
        control, detail = parent.held_back
        if not now.held and parent.withheld[0] >= 0 and control:
            why.append(f"{control}, since before this slice: {humanise(detail, self.listing)}")
        asked = sum(child.leaves for child in parent.live.values() if child.status in WAITING)
        if asked:
            amount = quantity(self.listing.instrument, asked, unit=False)
            why.append(f"the venue had not answered about {amount} that were at it")
        if not why:
            rest = "its children did not fill" if now.children else "the pause after the last child was not over"
            why.append(f"{rest}, and what came back was left to the next slice")
        return tuple(why)


def tell_slices(
    batches: Iterable[Batch], listing: Listing, env: Env, parent_id: str, zone: str
) -> tuple[SliceStory, ...]:
    """Return the story of every slice that was released, in order.

    Args:
        batches: Of the journal, from the first.
        listing: What is traded.
        env: The environment of the run, for the limits.
        parent_id: Of the order.
        zone: In which times are told.
    """
    reader, t_ns = _Reader(parent_id, listing, env, zone), 0
    for batch in batches:
        t_ns = batch.input.t_ns
        reader.take(batch)
    reader.close(t_ns)
    return tuple(reader.told)
