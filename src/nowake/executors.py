"""Executors: one strategy on one market. The facade's calls with both already chosen.

>>> import nowake
>>> twap = nowake.TWAPExecutor(seed=3)
>>> order = twap.order("buy", 2_000, "SYNTH", over="10m")
>>> twap.execute(order).report.filled_units
2000
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from nowake import api
from nowake.app.request import OrderRequest
from nowake.app.results import Result
from nowake.core.errors import InputError
from nowake.core.plan import ExecutionPlan
from nowake.core.tape import Tape


class Executor:
    """Plans and works orders by one strategy on one market.

    Args:
        tape: From ``read_tape``; None = the synthetic market, for ``SYNTH`` only.
        **options: Of ``plan_order`` and ``work_order``: ``seed``, ``impact``, ``fees``, ``latency``, ``beliefs``.
    """

    strategy: ClassVar[str]
    """Name in the table of strategies."""

    def __init__(self, tape: Tape | None = None, **options: Any) -> None:
        self.tape = tape
        self.options = options

    def order(self, side: str, quantity: str | float, symbol: str, **terms: Any) -> OrderRequest:
        """Return an order for this executor; the terms are those of ``nowake.order``.

        Raises:
            InputError: A term is not what it must be.
        """
        return self._own(api.order(side, quantity, symbol, **{"strategy": self.strategy, **terms}))

    def plan(self, request: OrderRequest) -> ExecutionPlan:
        """Return the execution plan of an order and what it will cost; sends nothing.

        Raises:
            InputError: The order is of another strategy, or does not fit the market.
        """
        return api.plan_order(self._own(request), self.tape, **self.options)

    def execute(self, request: OrderRequest, journal: str | Path | None = None) -> Result:
        """Work an order to its end and measure it; the journal survives a crash (``nowake.resume_order``).

        Raises:
            InputError: The order is of another strategy, or does not fit the market.
            JournalError: The journal exists or cannot be written.
        """
        return api.work_order(self._own(request), self.tape, journal=journal, **self.options)

    def _own(self, request: OrderRequest) -> OrderRequest:
        said = getattr(request, "strategy", request)
        if said != self.strategy:
            raise InputError(
                "strategy", said, f"{self.strategy} for a {type(self).__name__}", "make it with its order()"
            )
        return request


class TWAPExecutor(Executor):
    """Equal slices at equal intervals, as many as are worth it (``plan.twap``)."""

    strategy = "twap"

    def slice_count(self, request: OrderRequest) -> int:
        """Return how many slices are best: at least 1, not falling with size or duration."""
        return len(self.plan(request).slices)


class VWAPExecutor(Executor):
    """Slices in proportion to the volume that is expected in them (``plan.vwap``)."""

    strategy = "vwap"

    def volume_profile(self, request: OrderRequest) -> tuple[tuple[int, float], ...]:
        """Return (release of the slice, UTC ns; its share of the order) for each slice; the shares sum to 1."""
        plan = self.plan(request)
        return tuple((one.release_ns, one.qty_units / plan.qty_units) for one in plan.slices)
