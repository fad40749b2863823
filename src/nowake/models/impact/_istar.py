"""I-Star: the cost of the whole order at once, spread over the participation at which it is really worked.

    I* = a1 (Q / ADV) ** a2 x sigma ** a3        MI = b1 I* POV ** a4 + (1 - b1) I*
    TR = sigma sqrt(Q (1 - POV) / (3 x 250 x ADV x POV)) x 10,000

Symbols (paper -> ours): Q / ADV ``size``, a fraction; sigma ``volatility``, a fraction per **year**; POV ``pov``;
b1 I* POV ** a4 ``temporary_bps``; (1 - b1) I* ``permanent_bps``; MI ``total_bps``; TR ``istar_timing_risk``. Source:
Kissell, *The Science of Algorithmic Trading and Portfolio Management* (2013), chapters 4 and 5; ``KISSELL`` holds his
parameters.

**Limits.** A regression, with bounds 100 <= a1 <= 1000, .1 <= a2, a3, a4 <= 1, .7 <= b1 <= 1 when it is fitted. sigma
is a year's: fed with a day's, costs come out seven times too small ((250 ** .5) ** .71), which one public program does.
It says what an order costs, not how far the price moves, so there is no peak.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from nowake.models.impact._form import F64, SIZE_MOST, Impact, coefficient, column, in_blocks, plain, together

DAYS_PER_YEAR = 250
"""As in the source's timing risk."""


class IStarParameters(NamedTuple):
    """Parameters of I-Star, in the order that ``istar`` takes them."""

    a1: float
    a2: float
    a3: float
    a4: float = 0.50
    b1: float = 0.98


KISSELL: dict[str, IStarParameters] = {
    "all": IStarParameters(708, 0.55, 0.71),
    "large-cap": IStarParameters(687, 0.70, 0.72),
    "small-cap": IStarParameters(702, 0.47, 0.69),
}
"""Kissell (2013), US shares."""


def _size(size: ArrayLike) -> F64:
    return column(
        "size", size, 0.0, SIZE_MOST, f"Q / ADV between 0 and {SIZE_MOST:,.0f}", "write 0.1 for 10 %", low_too=True
    )


def _annual(volatility: ArrayLike) -> F64:
    return column(
        "volatility", volatility, 0.0, 20.0, "a fraction per year above 0 and at most 20", "write 0.3 for 30 % a year"
    )


@in_blocks
def istar(
    size: ArrayLike,
    volatility: ArrayLike,
    pov: ArrayLike,
    a1: ArrayLike,
    a2: ArrayLike,
    a3: ArrayLike,
    a4: ArrayLike,
    b1: ArrayLike,
) -> Impact:
    """Return the cost of an order by I-Star.

    Args:
        size: Q / ADV, a fraction >= 0; number or array, as the rest.
        volatility: Of a **year**, a fraction > 0.
        pov: Own part of the volume traded while it is worked, in [0, 1].
        a1: Basis points of a day's volume at once at a volatility of 1.
        a2: Exponent of the size.
        a3: Exponent of the volatility.
        a4: Exponent of the participation.
        b1: Temporary part of I*, in [0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(istar(0.1, 0.3, 0.2, *KISSELL["all"]).total_bps, 4)
    38.8965
    """
    x, sigma = _size(size), _annual(volatility)
    part = column("pov", pov, 0.0, 1.0, "in [0, 1]", "write 0.1 for 10 %", low_too=True)
    height = coefficient("a1", a1)
    of_size, of_vol, of_pov = (column(n, v, 0.0, 5.0, "in (0, 5]") for n, v in (("a2", a2), ("a3", a3), ("a4", a4)))
    temporary_part = column("b1", b1, 0.0, 1.0, "in [0, 1]", low_too=True)
    together(size=x, volatility=sigma, pov=part, a1=height, a2=of_size, a3=of_vol, a4=of_pov, b1=temporary_part)
    instant = np.power(x, of_size) * (height * np.power(sigma, of_vol))
    return Impact(
        permanent_bps=plain((1 - temporary_part) * instant),
        temporary_bps=plain(instant * (temporary_part * np.power(part, of_pov))),
    )


def istar_timing_risk(size: ArrayLike, volatility: ArrayLike, pov: ArrayLike) -> float | F64:
    """Return TR, the standard deviation of the cost from prices moving while the order is worked, bps.

    Args:
        size: Q / ADV, a fraction >= 0; number or array, as the rest.
        volatility: Of a **year**, a fraction > 0.
        pov: Own part of the volume traded while it is worked, in (0, 1].

    Raises:
        InputError: An argument outside its domain, or arrays whose shapes do not go together.

    >>> round(istar_timing_risk(0.1, 0.3, 0.2), 4)
    69.282
    """
    x, sigma = _size(size), _annual(volatility)
    part = column("pov", pov, 1e-9, 1.0, "in (0, 1]", "write 0.1 for 10 %")
    together(size=x, volatility=sigma, pov=part)
    return plain(np.asarray(1e4 * sigma * np.sqrt(x * (1 - part) / (3 * DAYS_PER_YEAR * part))))
