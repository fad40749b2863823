"""The engine over several venues that fail and a process that dies: no invariant broken, by the venues' own books."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from storm_venues import Tally, judge_whole, storm

from nowake.core.decisions import ParentStatus
from nowake.core.errors import NowakeError
from nowake.sim.faults import Faults
from nowake.sim.faulty_market import FaultyMarket
from nowake.sim.passing import Passing


@pytest.mark.parametrize("block", range(3))
def test_no_invariant_breaks_over_several_venues(block):
    tally = Tally()
    for seed in range(10 * block, 10 * block + 10):
        tally.add(seed)
    assert not tally.violations
    assert tally.steps > 1_000
    assert tally.crashes > 10
    assert tally.passed > 0
    assert len(tally.faults) > 15


@pytest.mark.slow
def test_no_invariant_breaks_in_a_hundred_thousand_steps_over_several_venues():
    tally, seed = Tally(), 200_000
    while tally.steps < 100_000 and not tally.violations:
        tally.add(seed)
        seed += 1
    assert not tally.violations


def test_a_world_of_venues_repeats_to_the_last_record_and_fault():
    one, other = (storm(17) for _ in range(2))
    assert one.journal.head() == other.journal.head()
    for leg, again in zip(one.legs, other.legs, strict=True):
        assert leg.market.board.happened == again.market.board.happened
    assert any(leg.market.board.happened for leg in one.legs)
    assert len({leg.market.board.seed for leg in one.legs}) == 3


def test_without_faults_the_whole_order_is_filled_once():
    made = storm(4, faults=Faults(), crash=0.0)
    judge_whole(made, deep=True)
    assert not any(leg.market.board.happened for leg in made.legs)


def caught() -> bool:
    """Return whether any of the worlds notices."""
    for seed in range(40):
        try:
            judge_whole(storm(seed))
        except (AssertionError, NowakeError, KeyError):
            return True
    return False


def passed_on_twice_over(monkeypatch):
    """What the dark venue left goes on twice."""
    real = Passing._passed

    def generous(self, t_ns, dark, running):
        twice = SimpleNamespace(order=dark.order, abandoned={why: 2 * units for why, units in dark.abandoned.items()})
        return real(self, t_ns, twice, running)

    monkeypatch.setattr(Passing, "_passed", generous)


def passed_on_while_it_works(monkeypatch):
    """What rests at the dark venue goes on before it is known to be over."""
    real = Passing.take

    def hasty(self, t_ns, host):
        parents = host.state.parents
        dark = parents.get("DARK")
        if dark is None or dark.status is ParentStatus.DONE or not dark.reserved:
            return real(self, t_ns, host)
        running = [parents[one] for one in self._lit if one in parents]
        running = [one for one in running if one.status is ParentStatus.RUNNING]
        if not running or any(key.startswith("DARK-") for key in host.state.keys):
            return ()
        early = SimpleNamespace(order=dark.order, abandoned={"rests": dark.reserved})
        return self._passed(t_ns, early, running)

    monkeypatch.setattr(Passing, "take", hasty)


def a_venue_that_never_stands_still(monkeypatch):
    """A command that a fault held back is let go on a market that waits ahead."""
    monkeypatch.setattr(FaultyMarket, "put_back", lambda self: None)


BUGS = (passed_on_twice_over, passed_on_while_it_works, a_venue_that_never_stands_still)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_seen_by_the_venues_books(bug, monkeypatch):
    bug(monkeypatch)
    assert caught(), bug.__doc__
