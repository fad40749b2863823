"""``LiquidityAnalyzer``: what a recorded market is like for an order, in Python.

>>> import nowake
>>> analyzer = nowake.LiquidityAnalyzer(seed=3)
>>> found = analyzer.analyze("buy", 2_000)
>>> found.size_class.value
'medium'
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from nowake import api
from nowake.app.liquidity import LiquidityReading, MeteredMarket, bins_frame
from nowake.app.request import OrderRequest
from nowake.app.wiring import SYNTH, RunOptions, load_tape
from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.tape import Tape
from nowake.core.terms import share
from nowake.core.units import number_text, parse_duration
from nowake.market.norms import LiquidityNorms

if TYPE_CHECKING:
    import polars as pl

SYNTH_OVER = "1h"


class LiquidityAnalyzer:
    """Measures a market for orders: spread, depth, resilience, scores, size class, cost to sweep, time to trade.

    Nothing received after the instant asked for is used. Percentiles are of this listing's own history: the tape up to
    that instant, and earlier days of ``history``.

    Args:
        tape: From ``read_tape``; None = an hour of the synthetic market (and the half hour before it).
        history: Lakes or recorded files with past days, for percentiles and the day's volume.
        bin_width: Of the bins that the history is cut into, ``"1m"``; a window is five of them.
        seed: Of the synthetic market.

    Raises:
        InputError: An argument is not what it must be, or the history holds nothing of the listing.
    """

    def __init__(
        self,
        tape: Tape | None = None,
        *,
        history: api.Paths = (),
        bin_width: str = "1m",
        seed: int = 0,
    ) -> None:
        if tape is not None and not isinstance(tape, Tape):
            raise InputError("tape", tape, "made by nowake.read_tape(...)")
        paths = api._paths("history", history)
        if tape is None:
            request = OrderRequest(side="buy", quantity="1", symbol=SYNTH, over=SYNTH_OVER)
            tape = load_tape(request, RunOptions(seed=seed))
        if not isinstance(bin_width, str):
            raise InputError("bin_width", bin_width, 'a duration such as "1m"')
        self.tape = tape
        self._market = MeteredMarket(tape, tuple(str(one) for one in paths), parse_duration("bin_width", bin_width))

    def analyze(
        self,
        side: str | int | Side,
        quantity: str | float | Decimal,
        *,
        at: str | datetime = "",
        participation: str | float = 0.15,
    ) -> LiquidityReading:
        """Return what the market is like for an order.

        Args:
            side: ``buy`` or ``sell``.
            quantity: Shares, base asset or contracts; ``"5m-USDT"`` is a value in quote currency.
            at: When: aware datetime, ISO text, ``"10:00"`` in the session's zone, ``"open+30m"``; empty = the last.
            participation: Own share of volume that the time to trade is at.

        Raises:
            InputError: An argument is not what it must be, or the tape does not cover the instant.
        """
        parsed = side if isinstance(side, Side) else Side.parse(number_text("side", side))
        part = share("participation", number_text("participation", participation))
        self._go(at)
        units = self._market.quantity(number_text("quantity", quantity))
        return self._market.reading(parsed, units, part)

    def bins(self, *, until: str | datetime = "") -> pl.DataFrame:
        """Return the closed bins up to an instant (empty = the last open one) as a Polars frame, a row each.

        Past days of ``history`` come first. Columns and units: ``nowake watch --out`` writes the same.
        """
        self._go(until)
        return bins_frame(self._market.bins(), self.tape.listing, self._market.day_ns())

    def norms(self, *, at: str | datetime = "") -> LiquidityNorms:
        """Return the quantiles of this listing's own history as it was known at an instant (empty = the last)."""
        self._go(at)
        return self._market.norms()

    def _go(self, at: str | datetime) -> None:
        market = self._market
        market.advance(market.instant("at", api._moment("at", at), market.last_open_ns))
