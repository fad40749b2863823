"""The venue is a process of its own; the worker dies by SIGKILL again and again; the venue's book judges.

No child id arrives twice, no leg is live twice, nothing is filled beyond the order, and journal, state and venue agree
to the unit. A failing seed prints itself.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from nowake.core.child import ChildStatus
from nowake.core.decisions import CancelRequested, ChildSubmitted, Withheld
from nowake.core.inputs import Restarted
from nowake.core.sessions import iso
from nowake.core.value import from_msgpack
from nowake.engine.env import Env
from nowake.engine.host import audit, fold
from nowake.engine.state import EngineState, state_hash
from nowake.journal.reader import JournalFile, read_journal
from nowake.live.recover import SavedState

SEED = 20_260_105
NEVER_WITHHELD = {"duplicate", "overrun", "size", "listing", "self-trade", "limit", "open-orders"}


def judge(field: Any, outcome: dict[str, Any]) -> EngineState:
    """Hold the end of an order against the venue's own book; return the folded state."""
    say = f"seed {field.seed}: "
    assert outcome["status"] == "done", f"{say}{outcome}"
    truth = field.truth()
    order = field.order
    assert not truth.duplicates, f"{say}sent twice: {truth.duplicates}"
    assert not truth.clashes, f"{say}a leg was live twice: {truth.clashes}"
    assert not [one.child_id for one in truth.statuses if one.live], f"{say}left at the venue"
    filled = truth.filled(order.parent_id)
    assert filled <= order.qty_units, f"{say}{filled} filled of {order.qty_units}"
    exposed = truth.exposures.get(order.parent_id, 0)
    assert exposed <= order.qty_units, f"{say}{exposed} of {order.qty_units} could have been filled at one time"
    file = read_journal(field.journal)
    state = fold(file.records())
    parent = state.parents[order.parent_id]
    abandoned = sum(parent.abandoned.values())
    assert (parent.filled, parent.overfill, parent.unsent) == (filled, 0, 0), f"{say}journal and venue differ"
    assert filled + abandoned == order.qty_units, f"{say}{filled} + {abandoned} of {order.qty_units}"
    assert (outcome["filled"], outcome["abandoned"]) == (filled, abandoned), say
    assert outcome["state_hash"] == state_hash(state), f"{say}the live state is not the fold of its journal"
    check_journal(field, file, outcome, truth)
    return state


def check_journal(field: Any, file: JournalFile, outcome: dict[str, Any], truth: Any) -> None:
    """The chain holds, everything at the venue was intended first, decisions come out again, counters never fall."""
    say = f"seed {field.seed}: "
    found = file.verify()
    assert (found.records, found.head) == (outcome["records"], outcome["head"]), say
    assert not found.notices, f"{say}{found.notices}"
    batches = list(file.batches())
    intended = {d.child.child_id: d.child for b in batches for d in b.decisions if isinstance(d, ChildSubmitted)}
    assert [child for child in truth.orders if intended.get(child.child_id) != child] == [], f"{say}not intended"
    env = from_msgpack(file.get_blob(file.header.env_hash), Env)
    equal, difference = audit([(b.input, b.decisions) for b in batches], env)
    assert not difference, f"{say}{difference[:500]}"
    assert equal == len(batches), say
    views = [view for b in batches if (view := getattr(b.input, "view", None)) is not None]
    for name in ("volume_all", "volume_own", "notional_all", "mid_ns", "realised_ns"):
        values = [getattr(view, name) for view in views]
        assert values == sorted(values), f"{say}{name} falls over a restart"
    odd = {d.control for b in batches for d in b.decisions if isinstance(d, Withheld)} & NEVER_WITHHELD
    assert not odd, f"{say}the gate had to stop what should never have come to it: {odd}"
    epochs = [b.input.epoch for b in batches if isinstance(b.input, Restarted)]
    assert epochs == sorted(set(epochs)), say
    assert max(epochs, default=1) == outcome["epoch"], f"{say}a restart was not journaled"


def check_snapshot(field: Any) -> int:
    """A saved state and the records after it give what folding everything gives; return what it saved."""
    file = read_journal(field.journal)
    found = file.latest_snapshot()
    assert found is not None
    saved = from_msgpack(found.state, SavedState)
    records = list(file.records())
    whole, tail = fold(records), fold(records[found.seq :], saved.state)
    assert state_hash(whole) == state_hash(tail), f"seed {field.seed}"
    one, other = whole.parents[field.order.parent_id], tail.parents[field.order.parent_id]
    assert list(one.closed) == list(other.closed), "the order of children is part of the state"
    return found.seq


def test_killed_at_random_moments(field: Callable[..., Any]) -> None:
    rng = random.Random(SEED)
    made = field(SEED % 1000)
    killed = made.kill_at_random(14, rng)
    assert killed >= 10, f"seed {made.seed}: the order ended after {killed} kills"
    outcome = made.finish()
    judge(made, outcome)
    assert check_snapshot(made) > 0
    assert outcome["epoch"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_two_hundred_times(field: Callable[..., Any], seed: int) -> None:
    rng = random.Random(SEED + seed)
    sell = {"side": -1} if seed % 2 else {}
    made = field(seed, minutes=20.0, qty=4000 + 1000 * seed, must_complete=seed % 3 == 0, urgency=0.2 * seed, **sell)
    killed = made.kill_at_random(50, rng, longest=0.6)
    outcome = made.finish()
    judge(made, outcome)
    check_snapshot(made)
    assert killed >= 35, f"seed {made.seed}: the order ended after {killed} kills"


POINTS = ["append:1", "append:2", "append:5", "unsent:1", "send:1", "unsent:2", "send:2", "send:3", "append:3"]


def test_killed_in_each_window(field: Callable[..., Any]) -> None:
    """Right after a batch is durable, right before its create leaves, right after it left and before the answer.

    No worker lives longer than a few creates, to the very end of the order; commands are late by up to 5 s.
    """
    made = field(7, minutes=6.0, qty=2000, jitter_s=5.0, horizon_s=6.0, must_complete=True)
    killed = made.kill_at_points([*POINTS, *["send:1", "unsent:1", "send:1", "send:2"] * 40], 160)
    assert killed > 15
    state = judge(made, made.finish())
    intended = [
        decision.child
        for batch in read_journal(made.journal).batches()
        for decision in batch.decisions
        if isinstance(decision, ChildSubmitted)
    ]
    arrived = {child.child_id for child in made.truth().orders}
    lost = [child for child in intended if child.child_id not in arrived]
    assert len(lost) >= 2, "each unsent point leaves an intent that never arrives"
    closed = state.parents[made.order.parent_id].closed
    assert {closed[child.child_id].status for child in lost} == {ChildStatus.REJECTED}, "proven absent"
    attempts = [(child.leg, child.attempt) for child in intended]
    assert len(set(attempts)) == len(attempts), "an attempt number is used once"


def test_a_second_worker_is_refused(field: Callable[..., Any]) -> None:
    made = field(3, minutes=3.0)
    first = made.start(out="first.json")
    patience = time.monotonic() + 60
    while not made.journal.exists():
        assert time.monotonic() < patience, made.errors()
        time.sleep(0.01)
    second = made.start(out="second.json")
    assert made.forker.wait(second) == 0
    refusal = made.outcome("second.json")
    assert refusal["kind"] == "JournalError"
    assert "is being written by process" in refusal["refused"]
    assert "\n" not in refusal["refused"]
    assert made.forker.wait(first) == 0
    judge(made, made.outcome("first.json"))


def test_cancelled_children_do_not_come_back(field: Callable[..., Any]) -> None:
    """Killed only after cancels have left: the successor waits for the venue's proof."""
    made = field(11, minutes=4.0, urgency=0.0)
    rng = random.Random(11)
    made.kill_at_random(8, rng, longest=0.8)
    judge(made, made.finish())
    batches = list(read_journal(made.journal).batches())
    assert any(isinstance(d, CancelRequested) for b in batches for d in b.decisions)


def test_the_log_of_many_lives_tells_nothing_twice(field: Callable[..., Any]) -> None:
    """Each killed worker may have died between writing the journal and the log, never the other way round."""
    made = field(23, minutes=4.0, outlets=True)
    assert made.kill_at_random(6, random.Random(23), longest=0.8) > 2
    outcome = made.finish()
    judge(made, outcome)
    lines = [json.loads(line) for line in (made.folder / "run.log").read_text(encoding="utf-8").splitlines()]
    told = [(one["event"], one["t"]) for one in lines if "t" in one]
    journal = iter(
        (type(record).__struct_config__.tag.replace("-", "_"), iso(batch.input.t_ns))
        for batch in read_journal(made.journal).batches()
        for record in batch.records
    )
    assert all(one in journal for one in told), "told twice, out of order, or never journaled"
    assert len(told) > outcome["records"] / 2
    starts = [one["resumed"] for one in lines if one["event"] == "run_started"]
    assert starts == [False] * starts.count(False) + [True] * starts.count(True)
    assert lines[-1]["event"] == "run_ended"
    assert lines[-1]["filled"] == outcome["filled"]
    assert all(one["order"] == made.order.parent_id for one in lines if one["event"] in ("filled", "acked", "ended"))
    assert f'nowake_run_ended_total{{status="{outcome["status"]}"}} 1' in (made.folder / "prom").read_text()
