"""Benchmarks against the numbers of SCIENCE 8 and against plain sums."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.view import Integrity, View
from nowake.tca.benchmarks import average_price, ex_own_vwap, interval, slippage_bps

# SCIENCE 8, "VWAP etc", recomputed there by two independent programs.
FILLS = [(Fraction("100.02"), 300), (Fraction("100.05"), 200), (Fraction("100.10"), 400)]
PRINTS = [(100, 1000), (Fraction("100.04"), 2000), (Fraction("100.08"), 1500), (Fraction("100.12"), 500)]

prints = st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**9)), max_size=20)


def make_view(t_ns: int, **fields: int) -> View:
    return View(
        listing="A@B", t_ns=t_ns, row=0, integrity=Integrity.OK,
        **{"bid_units": 100, "ask_units": 101, "bid_qty": 1, "ask_qty": 1, **fields},
    )  # fmt: skip


def test_the_numbers_of_the_science_page() -> None:
    own, market = average_price(FILLS), average_price(PRINTS)
    assert own is not None
    assert market == Fraction("100.052")
    assert float(own) == pytest.approx(100.0622222, abs=5e-8)
    assert slippage_bps(Side.BUY, own, market) == pytest.approx(1.021691, abs=5e-7)
    assert slippage_bps(Side.SELL, own, market) == pytest.approx(-1.021691, abs=5e-7)
    assert 900 / 5000 == 0.18


@given(own=prints.filter(bool), others=prints.filter(bool))
def test_ex_own_vwap_is_the_vwap_of_the_others(own: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    mine, everything, rest = average_price(own), average_price(own + others), average_price(others)
    assert mine is not None
    assert everything is not None
    qty = sum(q for _, q in own)
    share = Fraction(qty, qty + sum(q for _, q in others))
    assert ex_own_vwap(mine, everything, share) == rest


@pytest.mark.parametrize("share", [1, 1.5, -0.1])
def test_a_market_that_is_all_ours_has_no_other_price(share: float) -> None:
    with pytest.raises(InputError, match=r"share must be in \[0, 1\)"):
        ex_own_vwap(100, 100, share)


def test_nothing_has_no_average_and_zero_is_no_benchmark() -> None:
    assert average_price([]) is None
    with pytest.raises(InputError, match="benchmark must be a price"):
        slippage_bps(Side.BUY, 100, 0)


@given(before=prints, during=prints)
def test_interval_is_the_difference_of_two_views(before: list[tuple[int, int]], during: list[tuple[int, int]]) -> None:
    def sums(told: list[tuple[int, int]]) -> dict[str, int]:
        return {"volume_all": sum(q for _, q in told), "notional_all": sum(p * q for p, q in told)}

    market = interval(make_view(5, **sums(before)), make_view(9, **sums(before + during)))
    assert market.vwap_units == average_price(during)


def test_twap_is_the_time_weighted_mid() -> None:
    # Mid 100 for 3 ms and 110 for 1 ms, as twice the mid x ns / 1e6.
    first = make_view(0, mid2_time=777, mid_ns=12_345)
    last = make_view(4_000_000, mid2_time=777 + 200 * 3 + 220 * 1, mid_ns=12_345 + 4_000_000)
    assert interval(first, last).twap_units == Fraction(205, 2)
    assert interval(first, first).twap_units == Fraction(201, 2)
    empty = make_view(0, bid_units=0)
    assert interval(empty, empty).twap_units is None
    assert interval(empty, empty).vwap_units is None


def test_views_out_of_order_or_of_two_listings_are_refused() -> None:
    with pytest.raises(InputError, match="last_ns must be"):
        interval(make_view(5), make_view(4))
    with pytest.raises(InputError, match="volume_units must be"):
        interval(make_view(5, volume_all=7), make_view(6))
