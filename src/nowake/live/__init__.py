"""Work orders against venues that are outside this process: shell, clock, adapters."""
