"""The command line in process, with runs kept in a folder of the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from nowake.app.cli import app


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
