"""One order over several venues, each behind faults of its own, with crashes; the venues' own books are the judges.

python tests/engine/storm_venues.py --steps 20000      # prints steps, faults by name, violations
python tests/engine/storm_venues.py --seed 4711        # one world again
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from campaign import CrashingHost
from storm import (
    HORIZONS,
    LATENCIES,
    MINUTE,
    START,
    JudgedMarket,
    Judging,
    Storm,
    asked_of,
    hear_out,
    judge,
    random_faults,
)

from nowake.core.decisions import ParentStatus
from nowake.core.errors import NowakeError
from nowake.core.order import EndBehaviour, Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.tape import Tape
from nowake.core.value import replace
from nowake.engine.drop_copy import DropCopy
from nowake.engine.env import Env, Timing, sim_limits
from nowake.engine.host import audit
from nowake.journal.memory import MemoryJournal
from nowake.models.dark import DarkLiquidity
from nowake.sim.dark import DarkMarket, dark_listing
from nowake.sim.faults import Faults
from nowake.sim.faulty_market import LATER_NS, FaultyMarket
from nowake.sim.latency import Latency
from nowake.sim.markets import Markets, Member
from nowake.sim.merge import VenueRows, venue_rows
from nowake.sim.passing import Passing
from nowake.sim.synthetic import synth_tape
from nowake.sim.world import World


class JudgedDark(Judging, DarkMarket):
    """A dark venue that writes down what an engine must never do to it."""


class AskedMarkets(Markets):
    """Markets that are also asked about children whose sending died with the process: the first says it knows none."""

    def _venue_of(self, child_id: str, now_ns: int) -> Member:
        known = self._of_child.get(child_id)
        return self._here(known.key if known is not None else next(iter(self.members)), now_ns)


@cache
def synth(number: int, venue: str) -> tuple[Tape, VenueRows]:
    """Return a market of 25 minutes on a venue, shared by the worlds on it."""
    tape = synth_tape(seed=number, start_ns=START, duration_ns=25 * MINUTE)
    meta = replace(tape.meta, listing=replace(tape.listing, venue=venue))
    tape = Tape(meta, tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty, tape.order_id)
    return tape, venue_rows(tape)


@dataclass
class VenuesStorm:
    """What one world of several venues left behind; each leg is judged as an order alone is."""

    seed: int
    legs: list[Storm]
    markets: Markets
    host: CrashingHost
    journal: MemoryJournal
    env: Env
    asked: int

    @property
    def steps(self) -> int:
        """Return how many inputs the engine took."""
        return sum(1 for _ in self.journal.batches())

    @property
    def now_ns(self) -> int:
        """Return the time reached."""
        return self.markets.now_ns


def _order(r: random.Random, listing: str, side: Side, qty: int, window: tuple[int, int]) -> ParentOrder:
    start, end = window
    dark = listing.endswith("@DARK")
    how = Parameters(
        urgency=r.choice((0.0, 0.5, 1.0)),
        participation_max=0.2,
        end_behaviour=EndBehaviour.CANCEL if dark else r.choice(list(EndBehaviour)),
        slices=1 if dark else r.choice((None, 5)),
    )
    return ParentOrder(
        parent_id=listing.rpartition("@")[2],
        listing=listing,
        side=side,
        qty_units=qty,
        decided_ns=start,
        start_ns=start,
        end_ns=(start + end) // 2 if dark else end,
        strategy="twap",
        parameters=how,
    )


def _market(r: random.Random, tape: Tape, rows: VenueRows, latency: Latency, seed: int) -> JudgedMarket:
    impact = r.choice(("off", "ledger"))
    return JudgedMarket(tape, latency=latency, session=ALWAYS_OPEN, impact=impact, seed=seed, rows=rows)


def storm(seed: int, *, faults: Faults | None = None, crash: float | None = None) -> VenuesStorm:
    """Work one order over two venues with a book and a dark one; everything follows from the seed."""
    r = random.Random(seed)
    chance = r.choice((0.0, 0.01, 0.05))
    crash = chance if crash is None else crash
    ways = [r.choice(tuple(zip(LATENCIES, HORIZONS, strict=True))) for _ in range(3)]
    found = [synth(r.randint(0, 1), "NEAR"), synth(r.randint(2, 3), "FAR")]
    inner: list = [_market(r, *one, way[0], seed + k) for k, (one, way) in enumerate(zip(found, ways, strict=False))]
    tape = found[0][0]
    liquidity = DarkLiquidity(
        listing=tape.listing.key, bin_s=86_400, buy_per_hour=(300.0,), sell_per_hour=(300.0,), sizes=(50, 100, 300)
    )
    dark = dark_listing(tape.listing)
    latency = ways[2][0]
    inner.append(
        JudgedDark(dark, tape, liquidity, latency=latency, reference_ns=latency.data_ns, session=ALWAYS_OPEN, seed=seed)
    )
    markets = AskedMarkets([FaultyMarket(one, faults or random_faults(r), seed + k) for k, one in enumerate(inner)])
    start = START + r.randint(2, 10) * MINUTE
    side, window = r.choice((Side.BUY, Side.SELL)), (start, start + r.choice((1, 4, 8)) * MINUTE)
    sizes = (2_000, 1_200, 800)
    orders = [_order(r, one.key, side, qty, window) for one, qty in zip(inner, sizes, strict=True)]
    listings = (*(one[0].listing for one in found), dark)
    limits = replace(sim_limits(listings[0].key, 0.2), allowed=tuple(one.key for one in listings))
    timing = Timing(horizon_ns=max(horizon for _, horizon in ways))
    env = Env(listings=listings, sessions=(ALWAYS_OPEN,), limits=limits, timing=timing)
    journal = MemoryJournal()
    host = CrashingHost(env, journal, seed + 7, crash)
    desk = Passing(["DARK"], ["NEAR", "FAR"], listings)
    World(markets, host, desk=desk, drop_copy=DropCopy(settle_ns=LATER_NS)).run_all(orders)
    legs = [Storm(seed, order, env, host, markets.members[order.listing], journal) for order in orders]
    made = VenuesStorm(seed, legs, markets, host, journal, env, sum(sizes))
    _hear_out(made)
    return made


def _hear_out(made: VenuesStorm) -> None:
    """Let what is still on its way arrive, on all venues."""
    hear_out(Storm(made.seed, made.legs[0].order, made.env, made.host, made.markets, made.journal))  # type: ignore[arg-type]


def judge_whole(made: VenuesStorm, *, deep: bool = False) -> None:
    """Assert of each leg what must never be otherwise, and that all of them together never trade too much."""
    for leg in made.legs:
        parent = leg.parent
        if parent is not None:  # its quantity may have grown by what the dark venue left
            leg = replace_order(leg, parent.order)
        judge(leg)
    over = any(leg.market.board.faults.overfilled for leg in made.legs)
    fills = sum(fill.qty_units for status in made.markets.truth() for fill in status.fills)
    assert over or fills <= made.asked, f"{fills} filled on all venues of {made.asked}"
    dark = made.legs[-1].parent
    if dark is not None and dark.status is ParentStatus.DONE and dark.abandoned:
        grown = sum(leg.parent.order.qty_units - leg.order.qty_units for leg in made.legs[:-1] if leg.parent)
        undone = made.legs[-1].market.undone_units()
        assert grown <= sum(dark.abandoned.values()) + undone, "more was passed on than was left"
    if deep:
        found = [(batch.input, batch.decisions) for batch in made.journal.batches()]
        assert audit(found, made.env) == (len(found), ""), "deciding again differs"


def replace_order(leg: Storm, order: ParentOrder) -> Storm:
    """Return a leg with its order as it became."""
    return Storm(leg.seed, order, leg.env, leg.host, leg.market, leg.journal)


@dataclass
class Tally:
    """What many worlds came to."""

    steps: int = 0
    worlds: int = 0
    crashes: int = 0
    passed: int = 0
    faults: Counter = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, seed: int, **options: object) -> None:
        """Run and judge one world; a violation is kept with the command that repeats it."""
        self.worlds += 1
        try:
            made = storm(seed, **options)  # type: ignore[arg-type]
            self.steps += made.steps
            self.crashes += made.host.crashes
            self.passed += any(key.startswith("DARK-") for key in made.host.state.keys)
            for leg in made.legs:
                self.faults.update(one.name for one in leg.market.board.happened)
            judge_whole(made, deep=seed % 10 == 0)
        except (AssertionError, NowakeError, KeyError) as error:
            again = f"python tests/engine/storm_venues.py --seed {seed}"
            self.violations.append(f"seed {seed}: {type(error).__name__}: {error}; again: {again}")


def main(arguments: list[str]) -> int:
    """Run worlds until so many steps are done; returns the exit code."""
    asked, options = asked_of(arguments, __doc__, 5_000)
    if asked.seed is not None:
        made = storm(asked.seed, **options)
        print(json.dumps([leg.market.report() for leg in made.legs], indent=2))
        judge_whole(made, deep=True)
        return 0
    tally, seed = Tally(), asked.first
    while tally.steps < asked.steps:
        tally.add(seed, **options)
        seed += 1
    made = {"steps": tally.steps, "worlds": tally.worlds, "crashes": tally.crashes, "passed": tally.passed}
    print(json.dumps({**made, "faults": dict(sorted(tally.faults.items())), "violations": tally.violations}, indent=2))
    return 1 if tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
