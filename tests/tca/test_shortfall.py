"""Perold and Wagner: the blotter numbers of SCIENCE 8, and the identities that hold for every execution."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.core.instrument import Instrument, InstrumentKind
from nowake.core.order import Side
from nowake.core.value import replace
from nowake.tca.shortfall import Execution, Shortfall, as_numbers, perold, wagner

CENTS = Instrument(
    symbol="ABC", base="shares", quote="USD", kind=InstrumentKind.EQUITY, price_unit=Decimal("0.01"),
    qty_unit=Decimal(1), money_unit=Decimal("0.01"),
)  # fmt: skip
SATOSHI = Instrument(
    symbol="XY", base="X", quote="Y", kind=InstrumentKind.SPOT, price_unit=Decimal("0.01"),
    qty_unit=Decimal("0.00001"),
)  # fmt: skip
INVERSE = Instrument(
    symbol="BTCUSD_PERP", base="contracts", quote="USD", kind=InstrumentKind.PERPETUAL, price_unit=Decimal("0.1"),
    qty_unit=Decimal(1), inverse=True, multiplier=Decimal(100),
)  # fmt: skip

executions = st.builds(
    lambda side, left, **fields: Execution(
        side=side, qty_units=max(1, left + sum(q for _, q in fields["fills"])), **fields
    ),
    side=st.sampled_from(Side),
    left=st.integers(-5, 10**6),
    fills=st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**6)), max_size=8).map(tuple),
    decision_mid2=st.integers(1, 10**7),
    arrival_mid2=st.integers(1, 10**7),
    last_mid2=st.integers(1, 10**7),
    fees_money=st.integers(-(10**6), 10**6),
)

# SCIENCE 8, blotter help: 10 buys of 500 at 10, 11, 10, ...; fees of 10.00 each; Pd = 10, Pn = 11.
COMPLETE = Execution(
    side=Side.BUY, qty_units=5000, fills=((1000, 500), (1100, 500)) * 5, decision_mid2=2000, arrival_mid2=2000,
    last_mid2=2200, fees_money=10 * 1000,
)  # fmt: skip
PARTIAL = replace(
    COMPLETE,
    fills=(COMPLETE.fills[0], *COMPLETE.fills[3:]),
    arrival_mid2=2050,
    fees_money=8 * 1000,
)


def test_the_complete_blotter_order() -> None:
    found = wagner(CENTS, COMPLETE)
    assert (found.total_money, found.total_bps) == (2600_00, 520)
    assert perold(CENTS, COMPLETE).total_money == 2600_00
    paper, actual = 5000 * (11 - 10), sum(q * (1100 - p) for p, q in COMPLETE.fills) // 100 - 100
    assert (paper, actual, paper - actual) == (5000, 2400, 2600)


def test_the_partial_blotter_order_split_both_ways() -> None:
    found, other = wagner(CENTS, PARTIAL), perold(CENTS, PARTIAL)
    assert (other.execution_money, other.opportunity_money, other.fees_money) == (2000_00, 1000_00, 80_00)
    assert (found.delay_money, found.trading_money) == (1250_00, 1000_00)
    assert (found.opportunity_money, found.fees_money) == (750_00, 80_00)
    assert found.total_money == other.total_money == 3080_00
    assert found.total_bps == 616
    assert as_numbers(CENTS, found) == {
        "delay": 1250, "trading": 1000, "opportunity": 750, "fees": 80, "total": 3080, "total_bps": 616,
    }  # fmt: skip


def test_a_sale_that_mirrors_a_purchase_costs_what_it_gains() -> None:
    bought, sold = wagner(CENTS, PARTIAL), wagner(CENTS, replace(PARTIAL, side=Side.SELL))
    assert sold.delay_money == -bought.delay_money
    assert sold.trading_money == -bought.trading_money
    assert sold.opportunity_money == -bought.opportunity_money
    assert sold.fees_money == bought.fees_money


@given(done=executions)
def test_both_splits_have_one_total_exactly(done: Execution) -> None:
    # Half a price unit x a quantity unit is a whole number of money units: nothing is rounded.
    assert wagner(SATOSHI, done).total_money == perold(SATOSHI, done).total_money


@given(done=executions)
def test_where_parts_are_rounded_the_totals_differ_by_their_rounding_only(done: Execution) -> None:
    for instrument in (CENTS, INVERSE):
        assert abs(wagner(instrument, done).total_money - perold(instrument, done).total_money) <= 2


@given(done=executions)
def test_the_printed_numbers_add_up_exactly(done: Execution) -> None:
    for instrument in (CENTS, SATOSHI, INVERSE):
        printed = json.loads(json.dumps(as_numbers(instrument, wagner(instrument, done))))
        parts = [printed[name] for name in ("delay", "trading", "opportunity", "fees")]
        assert parts[0] + parts[1] + parts[2] + parts[3] == printed["total"]
        exact = instrument.money(wagner(instrument, done).total_money)
        assert printed["total"] == pytest.approx(float(exact), rel=1e-12, abs=1e-9 * max(1.0, *map(abs, parts)))


def test_an_inverse_contract_costs_base_currency() -> None:
    # 10 contracts of 100 USD bought at 50,000 after an arrival at 40,000: 1000/40000 - 1000/50000 = 0.005 BTC.
    done = Execution(
        side=Side.BUY, qty_units=10, fills=((500_000, 10),), decision_mid2=800_000, arrival_mid2=800_000,
        last_mid2=800_000, fees_money=0,
    )  # fmt: skip
    found = wagner(INVERSE, done)
    assert as_numbers(INVERSE, found)["trading"] == 0.005
    assert found.total_bps == pytest.approx(2000)


def test_an_overfill_counts_against_the_last_price() -> None:
    done = replace(COMPLETE, fills=((1000, 6000),), last_mid2=1800, fees_money=0)
    assert wagner(CENTS, done).opportunity_money == 1000_00


def test_parts_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(InputError, match="total_money must be the sum of its parts 4, was 5"):
        Shortfall(delay_money=1, trading_money=1, opportunity_money=1, fees_money=1, total_money=5, total_bps=0.0)
    with pytest.raises(InputError, match="arrival_mid2 must be > 0"):
        replace(COMPLETE, arrival_mid2=0)
