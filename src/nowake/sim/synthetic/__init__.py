"""SYNTH: a documented synthetic limit order market (``docs/models/synth.md``)."""

from nowake.sim.synthetic.generate import WARMUP_NS, synth_tape
from nowake.sim.synthetic.parameters import LISTING, SynthParameters, activity, activity_integral

__all__ = ["LISTING", "WARMUP_NS", "SynthParameters", "activity", "activity_integral", "synth_tape"]
