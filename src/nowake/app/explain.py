"""Why each child was sent, what it saw, what the gate said and what became of it; and what was withheld, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nowake.app.results import Result
from nowake.core import decisions as d
from nowake.core.child import ChildStatus, Liquidity
from nowake.core.decisions import Verdict
from nowake.core.errors import JournalError
from nowake.core.instrument import Listing
from nowake.core.sessions import iso
from nowake.core.view import View
from nowake.journal.codec import Batch
from nowake.journal.reader import read_journal
from nowake.tca.document import child_document, number
from nowake.tca.trail import ChildReport
from nowake.view.decisions import DecisionRow
from nowake.view.format import clock, duration, humanise, percent, price, quantity


@dataclass(frozen=True, slots=True)
class Saw:
    """The touch that a decision saw: prices and sizes in units, 0 = side empty; ``wrong`` names a book not to trust."""

    t_ns: int
    bid_units: int
    ask_units: int
    bid_qty: int
    ask_qty: int
    wrong: str


@dataclass(frozen=True, slots=True)
class ExplainedChild:
    """A child with the circumstances of its decision.

    Attributes:
        report: Its life.
        saw: The market as it was decided on; None = the decision had none.
        gate: Verdicts on its exact values.
        cancels: Why its cancel was asked for, in order.
    """

    report: ChildReport
    saw: Saw | None
    gate: tuple[Verdict, ...]
    cancels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """Something the schedule wanted and was not sent."""

    t_ns: int
    slice_index: int
    qty_units: int
    control: str
    detail: str
    saw: Saw | None


@dataclass(frozen=True, slots=True)
class Event:
    """A turn in the life of the parent: admitted, replanned, status, abandoned, alert."""

    t_ns: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything decided for one parent, and why. Words are in human units."""

    listing: Listing
    children: tuple[ExplainedChild, ...]
    withheld: tuple[Held, ...]
    events: tuple[Event, ...]

    def why(self, one: ExplainedChild) -> str:
        """Return why a child was sent."""
        return humanise(one.report.reason, self.listing)

    def became(self, one: ExplainedChild) -> str:
        """Return what became of a child, in words."""
        return outcome(one.report, self.listing, one.cancels)

    def rows(self, zone: str) -> tuple[DecisionRow, ...]:
        """Return everything as rows for a table, in order of time."""
        made = [(one.report.t_sent_ns, self._child_row(one, zone)) for one in self.children]
        made += [(one.t_ns, self._held_row(one, zone)) for one in self.withheld]
        made += [
            (one.t_ns, DecisionRow(clock(one.t_ns, zone, decimals=3), "", one.kind, "", one.text, "", "", "event"))
            for one in self.events
        ]
        order = {"event": 0}
        return tuple(row for _, row in sorted(made, key=lambda pair: (pair[0], order.get(pair[1].kind, 1))))

    def _child_row(self, one: ExplainedChild, zone: str) -> DecisionRow:
        order, listing = one.report.order, self.listing
        at = f" @ {price(listing, order.price_units)}" if order.price_units else ""
        failed = [verdict.control for verdict in one.gate if not verdict.passed]
        return DecisionRow(
            when=clock(one.report.t_sent_ns, zone, decimals=3),
            slice_index=str(one.report.slice_index),
            what=f"{order.role} {quantity(listing.instrument, order.qty_units, unit=False)}{at}",
            saw=self._saw_text(one.saw),
            why=self.why(one),
            gate=f"failed {', '.join(failed)}" if failed else f"{len(one.gate)} passed",
            became=self.became(one),
            kind="filled" if one.report.filled_units else "unfilled",
        )

    def _held_row(self, one: Held, zone: str) -> DecisionRow:
        return DecisionRow(
            when=clock(one.t_ns, zone, decimals=3),
            slice_index=str(one.slice_index),
            what=f"held {quantity(self.listing.instrument, one.qty_units, unit=False)}",
            saw=self._saw_text(one.saw),
            why=humanise(one.detail, self.listing),
            gate=one.control,
            became="not sent",
            kind="withheld",
        )

    def _saw_text(self, saw: Saw | None) -> str:
        if saw is None:
            return ""
        if saw.wrong:
            return saw.wrong
        sizes = [quantity(self.listing.instrument, size, unit=False) for size in (saw.bid_qty, saw.ask_qty)]
        bid, ask = price(self.listing, saw.bid_units), price(self.listing, saw.ask_units)
        return f"{sizes[0]} x {bid} | {ask} x {sizes[1]}"

    def child_document(self, one: ExplainedChild) -> dict[str, Any]:
        """Return a child as JSON."""
        report = one.report
        known = child_document(self.listing.instrument, report)
        return {
            **{name: value for name, value in known.items() if name != "fills"},
            "role": report.order.role,
            "tactic": report.tactic,
            "why": self.why(one),
            "saw": self._saw_document(one.saw),
            "gate": [
                {"control": v.control, "passed": v.passed, "detail": humanise(v.detail, self.listing)} for v in one.gate
            ],
            "filled": number(self.listing.instrument.qty(report.filled_units)),
            "became": self.became(one),
            "fills": known["fills"],
        }

    def withheld_document(self, one: Held) -> dict[str, Any]:
        """Return something withheld as JSON."""
        return {
            "t": iso(one.t_ns),
            "slice": one.slice_index,
            "quantity": number(self.listing.instrument.qty(one.qty_units)),
            "control": one.control,
            "why": humanise(one.detail, self.listing),
            "saw": self._saw_document(one.saw),
        }

    def event_document(self, one: Event) -> dict[str, Any]:
        """Return an event as JSON."""
        return {"t": iso(one.t_ns), "kind": one.kind, "text": one.text}

    def _saw_document(self, saw: Saw | None) -> dict[str, Any] | None:
        if saw is None:
            return None
        instrument = self.listing.instrument
        return {
            "t": iso(saw.t_ns),
            "bid": number(instrument.price(saw.bid_units)) if saw.bid_units else None,
            "ask": number(instrument.price(saw.ask_units)) if saw.ask_units else None,
            "bid_size": number(instrument.qty(saw.bid_qty)),
            "ask_size": number(instrument.qty(saw.ask_qty)),
            "integrity": saw.wrong or "ok",
        }


def explain_run(result: Result) -> Explanation:
    """Return why everything was done in a run that is kept in a file.

    Raises:
        JournalError: The run is not in a file, or the journal is damaged.
    """
    if result.path is None:
        raise JournalError("the run was kept in memory only", "give it a journal to have it explained")
    return explain(read_journal(result.path).batches(), result.report.listing, result.report.children)


def explain(batches: Iterable[Batch], listing: Listing, children: tuple[ChildReport, ...]) -> Explanation:
    """Return why everything was done.

    Args:
        batches: Of the journal; read once.
        listing: What was traded.
        children: As measured, in the order they were sent.
    """
    sent: dict[str, tuple[Saw | None, tuple[Verdict, ...]]] = {}
    cancels: dict[str, list[str]] = {}
    held: list[Held] = []
    events: list[Event] = []
    for batch in batches:
        saw, t_ns = _saw(getattr(batch.input, "view", None)), batch.input.t_ns
        for one in batch.decisions:
            if isinstance(one, d.ChildSubmitted):
                sent[one.child.child_id] = (saw, one.gate)
            elif isinstance(one, d.CancelRequested):
                cancels.setdefault(one.child_id, []).append(humanise(one.reason, listing))
            elif isinstance(one, d.Withheld):
                held.append(Held(t_ns, one.slice_index, one.qty_units, one.control, one.detail, saw))
            else:
                events += _events(one, t_ns, listing)
    explained = tuple(
        ExplainedChild(one, *sent[one.order.child_id], tuple(cancels.get(one.order.child_id, ()))) for one in children
    )
    return Explanation(listing, explained, tuple(held), tuple(events))


def _saw(view: View | None) -> Saw | None:
    if view is None:
        return None
    wrong = "" if view.tradable else str(view.integrity.name or view.integrity).lower().replace("|", ", ")
    return Saw(view.t_ns, view.bid_units, view.ask_units, view.bid_qty, view.ask_qty, wrong)


def _events(one: d.AnyDecision, t_ns: int, listing: Listing) -> list[Event]:
    if isinstance(one, d.OrderAdmitted):
        return [Event(t_ns, "admitted", humanise("; ".join(one.plan.reasons), listing))]
    if isinstance(one, d.PlanAdopted):
        return [
            Event(t_ns, "replanned", humanise(f"revision {one.plan.revision}: {'; '.join(one.plan.reasons)}", listing))
        ]
    if isinstance(one, d.OrderRefused):
        return [Event(t_ns, "refused", f"{one.reason}; {one.remedy}" if one.remedy else one.reason)]
    if isinstance(one, d.Abandoned):
        amount = quantity(listing.instrument, one.qty_units)
        return [Event(t_ns, "abandoned", f"{amount} not traded: {humanise(one.reason, listing)}")]
    if isinstance(one, d.StatusChanged):
        return [Event(t_ns, one.status.value, humanise(one.reason, listing))]
    if isinstance(one, d.Alerted):
        return [Event(t_ns, "alert", humanise(one.text, listing))]
    return []


def outcome(report: ChildReport, listing: Listing, cancels: tuple[str, ...] = ()) -> str:
    """Return what became of a child: how much filled, where, how fast, and how it ended."""
    order, filled = report.order, report.filled_units
    said = []
    if filled:
        made = sum(one.fill.qty_units for one in report.fills if one.fill.liquidity is Liquidity.MAKER)
        cash = sum(one.fill.qty_units * one.fill.price_units for one in report.fills)
        first = min(one.fill.t_venue_ns for one in report.fills)
        role = "maker" if made == filled else "taker" if not made else f"{percent(made / filled, decimals=0)} maker"
        amount = "filled" if filled == order.qty_units else f"filled {quantity(listing.instrument, filled, unit=False)}"
        waited = f" after {duration(first - report.t_venue_ns)}" if first > report.t_venue_ns else " at once"
        whole = cash % filled == 0
        said.append(f"{amount} @ {price(listing, cash / filled, more=0 if whole else 2)}, {role},{waited}")
    if report.status is ChildStatus.CANCELED:
        said.append(f"cancelled: {cancels[-1]}" if cancels else "cancelled")
    elif report.status is ChildStatus.EXPIRED:
        said.append("the rest expired" if filled else "expired: nothing at its price")
    elif report.status is ChildStatus.REJECTED:
        said.append(f"refused by the venue ({report.code})")
    elif report.status is not ChildStatus.FILLED:
        said.append(f"still {report.status.value}")
    return "; ".join(said)
