"""Every form in one shape, so that a calculator and a calibration need not know which one they have.

A ``Law`` takes a ``Job`` (an order and how it is worked) and its parameters by name. Sizes alone do not say what speed
costs: as in the planner's cost estimate, a law of size is charged ((q + V) / V) ** delta = (1 - p) ** -delta more at
participation p, because volume that is our own cannot absorb us (assumed; 1.08 at 15 % and delta = 1/2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nowake.core.errors import InputError, Refused
from nowake.models.impact import _almgren2005, _istar, _kyle, _linear, _logarithmic, _power_law, _square_root
from nowake.models.impact._form import F64, Impact, single

Parameters = Mapping[str, float]
PARTICIPATION_MOST = 0.95
"""Own share of volume beyond which no form says anything."""


@dataclass(frozen=True, slots=True)
class Job:
    """An order and how it is worked; numbers or arrays that broadcast.

    Attributes:
        quantity: Size, >= 0.
        adv: Volume of the others in a trading day, same unit.
        volatility: Of a trading day, a fraction.
        horizon: Trading days.
        participation: Own part of all volume while it is worked: horizon = Q (1 - p) / (p V).
        shares_outstanding: None where there are none, or they are not known.
    """

    quantity: float | F64
    adv: float | F64
    volatility: float | F64
    horizon: float | F64
    participation: float | F64
    shares_outstanding: float | F64 | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a law.

    Attributes:
        value: From the literature.
        sd: How far it may be off.
        least, most: Domain.
        shape: An exponent or curvature: identified only by orders of many sizes or speeds.
        free: Fitted unless the caller fixes it.
    """

    value: float
    sd: float
    least: float = 0.0
    most: float = math.inf
    shape: bool = False
    free: bool = True


@dataclass(frozen=True, slots=True)
class Law:
    """A form in the shape that all share.

    Attributes:
        name: As the user writes it.
        cost: The form itself.
        parameters: By name.
        speed: Exponent of the surcharge for speed, or the parameter that is it; None: the form has its own or none.
        why: Where the parameters come from.
    """

    name: str
    cost: Callable[[Job, Parameters], Impact]
    parameters: dict[str, Parameter]
    speed: float | str | None
    why: str

    def impact(self, job: Job, parameters: Parameters, fitted_at: float = 0.0) -> Impact:
        """Return the impact of a job, its speed charged for.

        Args:
            job: What is priced.
            parameters: All of them.
            fitted_at: Participation at which they were fitted; it is in them already, so only the rest is charged.

        Raises:
            InputError: Something is outside the form's domain, or missing.
        """
        found = self.cost(job, parameters)
        if self.speed is None:
            return found
        power = parameters[self.speed] if isinstance(self.speed, str) else self.speed
        others = (1 - np.minimum(job.participation, PARTICIPATION_MOST)) / (1 - fitted_at)
        slower = np.sqrt(others) if power == 0.5 else np.power(others, power)  # a root is four times quicker
        temporary = found.total_bps / slower - found.permanent_bps
        return Impact(
            permanent_bps=found.permanent_bps,
            temporary_bps=temporary if np.ndim(temporary) else float(temporary),
            peak_bps=found.peak_bps,
        )


def _by_size(form: Callable[..., Impact]) -> Callable[[Job, Parameters], Impact]:
    return lambda job, parameters: form(job.quantity, job.adv, job.volatility, **parameters)


def _by_rate(job: Job, parameters: Parameters) -> Impact:
    if job.shares_outstanding is None:
        raise Refused("almgren2005 needs shares_outstanding", "give it, or leave the form out")
    return _almgren2005.almgren2005(
        job.quantity, job.horizon, job.adv, job.shares_outstanding, job.volatility, **parameters
    )


def _by_pov(job: Job, parameters: Parameters) -> Impact:
    annual = job.volatility * math.sqrt(_istar.DAYS_PER_YEAR)
    size = np.asarray(job.quantity) / np.asarray(job.adv)
    return _istar.istar(size, annual, job.participation, **parameters)


_Y_SD = 0.3 / 0.7
"""Relative error of a prefactor nobody measured here: that of the planner's Y = 0.7 +- 0.3."""
_ANCHORED = "0.1 daily volatilities at 1 % of a day's volume (Toth et al. 2011)"
_KISSELL = _istar.KISSELL["all"]

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law(
            "linear",
            _by_size(_linear.linear),
            {"y": Parameter(_linear.Y, _Y_SD * _linear.Y)},
            1.0,
            _ANCHORED,
        ),
        Law(
            "square-root",
            _by_size(_square_root.square_root),
            {"y": Parameter(1.0, _Y_SD)},
            0.5,
            "Y of order 1 (Toth et al. 2011)",
        ),
        Law(
            "power-law",
            _by_size(_power_law.power_law),
            {
                "y": Parameter(1.0, _Y_SD),
                "delta": Parameter(_power_law.DELTA, 0.05, least=0.01, most=1.0, shape=True),
            },
            "delta",
            "delta of Sato, Kanazawa (2024), Y of order 1",
        ),
        Law(
            "logarithmic",
            _by_size(_logarithmic.logarithmic),
            {
                "a": Parameter(_logarithmic.A, _Y_SD * _logarithmic.A),
                "b": Parameter(_logarithmic.B, _logarithmic.B / 2, least=1e-3, most=1e7, shape=True),
            },
            0.5,
            "touches the square root at 1 % of a day's volume",
        ),
        Law(
            "kyle",
            _by_size(_kyle.kyle),
            {"imbalance": Parameter(_kyle.IMBALANCE, _Y_SD * _kyle.IMBALANCE, least=1e-6, most=1e3)},
            None,
            _ANCHORED,
        ),
        Law(
            "almgren2005",
            _by_rate,
            {
                "gamma": Parameter(_almgren2005.GAMMA, _almgren2005.GAMMA_SE, free=False),
                "eta": Parameter(_almgren2005.ETA, _almgren2005.ETA_SE),
                "beta": Parameter(_almgren2005.BETA, _almgren2005.BETA_SE, least=0.01, most=1.0, shape=True),
            },
            None,
            "Almgren et al. (2005), US shares",
        ),
        Law(
            "istar",
            _by_pov,
            {
                "a1": Parameter(_KISSELL.a1, _Y_SD * _KISSELL.a1),
                "a2": Parameter(_KISSELL.a2, 0.05, least=0.1, most=1.0, shape=True),
                "a3": Parameter(_KISSELL.a3, 0.05, least=0.1, most=1.0, shape=True, free=False),
                "a4": Parameter(_KISSELL.a4, 0.05, least=0.1, most=1.0, shape=True, free=False),
                "b1": Parameter(_KISSELL.b1, 0.02, least=0.7, most=1.0, free=False),
            },
            None,
            "Kissell (2013), all US shares",
        ),
    )
}


def find_law(name: str) -> Law:
    """Return the law called ``name``.

    Raises:
        InputError: There is none; the known ones are named.
    """
    law = LAWS.get(str(name))
    if law is None:
        raise InputError("impact form", name, f"one of {', '.join(LAWS)}")
    return law


def parameters_of(law: Law, given: Mapping[str, float]) -> dict[str, float]:
    """Return all parameters of a law, those of the literature where none is given.

    Raises:
        InputError: One is not of this law, or is no number in its domain.
    """
    for name, value in given.items():
        one = law.parameters.get(name)
        if one is None:
            raise InputError(f"parameter of {law.name}", name, f"one of {', '.join(law.parameters)}")
        number = single(f"{law.name} {name}", value)
        if not one.least <= number <= one.most:
            raise InputError(f"{law.name} {name}", value, f"between {one.least:g} and {one.most:g}")
    return {name: float(given.get(name, one.value)) for name, one in law.parameters.items()}
