"""The simulated venue as a process of its own, and the worker that trades on it over a real connection."""
