"""A run that is stopped anywhere leaves a whole prefix of its journal, and resumes to the same end."""

from __future__ import annotations

from pathlib import Path

import pytest

from nowake.app import buffered, wiring
from nowake.app.request import OrderRequest
from nowake.app.results import is_finished, read_result, resume_run, work_prepared
from nowake.app.wiring import Prepared, RunOptions
from nowake.engine.host import Host
from nowake.journal.reader import read_journal

REQUEST = OrderRequest(side="sell", quantity="3000", symbol="SYNTH", over="5m")


def prepared() -> Prepared:
    return wiring.prepare(REQUEST, RunOptions(seed=11))


@pytest.mark.parametrize("steps", [1, 2, 15, 50])
def test_an_interrupted_run_keeps_what_it_decided_and_goes_on(
    tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buffered, "BURST_BATCHES", 1)  # every step is a burst, so that progress hears of every step
    whole = work_prepared(prepared(), None)
    path, seen = tmp_path / "run.db", [0]

    def interrupt(t_ns: int, host: object) -> None:
        seen[0] += 1
        if seen[0] == steps:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_prepared(prepared(), path, interrupt)
    assert not is_finished(path)
    before = read_result(path)
    assert before.report.status == "running"
    result, went_on = resume_run(path)
    assert went_on
    assert result.journal_hash == whole.journal_hash
    assert result.report.filled_units == whole.report.filled_units
    assert resume_run(path)[1] is False


def test_what_is_shown_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffered, "BURST_BATCHES", 10)
    path, shown = tmp_path / "run.db", 0

    def look(t_ns: int, host: Host) -> None:
        nonlocal shown
        shown += 1
        assert newest_input_ns(path) == t_ns == host.state.t_ns

    work_prepared(prepared(), path, look)
    assert shown > 3


def newest_input_ns(path: Path) -> int:
    """Read the file as another process would."""
    return max(batch.input.t_ns for batch in read_journal(path).batches())


def test_memory_and_file_hold_the_same_journal(tmp_path: Path) -> None:
    assert work_prepared(prepared(), None).journal_hash == work_prepared(prepared(), tmp_path / "a.db").journal_hash


def test_the_page_draws_the_market_between_the_views_of_the_engine() -> None:
    from nowake.app.pages import market_path

    result = work_prepared(prepared(), None)
    market = result.report.market
    assert market is not None
    path = market_path(result)
    times = [t_ns for t_ns, _ in path]
    assert times == sorted(times)
    assert market.first_ns <= times[0]
    assert times[-1] <= market.last_ns
    assert path[0][1] == market.arrival_mid2
    assert path[-1][1] == market.last_mid2
    views = {one.t_ns: one.mid2 for one in result.report.path}
    assert len(path) > len(views) / 2
