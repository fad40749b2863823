"""What the synthetic market is made of: its listing, its parameters, and its volume curve.

Equations, sources and measured figures: ``docs/models/synth.md``.
"""

from __future__ import annotations

from decimal import Decimal
from math import cos, pi, sin

from nowake.core.instrument import FeeSchedule, GridBand, Instrument, InstrumentKind, Listing
from nowake.core.value import Value, require

DAY_NS = 86_400_000_000_000
HOUR_NS = 3_600_000_000_000

LISTING = Listing(
    instrument=Instrument(
        symbol="SYNTH",
        base="shares",
        quote="USD",
        kind=InstrumentKind.EQUITY,
        price_unit=Decimal("0.01"),
        qty_unit=Decimal(1),
    ),
    venue="SIM",
    ticks=(GridBand(from_units=0, step_units=1),),
    lot_units=1,
    min_qty_units=1,
    fees=FeeSchedule(
        maker_bps=Decimal(0),
        taker_bps=Decimal("0.30"),
        source="part of the definition of the synthetic market",
    ),
    session="24/7",
    volume_base="all prints of the synthetic market",
)
"""SYNTH@SIM: price unit 0.01 USD, one tick = one unit, lots of one share, around the clock."""


class SynthParameters(Value, frozen=True):
    """The synthetic market; the defaults are the market that ``docs/models/synth.md`` measures.

    Attributes:
        price_units: Price the warm-up starts from, price units (0.01 USD).
        daily_vol: Standard deviation of the mid's move over 24 h, as a fraction of the starting price.
        adv_shares: Expected volume of 24 h, shares, in a market with a flat activity regime.
        trade_mean_shares: Mean size of a market order, shares.
        trade_tail: Tail exponent of market order sizes (Pareto), > 1.
        trade_max_shares: Largest market order, shares.
        metaorders: Number of hidden orders worked at a time; a market order belongs to one of them at random.
        metaorder_tail: Tail exponent of their number of child orders (Pareto), > 1.
        metaorder_max: Largest number of child orders.
        quote_rate: Limit orders per second a side at distance 1 from the opposite best, before any leaning.
        quote_decay: Limit orders at distance i arrive at ``quote_rate * i ** -quote_decay``.
        quote_mean_shares: Mean size of a limit order, and of a cancel, shares.
        improve: Chance that a limit order which would narrow the spread is sent.
        touch_shares, deep_shares: Resting size at distance 1 and far away, if nothing traded, shares.
        depth_ticks: Distance over which the size grows from the one to the other, ticks.
        lean_ticks: Distance of the efficient price from the mid at which leaning is full, ticks.
        lean_quotes, lean_cancels, lean_trades: How much the flow leans, each in [0, 1).
        day_amplitude, day_peak_hours: Daily swing of activity, and its peak, hours UTC.
        hour_amplitude: Swing of activity within each hour, peak at the full hour.
        regime_sd: Standard deviation of the logarithm of the random activity regime.
    """

    price_units: int = 10_000
    daily_vol: float = 0.02
    adv_shares: int = 10_000_000
    trade_mean_shares: float = 100.0
    trade_tail: float = 1.7
    trade_max_shares: int = 2_500
    metaorders: int = 3
    metaorder_tail: float = 1.5
    metaorder_max: int = 400
    quote_rate: float = 2.4
    quote_decay: float = 0.85
    quote_mean_shares: float = 100.0
    improve: float = 0.35
    touch_shares: float = 250.0
    deep_shares: float = 700.0
    depth_ticks: float = 4.0
    lean_ticks: float = 2.0
    lean_quotes: float = 0.8
    lean_cancels: float = 0.8
    lean_trades: float = 0.7
    day_amplitude: float = 0.35
    day_peak_hours: float = 14.5
    hour_amplitude: float = 0.15
    regime_sd: float = 0.3

    def __post_init__(self) -> None:
        self._check_sizes()
        self._check_flow()

    def _check_sizes(self) -> None:
        require(1_000 <= self.price_units <= 10_000_000, "price_units", self.price_units, "1,000 to 10,000,000")
        require(self.adv_shares > 0, "adv_shares", self.adv_shares, "> 0")
        require(1 <= self.trade_max_shares <= 1_000_000, "trade_max_shares", self.trade_max_shares, "1 to 1,000,000")
        require(
            2 <= self.trade_mean_shares <= self.trade_max_shares / 4,
            "trade_mean_shares",
            self.trade_mean_shares,
            "at least 2 and at most a quarter of trade_max_shares",
        )
        require(1.05 <= self.trade_tail <= 10, "trade_tail", self.trade_tail, "1.05 to 10")
        require(1.05 <= self.metaorder_tail <= 10, "metaorder_tail", self.metaorder_tail, "1.05 to 10")
        require(1 <= self.metaorders <= 64, "metaorders", self.metaorders, "1 to 64")
        require(1 <= self.metaorder_max <= 100_000, "metaorder_max", self.metaorder_max, "1 to 100,000")
        for name in ("quote_mean_shares", "touch_shares", "deep_shares"):
            value = getattr(self, name)
            require(5 <= value <= 1_000_000, name, value, "5 to 1,000,000")

    def _check_flow(self) -> None:
        require(0.0005 <= self.daily_vol <= 0.2, "daily_vol", self.daily_vol, "0.0005 to 0.2")
        require(0.01 <= self.quote_rate <= 1_000, "quote_rate", self.quote_rate, "0.01 to 1,000")
        require(0 <= self.quote_decay <= 2, "quote_decay", self.quote_decay, "0 to 2")
        require(0 < self.improve <= 1, "improve", self.improve, "above 0, at most 1")
        require(self.depth_ticks > 0, "depth_ticks", self.depth_ticks, "> 0")
        require(0.25 <= self.lean_ticks <= 100, "lean_ticks", self.lean_ticks, "0.25 to 100")
        for name in ("lean_quotes", "lean_cancels", "lean_trades"):
            value = getattr(self, name)
            require(0 <= value < 1, name, value, "at least 0, below 1")
        for name in ("day_amplitude", "hour_amplitude"):
            value = getattr(self, name)
            require(0 <= value <= 0.9, name, value, "0 to 0.9")
        swing = self.day_amplitude + self.hour_amplitude
        require(swing <= 0.9, "day_amplitude + hour_amplitude", swing, "at most 0.9")
        require(0 <= self.day_peak_hours < 24, "day_peak_hours", self.day_peak_hours, "at least 0, below 24")
        require(0 <= self.regime_sd <= 1, "regime_sd", self.regime_sd, "0 to 1")


def activity(t_ns: int, parameters: SynthParameters) -> float:
    """Return the volume curve at ``t_ns``: intensity relative to the daily mean, dimensionless, > 0.

    ``1 + day * cos(2 pi (h - peak) / 24) + hour * cos(2 pi h)`` with h the UTC time of day in hours. Every rate of
    the market, and the variance of the efficient price, are multiplied by it: the market runs in business time.
    """
    hours = t_ns % DAY_NS / HOUR_NS
    day = parameters.day_amplitude * cos(2 * pi * (hours - parameters.day_peak_hours) / 24)
    return 1 + day + parameters.hour_amplitude * cos(2 * pi * hours)


def activity_integral(start_ns: int, end_ns: int, parameters: SynthParameters) -> float:
    """Return the integral of ``activity`` over [start, end) in days: the expected volume as a share of the ADV."""

    def primitive_hours(t_ns: int) -> float:
        days, rest = divmod(t_ns, DAY_NS)
        hours = rest / HOUR_NS
        peak = parameters.day_peak_hours
        day = parameters.day_amplitude * 24 / (2 * pi) * (sin(2 * pi * (hours - peak) / 24) + sin(2 * pi * peak / 24))
        return days * 24 + hours + day + parameters.hour_amplitude / (2 * pi) * sin(2 * pi * hours)

    return (primitive_hours(end_ns) - primitive_hours(start_ns)) / 24
