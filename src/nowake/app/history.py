"""The past days that an order's volume curve may rest on: earlier days of its own tape, and of ``--history``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.jit import user_cache
from nowake.core.sessions import Session
from nowake.core.tape import Tape
from nowake.core.volume import DayVolume
from nowake.data.day_volumes import day_volumes, lake_volumes
from nowake.models.volume_curve import VolumeHistory, estimate_history


def find_history(
    listing: Listing,
    session: Session,
    t_ns: int,
    paths: Sequence[str] = (),
    tape: Tape | None = None,
    *,
    mapping: str = "",
    stated: str = "",
) -> VolumeHistory | None:
    """Return what the trading days before that of ``t_ns`` say of a listing's volume, None where none is whole.

    Args:
        listing: What is traded.
        session: Its trading hours.
        t_ns: When the order arrives.
        paths: Lakes or recorded files with past days; a day found twice counts once, the first of ``paths`` first.
        tape: The order's own; its earlier days are used as well.
        mapping: Text of ``--map``, for recorded files among the paths.
        stated: Text of ``--listing``, for the same.

    Raises:
        InputError: The paths hold nothing of the listing.
        DataError: A path is missing or unusable.
    """
    traded = session.trading_day(t_ns)
    days: dict[object, DayVolume] = {}
    for path in paths:
        for one in _days_at(Path(path), listing, session, t_ns, mapping, stated):
            days.setdefault(one.day, one)
    if tape is not None and session.trading_day(int(tape.t_event[0])) < traded:
        for one in day_volumes(tape, session):
            days.setdefault(one.day, one)
    return estimate_history([one for one in days.values() if one.day < traded], session, traded, listing.key)


def _days_at(
    path: Path, listing: Listing, session: Session, t_ns: int, mapping: str, stated: str
) -> Sequence[DayVolume]:
    from nowake.data.lake import is_lake, list_lake
    from nowake.data.readers.mapping import parse_mapping
    from nowake.data.source import open_tapes

    if path.is_dir() and is_lake(path):
        known = {entry.listing.key for entry in list_lake(path)}
        if listing.key not in known:
            raise InputError("history", str(path), f"a lake with {listing.key}", f"it holds {', '.join(sorted(known))}")
        return lake_volumes(path, listing.key, session, session.trading_day(t_ns), user_cache() / "volume")
    mappings = parse_mapping(mapping) if mapping else ()
    (tape,) = open_tapes([path], listing.key, mappings=mappings, listing=stated)
    return day_volumes(tape, session)
