"""The orders of a router study: which are worked, what each came to, and how that is kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nowake.core.errors import DataError, InputError
from nowake.core.value import Value, check_types, content_hash, from_json, require, to_json
from nowake.study.router.windows import Window

VERSION = 1
"""Of what is measured; part of every key, so that older results are not mixed with newer ones."""
FIXED = ("twap", "vwap", "pov", "is")
ROUTED = "auto"


class Cell(Value, frozen=True):
    """An order of the grid: its part of the volume printed in its window, and its urgency."""

    share: float
    urgency: float

    def __post_init__(self) -> None:
        check_types(self)
        require(0 < self.share <= 1, "share", self.share, "in (0, 1]")
        require(0 <= self.urgency <= 1, "urgency", self.urgency, "in [0, 1]")


CELLS = (
    Cell(share=0.01, urgency=0.5),
    Cell(share=0.05, urgency=0.5),
    Cell(share=0.10, urgency=0.5),
    Cell(share=0.05, urgency=0.0),
    Cell(share=0.05, urgency=1.0),
)
SIDES = ("buy", "sell")


class Spot(Value, frozen=True):
    """Where orders are done: a window of a market.

    Attributes:
        market: ``AMZN@XNAS``, ``SYNTH/thin``.
        group: ``recorded``, ``modelled`` or ``synthetic``.
        source: Identity of the market by content: hash of the tape, or of what it is made from.
        window: Of it.
    """

    market: str
    group: str
    source: str
    window: Window

    @property
    def name(self) -> str:
        """Return what tells windows apart: twins are of one name."""
        return content_hash((self.market, self.source, self.window))


class Task(Value, frozen=True):
    """One order to be worked: where, what, how."""

    spot: Spot
    side: str
    cell: Cell
    strategy: str

    @property
    def key(self) -> str:
        """Return its identity by content: what is in the results under it is not worked again."""
        return content_hash((VERSION, self))


class Outcome(Value, frozen=True):
    """What one order came to; costs in basis points of arrival notional, positive = paid.

    Attributes:
        key: Of its task.
        code: Hash of the program that worked it.
        refused: Why it could not be worked; empty = it was, and the rest is so.
        worked: The strategy that the first plan had.
        plans: How many it had.
        qty_units: The order.
        filled: Part of it that was done.
        participation: Own part of all volume in the window.
        ledger_bps: Shortfall with fees, the rest done at the end.
        fees_bps: Part of it.
        almgren_bps, istar_bps: What the two laws charge on top.
        mean_bps, sd_bps, p05_bps, p95_bps: The first plan's estimate.
    """

    key: str
    task: Task
    code: str
    refused: str = ""
    worked: str = ""
    plans: int = 0
    qty_units: int = 0
    filled: float = 0.0
    participation: float = 0.0
    ledger_bps: float = 0.0
    fees_bps: float = 0.0
    almgren_bps: float = 0.0
    istar_bps: float = 0.0
    mean_bps: float = 0.0
    sd_bps: float = 0.0
    p05_bps: float = 0.0
    p95_bps: float = 0.0

    def cost_bps(self, measure: str) -> float:
        """Return the cost as ``ledger``, ``charged`` or ``istar`` has it."""
        more = {"ledger": 0.0, "charged": self.almgren_bps, "istar": self.istar_bps}
        return self.ledger_bps + more[measure]


MEASURES = ("ledger", "charged", "istar")


def tasks_of(spot: Spot, cells: Iterable[Cell], strategies: Iterable[str]) -> list[Task]:
    """Return the orders of one window; twins differ in their strategy only."""
    named = tuple(strategies)
    return [
        Task(spot=spot, side=side, cell=cell, strategy=strategy)
        for cell in cells
        for side in SIDES
        for strategy in named
    ]


def read_outcomes(path: Path) -> list[Outcome]:
    """Return what is kept in a file, an outcome a line; a last line without an end was cut off and does not count.

    Of several under one key (two studies wrote at a time) the first counts.

    Raises:
        DataError: A line is no outcome.
    """
    if not path.exists():
        return []
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    made: dict[str, Outcome] = {}
    for number, line in enumerate(lines, start=1):
        try:
            one = from_json(line, Outcome)
            made.setdefault(one.key, one)
        except InputError as error:
            raise DataError(str(path), error.reason, line=number, remedy="name another folder") from error
    return list(made.values())


def append_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Add outcomes to a file, after cutting off what an interrupted writer left of a line."""
    text = path.read_bytes() if path.exists() else b""
    whole = text.rfind(b"\n") + 1
    with path.open("r+b" if text else "wb") as file:
        file.truncate(whole)
        file.seek(whole)
        file.write(b"".join(to_json(one) + b"\n" for one in outcomes))
