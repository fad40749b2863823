"""What a study keeps: Parquet files in a folder, one for every chunk that was done, a row a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nowake.core.errors import DataError
from nowake.core.value import content_hash

PART = "runs-*.parquet"

Row = dict[str, Any]
"""``key`` and what else a run came to: texts, numbers, truth values, None."""


def read_rows(folder: Path) -> pl.DataFrame:
    """Return every run that is kept, each once, in the order of their keys; no columns where there are none.

    Raises:
        DataError: A file is damaged.
    """
    parts = []
    for path in sorted(folder.glob(PART)):
        try:
            part = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(str(path), "is no part of a study", remedy="delete it: its runs are made again") from error
        if part.schema.get("key") != pl.String:
            raise DataError(str(path), "is no part of a study", remedy="move it, or give the study a folder of its own")
        parts.append(part)
    if not parts:
        return pl.DataFrame({"key": []}, schema={"key": pl.String})
    return pl.concat(parts, how="diagonal_relaxed").unique("key", keep="first").sort("key")


def keep_rows(folder: Path, rows: Sequence[Row]) -> None:
    """Add the rows of a chunk: the file is whole and on the disk, or it is not there."""
    name = content_hash(tuple(sorted(row["key"] for row in rows)))[:24]
    path, made = folder / f"runs-{name}.parquet", folder / f".{name}.{os.getpid()}.new"
    try:
        with made.open("wb") as file:
            pl.DataFrame(rows, infer_schema_length=None).write_parquet(file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
        _sync_folder(folder)
    finally:
        made.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring the names of a folder to the disk: a file whose name is lost is lost."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
