"""VWAP layouts: sums, the curve within a lot, the own window only, re-planning, what it would cost to be wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.sessions import Session
from nowake.core.value import replace
from nowake.core.volume import VolumeSeen
from nowake.models.beliefs import Beliefs
from nowake.models.volume import update
from nowake.models.volume_curve import VolumeCurve, days_from_bins, estimate_history
from nowake.plan.planner import Progress, make_plan
from nowake.plan.slices import interval_edges
from nowake.plan.strategies import find_strategy
from nowake.plan.twap import TWAP
from nowake.plan.vwap import VWAP, volume_weights

BeliefsOf = Callable[..., Beliefs]
OrderOf = Callable[..., ParentOrder]
HOUR = 3600 * 10**9


@pytest.fixture(scope="session")
def curve() -> VolumeCurve:
    """Return a day of six and a half hours with a busy open, a dead noon and a busier close, in 26 bins."""
    weights = np.array(
        [4, 3, 2.5, 2, 2, 1.5, 1.5, 1, 1, 1, 0.7, 0.6, 0.5, 0.5, 0.5, 0.6, 0.7, 1, 1, 1, 1.5, 2, 2, 3, 4, 8]
    )
    edges = np.cumsum(weights) / weights.sum()
    return VolumeCurve(
        opens=date_time(9, 30), zone="America/New_York", length_ns=int(6.5 * HOUR), cumulative=(0.0, *edges[:-1], 1.0)
    )


def date_time(hour: int, minute: int):
    from datetime import time

    return time(hour, minute)


@pytest.fixture(scope="session")
def curved(beliefs_of: BeliefsOf, curve: VolumeCurve) -> BeliefsOf:
    """Return beliefs whose volume follows the curve."""

    def make(listing: Listing, per_day: float = 2e6, **fields: object) -> Beliefs:
        beliefs = beliefs_of(listing, per_day=per_day, **fields)
        return replace(beliefs, volume=replace(beliefs.volume, curves=(curve,)))

    return make


@pytest.fixture(scope="session")
def plan_of(session: Session, always: Session, t0: int) -> Callable[..., ExecutionPlan]:
    def make(order: ParentOrder, listing: Listing, beliefs: Beliefs, **fields: object) -> ExecutionPlan:
        hours = always if listing.session == "24/7" else session
        asked = replace(order, strategy="vwap", **fields)
        return make_plan(asked, Progress.start(asked), beliefs, listing, hours, max(t0, beliefs.asof_ns))

    return make


PlanOf = Callable[..., ExecutionPlan]


def own_fractions(curve: VolumeCurve, opens: int, edges: list[int]) -> np.ndarray:
    """Return the curve between edges by numpy's interpolation."""
    at = (np.array(edges, dtype=np.float64) - opens) / curve.length_ns
    return np.diff(np.interp(at, np.linspace(0, 1, len(curve.cumulative)), curve.cumulative))


@given(qty=st.integers(1, 200_000), hours=st.floats(0.05, 6), urgency=st.sampled_from([0.0, 0.5, 1.0]))
def test_slices_sum_and_follow_the_curve_within_a_lot(
    qty: int,
    hours: float,
    urgency: float,
    equity: Listing,
    curve: VolumeCurve,
    curved: BeliefsOf,
    order_of: OrderOf,
    plan_of: PlanOf,
    session: Session,
    t0: int,
) -> None:
    order = order_of(equity, qty, hours, urgency=urgency)
    plan = plan_of(order, equity, curved(equity))
    assert sum(one.qty_units for one in plan.slices) == qty
    opens = session.hours(session.local_day(t0))[0]
    releases = {one.release_ns: one.qty_units for one in plan.slices}
    lengths = {one.end_ns - one.release_ns for one in plan.slices}
    count = round((order.end_ns - order.start_ns) / min(lengths))
    edges = interval_edges(order.start_ns, order.end_ns, count)
    parts = own_fractions(curve, opens, edges)
    ideal = qty * parts / parts.sum()
    made = np.array([releases.get(edge, 0) for edge in edges[:-1]])
    assert made.sum() == qty
    assert np.abs(made - ideal).max() < 1 + 1e-6
    assert {one.tactic for one in plan.slices} == {"cross" if urgency == 1 else "post-and-chase"}
    assert [one.index for one in plan.slices] == list(range(len(plan.slices)))


def test_participation_is_the_same_in_every_slice(
    equity: Listing, curved: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    plan = plan_of(order_of(equity, 100_000, 5.5), equity, curved(equity))
    rates = [one.participation for one in plan.slices]
    assert max(rates) - min(rates) < 0.002
    twap = plan_of(order_of(equity, 100_000, 5.5), equity, curved(equity))
    assert plan == twap
    even = make_even(order_of(equity, 100_000, 5.5), equity, curved(equity), plan_of)
    assert max(even) > 2 * max(rates)


def make_even(order: ParentOrder, listing: Listing, beliefs: Beliefs, plan_of: PlanOf) -> list[float]:
    plan = plan_of(order, listing, beliefs)
    each = order.qty_units / len(plan.slices)
    return [each / (each + volume) for volume in plan.expected_volume]


def stretched_weights(edges, volume):
    """Return what a curve squeezed into the order's window gives: the planted bug."""
    curve, span = volume.curves[0], edges[-1] - edges[0]
    return [curve.fraction((b - edges[0]) / span) - curve.fraction((a - edges[0]) / span) for a, b in pairwise(edges)]


def test_the_curve_is_never_stretched_over_the_window(
    equity: Listing,
    curve: VolumeCurve,
    curved: BeliefsOf,
    order_of: OrderOf,
    plan_of: PlanOf,
    session: Session,
    t0: int,
) -> None:
    # 11:00 to 14:00 has neither open nor close: the last slice must not be heavy.
    order = replace(order_of(equity, 30_000), start_ns=t0 + HOUR, end_ns=t0 + 4 * HOUR)
    plan = plan_of(order, equity, curved(equity))
    edges = [one.release_ns for one in plan.slices] + [order.end_ns]
    opens = session.hours(session.local_day(t0))[0]
    own = own_fractions(curve, opens, edges)
    quantities = np.array([one.qty_units for one in plan.slices])
    assert np.abs(quantities - 30_000 * own / own.sum()).max() < 1.001
    assert max(quantities) <= 3 * min(quantities)
    planted = np.array(stretched_weights(edges, curved(equity).volume))
    assert np.abs(30_000 * planted / planted.sum() - quantities).max() > 100  # the bug would be seen above
    volume = curved(equity).volume
    assert volume_weights(np.array(edges), volume) == pytest.approx(own.tolist())


def test_hours_that_the_belief_does_not_know_are_not_invented(
    equity: Listing, curved: BeliefsOf, order_of: OrderOf, t0: int
) -> None:
    from nowake.plan.strategy import Request

    beliefs = curved(equity)
    evening = t0 + 8 * HOUR
    request = Request(
        order=order_of(equity, 1000),
        qty_units=1000,
        start_ns=evening,
        end_ns=evening + HOUR,
        first_index=0,
        beliefs=beliefs,
        listing=equity,
        min_units=1,
    )
    laid = VWAP.layout(request)
    assert [note.name for note in laid.assumed] == ["volume curve"]
    quantities = [one.qty_units for one in laid.slices]
    assert sum(quantities) == 1000
    assert max(quantities) - min(quantities) <= 1


def test_without_past_days_the_assumed_u_is_followed_and_named(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    plan = plan_of(order_of(equity, 50_000, 5.9), equity, beliefs_of(equity))
    quantities = [one.qty_units for one in plan.slices]
    middle = len(quantities) // 2
    assert quantities[-1] > 2 * quantities[middle]
    unknown = plan_of(order_of(equity, 50_000, 5.9), equity, beliefs_of(equity, per_day=0.0))
    assert sum(one.qty_units for one in unknown.slices) == 50_000
    assert (
        unknown.slices[-1].qty_units > unknown.slices[len(unknown.slices) // 2].qty_units
    )  # the shape is still believed
    assert "unknown-volume" in {one.code for one in unknown.warnings}


def test_around_the_clock_it_is_twap(coin: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf) -> None:
    plan = plan_of(order_of(coin, 1_000_000, 3), coin, beliefs_of(coin))
    quantities = [one.qty_units for one in plan.slices]
    assert max(quantities) - min(quantities) <= coin.lot_units


@given(fraction=st.floats(0.1, 0.9), times=st.floats(0.2, 4), done=st.floats(0, 0.95))
def test_replanning_lays_out_what_is_unsent_over_what_is_left(
    fraction: float,
    times: float,
    done: float,
    equity: Listing,
    curved: BeliefsOf,
    order_of: OrderOf,
    session: Session,
    t0: int,
) -> None:
    order = replace(order_of(equity, 60_000, 5.0), strategy="vwap")
    beliefs = curved(equity)
    first = make_plan(order, Progress.start(order), beliefs, equity, session, t0)
    now = t0 + int(5 * HOUR * fraction)
    seen = VolumeSeen(since_ns=t0, until_ns=now, qty_units=round(times * beliefs.volume.expected(t0, now)))
    better = replace(beliefs, asof_ns=now, volume=update(beliefs.volume, seen))
    filled = int(60_000 * done)
    progress = Progress(
        filled_units=filled, open_units=0, unsent_units=60_000 - filled, next_slice_index=100, revision=1
    )
    again = make_plan(order, progress, better, equity, session, now)
    assert sum(one.qty_units for one in again.slices) == 60_000 - filled
    assert again.slices[0].release_ns >= now
    assert again.slices[-1].end_ns == order.end_ns
    assert again.slices[0].index == 100
    assert again.revision == 1
    # Chen, Feng, Palomar: the weights of what is left are the curve's own, whatever the level came to.
    total = better.volume.expected(now, order.end_ns)
    ideal = [again.qty_units * better.volume.expected(one.release_ns, one.end_ns) / total for one in again.slices]
    assert np.abs(np.array(ideal) - [one.qty_units for one in again.slices]).max() < 1.01 * max(
        1, len(first.slices) / 100
    )
    assert (sum(again.expected_volume) > beliefs.volume.expected(now, order.end_ns)) == (times > 1) or abs(
        times - 1
    ) < 0.01


def test_a_measured_day_and_the_largest_order_bound_the_heaviest_slice(
    equity: Listing, coin: Listing, curved: BeliefsOf, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    beliefs = curved(equity, per_day=1e6, level_qty=1e9)
    measured = replace(beliefs, volume=replace(beliefs.volume, assumed=False))
    plan = plan_of(order_of(equity, 100_000, 5.9), equity, measured)
    assert max(one.qty_units for one in plan.slices) <= 10_000
    assert "heaviest" in plan.reasons[1]
    large = plan_of(order_of(coin, 3 * coin.max_qty_units, 24), coin, beliefs_of(coin, per_day=1e14, level_qty=1e12))
    assert max(one.qty_units for one in large.slices) <= coin.max_qty_units


def test_asked_slices_are_kept(equity: Listing, curved: BeliefsOf, order_of: OrderOf, plan_of: PlanOf) -> None:
    assert len(plan_of(order_of(equity, 10_000, slices=7), equity, curved(equity)).slices) == 7
    with pytest.raises(Refused, match="nearest is 3"):
        plan_of(order_of(equity, 3, slices=4), equity, curved(equity))


def test_it_is_in_the_table_with_twaps_parameters() -> None:
    assert find_strategy("VWAP") is VWAP
    assert VWAP.honours == TWAP.honours
    assert VWAP.end_behaviour is EndBehaviour.FINISH


def test_on_recorded_days_the_measured_curve_tracks_volume_better_than_u_and_even_slices(
    equity: Listing, session: Session, beliefs_of: BeliefsOf, order_of: OrderOf, recorded_data: Path
) -> None:
    # Golden: flat .52295 and a 20-day mean .25508 (AAPL 2019, last 20 of 124 days); a plan's slices must come as near.
    with (recorded_data / "volume_bins" / "volume_aapl_15min.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    days = [date.fromisoformat(row[0]) for row in rows]
    bins = [[float(x) for x in row[1:]] for row in rows]
    table = days_from_bins(days, bins, session)
    missed: dict[str, list[float]] = {"curve": [], "u": [], "even": []}
    for d in range(104, 124):
        opens, closes = session.hours(days[d])
        history = estimate_history(table, session, days[d])
        assert history is not None
        base = beliefs_of(equity, level_qty=1.0)
        volume = replace(base.volume, windows=((opens, closes),), asof_ns=opens)
        share = np.array(bins[d]) / sum(bins[d])
        for name, strategy, curves in (("curve", "vwap", history.curves), ("u", "vwap", ()), ("even", "twap", ())):
            beliefs = replace(base, asof_ns=opens, volume=replace(volume, curves=curves))
            order = replace(
                order_of(equity, 2_600_000, slices=26, participation_max=1.0),
                decided_ns=opens,
                start_ns=opens,
                end_ns=closes,
                strategy=strategy,
            )
            plan = make_plan(order, Progress.start(order), beliefs, equity, session, opens)
            missed[name].append(np.abs(np.array([one.qty_units for one in plan.slices]) / 2_600_000 - share).sum())
    assert np.mean(missed["even"]) == pytest.approx(0.52295, abs=1e-4)
    assert np.mean(missed["u"]) == pytest.approx(0.37004, abs=1e-4)
    assert np.mean(missed["curve"]) == pytest.approx(0.25092, abs=1e-4)
