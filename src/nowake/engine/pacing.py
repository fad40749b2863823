"""How much may be traded now: participation = own / (own + others), cumulative and on a rolling window.

Others' volume is what was printed since the start, never a forecast: a forecast that comes true late has by then been
over the cap (counted to the end of an hour-long slice, an order was 90 % of the first minutes). The rolling window
keeps a tenth back, because a resting child fills after old volume has left the window; ``crowded_ns`` says when even
that is used up and the child must go. At least one minimum order is always allowed.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from nowake.core.value import Value
from nowake.core.view import View
from nowake.engine.env import Limits
from nowake.engine.state import ParentState

_MILLION = 1_000_000
UNLIMITED = 2**62
_TIME = attrgetter("t_ns")


class Allowance(Value, frozen=True):
    """How much more may be sent.

    Attributes:
        qty_units: At most this, >= 0; live children are already counted as traded.
        binding: Which rule binds: ``cap``, ``rolling`` or empty (unlimited).
        cap: The order's participation cap.
        own_units: Own worst case so far: filled + possibly live.
        others_units: Volume of others since the start.
        window: (own, others, ns) of the rolling rule: own worst case and volume of others in the last ``ns``.
    """

    qty_units: int
    binding: str = ""
    cap: float = 1.0
    own_units: int = 0
    others_units: int = 0
    window: tuple[int, int, int] = (0, 0, 0)

    @property
    def detail(self) -> str:
        """Return the numbers of the rule that binds in words."""
        if self.binding == "cap":
            return f"own {self.own_units} of {self.own_units + self.others_units} volume seen, cap {self.cap:.4g}"
        if not self.binding:
            return ""
        own, others, window_ns = self.window
        return f"own {own} beside {others} of others in the last {window_ns // 10**9} s, twice the cap {self.cap:.4g}"


def own_limit(others_units: int, cap: float) -> int:
    """Return the largest own volume with own / (own + others) <= cap."""
    rate = round(cap * _MILLION)
    return UNLIMITED if rate >= _MILLION else rate * others_units // (_MILLION - rate)


def others_needed(own_units: int, cap: float) -> int:
    """Return the smallest volume of others with own / (own + others) <= cap."""
    rate = round(cap * _MILLION)
    return 0 if rate >= _MILLION else -(-own_units * (_MILLION - rate) // rate)


def allowance(parent: ParentState, limits: Limits, view: View, minimum_units: int) -> Allowance:
    """Return what may be sent now, ``minimum_units`` being one minimum order."""
    cap = parent.order.parameters.participation_max
    reserved = parent.reserved
    own = parent.filled + reserved
    others_now = view.volume_all - view.volume_own
    observed = others_now - (parent.base_others if parent.base_others is not None else others_now)
    total = max(minimum_units, own_limit(observed, cap)) - own
    window_own, window_others = _rolling(parent, reserved, limits, others_now, view.t_ns)
    rolling = max(minimum_units, own_limit(window_others, min(1.0, 2 * cap)) * 9 // 10) - window_own
    qty = max(0, min(total, rolling, UNLIMITED))
    if qty >= UNLIMITED // 2:
        return Allowance(qty_units=qty, own_units=own, others_units=observed)
    return Allowance(
        qty_units=qty,
        binding="cap" if total <= rolling else "rolling",
        cap=cap,
        own_units=own,
        others_units=observed,
        window=(window_own, window_others, limits.rolling_ns),
    )


def crowded_ns(parent: ParentState, limits: Limits, view: View, minimum_units: int, until_ns: int = UNLIMITED) -> int:
    """Return when the live children would be over the rolling rule if nobody traded any more: now, later, or 0 = never.

    Volume that leaves the window takes room away from children that were sent while it was there. Nobody asks about
    what comes after ``until_ns``.
    """
    others_now = view.volume_all - view.volume_own
    rate = round(min(1.0, 2 * parent.order.parameters.participation_max) * _MILLION)
    fills, samples, reserved = parent.own_fills, parent.samples, parent.reserved
    recent, past = sum([fill.qty for fill in fills]), 0
    if rate >= _MILLION or max(parent.filled, recent) + reserved <= minimum_units:
        return 0
    # Until ``first`` the volume left in the window suffices for all we ever had in it, so nothing before is looked at.
    enough = others_needed(recent + reserved, rate / _MILLION)
    first, last = 0, bisect_left(samples, until_ns - limits.rolling_ns, key=_TIME)
    for sample in samples[: last + 1]:
        if sample.others > others_now - enough:
            break
        first += 1
    leaves = [sample.t_ns + limits.rolling_ns + 1 for sample in samples[max(first - 1, 0) : last]]
    oldest = 0
    # The window only moves on, so what has left it is dropped once: ``_rolling`` of every instant in one pass.
    for t_ns in (view.t_ns, *[t_ns for t_ns in leaves if t_ns > view.t_ns]):
        since = t_ns - limits.rolling_ns
        while past < len(fills) and fills[past].t_ns < since:
            recent -= fills[past].qty
            past += 1
        while oldest < len(samples) and samples[oldest].t_ns < since:
            oldest += 1
        if parent.order.start_ns > since and parent.base_others is not None:
            own, others = parent.filled + reserved, others_now - parent.base_others
        else:
            own, others = recent + reserved, others_now - samples[oldest].others if oldest < len(samples) else 0
        if own > minimum_units and own > rate * others // (_MILLION - rate):
            return t_ns
    return 0


def _rolling(parent: ParentState, reserved: int, limits: Limits, others_now: int, t_ns: int) -> tuple[int, int]:
    """Return own (worst case) and others' volume of the rolling window that ends at ``t_ns``."""
    since = t_ns - limits.rolling_ns
    if parent.order.start_ns > since and parent.base_others is not None:
        return parent.filled + reserved, others_now - parent.base_others
    samples, fills = parent.samples, parent.own_fills
    # Both were cut when the last of them came, so that few, if any, are older than the window.
    oldest = past = 0
    while oldest < len(samples) and samples[oldest].t_ns < since:
        oldest += 1
    while past < len(fills) and fills[past].t_ns < since:
        past += 1
    others = others_now - samples[oldest].others if oldest < len(samples) else 0
    return sum([fill.qty for fill in fills[past:]]) + reserved, others
