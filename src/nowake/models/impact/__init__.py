"""Impact forms, one file each: what an order costs, permanent and temporary. The units are in ``_form.py``.

A new form is a new file, a name here and a line in ``LAWS`` (``_laws.py``), by which it is calculated and calibrated.
Kernels of transient impact (``_transient.py``) are of another kind: they price a schedule, not a size.
``FORMS`` holds those of them that the planner's cost estimate can use: laws of size in the coordinates Y and delta.
The files begin with an underscore because each form's function has the name its file would have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nowake.core.errors import InputError
from nowake.models.impact._almgren2005 import almgren2005
from nowake.models.impact._exponential import (
    ExponentialKernel,
    ExponentialSumKernel,
    ObizhaevaWang,
    obizhaeva_wang,
    obizhaeva_wang_trades,
)
from nowake.models.impact._form import Impact
from nowake.models.impact._istar import KISSELL, IStarParameters, istar, istar_timing_risk
from nowake.models.impact._kyle import kyle, kyle_lambda
from nowake.models.impact._linear import linear
from nowake.models.impact._linear_decay import LinearKernel
from nowake.models.impact._logarithmic import logarithmic
from nowake.models.impact._power_law import power_law
from nowake.models.impact._propagator import PowerLawKernel, diffusivity
from nowake.models.impact._square_root import average_bps, peak_bps, square_root
from nowake.models.impact._transient import (
    Exponentials,
    KernelVerdict,
    TransientKernel,
    judge,
    refuse_manipulation,
    transient_cost,
    transient_optimal,
)

__all__ = [
    "FORMS",
    "KISSELL",
    "ExponentialKernel",
    "ExponentialSumKernel",
    "Exponentials",
    "IStarParameters",
    "Impact",
    "ImpactForm",
    "KernelVerdict",
    "LinearKernel",
    "ObizhaevaWang",
    "PowerLawKernel",
    "SizeForm",
    "TransientKernel",
    "almgren2005",
    "average_bps",
    "diffusivity",
    "find_form",
    "istar",
    "istar_timing_risk",
    "judge",
    "kyle",
    "kyle_lambda",
    "linear",
    "logarithmic",
    "obizhaeva_wang",
    "obizhaeva_wang_trades",
    "peak_bps",
    "power_law",
    "refuse_manipulation",
    "square_root",
    "transient_cost",
    "transient_optimal",
]


class SizeForm(Protocol):
    """Impact in basis points of an order by its size; units as in ``peak_bps``."""

    def __call__(self, qty: float, day_volume: float, *, daily_vol_bps: float, y: float, delta: float) -> float:
        """Return basis points, positive = against the order."""


@dataclass(frozen=True, slots=True)
class ImpactForm:
    """A named impact law.

    Attributes:
        name: As written in beliefs.
        peak_bps: Price move when the last unit trades.
        average_bps: Mean of the move over the order's own fills at constant rate.
    """

    name: str
    peak_bps: SizeForm
    average_bps: SizeForm


FORMS: dict[str, ImpactForm] = {
    form.name: form
    for form in (
        ImpactForm("square-root", peak_bps, average_bps),
    )
}  # fmt: skip


def find_form(name: str) -> ImpactForm:
    """Return the impact form called ``name``.

    Raises:
        InputError: There is none; the known ones are named.
    """
    form = FORMS.get(name)
    if form is None:
        raise InputError("impact form", name, f"one of {', '.join(FORMS)}")
    return form
