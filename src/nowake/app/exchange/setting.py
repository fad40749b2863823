"""What the two processes are told, as JSON files: both read the same clock setting, so both show the same time."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from nowake.app.outlets import Outlets
from nowake.core.errors import InputError
from nowake.core.order import ParentOrder
from nowake.core.value import Value, from_json, require
from nowake.engine.env import Timing
from nowake.live.clock import ClockSetting
from nowake.sim.service import WireDelays

T = TypeVar("T", bound=Value)

WALL_SECONDS_MAX = 24 * 3600.0


class VenueSetting(Value, frozen=True):
    """A simulated venue to serve.

    Attributes:
        clock: Its own clock; the market is where this clock says.
        start_ns, duration_ns: Of the synthetic market, when no tapes are given.
        tapes: Paths of a lake or recorded files that hold ``symbol``.
        seed: Of the synthetic market, the trade ids, the jitter.
        impact: ``off`` or ``ledger``.
        delays: Of the wire, venue time.
        port: To listen on, on loopback; 0 = any free one (it is told on standard output).
        wall_seconds: It ends by itself after this long.
    """

    clock: ClockSetting
    symbol: str = "SYNTH"
    tapes: tuple[str, ...] = ()
    start_ns: int = 0
    duration_ns: int = 0
    seed: int = 0
    impact: str = "ledger"
    delays: WireDelays = WireDelays()
    port: int = 0
    wall_seconds: float = 3600.0

    def __post_init__(self) -> None:
        good = 0 < self.wall_seconds <= WALL_SECONDS_MAX
        require(good, "wall_seconds", self.wall_seconds, f"in (0, {WALL_SECONDS_MAX:g}]")
        require(0 <= self.port < 65536, "port", self.port, "a port number, or 0")
        require(bool(self.tapes) or self.duration_ns > 0, "duration_ns", self.duration_ns, "> 0 without tapes")


class WorkerSetting(Value, frozen=True):
    """One order on one journal at a served venue.

    Attributes:
        address: ``127.0.0.1:PORT`` of the venue.
        clock: The same as the venue's.
        journal: Path; made when it is not there, gone on with when it is.
        order: Submitted when the journal does not know it.
        account: Of the journal.
        timing: Patience of the engine, in venue time: answers take longer on a clock that runs fast.
        snapshot_every: Records between two saved states; 0 = never.
        wall_seconds: The worker ends by itself after this long, whatever is left.
        outlets: Where its log and metrics go.
    """

    address: str
    clock: ClockSetting
    journal: str
    order: ParentOrder
    account: str = "sim-live"
    timing: Timing = Timing()
    snapshot_every: int = 1000
    wall_seconds: float = 3600.0
    outlets: Outlets = Outlets()

    def __post_init__(self) -> None:
        good = 0 < self.wall_seconds <= WALL_SECONDS_MAX
        require(good, "wall_seconds", self.wall_seconds, f"in (0, {WALL_SECONDS_MAX:g}]")
        require(self.snapshot_every >= 0, "snapshot_every", self.snapshot_every, ">= 0")


def read_setting(path: str, kind: type[T]) -> T:
    """Return the setting in a JSON file.

    Raises:
        InputError: There is none, or it is not one; one sentence.
    """
    try:
        body = Path(path).read_bytes()
    except OSError as error:
        raise InputError("setting", path, f"a readable file ({error.strerror})") from error
    return from_json(body, kind)
