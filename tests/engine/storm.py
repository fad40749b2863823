"""The whole engine in simulated markets behind the fault switchboard, with crashes; the venue's own book is the judge.

python tests/engine/storm.py --steps 1000000           # prints progress, faults by name, violations
python tests/engine/storm.py --seed 4711               # one world again
python tests/engine/storm.py --seed 4711 --faults fill_lost=0.2 --crash 0
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from campaign import CrashingHost

from nowake.core.child import ChildOrder
from nowake.core.errors import NowakeError
from nowake.core.order import EndBehaviour, Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.tape import Tape
from nowake.core.value import replace
from nowake.engine.drop_copy import DropCopy
from nowake.engine.env import Env, Timing, sim_limits
from nowake.engine.host import audit, fold
from nowake.engine.state import ParentState, state_hash
from nowake.journal.memory import MemoryJournal
from nowake.plan.strategies import AUTO, check_parameters
from nowake.route.router import SmartRouter
from nowake.sim.exchange import SimMarket
from nowake.sim.faults import NAMES, Faults, parse_faults
from nowake.sim.faulty_market import LATER_NS, FaultyMarket
from nowake.sim.latency import Latency, lognormal
from nowake.sim.merge import VenueRows, venue_rows
from nowake.sim.synthetic import synth_tape
from nowake.sim.world import World

MS, S, MINUTE = 10**6, 10**9, 60 * 10**9
START = 1_767_623_400 * 10**9
LATENCIES = (
    Latency(decision_ns=100_000, entry_ns=MS, response_ns=MS, data_ns=MS),
    Latency(entry=lognormal(20 * MS, 0.8), response=lognormal(20 * MS, 0.8), data_ns=5 * MS),
    Latency(entry=lognormal(50 * MS, 1.0), response=lognormal(50 * MS, 1.0), overtake=True),
)


HORIZONS = (2 * S, 5 * S, 12 * S)
"""Of the engine, for each: no order may arrive later than this and the venue's "not found" count (F3).

What a fault holds back comes on top of a way drawn from a long tail: at 50 ms and sigma 1 one in a million
takes 6 s."""


@cache
def synth(number: int) -> tuple[Tape, VenueRows]:
    """Return a market of 25 minutes, shared by the worlds on it."""
    tape = synth_tape(seed=number, start_ns=START, duration_ns=25 * MINUTE)
    return tape, venue_rows(tape)


class Judging:
    """A venue that writes down what an engine must never do to it; it sees commands as they are let through.

    Attributes:
        twice: Child ids that came again.
        clashes: Children that came while another of their leg was live.
        exposure: The most that could have been filled at any moment, units.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.twice: list[str] = []
        self.clashes: list[str] = []
        self.exposure = 0
        self.came: dict[str, ChildOrder] = {}

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Take a child, and look at it first."""
        known = {status.child_id: status for status in self.truth()}  # type: ignore[attr-defined]
        if child.child_id in self.came:
            self.twice.append(child.child_id)
        total = child.qty_units
        for child_id, other in self.came.items():
            status = known.get(child_id)
            live = status is None or status.live
            total += other.qty_units if live else status.cum_qty
            if live and other.leg == child.leg and child_id != child.child_id:
                self.clashes.append(child.child_id)
        self.exposure = max(self.exposure, total)
        self.came[child.child_id] = child
        super().submit(child, now_ns)  # type: ignore[misc]


class JudgedMarket(Judging, SimMarket):
    """A venue with a book that writes down what an engine must never do to it."""


@dataclass
class Storm:
    """What one world left behind."""

    seed: int
    order: ParentOrder
    env: Env
    host: CrashingHost
    market: FaultyMarket
    journal: MemoryJournal

    @property
    def parent(self) -> ParentState | None:
        """Return the order's final state, None when it was refused."""
        return self.host.state.parents.get(self.order.parent_id)

    @property
    def venue(self) -> JudgedMarket:
        """Return the venue behind the faults."""
        return self.market.inner

    @property
    def steps(self) -> int:
        """Return how many inputs the engine took."""
        return sum(1 for _ in self.journal.batches())

    def batches(self) -> list:
        """Return the journal as (input, decisions)."""
        return [(batch.input, batch.decisions) for batch in self.journal.batches()]


def random_faults(r: random.Random) -> Faults:
    """Return a few faults, some of them bad, or a little of every one."""
    if r.random() < 0.3:
        chances = dict.fromkeys(NAMES, r.choice((0.01, 0.03)))
    else:
        chances = {name: r.choice((0.02, 0.1, 0.3)) for name in r.sample(NAMES, r.randint(1, 6))}
    chances["overfilled"] = 0.05 if r.random() < 0.1 else 0.0
    for name in ("rejected", "regridded", "balance_short"):  # five in a row pause an order for good
        chances[name] = min(chances.get(name, 0.0), 0.1)
    return Faults(**chances)


def random_order(r: random.Random, listing: str) -> ParentOrder:
    """Return an order of some size, length and strategy."""
    start = START + r.randint(2, 10) * MINUTE + r.randint(0, MINUTE)
    made = ParentOrder(
        parent_id="storm",
        listing=listing,
        side=r.choice((Side.BUY, Side.SELL)),
        qty_units=r.choice((10, 300, 2_000, 5_000, 20_000)),
        decided_ns=start,
        start_ns=start,
        end_ns=start + r.choice((1, 4, 8, 12)) * MINUTE,
        strategy=r.choice(("twap", "twap", "vwap", "auto")),
        parameters=Parameters(
            urgency=r.choice((0.0, 0.3, 0.5, 1.0)),
            participation_max=r.choice((0.05, 0.15, 0.2)),
            end_behaviour=r.choice(list(EndBehaviour)),
            must_complete=r.random() < 0.3,
            slices=r.choice((None, None, 5, 60)),
        ),
    )
    try:
        check_parameters(made)
    except NowakeError:
        return replace(made, parameters=Parameters(end_behaviour=EndBehaviour.FINISH))
    return made


def storm(seed: int, *, faults: Faults | None = None, crash: float | None = None, tape: Tape | None = None) -> Storm:
    """Work a random order in a random world to its end; everything follows from the seed."""
    r = random.Random(seed)
    chosen, chance = random_faults(r), r.choice((0.0, 0.01, 0.05))
    faults, crash = faults or chosen, chance if crash is None else crash
    recorded, rows = (tape, None) if tape is not None else synth(r.randint(0, 3))
    order = random_order(r, recorded.listing.key)
    if tape is not None:
        first = int(tape.t_local()[0]) + MINUTE
        move = first - order.start_ns
        order = replace(order, decided_ns=first, start_ns=first, end_ns=order.end_ns + move)
    (latency, horizon_ns), impact = r.choice(tuple(zip(LATENCIES, HORIZONS, strict=True))), r.choice(("off", "ledger"))
    inner = JudgedMarket(recorded, latency=latency, session=ALWAYS_OPEN, impact=impact, seed=seed, rows=rows)
    env = Env(
        listings=(recorded.listing,),
        sessions=(ALWAYS_OPEN,),
        limits=sim_limits(order.listing, order.parameters.participation_max),
        timing=Timing(horizon_ns=horizon_ns),
        router=SmartRouter() if order.strategy == AUTO else None,
    )
    journal = MemoryJournal()
    made = Storm(
        seed, order, env, CrashingHost(env, journal, seed + 7, crash), FaultyMarket(inner, faults, seed), journal
    )
    World(made.market, made.host, drop_copy=DropCopy(settle_ns=LATER_NS)).run(order)
    hear_out(made)
    return made


def hear_out(made: Storm) -> None:
    """Let what is still on its way arrive: a shell goes on listening when its last order is done."""
    until = made.market.now_ns + 2 * LATER_NS
    while made.market.now_ns < until:
        t_ns, _ = made.market.advance(until, ())
        for message in made.market.poll(t_ns):
            made.host.handle(replace(message.event, t_ns=max(t_ns, made.host.state.t_ns)), message.raw)


def judge(made: Storm, *, deep: bool = False) -> None:
    """Assert what must never be otherwise, by the venue's book; ``deep``: also that deciding again gives the same."""
    venue, parent, order = made.venue, made.parent, made.order
    truth = made.market.truth()
    fills = [fill for status in truth for fill in status.fills]
    filled = sum(fill.qty_units for fill in fills)
    assert not venue.twice, f"sent twice: {venue.twice}"
    assert not venue.clashes, f"two live children on one leg: {venue.clashes}"
    assert all(count == 1 for count in made.market.sent.values()), "a child was handed over twice"
    assert not [status.child_id for status in truth if status.live], "something is still live at the venue"
    if parent is None:
        assert filled == 0, "a refused order traded"
        return
    over = made.market.board.faults.overfilled > 0
    most = order.qty_units + made.market.undone_units()
    assert over or venue.exposure <= most, f"{venue.exposure} of {order.qty_units} could have been filled"
    assert over or filled <= order.qty_units, "the venue filled more than the order"
    assert parent.filled == filled, f"the engine counts {parent.filled} filled, the venue {filled}"
    assert parent.filled + sum(parent.abandoned.values()) == order.qty_units + parent.overfill, "not conserved"
    assert parent.unsent == 0, "something was forgotten"
    assert all(parent.abandoned), "a residual without a reason"
    money = sum(f.price_units * f.qty_units for f in fills), sum(f.fee_money for f in fills)
    assert (parent.cash_units, parent.fees_money) == money, "cash or fees are not the venue's"
    assert state_hash(fold(made.journal.records())) == state_hash(made.host.state), "fold differs from live"
    if deep:
        batches = made.batches()
        assert audit(batches, made.env) == (len(batches), ""), "deciding again differs"


def replay_command(seed: int, faults: Faults | None = None, crash: float | None = None) -> str:
    """Return the command that runs one world again."""
    more = (f" --faults {faults}" if faults else "") + ("" if crash is None else f" --crash {crash:g}")
    return f"python tests/engine/storm.py --seed {seed}{more}"


@dataclass
class Tally:
    """What many worlds came to."""

    steps: int = 0
    worlds: int = 0
    crashes: int = 0
    faults: Counter = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, seed: int, **options: object) -> None:
        """Run and judge one world; a violation is kept with the command that repeats it."""
        self.worlds += 1
        try:
            made = storm(seed, **options)  # type: ignore[arg-type]
            self.steps += made.steps
            self.crashes += made.host.crashes
            self.faults.update(one.name for one in made.market.board.happened)
            judge(made, deep=seed % 20 == 0)
        except (AssertionError, NowakeError, KeyError) as error:
            self.violations.append(f"seed {seed}: {type(error).__name__}: {error}; again: {replay_command(seed)}")

    def document(self) -> dict[str, object]:
        """Return the figures, JSON-able."""
        return {
            "steps": self.steps,
            "worlds": self.worlds,
            "crashes": self.crashes,
            "faults": dict(sorted(self.faults.items())),
            "violations": self.violations,
        }


def asked_of(arguments: list[str], text: str | None, steps: int) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Return what a storm is asked for on the command line, and the options of its worlds."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=steps, help="inputs that the engine is to take in all")
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--seed", type=int, help="this world only")
    parser.add_argument("--faults", default="", help="in place of the drawn ones: fill_lost=0.1,gap=0.05, or all=0.02")
    parser.add_argument("--crash", type=float, help="chance of a crash at each release of effects")
    asked = parser.parse_args(arguments)
    return asked, {"faults": parse_faults(asked.faults) if asked.faults else None, "crash": asked.crash}


def main(arguments: list[str]) -> int:
    """Run worlds until so many steps are done; returns the exit code."""
    asked, options = asked_of(arguments, __doc__, 20_000)
    if asked.seed is not None:
        made = storm(asked.seed, **options)
        print(json.dumps({**made.market.report(), "steps": made.steps, "crashes": made.host.crashes}, indent=2))
        judge(made, deep=True)
        return 0
    tally, since, told = Tally(), time.monotonic(), 0.0
    seed = asked.first
    while tally.steps < asked.steps:
        before = len(tally.violations)
        tally.add(seed, **options)
        seed += 1
        for line in tally.violations[before:]:
            print(f"VIOLATION {line}", file=sys.stderr, flush=True)
        if (now := time.monotonic() - since) - told > 10:
            told = now
            line = f"{tally.steps} steps in {tally.worlds} worlds, {sum(tally.faults.values())} faults"
            print(f"{line}, {len(tally.violations)} violations, {now:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps(tally.document(), indent=2))
    return 1 if tally.violations else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
