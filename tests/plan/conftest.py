"""Make what planners are tested with importable, here and in ``tests/route``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from planner_fixtures import always, beliefs_of, coin, equity, order_of, session, t0

__all__ = ["always", "beliefs_of", "coin", "equity", "order_of", "session", "t0"]
