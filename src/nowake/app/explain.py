"""Why each child was sent, what it saw, what the gate said and what became of it; and what was withheld, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nowake.app.missed import SliceStory, tell_slices
from nowake.app.results import Result, environment
from nowake.core import decisions as d
from nowake.core.child import ChildStatus, Liquidity
from nowake.core.decisions import Verdict
from nowake.core.errors import InputError, JournalError
from nowake.core.instrument import Listing
from nowake.core.routing import Candidate
from nowake.core.sessions import iso
from nowake.core.units import json_number
from nowake.core.view import View
from nowake.journal.codec import Batch
from nowake.journal.reader import read_journal
from nowake.tca.document import child_document
from nowake.tca.trail import ChildReport, parent_of
from nowake.view.decisions import DecisionRow, MissedRow
from nowake.view.format import clock, duration, humanise, percent, price, quantity

SHOWN = 8
"""Letters of a child's id that are shown; they name it where no other begins so."""


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
    """Something the schedule wanted and was not sent; ``until_ns`` is when the next child was, 0 = none was."""

    t_ns: int
    slice_index: int
    qty_units: int
    control: str
    detail: str
    saw: Saw | None
    until_ns: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A turn in the life of the parent: admitted, amended, replanned, status, abandoned, alert, a refused command."""

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
    slices: tuple[SliceStory, ...] = ()

    def child(self, wanted: str) -> Explanation:
        """Return the explanation of one child, named by its id or the first letters of it.

        Raises:
            InputError: There is none, or more than one.
        """
        found = tuple(one for one in self.children if _is(one, wanted))
        if len(found) != 1:
            some = ", ".join(one.report.order.child_id[:SHOWN] for one in (found or self.children)[:5]) or "none"
            rule = "the id of one child" if not found else "the id of one child, not of several"
            raise InputError("child", wanted, rule, f"such as {some}; `nowake explain` shows them")
        return replace(self, children=found, withheld=(), events=(), slices=())

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

    def missed(self, zone: str) -> tuple[MissedRow, ...]:
        """Return the slices that ended with something wanted and not sent."""
        unit = self.listing.instrument
        return tuple(
            MissedRow(
                window=f"{clock(one.release_ns, zone)} - {clock(one.end_ns, zone)}",
                slice_index=str(one.index),
                missing=quantity(unit, one.missing, unit=False),
                of=f"{quantity(unit, one.due, unit=False)} due, {quantity(unit, one.filled, unit=False)} filled, "
                f"{quantity(unit, one.live, unit=False)} live",
                why=one.why,
            )
            for one in self.slices
            if one.missing
        )

    def facts(self, zone: str) -> tuple[tuple[str, str], ...]:
        """Return everything about the one child, as (what, text)."""
        (one,) = self.children
        order, unit = one.report.order, self.listing.instrument
        made = [
            ("id", order.child_id),
            ("leg", f"{order.leg}, attempt {order.attempt}"),
            ("order", f"{order.side.name.lower()} {quantity(unit, order.qty_units)}, {order.order_type}, {order.tif}"),
            ("tactic", one.report.tactic),
        ]
        made += [("gate", f"{v.control}: {humanise(v.detail, self.listing) or 'passed'}") for v in one.gate]
        made += [("cancel", reason) for reason in one.cancels]
        for fill in one.report.fills:
            at = clock(fill.fill.t_venue_ns, zone, decimals=3)
            amount = quantity(unit, fill.fill.qty_units, unit=False)
            made.append(("fill", f"{at} {amount} @ {price(self.listing, fill.fill.price_units)} {fill.fill.liquidity}"))
        return tuple(made)

    def _child_row(self, one: ExplainedChild, zone: str) -> DecisionRow:
        order, listing = one.report.order, self.listing
        at = f" @ {price(listing, order.price_units)}" if order.price_units else ""
        failed = [verdict.control for verdict in one.gate if not verdict.passed]
        return DecisionRow(
            when=clock(one.report.t_sent_ns, zone, decimals=3),
            slice_index=str(one.report.slice_index),
            what=f"{order.role} {quantity(listing.instrument, order.qty_units, unit=False)}{at}",
            saw=self._saw_text(one.saw),
            why=f"{report_id(one)} {self.why(one)}",
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
            became=f"not sent for {duration(one.until_ns - one.t_ns)}" if one.until_ns else "not sent",
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
            "filled": json_number(self.listing.instrument.qty(report.filled_units)),
            "became": self.became(one),
            "fills": known["fills"],
        }

    def withheld_document(self, one: Held) -> dict[str, Any]:
        """Return something withheld as JSON."""
        return {
            "t": iso(one.t_ns),
            "until": iso(one.until_ns) if one.until_ns else None,
            "slice": one.slice_index,
            "quantity": json_number(self.listing.instrument.qty(one.qty_units)),
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
            "bid": json_number(instrument.price(saw.bid_units)) if saw.bid_units else None,
            "ask": json_number(instrument.price(saw.ask_units)) if saw.ask_units else None,
            "bid_size": json_number(instrument.qty(saw.bid_qty)),
            "ask_size": json_number(instrument.qty(saw.ask_qty)),
            "integrity": saw.wrong or "ok",
        }


def explain_run(result: Result) -> Explanation:
    """Return why everything was done in a run that is kept in a file.

    Raises:
        JournalError: The run is not in a file, or the journal is damaged.
    """
    if result.path is None:
        raise JournalError("the run was kept in memory only", "give it a journal to have it explained")
    file, report = read_journal(result.path), result.report
    found = explain(file.batches(), report.listing, report.children, report.order.parent_id)
    told = tell_slices(file.batches(), report.listing, environment(file), report.order.parent_id, result.zone)
    return replace(found, slices=told)


def one_child(told: Sequence[tuple[Result, Explanation]], wanted: str) -> list[tuple[Result, Explanation]]:
    """Return the one order of several that has the child of this name, with the explanation of that child alone.

    Raises:
        InputError: No order has one, or there are several.
    """
    named = [(result, found) for result, found in told if any(_is(one, wanted) for one in found.children)]
    if len(named) != 1:
        every = tuple(one for _, found in named or told for one in found.children)
        replace(told[0][1], children=every).child(wanted)
    return [(result, found.child(wanted)) for result, found in named]


def _is(one: ExplainedChild, wanted: str) -> bool:
    return bool(wanted) and one.report.order.child_id.startswith(wanted.lower())


def report_id(one: ExplainedChild) -> str:
    """Return the letters by which a child is shown."""
    return one.report.order.child_id[:SHOWN]


def explain(
    batches: Iterable[Batch], listing: Listing, children: tuple[ChildReport, ...], parent_id: str
) -> Explanation:
    """Return why everything was done for one order.

    Args:
        batches: Of the journal; read once.
        listing: What was traded.
        children: As measured, in the order they were sent.
        parent_id: Of the order; what concerns none, such as a fill of somebody else's, is told too.
    """
    sent: dict[str, tuple[Saw | None, tuple[Verdict, ...]]] = {}
    cancels: dict[str, list[str]] = {}
    held: list[Held] = []
    events: list[Event] = []
    for batch in batches:
        saw, t_ns = _saw(getattr(batch.input, "view", None)), batch.input.t_ns
        for one in batch.decisions:
            if isinstance(one, d.ChildSubmitted) and one.child.parent_id == parent_id:
                held = [h if h.until_ns else replace(h, until_ns=t_ns) for h in held]
                sent[one.child.child_id] = (saw, one.gate)
            elif isinstance(one, d.CancelRequested):
                cancels.setdefault(one.child_id, []).append(humanise(one.reason, listing))
            elif parent_of(one) not in (parent_id, ""):
                continue
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
    if isinstance(one, d.StrategyChosen):
        kind = "strategy" if one.trigger is d.Trigger.ADMISSION else "decided again"
        return [Event(t_ns, kind, humanise(choice(one), listing))]
    if isinstance(one, d.OrderAmended):
        return [Event(t_ns, "amended", one.reason)]
    if isinstance(one, d.CommandRefused):
        return [Event(t_ns, "command refused", f"{one.reason}; {one.remedy}" if one.remedy else one.reason)]
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


def choice(one: d.StrategyChosen) -> str:
    """Return what was chosen, why, what made the choice fall and what else was weighed, in words."""
    made = one.decision
    said = [f"{one.order.strategy}{', as asked' if made.override else ''}"]
    if one.reason:
        said.append(f"because {one.reason}" if one.trigger is not d.Trigger.AMENDMENT else f"amended: {one.reason}")
    said += made.reasons or ((f"fallback: {made.fallback}",) if made.fallback else ())
    best: dict[str, Candidate] = {}
    for way in made.ranking:
        best.setdefault(way.strategy, way)
    weighed = [
        f"{way.strategy} {way.score_bps:.2f} (mean {way.cost.mean_bps:.2f}, sd {way.cost.sd_bps:.2f})"
        for way in best.values()
    ]
    if weighed:
        said.append(f"scores in bps, the best of {len(made.ranking)} ways of each strategy: {', '.join(weighed)}")
    said += [f"not weighed: {out.what}, {out.reason}" for out in made.excluded]
    return "; ".join(said)


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
