"""The table of recorded tables says what the files say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nowake.core.errors import DataError
from nowake.data.checks import CheckReport
from nowake.data.panels import DailyBars, DailyPanel, Panel, VolumeBins, read_panel
from nowake.data.source import check_paths

PAGE = Path(__file__).resolve().parents[2] / "docs" / "markets.md"
FILES = {
    "US quotes and trades, 5 days": "us_equity_nbbo/*.parquet",
    "1-minute bars, 230 days": "bars/SPY_1min*.parquet",
    "1-minute bars with book means, 130 days": "bars/qqq*.parquet",
    "5-minute bars, 74 days": "bars/us_5min*.parquet",
    "1-minute bars, two venues": "two_venues/btc*.parquet",
    "polled quotes, two venues": "two_venues/kalshi*.parquet",
    "aggregate trades": "trades/*.parquet",
    "one order book": "crypto_l3_snapshot/*.parquet",
}


@cache
def reports(folder: Path, name: str) -> tuple[CheckReport, ...]:
    return check_paths(sorted(folder.glob(FILES[name])))


@pytest.mark.parametrize("name", sorted(FILES))
def test_table_of_figures(recorded_data: Path, name: str) -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |")]
    shown = [[cell.strip().replace(",", "") for cell in line.strip("|").split("|")[1:]] for line in lines]
    wanted = [
        [r.listing, *(r.lines, r.rows, r.crossed, r.locked, r.quarantined, r.skipped, r.prints, r.off_exchange)]
        for r in reports(recorded_data, name)
    ]
    assert shown == [[str(cell) for cell in row] for row in wanted]
    assert all(one.faults == () and one.gaps == 0 and one.overtaken == 0 for one in reports(recorded_data, name))


PANELS = {
    "AAPL volume, 15 minutes": "volume_bins/volume_aapl_15min.csv",
    "ADBE volume, 15 minutes": "volume_bins/volume_adbe_26x124.csv",
    "Dow returns": "portfolio/cvxportfolio_returns.csv",
    "Dow volumes": "portfolio/cvxportfolio_volumes.csv",
    "Dow sigmas": "portfolio/cvxportfolio_sigmas.csv",
    "US daily bars": "portfolio/us_daily_252_symbols_2019_2021.parquet",
    "US impact panel": "impact_panel/taq_impact_panel_first30d.parquet",
}


def described(panel: Panel) -> tuple[str, int]:
    """Return shape in words and how many values are missing."""
    if isinstance(panel, VolumeBins):
        return "{} days x {} bins".format(*panel.volume.shape), int(np.isnan(panel.volume).sum())
    if isinstance(panel, DailyPanel):
        return "{} days x {} symbols".format(*panel.values.shape), int(np.isnan(panel.values).sum())
    if isinstance(panel, DailyBars):
        return "{} days x {} symbols".format(*panel.close.shape), int(np.isnan(panel.close).sum())
    columns = (panel.arrival, panel.terminal, panel.vwap330, panel.vwap_close)
    missing = sum(int(np.isnan(column).sum()) for column in columns)
    return f"{len(panel.day):,} rows x {len(panel.symbols)} symbols", missing


@pytest.mark.parametrize("name", sorted(PANELS))
def test_table_of_panels(recorded_data: Path, name: str) -> None:
    (line,) = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |")]
    panel = read_panel(recorded_data / PANELS[name])
    shape, missing = described(panel)
    assert [cell.strip() for cell in line.strip("|").split("|")[1:]] == [type(panel).__name__, shape, f"{missing:,}"]


def test_a_panel_is_no_market(recorded_data: Path) -> None:
    for name in PANELS.values():
        with pytest.raises(DataError, match=r"is a table over days, not a market; nowake.read_panel"):
            check_paths([recorded_data / name])
