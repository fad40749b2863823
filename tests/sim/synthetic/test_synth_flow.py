"""The compiled market against the plain one, and against the published generator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.sim.synthetic import SynthParameters, synth_tape
from nowake.sim.synthetic.flow import ROWS_PER_STEP_MAX, run, word
from nowake.sim.synthetic.market import STEP, Market, empty_columns, initial_market
from nowake.sim.synthetic.reference import ReferenceMarket, word_reference
from nowake.sim.synthetic.tables import CHOICES, MARKET, build_tables

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND

parameters = st.builds(
    SynthParameters,
    daily_vol=st.sampled_from([0.001, 0.02, 0.1]),
    adv_shares=st.sampled_from([10_000_000, 100_000_000, 2_000_000_000]),
    quote_rate=st.sampled_from([0.5, 2.4, 8.0]),
    quote_decay=st.sampled_from([0.0, 0.85, 2.0]),
    touch_shares=st.sampled_from([10.0, 250.0, 5_000.0]),
    deep_shares=st.sampled_from([10.0, 700.0]),
    improve=st.sampled_from([0.01, 0.35, 1.0]),
    lean_trades=st.sampled_from([0.0, 0.7, 0.99]),
    metaorders=st.sampled_from([1, 3, 64]),
    day_amplitude=st.sampled_from([0.0, 0.5]),
)


def compiled_rows(market: Market, tables, t_end: int, chunk: int) -> list[tuple[int, int, int, int]]:
    """Return the kernel's rows, taken in chunks."""
    rows: list[tuple[int, int, int, int]] = []
    out = empty_columns(chunk)
    while True:
        n = run(t_end, market, tables, out)
        rows += zip(*(column[:n].tolist() for column in out), strict=True)
        if n <= chunk - ROWS_PER_STEP_MAX:
            return rows


@given(
    seed=st.integers(-(2**70), 2**70),
    p=parameters,
    chunk=st.sampled_from([513, 700, 20_000]),
    start_ns=st.sampled_from([START, START + 20 * SECOND - 1, START + 19 * SECOND]),
)
def test_kernel_equals_reference(seed: int, p: SynthParameters, chunk: int, start_ns: int) -> None:
    tables = build_tables(p)
    market = initial_market(seed, start_ns, p.price_units, tables)
    reference = ReferenceMarket(market, tables)
    t_end = start_ns + 1_500 * int(tables.gap_ns.mean())
    expected = reference.run(t_end)
    assert compiled_rows(market, tables, t_end, chunk) == expected
    assert market.state[STEP] == reference.steps


@given(cuts=st.lists(st.integers(1, 60 * SECOND), max_size=5))
def test_a_run_continues_exactly(cuts: list[int]) -> None:
    p = SynthParameters()
    tables = build_tables(p)
    end = START + 60 * SECOND
    whole = compiled_rows(initial_market(1, START, p.price_units, tables), tables, end, 20_000)
    market = initial_market(1, START, p.price_units, tables)
    pieces = [row for cut in sorted(cuts) for row in compiled_rows(market, tables, START + cut, 20_000)]
    assert pieces + compiled_rows(market, tables, end, 20_000) == whole


def test_generator_is_splitmix64() -> None:
    # The first outputs of splitmix64.c (Sebastiano Vigna, 2015) from state 0.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]
    assert [word_reference(0, n) for n in range(4)] == published
    assert [int(word(np.uint64(0), n)) for n in range(4)] == published


@given(key=st.integers(0, 2**64 - 1), n=st.integers(0, 2**40))
def test_words_agree(key: int, n: int) -> None:
    assert int(word(np.uint64(key), n)) == word_reference(key, n)


def test_tables_have_the_means_they_promise() -> None:
    p = SynthParameters()
    tables = build_tables(p)
    assert tables.trade_shares.mean() == pytest.approx(p.trade_mean_shares, rel=0.005)
    assert tables.quote_shares.mean() == pytest.approx(p.quote_mean_shares, rel=0.005)
    assert tables.trade_shares.min() >= 1
    assert tables.trade_shares.max() == p.trade_max_shares
    steps_per_second = 1e9 / tables.gap_ns.mean()
    orders_per_second = (tables.choice == MARKET).sum() / CHOICES * steps_per_second
    assert orders_per_second * p.trade_mean_shares * 86_400 == pytest.approx(p.adv_shares, rel=0.01)
    move_ticks = tables.step_sub / 65_536 * np.sqrt(steps_per_second * 86_400)
    assert move_ticks == pytest.approx(p.daily_vol * p.price_units, rel=0.001)


@pytest.mark.parametrize("seed", range(5))
def test_the_price_does_not_reach_zero(seed: int) -> None:
    p = SynthParameters(price_units=1_000, daily_vol=0.2, quote_rate=0.5, adv_shares=10_000_000)
    tape = synth_tape(seed=seed, start_ns=START, duration_ns=24 * 3_600 * SECOND, parameters=p)
    assert tape.prices().min() > 100
