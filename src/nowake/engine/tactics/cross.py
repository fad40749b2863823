"""Cross: take the far touch at once, and again whenever something is missing."""

from __future__ import annotations

from nowake.engine.tactics.base import Intent, Situation, take


def cross(situation: Situation) -> Intent:
    """Return an immediate-or-cancel at the far touch."""
    return take(situation, "crosses at once")
