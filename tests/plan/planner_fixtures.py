"""A listing with hours, one around the clock, beliefs of a given market, and orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal

import pytest

from nowake.core.instrument import FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.models.beliefs import Beliefs
from nowake.models.volatility import VolatilityBelief
from nowake.models.volume import U_SHAPE, VolumeBelief, trading_hours

HOUR = 3600 * 10**9
HOURS = Session(
    name="XNAS", zone="America/New_York", opens=time(9, 30), closes=time(16), weekdays=(0, 1, 2, 3, 4)
)  # fmt: skip
T0 = HOURS.at(date(2012, 6, 21), time(10))


@pytest.fixture(scope="session")
def session() -> Session:
    return HOURS


@pytest.fixture(scope="session")
def always() -> Session:
    return ALWAYS_OPEN


@pytest.fixture(scope="session")
def t0() -> int:
    """Return 10:00 in New York on 21 June 2012."""
    return T0


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
        lot_units=10,
        min_notional=Decimal(5),
        max_qty_units=900_000_000,
        fees=FeeSchedule(taker_bps=Decimal(10), maker_bps=Decimal(2), source="price list"),
    )


@pytest.fixture(scope="session")
def beliefs_of() -> Callable[..., Beliefs]:
    """Return beliefs of a market by its daily volume (0 = unknown), volatility and so on."""

    def make(listing: Listing, per_day: float = 2e6, vol_bps: float = 200.0, **fields: object) -> Beliefs:
        around = listing.session == "24/7"
        day_ns, windows = trading_hours(ALWAYS_OPEN if around else HOURS, T0)
        base = {
            "listing": listing.key,
            "asof_ns": T0,
            "mid2": 10_000_000 if around else 4_400_000,
            "spread_bps": 4.0,
            "volatility": VolatilityBelief(daily_bps=vol_bps, relative_sd=0.25),
            "volume": VolumeBelief(
                per_day=per_day,
                day_ns=day_ns,
                windows=windows,
                u_shape=0.0 if around else U_SHAPE,
                relative_sd=0.4 if per_day else 2.0,
                asof_ns=T0,
            ),
            "level_qty": 150.0,
            "fees": listing.fees,
        }
        return Beliefs(**(base | fields))

    return make


@pytest.fixture(scope="session")
def order_of() -> Callable[..., ParentOrder]:
    """Return an order from 10:00 on by listing, quantity units and hours; other words are parameters."""

    def make(
        listing: Listing, qty: int, hours: float = 2.0, side: Side = Side.BUY, **parameters: object
    ) -> ParentOrder:
        return ParentOrder(
            parent_id="p",
            listing=listing.key,
            side=side,
            qty_units=qty,
            decided_ns=T0,
            start_ns=T0,
            end_ns=T0 + int(hours * HOUR),
            parameters=Parameters(**parameters),
        )

    return make
