"""What a simulated run assumes of its market and of its own trades, for every result to say."""

from __future__ import annotations

from nowake.core.plan import Assumption
from nowake.core.tape import Tape
from nowake.sim.run import SimOptions


def market_assumptions(tape: Tape) -> tuple[Assumption, ...]:
    """Return what every plan on a tape assumes of the market itself."""
    made = []
    if tape.meta.modelled:
        page = "queue-reactive" if tape.meta.reader.startswith("queue-reactive") else "bars"
        made.append(Assumption(name="market", value="modelled", why=f"{tape.meta.modelled} (docs/models/{page}.md)"))
    if tape.meta.consolidated:
        why = "the best quote of all venues; what lies behind it was not recorded"
        made.append(Assumption(name="book", value="one venue with one level", why=why))
    return tuple(made)


def world_assumptions(sim: SimOptions) -> tuple[Assumption, ...]:
    """Return what the simulated world assumes of how our trades move it."""
    why = "nobody stated it (docs/models/own-impact.md)"
    return (
        tuple(Assumption(name="own impact", value=one, why=why) for one in sim.own_impact.assumed)
        if sim.own_impact
        else ()
    )
