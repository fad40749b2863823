"""What ``nowake watch`` does: a recorded market runs at a pace, its conditions are told, its bins are kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nowake.app import wiring
from nowake.app.documents import conditions_document
from nowake.app.liquidity import MeteredMarket, bins_frame
from nowake.app.request import OrderRequest
from nowake.app.wiring import RunOptions
from nowake.core.conditions import Conditions
from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.sessions import iso
from nowake.core.tape import Tape
from nowake.core.terms import share
from nowake.core.units import NS_PER_SECOND, number_text, parse_duration
from nowake.core.value import Value, check_types, require
from nowake.data.sessions import session as find_session
from nowake.view.conditions import Moment

SYNTH_OVER = "30m"
STEPS_FAST = 200
"""Steps in which a recording is run as fast as it goes."""
MAGIC = b"PAR1"


class WatchRequest(Value, frozen=True):
    """What to watch, as typed; empty = the default.

    Attributes:
        symbol: Empty = the only listing of the tapes.
        start, end, over: As for orders; the default is all that is recorded.
        side, quantity: Of an order that the conditions are for; no quantity = none.
        participation: That its time to trade is at.
        bin_width: Of the bins.
        speed: Market seconds per second; 0 = as fast as it goes.
    """

    symbol: str = ""
    start: str = ""
    end: str = ""
    over: str = ""
    side: str = "buy"
    quantity: str = ""
    participation: str = "0.15"
    bin_width: str = "1m"
    speed: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        Side.parse(self.side)
        require(self.speed >= 0, "speed", self.speed, ">= 0")
        if self.end and self.over:
            raise InputError("end", self.end, "left out where --over is given", "give one of them")


@dataclass
class Watched:
    """A market being watched.

    Attributes:
        market: Under the meter.
        since_ns, until_ns: What is shown of it.
    """

    market: MeteredMarket
    request: WatchRequest
    since_ns: int
    until_ns: int
    qty_units: int = 0

    def conditions(self) -> Conditions:
        """Return the conditions at the time reached."""
        part = share("participation", self.request.participation)
        return self.market.conditions(Side.parse(self.request.side), self.qty_units, part)

    def moment(self, mids: tuple[float, ...] = ()) -> Moment:
        """Return what is shown of the time reached; without mids those of the bins are drawn."""
        now = self.market.meter.now_ns
        done = min(1.0, max(0.0, (now - self.since_ns) / max(1, self.until_ns - self.since_ns)))
        return Moment(
            conditions=self.conditions(),
            mids=mids or self.bin_mids(),
            done=done,
            speed=self.request.speed or None,
            bins=self.market.meter.count,
            sized=bool(self.request.quantity),
        )

    def bin_mids(self) -> tuple[float, ...]:
        """Return the mean mids of the bins so far, human units."""
        unit = float(self.market.listing.instrument.price_unit)
        found = self.market.meter.bins.since(self.since_ns // self.market.bin_ns * self.market.bin_ns)
        return tuple(mid * unit for mid in found.reals[:, 0].tolist() if mid > 0)

    def skip_closed(self, t_ns: int) -> int:
        """Return ``t_ns``, or the next opening when the market is closed then; not after the end."""
        if self.market.session.is_open(t_ns):
            return t_ns
        return min(self.until_ns, self.market.session.next_open(t_ns))

    def steps(self) -> Iterator[float]:
        """Run to the end as fast as it goes; yields how far it is, in [0, 1]."""
        span = self.until_ns - self.since_ns
        width = max(self.market.bin_ns, -(-span // STEPS_FAST))
        t_ns = self.since_ns
        while t_ns < self.until_ns:
            t_ns = min(t_ns + width, self.until_ns)
            self.market.advance(t_ns)
            yield (t_ns - self.since_ns) / span

    def paced(self, clock: Callable[[], float], sleep: Callable[[float], None], every_s: float) -> Iterator[int]:
        """Run at the speed asked for; yields the local time reached, every ``every_s`` seconds of ``clock``.

        Hours in which the market is closed are passed over.
        """
        begun, from_ns = clock(), self.since_ns
        t_ns = self.since_ns
        while t_ns < self.until_ns:
            sleep(every_s)
            t_ns = from_ns + int((clock() - begun) * self.request.speed * NS_PER_SECOND)
            opens = self.skip_closed(min(t_ns, self.until_ns))
            if opens > t_ns:
                begun, from_ns, t_ns = clock(), opens, opens
            t_ns = min(t_ns, self.until_ns)
            self.market.advance(t_ns)
            yield t_ns

    def write(self, out: Path) -> int:
        """Write the bins closed so far, whole or not at all; returns how many."""
        frame = bins_frame(self.market.meter.bins, self.market.listing, self.market.day_ns())
        scratch = out.with_name(f".{out.name}.{os.getpid()}")
        try:
            frame.write_parquet(scratch, compression="zstd")
            scratch.replace(out)
        finally:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)
        return len(frame)

    def document(self, status: str, out: Path | None) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        listing, norms = self.market.listing, self.market.norms()
        found = conditions_document(self.conditions(), listing)
        if not self.request.quantity:
            for name in ("side", "quantity", "size_class", "size_why"):
                found[name] = None
            for name in ("sweep_cost", "sweep_filled", "of_day", "time_to_trade"):
                del found["measures"][name]
        return {
            "schema": "nowake/watch/1",
            "status": status,
            "listing": listing.key,
            "currency": listing.instrument.quote,
            "unit": listing.instrument.base,
            "venue": listing.venue,
            "volume_base": listing.volume_base or None,
            "from": iso(self.since_ns),
            "to": iso(self.market.meter.now_ns),
            "bins": self.market.meter.count,
            "bin_s": self.market.bin_ns / NS_PER_SECOND,
            "out": None if out is None else str(out),
            "history": {
                "from": iso(norms.from_ns),
                "to": iso(norms.to_ns),
                "bins": norms.bins,
                "days": norms.days,
                "known": [one.name for one in norms.norms],
            },
            "conditions": found,
        }


def open_watch(request: WatchRequest, options: RunOptions, progress: wiring.ReadProgress | None = None) -> Watched:
    """Return a market that stands where the watching begins.

    Raises:
        InputError: Something asked for is not what it must be, or does not fit the recording.
        DataError: A tape is missing or unusable.
    """
    width = parse_duration("bin", request.bin_width)
    window_ns = None
    if options.tapes:
        tape = _recorded(request, options, progress)
    else:
        require(
            bool(request.symbol),
            "symbol",
            request.symbol,
            "given where there is no --tape",
            "SYNTH is the synthetic market",
        )
        over = request.over or ("" if request.end else SYNTH_OVER)
        order = OrderRequest(
            side="buy", quantity="1", symbol=request.symbol, start=request.start, end=request.end, over=over
        )
        tape = wiring.load_tape(order, options, progress)
        window_ns = wiring.synth_window(order, find_session(tape.listing.session))
    market = MeteredMarket(tape, options.history, width, mapping=options.mapping, stated=options.listing)
    if window_ns is None:
        since = market.instant("start", request.start, market.first_ns)
        end = market.instant("end", request.end, market.last_open_ns)
        window_ns = since, min(since + parse_duration("over", request.over), end) if request.over else end
    since, until = window_ns
    require(since < until, "end", iso(until), f"after the start {iso(since)}")
    market.advance(since)
    units = market.quantity(number_text("quantity", request.quantity)) if request.quantity else tape.listing.lot_units
    share("participation", request.participation)
    return Watched(market, request, since, until, units)


def _recorded(request: WatchRequest, options: RunOptions, progress: wiring.ReadProgress | None) -> Tape:
    from nowake.data.readers.mapping import parse_mapping
    from nowake.data.source import open_tapes

    found = open_tapes(
        [Path(one) for one in options.tapes],
        request.symbol or None,
        allow=options.allow,
        progress=progress,
        mappings=parse_mapping(options.mapping) if options.mapping else (),
        listing=options.listing,
    )
    if len(found) > 1:
        names = ", ".join(tape.listing.key for tape in found)
        raise InputError("symbol", request.symbol, "given, as the tapes hold several listings", f"say which: {names}")
    return found[0]


def check_out(out: Path | None) -> None:
    """Refuse a file that cannot be written, or is something else already; before anything is done for it."""
    if out is None:
        return
    good = not out.is_dir() and out.absolute().parent.is_dir()
    require(good, "out", str(out), "a file in a folder that exists")
    if out.is_file():
        with out.open("rb") as file:
            head = file.read(len(MAGIC))
        require(head in (b"", MAGIC), "out", str(out), "a new file, or a Parquet file to be replaced", "name another")
