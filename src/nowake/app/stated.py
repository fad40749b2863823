"""What a person believes of a market, typed in: enough to plan an order without a recorded one.

``Beliefs`` is what ``nowake.Beliefs`` names. What is left out is assumed, or comes from the tape that is planned on.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

import msgspec

from nowake.app.request import NOTIONAL
from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.plan import Assumption
from nowake.core.sessions import Session
from nowake.core.units import decimal, number_text, to_units
from nowake.core.value import Value, replace, require
from nowake.core.view import Integrity, View
from nowake.models import beliefs as models
from nowake.models.card import Card
from nowake.models.volatility import REST_OF_DAY_RELATIVE_SD, VolatilityBelief
from nowake.models.volume import VolumeBelief, curve_assumption, level_error
from nowake.models.volume_curve import LEVEL_SD, VolumeHistory


class Beliefs(Value, frozen=True):
    """What is believed of a market, as a person states it. Numbers or text; an empty field is not stated.

    Attributes:
        price: Mid price, quote currency.
        adv: Average daily volume of the venue's prints: ``22m`` shares, base asset or contracts; ``9b-USD`` is a value.
        daily_vol: One standard deviation of the price over a trading day: ``1.6%``, ``160bps`` or ``0.016``.
        spread: Quoted spread: ``0.7bps`` (a bare number is basis points), ``0.01%``, ``0.03-USD``.
        depth: Mean size of a visible book level, shares, base asset or contracts.

    >>> Beliefs(price=410, adv="22m", daily_vol="1.6%", spread="0.7bps").price
    '410'
    """

    price: str | float = ""
    adv: str | float = ""
    daily_vol: str | float = ""
    spread: str | float = ""
    depth: str | float = ""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            text = number_text(name, getattr(self, name)).strip()
            msgspec.structs.force_setattr(self, name, text)
        for name in ("price", "adv", "depth"):
            text = str(getattr(self, name))
            if text and not (name == "adv" and NOTIONAL.fullmatch(text)):
                require(decimal(name, text) > 0, name, text, "> 0")
        if self.daily_vol:
            _daily_vol_bps(str(self.daily_vol))
        if self.spread and not NOTIONAL.fullmatch(str(self.spread)):
            _spread_bps(str(self.spread))

    @property
    def stated(self) -> tuple[str, ...]:
        """Return the names of the fields that are stated."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name))


def _percentage(field: str, text: str) -> Decimal | None:
    """Return basis points of ``1.6%`` or ``160bps``, None for a bare number."""
    for ending, scale in (("%", 100), ("bps", 1), ("bp", 1)):
        if text.lower().endswith(ending):
            return decimal(field, text[: -len(ending)]) * scale
    return None


def _daily_vol_bps(text: str) -> float:
    bps = _percentage("daily_vol", text)
    if bps is None:
        fraction = decimal("daily_vol", text)
        percent = f"write {text}% if percent are meant" if fraction > 0 else ""
        require(0 < fraction < 1, "daily_vol", text, "above 0 and below 1", percent)
        bps = fraction * 10_000
    require(0 < bps < 10_000, "daily_vol", text, "above 0 and below 100%")
    return float(bps)


def _spread_bps(text: str) -> float:
    bps = _percentage("spread", text)
    bps = decimal("spread", text) if bps is None else bps
    require(0 <= bps < 10_000, "spread", text, "at least 0 and below 10,000 bps")
    return float(bps)


def price_mid2(stated: Beliefs, listing: Listing) -> int:
    """Return twice the stated price in price units, rounded down; 0 where none is stated."""
    if not stated.price:
        return 0
    unit = listing.instrument.price_unit
    to_units("price", stated.price, unit, rounding=ROUND_DOWN)  # refuses in the words of what was typed
    made = to_units("price", 2 * decimal("price", stated.price), unit, rounding=ROUND_DOWN)
    require(made > 0, "price", stated.price, f"at least {listing.instrument.price_unit:f}")
    return made


def _of_value(field: str, text: str, listing: Listing) -> Decimal | None:
    """Return the amount of ``9b-USD`` in the quote currency, None where the text is no value."""
    found = NOTIONAL.fullmatch(text)
    if found is None:
        return None
    quote = listing.instrument.quote
    if found["currency"].upper() != quote.upper():
        raise InputError(field, text, f"in {listing.instrument.base} or {quote}")
    return decimal(field, found["amount"])


def _adv_units(stated: Beliefs, listing: Listing, mid2: int) -> float:
    instrument, text = listing.instrument, str(stated.adv)
    amount = _of_value("adv", text, listing)
    if amount is None:
        units = to_units("adv", text, instrument.qty_unit, rounding=ROUND_DOWN)
        require(units > 0, "adv", text, f"at least {instrument.qty_unit:f}")
        return float(units)
    require(mid2 > 0, "adv", text, f"in {instrument.base}, since no price is known")
    each = instrument.multiplier if instrument.inverse else instrument.price(mid2) / 2 * instrument.multiplier
    return float(amount / each / instrument.qty_unit)


def unseen(listing: Listing, t_ns: int, mid2: int = 0) -> View:
    """Return the view of a market that nobody looked at: no row, and no price but the one that is stated."""
    bid = mid2 // 2
    return View(
        listing=listing.key,
        t_ns=t_ns,
        row=0,
        integrity=Integrity.EMPTY,
        bid_units=bid,
        ask_units=mid2 - bid,
        bid_qty=0,
        ask_qty=0,
    )


def without_market(listing: Listing, session: Session, t_ns: int, history: VolumeHistory | None) -> models.Beliefs:
    """Return what may be believed of a listing whose market nobody looked at: past days' volume, and assumptions."""
    return models.beliefs_from_view(unseen(listing, t_ns), listing, session, history)


def apply_stated(stated: Beliefs, base: models.Beliefs, listing: Listing) -> models.Beliefs:
    """Return ``base`` with what is stated in place of what was seen or assumed.

    Args:
        stated: By the user.
        base: From a view or ``without_market``.
        listing: For units and currency.

    Raises:
        InputError: A number does not fit the listing: another currency, below one unit.
    """
    if not stated.stated:
        return base
    changes: dict[str, object] = {}
    instead: list[Assumption] = []
    replaced: set[str] = set()
    mid2 = price_mid2(stated, listing) or base.mid2
    changes["mid2"] = mid2
    if stated.spread:
        amount = _of_value("spread", str(stated.spread), listing)
        if amount is None:
            changes["spread_bps"] = _spread_bps(str(stated.spread))
        else:
            require(mid2 > 0, "spread", stated.spread, "in basis points, since no price is known")
            changes["spread_bps"] = float(amount / listing.instrument.price(mid2) * 20_000)
        replaced.add("spread")
    if stated.daily_vol:
        daily_bps = _daily_vol_bps(str(stated.daily_vol))
        changes["volatility"] = VolatilityBelief(daily_bps=daily_bps, relative_sd=REST_OF_DAY_RELATIVE_SD)
        replaced.add("volatility")
        text = f"+- {100 * REST_OF_DAY_RELATIVE_SD:.0f} %"
        instead.append(Assumption(name="volatility error", value=text, why="a stated number has none"))
    if stated.adv:
        changes["volume"], notes = _stated_volume(base.volume, _adv_units(stated, listing, mid2))
        replaced |= {"volume", "volume curve", "volume error"}
        instead += notes
    if stated.depth:
        depth = to_units("depth", stated.depth, listing.instrument.qty_unit, rounding=ROUND_DOWN)
        require(depth > 0, "depth", stated.depth, f"at least {listing.instrument.qty_unit:f}")
        changes["level_qty"] = float(depth)
    kept = [one for one in base.assumed if one.name not in replaced]
    words = ", ".join(f"{name.replace('_', ' ')} {getattr(stated, name)}" for name in stated.stated)
    card = Card(belief="stated", text=f"stated: {words}")
    return replace(base, **changes, assumed=(*instead, *kept), cards=(*base.cards, card))


def _stated_volume(volume: VolumeBelief, per_day: float) -> tuple[VolumeBelief, list[Assumption]]:
    made = replace(volume, per_day=per_day, assumed=False, level_sd=LEVEL_SD, relative_sd=level_error(LEVEL_SD))
    text = f"+- {100 * LEVEL_SD:.0f} % a day"
    notes = [Assumption(name="volume error", value=text, why="how far a day departs from a mean of days")]
    if not made.curves:
        notes.append(curve_assumption(made, "no past days were given"))
    return made, notes
