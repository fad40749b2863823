"""The queue-reactive book: its law, its counting by brute force, its parameters found again, its tapes."""

from __future__ import annotations

from dataclasses import replace as with_fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, START_NS, make_tape

from nowake.core.errors import InputError, Refused
from nowake.core.tape import END, HIDDEN, SEEDED, Book, Row, Tape, row_code
from nowake.data.checks import check
from nowake.data.source import open_tapes
from nowake.sim.queue_reactive import calibrated, counted_book, imitate, tape_figures
from nowake.sim.queue_reactive.calibrate import scaled
from nowake.sim.queue_reactive.flow import PLACE, ROWS
from nowake.sim.queue_reactive.generate import Running, simulated_figures
from nowake.sim.queue_reactive.observe import CANCEL, LIMIT, MARKET, observe, states
from nowake.sim.queue_reactive.parameters import CLASSES, QUANTILES, BookCard, Figures, QueueReactiveBook
from nowake.sim.queue_reactive.reference import ReferenceFlow
from nowake.sim.synthetic import LISTING, synth_tape
from nowake.sim.synthetic.market import empty_columns

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
CARD = BookCard(
    text="", source="by hand", content_hash="", seconds=1.0, events=(1, 1, 1), rates=(), scales=(), theta=0.0,
    theta_reinit=0.0,
)  # fmt: skip
FIGURES = Figures(spread_ticks=1.0, touch_qty=1.0, volume=1.0, volatility=1.0, sample_ns=10 * SECOND, seconds=1.0)


def book_by_hand(rates: np.ndarray, sizes: int, queues: int, theta: float = 0.0, behind: int = 50) -> QueueReactiveBook:
    """Return a book of single units; every queue holds ``behind`` of them when it is drawn."""
    return QueueReactiveBook(
        listing=LISTING,
        tick=1,
        place=10_000,
        unit=1,
        sizes=sizes,
        rates=rates,
        empties=np.zeros((2, queues, states(sizes))),
        quantities=np.ones((3, CLASSES, QUANTILES), dtype=np.int64),
        apart_rate=0.0,
        apart_quantities=np.ones(QUANTILES, dtype=np.int64),
        bank=np.full((1, 2, queues), behind, dtype=np.int64),
        moves=np.ones(QUANTILES, dtype=np.int64),
        theta=theta,
        theta_reinit=0.0,
        jump=0.0,
        silence_ns=60 * SECOND,
        recorded=FIGURES,
        card=CARD,
    )


def test_a_queue_alone_has_the_birth_and_death_law() -> None:
    """pi(q) ~ product of arrivals (j) / (cancels + executions)(j + 1): one queue before a lasting one."""
    sizes = 60
    rates = np.zeros((3, 2, states(sizes)))
    rates[LIMIT, 0, 0] = 1.5
    for q in range(1, sizes + 1):
        rates[LIMIT, 0, 1 + q] = 1.5 if q < 5 else 1.0
        rates[CANCEL, 0, 1 + q] = 0.1 * q
        rates[MARKET, 0, 1 + q] = 0.7
    weight = [1.0]
    for q in range(sizes):
        weight.append(weight[-1] * (1.5 if q < 5 else 1.0) / (0.1 * (q + 1) + 0.7))
    law = np.array(weight) / sum(weight)
    published = [0.023451, 0.043971, 0.073285, 0.109928, 0.149902]  # SCIENCE 10
    assert law[:5] == pytest.approx(published, abs=5e-7)
    assert law @ np.arange(sizes + 1) == pytest.approx(5.166847, abs=5e-7)
    running = Running(book_by_hand(rates, sizes, 2), 4, 0, occupancy=sizes)
    running.run(2_500_000 * SECOND)
    spent = running.occupancy / running.occupancy.sum()
    assert spent[:12] == pytest.approx(law[:12], rel=0.01)
    assert spent @ np.arange(sizes + 1) == pytest.approx(5.166847, rel=0.01)


# Counting, against a book of plain dictionaries


@st.composite
def recorded_rows(draw: st.DrawFn) -> Tape:
    """Draw a market of SET, ADD, REDUCE, FILL, TRADE rows that is never crossed, with silences and seeded levels."""
    books: tuple[dict[int, int], dict[int, int]] = ({MID - 2: 5}, {MID + 1: 5})
    rows = [
        (0, row_code(Row.SET, Book.BID), MID - 2, 5),
        (0, row_code(Row.SET, Book.ASK, END), MID + 1, 5),
    ]
    ms = 0
    for _ in range(draw(st.integers(1, 60))):
        ms += draw(st.sampled_from([0, 1, 7, 900, 200_000]))
        side = draw(st.integers(0, 1))
        own, other = books[side], books[1 - side]
        code_side = Book.BID if side == 0 else Book.ASK
        edge = (min(other) - 1) if side == 0 else (max(other) + 1)
        price = edge - draw(st.integers(0, 6)) if side == 0 else edge + draw(st.integers(0, 6))
        kind = draw(st.sampled_from(["set", "add", "fill", "apart"]))
        if kind == "apart":
            rows.append((ms, row_code(Row.TRADE, code_side, END, HIDDEN), price, draw(st.integers(1, 9))))
            continue
        best = max(own) if side == 0 else min(own)
        if kind == "fill":
            price, qty = best, draw(st.integers(1, own[best]))
            left = own[best] - qty
            row = Row.FILL
        elif kind == "add":
            qty, row = draw(st.integers(1, 9)), Row.ADD
            left = own.get(price, 0) + qty
        else:
            qty, row = draw(st.integers(0, 9)), Row.SET
            left = qty
        if left == 0 and len(own) == 1 and price in own:
            continue
        flags = (END, SEEDED) if row is Row.SET and draw(st.booleans()) else (END,)
        rows.append((ms, row_code(row, code_side, *flags), price, qty))
        own.pop(price, None)
        if left:
            own[price] = left
    return make_tape(rows)


def brute_force(tape: Tape, queues: int, sizes: int, unit: int) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Return seconds by state, events by state, the time integral of the spread and the volume, in plain Python."""
    expo, count = np.zeros((queues, states(sizes))), np.zeros((3, queues, states(sizes)))
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    place, last, wide, volume = None, int(tape.t_event[0]), 0.0, 0

    def state(side: int, price: int) -> int:
        qty, sign = books[side].get(price, 0), 1 if side == 0 else -1
        best = max(books[side], key=lambda one: sign * one) if books[side] else None
        front = best is None or sign * price > sign * best
        n = min(-(-qty // unit), sizes)
        return (0 if front else 1) if qty == 0 else 1 + n if price == best else 1 + sizes + n

    for t, code, price, qty in zip(
        tape.t_event.tolist(), tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True
    ):
        if place is not None and 0 < t - last <= tape.meta.silence_ns:
            for side in (0, 1):
                for i in range(1, queues + 1):
                    expo[i - 1, state(side, place + i if side else place + 1 - i)] += (t - last) / 1e9
            wide += (min(books[1]) - max(books[0])) * (t - last) / 1e9
        last = t
        kind, side = code & 15, (code >> 4 & 3) - 1
        if kind == Row.TRADE:
            volume += qty if place is not None else 0
            continue
        own, old = books[side], books[side].get(price, 0)
        new = qty if kind == Row.SET else old + qty if kind == Row.ADD else old - qty
        if place is not None:
            volume += qty if kind == Row.FILL else 0
            queue = price - place if side else place + 1 - price
            if not code & SEEDED and new != old and 1 <= queue <= queues:
                what = LIMIT if new > old else MARKET if kind == Row.FILL else CANCEL
                count[what, queue - 1, state(side, price)] += 1
        own.pop(price, None)
        if new:
            own[price] = new
        if code & END:
            twice = max(books[0]) + min(books[1])
            here = twice // 2
            if twice % 2 == 0 and (place is None or place < here):
                here -= 1
            place = here
    return expo, count, wide, volume


@settings(deadline=None)
@given(tape=recorded_rows(), unit=st.integers(1, 4))
def test_counting_is_brute_force(tape: Tape, unit: int) -> None:
    seen = observe(tape, queues=5, sizes=3, unit=unit, snapshots=4, every_ns=SECOND)
    expo, count, wide, volume = brute_force(tape, 5, 3, unit)
    assert seen.expo == pytest.approx(expo, abs=1e-9)
    assert np.array_equal(seen.count, count)
    assert seen.volume == volume
    assert seen.spread_ticks * max(seen.seconds, 1e-9) == pytest.approx(wide, abs=1e-9)
    assert seen.expo.sum() == pytest.approx(10 * seen.seconds)


def test_feeds_of_levels_know_a_trade_by_its_print() -> None:
    """A print at a level, then its new size: what fell up to the print's size was executed, the rest cancelled."""
    bid, ask = row_code(Row.SET, Book.BID, END), row_code(Row.SET, Book.ASK, END)
    buy = row_code(Row.TRADE, Book.BID, END)
    rows = [(0, bid, MID, 9), (0, ask, MID + 1, 20), (1, buy, MID + 1, 4), (2, ask, MID + 1, 13), (3, ask, MID + 1, 12)]
    seen = observe(make_tape(rows), queues=4, sizes=30, unit=1, snapshots=1, every_ns=SECOND)
    assert seen.log.tolist() == [[MARKET, 1, 4], [CANCEL, 1, 3], [CANCEL, 1, 1]]
    assert (seen.count[MARKET, 0, 1 + 20], seen.count[CANCEL, 0, 1 + 16], seen.count[CANCEL, 0, 1 + 13]) == (1, 1, 1)
    assert seen.volume == 4


# The kernel against plain Python


@st.composite
def books(draw: st.DrawFn) -> QueueReactiveBook:
    """Draw a small book in which everything happens: few queues, moves, redraws, jumps, holes in the bank."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes, queues = draw(st.integers(1, 4)), draw(st.integers(2, 6))
    s = states(sizes)
    rates = rng.uniform(0.0, 2.0, (3, queues, s)) * (rng.random((3, queues, s)) < 0.9)
    rates[1:, :, :2] = 0.0
    bank = rng.integers(0, 9, (5, 2, queues)) * (rng.random((5, 2, queues)) < 0.6)
    bank[:, :, draw(st.integers(0, queues - 1))] = rng.integers(1, 9, (5, 2))
    return with_fields(
        book_by_hand(rates, sizes, queues, theta=draw(st.sampled_from([0.0, 0.5, 1.0]))),
        tick=draw(st.integers(1, 3)),
        place=draw(st.sampled_from([40, 10_000])),
        unit=draw(st.integers(1, 4)),
        empties=rng.random((2, queues, s)),
        quantities=rng.integers(1, 12, (3, CLASSES, QUANTILES)),
        apart_rate=draw(st.sampled_from([0.0, 0.7])),
        bank=bank.astype(np.int64),
        moves=rng.integers(1, 9, QUANTILES),
        theta_reinit=draw(st.sampled_from([0.0, 0.3, 1.0])),
        jump=draw(st.sampled_from([0.0, 0.4, 2.0])),
    )


@settings(deadline=None)
@given(book=books(), seed=st.integers(-(2**40), 2**40), seconds=st.integers(1, 60))
def test_the_kernel_is_the_reference(book: QueueReactiveBook, seed: int, seconds: int) -> None:
    plain = ReferenceFlow(book, seed, START_NS)
    plain.run(START_NS + seconds * SECOND)
    running, out = Running(book, seed, START_NS), empty_columns(1 << 16)
    assert running.run(START_NS + seconds * SECOND, out)
    rows = int(running.state[ROWS])
    made = list(zip(*(column[:rows].tolist() for column in out), strict=True))
    assert made == plain.rows
    assert int(running.state[PLACE]) == plain.place
    for side in (0, 1):
        ours = {plain.price(side, k + 1, plain.place): int(q) for k, q in enumerate(running.queues[side]) if q}
        assert ours == plain.levels[side]


# The whole circle


@pytest.fixture(scope="module")
def counted() -> QueueReactiveBook:
    return counted_book(synth_tape(seed=11, start_ns=START_NS, duration_ns=HOUR), queues=12)


def test_a_book_that_keeps_its_place_gives_its_intensities_back() -> None:
    """With a reference price that cannot move, the tape's is the book's where the spread is one tick."""
    sizes, queues = 4, 4
    rates = np.zeros((3, queues, states(sizes)))
    rates[LIMIT, 0], rates[CANCEL, 0], rates[MARKET, 0] = 0.9, 0.5, 0.3
    rates[LIMIT, 0, 0] = 2.0
    rates[LIMIT, 1], rates[CANCEL, 1] = 0.4, 0.45
    rates[1:, :, :2] = 0.0
    rates[CANCEL, :, 1 + sizes] = rates[CANCEL, :, 1 + 2 * sizes] = 3.0
    rates[MARKET, :, 2 + sizes :] = 0.0
    book = book_by_hand(rates, sizes, queues, behind=2)
    tape = imitate(book, seed=1, start_ns=START_NS, duration_ns=20 * HOUR)
    seen = observe(tape, queues=queues, sizes=sizes, unit=1, snapshots=1, every_ns=SECOND)
    for what in (LIMIT, CANCEL, MARKET):
        for k in range(2, 1 + sizes):  # at the cap a queue is cancelled as often as it is long
            expected = rates[what, 0, k] * seen.expo[0, k]
            assert abs(seen.count[what, 0, k] - expected) < 4.5 * np.sqrt(expected) + 1


def test_the_tape_is_sound_and_says_what_it_is(counted: QueueReactiveBook) -> None:
    book = with_fields(counted, theta_reinit=0.3, jump=2.0)
    tape = imitate(book, seed=5, start_ns=START_NS, duration_ns=HOUR // 2)
    assert tape.listing.key == "SYNTH@LIKE"
    assert "queue-reactive book fitted to SYNTH@SIM" in tape.meta.modelled
    report = check(tape)
    assert report.faults == ()
    assert tape.code[-1] & END
    assert (np.diff(tape.t_event) >= 0).all()
    again = imitate(book, seed=5, start_ns=START_NS, duration_ns=HOUR // 2)
    other = imitate(book, seed=6, start_ns=START_NS, duration_ns=HOUR // 2)
    assert again.meta.content_hash == tape.meta.content_hash != other.meta.content_hash
    shorter = imitate(book, seed=5, start_ns=START_NS, duration_ns=HOUR // 7)
    for name in ("t_event", "code", "price", "qty"):
        assert np.array_equal(getattr(shorter, name), getattr(tape, name)[: len(shorter)])


def test_the_running_figures_are_the_tape_s(counted: QueueReactiveBook) -> None:
    running = Running(counted, 3, START_NS - 600 * SECOND)
    running.run(START_NS)
    running.reals[:] = 0
    running.run(START_NS + HOUR)
    tape = imitate(counted, seed=3, start_ns=START_NS, duration_ns=HOUR)
    mine, theirs = running.figures(), tape_figures(tape, counted.tick)
    assert mine.ratios(theirs)[:3] == pytest.approx((1, 1, 1), rel=2e-3)
    assert mine.volatility == pytest.approx(theirs.volatility, rel=0.1)


def test_every_event_is_one_message_that_a_book_can_take(counted: QueueReactiveBook) -> None:
    """Rebuilt by plain dictionaries the book is never crossed, and never loses what it does not have."""
    tape = imitate(with_fields(counted, theta_reinit=0.3, jump=3.0), seed=8, start_ns=START_NS, duration_ns=HOUR // 6)
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    printed = 0
    for code, price, qty in zip(tape.code.tolist(), tape.price.tolist(), tape.qty.tolist(), strict=True):
        kind, side = code & 15, (code >> 4 & 3) - 1
        if kind == Row.TRADE:
            printed += qty
            met = books[1 - side]  # a buyer meets the asks, at their touch
            assert price == (min(met) if side == 0 else max(met))
        elif kind == Row.SET:
            books[side].pop(price, None)
            if qty:
                books[side][price] = qty
        if code & END:
            assert max(books[0]) < min(books[1])
    assert printed > 0


def test_calibration_makes_the_means_agree(counted: QueueReactiveBook) -> None:
    told: list[float] = []
    book = calibrated(counted, lambda done, _: told.append(done))
    assert told[-1] == 1.0
    assert dict(book.card.scales)
    found = [simulated_figures(book, 3_600, 100 + seed).ratios(book.recorded) for seed in range(20)]
    assert np.mean(found, axis=0) == pytest.approx(np.ones(4), abs=0.1)
    assert book.theta == book.card.theta


def test_the_same_tape_gives_the_same_book(counted: QueueReactiveBook) -> None:
    again = counted_book(synth_tape(seed=11, start_ns=START_NS, duration_ns=HOUR), queues=12)
    books = [calibrated(one, rounds=3) for one in (counted, again)]
    assert books[0].card == books[1].card
    tapes = [imitate(book, seed=2, start_ns=START_NS, duration_ns=HOUR // 10) for book in books]
    assert tapes[0].meta.content_hash == tapes[1].meta.content_hash


def test_scales_do_what_they_say(counted: QueueReactiveBook) -> None:
    base = simulated_figures(counted, 7_200, 1)
    for k, (field, rises) in enumerate([("spread_ticks", False), ("touch_qty", False), ("volume", True)]):
        scales = np.array([1.0, 1.0, 1.0, 0.0])
        scales[k] = 2.0
        found = simulated_figures(scaled(counted, scales, counted.theta), 7_200, 1)
        assert (getattr(found, field) > getattr(base, field)) is rises
    jumpy = simulated_figures(scaled(counted, np.array([1, 1, 1, 5.0]), counted.theta), 7_200, 1)
    assert jumpy.volatility > base.volatility


def test_what_cannot_be_imitated_is_refused() -> None:
    tape = synth_tape(seed=1, start_ns=START_NS, duration_ns=20 * SECOND)
    with pytest.raises(Refused, match="too few"):
        counted_book(tape)
    trade = row_code(Row.TRADE, Book.BID, END)
    with pytest.raises(Refused, match="no book"):
        counted_book(make_tape([(k, trade, MID, 1) for k in range(50)]))
    with pytest.raises(InputError, match="queues"):
        counted_book(tape, queues=41)
    with pytest.raises(InputError, match="theta"):
        counted_book(tape, theta=1.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "allow", "queues"),
    [
        (["lobster/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"], (), 0),
        (["lobster/LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"], (), 20),
        (
            [f"databento/esh4-glbx-mdp3-2023122{day}.mbo.dbn.zst" for day in (4, 5)],
            ("gaps", "quarantined", "mismatched", "disordered", "crossed"),
            0,
        ),
    ],
)
def test_twenty_seeds_agree_with_the_recorded_market(
    recorded_data: Path, files: list[str], allow: tuple[str, ...], queues: int
) -> None:
    (tape,) = open_tapes([recorded_data / name for name in files], None, allow=allow)
    book = calibrated(counted_book(tape, queues=queues))
    found = np.array(
        [
            tape_figures(
                imitate(book, seed=seed, start_ns=START_NS, duration_ns=round(book.recorded.seconds * SECOND)),
                book.tick,
            ).ratios(book.recorded)
            for seed in range(20)
        ]
    )
    assert found[:, :3].mean(axis=0) == pytest.approx(np.ones(3), abs=0.1)
    assert np.sqrt((found[:, 3] ** 2).mean()) == pytest.approx(1, abs=0.1)
