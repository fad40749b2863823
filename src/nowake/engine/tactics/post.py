"""Post: join the own touch and follow it; never take (what is not filled by the end stays undone)."""

from __future__ import annotations

from nowake.engine.tactics.base import Intent, Situation
from nowake.engine.tactics.base import post as at_touch


def post(situation: Situation) -> Intent:
    """Return a post-only order at the own touch, whatever the time."""
    return at_touch(situation, "joins the touch, never takes")
