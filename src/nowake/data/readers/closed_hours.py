"""HALT and RESUME rows where a recording runs past the trading hours of its listing.

A venue that collects orders before it opens shows a book that may be crossed, on which nobody can trade. Sources that
do not say when trading starts get the rows from the listing's session table.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

import numpy as np

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.sessions import Session
from nowake.core.tape import END, I64, Book, Row, row_code
from nowake.data.build import Columns
from nowake.data.sessions import session


def _changes(hours: Session, first_ns: int, last_ns: int) -> list[tuple[int, Row]]:
    """Return the openings and closes in (first, last], in time order; none where the table ends."""
    found, day = [], hours.trading_day(first_ns)
    while day <= hours.trading_day(last_ns):
        try:
            opened = hours.hours(day)
        except Refused:
            break
        if opened is not None:
            found += [(opened[0], Row.RESUME), (opened[1], Row.HALT)]
        day += timedelta(days=1)
    return [(t, kind) for t, kind in found if first_ns < t <= last_ns]


def with_closed_hours(columns: Columns, listing: Listing) -> Columns:
    """Return the rows with HALT where the listing's session is closed and RESUME where it opens.

    Rows go in between two messages: a HALT of a recording that starts outside trading hours after its first message,
    the others before the first message with an event at or after their time.
    """
    hours = session(listing.session)
    if hours.always_open or not len(columns.t_event):
        return columns
    clock = np.maximum.accumulate(columns.t_event)
    ends = np.flatnonzero(columns.code & END) + 1
    try:
        closed = not hours.is_open(int(clock[0]))
    except Refused:
        return columns
    places = [(int(ends[0]) if len(ends) else 0, int(clock[0]), Row.HALT)] if closed else []
    for t, kind in _changes(hours, int(clock[0]), int(clock[-1])):
        after = int(np.searchsorted(clock, t))
        before = int(np.searchsorted(ends, after, side="right")) - 1
        places.append((int(ends[before]) if before >= 0 else 0, t, kind))
    return _inserted(columns, places) if places else columns


def _inserted(columns: Columns, places: list[tuple[int, int, Row]]) -> Columns:
    at = np.array([place for place, _, _ in places], dtype=np.int64)
    values: dict[str, I64] = {
        "t_event": np.array([t for _, t, _ in places], dtype=np.int64),
        "code": np.array([row_code(kind, Book.NONE, END) for _, _, kind in places], dtype=np.uint16),
    }
    if len(columns.t_recv):
        delay = int((columns.t_recv - columns.t_event).min())
        # The row before may have arrived after that instant: what is received never goes back.
        values["t_recv"] = np.maximum(values["t_event"] + delay, columns.t_recv[np.maximum(at - 1, 0)])
    none = np.zeros(len(at), dtype=np.int64)
    made = {
        name: np.insert(column, at, values.get(name, none)) if len(column) else column
        for name, column in ((one.name, getattr(columns, one.name)) for one in fields(columns))
    }
    return Columns(**made)
