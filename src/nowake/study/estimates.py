"""How far our own estimate of the queue before an order is from the truth: what an engine sees, and who stands there.

Orders of ours join the touch of a tape with order ids, one after the other, in a simulated market. At the same instants
the engine's number (``market.queue``, from level sizes and prints alone, as live would have them) and the venue's
(exact, by name) are read: by every queue model, and with a feed that is late, where the number is also old.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nowake.core.child import ChildOrder, OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import F64, Tape
from nowake.core.value import Value, require
from nowake.market import run
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.layout import F_AHEAD, O_LIVE
from nowake.sim.queues import ESTIMATE, queue_model
from nowake.study.queues import MODELS, NO_JOINS, Joined, joins
from nowake.study.table import Table

LOOKS_NS = tuple(int(s * 1e9) for s in (0.1, 0.3, 1, 3, 10, 30))
"""After its arrival an order is looked at then, for as long as it rests."""
UNKNOWN = 2**51
LATE_NS = 5_000_000
"""The feed, and the acknowledgement of an order, in the runs with a late feed."""


class EstimateError(Value, frozen=True):
    """Our estimate less the truth, quantity units.

    Attributes:
        listing: Of the tape.
        model: Queue model of the estimate.
        data_ns: How late feed and acknowledgements are.
        orders: Of ours that rested.
        looks: Instants compared.
        exact: Share of them where the two are equal.
        mean, median, p05, p95: Of the difference; above 0 = we thought that more stood before us.
        share: Mean size of the difference, as a share of what stood before us when we joined.
    """

    listing: str
    model: str
    data_ns: int
    orders: int
    looks: int
    exact: float
    mean: float
    median: float
    p05: float
    p95: float
    share: float


def estimate_errors(
    tape: Tape,
    count: int = 1_000,
    models: Sequence[str] = (ESTIMATE,),
    late_ns: Sequence[int] = (0,),
    tell: Callable[[float], None] = lambda _: None,
) -> list[EstimateError]:
    """Return how far our own queue estimate is from the exact queue, for orders of ours that join the touch.

    Args:
        tape: With order ids.
        count: Orders to join with, at most.
        models: Queue models to estimate by.
        late_ns: Each with the feed, and acknowledgements, so late.
        tell: Hears what part of it is done.

    Raises:
        InputError: The tape has no order ids, or nobody joins its touch.
    """
    found = joins(tape, count)
    require(bool(found), "tape", tape.meta.source, NO_JOINS, "record a longer stretch")
    made: list[EstimateError] = []
    for data_ns, model in (cases := [(data_ns, model) for data_ns in late_ns for model in models]):
        tell(len(made) / len(cases))
        made.append(_error(tape, found, model, data_ns))
    return made


def all_errors(tape: Tape, count: int = 1_000, tell: Callable[[float], None] = lambda _: None) -> list[EstimateError]:
    """Return the errors by every queue model, the feed as recorded and late by ``LATE_NS``; ``tell`` as above."""
    return estimate_errors(tape, count, MODELS, (0, LATE_NS), tell)


def _error(tape: Tape, found: Sequence[Joined], model: str, data_ns: int) -> EstimateError:
    pairs, orders = _looked(tape, found, model, data_ns)
    require(len(pairs) > 0, "tape", tape.meta.source, "one on which an order can rest")
    apart = pairs[:, 0] - pairs[:, 1]
    return EstimateError(
        listing=tape.listing.key,
        model=model,
        data_ns=data_ns,
        orders=orders,
        looks=len(apart),
        exact=float(np.mean(np.abs(apart) < 1)),
        mean=float(apart.mean()),
        median=float(np.median(apart)),
        p05=float(np.quantile(apart, 0.05)),
        p95=float(np.quantile(apart, 0.95)),
        share=float(np.mean(np.abs(apart) / np.maximum(pairs[:, 2], 1.0))),
    )


def _looked(tape: Tape, found: Sequence[Joined], model: str, data_ns: int) -> tuple[F64, int]:
    """Return (n, 3) estimate, truth and what stood there at the start, of every look; and how many orders rested."""
    latency = Latency(data_ns=data_ns, response_ns=data_ns)
    market = SimMarket(tape, latency=latency, impact="off", queue_model="fifo")
    by = queue_model(model)
    market.own.stats[run.QUEUE_MODEL], market.own.reals[run.QUEUE_N] = by.number, by.n
    pairs: list[tuple[float, float, float]] = []
    rested, free_ns = 0, 0
    for number, one in enumerate(found):
        if one.t_ns <= free_ns:
            continue
        child_id = f"q{number}"
        _run(market, one.t_ns)
        market.submit(_beside(one, tape, child_id), market.now_ns)
        _run(market, one.t_ns + 1)
        first = _truth(market)
        rested += first is not None
        for look in LOOKS_NS:
            _run(market, one.t_ns + look)
            thought, true = dict(market.own.queue_estimates()).get(child_id), _truth(market)
            if first is None or true is None:
                break
            if thought is not None and thought < UNKNOWN:
                pairs.append((float(thought), true, first))
        if _truth(market) is not None:
            market.cancel(child_id, market.now_ns)
        _run(market, market.now_ns + 1 + data_ns)
        free_ns = market.now_ns
    return np.array(pairs, dtype=np.float64).reshape(-1, 3), rested


def _beside(one: Joined, tape: Tape, child_id: str) -> ChildOrder:
    lot = tape.listing.lot_units
    return ChildOrder(
        child_id=child_id,
        parent_id="study",
        leg=child_id,
        attempt=0,
        listing=tape.listing.key,
        side=Side.BUY if one.side == 0 else Side.SELL,
        order_type=OrderType.POST_ONLY,
        tif=TimeInForce.GTC,
        price_units=one.price_units,
        qty_units=max(one.qty_units // lot, 1) * lot,
        role="post",
    )


def _run(market: SimMarket, t_ns: int) -> None:
    """Advance to ``t_ns`` and take in all that is said on the way."""
    while True:
        reached, _ = market.advance(t_ns)
        if not market.poll(reached) and reached >= t_ns:
            return


def _truth(market: SimMarket) -> float | None:
    """Return what stands before our resting order, None = none rests: there is at most one at a time."""
    live = np.flatnonzero(market.venue.orders[:, O_LIVE])
    return float(market.venue.fronts[live[0], F_AHEAD]) if len(live) == 1 else None


def table(errors: Sequence[EstimateError]) -> Table:
    """Return those of one tape as the page shows them."""
    head = ("by", "feed late, ms", "looks", "exact", "mean", "median", "5 %", "95 %", "mean size, of the queue joined")
    rows = tuple(
        (
            one.model,
            f"{one.data_ns / 1e6:g}",
            f"{one.looks:,}",
            f"{one.exact:.1%}",
            f"{one.mean:+,.1f}",
            f"{one.median:+,.0f}",
            f"{one.p05:+,.0f}",
            f"{one.p95:+,.0f}",
            f"{one.share:.1%}",
        )
        for one in errors
    )
    listing, orders = errors[0].listing, max(one.orders for one in errors)
    title = f"{listing}: our own queue estimate less the truth, {orders:,} orders, quantity units"
    return Table(title=title, head=head, rows=rows)
