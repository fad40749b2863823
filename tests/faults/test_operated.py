"""Operated runs killed by SIGKILL: an answered command is never lost, and executed again it falls on the same place."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nowake.app import wiring
from nowake.app.operate import client
from nowake.app.operate.desk import Control
from nowake.app.operate.messages import Answer
from nowake.app.operate.status import read_status
from nowake.app.results import environment, resume_run
from nowake.core.amendment import Amendment
from nowake.core.errors import JournalError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.engine.host import audit
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.sim.commands import Recorded, placed_commands
from nowake.sim.run import simulate

SEED, KILLED = 6, -9
ORDER = {"side": "sell", "quantity": "4000", "symbol": "SYNTH", "over": "40m"}


def kept(path: Path) -> list[tuple[Any, ...]]:
    """Return the batches of a journal as the file holds them, byte for byte."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT seq, body, hash FROM batches ORDER BY seq").fetchall()


def start(forker: Any, path: Path, speed: float) -> int:
    log = str(path) + ".err"
    pid: int = forker.start(run="sim", journal=str(path), order=ORDER, seed=SEED, log=log, speed=speed)
    return pid


def wait_for_owner(path: Path) -> Answer:
    deadline = time.monotonic() + 60
    while True:
        if path.exists() and (found := client.owner_of(path)) is not None:
            return found
        assert time.monotonic() < deadline, Path(str(path) + ".err").read_text(encoding="utf-8")
        time.sleep(0.01)


def random_command(rng: random.Random, qty: int) -> Any:
    action = rng.choice([OperatorAction.PAUSE, OperatorAction.RESUME, *[OperatorAction.AMEND] * 3])
    amendment = None
    if action is OperatorAction.AMEND:
        amendment = rng.choice(
            [
                Amendment(qty_units=qty + rng.randint(-5, 9)),
                Amendment(urgency=rng.random()),
                Amendment(limit_units=0),
                Amendment(participation_max=0.05 + 0.1 * rng.random()),
            ]
        )
    return client.command(action, f"k{rng.randint(0, 10**9)}", "ann", amendment)


def operate_and_kill(forker: Any, path: Path, kills: int) -> None:
    """Give commands and kill, some times; then let the run end, and execute it again from its own journal."""
    rng, answered, before = random.Random(f"{SEED} {path.parent.name} {kills}"), [], []
    for _ in range(kills):
        pid = start(forker, path, 90.0)
        wait_for_owner(path)
        for _ in range(rng.randint(1, 5)):
            time.sleep(rng.random() * 0.3)
            ask = random_command(rng, 4000)
            answered.append((ask.key, client.give(path, ask).accepted))
        assert forker.kill_after(pid, rng.choice((0.0, rng.random() * 0.3))) == KILLED
        there = kept(path)
        assert there[: len(before)] == before, "records were lost or changed"
        journaled = {one.input.key for one in read_journal(path).batches() if isinstance(one.input, OperatorCommand)}
        assert {key for key, _ in answered} <= journaled, "an answered command was lost"
        before = there
        with pytest.raises(JournalError, match="nobody works the run"):
            client.give(path, client.command(OperatorAction.PAUSE))
    assert forker.wait(start(forker, path, 0.0)) == 0, Path(str(path) + ".err").read_text(encoding="utf-8")
    assert kept(path)[: len(before)] == before
    found = read_status(path)
    assert found.over
    assert found.parent is not None
    assert {key: not found.state.keys[key].refused for key, _ in answered} == dict(answered)
    assert found.parent.filled + sum(found.parent.abandoned.values()) == found.parent.order.qty_units
    assert executed_again(path) == read_journal(path).head()
    assert not read_journal(path).verify().notices


def executed_again(path: Path) -> tuple[int, str]:
    file, prepared = read_journal(path), wiring.reopen(path)
    journal = MemoryJournal(file.header)
    desk = Recorded(placed_commands(file.batches()), file.head()[0])
    simulate(prepared.market, prepared.order, prepared.env, journal, desk=desk)
    return journal.head()


def test_an_operated_run_is_killed_and_executed_again(forker: Any, tmp_path: Path) -> None:
    operate_and_kill(forker, tmp_path / "run.db", 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"run{k}.db" for k in range(10)])
def test_operated_runs_are_killed_and_executed_again(forker: Any, tmp_path: Path, name: str) -> None:
    operate_and_kill(forker, tmp_path / name, 4)


def test_resume_lets_a_run_that_was_paused_work_again(forker: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    pid = start(forker, path, 60.0)
    wait_for_owner(path)
    assert client.give(path, client.command(OperatorAction.PAUSE)).accepted
    assert forker.kill_after(pid, 0.1) == KILLED
    result, went_on = resume_run(path, control=Control(path, unpause=client.command(OperatorAction.RESUME)))
    assert went_on
    assert result.report.filled_units == 4000
    assert executed_again(path) == read_journal(path).head()


def test_a_worker_at_a_venue_takes_the_same_commands(field: Any) -> None:
    made = field(7, minutes=6.0, speed=30.0)
    pid = made.start()
    wait_for_owner(made.journal)
    assert client.give(made.journal, client.command(OperatorAction.PAUSE, "k1")).status == "paused"
    assert made.forker.kill_after(pid, 0.05) == KILLED
    assert read_status(made.journal).word == "paused"
    pid = made.start()
    wait_for_owner(made.journal)
    again = client.give(made.journal, client.command(OperatorAction.PAUSE, "k1"))
    assert (again.accepted, again.repeated) == (True, True)
    assert client.give(made.journal, client.command(OperatorAction.RESUME)).status == "running"
    assert client.give(made.journal, client.command(OperatorAction.AMEND, amendment=Amendment(qty_units=2000))).accepted
    status = made.forker.wait(pid)
    outcome = made.outcome()
    assert (status, outcome["status"]) == (0, "done"), made.errors()
    truth = made.truth()
    assert not truth.duplicates
    assert not truth.clashes
    assert outcome["filled"] == truth.filled(made.order.parent_id) <= 2000
    assert outcome["filled"] + outcome["abandoned"] == 2000
    file = read_journal(made.journal)
    batches = [(batch.input, batch.decisions) for batch in file.batches()]
    assert audit(batches, environment(file)) == (len(batches), "")


def test_a_second_owner_is_refused_while_the_first_lives(forker: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    pid = start(forker, path, 60.0)
    first = wait_for_owner(path)
    assert first.process == pid
    with pytest.raises(JournalError, match=f"is being written by process {pid}"):
        wiring.resume(path, wiring.reopen(path))
    assert client.owner_of(path) is not None, "the refused owner took the channel"
    assert client.give(path, client.command(OperatorAction.CANCEL)).accepted
    assert forker.wait(pid) == 0
    assert client.owner_of(path) is None


def test_a_run_killed_while_paused_stays_paused_until_it_is_resumed(forker: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    pid = start(forker, path, 60.0)
    wait_for_owner(path)
    assert client.give(path, client.command(OperatorAction.PAUSE)).accepted
    assert forker.kill_after(pid, 0.1) == KILLED
    assert read_status(path).word == "paused"
    pid = start(forker, path, 60.0)
    wait_for_owner(path)
    assert client.give(path, client.command(OperatorAction.RESUME)).text.startswith("resumed")
    assert client.give(path, client.command(OperatorAction.CANCEL)).accepted
    assert forker.wait(pid) == 0
