"""The exact slicer: whole lots, sums to the parent, within what one order may be.

Largest remainder (Hamilton's method; Balinski, Young 1982): every slice gets the whole lots of its ideal share, and
the lots left over go one each to the largest fractions, earlier slices first. The answer is that of integer
arithmetic: a float weight is taken as the exact binary fraction that it is, so no lot is ever lost to rounding. Floats
find it first (``solvers.shares``) where their error cannot change it.

Then minimum and maximum: what is under the smallest order is dust and waits for the next slice (later is never more
aggressive), dust at the end joins the last slice, and what is over the largest order is handed on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nowake.core.errors import Refused
from nowake.core.units import INT64_MAX
from nowake.core.value import require

Ints = NDArray[np.int64]
Weights = Sequence[int | float | Fraction] | NDArray[np.float64]


def slice_exactly(
    qty_units: int,
    weights: Weights,
    *,
    lot_units: int = 1,
    min_units: int = 0,
    max_units: int = 0,
    show: Callable[[int], str] = str,
) -> tuple[int, ...]:
    """Split a quantity in proportion to ``weights``.

    Args:
        qty_units: Quantity units to split, > 0, a multiple of the lot.
        weights: One per slice, finite, >= 0, not all 0; a slice of weight 0 gets nothing.
        lot_units: Every slice is a multiple of this.
        min_units: Smallest order; a slice is 0 or at least this.
        max_units: Largest order; 0 = none.
        show: Writes quantity units as the user knows them, for the refusal.

    Returns:
        Quantity units per weight, same length; they sum to ``qty_units`` exactly. Slices merged away are 0. Equal
        weights whose share an order may be give slices equal within a lot.

    Raises:
        InputError: A weight or limit outside its domain.
        Refused: No split keeps to lot, minimum and maximum; the nearest quantity that does is named.

    >>> slice_exactly(1000, [1] * 7)
    (143, 143, 143, 143, 143, 143, 142)
    """
    least, most = _limits(qty_units, lot_units, min_units, max_units)
    quick = _in_floats(qty_units, weights, lot_units, least, most)
    if quick is not None:
        return tuple(quick.tolist())
    return _in_integers(qty_units, weights, lot_units, least, most, show)


def slice_units(
    qty_units: int,
    weights: NDArray[np.float64] | Sequence[Fraction],
    *,
    lot_units: int,
    min_units: int,
    max_units: int,
    show: Callable[[int], str],
) -> Ints:
    """Return ``slice_exactly`` of a quantity of at most 64 bits as an array, (n,)."""
    least, most = _limits(qty_units, lot_units, min_units, max_units)
    quick = _in_floats(qty_units, weights, lot_units, least, most)
    if quick is not None:
        return quick
    return np.array(_in_integers(qty_units, weights, lot_units, least, most, show), dtype=np.int64)


def _limits(qty_units: int, lot_units: int, min_units: int, max_units: int) -> tuple[int, int]:
    """Return the smallest and the largest part, lots."""
    require(lot_units > 0, "lot_units", lot_units, "> 0")
    require(min_units >= 0, "min_units", min_units, ">= 0")
    require(max_units >= 0, "max_units", max_units, ">= 0")
    require(qty_units > 0, "quantity", qty_units, "> 0")
    least = max(1, -(-min_units // lot_units))
    most = max_units // lot_units if max_units else max(qty_units // lot_units + 1, least)
    require(most >= least, "max_units", max_units, f"at least the smallest order {least * lot_units}")
    return least, most


def _in_floats(qty_units: int, weights: Weights, lot_units: int, least: int, most: int) -> Ints | None:
    """Return what ``_in_integers`` returns, None where the rounding of floats may change it."""
    if not isinstance(weights, np.ndarray) and not all(type(weight) is float for weight in weights):
        return None
    lots, rest = divmod(qty_units, lot_units)
    if rest or qty_units > INT64_MAX or least > lots:
        return None
    from nowake.plan.solvers.shares import shares_kernel  # compiles: only who needs it pays

    floats = np.ascontiguousarray(weights, dtype=np.float64)
    found = np.empty(floats.size, dtype=np.int64)
    good = shares_kernel(lots, floats, least, min(most, lots), lot_units, np.empty(floats.size), found)
    return found if good else None


def _in_integers(
    qty_units: int, weights: Weights, lot_units: int, least: int, most: int, show: Callable[[int], str]
) -> tuple[int, ...]:
    """Return the parts by exact arithmetic, quantity units."""
    lots, rest = divmod(qty_units, lot_units)
    whole = _whole_numbers(weights)
    used = [i for i, weight in enumerate(whole) if weight]
    if rest or not _feasible(lots, len(used), least, most):
        raise _refusal(qty_units, len(used), lot_units, least, most, show)
    within = _within_limits(_largest_remainder(lots, [whole[i] for i in used]), least, most)
    parts = [0] * len(weights)
    for i, part in zip(used, within, strict=True):
        parts[i] = part * lot_units
    return tuple(parts)


def _whole_numbers(weights: Weights) -> list[int]:
    """Return integers in exactly the proportion of ``weights``."""
    numbers = weights.tolist() if isinstance(weights, np.ndarray) else weights
    good = len(numbers) > 0 and all(math.isfinite(w) and w >= 0 for w in numbers) and any(w > 0 for w in numbers)
    require(good, "weights", tuple(numbers)[:8], "finite, >= 0 and not all 0")
    exact = [w.as_integer_ratio() for w in numbers]
    common = math.lcm(*{below for _, below in exact})
    return [above * (common // below) for above, below in exact]


def _largest_remainder(lots: int, weights: list[int]) -> list[int]:
    """Return whole lots per weight that sum to ``lots``."""
    total = sum(weights)
    shares = [divmod(lots * weight, total) for weight in weights]
    whole = [share for share, _ in shares]
    left = lots - sum(whole)
    remainders = [remainder for _, remainder in shares]
    by_fraction = sorted(range(len(weights)), key=remainders.__getitem__, reverse=True)  # of equals the earlier first
    for i in by_fraction[:left]:
        whole[i] += 1
    return whole


def _feasible(lots: int, slots: int, least: int, most: int) -> bool:
    """Return whether ``lots`` fit in at most ``slots`` orders of ``least`` to ``most`` lots."""
    return lots == 0 or (lots > 0 and -(-lots // most) <= min(slots, lots // least))


def _within_limits(ideal: list[int], least: int, most: int) -> list[int]:
    """Return the split nearest to ``ideal`` whose every part is 0 or in [least, most]; same sum, same length.

    Follows the cumulative ideal from the front; each part is chosen so that the rest still fits in what is left.
    """
    if (least <= min(ideal) and max(ideal) <= most) or all(part == 0 or least <= part <= most for part in ideal):
        return ideal
    left, behind, parts = sum(ideal), 0, []
    for i, wanted in enumerate(ideal):
        slots = len(ideal) - i - 1
        want = behind + wanted
        part = _nearest_part(want, left, slots, least, most)
        parts.append(part)
        left -= part
        behind = want - part
    return parts


def _nearest_part(want: int, left: int, slots: int, least: int, most: int) -> int:
    """Return the part nearest to ``want`` after which the rest of ``left`` fits in ``slots`` orders.

    Dust (under ``least``) waits when it can; of two equally near the smaller is taken.
    """
    if want < least and _feasible(left, slots, least, most):
        return 0
    inside = min(max(want, least), most)
    candidates = {0, inside, least, most}
    # The rest fits in k orders when it lies in [k least, k most]: the ends of those stretches are where to look.
    for rest in (left - inside, left - least, left - most):
        for k in {rest // least, rest // least + 1, rest // most, -(-rest // most), slots}:
            if 0 <= k <= slots:
                candidates |= {left - k * least, left - k * most}
    good = [
        part
        for part in candidates
        if (part == 0 or least <= part <= most) and part <= left and _feasible(left - part, slots, least, most)
    ]
    return min(good, key=lambda part: (abs(part - want), part))


def _refusal(qty_units: int, slots: int, lot_units: int, least: int, most: int, show: Callable[[int], str]) -> Refused:
    """Return the refusal of an infeasible quantity, with the nearest feasible ones as remedy."""
    nearest = [show(lots * lot_units) for lots in nearest_feasible(qty_units, slots, lot_units, least, most)]
    remedy = f"nearest is {' or '.join(nearest)}" if nearest else ""
    quantity = f"quantity {show(qty_units)}"
    if qty_units % lot_units:
        return Refused(f"{quantity} is not a multiple of the lot {show(lot_units)}", remedy)
    if qty_units < least * lot_units:
        return Refused(f"{quantity} is under the smallest order {show(least * lot_units)}", remedy)
    between = f"{show(least * lot_units)} to {show(most * lot_units)}"
    return Refused(f"{quantity} does not fit in {slots} orders of {between}", remedy)


def nearest_feasible(qty_units: int, slots: int, lot_units: int, least: int, most: int) -> tuple[int, ...]:
    """Return the feasible quantities nearest to ``qty_units``, below and above, in lots.

    Feasible are the stretches [k least, k most] lots, k orders, 1 <= k <= slots.
    """
    down, up = qty_units // lot_units, -(-qty_units // lot_units)
    k_below = min(slots, down // least)
    below = min(down, k_below * most)
    k_above = -(-up // most)
    above = max(up, k_above * least) if k_above <= slots else 0
    return tuple(dict.fromkeys(lots for lots in (below, above) if lots > 0))
