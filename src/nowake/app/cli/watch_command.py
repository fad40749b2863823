"""``nowake watch``: the conditions of a recorded market, live in the terminal, and its bins as Parquet."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nowake.app.cli.options import LISTING_HELP, MAP_HELP, JsonOption, SpeedOption
from nowake.app.cli.screen import Screen, one_sentence_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from nowake.app.watching import Watched

REFRESH_S = 0.25
LINE_EVERY_S = 1.0
"""Where nobody can see a screen, a line at most this often."""
LINES_FAST = 20
MIDS_KEPT = 600


def watch(
    symbol: Annotated[
        str, typer.Argument(help="AMZN, BTCUSDT@binance-spot; SYNTH is the synthetic market", show_default=False)
    ] = "",
    tape: Annotated[
        list[str] | None, typer.Option(help="lake or recorded file; may be given again", show_default=False)
    ] = None,
    start: Annotated[str, typer.Option(help="ISO time with a zone, 10:00, open+30m; default: the first row")] = "",
    end: Annotated[str, typer.Option(help="as --start; or say --over; default: the last open instant")] = "",
    over: Annotated[str, typer.Option(help="how long: 2h, 30m")] = "",
    speed: SpeedOption = 0.0,
    side: Annotated[str, typer.Option(help="of an order that it is for: buy or sell")] = "buy",
    quantity: Annotated[str, typer.Option(help="of that order: 10000, 10k; 5m-USDT is a value")] = "",
    participation: Annotated[str, typer.Option(help="own share of volume that its time to trade is at")] = "0.15",
    bin_width: Annotated[str, typer.Option("--bin", help="width of the bins: 10s, 1m, 5m")] = "1m",
    history: Annotated[
        list[str] | None,
        typer.Option(
            help="lake or recorded file with past days, for the scores; may be given again", show_default=False
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="write the bins there, as Parquet", show_default=False)] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help=MAP_HELP, show_default=False)] = None,
    listing: Annotated[str, typer.Option(help=LISTING_HELP, show_default=False)] = "",
    allow: Annotated[
        list[str] | None,
        typer.Option(
            help="use a tape in spite of: quarantined, gaps, crossed, disordered, mismatched", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="of the synthetic market")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what a recorded market is like as it runs: spread, depth, resilience, scores. Ctrl-C stops it."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import tapes
        from nowake.app.watching import WatchRequest, check_out, open_watch
        from nowake.app.wiring import RunOptions

        check_out(out)
        request = WatchRequest(
            symbol=symbol.strip(), start=start.strip(), end=end.strip(), over=over.strip(), side=side,
            quantity=quantity.strip(), participation=participation, bin_width=bin_width.strip(), speed=speed,
        )  # fmt: skip
        options = RunOptions(
            tapes=tuple(tape or ()), history=tuple(history or ()), seed=seed, allow=tuple(allow or ()),
            mapping=tapes.mapping_text(mapping or ()), listing=tapes.listing_text(listing.strip()),
        )  # fmt: skip
        with screen.reading("market") as reading:
            watched = open_watch(request, options, reading)
        _run(screen, watched, out)


def _run(screen: Screen, watched: Watched, out: Path | None) -> None:
    """Run the market to its end or to Ctrl-C, then write and show what there is."""
    from nowake.app.interrupts import between_steps
    from nowake.view.conditions import watch_screen

    market, status = watched.market, "done"
    lively = screen.out.is_terminal and not screen.as_json
    try:
        with between_steps() as check:
            if watched.request.speed and lively:
                _live(screen, watched, check)
            elif watched.request.speed:
                _lines(screen, watched, check)
            else:
                _fast(screen, watched, check)
    except KeyboardInterrupt:
        status = "stopped"
    finally:
        # Also when something fails on the way: what was seen is kept.
        bins = market.meter.count if out is None else watched.write(out)
    if screen.as_json:
        screen.document(watched.document(status, out))
        return
    if not (watched.request.speed and lively):
        screen.show(watch_screen(watched.moment(), market.listing, market.zone))
    said = "stopped" if status == "stopped" else "the recording is over"
    screen.show(f"{said}: {bins} bins" + (f" in {out}" if out is not None else "; --out FILE.parquet keeps them"))


def _fast(screen: Screen, watched: Watched, check: Callable[[], None]) -> None:
    """Run as fast as it goes behind a line of progress; lines of the market where there is no terminal."""
    from nowake.view.conditions import watch_line
    from nowake.view.format import clock

    told = 0
    with screen.stage("market") as shown:
        for done in watched.steps():
            check()
            shown.update(done, clock(watched.market.meter.now_ns, watched.market.zone))
            told_of = not screen.out.is_terminal and not screen.as_json and int(done * LINES_FAST) > told
            if told_of and watched.market.session.is_open(watched.market.meter.now_ns):
                told = int(done * LINES_FAST)
                screen.out.print(watch_line(watched.moment(), watched.market.zone), soft_wrap=True)


def _lines(screen: Screen, watched: Watched, check: Callable[[], None]) -> None:
    """Run at the speed asked for, a plain line now and then."""
    from nowake.view.conditions import watch_line

    for _ in watched.paced(time.monotonic, time.sleep, LINE_EVERY_S):
        check()
        if not screen.as_json:
            screen.out.print(watch_line(watched.moment(), watched.market.zone), soft_wrap=True)


def _live(screen: Screen, watched: Watched, check: Callable[[], None]) -> None:
    """Run at the speed asked for on a screen that stays in its place."""
    from collections import deque

    from rich.live import Live

    from nowake.view.conditions import watch_screen

    market = watched.market
    mids: deque[float] = deque(maxlen=MIDS_KEPT)
    with Live(console=screen.out, auto_refresh=False) as live:
        for _ in watched.paced(time.monotonic, time.sleep, REFRESH_S):
            check()
            moment = watched.moment(tuple(mids))
            mid = moment.conditions.value("mid")
            if mid is not None:
                mids.append(mid)
            live.update(watch_screen(moment, market.listing, market.zone), refresh=True)
