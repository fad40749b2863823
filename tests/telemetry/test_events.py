"""The table of events: complete, true to the records, the same in the documents."""

from __future__ import annotations

import re
import types
import typing
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from nowake.core.decisions import AnyDecision
from nowake.core.inputs import AnyInput
from nowake.telemetry.events import BY_RECORD, COMMON, EVENTS, LEVELS, Event

PAGE = Path(__file__).resolve().parents[2] / "docs" / "telemetry.md"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<rest>.*) \|$", re.MULTILINE)
NAME = re.compile(r"[a-z][a-z_]*[a-z]")
KINDS = {"", "qty", "price", "money", "time", "count", "order", "words", "share"}


def test_every_kind_of_record_has_an_event_of_its_name() -> None:
    assert set(BY_RECORD) == {*get_args(AnyInput), *get_args(AnyDecision)}
    for kind, event in BY_RECORD.items():
        assert event.name == kind.__struct_config__.tag.replace("-", "_")


def test_names_are_unique_and_fit_logs_and_metrics() -> None:
    names = [event.name for event in EVENTS]
    assert len(set(names)) == len(names)
    for event in EVENTS:
        fields = [field.name for field in event.fields]
        assert event.level in LEVELS
        assert len(set(fields)) == len(fields)
        assert not set(fields) & ({*COMMON} - ({"journal"} if event.name == "run_started" else set()))
        assert set(event.labels) <= set(fields)
        assert all(NAME.fullmatch(name) for name in (event.name, *fields))
        assert {field.kind for field in event.fields} <= KINDS
        assert not event.sums or event.sums in fields


def types_at(kind: Any, path: tuple[str, ...]) -> Any:
    """Return the declared type at a path of attributes; raises where there is none."""
    for name in path:
        options = [one for one in get_args(kind) or (kind,) if one is not types.NoneType]
        (owner,) = [one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        kind = get_type_hints(owner)[name]
    return kind


@pytest.mark.parametrize("event", [one for one in EVENTS if one.record], ids=lambda event: event.name)
def test_every_field_is_there_and_of_its_kind(event: Event) -> None:
    for field in event.fields:
        kind = types_at(event.record, field.path)
        wanted: dict[str, Any] = {
            "qty": int,
            "price": int,
            "money": int,
            "time": int,
            "order": str,
            "words": str,
            "share": int,
        }
        if field.kind in wanted:
            assert kind is wanted[field.kind], field
        elif field.kind == "count":
            assert typing.get_origin(kind) is tuple, field
        unit = re.search(r"_(units|ns|money|qty|ppm)$|^qty", field.path[-1])
        assert (unit is None) == (field.kind not in ("qty", "price", "money", "time", "share")), (
            f"{field} is in integer units"
        )


def test_keys_and_payloads_are_in_no_event() -> None:
    for event in EVENTS:
        for field in event.fields:
            assert not {"key", "raw"} & set(field.path)


def row_of(event: Event) -> str:
    """Return the row of the page that an event has: what to paste when the test below fails."""
    fields, labels = (
        ", ".join(f"`{name}`" for name in names) for names in ([f.name for f in event.fields], event.labels)
    )
    return f"| `{event.name}` | {event.level} | {event.meaning} | {fields} | {labels} | {event.timing} |"


def test_the_page_shows_the_same_table() -> None:
    """Read the page as a reader does, and hold each row against the event of that name."""
    rows = {found["name"]: found["rest"].split("|") for found in ROW.finditer(PAGE.read_text(encoding="utf-8"))}
    assert list(rows) == [event.name for event in EVENTS]
    for event in EVENTS:
        level, meaning, fields, labels, timing = [cell.strip() for cell in rows[event.name]]
        told = (level, meaning, re.findall(r"`(\w+)`", fields), re.findall(r"`(\w+)`", labels), timing)
        wanted = (event.level, event.meaning, [one.name for one in event.fields], [*event.labels], event.timing)
        assert told == wanted, f"the row should be {row_of(event)}"
