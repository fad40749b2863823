"""SYNTH: a documented synthetic limit order market (``docs/models/synth.md``)."""

from nowake.sim.synthetic.generate import WARMUP_NS, synth_tape
from nowake.sim.synthetic.parameters import LISTING, SynthParameters, activity, activity_integral
from nowake.sim.synthetic.regimes import REGIMES, find_regime

__all__ = [
    "LISTING",
    "REGIMES",
    "WARMUP_NS",
    "SynthParameters",
    "activity",
    "activity_integral",
    "find_regime",
    "synth_tape",
]
