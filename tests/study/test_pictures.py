"""Pages of studies: what is drawn is what was found."""

from __future__ import annotations

import json
import re

from nowake.study.estimates import EstimateError, table
from nowake.study.pictures import queues_page
from nowake.study.queues import ModelError, QueueErrors

ERRORS = QueueErrors(
    listing="A@B",
    orders=10,
    horizon_s=60,
    filled=0.5,
    undecided=0.1,
    inside=1,
    models=(
        ModelError(model="power-2", same=0.9, bias=0.02, late_s=-0.5, off_s=0.6),
        ModelError(model="log", same=0.8, bias=-0.04, late_s=0.25, off_s=0.3),
    ),
)


def estimate(data_ns: int, share: float) -> EstimateError:
    return EstimateError(
        listing="A@B", model="power-2", data_ns=data_ns, orders=1, looks=2, exact=0.5, mean=1, median=0, p05=-1, p95=2,
        share=share,
    )  # fmt: skip


def test_the_queue_page_draws_each_model_of_each_tape() -> None:
    own = [estimate(0, 0.125), estimate(5_000_000, 0.5)]
    html = queues_page([ERRORS, ERRORS], [own], [table(own)])
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)
    assert found is not None
    figures = json.loads(found[1])
    drawn = {name: [one["x"] for one in figure["data"]] for name, figure in figures.items()}
    assert drawn["quantity"] == [[2, -4], [2, -4]]
    assert [[round(x, 9) for x in one] for one in drawn["ending"]] == [[10, 20], [10, 20]]
    assert drawn["late"] == [[-0.5, 0.25], [-0.5, 0.25]]
    assert drawn["estimate"] == [[12.5]]  # the late feed is in the table
    rows = [one["y"] for one in figures["quantity"]["data"]]
    assert rows == [[-0.25, 0.75], [0.25, 1.25]]  # the tapes' dots stand beside each other, not on each other
    assert figures["quantity"]["layout"]["yaxis"]["ticktext"] == ["power-2", "log"]
    assert "12.5%" in html
    assert "50.0%" in html
