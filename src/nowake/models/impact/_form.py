"""What every form takes and returns, and the unit convention of this room.

**Units**: impact in basis points of the price before the order, positive = against the order, the same for both
sides; ``quantity`` and ``adv`` (volume per trading day) in one unit, whichever; ``volatility`` as a *fraction* per
trading day, one standard deviation (0.02 is 2 %), save I-Star, which takes a year's. So an order of 1 % of a day's
volume at 2 % a day moves the price by about 20 bps when its last unit trades, and costs about 13 bps.

**Parts**: what an order pays is the mean over its fills of how far the price has moved. ``permanent_bps`` is half of
the move that stays, since the level rises as the order fills (Almgren et al. 2005, eq. 6: J = I / 2 + ...);
``temporary_bps`` is the rest; ``total_bps`` is their sum, the expected cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nowake.core.errors import InputError

F64 = NDArray[np.float64]
P = ParamSpec("P")
BLOCK = 32_768
"""Orders priced at a time: their columns stay in the processor's cache."""
REMAINING = 2 / 3
"""Part of the peak that stays after the order (Zarinelli et al. 2015; Donier, Bonart 2015)."""
SIZE_MOST = 1_000.0
"""Days' volumes beyond which an order is a slip of units."""
HORIZON_LEAST, HORIZON_MOST = 1e-9, 1e6
"""Trading days."""
HORIZON_RULE = f"above 0 and at most {HORIZON_MOST:,.0f} trading days"
_RULES = "a number or an array of numbers"


@dataclass(frozen=True, slots=True)
class Impact:
    """What an order costs; each field a number, or an array of the shape that the arguments broadcast to.

    Attributes:
        permanent_bps: Half of the move that stays.
        temporary_bps: The rest of the cost.
        peak_bps: How far the price has moved when the last unit trades; None where the form does not say.
    """

    permanent_bps: float | F64
    temporary_bps: float | F64
    peak_bps: float | F64 | None = None

    @property
    def total_bps(self) -> float | F64:
        """Return the expected cost: permanent + temporary."""
        return self.permanent_bps + self.temporary_bps


def in_blocks(form: Callable[P, Impact]) -> Callable[P, Impact]:
    """Let a form price many orders a block at a time: half the time of going through whole columns again and again."""

    @wraps(form)
    def priced(*args: P.args, **kwargs: P.kwargs) -> Impact:
        arrays = [one for one in (*args, *kwargs.values()) if isinstance(one, np.ndarray) and one.ndim]
        n = len(arrays[0]) if arrays else 0
        if n < 2 * BLOCK or any(one.shape != (n,) for one in arrays):
            return form(*args, **kwargs)

        def rows(one: object, start: int) -> object:
            return one[start : start + BLOCK] if isinstance(one, np.ndarray) and one.ndim else one

        columns: list[F64 | None] = [np.empty(n), np.empty(n), np.empty(n)]
        for start in range(0, n, BLOCK):
            part_args = [rows(one, start) for one in args]
            part_kwargs = {name: rows(one, start) for name, one in kwargs.items()}
            try:
                part = form(*part_args, **part_kwargs)  # type: ignore[arg-type]
            except InputError:
                return form(*args, **kwargs)  # it names the place in the whole column
            for k, found in enumerate((part.permanent_bps, part.temporary_bps, part.peak_bps)):
                into = columns[k]
                if found is None:
                    columns[k] = None
                elif into is not None:
                    into[start : start + BLOCK] = found
        permanent, temporary, peak = columns
        assert permanent is not None
        assert temporary is not None
        return Impact(permanent_bps=permanent, temporary_bps=temporary, peak_bps=peak)

    return priced


def column(
    name: str, value: ArrayLike, low: float, high: float, rule: str, remedy: str = "", *, low_too: bool = False
) -> F64:
    """Return ``value`` as floats.

    Args:
        name: As the caller knows it.
        value: A number or an array.
        low: Each must lie above this.
        high: Each must lie at most at this.
        rule: What that means, completing "must be ...".
        remedy: What to do instead.
        low_too: At ``low`` is inside too.

    Raises:
        InputError: No numbers, or one of them (NaN and infinity among them) outside; it is shown with its place.
    """
    try:
        given = np.asarray(value)
        odd = given.dtype.kind == "O" and any(one is None or isinstance(one, str) for one in given.flat)
        if odd or given.dtype.kind not in "iufO":
            raise TypeError
        made = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise InputError(name, value, _RULES) from None
    if made.size == 0:
        return made
    lowest, highest = made.min(), made.max()
    if (lowest >= low if low_too else lowest > low) and highest <= high and highest < math.inf:
        return made
    inside = (made >= low if low_too else made > low) & (made <= high) & np.isfinite(made)
    where = int(np.flatnonzero(~inside)[0])
    raise InputError(name if made.ndim == 0 else f"{name}[{where}]", float(made.flat[where]), rule, remedy)


def single(name: str, value: object) -> float:
    """Return a single finite number.

    Raises:
        InputError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise InputError(name, value, "a number")
    made = float(value) if not isinstance(value, int) or abs(value) < 2**1000 else math.inf
    if not math.isfinite(made):
        raise InputError(name, value, "a finite number")
    return made


def sizes(quantity: ArrayLike, adv: ArrayLike) -> F64:
    """Return Q / V_D, the order as part of a day's volume.

    Raises:
        InputError: A negative quantity, a volume that is not positive, or more than ``SIZE_MOST`` days of it.
    """
    q = column("quantity", quantity, 0.0, math.inf, ">= 0", "the cost is the same for both sides", low_too=True)
    v = column("adv", adv, 0.0, math.inf, "> 0", "give the volume of a trading day")
    together(quantity=q, adv=v)
    with np.errstate(over="ignore"):
        return column(
            "quantity / adv",
            q / v,
            0.0,
            SIZE_MOST,
            f"at most {SIZE_MOST:,.0f}",
            "give both in the same unit",
            low_too=True,
        )


def daily_volatility(volatility: ArrayLike) -> F64:
    """Return a day's volatility.

    Raises:
        InputError: Not above 0 and below 1: percent, basis points or a year's number were probably meant.
    """
    return column(
        "volatility",
        volatility,
        0.0,
        math.nextafter(1.0, 0.0),
        "a fraction per trading day above 0 and below 1",
        "write 0.02 for 2 % a day",
    )


def coefficient(name: str, value: ArrayLike) -> F64:
    """Return a coefficient >= 0.

    Raises:
        InputError: It is negative or no number.
    """
    return column(name, value, 0.0, 1e9, "between 0 and 1e9", low_too=True)


def exponent(name: str, value: ArrayLike, *, high: float = 1.0) -> F64:
    """Return an exponent in (0, ``high``].

    Raises:
        InputError: It is outside.
    """
    return column(name, value, 0.0, high, f"in (0, {high:g}]")


def remaining_part(remaining: ArrayLike) -> F64:
    """Return the part of the peak that stays, in [0, 1].

    Raises:
        InputError: It is outside.
    """
    return column("remaining", remaining, 0.0, 1.0, "in [0, 1]", low_too=True)


def together(**columns: F64) -> None:
    """Refuse arrays whose shapes do not go together.

    Raises:
        InputError: Names them and their shapes.
    """
    if sum(one.ndim > 0 for one in columns.values()) < 2:
        return
    try:
        np.broadcast_shapes(*(one.shape for one in columns.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {one.shape}" for name, one in columns.items() if one.ndim)
        raise InputError("arrays", shapes, "of one shape, or single numbers") from None


def plain(value: F64) -> float | F64:
    """Return a single number as a Python float, an array as it is."""
    return value if np.ndim(value) else float(value)


def worked(peak: F64, mean: F64, remaining: ArrayLike) -> Impact:
    """Return the impact of an order worked at a constant rate.

    Args:
        peak: Move at its last unit, bps.
        mean: Mean of the move over its fills, bps.
        remaining: Part of the peak that stays.
    """
    permanent = (remaining_part(remaining) / 2) * peak
    return Impact(permanent_bps=plain(permanent), temporary_bps=plain(mean - permanent), peak_bps=plain(peak))
