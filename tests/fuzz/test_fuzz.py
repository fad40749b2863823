"""Nothing that is typed, read or found on disk may end in a traceback.

A sample runs always; ``make slow`` runs the campaign, whose size ``NOWAKE_FUZZ_CASES`` sets. A failure names the
surface and the seed of its case: ``run_case(bench, "reader", 123)`` runs it again.
"""

from __future__ import annotations

import os
import random
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("databento_dbn")

from fuzz_surfaces import SURFACES, Bench

CASES = int(os.environ.get("NOWAKE_FUZZ_CASES", "100000"))
FIRST = int(os.environ.get("NOWAKE_FUZZ_FIRST", "0"))
REPORTED_MOST = 40


def run_case(bench: Bench, surface: str, seed: int) -> None:
    """Run one case of a surface."""
    SURFACES[surface][1](random.Random(f"{surface} {seed}"), bench)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Return the bench, standing in its folder; unexpected errors come out as they are."""
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOWAKE_RUNS_DIR", str(folder / "runs"))
        patch.setenv("NOWAKE_TRACEBACK", "1")
        patch.chdir(folder)
        yield Bench.make(folder)


@pytest.mark.parametrize("surface", sorted(set(SURFACES) - {"facade_work", "cli_plan", "order_list"}))
@settings(max_examples=40)
@given(rng=st.randoms(use_true_random=False))
def test_a_sample_of_each_surface(bench: Bench, surface: str, rng: random.Random) -> None:
    SURFACES[surface][1](rng, bench)


@pytest.mark.parametrize("surface", ["facade_work", "cli_plan", "order_list"])
@settings(max_examples=6)
@given(rng=st.randoms(use_true_random=False))
def test_a_sample_of_the_slower_ones(bench: Bench, surface: str, rng: random.Random) -> None:
    SURFACES[surface][1](rng, bench)


class Campaign:
    """Cases in turn over the surfaces; counts them and keeps one example of every different failure."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.ran, self.failures = bench, Counter[str](), dict[str, str]()

    def run(self, first: int, count: int) -> None:
        """Run ``count`` cases, the seeds from ``first`` on."""
        turns = [name for name, (weight, _) in SURFACES.items() for _ in range(weight)]
        for seed in range(first, first + count):
            surface = random.Random(seed).choice(turns)
            try:
                run_case(self.bench, surface, seed)
            except Exception as error:  # noqa: BLE001 - whatever comes out is what the campaign looks for
                self._keep(surface, seed, error)
            self.ran[surface] += 1

    def _keep(self, surface: str, seed: int, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [one for one in traceback.extract_tb(error.__traceback__) if "nowake" in one.filename]
        where = ours[-1] if ours else last
        key = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
        self.failures.setdefault(key, f"{key}, run_case(bench, {surface!r}, {seed}): {str(error)[:300]}")


def test_the_campaign_counts_and_finds(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted traceback is found, and every case is counted."""

    def planted(rng: random.Random, bench: Bench) -> None:
        if rng.random() < 0.2:
            raise ZeroDivisionError("planted")

    for name in SURFACES:
        monkeypatch.setitem(SURFACES, name, (1, planted))
    found = Campaign(bench)
    found.run(0, 500)
    assert found.ran.total() == 500
    assert len(found.failures) == 1
    assert "planted" in next(iter(found.failures.values()))


@pytest.mark.slow
def test_the_whole_campaign(bench: Bench) -> None:
    found = Campaign(bench)
    found.run(FIRST, CASES)
    print(f"{found.ran.total():,} cases: {dict(found.ran)}")
    assert found.ran.total() == CASES
    assert all(found.ran[name] for name in SURFACES)
    assert not found.failures, "\n".join(list(found.failures.values())[:REPORTED_MOST])
