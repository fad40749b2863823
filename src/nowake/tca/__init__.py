"""What an execution cost and why: benchmarks, shortfall, spreads, markouts, the report. Numbers only."""

from nowake.tca.markouts import markout_bps, mid_after
from nowake.tca.spreads import effective_spread, in_bps, price_impact, realised_spread

__all__ = ["effective_spread", "in_bps", "markout_bps", "mid_after", "price_impact", "realised_spread"]
