"""Live correction of the day's level: against brute-force Bayes, and on recorded days."""

from __future__ import annotations

import csv
import math
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import InputError, Refused
from nowake.core.sessions import Session
from nowake.core.value import replace
from nowake.core.volume import VolumeSeen
from nowake.models.volume import NOISE_VAR, VolumeBelief, trading_hours, update
from nowake.models.volume_curve import VolumeCurve

HOUR = 3600 * 10**9
DAY = date(2012, 6, 21)


@pytest.fixture(scope="module")
def belief(session: Session) -> VolumeBelief:
    opens, _ = session.hours(DAY)
    day_ns, windows = trading_hours(session, opens)
    return VolumeBelief(
        per_day=1e6,
        day_ns=day_ns,
        windows=windows,
        u_shape=0.5,
        relative_sd=0.36,
        level_sd=0.35,
        asof_ns=opens,
        assumed=False,
    )


def seen(belief: VolumeBelief, hours: float, times: float, since: float = 0.0) -> VolumeSeen:
    """Return what is seen when ``times`` the expected trades from one hour of the session to another."""
    opens = belief.windows[0][0]
    low, high = opens + int(since * HOUR), opens + int(hours * HOUR)
    return VolumeSeen(since_ns=low, until_ns=high, qty_units=round(times * belief.expected(low, high)))


@given(times=st.floats(0.2, 5), hours=st.floats(0.3, 6))
def test_posterior_is_that_of_brute_force(times: float, hours: float, belief: VolumeBelief) -> None:
    look = seen(belief, hours, times)
    after = update(belief, look)
    part = belief.day_fraction(look.since_ns, look.until_ns)
    level = np.linspace(-4, 4, 40_001)
    miss = math.log(look.qty_units / (belief.per_day * part)) - level
    weight = np.exp(-(level**2) / (2 * 0.35**2) - miss**2 * part / (2 * NOISE_VAR))
    mean = (weight * level).sum() / weight.sum()
    sd = math.sqrt((weight * (level - mean) ** 2).sum() / weight.sum())
    assert math.log(after.per_day / belief.per_day) == pytest.approx(mean, abs=1e-6)
    assert after.level_sd == pytest.approx(sd, rel=1e-5)
    assert after.asof_ns == look.until_ns
    assert (after.windows, after.curves, after.assumed) == (belief.windows, belief.curves, belief.assumed)


def test_bin_by_bin_is_as_all_at_once(belief: VolumeBelief) -> None:
    whole = update(belief, seen(belief, 3, 2.0))
    step = belief
    for low, high in pairwise([0, 0.5, 1.25, 2, 3]):
        step = update(step, replace(seen(belief, high, 2.0, low)))
    assert step.per_day == pytest.approx(whole.per_day, rel=1e-4)
    assert step.level_sd == pytest.approx(whole.level_sd)
    assert step.relative_sd == pytest.approx(whole.relative_sd)


def test_more_seen_moves_more_and_is_surer(belief: VolumeBelief) -> None:
    looks = [update(belief, seen(belief, hours, 2.0)) for hours in (0.25, 1, 3, 6)]
    levels, sds = [one.per_day for one in looks], [one.level_sd for one in looks]
    assert levels[0] > 1e6
    assert levels == sorted(levels)
    assert levels[-1] < 2e6
    assert sds == sorted(sds, reverse=True)


def test_as_expected_changes_nothing_but_the_error(belief: VolumeBelief) -> None:
    after = update(belief, seen(belief, 2, 1.0))
    assert after.per_day == pytest.approx(1e6, rel=1e-4)
    assert after.level_sd < belief.level_sd


def test_a_single_block_is_bounded_and_silence_is_not_the_end(belief: VolumeBelief) -> None:
    wild, ten = update(belief, seen(belief, 1, 1e6)), update(belief, seen(belief, 1, 10.0))
    assert wild.per_day == pytest.approx(ten.per_day, rel=1e-4)
    quiet = update(belief, replace(seen(belief, 1, 1.0), qty_units=0))
    assert 0.1e6 < quiet.per_day < 1e6


def test_an_unknown_level_is_what_was_seen(belief: VolumeBelief) -> None:
    blank = replace(belief, per_day=0.0, relative_sd=2.0, level_sd=None)
    look = seen(belief, 2, 0.7)
    assert update(blank, look).per_day == pytest.approx(0.7e6, rel=1e-4)
    assert update(blank, replace(look, qty_units=0)) == replace(blank, asof_ns=look.until_ns)


def test_outside_the_own_hours_nothing_is_learned(belief: VolumeBelief) -> None:
    opens, closes = belief.windows[0]
    night = VolumeSeen(since_ns=closes + HOUR, until_ns=closes + 2 * HOUR, qty_units=10**6)
    assert update(belief, night) == replace(belief, asof_ns=night.until_ns)
    across = VolumeSeen(since_ns=opens, until_ns=opens + HOUR, qty_units=10**5)
    assert update(belief, across).per_day != belief.per_day


def test_an_interval_is_handed_over_once(belief: VolumeBelief) -> None:
    look = seen(belief, 1, 1.0)
    after = update(belief, look)
    with pytest.raises(Refused, match="counted already"):
        update(after, look)
    with pytest.raises(InputError, match="until_ns"):
        VolumeSeen(since_ns=5, until_ns=5, qty_units=0)


@pytest.mark.parametrize("name", ["volume_aapl_15min.csv", "volume_adbe_26x124.csv"])
def test_on_recorded_days_it_forecasts_the_rest_better_and_knows_how_well(
    name: str, session: Session, recorded_data: Path
) -> None:
    path = recorded_data / "volume_bins" / name
    if "aapl" in name:
        with path.open() as file:
            bins = np.array([[float(x) for x in row[1:]] for row in list(csv.reader(file))[1:]])
    else:
        bins = np.loadtxt(path, delimiter=",").T
    opens, closes = session.hours(DAY)
    edges = np.linspace(opens, closes, 27).astype(np.int64)
    day_ns, windows = trading_hours(session, opens)
    before, after, inside = [], [], []
    for d in range(20, len(bins)):
        share = (bins[d - 20 : d] / bins[d - 20 : d].sum(axis=1, keepdims=True)).mean(axis=0)
        curve = VolumeCurve(
            opens=session.opens,
            zone=session.zone,
            length_ns=closes - opens,
            cumulative=(0.0, *np.cumsum(share)[:-1].tolist(), 1.0),
        )
        prior = VolumeBelief(
            per_day=bins[d - 20 : d].sum(axis=1).mean(),
            day_ns=day_ns,
            windows=windows,
            curves=(curve,),
            relative_sd=0.36,
            level_sd=0.35,
            asof_ns=opens,
        )
        for k in (6, 13):
            now = int(edges[k])
            told = update(prior, VolumeSeen(since_ns=opens, until_ns=now, qty_units=round(bins[d, :k].sum())))
            rest = bins[d, k:].sum()
            before.append(math.log(rest / prior.expected(now, closes)))
            after.append(math.log(rest / told.expected(now, closes)))
            inside.append(abs(after[-1]) <= 1.645 * math.sqrt(math.log1p(told.relative_sd**2)))
    assert np.sqrt(np.mean(np.square(after))) < 0.75 * np.sqrt(np.mean(np.square(before)))
    assert 0.8 < np.mean(inside) < 0.97
