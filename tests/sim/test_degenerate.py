"""Kernels on tapes of no sense: equal to their plain meaning, nothing made out of nothing, nothing known too early."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from degenerate import REFRESH_NS, actions, level_rows, order_rows, own_impact, tape_of
from market_rows import MID, MS, START_NS
from sim_orders import KEY, child, plain_overlay, told
from test_match_l2 import Driver, act
from test_void import compare, plain

from nowake.core.order import Side
from nowake.core.tape import SEEDED, SNAPSHOT, Row, Tape
from nowake.core.view import Watch, WatchKind
from nowake.market.seen_reference import ReferenceOverlay
from nowake.sim import layout as lay
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.match_reference import TOOK, ReferenceMatcher
from nowake.sim.queues import queue_model
from nowake.sim.rules import SelfTrade
from nowake.sim.void_reference import reach_of

MODELS = ["power-2", "power-3", "log", "risk-averse", "optimistic", "log2", "power2-3", "power3-2"]
DEPTH = (Row.SET, Row.ADD, Row.REDUCE, Row.DELETE, Row.FILL)
BLOCKS = range(8)
"""Seeds come in blocks of a test each."""


def run_both(driver: Driver, reference: ReferenceMatcher, tape: Tape, ours: list[tuple], named: bool) -> list[str]:
    """Let the rows and our orders run through both; return the names of the orders."""
    names: list[str] = []
    rows = list(zip(*(c.tolist() for c in (tape.t_event, tape.code, tape.prices(), tape.qty)), strict=True))
    for i, row in enumerate(rows):
        driver.venue.stats[lay.V_CURSOR] = i
        for action in ours:
            if action[0] == i:
                act(driver, reference, names, i, row[0], action[1:])
        driver.row(i)
        if named:
            more = int(driver.joined[i]), int(tape.order_id[i]), reach_of(rows, i)
            reference.row(*row, i, *more)
            compare(driver, reference, names)
        else:
            reference.row(*row, i)
    return names


@pytest.mark.parametrize("block", BLOCKS)
def test_levels_and_prints_mean_what_they_say(block: int) -> None:
    for seed in range(100 * block, 100 * block + 100):
        rng = np.random.default_rng([1, seed])
        rows = level_rows(rng)
        tape, mode = tape_of(rows, named=False), str(rng.choice(["off", "ledger", "half", "full"]))
        own = own_impact(rng, [None, 0.0, 0.03]) if mode == "full" else None
        named, refresh = queue_model(str(rng.choice(MODELS))), int(rng.choice(REFRESH_NS))
        half = 30 * MS if mode == "half" else None
        driver = Driver(tape, named.name, "ledger" if mode == "half" else mode, half, refresh, own)
        overlay = plain_overlay(own) if own else ReferenceOverlay({"off": 0, "ledger": -1, "half": 30 * MS}[mode])
        reference = ReferenceMatcher(model=named.number, n=named.n, overlay=overlay, refresh_ns=refresh)
        names = run_both(driver, reference, tape, actions(rng, len(rows), 14), named=False)
        fills = [(names[number], qty, price, t, how != TOOK) for number, qty, price, t, how in reference.fills]
        assert driver.fills == fills, seed
        truth = {
            s.child_id: driver.venue.child(s.child_id).qty_units - s.cum_qty for s in driver.venue.truth() if s.live
        }
        assert truth == {names[order.number]: order.leaves for order in reference.orders}, seed
        taken = {key: amount for key, amount in driver.venue.taken.reshape(-1, 2).tolist() if amount}
        base = tape.meta.price_base
        keys = {(side, price): (price - base) * (1 - 2 * side) * 2 + side for side, price in overlay.taken}
        assert taken == {keys[place]: amount for place, (amount, _) in overlay.taken.items()}, seed


@pytest.mark.parametrize("block", BLOCKS)
def test_orders_by_name_mean_what_they_say(block: int) -> None:
    for seed in range(60 * block, 60 * block + 60):
        rng = np.random.default_rng([2, seed])
        rows = order_rows(rng)
        tape = tape_of(rows, named=True)
        own = own_impact(rng, [None, 0.03]) if rng.random() < 0.4 else None
        refresh = int(rng.choice(REFRESH_NS))
        driver = Driver(tape, "fifo", "full" if own else "ledger", own=own, named=True, refresh=refresh)
        driver.base = tape.meta.price_base
        reference = ReferenceMatcher(model=queue_model("fifo").number, overlay=plain(own), refresh_ns=refresh)
        run_both(driver, reference, tape, actions(rng, len(rows), 14), named=True)


class Count:
    """What was ever shown to arrive at each level, and what we used up of it: by recorded rows and fills alone."""

    def __init__(self) -> None:
        self.size: dict[int, int] = defaultdict(int)
        self.came: dict[int, int] = defaultdict(int)
        self.used: dict[int, int] = defaultdict(int)
        self.hidden: dict[int, int] = {}
        """What stood at a level when it left the recorded window, or when the book was cleared."""

    def row(self, code: int, price: int, qty: int) -> int:
        """Take in a row; return what it brought to its level."""
        kind, side = Row(code & 15), (code >> 4 & 3) - 1
        if kind is Row.CLEAR:
            self.hidden = dict(self.size)
            self.size.clear()
        if kind not in DEPTH or side < 0:
            return 0
        level = (price if side == 0 else -price) * 2 + side
        old = self.size[level]
        new = qty if kind is Row.SET else max(old + (qty if kind is Row.ADD else -qty), 0)
        self.size[level] = new
        if code & (SEEDED | SNAPSHOT):
            # What is seen again has not come again: only more than was ever there may be new.
            self.came[level] += max(new - max(self.hidden.get(level, 0), old), 0)
            if kind is Row.SET and new:
                self.hidden.pop(level, None)
            elif code & SEEDED:
                self.hidden[level] = max(old, self.hidden.get(level, 0))
        else:
            self.came[level] += max(new - old, 0)
            if not old or not new:
                self.hidden.pop(level, None)
        return max(new - old, 0)

    def use(self, level: int, qty: int) -> None:
        self.used[level] += qty
        assert self.used[level] <= self.came[level], (level, self.used[level], self.came[level])


def send(driver: Driver, rng: np.random.Generator, action: tuple, sent: list[str], t: int) -> None:
    """Let an order, a replacement or a cancel arrive."""
    _, kind, buy, away, size, tif, display = action
    if kind == "cancel":
        if sent:
            driver.note(driver.venue.cancel(sent[int(rng.integers(len(sent)))], t))
        return
    pegs = kind in ("primary", "midpoint")
    rests = kind not in ("market", "limit") or (kind == "limit" and tif == "gtc")
    display = {"hidden": 0, "iceberg": min(size, 7), "midpoint": None}.get(kind, display)
    order = child(
        f"o{len(sent)}", Side.BUY if buy else Side.SELL, size, 0 if pegs and size == 3 else MID + away,
        kind if kind in ("market", "post-only") else "limit", "gtc" if rests else tif, peg=kind if pegs else "none",
        display=min(size, display) if rests and display is not None else None,
    )  # fmt: skip
    if sent and rng.random() < 0.3:
        driver.note(driver.venue.replace(sent[int(rng.integers(len(sent)))], order, t))
    else:
        driver.submit(order, t)
    sent.append(order.child_id)


@pytest.mark.parametrize("block", BLOCKS)
def test_no_unit_is_used_up_twice(block: int) -> None:
    """Of each level no more than came, of each print no more than it was, of each arrival no more than arrived."""
    for seed in range(100 * block, 100 * block + 100):
        rng = np.random.default_rng([3, seed])
        orders = rng.random() < 0.6
        rows = order_rows(rng, contradicts=rng.random() < 0.5) if orders else level_rows(rng)
        own = own_impact(rng, [None]) if rng.random() < 0.5 else None
        named = bool(orders and rng.random() < 0.7)
        rule = SelfTrade(str(rng.choice([one.value for one in SelfTrade])))
        driver = Driver(
            tape_of(rows, named=bool(orders)), "fifo" if named else "power-2", "full" if own else "ledger", own=own,
            named=named, self_trade=rule,
        )  # fmt: skip
        venue, count, sent, ours = driver.venue, Count(), list[str](), actions(rng, len(rows), 20)
        for i, (t, code, price, qty) in enumerate(driver.rows):
            venue.stats[lay.V_CURSOR] = i
            for action in (one for one in ours if one[0] == i):
                send(driver, rng, action, sent, t)
            for mark in venue.marks:
                count.use(mark.level, mark.taken)
            venue.marks = []
            driver.row(i)
            came = count.row(code, price, qty)
            inside = sum(abs(mark.moved) for mark in venue.marks if mark.level == lay.NO_LEVEL)
            assert inside <= (qty if code & 15 in (Row.TRADE, Row.FILL) else 0), seed
            assert sum(mark.taken for mark in venue.marks) <= came, seed
            for mark in venue.marks:
                if mark.level != lay.NO_LEVEL:
                    count.use(mark.level, mark.taken)
            venue.marks = []
            amounts = venue.taken.reshape(-1, 2)[:, 1]
            assert amounts.min() >= 0, seed
            assert (amounts > 0).sum() == venue.stats[lay.V_TAKEN], seed
            assert venue.orders[:, lay.O_LEAVES].min() >= 0, seed
            assert venue.fronts.min() >= 0, seed
            assert (venue.orders[:, lay.O_LIVE] != 0).sum() == venue.stats[lay.V_LIVE], seed
        for status in venue.truth():
            assert sum(fill.qty_units for fill in status.fills) <= venue.child(status.child_id).qty_units, seed


def lived(tape: Tape, plan: list[tuple], until: int, seed: int, **options: object) -> tuple[list, list]:
    """Work ``plan`` = (ms, what, name, order) up to ``until``; return all that we saw and heard, and all fills."""
    market = SimMarket(tape, seed=3, **options)
    watch = Watch(watch_id="w", parent_id="p", listing=KEY, kind=WatchKind.BID_NOT, a=MID - 1)
    seen: list = []
    now = market.start_ns

    def to(goal: int) -> None:
        nonlocal now
        armed = [watch] if seed % 2 else []
        while True:
            now, fired = market.advance(goal, armed)
            events = [told(message.event) for message in market.poll(now)]
            seen.append((now, fired, events))
            armed = [] if fired else armed
            if now >= goal and not events:
                return

    for ms, what, name, order in plan:
        goal = max(START_NS + ms * MS, now)
        if goal >= until:
            break
        to(goal)
        if what == "look":
            view = market.view(now)
            seen.append((view.bids, view.asks, view.volume_all, view.queues))
        elif what == "cancel":
            market.cancel(name, now)
        elif what == "replace":
            market.replace(name, order, now)
        else:
            market.submit(order, now)
    to(until - 1)
    view = market.view(now)
    seen.append((view.bids, view.asks, view.volume_all, view.queues))
    fills = [(status.child_id, fill) for status in market.truth() for fill in status.fills]
    return seen, [(name, fill) for name, fill in fills if fill.t_venue_ns < until]


def a_plan(rng: np.random.Generator, last_ms: int) -> list[tuple]:
    plan: list[tuple] = [(int(ms), "look", "", None) for ms in rng.integers(0, last_ms, 12)]
    for n in range(int(rng.integers(2, 16))):
        kind, size = str(rng.choice(["limit", "post-only", "market", "primary", "iceberg", "cancel"])), 1 + 19 * (n % 3)
        old, ms = f"c{int(rng.integers(0, n + 1))}", int(rng.integers(0, last_ms))
        order = None if kind == "cancel" else child(
            f"c{n}", Side.BUY if rng.random() < 0.5 else Side.SELL, size, MID + int(rng.integers(-3, 4)),
            kind if kind in ("market", "post-only") else "limit", peg=kind if kind == "primary" else "none",
            display=min(size, 7) if kind == "iceberg" else None,
        )  # fmt: skip
        plan.append((ms, kind if kind == "cancel" else "replace" if rng.random() < 0.2 else "submit", old, order))
    return sorted(plan, key=lambda one: one[0])


@pytest.mark.parametrize("block", BLOCKS)
def test_what_comes_later_changes_nothing_before(block: int) -> None:
    """Cut the tape at an instant: all that we and the venue saw and did before it is the same (I26)."""
    traded = 0
    for seed in range(50 * block, 50 * block + 50):
        rng = np.random.default_rng([4, seed])
        named = bool(rng.random() < 0.6)
        rows = order_rows(rng, 80) if named else level_rows(rng, 80)
        late = np.maximum.accumulate([row[0] + int(rng.integers(0, 60)) for row in rows])
        cut = int(rng.integers(1, max(rows[-1][0], 2)))
        part = [row for row in rows if row[0] < cut] or rows[:1]
        cut = max(cut, part[-1][0] + 1)
        tapes = [
            tape_of(some, named=named, recv_ms=[int(at) - row[0] for at, row in zip(late, some, strict=False)])
            for some in (rows, part)
        ]
        own = own_impact(rng, [None, 0.03]) if rng.random() < 0.4 else None
        ways = Latency(entry_ns=int(rng.choice([0, MS, 20 * MS])), response_ns=int(rng.choice([0, 2 * MS])), data_ns=MS)
        options = {"impact": "full" if own else str(rng.choice(["off", "ledger"])), "own_impact": own, "latency": ways}
        plan = a_plan(rng, cut)
        whole, short = (lived(tape, plan, START_NS + cut * MS, seed, **options) for tape in tapes)
        assert whole == short, seed
        traded += len(whole[1])
    assert traded > 10
