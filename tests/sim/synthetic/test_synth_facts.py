"""The stylised facts of ``docs/models/synth.md``, measured from tapes with numpy alone.

Nothing here knows the generator: a tape is replayed level by level (last SET of a level at or before each sample) and
the statistics are taken from the samples and the prints. 20 seeds x 1 h, spread over the day.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from nowake.core.tape import END, KIND_MASK, SIDE_MASK, SIDE_SHIFT, Book, Row, Tape
from nowake.sim.synthetic import SynthParameters, activity_integral, synth_tape

PAGE = Path(__file__).resolve().parents[3] / "docs" / "models" / "synth.md"
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
MIDNIGHT = 19_700 * 24 * HOUR
SEEDS = 20
P = SynthParameters()
F64 = npt.NDArray[np.float64]


class Facts(NamedTuple):
    """One hour. Touches sampled every second; one entry a market order in the last three.

    Attributes:
        start_ns: Start of the hour.
        bid, ask: (3600,) price units.
        depth: (3600, 10) shares by distance from the own touch, both sides averaged.
        t_ns, shares, sign: Market orders: time, total size, +1 bought.
    """

    start_ns: int
    rows: int
    bid: F64
    ask: F64
    depth: F64
    t_ns: npt.NDArray[np.int64]
    shares: F64
    sign: F64

    @property
    def mid(self) -> F64:
        """Return (3600,) price units."""
        return (self.bid + self.ask) / 2


def sizes_at(tape: Tape, side: Book, last_row: npt.NDArray[np.int64]) -> tuple[int, npt.NDArray[np.int64]]:
    """Return the lowest price and (samples, prices) shares after each row of ``last_row``."""
    mine = np.flatnonzero(((tape.code & KIND_MASK) == Row.SET) & ((tape.code & SIDE_MASK) >> SIDE_SHIFT == side))
    price = tape.prices()[mine]
    low, high = int(price.min()), int(price.max())
    sizes = np.zeros((len(last_row), high - low + 1), dtype=np.int64)
    for level in range(low, high + 1):
        rows = mine[price == level]
        at = np.searchsorted(rows, last_row, side="right") - 1
        known = at >= 0
        sizes[known, level - low] = tape.qty[rows[at[known]]]
    return low, sizes


def measure(seed: int) -> Facts:
    """Return the facts of hour ``seed`` of a day of its own market."""
    start_ns = MIDNIGHT + seed % 24 * HOUR
    tape = synth_tape(seed=seed, start_ns=start_ns, duration_ns=HOUR)
    samples = start_ns + SECOND * np.arange(1, 3_601)
    last_row = np.searchsorted(tape.t_event, samples, side="right") - 1
    low_bid, bids = sizes_at(tape, Book.BID, last_row)
    low_ask, asks = sizes_at(tape, Book.ASK, last_row)
    bid = bids.shape[1] - 1 - np.argmax(bids[:, ::-1] > 0, axis=1)
    ask = np.argmax(asks > 0, axis=1)
    each = np.arange(len(samples))
    depth = [
        (bids[each, np.maximum(bid - i, 0)] + asks[each, np.minimum(ask + i, asks.shape[1] - 1)]) / 2 for i in range(10)
    ]
    print_rows = np.flatnonzero((tape.code & KIND_MASK) == Row.TRADE)
    event = np.concatenate([[0], np.cumsum((tape.code & END) > 0)[:-1]])[print_rows]
    first = np.flatnonzero(np.diff(event, prepend=-1))
    buys = (tape.code[print_rows[first]] & SIDE_MASK) >> SIDE_SHIFT == Book.BID
    return Facts(
        start_ns=start_ns,
        rows=len(tape),
        bid=(bid + low_bid).astype(np.float64),
        ask=(ask + low_ask).astype(np.float64),
        depth=np.stack(depth, axis=1),
        t_ns=tape.t_event[print_rows[first]],
        shares=np.add.reduceat(tape.qty[print_rows].astype(np.float64), first),
        sign=np.where(buys, 1.0, -1.0),
    )


@pytest.fixture(scope="module")
def hours() -> list[Facts]:
    """Return 20 hours."""
    return [measure(seed) for seed in range(SEEDS)]


def daily_vol(hours: list[Facts], seconds: int) -> float:
    """Return the volatility over 24 h that moves of ``seconds`` imply, the curve taken out, as a fraction of price."""
    squares = days = 0.0
    for hour in hours:
        mid = hour.mid[seconds - 1 :: seconds]
        squares += float((np.diff(mid) ** 2).sum())
        first, last = hour.start_ns + seconds * SECOND, hour.start_ns + seconds * len(mid) * SECOND
        days += activity_integral(first, last, P)
    return float(np.sqrt(squares / days)) / P.price_units


def variance_ratio(hours: list[Facts], seconds: int) -> float:
    """Return the variance per second of overlapping moves over ``seconds``, over that of the parameter."""
    squares = np.mean([((h.mid[seconds:] - h.mid[:-seconds]) ** 2).mean() for h in hours])
    days = np.mean([activity_integral(h.start_ns, h.start_ns + HOUR, P) for h in hours])
    return float(squares / seconds / ((P.daily_vol * P.price_units) ** 2 * days / 3_600))


def sign_autocorrelation(hours: list[Facts], lag: int) -> float:
    """Return the mean product of the signs of market orders ``lag`` apart."""
    return float(np.mean(np.concatenate([h.sign[lag:] * h.sign[:-lag] for h in hours])))


def response_ticks(hours: list[Facts], seconds: int) -> float:
    """Return the mid's mean move in the direction of a market order, from the sample before to ``seconds`` after."""
    moves = []
    for hour in hours:
        second = (hour.t_ns - hour.start_ns) // SECOND
        inside = (second >= 1) & (second + seconds <= 3_598)
        second = second[inside]
        moves.append(hour.sign[inside] * (hour.mid[second + seconds] - hour.mid[second - 1]))
    return float(np.mean(np.concatenate(moves)))


def tail_exponent(hours: list[Facts]) -> float:
    """Return the Hill estimate from the sizes of market orders between 200 shares and half the cut."""
    shares = np.concatenate([h.shares for h in hours])
    low, high = 200.0, P.trade_max_shares / 2
    return float(np.log((shares > low).sum() / (shares > high).sum()) / np.log(high / low))


def measured(hours: list[Facts]) -> dict[str, float]:
    """Return every figure of the page by its name there."""
    spread = np.concatenate([h.ask - h.bid for h in hours])
    depth = np.concatenate([h.depth for h in hours]).mean(axis=0)
    days = sum(activity_integral(h.start_ns, h.start_ns + HOUR, P) for h in hours)
    shares = np.concatenate([h.shares for h in hours])
    figures = {
        "rows per second": sum(h.rows for h in hours) / (3_600 * len(hours)),
        "mean spread": float(spread.mean()),
        "spread of 1 tick": float((spread == 1).mean()),
        "spread of 1 or 2 ticks": float((spread <= 2).mean()),
        "volume per 24 h": float(shares.sum()) / days,
        "market orders per second": len(shares) / (3_600 * len(hours)),
        "size of a market order": float(shares.mean()),
        "tail exponent": tail_exponent(hours),
        "daily volatility, 5 min": daily_vol(hours, 300),
        "annual volatility, 5 min": daily_vol(hours, 300) * 365**0.5,
    }
    figures |= {f"depth at {i} ticks": float(depth[i]) for i in (0, 1, 2, 4, 9)}
    figures |= {f"variance ratio, {s} s": variance_ratio(hours, s) for s in (1, 5, 30, 60, 300)}
    figures |= {f"sign autocorrelation, lag {lag}": sign_autocorrelation(hours, lag) for lag in range(1, 11)}
    figures |= {f"response after {s} s": response_ticks(hours, s) for s in (1, 10, 60)}
    return figures


@pytest.fixture(scope="module")
def figures(hours: list[Facts]) -> dict[str, float]:
    """Return the measured figures."""
    return measured(hours)


def test_volatility_is_the_parameter(figures: dict[str, float]) -> None:
    assert figures["daily volatility, 5 min"] == pytest.approx(P.daily_vol, rel=0.15)


def test_volume_is_the_parameter(figures: dict[str, float]) -> None:
    assert figures["volume per 24 h"] == pytest.approx(P.adv_shares, rel=0.10)


def test_spread_is_one_or_two_ticks(figures: dict[str, float]) -> None:
    assert figures["mean spread"] == pytest.approx(1.41, rel=0.10)
    assert figures["spread of 1 or 2 ticks"] > 0.9


def test_depth_is_some_hundreds_and_grows(figures: dict[str, float]) -> None:
    profile = [figures[f"depth at {i} ticks"] for i in (0, 1, 2, 4, 9)]
    assert 200 < profile[0] < 500
    assert profile == sorted(profile)


def test_volume_follows_the_curve(hours: list[Facts]) -> None:
    expected = np.array([activity_integral(h.start_ns, h.start_ns + HOUR, P) for h in hours]) * P.adv_shares
    actual = np.array([h.shares.sum() for h in hours])
    assert np.corrcoef(expected, actual)[0, 1] > 0.7
    slope = float(expected @ actual / (expected @ expected))
    assert slope == pytest.approx(1, rel=0.10)
    # Within the hour: the quarter-hours at its edges trade more than the two in the middle.
    quarter = np.concatenate([(h.t_ns - h.start_ns) // (HOUR // 4) for h in hours])
    volume = np.bincount(quarter, weights=np.concatenate([h.shares for h in hours]))
    assert (volume[0] + volume[3]) / (volume[1] + volume[2]) == pytest.approx(1.21, rel=0.10)


def test_sizes_have_a_heavy_tail(figures: dict[str, float], hours: list[Facts]) -> None:
    assert figures["tail exponent"] == pytest.approx(P.trade_tail, rel=0.15)
    shares = np.concatenate([h.shares for h in hours])
    assert np.quantile(shares, 0.999) > 15 * shares.mean()


def test_signs_are_persistent_and_decay(figures: dict[str, float]) -> None:
    signs = [figures[f"sign autocorrelation, lag {lag}"] for lag in range(1, 11)]
    assert 0.1 < signs[0] < 0.35
    assert min(signs) > 0.03
    assert signs[0] > signs[4] > signs[9]


def test_the_mid_is_nearly_diffusive(figures: dict[str, float]) -> None:
    ratios = [figures[f"variance ratio, {s} s"] for s in (1, 5, 30, 60, 300)]
    assert max(abs(ratio - 1) for ratio in ratios) < 0.2


def test_trades_inform_and_posting_is_not_free(figures: dict[str, float]) -> None:
    # Takers move the mid for good, but by less than the half spread they pay: both sides have a reason to trade.
    assert 0.1 < figures["response after 10 s"] < figures["mean spread"] / 2
    assert figures["response after 60 s"] > 0.1


def test_the_volume_regime_is_not_in_the_curve(hours: list[Facts]) -> None:
    ratio = [h.shares.sum() / (activity_integral(h.start_ns, h.start_ns + HOUR, P) * P.adv_shares) for h in hours]
    assert 0.05 < np.std(ratio) < 0.35


def test_other_volatilities_come_out_too() -> None:
    for vol in (0.01, 0.03):
        p = SynthParameters(daily_vol=vol, regime_sd=0.0)
        tape = synth_tape(seed=5, start_ns=MIDNIGHT, duration_ns=24 * HOUR, parameters=p)
        prints = (tape.code & KIND_MASK) == Row.TRADE
        grid = MIDNIGHT + 300 * SECOND * np.arange(1, 289)
        at = np.searchsorted(tape.t_event[prints], grid) - 1
        moves = np.diff(tape.prices()[prints][at].astype(np.float64))
        assert np.sqrt((moves**2).sum() * 288 / 287) / p.price_units == pytest.approx(vol, rel=0.15)


def test_the_page_shows_what_is_measured(figures: dict[str, float]) -> None:
    rows = re.findall(r"^\| ([^|]+?) \|[^|]*\| ([0-9.,]+) \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    # Regimes, whose names are code, have a table and a test of their own.
    shown = {name: float(value.replace(",", "")) for name, value in rows if not name.startswith("`")}
    assert shown.keys() == figures.keys()
    assert shown == {name: pytest.approx(value, rel=0.02, abs=0.003) for name, value in figures.items()}
