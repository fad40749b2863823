"""The shipped catalogue, and a file of one's own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from nowake.core.errors import DataError, InputError
from nowake.core.instrument import Catalogue
from nowake.core.value import replace, to_json
from nowake.data.catalogue import load_catalogue
from nowake.data.sessions import session
from nowake.sim.synthetic.parameters import LISTING as SYNTH_LISTING


def test_shipped_listings() -> None:
    catalogue = load_catalogue()
    keys = {listing.key for listing in catalogue.listings}
    assert keys >= {
        *("AMZN@XNAS", "AAPL@XNAS", "SYNTH@SIM", "ESH4@GLBX", "ESU4@GLBX", "BTCUSD@bitstamp"),
        *("BTCUSDT@binance-spot", "BTCUSDT@binance-usdm", "BTCUSD_PERP@binance-coinm"),
    }
    for listing in catalogue.listings:
        assert session(listing.session)
        assert listing.fees.source != ""
        assert listing.volume_base


def test_grids_bind_as_the_venue_says() -> None:
    catalogue = load_catalogue()
    amzn = catalogue.find("amzn")
    assert amzn.tick_units(amzn.instrument.price_units("223.81")) == 100
    assert amzn.tick_units(amzn.instrument.price_units("0.5")) == 1
    spot = catalogue.find("BTCUSDT@binance-spot")
    price = spot.instrument.price_units("61837.63")
    assert spot.order_problem(price, spot.instrument.qty_units("0.00009")) is None
    assert spot.order_problem(price, spot.instrument.qty_units("0.00008")) is not None  # under 5 USDT
    assert spot.order_problem(price, spot.instrument.qty_units("0.000095")) is not None  # off the lot
    coin = catalogue.find("BTCUSD_PERP")
    assert coin.instrument.notional(coin.instrument.price_units(50_000), 10) == Decimal("0.02")


def test_own_file_overrides(tmp_path: Path) -> None:
    mine = replace(load_catalogue().find("AMZN"), lot_units=100)
    path = tmp_path / "mine.json"
    path.write_bytes(to_json(Catalogue(listings=(mine,))))
    assert load_catalogue(path).find("AMZN").lot_units == 100
    assert load_catalogue(path).find("AAPL").lot_units == 1


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_catalogue(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('{"listings": [{"venue": "X"}]}')
    with pytest.raises(DataError, match="not a catalogue"):
        load_catalogue(tmp_path / "bad.json")


def test_the_synthetic_listing_is_the_one_of_the_simulator() -> None:
    assert load_catalogue().find("SYNTH") == SYNTH_LISTING


def test_bare_symbol_of_two_venues_names_them() -> None:
    with pytest.raises(InputError, match="BTCUSDT@binance-spot, BTCUSDT@binance-usdm"):
        load_catalogue().find("BTCUSDT")


def test_a_futures_contract_is_worth_its_multiplier() -> None:
    future = load_catalogue().find("ESH4")
    assert future.instrument.notional(future.instrument.price_units("4800.25"), 2) == 480_025
    assert future.order_problem(future.instrument.price_units("4800.25"), 1) is None
    with pytest.raises(InputError):
        future.instrument.price_units("4800.10")
