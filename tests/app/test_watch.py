"""``nowake watch``: documents, plain lines, the screen, the Parquet file however it ends, refusals; and its pace."""

from __future__ import annotations

import io
import signal
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

import nowake
from nowake.app import watching
from nowake.app.cli import watch_command
from nowake.app.watching import Watched, WatchRequest, open_watch
from nowake.app.wiring import RunOptions
from nowake.core.units import NS_PER_SECOND
from nowake.view.conditions import sparkline, watch_line, watch_screen

SHORT = "watch SYNTH --over 5m --seed 3"


def test_the_document_has_what_the_screen_shows(cli) -> None:
    said = cli(f"{SHORT} --json --out bins.parquet --quantity 2000")
    assert (said.code, said.out.count('"schema"')) == (0, 1)
    document = said.document
    assert (document["schema"], document["status"], document["listing"]) == ("nowake/watch/1", "done", "SYNTH@SIM")
    found = document["conditions"]
    assert found["quantity"] == 2000
    assert set(found["scores"]) == {"liquidity", "volatility", "spread", "volume"}
    assert all(0 <= score <= 1 for score in found["scores"].values())
    assert found["measures"]["sweep_cost"]["value"] > 0
    for one in found["measures"].values():
        assert one["value"] is not None or one["why"]
    frame = pl.read_parquet("bins.parquet")
    assert len(frame) == document["bins"] == 35  # half an hour before, and the five minutes
    assert frame["open_s"].to_list() == [60.0] * 35
    assert frame["volume"].sum() > 0
    assert frame["t"].dtype == pl.Datetime("ns", "UTC")


def test_what_nobody_asked_for_an_order_is_not_told(cli) -> None:
    found = cli(f"{SHORT} --json").document["conditions"]
    assert (found["side"], found["size_class"]) == (None, None)
    assert "sweep_cost" not in found["measures"]


def test_lines_and_the_last_screen_where_there_is_no_terminal(cli) -> None:
    said = cli(SHORT)
    assert said.code == 0
    lines = said.out.splitlines()
    assert 1 <= sum("spread now" in line and "scores:" in line for line in lines) <= watch_command.LINES_FAST
    assert "SYNTH@SIM" in said.out
    assert "the recording is over: 35 bins; --out FILE.parquet keeps them" in said.out


def test_ctrl_c_leaves_a_good_file(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Watched.steps

    def pressing(self: Watched):
        for k, done in enumerate(steps(self)):
            if k == 2:
                signal.raise_signal(signal.SIGINT)
            yield done

    monkeypatch.setattr(Watched, "steps", pressing)
    said = cli(f"{SHORT} --out bins.parquet")
    assert (said.code, "stopped: 33 bins in bins.parquet" in said.out) == (0, True)
    assert len(pl.read_parquet("bins.parquet")) == 33
    assert [one.name for one in Path().iterdir() if "parquet" in one.name] == ["bins.parquet"]


def test_the_python_frame_is_the_file(cli, amzn_lake: Path) -> None:
    said = cli("watch AMZN --end 10:30 --out bins.parquet --json --tape", str(amzn_lake))
    assert said.code == 0
    analyzer = nowake.LiquidityAnalyzer(nowake.read_tape(amzn_lake))
    assert analyzer.bins(until="10:30").equals(pl.read_parquet("bins.parquet"))
    asked = said.document["conditions"]
    reading = analyzer.analyze("buy", 1, at="10:30")
    assert reading.to_dict()["scores"] == asked["scores"]
    assert reading.norms.hash == asked["norms"]


def test_history_of_past_days_gives_scores_at_the_open(
    cli, past_lake: Path, past_days: list[date], tmp_path: Path, past_day
) -> None:
    from nowake.data.lake import write_lake

    today = tmp_path / "today"
    write_lake(past_day(past_days[-1], 99), today)
    options = "watch AMZN --over 10m --json --tape"
    alone = cli(options, str(today)).document
    assert alone["conditions"]["scores"]["volume"] is None
    assert "20 are the least" in alone["conditions"]["measures"]["volume_rate"]["why"]
    found = cli(options, str(today), "--history", str(past_lake)).document
    assert found["conditions"]["scores"]["volume"] is not None
    # The lake holds today as well: it is not looked at, nor is any later day.
    assert found["history"]["days"] == len(past_days[:-1]) + 1
    assert found["history"]["to"] <= found["to"]


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_pace_is_the_speed() -> None:
    watched = open_watch(WatchRequest(symbol="SYNTH", over="2m", speed=30.0), RunOptions(seed=3))
    clock = Clock()
    times = list(watched.paced(clock, clock.sleep, 0.5))
    assert times == [min(watched.since_ns + 15 * k * NS_PER_SECOND, watched.until_ns) for k in range(1, 9)]
    assert clock.now == 104.0
    assert watched.market.meter.now_ns == watched.until_ns


def test_a_night_is_passed_over(past_lake: Path, past_days: list[date]) -> None:
    request = WatchRequest(
        symbol="AMZN", start=f"{past_days[0]}T15:59:00-04:00", end=f"{past_days[1]}T09:31:00-04:00", speed=60.0
    )
    watched = open_watch(request, RunOptions(tapes=(str(past_lake),)))
    clock = Clock()
    times = list(watched.paced(clock, clock.sleep, 0.25))
    assert clock.now == pytest.approx(102.0, abs=0.5)  # a minute of each day, not the seventeen hours between
    assert times[-1] == watched.until_ns


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_screen_fits_the_terminal(width: int) -> None:
    watched = open_watch(WatchRequest(symbol="SYNTH", over="1m", quantity="500", speed=1.0), RunOptions(seed=3))
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(watch_screen(watched.moment(), watched.market.listing, "UTC"))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    for word in ("mid", "half-life", "10 bps", "liquidity", "sweep now", "1 x"):
        assert word in text, word
    assert "scores:" in watch_line(watched.moment(), "UTC")


def test_a_closed_or_empty_market_is_drawn_too(past_lake: Path, past_days: list[date]) -> None:
    request = WatchRequest(symbol="AMZN", start=f"{past_days[0]}T20:00:00-04:00", over="1h")
    watched = open_watch(request, RunOptions(tapes=(str(past_lake),)))
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(watch_screen(watched.moment(), watched.market.listing, "UTC"))
    assert "closed" in console.export_text()


def test_by_default_the_last_open_instant_is_the_end(past_lake: Path, past_days: list[date]) -> None:
    whole = nowake.read_tape(past_lake)
    reading = nowake.LiquidityAnalyzer(whole).analyze("buy", 100)
    assert str(reading.integrity) == "ok"
    watched = open_watch(WatchRequest(), RunOptions(tapes=(str(past_lake),)))
    assert watched.until_ns == reading.asof_ns == watched.market.last_ns  # recorded up to the close
    night = watched.market
    night.last_ns += 5 * 3600 * NS_PER_SECOND
    assert night.session.hours(past_days[-1]) is not None
    assert night.last_open_ns == night.session.hours(past_days[-1])[1] - 1  # type: ignore[index]


def test_sparklines() -> None:
    assert sparkline([]) == ""
    assert sparkline([5.0, 5.0]) == "▄▄"
    assert sparkline([1.0, 2.0, 8.0]) == "▁▂█"
    assert len(sparkline([float(k) for k in range(500)], 40)) == 40


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("watch", "symbol must be given where there is no --tape"),
        ("watch AMZN", "needs a recorded market"),
        ("watch SYNTH --side hold", "side must be buy or sell"),
        ("watch SYNTH --over 5m --quantity 0", "quantity must be > 0"),
        ("watch SYNTH --over 5m --quantity nan", "quantity must be finite"),
        ("watch SYNTH --over 5m --quantity many", "quantity must be a number"),
        ("watch SYNTH --over 5m --participation 1.5", "participation must be"),
        ("watch SYNTH --over 5m --bin 7s", "bin must be a multiple of 10 s that divides a day"),
        ("watch SYNTH --over 5m --bin soon", "bin must be a duration"),
        ("watch SYNTH --over 5m --end 15:00", "end must be left out where --over is given"),
        ("watch SYNTH --over nothing", "over must be a duration"),
        ("watch SYNTH --over 5m --out .", "out must be a file in a folder that exists"),
        ("watch SYNTH --over 5m --out none/b.parquet", "out must be a file in a folder that exists"),
        ("watch SYNTH --over 5m --out notes.txt", "out must be a new file, or a Parquet file to be replaced"),
        ("watch SYNTH --tape nowhere.zip", "nowhere.zip: there is no such file"),
    ],
)
def test_refusals_are_one_sentence(cli, line: str, said: str) -> None:
    Path("notes.txt").write_text("not to be lost", encoding="utf-8")
    found = cli(line)
    assert found.code == 1
    assert found.err.count("Error: ") == 1
    assert said in found.err.replace("\n", " ")
    document = cli(f"{line} --json").document
    assert (document["schema"], document["status"]) == ("nowake/error/1", "refused")
    assert Path("notes.txt").read_text(encoding="utf-8") == "not to be lost"


def test_times_outside_the_recording_are_refused(cli, amzn_lake: Path) -> None:
    for more in ("--start 09:00", "--end 17:00", "--start 11:00 --end 10:00", "--start soon"):
        found = cli(f"watch AMZN {more} --tape", str(amzn_lake))
        assert (found.code, found.err.count("Error: ")) == (1, 1), more


def test_a_clock_that_jumps_does_not_pass_the_end() -> None:
    watched = open_watch(WatchRequest(symbol="SYNTH", over="1m", speed=1.0), RunOptions(seed=3))
    clock = Clock()
    assert list(watched.paced(clock, lambda _: clock.sleep(3_600), 0.25)) == [watched.until_ns]
    assert watching.SYNTH_OVER == "30m"
