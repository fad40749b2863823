"""Bugs put in on purpose: each must be caught by the campaign, or the campaign is worth nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from campaign import judge, judge_audit, random_run, run, toy_order
from planted import doubt_freed, fill_applied_twice, pending_cancel_freed

from nowake.core import ids
from nowake.core.child import ChildStatus
from nowake.core.errors import NowakeError
from nowake.core.value import replace
from nowake.engine import apply_decisions, apply_inputs, decide, draft, host, ledger, parent, reconcile


def caught(seeds=range(150)) -> bool:
    """Return whether any of the worlds notices; a calm one must also be served in full."""
    with suppress(NowakeError, KeyError):
        calm = run(toy_order(qty=1000, minutes=10), 1)
        if calm.parent is None or calm.parent.filled != 1000:
            return True
    for seed in seeds:
        try:
            outcome = random_run(seed, crash=0.05)
            judge(outcome)
            if seed % 8 == 0:
                judge_audit(outcome)
        except (AssertionError, NowakeError, KeyError):
            return True
    return False


def test_without_a_bug_nothing_is_caught():
    assert not caught()


def lost_slice(monkeypatch):
    """A residual is dropped without being abandoned."""
    real = apply_decisions.DECISIONS[decide.StatusChanged]

    def forgetful(state, record):
        for key, one in state.parents.items():
            if key == record.parent_id and one.unsent > 3:
                state = replace(state, parents={**state.parents, key: replace(one, unsent=one.unsent - 3)})
        return real(state, record)

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], decide.StatusChanged, forgetful)


def float_drift(monkeypatch):
    """Cash is kept in floats."""
    real = apply_inputs._fill

    def drifting(state, fill, t_ns):
        state = real(state, fill, t_ns)
        for key, one in state.parents.items():
            cash = int(float(one.cash_units) * (1 + 1e-7))
            state = replace(state, parents={**state.parents, key: replace(one, cash_units=cash)})
        return state

    monkeypatch.setattr(apply_inputs, "_fill", drifting)


def timer_skipped(monkeypatch):
    """Timers are not re-armed after the first."""
    real = draft.Draft.wake
    count = {"n": 0}

    def lazy(self, t_ns):
        count["n"] += 1
        if count["n"] % 3 == 0:
            real(self, t_ns)

    monkeypatch.setattr(draft.Draft, "wake", lazy)


def restart_forgets_doubt(monkeypatch):
    """After a restart everything in flight is taken for dead and sent again."""
    real = apply_inputs.INPUTS[apply_inputs.i.Restarted]

    def careless(state, record):
        state = real(state, record)
        for key, one in state.parents.items():
            for child in one.live.values():
                state = replace(
                    state, parents={**state.parents, key: ledger.close(state.parents[key], child, ChildStatus.CANCELED)}
                )
        return state

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], apply_inputs.i.Restarted, careless)


def ids_reused(monkeypatch):
    """The attempt does not go into the id."""
    monkeypatch.setattr(parent.ids, "child_id", lambda p, leg, attempt: ids.digest("child", p, leg))


def effects_before_durable(monkeypatch):
    """Effects leave although the batch was not appended."""

    def hasty(self, event, raw=b""):
        state, decisions = host.step(self.state, self.env, event)
        if state is not self.state and len(decisions) % 3:
            self.store.append((event, *decisions), raw)
        self.state = state
        return decisions

    monkeypatch.setattr(host.Host, "handle", hasty)


def premature_absence(monkeypatch):
    """A single "not found" is taken for proof, asked at once."""
    real = apply_inputs._status

    def hasty(state, status, requested_ns, t_ns):
        state = real(state, status, requested_ns, t_ns)
        found = ledger.find(state, status.child_id)
        if not status.known and found and found[1] is not None:
            return ledger.put(state, ledger.close(found[0], found[1], ChildStatus.REJECTED))
        return state

    monkeypatch.setattr(apply_inputs, "_status", hasty)
    monkeypatch.setattr(reconcile, "due_ns", lambda child, _: 1 if child.status is ChildStatus.IN_DOUBT else 0)


def limit_ignored(monkeypatch):
    """The limit does not reach the tactic, and the gate sleeps."""
    real = parent._situation
    monkeypatch.setattr(parent, "_situation", lambda *a: replace(real(*a), limit_units=None))
    monkeypatch.setattr(parent, "judge", lambda c: ())


def hidden_state(monkeypatch):
    """A decision changes the state without a record."""
    real = draft.Draft.emit

    def sly(self, decision):
        real(self, decision)
        if isinstance(decision, parent.ChildSubmitted):
            self.state = replace(self.state, ignored=self.state.ignored + 1)

    monkeypatch.setattr(draft.Draft, "emit", sly)


BUGS = (
    pending_cancel_freed,
    lost_slice,
    fill_applied_twice,
    float_drift,
    restart_forgets_doubt,
    ids_reused,
    effects_before_durable,
    doubt_freed,
    premature_absence,
    limit_ignored,
    hidden_state,
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda b: b.__name__)
def test_a_planted_bug_is_caught(bug, monkeypatch):
    bug(monkeypatch)
    assert caught(), bug.__doc__


def test_a_skipped_timer_is_caught(monkeypatch):
    """It loses no quantity, so the schedule is what notices: the order does not keep up."""
    timer_skipped(monkeypatch)
    late = 0
    for seed in range(6):
        with suppress(NowakeError):
            outcome = run(toy_order(qty=2000, minutes=10), seed)
            late += outcome.parent.filled < 2000
            continue
        late += 1
    assert late > 0
