"""One order over several venues on one clock: split, prepared, worked into a journal, resumed, read again.

The order becomes one order a venue, all in one journal: the part of each dark venue rests at its mid first; the rest is
divided among the venues with a book by weight, or by the volume seen on each. What a dark venue has left when its time
is over is passed on to those that still run (``sim.passing``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from nowake.app import wiring
from nowake.app.assumed import market_assumptions, world_assumptions
from nowake.app.fees_and_latency import parse_fees, parse_latency
from nowake.app.operate.desk import Spread
from nowake.app.operate.whole import Beside, part_commands
from nowake.app.request import MarketHours, OrderRequest, covered_ns, quantity_units, resolve
from nowake.app.run_journal import run_of
from nowake.app.run_options import RunOptions
from nowake.app.simulated_venues import WHY_NOT_FULL
from nowake.app.venues_file import DarkPlace, LitVenue, Venues
from nowake.core import ids
from nowake.core.errors import DataError, InputError, JournalError, Refused
from nowake.core.instrument import Catalogue, Listing, ListingKind
from nowake.core.order import ParentOrder
from nowake.core.plan import ExecutionPlan
from nowake.core.ports import JournalStore
from nowake.core.sessions import iso
from nowake.core.tape import Tape
from nowake.core.terms import TERMS
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace, require
from nowake.core.view import View
from nowake.data.sessions import session as find_session
from nowake.engine.decide import first_route, with_defaults
from nowake.engine.desk import Desk
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import Host
from nowake.journal.header import Run, derive_journal_id
from nowake.journal.reader import JournalFile, read_journal
from nowake.route.router import get_smart_router
from nowake.sim.commands import Placed
from nowake.sim.dark import DarkMarket, dark_listing
from nowake.sim.faults import parse_faults
from nowake.sim.faulty_market import FaultyMarket
from nowake.sim.markets import Markets, Member
from nowake.sim.passing import Passing
from nowake.sim.run import make_market, simulate_all
from nowake.sim.world import Progress

ELSEWHERE = ("tapes", "mapping", "listing", "regime", "history")
"""Options of one market, which the file of the venues says of each, or which one market alone can have."""
IN_FILE = ("tapes", "listing", "regime")
"""What of this the file can say."""
DARK_STRATEGY = "twap"


@dataclass(frozen=True, slots=True)
class Leg:
    """The order at one venue, and the market as it arrives."""

    order: ParentOrder
    listing: Listing
    view: View


@dataclass(frozen=True, slots=True)
class PreparedVenues:
    """An order over several venues, ready to be worked: everything but the journal.

    Attributes:
        asked: Human quantity of the whole.
        legs: The first listing named is the one that the order's texts were read by.
        tapes: Of the venues with a book, in the order of the file.
        run: What the journal's header will say.
        last_ns: To where all tapes cover their markets.
    """

    request: OrderRequest
    options: RunOptions
    asked: Decimal
    legs: tuple[Leg, ...]
    tapes: tuple[Tape, ...]
    markets: Markets
    env: Env
    run: Run
    last_ns: int

    @property
    def zone(self) -> str:
        """Return the zone in which times are shown."""
        return self.request.tz or self.env.session(self.legs[0].listing.session).zone

    @property
    def spread(self) -> Spread:
        """Return the commands for the parts of the order of what operators ask of the whole."""
        return partial(part_commands, self.markets.view)

    def simulate(self, store: JournalStore, progress: Progress | None, desk: Desk | None) -> Host:
        """Work the legs to their end; the markets must stand where ``prepare_venues`` left them."""
        orders, both = [leg.order for leg in self.legs], Beside(desk, self._passing())
        return simulate_all(self.markets, orders, self.env, store, progress, both)

    def _passing(self) -> Passing:
        dark = [leg.order.parent_id for leg in self.legs if leg.listing.kind is ListingKind.DARK]
        lit = [leg.order.parent_id for leg in self.legs if leg.listing.kind is not ListingKind.DARK]
        return Passing(dark, lit, self.env.listings)

    def operators(self, placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
        """Return those of a journal's commands that operators gave; what is passed on is passed on again by itself."""
        passing = self._passing()
        return tuple(one for one in placed if not passing.is_own(one.command))

    def faults(self, listing: str) -> dict[str, Any] | None:
        """Return what went wrong on purpose at a venue so far; None = nothing was to."""
        market = self.markets.members[listing]
        return market.report() if isinstance(market, FaultyMarket) else None

    def tape(self, listing: str) -> Tape | None:
        """Return the tape of a venue; None = it is dark, and has that of its reference."""
        return next((one for one in self.tapes if one.listing.key == listing), None)

    def plans(self) -> tuple[ExecutionPlan, ...]:
        """Return the plan that each leg would start with."""
        return tuple(first_route(leg.order, leg.view, self.env).plan for leg in self.legs)


@dataclass(frozen=True, slots=True)
class _Place:
    """A market in the making."""

    listing: Listing
    member: Member
    first_ns: int
    last_ns: int
    weight: float | None = None
    dark: DarkPlace | None = None
    faults: str = ""


def prepare_venues(
    request: OrderRequest,
    options: RunOptions,
    *,
    command: str = "work",
    progress: wiring.ReadProgress | None = None,
) -> PreparedVenues:
    """Return an order divided over the venues of ``options.venues``, whose markets stand at its arrival.

    Raises:
        InputError: Something asked for is not what it must be.
        Refused: It does not fit the markets; says what does.
    """
    venues = options.venues
    assert venues is not None
    for name in ELSEWHERE:
        said = getattr(options, name)
        remedy = "say it of each venue in their file" if name in IN_FILE else "work one market by itself"
        require(not said, name, said, "left out where several venues run", remedy)
    require(not options.beliefs.stated, "beliefs", "stated", "left out where several venues run")
    require(options.impact != "full", "impact", "full", "off or ledger where several venues run", WHY_NOT_FULL)
    tapes = tuple(_tape(one, k, request, options, progress) for k, one in enumerate(venues.lit))
    lit = [_lit(one, tape, options) for one, tape in zip(venues.lit, tapes, strict=True)]
    places = [*lit, *(_dark(one, lit, tapes, venues, options) for one in venues.dark)]
    markets = Markets([one.member for one in places])
    shown = replace(options, queue_model=str(getattr(lit[0].member, "queue_model", options.queue_model)))
    run = run_of(command, request, shown, tapes)
    taken = _taken(request, places)
    key = derive_journal_id(run, options.seed)
    start_ns, end_ns = _window(request, options, taken, key)
    markets.advance(start_ns)
    views = [markets.view(start_ns, one.listing.key) for one in taken]
    request_at = replace(request, start=iso(start_ns), end=iso(end_ns), over="")
    first, hours = taken[0].listing, MarketHours(first_ns=start_ns, last_ns=end_ns, mid2=views[0].mid2)
    asked = first.instrument.qty(quantity_units(request, first, hours.mid2))
    parts = _parts(asked, taken, views)
    legs = []
    for k, (place, view, part) in enumerate(zip(taken, views, parts, strict=True)):
        if part:
            typed = _typed(request_at, part, place, start_ns, end_ns)
            found = replace(hours, mid2=view.mid2)
            order = resolve(typed, place.listing, find_session(place.listing.session), found, ids.parent_id(key, k))
            legs.append(Leg(with_defaults(order, view, place.listing), place.listing, view))
    listings = tuple(leg.listing for leg in legs)
    sessions = {one.session: find_session(one.session) for one in listings}
    cap = max(leg.order.parameters.participation_max for leg in legs)
    sims = [_options(one, options).sim() for one in venues.lit]
    assumed = [one for tape in tapes for one in market_assumptions(tape)]
    assumed += [one for sim in sims for one in world_assumptions(sim)]
    env = Env(
        listings=listings,
        sessions=tuple(sessions.values()),
        limits=replace(sim_limits(listings[0].key, cap), allowed=tuple(one.key for one in listings)),
        assumed=tuple(dict.fromkeys(assumed)),
        router=get_smart_router(),
    )
    failing = Markets([_failing(one, k, options) for k, one in enumerate(places)])
    last_ns = min(one.last_ns for one in taken)
    return PreparedVenues(request, options, asked, tuple(legs), tapes, failing, env, run, last_ns)


def _failing(place: _Place, number: int, options: RunOptions) -> Member:
    """Return a market behind the faults that are asked for, each with a seed of its own."""
    text = place.faults or options.faults
    return FaultyMarket(place.member, parse_faults(text), options.seed + number) if text else place.member


def _options(one: LitVenue, options: RunOptions) -> RunOptions:
    """Return the options of one venue: its own, else those of the command."""
    said = {name: getattr(one, name) or getattr(options, name) for name in ("latency", "fees", "rules")}
    return replace(options, **said)


def _tape(
    one: LitVenue, number: int, request: OrderRequest, options: RunOptions, progress: wiring.ReadProgress | None
) -> Tape:
    """Return the tape of a venue, under the venue's name."""
    bare = request.symbol.partition("@")[0]
    seed = options.seed + number if one.seed is None else one.seed
    market = RunOptions(tapes=one.tapes, listing=one.listing, regime=one.regime, seed=seed, allow=options.allow)
    try:
        tape = wiring.load_tape(replace(request, symbol=bare), market, progress)
    except InputError as error:
        if isinstance(error, DataError | Refused):  # they name the file, or what is asked for
            raise
        where = f"venue {number + 1}: {error.field}"
        raise InputError(where, error.value, error.rule, error.remedy) from None
    if not one.name or one.name == tape.listing.venue:
        return tape
    meta = replace(tape.meta, listing=replace(tape.listing, venue=one.name))
    return Tape(meta, tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty, tape.order_id)


def _lit(one: LitVenue, tape: Tape, options: RunOptions) -> _Place:
    session, sim = find_session(tape.listing.session), _options(one, options).sim()
    market = make_market(tape, session, sim)
    first_ns = market.first_valid_ns()
    last_ns = covered_ns(session, market.end_ns, tape.meta.silence_ns)
    fees = sim.rules.fees_at(sim.rules.volume_before, sim.fees or tape.listing.fees)
    return _Place(replace(tape.listing, fees=fees), market, first_ns, last_ns, one.weight, faults=one.faults)


def _dark(one: DarkPlace, lit: Sequence[_Place], tapes: Sequence[Tape], venues: Venues, options: RunOptions) -> _Place:
    at = [venue.name for venue in venues.lit].index(one.reference)
    place, tape = lit[at], tapes[at]
    fees = parse_fees(one.fees or options.fees)
    listing = dark_listing(tape.listing, one.name, fees)
    distance = parse_latency(one.latency or options.latency)
    market = DarkMarket(
        listing,
        tape,
        replace(one.liquidity, listing=tape.listing.key),
        latency=distance,
        reference_ns=distance.data_ns,
        session=find_session(listing.session),
        fees=fees,
        seed=options.seed,
    )
    return _Place(listing, market, place.first_ns, place.last_ns, dark=one, faults=one.faults)


def _taken(request: OrderRequest, places: Sequence[_Place]) -> list[_Place]:
    """Return the venues that the order is for: the one it names, or all that trade the same thing."""
    catalogue = Catalogue(listings=tuple(one.listing for one in places))
    if "@" in request.symbol:
        found = catalogue.find(request.symbol, "these venues")
        return [one for one in places if one.listing.key == found.key]
    symbol = request.symbol.strip().lower()
    taken = [one for one in places if one.listing.instrument.symbol.lower() == symbol]
    taken = [one for one in taken if one.weight != 0]
    if not any(one.dark is None for one in taken):
        known = ", ".join(one.listing.key for one in places)
        raise InputError("symbol", request.symbol, f"traded at one of the venues: {known}", "name it, or give a weight")
    first = taken[0].listing.instrument
    for one in taken:
        other = one.listing.instrument
        same = (other.base, other.quote, other.inverse, other.multiplier)
        if same != (first.base, first.quote, first.inverse, first.multiplier):
            raise Refused(
                f"{one.listing.key} and {taken[0].listing.key} do not trade the same thing",
                "name the venue in the symbol, or leave one out",
            )
    return taken


def _window(request: OrderRequest, options: RunOptions, taken: Sequence[_Place], key: str) -> tuple[int, int]:
    """Return the window of the whole order: from the first instant at which every market has a sound book."""
    assert options.venues is not None
    listing = taken[0].listing
    session = find_session(listing.session)
    first_ns, last_ns = max(one.first_ns for one in taken), min(one.last_ns for one in taken)
    if not any(one.tapes for one in options.venues.lit):
        start_ns, end_ns = wiring.synth_window(request, session)
        request = replace(request, start=iso(start_ns), end=iso(end_ns), over="")
        first_ns = max(first_ns, start_ns)
    hours = MarketHours(first_ns=first_ns, last_ns=last_ns)
    one = resolve(replace(request, quantity="1", parent_id=""), wiring.unit_listing(listing), session, hours, key)
    return one.start_ns, one.end_ns


def _parts(asked: Decimal, taken: Sequence[_Place], views: Sequence[View]) -> list[Decimal]:
    """Return the human quantity of each venue; they sum to what was asked for.

    Raises:
        Refused: Dark venues would get all of it, or the venues' lots do not divide it.
    """
    if len(taken) == 1:
        return [asked]
    dark = sum(Decimal(repr(one.dark.part)) for one in taken if one.dark)
    if dark >= 1:
        raise Refused("the dark venues would get the whole order", "lower their part: what they leave needs a place")
    lit = [k for k, one in enumerate(taken) if one.dark is None]
    given = any(taken[k].weight is not None for k in lit)
    seen = {k: Decimal(repr(taken[k].weight or 0.0)) if given else Decimal(views[k].volume_all) for k in lit}
    if not any(seen.values()):
        seen = dict.fromkeys(lit, Decimal(1))
    whole, parts = sum(seen.values()), [Decimal(0)] * len(taken)
    for k, one in enumerate(taken):
        share = Decimal(repr(one.dark.part)) if one.dark else (1 - dark) * seen[k] / whole
        lot = one.listing.instrument.qty(one.listing.lot_units)
        least = one.listing.instrument.qty(one.listing.min_order_units(max(1, views[k].mid2 // 2)))
        part = asked * share // lot * lot
        parts[k] = part if part >= least else Decimal(0)
    biggest = max(lit, key=lambda k: (seen[k], -k))
    parts[biggest] += asked - sum(parts)
    listing = taken[biggest].listing
    lot = listing.instrument.qty(listing.lot_units)
    if parts[biggest] % lot:
        raise Refused(
            f"{asked:f} cannot be divided: {listing.key} would get {parts[biggest]:f}, which is no multiple of its lot",
            f"ask for a multiple of {lot:f}",
        )
    return parts


def _typed(request: OrderRequest, part: Decimal, place: _Place, start_ns: int, end_ns: int) -> OrderRequest:
    """Return the order of one venue as it would be typed; at a dark one it rests whole, until its time is over."""
    parent_id = f"{request.parent_id}-{place.listing.venue}" if request.parent_id else ""
    made = replace(request, quantity=f"{part:f}", symbol=place.listing.key, parent_id=parent_id)
    if place.dark is None:
        return made
    until_ns = start_ns + round((end_ns - start_ns) * place.dark.until)
    if until_ns - start_ns < NS_PER_SECOND:
        raise Refused(
            f"{place.listing.key} would have {(until_ns - start_ns) / NS_PER_SECOND:g} s of the window, less than 1 s",
            "ask for a longer one, or raise its until",
        )
    kept = ("limit_offset", "min_fill")
    unheard = {name: "" for name in TERMS if name not in kept and isinstance(getattr(request, name), str)}
    return replace(
        made,
        **unheard,
        strategy=DARK_STRATEGY,
        slices=1,
        end=iso(until_ns),
        end_behaviour="cancel",
        must_complete=False,
        never_take=False,
    )


def is_of_venues(file: JournalFile) -> bool:
    """Return whether a journal is of an order over several venues."""
    return "venues" in file.header.run.options


def reopen(path: Path, tapes: Sequence[str] = (), progress: wiring.ReadProgress | None = None) -> PreparedVenues:
    """Return the run of a journal, prepared to be executed again.

    Raises:
        JournalError: Its tapes are not the ones it was made with.
    """
    file = read_journal(path)
    request = msgspec.convert(file.header.run.order, OrderRequest)
    options = msgspec.convert({**file.header.run.options, "seed": file.header.seed}, RunOptions)
    assert options.venues is not None
    places = dict(file.origin.paths)
    if tapes and len(tapes) != len(places):
        raise JournalError(f"{path} was written on {len(places)} tapes, not {len(tapes)}", "name them in their order")
    if tapes:
        places = dict(zip(sorted(places, key=_place), tapes, strict=True))
    lit = []
    for k, one in enumerate(options.venues.lit):
        own = sorted((name for name in places if _place(name)[0] == k), key=_place)
        lit.append(replace(one, tapes=tuple(places[name] for name in own)))
    options = replace(options, venues=replace(options.venues, lit=tuple(lit)))
    prepared = prepare_venues(request, options, command=file.header.run.command, progress=progress)
    wanted = [one.content_hash for one in file.header.run.tapes]
    if [one.meta.content_hash for one in prepared.tapes] != wanted:
        raise JournalError(f"{path} was written on other tapes than these", "name the same ones with --tape")
    return prepared


def _place(name: str) -> tuple[int, int]:
    venue, _, number = name.partition(".")
    return int(venue), int(number)


Listen = Callable[[PreparedVenues], Progress]
