"""Hidden liquidity at the mid: found again where it is known, and held against recorded days that the fit never saw."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest

from nowake.core.errors import InputError, Refused
from nowake.core.instrument import GridBand, Instrument, InstrumentKind, Listing
from nowake.core.order import Side
from nowake.core.sessions import ALWAYS_OPEN
from nowake.core.tape import END, OFF_EXCHANGE, Book, Row, Tape, TapeMeta, row_code
from nowake.core.value import from_json, replace, to_json
from nowake.data.sessions import session
from nowake.data.source import open_tapes
from nowake.models.calibrate.dark import MidPrints, fit_dark, held_out, mid_prints, rested
from nowake.models.calibrate.dark_sizes import size_slope
from nowake.models.dark import Arrivals, DarkLiquidity

PAGE = Path(__file__).resolve().parents[3] / "docs" / "models" / "dark.md"
S = 10**9
XNYS = session("XNYS")
DAYS = [date(2013, 10, day) for day in (7, 8, 9, 10, 11)]
TRUTH = DarkLiquidity(
    listing="TEST@NBBO",
    bin_s=7200,
    buy_per_hour=(60.0, 20.0, 20.0, 90.0),
    sell_per_hour=(30.0, 20.0, 20.0, 90.0),
    sizes=(100, 100, 300, 700),
)


def listing() -> Listing:
    instrument = Instrument(
        symbol="TEST", base="shares", quote="USD", kind=InstrumentKind.EQUITY, price_unit=Decimal("0.0001"),
        qty_unit=Decimal(1),
    )  # fmt: skip
    return Listing(instrument=instrument, venue="NBBO", ticks=(GridBand(from_units=0, step_units=100),), session="XNYS")


def tape_of(found: list[tuple[int, int, int]]) -> Tape:
    """Return a quiet quote of 10,000 at 10,400 on each day, and off-exchange prints (ns, price, qty)."""
    rows = []
    for day in DAYS:
        opens, closes = XNYS.hours(day)
        for t in (opens, closes):
            rows.append((t, row_code(Row.SET, Book.BID), 10_000, 50))
            rows.append((t, row_code(Row.SET, Book.ASK, END), 10_400, 50))
    rows += [(t, row_code(Row.TRADE, Book.NONE, END, OFF_EXCHANGE), price, qty) for t, price, qty in found]
    t, code, price, qty = (np.array(column) for column in zip(*sorted(rows, key=lambda row: row[0]), strict=True))
    meta = TapeMeta(listing=listing(), source="test", reader="test/1", content_hash="0", price_base=0)
    none = np.empty(0, dtype=np.int32)
    return Tape(
        meta, t, none, code.astype(np.uint16), price.astype(np.int32), qty.astype(np.int32), none.astype(np.int64)
    )


def drawn(seed: int, truth: DarkLiquidity = TRUTH) -> list[tuple[int, int, int]]:
    """Return prints of a known liquidity, signed by an eighth of a cent off the mid."""
    arrivals = Arrivals(truth, XNYS, seed)
    made = []
    for side in (Side.BUY, Side.SELL):
        for day in DAYS:
            opens, closes = XNYS.hours(day)
            until = takewhile(lambda one, closes=closes: one.t_ns < closes, arrivals.after(side, opens - 1))
            made += [(one.t_ns, 10_200 + int(side) * 12, one.qty) for one in until]
    return made


def test_a_known_liquidity_is_found_again() -> None:
    fits = [
        fit_dark(mid_prints(tape_of(drawn(seed)), XNYS, join_ns=0), "TEST@NBBO", XNYS, bin_s=7200) for seed in range(8)
    ]
    for name in ("buy_per_hour", "sell_per_hour"):
        truth = np.array(getattr(TRUTH, name))
        hours = 5 * np.array([2.0, 2.0, 2.0, 0.5])
        mean = np.mean([getattr(fit, name) for fit in fits], axis=0)
        assert np.all(np.abs(mean - truth) < 4 * np.sqrt(truth / hours / len(fits)))
    size = np.array([fit.size_mean for fit in fits])
    assert abs(size.mean() - 300) < 4 * np.mean([fit.size_error for fit in fits]) / np.sqrt(len(fits))
    assert abs(np.mean([np.mean(fit.sizes) for fit in fits]) - 300) < 8
    assert abs(np.mean([fit.dispersion for fit in fits]) - 1) < 0.1
    assert np.mean([fit.spell_sd for fit in fits]) < 0.15


def test_spells_and_days_that_differ_are_found() -> None:
    truth = replace(TRUTH, spell_sd=0.5, day_sd=0.4)
    fits = [fit_dark(mid_prints(tape_of(drawn(n, truth)), XNYS, join_ns=0), "T@N", XNYS) for n in range(10)]
    assert 0.35 < np.mean([fit.spell_sd for fit in fits]) < 0.6
    assert 0.25 < np.mean([fit.day_sd for fit in fits]) < 0.55


def test_sizes_that_follow_the_intensity_are_found_and_others_are_not() -> None:
    """Slope and mean size again; where sizes are independent, days left out mostly refuse a slope."""
    independent = replace(TRUTH, spell_sd=0.5, day_sd=0.3, sizes=(200, 250, 300, 350))
    for truth, least, most in ((replace(independent, size_slope=0.5), 0.4, 0.6), (independent, 0.0, 0.05)):
        found = [mid_prints(tape_of(drawn(seed, truth)), XNYS, join_ns=0) for seed in range(8)]
        fits = [fit_dark(one, "T@N", XNYS) for one in found]
        assert least <= np.mean([fit.size_slope for fit in fits]) <= most
        again = [drawn(seed + 100, fit) for seed, fit in enumerate(fits)]
        mean = np.mean([np.mean([qty for _, _, qty in one]) for one in again])
        assert mean == pytest.approx(np.mean([one.qty.mean() for one in found]), rel=0.1)


def test_a_slope_by_hand() -> None:
    """Three days of two half hours, with 1 and 4 arrivals of 100 and 200 shares: a slope of a half."""
    half = 1800 * S
    hours = [(day * 10**14, day * 10**14 + 2 * half) for day in range(3)]
    t = np.array([opens + at for opens, _ in hours for at in (S, *(half + n * S for n in range(1, 5)))])
    qty, day = np.tile([100, 200, 200, 200, 200], 3), np.repeat([0, 1, 2], 5)
    found = size_slope(t, qty, day, hours)
    assert found.slope == pytest.approx(0.5)
    assert found.gain > 0
    assert found.relative.tolist() == pytest.approx(np.tile([0.4, 1.6, 1.6, 1.6, 1.6], 3).tolist())
    assert size_slope(t[:10], qty[:10], day[:10], hours[:2]).slope == 0
    assert size_slope(t, np.full(15, 100), day, hours).slope == 0


def test_prints_near_each_other_are_one_arrival_and_far_ones_are_not_at_the_mid() -> None:
    opens = XNYS.hours(DAYS[0])[0]
    at = [(opens + S, 10_200, 100), (opens + 3 * S, 10_200, 50), (opens + 20 * S, 10_210, 70)]
    away = [(opens + 30 * S, 10_390, 500), (opens + 31 * S, 10_000, 500), (opens + 32 * S, 9_000, 1)]
    early = [(opens - 60 * S, 10_200, 9)]
    found = mid_prints(tape_of(at + away + early), XNYS)
    assert (found.prints, found.near) == (6, 3)
    assert found.qty.tolist() == [150, 70]
    assert found.sign.tolist() == [0, 1]
    assert found.days == tuple(DAYS)


def test_markouts_are_the_providers() -> None:
    """Buyers pay 10,290; the quote never moves, so who sold to them keeps 90 units over the mid of 10,200."""
    opens = XNYS.hours(DAYS[0])[0]
    prints = [(opens + 1000 * n * S, 10_290, 100) for n in range(1, 10)]
    day = DAYS[1]
    prints += [(XNYS.hours(day)[0] + 1000 * n * S, 10_290, 100) for n in range(1, 10)]
    found = mid_prints(tape_of(prints), XNYS)
    for one in found.markouts:
        assert (one.count, one.bps) == (18, pytest.approx(90 / 10_290 * 1e4))
        assert one.error_bps == pytest.approx(0, abs=1e-9)


def test_resting_orders_by_hand() -> None:
    times, sizes = np.array([10, 20, 40]) * S, np.array([100, 50, 400])
    starts = np.array([0, 10, 15, 39]) * S
    assert rested(times, sizes, starts, 100, 15 * S) == (0.5, (10 + 15 + 15 + 1) / 4)
    assert rested(times, sizes, np.array([41 * S]), 1, 5 * S) == (0.0, 5.0)


def test_too_little_is_refused() -> None:
    opens = XNYS.hours(DAYS[0])[0]
    with pytest.raises(Refused, match="no off-exchange print"):
        mid_prints(tape_of([]), XNYS)
    found = mid_prints(tape_of([(opens + S, 10_200, 100)]), XNYS)
    with pytest.raises(Refused, match="1 arrivals at the mid on 5 days"):
        fit_dark(found, "TEST@NBBO", XNYS)
    with pytest.raises(Refused, match="on 1 days"):
        fit_dark(found.of_days([0]), "TEST@NBBO", XNYS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("buy_per_hour", ()), ("buy_per_hour", (-1.0,) * 4), ("buy_per_hour", (float("nan"),) * 4),
        ("sell_per_hour", (1.0,)), ("sizes", ()), ("sizes", (3, 1)), ("sizes", (0,)), ("rest_ns", -1), ("bin_s", 0),
        ("day_sd", -0.1), ("spell_sd", float("inf")),
    ],
)  # fmt: skip
def test_a_liquidity_that_cannot_be_is_refused(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        replace(TRUTH, **{field: value})


def test_arrivals_do_not_depend_on_how_they_are_asked() -> None:
    one, other = Arrivals(TRUTH, XNYS, 3, "X"), Arrivals(TRUTH, XNYS, 3, "X")
    opens, closes = XNYS.hours(DAYS[2])
    forward = list(takewhile(lambda a: a.t_ns < closes, one.after(Side.BUY, opens)))
    assert len(forward) > 50
    middle = forward[20]
    assert other.next_after(Side.BUY, middle.t_ns - 1, closes) == middle
    assert middle in other.present(Side.BUY, middle.t_ns)
    assert middle not in other.present(Side.BUY, middle.ends_ns)
    assert [
        a.qty for a in takewhile(lambda a: a.t_ns < closes, Arrivals(TRUTH, XNYS, 3, "Y").after(Side.BUY, opens))
    ] != [a.qty for a in forward]
    assert other.next_after(Side.BUY, closes, closes + 3600 * S) is None
    assert not Arrivals(replace(TRUTH, rest_ns=0), ALWAYS_OPEN, 1).present(Side.BUY, opens + 1)


def test_it_round_trips() -> None:
    assert from_json(to_json(TRUTH), DarkLiquidity) == TRUTH


@pytest.fixture(scope="module")
def ibm(recorded_data: Path) -> MidPrints:
    (tape,) = open_tapes(sorted((recorded_data / "us_equity_nbbo").glob("*.parquet")))
    return mid_prints(tape, XNYS)


def test_ibm_days_that_the_fit_never_saw(ibm: MidPrints) -> None:
    """Fit on Monday to Wednesday; orders rest at the mid on Thursday and Friday."""
    fit = fit_dark(ibm.of_days([0, 1, 2]), "IBM@NBBO", XNYS)
    assert (ibm.prints, ibm.near, len(ibm.t_ns)) == (36_928, 5_332, 2_655)
    assert fit.size_slope == pytest.approx(0.30, abs=0.005)
    for qty, horizon_s in ((100, 120.0), (500, 600.0)):
        told = held_out(fit, ibm.of_days([3, 4]), XNYS, qty=qty, horizon_s=horizon_s, draws=8)
        assert told.orders >= 300
        assert abs(told.seen - told.predicted) <= 2 * told.error, told
        assert abs(told.seen_s - told.predicted_s) <= 2 * told.error_s, told
        assert 0 < told.error < 0.2


@pytest.mark.slow
def test_the_page_shows_what_comes_out_on_those_days(ibm: MidPrints) -> None:
    fit = fit_dark(ibm.of_days([0, 1, 2]), "IBM@NBBO", XNYS)
    page = PAGE.read_text(encoding="utf-8")
    for qty, minutes, errors in ((100, 2, 1), (100, 5, 1), (100, 10, 1), (200, 5, 1), (500, 10, 1.5), (1_000, 30, 3)):
        told = held_out(fit, ibm.of_days([3, 4]), XNYS, qty=qty, horizon_s=60.0 * minutes)
        assert abs(told.seen - told.predicted) <= errors * told.error, told
        assert abs(told.seen_s - told.predicted_s) <= errors * told.error_s, told
        cells = (
            f"{qty:,}, {minutes} min", f"{told.predicted:.2f}", f"{told.seen:.2f}", f"{told.error:.2f}",
            f"{told.predicted_s:.0f}", f"{told.seen_s:.0f}", f"{told.error_s:.0f}",
        )  # fmt: skip
        assert f"| {' | '.join(cells)} |" in page


def test_a_liquidity_that_is_too_rich_is_noticed(ibm: MidPrints) -> None:
    """Planted: three times the arrivals."""
    fit = fit_dark(ibm.of_days([0, 1, 2]), "IBM@NBBO", XNYS)
    rich = replace(
        fit, **{name: tuple(3 * x for x in getattr(fit, name)) for name in ("buy_per_hour", "sell_per_hour")}
    )
    told = held_out(rich, ibm.of_days([3, 4]), XNYS, qty=100, horizon_s=120.0, draws=6)
    assert told.seen < told.predicted - 2 * told.error


def test_ibm_markouts_are_of_retail_that_does_not_know(ibm: MidPrints) -> None:
    """Who provides inside the spread off exchange keeps about half a basis point after a minute."""
    assert [one.seconds for one in ibm.markouts] == [1.0, 10.0, 60.0]
    for one in ibm.markouts:
        assert 0 < one.bps < 1
        assert one.bps > 2 * one.error_bps
        assert one.count > 10_000
