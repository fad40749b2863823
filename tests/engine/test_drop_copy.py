"""The drop copy: what the venue filled and nobody told of is found, and where nothing is lost nothing changes."""

from types import SimpleNamespace

import pytest
from storm import START, judge, storm, synth

import nowake.engine.drop_copy as copied
from nowake.core.decisions import Alerted, ParentStatus
from nowake.core.inputs import Filled, OpenOrdersReported, StatusReported
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.engine.drop_copy import DropCopy
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import Host, fold
from nowake.engine.state import EngineState
from nowake.journal.memory import MemoryJournal
from nowake.sim.exchange import SimMarket
from nowake.sim.faults import Faults
from nowake.sim.latency import Latency
from nowake.sim.world import World

S = 10**9
SEEDS = range(8)


def told_at(made) -> dict[str, int]:
    """Return when the engine first heard of each trade."""
    times: dict[str, int] = {}
    for event, _ in made.batches():
        fills = ()
        if isinstance(event, Filled):
            fills = (event.fill,)
        elif isinstance(event, StatusReported):
            fills = event.status.fills
        elif isinstance(event, OpenOrdersReported):
            fills = tuple(fill for status in event.statuses for fill in status.fills)
        for fill in fills:
            times.setdefault(fill.trade_id, event.t_ns)
    return times


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lost_fill_is_found_within_30_seconds(seed):
    made = storm(seed, faults=Faults(fill_lost=1.0), crash=0.0)
    judge(made, deep=True)
    heard = told_at(made)
    late = [heard[fill.trade_id] - fill.t_venue_ns for status in made.market.truth() for fill in status.fills]
    assert all(delay <= 31 * S for delay in late)  # the round, and the ways there and back


def alerts(made) -> list[str]:
    return [one.code for _, decisions in made.batches() for one in decisions if isinstance(one, Alerted)]


@pytest.mark.parametrize("crash", [0.0, 0.05])
def test_a_surplus_fill_that_no_report_tells_of_is_found_and_alarmed(crash):
    found = 0
    for seed in SEEDS:
        made = storm(seed, faults=Faults(overfilled=1.0, fill_lost=0.5), crash=crash)
        judge(made, deep=True)
        if made.parent is not None and made.parent.overfill:
            found += 1
            assert {"overfill", "drop-copy"} & set(alerts(made))
    assert found


def test_a_surplus_fill_of_an_order_that_was_done_calls_for_a_person():
    late = 0
    for seed in range(24):
        made = storm(seed, faults=Faults(overfilled=1.0, fill_lost=0.5), crash=0.0)
        state = EngineState()
        for event, decisions in made.batches():
            before = state.parents.get(made.order.parent_id)
            state = fold((event, *decisions), state)
            after = state.parents.get(made.order.parent_id)
            if before is not None and before.status is ParentStatus.DONE and after.overfill > before.overfill:
                late += 1
                assert "overfill" in [one.code for one in decisions if isinstance(one, Alerted)]
    assert late


def test_without_it_a_surplus_fill_stays_unknown(monkeypatch):
    """The planted bug: nobody asks again."""
    monkeypatch.setattr(DropCopy, "ask", lambda *_: None)
    monkeypatch.setattr(DropCopy, "unsettled", lambda *_: [])
    broken = 0
    for seed in SEEDS:
        try:
            judge(storm(seed, faults=Faults(overfilled=1.0, fill_lost=0.5), crash=0.0))
        except AssertionError:
            broken += 1
    assert broken


def test_without_it_lost_fills_are_found_late(monkeypatch):
    monkeypatch.setattr(DropCopy, "ask", lambda *_: None)
    monkeypatch.setattr(DropCopy, "unsettled", lambda *_: [])
    late = []
    for seed in SEEDS:
        made = storm(seed, faults=Faults(fill_lost=1.0), crash=0.0)
        heard = told_at(made)
        late += [heard[f.trade_id] - f.t_venue_ns for one in made.market.truth() for f in one.fills]
    assert max(late) > 31 * S


class Asked(DropCopy):
    """Counts its questions."""

    questions = 0

    def ask(self, state, venue, now_ns):
        before = self.next_ns
        super().ask(state, venue, now_ns)
        if self.next_ns != before:
            self.questions += len(self._asked)


@pytest.mark.parametrize("strategy", ["twap", "vwap", "pov"])
def test_where_nothing_is_lost_the_journal_is_the_same(strategy):
    tape, rows = synth(1)
    order = ParentOrder(
        parent_id="p",
        listing=tape.listing.key,
        side=Side.BUY,
        qty_units=4_000,
        decided_ns=START + 300 * S,
        start_ns=START + 300 * S,
        end_ns=START + 900 * S,
        strategy=strategy,
        parameters=Parameters(participation_target=0.1 if strategy == "pov" else None),
    )
    env = Env(listings=(tape.listing,), sessions=(ALWAYS_OPEN,), limits=sim_limits(order.listing, 0.15))
    heads, copy = [], Asked()
    for drop_copy in (None, copy):
        market = SimMarket(
            tape, latency=Latency(entry_ns=S // 100, response_ns=S // 100), session=ALWAYS_OPEN, rows=rows
        )
        journal = MemoryJournal()
        World(market, Host(env, journal), drop_copy=drop_copy).run(order)
        heads.append(journal.head())
    assert heads[0] == heads[1]
    assert copy.questions > 20


def test_no_more_is_asked_at_once_than_a_venue_bears(monkeypatch):
    asked = []
    venue = SimpleNamespace(query=lambda child_id, now_ns: asked.append(child_id))
    monkeypatch.setattr(DropCopy, "unsettled", lambda *_: [f"c{i}" for i in range(200)])
    DropCopy().ask(EngineState(), venue, 5)
    assert len(asked) == copied.MOST
