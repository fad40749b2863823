"""Latency: its distributions, the order of one session, and nothing known before its time."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, two_sided
from sim_orders import child, run_to_end

from nowake.core.errors import InputError, Refused
from nowake.core.order import Side
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import (
    BLOCK_LEAST,
    RECORDED,
    Latency,
    Spread,
    SpreadKind,
    Way,
    delayed,
    drawing,
    lognormal,
    ways,
)

SET = row_code(Row.SET, Book.BID, END)


def long_tape(delays_ms: list[int], every_ms: int = 1_000) -> Tape:
    """Return a message every second, received with the delays given."""
    rows = [*two_sided(), *((1_000 + every_ms * k, SET, MID - 3, 1 + k % 7) for k in range(len(delays_ms) - 6))]
    return make_tape(rows, recv_ms=delays_ms)


def draws(spread: Spread, n: int, seed: int = 0) -> np.ndarray:
    draw = drawing(spread, "entry", make_tape(two_sided()), None, seed)
    return np.array([draw(k, 0) for k in range(n)])


@pytest.mark.parametrize(("median_ms", "sigma"), [(5, 0.4), (1, 1.2)])
def test_a_lognormal_leg_has_its_median_its_sigma_and_its_tails(median_ms: int, sigma: float) -> None:
    n = 20_000
    logs = np.sort(np.log(draws(lognormal(median_ms * MS, sigma), n) / (median_ms * MS))) / sigma
    # Kolmogorov-Smirnov against the normal of the standard library: 1.95/sqrt(n) is passed by one sample in a thousand.
    cdf = np.array([NormalDist().cdf(float(z)) for z in logs])
    assert np.abs(cdf - (np.arange(n) + 0.5) / n).max() < 1.95 / math.sqrt(n)
    assert (draws(lognormal(median_ms * MS, sigma), 50) == draws(lognormal(median_ms * MS, sigma), 50)).all()
    assert (draws(lognormal(median_ms * MS, sigma), 50, seed=1) != draws(lognormal(median_ms * MS, sigma), 50)).all()


def test_no_draw_is_under_the_least_that_the_kernels_count_on() -> None:
    for spread in (lognormal(5 * MS, 0.4), lognormal(MS, 3.0), lognormal(1, 0.1)):
        assert 0 <= spread.least_ns <= spread.median_ns * math.exp(-8 * spread.sigma)
        assert draws(spread, 2_000).min() >= spread.least_ns
    assert RECORDED.least_ns == 0


def test_a_recorded_leg_draws_what_was_received_in_the_minute_before() -> None:
    delays = [*[0] * 6, *[10] * 60, *[200] * 200]
    tape = long_tape(delays)
    received = tape.t_local()
    draw = drawing(RECORDED, "entry", tape, received, 0)
    assert {draw(k, START_NS + 55_000 * MS) for k in range(200)} == {0, 10 * MS}
    late = {draw(k, START_NS + 200_000 * MS) for k in range(200)}
    assert late == {200 * MS}
    # Where a minute holds few messages, the last 32 are drawn from.
    sparse = long_tape([k % 50 for k in range(200)], every_ms=30_000)
    seen = drawing(RECORDED, "entry", sparse, sparse.t_local(), 0)
    assert len({seen(k, START_NS + 3_000_000 * MS) for k in range(2_000)}) == BLOCK_LEAST


@given(cut=st.integers(40, 190), seed=st.integers(0, 99), spread=st.sampled_from([RECORDED, lognormal(5 * MS, 1.0)]))
def test_a_tape_cut_at_t_draws_the_same_before_t(cut: int, seed: int, spread: Spread) -> None:
    whole = long_tape([(k * k) % 97 for k in range(200)])
    received = [delayed(tape, lognormal(3 * MS, 0.5), seed).t_local() for tape in (whole, whole.head(cut))]
    assert (received[0][:cut] == received[1]).all()
    legs = [
        drawing(spread, "response", tape, local, seed)
        for tape, local in zip((whole, whole.head(cut)), received, strict=True)
    ]
    until = int(received[1][-1])
    times = np.linspace(START_NS, until, 50).astype(np.int64).tolist()
    assert [legs[0](k, t) for k, t in enumerate(times)] == [legs[1](k, t) for k, t in enumerate(times)]


def test_cutting_the_tape_leaves_every_message_before_as_it_was() -> None:
    latency = Latency(entry_ns=MS, entry=RECORDED, response=lognormal(4 * MS, 0.8), data=lognormal(2 * MS, 0.8))
    whole = long_tape([(7 * k) % 83 for k in range(200)])

    def told(tape: Tape) -> list[bytes]:
        market = SimMarket(tape, latency=latency, seed=5)
        heard = []
        for k in range(60):
            now, _ = market.advance(market.start_ns + k * 1_500 * MS)
            heard += [(now, str(message.event)) for message in market.poll(now)]
            market.submit(child(f"c{k}", Side.BUY, 1, MID + 1 - 3 * (k % 2)), now)
        return heard

    assert told(whole) == told(whole.head(150))


@pytest.mark.parametrize("overtake", [False, True])
def test_one_session_never_reorders_unless_it_may(overtake: bool) -> None:
    latency = Latency(
        entry=lognormal(20 * MS, 1.5), response=lognormal(20 * MS, 1.5), entry_ns=MS, response_ns=MS, overtake=overtake
    )
    there, back = ways(latency, make_tape(two_sided()), None, 1)
    for way in (there, back):
        arrivals = [way.arrival_ns(k * MS) for k in range(500)]
        assert (arrivals == sorted(arrivals)) is not overtake
        assert all(arrives >= k * MS + MS for k, arrives in enumerate(arrivals))
    market = SimMarket(make_tape(two_sided()), latency=latency)
    now, _ = market.advance(START_NS + 10 * MS)
    for k in range(30):
        market.submit(child(f"c{k}", Side.BUY, 1, MID - 1), now)
    arrived = [(event.t_venue_ns, event.child_id) for event in run_to_end(market)]
    assert len(arrived) == 30
    by_venue = [name for _, name in sorted(arrived, key=lambda one: one[0])]
    assert (by_venue == [f"c{k}" for k in range(30)]) is not overtake
    assert ([name for _, name in arrived] == by_venue) is not overtake


def test_what_takes_a_fixed_time_takes_exactly_that() -> None:
    way = Way(7, lambda _count, _t_ns: 0, overtake=False)
    assert [way.arrival_ns(t) for t in (0, 1, 1, 5)] == [7, 8, 8, 12]


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in ((SpreadKind.LOGNORMAL, 0, 0.4), (SpreadKind.TAPE, 5, 0.0)):
        with pytest.raises(InputError, match="median_ns"):
            Spread(kind=wrong[0], median_ns=wrong[1], sigma=wrong[2])
    for sigma in (0.0, -1.0, math.nan, 3.1):
        with pytest.raises(InputError, match="sigma"):
            lognormal(MS, sigma)
    for latency in (Latency(entry=RECORDED), Latency(response=RECORDED), Latency(data=RECORDED)):
        with pytest.raises(Refused, match="no receive times"):
            SimMarket(make_tape(two_sided()), latency=latency)
