"""Counts and timings: read back by Prometheus' own parser, held against the journal and the report."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from nowake.core.decisions import ChildSubmitted, StatusChanged, Withheld
from nowake.core.inputs import Acked, Ended, Filled, OrderReceived
from nowake.telemetry.events import EVENTS
from nowake.telemetry.metrics import BUCKETS, Metrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Samples:
    """Return every sample by name and labels; each must be there once, under a family of its own."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type in ("counter", "histogram")
        for sample in family.samples:
            assert sample.name.startswith(family.name)
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found
            found[key] = sample.value
    return found


def by_label(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a name by the values of their labels, in the order of the labels' names."""
    return {tuple(v for _, v in sorted(labels)): value for (of, labels), value in samples.items() if of == name}


def test_counts_are_those_of_the_journal(told_run: Any) -> None:
    samples = parsed(told_run.metrics)
    kinds = Counter(type(record).__struct_config__.tag.replace("-", "_") for _, record in told_run.records)
    for event in EVENTS:
        if event.record is not None:
            assert sum(by_label(samples, f"nowake_{event.name}_total").values()) == kinds[event.name], event.name
    controls = Counter(record.control for _, record in told_run.records if isinstance(record, Withheld))
    assert controls
    assert by_label(samples, "nowake_withheld_total") == {(name,): n for name, n in controls.items()}
    made = Counter(r.fill.liquidity.value for _, r in told_run.records if isinstance(r, Filled))
    assert len(made) == 2
    assert by_label(samples, "nowake_filled_total") == {(name,): n for name, n in made.items()}
    assert by_label(samples, "nowake_run_started_total") == {(): 1}
    assert by_label(samples, "nowake_run_ended_total") == {("done",): 1}


def test_timings_are_those_of_the_report(told_run: Any) -> None:
    """The report follows each child by itself (``tca.trail``)."""
    samples = parsed(told_run.metrics)
    fills = [(one.t_ns - child.t_sent_ns) / 1e9 for child in told_run.result.report.children for one in child.fills]
    sums = by_label(samples, "nowake_filled_seconds_sum")
    assert math.fsum(sums.values()) == pytest.approx(math.fsum(fills))
    assert sum(by_label(samples, "nowake_filled_seconds_count").values()) == len(fills)
    for bound in BUCKETS:
        label = f"{bound:g}"
        seen = sum(n for values, n in by_label(samples, "nowake_filled_seconds_bucket").items() if label in values)
        assert seen == sum(one <= bound for one in fills), bound


def test_acknowledgements_and_ends_are_timed_from_the_sending(told_run: Any) -> None:
    sent: dict[str, int] = {}
    waits: dict[type, list[float]] = {Acked: [], Ended: []}
    started = 0
    for t_ns, record in told_run.records:
        if isinstance(record, ChildSubmitted):
            sent[record.child.child_id] = t_ns
        elif isinstance(record, Acked | Ended):
            waits[type(record)].append((t_ns - sent[record.child_id]) / 1e9)
        elif isinstance(record, OrderReceived):
            started = t_ns
        elif isinstance(record, StatusChanged) and record.status.value == "done":
            lasted = (t_ns - started) / 1e9
    samples = parsed(told_run.metrics)
    assert samples["nowake_acked_seconds_sum", frozenset()] == pytest.approx(math.fsum(waits[Acked]))
    assert sum(by_label(samples, "nowake_ended_seconds_sum").values()) == pytest.approx(math.fsum(waits[Ended]))
    assert by_label(samples, "nowake_status_changed_seconds_sum")["done",] == pytest.approx(lasted)


def test_quantities_add_up_to_the_report(told_run: Any) -> None:
    samples, report = parsed(told_run.metrics), told_run.result.report
    assert sum(by_label(samples, "nowake_filled_quantity_total").values()) == report.filled_units
    assert by_label(samples, "nowake_abandoned_quantity_total") == {("SYNTH@SIM",): report.residual_units}
    sent = sum(r.child.qty_units for _, r in told_run.records if isinstance(r, ChildSubmitted))
    assert sum(by_label(samples, "nowake_child_submitted_quantity_total").values()) == sent


def test_what_never_happened_is_shown_as_zero() -> None:
    samples = parsed(Metrics().text())
    plain = {f"nowake_{event.name}_total" for event in EVENTS if not event.labels}
    assert {name for name, _ in samples} == plain
    assert set(samples.values()) == {0}


@given(st.lists(st.tuples(st.text(max_size=8), st.floats(0, 1e5)), max_size=30))
def test_any_label_and_any_time_come_back(given: list[tuple[str, float]]) -> None:
    metrics = Metrics()
    for code, seconds in given:
        labels = (("code", code),)
        metrics.count("rejected", labels)
        metrics.observe("rejected", seconds, labels)
    samples = parsed(metrics.text())
    counts = Counter(code for code, _ in given)
    assert by_label(samples, "nowake_rejected_total") == {(code,): n for code, n in counts.items()}
    for code, n in counts.items():
        times = [seconds for of, seconds in given if of == code]
        rows = [
            (float(dict(labels)["le"]), value)
            for (name, labels), value in samples.items()
            if name == "nowake_rejected_seconds_bucket" and dict(labels)["code"] == code
        ]
        assert [value for _, value in sorted(rows)] == [
            sum(one <= bound for one in times) for bound in (*BUCKETS, math.inf)
        ]
        assert samples["nowake_rejected_seconds_count", frozenset({("code", code)})] == n
        assert samples["nowake_rejected_seconds_sum", frozenset({("code", code)})] == pytest.approx(math.fsum(times))
