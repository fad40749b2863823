"""The live shell: durable before sent, recovered at every crash point, reconnected, never early, never twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nowake.core.child import ChildStatus
from nowake.core.decisions import ChildSubmitted, QueryRequested, Withheld
from nowake.core.errors import InvariantBroken, JournalError
from nowake.core.inputs import Acked, OrderReceived, Restarted, SendFailed, Woken
from nowake.core.tape import Tape
from nowake.core.view import Integrity
from nowake.core.wire import Cancel, Submit
from nowake.engine.host import audit, fold
from nowake.engine.state import state_hash
from nowake.live.recover import recover
from nowake.sim.service import WireDelays

S = 1_000_000_000
Desks = Callable[..., Any]


def judge(desk: Any, shell: Any) -> None:
    """Hold the end of an order against the venue's own book."""
    truth, order = desk.service.truth(), desk.order
    parent = shell.state.parents[order.parent_id]
    assert parent.status.value == "done"
    assert (truth.duplicates, truth.clashes) == ((), ())
    assert truth.exposures.get(order.parent_id, 0) <= order.qty_units
    assert parent.filled == truth.filled(order.parent_id)
    assert parent.filled + sum(parent.abandoned.values()) == order.qty_units
    batches = list(desk.journal().batches())
    state = fold(record for batch in batches for record in batch.records)
    assert state_hash(state) == state_hash(shell.state)
    equal, difference = audit([(b.input, b.decisions) for b in batches], desk.env)
    assert (equal, difference) == (len(batches), "")
    withheld = {d.control for b in batches for d in b.decisions if isinstance(d, Withheld)}
    assert not withheld & {"duplicate", "overrun", "size", "self-trade"}, "the gate is not where these are prevented"
    intended = {d.child.child_id for b in batches for d in b.decisions if isinstance(d, ChildSubmitted)}
    assert {child.child_id for child in truth.orders} <= intended


def test_an_order_is_worked_to_its_end(desk: Desks) -> None:
    made = desk()
    shell = made.life()
    judge(made, shell)
    assert shell.state.parents["live"].filled == 900
    assert shell.recovered.records == 0


def test_nothing_leaves_before_it_is_durable(desk: Desks) -> None:
    """At the moment a create leaves, its intent is among the batches that a new reader of the storage finds."""
    made = desk()
    seen = 0

    def check(frame: Any) -> None:
        nonlocal seen
        if isinstance(frame, Submit):
            records = [record for batch in made.journal().batches() for record in batch.records]
            assert any(isinstance(r, ChildSubmitted) and r.child == frame.child for r in records)
            seen += 1

    shell = made.shell()
    made.venue.before_send = check
    shell.submit(made.order)
    shell.run(made.order.end_ns + 600 * S)
    judge(made, shell)
    assert seen > 10


def kill_at(what: str, k: int, killed: type[BaseException], stall_ns: int = 0) -> Callable[[Any], None]:
    """Return how to arm a desk so that its next process dies at the k-th moment of a kind."""
    left = k

    def strike(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise killed

    def arm(desk: Any) -> None:
        if what in ("before-write", "after-write"):
            setattr(desk.storage, what.partition("-")[0], strike)
            return
        original = desk.shell

        def shell(**options: Any) -> Any:
            desk.shell = original
            from_desk = type(desk.venue)

            class Dying(from_desk):  # type: ignore[misc, valid-type]
                grain_ns = desk.grain_ns

                def _send(self, frame: Any, child_id: str = "") -> None:
                    if isinstance(frame, Submit):
                        desk.clock.t_ns += stall_ns
                        if what == "before-send":
                            strike()
                    super()._send(frame, child_id)
                    if isinstance(frame, Submit) and what == "after-send":
                        strike()

            desk.service.disconnect()
            desk.epoch += 1
            desk.venue = Dying(desk.service, desk.clock)
            from nowake.live.shell import Shell

            return Shell(desk.journal(), desk.epoch, desk.env, desk.venue, desk.clock, snapshot_every=40)

        desk.shell = shell

    return arm


@pytest.mark.parametrize("what", ["before-write", "after-write", "before-send", "after-send"])
@pytest.mark.parametrize("k", [1, 2, 3, 5, 9, 17, 33])
def test_killed_at_a_moment_and_continued(desk: Desks, killed: type[BaseException], what: str, k: int) -> None:
    made = desk(qty=900, must_complete=True)
    dead = made.life(kill_at(what, k, killed)) is None
    shell = made.life()
    judge(made, shell)
    if dead:
        records = [record for batch in made.journal().batches() for record in batch.records]
        began = what != "before-write" or k > 1
        assert any(isinstance(record, Restarted) for record in records) == began


@pytest.mark.slow
@pytest.mark.parametrize("what", ["before-write", "after-write", "before-send", "after-send"])
def test_killed_at_every_moment(desk: Desks, killed: type[BaseException], what: str) -> None:
    for k in range(1, 400):
        made = desk(qty=900, must_complete=bool(k % 2))
        dead = made.life(kill_at(what, k, killed)) is None
        judge(made, made.life())
        if not dead:
            break
    assert k > 10


@pytest.mark.parametrize("stall_s", [0, 3, 20])
@pytest.mark.parametrize("what", ["before-send", "after-send"])
def test_killed_after_every_create(desk: Desks, killed: type[BaseException], what: str, stall_s: int) -> None:
    """No process sends more than one create, and each is held up for a while between its intent and its leaving.

    Creates are late by up to just under the horizon, and questions about them may be answered at once.
    """
    delays = WireDelays(entry_ns=S // 100, jitter_ns=19 * S // 10, response_ns=S // 100)
    made = desk(minutes=4.0, qty=1200, must_complete=True, seed=stall_s, delays=delays, grain_ns=S // 10)
    for _ in range(200):
        shell = made.life(kill_at(what, 1, killed, stall_s * S))
        if shell is not None:
            break
    judge(made, shell)


def test_what_was_possibly_sent_stays_reserved(desk: Desks, killed: type[BaseException]) -> None:
    """A new process holds every live child in doubt, with all it could still fill, until the venue has spoken."""
    made = desk()
    made.life(kill_at("after-send", 3, killed))
    before = recover(made.journal()).state.parents["live"]
    after = made.shell().state.parents["live"]
    assert before.live
    assert {child.status for child in after.live.values()} == {ChildStatus.IN_DOUBT}
    assert {key: child.leaves for key, child in after.live.items()} == {k: c.leaves for k, c in before.live.items()}
    assert (after.unsent, after.reserved) == (before.unsent, before.reserved)


def test_a_failed_journal_lets_only_cancels_leave(desk: Desks) -> None:
    made = desk()
    shell = made.shell()
    shell.submit(made.order)
    while not any(c.status is ChildStatus.WORKING for c in shell.state.parents["live"].live.values()):
        shell.step()
    live = set(shell.state.parents["live"].live)
    left: list[Any] = []
    made.venue.before_send = left.append

    def fail() -> None:
        raise JournalError("the disk is full")

    made.storage.before = fail
    with pytest.raises(JournalError, match="disk is full"):
        shell.run(made.order.end_ns)
    assert {frame.child_id for frame in left} == live
    assert all(isinstance(frame, Cancel) for frame in left)


@pytest.mark.parametrize("error", [ZeroDivisionError("planted"), InvariantBroken("I1", "planted"), AssertionError()])
def test_an_exception_in_the_core_stops_the_process_and_lets_only_cancels_leave(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever its class (I28): what rests is withdrawn, nothing is journaled, the next process goes on."""
    made = desk()
    shell = made.shell()
    shell.submit(made.order)
    while not any(c.status is ChildStatus.WORKING for c in shell.state.parents["live"].live.values()):
        shell.step()
    live, left = set(shell.state.parents["live"].live), list[Any]()
    made.venue.before_send = left.append

    def broken(*_: object) -> None:
        raise error

    with monkeypatch.context() as planted:
        planted.setattr("nowake.engine.host.step", broken)
        before = len(list(made.storage.batches()))
        with pytest.raises(type(error)):
            shell.run(made.order.end_ns)
        assert len(list(made.storage.batches())) == before
    assert {frame.child_id for frame in left} == live
    assert all(isinstance(frame, Cancel) for frame in left)
    judge(made, made.life())


def test_a_lost_connection_is_distrusted(desk: Desks) -> None:
    """While it is gone nothing is sent; when it is back every child is asked about; the total is exact."""
    made = desk(minutes=5.0, qty=1500)
    shell = made.shell()
    shell.submit(made.order)
    cuts = 0
    while shell.state.active():
        shell.step()
        parent = shell.state.parents["live"]
        if cuts < 6 and parent.live and made.clock.t_ns > made.order.start_ns + (30 + 40 * cuts) * S:
            cuts += 1
            made.venue.cut = True
            for _ in range(12):
                shell.step()
            assert shell.market.view(shell._now()).integrity & Integrity.GAP
            before = len(made.sent())
            for _ in range(5):
                shell.step()
            assert len(made.sent()) == before
            made.venue.cut = False
    judge(made, shell)
    # Every child was asked about, so every fill was told more than once.
    assert shell.market.view(shell._now()).volume_own == shell.state.parents["live"].filled
    assert cuts >= 4
    inputs = [batch.input for batch in made.journal().batches()]
    assert any(isinstance(one, SendFailed) for one in inputs)


def test_snapshot_and_tail_are_the_fold(desk: Desks) -> None:
    made = desk(minutes=4.0)
    made.life(snapshot_every=25)
    journal = made.journal()
    short, whole = recover(journal), recover(journal, use_snapshot=False)
    assert 0 < whole.records - short.from_seq <= 60
    assert whole.from_seq == 0
    assert state_hash(short.state) == state_hash(whole.state)
    assert list(short.state.parents["live"].closed) == list(whole.state.parents["live"].closed)
    assert short.view == whole.view


def test_a_snapshot_of_other_code_is_passed_over(desk: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk(minutes=2.0)
    made.life(snapshot_every=25)
    monkeypatch.setattr("nowake.live.recover.code_hash", lambda: "other")
    found = recover(made.journal())
    assert found.from_seq == 0
    assert found.state.parents["live"].filled > 0


def test_late_timers_fire_at_once(desk: Desks, killed: type[BaseException]) -> None:
    """A process that was away for two minutes wakes what is due in its first turns, and skips no slice for good."""
    made = desk(minutes=5.0, qty=1500, must_complete=True)
    made.life(kill_at("after-write", 30, killed))
    made.clock.t_ns += 120 * S
    back_ns = made.clock.t_ns
    shell = made.life()
    judge(made, shell)
    woken = [b.input.t_ns for b in made.journal().batches() if isinstance(b.input, Woken) and b.input.t_ns >= back_ns]
    assert woken[0] - back_ns < 3 * S
    assert shell.state.parents["live"].filled == 1500


def test_the_horizon_runs_from_when_the_create_may_have_left(desk: Desks, killed: type[BaseException]) -> None:
    """A create held up for 20 s before it left is not asked about within the horizon of the crash."""
    made = desk()
    made.life(kill_at("before-send", 2, killed, 20 * S))
    died_ns = made.clock.t_ns
    shell = made.life()
    judge(made, shell)
    decided = [(b.input.t_ns, d) for b in made.journal().batches() for d in b.decisions]
    last = [d.child.child_id for t, d in decided if isinstance(d, ChildSubmitted) and t < died_ns][-1]
    asked = [t for t, d in decided if isinstance(d, QueryRequested) and d.child_id == last]
    assert asked[0] >= died_ns + made.env.timing.horizon_ns


def test_counters_of_the_market_outlive_the_process(desk: Desks, killed: type[BaseException]) -> None:
    made = desk(minutes=4.0)
    made.life(kill_at("after-write", 40, killed))
    made.life()
    views = [v for b in made.journal().batches() if (v := getattr(b.input, "view", None)) is not None]
    for name in ("volume_all", "volume_own", "notional_all", "mid_ns", "mid2_time", "spread_time", "realised_ns"):
        values = [getattr(view, name) for view in views]
        assert values == sorted(values), name
    assert len({view.since_ns for view in views if view.since_ns}) == 1
    filled = sum(o.cum_qty for o in made.service.truth().statuses)
    assert views[-1].volume_own <= filled


def test_a_known_order_is_not_submitted_twice(desk: Desks) -> None:
    made = desk()
    judge(made, made.life())
    made.life()
    received = [b for b in made.journal().batches() if isinstance(b.input, OrderReceived)]
    assert len(received) == 1


def test_a_listener_hears_every_batch_once_over_all_lives(desk: Desks) -> None:
    """A process that is killed has told a prefix of what it made durable; the next one goes on, none is told twice."""

    class Ears:
        def __init__(self) -> None:
            self.heard: list[Any] = []

        def told(self, batch: Any, *, replayed: bool) -> None:
            assert not replayed
            assert sum(1 for _ in made.storage.batches()) >= len(self.heard) + 1, "told before it was durable"
            self.heard.append(tuple(batch))

        def written(self, batches: int, seconds: float) -> None:
            assert batches > 0

    made, ears = desk(), Ears()
    judge(made, made.life(listener=ears))
    assert ears.heard == [batch.records for batch in made.journal().batches()]


@pytest.mark.parametrize(("patience_s", "least_s", "most_s"), [(20, 5.0, 9.0), (1, 0.7, 4.5)])
def test_the_queue_before_an_order_waits_for_a_feed_that_comes_late(
    desk: Desks, monkeypatch: pytest.MonkeyPatch, patience_s: int, least_s: float, most_s: float
) -> None:
    """Market data come 5 s late: what the queue is said to be includes who joined before us. It waits, not for ever."""
    made = desk(minutes=10.0, urgency=0.0, grain_ns=S // 5, delays=WireDelays())
    shell = made.shell()
    inner, held = made.venue.rows, []

    def late(now_ns: int) -> tuple[Tape, ...]:
        held.extend((now_ns, rows) for rows in inner(now_ns))
        due = [rows for t_ns, rows in held if t_ns <= now_ns - 5 * S]
        del held[: len(due)]
        return tuple(due)

    monkeypatch.setattr(made.venue, "rows", late)
    monkeypatch.setattr("nowake.live.shell.FEED_LATE_NS", patience_s * S)
    joined: list[tuple[int, str]] = []
    track = shell.market.track

    def noted(child_id: str, *where: Any) -> None:
        joined.append((shell._now(), child_id))
        track(child_id, *where)

    monkeypatch.setattr(shell.market, "track", noted)
    for _ in range(40):  # until the feed has begun
        shell.step()
    shell.submit(made.order)
    shell.run(made.order.end_ns)
    inputs = [batch.input for batch in made.journal().batches()]
    arrived = {one.child_id: one.t_venue_ns for one in inputs if isinstance(one, Acked)}
    assert joined
    for t_ns, child_id in joined:
        assert least_s * S <= t_ns - arrived[child_id] <= most_s * S
