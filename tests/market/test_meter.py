"""The meter: kernel equals reference, any chunking gives the same bins, the future changes nothing, hand-made cases."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_rows import MS, START_NS, make_tape, streams, two_sided

from nowake.core.errors import InputError
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.core.view import Integrity
from nowake.data.source import open_tapes
from nowake.market.hours import Hours
from nowake.market.microstructure import meter as m
from nowake.market.microstructure.bins import BIN_NS, Bins, Meter, bins_of, joined
from nowake.market.microstructure.meter_reference import ReferenceMeter
from nowake.market.microstructure.touch import depth_within
from nowake.market.own import OwnMarket

TEN = 10_000 * MS
TAIL = 3 * TEN


def reference_bins(tape: Tape, session: Session | None, bin_ns: int, end_ns: int) -> ReferenceMeter:
    found, hours = ReferenceMeter(tape.meta.silence_ns, bin_ns, tape.meta.depth_levels), Hours(session)
    local, prices = tape.t_local().tolist(), tape.prices().tolist()
    now = local[0]

    def sessions_until(t: int) -> None:
        nonlocal now
        while True:
            flags = Integrity.OK if hours.is_open(now) else Integrity.CLOSED
            if found.market.external != flags:
                found.set_external(now, flags)
            if hours.next_change(now) > t:
                return
            now = hours.next_change(now)

    for t, code, price, qty in zip(local, tape.code.tolist(), prices, tape.qty.tolist(), strict=True):
        clamped = max(t, found.market.last_row_ns)
        sessions_until(t)
        found.row(clamped, code, price, qty)
    sessions_until(end_ns)
    found.pass_to(end_ns)
    return found


def metered(tape: Tape, session: Session | None, bin_ns: int, end_ns: int) -> Bins:
    found = Meter(tape, session, bin_ns)
    found.advance(end_ns)
    found.settle(end_ns)
    return found.bins


def assert_equal(found: Bins, reference: ReferenceMeter) -> None:
    ints = np.array([one for one, _ in reference.closed], dtype=np.int64).reshape(-1, m.INTS)
    reals = np.array([one for _, one in reference.closed], dtype=np.float64).reshape(-1, m.REALS)
    assert found.ints.tolist() == ints.tolist()
    exact = [m.IMBALANCE, m.DENSITY, m.EFFECTIVE]
    assert found.reals[:, exact].tolist() == reals[:, exact].tolist()
    np.testing.assert_allclose(found.reals, reals, rtol=1e-12, atol=1e-15)


@st.composite
def sessions(draw: st.DrawFn) -> Session | None:
    """Draw hours whose open or close falls among the rows."""
    first = datetime.fromtimestamp(START_NS / 1e9, tz=UTC)
    if draw(st.booleans()):
        return None
    after = draw(st.integers(0, 30))
    begin = first.hour * 3600 + first.minute * 60 + first.second + after
    end = begin + draw(st.integers(1, 40))
    clock = [time(s // 3600, s // 60 % 60, s % 60) for s in (begin, end)]
    return Session(name="T", opens=clock[0], closes=clock[1])


@given(rows=streams(max_rows=80), session=sessions(), depth=st.sampled_from([0, 0, 1, 3]))
def test_kernel_equals_reference(rows: list[tuple[int, int, int, int]], session: Session | None, depth: int) -> None:
    tape = make_tape(rows, depth_levels=depth)
    end = int(tape.t_local()[-1]) + TAIL
    assert_equal(metered(tape, session, TEN, end), reference_bins(tape, session, TEN, end))


@given(rows=streams(max_rows=80), session=sessions(), data=st.data())
def test_any_chunking_gives_the_same_bins(
    rows: list[tuple[int, int, int, int]], session: Session | None, data: st.DataObject
) -> None:
    # Chunks end with a message, as feeds deliver them; in between anything may look at the market.
    rows[-1] = (rows[-1][0], rows[-1][1] | END, *rows[-1][2:])
    tape = make_tape(rows)
    ends = [i + 1 for i, row in enumerate(rows) if row[1] & END]
    cuts = sorted({*data.draw(st.lists(st.sampled_from(ends), max_size=5)), len(rows)})
    end = int(tape.t_local()[-1]) + TAIL
    whole = metered(tape, session, TEN, end)
    found = Meter(part_of(tape, 0, 0), session, TEN)
    done = 0
    for cut in cuts:
        found.feed(part_of(tape, done, cut))
        found.advance(int(tape.t_local()[cut - 1]))
        if data.draw(st.booleans()):
            found.settle(found.now_ns)
            found.view(found.now_ns)
        done = cut
    found.advance(end)
    found.settle(end)
    assert found.bins.ints.tolist() == whole.ints.tolist()
    np.testing.assert_allclose(found.bins.reals, whole.reals, rtol=1e-12, atol=1e-15)


def part_of(tape: Tape, lo: int, hi: int) -> Tape:
    cut = slice(lo, hi)
    columns = (tape.t_event, tape.recv_delta, tape.code, tape.price, tape.qty, tape.order_id)
    return Tape(tape.meta, *(one[cut] for one in columns))


@given(rows=streams(max_rows=80), session=sessions(), keep=st.integers(1, 80))
def test_the_future_changes_nothing(rows: list[tuple[int, int, int, int]], session: Session | None, keep: int) -> None:
    tape = make_tape(rows)
    cut = tape.head(min(keep, len(tape)))
    t = int(cut.t_local()[-1])
    if len(cut) < len(tape) and tape.t_local()[len(cut)] == t:
        t -= 1  # the next row is of the same instant: what is known before it
    before = metered(tape, session, TEN, int(tape.t_local()[-1]) + TAIL).until(t)
    after = metered(cut, session, TEN, t).until(t)
    assert after.ints.tolist() == before.ints.tolist()
    assert after.reals.tolist() == before.reals.tolist()


@given(rows=streams(max_rows=60))
def test_bins_add_up_to_what_views_say(rows: list[tuple[int, int, int, int]]) -> None:
    tape = make_tape(rows)
    end = (int(tape.t_local()[-1]) // TEN + 2) * TEN
    bins, market = metered(tape, None, TEN, end), OwnMarket(tape)
    market.advance(end)
    view = market.view(end)
    assert bins.ints[:, [m.VOLUME, m.BOOK_NS, m.REALISED_NS]].sum(axis=0).tolist() == [
        view.volume_all,
        view.mid_ns,
        view.realised_ns,
    ]
    assert bins.reals[:, m.REALISED_VAR].sum() == pytest.approx(view.realised_var, rel=1e-9, abs=1e-18)
    spread = (bins.reals[:, m.SPREAD] * bins.ints[:, m.BOOK_NS]).sum() / 1e6
    assert spread == pytest.approx(view.spread_time, rel=1e-9, abs=2)


FILES = {"AMZN": "lobster/*AMZN*_5.zip", "spot": "binance/spot_btcusdt_20240808.gz"}


@pytest.mark.parametrize("name", list(FILES))
def test_kernel_equals_reference_on_recorded_rows(name: str, recorded_data: Path) -> None:
    (tape,) = open_tapes(sorted(recorded_data.glob(FILES[name])))
    part = tape.head(12_000)
    end = int(part.t_local()[-1])
    found = metered(part, None, TEN, end)
    assert_equal(found, reference_bins(part, None, TEN, end))
    assert name != "AMZN" or found.ints[:, m.WIDENED].sum() > found.ints[:, m.RECOVERED].sum() > 100


def test_a_day_of_amazon_has_its_bins(recorded_data: Path) -> None:
    (tape,) = open_tapes(sorted(recorded_data.glob(FILES["AMZN"])))
    bins = bins_of(tape)
    assert len(bins) == 389  # of 390 minutes: the last ends with the recording
    kinds = tape.code & 15
    inside = tape.t_event < bins.start_ns[-1] + BIN_NS
    printed = tape.qty[inside & ((kinds == Row.TRADE) | (kinds == Row.FILL))].sum()
    assert bins.ints[:, m.VOLUME].sum() == printed
    assert (bins.ints[:, m.BUYS] + bins.ints[:, m.SELLS]).sum() == printed


# By hand: the book of two_sided() is 9,999 x 100 / 10,001 x 100 with two more levels a side, from the start on.


def bin_of(rows: list[tuple[int, int, int, int]], until_ms: int = 10_000, **changes: object) -> dict[str, float]:
    """Return the first bin of 10 s, by the names of its columns."""
    tape = make_tape(rows, **changes)  # type: ignore[arg-type]
    assert START_NS % TEN == 0
    bins = metered(tape, None, TEN, START_NS + until_ms * MS)
    names = {name: at for name, at in vars(m).items() if name.isupper() and isinstance(at, int)}
    ints, reals = bins.ints[0].tolist(), bins.reals[0].tolist()
    found = {name: ints[at] for name, at in names.items() if name in INT_NAMES}
    return found | {name: reals[names[name]] for name in REAL_NAMES} | {"depth": ints[m.DEPTH : m.DEPTH + 6]}


INT_NAMES = {"OPEN_NS", "BOOK_NS", "SAMPLES", "VOLUME", "PRINTS", "BUYS", "SELLS", "ON_BOOK", "OFI", "WIDENED"}
INT_NAMES |= {"RECOVERED", "EXPOSED_NS", "REALISED_NS", "BID", "ASK", "CUT"}
REAL_NAMES = ("MID", "SPREAD", "REALISED_VAR", "IMBALANCE", "DENSITY", "EFFECTIVE")


def test_a_still_book_by_hand() -> None:
    found = bin_of(two_sided(size=100))
    assert (found["OPEN_NS"], found["BOOK_NS"], found["SAMPLES"]) == (TEN, TEN, 10)
    assert (found["MID"], found["SPREAD"], found["IMBALANCE"]) == (10_000, 2, 0)
    # 1, 2 and 3 bps away on either side; 600 shares between 9,997 and 10,003: 6 bps apart.
    assert found["depth"] == [3_000] * 6
    assert found["DENSITY"] == pytest.approx(10 * 600 / 6)
    assert depth_within([(9_999, 100), (9_998, 100), (9_997, 100)], 20_000, 5) == 300


def test_prints_by_hand() -> None:
    rows = two_sided()
    rows += [(1_000, row_code(Row.TRADE, Book.BID, END), 10_001, 30)]  # a buyer pays half the spread: 1 bp of 10,000
    rows += [(2_000, row_code(Row.TRADE, Book.NONE, END), 9_997, 10)]  # under the mid: a seller, 3 bps away
    found = bin_of(rows)
    assert (found["VOLUME"], found["PRINTS"], found["BUYS"], found["SELLS"]) == (40, 2, 30, 10)
    assert found["EFFECTIVE"] / found["ON_BOOK"] == pytest.approx((30 * 2 + 10 * 6) / 40)


def test_a_widening_that_halves_is_a_recovery_and_its_time_is_counted() -> None:
    take = [(1_000, row_code(Row.FILL, Book.ASK, END), 10_001, 100)]  # spread 2 -> 3
    back = [(1_750, row_code(Row.ADD, Book.ASK, END), 10_001, 50)]
    found = bin_of(two_sided() + take + back)
    assert (found["WIDENED"], found["RECOVERED"], found["EXPOSED_NS"]) == (1, 1, 750 * MS)
    # The ask of 100 is gone (-(-100)), then 50 come under the ask: 100 bought less 50 offered.
    assert found["OFI"] == 100 - 50
    never = bin_of(two_sided() + take)
    assert (never["WIDENED"], never["RECOVERED"], never["EXPOSED_NS"]) == (1, 0, 9_000 * MS)


def test_a_cancel_is_no_trade() -> None:
    found = bin_of([*two_sided(), (1_000, row_code(Row.DELETE, Book.ASK, END), 10_001, 100)])
    assert (found["WIDENED"], found["EXPOSED_NS"]) == (0, 0)


def test_depth_beyond_what_the_source_keeps_is_marked() -> None:
    assert bin_of(two_sided(), depth_levels=3)["CUT"] == 10
    assert bin_of(two_sided(), depth_levels=0)["CUT"] == 0


def test_bins_of_several_stretches_join() -> None:
    tape = make_tape(two_sided())
    end = START_NS + 4 * TEN
    bins = metered(tape, None, TEN, end)
    assert joined([bins.since(START_NS + 2 * TEN), bins.until(START_NS + 3 * TEN)]).ints.tolist() == bins.ints.tolist()
    with pytest.raises(InputError, match="bin_ns must be the same in all"):
        joined([bins, metered(tape, None, BIN_NS, end)])


@pytest.mark.parametrize("width", [0, -1, 5_000 * MS, 70_000 * MS, 1.5])
def test_a_width_that_is_none_is_refused(width: int) -> None:
    with pytest.raises(InputError, match="bin must be a multiple of 10 s that divides a day"):
        Meter(make_tape(two_sided()), None, width)
