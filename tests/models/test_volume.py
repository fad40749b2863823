"""What the others are expected to trade: the curve, the windows, and what a short look supports."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.core.instrument import Listing
from nowake.core.sessions import Session, SpecialDay
from nowake.core.value import replace
from nowake.models.volume import U_SHAPE, VolumeBelief, observed_volume, trading_hours, u_cumulative
from nowake.models.volume_curve import VolumeCurve

HOUR = 3600 * 10**9
MINUTE = 60 * 10**9
Clock = Callable[..., int]


@given(u=st.floats(0, 1), x=st.floats(0, 1))
def test_curve_is_the_integral_of_its_density(u: float, x: float) -> None:
    n = 2000
    middles = (np.arange(n) + 0.5) / n * x
    density = (1 - u) + 12 * u * (middles - 0.5) ** 2
    assert u_cumulative(x, u) == pytest.approx(float(density.sum() * x / n), abs=1e-6)
    assert (u_cumulative(0, u), u_cumulative(1, u)) == (0, pytest.approx(1))


def test_curve_is_nearer_to_real_days_than_a_flat_one(recorded_data: Path) -> None:
    # AAPL 2019, 15-minute bins: the assumed depth is within what a least-squares fit of the same form gives.
    path = recorded_data / "volume_bins" / "volume_aapl_15min.csv"
    with path.open() as file:
        rows = [[float(x) for x in row[1:]] for row in list(csv.reader(file))[1:]]
    days = np.array(rows)
    mean = (days / days.sum(axis=1, keepdims=True)).mean(axis=0)
    edges = np.linspace(0, 1, days.shape[1] + 1)
    curve = np.diff([u_cumulative(x, U_SHAPE) for x in edges])
    flat = np.full(days.shape[1], 1 / days.shape[1])
    assert np.abs(curve - mean).sum() < 0.6 * np.abs(flat - mean).sum()
    slope = np.diff([u_cumulative(x, 1.0) for x in edges]) - flat
    fitted = float(slope @ (mean - flat) / (slope @ slope))
    assert abs(fitted - U_SHAPE) < 0.1


def belief(session: Session, t_ns: int, per_day: float = 1e6, u_shape: float = U_SHAPE) -> VolumeBelief:
    day_ns, windows = trading_hours(session, t_ns)
    return VolumeBelief(per_day=per_day, day_ns=day_ns, windows=windows, u_shape=u_shape)


def test_a_whole_day_is_a_day(session: Session, clock: Clock) -> None:
    one = belief(session, clock(10))
    assert one.day_ns == int(6.5 * HOUR)
    assert one.expected(clock(9, 30), clock(16)) == pytest.approx(1e6)
    assert one.expected(clock(9, 30), clock(16) + 24 * HOUR) == pytest.approx(2e6)


def test_nothing_is_expected_outside_the_own_hours(session: Session, clock: Clock) -> None:
    one = belief(session, clock(10))
    assert one.expected(clock(4), clock(9, 30)) == 0
    assert one.expected(clock(16), clock(20)) == 0
    assert one.expected(clock(15), clock(20)) == one.expected(clock(15), clock(16))
    assert one.expected(clock(11), clock(10)) == 0
    weeks_later = clock(10) + 21 * 24 * HOUR
    assert one.expected(weeks_later, weeks_later + HOUR) == 0


@given(cuts=st.lists(st.integers(0, 390), min_size=1, max_size=6), u=st.floats(0, 1))
def test_expected_volume_adds_up(cuts: list[int], u: float, session: Session, clock: Clock) -> None:
    one = belief(session, clock(10), u_shape=u)
    edges = [clock(9, 30) + cut * MINUTE for cut in sorted({0, 390, *cuts})]
    parts = [one.expected(a, b) for a, b in pairwise(edges)]
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(1e6)


def test_around_the_clock_is_flat_and_has_no_edges(always: Session, clock: Clock) -> None:
    one = belief(always, clock(10), u_shape=0)
    assert one.expected(clock(23, 30), clock(23, 30) + HOUR) == pytest.approx(1e6 / 24)


def test_a_short_day_is_not_stretched_to_a_long_one(session: Session, clock: Clock) -> None:
    half = replace(
        session, special=(SpecialDay(day=date(2012, 6, 21), opens=session.opens, closes=session.opens.replace(12, 45)),)
    )
    one = belief(half, clock(10))
    assert one.expected(clock(9, 30), clock(16)) == pytest.approx(5e5)


def test_rate_seen_is_spread_through_the_curve(session: Session, equity: Listing, clock: Clock) -> None:
    seen, assumed = observed_volume(180_000, clock(9, 30), clock(10), session, equity)
    assert seen.expected(clock(9, 30), clock(10)) == pytest.approx(180_000)
    assert 1_000_000 < seen.per_day < 180_000 * 13  # the open is busier than the day
    assert {one.name for one in assumed} == {"volume", "volume curve"}
    assert assumed[1].value.startswith("1,310,000 shares a day")
    assert seen.assumed
    assert seen.known


def test_less_seen_is_less_known(session: Session, equity: Listing, clock: Clock) -> None:
    looks = [observed_volume(1000 * m, clock(10), clock(10) + m * MINUTE, session, equity)[0] for m in (2, 9, 11, 60)]
    sds = [look.relative_sd for look in looks]
    assert sds == sorted(sds, reverse=True)
    assert sds[1] > 2 * sds[2] * 0.9  # under ten minutes is widened


@pytest.mark.parametrize(("volume", "seconds"), [(0, 1800), (500, 59), (500, 0)])
def test_nothing_seen_is_unknown_and_says_so(
    volume: int, seconds: int, session: Session, equity: Listing, clock: Clock
) -> None:
    seen, assumed = observed_volume(volume, clock(10), clock(10) + seconds * 10**9, session, equity)
    assert not seen.known
    assert seen.expected(clock(10), clock(11)) == 0
    assert [(one.name, one.value) for one in assumed] == [("volume", "unknown")]


def test_a_market_never_seen_is_unknown(session: Session, equity: Listing, clock: Clock) -> None:
    assert not observed_volume(0, 0, clock(10), session, equity)[0].known


def test_a_day_the_table_does_not_know_is_refused(session: Session, clock: Clock) -> None:
    with pytest.raises(Refused, match="knows"):
        trading_hours(replace(session, valid_to=date(2012, 6, 20)), clock(10))
    assert len(trading_hours(replace(session, valid_to=date(2012, 6, 21)), clock(10))[1]) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"per_day": -1.0}, {"per_day": float("nan")}, {"u_shape": 1.1}, {"relative_sd": -1.0}, {"windows": ((5, 5),)}],
)
def test_a_belief_validates_itself(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        VolumeBelief(**({"per_day": 1.0, "day_ns": HOUR} | wrong))


def test_what_was_seen_over_days_is_measured_by_those_days(session: Session, clock: Clock, equity: Listing) -> None:
    """Three whole days of a million each: the day is a million, not three."""
    asof = clock(16)
    days = [hours for hours in (session.hours(session.trading_day(asof - k * 24 * HOUR)) for k in range(8)) if hours]
    since = days[2][0]
    found, _ = observed_volume(3_000_000, since, asof, session, equity)
    assert found.per_day == pytest.approx(1e6)
    assert found.windows[0] == days[0]


def stretched_over_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """The day's curve is stretched over whatever window is asked for."""
    real = VolumeBelief.day_fraction

    def stretched(self: VolumeBelief, t0_ns: int, t1_ns: int) -> float:
        found = real(self, t0_ns, t1_ns)
        return found if not self.windows or t1_ns <= t0_ns else 1.0

    monkeypatch.setattr(VolumeBelief, "day_fraction", stretched)


def stretched_beyond_the_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """What falls outside the own hours counts as if the last hours went on."""
    real = VolumeBelief.day_fraction

    def stretched(self: VolumeBelief, t0_ns: int, t1_ns: int) -> float:
        if not self.windows:
            return real(self, t0_ns, t1_ns)
        opens, closes = self.windows[0]
        inside = min(max(t0_ns, opens), closes), max(opens, min(t1_ns, closes))
        outside = (t1_ns - t0_ns) - (inside[1] - inside[0])
        return real(self, t0_ns, t1_ns) + max(0, outside) / self.day_ns

    monkeypatch.setattr(VolumeBelief, "day_fraction", stretched)


def short_day_stretched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day that closes early is taken to trade as much as a whole one."""
    real = VolumeBelief.day_fraction

    def stretched(self: VolumeBelief, t0_ns: int, t1_ns: int) -> float:
        lengths = [closes - opens for opens, closes in self.windows[:1]]
        return real(self, t0_ns, t1_ns) * (self.day_ns / lengths[0] if lengths else 1)

    monkeypatch.setattr(VolumeBelief, "day_fraction", stretched)


@pytest.mark.parametrize(
    "bug",
    [stretched_over_the_window, stretched_beyond_the_close, short_day_stretched],
    ids=lambda bug: bug.__name__,
)
def test_a_planted_bug_is_caught(
    bug: Callable[[pytest.MonkeyPatch], None], session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug(monkeypatch)
    for meaning in (
        test_a_whole_day_is_a_day,
        test_nothing_is_expected_outside_the_own_hours,
        test_a_short_day_is_not_stretched_to_a_long_one,
    ):
        try:
            meaning(session, clock)
        except AssertionError:
            return
    pytest.fail(bug.__doc__ or "")


def _belief(kind: str, days: int, depth: float) -> VolumeBelief:
    """Return a belief of flat days around the clock, of such days with a curve, of the U, or of a curve of hours."""
    bins = np.cumsum(1 + np.sin(np.arange(26)) ** 2)
    cumulative = (0.0, *(bins / bins[-1]).tolist()[:-1], 1.0)
    if kind in ("flat", "clock"):
        whole = VolumeCurve(opens=time(0), zone="UTC", length_ns=24 * HOUR, cumulative=cumulative)
        return VolumeBelief(per_day=1e6, day_ns=24 * HOUR, curves=(whole,) if kind == "clock" else ())
    windows = tuple((k * 24 * HOUR + 14 * HOUR, k * 24 * HOUR + 20 * HOUR + 30 * MINUTE) for k in range(days))
    hours = VolumeCurve(
        opens=time(14), zone="UTC", length_ns=windows[0][1] - windows[0][0], cumulative=cumulative, day_share=0.9
    )
    curves = (hours,) if kind == "hours" else ()
    return VolumeBelief(per_day=2e6, day_ns=6 * HOUR + 30 * MINUTE, windows=windows, u_shape=depth, curves=curves)


@given(
    kind=st.sampled_from(["flat", "clock", "u", "hours"]),
    days=st.integers(1, 3),
    depth=st.sampled_from([0.0, 0.5, 1.0]),
    edges=st.lists(st.integers(0, 3 * 24 * 3600), min_size=2, max_size=30, unique=True),
    joined=st.booleans(),
)
def test_intervals_together_expect_what_each_does(
    kind: str, days: int, depth: float, edges: list[int], joined: bool
) -> None:
    belief = _belief(kind, days, depth)
    at = np.array(sorted(edges), dtype=np.int64) * 10**9
    low, high = (at[:-1], at[1:]) if joined else (at[: at.size // 2 * 2 : 2], at[1::2])
    one_by_one = [belief.expected(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    assert belief.expected_each(low, high) == pytest.approx(one_by_one, rel=1e-12, abs=1e-6)


@given(
    kind=st.sampled_from(["flat", "clock", "u", "hours"]),
    days=st.integers(1, 3),
    depth=st.sampled_from([0.0, 0.5, 1.0]),
    since=st.integers(0, 2 * 24 * 3600),
    length=st.integers(1, 24 * 3600),
    qty=st.floats(1.0, 3e6),
    step_ns=st.sampled_from([1, 7, 10**9]),
)
def test_a_volume_is_reached_at_the_first_step_that_expects_it(
    kind: str, days: int, depth: float, since: int, length: int, qty: float, step_ns: int
) -> None:
    belief, start, end = _belief(kind, days, depth), since * 10**9, (since + length) * 10**9
    at = belief.reached(qty, start, end, step_ns)
    assert start < at <= end
    assert at == end or (at - start) % step_ns == 0
    if at < end:
        assert belief.expected(start, at) >= qty
    if at - step_ns > start:
        assert belief.expected(start, start + (at - start - 1) // step_ns * step_ns) < qty
