"""A queue-reactive book as a tape, and the figures that a recorded and a simulated tape are compared by."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import numpy as np

from nowake.core.ids import random_word
from nowake.core.instrument import FeeSchedule, GridBand, Listing
from nowake.core.tape import I64, KIND_MASK, OFF_EXCHANGE, Row, Tape, TapeMeta
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import replace, require, to_msgpack
from nowake.market.microstructure.touch import touches
from nowake.sim.queue_reactive import flow
from nowake.sim.queue_reactive.parameters import Figures, QueueReactiveBook
from nowake.sim.synthetic.market import Columns, empty_columns

SYMBOL, VENUE = "SYNTH", "LIKE"
READER = "queue-reactive/1"
WARMUP_NS = 600 * NS_PER_SECOND
"""Market that runs before the tape begins."""
DURATION_MOST_NS = 31 * 86_400 * NS_PER_SECOND
FIVE_MINUTES_NS, TEN_SECONDS_NS = 300 * NS_PER_SECOND, 10 * NS_PER_SECOND
LONG_S = 5_400
"""Tapes at least this long are judged by moves over five minutes, others by moves over ten seconds."""
_CHUNK_ROWS = 1 << 18


def sample_ns(seconds: float) -> int:
    """Return over what time a tape of a length is judged."""
    return FIVE_MINUTES_NS if seconds >= LONG_S else TEN_SECONDS_NS


class Running:
    """A book in motion; the state is private to it.

    Args:
        book: Fitted.
        seed: Any integer.
        t_ns: Where it begins.
        occupancy: Sizes in units up to which the first ask queue's time is counted; 0 = it is not.
    """

    def __init__(self, book: QueueReactiveBook, seed: int, t_ns: int, occupancy: int = 0) -> None:
        self._book = book
        self._key = np.uint64(random_word(seed, "queue-reactive"))
        every = book.recorded.sample_ns
        self._whole: I64 = np.array([book.tick, book.unit, book.sizes, every, t_ns], dtype=np.int64)
        self._chances = np.array([book.theta, book.theta_reinit, book.jump, book.apart_rate])
        self.state: I64 = np.zeros(flow.STATE, dtype=np.int64)
        self.state[[flow.T, flow.PLACE, flow.SAMPLE]] = t_ns, book.place, t_ns + every
        self.reals = np.zeros(flow.REALS)
        self.queues: I64 = book.bank[random_word(seed, "queue-reactive", "first") % len(book.bank)].copy()
        self.occupancy = np.zeros(occupancy + 1 if occupancy else 0)

    def run(self, t_end_ns: int, out: Columns | None = None) -> bool:
        """Run until ``t_end_ns``, writing into ``out``; False: it is nearly full, give another."""
        book = self._book
        self.state[flow.ROWS] = 0
        return bool(
            flow.run(
                t_end_ns, self._whole, self._chances, book.rates, book.empties, book.quantities, book.apart_quantities,
                book.bank, book.moves, self._key, self.state, self.reals, self.queues, self.occupancy,
                empty_columns(1) if out is None else out, out is not None,
            )
        )  # fmt: skip

    def snapshot(self, out: Columns) -> int:
        """Write the whole book; returns the number of rows."""
        self.state[flow.ROWS] = 0
        flow.snapshot(self.queues, self.state, self._book.tick, out)
        return int(self.state[flow.ROWS])

    def figures(self) -> Figures:
        """Return the means over all that has run."""
        reals = self.reals
        seconds = max(float(reals[flow.SECONDS]), 1e-9)
        return Figures(
            spread_ticks=float(reals[flow.SPREAD]) / seconds,
            touch_qty=float(reals[flow.DEPTH]) / seconds,
            volume=float(reals[flow.VOLUME]) / seconds * 3_600,
            volatility=float(np.sqrt(reals[flow.SQUARES] / max(reals[flow.SAMPLES], 1.0))),
            sample_ns=self._book.recorded.sample_ns,
            seconds=seconds,
        )


def simulated_figures(book: QueueReactiveBook, seconds: float, seed: int) -> Figures:
    """Return the figures of a stretch of simulated market without making a tape of it."""
    running = Running(book, seed, 0)
    running.run(WARMUP_NS)
    running.reals[:] = 0
    running.run(WARMUP_NS + round(seconds * NS_PER_SECOND))
    return running.figures()


def imitation_listing(listing: Listing, tick: int) -> Listing:
    """Return the listing of what is made: SYNTH with the units, fees and tick of the recorded one, at all hours."""
    instrument = replace(listing.instrument, symbol=SYMBOL)
    return replace(
        listing,
        instrument=instrument,
        venue=VENUE,
        ticks=(GridBand(from_units=0, step_units=tick),),
        min_notional=Decimal(0),
        fees=replace(listing.fees, source=f"as {listing.key}: {listing.fees.source}")
        if listing.fees != FeeSchedule()
        else listing.fees,
        session="24/7",
        reference=None,
        volume_base=f"all prints of a market made like {listing.key}",
    )


def imitate(book: QueueReactiveBook, *, seed: int, start_ns: int, duration_ns: int) -> Tape:
    """Return a stretch of a fitted book's market as a tape of SYNTH@LIKE.

    The same arguments give the same tape, and a shorter duration a prefix of a longer one.

    Args:
        book: Fitted.
        seed: Any integer; different seeds are different markets.
        start_ns: UTC ns of the snapshot that opens the tape, at least ``WARMUP_NS``.
        duration_ns: ns, 1 to 31 days.

    Raises:
        InputError: An argument is outside its domain.
    """
    require(0 < duration_ns <= DURATION_MOST_NS, "duration_ns", duration_ns, f"1 to {DURATION_MOST_NS} (31 days)")
    require(WARMUP_NS <= start_ns <= 2**62, "start_ns", start_ns, f"at least {WARMUP_NS}, at most 2**62")
    running = Running(book, seed, start_ns - WARMUP_NS)
    running.run(start_ns)
    parts, done = [], False
    out = empty_columns(_CHUNK_ROWS)
    parts.append(_cut(out, running.snapshot(out)))
    while not done:
        done = running.run(start_ns + duration_ns, out)
        parts.append(_cut(out, int(running.state[flow.ROWS])))
    columns = Columns(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    listing = imitation_listing(book.listing, book.tick)
    meta = TapeMeta(
        listing=listing,
        source=f"SYNTH like {book.listing.key} ({book.card.source}), seed {seed}",
        reader=READER,
        content_hash=_hash(listing, columns),
        price_base=0,
        silence_ns=max(book.silence_ns, 10 * NS_PER_SECOND),
        modelled=f"a queue-reactive book fitted to {book.listing.key}",
    )
    none = np.empty(0, dtype=np.int64)
    return Tape(meta, columns.t_event, none, columns.code, columns.price, columns.qty, none)


def _cut(out: Columns, rows: int) -> Columns:
    return Columns(out.t_event[:rows].copy(), out.code[:rows].copy(), out.price[:rows].copy(), out.qty[:rows].copy())


def _hash(listing: Listing, columns: Columns) -> str:
    state = hashlib.blake2b(to_msgpack(listing), digest_size=16)
    for column in columns:
        state.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).data)
    return state.hexdigest()


def tape_figures(tape: Tape, tick: int) -> Figures:
    """Return the figures of a tape, recorded or made; silences longer than its own are no market time.

    Args:
        tape: With a book.
        tick: Price units.

    Raises:
        InputError: It never shows a sound book for any time.
    """
    found = touches(tape)
    sound = found.flags == 0
    dt = np.diff(found.t_ns, append=found.t_ns[-1:]) if len(found.t_ns) else np.empty(0, dtype=np.int64)
    dt = np.where(sound & (dt > 0) & (dt <= tape.meta.silence_ns), dt, 0)
    live = np.cumsum(dt)
    require(len(live) > 0 and live[-1] > 0, "tape", tape.meta.source, "one that shows a sound book", "check the tape")
    seconds = live[-1] / NS_PER_SECOND
    kinds = tape.code & KIND_MASK
    printed = ((kinds == Row.TRADE) | (kinds == Row.FILL)) & ((tape.code & OFF_EXCHANGE) == 0)
    message = np.searchsorted(found.row, np.flatnonzero(printed), side="left")
    counted = (message > 0) & (message < len(sound)) & sound[np.maximum(message - 1, 0)]
    volume = tape.qty[np.flatnonzero(printed)[counted]].sum(dtype=np.int64)
    every = sample_ns(seconds)
    at = np.searchsorted(live, np.arange(every, live[-1], every))
    at = at[sound[at]]
    moves = np.diff((found.bid_units + found.ask_units)[at]) / (2 * tick)
    both = found.bid_qty + found.ask_qty
    return Figures(
        spread_ticks=float((found.ask_units - found.bid_units) @ dt / live[-1] / tick),
        touch_qty=float(both.astype(np.float64) @ dt / live[-1] / 2),
        volume=float(volume / seconds * 3_600),
        volatility=float(np.sqrt((moves**2).mean())) if len(moves) else 0.0,
        sample_ns=every,
        seconds=float(seconds),
    )
