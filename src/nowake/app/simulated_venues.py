"""Several simulated venues on one clock, in human units: to work orders on them, or to send children by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal

from nowake.app.fees_and_latency import parse_fees, parse_latency
from nowake.app.request import MarketHours, OrderRequest, covered_ns, resolve
from nowake.core import ids
from nowake.core.child import ChildOrder, Fill, OrderType, Peg, TimeInForce
from nowake.core.errors import InputError, Refused
from nowake.core.inputs import AnyInput, child_of
from nowake.core.instrument import Catalogue, Listing, ListingKind
from nowake.core.order import ParentOrder, Side
from nowake.core.ports import VenueMessage
from nowake.core.sessions import iso
from nowake.core.tape import Tape
from nowake.core.units import Number, parse_duration
from nowake.core.value import Value, replace, require
from nowake.core.view import View
from nowake.data.sessions import session as find_session
from nowake.engine.decide import with_defaults
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import Host
from nowake.journal.memory import MemoryJournal
from nowake.models.calibrate.dark import fit_dark as fit_mid_prints
from nowake.models.calibrate.dark import mid_prints
from nowake.models.dark import DarkLiquidity
from nowake.sim.dark import DarkMarket, dark_listing
from nowake.sim.exchange import SimMarket
from nowake.sim.markets import Markets, Member
from nowake.sim.queues import AUTO
from nowake.sim.run import SimOptions, make_market
from nowake.sim.world import World

WHY_NOT_FULL = "what we do on one would not move the price of the others: work one market by itself"
"""A shift of one venue alone would make the others, and a dark mid, a bargain that no market offers."""


class Worked(Value, frozen=True):
    """What became of one of several orders.

    Attributes:
        parent_id: Its id.
        listing: Where it was traded.
        status: In words.
        filled: Human quantity.
        average: Average price paid; None = nothing was filled.
        fees: In the instrument's currency, positive = paid.
        children: How many were sent.
    """

    parent_id: str
    listing: str
    status: str
    filled: Decimal
    average: Decimal | None
    fees: Decimal
    children: int


class _ByHandAndWorked(Markets):
    """Markets on which an engine works beside children sent by hand, of which it must hear nothing."""

    def __init__(self, members: Sequence[Member]) -> None:
        super().__init__(members)
        self.by_hand: set[str] = set()
        self._kept: list[AnyInput] = []
        self._keeps = False

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep what is said of children sent by hand, while an engine polls."""
        self._keeps = True
        try:
            yield
        finally:
            self._keeps = False

    def take_kept(self) -> list[AnyInput]:
        """Return what was kept, and forget it."""
        kept, self._kept = self._kept, []
        return kept

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return the messages due by ``now_ns`` but those that are kept."""
        due = super().poll(now_ns)
        if not self._keeps:
            return due
        self._kept += [message.event for message in due if child_of(message.event) in self.by_hand]
        return tuple(message for message in due if child_of(message.event) not in self.by_hand)


class SimulatedVenues:
    """Recorded markets on one clock, with a simulated venue on each.

    >>> import nowake
    >>> from nowake.sim.synthetic import synth_tape
    >>> venues = nowake.SimulatedVenues([synth_tape(seed=1, start_ns=1_767_623_400 * 10**9, duration_ns=120 * 10**9)])
    >>> venues.listings
    ('SYNTH@SIM',)

    Args:
        tapes: One a listing, see ``nowake.read_tape``.
        latency: ``"1ms"`` one way and the other forms of ``--latency``, of all venues or by listing; empty = the
            default. Of a dark venue the part of the data is also that of the reference's rows to the venue.
        fees: ``TAKER`` or ``MAKER/TAKER`` in basis points, of all venues, or by listing; empty = the listing's own.
        impact: ``off`` or ``ledger``.
        queue_model: Of the L2 matcher.
        dark: Hidden liquidity of tapes, from ``fit_dark``: each makes a dark midpoint venue ``SYMBOL@DARK`` (the next
            ``SYMBOL@DARK2``) whose reference is that tape's market. Its latency and fees are given by that name.
        seed: Of all randomness.

    Raises:
        InputError: Two tapes of one listing, or an option that is not what it must be.
    """

    def __init__(
        self,
        tapes: Sequence[Tape],
        *,
        latency: str | Mapping[str, str] = "",
        fees: str | Mapping[str, str] = "",
        impact: str = "ledger",
        queue_model: str = AUTO,
        dark: Sequence[DarkLiquidity] = (),
        seed: int = 0,
    ) -> None:
        good = isinstance(tapes, list | tuple) and all(isinstance(tape, Tape) for tape in tapes)
        require(good and len(tapes) > 0, "tapes", tapes, "a list of tapes made by nowake.read_tape(...)")
        require(isinstance(seed, int), "seed", seed, "a whole number")
        places = _dark_places(tapes, dark)
        keys = [*(tape.listing.key for tape in tapes), *(listing.key for listing, _, _ in places)]
        latencies, schedules = _by_listing("latency", latency, keys), _by_listing("fees", fees, keys)
        require(impact != "full", "impact", impact, "off or ledger where several venues run", WHY_NOT_FULL)
        base = SimOptions(seed=seed, impact=impact, queue_model=queue_model)
        self._catalogue = Catalogue(listings=(*(tape.listing for tape in tapes), *(one[0] for one in places)))
        self._seed = seed
        self._serial = self._ordered = 0
        members: list[Member] = []
        self._hours: dict[str, MarketHours] = {}
        for tape in tapes:
            key = tape.listing.key
            options = replace(base, latency=parse_latency(latencies[key]), fees=parse_fees(schedules[key]))
            session = find_session(tape.listing.session)
            market: SimMarket = make_market(tape, session, options)
            last_ns = covered_ns(session, market.end_ns, tape.meta.silence_ns)
            self._hours[key] = MarketHours(first_ns=market.first_valid_ns(), last_ns=last_ns)
            members.append(market)
        for listing, tape, liquidity in places:
            fees_of = parse_fees(schedules[listing.key])
            distance = parse_latency(latencies[listing.key])
            members.append(
                DarkMarket(
                    listing,
                    tape,
                    liquidity,
                    latency=distance,
                    reference_ns=distance.data_ns,
                    session=find_session(listing.session),
                    fees=fees_of,
                    seed=seed,
                )
            )
        self.markets = _ByHandAndWorked(members)
        self.markets.advance(max(hours.first_ns for hours in self._hours.values()))

    @property
    def listings(self) -> tuple[str, ...]:
        """Return the keys of the listings."""
        return tuple(self.markets.members)

    @property
    def now_ns(self) -> int:
        """Return the local time reached, UTC ns. It begins when every market has a sound book."""
        return self.markets.now_ns

    def listing(self, symbol: str) -> Listing:
        """Return the listing that a symbol names."""
        return self._catalogue.find(symbol, "these venues")

    def view(self, symbol: str) -> View:
        """Return a market as we know it now."""
        return self.markets.view(self.now_ns, self.listing(symbol).key)

    def send(
        self,
        side: str | int | Side,
        quantity: Number,
        symbol: str,
        *,
        limit: Number = "",
        post_only: bool = False,
        immediate: bool = False,
        min_quantity: Number = 0,
    ) -> str:
        """Send a child order to a venue; returns its id. What becomes of it is told by ``run``.

        Args:
            side: As for ``nowake.order``.
            quantity: Human units, on the lot grid.
            symbol: Of the listing.
            limit: Price; empty = a market order, on a dark venue any mid.
            post_only: Refused rather than take.
            immediate: What does not trade at once expires.
            min_quantity: Of an immediate order, or one on a dark venue: this much at once, or nothing.

        Raises:
            InputError: Something given is not what it must be, or does not go together.
            Refused: The recording of the market is over.
        """
        listing = self.listing(symbol)
        instrument = listing.instrument
        rests_dark = listing.kind is ListingKind.DARK and not immediate
        market = limit == "" and not rests_dark
        qty_units, least = instrument.qty_units(quantity), instrument.qty_units(min_quantity, "min_quantity")
        price_units = 0 if limit == "" else instrument.price_units(limit, "limit")
        require(qty_units > 0, "quantity", quantity, "> 0")
        require(limit == "" or price_units > 0, "limit", limit, "> 0, or left out")
        require(not post_only or not market, "post_only", post_only, "left out of an order without a limit")
        require(not (post_only and immediate), "post_only", post_only, "left out of an immediate order")
        require(0 <= least <= qty_units, "min_quantity", min_quantity, f"from 0 to the quantity, {quantity}")
        good = least == 0 or market or immediate or rests_dark
        require(good, "min_quantity", min_quantity, "left out unless immediate, or on a dark venue")
        ended, now = self.markets.end_of(listing.key), self.now_ns
        if now > ended:
            raise Refused(f"the recording of {listing.key} ended at {iso(ended)}, and the clock is at {iso(now)}")
        kind = OrderType.MARKET if market else OrderType.POST_ONLY if post_only else OrderType.LIMIT
        self._serial += 1
        child = ChildOrder(
            child_id=ids.child_id(f"hand-{self._seed}", f"{listing.key}/{self._serial}", 0),
            parent_id=f"hand-{self._seed}",
            leg=f"{listing.key}/{self._serial}",
            attempt=0,
            listing=listing.key,
            side=Side.parse(side),
            order_type=kind,
            tif=TimeInForce.IOC if market or immediate else TimeInForce.GTC,
            price_units=price_units,
            qty_units=qty_units,
            role="hand",
            min_qty_units=least,
            peg=Peg.MIDPOINT if rests_dark else Peg.NONE,
        )
        self.markets.by_hand.add(child.child_id)
        self.markets.submit(child, self.now_ns)
        return child.child_id

    def cancel(self, child_id: str) -> None:
        """Ask the venue of a child to cancel it."""
        self.markets.cancel(child_id, self.now_ns)

    def run(self, over: str) -> tuple[AnyInput, ...]:
        """Let time pass, ``"30s"``; returns what the venues said in it, in the order in which it reached us.

        What was said of these children while orders were worked comes first.
        """
        until_ns = self.now_ns + parse_duration("over", over)
        told = self.markets.take_kept()
        while True:
            t_ns, _ = self.markets.advance(until_ns)
            messages = self.markets.poll(t_ns)
            told += [message.event for message in messages]
            if t_ns >= until_ns and not messages:
                return tuple(told)

    def fills(self) -> tuple[Fill, ...]:
        """Return every execution so far, by the venues' own books."""
        return tuple(fill for status in self.markets.truth() for fill in status.fills)

    def work(self, *requests: OrderRequest) -> tuple[Worked, ...]:
        """Work orders, each on the listing it names, to their end, on this one clock.

        Raises:
            InputError: An order is not one, or does not fit its market; says what does.
            Refused: The engine refused one.
        """
        require(bool(requests), "requests", len(requests), "at least one")
        orders = [self._order(self._ordered + i, request) for i, request in enumerate(requests)]
        self._ordered += len(orders)  # no id is ever used again
        keys = tuple(dict.fromkeys(order.listing for order in orders))
        cap = max(order.parameters.participation_max for order in orders)
        listings = tuple(self.listing(key) for key in keys)
        sessions = {one.session: find_session(one.session) for one in listings}
        env = Env(
            listings=listings,
            sessions=tuple(sessions.values()),
            limits=replace(sim_limits(keys[0], cap), allowed=keys),
        )
        host = Host(env, MemoryJournal())
        with self.markets.keeping():
            World(self.markets, host).run_all(orders)
        return tuple(self._worked(host, order) for order in orders)

    def _order(self, number: int, request: OrderRequest) -> ParentOrder:
        if not isinstance(request, OrderRequest):
            raise InputError("order", request, "made by nowake.order(...)")
        listing = self.listing(request.symbol)
        if listing.kind is ListingKind.DARK:
            raise Refused(
                f"{listing.key} is dark: an order is worked where there is a book",
                "name its reference, send children here",
            )
        session, hours = find_session(listing.session), self._hours[listing.key]
        view = self.markets.view(self.now_ns, listing.key)
        hours = replace(hours, first_ns=max(hours.first_ns, self.now_ns), mid2=view.mid2)
        order = resolve(request, listing, session, hours, ids.parent_id(f"venues-{self._seed}", number))
        if order.decided_ns < self.now_ns:
            raise Refused(f"the order starts at {iso(order.decided_ns)}, and the clock is at {iso(self.now_ns)}")
        return with_defaults(order, view, listing)

    def _worked(self, host: Host, order: ParentOrder) -> Worked:
        if order.parent_id in host.state.refused:
            raise Refused(f"the engine refused the order on {order.listing}")
        parent, instrument = host.state.parents[order.parent_id], self.listing(order.listing).instrument
        average = None if not parent.filled else instrument.price(parent.cash_units) / parent.filled
        return Worked(
            parent_id=order.parent_id,
            listing=order.listing,
            status=parent.status.value,
            filled=instrument.qty(parent.filled),
            average=average,
            fees=instrument.money(parent.fees_money),
            children=len(parent.closed) + len(parent.live),
        )


def fit_dark(tape: Tape) -> DarkLiquidity:
    """Return the hidden midpoint liquidity that a consolidated tape's off-exchange prints show, with its errors.

    Args:
        tape: Best quotes and prints of at least two days, such as quotes and trades of the US national market.

    Raises:
        Refused: Too few off-exchange prints at the mid, or days, to tell.
    """
    require(isinstance(tape, Tape), "tape", tape, "made by nowake.read_tape(...)")
    session = find_session(tape.listing.session)
    return fit_mid_prints(mid_prints(tape, session), tape.listing.key, session)


def _dark_places(tapes: Sequence[Tape], dark: Sequence[DarkLiquidity]) -> list[tuple[Listing, Tape, DarkLiquidity]]:
    """Return the dark listing of each hidden liquidity, with the tape of its reference."""
    good = isinstance(dark, list | tuple) and all(isinstance(one, DarkLiquidity) for one in dark)
    require(good, "dark", dark, "a list of what nowake.fit_dark(...) returns")
    by_key = {tape.listing.key: tape for tape in tapes}
    made: list[tuple[Listing, Tape, DarkLiquidity]] = []
    for liquidity in dark:
        require(liquidity.listing in by_key, "dark", liquidity.listing, f"of one of {', '.join(by_key)}")
        tape = by_key[liquidity.listing]
        number = sum(one.instrument.symbol == tape.listing.instrument.symbol for one, _, _ in made)
        made.append((dark_listing(tape.listing, f"DARK{number + 1}" if number else "DARK"), tape, liquidity))
    return made


def _by_listing(name: str, given: str | Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Return what was given by listing; one text is of all, a listing that is not named has the empty text."""
    if isinstance(given, str):
        return dict.fromkeys(keys, given)
    require(isinstance(given, Mapping), name, given, "a text, or texts by listing")
    for key, text in given.items():
        require(key in keys, name, key, f"by listing: one of {', '.join(keys)}")
        require(isinstance(text, str), name, text, f"a text, for {key}")
    return {key: given.get(key, "") for key in keys}
