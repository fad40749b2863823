"""Bugs that both campaigns are shown: in the toy market (`test_planted`) and in simulated ones (`test_storm`)."""

from __future__ import annotations

from nowake.core.child import ChildStatus
from nowake.core.value import replace
from nowake.engine import apply_decisions, apply_inputs, host, ledger, parent


def pending_cancel_freed(monkeypatch):
    """Cancel and resend without waiting: what is being cancelled counts as unsent at once."""
    real = apply_decisions.DECISIONS[parent.CancelRequested]

    def hasty(state, record):
        state = real(state, record)
        found = ledger.find(state, record.child_id)
        return ledger.put(state, ledger.close(found[0], found[1], ChildStatus.CANCELED))

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], parent.CancelRequested, hasty)


def fill_applied_twice(monkeypatch):
    """A repeated fill is not recognised."""
    real = apply_inputs._fill
    monkeypatch.setattr(
        apply_inputs, "_fill", lambda s, f, t: real(s, replace(f, trade_id=f"{f.trade_id}/{s.ignored}/{t}"), t)
    )


def doubt_freed(monkeypatch):
    """A failed send is treated as a rejection."""
    real = apply_inputs.INPUTS[apply_inputs.i.SendFailed]

    def hopeful(state, record):
        found = ledger.find(state, record.child_id)
        if found is None or found[1] is None:
            return real(state, record)
        return ledger.put(state, ledger.close(found[0], found[1], ChildStatus.REJECTED))

    monkeypatch.setitem(host.apply.__globals__["_TABLE"], apply_inputs.i.SendFailed, hopeful)
