"""The simulated venue in a process of its own (``nowake.app.exchange``), over a loopback connection."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from contextlib import suppress

from nowake.core.child import ChildOrder
from nowake.core.errors import DataError, InputError, VenueRejected, VenueUnavailable
from nowake.core.ports import VenueMessage
from nowake.core.sessions import Session
from nowake.core.tape import Tape, TapeMeta
from nowake.core.value import replace, require
from nowake.core.wire import (
    AnyFrame,
    Cancel,
    Clock,
    FrameReader,
    Hello,
    Query,
    QueryOpen,
    Refusal,
    Report,
    Rows,
    Submit,
    Truth,
    TruthAsked,
    Welcome,
    encode_frame,
    received_tape,
)

READ_BYTES = 1 << 20
SEND_SECONDS = 2.0


def parse_address(address: str) -> tuple[str, int]:
    """Return (host, port) of ``127.0.0.1:PORT``; only loopback is allowed."""
    host, _, port = address.rpartition(":")
    require(host in ("127.0.0.1", "localhost"), "address", address, "127.0.0.1:PORT, on this machine")
    try:
        number = int(port)
    except ValueError:
        raise InputError("address", address, "127.0.0.1:PORT") from None
    require(0 <= number < 65536, "address", address, "127.0.0.1:PORT")
    return "127.0.0.1", number


class SimulatedVenue:
    """One worker's connection.

    Args:
        address: ``127.0.0.1:PORT``.
        account: Told to the venue.
        connect_seconds: Patience when connecting: the venue may still be busy with whom we follow.
    """

    shows_own_takes = False

    def __init__(self, address: str, account: str, *, connect_seconds: float = 5.0) -> None:
        self._address = parse_address(address)
        self._account = account
        self._patience = connect_seconds
        self._socket: socket.socket | None = None
        self._reader = FrameReader()
        self._reports: deque[Report] = deque()
        self._rows: deque[Rows] = deque()
        self._welcome: Welcome | None = None
        self._truth: Truth | None = None
        self._refused = ""
        self.clock_ns = 0

    @property
    def meta(self) -> TapeMeta:
        """Return what the market data is."""
        return self._welcomed().meta

    @property
    def session(self) -> Session:
        """Return the trading hours."""
        return self._welcomed().session

    @property
    def connected(self) -> bool:
        """Return whether the connection stands, as far as we know."""
        return self._socket is not None

    def _welcomed(self) -> Welcome:
        if self._welcome is None:
            raise VenueUnavailable("the venue has not been connected to yet", "connect first")
        return self._welcome

    def connect(self) -> None:
        """Connect and wait for the welcome; tries again while the venue is away or busy.

        Raises:
            VenueUnavailable: Not within our patience.
            VenueRejected: It speaks another protocol.
        """
        self.close()
        deadline = time.monotonic() + self._patience
        why = "no answer"
        while time.monotonic() < deadline:
            try:
                self._open(Hello(account=self._account))
                if self._await_welcome(min(deadline, time.monotonic() + 1.0)):
                    return
                why = self._refused or "no welcome"
                if "protocol" in why:
                    raise VenueRejected(why)
            except OSError as error:
                why = str(error)
            self.close()
            time.sleep(0.01)
        raise VenueUnavailable(
            f"the venue at {self._address[0]}:{self._address[1]} cannot be reached ({why})",
            "start it, or check its address",
        )

    def _open(self, *frames: AnyFrame) -> None:
        self._socket = socket.create_connection(self._address, timeout=SEND_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader, self._refused, self._welcome = FrameReader(), "", None
        self._rows.clear()
        for frame in frames:
            self._socket.sendall(encode_frame(frame))

    def _await_welcome(self, deadline: float) -> bool:
        while self._welcome is None and self.connected and time.monotonic() < deadline:
            self.wait(0.05)
        return self._welcome is not None and self.connected

    def wait(self, seconds: float) -> None:
        """Take in what arrives; return as soon as something did, at the latest after ``seconds``."""
        if self._socket is None:
            time.sleep(min(seconds, 0.02))
            return
        try:
            ready, _, _ = select.select([self._socket], [], [], max(0.0, seconds))
            if not ready:
                return
            data = self._socket.recv(READ_BYTES)
            if not data:
                self.close()
                return
            for frame in self._reader.feed(data):
                self._take(frame)
        except (OSError, DataError):  # a stream that cannot be read is a connection that is lost
            self.close()

    def _take(self, frame: AnyFrame) -> None:
        if isinstance(frame, Rows):
            self._rows.append(frame)
        elif isinstance(frame, Report):
            self._reports.append(frame)
        elif isinstance(frame, Clock):
            self.clock_ns = frame.t_ns
        elif isinstance(frame, Welcome):
            self._welcome = frame
            self.clock_ns = frame.t_ns
        elif isinstance(frame, Truth):
            self._truth = frame
        elif isinstance(frame, Refusal):
            self._refused = frame.text

    def _send(self, frame: AnyFrame, child_id: str = "") -> None:
        if self._socket is None:
            raise VenueUnavailable("not connected to the venue", child_id=child_id)
        try:
            self._socket.sendall(encode_frame(frame))
        except OSError as error:
            self.close()
            raise VenueUnavailable(f"the connection broke while sending ({error})", child_id=child_id) from error

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Hand a child over. Raises VenueUnavailable when it is not known whether it arrived."""
        self._send(Submit(child=child, t_ns=now_ns), child.child_id)

    def cancel(self, child_id: str, now_ns: int) -> None:
        """Ask to cancel a child."""
        self._send(Cancel(child_id=child_id, t_ns=now_ns), child_id)

    def query(self, child_id: str, now_ns: int) -> None:
        """Ask what became of a child."""
        self._send(Query(child_id=child_id, requested_ns=now_ns), child_id)

    def query_open(self, listing: str, now_ns: int) -> None:
        """Ask for all open orders."""
        self._send(QueryOpen(listing=listing, requested_ns=now_ns))

    def poll(self, now_ns: int) -> tuple[VenueMessage, ...]:
        """Return the reports taken in, as received at ``now_ns``."""
        reports = tuple(self._reports)
        self._reports.clear()
        return tuple(VenueMessage(event=replace(one.event, t_ns=now_ns), raw=one.raw) for one in reports)

    def rows(self, now_ns: int) -> tuple[Tape, ...]:
        """Return the market data taken in since the last call, as received at ``now_ns``."""
        frames = tuple(self._rows)
        self._rows.clear()
        return tuple(received_tape(self.meta, one, now_ns) for one in frames)

    def close(self) -> None:
        """Let go of the connection; what was read of it stays."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


def ask_truth(address: str, seconds: float = 10.0) -> Truth:
    """Return the venue's own record, for judging a test.

    Raises:
        VenueUnavailable: No answer in time.
    """
    deadline = time.monotonic() + seconds
    venue = SimulatedVenue(address, "judge")
    while time.monotonic() < deadline:
        try:
            venue._open(TruthAsked())
            while venue._truth is None and venue.connected and time.monotonic() < deadline:
                venue.wait(0.1)
        except OSError:
            time.sleep(0.05)
        finally:
            venue.close()
        if venue._truth is not None:
            return venue._truth
    raise VenueUnavailable(f"the venue at {address} did not tell its record", "ask again")
