"""Implementation shortfall: front-loaded slices that weigh what haste costs against what waiting risks.

The trajectory is Almgren and Chriss' (``solvers``), in basis points of the arrival price, quantity units and trading
days, over equal intervals of the order's window, as many as TWAP would take. Its parameters come from the beliefs:

- sigma = the daily volatility; epsilon = half the spread on the part that takes. epsilon does not shape the path.
- The believed impact law is replaced by the linear one that charges the same for the whole order at an even pace
  through its own window T (assumed; the laws differ in how much more haste costs): with X the order, and of its average
  impact I the part p that is permanent and the rest K = I - p,  eta~ = K T / X,  gamma = 2 p / X. They are the order's
  and not its rest's, so that a plan made again goes on with the first one's path (the schedule is time-consistent).
- No period trades more than the participation cap of the volume expected in it, than the venue's largest order, or
  than 1 % of a measured day. Where the caps do not let the order be done they are raised in proportion, and the plan's
  warning says so. Where no volume is known a period trades at most a quarter of the order.
- alpha_bps_per_hour, the drift expected against the order, has it go faster.

**Urgency u is risk aversion**: lambda = u / (1 - u) x 0.005 per basis point of the order's notional, so u = 0 is the
least expected cost (even slices, where no cap binds), u = 1 as fast as the caps allow, and u = 1/2 what Almgren and
Chriss' own example takes: 1e-6 per dollar on 50 million dollars. More urgency never holds more at any time, and so
never has more timing risk.

Source: Almgren, Chriss (2000), J. Risk 3, 5-39; the choice of parameters is ours.
"""

from __future__ import annotations

import math

import numpy as np

from nowake.core.order import EndBehaviour
from nowake.core.plan import Assumption
from nowake.core.units import format_duration
from nowake.core.value import Value
from nowake.models.impact import find_form
from nowake.plan.cost import take_fraction
from nowake.plan.schedule import Floats, Ints
from nowake.plan.slices import lay_edges, lay_slices
from nowake.plan.solvers._almgren_chriss import Trajectory, almgren_chriss
from nowake.plan.strategy import TACTIC_WORDS, Layout, Request, Strategy, tactic_of
from nowake.plan.twap import ADV_FRACTION_MAX, TWAP, slice_count

RISK_AVERSION = 0.005
"""lambda at urgency 1/2, per basis point."""
URGENCY_ODDS_MAX = 1e12
"""Urgency 1: nothing but risk counts."""
HOUR_NS = 3600 * 10**9
TEMPORARY_LEAST = 0.05
"""Part of the average impact that is taken to be temporary at least: else haste would cost nothing."""
TRADE_DIGITS = 12
"""Trades are known to so many decimals of the whole."""
UNKNOWN_CAP = 0.25
"""Part of the order that a period trades at most where no volume is known: gate control 7's largest child."""


class MarketTerms(Value, frozen=True):
    """The numbers of Almgren and Chriss' model for one order: basis points, quantity units, trading days.

    Attributes:
        volatility: bps per square root of a day.
        eta_tilde: bps per (unit / day).
        gamma: bps per unit.
        epsilon: bps.
        drift: bps per day, as a seller would gain it.
        risk_aversion: 1 / (bps x units).
    """

    volatility: float
    eta_tilde: float
    gamma: float
    epsilon: float
    drift: float
    risk_aversion: float


def market_terms(request: Request) -> tuple[MarketTerms, tuple[Assumption, ...]]:
    """Return the model's numbers for the whole order of ``request``, and what had to be assumed for them."""
    order, beliefs = request.order, request.beliefs
    impact, volume = beliefs.impact, beliefs.volume
    qty, days = float(order.qty_units), (order.end_ns - order.start_ns) / volume.day_ns
    day_volume = volume.per_day
    assumed = [Assumption(name="impact of haste", value="linear", why="set to the believed law at an even pace")]
    if not volume.known:
        cap = order.parameters.participation_max
        day_volume = qty * max(1 - cap, 0.05) / cap / days
        assumed.append(Assumption(name="day's volume", value="the order at its cap", why="volume is unknown"))
    form = find_form(impact.form)
    terms = {"daily_vol_bps": beliefs.volatility.daily_bps, "y": impact.y, "delta": impact.delta}
    average = max(form.average_bps(qty, day_volume, **terms), 1e-9)
    temporary = max(average - impact.remaining * form.peak_bps(qty, day_volume, **terms) / 2, TEMPORARY_LEAST * average)
    urgency = order.parameters.urgency
    odds = min(urgency / (1 - urgency), URGENCY_ODDS_MAX) if urgency < 1 else URGENCY_ODDS_MAX
    aversion = Assumption(
        name="risk aversion", value=f"{RISK_AVERSION * odds:.3g} per bp", why=f"from urgency {urgency:g}"
    )
    taking = take_fraction(urgency, tactic_of(order.parameters))
    return MarketTerms(
        volatility=beliefs.volatility.daily_bps,
        eta_tilde=temporary * days / qty,
        gamma=2 * (average - temporary) / qty,
        epsilon=beliefs.spread_bps / 2 * taking,
        drift=-order.parameters.alpha_bps_per_hour * volume.day_ns / HOUR_NS,
        risk_aversion=RISK_AVERSION * odds / qty,
    ), (*assumed, aversion)


def largest_trades(request: Request, edges: Ints) -> Floats:
    """Return the most that each period may trade, quantity units, (n,); together at least what is to be traded."""
    volume, listing, qty = request.beliefs.volume, request.listing, request.qty_units
    cap = request.order.parameters.participation_max
    expected = volume.expected_each(edges[:-1], edges[1:])
    count = expected.size
    if cap >= 1:
        most = np.full(count, float(qty))
    elif expected.any():
        most = expected * cap / (1 - cap)
    else:
        most = np.full(count, max(UNKNOWN_CAP, 1 / count) * qty)
    bounds = [float(listing.max_qty_units)] if listing.max_qty_units else []
    if volume.known and not volume.assumed:
        bounds.append(ADV_FRACTION_MAX * volume.per_day)
    # Down to whole lots, so that a slice rounded to lots keeps to its cap.
    lot = listing.lot_units
    most = np.minimum(most, min([float(qty), *bounds]))
    most = np.floor_divide(most, lot) * lot
    total = float(most.sum())
    if total <= 0:
        return np.full(count, qty / count)
    scaled: Floats = most if total >= qty else most * qty / total
    return scaled


def trajectory(request: Request, edges: Ints) -> tuple[Trajectory, tuple[Assumption, ...]]:
    """Return the schedule over the intervals between ``edges``: trades in quantity units, costs in bps x units."""
    terms, assumed = market_terms(request)
    count = len(edges) - 1
    horizon = (request.end_ns - request.start_ns) / request.beliefs.volume.day_ns
    made = almgren_chriss(
        float(request.qty_units),
        horizon,
        count,
        volatility=terms.volatility,
        eta=terms.eta_tilde + terms.gamma * horizon / count / 2,
        gamma=terms.gamma,
        epsilon=terms.epsilon,
        risk_aversion=terms.risk_aversion,
        drift=terms.drift,
        max_trade=largest_trades(request, edges),
    )
    return made, assumed


def layout(request: Request) -> Layout:
    """Return slices along the trajectory, each released as its interval opens.

    They follow it within one lot where no venue limit binds and nothing is to be randomised.

    Raises:
        Refused: The quantity does not fit the venue's lot, minimum and maximum.
    """
    count, why, assumed = slice_count(request)
    edges = lay_edges(request, count)
    path, more = trajectory(request, edges)
    # Trades that ought to be equal differ in their last digits, by which a lot must not go to one or the other.
    weights = np.round(path.trades / request.qty_units, TRADE_DIGITS)
    slices = lay_slices(request, edges, weights)
    every = format_duration((request.end_ns - request.start_ns) // count)
    reasons = (why, f"one every {every}", _shape(request, path), TACTIC_WORDS[slices.tactic_of(0)])
    return Layout(slices=slices, reasons=reasons, assumed=(*assumed, *more))


def _shape(request: Request, path: Trajectory) -> str:
    """Return the path in words: how much is done early, and the half-life that makes it so."""
    half = path.holdings[len(path.trades) // 2] / path.holdings[0]
    text = f"{100 * (1 - half):.0f} % in the first half" if len(path.trades) > 1 else "all in one"
    if not math.isfinite(path.half_life):
        return f"{text}: least expected cost, risk does not count"
    life_ns = path.half_life * request.beliefs.volume.day_ns
    if request.order.parameters.urgency == 1:
        return f"{text}: as fast as the caps allow"
    return f"{text}: risk against impact, half-life {format_duration(round(life_ns / 1e9) * 10**9)}"


IS = Strategy(
    name="is",
    honours=TWAP.honours | {"alpha_bps_per_hour"},
    end_behaviour=EndBehaviour.FINISH,
    layout=layout,
)
