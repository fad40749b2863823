"""The parameters of an impact form, measured on one's own executions by least squares on the form's own scale.

    minimise sum of e_i ** 2,    e_i = (cost_i - model_i(theta)) / (1e4 sigma_i sqrt(T_i))

The price moves by sigma sqrt(T) while an order of T days is worked, and that noise is far larger than the impact: in
its units every order has the same error, so each counts for what it tells (Almgren et al. 2005, section 4.2). What is
fitted is the cost itself, not its logarithm: costs are negative almost as often as not.

- **Errors**: the heteroskedasticity-robust sandwich (White 1980), n / (n - k): right also where the noise is not as
  above. **R2**: weighted, about the weighted mean, also out of sample over five consecutive fifths.
- **Refused**: fewer than ``POINTS_LEAST`` executions; sizes Q / V that span no more than ``RANGE_LEAST`` times (a law
  of size cannot then be told from another: delta has a standard error of .11 on 10,000 orders); parameters that end at
  the edge of their domain or are not distinguished from each other.

Prefactors and exponents are strongly correlated (Y: error 11 %, impact at 1 % of a day: 5 %), so the covariance is
kept. Costs hold the speed at which the orders were worked: its surcharge is taken relative to their participation.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from nowake.core.errors import Refused
from nowake.core.value import Value, require
from nowake.models.beliefs import ImpactBelief
from nowake.models.card import Card
from nowake.models.impact._form import F64, HORIZON_LEAST, HORIZON_MOST, HORIZON_RULE, column, daily_volatility, sizes
from nowake.models.impact._laws import Job, Law, find_law, parameters_of

POINTS_LEAST = 100
RANGE_LEAST = 4.0
DAYS_VALID = 180
"""Calendar days after the newest execution for which a fit is good."""
_CONDITION_MOST = 1e12
_FOLDS = 5
MEASURES = ("cost", "peak")


@dataclass(frozen=True, slots=True, eq=False)
class Executions:
    """Own executions, column-wise; (n,) each, a single number where all share it.

    Attributes:
        quantity: Size of each parent, > 0.
        adv: Volume of a trading day then, same unit.
        volatility: Of a trading day then, a fraction in (0, 1).
        horizon: Trading days it took, > 0.
        outcome_bps: What came of it, bps of the arrival price, positive = against the order, either side.
        measured: What that is: ``cost`` = mean fill against arrival; ``peak`` = the mid at the last fill against it.
        shares_outstanding: For ``almgren2005``.
        newest: Date of the last of them; the card is valid from there.
    """

    quantity: F64
    adv: F64
    volatility: F64
    horizon: F64
    outcome_bps: F64
    measured: str = "cost"
    shares_outstanding: F64 | None = None
    newest: date | None = None

    def __post_init__(self) -> None:
        require(self.measured in MEASURES, "measured", self.measured, f"one of {', '.join(MEASURES)}")
        shape = np.shape(self.quantity)
        require(len(shape) == 1, "quantity", shape, "an array of one dimension")
        sizes(self.quantity, self.adv)
        column("quantity", self.quantity, 0.0, math.inf, "> 0")
        daily_volatility(self.volatility)
        column("horizon", self.horizon, HORIZON_LEAST, HORIZON_MOST, HORIZON_RULE, "a trading day is 1")
        column("outcome_bps", self.outcome_bps, -1e6, 1e6, "finite basis points", "leave unfinished orders out")
        names = ["quantity", "adv", "volatility", "horizon", "outcome_bps"]
        if self.shares_outstanding is not None:
            column("shares_outstanding", self.shares_outstanding, 0.0, math.inf, "> 0")
            names.append("shares_outstanding")
        for name in names:
            made = np.asarray(getattr(self, name), dtype=np.float64)
            require(made.shape in ((), shape), name, made.shape, f"of the shape of quantity {shape}, or one number")
            object.__setattr__(self, name, np.broadcast_to(made, shape))

    @property
    def size(self) -> F64:
        """Return Q / V of each."""
        return self.quantity / self.adv

    def hash(self) -> str:
        """Return the identity of the data by content."""
        digest = hashlib.blake2b(self.measured.encode(), digest_size=16)
        for one in (self.quantity, self.adv, self.volatility, self.horizon, self.outcome_bps, self.shares_outstanding):
            digest.update(b"-" if one is None else np.ascontiguousarray(one).tobytes())
        return digest.hexdigest()

    def take(self, rows: slice | F64) -> Executions:
        """Return some of them, by a slice or a mask."""
        shares = self.shares_outstanding
        return Executions(
            quantity=self.quantity[rows],
            adv=self.adv[rows],
            volatility=self.volatility[rows],
            horizon=self.horizon[rows],
            outcome_bps=self.outcome_bps[rows],
            measured=self.measured,
            shares_outstanding=None if shares is None else shares[rows],
            newest=self.newest,
        )


class ImpactFit(Value, frozen=True):
    """A form as measured.

    Attributes:
        form: Its name.
        parameters: All of them, name and value, in the form's order.
        free: Names of those that were fitted.
        standard_errors: Of the free ones.
        covariance: Of the free ones, row by row.
        r2: Weighted, in the sample.
        n: Executions used.
        participation: At which half of them were worked at most, 0 where peaks were measured: its surcharge for speed
            is in the parameters.
        card: What it rests on.
    """

    form: str
    parameters: tuple[tuple[str, float], ...]
    free: tuple[str, ...]
    standard_errors: tuple[float, ...]
    covariance: tuple[float, ...]
    r2: float
    n: int
    participation: float
    card: Card

    @property
    def covariance_array(self) -> F64:
        """Return the covariance of the free parameters, (k, k)."""
        k = len(self.free)
        return np.asarray(self.covariance, dtype=np.float64).reshape(k, k)

    def value(self, name: str) -> float:
        """Return a parameter by name."""
        return dict(self.parameters)[name]

    def error(self, name: str) -> float:
        """Return a parameter's standard error; 0 for one that was fixed."""
        return self.standard_errors[self.free.index(name)] if name in self.free else 0.0

    def belief(self) -> ImpactBelief:
        """Return what the planner may believe: of ``square-root`` and ``power-law``.

        Raises:
            Refused: The form is not one of the planner's coordinates.
        """
        if self.form not in ("square-root", "power-law"):
            raise Refused(f"the planner has no {self.form} coordinates", "fit square-root or power-law")
        free_delta = self.form == "power-law"
        delta = self.value("delta") if free_delta else 0.5
        unhurried = (1 - self.participation) ** delta  # the planner adds what speed costs
        return ImpactBelief(
            y=self.value("y") * unhurried,
            y_sd=self.error("y") * unhurried,
            delta=delta,
            delta_sd=self.error("delta") if free_delta else 0.0,
        )


def calibrate_impact(
    form: str, executions: Executions, *, fixed: Mapping[str, float | None] | None = None
) -> ImpactFit:
    """Return a form's parameters as the executions have them.

    Args:
        form: Name out of ``models.impact``.
        executions: One's own; anonymous prints identify no prefactor.
        fixed: Parameters that are not fitted, by name. ``almgren2005`` keeps gamma and ``istar`` keeps a3, a4 and b1
            at the literature's values unless they are listed with the value None.

    Raises:
        InputError: Too few executions, too narrow sizes, or parameters that these cannot tell.
    """
    law = find_law(form)
    asked = dict(fixed or {})
    opened = {name for name, value in asked.items() if value is None}
    start = parameters_of(law, {name: value for name, value in asked.items() if value is not None})
    parameters_of(law, {name: law.parameters[name].value if name in law.parameters else 0.0 for name in opened})
    free = tuple(name for name, one in law.parameters.items() if name in opened or (one.free and name not in asked))
    require(len(free) > 0, "fixed", sorted(asked), "fewer than all parameters")
    warnings = _refuse_thin(law, free, asked, executions)
    values, residuals, jacobian = _least_squares(law, start, free, executions)
    covariance = _sandwich(law, free, residuals, jacobian)
    for name in free:
        limits, value = law.parameters[name], values[name]
        if not (limits.least < value < limits.most):
            raise Refused(
                f"{form} {name} ends at {value:.4g}, the edge of its domain: these executions do not show it",
                f"give more of them, or fix {name}",
            )
    errors = np.sqrt(np.diag(covariance))
    for name, error in zip(free, errors, strict=True):
        if error > abs(values[name]):
            warnings.append(f"{name} is not distinguished from zero: {values[name]:.3g} +- {error:.2g}")
    r2 = _r2(executions, law, values)
    return ImpactFit(
        form=law.name,
        parameters=tuple(values.items()),
        free=free,
        standard_errors=tuple(float(one) for one in errors),
        covariance=tuple(float(one) for one in covariance.ravel()),
        r2=r2,
        n=len(executions.quantity),
        participation=_participation(executions),
        card=_card(law, start, free, executions, values, errors, r2, warnings),
    )


def _refuse_thin(law: Law, free: tuple[str, ...], asked: Mapping[str, object], executions: Executions) -> list[str]:
    """Refuse too few executions and too narrow sizes; return what is to be said of narrow ones that were let pass."""
    n = len(executions.quantity)
    if n < POINTS_LEAST:
        raise Refused(f"{n} executions do not measure an impact form", f"give at least {POINTS_LEAST}")
    ratio = float(executions.size.max() / executions.size.min())
    if ratio > RANGE_LEAST * (1 + 1e-9):
        return []
    text = f"sizes span only {ratio:.2g} times"
    shapes = [name for name, one in law.parameters.items() if one.shape]
    if shapes and not any(name in free for name in shapes) and any(name in asked for name in shapes):
        return [f"{text}: the form itself could not be tested"]
    raise Refused(
        f"{text}, so one law of size cannot be told from another",
        f"give executions whose sizes span more than {RANGE_LEAST:g} times, or fit power-law with delta fixed",
    )


def _outcomes(law: Law, values: Mapping[str, float], executions: Executions) -> F64:
    """Return what the form says of each execution, bps, at the scale that was measured."""
    size = executions.size
    job = Job(
        quantity=executions.quantity,
        adv=executions.adv,
        volatility=executions.volatility,
        horizon=executions.horizon,
        participation=size / (size + executions.horizon),
        shares_outstanding=executions.shares_outstanding,
    )
    found = law.cost(job, values)
    if executions.measured == "cost":
        return np.asarray(found.total_bps)
    if found.peak_bps is None:
        raise Refused(f"{law.name} says nothing of the peak", "give costs: mean fill against arrival")
    return np.asarray(found.peak_bps)


def _participation(executions: Executions) -> float:
    """Return the participation whose surcharge is in what was measured: a peak has none."""
    size = executions.size
    return float(np.median(size / (size + executions.horizon))) if executions.measured == "cost" else 0.0


def _scale_bps(executions: Executions) -> F64:
    """Return the noise of each: how far the price moves by itself while the order is worked, bps."""
    return np.asarray(1e4 * executions.volatility * np.sqrt(executions.horizon))


def _residuals(
    law: Law, fixed: Mapping[str, float], free: tuple[str, ...], executions: Executions
) -> Callable[[F64], F64]:
    scale = _scale_bps(executions)

    def residuals(at: F64) -> F64:
        values = {**fixed, **dict(zip(free, at.tolist(), strict=True))}
        return np.asarray((_outcomes(law, values, executions) - executions.outcome_bps) / scale)

    return residuals


def _least_squares(
    law: Law, start: Mapping[str, float], free: tuple[str, ...], executions: Executions
) -> tuple[dict[str, float], F64, F64]:
    """Return all parameters at the optimum, the weighted residuals (n,) and their slopes (n, k)."""
    from scipy.optimize import least_squares  # half a second to import; only a calibration needs it

    limits = [law.parameters[name] for name in free]
    begin = np.asarray([start[name] for name in free])
    most = [min(one.most, 1e8) for one in limits]
    found = least_squares(
        _residuals(law, start, free, executions),
        np.clip(begin, [one.least + 1e-9 for one in limits], most),
        bounds=([one.least for one in limits], most),
        x_scale=np.abs(begin),
        jac="3-point",
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    values = {**start, **dict(zip(free, (float(one) for one in found.x), strict=True))}
    for name, one in zip(free, limits, strict=True):
        for edge in (one.least, one.most):
            if math.isfinite(edge) and abs(values[name] - edge) < 1e-6 * max(abs(one.value), 1e-9):
                values[name] = edge
    return values, np.asarray(found.fun), np.asarray(found.jac)


def _sandwich(law: Law, free: tuple[str, ...], residuals: F64, jacobian: F64) -> F64:
    """Return White's covariance of the estimates, (k, k)."""
    n, k = jacobian.shape
    lengths = np.sqrt((jacobian**2).sum(axis=0))
    told = jacobian / np.where(lengths > 0, lengths, 1.0)
    gram = told.T @ told
    if not (lengths > 0).all() or np.linalg.cond(gram) > _CONDITION_MOST:
        raise Refused(
            f"these executions do not tell {', '.join(free)} of {law.name} apart", "fix one of them, or vary the orders"
        )
    bread = np.linalg.inv(gram)
    meat = (told * residuals[:, None] ** 2).T @ told
    made: F64 = bread @ meat @ bread * (n / (n - k)) / np.outer(lengths, lengths)
    return made


def _r2(executions: Executions, law: Law, values: Mapping[str, float]) -> float:
    """Return the part of the weighted variance that the form explains."""
    weight = _scale_bps(executions) ** -2
    outcome = executions.outcome_bps
    mean = float((weight * outcome).sum() / weight.sum())
    left = float((weight * (outcome - _outcomes(law, values, executions)) ** 2).sum())
    total = float((weight * (outcome - mean) ** 2).sum())
    return 1 - left / total if total > 0 else 0.0


def _r2_out(law: Law, start: Mapping[str, float], free: tuple[str, ...], executions: Executions) -> float:
    """Return R2 out of sample: every fifth, in the order given, told from the other four."""
    n = len(executions.quantity)
    weight, outcome = _scale_bps(executions) ** -2, executions.outcome_bps
    left = total = 0.0
    for k in range(_FOLDS):
        held = np.zeros(n, dtype=bool)
        held[n * k // _FOLDS : n * (k + 1) // _FOLDS] = True
        values, _, _ = _least_squares(law, start, free, executions.take(~held))
        mean = float((weight[~held] * outcome[~held]).sum() / weight[~held].sum())
        left += float((weight[held] * (outcome[held] - _outcomes(law, values, executions.take(held))) ** 2).sum())
        total += float((weight[held] * (outcome[held] - mean) ** 2).sum())
    return 1 - left / total if total > 0 else 0.0


def _card(
    law: Law,
    start: Mapping[str, float],
    free: tuple[str, ...],
    executions: Executions,
    values: Mapping[str, float],
    errors: F64,
    r2: float,
    warnings: list[str],
) -> Card:
    """Return the card of a fit."""
    size = executions.size
    estimates = ", ".join(f"{name} {values[name]:.4g} +- {error:.2g}" for name, error in zip(free, errors, strict=True))
    held = [f"{name} {value:g}" for name, value in values.items() if name not in free]
    text = (
        f"{law.name} impact of {len(size):,} own executions, {size.min():.3%} to {size.max():.3%} of a day: {estimates}"
    )
    text += f" ({', '.join(held)} fixed)" if held else ""
    out = _r2_out(law, start, free, executions)
    score = [("r2", r2), ("r2_out_of_sample", out), ("executions", float(len(size)))]
    for name, error in zip(free, errors, strict=True):
        score += [(name, values[name]), (f"{name}_se", float(error))]
    if out < 0:
        warnings.append("out of sample it tells no more than the mean")
    newest = executions.newest
    return Card(
        belief="impact",
        text=text,
        days=() if newest is None else (newest,),
        sources=(executions.hash(),),
        score=tuple(score),
        warnings=tuple(warnings),
        valid_until=None if newest is None else newest + timedelta(days=DAYS_VALID),
    )
