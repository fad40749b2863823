"""The command line in process, with runs kept in a folder of the test."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from typer.testing import CliRunner

from nowake.app.cli import app
from nowake.core.tape import END, SNAPSHOT, Book, Figures, Row, Tape, row_code
from nowake.data.build import Columns, make_tape
from nowake.data.catalogue import load_catalogue
from nowake.data.lake import write_lake
from nowake.data.sessions import session


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the one JSON document on standard output."""
        return json.loads(self.out)


class Cli:
    """Calls ``nowake`` with words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, line: str, *more: str, env: dict[str, str] | None = None) -> Said:
        found = CliRunner().invoke(app, [*line.split(), *more], env=env)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert "Traceback" not in found.stderr
        return Said(found.exit_code, found.stdout, found.stderr)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line, standing in an empty folder with no run kept yet."""
    monkeypatch.setenv("NOWAKE_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NOWAKE_TRACEBACK", "1")
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path)


@pytest.fixture(scope="session")
def amzn_lake(recorded_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with the recorded AMZN day, imported by the command of the issue."""
    lake = tmp_path_factory.mktemp("recorded") / "lake"
    source = recorded_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
    found = CliRunner().invoke(app, ["tape", "import", str(source), "--out", str(lake), "--json"])
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["tapes"][0]["rows"] > 200_000
    return lake


def market_day(day: date, seed: int, busy_close: bool = True) -> Tape:
    """Return a quote every minute and a print every ten seconds; the last half hour trades ten times more."""
    opens, closes = session("XNAS").hours(day)
    rng = np.random.default_rng(seed)
    prints = np.arange(opens + 5 * 10**9, closes, 10 * 10**9)
    quotes = np.arange(opens, closes, 60 * 10**9)
    snapshot = [
        (opens, row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0),
        (opens, row_code(Row.SET, Book.BID, SNAPSHOT), 2_199_900, 5_000),
        (opens, row_code(Row.SET, Book.ASK, SNAPSHOT, END), 2_200_100, 5_000),
    ]
    rows = [(int(t), row_code(Row.SET, Book.BID, END), 2_199_900, 5_000 + int(k % 2)) for k, t in enumerate(quotes[1:])]
    heavy = closes - 1800 * 10**9 if busy_close else closes
    rows += [
        (int(t), row_code(Row.TRADE, Book.BID, END), 2_200_100, int(rng.integers(10, 20)) * (10 if t >= heavy else 1))
        for t in prints
    ]
    rows = snapshot + sorted(rows)
    t, code, price, qty = (np.array(column) for column in zip(*rows, strict=True))
    columns = Columns(t_event=t, code=code.astype(np.uint16), price=price, qty=qty)
    return make_tape(load_catalogue().find("AMZN"), f"made {day}", "made/1", columns, Figures())


@pytest.fixture(scope="session")
def past_days() -> list[date]:
    found = [date(2012, 6, 18) + timedelta(days=k) for k in range(12)]
    return [day for day in found if session("XNAS").hours(day)]


@pytest.fixture(scope="session")
def past_lake(past_days: list[date], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("past") / "lake"
    for k, day in enumerate(past_days):
        write_lake(market_day(day, k), folder)
    return folder


@pytest.fixture(scope="session")
def past_day() -> Any:
    """Return the maker of such days."""
    return market_day
