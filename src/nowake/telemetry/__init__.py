"""What a run tells the outside: events for a log, counts and timings for a monitor. Nothing here decides anything."""
