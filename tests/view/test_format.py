"""Numbers as people read them, and integers of the engine in human units."""

from __future__ import annotations

import pytest

from nowake.core.sessions import to_ns
from nowake.data.catalogue import load_catalogue
from nowake.view import format as f

CATALOGUE = load_catalogue()
AMZN = CATALOGUE.find("AMZN")
BTC = CATALOGUE.find("BTCUSDT@binance-spot")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "participation: own 16770 of 111873 volume counted, cap 0.15",
            "own 0.01677 of 0.111873 volume counted, cap 15 %",
        ),
        ("1 left, the venue's minimum order is 90", "0.000001 left, the venue's minimum order is 0.00009"),
        ("chases the touch from 6172700 to 6172614", "chases the touch from 61,727.00 to 61,726.14"),
        ("6172700 is worse than the limit 6172600", "61,727.00 is worse than the limit 61,726.00"),
        ("joins the touch, 16.7442s before crossing", "joins the touch, 16.7s before crossing"),
        ("one every 2m40s", "one every 2m40s"),
        ("own 16770 of 111873 volume seen, cap 0.15", "own 0.01677 of 0.111873 volume seen, cap 15 %"),
        ("9000 shown, 10000 is the smallest fill wanted", "0.009 shown, 0.01 is the smallest fill wanted"),
        ("others printed 9000, of which the rate 0.1 gives no more", "0.009, of which the rate 0.1 gives no more"),
        (
            "trade a1 of 9000 at 6172700 was undone: filled 10000 before, 1000 now",
            "of 0.009 at 61,727.00 was undone: filled 0.01 before, 0.001 now",
        ),
        ("the venue filled 9000 of b2 that no report had told of", "0.009 of b2 that no report had told of"),
        ("5 rejects in a row", "5 rejects in a row"),
        ("2.50% from the mid, at most 2%", "2.50% from the mid, at most 2%"),
    ],
)
def test_words_of_the_engine_are_in_human_units(text: str, shown: str) -> None:
    assert f.humanise(text, BTC).endswith(shown)


def test_every_pattern_of_the_engine_is_known() -> None:
    """A new wording in the engine that holds raw units must be taught to ``humanise``."""
    import re
    from pathlib import Path

    import nowake.engine

    root = Path(nowake.engine.__file__).parent
    raw = re.compile(r'f"[^"]*\{[^}"]*(?:_units|qty|\bown\b|\bworst\b|\bleast\b)[^}"]*\}[^"]*"')
    known = re.compile(
        "volume counted|volume seen|smallest fill wanted|of others|"
        "allowed|minimum order is|the touch from|worse than the limit|worst case|is over|"
        "filled .* (?:more than|that no report)|was undone"
    )
    sources = [root / f"{name}.py" for name in ("decide", "pacing", "parent")]
    sources += [*(root / "gate").glob("*.py"), *(root / "tactics").glob("*.py")]
    found = [match[0] for path in sources for match in raw.finditer(path.read_text(encoding="utf-8"))]
    assert found
    assert [text for text in found if not known.search(text)] == []


@pytest.mark.parametrize(
    ("ns", "shown"),
    [(0, "0s"), (419_000_000, "419ms"), (1_032_769_751, "1.032s"), (9_600_000_000_000, "2h40m"), (-5 * 10**9, "-5s")],
)
def test_durations(ns: int, shown: str) -> None:
    assert f.duration(ns) == shown


def test_prices_have_the_decimals_of_their_grid() -> None:
    assert f.price(AMZN, 2_242_600) == "224.26"
    assert f.price(AMZN, 9_999) == "0.9999"
    assert f.price(AMZN, 2_241_396.54, more=2) == "224.1397"


def test_windows_are_told_in_their_zone() -> None:
    from datetime import UTC, datetime

    start = to_ns(datetime(2012, 6, 21, 14, tzinfo=UTC))
    assert f.window(start, start + 2 * 3600 * 10**9, "America/New_York") == "2012-06-21 10:00:00 - 12:00:00 EDT"


@pytest.mark.parametrize(
    ("amount", "shown"), [(2_230_000, "2.23 m"), (456_100, "456.10 k"), (12.5, "12.50"), (-3e9, "-3.00 b")]
)
def test_large_amounts(amount: float, shown: str) -> None:
    assert f.compact(amount) == shown


def test_nothing_is_called_complete_that_is_not() -> None:
    assert f.filled(4_999_999, 5_000_000) == "99.9 %"
    assert f.filled(5, 5) == "100 %"
