"""How much may be traded now: participation = own / (own + others), cumulative and on a rolling window.

The gate's volume of others is what was observed since the start. In the order's first minute a forecast may stand in
for prints, up to what the plan expects by the end of the current slice; later on, volume that did not come is never
counted. The rolling window keeps a tenth back, because a resting child fills after old volume has left the window. At
least one minimum order is always allowed.
"""

from __future__ import annotations

from nowake.core.value import Value
from nowake.core.view import View
from nowake.engine.env import Limits
from nowake.engine.state import ParentState

_MILLION = 1_000_000
UNLIMITED = 2**62


FORECAST_NS = 60_000_000_000
"""How long, and how far ahead within the current slice, a forecast may stand in for prints."""


class Allowance(Value, frozen=True):
    """How much more may be sent.

    Attributes:
        qty_units: At most this, >= 0; live children are already counted as traded.
        binding: Which rule binds: ``cap``, ``rolling`` or empty (unlimited).
        detail: Its numbers in words.
        own_units: Own worst case so far: filled + possibly live.
        others_units: Volume of others that the cumulative rule counted.
    """

    qty_units: int
    binding: str = ""
    detail: str = ""
    own_units: int = 0
    others_units: int = 0


def own_limit(others_units: int, cap: float) -> int:
    """Return the largest own volume with own / (own + others) <= cap."""
    rate = round(cap * _MILLION)
    return UNLIMITED if rate >= _MILLION else rate * others_units // (_MILLION - rate)


def others_needed(own_units: int, cap: float) -> int:
    """Return the smallest volume of others with own / (own + others) <= cap."""
    rate = round(cap * _MILLION)
    return 0 if rate >= _MILLION else -(-own_units * (_MILLION - rate) // rate)


def counted_others(parent: ParentState, observed: int, now_ns: int) -> tuple[int, int]:
    """Return (volume of others the cumulative rule counts, what the current slice still expects)."""
    plan = parent.plan
    position = plan.position(now_ns)
    young = now_ns - parent.order.start_ns < FORECAST_NS
    if position < 0 or not young:
        return observed, 0
    current = plan.slices[position]
    left = min(FORECAST_NS, max(0, current.end_ns - now_ns))
    coming = plan.expected_volume[position] * left // (current.end_ns - current.release_ns)
    expected = plan.cumulative_volume[position]
    return max(observed, min(expected, observed + coming)), coming


def allowance(parent: ParentState, limits: Limits, view: View, minimum_units: int) -> Allowance:
    """Return what may be sent now, ``minimum_units`` being one minimum order."""
    cap = parent.order.parameters.participation_max
    own = parent.filled + parent.reserved
    others_now = view.volume_all - view.volume_own
    observed = others_now - (parent.base_others if parent.base_others is not None else others_now)
    counted, coming = counted_others(parent, observed, view.t_ns)
    total = max(minimum_units, own_limit(counted, cap)) - own
    since = view.t_ns - limits.rolling_ns
    recent = [sample.others for sample in parent.samples if sample.t_ns >= since]
    window_others = others_now - (recent[0] if recent else others_now) + coming
    window_own = sum(fill.qty for fill in parent.own_fills if fill.t_ns >= since) + parent.reserved
    rolling = max(minimum_units, own_limit(window_others, min(1.0, 2 * cap)) * 9 // 10) - window_own
    qty = max(0, min(total, rolling, UNLIMITED))
    if qty >= UNLIMITED // 2:
        return Allowance(qty_units=qty, own_units=own, others_units=counted)
    binding = "cap" if total <= rolling else "rolling"
    detail = (
        f"own {own} of {own + counted} volume counted, cap {cap:.4g}"
        if binding == "cap"
        else f"own {window_own} beside {window_others} of others in the last {limits.rolling_ns // 10**9} s, "
        f"twice the cap {cap:.4g}"
    )
    return Allowance(qty_units=qty, binding=binding, detail=detail, own_units=own, others_units=counted)
