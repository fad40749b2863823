"""Trades that the venue undoes (F13), cancels whose answer is unclear (F10), reports that cannot be true (F21)."""

from __future__ import annotations

import pytest
from campaign import run, toy_order
from storm import judge, storm

from nowake.core.child import ChildStatus, OrderStatus
from nowake.core.decisions import Alerted, ParentStatus
from nowake.core.errors import InputError, NowakeError
from nowake.core.inputs import Acked, Busted, Ended, Filled, Rejected, StatusReported
from nowake.core.value import replace, to_json
from nowake.engine import apply_inputs, host, ledger
from nowake.sim.faults import Faults
from nowake.tca.trail import read_trails


def worked():
    """Return an order that is done, its last fill, and how to hand an input to its engine."""
    outcome = run(toy_order(qty=300, minutes=5), 4)
    fill = [event.fill for event, _ in outcome.batches() if isinstance(event, Filled)][-1]
    return outcome, fill, lambda event: outcome.host.handle(replace(event, t_ns=outcome.host.state.t_ns))


def test_a_bust_lowers_what_is_filled_once_and_all_is_conserved():
    outcome, fill, tell = worked()
    before = outcome.parent
    assert (before.filled, before.status) == (300, ParentStatus.DONE)
    bust = Busted(t_ns=0, fill=fill, t_venue_ns=1)
    decisions = tell(bust)
    after = outcome.parent
    assert after.filled == 300 - fill.qty_units
    assert after.abandoned == {"busted": fill.qty_units}
    assert after.cash_units == before.cash_units - fill.price_units * fill.qty_units
    assert after.fees_money == before.fees_money - fill.fee_money
    assert [one.code for one in decisions if isinstance(one, Alerted)] == ["bust"]
    for again in (bust, Filled(t_ns=0, fill=fill)):  # neither the bust nor the trade comes a second time
        tell(again)
        assert outcome.parent == after
    trail = read_trails(outcome.journal.batches())["toy-order"]
    told = sum(one.fill.qty_units for child in trail.children for one in child.fills)
    assert told == after.filled, "the report reads the same from the journal"


def test_a_correction_states_the_trade_otherwise():
    outcome, fill, tell = worked()
    before = outcome.parent
    other = replace(fill, trade_id="corrected", price_units=fill.price_units + 3)
    tell(Busted(t_ns=0, fill=fill, t_venue_ns=1, correction=other))
    after = outcome.parent
    assert (after.filled, after.abandoned) == (300, {})
    assert after.cash_units == before.cash_units + 3 * fill.qty_units
    with pytest.raises(InputError, match="another trade id"):
        Busted(t_ns=0, fill=fill, t_venue_ns=1, correction=replace(fill, price_units=7))


def test_a_bust_that_overtakes_its_trade_leaves_nothing_of_either():
    outcome, fill, tell = worked()
    before = outcome.parent
    late = replace(fill, trade_id="late", qty_units=7)
    tell(Busted(t_ns=0, fill=late, t_venue_ns=1))
    tell(Filled(t_ns=0, fill=late))
    after = outcome.parent
    assert (after.filled, after.cash_units, after.overfill) == (before.filled, before.cash_units, 0)


def test_what_was_filled_too_much_falls_first():
    outcome, fill, tell = worked()
    tell(Filled(t_ns=0, fill=replace(fill, trade_id="surplus", qty_units=5)))
    assert outcome.parent.overfill == 5
    tell(Busted(t_ns=0, fill=replace(fill, trade_id="surplus", qty_units=5), t_venue_ns=1))
    assert (outcome.parent.overfill, outcome.parent.filled, outcome.parent.abandoned) == (0, 300, {})


def test_a_working_order_trades_again_what_was_undone():
    whole = undone = 0
    for seed in range(30):
        made = storm(seed, faults=Faults(busted=0.3), crash=0.0)
        judge(made, deep=seed % 10 == 0)
        gave_back = made.market.undone_units()
        if made.parent is not None and gave_back:
            undone += 1
            residual = sum(made.parent.abandoned.values())
            whole += residual == 0
            assert residual <= made.order.qty_units
    assert undone > 10
    assert whole > 0, "some had time enough left to be filled in full all the same"


def test_a_lost_bust_is_found_by_the_drop_copy():
    for seed in range(12):
        made = storm(seed, faults=Faults(busted=0.3, answer_lost=0.5), crash=0.0)
        judge(made)


def test_a_status_without_busts_is_written_as_it_always_was():
    status = OrderStatus(child_id="a", known=True)
    assert to_json(status) == b'{"child_id":"a","known":true,"live":false,"status":"canceled","cum_qty":0,"fills":[]}'


@pytest.fixture
def accepted():
    """Return a world's host at the moment a child was accepted, and that child."""
    made = storm(4, faults=Faults(), crash=0.0)
    records, state = list(made.journal.records()), None
    for n, record in enumerate(records):
        if isinstance(record, Acked):
            state = host.fold(records[: n + 1])
            live = {key: one for parent in state.parents.values() for key, one in parent.live.items()}
            if record.child_id in live and live[record.child_id].status is ChildStatus.WORKING:
                made.host.state = state
                return made.host, live[record.child_id]
    raise AssertionError("no child was accepted")


@pytest.mark.parametrize("kind", ["end", "refusal", "status"])
def test_a_report_that_contradicts_what_is_known_proves_nothing(kind, accepted):
    hosted, child = accepted
    child_id, t_ns = child.order.child_id, hosted.state.t_ns
    said = {
        "end": Ended(t_ns=t_ns, child_id=child_id, t_venue_ns=1, status=ChildStatus.CANCELED, cum_qty=-1),
        "refusal": Rejected(t_ns=t_ns, child_id=child_id, t_venue_ns=1, code="other"),
        "status": StatusReported(
            t_ns=t_ns, status=OrderStatus(child_id=child_id, known=True, cum_qty=-1), requested_ns=t_ns
        ),
    }
    decisions = hosted.handle(said[kind])
    assert [one.code for one in decisions if isinstance(one, Alerted)] == ["contradiction"]
    after = hosted.state.parents[child.order.parent_id]
    assert after.live[child_id].status is ChildStatus.IN_DOUBT, "neither over nor taken for working: it is asked about"
    assert after.reserved >= child.leaves
    again = hosted.handle(said[kind])
    assert not [one for one in again if isinstance(one, Alerted)], "said once while it is in doubt"


# Bugs put in on purpose, each seen by the venue's own book under the fault that it is about


def bust_ignored(monkeypatch):
    """A trade that was undone still counts."""
    monkeypatch.setitem(host.apply.__globals__["_TABLE"], Busted, lambda state, record: state)
    monkeypatch.setattr(apply_inputs, "_bust", lambda state, fill: state)


def bust_applied_twice(monkeypatch):
    """A bust that comes again takes away again."""
    real = apply_inputs._bust

    def forgetful(state, fill):
        found = ledger.find(state, fill.child_id)
        if found is not None and found[1] is None:
            closed = found[0].closed[fill.child_id]
            keys = tuple(replace(key, qty_units=key.qty_units or fill.qty_units) for key in closed.fills)
            parent = replace(found[0], closed={**found[0].closed, fill.child_id: replace(closed, fills=keys)})
            state = replace(state, parents={**state.parents, parent.order.parent_id: parent})
        return real(state, fill)

    monkeypatch.setattr(apply_inputs, "_bust", forgetful)


def refused_cancel_believed(monkeypatch):
    """ "Too late" is taken for the end of the order."""

    def sure(state, record):
        found = ledger.find(state, record.child_id)
        if found is None or found[1] is None:
            return state
        return ledger.put(state, ledger.close(found[0], found[1], ChildStatus.CANCELED))

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], apply_inputs.i.CancelRejected, sure)


def nonsense_believed(monkeypatch):
    """An end is an end, whatever it counts."""
    real = apply_inputs._end

    def trusting(state, child_id, status, cum_qty, t_ns):
        found = ledger.find(state, child_id)
        least = found[1].filled if found is not None and found[1] is not None else 0
        return real(state, child_id, status, max(cum_qty, least), t_ns)

    monkeypatch.setattr(apply_inputs, "_end", trusting)


BUGS = (
    (bust_ignored, Faults(busted=0.3)),
    (bust_applied_twice, Faults(busted=0.3, repeated=0.5)),
    (refused_cancel_believed, Faults(cancel_unclear=0.5)),
    (nonsense_believed, Faults(nonsense=0.3)),
)


@pytest.mark.parametrize(("bug", "faults"), BUGS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_planted_bug_is_seen_by_the_venues_book(bug, faults, monkeypatch):
    bug(monkeypatch)
    for seed in range(40):
        try:
            judge(storm(seed, faults=faults, crash=0.0))
        except (AssertionError, NowakeError, KeyError):
            return
    raise AssertionError(f"nobody saw: {bug.__doc__}")
