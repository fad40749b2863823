"""A listing with hours, one around the clock, and views of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal

import pytest

from nowake.core.instrument import FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.view import Integrity, View

SECOND = 1_000_000_000
HOURS = Session(
    name="XNAS", zone="America/New_York", opens=time(9, 30), closes=time(16), weekdays=(0, 1, 2, 3, 4)
)  # fmt: skip
DAY = date(2012, 6, 21)


@pytest.fixture(scope="session")
def session() -> Session:
    return HOURS


@pytest.fixture(scope="session")
def always() -> Session:
    return ALWAYS_OPEN


@pytest.fixture(scope="session")
def clock() -> Callable[..., int]:
    """Return the instant of a New York time on 21 June 2012."""
    return lambda hour, minute=0, second=0: HOURS.at(DAY, time(hour, minute, second))


@pytest.fixture(scope="session")
def equity() -> Listing:
    instrument = Instrument(
        symbol="AMZN",
        base="shares",
        quote="USD",
        kind=InstrumentKind.EQUITY,
        price_unit=Decimal("0.0001"),
        qty_unit=Decimal(1),
    )
    return Listing(
        instrument=instrument,
        venue="XNAS",
        ticks=(GridBand(from_units=0, step_units=100),),
        fees=FeeSchedule(taker_per_qty=Decimal("0.003"), maker_per_qty=Decimal("-0.002"), source="price list"),
        session="XNAS",
        volume_base="Nasdaq prints only",
    )


@pytest.fixture(scope="session")
def coin() -> Listing:
    instrument = Instrument(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        kind=InstrumentKind.SPOT,
        price_unit=Decimal("0.01"),
        qty_unit=Decimal("0.00001"),
    )
    return Listing(
        instrument=instrument,
        venue="binance-spot",
        ticks=(GridBand(from_units=0, step_units=1),),
        min_notional=Decimal(5),
        fees=FeeSchedule(taker_bps=Decimal(10), maker_bps=Decimal(10)),
    )


@pytest.fixture(scope="session")
def view_of(clock: Callable[..., int]) -> Callable[..., View]:
    """Return a view at 10:00 after half an hour of a quiet market; any field can be given."""

    def make(listing: Listing, **fields: object) -> View:
        now, half_hour = clock(10), 1800 * SECOND
        base = {
            "listing": listing.key,
            "t_ns": now,
            "row": 1000,
            "integrity": Integrity.OK,
            "bid_units": 2_200_000,
            "ask_units": 2_202_000,
            "bid_qty": 100,
            "ask_qty": 140,
            "volume_all": 180_000,
            "since_ns": now - half_hour,
            "mid_ns": half_hour,
            "mid2_time": 4_402_000 * half_hour // 10**6,
            "spread_time": 1_500 * half_hour // 10**6,
            "realised_var": 3e-5,
            "realised_ns": half_hour,
            "last_row_ns": now,
        }
        return View(**(base | fields))

    return make
