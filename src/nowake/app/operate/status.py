"""How a run stands, from its journal alone: the newest snapshot and the records after it. Reads, never writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nowake.app.operate.messages import Answer
from nowake.app.results import environment
from nowake.core.child import ChildStatus
from nowake.core.errors import JournalError
from nowake.core.instrument import Listing
from nowake.core.sessions import Session, iso
from nowake.core.units import json_number
from nowake.engine.schedule import due_units
from nowake.engine.state import EngineState, ParentState
from nowake.journal.header import Header
from nowake.journal.reader import read_journal
from nowake.live.recover import recover
from nowake.view.format import humanise
from nowake.view.standing import Standing


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as its journal has it.

    Attributes:
        parent: The order's state; None = it was refused.
        records: In the journal; ``folded``: those that no snapshot stood for.
    """

    path: Path
    header: Header
    listing: Listing
    session: Session
    state: EngineState
    parent: ParentState | None
    records: int
    folded: int

    @property
    def over(self) -> bool:
        """Return whether nothing more will happen."""
        return self.word in ("refused", "done")

    @property
    def word(self) -> str:
        """Return the status in a word."""
        if self.parent is not None:
            return self.parent.status.value
        return "refused" if self.state.refused else "waiting"

    @property
    def held_back(self) -> tuple[str, str] | None:
        """Return which control holds the current slice back and why, where one does and the order is not over."""
        if self.parent is None or self.word not in ("running", "paused") or self.parent.withheld[0] < 0:
            return None
        return self.parent.held_back

    @property
    def zone(self) -> str:
        """Return the zone in which times are shown."""
        return str(self.header.run.order.get("tz") or "") or self.session.zone


def read_status(path: Path) -> RunStatus:
    """Return how the run in a journal stands.

    Raises:
        JournalError: Not a journal, damaged, or it stops before its first step.
    """
    return read_statuses(path)[0]


def read_statuses(path: Path) -> tuple[RunStatus, ...]:
    """Return how every order of a journal stands, one a listing, in the order of its environment.

    Raises:
        JournalError: As for ``read_status``.
    """
    file = read_journal(path)
    env = environment(file)
    found = recover(file)
    if not found.records:
        raise JournalError(f"{path} stops before its first step", f"go on with: nowake resume {path}")
    parents = {parent.order.listing: parent for parent in found.state.parents.values()}
    folded = found.records - found.from_seq
    return tuple(
        RunStatus(
            path,
            file.header,
            listing,
            env.session(listing.session),
            found.state,
            parents.get(listing.key),
            found.records,
            folded,
        )
        for listing in env.listings
    )


def word_of_all(found: Sequence[RunStatus]) -> str:
    """Return the status of one order over several venues: ``done`` where every part is, else the first that is not."""
    return next((one.word for one in found if one.word != "done"), "done")


def statuses_document(
    found: Sequence[RunStatus], owner: Answer | None, orders: Sequence[dict[str, Any] | None]
) -> dict[str, Any]:
    """Return the status of one order over several venues as JSON; see ``status_document``."""
    parts = [status_document(one, owner, order) for one, order in zip(found, orders, strict=True)]
    shared = ("journal", "t", "owner", "records", "records_after_snapshot", "commands")
    head = {"schema": "nowake/status-venues/1", "status": word_of_all(found)}
    own = [{name: value for name, value in part.items() if name not in (*shared, "schema")} for part in parts]
    return {**head, **{name: parts[0][name] for name in shared}, "venues": own}


def status_document(found: RunStatus, owner: Answer | None, order: dict[str, Any] | None) -> dict[str, Any]:
    """Return a status as JSON, in human units.

    Args:
        found: From the journal.
        owner: What its owner says of itself; None = nobody works it.
        order: The order's document; None = it was refused.
    """
    parent, unit = found.parent, found.listing.instrument
    made: dict[str, Any] = {
        "schema": "nowake/status/1",
        "status": found.word,
        "journal": str(found.path),
        "t": iso(max(found.state.t_ns, owner.t_ns if owner else 0)),
        "owner": None if owner is None else {"process": owner.process, "speed": owner.speed or None},
        "records": found.records,
        "records_after_snapshot": found.folded,
        "commands": len(found.state.keys),
        "order": order,
    }
    if parent is None:
        return made
    plan = parent.plan
    position = plan.position(found.state.t_ns)
    held = found.held_back
    return made | {
        "unit": unit.base,
        "filled": json_number(unit.qty(parent.filled)),
        "live": json_number(unit.qty(parent.reserved)),
        "in_doubt": json_number(unit.qty(parent.bucket(ChildStatus.IN_DOUBT))),
        "unsent": json_number(unit.qty(parent.unsent)),
        "abandoned": {
            humanise(why, found.listing): json_number(unit.qty(qty)) for why, qty in parent.abandoned.items()
        },
        "due": json_number(unit.qty(due_units(parent, found.state.t_ns))),
        "avg_price": float(unit.price(1)) * parent.cash_units / parent.filled if parent.filled else None,
        "children": {"live": len(parent.live), "ended": len(parent.closed)},
        "plan": {
            "strategy": plan.strategy,
            "revision": plan.revision,
            "slice": position + 1,
            "slices": len(plan.slices),
        },
        "warnings": [{"code": one.code, "text": one.text} for one in plan.warnings],
        "choices": None
        if parent.routing is None
        else {"changes": parent.routing.changes, "before": parent.routing.left or None},
        "held_back": {"control": held[0], "why": humanise(held[1], found.listing)} if held else None,
    }


def standing(found: RunStatus, owner: Answer | None) -> Standing:
    """Return a status as what the terminal shows.

    Raises:
        JournalError: The order was refused: it never stood.
    """
    parent = found.parent
    if parent is None:
        raise JournalError(f"the order in {found.path} was refused", f"say why: nowake explain {found.path}")
    held = found.held_back
    return Standing(
        order=parent.asked,
        plan=parent.plan,
        listing=found.listing,
        zone=found.zone,
        status=found.word,
        t_ns=max(found.state.t_ns, owner.t_ns if owner else 0),
        owner=_owner(found, owner),
        filled=parent.filled,
        live=parent.reserved,
        unsent=parent.unsent,
        due=due_units(parent, found.state.t_ns),
        abandoned=tuple((qty, humanise(why, found.listing)) for why, qty in sorted(parent.abandoned.items())),
        average_units=parent.cash_units / parent.filled if parent.filled else None,
        held=f"{held[0]}: {humanise(held[1], found.listing)}" if held else "",
        changes=parent.routing.changes if parent.routing else 0,
        warnings=() if found.over else parent.plan.warnings,
    )


def _owner(found: RunStatus, owner: Answer | None) -> str:
    if owner is None:
        return "nobody works it" if found.over else f"nobody works it; go on with: nowake resume {found.path}"
    pace = f"at {owner.speed:g} s a second" if owner.speed else "as fast as it goes"
    return f"worked by process {owner.process} {pace}"
