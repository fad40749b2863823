"""How a run is simulated, as typed: ``RunOptions``."""

from __future__ import annotations

import msgspec

from nowake.app.fees_and_latency import parse_fees, parse_latency
from nowake.app.own_impact import parse_own_impact
from nowake.app.stated import Beliefs as Stated
from nowake.app.venue_rules import from_text, rules_text
from nowake.app.venues_file import Venues
from nowake.core.value import Value, check_types, force_lower, replace, require
from nowake.data.checks import allowed
from nowake.sim.queues import AUTO as AUTO_QUEUE
from nowake.sim.run import SimOptions


class RunOptions(Value, frozen=True):
    """How a run is simulated, in human units; part of the journal's identity except ``tapes``.

    Attributes:
        tapes: Paths of lakes or recorded files; none = the synthetic market. Not hashed: a tape is its content.
        seed: Of all randomness, the synthetic market's included.
        impact: ``off``, ``ledger`` or ``full``.
        own_impact: With ``full``: by how much our trades move the price, as ``--own-impact`` takes it; empty = assumed
            from the tape (``app.own_impact``).
        fees: ``TAKER`` or ``MAKER/TAKER`` in basis points, in place of the listing's; empty = the listing's.
        latency: ``1ms`` one way for entry, response and data alike, ``0`` = none at all, ``lognormal:5ms,0.4``,
            ``tape``, or leg by leg (``app.fees_and_latency.parse_latency``); empty = the default.
        queue_model: Who is before us at a price: ``fifo``, exact where the tape has order ids, or a model by name;
            ``auto`` = ``fifo`` where it can be had, else ``power-2``. The header names the one in force.
        allow: Faults of a tape that do not refuse it.
        mapping: Which column of a table holds what, as ``--map`` takes it; empty = as the files are known.
        listing: What recorded files are of, as ``--listing`` takes it; empty = what they say themselves.
        beliefs: What the user states of the market; takes the place of what the tape shows.
        history: Paths of lakes or recorded files with past days, for the volume curve. Not hashed, as ``tapes``.
        faults: What goes wrong between engine and venue, ``fill_lost=0.1,gap=0.05`` (docs/faults.md); empty = nothing.
        rules: What the venue does beside matching, as ``app.venue_rules.rules_text`` writes it; empty = nothing.
        venues: On which one order is worked on one clock; None = on the market of the tapes.
        regime: Of the synthetic market, a name in ``sim.synthetic.REGIMES``; empty = ``balanced``.
    """

    tapes: tuple[str, ...] = ()
    seed: int = 0
    impact: str = "ledger"
    own_impact: str = ""
    fees: str = ""
    latency: str = ""
    queue_model: str = AUTO_QUEUE
    allow: tuple[str, ...] = ()
    mapping: str = ""
    listing: str = ""
    beliefs: Stated = Stated()
    history: tuple[str, ...] = ()
    regime: str = ""
    faults: str = ""
    rules: str = ""
    venues: Venues | None = None

    def __post_init__(self) -> None:
        check_types(self)
        force_lower(self, "impact", "queue_model", "regime")
        msgspec.structs.force_setattr(self, "allow", allowed(self.allow))
        msgspec.structs.force_setattr(self, "rules", rules_text(from_text(self.rules)))
        require(all(self.tapes), "tape", "", "a lake folder or a recorded file")
        require(all(self.history), "history", "", "a lake folder or a recorded file")
        require(not (self.tapes and self.regime), "regime", self.regime, "left out on a recorded market")
        require(0 <= self.seed < 2**63, "seed", self.seed, "at least 0 and below 2**63")

    def sim(self) -> SimOptions:
        """Return the options of the simulator.

        Raises:
            InputError: A text is not what it must be.
        """
        made = SimOptions(
            seed=self.seed,
            impact=self.impact,
            queue_model=self.queue_model,
            fees=parse_fees(self.fees),
            rules=from_text(self.rules),
            latency=parse_latency(self.latency),
        )
        if self.own_impact:
            require(self.impact == "full", "own_impact", self.own_impact, "left out without --impact full")
            made = replace(made, own_impact=parse_own_impact(self.own_impact))
        return made
