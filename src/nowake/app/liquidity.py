"""A recorded market under the meter: its conditions at any time, its bins as a frame, for the facade and ``watch``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nowake.app.history import find_history
from nowake.app.request import MarketHours, OrderRequest, quantity_units, window
from nowake.core.conditions import Conditions, Measure
from nowake.core.errors import InputError, Refused
from nowake.core.expected import Mark
from nowake.core.instrument import Listing
from nowake.core.order import Side
from nowake.core.sessions import Session, iso
from nowake.core.tape import Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace
from nowake.data.sessions import session as find_session
from nowake.engine.env import Background
from nowake.market import liquidity
from nowake.market.book import levels
from nowake.market.liquidity import Book
from nowake.market.microstructure import meter as m
from nowake.market.microstructure.bins import BIN_NS, Bins, Meter, bins_of, joined
from nowake.market.norms import WINDOW_BINS, LiquidityNorms, norms_of, window_values
from nowake.models.beliefs import beliefs_from_view
from nowake.models.volume import trading_hours
from nowake.models.volume_curve import VolumeHistory

if TYPE_CHECKING:
    import polars as pl

DAYS_BACK = 10
"""How far the last open session is looked for: no market is closed for longer."""
LEVELS_SHOWN = 1_000
"""Levels a side that are looked at; what lies beyond them is "at least"."""


def background_at(tape: Tape, t_ns: int, data_latency_ns: int = 0) -> Background:
    """Return what had been seen of a tape's market by an instant: what is normal for it, and its sums a window before.

    Args:
        tape: The market; no row received after ``t_ns`` is used.
        t_ns: Local time, when the decision falls.
        data_latency_ns: Added to every row's receive time, as in the market that the decision sees.
    """
    session = find_session(tape.listing.session)
    meter, first_ns = Meter(tape, session, BIN_NS, data_latency_ns), int(tape.t_local(data_latency_ns)[0])
    before_ns = t_ns - WINDOW_BINS * BIN_NS
    earlier = None
    if before_ns > first_ns:
        meter.advance(before_ns)
        earlier = Mark.of(meter.view(before_ns))
    meter.advance(t_ns)
    meter.settle(t_ns)
    base = tape.listing.volume_base or f"prints of {tape.listing.venue}"
    norms = norms_of(meter.bins, t_ns, trading_hours(session, t_ns)[0], base=base)
    return Background(listing=tape.listing.key, norms=norms, earlier=earlier, levels_known=tape.meta.depth_levels)


@dataclass(frozen=True)
class LiquidityReading:
    """Conditions of a market for an order, with what is needed to print them. Draws itself as a table.

    Attributes:
        conditions: The values; attributes not found here are theirs (``reading.spread_score``).
        listing: Whose market.
        norms: The history that percentiles are of.
        zone: Of the local clock.
    """

    conditions: Conditions
    listing: Listing
    norms: LiquidityNorms
    zone: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.conditions, name)

    def measure(self, name: str) -> Measure:
        """Return a measure by its name, such as ``spread``; one that was not taken says so."""
        return self.conditions.measure(name)

    def value(self, name: str) -> float | None:
        """Return the value of a measure, None where it is not known."""
        return self.conditions.value(name)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``nowake watch --json`` prints of an instant: human units, ISO times."""
        from nowake.app.documents import conditions_document

        return conditions_document(self.conditions, self.listing)

    def __str__(self) -> str:
        from nowake.view.conditions import conditions_text

        return conditions_text(self.conditions, self.listing, self.zone)

    def _repr_html_(self) -> str:
        from nowake.view.conditions import conditions_html

        return conditions_html(self.conditions, self.listing, self.zone)


class MeteredMarket:
    """A recorded market, received up to a time, and what it is like there.

    Args:
        tape: The market.
        history: Lakes or recorded files with past days; days at or after an instant asked for are never used.
        bin_ns: Width of a bin.
        mapping: Text of ``--map``, for recorded files among the history.
        stated: Text of ``--listing``, for the same.

    Raises:
        InputError: The width is not one, or the history holds nothing of the listing.
        DataError: A path is missing or unusable.
    """

    def __init__(
        self, tape: Tape, history: Sequence[str] = (), bin_ns: int = BIN_NS, *, mapping: str = "", stated: str = ""
    ) -> None:
        self.tape, self.listing, self.bin_ns = tape, tape.listing, bin_ns
        self.session: Session = find_session(tape.listing.session)
        self.meter = Meter(tape, self.session, bin_ns)
        local = tape.t_local()
        if not len(local):
            raise Refused(f"the tape of {tape.listing.key} has no rows", "give one that has")
        self.first_ns, self.last_ns = int(local[0]), int(local.max())
        self._history, self._mapping, self._stated = tuple(history), mapping, stated
        self._past: Bins | None = None
        self._volumes: dict[object, VolumeHistory | None] = {}
        self._norms: tuple[int, int, LiquidityNorms] | None = None

    @property
    def zone(self) -> str:
        """Return the zone of the session's clock."""
        return self.session.zone

    @property
    def last_open_ns(self) -> int:
        """Return the last instant of the recording at which the market is open; its end where it never is."""
        if self.session.is_open(self.last_ns):
            return self.last_ns
        day = self.session.trading_day(self.last_ns)
        for back in range(DAYS_BACK):
            hours = self.session.hours(day - timedelta(days=back))
            if hours is not None and hours[1] <= self.last_ns:
                return max(hours[1] - 1, self.first_ns)
        return self.last_ns

    def advance(self, t_ns: int) -> None:
        """Receive the market up to ``t_ns``; an earlier time begins again."""
        if t_ns < self.meter.now_ns:
            self.meter = Meter(self.tape, self.session, self.bin_ns)
        self.meter.advance(t_ns)
        self.meter.settle(t_ns)

    def bins(self) -> Bins:
        """Return the bins closed by the time reached, those of past days first."""
        past = self.past_bins()
        today = self.meter.bins
        return today if past is None else joined([past.until(self.first_ns), today])

    def past_bins(self) -> Bins | None:
        """Return the bins of the history, None where none was given; read once."""
        if not self._history:
            return None
        if self._past is None:
            from nowake.data.readers.mapping import parse_mapping
            from nowake.data.source import open_tapes

            mappings = parse_mapping(self._mapping) if self._mapping else ()
            paths = [Path(one) for one in self._history]
            (tape,) = open_tapes(paths, self.listing.key, mappings=mappings, listing=self._stated)
            self._past = bins_of(tape, self.session, self.bin_ns)
        return self._past

    def norms(self) -> LiquidityNorms:
        """Return what is normal at the time reached; made anew when a bin closes."""
        t_ns, count = self.meter.now_ns, self.meter.count
        if self._norms is None or self._norms[0] != count or self._norms[1] > t_ns:
            base = self.listing.volume_base or f"prints of {self.listing.venue}"
            self._norms = count, t_ns, norms_of(self.bins(), t_ns, self.day_ns(), base=base)
        return self._norms[2]

    def day_ns(self) -> int:
        """Return the length of a regular trading day."""
        return trading_hours(self.session, self.first_ns)[0]

    def day_volume(self) -> tuple[float | None, str]:
        """Return (a day's volume, quantity units, None where nobody knows; what limits it)."""
        t_ns = self.meter.now_ns
        day = self.session.trading_day(t_ns)
        if day not in self._volumes:
            self._volumes[day] = find_history(
                self.listing, self.session, t_ns, self._history, self.tape, mapping=self._mapping, stated=self._stated
            )
        view = self.meter.view(t_ns)
        volume = beliefs_from_view(view, self.listing, self.session, self._volumes[day]).volume
        if not volume.known:
            return None, "no volume was seen yet, and no past day is known"
        return volume.per_day, "today's prints through an assumed day curve" if volume.assumed else ""

    def book(self) -> Book:
        """Return the book at the time reached."""
        view, meter = self.meter.view(self.meter.now_ns), self.meter
        base, known = meter.meta.price_base, meter.meta.depth_levels
        sides = [
            tuple((base + sign * key, size) for key, size in levels(meter.book, side, LEVELS_SHOWN))
            for side, sign in ((0, 1), (1, -1))
        ]
        last = min(known or LEVELS_SHOWN, LEVELS_SHOWN)
        ends = len(sides[0]) >= last, len(sides[1]) >= last
        seen = f"{known} levels a side" if known else "the whole book"
        age = max(0, view.t_ns - view.last_row_ns)
        return Book(view.t_ns, view.integrity, sides[0], sides[1], ends, age, seen)

    def conditions(self, side: Side, qty_units: int, participation: float = liquidity.PARTICIPATION) -> Conditions:
        """Return what the market is like at the time reached for an order."""
        volume, why = self.day_volume()
        return liquidity.conditions_from_bins(
            self.book(),
            self.meter.last(WINDOW_BINS),
            self.listing,
            side,
            qty_units,
            norms=self.norms(),
            day_volume=volume,
            day_why=why,
            participation=participation,
        )

    def reading(self, side: Side, qty_units: int, participation: float = liquidity.PARTICIPATION) -> LiquidityReading:
        """Return the conditions with what draws them."""
        return LiquidityReading(self.conditions(side, qty_units, participation), self.listing, self.norms(), self.zone)

    def instant(self, field: str, text: str, default_ns: int) -> int:
        """Return the instant that a text names, inside the recording; empty = the default.

        Raises:
            InputError: It is none, or the tape does not cover it.
        """
        if not text.strip():
            return default_ns
        request = OrderRequest(side="buy", quantity="1", symbol=self.listing.key, start=text, over="1s")
        hours = MarketHours(first_ns=self.first_ns, last_ns=self.last_ns)
        try:
            found = window(request, self.session, hours)[0]
        except Refused:
            raise
        except InputError as error:
            raise InputError(field, error.value, error.rule, error.remedy) from None
        if not self.first_ns <= found <= self.last_ns:
            rule = f"inside the recording, {iso(self.first_ns)} to {iso(self.last_ns)}"
            raise InputError(field, text, rule)
        return found

    def quantity(self, text: str) -> int:
        """Return a quantity as a person writes it in units, on the grid of the instrument; values at the mid now.

        Raises:
            InputError: It is none.
        """
        request = OrderRequest(side="buy", quantity=text, symbol=self.listing.key, over="1s")
        mid2 = self.meter.view(self.meter.now_ns).mid2
        return quantity_units(request, replace(self.listing, lot_units=1, min_qty_units=0), mid2)


def bins_frame(bins: Bins, listing: Listing, day_ns: int) -> pl.DataFrame:
    """Return bins as a frame, a row each, in human units; null where a number is not known.

    Columns: ``t`` (UTC, the bin's beginning), ``open_s``, ``book_s``, ``bid``, ``ask`` (at its end), ``mid``,
    ``spread_bps`` (time-weighted), ``depth_{5,10,25}bps_{bid,ask}``, ``imbalance``, ``density`` (means of samples),
    ``volume``, ``buys``, ``sells``, ``prints``, ``ofi``, ``volatility_bps_day``, ``effective_spread_bps``, ``widened``,
    ``recovered``, ``resilience_s``, ``at_least_{5,10,25}bps`` (part of the samples in which the depth goes on beyond
    the book that is seen).
    """
    import polars as pl

    ints, size = bins.ints, float(listing.instrument.qty_unit)
    per = float(1 / listing.instrument.price_unit)  # 2207000 / 10000 is 220.7; times 0.0001 it is a hair more
    book_ns, samples = ints[:, m.BOOK_NS], ints[:, m.SAMPLES]
    reals = bins.reals.copy()
    reals[:, [m.MID, m.SPREAD]] *= book_ns[:, None]
    values = window_values(ints, reals, 0, day_ns)
    some = np.maximum(samples, 1)

    def known(column: Any, where: Any) -> pl.Series:
        return pl.Series(np.where(where, column, np.nan)).fill_nan(None)

    columns: dict[str, Any] = {
        "t": pl.Series(bins.start_ns).cast(pl.Datetime("ns", "UTC")),
        "open_s": ints[:, m.OPEN_NS] / NS_PER_SECOND,
        "book_s": book_ns / NS_PER_SECOND,
        "bid": known(ints[:, m.BID] / per, ints[:, m.BID] > 0),
        "ask": known(ints[:, m.ASK] / per, ints[:, m.ASK] > 0),
        "mid": known(bins.reals[:, m.MID] / per, book_ns > 0),
        "spread_bps": known(values["spread"], book_ns > 0),
    }
    for k, side in enumerate(("bid", "ask")):
        for band, bps in enumerate(m.BANDS):
            mean = ints[:, m.DEPTH + 3 * k + band] / some * size
            columns[f"depth_{bps}bps_{side}"] = known(mean, samples > 0)
    columns |= {
        "imbalance": known(values["imbalance"], samples > 0),
        "density": known(values["density"] * size, ints[:, m.DENSE] > 0),
        "volume": ints[:, m.VOLUME] * size,
        "buys": ints[:, m.BUYS] * size,
        "sells": ints[:, m.SELLS] * size,
        "prints": ints[:, m.PRINTS],
        "ofi": ints[:, m.OFI] * size,
        "volatility_bps_day": _volatility(bins, day_ns),
        "effective_spread_bps": known(values["effective_spread"], ints[:, m.ON_BOOK] > 0),
        "widened": ints[:, m.WIDENED],
        "recovered": ints[:, m.RECOVERED],
        "resilience_s": known(_half_life(ints), ints[:, m.RECOVERED] > 0),
    }
    for band, bps in enumerate(m.BANDS):
        columns[f"at_least_{bps}bps"] = known(ints[:, m.CUT + band] / some, samples > 0)
    return pl.DataFrame(columns)


def _half_life(ints: Any) -> Any:
    """Return the half-life of every bin on its own, however few its recoveries; seconds."""
    return math.log(2) * ints[:, m.EXPOSED_NS] / np.maximum(ints[:, m.RECOVERED], 1) / NS_PER_SECOND


def _volatility(bins: Bins, day_ns: int) -> pl.Series:
    """Return the volatility of every bin on its own, however few its returns; bps a day."""
    import polars as pl

    covered = bins.ints[:, m.REALISED_NS]
    some = np.maximum(covered, 1)
    found = 1e4 * np.sqrt(bins.reals[:, m.REALISED_VAR] * day_ns / some)
    return pl.Series(np.where(covered > 0, found, np.nan)).fill_nan(None)
