"""The named regimes are what their names say: the table of ``docs/models/synth.md``, measured from tapes alone.

A tape is replayed in plain dictionaries and sampled every second: nothing here knows the generator.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from nowake.core.errors import InputError
from nowake.core.tape import KIND_MASK, SIDE_MASK, SIDE_SHIFT, Book, Row, Tape
from nowake.sim.synthetic import REGIMES, SynthParameters, find_regime, synth_tape

PAGE = Path(__file__).resolve().parents[3] / "docs" / "models" / "synth.md"
SECOND = 10**9
HALF_HOUR = 1_800 * SECOND
START = 19_700 * 48 * HALF_HOUR + 29 * HALF_HOUR
SEEDS = 4
COLUMNS = ("rows", "spread", "touch", "volume", "vol_5s", "vol_5min")


def sampled(tape: Tape) -> np.ndarray:
    """Return (seconds, 3): bid, ask, mean size of the two."""
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    kinds, sides = (tape.code & KIND_MASK).tolist(), ((tape.code & SIDE_MASK) >> SIDE_SHIFT).tolist()
    rows = zip(tape.t_event.tolist(), kinds, sides, tape.prices().tolist(), tape.qty.tolist(), strict=True)
    found, due = [], START + SECOND
    for t_ns, kind, side, price, qty in rows:
        while t_ns > due:
            bid, ask = max(books[0]), min(books[1])
            found.append((bid, ask, (books[0][bid] + books[1][ask]) / 2))
            due += SECOND
        if kind == Row.SET:
            book = books[0 if side == Book.BID else 1]
            book[price] = qty
            if not qty:
                del book[price]
    return np.array(found)


def figures(parameters: SynthParameters) -> dict[str, float]:
    """Return what a regime is like: 4 seeds, the half hour from 14:30 UTC."""
    rows = volume = 0.0
    samples, squares = [], {5: [], 300: []}
    for seed in range(SEEDS):
        tape = synth_tape(seed=seed, start_ns=START, duration_ns=HALF_HOUR, parameters=parameters)
        at = sampled(tape)
        samples.append(at)
        rows += len(tape) / 1_800 / SEEDS
        volume += float(tape.qty[(tape.code & KIND_MASK) == Row.TRADE].sum()) / SEEDS
        mid = (at[:, 0] + at[:, 1]) / 2
        for seconds, found in squares.items():
            found.append(((mid[seconds:] - mid[:-seconds]) ** 2).mean() / seconds)
    every = np.concatenate(samples)
    daily = {k: 1e4 * float(np.sqrt(np.mean(v) * 86_400)) / parameters.price_units for k, v in squares.items()}
    made = (rows, (every[:, 1] - every[:, 0]).mean(), every[:, 2].mean(), volume, daily[5], daily[300])
    return dict(zip(COLUMNS, map(float, made), strict=True))


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    """Return the figures of every regime."""
    return {name: figures(parameters) for name, parameters in REGIMES.items()}


def test_each_regime_is_what_its_name_says(measured: dict[str, dict[str, float]]) -> None:
    usual = measured["balanced"]
    assert measured["calm"]["vol_5s"] < 0.6 * usual["vol_5s"]
    assert measured["calm"]["volume"] < 0.4 * usual["volume"]
    assert measured["volatile"]["vol_5min"] > 1.6 * usual["vol_5min"]
    assert measured["wide"]["spread"] > 4 * usual["spread"]
    assert measured["thin"]["touch"] < 0.4 * usual["touch"]
    assert measured["thin"]["volume"] == pytest.approx(usual["volume"], rel=0.15)
    # Moves go on: over 5 minutes the price goes farther than its moves of 5 seconds would by chance.
    assert measured["trending"]["vol_5min"] > 1.3 * measured["trending"]["vol_5s"]
    assert usual["vol_5min"] < 1.1 * usual["vol_5s"]


def test_the_page_shows_what_is_measured(measured: dict[str, dict[str, float]]) -> None:
    cells = r" \| ".join([r"([\d.,]+)"] * len(COLUMNS))
    text = PAGE.read_text(encoding="utf-8")
    rows = {m[1]: m.groups()[1:] for m in re.finditer(rf"^\| `(\w+)` \| {cells} \|", text, flags=re.MULTILINE)}
    shown = {
        name: dict(zip(COLUMNS, (float(v.replace(",", "")) for v in row), strict=True)) for name, row in rows.items()
    }
    assert shown == {name: pytest.approx(row, rel=0.02) for name, row in measured.items()}


def test_regimes_are_found_by_name_and_an_empty_one_is_balanced() -> None:
    assert find_regime(" Thin ") is REGIMES["thin"]
    assert find_regime("") == SynthParameters() == REGIMES["balanced"]
    with pytest.raises(InputError, match=r"regime must be one of balanced, calm, .*, was .stormy."):
        find_regime("stormy")
