"""Beliefs from a view: only what was seen, everything else listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nowake.core.errors import Refused
from nowake.core.instrument import Listing
from nowake.core.sessions import Session
from nowake.core.value import from_msgpack, replace, to_msgpack
from nowake.core.view import View
from nowake.models.beliefs import Beliefs, beliefs_from_view
from nowake.models.volatility import realised_volatility

ViewOf = Callable[..., View]
HOUR = 3600 * 10**9


def names(beliefs: Beliefs) -> set[str]:
    return {one.name for one in beliefs.assumed}


def test_what_was_seen_is_used(view_of: ViewOf, equity: Listing, session: Session) -> None:
    beliefs = beliefs_from_view(view_of(equity), equity, session)
    # Half an hour with a variance of 3e-5: 13 of them in a day.
    assert beliefs.volatility.daily_bps == pytest.approx(1e4 * (13 * 3e-5) ** 0.5)
    assert beliefs.spread_bps == pytest.approx(1e4 * 1_500 / 2_201_000)
    assert beliefs.volume.known
    assert beliefs.level_qty == 120
    assert names(beliefs) == {"volume", "volume curve", "impact prefactor Y", "impact exponent"}


def test_own_prints_are_not_the_others(view_of: ViewOf, equity: Listing, session: Session) -> None:
    alone = beliefs_from_view(view_of(equity, volume_all=170_000), equity, session)
    beside = beliefs_from_view(view_of(equity, volume_own=10_000), equity, session)
    assert beside.volume == alone.volume


def test_what_was_not_seen_is_assumed_and_widens(view_of: ViewOf, coin: Listing, always: Session) -> None:
    seen = beliefs_from_view(view_of(coin), coin, always)
    blind = beliefs_from_view(
        view_of(coin, volume_all=0, realised_ns=0, realised_var=0.0, mid_ns=0, mid2_time=0, spread_time=0), coin, always
    )
    assert names(blind) == {"volume", "volatility", "spread", "impact prefactor Y", "impact exponent", "fees"}
    assert blind.spread_bps == pytest.approx(1e4 * 2_000 / 2_201_000)
    assert blind.volatility.relative_sd > seen.volatility.relative_sd
    assert blind.volume.relative_sd > seen.volume.relative_sd


def test_an_empty_book_leaves_the_last_print_as_price(view_of: ViewOf, coin: Listing, always: Session) -> None:
    empty = {"bid_units": 0, "bid_qty": 0, "ask_units": 0, "ask_qty": 0, "mid2_time": 0, "mid_ns": 0}
    assert beliefs_from_view(view_of(coin, last_units=99, **empty), coin, always).mid2 == 198
    nothing = beliefs_from_view(view_of(coin, **empty), coin, always)
    assert (nothing.mid2, nothing.level_qty) == (0, 0)
    assert "spread" in names(nothing)


def test_identity_is_content(view_of: ViewOf, equity: Listing, session: Session) -> None:
    one, same = (beliefs_from_view(view_of(equity), equity, session) for _ in range(2))
    other = beliefs_from_view(view_of(equity, volume_all=180_001), equity, session)
    assert one.hash == same.hash != other.hash
    assert from_msgpack(to_msgpack(one), Beliefs) == one


def test_look_ahead_and_foreign_views_are_refused(
    view_of: ViewOf, equity: Listing, coin: Listing, session: Session
) -> None:
    view = view_of(equity)
    with pytest.raises(Refused, match="look-ahead"):
        beliefs_from_view(replace(view, last_row_ns=view.t_ns + 1), equity, session)
    with pytest.raises(Refused, match="not of BTCUSDT"):
        beliefs_from_view(view, coin, session)


def test_volatility_of_a_frozen_price_is_assumed() -> None:
    frozen, assumed = realised_volatility(0.0, HOUR, 24 * HOUR, around_the_clock=True)
    assert frozen.assumed
    assert frozen.daily_bps > 0
    assert "never moved" in assumed[0].why


def test_volatility_error_shrinks_with_time() -> None:
    short, _ = realised_volatility(1e-5, HOUR // 6, 24 * HOUR, around_the_clock=True)
    long, _ = realised_volatility(1.2e-4, 2 * HOUR, 24 * HOUR, around_the_clock=True)
    assert short.daily_bps == pytest.approx(long.daily_bps)
    assert short.relative_sd > long.relative_sd > 0.25
