"""Reports to look at: one filled, one that was cut short, one that never traded."""

from __future__ import annotations

import pytest

from nowake.app import wiring
from nowake.app.request import OrderRequest
from nowake.app.results import work_prepared
from nowake.app.wiring import RunOptions
from nowake.tca.report import ExecutionReport


def work(**asked: object) -> ExecutionReport:
    """Return the report of an order on SYNTH, kept in memory."""
    request = OrderRequest(**{"side": "buy", "quantity": "2000", "symbol": "SYNTH", "over": "4m", **asked})  # type: ignore[arg-type]
    return work_prepared(wiring.prepare(request, RunOptions(seed=3)), None).report


@pytest.fixture(scope="session")
def filled() -> ExecutionReport:
    return work()


@pytest.fixture(scope="session")
def partly() -> ExecutionReport:
    return work(quantity="12000", side="sell")


@pytest.fixture(scope="session")
def untraded() -> ExecutionReport:
    return work(limit="90")


@pytest.fixture(params=["filled", "partly", "untraded"])
def report(request: pytest.FixtureRequest) -> ExecutionReport:
    found: ExecutionReport = request.getfixturevalue(request.param)
    return found
