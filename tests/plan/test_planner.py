"""Plans end to end: TWAP, parameters, windows, participation, re-planning."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.core.instrument import Listing
from nowake.core.order import EndBehaviour, Parameters, ParentOrder
from nowake.core.plan import ExecutionPlan, Notice
from nowake.core.sessions import Session, iso
from nowake.core.terms import human_name
from nowake.core.units import format_duration, parse_duration
from nowake.core.value import from_json, from_msgpack, replace, to_json, to_msgpack
from nowake.models.beliefs import Beliefs
from nowake.plan import strategies
from nowake.plan.planner import Progress, make_plan, smallest_order
from nowake.plan.strategies import check_parameters, end_behaviour, find_strategy
from nowake.plan.strategy import Request
from nowake.plan.twap import INTERVAL_MIN_NS, SLICES_MAX, TWAP

BeliefsOf = Callable[..., Beliefs]
OrderOf = Callable[..., ParentOrder]
HOUR = 3600 * 10**9
MINUTE = 60 * 10**9


@pytest.fixture(scope="session")
def plan_of(session: Session, always: Session, beliefs_of: BeliefsOf, t0: int) -> Callable[..., ExecutionPlan]:
    def make(order: ParentOrder, listing: Listing, beliefs: Beliefs | None = None) -> ExecutionPlan:
        hours = always if listing.session == "24/7" else session
        return make_plan(order, Progress.start(order), beliefs or beliefs_of(listing), listing, hours, t0)

    return make


PlanOf = Callable[..., ExecutionPlan]


@given(
    lots=st.integers(1, 10**9),
    hours=st.floats(0.001, 24 * 6),
    per_day=st.sampled_from([0.0, 1e5, 1e9]),
    level=st.sampled_from([0.0, 10.0, 1e6]),
    urgency=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_a_plan_is_exact_even_and_in_the_window(
    lots: int,
    hours: float,
    per_day: float,
    level: float,
    urgency: float,
    coin: Listing,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
    plan_of: PlanOf,
) -> None:
    order = order_of(coin, lots * coin.lot_units, hours, urgency=urgency)
    beliefs = beliefs_of(coin, per_day=per_day, level_qty=level)
    if order.qty_units < coin.min_order_units(beliefs.price_units):
        with pytest.raises(Refused, match="smallest order"):
            plan_of(order, coin, beliefs)
        return
    plan = plan_of(order, coin, beliefs)
    quantities = [one.qty_units for one in plan.slices]
    assert sum(quantities) == order.qty_units
    assert max(quantities) - min(quantities) <= coin.lot_units
    assert min(quantities) >= coin.min_order_units(beliefs.price_units)
    assert max(quantities) <= coin.max_qty_units
    assert plan.slices[0].release_ns == order.start_ns
    assert plan.slices[-1].end_ns == order.end_ns
    lengths = [one.end_ns - one.release_ns for one in plan.slices]
    assert max(lengths) - min(lengths) <= 1
    many = -(-order.qty_units // coin.max_qty_units)
    assert 1 <= len(plan.slices) <= max(SLICES_MAX, many)
    assert len(plan.slices) <= many or min(lengths) >= INTERVAL_MIN_NS
    assert {one.tactic for one in plan.slices} == {"cross" if urgency == 1 else "post-and-chase"}
    assert from_json(to_json(plan), ExecutionPlan) == from_msgpack(to_msgpack(plan), ExecutionPlan) == plan


@given(
    qty=st.integers(1, 10**6),
    more=st.integers(0, 10**6),
    minutes=st.integers(1, 180),
    longer=st.integers(0, 180),
    per_day=st.sampled_from([0.0, 1e5, 1e8]),
)
def test_slices_do_not_fall_with_size_or_duration(
    qty: int,
    more: int,
    minutes: int,
    longer: int,
    per_day: float,
    equity: Listing,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
    plan_of: PlanOf,
) -> None:
    beliefs = beliefs_of(equity, per_day=per_day)

    def count(size: int, window: int) -> int:
        return len(plan_of(order_of(equity, size, window / 60), equity, beliefs).slices)

    assert 1 <= count(qty, minutes) <= count(qty + more, minutes)
    assert count(qty, minutes) <= count(qty, minutes + longer)


def test_a_measured_day_bounds_the_child(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    beliefs = beliefs_of(equity, per_day=1e6, level_qty=1e9)
    measured = replace(beliefs, volume=replace(beliefs.volume, assumed=False))
    assert len(plan_of(order_of(equity, 50_000), equity, beliefs).slices) == 1
    assert len(plan_of(order_of(equity, 50_000), equity, measured).slices) == 5


def test_asked_slices_are_kept_or_refused_with_the_nearest(
    equity: Listing, coin: Listing, order_of: OrderOf, plan_of: PlanOf
) -> None:
    assert [one.qty_units for one in plan_of(order_of(equity, 1000, slices=7), equity).slices] == [143] * 6 + [142]
    with pytest.raises(Refused, match="nearest is 3"):
        plan_of(order_of(equity, 3, slices=4), equity)
    with pytest.raises(Refused, match="over the largest order; nearest is 2"):
        plan_of(order_of(coin, 2 * coin.max_qty_units, slices=1), coin)


def test_every_assumption_and_the_beliefs_are_named(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    beliefs = beliefs_of(equity, per_day=0.0, level_qty=0.0)
    plan = plan_of(order_of(equity, 1000), equity, beliefs)
    assert {"depth", "participation", "take share", "posted fills", "impact speed"} <= {a.name for a in plan.assumed}
    assert len({a.name for a in plan.assumed}) == len(plan.assumed)
    assert plan.beliefs == (beliefs.hash,)
    assert plan.reasons[0] == "strategy twap"
    assert plan.reasons[-1] == "at the end: finish"


# Participation


def over_cap(plan: ExecutionPlan) -> Notice | None:
    return next((one for one in plan.warnings if one.code == "over-cap"), None)


@settings(max_examples=40)
@given(qty=st.integers(1000, 400_000), hours=st.floats(0.5, 5.5), cap=st.sampled_from([0.05, 0.15, 0.3]))
def test_over_cap_is_said_exactly_when_it_is_and_its_window_is_the_nearest(
    qty: int, hours: float, cap: float, equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    beliefs = beliefs_of(equity)
    order = order_of(equity, qty, hours, participation_max=cap)
    plan = plan_of(order, equity, beliefs)

    def fits(end_ns: int) -> bool:
        laid = TWAP.layout(
            Request(
                order=order,
                qty_units=qty,
                start_ns=order.start_ns,
                end_ns=end_ns,
                first_index=0,
                beliefs=beliefs,
                listing=equity,
                min_units=1,
            )
        )
        return all(
            one.qty_units <= cap * (one.qty_units + beliefs.volume.expected(one.release_ns, one.end_ns))
            for one in laid.slices
        )

    notice = over_cap(plan)
    assert (notice is None) == fits(order.end_ns)
    if notice is None:
        return
    found = re.search(r"--over (\S+) fits", notice.text)
    ends = [order.start_ns + m * MINUTE for m in range(1, 361) if m <= 60 or m % 5 == 0]
    nearest = next((end for end in ends if end > order.end_ns and fits(end)), None)
    assert (found and order.start_ns + parse_duration("over", found[1])) == nearest


def test_the_notice_reads_like_the_contract(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    plan = plan_of(order_of(equity, 100_000, 2.0), equity, beliefs_of(equity, per_day=2e6))
    notice = over_cap(plan)
    assert notice
    assert re.fullmatch(
        r"peak needs \d\d(\.\d)? % of expected volume, over your 15 %: --over \dh(\d+m)? fits", notice.text
    )
    hopeless = over_cap(plan_of(order_of(equity, 1_000_000, 2.0), equity))
    assert hopeless
    assert "no window before 2012-06-21T20:00:00Z fits" in hopeless.text
    even = int(re.search(r"even pace ([\d,]+) shares would", hopeless.text)[1].replace(",", ""))
    assert over_cap(plan_of(order_of(equity, even - 400, 6.0), equity)) is None
    assert over_cap(plan_of(order_of(equity, even + 400, 6.0), equity))


def test_unknown_volume_is_flagged_never_refused(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    plan = plan_of(order_of(equity, 10**7), equity, beliefs_of(equity, per_day=0.0))
    assert [one.code for one in plan.warnings] == ["unknown-volume"]
    assert "pacing follows the prints" in plan.warnings[0].text
    assert set(plan.expected_volume) == {0}
    assert {one.participation for one in plan.slices} == {0.0}
    assert plan.cost


# Windows


def test_a_window_outside_the_session_is_refused_with_what_fits(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf, t0: int
) -> None:
    with pytest.raises(Refused, match=r"after XNAS closes at 2012-06-21T20:00:00Z; --over 6h is the longest"):
        plan_of(order_of(equity, 100, 6.5), equity)
    late = replace(order_of(equity, 100), start_ns=t0 + 7 * HOUR, end_ns=t0 + 8 * HOUR)
    with pytest.raises(Refused, match=re.escape(f"next opens at {iso(t0 + 23 * HOUR + HOUR // 2)}")):
        plan_of(late, equity)
    assert plan_of(order_of(equity, 100, 6.0), equity)


def test_around_the_clock_goes_over_midnight(coin: Listing, order_of: OrderOf, plan_of: PlanOf) -> None:
    assert plan_of(order_of(coin, 10**6, 30.0), coin).slices[-1].end_ns == order_of(coin, 10**6, 30.0).end_ns


# Parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [("auctions", True), ("alpha_bps_per_hour", 5.0), ("participation_target", 0.1), ("participation_min", 0.1)],
)
def test_a_parameter_without_effect_is_refused_by_name(
    name: str, value: object, equity: Listing, order_of: OrderOf, plan_of: PlanOf
) -> None:
    with pytest.raises(Refused, match=f"twap does not honour {human_name(name)}"):
        plan_of(order_of(equity, 100, **{name: value}), equity)


def test_every_honoured_parameter_exists_and_passes(equity: Listing, order_of: OrderOf) -> None:
    assert TWAP.honours <= set(Parameters.__struct_fields__)
    check_parameters(
        order_of(
            equity,
            100,
            end_behaviour=EndBehaviour.RUN_ON,
            must_complete=True,
            participation_max=0.2,
            limit_units=2_200_000,
            urgency=0.3,
            slices=3,
        )
    )


def test_unknown_strategies_are_refused_and_auto_falls_back(
    equity: Listing, order_of: OrderOf, plan_of: PlanOf
) -> None:
    with pytest.raises(InputError, match="auto, is, pov, twap, vwap"):
        find_strategy("tawp")
    order = replace(order_of(equity, 1000), strategy="auto")
    plan = plan_of(order, equity)
    assert plan.strategy == "twap"
    assert "auto" in plan.reasons[0]
    assert end_behaviour(order) is EndBehaviour.FINISH
    assert end_behaviour(order_of(equity, 1, end_behaviour=EndBehaviour.CANCEL)) is EndBehaviour.CANCEL


class Point(EntryPoint):
    """An entry point whose object is given."""

    def load(self) -> object:
        return replace_name if self.value == "good:IT" else object()


replace_name = type(TWAP)(name="slow", honours=frozenset(), end_behaviour=EndBehaviour.CANCEL, layout=TWAP.layout)


def test_third_party_strategies_come_by_entry_point(
    monkeypatch: pytest.MonkeyPatch, equity: Listing, order_of: OrderOf, plan_of: PlanOf
) -> None:
    points = [Point("Slow", "good:IT", "nowake.strategies"), Point("odd", "bad:IT", "nowake.strategies")]
    monkeypatch.setattr(strategies, "entry_points", lambda group: points)
    assert plan_of(replace(order_of(equity, 1000), strategy="slow"), equity).strategy == "slow"
    with pytest.raises(InputError, match="bad:IT"):
        find_strategy("odd")
    with pytest.raises(InputError, match="auto, is, odd, pov, slow, twap"):
        find_strategy("none")


def test_a_limit_beyond_the_mid_is_said(equity: Listing, order_of: OrderOf, plan_of: PlanOf) -> None:
    codes = [one.code for one in plan_of(order_of(equity, 1000, limit_units=2_190_000), equity).warnings]
    assert codes == ["limit-away"]
    assert not plan_of(order_of(equity, 1000, limit_units=2_210_000), equity).warnings


def test_must_complete_with_cancel_is_said(equity: Listing, order_of: OrderOf, plan_of: PlanOf) -> None:
    order = order_of(equity, 1000, must_complete=True, end_behaviour=EndBehaviour.CANCEL)
    assert [one.code for one in plan_of(order, equity).warnings] == ["must-complete"]


# Progress


@given(filled=st.integers(0, 9000), open_units=st.integers(0, 500), minutes=st.integers(1, 119))
def test_replanning_moves_only_what_is_unsent(
    filled: int,
    open_units: int,
    minutes: int,
    equity: Listing,
    session: Session,
    beliefs_of: BeliefsOf,
    order_of: OrderOf,
    t0: int,
) -> None:
    order = order_of(equity, 10_000)
    unsent = order.qty_units - filled - open_units
    progress = Progress(
        filled_units=filled, open_units=open_units, unsent_units=unsent, next_slice_index=17, revision=3
    )
    now = t0 + minutes * MINUTE
    plan = make_plan(order, progress, beliefs_of(equity), equity, session, now)
    assert plan.qty_units == sum(one.qty_units for one in plan.slices) == unsent
    assert [one.index for one in plan.slices] == list(range(17, 17 + len(plan.slices)))
    assert (plan.revision, plan.asof_ns) == (3, now)
    assert plan.slices[0].release_ns == now
    assert plan.slices[-1].end_ns == order.end_ns


def test_replanning_keeps_the_part_of_asked_slices_that_is_left(
    equity: Listing, session: Session, beliefs_of: BeliefsOf, order_of: OrderOf, t0: int
) -> None:
    order = order_of(equity, 1200, slices=12)
    progress = Progress(filled_units=600, open_units=0, unsent_units=600, next_slice_index=6, revision=1)
    plan = make_plan(order, progress, beliefs_of(equity), equity, session, t0 + HOUR)
    assert [one.qty_units for one in plan.slices] == [100] * 6


def test_look_ahead_and_the_end_are_refused(
    equity: Listing, session: Session, beliefs_of: BeliefsOf, order_of: OrderOf, t0: int
) -> None:
    order, beliefs = order_of(equity, 1000), beliefs_of(equity)
    with pytest.raises(Refused, match="look-ahead"):
        make_plan(order, Progress.start(order), replace(beliefs, asof_ns=t0 + 1), equity, session, t0)
    with pytest.raises(Refused, match="the window ended"):
        make_plan(order, Progress.start(order), beliefs, equity, session, order.end_ns)
    done = Progress(filled_units=1000, open_units=0, unsent_units=0, next_slice_index=5, revision=1)
    with pytest.raises(Refused, match="nothing"):
        make_plan(order, done, beliefs, equity, session, t0)


def test_values_of_another_listing_are_refused(
    equity: Listing, coin: Listing, session: Session, beliefs_of: BeliefsOf, order_of: OrderOf, t0: int
) -> None:
    order = order_of(equity, 1000)
    with pytest.raises(InputError, match="beliefs"):
        make_plan(order, Progress.start(order), beliefs_of(coin), equity, session, t0)
    with pytest.raises(InputError, match="listing"):
        make_plan(order, Progress.start(order), beliefs_of(equity), coin, session, t0)


def test_without_a_price_there_is_a_plan_but_no_cost(
    equity: Listing, beliefs_of: BeliefsOf, order_of: OrderOf, plan_of: PlanOf
) -> None:
    plan = plan_of(order_of(equity, 1000), equity, replace(beliefs_of(equity), mid2=0))
    assert plan.cost is None
    assert [one.code for one in plan.warnings] == ["no-price"]


def test_smallest_orders_leave_room_for_the_price(coin: Listing) -> None:
    # 5 USDT at 50,000: 10 units of 0.00001 BTC; at 45,000 it takes 12, on the lot of 10: 20.
    assert smallest_order(coin, 5_000_000, 10_000) == 20
    assert smallest_order(coin, 5_000_000, 10) == 10
    assert smallest_order(coin, 0, 10_000) == 10


def test_the_same_values_give_the_same_plan(equity: Listing, order_of: OrderOf, plan_of: PlanOf) -> None:
    order = order_of(equity, 12_345)
    assert to_msgpack(plan_of(order, equity)) == to_msgpack(plan_of(order, equity))
    assert format_duration(order.end_ns - order.start_ns) == "2h"
