"""How long things take between us and a venue: fixed, log-normal, or as the recording shows it.

A latency has a fixed part and, on top, a drawn one. Draws are counted from the seed (message k of a leg always takes
the same time, whatever else happens), so a run repeats exactly. One session is one ordered stream, as TCP is: what was
sent later never arrives earlier, unless ``overtake`` says that it may.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import cast

import numpy as np

from nowake.core.errors import Refused
from nowake.core.ids import random_word
from nowake.core.tape import END, I64, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, replace, require

BLOCK_NS = 60 * NS_PER_SECOND
"""How far back a recorded latency is drawn from: the minute before."""
BLOCK_LEAST = 32
"""At least this many messages are drawn from, where the minute before had fewer."""
SIGMA_MAX = 3.0
"""A log-normal wider than this has a mean 90 times its median: not a latency."""
_SMALLEST = 2.0**-54
"""Least of the uniform numbers that draws are made from (its complement is the greatest)."""


class SpreadKind(StrEnum):
    """Where the drawn part of a latency comes from."""

    LOGNORMAL = "lognormal"
    TAPE = "tape"


class Spread(Value, frozen=True):
    """The drawn part of a latency.

    Attributes:
        kind: ``lognormal``, or ``tape``: one of the recorded (receive - event) times, clock offset removed, of the
            minute before. Their least is 0 by construction, so the fixed part should hold what the offset hides.
        median_ns: Log-normal only: its median, > 0.
        sigma: Log-normal only: standard deviation of its logarithm, in (0, 3].
    """

    kind: SpreadKind
    median_ns: int = 0
    sigma: float = 0.0

    def __post_init__(self) -> None:
        drawn = self.kind is SpreadKind.LOGNORMAL
        require((self.median_ns > 0) == drawn, "median_ns", self.median_ns, "> 0 for lognormal, 0 for tape")
        require(
            (0 < self.sigma <= SIGMA_MAX) if drawn else self.sigma == 0,
            "sigma",
            self.sigma,
            "in (0, 3] for lognormal, 0 for tape",
        )

    @property
    def least_ns(self) -> int:
        """Return what no draw is under."""
        return 0 if self.kind is SpreadKind.TAPE else int(_lognormal(self, np.array([_SMALLEST]))[0])


def lognormal(median_ns: int, sigma: float) -> Spread:
    """Return a log-normal spread."""
    return Spread(kind=SpreadKind.LOGNORMAL, median_ns=median_ns, sigma=sigma)


RECORDED = Spread(kind=SpreadKind.TAPE)


class Latency(Value, frozen=True):
    """How long things take: nanoseconds, each >= 0, and what is drawn on top of them.

    Attributes:
        decision_ns: From what we see to the command that leaves.
        entry_ns: From us to the venue's matching.
        response_ns: From the venue's matching back to us.
        data_ns: Added to the recorded receive time of every row.
        entry: Drawn for each command, on top of ``entry_ns``; None = nothing.
        response: Drawn for each report.
        data: Drawn for each message of the feed; ``tape`` adds nothing, recorded receive times hold it already.
        overtake: Whether commands may overtake commands, and reports reports.
    """

    decision_ns: int = 0
    entry_ns: int = 0
    response_ns: int = 0
    data_ns: int = 0
    entry: Spread | None = None
    response: Spread | None = None
    data: Spread | None = None
    overtake: bool = False

    def __post_init__(self) -> None:
        for name in ("decision_ns", "entry_ns", "response_ns", "data_ns"):
            require(getattr(self, name) >= 0, name, getattr(self, name), ">= 0")

    @property
    def draws_from_tape(self) -> bool:
        """Return whether commands or reports take as long as recorded messages did."""
        return RECORDED in (self.entry, self.response)

    @property
    def lead_ns(self) -> int:
        """Return the least time from what we see to the venue's matching."""
        return self.decision_ns + self.entry_ns + (self.entry.least_ns if self.entry else 0)

    @property
    def back_ns(self) -> int:
        """Return the least time from the venue's matching to us."""
        return self.response_ns + (self.response.least_ns if self.response else 0)


def _lognormal(spread: Spread, u: np.ndarray) -> I64:
    """Return draws for uniform numbers in (0, 1), rounded down to nanoseconds."""
    from scipy.special import ndtri

    return cast(I64, np.floor(spread.median_ns * np.exp(spread.sigma * ndtri(u))).astype(np.int64))


def _uniform(words: np.ndarray) -> np.ndarray:
    """Return numbers in (0, 1), symmetric about a half, from 64-bit words."""
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _words(key: int, n: int) -> np.ndarray:
    """Return (n,) u64: word i depends on key and i only (SplitMix64; Steele, Lea, Flood 2014)."""
    z = np.uint64(key) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return cast(np.ndarray, z ^ (z >> np.uint64(31)))


def delayed(tape: Tape, spread: Spread | None, seed: int) -> Tape:
    """Return the tape as it is received with ``spread`` on top of its receive times, in the same order; columns shared.

    Raises:
        Refused: ``tape``, and the recording has no receive times.
    """
    if spread is None:
        return tape
    if spread.kind is SpreadKind.TAPE:
        _check_received(tape)
        return tape
    ends = tape.code & np.uint16(END) != 0
    message = np.cumsum(ends) - ends  # rows of one message arrive together
    drawn = _lognormal(
        spread, _uniform(_words(random_word(seed, "latency", "data", tape.listing.key), int(message[-1]) + 1))
    )
    local = np.maximum.accumulate(tape.t_local() + drawn[message])
    meta = tape.meta
    delta = local - tape.t_event + np.int64(meta.clock_offset_ns)
    return Tape(meta, tape.t_event, delta, tape.code, tape.price, tape.qty, tape.order_id)


def _check_received(tape: Tape) -> None:
    if len(tape.recv_delta) == 0:
        raise Refused(
            f"the recording of {tape.listing.key} has no receive times to take latencies from",
            "state them: 5ms, or lognormal:5ms,0.4",
        )


Draw = Callable[[int, int], int]
"""(count of the message, time at which it leaves) -> what is drawn for it, ns."""


def drawing(spread: Spread | None, leg: str, tape: Tape, received_ns: I64 | None, seed: int) -> Draw:
    """Return what draws the times of one leg.

    Args:
        spread: None = nothing is drawn.
        leg: Its name: two legs draw apart.
        tape: As recorded; for ``tape``.
        received_ns: (n,) i64 ns: when we receive each row; nothing received later than a message leaves tells how long
            it takes.
        seed: Of the run.

    Raises:
        Refused: ``tape``, and the recording has no receive times.
    """
    if spread is None:
        return lambda _count, _t_ns: 0

    venue = tape.listing.key

    def word(count: int) -> int:
        return random_word(seed, "latency", leg, venue, count)

    if spread.kind is SpreadKind.LOGNORMAL:
        shape = spread
        return lambda count, _t_ns: int(_lognormal(shape, _uniform(np.array([word(count)], dtype=np.uint64)))[0])
    _check_received(tape)
    ends = np.flatnonzero(tape.code & np.uint16(END))
    took = np.maximum(tape.t_local()[ends] - tape.t_event[ends], 0)
    assert received_ns is not None
    if not len(ends):
        return lambda _count, _t_ns: 0  # no message is complete: nothing is known to have been received
    local = received_ns[ends]

    def recorded(count: int, t_ns: int) -> int:
        high = max(int(np.searchsorted(local, t_ns, side="left")), 1)  # before anything came: what comes first
        low = min(int(np.searchsorted(local, t_ns - BLOCK_NS, side="left")), max(high - BLOCK_LEAST, 0))
        return int(took[low + word(count) % (high - low)])

    return recorded


class Way:
    """One direction of a session: says when each message arrives, in the order in which they leave.

    Args:
        fixed_ns: The part that every message takes.
        draw: The other part.
        overtake: Whether a message may arrive before one that left earlier.
    """

    def __init__(self, fixed_ns: int, draw: Draw, *, overtake: bool) -> None:
        self._fixed_ns, self._draw, self._overtake = fixed_ns, draw, overtake
        self._count = 0
        self._last_ns = 0

    def arrival_ns(self, t_ns: int) -> int:
        """Return when the message that leaves at ``t_ns`` arrives."""
        arrives = t_ns + self._fixed_ns + self._draw(self._count, t_ns)
        self._count += 1
        if not self._overtake:
            arrives = self._last_ns = max(arrives, self._last_ns)
        return arrives


def ways(latency: Latency, tape: Tape, received_ns: I64 | None, seed: int) -> tuple[Way, Way]:
    """Return the way to the venue, from the moment we see (decision included), and the way back."""
    there = drawing(latency.entry, "entry", tape, received_ns, seed)
    back = drawing(latency.response, "response", tape, received_ns, seed)
    return (
        Way(latency.decision_ns + latency.entry_ns, there, overtake=latency.overtake),
        Way(latency.response_ns, back, overtake=latency.overtake),
    )


def same_ways(one_way_ns: int, spread: Spread | None = None) -> Latency:
    """Return a latency that is the same for entry, response and data, without time to decide."""
    fixed = Latency(entry_ns=one_way_ns, response_ns=one_way_ns, data_ns=one_way_ns)
    return replace(fixed, entry=spread, response=spread, data=spread)
