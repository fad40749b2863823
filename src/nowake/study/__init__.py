"""Studies: what an experiment is made of and what it says. The wiring that works them is in ``app``."""
