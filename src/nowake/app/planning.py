"""Planning with and without a recorded market: an order as typed in, a plan with all that a page of it needs out."""

from __future__ import annotations

import time
from dataclasses import dataclass

from nowake.app import wiring
from nowake.app.fees_and_latency import parse_fees
from nowake.app.history import find_history
from nowake.app.request import (
    MarketHours,
    OrderRequest,
    check_length,
    close_of,
    is_dated,
    parameters,
    quantity_units,
    window,
)
from nowake.app.stated import apply_stated, price_mid2, unseen, without_market
from nowake.app.wiring import RunOptions
from nowake.core import ids
from nowake.core.conditions import Conditions
from nowake.core.errors import InputError, Refused
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder, Side
from nowake.core.plan import Assumption, ExecutionPlan, Notice
from nowake.core.routing import StrategyDecision
from nowake.core.sessions import Session, iso
from nowake.core.tape import Tape
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import content_hash, replace, require
from nowake.data.catalogue import load_catalogue
from nowake.data.listings import parse_listing, venue_listing
from nowake.data.sessions import session as find_session
from nowake.engine.believe import beliefs_for
from nowake.engine.decide import with_defaults
from nowake.models.beliefs import Beliefs
from nowake.models.card import Card
from nowake.plan.frontier import Frontier, cost_frontier
from nowake.plan.planner import Progress, make_plan
from nowake.plan.strategies import AUTO
from nowake.route.router import get_smart_router, routed

DAY_NS = 86_400 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Planned:
    """An order and how it would be worked.

    Attributes:
        mid2: Twice the mid it arrives at, price units; 0 = not known.
        cards: Of the beliefs that were measured or stated.
        seed: Of the simulation that the plan was made for; 0 where there is none.
        beliefs: That the plan rests on; None where it cannot be told.
    """

    request: OrderRequest
    order: ParentOrder
    plan: ExecutionPlan
    listing: Listing
    session: Session
    mid2: int
    cards: tuple[Card, ...] = ()
    seed: int = 0
    beliefs: Beliefs | None = None
    decision: StrategyDecision | None = None

    def frontier(self) -> Frontier:
        """Return what the order would cost over other horizons, or at other rates, by the plan's strategy.

        Raises:
            Refused: It is not known what the plan rests on.
        """
        if self.beliefs is None:
            raise Refused("it is not known what the plan rests on, so no other can be priced", "plan the order again")
        order, chosen = replace(self.order, strategy=self.plan.strategy), None
        if self.decision is not None:
            order, chosen = routed(self.order, self.decision), self.decision.chosen
        if chosen is not None:
            order = replace(order, end_ns=chosen.end_ns)
        return cost_frontier(order, Progress.start(order), self.beliefs, self.listing, self.session, self.plan.asof_ns)

    @property
    def shown(self) -> tuple[ParentOrder, ExecutionPlan, Listing, int, str]:
        """Return what a page shows: order, plan, listing, twice the mid, zone."""
        return self.order, self.plan, self.listing, self.mid2, self.zone

    @property
    def zone(self) -> str:
        """Return the zone in which its clock times are shown."""
        return self.request.tz or self.session.zone


def plan_request(
    request: OrderRequest,
    options: RunOptions,
    *,
    now_ns: int | None = None,
    tape: Tape | None = None,
    progress: wiring.ReadProgress | None = None,
) -> Planned:
    """Return how an order would be worked: on a tape, or on what is stated of its market.

    Args:
        request: As typed.
        options: With tapes, stated beliefs, or both: what is stated takes the place of what the tape shows.
        now_ns: The time, used only where there is no tape; None = the clock's.
        tape: In place of ``options.tapes``.
        progress: Told how far the reading is.

    Raises:
        InputError: Something asked for is not what it must be.
        Refused: There is neither a tape nor anything stated, or the order does not fit the market.
    """
    bare = request.symbol.upper().partition("@")[0]
    if tape is None and not options.tapes and bare != wiring.SYNTH and (options.beliefs.stated or options.history):
        return plan_without_tape(request, options, time.time_ns() if now_ns is None else now_ns)
    prepared = wiring.prepare(request, options, tape=tape, progress=progress, background=True)
    made = wiring.route(prepared)
    return Planned(
        request=request,
        order=prepared.order,
        plan=made.plan,
        listing=prepared.env.listings[0],
        session=prepared.session,
        mid2=prepared.mid2,
        cards=tuple(card for _, one in prepared.env.beliefs for card in one.cards),
        seed=options.seed,
        beliefs=beliefs_for(prepared.order, prepared.view, prepared.env),
        decision=made.chosen.decision if made.chosen is not None else None,
    )


def plan_without_tape(request: OrderRequest, options: RunOptions, now_ns: int) -> Planned:
    """Return how an order would be worked on a market of which only ``options.beliefs`` are known.

    Raises:
        InputError: No price is stated, or a text is not what it must be.
        Refused: The listing is not known, or the order does not fit its hours, grid or limits.
    """
    stated = options.beliefs
    listing, assumed = find_listing(request.symbol, options.listing)
    fees = parse_fees(options.fees)
    listing = listing if fees is None else replace(listing, fees=fees)
    if not stated.price:
        raise InputError("price", "", "stated, since no tape shows one", "add --price 410, or name a tape with --tape")
    session = find_session(listing.session)
    start_ns, end_ns, moved = typed_window(request, session, now_ns)
    check_length(start_ns, end_ns)
    mid2 = price_mid2(stated, listing)
    history = find_history(listing, session, start_ns, options.history, mapping=options.mapping, stated=options.listing)
    base = without_market(listing, session, start_ns, history)
    beliefs = apply_stated(stated, base, listing)
    beliefs = replace(beliefs, assumed=(*assumed, *beliefs.assumed))
    order = ParentOrder(
        parent_id=request.parent_id or ids.parent_id(content_hash((request, stated, start_ns)), 0),
        listing=listing.key,
        side=Side.parse(request.side),
        qty_units=quantity_units(request, listing, mid2),
        decided_ns=start_ns,
        start_ns=start_ns,
        end_ns=end_ns,
        strategy=request.strategy,
        parameters=parameters(request, listing),
    )
    order = with_defaults(order, unseen(listing, start_ns, mid2), listing)
    made, decision = routed_plan(order, beliefs, listing, session, start_ns)
    if moved:
        made = replace(made, warnings=(moved, *made.warnings))
    return Planned(
        request=request,
        order=order,
        plan=made,
        listing=listing,
        session=session,
        mid2=mid2,
        cards=beliefs.cards,
        beliefs=beliefs,
        decision=decision,
    )


def routed_plan(
    order: ParentOrder,
    beliefs: Beliefs,
    listing: Listing,
    session: Session,
    now_ns: int,
    conditions: Conditions | None = None,
) -> tuple[ExecutionPlan, StrategyDecision | None]:
    """Return the plan of an order that is not begun, and what the router makes of it.

    Of a strategy that the user named the decision is None where there is nothing to weigh it against.

    Raises:
        InputError: The order cannot be worked as asked.
    """
    progress, router = Progress.start(order), get_smart_router()
    try:
        decision = router.decide(order, progress, beliefs, listing, session, now_ns, conditions)
    except InputError:
        if order.strategy == AUTO:
            raise
        return make_plan(order, progress, beliefs, listing, session, now_ns), None
    return router.plan(order, decision, progress, beliefs, listing, session), decision


def find_listing(symbol: str, stated: str = "") -> tuple[Listing, tuple[Assumption, ...]]:
    """Return the listing that a symbol names, and what is assumed of it where the catalogue does not hold it.

    Args:
        symbol: ``MSFT@XNAS``, or a bare symbol of the catalogue.
        stated: Text of ``--listing``; takes the place of the catalogue.

    Raises:
        InputError: A bare symbol fits several listings, or none; nothing is known of its venue; or the stated listing
            is of another symbol.
    """
    catalogue = load_catalogue()
    name, at, venue = symbol.strip().partition("@")
    if stated:
        made = parse_listing(stated, catalogue)
        fits = symbol.strip().lower() in (made.key.lower(), made.instrument.symbol.lower())
        require(fits, "listing", made.key, f"of the order's symbol {symbol}")
        return made, ()
    try:
        return catalogue.find(symbol), ()
    except InputError:
        rules = venue_listing(name, venue) if name and at else None
        if rules is None:
            if any(one.instrument.symbol.lower() == name.lower() for one in catalogue.listings):
                raise
            where = f"say where, as in {name.upper()}@XNAS, or " if not at else ""
            remedy = f"{where}state its rules: --listing {name.upper()}@{venue or 'VENUE'},tick=0.01,lot=1"
            raise InputError("symbol", symbol, "a known listing, or one on a known venue", remedy) from None
    value = f"as for any share on {rules.venue}: ticks, lot {rules.instrument.qty(rules.lot_units):f}, fees, hours"
    return rules, (Assumption(name="listing", value=value, why=f"{rules.key} is not in the catalogue"),)


def typed_window(request: OrderRequest, session: Session, now_ns: int) -> tuple[int, int, Notice | None]:
    """Return the window of an order without a tape, and a notice where it was moved to the next session.

    No start is the next instant at which the market is open; clock times are of that session, or of the next one where
    they have passed. A duration that no longer fits before the close starts at the next open.

    Raises:
        InputError: A text is not a time.
        Refused: The session table does not know the day.
    """
    now_ns = -(-now_ns // NS_PER_SECOND) * NS_PER_SECOND
    first = session.next_open(now_ns)
    start_ns, end_ns = _window_of(request, session, first)
    close_ns = close_of(session, start_ns)
    if is_dated(request.start) or session.always_open:
        return start_ns, end_ns, None
    passed = start_ns < now_ns or end_ns <= start_ns
    too_long = not request.start and end_ns > close_ns
    if not (passed or too_long):
        return start_ns, end_ns, None
    following = session.next_open(close_of(session, first))
    start_ns, end_ns = _window_of(request, session, following)
    why = "the times have passed today" if passed else f"the window does not fit before the close at {iso(close_ns)}"
    return start_ns, end_ns, Notice(code="next-session", text=f"{why}: planned for {iso(start_ns)}")


def _window_of(request: OrderRequest, session: Session, first_ns: int) -> tuple[int, int]:
    """Return the window that a request names when the market opens to it at ``first_ns``."""
    if session.always_open:
        return window(request, session, MarketHours(first_ns=first_ns, last_ns=first_ns + DAY_NS - 1))
    return window(request, session, MarketHours(first_ns=first_ns, last_ns=close_of(session, first_ns)))
