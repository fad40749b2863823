"""A recorded market in memory: one listing, column-wise, 22 to 34 bytes a row.

Row layout. Columns are parallel arrays of length n, in receive order:

=============  ===========  ============================================================================
``t_event``    i64          exchange time, UTC ns; may go back between streams and is never "fixed"
``recv_delta`` i32 or i64   receive time - t_event, ns (recorder clock, offset not removed); length 0 when
                            the source has no receive time (then it equals t_event)
``code``       u16          kind | side << 4 | flags, see below
``price``      i32          price units - ``meta.price_base``
``qty``        i32 or i64   quantity units
``order_id``   i64          order-by-order sources only, else length 0
=============  ===========  ============================================================================

Side of a book row: BID or ASK (for FILL: of the resting order). Side of a TRADE: that of the aggressor, or NONE.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from nowake.core.errors import DataError
from nowake.core.instrument import Listing
from nowake.core.value import Value, require

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
U16 = npt.NDArray[np.uint16]
F64 = npt.NDArray[np.float64]

TAPE_FORMAT = 1


class Row(IntEnum):
    """Kind of a row (bits 0-3 of ``code``)."""

    SET = 0
    """Level update: the size at (side, price) is now qty (0 = gone)."""
    ADD = 1
    """An order of qty joined (side, price)."""
    REDUCE = 2
    """A resting order lost qty (partial cancel)."""
    DELETE = 3
    """A resting order left with its remaining qty."""
    FILL = 4
    """A resting displayed order was executed for qty: reduces the level and is a print."""
    TRADE = 5
    """A print that does not itself change the displayed book (L2 feeds, hidden executions)."""
    CLEAR = 6
    """Forget the whole book (both sides); a snapshot of SET rows follows."""
    HALT = 7
    """Trading stops."""
    RESUME = 8
    """Trading goes on."""
    QUOTE = 9
    """Best quote of a separate feed, one row a side; not applied to a book that has depth rows."""
    GAP = 10
    """Messages are missing here: the book is not to be trusted until the next CLEAR and snapshot."""


class Book(IntEnum):
    """Side of a row (bits 4-5 of ``code``)."""

    NONE = 0
    BID = 1
    ASK = 2


KIND_MASK = 0x0F
SIDE_SHIFT = 4
SIDE_MASK = 0x30
END = 0x100
"""Last row of one venue message: books are consistent, and watches are looked at, only after an END row."""
SEEDED = 0x200
"""A SET that the reader derived because the level entered or left the recorded window; not an event of the market."""
SNAPSHOT = 0x400
"""Part of a snapshot."""
HIDDEN = 0x800
"""The print executed hidden liquidity."""
OFF_EXCHANGE = 0x1000
"""The print was made away from every displayed book (FINRA/TRF): it is volume, but fills no resting order."""


def row_code(kind: Row, side: Book = Book.NONE, *flags: int) -> int:
    """Return the packed code of a row."""
    return int(kind) | int(side) << SIDE_SHIFT | sum(flags)


class Figures(Value, frozen=True):
    """What the reader counted while it made the tape; a tape from the lake carries the same.

    Attributes:
        lines: Lines or messages of the source.
        quarantined_lines: Numbers (1-based) of the first bad ones, at most 20.
        gaps: Places where messages of the venue are missing.
        compared: Recorded book values that a book rebuilt from the messages was held against.
        seeded: Recorded book values that no message can explain because they entered the recorded window.
        mismatched: Those of ``compared`` that differ, and messages that the rebuilt book cannot take.
        crossed: Complete messages after which the best bid is above the best ask.
        locked: Complete messages after which they are equal.
        buffered: Book messages before a snapshot or after a gap, which no book can use; left out.
        disordered: Places where a source that keeps one clock goes back in event time by more than a second.
        undecided: Messages whose effect the source does not say, such as executions without their counterpart.
        reordered: Rows that stand earlier in their message than the source lists them: in the order of the queue.
        skipped: Messages that are no part of the public market (insurance fund, outside the window); left out.
    """

    lines: int = 0
    quarantined_lines: tuple[int, ...] = ()
    gaps: int = 0
    compared: int = 0
    seeded: int = 0
    mismatched: int = 0
    crossed: int = 0
    locked: int = 0
    buffered: int = 0
    skipped: int = 0
    undecided: int = 0
    disordered: int = 0
    reordered: int = 0


class TapeMeta(Value, frozen=True):
    """What a tape is.

    Attributes:
        listing: The listing recorded, with its grids and limits.
        source: File names in words (no paths).
        reader: Name and version of the reader, ``lobster/1``.
        content_hash: BLAKE2b of the column bytes and the listing; identity of the tape.
        price_base: Added to every price offset, price units.
        depth_levels: Number of levels a side that the source keeps complete; 0 = the whole book.
        silence_ns: Longest silence of the feed that is normal for it (its own cadence).
        clock_offset_ns: Estimated recorder clock - venue clock: min of (receive - event), 0 without receive times.
        quarantined: Bad rows left out.
        order_by_order: Whether rows carry order ids.
        trade_side_native: Whether prints carry the aggressor as the venue states it.
        consolidated: Whether the quote is the best of several venues, which may be locked or crossed for a moment:
            that is a state of such a market, not a damage of the recording.
        modelled: How the market was made where none was recorded (bars), in words; empty = recorded.
        figures: What the reader counted.
    """

    listing: Listing
    source: str
    reader: str
    content_hash: str
    price_base: int
    depth_levels: int = 0
    silence_ns: int = 60_000_000_000
    clock_offset_ns: int = 0
    quarantined: int = 0
    order_by_order: bool = False
    trade_side_native: bool = True
    consolidated: bool = False
    modelled: str = ""
    figures: Figures = Figures()
    format: int = TAPE_FORMAT

    def __post_init__(self) -> None:
        require(self.format == TAPE_FORMAT, "format", self.format, f"{TAPE_FORMAT}", "import the source again")
        require(self.silence_ns > 0, "silence_ns", self.silence_ns, "> 0")


@dataclass(frozen=True, slots=True)
class Tape:
    """A continuous stretch of one listing. Arrays are read-only and shared between worlds."""

    meta: TapeMeta
    t_event: I64
    recv_delta: I32 | I64
    code: U16
    price: I32
    qty: I32 | I64
    order_id: I64

    def __post_init__(self) -> None:
        n = len(self.t_event)
        for name in ("code", "price", "qty"):
            if len(getattr(self, name)) != n:
                raise DataError(self.meta.source, f"column {name} has {len(getattr(self, name))} rows, not {n}")
        for name in ("recv_delta", "order_id"):
            if len(getattr(self, name)) not in (0, n):
                raise DataError(self.meta.source, f"column {name} has {len(getattr(self, name))} rows, not 0 or {n}")
        for name in ("t_event", "recv_delta", "code", "price", "qty", "order_id"):
            getattr(self, name).setflags(write=False)

    def __len__(self) -> int:
        return len(self.t_event)

    @property
    def listing(self) -> Listing:
        """Return the listing recorded."""
        return self.meta.listing

    @property
    def nbytes(self) -> int:
        """Return the resident bytes of the columns."""
        names = ("t_event", "recv_delta", "code", "price", "qty", "order_id")
        return sum(int(getattr(self, name).nbytes) for name in names)

    def t_local(self, extra_ns: int = 0) -> I64:
        """Return (n,) i64 ns: when each row reaches us on the venue's clock.

        Receive time less the clock offset (so latency is never negative), plus ``extra_ns``; the event time plus
        ``extra_ns`` for a source without receive times. Never decreasing within a tape when the source is sound.
        """
        if len(self.recv_delta) == 0:
            return self.t_event + np.int64(extra_ns)
        return self.t_event + self.recv_delta.astype(np.int64) + np.int64(extra_ns - self.meta.clock_offset_ns)

    def prices(self) -> I64:
        """Return (n,) i64 price units."""
        return self.price.astype(np.int64) + np.int64(self.meta.price_base)

    def head(self, rows: int) -> Tape:
        """Return the tape cut after its first ``rows`` rows; same listing and metadata."""
        cut = slice(0, rows)
        return Tape(
            self.meta,
            self.t_event[cut],
            self.recv_delta[cut],
            self.code[cut],
            self.price[cut],
            self.qty[cut],
            self.order_id[cut],
        )
