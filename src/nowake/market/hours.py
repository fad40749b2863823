"""Whether a session is open, asked at rising instants: one table look-up per change, not per question."""

from __future__ import annotations

from nowake.core.errors import Refused
from nowake.core.sessions import Session
from nowake.core.units import INT64_MAX


class Hours:
    """The open and closed stretches of a session; None is always open."""

    def __init__(self, session: Session | None) -> None:
        self._session = session
        self._from_ns = self._to_ns = 0
        self._open = True
        if session is None:
            self._from_ns, self._to_ns = -INT64_MAX, INT64_MAX

    def _look_up(self, t_ns: int) -> None:
        if self._from_ns <= t_ns < self._to_ns:
            return
        assert self._session is not None
        session = self._session
        self._open = session.is_open(t_ns)
        self._from_ns = t_ns
        if not self._open:
            try:
                self._to_ns = session.next_open(t_ns)
            except Refused:
                self._to_ns = INT64_MAX  # the table ends: never again, as far as anybody knows
        elif session.always_open and len(session.weekdays) == 7 and not session.closed:
            self._to_ns = INT64_MAX
        else:
            hours = session.hours(session.trading_day(t_ns))
            assert hours is not None
            self._to_ns = hours[1]

    def stretch(self, t_ns: int) -> tuple[bool, int]:
        """Return whether ``t_ns`` lies in an open stretch, and the first instant after it at which that changes."""
        if not self._from_ns <= t_ns < self._to_ns:
            self._look_up(t_ns)
        return self._open, self._to_ns

    def is_open(self, t_ns: int) -> bool:
        """Return whether ``t_ns`` lies in an open stretch."""
        self._look_up(t_ns)
        return self._open

    def next_change(self, t_ns: int) -> int:
        """Return the first instant after ``t_ns`` at which open turns to closed or back."""
        self._look_up(t_ns)
        return self._to_ns
