"""What an execution cost and why: benchmarks, shortfall, spreads, markouts, the report. Numbers only."""
