"""Conditions survive both codecs, refuse what they cannot mean, and class sizes at their documented limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.conditions import Conditions, Measure, SizeClass, size_class_of
from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.core.value import content_hash, from_json, from_msgpack, to_json, to_msgpack
from nowake.core.view import Integrity

parts = st.none() | st.floats(0, 1)
numbers = st.floats(allow_nan=False, allow_infinity=False)
measures = st.builds(
    Measure,
    name=st.text(min_size=1, max_size=12).filter(str.isascii),
    value=numbers,
    unit=st.sampled_from(["bps", "", "shares"]),
    percentile=parts,
    sample=st.integers(0, 2**40),
    age_ns=st.integers(0, 2**60),
    base=st.just("Nasdaq prints only"),
    at_least=st.booleans(),
) | st.builds(Measure, name=st.text("abc", min_size=13, max_size=14), why=st.text(min_size=1, max_size=9))
conditions = st.builds(
    Conditions,
    listing=st.just("A@B"),
    asof_ns=st.integers(0, 2**62),
    side=st.sampled_from(Side),
    qty_units=st.integers(1, 2**62),
    integrity=st.sampled_from([Integrity.OK, Integrity.EMPTY | Integrity.GAP]),
    liquidity_score=parts,
    volatility_score=parts,
    spread_score=parts,
    volume_score=parts,
    size_class=st.sampled_from(SizeClass),
    size_why=st.text(max_size=9),
    measures=st.lists(measures, max_size=5, unique_by=lambda one: one.name).map(tuple),
    norms=st.text("0123456789abcdef", max_size=32),
)


@given(found=conditions)
def test_conditions_round_trip_through_both_codecs(found: Conditions) -> None:
    assert from_msgpack(to_msgpack(found), Conditions) == found
    assert from_json(to_json(found), Conditions) == found
    assert content_hash(from_json(to_json(found), Conditions)) == content_hash(found)
    assert all(found.measure(one.name) == one for one in found.measures)


def test_what_was_not_measured_says_so() -> None:
    found = Conditions(listing="A@B", asof_ns=1, side=Side.BUY, qty_units=5)
    assert (found.value("spread"), found.measure("spread").why) == (None, "not measured")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": math.nan}, "value"),
        ({"value": math.inf}, "value"),
        ({"value": None}, "why"),
        ({"percentile": 1.01}, "percentile"),
        ({"percentile": -0.01}, "percentile"),
        ({"percentile": math.nan}, "percentile"),
        ({"sample": -1}, "sample"),
        ({"age_ns": -1}, "age_ns"),
        ({"name": ""}, "name"),
    ],
)
def test_a_measure_refuses(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InputError) as caught:
        Measure(**({"name": "spread", "value": 1.0} | changes))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"qty_units": 0}, "qty_units"),
        ({"spread_score": 2.0}, "spread_score"),
        ({"measures": (Measure(name="a", value=1.0), Measure(name="a", value=2.0))}, "measures"),
    ],
)
def test_conditions_refuse(changes: dict[str, object], field: str) -> None:
    good = {"listing": "A@B", "asof_ns": 1, "side": Side.BUY, "qty_units": 5}
    with pytest.raises(InputError) as caught:
        Conditions(**(good | changes))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("of_day", "of_depth", "of_touch", "expected"),
    [
        (0.0099, None, 0.5, SizeClass.SMALL),
        (0.01, None, 0.5, SizeClass.MEDIUM),
        (0.0499, None, 1.0, SizeClass.MEDIUM),
        (0.05, None, 1.0, SizeClass.LARGE),
        (0.15, None, 1.0, SizeClass.BLOCK),
        (0.001, 1.0, 1.1, SizeClass.MEDIUM),
        (0.001, 1.1, 3.0, SizeClass.LARGE),
        (0.001, 10.0, 30.0, SizeClass.LARGE),
        (0.001, 10.1, 30.0, SizeClass.BLOCK),
        (None, 0.4, 2.0, SizeClass.MEDIUM),
        (0.2, None, None, SizeClass.BLOCK),
        (None, None, None, SizeClass.UNKNOWN),
    ],
)
def test_size_classes_change_at_their_limits(
    of_day: float | None, of_depth: float | None, of_touch: float | None, expected: SizeClass
) -> None:
    found, why = size_class_of(of_day, of_depth, of_touch)
    assert found is expected
    assert why
