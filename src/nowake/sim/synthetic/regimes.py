"""Named parameter sets of the synthetic market: one state of a market each, the rest as in ``balanced``.

Measured figures of each: ``docs/models/synth.md``.
"""

from __future__ import annotations

from nowake.core.errors import InputError
from nowake.core.value import replace
from nowake.sim.synthetic.parameters import SynthParameters

BALANCED = SynthParameters()

REGIMES: dict[str, SynthParameters] = {
    "balanced": BALANCED,
    # The flow goes with the variance, so that the price stays diffusive (docs/models/synth.md, limits).
    "calm": replace(BALANCED, daily_vol=0.01, quote_rate=0.6, adv_shares=2_500_000),
    "volatile": replace(BALANCED, daily_vol=0.04, quote_rate=9.6, adv_shares=40_000_000),
    # Few orders step inside the spread, and a small queue at the touch is soon gone.
    "wide": replace(BALANCED, improve=0.03, touch_shares=60.0, quote_rate=1.0, lean_ticks=6.0),
    # A third of the depth for the same volume.
    "thin": replace(BALANCED, touch_shares=60.0, deep_shares=160.0, quote_mean_shares=40.0),
    # One long hidden order at a time, and a flow that hardly minds the efficient price: moves go on for minutes.
    "trending": replace(
        BALANCED,
        metaorders=1,
        metaorder_tail=1.05,
        metaorder_max=4_000,
        quote_rate=1.2,
        lean_ticks=100.0,
        lean_trades=0.1,
        lean_quotes=0.5,
        lean_cancels=0.5,
    ),
}
"""By name, as ``--regime`` takes it."""


def find_regime(name: str) -> SynthParameters:
    """Return the parameters of a regime, letter case ignored; an empty name is ``balanced``.

    Raises:
        InputError: There is none of that name (they are listed).
    """
    found = REGIMES.get(name.strip().lower() or "balanced")
    if found is None:
        raise InputError("regime", name, f"one of {', '.join(REGIMES)}")
    return found
