"""Values, events, decisions, ports and units that every room shares. Imports nothing of ours, does no I/O."""
