"""What was traded on the days of a tape or of a lake, by bins of each day's own session, kept in a cache.

A day of a lake is counted once: its bins are kept as a small JSON file named by what they are a function of, the
content hash of the recording, the part of it that the day's file holds, the session and the bins. A day that is
imported again with other rows has another hash and is counted afresh; nothing ever has to be thrown away by hand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from nowake.core.sessions import Session
from nowake.core.tape import I64, KIND_MASK, Row, Tape
from nowake.core.value import content_hash, from_json, to_json
from nowake.core.volume import DayVolume, VolumeSeen, bin_count
from nowake.data.build import column_hash
from nowake.data.lake import LakeEntry, list_lake, read_lake

FORMAT = 1
"""Raised when the same rows give other bins: it is part of every name in the cache."""


def day_volumes(tape: Tape, session: Session) -> tuple[DayVolume, ...]:
    """Return what was traded on every trading day that a tape touches, in order.

    Prints count at their exchange time; those outside the day's own session are left out. Whether a day is recorded
    whole is for the user of the values to judge (``DayVolume.whole``).
    """
    t_ns, qty = _prints(tape)
    first, last = int(tape.t_event.min()), int(tape.t_event.max())
    found = []
    for day, (opens, closes) in _trading_days(session, first, last):
        if first >= closes or last < opens:
            continue
        bins = bin_count(closes - opens)
        inside = (t_ns >= opens) & (t_ns < closes)
        at = (t_ns[inside] - opens) * bins // (closes - opens)
        # Sums of whole numbers below 2**53 are exact in floats.
        counted = np.bincount(at, weights=qty[inside].astype(np.float64), minlength=bins)
        found.append(
            DayVolume(
                day=day,
                opens_ns=opens,
                closes_ns=closes,
                bins=tuple(counted.tolist()),
                seen_from_ns=max(first, opens),
                seen_to_ns=min(last, closes),
                source=column_hash(tape.listing, (t_ns[inside], qty[inside])),
            )
        )
    return tuple(found)


def volume_today(tape: Tape, session: Session, t_ns: int) -> VolumeSeen | None:
    """Return what was traded from today's open, or the start of the tape, to ``t_ns``; only rows received by then.

    None when today does not trade, or nothing of it has passed.
    """
    hours = session.hours(session.trading_day(t_ns))
    if hours is None:
        return None
    local = tape.t_local()
    prints, kinds = local <= t_ns, tape.code & KIND_MASK
    prints &= (local >= hours[0]) & (local < hours[1]) & ((kinds == Row.TRADE) | (kinds == Row.FILL))
    since_ns, until_ns = max(hours[0], int(local[0])), min(hours[1], t_ns)
    if since_ns >= until_ns:
        return None
    return VolumeSeen(since_ns=since_ns, until_ns=until_ns, qty_units=int(tape.qty[prints].astype(np.int64).sum()))


def lake_volumes(
    folder: Path, symbol: str, session: Session, before: date, cache: Path | None = None
) -> tuple[DayVolume, ...]:
    """Return what was traded in one listing on the days of a lake before ``before``; later days are not even read.

    Args:
        folder: A lake.
        symbol: Key of the listing.
        session: Its trading hours.
        before: Trading day; a file of that day or a later one is left alone.
        cache: Folder for the counted days; None = count them now. One that cannot be written is no error.

    Raises:
        DataError: A file that has to be read is damaged.
    """
    entries = [one for one in list_lake(folder) if one.listing.key == symbol and one.part.day < before]
    whole = {one.part.day for one in entries}
    found: list[DayVolume] = []
    for entry in entries:
        # A trading day that opens on the evening before lies in two files.
        files = [entry.part.day - timedelta(days=1)] if session.overnight else []
        days = tuple(day for day in (*files, entry.part.day) if day in whole)
        kept = _kept(cache, [one for one in entries if one.part.day in days], session)
        if kept is not None and kept.is_file():
            read = _read_kept(kept)
            if read is not None:
                found += read
                continue
        counted = [
            one
            for tape in read_lake(folder, symbol, days)
            for one in day_volumes(tape, session)
            if one.day == entry.part.day
        ]
        if kept is not None:
            _keep(kept, counted)
        found += counted
    return tuple(found)


def _prints(tape: Tape) -> tuple[I64, I64]:
    kinds = tape.code & KIND_MASK
    at = (kinds == Row.TRADE) | (kinds == Row.FILL)
    return tape.t_event[at], tape.qty[at].astype(np.int64)


def _trading_days(session: Session, first_ns: int, last_ns: int) -> Iterator[tuple[date, tuple[int, int]]]:
    day, last = session.trading_day(first_ns), session.trading_day(last_ns)
    while day <= last:
        hours = session.hours(day)
        if hours is not None:
            yield day, hours
        day += timedelta(days=1)


def _kept(cache: Path | None, entries: Sequence[LakeEntry], session: Session) -> Path | None:
    """Return where the bins of a day are kept: a name that is a function of all they depend on."""
    if cache is None:
        return None
    rows = [(one.content_hash, one.part) for one in entries]
    return cache / f"{content_hash((FORMAT, rows, session))}.json"


def _read_kept(path: Path) -> list[DayVolume] | None:
    """Return the kept bins, None when the file cannot be used: then they are counted again."""
    try:
        return from_json(path.read_bytes(), list[DayVolume])
    except (OSError, ValueError):
        return None


def _keep(path: Path, counted: Sequence[DayVolume]) -> None:
    """Write the bins whole or not at all; a cache that cannot be written costs time, nothing else."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(to_json(list(counted)))
        scratch.replace(path)
    except OSError:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
