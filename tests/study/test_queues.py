"""Queue models against tapes that know every queue: what must hold, and that the page shows what comes out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nowake.core.errors import InputError
from nowake.core.tape import Tape
from nowake.data.source import open_tapes
from nowake.market.own import OwnMarket
from nowake.sim.exchange import SimMarket
from nowake.sim.merge import NEVER
from nowake.study import estimates, rerun
from nowake.study import queues as study

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"
TAPES = {
    "AMZN": "lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
    "AAPL": "lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip",
    "bitstamp": "bitstamp/orders_2015-05-01.parquet",
    "ESH4": "databento/esh4-*.mbo.dbn.zst",
}


@pytest.fixture(scope="module", params=list(TAPES))
def tape(request: pytest.FixtureRequest, recorded_data: Path) -> Tape:
    (found,) = open_tapes(sorted(recorded_data.glob(TAPES[request.param])))
    return found


def test_a_tape_bounds_its_models_and_its_own_fills(tape: Tape) -> None:
    errors, chance, again = study.queue_errors(tape), study.fill_chance(tape, 2_000), rerun.rerun(tape)
    assert errors.inside >= 0.997  # the truth lies between the two ends of what L2 can tell
    ends = {one.model: one.bias for one in errors.models}
    assert tape.meta.listing.venue != "GLBX" or again.reproduced == again.executions
    assert ends["risk-averse"] <= min(ends.values()) <= max(ends.values()) <= ends["optimistic"]
    # One level of a stock: nobody is in view for a minute, and a curve that ends before says nothing of its end.
    assert (chance.recorded is None) == (tape.meta.listing.key == "AAPL@XNAS")
    assert chance.recorded is None or chance.recorded_least <= chance.recorded <= chance.recorded_most
    assert chance.recorded_least <= chance.ours <= chance.recorded_most
    assert again.reproduced / again.executions >= 0.995
    assert again.alike + sum(count for _, count in again.misses) == again.orders
    page = PAGE.read_text(encoding="utf-8")
    for table in (*study.tables(errors, chance), rerun.table(again)):
        assert table.markdown() in page


def test_how_far_our_own_estimate_is_from_the_truth(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows what comes out; and an estimate that lets us jump the queue is seen to."""
    every = estimates.all_errors(tape)
    assert estimates.table(every).markdown() in PAGE.read_text(encoding="utf-8")
    by = {(one.model, one.data_ns): one for one in every}
    assert len(by) == 2 * len(study.MODELS)
    for data_ns in (0, estimates.LATE_NS):
        means = [by[model, data_ns].mean for model in study.MODELS]
        assert by["optimistic", data_ns].mean == min(means)
        assert by["risk-averse", data_ns].mean == max(means)
    found = by["power-2", 0]
    assert found.share < 0.2
    seen = OwnMarket.queue_estimates
    monkeypatch.setattr(OwnMarket, "queue_estimates", lambda own: tuple((child, 0) for child, _ in seen(own)))
    (jumped,) = estimates.estimate_errors(tape)
    assert jumped.looks == found.looks
    assert jumped.exact < found.exact
    assert jumped.mean < min(found.mean, 0)
    assert jumped.share > 5 * found.share


def test_an_acknowledgement_that_overtakes_the_feed_waits_for_it(
    recorded_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the future: who joined just before us is not yet on our screen when we are told that we rest."""
    (tape,) = open_tapes(sorted(recorded_data.glob(TAPES["ESH4"])))
    at_once = dataclasses.replace(tape, recv_delta=np.empty(0, dtype=np.int32))
    (waits,), (sharp,) = estimates.estimate_errors(tape), estimates.estimate_errors(at_once)
    monkeypatch.setattr(SimMarket, "_heard_ns", lambda market, t_venue_ns: 0)
    (hasty,) = estimates.estimate_errors(tape)
    assert [f"{one.share:.1%}" for one in (hasty, waits, sharp)] == ["16.1%", "7.8%", "7.7%"]
    assert hasty.mean < waits.mean < 0


def test_who_joined_and_what_became_of_it(tape: Tape) -> None:
    """Against the rows themselves, order by order."""
    found = study.joins(tape, 300)
    assert len(found) > 200
    for one in found:
        assert tape.order_id[one.row] != 0
        assert (tape.t_event[one.row], tape.prices()[one.row]) == (one.t_ns, one.price_units)
        assert sum(qty for _, qty in one.executed) <= one.qty_units
        assert all(one.t_ns < t <= one.t_ns + study.HORIZON_NS for t, _ in one.executed)
        assert one.left_ns == NEVER or one.t_ns < one.left_ns <= one.t_ns + study.HORIZON_NS
        assert not (one.filled and one.left_ns < NEVER)


def test_a_tape_without_ids_is_refused(tape: Tape) -> None:
    with pytest.raises(InputError, match=r"order by order.*; choose a recording by orders"):
        study.joins(study.without_ids(tape), 10)
