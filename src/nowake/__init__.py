"""nowake: trade size without leaving a wake.

Plan a large order, say beforehand what it will cost and how sure that is, work it child by child on recorded and
simulated markets, survive crashes without a duplicate or lost order, and measure afterwards what it cost and why.

Names are loaded when first used, so that ``import nowake`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

_HOMES = {
    "nowake.analyzer": ("LiquidityAnalyzer",),
    "nowake.api": (
        "measure",
        "measure_venues",
        "order",
        "order_frontier",
        "plan_order",
        "read_tape",
        "resume_order",
        "route_order",
        "work_order",
        "work_venues",
    ),
    "nowake.app.experiments": ("run_study",),
    "nowake.app.request": ("OrderRequest",),
    "nowake.app.results": ("Result",),
    "nowake.app.simulated_venues": ("SimulatedVenues", "fit_dark"),
    "nowake.app.stated": ("Beliefs",),
    "nowake.app.venues_file": ("save_dark",),
    "nowake.app.venues_results": ("VenuesResult",),
    "nowake.app.wiring": ("RunOptions",),
    "nowake.core.conditions": ("Conditions",),
    "nowake.core.errors": ("DataError", "InputError", "JournalError", "NowakeError", "Refused"),
    "nowake.core.instrument": ("FeeSchedule", "Instrument", "Listing"),
    "nowake.core.order": ("EndBehaviour", "Parameters", "ParentOrder", "Side"),
    "nowake.core.plan": ("CostEstimate", "ExecutionPlan", "ExecutionSlice"),
    "nowake.core.routing": ("StrategyDecision",),
    "nowake.core.tape": ("Tape",),
    "nowake.data.panels": ("read_panel",),
    "nowake.executors": ("TWAPExecutor", "VWAPExecutor"),
    "nowake.models.dark": ("DarkLiquidity",),
    "nowake.models.impact.calculator": ("AdvancedMarketImpactCalculator",),
    "nowake.plan.frontier": ("Frontier",),
    "nowake.route.router": ("SmartRouter", "get_smart_router"),
    "nowake.sim.many": ("Probe", "WorldRules", "run_worlds"),
    "nowake.tca.report": ("ExecutionReport",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = [
    "AdvancedMarketImpactCalculator",
    "Beliefs",
    "Conditions",
    "CostEstimate",
    "DarkLiquidity",
    "DataError",
    "EndBehaviour",
    "ExecutionPlan",
    "ExecutionReport",
    "ExecutionSlice",
    "FeeSchedule",
    "Frontier",
    "InputError",
    "Instrument",
    "JournalError",
    "LiquidityAnalyzer",
    "Listing",
    "NowakeError",
    "OrderRequest",
    "Parameters",
    "ParentOrder",
    "Probe",
    "Refused",
    "Result",
    "RunOptions",
    "Side",
    "SimulatedVenues",
    "SmartRouter",
    "StrategyDecision",
    "TWAPExecutor",
    "Tape",
    "VWAPExecutor",
    "VenuesResult",
    "WorldRules",
    "fit_dark",
    "get_smart_router",
    "measure",
    "measure_venues",
    "order",
    "order_frontier",
    "plan_order",
    "read_panel",
    "read_tape",
    "resume_order",
    "route_order",
    "run_study",
    "run_worlds",
    "save_dark",
    "work_order",
    "work_venues",
]

if TYPE_CHECKING:
    from nowake.analyzer import LiquidityAnalyzer
    from nowake.api import (
        measure,
        measure_venues,
        order,
        order_frontier,
        plan_order,
        read_tape,
        resume_order,
        route_order,
        work_order,
        work_venues,
    )
    from nowake.app.experiments import run_study
    from nowake.app.request import OrderRequest
    from nowake.app.results import Result
    from nowake.app.simulated_venues import SimulatedVenues, fit_dark
    from nowake.app.stated import Beliefs
    from nowake.app.venues_file import save_dark
    from nowake.app.venues_results import VenuesResult
    from nowake.app.wiring import RunOptions
    from nowake.core.conditions import Conditions
    from nowake.core.errors import DataError, InputError, JournalError, NowakeError, Refused
    from nowake.core.instrument import FeeSchedule, Instrument, Listing
    from nowake.core.order import EndBehaviour, Parameters, ParentOrder, Side
    from nowake.core.plan import CostEstimate, ExecutionPlan, ExecutionSlice
    from nowake.core.routing import StrategyDecision
    from nowake.core.tape import Tape
    from nowake.data.panels import read_panel
    from nowake.executors import TWAPExecutor, VWAPExecutor
    from nowake.models.dark import DarkLiquidity
    from nowake.models.impact.calculator import AdvancedMarketImpactCalculator
    from nowake.plan.frontier import Frontier
    from nowake.route.router import SmartRouter, get_smart_router
    from nowake.sim.many import Probe, WorldRules, run_worlds
    from nowake.tca.report import ExecutionReport


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'nowake' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
