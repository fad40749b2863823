"""Following volume (POV): what the prints of others ask of an order.

For every unit that others print, an order at rate r owes r / (1 - r) units, so that own / (own + others) = r; own
prints never count. What is owed is summed at the rate in force as volume is seen (millionths of a unit, rounded down).
Volume seen while the order is not running is never owed, and what is owed beyond what the last five minutes gave is
forgotten: catch-up is bounded.
"""

from __future__ import annotations

from typing import Any

from nowake.core.decisions import ParentStatus
from nowake.core.order import EndBehaviour
from nowake.engine.state import ROLLING_NS, ParentState

MILLION = 1_000_000
CLIPS = 200
"""A patient order is sent in at most about this many pieces ..."""
RECENT_PARTS = 5
"""... or what the prints ask for in a minute, where that is less: a fifth of the last five minutes."""


def odds_micro(others: int, rate_ppm: int) -> int:
    """Return millionths of a unit owed for a volume of others."""
    return others * rate_ppm * MILLION // (MILLION - rate_ppm)


def followed(parent: ParentState, others_now: int) -> dict[str, Any]:
    """Return the changes of a parent's state when the volume of others is seen to be ``others_now``."""
    if parent.base_others is None or not parent.rate_ppm:
        return {}
    seen = others_now - parent.base_others
    if parent.status is not ParentStatus.RUNNING:
        return {"followed": seen}
    owed = parent.due_micro + odds_micro(seen - parent.followed, parent.rate_ppm)
    most = parent.filled * MILLION + odds_micro(seen - _seen_before(parent), parent.rate_ppm)
    return {"followed": seen, "due_micro": max(parent.due_micro, min(owed, most))}


def _seen_before(parent: ParentState) -> int:
    """Return the volume of others since the start that is known to be older than the rolling window."""
    oldest = parent.samples[0] if parent.samples else None
    if oldest is None or parent.samples[-1].t_ns - oldest.t_ns <= ROLLING_NS:
        return 0
    return oldest.others - (parent.base_others or 0)


def clip_units(parent: ParentState, least: int, lot: int) -> int:
    """Return the smallest piece worth sending: one order at urgency 1, more for a patient one (see ``CLIPS``)."""
    if parent.order.parameters.urgency == 1 or not parent.samples:
        return least
    asked = odds_micro(parent.followed - _seen_before(parent), parent.rate_ppm) // MILLION // RECENT_PARTS
    return max(least, min(parent.order.qty_units // CLIPS, asked) // lot * lot)


def owed_units(parent: ParentState, near_end: bool) -> int:
    """Return the cumulative quantity that following asks for; all of it near the end of an order that is to finish."""
    finishes = parent.order.parameters.end_behaviour is EndBehaviour.FINISH
    return parent.order.qty_units if near_end and finishes else min(parent.due_micro // MILLION, parent.order.qty_units)


def missing_others(parent: ParentState, piece_units: int) -> int:
    """Return how much more the others must print before another piece is owed; <= 0 = it is."""
    return _others_for((parent.filled + parent.reserved + piece_units) * MILLION - parent.due_micro, parent.rate_ppm)


def _others_for(due_micro: int, rate_ppm: int) -> int:
    """Return the volume of others that adds ``due_micro``, rounded up."""
    return -(-due_micro * (MILLION - rate_ppm) // (rate_ppm * MILLION))


def under_band(parent: ParentState) -> bool:
    """Return whether what was filled is under the floor of the band, or about to be five minutes of volume behind."""
    recent = odds_micro(parent.followed - _seen_before(parent), parent.rate_ppm)
    behind = parent.due_micro - parent.filled * MILLION
    return parent.due_micro > _due_at_floor(parent) or (behind > 0 and behind * 10 >= recent * 9)


def others_to_floor(parent: ParentState) -> int:
    """Return how much more the others must print before what is filled is under the floor of the band."""
    return _others_for(_due_at_floor(parent) + 1 - parent.due_micro, parent.rate_ppm)


def _due_at_floor(parent: ParentState) -> int:
    """Return the most that may be due while what was filled is not under the floor, millionths of a unit."""
    rate, floor = parent.rate_ppm, floor_ppm(parent)
    return parent.filled * MILLION * rate * (MILLION - floor) // (floor * (MILLION - rate))


def floor_ppm(parent: ParentState) -> int:
    """Return the floor of the band: as asked, else four fifths of the rate in force."""
    asked = parent.order.parameters.participation_min
    return min(parent.rate_ppm, round(asked * MILLION)) if asked is not None else max(1, parent.rate_ppm * 4 // 5)
