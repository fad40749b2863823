"""A desk bounds the steps of a world and gives commands: stops change nothing, and a journal's commands come again."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nowake.app import run_journal, wiring
from nowake.app.request import OrderRequest
from nowake.core.amendment import Amendment
from nowake.core.errors import JournalError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.core.ports import Record
from nowake.core.value import replace
from nowake.engine.host import Host
from nowake.journal.memory import MemoryJournal
from nowake.sim.commands import Placed, Recorded, placed_commands
from nowake.sim.world import World

ORDER = OrderRequest(side="buy", quantity="3000", symbol="SYNTH", over="8m", strategy="twap")
SECOND = 10**9


class Pacing:
    """A desk that stops the world at random moments and gives commands at some of them."""

    def __init__(self, seed: int, commands: tuple[OperatorCommand, ...] = (), step_ns: int = 3 * SECOND) -> None:
        self._random = random.Random(seed)
        self._waiting = list(commands)
        self._step_ns = step_ns
        self.stops = 0
        self.told: list[tuple[Any, ...]] = []

    def bound_ns(self, now_ns: int, host: Host) -> int:
        self.stops += 1
        return now_ns + self._random.choice((0, 1, self._random.randint(1, self._step_ns)))

    def take(self, t_ns: int, host: Host) -> tuple[OperatorCommand, ...]:
        due = self._waiting and self._waiting[0].t_ns <= t_ns and self._random.random() < 0.5
        return (self._waiting.pop(0),) if due else ()

    def tell(self, command: OperatorCommand, decisions: tuple[Any, ...], host: Host) -> None:
        self.told.append((command.key, decisions))


@pytest.fixture(scope="module")
def tape() -> Any:
    return wiring.load_tape(ORDER, wiring.RunOptions(seed=4))


def execute(tape: Any, desk: Any = None, request: OrderRequest = ORDER) -> MemoryJournal:
    prepared = wiring.prepare(request, wiring.RunOptions(seed=4), tape=tape)
    journal = MemoryJournal(run_journal.header(prepared))
    World(prepared.market, Host(prepared.env, journal), desk=desk).run(prepared.order)
    return journal


def commands_for(journal: MemoryJournal) -> tuple[OperatorCommand, ...]:
    first = next(iter(journal.batches())).input
    parent_id, t_ns = first.order.parent_id, first.t_ns

    def at(seconds: float, action: OperatorAction, **changes: Any) -> OperatorCommand:
        return OperatorCommand(
            t_ns=t_ns + int(seconds * SECOND),
            parent_id=parent_id,
            action=action,
            actor="ann",
            key=f"{action}-{seconds}",
            amendment=Amendment(**changes) if changes else None,
        )

    return (
        at(40, OperatorAction.PAUSE),
        at(65.5, OperatorAction.RESUME),
        at(65.5, OperatorAction.RESUME),
        at(120, OperatorAction.AMEND, qty_units=3600, urgency=1.0),
        at(200, OperatorAction.AMEND, limit_units=1),
        at(230, OperatorAction.AMEND, limit_units=0),
    )


@pytest.mark.parametrize("seed", range(4))
def test_stops_between_steps_change_no_record(tape: Any, seed: int) -> None:
    whole, desk = execute(tape), Pacing(seed, step_ns=10 ** (8 + seed % 4))
    stopped = execute(tape, desk)
    assert desk.stops > 100
    assert stopped.head() == whole.head()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("urgency", [0.2, 1.0])
def test_commands_given_at_any_moment_come_again_at_the_same_place(tape: Any, seed: int, urgency: float) -> None:
    request = replace(ORDER, urgency=urgency)
    commands = commands_for(execute(tape, request=request))
    desk = Pacing(seed, commands)
    first = execute(tape, desk, request)
    placed = placed_commands(first.batches())
    assert [one.command.key for one in placed] == [one.key for one in commands]
    assert [key for key, _ in desk.told] == [one.key for one in commands]
    again = execute(tape, Recorded(placed, first.head()[0]), request)
    assert again.head() == first.head()


def test_a_recorded_desk_hands_over_at_the_end_of_the_journal(tape: Any) -> None:
    """Commands given after a crash come after what was journaled, and both come again the next time."""
    commands = commands_for(execute(tape))
    first = execute(tape, Pacing(1, commands[:2]))
    cut = [batch for batch in first.batches() if batch.input.t_ns <= commands[2].t_ns + 30 * SECOND]
    records = cut[-1].seq + len(cut[-1].records)
    late = Pacing(2, commands[3:4])
    second = execute(tape, Recorded(placed_commands(cut), records, then=late))
    assert [key for key, _ in late.told] == [commands[3].key]
    assert _records(second)[:records] == _records(first)[:records]
    placed = placed_commands(second.batches())
    assert len(placed) == 3
    assert execute(tape, Recorded(placed, second.head()[0])).head() == second.head()


def test_a_command_without_its_place_is_refused(tape: Any) -> None:
    first = execute(tape, Pacing(3, commands_for(execute(tape))))
    seq, command = placed_commands(first.batches())[0]
    with pytest.raises(JournalError, match="does not come to record"):
        execute(tape, Recorded((Placed(seq + 1, command),), first.head()[0]))


def _records(journal: MemoryJournal) -> list[Record]:
    return list(journal.records())
