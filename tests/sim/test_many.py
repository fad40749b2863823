"""Many worlds on one pass: each is what the venue alone does, and worlds do not see each other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, streams
from sim_orders import child
from test_match_l2 import Driver

from nowake.core.child import OrderType, TimeInForce
from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, Book, Row, Tape, row_code
from nowake.core.value import replace
from nowake.sim import layout as lay
from nowake.sim.many import NEVER, Outcomes, Probe, WorldRules, run_worlds
from nowake.sim.many_kernel import ENDED, FILLED, LIVE, REFUSED
from nowake.sim.synthetic.generate import synth_tape

PROBES = st.builds(
    lambda kind, at, buy, away, qty, ioc, stay, world: Probe(
        arrives_ns=START_NS + at,
        side=Side.BUY if buy else Side.SELL,
        qty_units=qty,
        price_units=0 if kind == "market" or (kind == "peg" and qty == 3) else MID + away,
        order_type=OrderType("limit" if kind == "peg" else kind),
        tif=TimeInForce.IOC if kind == "market" or (ioc and kind == "limit") else TimeInForce.GTC,
        cancel_ns=START_NS + at + stay,
        peg=kind == "peg",
        world=world,
    ),
    st.sampled_from(["limit", "limit", "post-only", "market", "peg", "peg"]),
    st.one_of(st.integers(0, 60 * MS), st.sampled_from([0, 1, 3, 4, 40, 41, 43]).map(MS.__mul__)),  # with a row, too
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([1, 3, 20, 200]),
    st.booleans(),
    st.sampled_from([0, 5 * MS, 30 * MS, 10_000 * MS]),
    st.integers(0, 3),
)
RULES = st.builds(
    lambda model, ledger: WorldRules(
        queue_model=model, ledger=ledger is not None, half_life_ns=None if ledger == -1 else ledger
    ),
    st.sampled_from(["power-2", "power-3", "log", "risk-averse", "power3-2"]),
    st.sampled_from([None, None, -1, 30 * MS]),
)


def alone(tape: Tape, probes: list[tuple[int, Probe]], rules: WorldRules) -> tuple[list[tuple], dict[int, int]]:
    """Run one world at a venue of its own; returns its fills and what each probe became."""
    half = "ledger" if rules.ledger else "off"
    driver = Driver(tape, rules.queue_model, half, rules.half_life_ns)
    todo = [(p.arrives_ns, i, 0) for i, p in sorted(probes, key=lambda one: (one[1].arrives_ns, one[0]))]
    todo = sorted([x for i in todo for x in (i, (dict(probes)[i[1]].cancel_ns, i[1], 1))], key=lambda event: event[0])
    became: dict[int, int] = {}

    def act(before_ns: int) -> None:
        while todo and todo[0][0] < before_ns:
            t, i, what = todo.pop(0)
            probe = dict(probes)[i]
            if what:
                driver.venue.cancel(str(i), t)
                continue
            kind, tif = probe.order_type.value, probe.tif.value
            peg = "primary" if probe.peg else "none"
            order = child(str(i), probe.side, probe.qty_units, probe.price_units, kind, tif, peg=peg)
            if "rejected" in driver.submit(order, t):
                became[i] = REFUSED

    for row, (t, *_) in enumerate(driver.rows):
        act(t)
        driver.venue.stats[lay.V_CURSOR] = row
        driver.row(row)
    driver.venue.stats[lay.V_CURSOR] = len(driver.rows)
    todo = [event for event in todo if event[2] == 0 or event[0] <= driver.rows[-1][0]]
    act(NEVER)
    for status in driver.venue.truth():
        i, whole = int(status.child_id), status.cum_qty == driver.venue.child(status.child_id).qty_units
        became.setdefault(i, LIVE if status.live else FILLED if whole else ENDED)
    return [(int(f[0]), *f[1:]) for f in driver.fills], became


def check(tape: Tape, probes: list[Probe], rules: list[WorldRules]) -> Outcomes:
    """Hold every world against the venue alone."""
    found = run_worlds(tape, probes, rules)
    for world, rule in enumerate(rules):
        own = [(i, probe) for i, probe in enumerate(probes) if probe.world == world]
        fills, became = alone(tape, own, rule)
        mine = [
            (i, qty, price, t, how != lay.TOOK) for i, qty, price, t, how in found.fills.tolist()
            if probes[i].world == world
        ]  # fmt: skip
        assert mine == fills
        assert {i: int(found.status[i]) for i, _ in own} == became
        for i, _ in own:
            assert found.filled[i] == sum(f[1] for f in fills if f[0] == i)
            assert found.first_ns[i] == min((f[3] for f in fills if f[0] == i), default=NEVER)
    return found


@settings(max_examples=300)
@given(
    rows=streams(max_rows=60, reach=3),
    probes=st.lists(PROBES, max_size=12),
    rules=st.lists(RULES, min_size=4, max_size=4),
    bar_ms=st.sampled_from([0, 0, 7, 100]),
)
def test_each_world_is_the_venue_alone(
    rows: list[tuple[int, int, int, int]], probes: list[Probe], rules: list[WorldRules], bar_ms: int
) -> None:
    tape = make_tape(rows)
    if bar_ms:
        tape = dataclasses.replace(tape, meta=replace(tape.meta, modelled=f"from {bar_ms}ms bars"))
    check(tape, probes, rules)


def test_no_world_gets_more_of_a_bar_than_there_is() -> None:
    """A quarter of the 40 printed in the bar: for what takes and for what rests, in every world anew."""
    rows = [(0, row_code(Row.SET, Book.BID) | END, MID - 1, 0), (0, row_code(Row.SET, Book.ASK) | END, MID + 1, 500)]
    rows += [(5, row_code(Row.TRADE, Book.ASK) | END, MID - 1, 40), (150, row_code(Row.TRADE, Book.ASK) | END, MID, 8)]
    tape = make_tape(rows)
    tape = dataclasses.replace(tape, meta=replace(tape.meta, modelled="from 100ms bars"))
    takes = Probe(arrives_ns=START_NS + MS, side=Side.BUY, qty_units=6, price_units=MID + 1, tif=TimeInForce.IOC)
    rests = Probe(arrives_ns=START_NS + MS, side=Side.BUY, qty_units=100, price_units=MID)
    probes = [takes, rests, replace(rests, world=1), replace(takes, world=2, qty_units=100)]
    assert run_worlds(tape, probes).filled.tolist() == [6, 4 + 2, 10 + 2, 10]


@settings(max_examples=100)
@given(
    rows=streams(max_rows=60, reach=3),
    probes=st.lists(PROBES, max_size=12),
    ids=st.lists(st.integers(0, 5), min_size=60, max_size=60),
)
def test_exact_queues_too(rows: list[tuple[int, int, int, int]], probes: list[Probe], ids: list[int]) -> None:
    tape = dataclasses.replace(make_tape(rows), order_id=np.array(ids[: len(rows)], dtype=np.int64))
    check(tape, probes, [WorldRules(queue_model="fifo")] * 4)


def test_worlds_over_a_recorded_hour(synth_hour: Tape) -> None:
    """A thousand orders of 64 worlds, with every queue model, over a market of an hour."""
    rng = np.random.default_rng(5)
    touch = synth_hour.prices()[0]
    first, last = int(synth_hour.t_event[0]), int(synth_hour.t_event[-1])
    probes = [
        Probe(
            arrives_ns=int(rng.integers(first, last)),
            side=Side.BUY if rng.random() < 0.5 else Side.SELL,
            qty_units=int(rng.integers(1, 50)) * synth_hour.listing.lot_units,
            price_units=int(touch) - int(touch) % synth_hour.listing.tick_units(int(touch)),
            cancel_ns=last,
            peg=True,
            world=i % 64,
        )
        for i in range(1000)
    ]
    names = ["power-2", "log", "risk-averse", "power3-2"]
    found = check(synth_hour, probes, [WorldRules(queue_model=names[k % 4], ledger=k % 3 == 0) for k in range(64)])
    assert (found.status == FILLED).sum() > 500


@pytest.fixture(scope="module")
def synth_hour() -> Tape:
    return synth_tape(seed=3, start_ns=START_NS, duration_ns=600_000 * MS)


def test_worlds_do_not_see_each_other() -> None:
    """One print of 10 fills an order of 10 in each world, but two orders of one world only once."""
    book = row_code(Row.SET, Book.BID) | END
    tape = make_tape([(0, book, MID, 5), (1, row_code(Row.SET, Book.ASK) | END, MID + 1, 5), (9, book, MID, 0),
                      (10, row_code(Row.TRADE, Book.ASK) | END, MID, 10)])  # fmt: skip
    probe = Probe(arrives_ns=START_NS + 2 * MS, side=Side.BUY, qty_units=10, price_units=MID)
    worlds = [0, 1, 2, 2]
    found = run_worlds(tape, [replace(probe, world=world) for world in worlds])
    assert found.filled.tolist() == [10, 10, 10, 0]


def test_what_came_to_the_price_of_one_world_is_gone_in_that_world_alone() -> None:
    """An offer of 100 comes to a bid of ours: it filled 40 in world 1, so 60 are left there, and 100 elsewhere."""
    rows = [(0, row_code(Row.SET, Book.BID) | END, MID - 5, 9), (5, row_code(Row.SET, Book.ASK) | END, MID, 100)]
    tape = make_tape([*rows, (20, row_code(Row.SET, Book.BID) | END, MID - 5, 8)])
    rests = Probe(arrives_ns=START_NS + MS, side=Side.BUY, qty_units=40, price_units=MID, world=1)
    takes = Probe(arrives_ns=START_NS + 9 * MS, side=Side.BUY, qty_units=200, price_units=MID, tif=TimeInForce.IOC)
    probes = [rests, *(replace(takes, world=k) for k in range(3))]
    rules = [WorldRules(ledger=True)] * 3
    assert run_worlds(tape, probes, rules).filled.tolist() == [40, 100, 60, 100]


def test_a_closed_venue_refuses_and_bad_probes_are_named() -> None:
    tape = make_tape([(0, row_code(Row.SET, Book.BID) | END, MID, 5)], tick=5)
    probe = Probe(arrives_ns=START_NS, side=Side.BUY, qty_units=1, price_units=MID)
    shut = Session(name="SHUT", weekdays=(0,))  # the tape is of a Tuesday
    assert run_worlds(tape, [probe], session=shut).status.tolist() == [REFUSED]
    with pytest.raises(InputError, match=r"probes\[0\]"):
        run_worlds(tape, [Probe(arrives_ns=START_NS, side=Side.BUY, qty_units=1, price_units=MID + 1)])
    with pytest.raises(InputError, match="rules"):
        run_worlds(tape, [replace(probe, world=2)], [WorldRules()] * 2)
    with pytest.raises(InputError, match="fifo"):
        run_worlds(tape, [probe], [WorldRules(queue_model="fifo"), WorldRules()])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("side", "buy"),
        ("qty_units", "1"),
        ("qty_units", 1.5),
        ("arrives_ns", None),
        ("tif", TimeInForce.FOK),  # it rested
        ("tif", TimeInForce.CLS),
        ("world", -1),
        ("world", 10**9),  # as many tables were made
    ],
)
def test_a_wrong_probe_is_one_sentence(field: str, value: object) -> None:
    given: dict[str, Any] = {"arrives_ns": START_NS, "side": Side.BUY, "qty_units": 1, "price_units": MID, field: value}
    with pytest.raises(InputError, match=rf"^{field} must be"):
        Probe(**given)


@pytest.mark.parametrize(
    ("name", "value"), [("tape", None), ("probes", "x"), ("probes", [3]), ("rules", "x"), ("session", "x")]
)
def test_a_wrong_run_is_one_sentence(name: str, value: object) -> None:
    given: dict[str, Any] = {"tape": make_tape([]), "probes": [], name: value}
    with pytest.raises(InputError, match=rf"^{name} must be"):
        run_worlds(**given)
