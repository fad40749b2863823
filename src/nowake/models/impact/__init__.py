"""Impact forms, one file each. A new form is a new file and a line in ``FORMS``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nowake.core.errors import InputError
from nowake.models.impact import square_root


class SizeForm(Protocol):
    """Impact in basis points of an order by its size; units as in ``square_root``."""

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
        ImpactForm("square-root", square_root.peak_bps, square_root.average_bps),
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
