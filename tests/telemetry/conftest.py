"""Records of every kind, as the journal's tests have them; one run that was told in every way."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import nowake
from nowake.core.ports import Record
from nowake.journal.reader import read_journal

_HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("journal_conftest", _HERE.parent / "journal" / "conftest.py")
assert _SPEC is not None
assert _SPEC.loader is not None
_JOURNAL = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_JOURNAL)

every_record, make_header = _JOURNAL.every_record, _JOURNAL.make_header


class Told(NamedTuple):
    """A run, its records with the time of their batch, its log and its metrics."""

    result: nowake.Result
    records: list[tuple[int, Record]]
    log: list[dict[str, Any]]
    metrics: str


@pytest.fixture(scope="session")
def told_run(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return a run on SYNTH that posts, chases, crosses, is held back and leaves a rest, told at the finest level."""
    folder = tmp_path_factory.mktemp("told")
    order = nowake.order("sell", 9_000, "SYNTH", over="4m", urgency=0.4)
    paths = {name: folder / name for name in ("journal", "log", "metrics")}
    result = nowake.work_order(order, seed=3, log_level="debug", **paths)
    batches = read_journal(paths["journal"]).batches()
    records = [(batch.input.t_ns, record) for batch in batches for record in batch.records]
    lines = [json.loads(line) for line in paths["log"].read_text(encoding="utf-8").splitlines()]
    return Told(result, records, lines, paths["metrics"].read_text(encoding="utf-8"))
