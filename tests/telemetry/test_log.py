"""The log says what the journal says, in human units, once it is durable, without a secret; the run never knows."""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nowake
from nowake.app import buffered, outlets
from nowake.app.documents import result_document
from nowake.app.outlets import Outlets
from nowake.app.results import resume_run, work_prepared
from nowake.app.wiring import RunOptions, prepare
from nowake.core.errors import JournalUnwritable
from nowake.core.inputs import Filled, SendFailed
from nowake.core.ports import Record
from nowake.journal.memory import MemoryJournal
from nowake.journal.reader import read_journal
from nowake.journal.told import ToldStore
from nowake.telemetry.events import BY_NAME, BY_RECORD, COMMON, Event
from nowake.telemetry.metrics import Metrics
from nowake.telemetry.redact import redact
from nowake.telemetry.telemetry import Telemetry

ORDER = nowake.order("sell", 3_000, "SYNTH", over="5m")


def tags(records: Sequence[Record]) -> list[str]:
    return [type(record).__struct_config__.tag.replace("-", "_") for record in records]


def told_of_records(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in lines if BY_NAME[one["event"]].record is not None]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# What it says


def test_the_log_is_the_journal_in_order(told_run: Any) -> None:
    lines = told_of_records(told_run.log)
    assert [one["event"] for one in lines] == tags([record for _, record in told_run.records])
    for one, (t_ns, _) in zip(lines, told_run.records, strict=True):
        assert one["t"].endswith("Z")
        moment = datetime.fromisoformat(one["t"])
        assert abs(Fraction(t_ns, 10**9) - Fraction(moment.timestamp())) < Fraction(1, 10**5)


def test_every_line_has_the_fields_of_the_table_and_no_other(told_run: Any) -> None:
    seen = set()
    for one in told_run.log:
        event = BY_NAME[one["event"]]
        common = set(COMMON) - (set() if event.record else {"t"})
        assert set(one) == common | {field.name for field in event.fields}
        assert one["level"] == event.level
        assert datetime.fromisoformat(one["timestamp"]).tzinfo == UTC
        assert one["journal"] == told_run.result.header.journal_id
        seen.add(one["event"])
    assert len(seen) > 15


def test_numbers_are_those_of_the_report_in_human_units(told_run: Any) -> None:
    document = result_document(told_run.result, "work", full=True)
    children = {child["id"]: child for child in document["children"]}
    sent = [one for one in told_run.log if one["event"] == "child_submitted"]
    assert [one["child"] for one in sent] == list(children)
    for one in sent:
        child = children[one["child"]]
        assert (one["price"], one["quantity"], one["side"]) == (child["price"], child["quantity"], child["side"])
        assert one["type"] == child["type"]
    fills = [one for one in told_run.log if one["event"] == "filled"]
    assert [(one["child"], one["price"], one["quantity"], one["liquidity"]) for one in fills] == [
        (fill["child"], fill["price"], fill["quantity"], fill["liquidity"]) for fill in document["fills"]
    ]
    assert sum(one["fee"] for one in fills) == pytest.approx(document["fees"])
    ended = told_run.log[-1]
    assert (ended["event"], ended["status"], ended["filled"]) == ("run_ended", "done", document["filled"])
    assert ended["residual"] == document["residual"]["quantity"] > 0
    assert ended["journal_hash"] == document["journal_hash"]
    assert ended["records"] == len(told_run.records)
    (left,) = {one["reason"] for one in told_run.log if one["event"] == "abandoned"}
    assert left == document["residual"]["reason"], "the engine's words are in human units"


# When


class Store(MemoryJournal):
    """A journal whose disk can fail."""

    broken = False

    def sync(self) -> None:
        if self.broken:
            raise JournalUnwritable("disk full")
        super().sync()


class Ears:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bool]] = []
        self.batches = 0

    def told(self, batch: Sequence[Record], *, replayed: bool) -> None:
        self.heard += [(tag, replayed) for tag in tags(batch)]

    def written(self, batches: int, seconds: float) -> None:
        assert seconds >= 0
        self.batches += batches


def test_nothing_is_told_before_it_is_durable(make_header: Any, every_record: tuple[Record, ...]) -> None:
    fill = next(one for one in every_record if isinstance(one, Filled))
    inner, ears = Store(make_header()), Ears()
    store = ToldStore(inner, ears)
    store.append((fill,))
    assert ears.heard == []
    store.sync()
    assert ears.heard == [("filled", False)]
    store.append((fill,))
    inner.broken = True
    with pytest.raises(JournalUnwritable):
        store.sync()
    assert ears.heard == [("filled", False)]
    assert ears.batches == 1
    assert store.head() == inner.head()


@pytest.mark.parametrize("burst", [1, 7, 40, 60])
def test_a_resumed_run_tells_what_it_adds(tmp_path: Path, burst: int) -> None:
    path, first, second = (tmp_path / name for name in ("run.db", "first.log", "second.log"))

    def interrupt(t_ns: int, host: object) -> None:
        raise KeyboardInterrupt  # with the first burst that is durable

    prepared = prepare(ORDER, RunOptions(seed=11))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(buffered, "BURST_BATCHES", burst)
        with (
            pytest.raises(KeyboardInterrupt),
            outlets.opened(Outlets(log=str(first), level="debug")) as telemetry,
        ):
            work_prepared(prepared, path, interrupt, telemetry=telemetry)
    kept = tags(list(read_journal(path).records()))
    assert [one["event"] for one in told_of_records(read(first))] == kept
    failed = read(first)[-1]
    assert (failed["event"], failed["error"], failed["reason"]) == ("run_failed", "KeyboardInterrupt", "interrupted")
    with outlets.opened(Outlets(log=str(second), level="debug")) as telemetry:
        _, went_on = resume_run(path, telemetry=telemetry)
    assert went_on
    whole = tags(list(read_journal(path).records()))
    lines = read(second)
    assert [one["event"] for one in told_of_records(lines)] == whole[len(kept) :]
    assert lines[0]["event"] == "run_started"
    assert lines[0]["resumed"] is True
    for one in lines:
        if one["event"] in ("filled", "acked", "ended"):
            assert one["order"], "a child sent before the interruption is known"
            assert one.get("quantity", 1) is not None


# What it never does


def test_a_run_is_the_same_with_and_without_a_log(tmp_path: Path) -> None:
    plain = nowake.work_order(ORDER, seed=5)
    told = nowake.work_order(ORDER, seed=5, log=tmp_path / "a", metrics=tmp_path / "b", log_level="debug")
    assert plain.journal_hash == told.journal_hash


def test_without_a_log_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys, nowake; nowake.work_order(nowake.order('buy', 500, 'SYNTH', over='2m'));"
        "print([m for m in ('structlog', 'nowake.telemetry.log') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_log_that_cannot_be_kept_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [0]

    def full(stream: Any, level: str) -> Any:
        def sink(event: Event, fields: dict[str, Any]) -> None:
            calls[0] += 1
            if calls[0] == 10:
                raise OSError(28, "No space left on device")

        return sink

    monkeypatch.setattr(outlets, "_sink", full)
    with pytest.warns(RuntimeWarning, match=r"stopped \(No space left on device\); the run and its journal are whole"):
        result = nowake.work_order(ORDER, seed=5, log=tmp_path / "a", metrics=tmp_path / "b")
    assert result.report.filled_units == 3_000
    assert calls[0] == 10
    assert 'nowake_filled_total{liquidity="maker"}' in (tmp_path / "b").read_text()


@pytest.mark.parametrize("every_s", [0.0, 1e9])
def test_metrics_that_cannot_be_written_do_not_stop_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: float
) -> None:
    def full(self: Any, metrics: Metrics) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outlets, "EXPORT_EVERY_S", every_s)
    monkeypatch.setattr(outlets._MetricsFile, "write", full)
    with pytest.warns(RuntimeWarning, match="No space left on device"):
        assert nowake.work_order(ORDER, seed=5, metrics=tmp_path / "b").report.filled_units == 3_000


def test_metrics_of_a_long_run_are_written_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    write = outlets._MetricsFile.write

    def watched(self: Any, metrics: Metrics) -> None:
        write(self, metrics)
        (line,) = [one for one in (tmp_path / "b").read_text().splitlines() if one.startswith("nowake_acked_total ")]
        seen.append(int(line.split()[1]))

    monkeypatch.setattr(outlets, "EXPORT_EVERY_S", 0.0)
    monkeypatch.setattr(buffered, "BURST_BATCHES", 20)
    monkeypatch.setattr(outlets._MetricsFile, "write", watched)
    nowake.work_order(ORDER, seed=5, metrics=tmp_path / "b")
    assert len(seen) > 3
    assert 0 < seen[0] < seen[-1]
    assert seen == sorted(seen)


def test_a_refusal_before_the_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(nowake.Refused):
        nowake.work_order(nowake.order("buy", 5, "AMZN", over="1h"), log=tmp_path / "a", metrics=tmp_path / "b")
    (line,) = read(tmp_path / "a")
    assert (line["event"], line["level"], line["error"]) == ("run_failed", "error", "Refused")
    assert line["reason"] == "AMZN needs a recorded market"
    assert "--tape" in line["remedy"]
    assert 'nowake_run_failed_total{error="Refused"} 1' in (tmp_path / "b").read_text()


# Secrets

SECRET = "s3cr3tV4lue0f0urs"
SPOKEN = [
    "signature={}",
    "POST /order?symbol=A&signature={}&timestamp=1",
    "api_key: {}",
    "apiKey={}",
    "X-MBX-APIKEY: {}",
    '"secret": "{}"',
    "{{'api-secret': '{}'}}",
    "Authorization: Bearer {}",
    "authorization=Basic {}",
    "sent with bearer {}",
    "listen_token={};",
    'password = "{} and more"',
    "PASSPHRASE:{}",
    "Cookie: session={}",
    "wss://me:{}@venue.example/stream",
    "https://{}@venue.example",
]


@pytest.mark.parametrize("spoken", SPOKEN)
def test_a_named_secret_is_taken_out(spoken: str) -> None:
    text = redact(spoken.format(SECRET))
    assert SECRET not in text
    assert "***" in text


@pytest.mark.parametrize(
    "text",
    [
        "joins the touch, 15s before crossing",
        "a key with another body is a conflict",
        "symbol=A&price=3 is off the grid",
        "passes the cap: 20 % of volume",
        "https://venue.example/a@b",
        "the signal, the basic idea, the token",
        "order 5qulvbpd2bgq6u123k45nkjujm",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def plant(value: Any, text: str) -> Any:
    """Return a copy of a record in which every free text says ``text``."""
    if isinstance(value, msgspec.Struct):
        made = msgspec.structs.replace(value)
        hints = typing.get_type_hints(type(value))
        for name in value.__struct_fields__:
            found = getattr(value, name)
            is_text = hints[name] is str and name not in ("listing", "parent_id", "child_id", "leg", "trade_id")
            msgspec.structs.force_setattr(made, name, text if is_text else plant(found, text))
        return made
    return tuple(plant(one, text) for one in value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("spoken", SPOKEN[:4])
def test_no_secret_of_any_record_reaches_log_or_metrics(
    every_record: tuple[Record, ...], tmp_path: Path, spoken: str
) -> None:
    path, metrics = tmp_path / "a.log", Metrics()
    with path.open("w") as stream:
        sink = outlets._sink(stream, "debug")
        telemetry = Telemetry(sink, "debug", metrics)
        for record in every_record:
            telemetry.told((plant(record, spoken.format(SECRET)),), replayed=False)
        telemetry.tell("run_failed", error="X", reason=spoken.format(SECRET), remedy="", seconds=0.1)
    lines = read(path)
    assert len(lines) == len(every_record) + 1
    assert {one["event"] for one in lines} == {BY_RECORD[type(one)].name for one in every_record} | {"run_failed"}
    assert SECRET not in path.read_text()
    assert "***" in path.read_text()
    assert SECRET not in metrics.text()


def test_the_idempotency_key_is_not_told(every_record: tuple[Record, ...]) -> None:
    said: list[str] = []
    telemetry = Telemetry(lambda event, fields: said.append(str(fields)), "debug")
    for record in every_record:
        if hasattr(record, "key"):
            made = msgspec.structs.replace(record)
            msgspec.structs.force_setattr(made, "key", SECRET)
            telemetry.told((made,), replayed=False)
    assert said
    assert SECRET not in "".join(said)


def test_text_of_a_venue_is_told_without_it() -> None:
    said: list[dict[str, Any]] = []
    failed = SendFailed(t_ns=1, child_id="c1", text=f"timeout: GET /order?signature={SECRET}&x=1")
    Telemetry(lambda event, fields: said.append(fields)).told((failed,), replayed=False)
    assert said[0]["text"] == "timeout: GET /order?signature=***&x=1"
