"""From an order and beliefs to an ``ExecutionPlan``: strategies (a file each), exact slicer, cost, feasibility.

The names below are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_WHERE = {
    "Trajectory": "nowake.plan.solvers._almgren_chriss",
    "almgren_chriss": "nowake.plan.solvers._almgren_chriss",
}
__all__ = ["Trajectory", "almgren_chriss"]

if TYPE_CHECKING:
    from nowake.plan.solvers._almgren_chriss import Trajectory, almgren_chriss


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
