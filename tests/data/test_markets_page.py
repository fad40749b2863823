"""The table of recorded markets says what the files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from nowake.data.readers import READERS
from nowake.data.source import check_paths

PAGE = Path(__file__).resolve().parents[2] / "docs" / "markets.md"
FILES = {
    "LOBSTER AMZN, 5 levels": "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
    "LOBSTER AMZN, 1 level": "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip",
    "LOBSTER AAPL, 1 level": "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip",
    "Binance spot, both days": "binance/spot_*.gz",
    "Binance USD-M": "binance/usdm_*.gz",
    "Binance COIN-M, both days": "binance/coinm_*.gz",
    "Databento ESH4 mbo, both days": "databento/esh4-*.zst",
    "Databento ESU4 mbp-1": "databento/futures_mbp-1_*.zst",
    "Bitstamp orders, 5 h": "bitstamp/orders_*.parquet",
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_table_of_figures(recorded_data: Path, name: str) -> None:
    if name.startswith("Databento"):
        pytest.importorskip("databento_dbn")
    line = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |"))
    shown = [cell.strip().replace(",", "") for cell in line.strip("|").split("|")[1:]]
    (report,) = check_paths(sorted(recorded_data.glob(FILES[name])))
    offset = f"{report.clock_offset_ms:.1f}" if report.clock_offset_ms else ""
    seeded = str(report.seeded) if report.seeded else ""
    book = [report.gaps, report.crossed, report.compared, seeded, report.mismatched]
    figures = [report.lines, report.rows, *book, report.quarantined, report.prints, offset]
    assert shown == [str(figure) for figure in figures]
    assert report.locked == 0


def test_every_reader_has_a_line_and_every_line_a_reader() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    named = {line.split("`")[1] for line in lines if line.startswith("| `")}
    assert named == set(READERS)
