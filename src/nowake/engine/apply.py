"""``apply(state, record) -> state``: the only code that changes state. Recovery is ``reduce(apply, journal)``.

Needs no tape, model, strategy or clock. Every message may come twice, late or out of order: a repeated one changes
nothing, a fill is applied exactly once by its key, and every record leaves I1 true (asserted).
"""

from __future__ import annotations

from typing import Any

from nowake.core.decisions import ParentStatus
from nowake.core.errors import InvariantBroken
from nowake.core.expected import marked
from nowake.core.inputs import Input
from nowake.core.ports import Record
from nowake.core.value import replace
from nowake.core.view import View
from nowake.engine.apply_decisions import DECISIONS
from nowake.engine.apply_inputs import INPUTS
from nowake.engine.following import followed
from nowake.engine.state import ROLLING_NS, EngineState, Sample

SAMPLE_NS = 5_000_000_000
_TABLE = {**INPUTS, **DECISIONS}


def apply(state: EngineState, record: Record) -> EngineState:
    """Return the state after one record.

    Raises:
        InvariantBroken: The record and the state contradict each other, or time went back.
    """
    if isinstance(record, Input):
        if record.t_ns < state.t_ns:
            raise InvariantBroken("I26", f"{type(record).__name__} at {record.t_ns} after {state.t_ns}")
        state = replace(state, t_ns=record.t_ns)
        view = getattr(record, "view", None)
        if view is not None:
            state = _observe(state, view)
    return _TABLE[type(record)](state, record)


def _observe(state: EngineState, view: View) -> EngineState:
    """Remember the volume of others where a running parent's pacing will need it."""
    parents = state.parents
    for key, parent in state.parents.items():
        order = parent.order
        if parent.status is ParentStatus.DONE or order.listing != view.listing or view.t_ns < order.start_ns:
            continue
        others = view.volume_all - view.volume_own
        changes: dict[str, Any] = {}
        if parent.base_others is None:
            changes["base_others"] = others
        if not parent.samples or view.t_ns - parent.samples[-1].t_ns >= SAMPLE_NS:
            old = sum(s.t_ns < view.t_ns - ROLLING_NS for s in parent.samples)
            # The newest one from before the window stays: what was seen last, after a long silence of our own.
            changes["samples"] = (*parent.samples[max(0, old - 1) :], Sample(t_ns=view.t_ns, others=others))
        if parent.routing is not None:
            marks = marked(parent.routing.marks, view)
            if marks is not parent.routing.marks:
                changes["routing"] = replace(parent.routing, marks=marks)
        if parent.rate_ppm:
            changes |= followed(replace(parent, **changes), others)
        if changes:
            parents = {**parents, key: replace(parent, **changes)}
    return state if parents is state.parents else replace(state, parents=parents)
