"""Why a child was sent, and why one was not: every slice that ends with something wanted names its reason."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from nowake.app import run_journal, wiring
from nowake.app.explain import Explanation, explain_run
from nowake.app.request import OrderRequest
from nowake.app.results import Result, read_result
from nowake.core.amendment import Amendment
from nowake.core.errors import InputError
from nowake.core.inputs import OperatorAction, OperatorCommand
from nowake.engine.host import Host
from nowake.sim.world import World

SECOND = 10**9


def worked(path: Path, request: OrderRequest, *steps: tuple[float, str, dict[str, Any]]) -> tuple[Result, Explanation]:
    """Work an order with commands at seconds after its start; return its result and explanation."""
    prepared = wiring.prepare(request, wiring.RunOptions(seed=3))
    order = prepared.order
    commands = tuple(
        OperatorCommand(
            t_ns=order.start_ns + int(at * SECOND),
            parent_id=order.parent_id,
            action=OperatorAction(action),
            actor="ann",
            key=f"{action}{at}",
            amendment=Amendment(**changes) if changes else None,
        )
        for at, action, changes in steps
    )
    with run_journal.open_journal(prepared, path) as made:
        World(prepared.market, Host(prepared.env, made)).run(order, commands)
    result = read_result(path)
    return result, explain_run(result)


def ask(**changes: Any) -> OrderRequest:
    return OrderRequest(**{"side": "buy", "quantity": "4000", "symbol": "SYNTH", "over": "8m", **changes})


def check(result: Result, found: Explanation) -> None:
    """Hold the slices' stories against the fills and children of the report, which are read another way."""
    fills = [one for child in result.report.children for one in child.fills]
    for one in found.slices:
        until = one.end_ns + (one is found.slices[-1])
        assert one.filled == sum(f.fill.qty_units for f in fills if f.t_ns < until)
        # An order that is over has nothing live; what comes back as it ends is missing too.
        assert one.missing <= max(0, one.due - one.filled - (one.live if one is not found.slices[-1] else 0))
        assert bool(one.why) == bool(one.missing)
        sent = [c.order.qty_units for c in result.report.children if c.slice_index == one.index]
        assert (one.children, one.sent) == (len(sent), sum(sent))
    indices = [one.index for one in found.slices]
    assert indices == sorted(set(indices))
    assert sum(one.children for one in found.slices) == len(result.report.children)


def test_slices_cut_by_the_cap_say_so(tmp_path: Path) -> None:
    result, found = worked(tmp_path / "run.db", ask(quantity="12000", over="4m"))
    check(result, found)
    plan = result.report.plan
    assert plan is not None
    assert result.report.estimate == plan.cost
    assert [one.due for one in found.slices] == list(accumulate(one.qty_units for one in plan.slices))
    behind = [one for one in found.slices if one.missing]
    assert len(behind) > 4
    assert all(any("participation" in why for why in one.why) for one in behind)


def test_a_limit_out_of_reach_is_the_reason_while_it_is(tmp_path: Path) -> None:
    result, found = worked(tmp_path / "run.db", ask(limit="90"))
    check(result, found)
    assert found.slices[-1].missing == 4000
    assert any("limit" in why for why in found.slices[-1].why)
    held = [one for one in found.withheld if one.control == "limit"]
    assert held
    ordered = [one.until_ns for one in held if one.until_ns]
    assert all(one.until_ns == 0 or one.until_ns > one.t_ns for one in held)
    assert ordered == sorted(ordered)


def test_slices_that_passed_while_the_order_was_paused_name_who_paused_it(tmp_path: Path) -> None:
    result, found = worked(tmp_path / "run.db", ask(), (125.0, "pause", {}), (250.0, "resume", {}))
    check(result, found)
    start = result.report.order.start_ns
    during = [one for one in found.slices if start + 130 * SECOND < one.end_ns < start + 250 * SECOND]
    assert during
    for one in during:
        assert one.missing
        assert any("paused since" in why and "paused by ann" in why for why in one.why)
    kinds = [(one.kind, one.text) for one in found.events]
    assert ("paused", "paused by ann") in kinds
    assert ("running", "resumed by ann") in kinds


def test_an_order_that_keeps_up_misses_nothing_and_one_amended_tells_each_slice_once(tmp_path: Path) -> None:
    result, found = worked(
        tmp_path / "run.db",
        ask(quantity="900"),
        (200.0, "amend", {"qty_units": 1200}),
        (210.0, "amend", {"qty_units": 5}),
    )
    check(result, found)
    assert found.slices[-1].missing == 0
    assert result.report.filled_units == 1200
    assert result.report.estimate is None, "what was expected of another order"
    assert any(notice.code == "amended" for notice in result.report.warnings)
    kinds = {one.kind: one.text for one in found.events}
    assert "quantity 900 -> 1200, by ann" in kinds["amended"]
    assert "revision 1" in kinds["replanned"]
    assert "is below the" in kinds["command refused"]


def test_one_child_is_named_by_the_beginning_of_its_id(tmp_path: Path, cli: Any) -> None:
    result, found = worked(tmp_path / "run.db", ask(quantity="900"))
    one = result.report.children[0]
    alone = found.child(one.order.child_id[:10].upper())
    assert [child.report.order.child_id for child in alone.children] == [one.order.child_id]
    for wrong in ("", "zzzz"):
        with pytest.raises(InputError, match="child must be the id of one child"):
            found.child(wrong)
    said = cli(f"explain run.db --child {one.order.child_id[:8]}")
    assert said.code == 0
    for text in (one.order.child_id, "attempt 0", "gate    overrun: passed"):
        assert text in said.out
    document = cli(f"explain run.db --child {one.order.child_id} --json").document
    assert [child["id"] for child in document["children"]] == [one.order.child_id]
    assert cli("explain run.db --child zzzz").code == 1


def test_the_document_holds_every_slice(tmp_path: Path, cli: Any) -> None:
    _, found = worked(tmp_path / "run.db", ask(quantity="12000", over="4m"))
    document = cli("explain run.db --json").document
    assert [one["slice"] for one in document["slices"]] == [one.index for one in found.slices]
    assert all(one["why"] for one in document["slices"] if one["missing"])
    assert "wanted at the end of a slice and not sent" in cli("explain run.db").out
