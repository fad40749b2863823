"""A queue-reactive book: what was fitted, to what, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nowake.core.instrument import Listing
from nowake.core.tape import F64, I64
from nowake.core.value import Value
from nowake.sim.queue_reactive.observe import states

QUANTILES = 512
"""Entries of a table of quantiles."""
CLASSES = 3
"""Sizes of events: at the first queue, the second, and beyond."""


class BookCard(Value, frozen=True):
    """Where a queue-reactive book comes from.

    Attributes:
        text: All of it in a clause.
        source: What was recorded, in words.
        content_hash: Of the tape.
        seconds: Market time it was fitted on.
        events: (limit orders, cancels, executions) that were counted.
        rates: (name, events a second and side, standard error) of the intensities at a first queue of common size.
        scales: (name, factor) by which the fit was changed so that simulated means agree with the tape's.
        theta, theta_reinit: Chance that the reference price follows the mid; that the book is drawn anew then.
        warnings: What limits it.
    """

    text: str
    source: str
    content_hash: str
    seconds: float
    events: tuple[int, int, int]
    rates: tuple[tuple[str, float, float], ...]
    scales: tuple[tuple[str, float], ...]
    theta: float
    theta_reinit: float
    warnings: tuple[str, ...] = ()


class Figures(Value, frozen=True):
    """What a book is held to; measured in the same way on a recorded and a simulated tape.

    Attributes:
        spread_ticks: Mean over market time.
        touch_qty: Mean size of the best level, the two sides' mean, quantity units.
        volume: Quantity units printed an hour of market time.
        volatility: Root mean square move of the mid over ``sample_ns``, ticks.
        sample_ns: 5 minutes, or 10 s for a tape of less than an hour and a half.
        seconds: Market time.
    """

    spread_ticks: float
    touch_qty: float
    volume: float
    volatility: float
    sample_ns: int
    seconds: float

    def ratios(self, other: Figures) -> tuple[float, float, float, float]:
        """Return these figures as parts of another's: spread, touch, volume, volatility."""
        mine, theirs = ((one.spread_ticks, one.touch_qty, one.volume, one.volatility) for one in (self, other))
        return tuple(a / b for a, b in zip(mine, theirs, strict=True))  # type: ignore[return-value]


FIGURES = ("mean spread", "touch depth", "volume", "volatility")
"""Names of what ``Figures.ratios`` returns."""


@dataclass(frozen=True, slots=True)
class QueueReactiveBook:
    """A fitted book of K queues a side, their sizes in units capped at N; arrays are (K, S), S = ``states(N)``.

    Attributes:
        listing: Of the recorded market; what is made of it never carries its name.
        tick: Price units.
        place: Reference price to start from, less half a tick, ticks.
        unit: Quantity units of one unit of a queue's size.
        sizes: N.
        rates: (3, K, S) f64 a second: limit orders, cancels, executions (of the touch).
        empties: (2, K, S) f64: chance that a cancel, an execution, takes all of its queue.
        quantities: (3, CLASSES, QUANTILES) i64 quantity units: what an event adds or takes.
        apart_rate: Prints a second that leave no mark on the shown book.
        apart_quantities: (QUANTILES,) i64 quantity units of those.
        bank: (m, 2, K) i64 quantity units: recorded books.
        moves: (QUANTILES,) i64 ticks: recorded moves of the reference price.
        theta: Chance that the reference price follows when the mid moves away from it.
        theta_reinit: Chance that it then also takes a recorded move, and the book one of the bank's shapes.
        jump: Factor on such a recorded move; 0 = the book is drawn anew in place.
        silence_ns: Of the recorded feed.
        recorded: What the tape showed.
        card: Where it comes from.
    """

    listing: Listing
    tick: int
    place: int
    unit: int
    sizes: int
    rates: F64
    empties: F64
    quantities: I64
    apart_rate: float
    apart_quantities: I64
    bank: I64
    moves: I64
    theta: float
    theta_reinit: float
    jump: float
    silence_ns: int
    recorded: Figures
    card: BookCard

    @property
    def queues(self) -> int:
        """Return K."""
        return int(self.rates.shape[1])

    def __post_init__(self) -> None:
        assert self.rates.shape == (3, self.queues, states(self.sizes))
        assert self.empties.shape == (2, self.queues, states(self.sizes))
        assert self.quantities.shape == (3, CLASSES, QUANTILES)
        assert self.bank.ndim == 3
        assert self.bank.min() >= 0
        assert np.isfinite(self.rates).all()
