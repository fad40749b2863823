"""What an order costs under several impact forms side by side, and how fast each of them would work it.

The expected cost is the form's ``total_bps``. Around it:

- **timing risk** sigma_D sqrt(T / 3): what is left of the order falls linearly to zero over T trading days (Almgren,
  Chriss 2000, eq. 5; the same number as I-Star's TR);
- **parameter error** sqrt(g' C g), g the slope of the cost in the parameters and C their covariance: the fit's where
  one was made, the literature's spread else;
- **interval**: 90 %, mean +- 1.645 sd of the two together, taken as normal;
- **optimal participation**: the p that minimises total(p) + risk_aversion x timing risk(p), 0 < p <= the cap. Laws of
  size make speed cheap, so theirs often lies at the cap; the others trade the one off against the other;
- **completion**: T = Q (1 - p) / (p V), V the others' volume of a trading day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from nowake.core.errors import InputError, Refused
from nowake.core.value import Value, require, to_json
from nowake.models.calibrate.impact import Executions, ImpactFit, calibrate_impact
from nowake.models.impact._form import (
    F64,
    HORIZON_LEAST,
    HORIZON_MOST,
    HORIZON_RULE,
    Impact,
    column,
    daily_volatility,
    plain,
    single,
    sizes,
    together,
)
from nowake.models.impact._laws import LAWS, PARTICIPATION_MOST, Job, Law, find_law, parameters_of

PARTICIPATION = 0.10
PARTICIPATION_LEAST = 1e-3
NORMAL_95 = 1.6448536269514722
_GRID = 256


class ImpactRow(Value, frozen=True):
    """One form's price of an order.

    Attributes:
        form: Its name.
        permanent_bps, temporary_bps, total_bps: Expected cost and its two parts, basis points, positive = paid.
        parameter_sd_bps: Error of the total from the parameters alone.
        low_bps, high_bps: Between these the cost lies with 90 %.
        optimal_participation: Own part of all volume that costs least, risk counted.
        optimal_bps: Expected cost at it.
        optimal_days: Expected completion at it, trading days.
        at_cap: The optimum is the most that is allowed.
        parameters: Name and value.
        source: Where the parameters come from.
    """

    form: str
    permanent_bps: float
    temporary_bps: float
    total_bps: float
    parameter_sd_bps: float
    low_bps: float
    high_bps: float
    optimal_participation: float
    optimal_bps: float
    optimal_days: float
    at_cap: bool
    parameters: tuple[tuple[str, float], ...]
    source: str


class ImpactTable(Value, frozen=True):
    """An order under several forms; prints as a table.

    Attributes:
        quantity, adv, volatility: The order and its market as given.
        participation, completion_days: How it is worked in ``low_bps`` to ``total_bps``.
        timing_risk_bps: Standard deviation from prices moving meanwhile.
        risk_aversion: Basis points of cost that one of risk is worth, for the optimum.
        rows: One each form.
        left_out: (form, why).
        warnings: What limits all of them.
    """

    quantity: float
    adv: float
    volatility: float
    participation: float
    completion_days: float
    timing_risk_bps: float
    risk_aversion: float
    rows: tuple[ImpactRow, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """Return the table as one JSON document."""
        return to_json(self)

    def __str__(self) -> str:
        """Return the table as text, a line each form."""
        head = f"{self.quantity:g} of {self.adv:g} a day ({self.quantity / self.adv:.2%}), volatility "
        head += f"{self.volatility:.2%} a day, at {self.participation:.1%} of volume: {self.completion_days:.3g} days, "
        head += f"timing risk {self.timing_risk_bps:.1f} bps"
        rows: list[tuple[str, ...]] = [
            ("form", "permanent", "temporary", "total", "90 % interval", "best at", "costs", "days")
        ]
        for one in self.rows:
            parts = (f"{part:.2f}" for part in (one.permanent_bps, one.temporary_bps, one.total_bps))
            between = f"{one.low_bps:.1f} to {one.high_bps:.1f}"
            best = (f"{one.optimal_participation:.1%}", f"{one.optimal_bps:.2f}", f"{one.optimal_days:.3g}")
            rows.append((one.form, *parts, between, *best))
        # An order of many days' volume has costs wider than any fixed column.
        least = (11, 10, 9, 7, 18, 8, 7, 7)
        widths = [max(width, *(len(row[k]) for row in rows)) for k, width in enumerate(least)]
        lines = [head]
        for name, *cells in rows:
            numbers = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
            lines.append(" ".join((f"{name:<{widths[0]}}", *numbers)))
        lines += [f"{form}: left out, {why}" for form, why in self.left_out]
        return "\n".join([*lines, *self.warnings])


class AdvancedMarketImpactCalculator:
    """Prices orders on one market under several impact forms.

    Args:
        adv: Volume of a trading day, any quantity unit, > 0.
        volatility: Of a trading day, a fraction in (0, 1): 0.02 is 2 %.
        shares_outstanding: For ``almgren2005``; without it that form is left out.
        forms: Names out of ``models.impact``; None = all.
        parameters: By form, by name, in place of the literature's: ``{"square-root": {"y": 0.7}}``.
        fits: Calibrations on own executions; they win over ``parameters``.
        risk_aversion: Basis points of expected cost that one basis point of timing risk is worth, >= 0.
        participation_max: Cap of the optimum, in (0.001, 0.95].

    Raises:
        InputError: One of them is outside its domain.
    """

    def __init__(
        self,
        *,
        adv: float,
        volatility: float,
        shares_outstanding: float | None = None,
        forms: Sequence[str] | None = None,
        parameters: Mapping[str, Mapping[str, float]] | None = None,
        fits: Sequence[ImpactFit] = (),
        risk_aversion: float = 0.3,
        participation_max: float = 0.30,
    ) -> None:
        self.adv = single("adv", adv)
        self.volatility = single("volatility", volatility)
        sizes(0.0, self.adv)
        daily_volatility(self.volatility)
        self.shares_outstanding = None
        if shares_outstanding is not None:
            self.shares_outstanding = single("shares_outstanding", shares_outstanding)
            column("shares_outstanding", self.shares_outstanding, 0.0, math.inf, "> 0")
        self.risk_aversion = single("risk_aversion", risk_aversion)
        require(0 <= self.risk_aversion < math.inf, "risk_aversion", risk_aversion, "a number >= 0")
        self.participation_max = single("participation_max", participation_max)
        rule = f"above {PARTICIPATION_LEAST:g} and at most {PARTICIPATION_MOST:g}"
        inside = PARTICIPATION_LEAST < self.participation_max <= PARTICIPATION_MOST
        require(inside, "participation_max", participation_max, rule, "write 0.15 for 15 %")
        self.laws = tuple(find_law(name) for name in (LAWS if forms is None else forms))
        require(len(self.laws) > 0, "forms", forms, "at least one name")
        given = parameters or {}
        self.fits = {fit.form: fit for fit in fits}
        for name in (*given, *self.fits):
            find_law(name)
        self._parameters = {law.name: parameters_of(law, given.get(law.name, {})) for law in LAWS.values()}
        for name, fit in self.fits.items():
            self._parameters[name] = dict(fit.parameters)
        self._stated = frozenset(given)

    def impact(
        self,
        form: str,
        quantity: ArrayLike,
        *,
        participation: ArrayLike | None = None,
        horizon: ArrayLike | None = None,
    ) -> Impact:
        """Return the impact of one or many orders under one form.

        Args:
            form: Its name.
            quantity: (n,) or a number, >= 0.
            participation: (n,) or a number: own part of all volume while it is worked, in (0, 0.95].
            horizon: (n,) or a number: trading days, in its place. Neither = 10 % of volume.

        Raises:
            InputError: An argument is outside its domain, or both are given.
            Refused: The form needs what is not known here.
        """
        law = find_law(form)
        return self._impact(law, self._job(quantity, participation, horizon))

    def price(
        self, quantity: float, *, participation: float | None = None, horizon: float | None = None
    ) -> ImpactTable:
        """Return an order's price under every form.

        Args:
            quantity: > 0.
            participation: Own part of all volume while it is worked, in (0, 0.95].
            horizon: Trading days, in its place. Neither = 10 % of volume.

        Raises:
            InputError: An argument is outside its domain, or both are given.
        """
        number = single("quantity", quantity)
        require(number > 0, "quantity", quantity, "> 0")
        given = [None if one is None else single("participation or horizon", one) for one in (participation, horizon)]
        job = self._job(number, *given)
        rows, left_out = [], []
        for law in self.laws:
            try:
                rows.append(self._row(law, job))
            except Refused as refusal:
                left_out.append((law.name, refusal.reason))
        size = number / self.adv
        warnings = []
        if size > 1:
            warnings.append(f"the order is {size:.1f} days' volume: no form was measured on such orders")
        elif size > 0.1:
            warnings.append(f"the order is {size:.0%} of a day's volume: the forms were measured up to about 10 %")
        return ImpactTable(
            quantity=number,
            adv=self.adv,
            volatility=self.volatility,
            participation=float(job.participation),
            completion_days=float(job.horizon),
            timing_risk_bps=float(self._timing_bps(job.horizon)),
            risk_aversion=self.risk_aversion,
            rows=tuple(rows),
            left_out=tuple(left_out),
            warnings=tuple(warnings),
        )

    def calibrate(
        self, form: str, executions: Executions, *, fixed: Mapping[str, float | None] | None = None
    ) -> AdvancedMarketImpactCalculator:
        """Return a calculator that uses a form as fitted to one's own executions; see ``calibrate_impact``.

        Raises:
            InputError: The executions do not identify the form.
        """
        fit = calibrate_impact(form, executions, fixed=fixed)
        stated = {name: self._parameters[name] for name in self._stated}
        return AdvancedMarketImpactCalculator(
            adv=self.adv,
            volatility=self.volatility,
            shares_outstanding=self.shares_outstanding,
            forms=tuple(law.name for law in self.laws),
            parameters=stated,
            fits=(*(one for one in self.fits.values() if one.form != fit.form), fit),
            risk_aversion=self.risk_aversion,
            participation_max=self.participation_max,
        )

    def _job(self, quantity: ArrayLike, participation: ArrayLike | None, horizon: ArrayLike | None) -> Job:
        """Return the job of orders worked at a participation, or over a horizon."""
        if participation is not None and horizon is not None:
            raise InputError("participation and horizon", (participation, horizon), "one of the two", "leave one out")
        x = sizes(quantity, self.adv)
        if horizon is not None:
            days = column("horizon", horizon, HORIZON_LEAST, HORIZON_MOST, HORIZON_RULE, "a trading day is 1")
            together(quantity=x, horizon=days)
            part = x / (x + days)
        else:
            rate = PARTICIPATION if participation is None else participation
            rule = f"above 0 and at most {PARTICIPATION_MOST:g}"
            part = column("participation", rate, 1e-9, PARTICIPATION_MOST, rule, "write 0.1 for 10 %")
            together(quantity=x, participation=part)
            days = np.maximum(x * (1 - part) / part, HORIZON_LEAST * 2)
            column("days to complete", days, 0.0, HORIZON_MOST, HORIZON_RULE, "raise participation")
        return Job(
            quantity=plain(np.asarray(quantity, dtype=np.float64)),
            adv=self.adv,
            volatility=self.volatility,
            horizon=plain(days),
            participation=plain(part),
            shares_outstanding=self.shares_outstanding,
        )

    def _impact(self, law: Law, job: Job, parameters: Mapping[str, float] | None = None) -> Impact:
        fit = self.fits.get(law.name)
        return law.impact(job, parameters or self._parameters[law.name], fit.participation if fit else 0.0)

    def _timing_bps(self, days: float | F64) -> float | F64:
        return plain(np.asarray(1e4 * self.volatility * np.sqrt(np.asarray(days) / 3)))

    def _row(self, law: Law, job: Job) -> ImpactRow:
        """Return one form's price of one order, and its optimum."""
        parameters = self._parameters[law.name]
        found = self._impact(law, job)
        total = float(found.total_bps)
        error = self._parameter_sd(law, job)
        spread = NORMAL_95 * math.hypot(error, float(self._timing_bps(job.horizon)))
        best = self._optimum(law, float(job.quantity))
        at_best = self._job(job.quantity, best, None)
        if law.name in self.fits:
            source = f"calibrated: {self.fits[law.name].card.text}"
        else:
            source = "stated" if law.name in self._stated else f"assumed: {law.why}"
        return ImpactRow(
            form=law.name,
            permanent_bps=float(found.permanent_bps),
            temporary_bps=float(found.temporary_bps),
            total_bps=total,
            parameter_sd_bps=error,
            low_bps=total - spread,
            high_bps=total + spread,
            optimal_participation=best,
            optimal_bps=float(self._impact(law, at_best).total_bps),
            optimal_days=float(at_best.horizon),
            at_cap=best >= self.participation_max,
            parameters=tuple(parameters.items()),
            source=source,
        )

    def _parameter_sd(self, law: Law, job: Job) -> float:
        """Return the error of the total from the parameters, by the delta method."""
        parameters, fit = self._parameters[law.name], self.fits.get(law.name)
        names = list(parameters)
        if fit is None:
            variance = np.diag([law.parameters[name].sd ** 2 for name in names])
        else:
            variance = np.zeros((len(names), len(names)))
            places = [names.index(name) for name in fit.free]
            variance[np.ix_(places, places)] = fit.covariance_array
        slopes = np.zeros(len(names))
        for k, name in enumerate(names):
            limits, value = law.parameters[name], parameters[name]
            step = 1e-4 * value or 1e-6
            up, down = min(value + step, limits.most), max(value - step, limits.least)
            costs = [float(self._impact(law, job, {**parameters, name: at}).total_bps) for at in (up, down)]
            slopes[k] = (costs[0] - costs[1]) / (up - down)
        return math.sqrt(max(float(slopes @ variance @ slopes), 0.0))

    def _optimum(self, law: Law, quantity: float) -> float:
        """Return the participation of least cost and risk: the best of a grid, then of a finer one around it."""
        low, high = PARTICIPATION_LEAST, self.participation_max
        best = high
        for _ in range(3):
            grid = np.minimum(np.geomspace(low, high, _GRID), self.participation_max)
            job = self._job(quantity, grid, None)
            burden = self._impact(law, job).total_bps + self.risk_aversion * self._timing_bps(job.horizon)
            k = int(np.argmin(np.broadcast_to(burden, grid.shape)))
            best = float(grid[k])
            low, high = float(grid[max(k - 1, 0)]), float(grid[min(k + 1, _GRID - 1)])
        return best
