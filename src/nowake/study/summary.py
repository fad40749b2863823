"""What the runs of a study say: costs by what was varied, and differences between twins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from nowake.study.tables import Table

COST = "cost_bps"


def varied(frame: pl.DataFrame, inputs: Sequence[str]) -> list[str]:
    """Return the inputs that take more than one value."""
    return [name for name in inputs if frame[name].n_unique() > 1]


def levels(frame: pl.DataFrame, by: Sequence[str]) -> Table:
    """Return the cost by the values of some inputs: runs, mean and its standard error, sd, part filled, in the band."""
    done = frame.filter(pl.col("refused") == "")
    inside = (pl.col(COST) >= pl.col("p05_bps")) & (pl.col(COST) <= pl.col("p95_bps"))
    table = (
        done.group_by(list(by) or [pl.lit("all").alias("runs of")], maintain_order=False)
        .agg(
            pl.len().alias("runs"),
            pl.col(COST).mean().alias("mean"),
            pl.col(COST).std().alias("sd"),
            pl.col("filled").mean().alias("filled"),
            inside.mean().alias("band"),
        )
        .sort(list(by) or ["runs of"])
    )
    head = (
        *([name.split(".", 1)[1] for name in by] or ["runs of"]),
        "runs",
        "cost bps",
        "se",
        "sd",
        "filled",
        "in the 90 % band",
    )
    rows = []
    for row in table.iter_rows(named=True):
        sd, n = row["sd"], row["runs"]
        se = "" if sd is None else f"{sd / math.sqrt(n):.2f}"
        cells = [*(str(row[name]) for name in by or ["runs of"]), f"{n:,}", f"{row['mean']:+.2f}", se]
        band = "" if row["band"] is None else f"{row['band']:.0%}"
        rows.append((*cells, "" if sd is None else f"{sd:.2f}", f"{row['filled']:.1%}", band))
    return Table(title="Cost", head=head, rows=tuple(rows))


def differences(frame: pl.DataFrame, inputs: Sequence[str], compare: str) -> Table:
    """Return the cost of each value of ``compare`` less that of the first, over twins: runs alike in all else.

    The standard error is that of the mean of independent pairs; orders of one market at one time are not.
    """
    done = frame.filter(pl.col("refused") == "")
    others = [name for name in inputs if name != compare]
    values = done[compare].unique().sort().to_list()
    rows = []
    base = done.filter(pl.col(compare) == values[0]).select(*others, pl.col(COST).alias("base")) if values else done
    for value in values[1:]:
        mine = done.filter(pl.col(compare) == value)
        pairs = mine.join(base, on=others, how="inner", nulls_equal=True) if others else mine.join(base, how="cross")
        apart = (pairs[COST] - pairs["base"]).to_list()
        if not apart:
            continue
        mean = math.fsum(apart) / len(apart)
        spread = math.fsum((one - mean) ** 2 for one in apart)
        se = f"{math.sqrt(spread / (len(apart) - 1) / len(apart)):.2f}" if len(apart) > 1 else ""
        rows.append((f"{value} less {values[0]}", f"{len(apart):,}", f"{mean:+.2f}", se))
    title = f"Twins: difference by {compare.split('.', 1)[1]}"
    return Table(title=title, head=("", "pairs", "cost bps", "se"), rows=tuple(rows))
