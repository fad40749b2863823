"""How far our own estimate of the queue before an order is from the truth: what an engine sees, and who stands there.

Orders of ours join the touch of a tape with order ids, one after the other, in a simulated market without latency, so
that what differs is the estimate and not its age. At the same instants the engine's number (``market.queue``, from
level sizes and prints alone, as live would have them) and the venue's (exact, by name) are read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nowake.core.child import ChildOrder, OrderType, TimeInForce
from nowake.core.order import Side
from nowake.core.tape import F64, Tape
from nowake.core.value import Value, require
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.layout import F_AHEAD, O_LIVE
from nowake.study.queues import Joined, joins
from nowake.study.tables import Table

LOOKS_NS = tuple(int(s * 1e9) for s in (0.1, 0.3, 1, 3, 10, 30))
"""After its arrival an order is looked at then, for as long as it rests."""
UNKNOWN = 2**51


class EstimateError(Value, frozen=True):
    """Our estimate less the truth, quantity units.

    Attributes:
        listing: Of the tape.
        orders: Of ours that rested.
        looks: Instants compared.
        exact: Share of them where the two are equal.
        mean, median, p05, p95: Of the difference; above 0 = we thought that more stood before us.
        share: Mean size of the difference, as a share of what stood before us when we joined.
    """

    listing: str
    orders: int
    looks: int
    exact: float
    mean: float
    median: float
    p05: float
    p95: float
    share: float


def estimate_errors(tape: Tape, count: int = 1_000) -> EstimateError:
    """Return how far our own queue estimate is from the exact queue, for orders of ours that join the touch.

    Raises:
        InputError: The tape has no order ids, or nobody joins its touch.
    """
    found = joins(tape, count)
    require(bool(found), "tape", tape.meta.source, "one on which orders join the best price")
    pairs, orders = _looked(tape, found)
    require(len(pairs) > 0, "tape", tape.meta.source, "one on which an order can rest")
    apart = pairs[:, 0] - pairs[:, 1]
    return EstimateError(
        listing=tape.listing.key,
        orders=orders,
        looks=len(apart),
        exact=float(np.mean(np.abs(apart) < 1)),
        mean=float(apart.mean()),
        median=float(np.median(apart)),
        p05=float(np.quantile(apart, 0.05)),
        p95=float(np.quantile(apart, 0.95)),
        share=float(np.mean(np.abs(apart) / np.maximum(pairs[:, 2], 1.0))),
    )


def _looked(tape: Tape, found: Sequence[Joined]) -> tuple[F64, int]:
    """Return (n, 3) estimate, truth and what stood there at the start, of every look; and how many orders rested."""
    market = SimMarket(tape, latency=Latency(), impact="off", queue_model="fifo")
    pairs: list[tuple[float, float, float]] = []
    rested, free_ns = 0, 0
    for number, one in enumerate(found):
        if one.t_ns <= free_ns:
            continue
        child_id = f"q{number}"
        _run(market, one.t_ns)
        market.submit(_beside(one, tape, child_id), market.now_ns)
        _run(market, one.t_ns + 1)
        first = _both(market, child_id)
        rested += first is not None
        for look in LOOKS_NS:
            if first is None:
                break
            _run(market, one.t_ns + look)
            now = _both(market, child_id)
            if now is None:
                break
            pairs.append((*now, first[1]))
        if _both(market, child_id) is not None:
            market.cancel(child_id, market.now_ns)
            _run(market, market.now_ns + 1)
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


def _both(market: SimMarket, child_id: str) -> tuple[float, float] | None:
    """Return what we think stands before a resting order, and what does; None = it does not rest, or nobody knows."""
    thought = dict(market.own.queue_estimates()).get(child_id)
    live = np.flatnonzero(market.venue.orders[:, O_LIVE])  # one order of ours at a time
    if thought is None or thought >= UNKNOWN or len(live) != 1:
        return None
    return float(thought), float(market.venue.fronts[live[0], F_AHEAD])


def table(error: EstimateError) -> Table:
    """Return it as the page shows it."""
    head = ("looks", "exact", "mean", "median", "5 %", "95 %", "mean size, of the queue joined")
    row = (
        f"{error.looks:,}",
        f"{error.exact:.1%}",
        f"{error.mean:+,.1f}",
        f"{error.median:+,.0f}",
        f"{error.p05:+,.0f}",
        f"{error.p95:+,.0f}",
        f"{error.share:.1%}",
    )
    title = f"{error.listing}: our own queue estimate less the truth, {error.orders:,} orders, quantity units"
    return Table(title=title, head=head, rows=(row,))
