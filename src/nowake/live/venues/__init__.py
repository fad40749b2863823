"""Adapters to venues: one file each. An adapter translates; it decides nothing."""
