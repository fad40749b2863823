"""The Python on the page about tapes runs, and its table says what the files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nowake.data.source import check_paths

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tape.md"
FILES = {
    "LOBSTER AMZN, 5 levels": "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
    "LOBSTER AMZN, 1 level": "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip",
    "LOBSTER AAPL, 1 level": "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip",
    "Binance spot, both days": "binance/spot_*.gz",
    "Binance USD-M": "binance/usdm_*.gz",
    "Binance COIN-M, both days": "binance/coinm_*.gz",
}


def test_python_blocks_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {})


@pytest.mark.parametrize("name", sorted(FILES))
def test_table_of_figures(recorded_data: Path, name: str) -> None:
    line = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |"))
    shown = [cell.strip().replace(",", "") for cell in line.strip("|").split("|")[1:]]
    (report,) = check_paths(sorted(recorded_data.glob(FILES[name])))
    offset = f"{report.clock_offset_ms:.1f}" if report.clock_offset_ms else ""
    seeded = str(report.seeded) if report.seeded else ""
    figures = [report.lines, report.rows, report.compared, seeded, report.mismatched, report.prints, offset]
    assert shown == [str(figure) for figure in figures]
    assert (report.gaps, report.crossed, report.locked, report.quarantined) == (0, 0, 0, 0)
