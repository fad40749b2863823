"""What each parameter of an order means at the venue, and which of them contradict each other."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from campaign import judge, run, toy_order
from ideal import LISTING, MID, S, ideal_order, ideal_tape, work
from toy import T0 as TOY_T0

from nowake.core.child import Liquidity, OrderType, TimeInForce
from nowake.core.decisions import Alerted, ChildSubmitted, OrderAdmitted, OrderRefused
from nowake.core.errors import InputError, Refused
from nowake.core.order import EndBehaviour, Side
from nowake.core.value import replace
from nowake.engine.apply import apply
from nowake.engine.decide import with_defaults
from nowake.engine.state import EngineState
from nowake.plan import strategies
from nowake.plan.strategies import check_parameters
from nowake.plan.twap import TWAP

STRATEGIES = ["twap", "vwap", "pov", "is"]
WANDERING = [MID + step for step in (0, 3, 8, 4, -2, -9, -4, 2, 6, 1, -3, 5, 9, 3, -1, -7, -2, 4, 0, 2, 5, 1)]


def toy(**changes):
    """Work 2,000 over ten minutes on the toy market, all of its volume allowed."""
    changes = {"participation_max": 1.0, **changes}
    return run(replace(toy_order(qty=2_000, minutes=10, **changes)), 3, depth=400)


def children(outcome):
    return [(e.t_ns, d.child) for e, ds in outcome.batches() for d in ds if isinstance(d, ChildSubmitted)]


def sent(ideal):
    return [d.child for b in ideal.journal.batches() for d in b.decisions if isinstance(d, ChildSubmitted)]


def times(ideal):
    return [
        (b.input.t_ns, d.child) for b in ideal.journal.batches() for d in b.decisions if isinstance(d, ChildSubmitted)
    ]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("side", Side)
def test_a_limit_is_never_passed(strategy, side):
    limit = MID - 3 * side
    order = ideal_order(4_000, side=side, strategy=strategy, limit_units=limit, urgency=1)
    outcome = work(order, ideal_tape(1, path=WANDERING))
    assert outcome.fills
    assert all((limit - price) * side >= 0 for _, _, price, _ in outcome.fills)


@pytest.mark.parametrize(
    ("side", "offset", "limit"), [(1, 10, 10_010), (-1, 10, 9_990), (1, -10, 9_990), (-1, -5, 10_005), (1, 0.5, 10_000)]
)
def test_a_relative_limit_is_so_far_beyond_the_arrival_mid_never_rounded_worse(side, offset, limit):
    outcome = work(
        ideal_order(4_000, side=Side(side), limit_offset_bps=offset, urgency=1), ideal_tape(1, path=WANDERING)
    )
    assert outcome.parent.order.parameters.limit_units == limit
    assert all((limit - price) * side >= 0 for _, _, price, _ in outcome.fills)


@pytest.mark.parametrize(("given", "holds"), [(10_003, 10_003), (10_020, 10_010)])
def test_of_two_limits_the_tighter_holds(given, holds):
    outcome = work(ideal_order(100, limit_offset_bps=10, limit_units=given), ideal_tape(1))
    assert outcome.parent.order.parameters.limit_units == holds


def test_a_relative_limit_needs_a_mid():
    order = ideal_order(100, limit_offset_bps=10)
    view = replace(run(toy_order(), 1).market.view(TOY_T0), bid_units=0, ask_units=0, bids=(), asks=())
    with pytest.raises(Refused, match="no mid"):
        with_defaults(order, view, LISTING)


@pytest.mark.parametrize("strategy", ["twap", "vwap", "pov"])  # "is" at urgency 1 is done before the price comes
@pytest.mark.parametrize("side", Side)
def test_i_would_takes_its_part_at_once_when_the_price_is_there(strategy, side):
    path = [MID] * 6 + [MID - 30 * side] * 3 + [MID] * 20
    would = MID - 20 * side
    terms = {"i_would_units": would, "i_would_fraction": 0.25, "participation_max": 0.9, "urgency": 1}
    terms |= {} if strategy == "pov" else {"slices": 20}
    order = ideal_order(4_000, side=side, strategy=strategy, **terms)
    outcome = work(order, ideal_tape(2, path=path))
    roles = {child.child_id: child for child in sent(outcome)}
    taken = [
        (event.fill.t_venue_ns, event.fill.qty_units, event.fill.price_units)
        for event in (batch.input for batch in outcome.journal.batches())
        if hasattr(event, "fill") and roles[event.fill.child_id].role == "would"
    ]
    assert sum(qty for _, qty, _ in taken) == 1_000 == outcome.parent.would_units
    assert all((would - price) * side >= 0 for _, _, price in taken)
    there = order.start_ns + 5 * 60 * S
    assert all(there <= t <= there + 6 * S for t, _, _ in taken)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_display_shows_no_more_than_it_says_and_hides_the_rest(strategy):
    on_toy = toy(display_units=30)
    judge(on_toy)
    ideal = work(ideal_order(4_000, strategy=strategy, display_units=30), ideal_tape(3))
    for made in ([child for _, child in children(on_toy)], sent(ideal)):
        shown = [child.qty_units for child in made if child.order_type is OrderType.POST_ONLY]
        assert shown
        assert max(shown) <= 30


def test_all_that_rests_counts_as_shown():
    """At a limit the children of many slices rest together; together they show no more than one of them may."""
    outcome = toy(display_units=40, limit_units=9_960, slices=10)
    state, worst = EngineState(), 0
    for record in outcome.journal.records():
        state = apply(state, record)
        parent = state.parents.get(outcome.order.parent_id)
        if parent is not None:
            worst = max(worst, sum(c.leaves for c in parent.live.values() if c.order.role == "post"))
    assert 0 < worst <= 40


def test_a_random_display_varies_within_its_band_and_the_same_way_again():
    runs = [toy(display_units=40, display_randomise=0.5) for _ in range(2)]
    sizes = [[child.qty_units for _, child in children(one) if child.role == "post"] for one in runs]
    assert sizes[0] == sizes[1]
    full = [size for size in sizes[0] if size >= 20]
    assert len(set(full)) > 5
    assert 20 <= min(full) <= max(full) <= 60


def test_what_is_shown_next_waits_for_the_refresh_time():
    outcome = toy(display_units=20, display_refresh_ns=7 * S, slices=1, urgency=0.0)
    times = [t for t, child in children(outcome) if child.role == "post"]
    assert len(times) > 5
    assert min(b - a for a, b in itertools.pairwise(times)) >= 7 * S


@pytest.mark.parametrize("least", [50, 150])
def test_every_child_trades_at_least_the_minimum_fill_or_nothing(least):
    outcome = toy(min_fill_units=least)
    judge(outcome)
    made = [child for _, child in children(outcome)]
    assert {child.tif for child in made} == {TimeInForce.IOC}
    traded = [sum(f.qty_units for f in order.fills) for order in outcome.market.orders.values() if order.fills]
    assert len(traded) > 3
    assert sum(qty < least for qty in traded) <= 1, "only a rest smaller than the minimum may trade by itself"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_order_that_never_takes_only_posts_and_drops_its_rest(strategy):
    outcome = work(ideal_order(3_000, strategy=strategy, never_take=True), ideal_tape(4, path=WANDERING))
    assert {child.order_type for child in sent(outcome)} == {OrderType.POST_ONLY}
    assert all(liquidity is Liquidity.MAKER for *_, liquidity in outcome.fills)
    assert outcome.parent.order.parameters.end_behaviour is EndBehaviour.CANCEL


def first_plan(order, tape):
    """Return the plan that an order starts with; VWAP's is corrected later."""
    return next(one.plan for one in work(order, tape).journal.records() if isinstance(one, OrderAdmitted))


@pytest.mark.parametrize("strategy", ["twap", "vwap"])
def test_randomised_slices_keep_their_sum_order_and_bounds(strategy):
    plain = first_plan(ideal_order(3_000, strategy=strategy, slices=12, urgency=1), ideal_tape(5))
    uneven = ideal_order(3_000, strategy=strategy, slices=12, urgency=1, randomise_size=0.3, randomise_time=0.8)
    made, again = (first_plan(uneven, ideal_tape(5)) for _ in range(2))
    other = first_plan(replace(uneven, parent_id="another"), ideal_tape(5))
    assert made.slices == again.slices != other.slices
    assert sum(one.qty_units for one in made.slices) == 3_000
    step = plain.slices[1].release_ns - plain.slices[0].release_ns
    moved = 0
    for one, base in zip(made.slices, plain.slices, strict=True):
        assert abs(one.release_ns - base.release_ns) <= 0.4 * step
        moved += one.release_ns != base.release_ns
    assert moved == 11
    if strategy == "twap":  # VWAP's weights move with the edges too
        assert all(0.65 * 250 <= one.qty_units <= 1.4 * 250 for one in made.slices)
    assert made.slices[0].release_ns == plain.slices[0].release_ns
    assert made.slices[-1].end_ns == plain.slices[-1].end_ns


def test_discretion_takes_only_when_the_far_touch_is_that_close():
    waits = work(ideal_order(1_000, urgency=0.0, slices=4, discretion_units=1), ideal_tape(6))
    takes = work(ideal_order(1_000, urgency=0.0, slices=4, discretion_units=2), ideal_tape(6))
    first = takes.parent.plan.slices[1].release_ns
    assert takes.own(first - 1) == 250, "a spread of 2 is within the discretion: the slice is taken as volume allows"
    assert [t for t, *_ in waits.fills if t < waits.parent.plan.slices[0].end_ns - 30 * S] == []


CONFLICTS = {
    "only takes": {"never_take": True, "urgency": 1.0},
    "crosses near the end": {"never_take": True, "must_complete": True},
    "crosses at the end": {"never_take": True, "end_behaviour": EndBehaviour.FINISH},
    "taken at once": {"never_take": True, "i_would_units": 10_000, "i_would_fraction": 0.5},
    "which takes": {"never_take": True, "discretion_units": 1},
    "whatever pieces": {"never_take": True, "min_fill_units": 10},
    "display has no effect with min_fill": {"display_units": 10, "min_fill_units": 10},
    "discretion has no effect with min_fill": {"discretion_units": 1, "min_fill_units": 10},
    "over the order's quantity": {"min_fill_units": 1_001},
    "display has no effect at urgency 1": {"display_units": 10, "urgency": 1.0},
    "discretion has no effect at urgency 1": {"discretion_units": 1, "urgency": 1.0},
    "without display": {"display_refresh_ns": S},
    "beyond the limit": {"limit_units": 10_000, "i_would_units": 10_001, "i_would_fraction": 1.0},
    "with one thing only": {"participation_by_time": ((0, 0.1),), "participation_by_size": ((1, 0.1),)},
    "the rate to keep to": {"participation_min": 0.12, "participation_target": 0.1},
    "over max_participation": {"participation_by_time": ((0, 0.5),)},
    "under min_participation": {"participation_by_time": ((0, 0.02),), "participation_min": 0.05},
}


@pytest.mark.parametrize(("words", "parameters"), CONFLICTS.items(), ids=list(CONFLICTS))
def test_contradictions_are_refused_by_name_before_anything_is_sent(words, parameters):
    strategy = "pov" if any(name.startswith("participation") for name in parameters) else "twap"
    order = replace(toy_order(qty=1_000, minutes=5, **{"end_behaviour": None, **parameters}), strategy=strategy)
    with pytest.raises(Refused, match=words):
        check_parameters(order)
    outcome = run(order, 1)
    assert any(isinstance(d, OrderRefused) and words in d.reason for _, ds in outcome.batches() for d in ds)
    assert not outcome.market.orders


def test_a_display_under_the_smallest_order_is_refused_with_the_least_that_works():
    listing = replace(LISTING, min_qty_units=25)
    outcome = run(replace(toy_order(display_units=10), listing=listing.key), 1, listing=listing)
    (refusal,) = [d for _, ds in outcome.batches() for d in ds if isinstance(d, OrderRefused)]
    assert "display 10 is under the smallest order" in refusal.reason
    assert "show at least" in refusal.remedy


@pytest.mark.parametrize("side", Side)
def test_i_would_takes_at_its_very_price_and_not_a_tick_from_it(side):
    """The far touch comes to the I-would price exactly: that is enough, and a tick before it is not."""
    path = [MID] * 4 + [MID - 9 * side] * 4 + [MID - 10 * side] * 4 + [MID] * 8
    far = ideal_tape(2, path=path)
    would = MID - 10 * side + side  # the far touch of that market: its spread is two units
    order = ideal_order(4_000, side=side, i_would_units=would, i_would_fraction=0.25, participation_max=0.9, slices=20)
    outcome = work(order, far)
    made = [child for child in sent(outcome) if child.role == "would"]
    taken = [f for child in made for f in outcome.parent.closed[child.child_id].fills]
    assert outcome.parent.would_units == 1_000
    assert {child.price_units for child in made} == {would}
    assert taken
    first = min(t for t, child in times(outcome) if child.role == "would")
    assert order.start_ns + 7 * 60 * S <= first <= order.start_ns + 7 * 60 * S + 6 * S


@pytest.mark.parametrize("away", [20, 250, 900])
def test_i_would_takes_also_where_the_market_is_far_better(away):
    terms = {"i_would_units": 10_000 + away, "i_would_fraction": 0.29, "participation_max": 1.0}
    outcome = run(toy_order(qty=20_000, minutes=10, **terms), 3, depth=400)
    judge(outcome)
    taken = [c for _, c in children(outcome) if c.role == "would"]
    assert taken
    assert 0 < outcome.parent.would_units <= 5_800
    assert max(child.price_units for child in taken) <= 10_000 + away


def test_i_would_keeps_to_the_minimum_fill_and_slices_wait_for_it():
    terms = {"min_fill_units": 60, "slices": 10, "participation_max": 1.0}
    for more in ({}, {"i_would_units": 10_100, "i_would_fraction": 0.5}):
        outcome = run(toy_order(qty=1_000, minutes=10, **terms, **more), 5, depth=150)
        judge(outcome)
        traded = [sum(f.qty_units for f in order.fills) for order in outcome.market.orders.values() if order.fills]
        assert len(traded) > 3
        assert sorted(traded)[1] >= 60, "only what is left of the whole order may be smaller"


def test_the_refresh_time_holds_over_slices():
    outcome = toy(display_units=20, display_refresh_ns=60 * S, slices=20, urgency=0.0)
    times = [t for t, child in children(outcome) if child.role == "post"]
    assert min(b - a for a, b in itertools.pairwise(times)) >= 60 * S


def test_an_order_with_an_i_would_price_is_not_paused_for_taking_often():
    terms = {"i_would_units": 10_300, "i_would_fraction": 1.0, "slices": 5, "participation_max": 0.5}
    outcome = run(toy_order(qty=200_000, minutes=18, **terms), 4, depth=60, limits={"aggressive_floor": 20})
    judge(outcome)
    assert len([c for _, c in children(outcome) if c.role == "would"]) > 30
    assert not [d for _, ds in outcome.batches() for d in ds if isinstance(d, Alerted)]


def test_an_order_that_follows_is_not_paused_for_taking_often():
    outcome = run(replace(toy_order(qty=100_000, minutes=18, urgency=1.0), strategy="pov"), 4, depth=400)
    judge(outcome)
    assert len(children(outcome)) > 500
    assert not [d for _, ds in outcome.batches() for d in ds if isinstance(d, Alerted)]


@pytest.mark.parametrize(
    "rates",
    [
        {"participation_min": 1e-7},
        {"participation_target": 4e-7},
        {"participation_by_time": ((0, 1e-7),)},
        {"participation_by_time": ((0, 1.0),), "participation_max": 1.0},
    ],
)
def test_rates_that_no_volume_can_follow_are_refused(rates):
    with pytest.raises(InputError, match="participation"):
        toy_order(**rates)


def test_must_complete_finishes_by_default_and_has_no_effect_when_the_rest_is_dropped():
    plain = {"qty": 4_000, "minutes": 5, "participation_max": 0.05}
    asked = run(toy_order(**plain, must_complete=True, end_behaviour=None), 6, depth=400)
    assert asked.parent.order.parameters.end_behaviour is EndBehaviour.FINISH
    drop = {**plain, "end_behaviour": EndBehaviour.CANCEL}
    drops, same = (run(toy_order(**drop, must_complete=must), 6, depth=400) for must in (True, False))
    assert drops.parent.filled == same.parent.filled < asked.parent.filled


def test_a_limit_out_of_reach_costs_few_records():
    """An order that can do nothing for an hour looks at the market now and then, and says why once a slice."""
    for strategy in ("twap", "pov"):
        for terms in ({}, {"display_units": 20}, {"min_fill_units": 50}):
            limits = {"limit_units": 9_000, "slices": None if strategy == "pov" else 10}
            order = replace(toy_order(qty=2_000, minutes=15, **limits, **terms), strategy=strategy)
            outcome = run(order, 8, depth=400)
            judge(outcome)
            per_hour = 4 * len(outcome.batches())
            # A minimum fill is looked for again whenever the far touch moves.
            assert per_hour < (1_500 if "min_fill_units" in terms else 900), (strategy, terms, per_hour)


@pytest.mark.parametrize("tactic", ["peg", ""])
def test_a_strategy_that_names_an_unknown_tactic_is_refused_before_anything_is_sent(tactic, monkeypatch):
    def layout(request):
        laid = TWAP.layout(request)
        return replace(laid, slices=tuple(replace(one, tactic=tactic) for one in laid.slices))

    odd = dataclasses.replace(TWAP, name="odd", layout=layout)
    monkeypatch.setitem(strategies.STRATEGIES, "odd", odd)
    outcome = run(replace(toy_order(qty=100, minutes=2), strategy="odd"), 1)
    (refusal,) = [d for _, ds in outcome.batches() for d in ds if isinstance(d, OrderRefused)]
    assert "names the tactic" in refusal.reason
    assert "post-and-chase" in refusal.remedy
