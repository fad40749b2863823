"""Moves on the state that inputs and decisions share; each leaves I1 true (asserted)."""

from __future__ import annotations

from typing import Any

from nowake.core.child import ChildStatus
from nowake.core.value import replace
from nowake.engine.state import ChildState, ClosedChild, EngineState, ParentState, check_parent


def put(state: EngineState, parent: ParentState) -> EngineState:
    """Return the state with a parent replaced, its invariants asserted."""
    check_parent(parent)
    return replace(state, parents={**state.parents, parent.order.parent_id: parent})


def keep(state: EngineState, parent: ParentState) -> EngineState:
    """Return the state with a parent replaced of which no quantity and no child changed: what ``put`` asserts stays."""
    return replace(state, parents={**state.parents, parent.order.parent_id: parent})


def find(state: EngineState, child_id: str) -> tuple[ParentState, ChildState | None] | None:
    """Return the parent and, when it can still trade, the child; None for an id that was never ours."""
    parent_id = state.find_child(child_id)
    if parent_id is None:
        return None
    parent = state.parents[parent_id]
    return parent, parent.live.get(child_id)


def with_child(parent: ParentState, child: ChildState, **changes: Any) -> ParentState:
    """Return the parent with a live child replaced, and other changes of its fields."""
    return replace(parent, live={**parent.live, child.order.child_id: child}, **changes)


def doubt(child: ChildState, t_ns: int) -> ChildState:
    """Return the child as in doubt, since when it first was."""
    return replace(child, status=ChildStatus.IN_DOUBT, doubt_ns=child.doubt_ns or t_ns)


def close(parent: ParentState, child: ChildState, status: ChildStatus) -> ParentState:
    """Move a child out of the hot state; what it did not fill is unsent again."""
    child_id = child.order.child_id
    live = {key: one for key, one in parent.live.items() if key != child_id}
    closed = ClosedChild(status=status, leg=child.order.leg, filled=child.filled, fills=child.fills)
    return replace(parent, live=live, closed={**parent.closed, child_id: closed}, unsent=parent.unsent + child.leaves)
