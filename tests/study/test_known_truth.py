"""The saving of the optimal schedule over TWAP, from fills, against the closed form and the paper's table."""

from __future__ import annotations

import pytest

from nowake.core.errors import InputError
from nowake.core.order import Side
from nowake.study.known_truth import SHARES, TruthRow, document, known_truth, parse_trades, table, truth_row, whole

PAPER = {1.0: (833_333.3, 867_879.4, 0.0398), 2.0: (750_000.0, 783_833.8, 0.0432), 10.0: (583_333.3, 590_000.5, 0.0113)}


@pytest.mark.parametrize("rho", PAPER)
@pytest.mark.parametrize("side", Side)
def test_the_saving_is_within_a_hundredth_of_the_closed_form(rho: float, side: Side) -> None:
    row, (cost, twap, saving) = truth_row(rho, 1_601, side=side), PAPER[rho]
    assert row.optimal_cost == pytest.approx(cost, rel=1e-5)
    assert row.twap_cost == pytest.approx(twap, rel=2e-4)
    assert row.saving == pytest.approx(saving, rel=0.01)
    assert abs(row.saving_error) < 0.01


@pytest.mark.parametrize("rho", PAPER)
def test_the_error_shrinks_with_the_number_of_trades(rho: float) -> None:
    errors = [abs(truth_row(rho, n).saving_error) for n in (101, 401, 1_601)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


@pytest.mark.parametrize("rho", PAPER)
def test_the_error_of_whole_ticks_shrinks_with_them(rho: float) -> None:
    def error(row: TruthRow) -> float:
        return max(abs(row.optimal_cost - row.optimal_exact), abs(row.twap_cost - row.twap_exact))

    errors = [error(truth_row(rho, 1_601, tick)) for tick in ("1", "0.1")]
    assert errors[0] > 100
    assert errors[1] < 5
    assert error(truth_row(rho, 1_601)) < 5  # a cent: whole shares are what is left


def test_whole_sizes_keep_the_sum() -> None:
    assert whole([0.4, 0.4, 0.4, 0.8], 2).tolist() == [0, 1, 0, 1]
    assert int(whole([SHARES / 7] * 7, SHARES).sum()) == SHARES


def test_table_and_document() -> None:
    rows = known_truth((51,))
    assert [one.resilience for one in rows] == [1.0, 2.0, 10.0]
    assert "| 2 | 51 |" in table(rows).markdown()
    found = document(rows)["rows"][1]
    assert found["saving"] == rows[1].saving
    assert found["twap_limit"] == pytest.approx(783_833.8, abs=0.1)


@pytest.mark.parametrize("text", ["", "1", "4001", "10,x", "1e3", "9" * 5_000])
def test_trades_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="trades"):
        parse_trades(text)


@pytest.mark.parametrize("tick", ["0", "-1", "x", "nan", "0.03", "2"])
def test_ticks_that_are_none_are_refused(tick: str) -> None:
    with pytest.raises(InputError, match="tick"):
        truth_row(1.0, 11, tick)
