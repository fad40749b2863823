"""Ideal markets: schedules are executed whole, and an order that follows volume keeps to its rate print by print."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ideal import DEEP, LISTING, MID, T0, S, ideal_order, ideal_tape, work

from nowake.core.child import Liquidity
from nowake.core.decisions import ChildSubmitted, PlanAdopted, RateSet
from nowake.core.errors import NowakeError
from nowake.core.order import EndBehaviour, Parameters, Side
from nowake.core.value import replace
from nowake.engine import apply, following
from nowake.engine.believe import corrected_beliefs
from nowake.models.beliefs import Beliefs
from nowake.models.volatility import VolatilityBelief
from nowake.models.volume import VolumeBelief
from nowake.plan.rates import rate_in_force

PAUSE = 1_900_000_000
"""Prints are at least 2 s apart, children of one order at least 1 s."""
SCHEDULES = ["twap", "vwap"]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("urgency", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("strategy", SCHEDULES)
def test_a_schedule_is_executed_whole(strategy, urgency, side):
    run = work(ideal_order(3_000, side=side, strategy=strategy, urgency=urgency), ideal_tape(1))
    assert (run.parent.filled, run.parent.abandoned) == (3_000, {})
    assert max(t for t, *_ in run.fills) <= run.parent.order.end_ns


@settings(max_examples=25)
@given(
    rate=st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.4]),
    seed=st.integers(0, 10_000),
    side=st.sampled_from(list(Side)),
)
def test_the_rate_is_kept_within_one_lot_at_every_print(rate, seed, side):
    check_rate(rate, seed, side)


def check_rate(rate, seed=1, side=Side.BUY):
    """Check an urgent order's own volume against the prints of the tape, in fractions."""
    order = ideal_order(100_000, side=side, strategy="pov", participation_target=rate, participation_max=0.5, urgency=1)
    run = work(order, ideal_tape(seed))
    odds = Fraction(str(rate)) / (1 - Fraction(str(rate)))
    moments = [t for t, _ in run.prints if order.start_ns < t < order.end_ns - 2 * S]
    assert len(moments) > 100
    for t in moments:
        assert abs(run.own(t + PAUSE) - odds * run.others(t)) <= 1


@pytest.mark.parametrize(("rate", "floor"), [(0.1, None), (0.1, 0.09), (0.2, 0.1), (0.05, 0.05)])
def test_a_patient_order_stays_in_its_band(rate, floor):
    order = ideal_order(
        100_000, strategy="pov", participation_target=rate, participation_min=floor, participation_max=0.5, urgency=0.3
    )
    run = work(order, ideal_tape(5))
    lowest, odds = floor if floor is not None else rate * 0.8, rate / (1 - rate)
    for minute in range(2, 20):
        t = order.start_ns + minute * 60 * S
        owed = odds * run.others(t)
        assert run.own(t) <= owed + 1
        recent = odds * (run.others(t) - run.others(t - 300 * S))
        # A piece is what a minute asks for: what was owed at the floor a minute ago is done.
        assert run.own(t) >= lowest / (1 - lowest) * run.others(t - 75 * S)
        assert run.own(t) >= odds * run.others(t - 35 * S) - recent - 1  # looked at every 30 s


def test_pov_stops_when_it_is_done_and_says_what_the_volume_gave_when_it_is_not():
    done = work(ideal_order(500, strategy="pov", urgency=1), ideal_tape(2))
    assert done.parent.filled == 500
    short = work(ideal_order(50_000, strategy="pov", urgency=1), ideal_tape(2))
    (reason,) = short.parent.abandoned
    assert reason.startswith("volume: others printed")
    assert "0.1" in reason
    assert short.parent.order.parameters.end_behaviour is EndBehaviour.CANCEL


def test_a_pov_that_is_to_finish_goes_up_to_its_cap_near_the_end():
    order = ideal_order(50_000, strategy="pov", end_behaviour=EndBehaviour.FINISH, participation_max=0.2, urgency=1)
    run = work(order, ideal_tape(2))
    tenth = order.end_ns - (order.end_ns - order.start_ns) // 10
    before = run.own(tenth) / (run.own(tenth) + run.others(tenth))
    after = run.own(order.end_ns) / (run.own(order.end_ns) + run.others(order.end_ns))
    assert before == pytest.approx(0.1, rel=0.01)
    assert 0.15 < after <= 0.2


def test_volume_printed_while_the_order_cannot_trade_is_caught_up_by_five_minutes_of_it_at_most():
    limit, path = MID + 5, [MID] * 5 + [MID + 50] * 12 + [MID] * 20
    order = ideal_order(100_000, strategy="pov", limit_units=limit, urgency=1, participation_max=0.5)
    run = work(order, ideal_tape(4, path=path))
    blocked, free = T0 + 5 * 60 * S, T0 + 17 * 60 * S
    missed = run.others(free) - run.others(blocked)
    recent = run.others(free) - run.others(free - 300 * S)
    caught = run.own(free + 10 * S) - run.own(free - S)
    assert 0 < caught <= recent / 9 * 1.15 < missed / 9  # looked at every 30 s: five minutes, a tenth more at most
    assert all(price <= limit for _, _, price, _ in run.fills)


def test_a_time_variant_rate_changes_when_it_should():
    steps = ((5 * 60 * S, 0.2), (10 * 60 * S, 0.05))
    order = ideal_order(100_000, strategy="pov", participation_by_time=steps, participation_max=0.3, urgency=1)
    run = work(order, ideal_tape(6))
    for (low, high), rate in {(0, 5): 0.1, (5, 10): 0.2, (10, 20): 0.05}.items():
        t0, t1 = (order.start_ns + minute * 60 * S for minute in (low, high))
        own, others = run.own(t1) - run.own(t0), run.others(t1) - run.others(t0)
        assert own / (own + others) == pytest.approx(rate, rel=0.05)
    rates = [d.rate_ppm for batch in run.journal.batches() for d in batch.decisions if isinstance(d, RateSet)]
    assert rates == [100_000, 200_000, 50_000]
    changed = [
        batch.input.t_ns for batch in run.journal.batches() if any(isinstance(d, RateSet) for d in batch.decisions)
    ]
    assert changed[1:] == [order.start_ns + at for at, _ in steps], "looked at only when something else came by"


def test_a_price_variant_rate_follows_the_market():
    path = [MID] * 6 + [MID - 20] * 6 + [MID] * 20
    steps = ((MID - 100, 0.25), (MID - 10, 0.1))
    order = ideal_order(100_000, strategy="pov", participation_by_price=steps, participation_max=0.3, urgency=1)
    run = work(order, ideal_tape(7, path=path))
    low0, low1 = T0 + 6 * 60 * S + 5 * S, T0 + 12 * 60 * S
    own, others = run.own(low1) - run.own(low0), run.others(low1) - run.others(low0)
    assert own / (own + others) == pytest.approx(0.25, rel=0.03)
    rates = [d.rate_ppm for batch in run.journal.batches() for d in batch.decisions if isinstance(d, RateSet)]
    assert rates == [100_000, 250_000, 100_000]


def test_a_size_variant_rate_slows_down_as_the_order_fills():
    steps = ((1, 0.05), (1_000, 0.2))
    order = ideal_order(3_000, 25, strategy="pov", participation_by_size=steps, participation_max=0.3, urgency=1)
    run = work(order, ideal_tape(8))
    reached = next(t for t, *_ in run.fills if run.own(t) >= 2_000)
    assert run.own(reached) / (run.own(reached) + run.others(reached)) == pytest.approx(0.2, rel=0.02)
    last = run.fills[-1][0]
    own, others = run.own(last) - run.own(reached), run.others(last) - run.others(reached)
    assert own / (own + others) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize(
    ("bid", "ask", "now", "rate"),
    [(99, 101, 0, 0.1), (99, 101, 200_000, 0.2), (100, 102, 100_000, 0.2), (97, 99, 200_000, 0.1)],
)
def test_a_threshold_inside_the_spread_changes_nothing(bid, ask, now, rate):
    parameters = Parameters(participation_target=0.1, participation_max=0.3, participation_by_price=((100, 0.2),))
    found, _ = rate_in_force(
        parameters, side=Side.SELL, left_units=10, elapsed_ns=0, bid_units=bid, ask_units=ask, now_ppm=now
    )
    assert found == round(rate * 1e6)


@pytest.mark.parametrize("steps", [{"participation_by_time": ((0, 0.3),)}, {"participation_by_size": ((0, 0.3),)}])
def test_no_rate_in_force_is_over_the_cap(steps):
    """Such terms are refused when they are given; whatever came by, the cap stands."""
    terms = Parameters(participation_max=0.2, **steps)
    market = {"left_units": 1_000, "elapsed_ns": S, "bid_units": MID - 1, "ask_units": MID + 1, "now_ppm": 0}
    assert rate_in_force(terms, side=Side.BUY, **market)[0] == 200_000


def test_every_fill_of_an_urgent_order_takes():
    run = work(ideal_order(2_000, strategy="pov", urgency=1), ideal_tape(9))
    assert {liquidity for *_, liquidity in run.fills} == {Liquidity.TAKER}


def stated_volume(per_day: float) -> Beliefs:
    """A belief about the ideal market around the clock, with a volume of our choosing, measured on days of the past."""
    listing = LISTING
    return Beliefs(
        listing=listing.key,
        asof_ns=T0,
        mid2=2 * MID,
        spread_bps=2.0,
        level_qty=DEEP,
        volume=VolumeBelief(
            per_day=per_day, day_ns=86_400 * S, relative_sd=0.3, level_sd=3.0, asof_ns=T0, assumed=False
        ),
        volatility=VolatilityBelief(daily_bps=100.0, relative_sd=0.3),
    )


@pytest.mark.parametrize(("factor", "corrects"), [(1.0, False), (0.2, True), (5.0, True)])
def test_vwap_is_planned_again_when_the_days_volume_is_not_what_was_thought(factor, corrects):
    tape, order = ideal_tape(3, 60), ideal_order(3_000, 50, strategy="vwap", slices=10)
    true_day = sum(qty for t, qty in work(order, tape).prints) * 24
    run = work(order, tape, beliefs=stated_volume(factor * true_day))
    plans = [d.plan for batch in run.journal.batches() for d in batch.decisions if isinstance(d, PlanAdopted)]
    assert bool(plans) == corrects
    assert (run.parent.filled, run.parent.abandoned) == (3_000, {})
    if corrects:
        first = plans[0]
        assert first.slices[0].release_ns >= order.start_ns + 900 * S
        assert first.qty_units == 3_000 - run.own(first.slices[0].release_ns - 1)
        rest = run.others(order.end_ns) - run.others(first.slices[0].release_ns)
        original = factor * rest
        assert abs(sum(first.expected_volume) - rest) < abs(original - rest) / 2, "nearer to what came than before"
        assert "than was thought" in first.reasons[0]


def test_twap_is_not_planned_again_for_volume():
    run = work(ideal_order(3_000, 50, slices=10), ideal_tape(3, 60), beliefs=stated_volume(1e9))
    assert not [d for batch in run.journal.batches() for d in batch.decisions if isinstance(d, PlanAdopted)]


def test_own_volume_does_not_correct_what_is_believed_of_the_day():
    """The same others' volume, whatever was our own beside it, gives the same belief; more of others gives another."""
    run = work(ideal_order(3_000, 50, strategy="vwap", slices=10), ideal_tape(3, 60), beliefs=stated_volume(4e6))
    view = [one for batch in run.journal.batches() if (one := getattr(batch.input, "view", None)) is not None][-1]
    plain = corrected_beliefs(run.parent, view, run.env).volume

    def seen(own, others):
        more = replace(view, volume_own=view.volume_own + own, volume_all=view.volume_all + own + others)
        return corrected_beliefs(run.parent, more, run.env).volume

    assert view.volume_own > 0
    assert seen(5_000, 0) == plain
    assert seen(0, 5_000).per_day > plain.per_day
    as_if_none = replace(view, volume_own=0, volume_all=view.volume_all - view.volume_own)
    assert corrected_beliefs(run.parent, as_if_none, run.env).volume == plain


def test_no_child_is_over_one_per_cent_of_a_day_that_is_known():
    order, tape = ideal_order(4_000, slices=4, urgency=1, participation_max=1.0), ideal_tape(3)

    def largest(run):
        decided = (one for batch in run.journal.batches() for one in batch.decisions)
        return max(one.child.qty_units for one in decided if isinstance(one, ChildSubmitted))

    known = work(order, tape, beliefs=stated_volume(30_000))
    assert (largest(known), largest(work(order, tape))) == (300, 1_000)
    assert known.parent.filled == 4_000


def own_volume_followed(monkeypatch):
    """Own fills are taken for the volume of others, so that they ask for more of themselves."""
    real = apply.followed
    monkeypatch.setattr(apply, "followed", lambda parent, others: real(parent, others + parent.filled))


def own_volume_seen(monkeypatch):
    """The market's view does not know which prints were ours."""
    real = apply._observe
    monkeypatch.setattr(apply, "_observe", lambda state, view: real(state, replace(view, volume_own=0)))


def rate_of_the_others(monkeypatch):
    """The rate is taken of the others' volume alone, not of all."""
    monkeypatch.setattr(following, "odds_micro", lambda others, ppm: others * ppm)


def paused_volume_owed(monkeypatch):
    """There is no bound on what is caught up."""
    monkeypatch.setattr(following, "_seen_before", lambda parent: 0)


@pytest.mark.parametrize(
    "bug",
    [own_volume_followed, own_volume_seen, rate_of_the_others, paused_volume_owed],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_caught(bug, monkeypatch):
    bug(monkeypatch)
    with pytest.raises((AssertionError, NowakeError)):  # noqa: PT012 - any of them may notice
        check_rate(0.1)
        check_rate(0.4)
        test_volume_printed_while_the_order_cannot_trade_is_caught_up_by_five_minutes_of_it_at_most()
