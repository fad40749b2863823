"""The simulated world: recorded markets, a matching venue, latency, fees, own impact, faults; virtual time only."""
