"""Controls 16 and 17: never trade with ourselves, never on a market that cannot be trusted."""

from __future__ import annotations

from nowake.core.decisions import Verdict
from nowake.engine.gate.base import Candidate, verdict


def self_trade(c: Candidate) -> Verdict:
    """Refuse the newest of two own orders that could meet (16, I20)."""
    for other in c.state.parents.values():
        if other.order.listing != c.child.listing or other.order.side is c.child.side:
            continue
        for one in other.live.values():
            crosses = (c.price - one.order.price_units) * int(c.child.side) >= 0
            if crosses or not one.order.price_units:
                return verdict("self-trade", False, f"could meet own {one.order.child_id}")
    return verdict("self-trade", True)


def feed_alive(c: Candidate) -> Verdict:
    """Refuse on a stale, crossed, locked, gapped, halted or empty book and in a closed session (17, I21)."""
    if not c.view.tradable:
        return verdict("feed", False, f"the market is {c.view.integrity!s}")
    if not c.session.is_open(c.view.t_ns):
        return verdict("feed", False, f"session {c.session.name} is closed")
    return verdict("feed", True)
