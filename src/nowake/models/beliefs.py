"""What is believed of one listing when a plan is made: ``Beliefs``, and the one that a view supports.

``beliefs_from_view`` is a function of what had been received by ``view.t_ns`` and of nothing else, so a plan made
from it cannot look ahead. Numbers that nobody measured are listed in ``assumed`` and widen the band.
"""

from __future__ import annotations

import math

from nowake.core.errors import Refused
from nowake.core.instrument import FeeSchedule, Listing
from nowake.core.plan import Assumption
from nowake.core.sessions import Session
from nowake.core.value import Value, check_types, content_hash, require
from nowake.core.view import View
from nowake.core.volume import VolumeSeen
from nowake.models.card import Card, volume_card
from nowake.models.volatility import VolatilityBelief, realised_volatility
from nowake.models.volume import VolumeBelief, history_volume, observed_volume
from nowake.models.volume_curve import VolumeHistory

SPREAD_BPS = 5.0
"""Assumed when no two-sided book was ever seen."""


class ImpactBelief(Value, frozen=True):
    """Which impact law is believed, and how well its parameters are known.

    Attributes:
        form: Name in ``models.impact.FORMS``.
        y, y_sd: Prefactor Y and its standard error. Sources: Donier, Bonart (2015) .90 (sd .35); practice .5-1.
        delta, delta_sd: Exponent. Sources: Sato, Kanazawa (2024) .489; Toth et al. (2011) .5-.6; band .4-.7.
        remaining: Part of the peak that stays after the order: 2/3 (Zarinelli et al. 2015; Donier, Bonart 2015).
    """

    form: str = "square-root"
    y: float = 0.7
    y_sd: float = 0.3
    delta: float = 0.5
    delta_sd: float = 0.05
    remaining: float = 2 / 3

    def __post_init__(self) -> None:
        check_types(self)
        require(math.isfinite(self.y) and self.y > 0, "y", self.y, "> 0")
        require(math.isfinite(self.y_sd) and self.y_sd >= 0, "y_sd", self.y_sd, ">= 0")
        require(0 < self.delta <= 1, "delta", self.delta, "in (0, 1]")
        require(math.isfinite(self.delta_sd) and self.delta_sd >= 0, "delta_sd", self.delta_sd, ">= 0")
        require(0 <= self.remaining <= 1, "remaining", self.remaining, "in [0, 1]")


class Beliefs(Value, frozen=True):
    """All that a plan for one listing rests on.

    Attributes:
        listing: Its key.
        asof_ns: Nothing received after this was used.
        mid2: Twice the mid, price units; 0 = no price known.
        spread_bps: Quoted spread, basis points of the mid.
        volatility: Of a trading day.
        volume: Of the others.
        level_qty: Mean size of a visible book level, quantity units; 0 = unknown.
        impact: The law and its parameters.
        fees: What a fill costs.
        assumed: Every number here that nobody measured.
        cards: What the measured ones were measured on, and how far they err.
    """

    listing: str
    asof_ns: int
    mid2: int
    spread_bps: float
    volatility: VolatilityBelief
    volume: VolumeBelief
    level_qty: float = 0.0
    impact: ImpactBelief = ImpactBelief()
    fees: FeeSchedule = FeeSchedule()
    assumed: tuple[Assumption, ...] = ()
    cards: tuple[Card, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        require(self.mid2 >= 0, "mid2", self.mid2, ">= 0")
        require(math.isfinite(self.spread_bps) and self.spread_bps >= 0, "spread_bps", self.spread_bps, ">= 0")
        require(math.isfinite(self.level_qty) and self.level_qty >= 0, "level_qty", self.level_qty, ">= 0")
        require(self.volume.asof_ns <= self.asof_ns, "volume.asof_ns", self.volume.asof_ns, f"<= {self.asof_ns}")

    @property
    def hash(self) -> str:
        """Return the identity of these beliefs by content."""
        return content_hash(self)

    @property
    def price_units(self) -> int:
        """Return the mid in price units, rounded down; 0 = no price known."""
        return self.mid2 // 2


def beliefs_from_view(
    view: View,
    listing: Listing,
    session: Session,
    history: VolumeHistory | None = None,
    seen: VolumeSeen | None = None,
) -> Beliefs:
    """Return what may be believed of ``listing`` at ``view.t_ns`` from what had been received by then.

    Args:
        view: Of the listing's own market.
        listing: Gives fees and the words for its volume.
        session: Its trading hours.
        history: Of its volume on past days; None = today's prints are all that is known.
        seen: What the others traded today, where the view cannot tell (it was first seen on an earlier day).

    Raises:
        Refused: The view is of another listing, or holds a row received after its own time (look-ahead).
    """
    if view.listing != listing.key:
        raise Refused(f"the view is of {view.listing}, not of {listing.key}")
    if view.last_row_ns > view.t_ns:
        raise Refused(f"look-ahead: the view of {view.t_ns} holds a row received at {view.last_row_ns}")
    others = view.volume_all - view.volume_own
    if history is None:
        volume, of_volume = observed_volume(others, view.since_ns, view.t_ns, session, listing)
    else:
        seen = seen or seen_today(view, session)
        volume, of_volume = history_volume(history, view.t_ns, session, listing, seen)
    volatility, of_volatility = realised_volatility(
        view.realised_var, view.realised_ns, volume.day_ns, around_the_clock=session.always_open
    )
    spread_bps, of_spread = _spread(view)
    levels = (*view.bids, *view.asks) or ((view.bid_units, view.bid_qty), (view.ask_units, view.ask_qty))
    sizes = [qty for _, qty in levels if qty > 0]
    return Beliefs(
        listing=listing.key,
        asof_ns=view.t_ns,
        mid2=view.mid2 or 2 * view.last_units,
        spread_bps=spread_bps,
        volatility=volatility,
        volume=volume,
        level_qty=sum(sizes) / len(sizes) if sizes else 0.0,
        fees=listing.fees,
        assumed=(
            *of_volume,
            *of_volatility,
            *of_spread,
            *impact_assumptions(ImpactBelief()),
            *fee_assumptions(listing.fees),
        ),
        cards=(volume_card(history, listing),) if history is not None else (),
    )


def seen_today(view: View, session: Session) -> VolumeSeen | None:
    """Return what the others traded today, None where a view does not show it: it began on an earlier day."""
    today = session.trading_day(view.t_ns)
    hours = session.hours(today)
    if hours is None or not view.since_ns or session.trading_day(view.since_ns) != today:
        return None
    since_ns, until_ns = max(view.since_ns, hours[0]), min(view.t_ns, hours[1])
    if since_ns >= until_ns:
        return None
    return VolumeSeen(since_ns=since_ns, until_ns=until_ns, qty_units=view.volume_all - view.volume_own)


def impact_assumptions(impact: ImpactBelief) -> tuple[Assumption, ...]:
    """Return the impact parameters as assumptions: no anonymous tape identifies them."""
    why = "from the literature; anonymous prints do not identify it"
    return (
        Assumption(name="impact prefactor Y", value=f"{impact.y:g} +- {impact.y_sd:g}", why=why),
        Assumption(name="impact exponent", value=f"{impact.delta:g} +- {impact.delta_sd:g}", why=why),
    )


def _spread(view: View) -> tuple[float, tuple[Assumption, ...]]:
    """Return the time-weighted spread in bps, else the current one, else an assumed one."""
    if view.mid2_time > 0 and view.spread_time >= 0:
        return 2e4 * view.spread_time / view.mid2_time, ()
    if view.mid2 and view.spread_units >= 0:
        note = Assumption(name="spread", value="as it is now", why="no earlier quotes seen")
        return 2e4 * view.spread_units / view.mid2, (note,)
    return SPREAD_BPS, (Assumption(name="spread", value=f"{SPREAD_BPS:g} bps", why="no two-sided book seen"),)


def fee_assumptions(fees: FeeSchedule) -> tuple[Assumption, ...]:
    """Return the fees as an assumption where nobody stated them."""
    if fees.source != "assumed":
        return ()
    taker = f"taker {fees.taker_bps} bps + {fees.taker_per_qty} a unit"
    text = f"maker {fees.maker_bps} bps + {fees.maker_per_qty} a unit, {taker}"
    return (Assumption(name="fees", value=text, why="no fee schedule was stated"),)
