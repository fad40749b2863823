"""The wire protocol of the simulated venue when it is a process of its own: frames, and bytes to frames and back.

A frame is a value, MessagePack, preceded by its length in four bytes (big endian). The worker sends commands; the
venue sends reports, market data and its clock. Pure: sockets are the shells' business.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from nowake.core.child import ChildOrder, OrderStatus
from nowake.core.errors import DataError
from nowake.core.inputs import AnyInput
from nowake.core.sessions import Session
from nowake.core.tape import Tape, TapeMeta
from nowake.core.value import Value, to_msgpack

PROTOCOL = 1
FRAME_BYTES_MAX = 32 * 1024 * 1024
_PREFIX = 4


class Frame(Value, frozen=True, tag_field="frame"):
    """Base of what travels."""


class Hello(Frame, frozen=True, tag="hello"):
    """A worker says who it is; the venue answers ``Welcome`` and a snapshot of the book."""

    account: str
    protocol: int = PROTOCOL


class Submit(Frame, frozen=True, tag="submit"):
    """Send a child; ``t_ns`` is the worker's clock."""

    child: ChildOrder
    t_ns: int = 0


class Cancel(Frame, frozen=True, tag="cancel"):
    """Ask to cancel a child; ``t_ns`` is the worker's clock."""

    child_id: str
    t_ns: int = 0


class Query(Frame, frozen=True, tag="query"):
    """Ask what became of a child; ``requested_ns`` (the worker's clock) comes back with the answer."""

    child_id: str
    requested_ns: int


class QueryOpen(Frame, frozen=True, tag="query-open"):
    """Ask for all open orders."""

    listing: str
    requested_ns: int


class TruthAsked(Frame, frozen=True, tag="truth-asked"):
    """A judge asks for the venue's own record. No worker has a use for it."""


class Welcome(Frame, frozen=True, tag="welcome"):
    """The venue takes a worker on: what its market data is, and its clock."""

    meta: TapeMeta
    session: Session
    t_ns: int


class Refusal(Frame, frozen=True, tag="refusal"):
    """The venue does not take this connection, in one sentence; it closes."""

    text: str


class Rows(Frame, frozen=True, tag="rows"):
    """Whole messages of market data in receive order: little-endian columns of one length.

    Attributes:
        t_event: i8 exchange time, ns.
        code: u2, as in a tape.
        price: i4 offsets from the ``price_base`` of ``Welcome``.
        qty: i8 quantity units.
    """

    t_event: bytes
    code: bytes
    price: bytes
    qty: bytes


class Report(Frame, frozen=True, tag="report"):
    """What the venue says of an order: the input it is, and the venue's own bytes."""

    event: AnyInput
    raw: bytes = b""


class Clock(Frame, frozen=True, tag="clock"):
    """The venue is alive and its clock shows ``t_ns``; every row up to then has been sent."""

    t_ns: int


class Truth(Frame, frozen=True, tag="truth"):
    """The venue's own record, for judging.

    Attributes:
        t_ns: Its clock.
        orders: Every child that ever arrived under a new id, in order of arrival.
        statuses: What became of each.
        duplicates: Ids that arrived again.
        clashes: Children that were accepted while another child of their leg could trade.
        exposures: By parent, the most it could ever have been filled: executed, open and on the way, at every command.
        sessions: Workers taken on so far.
        lost: Reports that nobody received.
    """

    t_ns: int
    orders: tuple[ChildOrder, ...]
    statuses: tuple[OrderStatus, ...]
    duplicates: tuple[str, ...]
    clashes: tuple[str, ...]
    exposures: dict[str, int]
    sessions: int
    lost: int

    def filled(self, parent_id: str) -> int:
        """Return what the venue executed for a parent, in quantity units."""
        mine = {child.child_id for child in self.orders if child.parent_id == parent_id}
        return sum(fill.qty_units for one in self.statuses if one.child_id in mine for fill in one.fills)


Command = Submit | Cancel | Query | QueryOpen
COMMANDS = (Submit, Cancel, Query, QueryOpen)
AnyFrame = Hello | Command | TruthAsked | Welcome | Refusal | Rows | Report | Clock | Truth

_DECODER = msgspec.msgpack.Decoder(AnyFrame)


def encode_frame(frame: AnyFrame) -> bytes:
    """Return the frame with its length before it."""
    body = to_msgpack(frame)
    if len(body) > FRAME_BYTES_MAX:
        raise DataError("frame", f"{len(body)} bytes are over the {FRAME_BYTES_MAX} of the protocol")
    return len(body).to_bytes(_PREFIX, "big") + body


class FrameReader:
    """Cuts a byte stream into frames. What is not of the protocol raises ``DataError``; a frame cut short waits."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[AnyFrame]:
        """Return the frames that are complete with ``data``.

        Raises:
            DataError: Too long, or not a frame: the stream is of no further use.
        """
        self._buffer += data
        frames: list[AnyFrame] = []
        at = 0
        while len(self._buffer) - at >= _PREFIX:
            length = int.from_bytes(self._buffer[at : at + _PREFIX], "big")
            if length > FRAME_BYTES_MAX:
                raise DataError("frame", f"{length} bytes are over the {FRAME_BYTES_MAX} of the protocol")
            end = at + _PREFIX + length
            if len(self._buffer) < end:
                break
            frames.append(_decode(bytes(self._buffer[at + _PREFIX : end])))
            at = end
        del self._buffer[:at]
        return frames


def _decode(body: bytes) -> AnyFrame:
    try:
        frame: AnyFrame = _DECODER.decode(body)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise DataError("frame", f"{len(body)} bytes are no frame of protocol {PROTOCOL} ({error})") from error
    return frame


def rows_frame(tape: Tape, lo: int, hi: int) -> Rows:
    """Return rows ``lo`` to ``hi`` of a tape as a frame."""
    return Rows(
        t_event=tape.t_event[lo:hi].astype("<i8").tobytes(),
        code=tape.code[lo:hi].astype("<u2").tobytes(),
        price=tape.price[lo:hi].astype("<i4").tobytes(),
        qty=tape.qty[lo:hi].astype("<i8").tobytes(),
    )


def received_tape(meta: TapeMeta, rows: Rows, t_ns: int) -> Tape:
    """Return a frame's rows as a tape of which every row was received at local time ``t_ns``.

    Raises:
        DataError: The columns are not of one length.
    """
    t_event = np.frombuffer(rows.t_event, dtype="<i8").astype(np.int64)
    return Tape(
        meta=meta,
        t_event=t_event,
        recv_delta=t_ns - t_event,
        code=np.frombuffer(rows.code, dtype="<u2").astype(np.uint16),
        price=np.frombuffer(rows.price, dtype="<i4").astype(np.int32),
        qty=np.frombuffer(rows.qty, dtype="<i8").astype(np.int64),
        order_id=np.empty(0, dtype=np.int64),
    )


def rows_tape(meta: TapeMeta, t_ns: int, rows: Sequence[tuple[int, int, int]]) -> Tape:
    """Return (code, price offset, quantity) rows as a tape, all of them at ``t_ns``; there may be none."""
    code, price, qty = zip(*rows, strict=True) if rows else ((), (), ())
    none = np.empty(0, dtype=np.int64)
    return Tape(
        meta=meta,
        t_event=np.full(len(rows), t_ns, dtype=np.int64),
        recv_delta=none,
        code=np.array(code, dtype=np.uint16),
        price=np.array(price, dtype=np.int32),
        qty=np.array(qty, dtype=np.int64),
        order_id=none,
    )
