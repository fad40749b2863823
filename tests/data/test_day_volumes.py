"""What was traded by day and bin: counted by brute force, kept in a cache, never of the traded day."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nowake.core.instrument import Listing
from nowake.core.sessions import ALWAYS_OPEN, Session
from nowake.core.tape import END, Book, Figures, Row, Tape, row_code
from nowake.core.value import replace
from nowake.data import day_volumes as module
from nowake.data.build import COLUMNS, Columns, make_tape
from nowake.data.catalogue import load_catalogue
from nowake.data.day_volumes import day_volumes, lake_volumes, volume_today
from nowake.data.lake import write_lake
from nowake.data.sessions import session as find_session
from nowake.models.volume_curve import estimate_history

XNAS = find_session("XNAS")
AMZN = load_catalogue().find("AMZN")
HOUR = 3600 * 10**9
MONDAY = date(2012, 6, 18)


def recorded(
    days: list[date], session: Session = XNAS, listing: Listing = AMZN, seed: int = 1, late_ns: int = 0
) -> Tape:
    """Return prints at random times, also before the open and after the close, over a one-level book."""
    rng = np.random.default_rng(seed)
    t: list[np.ndarray] = []
    for day in days:
        opens, closes = session.hours(day)
        inside = rng.integers(opens, closes, 400)
        outside = np.array([opens - 10**9, closes + 10**9])
        t.append(np.sort(np.concatenate([[opens], inside, [closes - 1], outside])))
    t_event = np.sort(np.concatenate(t))
    n = len(t_event)
    kinds = rng.choice([row_code(Row.TRADE, Book.BID, END), row_code(Row.TRADE, Book.NONE, END)], n)
    code = np.where(rng.random(n) < 0.2, row_code(Row.SET, Book.BID, END), kinds).astype(np.uint16)
    columns = Columns(
        t_event=t_event,
        code=np.concatenate([[row_code(Row.CLEAR)], code]).astype(np.uint16)[1:],
        price=np.full(n, 2_200_000),
        qty=rng.integers(1, 500, n),
        t_recv=t_event + late_ns if late_ns else np.empty(0, dtype=np.int64),
    )
    return make_tape(listing, "made", "made/1", columns, Figures())


def counted(tape: Tape, session: Session, day: date, bins: int) -> list[int]:
    """Return the bins of a day by a loop over rows."""
    opens, closes = session.hours(day)
    made = [0] * bins
    for t, code, qty in zip(tape.t_event.tolist(), tape.code.tolist(), tape.qty.tolist(), strict=True):
        if code & 15 in (Row.TRADE, Row.FILL) and opens <= t < closes:
            made[(t - opens) * bins // (closes - opens)] += qty
    return made


def test_bins_are_what_a_loop_counts() -> None:
    days = [MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=4)]
    tape = recorded(days)
    found = day_volumes(tape, XNAS)
    assert [one.day for one in found][:1] == [MONDAY]
    by_day = {one.day: one for one in found}
    for day in days:
        assert by_day[day].bins == tuple(counted(tape, XNAS, day, 26))
        assert by_day[day].whole
    # Days without a row in between are days without a print, which the estimate leaves out.
    assert by_day[MONDAY + timedelta(days=2)].total == 0


def test_an_early_close_has_its_own_bins() -> None:
    day = date(2012, 7, 3)
    (found,) = day_volumes(recorded([day]), XNAS)
    assert found.closes_ns - found.opens_ns == int(3.5 * HOUR)
    assert len(found.bins) == 14


def test_a_day_recorded_in_part_says_so() -> None:
    tape = recorded([MONDAY])
    late = tape.t_event > XNAS.at(MONDAY, time(10))
    columns = (getattr(tape, name)[late] for name in ("t_event", "code", "price", "qty"))
    t_event, code, price, qty = columns
    part = make_tape(
        AMZN, "part", "made/1", Columns(t_event, code, price.astype(np.int64), qty.astype(np.int64)), Figures()
    )
    (found,) = day_volumes(part, XNAS)
    assert not found.whole


def test_today_counts_only_what_was_received() -> None:
    late = 2 * 10**9
    tape = recorded([MONDAY, MONDAY + timedelta(days=1)], late_ns=late)
    tape = replace_offset(tape)
    opens, _ = XNAS.hours(MONDAY + timedelta(days=1))
    now = opens + 3 * HOUR
    seen = volume_today(tape, XNAS, now)
    assert seen is not None
    assert (seen.since_ns, seen.until_ns) == (opens, now)
    prints = np.isin(tape.code & 15, [Row.TRADE, Row.FILL])
    arrived = tape.t_event + late
    assert seen.qty_units == int(tape.qty[prints & (arrived >= opens) & (arrived <= now)].sum())
    assert volume_today(tape, XNAS, opens) is None
    assert volume_today(tape, XNAS, XNAS.at(date(2012, 6, 23), time(12))) is None


def replace_offset(tape: Tape) -> Tape:
    """Return the tape as if its clocks agreed: what the recorder adds is latency."""
    return Tape(replace(tape.meta, clock_offset_ns=0), *(getattr(tape, name) for name in COLUMNS))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Return a lake of six trading days, each a recording of its own."""
    folder = tmp_path / "lake"
    for k, day in enumerate(week()):
        write_lake(recorded([day], seed=k), folder)
    return folder


def week() -> list[date]:
    return [MONDAY + timedelta(days=k) for k in (0, 1, 2, 3, 4, 7)]


def test_a_lake_is_counted_as_its_tapes_and_later_days_are_not_read(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[date, ...]] = []
    read_lake = module.read_lake
    monkeypatch.setattr(module, "read_lake", lambda f, s, d: read.append(d) or read_lake(f, s, d))
    traded = week()[4]
    found = lake_volumes(lake, "AMZN@XNAS", XNAS, traded, tmp_path / "cache")
    assert [one.day for one in found] == week()[:4]
    assert read == [(day,) for day in week()[:4]]
    for k, one in enumerate(found):
        assert one == day_volumes(recorded([one.day], seed=k), XNAS)[0]
    # The second time nothing is read, and the answer is the same.
    assert lake_volumes(lake, "AMZN@XNAS", XNAS, traded, tmp_path / "cache") == found
    assert len(read) == 4
    assert lake_volumes(lake, "AMZN@XNAS", XNAS, traded) == found


def test_the_cache_forgets_a_day_that_changed_and_only_that(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, traded = tmp_path / "cache", week()[5]
    before = lake_volumes(lake, "AMZN@XNAS", XNAS, traded, cache)
    write_lake(recorded([week()[1]], seed=99), lake, overwrite=True)
    read: list[tuple[date, ...]] = []
    read_lake = module.read_lake
    monkeypatch.setattr(module, "read_lake", lambda f, s, d: read.append(d) or read_lake(f, s, d))
    after = lake_volumes(lake, "AMZN@XNAS", XNAS, traded, cache)
    assert read == [(week()[1],)]
    assert after[1] != before[1]
    assert [after[k] for k in (0, 2, 3, 4)] == [before[k] for k in (0, 2, 3, 4)]
    assert after[1].bins == day_volumes(recorded([week()[1]], seed=99), XNAS)[0].bins
    # Other hours are another question.
    short = replace(XNAS, closes=time(15))
    assert lake_volumes(lake, "AMZN@XNAS", short, traded, cache)[0].closes_ns < before[0].closes_ns


def test_a_damaged_or_unwritable_cache_costs_time_only(lake: Path, tmp_path: Path) -> None:
    cache, traded = tmp_path / "cache", week()[2]
    found = lake_volumes(lake, "AMZN@XNAS", XNAS, traded, cache)
    for file in cache.iterdir():
        file.write_bytes(file.read_bytes()[:50])
    assert lake_volumes(lake, "AMZN@XNAS", XNAS, traded, cache) == found
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    assert lake_volumes(lake, "AMZN@XNAS", XNAS, traded, blocked) == found


def test_a_planted_look_ahead_in_the_lake_is_refused_by_the_estimate(lake: Path) -> None:
    traded = week()[3]
    leaky = lake_volumes(lake, "AMZN@XNAS", XNAS, traded + timedelta(days=1))
    assert leaky[-1].day == traded
    honest = estimate_history(lake_volumes(lake, "AMZN@XNAS", XNAS, traded), XNAS, traded)
    assert estimate_history(leaky, XNAS, traded) == honest
    assert honest is not None
    assert honest.days[-1] < traded


def test_sessions_that_open_the_evening_before_are_whole(tmp_path: Path) -> None:
    cmes = find_session("CMES")
    listing = replace(AMZN, session="CMES")
    days = [date(2024, 1, 9), date(2024, 1, 10)]
    tape = recorded(days, session=cmes, listing=listing)
    write_lake(tape, tmp_path / "lake")
    found = {one.day: one for one in lake_volumes(tmp_path / "lake", "AMZN@XNAS", cmes, date(2024, 1, 11))}
    for day in days:
        assert found[day].bins == tuple(counted(tape, cmes, day, len(found[day].bins)))
        assert found[day].whole


def test_around_the_clock_days_are_utc_days() -> None:
    listing = load_catalogue().find("BTCUSDT@binance-spot")
    days = [date(2024, 8, 1), date(2024, 8, 2)]
    tape = recorded(days, session=ALWAYS_OPEN, listing=listing)
    found = day_volumes(tape, ALWAYS_OPEN)
    assert [len(one.bins) for one in found][1:3] == [96, 96]
    assert found[1].bins == tuple(counted(tape, ALWAYS_OPEN, days[0], 96))


def test_bars_give_the_volume_of_their_file(recorded_data: Path) -> None:
    from nowake.data.source import open_tapes

    path = recorded_data / "bars" / "qqq_1min_2023-09_on.parquet"
    (tape,) = open_tapes([path], "QQQ")
    found = day_volumes(tape, XNAS)
    frame = pl.read_parquet(path)
    for one in (found[0], found[50], found[-1]):
        rows = frame.filter(pl.col("day") == one.day.strftime("%Y%m%d")).sort("b")
        assert one.whole
        assert one.total == pytest.approx(float(rows["vol"].sum()), rel=1e-3)
