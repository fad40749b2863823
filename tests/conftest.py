"""What every test shares: how hypothesis runs, and where the recorded markets are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
DATA_SETTING = "NOWAKE_TEST_DATA"
DATA_DEFAULT = "../shared/data"

# The first call of a kernel compiles it, so neither a deadline nor "too slow" says anything here.
settings.register_profile(
    "dev", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
# CI draws the same examples every time: a red run is red again. New examples are found on desks.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if IN_CI else "dev")


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """Return the folder of recorded markets; in CI a missing one fails, elsewhere it skips the test."""
    setting = os.environ.get(DATA_SETTING) or DATA_DEFAULT
    folder = (ROOT / setting).resolve()
    if folder.is_dir() and any(folder.iterdir()):
        return folder
    reason = (
        f"no recorded data in {setting!r} (taken from the repository root): "
        f"set {DATA_SETTING} to the folder that holds lobster/ and binance/"
    )
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
