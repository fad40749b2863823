"""The table of recorded tables says what the files say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from nowake.data.checks import CheckReport
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
