"""The live shell over a served venue without sockets: virtual time, so every crash point can be tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from nowake.core.child import ChildOrder
from nowake.core.errors import VenueUnavailable
from nowake.core.order import Parameters, ParentOrder, Side
from nowake.core.profile import Profile
from nowake.core.tape import Tape
from nowake.core.wire import AnyFrame, Cancel, Hello, Query, QueryOpen, Submit
from nowake.engine.env import Env, Timing, sim_limits
from nowake.journal.header import Header
from nowake.journal.journal import Journal
from nowake.journal.storage import MemoryStorage, Storage, StoredBatch
from nowake.journal.verify import scan
from nowake.live.shell import Shell
from nowake.live.venues.simulated import SimulatedVenue
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.service import VenueService, WireDelays
from nowake.sim.synthetic import synth_tape

S = 1_000_000_000
T0 = 1_767_623_400 * S
HEAD = 600 * S
SPEED = 60.0
DELAYS = WireDelays(entry_ns=3 * S // 10, jitter_ns=12 * S // 10, response_ns=S // 2)


class Killed(BaseException):
    """The process is gone: nothing of it runs after this."""


class ManualClock:
    """Time passes when somebody waits."""

    def __init__(self, t_ns: int) -> None:
        self.t_ns = t_ns

    def now_ns(self) -> int:
        return self.t_ns

    def wall_seconds(self, duration_ns: int) -> float:
        return max(0, duration_ns) / 1e9 / SPEED


class LocalVenue(SimulatedVenue):
    """The adapter with the venue's message handling in place of the socket.

    Attributes:
        before_send, after_send: Called around each command.
        cut: While true there is no connection.
        grain_ns: Longest wait, venue time.
    """

    grain_ns = 2 * S

    def __init__(self, service: VenueService, clock: ManualClock) -> None:
        super().__init__("127.0.0.1:0", "test")
        self._service, self._clock = service, clock
        self._up = False
        self.cut = False
        self.before_send: Callable[[AnyFrame], None] = lambda frame: None
        self.after_send: Callable[[AnyFrame], None] = lambda frame: None

    @property
    def connected(self) -> bool:
        return self._up

    def connect(self) -> None:
        if self.cut:
            raise VenueUnavailable("no connection")
        self._rows.clear()
        for frame in self._service.connect(Hello(account="test"), self._clock.t_ns):
            self._take(frame)
        self._up = True

    def wait(self, seconds: float) -> None:
        self._clock.t_ns += min(self.grain_ns, max(1_000_000, int(seconds * SPEED * 1e9)))
        frames = self._service.advance(self._clock.t_ns)
        if self.cut and self._up:
            self._service.disconnect()
            self._up = False
        for frame in frames if self._up else ():
            self._take(frame)

    def _send(self, frame: AnyFrame, child_id: str = "") -> None:
        self.before_send(frame)
        if not self._up:
            raise VenueUnavailable("not connected", child_id=child_id)
        assert isinstance(frame, Submit | Cancel | Query | QueryOpen)
        self._service.take(frame, self._clock.t_ns)
        self.after_send(frame)

    def close(self) -> None:
        self._up = False


class HookedStorage(MemoryStorage):
    """Calls ``before`` and ``after`` around each write."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def write(self, batches: Sequence[StoredBatch]) -> None:
        self.before()
        super().write(batches)
        self.after()


class Desk:
    """A venue, a journal and an order; shells come and go."""

    def __init__(
        self,
        tape: Tape,
        *,
        minutes: float = 3.0,
        qty: int = 900,
        seed: int = 1,
        delays: WireDelays = DELAYS,
        grain_ns: int = 2 * S,
        **parameters: Any,
    ) -> None:
        self.grain_ns = grain_ns
        self.clock = ManualClock(T0 + HEAD)
        market = SimMarket(tape, latency=Latency(), impact="ledger", seed=seed)
        self.service = VenueService(market, delays=delays, seed=seed)
        self.service.advance(self.clock.t_ns)
        self.storage = HookedStorage()
        start_ns = T0 + HEAD + 2 * S
        self.order = ParentOrder(
            parent_id="live",
            listing=tape.listing.key,
            side=Side.BUY,
            qty_units=qty,
            decided_ns=start_ns,
            start_ns=start_ns,
            end_ns=start_ns + round(minutes * 60 * S),
            parameters=Parameters(**{"slices": max(1, round(6 * minutes)), **parameters}),
        )
        self.env = Env(
            listings=(tape.listing,),
            sessions=(market_session(),),
            limits=sim_limits(tape.listing.key, self.order.parameters.participation_max),
            timing=Timing(answer_ns=8 * S),
        )
        self.header = Header(journal_id="live", account="test", profile=Profile.LIVE, code_hash="c0de")
        self.epoch = 0
        self.venue = LocalVenue(self.service, self.clock)

    def journal(self) -> Journal:
        """Open the journal, as the next process would."""
        storage: Storage = self.storage
        return Journal(self.header, storage, found=scan("test", self.storage.batches(), self.header.genesis))

    def shell(self, **options: Any) -> Shell:
        """Start a process on the journal; the one before is gone, and with it its connection."""
        self.service.disconnect()
        self.epoch += 1
        self.venue = LocalVenue(self.service, self.clock)
        return Shell(self.journal(), self.epoch, self.env, self.venue, self.clock, **{"snapshot_every": 40, **options})

    def life(self, arm: Callable[[Desk], None] = lambda desk: None, **options: Any) -> Shell | None:
        """Run a process until the order ends, or until it is killed (None)."""
        try:
            self.storage.before = self.storage.after = lambda: None
            arm(self)
            shell = self.shell(**options)
            if self.order.parent_id not in shell.state.parents:
                shell.submit(self.order)
            shell.run(self.order.end_ns + 600 * S)
        except Killed:
            return None
        return shell

    def sent(self) -> list[ChildOrder]:
        """Return the children that reached the venue."""
        return list(self.service.truth().orders)


def market_session() -> Any:
    from nowake.core.sessions import ALWAYS_OPEN

    return ALWAYS_OPEN


@pytest.fixture(scope="session")
def tape() -> Tape:
    """Half an hour of SYNTH, ten minutes before the order begins."""
    return synth_tape(seed=4, start_ns=T0, duration_ns=3000 * S)


@pytest.fixture
def desk(tape: Tape) -> Iterator[Callable[..., Desk]]:
    """Return a maker of desks."""

    def make(**options: Any) -> Desk:
        return Desk(tape, **options)

    return make


@pytest.fixture
def killed() -> type[BaseException]:
    """Return what a hook raises to end a process."""
    return Killed
