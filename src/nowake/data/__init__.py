"""Recorded markets: readers, the lake, checks, sessions and the catalogue of listings."""
