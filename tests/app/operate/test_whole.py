"""One order over several venues, operated as one: all parts or none, once, and the same when it is executed again."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from nowake.app import run_journal, venues_run, wiring
from nowake.app.operate import client
from nowake.app.operate.change import AmendRequest, parts
from nowake.app.operate.desk import Control, what_came
from nowake.app.operate.messages import CommandAsk
from nowake.app.operate.status import read_statuses
from nowake.app.request import OrderRequest
from nowake.app.run_options import RunOptions
from nowake.app.venues_file import venues_of
from nowake.app.venues_results import read_venues, resume_venues
from nowake.core.amendment import Amendment
from nowake.core.decisions import AnyDecision, ChildSubmitted, ParentStatus, StatusChanged
from nowake.core.errors import InputError, JournalError, Refused
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.engine.host import Host
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.sim.commands import Recorded, placed_commands

S = 10**9
FILE = """
[[venue]]
name = "NEAR"
seed = 1
[[venue]]
name = "FAR"
seed = 2
latency = "20ms"
[[dark]]
reference = "NEAR"
latency = "5ms"
buy_per_hour = 60
sell_per_hour = 60
sizes = [100, 200]
"""
ORDER = OrderRequest(side="buy", quantity="3000", symbol="SYNTH", over="6m", strategy="twap")
NEAR, FAR, DARK = "SYNTH@NEAR", "SYNTH@FAR", "SYNTH@DARK"


def prepared_run(folder: Path) -> venues_run.PreparedVenues:
    (folder / "venues.toml").write_text(FILE)
    return venues_run.prepare_venues(ORDER, RunOptions(seed=3, venues=venues_of(folder / "venues.toml")))


def ask(action: str, key: str = "", **parts: Amendment) -> CommandAsk:
    by_listing = tuple((f"SYNTH@{venue}", one) for venue, one in parts.items())
    return CommandAsk(action=OperatorAction(action), actor="ann", key=key or action, parts=by_listing)


class Asking:
    """A desk that asks for things at seconds after the start, as a channel would hand them in."""

    def __init__(self, prepared: venues_run.PreparedVenues, *asks: tuple[float, CommandAsk]) -> None:
        start_ns = prepared.legs[0].order.start_ns
        self._asks = [(start_ns + int(at * S), one) for at, one in asks]
        self._spread = prepared.spread
        self.came: list[tuple[bool, str]] = []

    def bound_ns(self, now_ns: int, host: Host) -> int:
        return self._asks[0][0] if self._asks else 0

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        if not self._asks or self._asks[0][0] > t_ns:
            return ()
        return self._spread(self._asks.pop(0)[1], t_ns, host)

    def tell(self, command: OperatorCommand, decisions: tuple[AnyDecision, ...], host: Host) -> None:
        accepted, text, _, _ = what_came(command, decisions, host.state)
        self.came.append((accepted, text))


def worked(folder: Path, *asks: tuple[float, CommandAsk]) -> tuple[Path, venues_run.PreparedVenues, Host, Asking]:
    """Work the order with what is asked at its times, into a file."""
    prepared, path = prepared_run(folder), folder / "run.db"
    desk = Asking(prepared, *asks)
    with run_journal.open_journal(prepared, path) as journal:
        host = prepared.simulate(journal, None, desk)
    return path, prepared, host, desk


def commands_of(path: Path) -> list[OperatorCommand]:
    return [one.input for one in read_journal(path).batches() if isinstance(one.input, OperatorCommand)]


def cut(path: Path, records: int) -> Path:
    """Return a copy of a journal that stops after so many records."""
    made = path.with_name(f"cut{records}.db")
    made.write_bytes(path.read_bytes())
    with sqlite3.connect(made) as store:
        store.execute("DELETE FROM batches WHERE seq >= ?", (records,))
    store.close()
    return made


def filled_at_the_venues(prepared: venues_run.PreparedVenues) -> int:
    return sum(fill.qty_units for status in prepared.markets.truth() for fill in status.fills)


def test_what_is_asked_of_the_whole_is_done_to_every_part_and_comes_again(tmp_path: Path) -> None:
    """Paused over the end of the dark part, whose rest waits with the others; then resumed, amended and finished."""
    urgent = Amendment(urgency=0.9)
    asks = (170, ask("pause")), (200, ask("resume")), (230, ask("amend", NEAR=urgent, FAR=urgent))
    path, prepared, host, _ = worked(tmp_path, *asks)
    assert filled_at_the_venues(prepared) == 3_000
    start_ns = prepared.legs[0].order.start_ns
    sent = [one.t_sent_ns for leg in read_venues(path).legs for one in leg.report.children]
    assert not [t for t in sent if start_ns + 170 * S < t < start_ns + 200 * S]
    assert len([t for t in sent if t < start_ns + 170 * S]) > 5
    given = [(one.action.value, one.key) for one in commands_of(path) if one.actor == "ann"]
    assert given == [
        *[("pause", f"pause@{key}") for key in (NEAR, FAR, DARK)],
        *[("resume", f"resume@{key}") for key in (NEAR, FAR)],
        *[("amend", f"amend@{key}") for key in (NEAR, FAR)],
    ]
    passed = [one for one in commands_of(path) if one.actor == "venues"]
    assert [one.t_ns - start_ns < 200 * S for one in passed] == [True, True]
    head = read_journal(path).head()
    seqs = [one.seq for one in read_journal(path).batches() if isinstance(one.input, OperatorCommand)]
    for records in (seqs[0], seqs[1], seqs[3], seqs[4], seqs[5], seqs[-1], seqs[-1] + 20):  # between two parts as well
        again = cut(path, records)
        result, went_on = resume_venues(again, control=Control(again))
        assert went_on
        if records > seqs[-1]:  # all commands are in it: the same to the end
            assert read_journal(again).head() == head
        assert result.filled <= 3_000
        if records >= seqs[3]:  # what the dark part left goes to both, though the process died between them
            assert [one for one in commands_of(again) if one.actor == "venues"] == passed
    assert all(parent.status is ParentStatus.DONE for parent in host.state.parents.values())


def test_a_command_that_a_dying_process_gave_to_one_part_is_finished_by_asking_again(tmp_path: Path) -> None:
    path, _, _, _ = worked(tmp_path, (50, ask("pause")))
    seqs = [one.seq for one in read_journal(path).batches() if isinstance(one.input, OperatorCommand)]
    one_part = cut(path, seqs[1])
    prepared = prepared_run(tmp_path)
    desk = Asking(prepared, (60, ask("pause")), (70, ask("pause")), (80, ask("resume")), (90, ask("pause")))
    journal = MemoryJournal(read_journal(path).header)
    batches = read_journal(one_part).batches()
    prepared.simulate(journal, None, Recorded(prepared.operators(placed_commands(batches)), seqs[1], desk))
    turned = [one for batch in journal.batches() for one in batch.decisions if isinstance(one, StatusChanged)]
    paused = [one.parent_id for one in turned if one.status is ParentStatus.PAUSED]
    assert paused == [leg.order.parent_id for leg in prepared.legs]  # each once, the first before the process died
    assert [accepted for accepted, _ in desk.came] == [True] * len(desk.came)


def test_a_cancelled_whole_leaves_nothing_at_any_venue_and_passes_nothing_on(tmp_path: Path) -> None:
    path, prepared, host, _ = worked(tmp_path, (100, ask("cancel")))
    assert not [status for status in prepared.markets.truth() if status.live]
    filled = filled_at_the_venues(prepared)
    assert 0 < filled < 3_000
    assert sum(parent.filled for parent in host.state.parents.values()) == filled
    assert not [one for one in commands_of(path) if one.actor == "venues"]
    late = prepared.legs[0].order.start_ns + 101 * S
    batches = [one for one in read_journal(path).batches() if one.input.t_ns > late]
    assert not [one for batch in batches for one in batch.decisions if isinstance(one, ChildSubmitted)]


def test_a_change_that_one_part_refuses_changes_none(tmp_path: Path) -> None:
    refused = ask("amend", NEAR=Amendment(urgency=0.9), FAR=Amendment(participation_max=0.9))
    asks = (50, refused), (60, ask("pause", "p")), (70, ask("pause", "p")), (80, refused)
    path, _, host, desk = worked(tmp_path, *asks)
    assert desk.came.pop() == desk.came[0]
    assert desk.came[0][0] is False
    assert "max_participation 0.9 is over" in desk.came[0][1] or "participation_max 0.9 is over" in desk.came[0][1]
    amends = {one.key for one in commands_of(path) if one.action is OperatorAction.AMEND and one.actor == "ann"}
    assert amends == {f"amend@{FAR}"}
    by_listing = {one.order.listing: one for one in host.state.parents.values()}
    assert by_listing[NEAR].order.parameters.urgency == 0.5
    assert desk.came[1:] == 3 * [(True, "paused by ann")] + 3 * [(True, "done before under this key")]


def test_a_change_in_human_units_is_one_for_each_part_that_hears_it(tmp_path: Path) -> None:
    path, _, _, _ = worked(tmp_path, (10, ask("pause")))
    running = read_statuses(cut(path, 30))
    by_listing = dict(parts(AmendRequest(limit="99.5", over="2m", urgency=0.7), running))
    start_ns = running[0].parent.order.start_ns if running[0].parent else 0
    assert by_listing[NEAR] == Amendment(limit_units=9950, end_ns=start_ns + 120 * S, urgency=0.7)
    assert by_listing[FAR] == by_listing[NEAR]
    assert by_listing[DARK] == Amendment(limit_units=9950, end_ns=start_ns + 120 * S)  # it would have ended at 3 min
    assert DARK not in dict(parts(AmendRequest(over="5m"), running))
    with pytest.raises(InputError, match="quantity must be left out of an order over several venues"):
        parts(AmendRequest(quantity="10"), running)
    with pytest.raises(Refused, match="nothing is to be changed"):
        parts(AmendRequest(), running)


def test_a_run_of_which_one_part_has_ended_has_not_ended(tmp_path: Path) -> None:
    path, prepared, _, _ = worked(tmp_path)
    first = {leg.order.parent_id for leg in prepared.legs if leg.listing.key == NEAR}
    done = [
        (batch.seq + len(batch.records), one.parent_id)
        for batch in read_journal(path).batches()
        for one in batch.decisions
        if isinstance(one, StatusChanged) and one.status is ParentStatus.DONE
    ]
    (at,) = [seq for seq, parent_id in done if parent_id in first]
    part = cut(path, at if at < done[-1][0] else done[-2][0])
    with pytest.raises(JournalError, match=r"nobody works the run in .* now; go on with it"):
        client.give(part, ask("pause"))
    with pytest.raises(JournalError, match="has ended: there is nothing to pause"):
        client.give(path, ask("pause"))


def test_the_commands_reach_the_process_that_works_it(cli: Any) -> None:
    prepared, path = prepared_run(cli.folder), cli.folder / "live.db"

    def work() -> None:
        with run_journal.open_journal(prepared, path) as journal:
            wiring.work(prepared, journal, control=Control(path, 20.0))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(6_000):
            time.sleep(0.01)
            if path.exists() and client.owner_of(path) is not None and cli(f"status {path}").code == 0:
                break
        paused = cli(f"pause {path} --json").document
        assert (paused["status"], paused["text"]) == ("paused", f"paused by {client.user()}")
        shown = cli(f"status {path} --json").document
        assert (shown["schema"], shown["status"]) == ("nowake/status-venues/1", "paused")
        assert [one["order"]["listing"] for one in shown["venues"]] == [NEAR, FAR, DARK]
        assert cli(f"amend {path} --max-participation 90%").code == 1
        amended = cli(f"amend {path} --limit 150 --json").document
        assert amended["text"].count("limit none -> 150") in (1, 3)
        assert cli(f"resume {path}").code == 0
        assert cli(f"cancel {path}").code == 0
    finally:
        thread.join(timeout=120)
    assert not thread.is_alive()
    assert cli(f"status {path} --json").document["status"] == "done"
    assert "has ended: there is nothing to pause" in cli(f"pause {path}").err
    assert cli(f"replay {path}").code == 0
