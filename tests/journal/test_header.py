"""The header names the run by its content, and refuses what would not survive being written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nowake.core.errors import InputError
from nowake.core.value import from_msgpack, replace, to_msgpack
from nowake.journal import header as module
from nowake.journal.header import Header, Run, TapeRef, code_hash, derive_journal_id, package_version


def test_header_round_trips(make_header: Callable[..., Header]) -> None:
    header = make_header()
    assert from_msgpack(to_msgpack(header), Header) == header


@pytest.mark.parametrize(
    "order",
    [{"x": (1, 2)}, {"x": float("nan")}, {1: "x"}, {"x": {"y": b"z"}}, {"x": [object()]}],
)
def test_what_is_not_json_is_refused(order: dict[Any, Any]) -> None:
    with pytest.raises(InputError, match="JSON-able"):
        Run(order=order)


def test_journal_id_is_a_function_of_order_tapes_options_and_seed(make_header: Callable[..., Header]) -> None:
    run = make_header().run
    others = [
        (replace(run, order={**run.order, "side": "sell"}), 7),
        (replace(run, options={}), 7),
        (replace(run, tapes=(TapeRef(name="x", content_hash="y"),)), 7),
        (run, 8),
    ]
    ids = {derive_journal_id(run, 7), *(derive_journal_id(*other) for other in others)}
    assert len(ids) == 5
    backwards = replace(run, order=dict(reversed(run.order.items())))
    assert derive_journal_id(backwards, 7) == derive_journal_id(run, 7)


def test_code_hash_is_over_the_package() -> None:
    assert len(code_hash()) == 32
    assert (Path(module.__file__).parents[1] / "core").is_dir()
    assert package_version()
