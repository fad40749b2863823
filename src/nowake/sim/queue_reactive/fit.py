"""A queue-reactive book fitted to a recorded tape: intensities counted, then four scales by simulated moments.

    intensity = (events + m r) / (seconds + m)         standard error = sqrt(events) / seconds

counted per distance, state and kind of event; r is the intensity of all distances together in that state, m seconds of
it are added so that a state seldom seen is not taken for one in which nothing happens. Source of the estimator: Huang,
Lehalle, Rosenbaum (2015), section 2.3. They choose theta so that the simulated volatility is the recorded one; here so
is a factor on each of: orders in front of the touch (mean spread), cancels (touch depth), executions (volume), because
a book of independent queues does not keep those by itself.
"""

from __future__ import annotations

import numpy as np

from nowake.core.errors import Refused
from nowake.core.tape import F64, I64, KIND_MASK, Row, Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import require
from nowake.sim.queue_reactive.generate import tape_figures
from nowake.sim.queue_reactive.observe import APART, CANCEL, LIMIT, MARKET, Observed, observe
from nowake.sim.queue_reactive.parameters import CLASSES, QUANTILES, BookCard, QueueReactiveBook

QUEUES_MOST, QUEUES_LEAST = 40, 4
SIZES = 24
"""Cap of a queue's size, units."""
TOUCH_UNITS = 6
"""Units in a touch of mean size at most: a unit is the median event, or a part of the touch."""
SNAPSHOTS = 512
POOLED_S = 5.0
"""Seconds of the pooled intensity that are added to each."""
EVENTS_LEAST = 1_000


def _quantiles(values: I64, fallback: int = 1) -> I64:
    """Return QUANTILES evenly spaced quantiles, each a value that occurs."""
    if not len(values):
        return np.full(QUANTILES, fallback, dtype=np.int64)
    places = (np.arange(QUANTILES) + 0.5) / QUANTILES * len(values)
    return np.sort(values)[places.astype(np.int64)]


def _unit(tape: Tape) -> int:
    """Return the median quantity of what joins and leaves the book; 1 where the feed tells levels, not orders."""
    kinds = tape.code & KIND_MASK
    moved = tape.qty[np.isin(kinds, [Row.ADD, Row.DELETE, Row.REDUCE, Row.FILL])]
    if not len(moved) and not (kinds == Row.SET).any():
        raise Refused(f"{tape.meta.source} has no book to imitate: it holds no depth", "give a tape with a book")
    return max(int(np.median(moved)), 1) if len(moved) else 1


def _rates(seen: Observed) -> F64:
    """Return (3, K, S) intensities a second and side."""
    pooled = seen.count.sum(axis=1) / np.maximum(seen.expo.sum(axis=0), 1.0)
    made = (seen.count + POOLED_S * pooled[:, None, :]) / (seen.expo + POOLED_S)
    nothing_there = np.zeros(seen.expo.shape[1], dtype=bool)
    nothing_there[:2] = True
    made[CANCEL][:, nothing_there] = made[MARKET][:, nothing_there] = 0.0
    made[MARKET][:, 2 + seen.sizes :] = 0.0  # only a touch is executed
    return np.asarray(made)


def _empties(seen: Observed) -> F64:
    """Return (2, K, S) chances that a cancel, an execution, takes all of its queue."""
    count = seen.count[1:]
    pooled = (seen.emptied.sum(axis=1) + 0.5) / (count.sum(axis=1) + 1.0)
    return np.asarray((seen.emptied + 5.0 * pooled[:, None, :]) / (count + 5.0))


def _quantities(seen: Observed) -> I64:
    made = np.empty((3, CLASSES, QUANTILES), dtype=np.int64)
    for what in (LIMIT, CANCEL, MARKET):
        chosen = seen.log[seen.log[:, 0] == what]
        every = _quantiles(chosen[:, 2], seen.unit)
        for k in range(CLASSES):
            at = chosen[:, 1] == k + 1 if k < CLASSES - 1 else chosen[:, 1] >= CLASSES
            made[what, k] = _quantiles(chosen[at, 2]) if at.sum() >= 50 else every
    return made


def _bank(seen: Observed) -> I64:
    """Return the recorded books; what lay beyond what was recorded is drawn from what was there at other times."""
    bank = seen.bank.copy()
    for queue in range(bank.shape[2]):
        known = bank[:, :, queue][bank[:, :, queue] >= 0]
        table = _quantiles(known, 0)
        missing = np.argwhere(bank[:, :, queue] < 0)
        # Evenly spread over the quantiles, in an order that no draw decides: 0.618... of a turn each.
        turn = (np.arange(len(missing)) * 0.6180339887498949) % 1.0
        bank[missing[:, 0], missing[:, 1], queue] = table[(turn * QUANTILES).astype(np.int64)]
    both = np.any(bank[:, 0] > 0, axis=1) & np.any(bank[:, 1] > 0, axis=1)
    return np.asarray(bank[both])


def _shape(tape: Tape, unit: int) -> tuple[int, int, int]:
    """Return how many queues a side were in sight at least a quarter of the time, a unit of size, and seconds."""
    seen = observe(tape, queues=QUEUES_MOST, sizes=SIZES, unit=unit, snapshots=0, every_ns=NS_PER_SECOND)
    if seen.seconds <= 0:
        raise Refused(f"{tape.meta.source} never shows a sound book", "check it with tape check")
    part = seen.expo.sum(axis=1) / (2 * seen.seconds)
    queues = int(np.clip((part >= 0.25).sum(), QUEUES_LEAST, QUEUES_MOST))
    return queues, max(unit, round(seen.touch_qty / TOUCH_UNITS)), max(int(seen.seconds), 1)


def counted_book(tape: Tape, *, queues: int = 0, theta: float = 0.7, theta_reinit: float = 0.1) -> QueueReactiveBook:
    """Return a book with the intensities as they were counted, before any scale is changed.

    Args:
        tape: Recorded, with a book; prints alone do not do.
        queues: Distances a side; 0 = those in sight at least a quarter of the time, 4 to 40.
        theta: Chance that the reference price follows.
        theta_reinit: Chance that the book is then drawn anew.

    Raises:
        Refused: There is no book, or too little happens to it.
        InputError: An argument is outside its domain.
    """
    require(0 <= theta <= 1, "theta", theta, "in [0, 1]")
    require(0 <= theta_reinit <= 1, "theta_reinit", theta_reinit, "in [0, 1]")
    require(
        queues == 0 or QUEUES_LEAST <= queues <= QUEUES_MOST, "queues", queues, f"0 or {QUEUES_LEAST} to {QUEUES_MOST}"
    )
    unit = _unit(tape)
    in_sight, unit, seconds = _shape(tape, unit)
    queues, every = queues or in_sight, max(seconds * NS_PER_SECOND // SNAPSHOTS, 1)
    seen = observe(tape, queues=queues, sizes=SIZES, unit=unit, snapshots=SNAPSHOTS, every_ns=every)
    events = tuple(int(seen.count[what].sum()) for what in (LIMIT, CANCEL, MARKET))
    if sum(events) < EVENTS_LEAST or not all(events):
        said = f"{tape.meta.source} has {events[0]:,} limit orders, {events[1]:,} cancels, {events[2]:,} executions"
        raise Refused(f"{said}: too few for a book", f"give a tape with at least {EVENTS_LEAST:,} and some of each")
    bank = _bank(seen)
    if not len(bank):
        raise Refused(f"{tape.meta.source} is too short to show whole books", "give a longer tape")
    apart = seen.log[seen.log[:, 0] == APART][:, 2]
    executed = int(seen.log[seen.log[:, 0] == MARKET][:, 2].sum())
    missing = max(seen.volume - executed, 0)
    apart_sizes = _quantiles(apart if len(apart) else seen.log[seen.log[:, 0] == MARKET][:, 2])
    recorded = tape_figures(tape, seen.tick)
    return QueueReactiveBook(
        listing=tape.listing,
        tick=seen.tick,
        place=seen.place,
        unit=unit,
        sizes=SIZES,
        rates=_rates(seen),
        empties=_empties(seen),
        quantities=_quantities(seen),
        apart_rate=missing / float(apart_sizes.mean()) / seen.seconds,
        apart_quantities=apart_sizes,
        bank=bank,
        moves=_quantiles(seen.moves),
        theta=theta,
        theta_reinit=theta_reinit,
        jump=0.0,
        silence_ns=tape.meta.silence_ns,
        recorded=recorded,
        card=_card(tape, seen, (events[0], events[1], events[2]), theta, theta_reinit),
    )


def _card(tape: Tape, seen: Observed, events: tuple[int, int, int], theta: float, theta_reinit: float) -> BookCard:
    """Return the card of what was counted; intensities of the touch at the distance and size it most often has."""
    at, s = np.unravel_index(int(np.argmax(seen.expo[:, 2 : 2 + seen.sizes])), (len(seen.expo), seen.sizes))
    seconds = float(seen.expo[at, 2 + s])
    where = f"touch at queue {at + 1}, {s + 1} units"
    rates = tuple(
        (
            f"{name}, {where}",
            float(seen.count[what, at, 2 + s]) / seconds,
            float(np.sqrt(seen.count[what, at, 2 + s])) / seconds,
        )
        for what, name in ((LIMIT, "limit orders"), (CANCEL, "cancels"), (MARKET, "executions"))
    )
    warnings = []
    if seen.spread_ticks > 2.5:
        warnings.append(f"a spread of {seen.spread_ticks:.1f} ticks: the model is of books one or two ticks wide")
    if float(seen.moves.mean() if len(seen.moves) else 0.0) > 3:
        warnings.append(f"the reference price moves {seen.moves.mean():.1f} ticks at a time: the model moves it by one")
    if seen.seconds < 3_600:
        warnings.append(f"only {seen.seconds / 60:.0f} minutes of market")
    return BookCard(
        text=f"{sum(events):,} events in {seen.seconds / 3600:.2f} h of {tape.listing.key}, {tape.meta.source}",
        source=tape.meta.source,
        content_hash=tape.meta.content_hash,
        seconds=seen.seconds,
        events=events,
        rates=rates,
        scales=(),
        theta=theta,
        theta_reinit=theta_reinit,
        warnings=tuple(warnings),
    )
