"""What a market is like for an order of a given size: pure functions from a book and its past to ``Conditions``.

Two forms of one thing. ``conditions_from_view`` needs a ``View`` only, five levels and cumulants, and can be called
inside the engine; ``conditions_from_bins`` is given the whole book and the bins of a ``Meter``. Both walk the same
levels, weigh the same sums and ask the same ``LiquidityNorms``. What the five levels cannot tell is said: "at least".
Equations, sources, units and limits: docs/models/liquidity.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from nowake.core.conditions import Conditions, Measure, size_class_of
from nowake.core.errors import InputError
from nowake.core.expected import Mark
from nowake.core.instrument import Listing
from nowake.core.order import Side
from nowake.core.tape import I64
from nowake.core.units import INT64_MAX, NS_PER_SECOND, format_duration
from nowake.core.value import require
from nowake.core.view import Integrity, View
from nowake.market.microstructure import meter as m
from nowake.market.microstructure.bins import Bins
from nowake.market.microstructure.touch import depth_within
from nowake.market.norms import (
    COVERED_LEAST,
    EPISODES_LEAST,
    MEASURED,
    MINUTE_NS,
    RETURNS_LEAST,
    WINDOW_BINS,
    LiquidityNorms,
    window_values,
    windows,
)
from nowake.market.run import GRID_NS

Levels = Sequence[tuple[int, int]]
"""(price units, size in quantity units) of one side, best first."""

UNSOUND = Integrity.EMPTY | Integrity.CROSSED | Integrity.GAP | Integrity.HALTED | Integrity.CLOSED
"""With any of these nothing is read off the book."""
VIEW_LEVELS = 5
DAY_NS = 23_400 * NS_PER_SECOND
PARTICIPATION = 0.15
SESSIONS_MOST = 1_000
"""An order that takes longer than this many days is not worth a number."""

UNITS = {
    "spread": "bps",
    "effective_spread": "bps",
    "volatility": "bps a day",
    "resilience": "s",
    "imbalance": "",
}
OF_QUANTITY = {"density": "{} a bp", "volume_rate": "{} a minute"}


class Book(NamedTuple):
    """A book at one instant.

    Attributes:
        t_ns: Local time.
        integrity: Of it.
        bids, asks: Levels.
        ends: Whether the market may go on beyond the last level given.
        age_ns: Since the newest row.
        base: Which levels these are, in words.
    """

    t_ns: int
    integrity: Integrity
    bids: Levels
    asks: Levels
    ends: tuple[bool, bool]
    age_ns: int
    base: str


class Past(NamedTuple):
    """What the market was like lately: (value, sample) by measure, values as in ``norms.window_values``.

    Attributes:
        values: None = not known.
        why: Why not, by measure.
        span: How long it is, in words.
        age_ns: Since its end.
        bases: What a measure is of, where it is not of that span.
    """

    values: dict[str, tuple[float | None, int]]
    why: dict[str, str]
    span: str
    age_ns: int
    bases: dict[str, str]


class Walk(NamedTuple):
    """What sweeping levels gives: quantity filled, its cost (sum of price x quantity), levels used."""

    filled: int
    notional: int
    levels: int


def sweep(levels: Levels, qty_units: int) -> Walk:
    """Return what taking ``qty_units`` from the best level on would fill."""
    filled = notional = used = 0
    for price, size in levels:
        if filled == qty_units:
            break
        take = min(size, qty_units - filled)
        filled, notional, used = filled + take, notional + take * price, used + 1
    return Walk(filled, notional, used)


def density_of(bids: Levels, asks: Levels) -> float | None:
    """Return quantity units per basis point of the best five levels a side, None where they have no width.

    The size of all of them over the distance between the last bid and the last ask of them, in bps of the mid.
    """
    near = bids[: m.DENSITY_LEVELS], asks[: m.DENSITY_LEVELS]
    if not near[0] or not near[1] or near[1][-1][0] <= near[0][-1][0]:
        return None
    mid2 = bids[0][0] + asks[0][0]
    return sum(size for side in near for _, size in side) * mid2 / (20_000.0 * (near[1][-1][0] - near[0][-1][0]))


def conditions_from_view(
    view: View,
    listing: Listing,
    side: Side,
    qty_units: int,
    *,
    norms: LiquidityNorms | None = None,
    earlier: Mark | None = None,
    day_volume: float | None = None,
    day_why: str = "",
    day_ns: int = DAY_NS,
    participation: float = PARTICIPATION,
    levels_known: int = 0,
) -> Conditions:
    """Return what the market is like for an order, from what a decision may see.

    Args:
        view: The market now. Its five levels are all that is known of the book.
        listing: Whose market; gives the units.
        side: Of the order.
        qty_units: Of the order, quantity units, > 0.
        norms: The history that percentiles are of; None = none, and every score is None with the reason.
        earlier: The sums of the same market before this view: rates are of the time between the two. None = since the
            market opened to us, which ``why`` then says.
        day_volume: What the others are expected to trade in a regular day, quantity units; None or 0 = not known.
        day_why: What limits that number, or why it is not known; empty = nothing to say.
        day_ns: Length of that day, nanoseconds; the norms' own where there are norms.
        participation: Own share of all volume that the time to trade is at, in (0, 1).
        levels_known: Levels a side that the source keeps complete, ``TapeMeta.depth_levels``; 0 = the whole book.

    Raises:
        InputError: A side or size that is none, a view of another listing, or earlier sums that are later.
    """
    require(view.listing == listing.key, "view", view.listing, f"of {listing.key}")
    if earlier is not None:
        require(earlier.t_ns <= view.t_ns, "earlier", earlier.t_ns, f"not after {view.t_ns}")
    last = min(VIEW_LEVELS, levels_known or VIEW_LEVELS)
    book = Book(
        t_ns=view.t_ns,
        integrity=view.integrity,
        bids=view.bids or (((view.bid_units, view.bid_qty),) if view.bid_units else ()),
        asks=view.asks or (((view.ask_units, view.ask_qty),) if view.ask_units else ()),
        ends=(len(view.bids) >= last or not view.bids, len(view.asks) >= last or not view.asks),
        age_ns=max(0, view.t_ns - view.last_row_ns) if view.last_row_ns else 0,
        base="the best 5 levels",
    )
    past = past_of_views(view, earlier, norms.day_ns if norms is not None else day_ns)
    return assemble(book, past, listing, side, qty_units, norms, (day_volume, day_why), participation)


def conditions_from_bins(
    book: Book,
    bins: Bins,
    listing: Listing,
    side: Side,
    qty_units: int,
    *,
    norms: LiquidityNorms | None = None,
    day_volume: float | None = None,
    day_why: str = "",
    day_ns: int = DAY_NS,
    participation: float = PARTICIPATION,
    window_bins: int = WINDOW_BINS,
) -> Conditions:
    """Return what the market is like for an order, from the whole book and the bins closed by then.

    Arguments are those of ``conditions_from_view``; of the bins the last ``window_bins`` closed at the book's time are
    used, if they follow one another.
    """
    past = past_of_bins(bins.until(book.t_ns), book.t_ns, norms.day_ns if norms is not None else day_ns, window_bins)
    return assemble(book, past, listing, side, qty_units, norms, (day_volume, day_why), participation)


def past_of_bins(bins: Bins, t_ns: int, day_ns: int, count: int) -> Past:
    """Return the last ``count`` closed bins as one window."""
    span = format_duration(bins.bin_ns * count)
    ints, reals, ends = windows(bins, count)
    if len(ends) == 0 or len(bins) == 0 or ends[-1] != bins.start_ns[-1] + bins.bin_ns:
        said = f"the last {span} are not recorded in one stretch"
        return Past({}, dict.fromkeys(MEASURED, said), span, 0, {})
    if t_ns - ends[-1] >= bins.bin_ns * count:
        said = f"nothing is recorded since {format_duration(t_ns - int(ends[-1]))}"
        return Past({}, dict.fromkeys(MEASURED, said), span, 0, {})
    last = window_values(ints[-1:], reals[-1:], bins.bin_ns * count, day_ns)
    one = ints[-1]
    samples = {
        "spread": one[m.BOOK_NS] // NS_PER_SECOND,
        "density": one[m.DENSE],
        "volatility": one[m.REALISED_NS] // GRID_NS,
        "volume_rate": one[m.PRINTS],
        "effective_spread": one[m.PRINTS],
        "resilience": one[m.RECOVERED],
    }
    values: dict[str, tuple[float | None, int]] = {}
    why: dict[str, str] = {}
    for name in MEASURED:
        found = float(last[name][0])
        values[name] = (found if math.isfinite(found) else None, int(samples.get(name, one[m.SAMPLES])))
        why[name] = _missing(name, one, span)
    return Past(values, why, span, int(t_ns - ends[-1]), {})


def _missing(name: str, one: I64, span: str) -> str:
    """Return why a measure of a window with these sums is not known."""
    if name == "resilience":
        return f"{one[m.RECOVERED]} recoveries in {span}, {EPISODES_LEAST} are the least"
    if name == "volatility":
        return f"{one[m.REALISED_NS] // GRID_NS} returns of 10 s in {span}, {RETURNS_LEAST} are the least"
    if name == "effective_spread":
        return f"no print of {span} met a mid" if one[m.PRINTS] else f"nothing was printed in {span}"
    part = f"less than {100 * COVERED_LEAST:g} % of {span}"
    return f"{part} was open" if name == "volume_rate" else f"a sound book for {part}"


def past_of_views(view: View, earlier: Mark | None, day_ns: int) -> Past:
    """Return what happened between two views, or since the market opened to us; the others' volume only."""
    since = earlier.t_ns if earlier is not None else view.since_ns
    old = (0, 0, 0, 0.0, 0, 0) if earlier is None else _sums(earlier)
    mid, spread, mid_ns, variance, realised_ns, volume = (a - b for a, b in zip(_sums(Mark.of(view)), old, strict=True))
    span = format_duration(view.t_ns - since) if since and view.t_ns > since else "no time"
    returns = int(realised_ns) // GRID_NS
    values: dict[str, tuple[float | None, int]] = {
        "spread": (2e4 * spread / mid if mid > 0 and spread >= 0 else None, int(mid_ns) // NS_PER_SECOND),
        "volatility": (
            1e4 * math.sqrt(max(variance, 0.0) * day_ns / realised_ns) if returns >= RETURNS_LEAST else None,
            returns,
        ),
        # The time that was open is the time that had a sound book, as far as a view can tell.
        "volume_rate": (MINUTE_NS * volume / mid_ns if mid_ns > 0 else None, int(mid_ns) // NS_PER_SECOND),
    }
    unseen = "not part of a view"
    why = dict.fromkeys(("effective_spread", "resilience"), unseen)
    why |= {"spread": f"no sound book in {span}", "volume_rate": f"no sound book in {span}"}
    why["volatility"] = f"{returns} returns of 10 s in {span}, {RETURNS_LEAST} are the least"
    density = density_of(view.bids, view.asks) if not view.integrity & UNSOUND else None
    values["density"], why["density"] = (density, 1), _unsound(view.integrity) or "the levels have no width"
    bases = {"density": "the best 5 levels at this instant"}
    return Past(values, why, span if earlier is not None else f"{span}, since the market opened to us", 0, bases)


def _sums(at: Mark) -> tuple[int, int, int, float, int, int]:
    return at.mid2_time, at.spread_time, at.mid_ns, at.realised_var, at.realised_ns, at.others


def assemble(
    book: Book,
    past: Past,
    listing: Listing,
    side: Side,
    qty_units: int,
    norms: LiquidityNorms | None,
    day: tuple[float | None, str],
    participation: float,
) -> Conditions:
    """Return the conditions that a book and its recent past make for an order."""
    require(side in (Side.BUY, Side.SELL), "side", side, "buy or sell")
    require(0 < qty_units <= INT64_MAX, "quantity", qty_units, "> 0 units")
    require(0 < participation < 1, "participation", participation, "above 0 and below 1")
    if norms is not None:
        require(norms.listing == listing.key, "norms", norms.listing, f"of {listing.key}")
        require(norms.asof_ns <= book.t_ns, "norms", norms.asof_ns, f"of a time not after {book.t_ns}")
    day_volume = day[0]
    if day_volume is not None and not (math.isfinite(day_volume) and day_volume >= 0):
        raise InputError("day_volume", day_volume, ">= 0, or None where it is not known")
    lately = _lately(past, listing, norms)
    now = _now(book, listing, side, qty_units)
    order = _order(lately, listing, qty_units, norms, day, participation)
    by_name = {one.name: one for one in (*now, *lately, *order)}
    depth, touch = by_name[f"depth_10bps_{'ask' if side is Side.BUY else 'bid'}"], by_name["touch"].value
    quantity = float(listing.instrument.qty(qty_units))
    of_depth = quantity / depth.value if depth.value else None
    if depth.at_least and of_depth is not None and of_depth > 1:
        of_depth = None  # more than what is seen: how much more there is, nobody knows
    size_class, size_why = size_class_of(by_name["of_day"].value, of_depth, quantity / touch if touch else None)
    if depth.at_least:
        size_why = size_why.replace("the depth is not known", "the depth beyond what we see is not known")
    return Conditions(
        listing=listing.key,
        asof_ns=book.t_ns,
        side=side,
        qty_units=qty_units,
        integrity=book.integrity,
        liquidity_score=by_name["density"].percentile,
        volatility_score=by_name["volatility"].percentile,
        spread_score=by_name["spread"].percentile,
        volume_score=by_name["volume_rate"].percentile,
        size_class=size_class,
        size_why=size_why,
        measures=tuple(by_name.values()),
        norms=norms.hash if norms is not None else "",
    )


def _unsound(integrity: Integrity) -> str:
    found = integrity & UNSOUND
    return f"the book is {found}" if found else ""


def _now(book: Book, listing: Listing, side: Side, qty_units: int) -> list[Measure]:
    """Return what is read off the book as it stands."""
    instrument, unit = listing.instrument, listing.instrument.base
    why = _unsound(book.integrity)
    if not why and not (book.bids and book.asks and book.bids[0][1] + book.asks[0][1] > 0):
        why = "a side of the book is empty"
    silent = "the feed is silent: this is what it said last" if book.integrity & Integrity.SILENT else ""
    base, age = book.base, book.age_ns

    def made(
        name: str, value: float | None, kind: str, sample: int = 1, at_least: bool = False, said: str = ""
    ) -> Measure:
        return Measure(
            name=name, value=value, unit=kind, sample=sample if value is not None else 0, age_ns=age, base=base,
            at_least=at_least and value is not None, why=said or silent if value is not None else why or said,
        )  # fmt: skip

    depths = [(bps, name, k) for k, name in enumerate(("bid", "ask")) for bps in m.BANDS]
    if why:
        prices = [made(name, None, instrument.quote) for name in ("bid", "ask", "mid", "microprice")]
        prices += [made(name, None, unit) for name in ("bid_size", "ask_size")]
        rest = [made(name, None, kind) for name, kind in (("spread_now", "bps"), ("imbalance", ""), ("touch", unit))]
        none = [made(f"depth_{bps}bps_{name}", None, unit) for bps, name, _ in depths]
        return [*prices, *rest, *none, made("sweep_cost", None, "bps"), made("sweep_filled", None, "")]
    (bid, bid_qty), (ask, ask_qty) = book.bids[0], book.asks[0]
    mid2, both = bid + ask, bid_qty + ask_qty
    price = float(instrument.price_unit)
    sizes = float(instrument.qty_unit)
    found = [
        made("bid", float(instrument.price(bid)), instrument.quote),
        made("bid_size", bid_qty * sizes, unit),
        made("ask", float(instrument.price(ask)), instrument.quote),
        made("ask_size", ask_qty * sizes, unit),
        made("mid", float(instrument.price(mid2)) / 2, instrument.quote),
        made("microprice", (bid + (ask - bid) * bid_qty / both) * price, instrument.quote),
        made("spread_now", 2e4 * (ask - bid) / mid2, "bps"),
        made("imbalance", (bid_qty - ask_qty) / both, ""),
        made("touch", (ask_qty if side is Side.BUY else bid_qty) * sizes, unit),
    ]
    for bps, name, k in depths:
        levels = (book.bids, book.asks)[k]
        inside = depth_within(levels, mid2, bps)
        beyond = book.ends[k] and abs(2 * levels[-1][0] - mid2) * 10_000 <= mid2 * bps
        count = sum(abs(2 * one[0] - mid2) * 10_000 <= mid2 * bps for one in levels)
        narrow = 10_000 * (ask - bid) > mid2 * bps
        said = (
            f"half the spread is more than {bps} bps" if narrow else "the book that we see ends there" if beyond else ""
        )
        found.append(made(f"depth_{bps}bps_{name}", inside * sizes, unit, count, beyond, said))
    walk = sweep(book.asks if side is Side.BUY else book.bids, qty_units)
    cost = int(side) * (2e4 * walk.notional / (walk.filled * mid2) - 1e4) if walk.filled else None
    part = walk.filled / qty_units
    short = walk.filled < qty_units
    said = f"what we see of the book fills {100 * part:.3g} % of the order" if short else ""
    found.append(made("sweep_cost", cost, "bps", walk.levels, short, said))
    found.append(made("sweep_filled", part, "", walk.levels, short and book.ends[0 if side is Side.SELL else 1]))
    return found


def _lately(past: Past, listing: Listing, norms: LiquidityNorms | None) -> list[Measure]:
    """Return what the market was like over its recent past, each with its place in the listing's history."""
    made = []
    sizes = float(listing.instrument.qty_unit)
    for name in ("spread", "volatility", "volume_rate", "density", "effective_spread", "resilience"):
        value, sample = past.values.get(name, (None, 0))
        if value is None:
            percentile, why = None, past.why.get(name) or "not known"
        elif norms is None:
            percentile, why = None, "no history of this listing was given"
        else:
            percentile, why = norms.percentile(name, value)
        counts = name in OF_QUANTITY
        unit = OF_QUANTITY[name].format(listing.instrument.base) if counts else UNITS[name]
        base = past.bases.get(name, f"the last {past.span}")
        if name == "volume_rate":
            base += f", {listing.volume_base or 'prints of ' + listing.venue}"
        made.append(
            Measure(
                name=name,
                value=value * sizes if value is not None and counts else value,
                unit=unit,
                percentile=percentile,
                sample=sample,
                age_ns=past.age_ns,
                base=base,
                why=why,
            )
        )
    return made


def _order(
    lately: Sequence[Measure],
    listing: Listing,
    qty_units: int,
    norms: LiquidityNorms | None,
    day: tuple[float | None, str],
    participation: float,
) -> list[Measure]:
    """Return how large the order is for its market: its part of a day, and how long it takes at a participation."""
    base = listing.volume_base or f"prints of {listing.venue}"
    rate = next(one for one in lately if one.name == "volume_rate")
    quantity = float(listing.instrument.qty(qty_units))
    day_volume, day_why = day
    of_day = Measure(
        name="of_day",
        value=qty_units / day_volume if day_volume else None,
        sample=norms.days if norms is not None else 0,
        base=base,
        why=day_why or ("" if day_volume else "a day's volume is not known"),
    )
    said = f"at {100 * participation:g} % of all volume"
    if rate.value is None or rate.value <= 0:
        why = rate.why if rate.value is None else f"nothing was printed in {rate.base.removeprefix('the last ')}"
        return [of_day, Measure(name="time_to_trade", unit="s", base=f"{said}, {rate.base}", why=why)]
    # own / (own + others) = participation: the others must trade own x (1 - p) / p meanwhile.
    seconds = 60 * quantity * (1 - participation) / participation / rate.value
    long = seconds > SESSIONS_MOST * 86_400
    return [
        of_day,
        Measure(
            name="time_to_trade",
            value=None if long else seconds,
            unit="s",
            sample=rate.sample,
            age_ns=rate.age_ns,
            base=f"{said}, {rate.base}",
            why=f"over {SESSIONS_MOST} days" if long else "",
        ),
    ]
