"""Post and chase: join the own touch, follow it when it moves away, cross what is left before the slice ends.

Urgency u moves only the mix: posting lasts for the first 1 - u of the slice, less the finish margin.
"""

from __future__ import annotations

from nowake.engine.tactics.base import Intent, Situation, at_discretion, finish_margin_ns, post, take


def cross_ns(situation: Situation) -> int:
    """Return the instant from which the rest of the slice is crossed."""
    window = situation.end_ns - situation.release_ns
    patient = situation.release_ns + round((1.0 - situation.urgency) * window)
    return min(patient, situation.end_ns - finish_margin_ns(situation))


def post_and_chase(situation: Situation) -> Intent:
    """Return a post-only order at the own touch while there is time, an immediate-or-cancel afterwards."""
    switch = cross_ns(situation)
    now = situation.view.t_ns
    if now >= switch:
        return take(situation, "crosses the rest of the slice")
    early = at_discretion(situation)
    if early is not None:
        return early
    return post(situation, "joins the touch", changes_ns=switch, until="crossing")
