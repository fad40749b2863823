"""In which world an engine runs: decides the gate's defaults and how a run is resumed."""

from __future__ import annotations

from enum import StrEnum


class Profile(StrEnum):
    """Simulated or live."""

    SIM = "sim"
    """World and engine in one process, in virtual time: limits follow from the order; a cut run is executed again."""
    LIVE = "live"
    """The venue is outside the process: nothing unasked is allowed; recovery is fold and reconcile."""
