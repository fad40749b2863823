"""The recorded orders of a tape worked again through our matching, and what became different, with its reason.

The aggressors are the recorded executions. An order of ours that stands right before a recorded one must get what that
one got, when it got it. Where it does not, the recording did not serve first come first served; what then became of the
order that should have been first says why.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from nowake.core.tape import HIDDEN, I64, U16, Row, Tape
from nowake.core.value import Value
from nowake.sim.layout import UNPRINTED
from nowake.sim.many import WorldRules, run_worlds
from nowake.sim.merge import NEVER, venue_rows
from nowake.study.queues import HORIZON_NS, Joined, joins, probes_of
from nowake.study.table import Table

UNPRINTED_MISS = "the other side came to its price: it would have met us, and is in no print"
HIDDEN_MISS = "a hidden order was executed at its price while nothing displayed stood ahead"
THROUGH_MISS = "an execution at a worse price went past it"
WITHDRAWN_MISS = "the first in the queue was withdrawn at the instant of an execution behind it (self-match prevention)"
LISTED_MISS = "the first in the queue was executed at the same instant, and is listed after one behind it"
PASSED_MISS = "the first in the queue was passed over, and executed later"
LEFT_MISS = "the first in the queue was passed over, and withdrawn by its owner later"
UNHEARD_MISS = "nothing more is recorded of the first in the queue: it had gone while its level was out of view"
NAMELESS_MISS = "the first in the queue has no number: it came before its level was recorded"


class Rerun(Value, frozen=True):
    """The recorded orders worked again through our matching, each beside itself.

    Attributes:
        orders: How many were.
        executions: How many recorded executions they had.
        reproduced: How many of these ours had, at the same time, of the same quantity.
        alike: Orders whose executions are the same, none more and none less.
        misses: (why, orders) for the others, by what differs first.
        reordered: Rows that the reader of the source put in the order of the queue (``data.readers.turns``).
    """

    listing: str
    orders: int
    executions: int
    reproduced: int
    alike: int
    misses: tuple[tuple[str, int], ...]
    reordered: int = 0


class _Rows(NamedTuple):
    """Columns of a tape in the venue's order, (n,) each."""

    times: I64
    code: U16
    price: I64
    qty: I64
    ids: I64


def rerun(tape: Tape, count: int = 10**9, horizon_ns: int = HORIZON_NS) -> Rerun:
    """Work the recorded limit orders again: each of ours stands right before its original and leaves when it does.

    What ours gets until its original is touched by its owner must be what the original got.

    Raises:
        InputError: The tape has no order ids.
    """
    found = joins(tape, count, horizon_ns, touch_only=False)
    outcome = run_worlds(tape, probes_of(found, horizon_ns), (WorldRules(queue_model="fifo"),)) if found else None
    own: list[list[tuple[int, int, int]]] = [[] for _ in found]
    for probe, qty, _, t, how in outcome.fills.tolist() if outcome is not None else ():
        if t < found[probe].left_ns:
            own[probe].append((t, qty, how))
    why: Counter[str] = Counter()
    alike = reproduced = 0
    rows = _rows(tape)
    for one, got in zip(found, own, strict=True):
        had = [(t, qty) for t, qty, _ in got]
        reproduced += sum((Counter(had) & Counter(one.executed)).values())
        if had == list(one.executed):
            alike += 1
        else:
            why[_difference(rows, one, got)] += 1
    return Rerun(
        listing=tape.listing.key,
        orders=len(found),
        executions=sum(len(one.executed) for one in found),
        reproduced=reproduced,
        alike=alike,
        misses=tuple(sorted(why.items(), key=lambda pair: -pair[1])),
        reordered=tape.meta.figures.reordered,
    )


def _rows(tape: Tape) -> _Rows:
    times, order, *_ = venue_rows(tape)
    rows = order if len(order) else np.arange(len(tape))
    return _Rows(times, tape.code[rows], tape.prices()[rows], tape.qty[rows].astype(np.int64), tape.order_id[rows])


def _difference(rows: _Rows, one: Joined, got: list[tuple[int, int, int]]) -> str:
    """Return why our executions are not the recorded ones, by the first that differs."""
    k = 0
    while k < min(len(got), len(one.executed)) and got[k][:2] == one.executed[k]:
        k += 1
    ours = got[k] if k < len(got) else (NEVER, 0, 0)
    theirs = one.executed[k] if k < len(one.executed) else (NEVER, 0)
    side = 1 + one.side
    level = np.flatnonzero((rows.price == one.price_units) & ((rows.code >> np.uint16(4) & np.uint16(3)) == side))
    kind = rows.code[level] & np.uint16(15)
    if theirs[0] < ours[0] or (theirs[0] == ours[0] and theirs[1] > ours[1]):  # another was thought to stand ahead
        mine = rows.ids[level] == rows.ids[_row_of(rows, one)]
        at = int(np.flatnonzero(mine & (kind == Row.FILL) & (rows.times[level] == theirs[0]))[0])
        return _fate(rows, level, at, _first(rows, level[:at]))
    if ours[2] == UNPRINTED:
        return UNPRINTED_MISS
    then = np.flatnonzero(rows.times[level] == ours[0])
    if not (kind[then] == Row.FILL).any():
        prints = np.flatnonzero((rows.times == ours[0]) & (rows.price == one.price_units))
        return HIDDEN_MISS if (rows.code[prints] & np.uint16(HIDDEN)).any() else THROUGH_MISS
    return _fate(rows, level, int(then[kind[then] == Row.FILL][0]), int(rows.ids[_row_of(rows, one)]))


def _row_of(rows: _Rows, one: Joined) -> int:
    """Return the row at which a recorded order joined: none other shares its instant."""
    return int(np.searchsorted(rows.times, one.t_ns))


def _first(rows: _Rows, level: I64) -> int:
    """Return the number of the order that stands first at a level after these rows of it, 0 = it has none."""
    held: dict[int, int] = {}
    for i in level.tolist():
        kind, number, qty = int(rows.code[i]) & 15, int(rows.ids[i]), int(rows.qty[i])
        if kind == Row.SET:
            held = {0: qty} if qty else {}
        elif kind == Row.ADD:
            held.pop(number, None)
            held[number] = qty
        else:
            number = number if number in held else 0
            held[number] = held.get(number, 0) - qty
            if held[number] <= 0 or kind == Row.DELETE:
                del held[number]
    return next(iter(held), 0)


def _fate(rows: _Rows, level: I64, at: int, number: int) -> str:
    """Return what became of the first in the queue, ``number``, after the execution ``level[at]`` behind it."""
    if number == 0:
        return NAMELESS_MISS
    later = level[at:][rows.ids[level[at:]] == number]
    if len(later) == 0:
        return UNHEARD_MISS
    then = int(later[0])
    executed = int(rows.code[then]) & 15 == Row.FILL
    if rows.times[then] == rows.times[level[at]]:
        return LISTED_MISS if executed else WITHDRAWN_MISS
    return PASSED_MISS if executed else LEFT_MISS


def table(again: Rerun) -> Table:
    """Return it as the page shows it."""
    share = again.reproduced / again.executions if again.executions else 0.0
    told = f"{again.reproduced:,} of {again.executions:,} executions come out again ({share:.2%})"
    rows = [("alike in every execution", f"{again.alike:,}"), *((why, f"{count:,}") for why, count in again.misses)]
    if again.reordered:
        rows.append(("rows that the reader put in the order of the queue", f"{again.reordered:,}"))
    return Table(title=f"{again.listing}: {told}", head=("orders", "count"), rows=tuple(rows))
