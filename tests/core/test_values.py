"""Values validate themselves, and survive both codecs unchanged."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core import decisions, ids, inputs
from nowake.core.child import ChildOrder, Fill, Liquidity, OrderType, TimeInForce
from nowake.core.errors import InputError
from nowake.core.instrument import Catalogue, FeeSchedule, GridBand, Instrument, InstrumentKind, Listing, ListingKind
from nowake.core.order import EndBehaviour, Parameters, ParentOrder, Side
from nowake.core.plan import CostEstimate, ExecutionPlan, ExecutionSlice
from nowake.core.ports import Record
from nowake.core.value import content_hash, from_json, from_msgpack, replace, to_json, to_msgpack
from nowake.core.view import Integrity, Timer, View, Watch, WatchKind
from nowake.data.catalogue import load_catalogue

STOCK = Instrument(
    symbol="AMZN",
    base="shares",
    quote="USD",
    kind=InstrumentKind.EQUITY,
    price_unit=Decimal("0.0001"),
    qty_unit=Decimal(1),
)
COIN = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    kind=InstrumentKind.SPOT,
    price_unit=Decimal("0.01"),
    qty_unit=Decimal("0.00001"),
)
INVERSE = Instrument(
    symbol="BTCUSD_PERP",
    base="contracts",
    quote="USD",
    kind=InstrumentKind.PERPETUAL,
    inverse=True,
    multiplier=Decimal(100),
    price_unit=Decimal("0.1"),
    qty_unit=Decimal(1),
)

view = st.builds(
    View,
    listing=st.just("A@B"),
    t_ns=st.integers(0, 2**62),
    row=st.integers(0, 2**40),
    integrity=st.sampled_from([Integrity.OK, Integrity.EMPTY | Integrity.GAP, Integrity.HALTED]),
    bid_units=st.integers(0, 10**9),
    ask_units=st.integers(0, 10**9),
    bid_qty=st.integers(0, 10**12),
    ask_qty=st.integers(0, 10**12),
    notional_all=st.integers(0, 2**62),
    realised_var=st.floats(0, 1),
    queues=st.lists(st.tuples(st.text(max_size=5), st.integers(0, 10**6)), max_size=3).map(tuple),
)
child = st.builds(
    ChildOrder,
    child_id=st.text("abc", min_size=1),
    parent_id=st.just("p"),
    leg=st.just("00000/B/post"),
    attempt=st.integers(0, 9),
    listing=st.just("A@B"),
    side=st.sampled_from(Side),
    order_type=st.just(OrderType.LIMIT),
    tif=st.sampled_from(TimeInForce),
    price_units=st.integers(1, 10**9),
    qty_units=st.integers(1, 10**9),
    role=st.just("post"),
)
fill = st.builds(
    Fill,
    child_id=st.text("abc", min_size=1),
    trade_id=st.text("123", min_size=1),
    price_units=st.integers(1, 10**9),
    qty_units=st.integers(1, 10**9),
    fee_money=st.integers(-(10**9), 10**9),
    liquidity=st.sampled_from(Liquidity),
    t_venue_ns=st.integers(0, 2**62),
)
records = st.one_of(
    st.builds(inputs.Woken, t_ns=st.integers(0, 2**62), parent_id=st.just("p"), fired=st.just(("a", "b")), view=view),
    st.builds(inputs.Filled, t_ns=st.integers(0, 2**62), fill=fill, view=st.none() | view),
    st.builds(
        decisions.ChildSubmitted,
        child=child,
        slice_index=st.integers(0, 99),
        plan_revision=st.integers(0, 3),
        tactic=st.just("cross"),
        reason=st.text(max_size=20),
        gate=st.just((decisions.Verdict(control="limit", passed=True),)),
    ),
    st.builds(
        decisions.WatchSet,
        watch=st.builds(
            Watch,
            watch_id=st.just("w"),
            parent_id=st.just("p"),
            listing=st.just("A@B"),
            kind=st.just(WatchKind.VOLUME),
            a=st.integers(0, 2**62),
        ),
    ),
    st.builds(
        decisions.TimerSet,
        timer=st.builds(Timer, timer_id=st.just("t"), parent_id=st.just("p"), t_ns=st.integers(0, 2**62)),
    ),
)


@given(record=records)
def test_records_round_trip_through_both_codecs(record):
    assert from_msgpack(to_msgpack(record), Record) == record
    assert from_json(to_json(record), Record) == record
    assert to_msgpack(from_msgpack(to_msgpack(record), Record)) == to_msgpack(record)


@given(
    urgency=st.sampled_from([0, 1, 0.5]),
    cap=st.sampled_from([1, 0.15]),
    behaviour=st.none() | st.sampled_from(EndBehaviour),
    limit=st.none() | st.integers(1, 2**62),
)
def test_an_order_has_one_identity_however_its_numbers_were_written(urgency, cap, behaviour, limit):
    order = ParentOrder(
        parent_id="p",
        listing="A@B",
        side=Side.SELL,
        qty_units=5,
        decided_ns=0,
        start_ns=1,
        end_ns=2,
        parameters=Parameters(urgency=urgency, participation_max=cap, end_behaviour=behaviour, limit_units=limit),
    )
    again = from_msgpack(to_msgpack(order), ParentOrder)
    assert again == order
    assert content_hash(again) == content_hash(order) == content_hash(from_json(to_json(order), ParentOrder))


def test_every_input_and_decision_is_a_record_with_its_own_tag():
    classes = [c for module in (inputs, decisions) for c in vars(module).values() if isinstance(c, type)]
    tags = [c.__struct_config__.tag for c in classes if getattr(getattr(c, "__struct_config__", None), "tag", None)]
    assert len(tags) == len(set(tags)) >= 25


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"qty_units": 0}, "quantity"),
        ({"qty_units": -5}, "quantity"),
        ({"qty_units": 2**63}, "quantity"),
        ({"end_ns": 1}, "end_ns"),
        ({"start_ns": -1}, "start_ns"),
        ({"listing": "AMZN"}, "listing"),
        ({"parent_id": ""}, "parent_id"),
        ({"parent_id": "x" * 65}, "parent_id"),
    ],
)
def test_a_parent_order_refuses_what_is_out_of_its_domain(change, field):
    good = {
        "parent_id": "p",
        "listing": "A@B",
        "side": Side.BUY,
        "qty_units": 1,
        "decided_ns": 0,
        "start_ns": 1,
        "end_ns": 2,
    }
    with pytest.raises(InputError) as caught:
        ParentOrder(**{**good, **change})
    assert caught.value.field == field


@pytest.mark.parametrize(
    "change",
    [
        {"participation_max": 0},
        {"participation_max": 1.01},
        {"participation_max": float("nan")},
        {"participation_min": 0.2},
        {"participation_target": 0.5},
        {"urgency": -0.1},
        {"urgency": float("inf")},
        {"limit_units": 0},
        {"slices": 0},
        {"slices": 100_001},
        {"i_would_units": 5},
        {"randomise_time": 1.0},
        {"discretion_units": -1},
        {"limit_offset_bps": 20_000},
        {"participation_by_price": ((5, 0.1), (4, 0.1))},
        {"participation_by_time": ((5, 1.1),)},
        {"alpha_bps_per_hour": float("nan")},
        {"display_randomise": 2},
    ],
)
def test_parameters_refuse_what_is_out_of_their_domain(change):
    with pytest.raises(InputError, match=next(iter(change))[:8]):
        Parameters(**change)


@pytest.mark.parametrize("text", ["buy", "B", "1", 1, "Buy", Side.BUY])
def test_sides_are_understood(text):
    assert Side.parse(text) is Side.BUY


@pytest.mark.parametrize("text", ["S", "SS", "2", "5", "sell"])
def test_sell_sides_are_understood(text):
    assert Side.parse(text) is Side.SELL


def test_an_unknown_side_is_refused():
    with pytest.raises(InputError, match="side must be buy or sell"):
        Side.parse("hold")


def test_plans_hold_slices_that_sum_and_do_not_overlap():
    def plan(slices, qty=3):
        return ExecutionPlan(
            parent_id="p",
            strategy="twap",
            listing="A@B",
            side=Side.BUY,
            revision=0,
            asof_ns=0,
            qty_units=qty,
            cap=0.15,
            slices=slices,
            expected_volume=(0,) * len(slices),
        )

    one = ExecutionSlice(index=0, release_ns=0, end_ns=5, qty_units=1)
    two = ExecutionSlice(index=1, release_ns=5, end_ns=9, qty_units=2)
    made = plan((one, two))
    assert [made.target_units(t) for t in (-1, 0, 4, 5)] == [0, 1, 1, 3]
    for bad, qty in [((one, two), 4), ((two, one), 3), ((one, replace(two, release_ns=4)), 3), ((), 3)]:
        with pytest.raises(InputError):
            plan(bad, qty)


def test_a_cost_must_equal_its_parts():
    parts = {"spread_bps": 1.0, "temporary_bps": 2.0, "permanent_bps": 0.5, "fees_bps": 0.25}
    rest = {"sd_bps": 1, "p05_bps": 0, "p50_bps": 1, "p95_bps": 9, "timing_risk_bps": 1, "parameter_sd_bps": 0}
    assert CostEstimate(mean_bps=3.75, **parts, **rest).mean_bps == 3.75
    with pytest.raises(InputError, match="the sum of its parts"):
        CostEstimate(mean_bps=3.7, **parts, **rest)


def test_units_are_exact_and_refuse_what_is_off_the_grid():
    assert STOCK.price_units("223.95") == 2_239_500
    assert COIN.qty_units("5") == 500_000
    assert COIN.notional(COIN.price_units("61837.63"), COIN.qty_units("0.1")) == Decimal("6183.763")
    assert INVERSE.notional(INVERSE.price_units(50_000), 5) == Decimal("0.01")
    with pytest.raises(InputError, match=r"quantity must be a multiple of 0\.00001"):
        COIN.qty_units("0.000001")


def test_fees_are_integers_in_the_money_unit_and_rebates_are_negative():
    fees = FeeSchedule(maker_bps=Decimal(-1), taker_bps=Decimal(10), taker_per_qty=Decimal("0.003"), source="test")
    price, qty = STOCK.price_units("100"), 200
    assert STOCK.money(fees.fee(STOCK, price, qty, maker=True)) == Decimal(-2)
    assert STOCK.money(fees.fee(STOCK, price, qty, maker=False)) == Decimal("20.6")


def listing(**changes):
    values = {"instrument": STOCK, "venue": "XNAS", "ticks": (GridBand(from_units=0, step_units=100),)}
    return Listing(**{**values, **changes})


def test_a_listing_knows_its_smallest_order_and_why_it_refuses():
    coin = Listing(
        instrument=COIN,
        venue="binance-spot",
        ticks=(GridBand(from_units=0, step_units=1),),
        min_notional=Decimal(5),
        max_qty_units=10**6,
    )
    price = COIN.price_units(60_000)
    least = coin.min_order_units(price)
    assert COIN.notional(price, least) >= 5 > COIN.notional(price, least - 1)
    assert coin.order_problem(price, least) is None
    assert "under the venue's minimum" in str(coin.order_problem(price, least - 1))
    assert "over the venue's maximum" in str(coin.order_problem(price, 10**6 + 1))
    assert "tick grid" in str(listing().order_problem(101, 1))


def test_grids_start_at_zero_and_rise():
    bands = (GridBand(from_units=0, step_units=1), GridBand(from_units=10_000, step_units=100))
    assert [listing(ticks=bands).tick_units(p) for p in (1, 9_999, 10_000)] == [1, 1, 100]
    for bad in ((), bands[::-1], bands[1:]):
        with pytest.raises(InputError, match="ticks"):
            listing(ticks=bad)


def test_only_a_dark_listing_has_a_reference():
    with pytest.raises(InputError, match="reference"):
        listing(kind=ListingKind.DARK)
    with pytest.raises(InputError, match="reference"):
        listing(reference="A@B")


def test_a_bare_symbol_that_fits_two_listings_is_refused_with_the_candidates():
    catalogue = Catalogue(listings=(listing(), listing(venue="ARCX")))
    assert catalogue.find("amzn@xnas").venue == "XNAS"
    with pytest.raises(InputError, match="say which: AMZN@XNAS, AMZN@ARCX"):
        catalogue.find("AMZN")
    with pytest.raises(InputError, match="a known listing"):
        catalogue.find("MSFT")
    with pytest.raises(InputError, match="listed once"):
        Catalogue(listings=(listing(), listing()))


def test_child_ids_are_functions_of_content():
    one = ids.child_id("p", "00000/X/post", 0)
    assert one == ids.child_id("p", "00000/X/post", 0)
    assert len(one) == ids.CHILD_ID_LENGTH
    others = {ids.child_id(p, leg, a) for p in ("p", "p0") for leg in ("0/X/post", "00/X/post") for a in (0, 1, 10)}
    assert len(others) == 12


def test_joining_parts_of_an_id_is_unambiguous():
    assert ids.digest("ab", "c") != ids.digest("a", "bc")


@settings(deadline=None)
@given(st.lists(st.text("ab:é1") | st.integers(), min_size=1, max_size=4), st.integers(1, 51))
def test_an_id_is_base_32_of_the_hash_from_its_low_end(parts, length):
    text = "".join(f"{len(str(part))}:{part}" for part in parts).encode()
    number = int.from_bytes(hashlib.blake2b(text, digest_size=32).digest(), "big")
    written = ids.digest(*parts, length=length)
    assert len(written) == length
    assert int(written[::-1], 32) == number % 32**length  # Python's own reading of base 32


def test_child_orders_hold_together():
    good = {
        "child_id": "c",
        "parent_id": "p",
        "leg": "l",
        "attempt": 0,
        "listing": "A@B",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "tif": TimeInForce.GTC,
        "price_units": 1,
        "qty_units": 1,
        "role": "post",
    }
    assert ChildOrder(**good)
    bad = [
        {"order_type": OrderType.MARKET},
        {"order_type": OrderType.MARKET, "price_units": 0},
        {"order_type": OrderType.POST_ONLY, "tif": TimeInForce.IOC},
        {"price_units": 0},
        {"qty_units": 0},
    ]
    for change in bad:
        with pytest.raises(InputError):
            ChildOrder(**{**good, **change})


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b'{"\xff":1}', b"[]", b'{"side":3}'])
def test_what_does_not_decode_is_an_input_error(data):
    with pytest.raises(InputError, match="a valid ParentOrder"):
        from_json(data, ParentOrder)
    with pytest.raises(InputError, match="a valid ParentOrder"):
        from_msgpack(data, ParentOrder)


def test_equal_values_have_equal_bytes_however_they_came_to_be():
    typed = Parameters(urgency=float("0.5"), participation_max=float("0.15"), must_complete=bool(0))
    assert typed == Parameters()
    assert to_msgpack(typed) == to_msgpack(Parameters())
    order = {"parent_id": "p", "listing": "A@B", "side": Side.BUY, "qty_units": 1, "decided_ns": 0, "start_ns": 1}
    strategy = "".join(["t", "wap"])
    assert content_hash(ParentOrder(**order, end_ns=2, strategy=strategy)) == content_hash(
        ParentOrder(**order, end_ns=2)
    )


@pytest.mark.parametrize(
    ("symbol", "base", "currency"),
    [("BTCUSD_PERP", "contracts", "BTC"), ("ETHUSD_240927", "contracts", "ETH"), ("BTCUSD_PERP", "XBT", "XBT")],
)
def test_an_inverse_contract_is_valued_in_what_it_settles_in(symbol, base, currency):
    assert replace(INVERSE, symbol=symbol, base=base).currency == currency


def test_a_linear_instrument_is_valued_in_its_quote_currency():
    assert load_catalogue().find("BTCUSDT@binance-usdm").instrument.currency == "USDT"
    assert load_catalogue().find("ESH4@GLBX").instrument.currency == "USD"
    assert load_catalogue().find("BTCUSD_PERP@binance-coinm").instrument.currency == "BTC"
