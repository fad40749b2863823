"""The facade: what ``import nowake`` shows. Human units in, values out; each call is one step of the main job.

>>> import nowake
>>> order = nowake.order("buy", 2_000, "SYNTH", over="10m")
>>> nowake.plan_order(order).qty_units
2000
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from nowake.app.outlets import Outlets, complaint, opened
from nowake.app.planning import plan_request
from nowake.app.request import OrderRequest
from nowake.app.results import Result, check_new_journal, read_result, resume_run, work_prepared
from nowake.app.stated import Beliefs
from nowake.app.venue_rules import rules_of
from nowake.app.venues_file import Venues, venues_of
from nowake.app.venues_results import VenuesResult, read_venues
from nowake.app.venues_results import work_venues as work_prepared_venues
from nowake.app.venues_run import prepare_venues
from nowake.app.wiring import RunOptions, prepare
from nowake.core.errors import InputError, Refused
from nowake.core.order import Side
from nowake.core.plan import ExecutionPlan
from nowake.core.routing import StrategyDecision
from nowake.core.sessions import to_ns
from nowake.core.tape import Tape
from nowake.core.terms import TERMS
from nowake.core.units import number_text
from nowake.plan.frontier import Frontier
from nowake.telemetry.telemetry import Telemetry

NUMBERS = {"fees", "latency"}
"""Options that are text, but may be given as a number."""

Paths = str | Path | Sequence[str | Path]


def read_tape(
    paths: Paths, symbol: str | None = None, *, allow: Sequence[str] = (), columns: str = "", listing: str = ""
) -> Tape:
    """Return a recorded market: one listing, from lake folders or recorded files.

    Args:
        paths: A lake, a file, or several; files of one listing are joined in time order.
        symbol: ``AMZN`` or ``AMZN@XNAS``; needed only where the paths hold several listings.
        allow: Names of faults that shall not refuse the tape.
        columns: Of CSV and Parquet files: ``time=ts,price=px,qty=size``, or the path of a JSON or TOML file.
        listing: What recorded files are of, ``MSFT@XNAS``; empty = what they say themselves.

    Raises:
        DataError: A path is missing, unusable or unsound; says where and what to do.
        InputError: The paths hold several listings and ``symbol`` does not say which.
    """
    from nowake.data.readers.mapping import parse_mapping
    from nowake.data.source import open_tapes

    many = _paths("paths", paths)
    if not many:
        raise InputError("paths", paths, "a lake, a recorded file, or several")
    if symbol is not None and not isinstance(symbol, str):
        raise InputError("symbol", symbol, "text such as AMZN or AMZN@XNAS")
    for name, text in (("columns", columns), ("listing", listing)):
        if not isinstance(text, str):
            raise InputError(name, text, "text")
    mappings = parse_mapping(columns) if columns else ()
    tapes = open_tapes(many, symbol, allow=_texts("allow", allow), mappings=mappings, listing=listing)
    if len(tapes) > 1:
        names = ", ".join(tape.listing.key for tape in tapes)
        raise InputError("symbol", symbol, "given, as the paths hold several listings", f"say which: {names}")
    return tapes[0]


def order(
    side: str | int | Side,
    quantity: str | float | Decimal,
    symbol: str,
    *,
    start: str | datetime = "",
    end: str | datetime = "",
    over: str = "",
    max_participation: str | float = 0.15,
    limit: str | float | Decimal = "",
    **options: Any,
) -> OrderRequest:
    """Return a large order as a person states it; nothing is sent.

    Args:
        side: ``buy`` or ``sell`` (``B``, ``S``, ``SS``, FIX 1, 2, 5), or a ``Side``.
        quantity: Shares, base asset or contracts; ``"5m-USDT"`` is a value in quote currency.
        symbol: ``AMZN`` or ``AMZN@XNAS``; ``SYNTH`` is the synthetic market.
        start: Aware datetime, ISO text, ``"10:00"`` in the session's zone, ``"open+30m"``; empty = at once.
        end: As ``start``; or give ``over``.
        over: Duration, ``"2h"``.
        max_participation: Own share of volume, at most.
        limit: Never trade at a worse price.
        **options: ``strategy`` (``auto``, the router chooses, unless one is named), ``end_behaviour``,
            ``must_complete``, ``urgency``, ``slices``, ``participation``, ``limit_offset``, ``i_would``, ``display``,
            ``min_fill``, ``never_take``, ``randomise_time``, ``discretion``, ``tz``, ``parent_id`` and more; see
            ``OrderRequest``.

    Raises:
        InputError: A field is not what it must be.
    """
    known = OrderRequest.__struct_fields__
    for name in options:
        if name not in known:
            raise InputError("option", name, f"one of {', '.join(known)}")
    options |= {name: number_text(name, options[name]) for name in TERMS if name in options}
    return OrderRequest(
        side=side.name.lower() if isinstance(side, Side) else number_text("side", side),
        quantity=number_text("quantity", quantity),
        symbol=symbol,
        start=_moment("start", start),
        end=_moment("end", end),
        over=over,
        max_participation=number_text("max_participation", max_participation),
        limit=number_text("limit", limit),
        **options,
    )


def plan_order(
    request: OrderRequest, tape: Tape | None = None, *, beliefs: Beliefs | None = None, **options: Any
) -> ExecutionPlan:
    """Return how the order would be worked and what that will cost. Sends and writes nothing.

    Args:
        request: From ``order``.
        tape: From ``read_tape``; None = the synthetic market for ``SYNTH``, else what ``beliefs`` state.
        beliefs: What you state of the market: enough to plan without a tape, and in place of what a tape shows.
        **options: ``history``, ``seed``, ``impact``, ``fees``, ``latency``, ``queue_model``; ``rules``, the path of a
            file or a ``VenueRules``; see ``RunOptions``.

    Raises:
        InputError: The order is not one, or does not fit the market; says what does.
    """
    return plan_request(_order(request), _options(beliefs, options), tape=_tape(tape)).plan


def route_order(
    request: OrderRequest, tape: Tape | None = None, *, beliefs: Beliefs | None = None, **options: Any
) -> StrategyDecision:
    """Return which way the order would best be traded, and everything that was weighed; prints as a table.

    Args:
        request: From ``order``; a strategy other than ``auto`` is shown beside the ranking, with what it costs more.
        tape: As in ``plan_order``.
        beliefs: As in ``plan_order``.
        **options: As in ``plan_order``.

    Raises:
        InputError: The order is not one, does not fit the market, or asks what no strategy honours.
    """
    asked = _order(request)
    found = plan_request(asked, _options(beliefs, options), tape=_tape(tape)).decision
    if found is None:
        raise Refused(f"there is nothing to weigh {asked.strategy} against", "ask for auto")
    return found


def order_frontier(
    request: OrderRequest, tape: Tape | None = None, *, beliefs: Beliefs | None = None, **options: Any
) -> Frontier:
    """Return what the order would cost over other horizons, or followed at other rates of volume.

    Args:
        request: From ``order``.
        tape: As in ``plan_order``.
        beliefs: As in ``plan_order``.
        **options: As in ``plan_order``.

    Raises:
        InputError: The order is not one, or does not fit the market; says what does.
    """
    return plan_request(_order(request), _options(beliefs, options), tape=_tape(tape)).frontier()


def work_order(
    request: OrderRequest,
    tape: Tape | None = None,
    *,
    journal: str | Path | None = None,
    log: str | Path = "",
    metrics: str | Path = "",
    log_level: str = "info",
    beliefs: Beliefs | None = None,
    **options: Any,
) -> Result:
    """Work the order on the recorded or synthetic market to its end, and measure it.

    Args:
        request: From ``order``.
        tape: From ``read_tape``; None = the synthetic market, for ``SYNTH`` only.
        journal: Path of a new journal file; None keeps it in memory.
        log: File to which events are appended, a JSON line each; ``-`` = standard error; empty = no log.
        metrics: File that gets counts and timings as Prometheus text; empty = none.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        beliefs: What you state of the market, in place of what the tape shows.
        **options: ``history``, ``seed``, ``impact``, ``fees``, ``latency``, ``queue_model``; ``rules``, the path of a
            file or a ``VenueRules``; see ``RunOptions``.

    Raises:
        InputError: The order is not one, or does not fit the market; says what does.
        JournalError: The journal exists or cannot be written.
    """
    since_s = time.monotonic()
    path = None if journal is None else _journal_path(journal)
    with _told(log, metrics, log_level, path) as telemetry:
        prepared = prepare(_order(request), _options(beliefs, options), tape=_tape(tape), command="work")
        return work_prepared(prepared, path, since_s=since_s, telemetry=telemetry)


def work_venues(
    request: OrderRequest, venues: str | Path | Venues, *, journal: str | Path | None = None, **options: Any
) -> VenuesResult:
    """Work one order over several simulated venues on one clock to its end, and measure it venue by venue.

    Args:
        request: From ``order``. A bare symbol is divided over all venues; ``SYNTH@NEAR`` is worked on that one.
        venues: Path of a TOML or JSON file with a table a venue (docs/how-to/several-venues.md).
        journal: Path of a new journal file; None keeps it in memory.
        **options: ``seed``, ``impact``, ``queue_model``; ``fees``, ``latency``, ``rules``, ``faults`` of venues that
            state none.

    Raises:
        InputError: The order or the file is not what it must be, or they do not fit; says what does.
        JournalError: The journal exists or cannot be written.
    """
    since_s = time.monotonic()
    path = None if journal is None else _journal_path(journal)
    if path is not None:
        check_new_journal(path)
    prepared = prepare_venues(_order(request), _options(None, {**options, "venues": venues}))
    return work_prepared_venues(prepared, path, since_s=since_s)


def measure_venues(journal: str | Path) -> VenuesResult:
    """Return the measured execution in a journal of several venues, finished or not.

    Raises:
        JournalError: Not such a journal, or damaged.
    """
    return read_venues(_journal_path(journal))


def resume_order(
    journal: str | Path,
    tapes: Paths = (),
    *,
    log: str | Path = "",
    metrics: str | Path = "",
    log_level: str = "info",
) -> Result:
    """Carry an interrupted run to its end: what was journaled is not done again.

    Args:
        journal: Path of its journal.
        tapes: Where its tapes are now, when they moved.
        log: As in ``work_order``; what was journaled before is not told again.
        metrics: As in ``work_order``; of what this process does.
        log_level: As in ``work_order``.

    Raises:
        JournalError: Not a journal, open elsewhere, damaged, or of other code or tapes.
    """
    path, named = _journal_path(journal), tuple(str(one) for one in _paths("tapes", tapes))
    with _told(log, metrics, log_level, path) as telemetry:
        result, _ = resume_run(path, named, telemetry=telemetry)
    return result


def measure(journal: str | Path) -> Result:
    """Return the measured execution in a journal, finished or not.

    Raises:
        JournalError: Not a journal, or damaged.
    """
    return read_result(_journal_path(journal))


@contextmanager
def _told(log: object, metrics: object, level: object, journal: Path | None) -> Iterator[Telemetry | None]:
    """Yield what a call tells; a log that could not be kept is a warning, the result is whole."""
    for name, value in (("log", log), ("metrics", metrics)):
        if not isinstance(value, str | Path):
            raise InputError(name, value, "the path of a file")
    if not isinstance(level, str):
        raise InputError("log_level", level, "text")
    outlets = Outlets(log=str(log), metrics=str(metrics), level=level)
    outlets.check(journal=journal)
    with opened(outlets) as telemetry:
        yield telemetry
    if said := complaint(telemetry):
        warnings.warn(said, RuntimeWarning, stacklevel=4)


def _moment(field: str, value: object) -> str:
    """Return a time as text; a naive one is refused."""
    if isinstance(value, datetime):
        to_ns(value, field)
        return value.isoformat()
    if not isinstance(value, str):
        raise InputError(field, value, "text or an aware datetime")
    return value


def _paths(field: str, paths: object) -> list[Path]:
    """Return one path or several as a list."""
    if isinstance(paths, str | Path):
        paths = [paths]
    if not isinstance(paths, Sequence) or not all(isinstance(one, str | Path) and str(one) for one in paths):
        raise InputError(field, paths, "a path or a list of paths")
    return [Path(one) for one in paths]


def _texts(field: str, texts: object) -> tuple[str, ...]:
    """Return one text or several as a tuple."""
    if isinstance(texts, str):
        return (texts,)
    if not isinstance(texts, Sequence) or not all(isinstance(one, str) for one in texts):
        raise InputError(field, texts, "a list of texts")
    return tuple(texts)


def _journal_path(journal: object) -> Path:
    if not isinstance(journal, str | Path) or not str(journal):
        raise InputError("journal", journal, "the path of a journal")
    return Path(journal)


def _order(request: object) -> OrderRequest:
    if not isinstance(request, OrderRequest):
        raise InputError("order", request, "made by nowake.order(...)")
    return request


def _tape(tape: object) -> Tape | None:
    if tape is not None and not isinstance(tape, Tape):
        raise InputError("tape", tape, "made by nowake.read_tape(...)")
    return tape


def _options(beliefs: object, options: dict[str, Any]) -> RunOptions:
    if beliefs is not None and not isinstance(beliefs, Beliefs):
        raise InputError("beliefs", beliefs, "made by nowake.Beliefs(...)")
    known = [name for name in RunOptions.__struct_fields__ if name != "beliefs"]
    for name in options:
        if name not in known:
            raise InputError("option", name, f"one of {', '.join(known)}")
    for name in NUMBERS & options.keys():
        options = {**options, name: number_text(name, options[name])}
    if "history" in options:
        options = {**options, "history": tuple(str(one) for one in _paths("history", options["history"]))}
    if "rules" in options:
        options = {**options, "rules": rules_of(options["rules"])}
    if "venues" in options:
        options = {**options, "venues": venues_of(options["venues"])}
    return RunOptions(**options, beliefs=beliefs or Beliefs())


__all__ = [
    "Beliefs",
    "OrderRequest",
    "Result",
    "RunOptions",
    "measure",
    "measure_venues",
    "order",
    "order_frontier",
    "plan_order",
    "read_tape",
    "resume_order",
    "route_order",
    "work_order",
    "work_venues",
]
