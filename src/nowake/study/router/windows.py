"""The stretches of a market in which the orders of a study are done, and how large these are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nowake.core.sessions import Session
from nowake.core.tape import F64, I64, KIND_MASK, Row, Tape
from nowake.core.value import Value, require

MINUTE_NS = 60 * 10**9


class Window(Value, frozen=True):
    """A stretch of a market, ns UTC, [start, end)."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        require(self.end_ns > self.start_ns, "end_ns", self.end_ns, f"> start_ns {self.start_ns}")

    def edges(self, parts: int) -> list[int]:
        """Return the ends of ``parts`` equal parts, the window's own included."""
        return [self.start_ns + (self.end_ns - self.start_ns) * k // parts for k in range(parts + 1)]


def lay_windows(session: Session, first_ns: int, last_ns: int, length_ns: int) -> list[Window]:
    """Return windows laid end to end, from half a length after each session's first instant to its end.

    Args:
        session: Trading hours.
        first_ns: The first sound book.
        last_ns: To where the market is covered.
        length_ns: Of each, > 0.

    Raises:
        InputError: The length is not one.
    """
    require(length_ns > 0, "length_ns", length_ns, "> 0")
    made = []
    for opens, closes in _spans(session, first_ns, last_ns):
        start_ns = -(-(opens + length_ns // 2) // MINUTE_NS) * MINUTE_NS
        while start_ns + length_ns <= closes:
            made.append(Window(start_ns=start_ns, end_ns=start_ns + length_ns))
            start_ns += length_ns
    return made


def _spans(session: Session, first_ns: int, last_ns: int) -> list[tuple[int, int]]:
    """Return what is covered of each session."""
    if session.always_open:
        return [(first_ns, last_ns)]
    spans, t_ns = [], session.next_open(first_ns)
    while t_ns < last_ns:
        hours = session.hours(session.trading_day(t_ns))
        if hours is None:  # next_open says that it is open
            break
        spans.append((t_ns, min(hours[1], last_ns)))
        t_ns = session.next_open(hours[1])
    return spans


def spread_evenly(windows: Sequence[Window], most: int) -> list[Window]:
    """Return at most ``most`` of the windows, taken evenly over them; ``most`` 0 = all."""
    if not most or len(windows) <= most:
        return list(windows)
    return [windows[(2 * k + 1) * len(windows) // (2 * most)] for k in range(most)]


def printed_units(tape: Tape, edges: Sequence[int]) -> F64:
    """Return what was printed between edges.

    Args:
        tape: A recording.
        edges: (n + 1,) local times, ns, rising.

    Returns:
        (n,) quantity units.
    """
    kinds = tape.code & KIND_MASK
    prints = np.flatnonzero((kinds == Row.TRADE) | (kinds == Row.FILL))
    local: I64 = tape.t_event[prints]
    if len(tape.recv_delta):
        local = local + tape.recv_delta[prints]
    order = np.argsort(local, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(tape.qty[prints][order], dtype=np.float64)])
    return np.asarray(np.diff(total[np.searchsorted(local[order], np.asarray(edges))]), dtype=np.float64)


def order_units(volume_units: float, share: float, lot_units: int) -> int:
    """Return ``share`` of a volume, rounded down to a lot; 0 = less than one."""
    return int(volume_units * share) // lot_units * lot_units
