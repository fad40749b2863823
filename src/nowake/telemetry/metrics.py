"""Counts and timings, and the Prometheus text that shows them.

Format: Prometheus text exposition format 0.0.4 (content type ``text/plain; version=0.0.4``). Names are those of the
events: ``nowake_NAME_total`` counts, ``nowake_NAME_seconds`` is a histogram, ``nowake_NAME_quantity_total`` adds up a
quantity in the units of its listing.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeVar

from nowake.telemetry.events import EVENTS, Event

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 28800)
"""Upper bounds of a timing's buckets, seconds: from a co-located venue's answer to a trading day."""

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """What was counted and timed since the process began."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Labels], int] = {}
        self._sums: dict[tuple[str, Labels], float] = {}
        self._times: dict[tuple[str, Labels], list[float]] = {}

    def count(self, name: str, labels: Labels = ()) -> None:
        """Count one event."""
        self._counts[name, labels] = self._counts.get((name, labels), 0) + 1

    def add(self, name: str, quantity: float, labels: Labels = ()) -> None:
        """Add to the quantity of an event."""
        self._sums[name, labels] = self._sums.get((name, labels), 0.0) + quantity

    def observe(self, name: str, seconds: float, labels: Labels = ()) -> None:
        """Note a timing: one number a bucket (the last is that of what fits none), then their sum."""
        found = self._times.get((name, labels))
        if found is None:
            found = self._times[name, labels] = [0.0] * (len(BUCKETS) + 2)
        found[bisect_left(BUCKETS, seconds)] += 1
        found[-1] += seconds

    def text(self) -> str:
        """Return everything in the Prometheus text format; what never happened is shown as 0 where it has no label."""
        lines: list[str] = []
        for event in EVENTS:
            lines += self._counter(event)
            if event.timing:
                lines += self._histogram(event)
            if event.sums:
                lines += self._quantity(event)
        return "\n".join(lines) + "\n"

    def _counter(self, event: Event) -> list[str]:
        name = f"nowake_{event.name}_total"
        found = _of(self._counts, event.name) or ([] if event.labels else [((), 0)])
        return [*_head(name, "counter", event.meaning), *(f"{name}{_shown(labels)} {n}" for labels, n in found)]

    def _quantity(self, event: Event) -> list[str]:
        name = f"nowake_{event.name}_quantity_total"
        lines = _head(name, "counter", f"{event.meaning}: the {event.sums}, in the units of the listing")
        return lines + [f"{name}{_shown(labels)} {_number(total)}" for labels, total in _of(self._sums, event.name)]

    def _histogram(self, event: Event) -> list[str]:
        name = f"nowake_{event.name}_seconds"
        lines = _head(name, "histogram", f"{event.meaning}: seconds {event.timing}")
        for labels, found in _of(self._times, event.name):
            seen = 0
            for bound, here in zip((*map(_number, BUCKETS), "+Inf"), found[:-1], strict=True):
                seen += int(here)
                lines.append(f"{name}_bucket{_shown((*labels, ('le', bound)))} {seen}")
            lines += [f"{name}_sum{_shown(labels)} {_number(found[-1])}", f"{name}_count{_shown(labels)} {seen}"]
        return lines


T = TypeVar("T")


def _of(found: dict[tuple[str, Labels], T], name: str) -> list[tuple[Labels, T]]:
    return sorted(((labels, value) for (of, labels), value in found.items() if of == name), key=lambda one: one[0])


def _head(name: str, kind: str, meaning: str) -> list[str]:
    said = meaning.replace("\\", "\\\\").replace("\n", "\\n")
    return [f"# HELP {name} {said}", f"# TYPE {name} {kind}"]


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
