"""Tables over days as arrays: what is read is what other readers read, and what is wrong is refused in a sentence."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nowake
from nowake.core.errors import DataError, InputError
from nowake.data.panels import DailyBars, DailyPanel, ImpactPanel, VolumeBins, read_panel
from nowake.data.sessions import session


def test_volume_bins_with_days(recorded_data: Path) -> None:
    path = recorded_data / "volume_bins" / "volume_aapl_15min.csv"
    found = nowake.read_panel(path)
    assert isinstance(found, VolumeBins)
    frame = pl.read_csv(path)
    assert np.array_equal(found.volume, frame.drop("date").to_numpy())
    assert [str(day) for day in found.days] == frame["date"].to_list()
    assert (found.starts[0], found.starts[-1], found.volume.shape) == (time(9, 30), time(15, 45), (124, 26))
    days = found.day_volumes(session("XNAS"))
    assert len(days) == 124
    assert days[0].day == date(2019, 1, 2)
    assert days[0].total == pytest.approx(frame.row(0)[1:] and sum(frame.row(0)[1:]))
    assert days[0].whole
    with pytest.raises(InputError, match="from the open of 24/7"):
        found.day_volumes(session("24/7"))


def test_bare_volume_bins_are_days_in_columns(recorded_data: Path) -> None:
    path = recorded_data / "volume_bins" / "volume_adbe_26x124.csv"
    found = read_panel(path)
    assert isinstance(found, VolumeBins)
    assert np.array_equal(found.volume, np.loadtxt(path, delimiter=",").T)
    assert found.volume.shape == (124, 26)
    with pytest.raises(InputError, match="names its days"):
        found.day_volumes(session("XNAS"))


@pytest.mark.parametrize(("name", "shape"), [("returns", (251, 29)), ("volumes", (252, 28)), ("sigmas", (252, 28))])
def test_daily_panels(recorded_data: Path, name: str, shape: tuple[int, int]) -> None:
    path = recorded_data / "portfolio" / f"cvxportfolio_{name}.csv"
    found = read_panel(path)
    assert isinstance(found, DailyPanel)
    assert (found.name, found.values.shape) == (name, shape)
    assert np.array_equal(found.values, pl.read_csv(path).drop("Date").to_numpy())
    assert found.symbols[0] == "AAPL"


def test_daily_bars(recorded_data: Path) -> None:
    path = recorded_data / "portfolio" / "us_daily_252_symbols_2019_2021.parquet"
    found = read_panel(path)
    assert isinstance(found, DailyBars)
    assert found.close.shape == (580, 252)
    wide = pl.read_parquet(path).pivot(on="symbol", index="date", values="close").sort("date")
    expected = wide.select(found.symbols).to_numpy().astype(float)
    assert np.array_equal(found.close, expected, equal_nan=True)
    assert np.isnan(found.volume).sum() == 580 * 252 - 144_974


def test_impact_panel(recorded_data: Path) -> None:
    path = recorded_data / "impact_panel" / "taq_impact_panel_first30d.parquet"
    found = read_panel(path)
    assert isinstance(found, ImpactPanel)
    frame = pl.read_parquet(path)
    assert (len(found.symbols), len(found.day), int(found.day.max())) == (506, 15_148, 29)
    assert [found.symbols[i] for i in found.symbol.tolist()] == frame["symbol"].to_list()
    assert np.array_equal(found.imbalance, frame["imbalance"].to_numpy())
    assert not found.value.flags.writeable
    assert np.array_equal(found.terminal, frame["terminalPrice"].fill_null(np.nan).to_numpy(), equal_nan=True)
    assert np.isnan(found.terminal).sum() == 718


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("date,09:30\n2019-01-02,-1\n", "has a volume below 0"),
        ("date,09:30\n2019-01-02,nan\n", "has a volume below 0"),
        ("date,09:30,09:45\n2019-01-02,1\n", "line 2: has 2 cells, not 3"),
        ("date,09:30\n2019-01-02,x\n", "line 2: holds no number"),
        ("date,09:30\nmonday,1\n", "first column is no day"),
        ("date,09:30\n2019-01-03,1\n2019-01-02,1\n", "days are not in order"),
        ("date,09:45,09:30\n2019-01-03,1,2\n", "bins are not in order"),
        ("date,09:99\n2019-01-03,1\n", "a bin at no time"),
        ("Date,A,A\n2019-01-03,1,2\n", "names a symbol twice"),
        ("Date,A\n2019-01-03,inf\n", "no number"),
        ("Date,A\n", "has no days"),
        ("1,2\n3\n", "line 2: has 1 cells, not 2"),
        ("\x00\x01\x02", "holds no volume|no day|no number|not a CSV|has no days"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "panel.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_panel(tmp_path / "panel.csv")


def test_a_parquet_file_of_something_else(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="none of the panels"):
        read_panel(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="no such file"):
        read_panel(tmp_path / "none.csv")
    bad = {"symbol": ["A", "A"], "day": [0, 0], "imbalance": [1.0, 1.0]}
    prices = {name: [1.0, 1.0] for name in ("totalDailyValue", "arrivalPrice", "terminalPrice", "vwap330", "vwapClose")}
    pl.DataFrame({**bad, **prices}).write_parquet(tmp_path / "twice.parquet")
    with pytest.raises(DataError, match="a symbol twice on a day"):
        read_panel(tmp_path / "twice.parquet")
    pl.DataFrame({**bad, "day": [0, 1], **prices, "vwap330": [1.0, 0.0]}).write_parquet(tmp_path / "zero.parquet")
    with pytest.raises(DataError, match="vwap330 that is not above 0"):
        read_panel(tmp_path / "zero.parquet")
