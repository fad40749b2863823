"""A whole simulated run: same seed, same journal; nothing looks ahead; the venue's own book agrees."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from itertools import takewhile

import pytest

from nowake.core.decisions import ChildSubmitted
from nowake.core.inputs import MarketClosed, Woken
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.units import parse_duration
from nowake.core.value import replace
from nowake.engine.env import Env, sim_limits
from nowake.engine.host import audit, fold
from nowake.engine.state import state_hash
from nowake.journal.memory import MemoryJournal
from nowake.sim.exchange import SimMarket
from nowake.sim.impact import OwnImpact
from nowake.sim.run import SELDOM, SimOptions, make_market, set_aside, simulate
from nowake.sim.synthetic import synth_tape

MINUTE = 60 * 10**9
START = 1_767_623_400 * 10**9


OWN = OwnImpact(permanent=5e-6, transient=2e-5, half_life_s=10.0)


@pytest.fixture(scope="module")
def tape():
    return synth_tape(seed=5, start_ns=START, duration_ns=50 * MINUTE)


def an_order(listing, qty=4000, minutes=15, **parameters):
    start = START + 30 * MINUTE
    return ParentOrder(
        parent_id="world",
        listing=listing.key,
        side=Side.BUY,
        qty_units=qty,
        decided_ns=start,
        start_ns=start,
        end_ns=start + minutes * MINUTE,
        parameters=Parameters(**parameters),
    )


def run(tape, order, **options):
    env = Env(listings=(tape.listing,), sessions=(ALWAYS_OPEN,), limits=sim_limits(order.listing, 0.15))
    if options.get("impact") == "full":
        options.setdefault("own_impact", OWN)
    market, journal = make_market(tape, ALWAYS_OPEN, SimOptions(**options)), MemoryJournal()
    host = simulate(market, order, env, journal)
    return host, market, journal, env


def until_close(journal):
    """Return the batches before the market of a cut tape closed."""
    return list(takewhile(lambda batch: not isinstance(batch.input, MarketClosed), journal.batches()))


def batches_to(journal, t_ns):
    return [batch for batch in journal.batches() if batch.input.t_ns <= t_ns]


@pytest.mark.parametrize("impact", ["off", "ledger", "full"])
def test_the_order_is_done_and_the_venues_own_book_agrees(tape, impact):
    host, market, journal, env = run(tape, an_order(tape.listing), impact=impact)
    parent = host.state.parents["world"]
    fills = [fill for status in market.truth() for fill in status.fills]
    assert parent.filled == sum(f.qty_units for f in fills) == 4000
    assert parent.cash_units == sum(f.qty_units * f.price_units for f in fills)
    assert parent.fees_money == sum(f.fee_money for f in fills)
    assert not [status for status in market.truth() if status.live]
    assert state_hash(fold(journal.records())) == state_hash(host.state)
    batches = [(batch.input, batch.decisions) for batch in journal.batches()]
    assert audit(batches, env) == (len(batches), "")


def cut_points(journal):
    """Return row counts at which a watch fired: a decision fell on the very last row that the cut leaves."""
    touched = [b.input for b in journal.batches() if isinstance(b.input, Woken) and "world/touch" in b.input.fired]
    rows = sorted({event.view.row for event in touched})
    assert len(rows) >= 3
    return rows[:: max(1, len(rows) // 6)]


def changed_by_a_cut(tape, impact="ledger"):
    """Return how many of the cuts change what was decided before them."""
    order = an_order(tape.listing)
    _, _, whole, _ = run(tape, order, impact=impact)
    changed = 0
    for rows in cut_points(whole):
        _, market, part, _ = run(tape.head(rows), order, impact=impact)
        before = batches_to(whole, market.end_ns)
        assert len(before) >= 3
        changed += before != until_close(part)
    return changed


@pytest.mark.parametrize("impact", ["ledger", "full"])
def test_cutting_the_tape_changes_no_record_before_the_cut(tape, impact):
    assert changed_by_a_cut(tape, impact) == 0


def test_a_look_ahead_by_one_row_is_noticed(tape, monkeypatch):
    """Planted: the view's last price is taken from the next row of the tape."""
    real = SimMarket.view

    def peeking(self, t_ns, listing=""):
        view = real(self, t_ns, listing)
        row = min(view.row, len(self.tape) - 1)
        return replace(view, last_units=int(self.tape.price[row]) + self.tape.meta.price_base)

    monkeypatch.setattr(SimMarket, "view", peeking)
    assert changed_by_a_cut(tape) > 0


HASH = """
from nowake import order, work_order
print(work_order(order("sell", 2500, "SYNTH", over="10m"), seed=11).journal_hash)
"""


def test_same_seed_same_journal_in_two_processes_with_different_hash_seeds():
    hashes = set()
    for hash_seed in ("0", "1"):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", HASH], capture_output=True, text=True, check=True, env=env)
        hashes.add(done.stdout.strip())
    assert len(hashes) == 1
    assert len(hashes.pop()) == 64


def test_another_seed_is_another_journal():
    from nowake import order, work_order

    request = order("sell", 2500, "SYNTH", over="10m")
    assert work_order(request, seed=1).journal_hash != work_order(request, seed=2).journal_hash


def test_two_worlds_on_one_tape_do_not_see_each_other(tape):
    alone, _, _, _ = run(tape, an_order(tape.listing))
    run(tape, an_order(tape.listing, qty=9000, urgency=1.0))
    again, _, _, _ = run(tape, an_order(tape.listing))
    assert state_hash(alone.state) == state_hash(again.state)


def test_an_impatient_order_pays_more_of_the_spread_than_a_patient_one(tape):
    paid = {}
    for urgency in (0.0, 1.0):
        host, _, _, _ = run(tape, an_order(tape.listing, urgency=urgency))
        parent = host.state.parents["world"]
        paid[urgency] = parent.maker_units / parent.filled
    assert paid[0.0] > 0.4
    assert paid[1.0] == 0.0


def test_the_garbage_collector_is_left_as_it_was_found_also_after_a_failure():
    before = gc.get_threshold(), gc.get_freeze_count()
    with set_aside():
        assert gc.get_freeze_count()
        assert gc.get_threshold()[0] == SELDOM
        with set_aside():
            pass  # a run inside a run
        assert gc.get_freeze_count()
        assert gc.get_threshold()[0] == SELDOM
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
    with pytest.raises(ZeroDivisionError), set_aside():
        raise ZeroDivisionError
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_posted_child_says_how_long_it_has_before_its_slice_is_crossed(tape):
    host, _, journal, _ = run(tape, an_order(tape.listing))
    slices = host.state.parents["world"].plan.slices
    posted = [
        (batch.input.t_ns, one)
        for batch in journal.batches()
        for one in batch.decisions
        if isinstance(one, ChildSubmitted) and one.child.role == "post"
    ]
    assert posted
    for t_ns, one in posted:
        told = re.fullmatch(r"joins the touch, (\S+) before crossing", one.reason)
        assert told, one.reason
        window = slices[one.slice_index]
        length_ns = window.end_ns - window.release_ns
        crosses_ns = min(window.release_ns + length_ns // 2, window.end_ns - length_ns // 5)  # urgency 0.5, under 50 s
        assert abs(t_ns + parse_duration("left", told[1]) - crosses_ns) < 10**6 + length_ns // 10**4
