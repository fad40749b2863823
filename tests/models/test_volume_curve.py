"""The curve of past days against numpy, published-size errors, and what must never be in it."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.core.instrument import Listing
from nowake.core.sessions import ALWAYS_OPEN, Session, SpecialDay
from nowake.core.value import from_msgpack, replace, to_msgpack
from nowake.core.volume import BIN_NS, DayVolume, VolumeSeen, bin_count
from nowake.models import volume_curve
from nowake.models.beliefs import beliefs_from_view
from nowake.models.card import volume_card
from nowake.models.volume import VolumeBelief, history_volume
from nowake.models.volume_curve import (
    DAYS_USED,
    LEVEL_SD,
    VolumeCurve,
    VolumeHistory,
    curve_shares,
    days_from_bins,
    estimate_history,
)

HOUR = 3600 * 10**9
TEST_DAYS = range(104, 124)
"""The last 20 of the 124 recorded days, which Chen, Feng, Palomar's package holds out too."""


def weekdays(first: date, count: int) -> list[date]:
    found = [first + timedelta(days=k) for k in range(2 * count + 7)]
    return [day for day in found if day.weekday() < 5][:count]


DAYS = weekdays(date(2019, 1, 2), 124)


@pytest.fixture(scope="module")
def aapl(recorded_data: Path) -> np.ndarray:
    """Return (124, 26) shares of AAPL."""
    with (recorded_data / "volume_bins" / "volume_aapl_15min.csv").open() as file:
        return np.array([[float(x) for x in row[1:]] for row in list(csv.reader(file))[1:]])


@pytest.fixture(scope="module")
def adbe(recorded_data: Path) -> np.ndarray:
    """Return (124, 26) shares of ADBE."""
    return np.loadtxt(recorded_data / "volume_bins" / "volume_adbe_26x124.csv", delimiter=",").T


def history_of(bins: Any, session: Session, count: int | None = None) -> VolumeHistory:
    rows = np.asarray(bins)[: count or None]
    found = estimate_history(days_from_bins(DAYS[: len(rows)], rows.tolist(), session), session, date(2020, 1, 6))
    assert found is not None
    return found


def numpy_shares(before: np.ndarray) -> np.ndarray:
    """Return the curve of some days, in numpy and from the formula of the module's docstring."""
    n, bins = before.shape
    shares = before / before.sum(axis=1, keepdims=True)
    middle = np.median(shares, axis=0) if n >= 3 else shares.mean(axis=0)
    x = np.linspace(0, 1, bins + 1)
    u = np.diff(0.5 * x + 2 * ((x - 0.5) ** 3 + 0.125))
    return (n * middle / middle.sum() + u) / (n + 1)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20, 124])
def test_curve_is_what_numpy_makes_of_the_last_days(aapl: np.ndarray, session: Session, count: int) -> None:
    history = history_of(aapl, session, count)
    expected = numpy_shares(aapl[:count][-DAYS_USED:])
    assert np.diff(history.curves[0].cumulative) == pytest.approx(expected, abs=1e-12)
    assert history.adv == pytest.approx(aapl[:count][-DAYS_USED:].sum(axis=1).mean())
    assert history.days == tuple(DAYS[:count][-DAYS_USED:])
    assert history.curves[0].days == min(count, DAYS_USED)


@pytest.mark.parametrize(("days", "mape"), [(5, 0.4126), (10, 0.4564), (20, 0.5426), (60, 0.5857)])
def test_the_measure_of_error_is_the_one_of_the_literature(aapl: np.ndarray, days: int, mape: float) -> None:
    # Golden: rolling mean of the same bin on AAPL 2019, as computed for the project's science page.
    found = [np.abs(aapl[d - days : d].mean(axis=0) - aapl[d]) / aapl[d] for d in TEST_DAYS]
    assert np.mean(found) == pytest.approx(mape, abs=5e-5)


@pytest.mark.parametrize(
    ("name", "flat", "mean20", "mape", "l1"),
    [("aapl", 0.52295, 0.25508, 0.51555, 0.25092), ("adbe", 0.54289, 0.34599, 0.51612, 0.34672)],
)
def test_own_error_is_measured_out_of_sample_and_beats_flat_u_and_means(
    name: str, flat: float, mean20: float, mape: float, l1: float, session: Session, request: pytest.FixtureRequest
) -> None:
    bins = request.getfixturevalue(name)
    score = history_of(bins, session).score
    assert score is not None
    assert score.held_out == 20
    shares = bins / bins.sum(axis=1, keepdims=True)
    means = [np.abs(shares[d - 20 : d].mean(axis=0) - shares[d]).sum() for d in TEST_DAYS]
    assert np.mean(means) == pytest.approx(mean20, abs=5e-5)
    assert score.share_l1_flat == pytest.approx(flat, abs=5e-5)
    oracle_l1, oracle_mape = [], []
    for d in TEST_DAYS:
        curve, adv = numpy_shares(bins[d - 20 : d]), bins[d - 20 : d].sum(axis=1).mean()
        oracle_l1.append(np.abs(curve - shares[d]).sum())
        oracle_mape.append(np.abs(adv * curve - bins[d]) / bins[d])
    assert score.share_l1 == pytest.approx(np.mean(oracle_l1)) == pytest.approx(l1, abs=5e-5)
    assert score.mape == pytest.approx(np.mean(oracle_mape)) == pytest.approx(mape, abs=5e-5)
    assert score.share_l1 < 0.82 * score.share_l1_u < 0.82 * score.share_l1_flat
    assert score.mape < 0.85 * score.mape_u < 0.85 * score.mape_flat


def test_one_or_two_days_are_kept_sane_by_the_assumed_shape(aapl: np.ndarray, adbe: np.ndarray) -> None:
    for bins in (aapl, adbe):
        shares = bins / bins.sum(axis=1, keepdims=True)
        for count in (1, 2):
            ours = [np.abs(numpy_shares(bins[d - count : d]) - shares[d]).sum() for d in TEST_DAYS]
            raw = [np.abs(shares[d - count : d].mean(axis=0) - shares[d]).sum() for d in TEST_DAYS]
            assert np.mean(ours) < 0.97 * np.mean(raw)


# What must never be in it


def test_the_traded_day_and_later_ones_change_nothing(aapl: np.ndarray, session: Session) -> None:
    traded = DAYS[50]
    before = days_from_bins(DAYS[:50], aapl[:50].tolist(), session)
    wild = days_from_bins(DAYS[50:60], (1000 * aapl[50:60, ::-1]).tolist(), session)
    assert estimate_history((*wild, *before), session, traded) == estimate_history(before, session, traded)


def test_a_planted_look_ahead_is_refused_twice(aapl: np.ndarray, session: Session, equity: Listing) -> None:
    days = days_from_bins(DAYS[:10], aapl[:10].tolist(), session)
    history = estimate_history(days, session, DAYS[10])
    assert history is not None
    with pytest.raises(InputError, match="look-ahead"):  # an estimator that let the traded day in
        replace(history, traded_day=DAYS[9])
    with pytest.raises(Refused, match="look-ahead"):  # a caller that uses it for a day it was made from
        history_volume(history, session.hours(DAYS[9])[0] + HOUR, session, equity)
    now = session.hours(DAYS[10])[0] + HOUR
    with pytest.raises(Refused, match="look-ahead"):
        history_volume(history, now, session, equity, VolumeSeen(since_ns=now, until_ns=now + 1, qty_units=5))


def test_days_not_recorded_whole_are_left_out_and_named(aapl: np.ndarray, session: Session) -> None:
    days = list(days_from_bins(DAYS[:4], aapl[:4].tolist(), session))
    days[1] = replace(days[1], seen_from_ns=days[1].opens_ns + HOUR)
    days[2] = replace(days[2], bins=(0.0,) * 26)
    found = estimate_history(days, session, DAYS[4])
    assert found is not None
    assert found.days == (DAYS[0], DAYS[3])
    assert found.left_out == (f"{DAYS[1]}: not recorded whole", f"{DAYS[2]}: no prints")
    assert estimate_history(days[1:3], session, DAYS[4]) is None
    assert estimate_history((), session, DAYS[4]) is None


# Own hours only


@pytest.fixture(scope="module")
def with_half_day(session: Session) -> Session:
    short = session.opens.replace(13, 0)
    return replace(session, special=(SpecialDay(day=DAYS[3], opens=session.opens, closes=short),))


def test_early_closes_are_apart(aapl: np.ndarray, with_half_day: Session) -> None:
    rows = [list(row) for row in aapl[:6]]
    rows[3] = [10.0] * 13 + [970.0]
    session = with_half_day
    days = days_from_bins(DAYS[:6], rows, session)
    found = estimate_history(days, session, DAYS[6])
    assert found is not None
    regular, short = found.curves
    assert found.days == tuple(DAYS[k] for k in (0, 1, 2, 4, 5))
    assert found.adv == pytest.approx(aapl[[0, 1, 2, 4, 5]].sum(axis=1).mean())
    assert (regular.length_ns, short.length_ns) == (int(6.5 * HOUR), int(3.5 * HOUR))
    assert short.day_share == pytest.approx(1100 / found.adv)
    assert short.cumulative[13] < 0.6 < regular.cumulative[13]
    window = session.hours(DAYS[3])
    assert short.fits(*window)
    assert not regular.fits(*window)
    assert not regular.fits(window[0] - HOUR // 2, window[0] + 6 * HOUR)  # as long, but other hours


def test_a_session_without_its_own_curve_gets_the_assumed_one(
    aapl: np.ndarray, session: Session, equity: Listing
) -> None:
    history = history_of(aapl, session)
    day = date(2020, 1, 6)
    half = replace(session, special=(SpecialDay(day=day, opens=session.opens, closes=session.opens.replace(13, 0)),))
    opens, closes = half.hours(day)
    belief, assumed = history_volume(history, opens, half, equity)
    assert [one.name for one in assumed] == ["volume curve"]
    assert belief.day_fraction(opens, closes) == pytest.approx(3.5 / 6.5)
    assert belief.day_fraction(opens, opens + (closes - opens) // 2) == pytest.approx(3.5 / 6.5 / 2)  # the U is even
    nothing, following = belief.day_fraction(closes, closes + 3 * HOUR), half.hours(day + timedelta(days=1))
    assert nothing == 0
    assert belief.day_fraction(*following) == pytest.approx(1)


def test_nothing_is_expected_outside_the_own_hours(aapl: np.ndarray, session: Session, equity: Listing) -> None:
    opens, closes = session.hours(date(2020, 1, 6))
    belief, assumed = history_volume(history_of(aapl, session), opens + HOUR, session, equity)
    assert not assumed
    assert not belief.assumed
    assert belief.expected(opens - 5 * HOUR, opens) == belief.expected(closes, closes + 5 * HOUR) == 0
    assert belief.expected(opens - HOUR, closes + HOUR) == pytest.approx(aapl[-20:].sum(axis=1).mean())
    # A window is cut out of the day: the hour from 10:00 is bins 2 to 5, whatever the order's window is.
    expected = numpy_shares(aapl[-20:])[2:6].sum() * aapl[-20:].sum(axis=1).mean()
    assert belief.expected(opens + HOUR // 2, opens + 3 * HOUR // 2) == pytest.approx(expected)


def test_around_the_clock_the_curve_repeats_every_utc_day(coin: Listing) -> None:
    rows = [[1.0] * 48 + [3.0] * 48] * 30
    days = days_from_bins([date(2024, 8, 1) + timedelta(days=k) for k in range(30)], rows, ALWAYS_OPEN)
    history = estimate_history(days, ALWAYS_OPEN, date(2024, 8, 31))
    assert history is not None
    midnight = ALWAYS_OPEN.hours(date(2024, 8, 31))[0]
    belief, _ = history_volume(history, midnight, ALWAYS_OPEN, coin)
    first, second = (
        belief.expected(midnight, midnight + 12 * HOUR),
        belief.expected(midnight + 12 * HOUR, midnight + 24 * HOUR),
    )
    assert first + second == pytest.approx(192)
    assert second / first == pytest.approx(31 / 11)  # (20 x 3/4 + 1/2) : (20 x 1/4 + 1/2)
    assert belief.expected(midnight + 23 * HOUR, midnight + 25 * HOUR) == pytest.approx((second + first) / 12)
    assert belief.expected(midnight, midnight + 72 * HOUR) == pytest.approx(3 * 192)


# The values themselves


@given(
    bins=st.lists(st.floats(0, 1e9), min_size=1, max_size=40).filter(lambda row: sum(row) > 1),
    copies=st.integers(1, 4),
    cuts=st.lists(st.floats(0, 1), max_size=5),
)
def test_any_curve_rises_from_nothing_to_all(
    bins: list[float], copies: int, cuts: list[float], session: Session
) -> None:
    days = days_from_bins(DAYS[:copies], [bins] * copies, session)
    assert sum(curve_shares(days, 0.5)) == pytest.approx(1)
    found = estimate_history(days, session, DAYS[copies])
    assert found is not None
    curve = found.curves[0]
    values = [curve.fraction(x) for x in sorted({0.0, *cuts, 1.0})]
    assert values[0] == 0
    assert values[-1] == 1
    assert values == sorted(values)
    assert (curve.fraction(-1), curve.fraction(2)) == (0, 1)


def test_few_days_say_how_little_they_know(aapl: np.ndarray, session: Session, equity: Listing) -> None:
    one, three, many = (history_of(aapl, session, count) for count in (1, 3, 40))
    assert one.score is None
    assert (one.level_sd, three.level_sd) == (LEVEL_SD, LEVEL_SD)
    assert three.score is not None
    assert three.score.held_out == 2
    assert many.level_measured
    _, assumed = history_volume(three, session.hours(date(2020, 1, 6))[0], session, equity)
    assert [note.name for note in assumed] == ["volume error"]
    assert "not known" in volume_card(one, equity).warnings[-2]


def test_the_card_says_on_what_and_how_well(aapl: np.ndarray, session: Session, equity: Listing) -> None:
    history = history_of(aapl, session)
    card = volume_card(history, equity)
    assert card.text.startswith(f"volume curve of 20 past days, {DAYS[104]} to {DAYS[123]}, 71,300,000 shares a day")
    assert "MAPE 52% (U 67%, flat 96%) over 20 days" in card.text
    assert dict(card.score)["share_l1"] == pytest.approx(0.25092, abs=5e-5)
    assert card.valid_until == DAYS[123] + timedelta(days=30)
    assert "days old" in card.warnings[-1]
    assert not volume_card(replace(history, traded_day=DAYS[123] + timedelta(days=3)), equity).warnings


def test_auctions_are_apart_where_they_are_known(aapl: np.ndarray, session: Session) -> None:
    days = days_from_bins(DAYS[:3], aapl[:3].tolist(), session)
    assert history_of(aapl, session).curves[0].closing_share is None
    told = [replace(one, closing=0.1 * one.total) for one in days]
    found, without = estimate_history(told, session, DAYS[3]), estimate_history(days, session, DAYS[3])
    assert found is not None
    assert without is not None
    assert found.curves[0].closing_share == pytest.approx(0.1)
    assert found.curves[0].cumulative == without.curves[0].cumulative
    assert found.adv == without.adv


def test_beliefs_carry_the_curve_and_its_card(
    aapl: np.ndarray, session: Session, equity: Listing, view_of: Any
) -> None:
    bins = days_from_bins(weekdays(date(2012, 5, 1), 30), aapl[:30].tolist(), session)
    history = estimate_history(bins, session, date(2012, 6, 21))
    view = view_of(equity)
    beliefs = beliefs_from_view(view, equity, session, history)
    assert history is not None
    assert beliefs.volume.curves == history.curves
    assert beliefs.cards == (volume_card(history, equity),)
    assert not {"volume", "volume curve"} & {one.name for one in beliefs.assumed}
    assert from_msgpack(to_msgpack(beliefs), type(beliefs)) == beliefs
    # Half an hour with a hundredth of the usual volume: far fewer are expected than on the days before.
    assert beliefs.volume.per_day < 0.5 * history.adv
    assert beliefs.volume.asof_ns == view.t_ns


@pytest.mark.parametrize(
    "wrong",
    [
        {"cumulative": (0.0, 0.7, 0.5, 1.0)},
        {"cumulative": (0.0, 0.5)},
        {"cumulative": (1.0,)},
        {"length_ns": 0},
        {"day_share": 0.0},
    ],
)
def test_a_curve_validates_itself(wrong: dict[str, Any], session: Session) -> None:
    good = {"opens": session.opens, "zone": session.zone, "length_ns": HOUR, "cumulative": (0.0, 0.5, 1.0)}
    with pytest.raises(InputError):
        VolumeCurve(**(good | wrong))


@pytest.mark.parametrize(
    "wrong",
    [{"bins": ()}, {"bins": (1.0, -1.0)}, {"bins": (float("nan"),)}, {"closes_ns": 0}, {"opening": -1.0}],
)
def test_a_day_validates_itself(wrong: dict[str, Any]) -> None:
    good = {"day": DAYS[0], "opens_ns": 0, "closes_ns": HOUR, "bins": (1.0,), "seen_from_ns": 0, "seen_to_ns": HOUR}
    with pytest.raises(InputError):
        DayVolume(**(good | wrong))


def test_tables_that_do_not_fit_the_days_are_refused(session: Session) -> None:
    with pytest.raises(InputError, match="one row for each"):
        days_from_bins(DAYS[:2], [[1.0]], session)
    with pytest.raises(InputError, match="trades"):
        days_from_bins([date(2019, 1, 5)], [[1.0]], session)
    mixed = (*days_from_bins(DAYS[:1], [[1.0]], session), *days_from_bins(DAYS[1:2], [[1.0, 2.0]], session))
    with pytest.raises(InputError, match="number of bins"):
        estimate_history(mixed, session, DAYS[2])


def test_bins_are_nearest_to_a_quarter_of_an_hour() -> None:
    assert [bin_count(hours * HOUR // 2) for hours in (13, 7, 48)] == [26, 14, 96]
    assert bin_count(1) == 1
    assert BIN_NS == HOUR // 4
    assert volume_curve.DAYS_USED == 20


def test_belief_without_a_curve_is_as_it_was(session: Session) -> None:
    opens, closes = session.hours(DAYS[0])
    plain = VolumeBelief(per_day=10.0, day_ns=closes - opens, windows=((opens, closes),), u_shape=0.5)
    assert plain.expected(opens, closes) == pytest.approx(10)
    assert plain.curve_of(opens, closes) is None


def curve_of_other_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session takes any curve there is, stretched over its own hours."""
    monkeypatch.setattr(VolumeBelief, "curve_of", lambda self, *hours: self.curves[0] if self.curves else None)


def curve_fits_by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curve serves every session as long as its own, at whatever time of day."""
    monkeypatch.setattr(VolumeCurve, "fits", lambda self, opens, closes: closes - opens == self.length_ns)


@pytest.mark.parametrize("bug", [curve_of_other_hours, curve_fits_by_length], ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_caught(
    bug: Any,
    aapl: np.ndarray,
    session: Session,
    with_half_day: Session,
    equity: Listing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bug(monkeypatch)
    for meaning in (
        lambda: test_a_session_without_its_own_curve_gets_the_assumed_one(aapl, session, equity),
        lambda: test_early_closes_are_apart(aapl, with_half_day),
    ):
        try:
            meaning()
        except AssertionError:
            return
    pytest.fail(bug.__doc__ or "")
