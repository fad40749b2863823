"""What is typed of own impact, and what is assumed where nothing is: ``--impact full`` (docs/models/own-impact.md)."""

from __future__ import annotations

import math
from typing import Any

from nowake.core.errors import InputError, Refused
from nowake.core.sessions import Session
from nowake.core.tape import Tape
from nowake.core.units import NS_PER_SECOND, decimal, parse_duration
from nowake.models.beliefs import beliefs_from_view
from nowake.sim.impact import OwnImpact
from nowake.sim.run import SimOptions, make_market

Y = 0.5
"""Prefactor of the square-root law at the reference order; the literature has 0.5 to 1 (SCIENCE: Toth 2011, ...)."""
REFERENCE_SHARE = 0.01
"""The order at which the linear shift has the square-root law's peak: this part of a day's volume."""
PERMANENT_SHARE = 0.5
"""Of that peak; the rest dies away."""
HALF_LIFE_S = 60.0
"""In which half of what we took of a level is refilled."""

_NUMBERS = ("permanent", "transient", "beta")
_TIMES = {"t0": "t0_s", "horizon": "horizon_s", "decay": "decay_s", "half-life": "half_life_s"}


def parse_own_impact(text: str) -> OwnImpact:
    """Return what a text such as ``permanent=2e-6,transient=5e-6,kernel=exponential,decay=10m,half-life=30s`` names.

    Prices per unit of the instrument, USD a share for each share traded; ``half-life=never`` = what we took stays.

    Raises:
        InputError: It is none.
    """
    rule = "parts such as permanent=2e-6,transient=5e-6,kernel=exponential,decay=10m,half-life=30s"
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, _, stated = (piece.strip().lower() for piece in part.partition("="))
        if not stated or name in found:
            raise InputError("own-impact", text, rule)
        if name in _NUMBERS:
            try:
                found[name] = float(decimal("own-impact", stated))
            except InputError:
                raise InputError(f"own-impact {name}", stated, "a number") from None
        elif name == "kernel":
            found[name] = stated
        elif name == "half-life" and stated == "never":
            found[_TIMES[name]] = None
        elif name in _TIMES:
            duration = parse_duration(f"own-impact {name}", stated, zero=name == "half-life")
            found[_TIMES[name]] = duration / NS_PER_SECOND
        else:
            raise InputError("own-impact", name, f"one of {', '.join((*_NUMBERS, 'kernel', *_TIMES))}")
    return OwnImpact(**found)


def assumed_impact(tape: Tape, session: Session) -> OwnImpact:
    """Return the own impact of a market of which nobody stated any: the square-root law made linear at one size.

    An order of 1 % of the tape's own daily volume moves the price by Y sigma_D sqrt(1 %) right after it, Y = 0.5; half
    of it stays, half dies away as (1 + t / 1 s) ** -0.5. Volume and volatility are measured on the whole tape: this is
    a fact of the simulated world, which no plan is shown.

    Raises:
        Refused: The tape shows no volume or no moves.
    """
    market = make_market(tape, session, SimOptions(impact="off"))
    t_ns, _ = market.advance(market.end_ns, ())
    view = market.view(t_ns)
    found = beliefs_from_view(view, tape.listing, session)
    mid2 = view.mid2 or 2 * view.last_units
    daily_bps, volume = found.volatility.daily_bps, float(found.volume.per_day)
    if not (mid2 > 0 and volume > 0 and daily_bps > 0):
        raise Refused(
            f"own impact cannot be assumed: the tape of {tape.listing.key} shows no price, volume or moves",
            "state it with --own-impact, or use --impact ledger",
        )
    unit = tape.listing.instrument
    price = mid2 / 2 * float(unit.price_unit)
    peak = Y * daily_bps * 1e-4 * math.sqrt(REFERENCE_SHARE) * price
    each = peak / (REFERENCE_SHARE * volume * float(unit.qty_unit))
    return OwnImpact(
        permanent=PERMANENT_SHARE * each,
        transient=(1 - PERMANENT_SHARE) * each,
        half_life_s=HALF_LIFE_S,
        assumed=(f"square-root law with Y = {Y:g}, made linear at {REFERENCE_SHARE:.0%} of a day's volume",),
    )
