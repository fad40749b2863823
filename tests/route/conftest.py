"""The planner's listings, beliefs and orders (``tests/plan/planner_fixtures.py``)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "plan"))

from planner_fixtures import always, beliefs_of, coin, equity, order_of, session, t0

__all__ = ["always", "beliefs_of", "coin", "equity", "order_of", "session", "t0"]
