"""What every synthetic tape promises: reproducible, sane, a prefix of itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nowake.core.errors import InputError
from nowake.core.tape import END, KIND_MASK, SIDE_MASK, SIDE_SHIFT, SNAPSHOT, Book, Row, Tape
from nowake.core.value import from_json, replace, to_json
from nowake.data.catalogue import load_catalogue
from nowake.sim.synthetic import LISTING, SynthParameters, activity, activity_integral, synth_tape

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = 1_700_000_000 * SECOND


def tape(seed: int = 7, seconds: int = 300, **more) -> Tape:
    """Return a short tape."""
    return synth_tape(seed=seed, start_ns=START, duration_ns=seconds * SECOND, **more)


def check_rows(one: Tape) -> None:
    """Replay with dicts, and assert everything a reader of the tape relies on."""
    books: dict[int, dict[int, int]] = {Book.BID: {}, Book.ASK: {}}
    traded: dict[int, int] = {}
    prices = one.prices().tolist()
    for code, price, qty in zip(one.code.tolist(), prices, one.qty.tolist(), strict=True):
        kind, side = code & KIND_MASK, (code & SIDE_MASK) >> SIDE_SHIFT
        if kind == Row.CLEAR:
            books = {Book.BID: {}, Book.ASK: {}}
        elif kind == Row.TRADE:
            resting = books[Book.ASK if side == Book.BID else Book.BID]
            best = min(resting) if side == Book.BID else max(resting)
            assert 0 < qty <= resting[price]
            assert price == best or traded, "a sweep starts at the touch"
            traded[price] = qty
        else:
            assert kind == Row.SET
            before = books[side].pop(price, 0)
            if price in traded:
                assert qty == before - traded.pop(price), "a level leaves exactly what was printed"
            assert qty >= 0
            assert qty != before
            if qty:
                books[side][price] = qty
        if code & END:
            assert not traded
            assert max(books[Book.BID]) < min(books[Book.ASK])
            assert min(len(book) for book in books.values()) >= 10


@settings(max_examples=25)
@given(seed=st.integers(0, 2**64), hour=st.integers(0, 23))
def test_rows_are_sane(seed: int, hour: int) -> None:
    one = synth_tape(seed=seed, start_ns=START + hour * HOUR, duration_ns=60 * SECOND)
    check_rows(one)
    assert (np.diff(one.t_event) >= 0).all()
    assert one.t_event[0] == START + hour * HOUR
    assert one.t_event[-1] < START + hour * HOUR + 60 * SECOND
    ends = (one.code & END) > 0
    assert ends[-1]
    assert (np.diff(one.t_event[ends]) > 0).all(), "every event has its own instant"


def test_an_hour_is_sane() -> None:
    check_rows(tape(seconds=3_600))


def test_starts_with_a_snapshot() -> None:
    one = tape()
    shot = (one.code & SNAPSHOT) > 0
    size = int(shot.sum())
    assert shot[:size].all()
    assert one.code[0] == Row.CLEAR | SNAPSHOT
    assert (one.t_event[:size] == START).all()
    assert [i for i in range(size) if one.code[i] & END] == [size - 1]
    assert (one.qty[1:size] > 0).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), seconds=st.integers(1, 300))
def test_a_shorter_tape_is_a_prefix(seed: int, seconds: int) -> None:
    long, short = tape(seed), tape(seed, seconds)
    assert len(short) == np.searchsorted(long.t_event, START + seconds * SECOND)
    for name in ("t_event", "code", "price", "qty"):
        assert np.array_equal(getattr(short, name), getattr(long, name)[: len(short)])


def test_same_seed_same_hash_in_another_process() -> None:
    script = (
        "from nowake.sim.synthetic import synth_tape\n"
        f"print(synth_tape(seed=7, start_ns={START}, duration_ns={300 * SECOND}).meta.content_hash)"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert other.stdout.strip() == tape().meta.content_hash


def test_hash_tells_seeds_and_parameters_apart() -> None:
    hashes = {
        tape().meta.content_hash,
        tape(seed=8).meta.content_hash,
        tape(seconds=301).meta.content_hash,
        tape(parameters=SynthParameters(daily_vol=0.03)).meta.content_hash,
        tape(warmup_ns=0).meta.content_hash,
    }
    assert len(hashes) == 5


@pytest.mark.parametrize(
    "bad",
    [{"duration_ns": 0}, {"duration_ns": 32 * 24 * HOUR}, {"start_ns": 1}, {"warmup_ns": -1}],
)
def test_refuses_arguments_outside_their_domain(bad: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        synth_tape(**{"seed": 1, "start_ns": START, "duration_ns": SECOND, **bad})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price_units", 10),
        ("daily_vol", 0.0),
        ("daily_vol", float("nan")),
        ("adv_shares", 0),
        ("trade_mean_shares", 1_000.0),
        ("trade_tail", 1.0),
        ("quote_rate", 0.0),
        ("improve", 0.0),
        ("lean_cancels", 1.0),
        ("day_amplitude", 0.85),
        ("day_peak_hours", 24.0),
        ("regime_sd", -0.1),
        ("metaorders", 0),
    ],
)
def test_parameters_refuse_what_is_outside_their_domain(name: str, value: float) -> None:
    with pytest.raises(InputError, match=name):
        replace(SynthParameters(), **{name: value})


def test_a_market_that_hardly_trades_is_refused() -> None:
    with pytest.raises(InputError, match="adv_shares must be at least"):
        tape(parameters=SynthParameters(adv_shares=1_000))


def test_parameters_round_trip() -> None:
    p = SynthParameters(daily_vol=0.013, metaorders=5)
    assert from_json(to_json(p), SynthParameters) == p


def test_listing() -> None:
    assert load_catalogue().find("SYNTH") == LISTING
    assert LISTING.key == "SYNTH@SIM"
    assert LISTING.session == "24/7"
    assert LISTING.fees.fee(LISTING.instrument, 10_000, 100, maker=True) == 0
    paid = LISTING.instrument.money(LISTING.fees.fee(LISTING.instrument, 10_000, 100, maker=False))
    assert paid == LISTING.instrument.notional(10_000, 100) * 3 / 100_000


def test_the_curve_has_mean_one_and_its_integral_is_right() -> None:
    p = SynthParameters()
    assert activity_integral(0, 24 * HOUR, p) == pytest.approx(1)
    assert activity_integral(START, START + 72 * HOUR, p) == pytest.approx(3)
    grid = np.arange(START, START + 7 * HOUR, 10 * SECOND)
    numeric = np.mean([activity(int(t) + 5 * SECOND, p) for t in grid]) * 7 / 24
    assert activity_integral(START, START + 7 * HOUR, p) == pytest.approx(numeric, rel=1e-6)
    assert activity_integral(13 * HOUR, 16 * HOUR, p) > 1.6 * activity_integral(1 * HOUR, 4 * HOUR, p)
