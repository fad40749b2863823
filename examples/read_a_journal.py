"""Read journals and print one line of transaction cost analysis for each, then what the first one's decisions were.

python examples/read_a_journal.py run.db [more.db ...]
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import nowake
from nowake.journal.reader import read_journal


def line(path: Path) -> str:
    report = nowake.measure(path).report
    instrument = report.listing.instrument
    filled = (
        f"{instrument.qty(report.filled_units):,f} of {instrument.qty(report.order.qty_units):,f} {instrument.base}"
    )
    total = "not measured" if report.shortfall is None else f"{report.shortfall.total_bps:+.2f} bps"
    share = "" if report.participation is None else f", {report.participation:.1%} of volume"
    side, listing = report.order.side.name, report.listing.key
    return f"{path.name}: {side} {filled} {listing}, {report.status}, shortfall {total}{share}"


def decisions(path: Path) -> Counter[str]:
    return Counter(type(one).__name__ for batch in read_journal(path).batches() for one in batch.decisions)


def main(paths: list[Path]) -> None:
    for path in paths:
        print(line(path))
    for name, count in sorted(decisions(paths[0]).items()):
        print(f"{count:6} {name}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main([Path(name) for name in sys.argv[1:]])
