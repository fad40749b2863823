"""Serve a simulated venue on a loopback port: ``python -m nowake.app.exchange.server SETTING.json``.

The first line on standard output is ``{"address": "127.0.0.1:PORT"}``. One connection at a time; orders and fills
outlive it. The process ends by itself.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from nowake.app.exchange.setting import VenueSetting, read_setting
from nowake.core.errors import DataError, NowakeError
from nowake.core.tape import Tape
from nowake.core.value import to_json
from nowake.core.wire import COMMANDS, AnyFrame, FrameReader, Hello, Refusal, TruthAsked, encode_frame
from nowake.live.clock import LocalClock, ScaledClock
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.service import VenueService

TICK_SECONDS = 0.002
READ_BYTES = 1 << 20
BACKLOG_BYTES_MAX = 64 * 1024 * 1024
"""A worker that does not read this much is dropped: memory stays bounded."""


class Peer:
    """One connection, non-blocking: what it sent so far, what it is still to get."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connection
        self.gone = False
        self._reader = FrameReader()
        self._backlog = bytearray()

    def read(self) -> list[AnyFrame]:
        """Return the frames that have arrived; notices when the other side is gone or talks nonsense."""
        frames: list[AnyFrame] = []
        try:
            while data := self.socket.recv(READ_BYTES):
                frames += self._reader.feed(data)
            self.gone = True
        except BlockingIOError:
            pass
        except (OSError, DataError):
            self.gone = True
        return frames

    def write(self, frames: list[AnyFrame]) -> None:
        """Send frames, keeping what does not go out at once."""
        for frame in frames:
            self._backlog += encode_frame(frame)
        try:
            while self._backlog:
                sent = self.socket.send(self._backlog[:READ_BYTES])
                del self._backlog[:sent]
        except BlockingIOError:
            self.gone = self.gone or len(self._backlog) > BACKLOG_BYTES_MAX
        except OSError:
            self.gone = True

    def close(self) -> None:
        """Let go."""
        with suppress(OSError):
            self.socket.close()


class Server:
    """The loop between one listening socket and a venue.

    Args:
        service: The venue.
        clock: Its time.
        port: On loopback; 0 = any.
    """

    def __init__(self, service: VenueService, clock: LocalClock, port: int = 0) -> None:
        self._service, self._clock = service, clock
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self._peer: Peer | None = None

    @property
    def address(self) -> str:
        """Return where it listens."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self, wall_seconds: float) -> None:
        """Serve for so long, then stop."""
        deadline = time.monotonic() + wall_seconds
        try:
            while time.monotonic() < deadline:
                self._turn()
        finally:
            if self._peer is not None:
                self._peer.close()
            self._listener.close()

    def _turn(self) -> None:
        watched = [self._listener, *([self._peer.socket] if self._peer else [])]
        select.select(watched, [], [], TICK_SECONDS)
        now_ns = self._clock.now_ns()
        if self._peer is not None:
            self._converse(self._peer, now_ns)
        self._accept()
        frames = self._service.advance(now_ns)
        if self._peer is not None:
            self._peer.write(frames)

    def _converse(self, peer: Peer, now_ns: int) -> None:
        """Take what a peer sent, also what it sent before it went away."""
        for frame in peer.read():
            if isinstance(frame, COMMANDS):
                self._service.take(frame, now_ns)
            elif isinstance(frame, Hello):
                peer.write(self._service.connect(frame, now_ns))
            elif isinstance(frame, TruthAsked):
                peer.write([self._service.truth()])
            else:
                peer.gone = True
        if peer.gone:
            peer.close()
            self._service.disconnect()
            self._peer = None

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            connection, _ = self._listener.accept()
            made = Peer(connection)
            if self._peer is None:
                self._peer = made
                return
            made.write([Refusal(text="another worker is connected to this venue")])
            made.close()


def load(setting: VenueSetting) -> Tape:
    """Return the recorded or synthetic market that is served."""
    if setting.tapes:
        from nowake.data.source import open_tapes

        (tape,) = open_tapes([Path(path) for path in setting.tapes], setting.symbol)
        return tape
    from nowake.sim.synthetic import synth_tape

    return synth_tape(seed=setting.seed, start_ns=setting.start_ns, duration_ns=setting.duration_ns)


def build(setting: VenueSetting) -> Server:
    """Return a venue ready to be served, its market where its clock says."""
    from nowake.data.sessions import session as find_session

    tape = load(setting)
    session = find_session(tape.listing.session)
    market = SimMarket(tape, latency=Latency(), session=session, impact=setting.impact, seed=setting.seed)
    service = VenueService(market, session, setting.delays, setting.seed)
    clock = ScaledClock(setting.clock)
    service.advance(clock.now_ns())
    return Server(service, clock, setting.port)


def main(arguments: list[str]) -> int:
    """Serve what a setting file says; returns the exit code."""
    try:
        (path,) = arguments or [""]
        setting = read_setting(path, VenueSetting)
        server = build(setting)
    except (NowakeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(to_json({"address": server.address}).decode() + "\n")
    sys.stdout.flush()
    server.run(setting.wall_seconds)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
