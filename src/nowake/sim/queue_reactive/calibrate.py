"""Four scales of a counted book, found by simulation: the method of simulated moments.

Stochastic approximation (Robbins, Monro 1951): after each round of simulated market, of another seed each, every scale
moves against the error of its own figure, by less and less; the last third of the rounds are averaged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as with_fields

import numpy as np

from nowake.core.tape import F64
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace
from nowake.sim.queue_reactive.generate import simulated_figures
from nowake.sim.queue_reactive.observe import CANCEL, LIMIT, MARKET
from nowake.sim.queue_reactive.parameters import QueueReactiveBook

ROUNDS = 30
SAMPLES = 400
"""Of the volatility in one round."""
SCALES = ("orders in front of the touch", "cancels", "executions", "moves of a book drawn anew")
_GAINS = np.array([3.0, 1.0, -1.0, -1.5])
"""Power of a figure's error by which its scale moves: spread, touch depth, volume, volatility."""
_LOW, _HIGH = np.log(1 / 30), np.log(30)
_THETAS = (0.1, 0.3, 0.7, 1.0)

Told = Callable[[float, str], None]


def scaled(book: QueueReactiveBook, scales: F64, theta: float) -> QueueReactiveBook:
    """Return a counted book with its scales changed.

    Args:
        book: As counted.
        scales: (4,) factors, in the order of ``SCALES``; the last is ``jump`` itself.
        theta: Chance that the reference price follows.
    """
    rates = book.rates.copy()
    rates[LIMIT][:, 0] *= scales[0]
    rates[CANCEL] *= scales[1]
    rates[MARKET] *= scales[2]
    named = tuple((name, float(scale)) for name, scale in zip(SCALES, scales, strict=True))
    return with_fields(
        book,
        rates=rates,
        jump=float(scales[3]),
        theta=theta,
        card=replace(book.card, scales=named, theta=theta),
    )


def calibrated(book: QueueReactiveBook, told: Told | None = None, *, rounds: int = ROUNDS) -> QueueReactiveBook:
    """Return a counted book whose simulated spread, touch depth, volume and volatility are the recorded ones.

    Theta is chosen for the volatility. Where no theta gives as much as was recorded, it stays as it was, and a book
    that is drawn anew also moves: by a recorded move of the reference price times the fourth scale.

    Args:
        book: As counted.
        told: Hears how far it is.
        rounds: Of simulation, at least 3.
    """
    seconds = SAMPLES * book.recorded.sample_ns / NS_PER_SECOND

    def error(scales: F64, theta: float, seed: int) -> F64:
        tried = scaled(book, scales, theta)
        return np.log(np.maximum(simulated_figures(tried, seconds, seed).ratios(book.recorded), 1e-3))

    theta, jumps = _theta(book, lambda theta: error(np.array([1.0, 1.0, 1.0, 0.0]), theta, 0)[3])
    place = np.log(np.array([1.0, 1.0, 1.0, 1.0]))
    angle = np.log(theta / (1.0001 - theta)) if not jumps else 0.0
    kept, thetas = [], []
    for k in range(rounds):
        scales = np.exp(place)
        scales[3] *= jumps
        now = theta if jumps else 1.0001 / (1 + np.exp(-angle))
        miss = error(scales, min(now, 1.0), k + 1)
        gain = 1.0 / (1.0 + k / 8.0)
        step = np.clip(_GAINS * miss * gain, -0.7, 0.7)
        if not jumps:
            angle = float(np.clip(angle + 1.5 * step[3], -5.0, 9.0))
            step[3] = 0.0
        place = np.clip(place + step, _LOW, _HIGH)
        if 3 * k >= 2 * rounds:
            kept.append(place.copy())
            thetas.append(angle)
        if told is not None:
            told((k + 1) / rounds, f"spread, touch, volume, volatility off by {', '.join(f'{e:+.0%}' for e in miss)}")
    scales = np.exp(np.mean(kept, axis=0))
    scales[3] *= jumps
    return scaled(book, scales, theta if jumps else min(1.0001 / (1 + float(np.exp(-np.mean(thetas)))), 1.0))


def _theta(book: QueueReactiveBook, volatility: Callable[[float], float]) -> tuple[float, float]:
    """Return a theta to start from, and 1 if the book must move when drawn anew, else 0."""
    for theta in _THETAS:
        if volatility(theta) > 0.1:  # a tenth above, so that the search has room
            return theta, 0.0
    return book.theta, 1.0
