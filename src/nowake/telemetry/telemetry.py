"""Turns the records of durable batches into events for a log and numbers for a monitor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from nowake.core.decisions import ChildSubmitted, ParentStatus, StatusChanged
from nowake.core.inputs import Input, OrderReceived
from nowake.core.instrument import Listing
from nowake.core.ports import Record
from nowake.core.sessions import iso
from nowake.telemetry.events import BY_NAME, BY_RECORD, LEVELS, RECEIVED, SENT, WALL, Event, Field
from nowake.telemetry.metrics import Labels, Metrics
from nowake.telemetry.shown import Words, plain, shown, value_at

Sink = Callable[[Event, dict[str, Any]], None]
"""Takes an event and its fields; may raise OSError, after which it is not asked again."""


class _Child(NamedTuple):
    order: str
    listing: str
    sent_ns: int


class Telemetry:
    """Hears of what has become durable (``journal.told.Listener``) and of what the shell does, and passes it on.

    Args:
        sink: Where events go; None = nowhere.
        level: The sink hears of events of this level and above.
        metrics: What counts and times them; None = nothing does.
        export: Called with the metrics when something became durable; may raise OSError, and is then given up too.
        words: Puts the engine's sentences into human units.

    Attributes:
        trouble: Why log or export was given up; empty = neither was. A run goes on without them.
    """

    def __init__(
        self,
        sink: Sink | None = None,
        level: str = "info",
        metrics: Metrics | None = None,
        *,
        export: Callable[[Metrics], None] | None = None,
        words: Words | None = None,
    ) -> None:
        self._sink, self.metrics, self._export, self._words = sink, metrics, export, words
        self._least = LEVELS.index(level)
        self._listings: dict[str, Listing] = {}
        self._orders: dict[str, tuple[str, int]] = {}
        self._children: dict[str, _Child] = {}
        self._journal = ""
        self.trouble = ""

    def know(self, journal: str, listings: Iterable[Listing]) -> None:
        """Learn which journal is written and what is traded."""
        self._journal = journal
        self._listings.update((one.key, one) for one in listings)

    # -- of the shell -----------------------------------------------------------------------------------------------

    def tell(self, name: str, **fields: Any) -> None:
        """Pass on an event of the shell; ``seconds`` among the fields is its timing.

        Raises:
            KeyError: There is no such event, or a field of it is missing.
        """
        event = BY_NAME[name]
        made = {field.name: plain(fields[field.name]) for field in event.fields}
        self._measure(event, made, fields["seconds"] if event.timing == WALL else None, "")
        self._write(event, {"journal": self._journal, **made} if self._journal else made)

    def written(self, batches: int, seconds: float) -> None:
        """Take how long it took to make batches durable."""
        self.tell("journal_written", batches=batches, seconds=round(seconds, 6))
        if self._export is not None and self.metrics is not None:
            try:
                self._export(self.metrics)
            except OSError as error:
                self._export, self.trouble = None, error.strerror or type(error).__name__

    # -- of records -------------------------------------------------------------------------------------------------

    def told(self, batch: Sequence[Record], *, replayed: bool) -> None:
        """Take a durable batch; one that an earlier process journaled is learned from, not told again."""
        first = batch[0]
        t_ns = first.t_ns if isinstance(first, Input) else 0
        for record in batch:
            self._learn(record, t_ns)
            if not replayed:
                self._record(BY_RECORD[type(record)], record, t_ns)
            self._forget(record)

    def _learn(self, record: Record, t_ns: int) -> None:
        if isinstance(record, OrderReceived):
            self._orders.setdefault(record.order.parent_id, (record.order.listing, t_ns))
        elif isinstance(record, ChildSubmitted):
            child = record.child
            self._children[child.child_id] = _Child(child.parent_id, child.listing, t_ns)

    def _forget(self, record: Record) -> None:
        """Let go of the children of an order that is over: late news of them is told without their units."""
        if isinstance(record, StatusChanged) and record.status is ParentStatus.DONE:
            over = [key for key, child in self._children.items() if child.order == record.parent_id]
            for key in over:
                del self._children[key]

    def _record(self, event: Event, record: Record, t_ns: int) -> None:
        wanted = self.metrics is not None or (self._sink is not None and LEVELS.index(event.level) >= self._least)
        if not wanted:
            return
        child = self._child_of(event, record)
        listing = self._listing_of(record, child)
        known = self._listings.get(listing)
        made: dict[str, Any] = {}
        for field in event.fields:
            value = value_at(record, field.path)
            made[field.name] = (
                (child and child.order) if field.kind == "order" else shown(field, value, known, self._words)
            )
        self._measure(event, made, self._seconds(event, record, child, t_ns), listing)
        self._write(event, {"journal": self._journal, "t": iso(t_ns), **made})

    def _child_of(self, event: Event, record: Record) -> _Child | None:
        path = _CHILD_PATHS.get(event.name)
        return None if path is None else self._children.get(value_at(record, path))

    def _listing_of(self, record: Record, child: _Child | None) -> str:
        """Return the listing whose units a record is in, empty where it is not known."""
        if child is not None:
            return child.listing
        named = value_at(record, ("order", "listing")) or value_at(record, ("child", "listing"))
        parent_id = value_at(record, ("parent_id",)) or value_at(record, ("plan", "parent_id"))
        return named or self._orders.get(parent_id, ("", 0))[0]

    def _seconds(self, event: Event, record: Record, child: _Child | None, t_ns: int) -> float | None:
        """Return what the timing of an event is now, None where it has none or its beginning is not known."""
        if event.timing == SENT and child is not None:
            return (t_ns - child.sent_ns) / 1e9
        if event.timing == RECEIVED and (order := self._orders.get(value_at(record, ("parent_id",)))) is not None:
            return (t_ns - order[1]) / 1e9
        return None

    # -- out --------------------------------------------------------------------------------------------------------

    def _measure(self, event: Event, made: dict[str, Any], seconds: float | None, listing: str) -> None:
        if self.metrics is None:
            return
        labels: Labels = tuple((name, str(made[name])) for name in event.labels)
        self.metrics.count(event.name, labels)
        if seconds is not None:
            self.metrics.observe(event.name, seconds, labels)
        if event.sums and made[event.sums] is not None:
            self.metrics.add(event.name, made[event.sums], (*labels, ("listing", listing)))

    def _write(self, event: Event, fields: dict[str, Any]) -> None:
        if self._sink is None or LEVELS.index(event.level) < self._least:
            return
        try:
            self._sink(event, fields)
        except OSError as error:
            self._sink, self.trouble = None, error.strerror or type(error).__name__


def _child_path(fields: tuple[Field, ...]) -> tuple[str, ...] | None:
    return next((field.path for field in fields if field.name == "child"), None)


_CHILD_PATHS = {name: path for name, event in BY_NAME.items() if (path := _child_path(event.fields)) is not None}

__all__ = ["Sink", "Telemetry"]
