"""Builds the object graph of a run by hand: request and options in, market, environment, journal and world out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec

from nowake.app import run_options
from nowake.app.assumed import market_assumptions, world_assumptions
from nowake.app.buffered import BufferedStore
from nowake.app.history import find_history
from nowake.app.operate.desk import Control, Spread, operated
from nowake.app.own_impact import assumed_impact
from nowake.app.request import MarketHours, OrderRequest, covered_ns, resolve, window
from nowake.app.run_journal import run_of
from nowake.app.stated import apply_stated, price_mid2
from nowake.core import ids
from nowake.core.errors import InputError, JournalError, Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.ports import JournalStore
from nowake.core.profile import Profile
from nowake.core.sessions import Session, iso, to_ns
from nowake.core.tape import KIND_MASK, Row, Tape
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.core.value import from_msgpack, replace, require
from nowake.core.view import View
from nowake.data.day_volumes import volume_today
from nowake.data.sessions import session as find_session
from nowake.engine.decide import first_route, with_defaults
from nowake.engine.desk import Desk
from nowake.engine.env import Background, Env, sim_limits
from nowake.engine.host import Host
from nowake.engine.plans import Routed
from nowake.journal.header import Run, derive_journal_id
from nowake.journal.journal import Journal
from nowake.journal.prefix import PrefixCheckingJournal
from nowake.journal.reader import JournalFile, read_journal
from nowake.journal.told import Listener, told
from nowake.live.recover import save_state
from nowake.models.beliefs import Beliefs, beliefs_from_view
from nowake.plan.strategies import AUTO
from nowake.route.router import get_smart_router
from nowake.sim.commands import Placed, Recorded, placed_commands
from nowake.sim.exchange import SimMarket
from nowake.sim.faults import parse_faults
from nowake.sim.faulty_market import FaultyMarket
from nowake.sim.run import make_market, simulate
from nowake.sim.world import Progress

RunOptions = run_options.RunOptions
SYNTH = "SYNTH"
SYNTH_START = "2026-01-05T14:30:00+00:00"
SYNTH_HISTORY_NS = 30 * 60 * 10**9
SYNTH_TAIL_NS = 2 * 60 * 10**9
SYNTH_LONGEST_NS = 72 * 3600 * 10**9

ReadProgress = Callable[[float, str], None]
Believed = tuple[tuple[str, Beliefs], ...]
"""Beliefs by listing, as ``Env`` holds them."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order ready to be planned or worked: everything but the journal.

    Attributes:
        market: Stands at the order's arrival when ``view`` was taken.
        faulty: The market behind the faults asked for; None = none were.
        run: What the journal's header will say was asked for.
    """

    request: OrderRequest
    options: RunOptions
    tape: Tape
    session: Session
    market: SimMarket
    order: ParentOrder
    env: Env
    view: View
    run: Run
    faulty: FaultyMarket | None = None

    @property
    def spread(self) -> Spread | None:
        """Return which commands carry out what operators ask: one, for the only order."""
        return None

    @property
    def listing(self) -> Listing:
        """Return the listing that is traded."""
        return self.tape.listing

    def simulate(self, store: JournalStore, progress: Progress | None, desk: Desk | None) -> Host:
        """Work the order to its end; the market must stand where ``prepare`` left it."""
        return simulate(self.faulty or self.market, self.order, self.env, store, progress, desk)

    def operators(self, placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
        """Return those of a journal's commands that operators gave: all."""
        return placed

    @property
    def last_ns(self) -> int:
        """Return to where the tape covers its market."""
        return covered_ns(self.session, self.market.end_ns, self.tape.meta.silence_ns)

    @property
    def mid2(self) -> int:
        """Return twice the mid that the plan starts from, price units: stated, else seen; 0 = not known."""
        believed = dict(self.env.beliefs).get(self.order.listing)
        return believed.mid2 if believed is not None else self.view.mid2


def load_tape(request: OrderRequest, options: RunOptions, progress: ReadProgress | None = None) -> Tape:
    """Return the tape a request is worked on.

    Raises:
        InputError: No tape was given for a real symbol, or the paths do not hold the symbol.
        Refused: The synthetic market cannot cover the window.
    """
    bare, _, venue = request.symbol.upper().partition("@")
    if options.tapes:
        from nowake.data.readers.mapping import parse_mapping
        from nowake.data.source import open_tapes

        paths = [Path(path) for path in options.tapes]
        mappings = parse_mapping(options.mapping) if options.mapping else ()
        (tape,) = open_tapes(
            paths,
            request.symbol,
            allow=options.allow,
            progress=progress,
            mappings=mappings,
            listing=options.listing,
        )
        return tape
    if bare != SYNTH or venue not in ("", "SIM"):
        raise Refused(
            f"{request.symbol} needs a recorded market",
            f"name one with --tape, plan on a --price that you state, or trade {SYNTH}, the synthetic one",
        )
    from nowake.sim.synthetic import LISTING, find_regime, synth_tape

    start_ns, end_ns = synth_window(request, find_session(LISTING.session))
    duration, regime = end_ns - start_ns + SYNTH_HISTORY_NS + SYNTH_TAIL_NS, find_regime(options.regime)
    first_ns = start_ns - SYNTH_HISTORY_NS
    return synth_tape(seed=options.seed, start_ns=first_ns, duration_ns=duration, parameters=regime)


def synth_window(request: OrderRequest, session: Session) -> tuple[int, int]:
    """Return the window of an order for the synthetic market, which has every day; clock times are of its first.

    Raises:
        InputError: A time is not one.
        Refused: The window is too long to be made.
    """
    day_ns = 86_400 * NS_PER_SECOND
    first_ns = to_ns(datetime.fromisoformat(SYNTH_START))
    midnight = first_ns - first_ns % day_ns
    start_ns, end_ns = window(request, session, MarketHours(first_ns=first_ns, last_ns=midnight + day_ns - 1))
    if end_ns <= start_ns:
        raise InputError("end", iso(end_ns), f"after the start {iso(start_ns)}")
    if end_ns - start_ns > SYNTH_LONGEST_NS:
        raise Refused(
            f"the synthetic market is made for windows of at most {format_duration(SYNTH_LONGEST_NS)}",
            f"--over {format_duration(SYNTH_LONGEST_NS)} is the longest",
        )
    return start_ns, end_ns


def prepare(
    request: OrderRequest,
    options: RunOptions,
    *,
    tape: Tape | None = None,
    command: str = "work",
    progress: ReadProgress | None = None,
    believed: Believed | None = None,
    background: bool = False,
) -> Prepared:
    """Return an order resolved against its market, which stands at the order's arrival.

    Args:
        request: As typed.
        options: How it is simulated, and what is stated of the market.
        tape: In place of those that the options name.
        command: That asks, for the journal's header.
        progress: Told how far the reading is.
        believed: Beliefs of a run that is executed again; None = made from tape, history and what is stated.
        background: Also measure what is normal for the market where the order names a strategy.

    Raises:
        InputError: Something asked for is not what it must be.
        Refused: It does not fit the market; says what does.
    """
    for name in ("mapping", "listing"):
        said = getattr(options, name)
        require(bool(options.tapes) or not said, name, said, "left out where no recorded file is read", "name the file")
    require(options.venues is None, "venues", "given", "left out", "several venues are worked by nowake work --venues")
    sim = options.sim()
    tape = tape or load_tape(request, options, progress)
    # A fill pays what the volume before it has reached: the plan counts with what holds as the order arrives.
    fees = sim.rules.fees_at(sim.rules.volume_before, sim.fees or tape.listing.fees)
    listing = replace(tape.listing, fees=fees)
    session = find_session(listing.session)
    _require_book(tape)
    if sim.impact == "full" and sim.own_impact is None:
        sim = replace(sim, own_impact=assumed_impact(tape, session))
    market = make_market(tape, session, sim)
    first_ns = market.first_valid_ns()
    run = run_of(command, request, replace(options, queue_model=market.queue_model), (tape,))
    key = ids.parent_id(derive_journal_id(run, options.seed), 0)
    if not options.tapes and listing.instrument.symbol == SYNTH:
        start_ns, end_ns = synth_window(request, session)
        first_ns, request = max(first_ns, start_ns), replace(request, start=iso(start_ns), end=iso(end_ns), over="")
    hours = MarketHours(first_ns=first_ns, last_ns=covered_ns(session, market.end_ns, tape.meta.silence_ns))
    order = resolve(replace(request, quantity="1", parent_id=""), unit_listing(listing), session, hours, key)
    _require_rows(tape, market.own.extra_ns, order)
    t_ns, _ = market.advance(order.decided_ns, ())
    view = market.view(t_ns)
    mid2 = price_mid2(options.beliefs, listing) or view.mid2 or 2 * view.last_units
    order = resolve(request, listing, session, replace(hours, mid2=mid2), key)
    backgrounds: tuple[Background, ...] = ()
    if background or request.strategy == AUTO:
        from nowake.app.liquidity import background_at

        backgrounds = (background_at(market.tape, t_ns, market.own.data_latency_ns),)
    env = Env(
        listings=(listing,),
        sessions=(session,),
        limits=sim_limits(listing.key, order.parameters.participation_max),
        assumed=(*market_assumptions(tape), *world_assumptions(sim)),
        beliefs=_believed(options, listing, session, tape, view) if believed is None else believed,
        router=get_smart_router(),
        backgrounds=backgrounds,
    )
    faulty = FaultyMarket(market, parse_faults(options.faults), options.seed) if options.faults else None
    whole = with_defaults(order, view, listing)
    return Prepared(request, options, tape, session, market, whole, env, view, run, faulty)


def _require_book(tape: Tape) -> None:
    """Raise unless the tape has quotes or a book to trade against."""
    kinds = tape.code & KIND_MASK
    if not ((kinds == Row.SET) | (kinds == Row.ADD)).any():
        raise Refused(
            f"the tape of {tape.listing.key} holds prints but no quotes: there is nothing to trade against",
            "give its quotes or its bars with --tape as well",
        )


def _require_rows(tape: Tape, extra_ns: int, order: ParentOrder) -> None:
    """Raise unless the recording has something inside the window of an order."""
    local = tape.t_event + extra_ns if not len(tape.recv_delta) else tape.t_event + tape.recv_delta + extra_ns
    if ((local >= order.start_ns) & (local <= order.end_ns)).any():
        return
    before, after = local[local < order.start_ns], local[local > order.end_ns]
    since = f" after {iso(int(before.max()))}" if len(before) else ""
    until = f" before {iso(int(after.min()))}" if len(after) else ""
    raise Refused(
        f"the recording of {tape.listing.key} is silent in the whole window: it has no row{since}{until}",
        "choose another window, or add the missing files",
    )


def _believed(options: RunOptions, listing: Listing, session: Session, tape: Tape, view: View) -> Believed:
    """Return the beliefs that the engine is handed: none where all that is known is what its own view shows."""
    history = find_history(
        listing, session, view.t_ns, options.history, tape, mapping=options.mapping, stated=options.listing
    )
    if history is None and not options.beliefs.stated:
        return ()
    seen = None if history is None else volume_today(tape, session, view.t_ns)
    base = beliefs_from_view(view, listing, session, history, seen)
    return ((listing.key, apply_stated(options.beliefs, base, listing)),)


def unit_listing(listing: Listing) -> Listing:
    """Return the listing with whole numbers as its grid: to resolve times before a price is known."""
    return replace(listing, instrument=replace(listing.instrument, qty_unit=Decimal(1)), lot_units=1)


def plan(prepared: Prepared) -> ExecutionPlan:
    """Return the plan that working the order would start with; sends and journals nothing."""
    return route(prepared).plan


def route(prepared: Prepared) -> Routed:
    """Return strategy and plan that working the order would start with, and the record of the choice."""
    return first_route(prepared.order, prepared.view, prepared.env)


class Workable(Protocol):
    """An order that is ready to be worked, on one market or several."""

    @property
    def spread(self) -> Spread | None:
        """Return which commands carry out what operators ask; None = one, for the only order."""

    @property
    def last_ns(self) -> int:
        """Return to where the recording covers its market."""

    def simulate(self, store: JournalStore, progress: Progress | None, desk: Desk | None) -> Host:
        """Work it to its end."""

    def operators(self, placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
        """Return those of a journal's commands that operators gave; the others come again by themselves."""


def work(
    prepared: Workable,
    journal: Journal,
    progress: Progress | None = None,
    control: Control | None = None,
    listener: Listener | None = None,
) -> Host:
    """Work the prepared order to its end; the market must stand where ``prepare`` left it."""
    store = BufferedStore(told(journal, listener))
    with _operated(prepared, store, journal, progress, control) as desk:
        host = _simulate(prepared, store, progress, desk)
    save_state(journal, host.state, None)
    return host


def _operated(
    prepared: Workable, store: BufferedStore, journal: Journal, progress: Progress | None, control: Control | None
) -> AbstractContextManager[Desk | None]:
    return operated(control, store, journal, last_ns=prepared.last_ns, shown=progress, spread=prepared.spread)


def _simulate(prepared: Workable, store: BufferedStore, progress: Progress | None, desk: Desk | None) -> Host:
    """Run a pure world; what it decided is in the journal even when it is interrupted."""
    try:
        host = prepared.simulate(store, None if progress is None else store.told(progress), desk)
    except BaseException:
        with suppress(JournalError):  # what stopped the run is the news, not that the rest could not be kept
            store.flush()
        raise
    store.flush()
    return host


def reopen(path: Path, tapes: tuple[str, ...] = (), progress: ReadProgress | None = None) -> Prepared:
    """Return the run of a journal, prepared to be executed again.

    Raises:
        JournalError: Not a simulated run, or its tapes are not the ones it was made with.
    """
    file: JournalFile = read_journal(path)
    if file.header.profile is not Profile.SIM:
        raise JournalError(
            f"{path} is of a live run, which is recovered from its venue, not executed again", "start its worker on it"
        )
    request = msgspec.convert(file.header.run.order, OrderRequest)
    found = tapes or tuple(file.origin.paths[key] for key in sorted(file.origin.paths, key=int))
    options = msgspec.convert({**file.header.run.options, "tapes": list(found), "seed": file.header.seed}, RunOptions)
    command = file.header.run.command
    prepared = prepare(request, options, command=command, progress=progress, believed=_kept_beliefs(file))
    wanted = file.header.run.tapes[0].content_hash
    if prepared.tape.meta.content_hash != wanted:
        raise JournalError(
            f"{path} was written on another tape than {', '.join(found)}", "name the same one with --tape"
        )
    return prepared


def _kept_beliefs(file: JournalFile) -> Believed | None:
    """Return the beliefs that a run was started with; None where it was cut off before they were kept."""
    try:
        return from_msgpack(file.get_blob(file.header.env_hash), Env).beliefs
    except JournalError:
        return None


def resume(
    path: Path,
    prepared: Workable,
    progress: Progress | None = None,
    control: Control | None = None,
    listener: Listener | None = None,
) -> Host:
    """Execute a simulated run again: what is journaled must come out again, byte for byte, and the rest is appended.

    Operators' commands that are journaled are given again at their places; ``control`` counts from their end on.

    Raises:
        JournalError: The journal is open elsewhere, damaged, or was written by other code or inputs.
    """
    from nowake.journal.sqlite import SqliteJournal

    with SqliteJournal.open_writer(path, mode="grouped") as journal:
        checked = PrefixCheckingJournal(journal)
        store = BufferedStore(told(checked, listener))
        with _operated(prepared, store, journal, progress, control) as desk:
            placed = prepared.operators(placed_commands(journal.batches()))
            again = Recorded(placed, journal.head()[0], desk)
            host = _simulate(prepared, store, progress, again)
        checked.finish()
        save_state(journal, host.state, None)
    return host
