"""Commands to a running order: one owner in a thread of its own, the command line from outside."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nowake.app import run_journal, wiring
from nowake.app.operate import client, desk
from nowake.app.operate.change import AmendRequest
from nowake.app.operate.desk import Control
from nowake.app.request import OrderRequest
from nowake.core.amendment import AMENDABLE
from nowake.core.errors import JournalError
from nowake.core.inputs import OperatorCommand
from nowake.core.value import replace
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal
from nowake.live.recover import recover
from nowake.sim.commands import Recorded, placed_commands
from nowake.sim.run import simulate

SLOW, FAST = 60.0, 1e6
ORDER = OrderRequest(side="buy", quantity="4000", symbol="SYNTH", over="30m")


class Owner:
    """A run in a thread; ``rush`` lets it come to its end."""

    def __init__(self, path: Path, speed: float, prepared: Any) -> None:
        self.path, self.prepared, self.error = path, prepared, None
        self._control = Control(path, speed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while client.owner_of(path) is None and self._thread.is_alive():
            assert time.monotonic() < deadline, "the owner does not listen"
            time.sleep(0.01)

    def _run(self) -> None:
        try:
            with run_journal.open_journal(self.prepared, self.path) as journal:
                wiring.work(self.prepared, journal, control=self._control)
        except BaseException as error:  # noqa: BLE001 - raised again in ``end``
            self.error = error

    def end(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


def prepared_run(seed: int = 2) -> Any:
    return wiring.prepare(ORDER, wiring.RunOptions(seed=seed))


@pytest.fixture
def owner(cli: Any) -> Iterator[Owner]:
    """Return a run that goes on at 60 s a second, and cancel it in the end."""
    made = Owner(cli.folder / "run.db", SLOW, prepared_run())
    yield made
    if client.owner_of(made.path) is not None:
        cli("cancel run.db")
    made.end()


def executed_again(path: Path) -> tuple[int, str]:
    """Return the head of a run executed again from its journal's commands, into memory."""
    file = read_journal(path)
    prepared = wiring.reopen(path)
    journal = MemoryJournal(file.header)
    again = Recorded(placed_commands(file.batches()), file.head()[0])
    simulate(prepared.market, prepared.order, prepared.env, journal, desk=again)
    return journal.head()


def commands_of(path: Path) -> list[OperatorCommand]:
    return [batch.input for batch in read_journal(path).batches() if isinstance(batch.input, OperatorCommand)]


def test_pacing_changes_no_record(tmp_path: Path) -> None:
    heads = set()
    for name, speed in (("free.db", 0.0), ("paced.db", 3600.0), ("rushed.db", FAST)):
        prepared, path = prepared_run(), tmp_path / name
        with run_journal.open_journal(prepared, path) as journal:
            wiring.work(prepared, journal, control=Control(path, speed))
        heads.add(read_journal(path).head())
    assert len(heads) == 1


def test_the_life_of_an_operated_order(cli: Any, owner: Owner) -> None:
    status = json.loads(cli("status run.db --json").out)
    assert (status["status"], status["owner"]["speed"]) == ("running", SLOW)
    paused = cli("pause run.db --json")
    assert (paused.code, paused.document["status"], paused.document["repeated"]) == (0, "paused", False)
    again = cli("pause run.db")
    assert again.code == 1
    assert "pause was refused: the order is paused" in again.err
    same = cli(f"pause run.db --json --key {paused.document['key']}")
    assert (same.code, same.document["repeated"], same.document["status"]) == (0, True, "paused")
    conflict = cli(f"cancel run.db --key {paused.document['key']}")
    assert conflict.code == 1
    assert "was used for another command" in conflict.err
    assert json.loads(cli("status run.db --json").out)["status"] == "paused"
    assert cli("resume run.db").code == 0
    amended = cli("amend run.db --quantity 3000 --over 25m --urgency 0.9 --limit 150 --json").document
    assert "quantity 4000 -> 3000" in amended["text"]
    assert "limit none -> 150" in amended["text"]
    told = json.loads(cli("status run.db --json").out)
    assert told["plan"]["revision"] == 1
    assert (told["order"]["quantity"], told["order"]["limit"], told["order"]["over"]) == (3000, 150, "25m")
    assert told["filled"] + told["live"] + told["unsent"] == 3000
    assert cli("cancel run.db").code == 0
    owner.end()
    assert "SYNTH" in cli("status run.db").out
    assert [one.action.value for one in commands_of(owner.path)] == ["pause"] * 3 + [
        "cancel",
        "resume",
        "amend",
        "cancel",
    ]
    assert executed_again(owner.path) == read_journal(owner.path).head()
    report = json.loads(cli("tca run.db --json").out)
    assert (report["status"], report["order"]["quantity"]) == ("done", 3000)
    assert "cancelled by" in report["residual"]["reason"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("amend run.db", "at least one of"),
        ("amend run.db --limit -3", "limit must be > 0"),
        ("amend run.db --limit x", "limit must be"),
        ("amend run.db --max-participation 90%", "max_participation 0.9 is over the gate's ceiling"),
        ("amend run.db --participation 90%", "participation must be at most max_participation 0.15"),
        ("amend run.db --quantity 0", "quantity must be > 0"),
        ("amend run.db --quantity 1", "is below the"),
        ("amend run.db --end 2026-01-05T14:00:00Z", "end must be after the start 2026-01-05T14:30:00Z"),
        ("amend run.db --end 2026-01-06T14:00:00Z", "the longest that fits from there is --over 31m59s"),
        ("amend run.db --over 10h", "the longest that fits from there is --over 31m59s"),
        ("amend run.db --end 15:00 --over 5m", "not both"),
        ("amend run.db --urgency 3", "urgency must be in"),
        ("amend run.db --end-behaviour fly", "finish, cancel or run-on"),
    ],
)
def test_a_change_that_cannot_be_made_is_one_sentence(cli: Any, owner: Owner, line: str, said: str) -> None:
    time.sleep(0.2)
    found = cli(line)
    assert found.code == 1
    assert found.err.startswith("Error: ")
    assert found.err.count("\n") == 1
    assert any(one in found.err for one in said.split("|")), found.err


def test_a_limit_that_stops_the_order_is_carried_out_and_said(cli: Any, owner: Owner) -> None:
    amended = cli("amend run.db --limit 50 --json").document
    (warning,) = amended["warnings"]
    assert warning["code"] == "limit-away"
    assert "the limit 50.00 is" in warning["text"]
    status = json.loads(cli("status run.db --json").out)
    assert (status["order"]["limit"], [one["code"] for one in status["warnings"]]) == (50, ["limit-away"])
    assert "the limit 50.00 is" in cli("status run.db").out
    assert "limit-away" not in [one["code"] for one in cli("amend run.db --limit 150 --json").document["warnings"]]
    assert json.loads(cli("status run.db --json").out)["warnings"] == [], "the old limit is still warned of"


def test_there_is_never_a_second_writer(cli: Any, owner: Owner) -> None:
    with pytest.raises(JournalError, match="is being written by process"):
        wiring.resume(owner.path, prepared_run())
    before = cli("status run.db --json")
    assert before.code == 0


def test_commands_to_a_run_that_nobody_works_name_the_remedy(cli: Any) -> None:
    assert cli("work buy 200 SYNTH --over 1m --journal over.db").code == 0
    for command in ("pause", "cancel", "amend --urgency 1"):
        name, _, rest = command.partition(" ")
        found = cli(f"{name} over.db {rest}")
        assert found.code == 1
        assert "has ended: there is nothing to" in found.err
    assert cli("status over.db").code == 0
    assert cli("pause none.db").code == 1


def test_snapshots_bound_what_opening_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "SNAPSHOT_EVERY", 100)
    prepared, path = prepared_run(), tmp_path / "run.db"
    seen: list[int] = []

    def stop(t_ns: int, host: Any) -> None:
        seen.append(host.records)
        if host.records > 650:
            raise KeyboardInterrupt

    journal = run_journal.open_journal(prepared, path)
    real = wiring.simulate
    monkeypatch.setattr(wiring, "simulate", lambda *given: real(*given[:4], stop, *given[5:]))
    with journal, pytest.raises(KeyboardInterrupt):
        wiring.work(prepared, journal, control=Control(path))
    with SqliteJournal.open_writer(path) as opened:
        found, largest = recover(opened), max(len(batch.records) for batch in opened.batches())
        assert found.records > 600
        assert found.from_seq > 0
        assert found.records - found.from_seq <= 100 + largest
        assert recover(opened, use_snapshot=False).state == found.state
        (newest, *_), older = list(opened._storage.snapshots()), list(opened._storage.snapshots())[1]
        opened._storage.connection.execute("UPDATE snapshots SET state = x'00' WHERE seq = ?", (newest.seq,))
    with SqliteJournal.open_writer(path) as opened:
        again = recover(opened)
        assert (again.from_seq, again.state) == (older.seq, found.state)
        assert any("snapshot" in notice.text for notice in opened.notices)


def test_every_amendable_parameter_is_an_option_and_on_the_page() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/how-to/operate.md").read_text(encoding="utf-8")
    for name in AMENDABLE:
        assert f"`{name}`" in page, name
    assert {"quantity", "end", "over", "limit", "display"} <= set(AmendRequest.__struct_fields__)


def test_a_run_in_a_folder_without_sockets_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(journal: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(desk, "Channel", refuse)
    said: list[str] = []
    request = replace(ORDER, over="2m", quantity="200")
    prepared = wiring.prepare(request, wiring.RunOptions(seed=2))
    with run_journal.open_journal(prepared, tmp_path / "run.db") as journal:
        host = wiring.work(prepared, journal, control=Control(tmp_path / "run.db", 0.0, say=said.append))
    assert not host.state.active()
    assert said == [f"no commands can be given to this run: {tmp_path} takes no socket (operation not supported)"]


def test_a_paced_run_is_interrupted_and_goes_on(tmp_path: Path, cli: Any) -> None:
    command = [sys.executable, "-m", "nowake", "work", "buy", "900", "SYNTH", "--over", "9m", "--speed", "20"]
    log = tmp_path / "log"
    with log.open("wb") as told:
        run = subprocess.Popen([*command, "--journal", "run.db"], cwd=tmp_path, stdout=told, stderr=told)
    deadline = time.monotonic() + 120
    while not ((tmp_path / "run.db").exists() and client.owner_of(tmp_path / "run.db")):
        assert run.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 130
    assert "interrupted; go on with: nowake resume run.db" in log.read_text(encoding="utf-8")
    assert not (tmp_path / "run.db.sock").exists()
    assert cli("resume run.db --json").document["filled"] == 900
