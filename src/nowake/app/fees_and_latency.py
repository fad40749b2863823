"""The fees of a simulated venue and how far away it is, from the texts of ``--fees`` and ``--latency``."""

from __future__ import annotations

import re
from typing import Any

from nowake.core.errors import InputError
from nowake.core.instrument import FeeSchedule
from nowake.core.units import NS_PER_SECOND, decimal, format_duration, parse_duration
from nowake.core.value import replace, require
from nowake.sim.latency import SIGMA_MAX, Latency, Spread, SpreadKind, same_ways
from nowake.sim.run import DEFAULT_LATENCY

LATENCY_MAX_NS = 3600 * NS_PER_SECOND
"""More than an hour one way is a mistake in the unit."""


LEGS = ("decision", "entry", "response", "data")
_NEXT = re.compile(r",(?=\w+=)")


def parse_latency(text: str) -> Latency:
    """Return the latency that a text names.

    ``5ms`` or ``0`` (one way, the same for entry, response and data), ``lognormal:5ms,0.4`` (median, sigma), ``tape``
    (drawn from the recorded receive times; ``tape:1ms`` adds 1 ms to each) or a form for each leg,
    ``entry=lognormal:5ms,0.4,response=5ms,data=tape``, with ``decision=50us`` and ``overtake=yes`` where wanted; legs
    left out, and all of an empty text, are as where nothing is stated.

    Raises:
        InputError: It names none.
    """
    if not text:
        return DEFAULT_LATENCY
    if "=" not in text:
        fixed_ns, spread = _leg(text, text)
        return same_ways(fixed_ns, spread)
    found: dict[str, Any] = {}
    for part in _NEXT.split(text):
        name, _, stated = (piece.strip() for piece in part.partition("="))
        known = (*LEGS, "overtake")
        require(name in known and name not in found, "latency", text, f"one of each of {', '.join(known)}, as leg=time")
        if name == "overtake":
            require(stated in ("yes", "no"), "latency", text, "overtake=yes or overtake=no")
            found[name] = stated == "yes"
            continue
        found[f"{name}_ns"], spread = _leg(stated, text)
        require(spread is None or name != "decision", "latency", text, "a time for decision, such as 50us")
        if name != "decision":
            found[name] = spread
    return replace(DEFAULT_LATENCY, **found)


def _leg(text: str, whole: str) -> tuple[int, Spread | None]:
    """Return the fixed and the drawn part of one leg."""
    kind, _, rest = text.partition(":")
    if kind == SpreadKind.TAPE:
        return (_time(rest, whole) if rest else 0), Spread(kind=SpreadKind.TAPE)
    if kind != SpreadKind.LOGNORMAL:
        return _time(text, whole), None
    median, _, sigma = rest.partition(",")
    try:
        return 0, Spread(kind=SpreadKind.LOGNORMAL, median_ns=_time(median, whole), sigma=float(sigma))
    except ValueError:
        forms = "such as lognormal:5ms,0.4, the median above 0, sigma above 0 and"
        rule = f"lognormal:MEDIAN,SIGMA {forms} at most {SIGMA_MAX:g}"
        raise InputError("latency", whole, rule) from None


def _time(text: str, whole: str) -> int:
    rule = f"0 or a time such as 5ms, at most {format_duration(LATENCY_MAX_NS)}"
    forms = "or lognormal:5ms,0.4, or tape, or leg by leg: entry=5ms,response=tape"
    try:
        one_way = parse_duration("latency", text, zero=True)
    except InputError:
        raise InputError("latency", whole, rule, forms) from None
    require(one_way <= LATENCY_MAX_NS, "latency", whole, rule)
    return one_way


def parse_fees(text: str) -> FeeSchedule | None:
    """Return the schedule that ``TAKER`` or ``MAKER/TAKER`` (basis points) names, None for an empty text."""
    if not text:
        return None
    parts = text.replace("bps", "").split("/")
    try:
        maker, taker = (decimal("fees", part) for part in (parts if len(parts) > 1 else parts * 2))
    except ValueError:  # no number, or not one or two of them
        raise InputError("fees", text, "TAKER or MAKER/TAKER in basis points, such as 10 or -0.2/0.3") from None
    return FeeSchedule(maker_bps=maker, taker_bps=taker, source="stated by the user")
