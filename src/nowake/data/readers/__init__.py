"""The table of readers. A new one is one new file here and one line in ``READERS``.

Third parties add theirs under the entry-point group ``nowake.readers``: each entry names a ``Reader``.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from zipfile import is_zipfile

from nowake.core.errors import DataError
from nowake.data.readers import binance, databento, lobster, mapped, order_events, tardis
from nowake.data.readers.base import Reader, ReadOptions
from nowake.data.readers.table import is_table

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        binance.READER,
        databento.READER,
        lobster.READER,
        order_events.READER,
        tardis.READER,
        mapped.READER,  # the last: it takes any table whose columns it knows
    )
}


@cache
def all_readers() -> dict[str, Reader]:
    """Return our readers and those of installed third parties, by name; ours win.

    Raises:
        DataError: An entry point does not name a ``Reader``.
    """
    found: dict[str, Reader] = {}
    for entry in entry_points(group="nowake.readers"):
        reader = entry.load()
        if not isinstance(reader, Reader):
            raise DataError(entry.value, "is not a nowake Reader", remedy="remove or repair that package")
        found[reader.name] = reader
    return {**found, **READERS}


def reader_of(path: Path) -> Reader:
    """Return the reader that recognises a file.

    Raises:
        DataError: It cannot be read, is empty, or no reader knows it.
    """
    if not path.is_file():
        what = "is no ordinary file" if path.exists() else "there is no such file"
        raise DataError(str(path), what, remedy="check the path")
    if path.stat().st_size == 0:
        raise DataError(path.name, "the file is empty", remedy="download or record it again")
    for reader in all_readers().values():
        if reader.sniff(path):
            return reader
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04" and not is_zipfile(path):
            raise DataError(path.name, "the zip file is truncated", remedy="download it again")
    from nowake.data.panels import is_panel

    known = ", ".join(sorted(all_readers()))
    remedy = "name its columns with --map" if is_table(path) else "give a file of one of these"
    if is_panel(path):
        raise DataError(path.name, "is a table over days, not a market", remedy="nowake.read_panel reads it as arrays")
    raise DataError(path.name, f"no reader recognises it (known: {known})", remedy=remedy)


__all__ = ["READERS", "ReadOptions", "Reader", "all_readers", "reader_of"]
