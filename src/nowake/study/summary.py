"""What the runs of a study say: costs by what was varied, and differences between twins.

Orders on one market at one time (same tape or synthetic seed, same start) move together, so standard errors are
cluster-robust: with residuals e of n runs in G markets, se^2 = G / (G - 1) * sum_g (sum of e in g)^2 / n^2 (Liang &
Zeger 1986, for a mean); with one market there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from nowake.study.table import Table

COST = "cost_bps"


MARKET = ("order.symbol", "order.start", "world.tapes", "world.regime", "world.seed")


def clustered_error(values: Sequence[float], clusters: Sequence[str]) -> float | None:
    """Return the standard error of the mean of values in clusters; None with less than two clusters."""
    mean = math.fsum(values) / len(values) if values else 0.0
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums.setdefault(cluster, []).append(value - mean)
    if len(sums) < 2:
        return None
    square = math.fsum(math.fsum(one) ** 2 for one in sums.values())
    return math.sqrt(len(sums) / (len(sums) - 1) * square) / len(values)


def _with_market(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with each run's market; the seed of a recorded one draws our luck, not the market."""
    named = [pl.col(name).cast(pl.String).fill_null("") for name in MARKET if name in frame.columns]
    market = pl.concat_str(named or [pl.lit("")], separator="\n")
    if "world.tapes" in frame.columns and "world.seed" in frame.columns:
        recorded = pl.concat_str(named[:-1], separator="\n")
        market = pl.when(pl.col("world.tapes").fill_null("") != "").then(recorded).otherwise(market)
    return frame.with_columns(market.alias("market"))


def varied(frame: pl.DataFrame, inputs: Sequence[str]) -> list[str]:
    """Return the inputs that take more than one value."""
    return [name for name in inputs if frame[name].n_unique() > 1]


def levels(frame: pl.DataFrame, by: Sequence[str]) -> Table:
    """Return the cost by the values of some inputs: runs, mean and its standard error, sd, part filled, in the band."""
    done = _with_market(frame.filter(pl.col("refused") == "").sort("key"))
    inside = (pl.col(COST) >= pl.col("p05_bps")) & (pl.col(COST) <= pl.col("p95_bps"))
    table = (
        done.group_by(list(by) or [pl.lit("all").alias("runs of")], maintain_order=False)
        .agg(
            pl.len().alias("runs"),
            pl.col(COST).mean().alias("mean"),
            pl.col(COST).std().alias("sd"),
            pl.col("filled").mean().alias("filled"),
            inside.mean().alias("band"),
            pl.col(COST).alias("costs"),
            pl.col("market").alias("markets"),
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
    for row in table.filter(pl.col("runs") > 0).iter_rows(named=True):
        sd, n = row["sd"], row["runs"]
        known = [(cost, where) for cost, where in zip(row["costs"], row["markets"], strict=True) if cost is not None]
        error = clustered_error([cost for cost, _ in known], [where for _, where in known])
        se = "" if error is None else f"{error:.2f}"
        mean = "" if row["mean"] is None else f"{row['mean']:+.2f}"
        cells = [*(str(row[name]) for name in by or ["runs of"]), f"{n:,}", mean, se]
        band = "" if row["band"] is None else f"{row['band']:.0%}"
        rows.append((*cells, "" if sd is None else f"{sd:.2f}", f"{row['filled']:.1%}", band))
    return Table(title="Cost", head=head, rows=tuple(rows))


def refusals(frame: pl.DataFrame) -> Table:
    """Return why runs were refused, the commonest reason first; they are in no other table."""
    found = (
        frame.filter(pl.col("refused") != "")
        .group_by("refused")
        .len()
        .sort(["len", "refused"], descending=[True, False])
    )
    rows = tuple((why, f"{count:,}") for why, count in found.iter_rows())
    return Table(title="Refused, and left out", head=("why", "runs"), rows=rows)


def differences(frame: pl.DataFrame, inputs: Sequence[str], compare: str) -> Table:
    """Return the cost of each value of ``compare`` less that of the first, over twins: runs alike in all else.

    The standard error counts the pairs of one market as one draw.
    """
    done = _with_market(frame.filter((pl.col("refused") == "") & pl.col(COST).is_not_null()).sort("key"))
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
        error = clustered_error(apart, pairs["market"].to_list())
        se = "" if error is None else f"{error:.2f}"
        rows.append((f"{value} less {values[0]}", f"{len(apart):,}", f"{mean:+.2f}", se))
    title = f"Twins: difference by {compare.split('.', 1)[1]}"
    return Table(title=title, head=("", "pairs", "cost bps", "se"), rows=tuple(rows))
