"""How far the queue models are from the truth, told by tapes that know it: order by order, first come first served.

A tape with order ids says who stands where; the queue model ``fifo`` (``sim.match_l2``) follows it by name. With the
ids taken away the same tape is what an L2 feed shows, and the queue must be estimated. The same orders are worked both
ways; ``study.rerun`` works the recorded orders themselves again.
"""

from __future__ import annotations

import dataclasses
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nowake.core.order import Side
from nowake.core.tape import I64, SEEDED, SNAPSHOT, U16, Row, Tape
from nowake.core.value import Value, replace, require
from nowake.data.replay import replay
from nowake.models.fills import kaplan_meier
from nowake.sim.many import Outcomes, Probe, WorldRules, run_worlds
from nowake.sim.merge import NEVER, venue_rows
from nowake.study.table import Table

MODELS = ("risk-averse", "power-1", "power-2", "power-3", "log", "log2", "optimistic")
HORIZON_NS = 60 * 10**9
BY_ORDER = "choose a recording by orders: LOBSTER, MBO or order events"
NO_JOINS = "one on which orders join the best price and are followed for a minute"


class Joined(Value, frozen=True):
    """A recorded order that joined the best price of its side, and what became of it.

    Attributes:
        row: Of the tape, of its arrival.
        t_ns: Venue time of that.
        side: 0 = bid, 1 = ask.
        price_units, qty_units: Of the order.
        executed: (time, quantity) within the horizon, up to ``left_ns``.
        left_ns: When within the horizon its owner first took something of it back, or its level left the recorded
            window (what becomes of it there is not known); ``NEVER`` = not.
    """

    row: int
    t_ns: int
    side: int
    price_units: int
    qty_units: int
    executed: tuple[tuple[int, int], ...]
    left_ns: int

    @property
    def filled(self) -> bool:
        """Return whether all of it was executed."""
        return sum(qty for _, qty in self.executed) >= self.qty_units


def joins(tape: Tape, count: int, horizon_ns: int = HORIZON_NS, *, touch_only: bool = True) -> list[Joined]:
    """Return at most ``count`` recorded orders that joined a level, evenly chosen, each with time for its horizon.

    ``touch_only``: the best level of its side, as it was. Orders that share their instant with another row are left
    out: who stands before whom would hang on the order of equal times.

    Raises:
        InputError: The tape has no order ids.
    """
    good = len(tape) > 0 and len(tape.order_id) == len(tape)
    require(good, "tape", tape.meta.source, "order by order: with an id on every row", BY_ORDER)
    times, order, *_ = venue_rows(tape)
    rows = order if len(order) else np.arange(len(tape))
    code, price, qty, ids = tape.code[rows], tape.prices()[rows], tape.qty[rows].astype(np.int64), tape.order_id[rows]
    kind, side = code & np.uint16(15), ((code >> np.uint16(4)) & np.uint16(3)).astype(np.int64) - 1
    plain = (code & np.uint16(SEEDED | SNAPSHOT)) == 0
    adds = np.flatnonzero((kind == Row.ADD) & plain & (ids != 0) & (side >= 0) & (np.arange(len(rows)) > 0))
    adds = adds[times[adds] + horizon_ns <= times[-1]]
    touch, _, _ = replay(code, price, qty, adds - 1)
    best = np.where(side[adds] == 0, touch[:, 0], touch[:, 2])
    first = np.concatenate([[True], times[1:] != times[:-1]])
    good = first[adds] & np.concatenate([first[1:], [True]])[adds] & (touch[:, 0] < touch[:, 2]) & (touch[:, 0] > 0)
    against = np.where(side[adds] == 0, touch[:, 2] - price[adds], price[adds] - touch[:, 0])
    adds = adds[good & (against > 0) & ((best == price[adds]) | (not touch_only))]
    if len(adds) > count:
        adds = adds[np.linspace(0, len(adds) - 1, count).astype(np.int64)]
    seeded = np.flatnonzero(~plain & (side >= 0))
    entered: dict[tuple[int, int], list[int]] = {}
    for level_side, level_price, t in zip(side[seeded], price[seeded], times[seeded], strict=True):
        entered.setdefault((int(level_side), int(level_price)), []).append(int(t))
    return _followed(_Rows(times, kind, price, qty, ids, side, rows, entered), adds, horizon_ns)


class _Rows(NamedTuple):
    """Columns of a tape in the venue's order, which row of the tape each is, when a level left or came into view.

    ``entered``: by (side, price), rising: at these times whoever left the level meanwhile was not recorded.
    """

    times: I64
    kind: U16
    price: I64
    qty: I64
    ids: I64
    side: I64
    rows: I64
    entered: dict[tuple[int, int], list[int]]


def _followed(one: _Rows, adds: I64, horizon_ns: int) -> list[Joined]:
    """Return the orders of the rows ``adds`` with what became of them."""
    by_id = np.argsort(one.ids, kind="stable")
    sorted_ids, made = one.ids[by_id], []
    for i in adds.tolist():
        lo, hi = np.searchsorted(sorted_ids, [one.ids[i], one.ids[i] + 1])
        t, left, executed = int(one.times[i]), int(one.qty[i]), []
        seen = one.entered.get((int(one.side[i]), int(one.price[i])), [])
        lost = next(iter(seen[bisect_right(seen, t) :]), NEVER)
        left_ns = lost if lost <= t + horizon_ns else NEVER
        for j in by_id[lo:hi].tolist():
            if j <= i or one.times[j] > min(t + horizon_ns, lost) or left <= 0:
                continue
            if one.kind[j] != Row.FILL:
                left_ns = int(one.times[j])
                break
            executed.append((int(one.times[j]), int(one.qty[j])))
            left -= int(one.qty[j])
        left_ns = left_ns if left > 0 else NEVER
        made.append(
            Joined(
                row=int(one.rows[i]),
                t_ns=t,
                side=int(one.side[i]),
                price_units=int(one.price[i]),
                qty_units=int(one.qty[i]),
                executed=tuple(executed),
                left_ns=left_ns,
            )
        )
    return made


def probes_of(found: Sequence[Joined], horizon_ns: int, *, world: int = 0, after: bool = False) -> list[Probe]:
    """Return an order of ours beside each recorded one, each in a world of its own: right before it, or right after."""
    return [
        Probe(
            arrives_ns=one.t_ns if after else one.t_ns - 1,
            side=Side.BUY if one.side == 0 else Side.SELL,
            qty_units=one.qty_units,
            price_units=one.price_units,
            cancel_ns=one.t_ns + horizon_ns,
            world=world + k,
        )
        for k, one in enumerate(found)
    ]


def without_ids(tape: Tape) -> Tape:
    """Return the tape as an L2 feed shows it: what happens at each level, not whose order it is."""
    return dataclasses.replace(
        tape, meta=replace(tape.meta, order_by_order=False), order_id=np.empty(0, dtype=np.int64)
    )


class ModelError(Value, frozen=True):
    """One queue model against the exact queue, over the same orders.

    Attributes:
        model: Its name.
        same: Share of the orders that end alike: filled, filled in part, not filled.
        bias: Quantity filled too much, as a share of the exact quantity.
        late_s: Mean of its first fill later than the exact one, seconds, over orders filled in both.
        off_s: Mean of the size of that.
    """

    model: str
    same: float
    bias: float
    late_s: float
    off_s: float


class QueueErrors(Value, frozen=True):
    """What a tape says of the queue models.

    Attributes:
        listing: Of the tape.
        orders: How many were worked, each by every model.
        horizon_s: How long each rested.
        filled: Share that the exact queue filled in full.
        undecided: Share that the two ends of what L2 can tell, ``risk-averse`` and ``optimistic``, end differently.
        inside: Share whose exact quantity lies between these two.
        models: One for each model.
    """

    listing: str
    orders: int
    horizon_s: float
    filled: float
    undecided: float
    inside: float
    models: tuple[ModelError, ...]


def queue_errors(tape: Tape, count: int = 2_000, horizon_ns: int = HORIZON_NS) -> QueueErrors:
    """Return how far each queue model is from the exact queue, for orders of ours that join the touch.

    Raises:
        InputError: The tape has no order ids, or nobody joins its touch.
    """
    found = joins(tape, count, horizon_ns)
    require(bool(found), "tape", tape.meta.source, NO_JOINS, "record a longer stretch")
    n = len(found)
    exact = run_worlds(tape, probes_of(found, horizon_ns, after=True), (WorldRules(queue_model="fifo"),))
    probes = [one for k in range(len(MODELS)) for one in probes_of(found, horizon_ns, world=k * n, after=True)]
    rules = [WorldRules(queue_model=model) for model in MODELS for _ in range(n)]
    told = run_worlds(without_ids(tape), probes, rules)
    ordered = np.array([one.qty_units for one in found])
    filled = told.filled.reshape(len(MODELS), n)
    worst, best = filled[MODELS.index("risk-averse")], filled[MODELS.index("optimistic")]
    return QueueErrors(
        listing=tape.listing.key,
        orders=n,
        horizon_s=horizon_ns / 1e9,
        filled=float(np.mean(exact.filled >= ordered)),
        undecided=float(np.mean(_ending(worst, ordered) != _ending(best, ordered))),
        inside=float(np.mean((worst <= exact.filled) & (exact.filled <= best))),
        models=tuple(
            _model_error(model, filled[k], told.first_ns.reshape(len(MODELS), n)[k], exact, ordered)
            for k, model in enumerate(MODELS)
        ),
    )


def _ending(filled: I64, ordered: I64) -> I64:
    """Return 0 = not filled, 1 = in part, 2 = in full."""
    return (filled > 0).astype(np.int64) + (filled >= ordered)


def _model_error(model: str, filled: I64, first_ns: I64, exact: Outcomes, ordered: I64) -> ModelError:
    both = (first_ns < NEVER) & (exact.first_ns < NEVER)
    late = (first_ns[both] - exact.first_ns[both]) / 1e9
    return ModelError(
        model=model,
        same=float(np.mean(_ending(filled, ordered) == _ending(exact.filled, ordered))),
        bias=float((filled.sum() - exact.filled.sum()) / max(int(exact.filled.sum()), 1)),
        late_s=float(late.mean()) if len(late) else 0.0,
        off_s=float(np.abs(late).mean()) if len(late) else 0.0,
    )


class FillChance(Value, frozen=True):
    """How often an order that joins the touch is filled in full within the horizon.

    Attributes:
        recorded_least: Of the recorded orders, taken that whoever was cancelled would not have been filled.
        recorded_most: Taken that all of them would have been.
        recorded: Kaplan and Meier's estimate: cancelled ones counted for as long as they stood; None where no order
            was seen to stand for the whole horizon, so that nothing is known of its end.
        ours: Of orders of ours in their places, left alone.
    """

    listing: str
    orders: int
    horizon_s: float
    recorded_least: float
    recorded: float | None
    recorded_most: float
    ours: float


def fill_chance(tape: Tape, count: int = 5_000, horizon_ns: int = HORIZON_NS) -> FillChance:
    """Return the fill probability of recorded orders that joined the touch, and of ours in the same places.

    Raises:
        InputError: The tape has no order ids, or nobody joins its touch.
    """
    found = joins(tape, count, horizon_ns)
    require(bool(found), "tape", tape.meta.source, NO_JOINS, "record a longer stretch")
    outcome = run_worlds(tape, probes_of(found, horizon_ns), (WorldRules(queue_model="fifo"),))
    filled = np.array([one.filled for one in found])
    left = np.array([not one.filled and one.left_ns < NEVER for one in found])
    ends = [one.executed[-1][0] if one.filled else min(one.left_ns, one.t_ns + horizon_ns) for one in found]
    waited = np.array(ends) - np.array([one.t_ns for one in found])
    curve = kaplan_meier(waited / 1e9, filled)
    steps = curve.survival[curve.times <= horizon_ns / 1e9]
    known = bool(filled.all() or (waited >= horizon_ns).any())
    return FillChance(
        listing=tape.listing.key,
        orders=len(found),
        horizon_s=horizon_ns / 1e9,
        recorded_least=float(filled.mean()),
        recorded=(1.0 - float(steps[-1]) if len(steps) else 0.0) if known else None,
        recorded_most=float((filled | left).mean()),
        ours=float(np.mean(outcome.filled >= [one.qty_units for one in found])),
    )


def tables(errors: QueueErrors, chance: FillChance) -> list[Table]:
    """Return the two findings as tables of text."""
    title = (
        f"{errors.listing}: {errors.orders:,} orders that join the touch, {errors.horizon_s:g} s each; "
        f"{errors.filled:.1%} filled, {errors.undecided:.1%} not decided by L2, {errors.inside:.2%} inside its two ends"
    )
    models = tuple(
        (one.model, f"{one.same:.2%}", f"{one.bias:+.2%}", f"{one.late_s:+.2f}", f"{one.off_s:.2f}")
        for one in errors.models
    )
    head = ("queue model", "same ending", "quantity too much", "first fill later, s", "off by, s")
    estimate = "not known: none was seen to stand so long" if chance.recorded is None else f"{chance.recorded:.1%}"
    chances = (
        ("recorded, cancelled or out of view = not filled", f"{chance.recorded_least:.1%}"),
        ("recorded, Kaplan-Meier", estimate),
        ("ours in their places", f"{chance.ours:.1%}"),
        ("recorded, cancelled or out of view = filled", f"{chance.recorded_most:.1%}"),
    )
    return [
        Table(title=title, head=head, rows=models),
        Table(title=f"{chance.listing}: filled in full, {chance.orders:,} orders", head=("", "share"), rows=chances),
    ]
