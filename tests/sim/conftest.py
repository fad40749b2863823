"""Make the random tapes importable by their short name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "market"))
