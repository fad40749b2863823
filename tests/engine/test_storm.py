"""The engine behind the fault switchboard in simulated markets: no invariant broken, by the venue's own book."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from planted import doubt_freed, fill_applied_twice, pending_cancel_freed
from storm import JudgedMarket, Tally, judge, replay_command, storm, synth

from nowake.core.child import ChildStatus
from nowake.core.errors import InputError, NowakeError
from nowake.core.inputs import Filled
from nowake.core.value import replace
from nowake.data.source import open_tapes
from nowake.engine import apply_inputs, ledger
from nowake.sim.faults import NAMES, Faults, parse_faults
from nowake.sim.faulty_market import FaultyMarket
from nowake.sim.latency import Latency


@pytest.mark.parametrize("block", range(4))
def test_no_invariant_breaks_in_a_storm(block):
    tally = Tally()
    for seed in range(8 * block, 8 * block + 8):
        tally.add(seed)
    assert not tally.violations
    assert tally.steps > 500
    assert len(tally.faults) > 10


@pytest.mark.slow
def test_no_invariant_breaks_in_a_million_steps_of_storm():
    tally, seed = Tally(), 100_000
    while tally.steps < 1_000_000 and not tally.violations:
        tally.add(seed)
        seed += 1
    assert not tally.violations
    assert set(tally.faults) == set(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["lobster/*AMZN*_5.zip", "binance/spot_btcusdt_20240808.gz"])
def test_no_invariant_breaks_on_recorded_markets(pattern: str, recorded_data: Path):
    (tape,) = open_tapes(sorted(recorded_data.glob(pattern)))
    part = tape.head(100_000)
    for seed in range(20):
        made = storm(seed, tape=part)
        judge(made, deep=seed % 5 == 0)


@pytest.mark.parametrize("name", NAMES)
def test_an_order_ends_whole_under_each_fault_alone(name):
    for seed in range(2):
        made = storm(seed, faults=Faults(**{name: 0.3}), crash=0.0)
        judge(made)
        assert set(made.market.report()["happened"]) <= {name}


def test_a_world_repeats_to_the_last_record_and_fault():
    one, other = (storm(27) for _ in range(2))
    assert one.journal.head() == other.journal.head()
    assert one.market.board.happened == other.market.board.happened != []
    assert one.market.report() == other.market.report()


def test_without_faults_the_market_is_untouched():
    plain = storm(4, faults=Faults(), crash=0.0)
    assert plain.market.report() == {"seed": 4, "faults": "", "happened": {}}
    bare = JudgedMarket(synth(0)[0], latency=Latency(), seed=1)
    wrapped = FaultyMarket(JudgedMarket(synth(0)[0], latency=Latency(), seed=1), Faults(), 1)
    for t_ns in range(bare.start_ns, bare.start_ns + 300 * 10**9, 7 * 10**9):
        assert bare.advance(t_ns) == wrapped.advance(t_ns)
        assert bare.view(t_ns) == wrapped.view(t_ns)


def test_a_text_names_faults_and_comes_back():
    faults = parse_faults("all=0.01, fill_lost=0.5")
    assert faults.fill_lost == 0.5
    assert faults.gap == 0.01
    assert parse_faults(str(faults)) == faults
    assert "--faults fill_lost=0.5" in replay_command(7, Faults(fill_lost=0.5))
    for wrong, said in (
        ("nothing=1", "one of ack_lost"),
        ("gap=often", "gap=PROBABILITY"),
        ("gap=2", "^gap must be a probability in \\[0, 1\\]"),
        ("all=2", "^all must be a probability in \\[0, 1\\]"),
        ("all=nan", "^all must be"),
    ):
        with pytest.raises(InputError, match=said):
            parse_faults(wrong)


# Bugs put in on purpose: each must be seen by the venue's own book


def caught(seeds=range(60)) -> bool:
    """Return whether any of the worlds notices."""
    for seed in seeds:
        try:
            judge(storm(seed), deep=False)
        except (AssertionError, NowakeError, KeyError):
            return True
    return False


def late_fill_dropped(monkeypatch):
    """A fill of an order that is thought to be over is ignored."""
    real = apply_inputs._fill

    def deaf(state, fill, t_ns):
        found = ledger.find(state, fill.child_id)
        return state if found is not None and found[1] is None else real(state, fill, t_ns)

    monkeypatch.setattr(apply_inputs, "_fill", deaf)


def remainder_counted(monkeypatch):
    """The rest of an immediate order that expired counts as filled."""
    real = apply_inputs._end
    made = storm(2, faults=Faults(), crash=0.0)
    any_fill = next(event.fill for event, _ in made.batches() if isinstance(event, Filled))

    def generous(state, child_id, status, cum_qty, t_ns):
        found = ledger.find(state, child_id)
        if status is ChildStatus.EXPIRED and found is not None and found[1] is not None and found[1].fills:
            last = found[1].fills[-1]
            rest = found[1].leaves
            if rest:
                fill = replace(
                    any_fill, child_id=child_id, trade_id="rest", price_units=last.price_units, qty_units=rest
                )
                state = apply_inputs._fill(state, fill, t_ns)
        return real(state, child_id, status, cum_qty, t_ns)

    monkeypatch.setattr(apply_inputs, "_end", generous)


BUGS = (doubt_freed, fill_applied_twice, late_fill_dropped, pending_cancel_freed, remainder_counted)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_seen_by_the_venues_book(bug, monkeypatch):
    bug(monkeypatch)
    assert caught(), bug.__doc__


def test_the_table_of_faults_is_whole_and_its_tests_exist():
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs/faults.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| F")]
    assert [row[0] for row in rows] == [f"F{n}" for n in range(1, 33)]
    shown = [(name, row[0]) for row in rows for name in re.findall(r"`([a-z_]+)`", row[2])]
    stated = re.findall(r"^ +([a-z_]+): (F\d+)\. ", Faults.__doc__ or "", re.MULTILINE)
    assert tuple(name for name, _ in stated) == NAMES
    assert sorted(shown) == sorted(stated)
    for row in rows:
        path, _, name = row[4].strip("`").partition("::")
        assert not path or f"def {name}(" in (root / path).read_text(encoding="utf-8"), row


def test_a_fault_that_is_named_twice_is_refused() -> None:
    assert parse_faults("all=0.01,gap=0.5").gap == 0.5
    with pytest.raises(InputError, match="each named once, but gap is twice"):
        parse_faults("gap=0.1,gap=0.2")
