"""What our own trades do to a simulated market: ``OwnImpact``, and what kernels are handed of it.

    shift(t) = permanent x sum q_i + sum q_i K(t - t_i)          q_i: own fills by t, a buy > 0

K is a kernel of ``models.impact`` (the planner's forms, its own numbers), as a sum of exponentials with weights > 0:
the state is a number a term, and no round trip earns anything (Gatheral, Schied, Slynko 2012). Every own fill moves the
shift, taken or made: an order that could buy by taking and sell by posting without moving the price back would have
found a pump.

**The rest.** What an order pays is the walk through the levels, which stay used up until they are refilled (``taken``),
plus the shift. The walk is the mechanical part of impact and the book charges it; the shift is what a law of impact
says beyond it. So its numbers are net of it: ``assumed_impact`` takes a law's peak at a reference order and subtracts
what the ledger would make of the same order. Nothing is subtracted while the market runs: the shift is linear in what
we trade, whatever the book looks like, because a rule that is not would pay for taking in small pieces and giving back
in large ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.tape import F64
from nowake.core.value import Value, check_types, require
from nowake.market.seen import S_JUMP, new_shift
from nowake.models.impact import ExponentialKernel, PowerLawKernel

IMPACTS = ("off", "ledger", "full")
KERNELS = ("power-law", "exponential")
SECOND = 1_000_000_000


class OwnImpact(Value, frozen=True):
    """How far our own trades move a market, beyond what they take off its book.

    Attributes:
        permanent: Move that stays, price per unit of the instrument (USD a share, for each share).
        transient: Move right after a trade that dies away, likewise.
        kernel: How it dies away: ``power-law``, (1 + t / t0) ** -beta, or ``exponential``, with ``decay_s`` as its
            half-life.
        beta, t0_s, horizon_s: Of the power law; beyond the horizon it decays too fast (``models.impact``).
        decay_s: Of the exponential kernel, seconds.
        half_life_s: In which half of what we took of a level is refilled, seconds; 0 = at once, None = never.
        assumed: What of this nobody measured, in words.
    """

    permanent: float = 0.0
    transient: float = 0.0
    kernel: str = "power-law"
    beta: float = 0.5
    t0_s: float = 1.0
    horizon_s: float = 86_400.0
    decay_s: float = 600.0
    half_life_s: float | None = None
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("permanent", "transient"):
            require(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "a finite number >= 0")
        require(self.kernel in KERNELS, "kernel", self.kernel, f"one of {', '.join(KERNELS)}")
        require(self.half_life_s is None or self.half_life_s >= 0, "half_life_s", self.half_life_s, ">= 0")
        self.transient_kernel()

    def transient_kernel(self) -> ExponentialKernel | PowerLawKernel:
        """Return the kernel with K(0) = 1, of time in seconds."""
        if self.kernel == "exponential":
            require(0 < self.decay_s < math.inf, "decay_s", self.decay_s, "a finite number > 0")
            return ExponentialKernel(rate=math.log(2) / self.decay_s)
        return PowerLawKernel(beta=self.beta, t0=self.t0_s, horizon=self.horizon_s)

    @property
    def half_ns(self) -> int:
        """Return the half-life of what we took as kernels take it: ns, -1 = never."""
        return -1 if self.half_life_s is None else round(self.half_life_s * SECOND)


class Charge(NamedTuple):
    """Own impact as the kernels of one listing take it (``market.seen``).

    Attributes:
        half_ns: Half-life of what we took; -1 = it stays, 0 = it is not kept.
        unit: The shift is rounded to multiples of it, price units; 0 = there is none.
        shift: Its state, of nothing moved yet.
        marks: Whether our own fills are to be seen in the market data.
    """

    half_ns: int
    unit: int
    shift: F64
    marks: bool


def charge(impact: str, listing: Listing, *, half_life_ns: int | None = None, own: OwnImpact | None = None) -> Charge:
    """Return what a mode of impact means for a listing.

    Args:
        impact: ``off``, ``ledger`` or ``full``.
        listing: Whose ticks and lots count.
        half_life_ns: With ``ledger``: of what we took; None = it never comes back by itself, 0 = at once.
        own: With ``full``.

    Raises:
        InputError: No such mode, or ``own`` is missing or too many.
        Refused: One lot moves the price by more than half a tick: the numbers are of another unit.
    """
    require(impact in IMPACTS, "impact", impact, f"one of {', '.join(IMPACTS)}")
    require(half_life_ns is None or half_life_ns >= 0, "half_life_ns", half_life_ns, ">= 0")
    require((own is not None) == (impact == "full"), "own_impact", own, "given with impact full, and only there")
    none = np.empty(0, dtype=np.float64)
    if own is None:
        half = 0 if impact == "off" else -1 if half_life_ns is None else half_life_ns
        return Charge(half, 0, none, half != 0)
    # The widest tick: a shift by it leaves every price on the grid of its band.
    unit = max(band.step_units for band in listing.ticks)
    scale = float(listing.instrument.qty_unit / listing.instrument.price_unit)
    weights, rates = none, none
    if own.transient > 0:
        made = own.transient_kernel().as_exponentials()
        weights, rates = own.transient * scale * made.weights, made.rates / SECOND
    shift = new_shift(own.permanent * scale, weights, rates)
    jump = float(shift[S_JUMP]) * listing.lot_units
    if jump > unit / 2:
        raise Refused(
            f"own impact moves {listing.key} by {jump / unit:.3g} ticks a lot", "state it per unit of the instrument"
        )
    return Charge(own.half_ns, unit, shift, True)
