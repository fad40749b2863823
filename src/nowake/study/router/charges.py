"""What a simulator that only takes our consumption out of the book does not charge: others react to haste.

An order is charged after the fact, by a law that no planner of ours uses, from when it traded and what others traded
meanwhile. X is the order, n_k what it traded in part k of the window, V_k what the others did, POV_k its share:

    Almgren et al. 2005:  sum_k n_k / X  eta sigma POV_k ** beta  +  gamma sigma / 2 (X / V) (Theta / V) ** (1/4)
    I-Star:               sum_k n_k / X  b1 I* POV_k ** a4  +  (1 - b1) I*

with sigma and V the market's own (``MarketTruth``), not what a planner believed. What was not filled counts as one
part at the participation cap. Forms: ``models.impact``; parameters are drawn from their standard errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nowake.core.ids import random_word
from nowake.core.tape import F64
from nowake.core.value import Value, require
from nowake.models.impact import KISSELL, almgren2005, istar
from nowake.models.impact._almgren2005 import BETA, BETA_SE, ETA, ETA_SE, GAMMA, GAMMA_SE
from nowake.models.impact._istar import DAYS_PER_YEAR

PARTS = 12
"""Equal parts of a window in which haste is measured."""
TURNOVER = 200.0
"""Shares outstanding over a day's volume, assumed: it scales the permanent part only, the same for every strategy."""
ISTAR_LOG_SD = 0.3
"""Of the factor on I-Star's a1; assumed, the source states no error."""


class MarketTruth(Value, frozen=True):
    """What a market was like over the whole of it: a day's volatility in bps, a day's volume in quantity units."""

    daily_bps: float
    day_volume: float

    def __post_init__(self) -> None:
        for name in ("daily_bps", "day_volume"):
            value = getattr(self, name)
            require(math.isfinite(value) and value > 0, name, value, "> 0")


class Law(Value, frozen=True):
    """Parameters of both laws as drawn for one window: gamma, eta, beta of Almgren et al., a1 of I-Star."""

    gamma: float = GAMMA
    eta: float = ETA
    beta: float = BETA
    a1: float = KISSELL["all"].a1


def draw_law(seed: int, *labels: str) -> Law:
    """Return parameters drawn from their errors: the same for the same seed and labels."""

    def normal(name: str) -> float:
        u, v = ((random_word(seed, "study", *labels, name, which) + 0.5) / 2**64 for which in ("radius", "angle"))
        return math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)

    return Law(
        gamma=max(GAMMA + GAMMA_SE * normal("gamma"), 0.0),
        eta=max(ETA + ETA_SE * normal("eta"), 0.0),
        beta=min(max(BETA + BETA_SE * normal("beta"), 0.1), 1.0),
        a1=KISSELL["all"].a1 * math.exp(ISTAR_LOG_SD * normal("a1")),
    )


class Trading(Value, frozen=True):
    """When an order traded: own and others' quantity of each part, and what was left at the end, quantity units."""

    own: tuple[float, ...]
    others: tuple[float, ...]
    rest: float
    cap: float

    @property
    def qty(self) -> float:
        """Return the whole order."""
        return sum(self.own) + self.rest

    def weighted(self) -> tuple[F64, F64]:
        """Return the share of the order and the share of all volume of every part in which it traded."""
        own, others = np.asarray(self.own), np.asarray(self.others)
        traded = own > 0
        share = own[traded] / (own[traded] + others[traded])
        weight = own[traded] / self.qty
        if self.rest > 0:
            share, weight = np.append(share, self.cap), np.append(weight, self.rest / self.qty)
        return weight, share


def trading_of(fills: Sequence[tuple[int, int]], edges: Sequence[int], others: F64, qty: int, cap: float) -> Trading:
    """Return when an order of ``qty`` traded.

    Args:
        fills: (t_ns, quantity) each; one past the last edge belongs to the last part.
        edges: (n + 1,) ns.
        others: (n,) printed by others.
        qty: The order.
        cap: Its participation cap.
    """
    own = np.zeros(len(others))
    for t_ns, units in fills:
        part = min(max(int(np.searchsorted(edges, t_ns, side="right")) - 1, 0), len(others) - 1)
        own[part] += units
    rest = max(qty - float(own.sum()), 0.0)
    return Trading(own=tuple(own.tolist()), others=tuple(float(one) for one in others), rest=rest, cap=cap)


def almgren_charge_bps(done: Trading, truth: MarketTruth, law: Law) -> float:
    """Return what Almgren et al. (2005) charge for trading like that, basis points of the order."""
    weight, share = done.weighted()
    sigma = truth.daily_bps / 1e4
    # At a horizon of a day the form's speed is quantity / adv: a part's share of all volume, in volume time.
    fast = almgren2005(share, 1.0, 1.0, 1.0, sigma, eta=law.eta, beta=law.beta).temporary_bps
    volume = truth.day_volume
    whole = almgren2005(done.qty, 1.0, volume, TURNOVER * volume, sigma, gamma=law.gamma).permanent_bps
    return float(np.dot(weight, fast)) + float(whole)


def istar_charge_bps(done: Trading, truth: MarketTruth, law: Law) -> float:
    """Return what I-Star charges for trading like that, basis points of the order."""
    weight, share = done.weighted()
    known = KISSELL["all"]
    annual = truth.daily_bps / 1e4 * math.sqrt(DAYS_PER_YEAR)
    made = istar(done.qty / truth.day_volume, annual, share, law.a1, *known[1:])
    return float(np.dot(weight, np.asarray(made.total_bps)))
