"""Which way to work an order, and why: ``StrategyDecision``, with everything that was weighed.

A value of the router (``route.router``), stored in the journal when it takes effect, shown by ``plan`` and ``explain``.
"""

from __future__ import annotations

import math
from html import escape

from nowake.core.conditions import Conditions
from nowake.core.plan import CostEstimate
from nowake.core.units import NS_PER_SECOND, format_duration
from nowake.core.value import Value, check_types, require

HEAD = ("", "way", "score", "mean", "haste", "sd", "90 % within", "done in", "peak rate")
ROWS_SHOWN = 8


class Candidate(Value, frozen=True):
    """One way to work what is unsent, priced.

    Attributes:
        strategy: Name in the table of strategies.
        end_ns: Its schedule ends here; at or before the order's end.
        cost: As the planner estimates it.
        score_bps: mean + haste + risk aversion x timing risk squared, basis points: the less, the better.
        haste_bps: What its pace is charged beyond the mean (``route.score``), basis points.
        participation_target: Rate of a strategy that follows the volume; None for the others.
        peak_participation: Largest share of the expected volume that a slice needs; 0 = the volume is unknown.
        slices: How many.
        start_ns: Its first slice is released here.
        done_ns: It is expected to be done here; before ``end_ns`` where the volume is followed.
    """

    strategy: str
    end_ns: int
    cost: CostEstimate
    score_bps: float
    participation_target: float | None = None
    peak_participation: float = 0.0
    slices: int = 1
    start_ns: int = 0
    done_ns: int = 0
    haste_bps: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        require(math.isfinite(self.score_bps), "score_bps", self.score_bps, "finite")

    @property
    def over(self) -> str:
        """Return how long it is expected to take, to the second from a second on."""
        took = self.done_ns - self.start_ns
        return format_duration(round(took / NS_PER_SECOND) * NS_PER_SECOND if took >= NS_PER_SECOND else max(took, 0))

    @property
    def words(self) -> str:
        """Return it in words: ``vwap over 1h``, ``pov at 7.5 %``."""
        if self.participation_target is not None:
            return f"{self.strategy} at {100 * self.participation_target:.3g} %"
        return f"{self.strategy} over {self.over}"

    def row(self) -> tuple[str, ...]:
        """Return its cells under ``HEAD`` but the first."""
        cost = self.cost
        return (
            self.words,
            f"{self.score_bps:.2f}" if self.score_bps < 1e6 else f"{self.score_bps:.3g}",
            f"{cost.mean_bps:+.2f}",
            f"{self.haste_bps:+z.2f}",
            f"{cost.sd_bps:.2f}",
            f"{cost.p05_bps:+.1f} .. {cost.p95_bps:+.1f}",
            self.over,
            f"{100 * self.peak_participation:.3g} %" if self.peak_participation else "not known",
        )


class Exclusion(Value, frozen=True):
    """A way that was not priced or may not be taken, and why.

    Attributes:
        what: Strategy, with horizon or rate where they matter.
        reason: In words, with the numbers.
    """

    what: str
    reason: str


class StrategyDecision(Value, frozen=True):
    """What the router decided, from what, and what else there was. Prints as a table.

    Attributes:
        parent_id: Whose order.
        asof_ns: Nothing received after this was looked at.
        qty_units: What was unsent then.
        risk_aversion: lambda, per basis point, >= 0: a score is mean + haste + lambda x timing risk squared.
        chosen: What is done; the first of the ranking unless the user or the fallback said otherwise. None where
            nothing could be priced.
        ranking: Every candidate that was priced and is allowed, best first.
        excluded: The others.
        reasons: Why this one, a clause each.
        fallback: Why nothing could be weighed, so that the fallback is taken; empty = it was weighed.
        override: The strategy that the user named; empty = the router's own choice stands.
        beliefs: Content hash of the beliefs.
        strategy: What is done, by name, priced or not.
        conditions: What the market was like, where that was measured.
    """

    parent_id: str
    asof_ns: int
    qty_units: int
    risk_aversion: float
    chosen: Candidate | None
    ranking: tuple[Candidate, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    reasons: tuple[str, ...] = ()
    fallback: str = ""
    override: str = ""
    beliefs: str = ""
    strategy: str = ""
    conditions: Conditions | None = None

    def __post_init__(self) -> None:
        check_types(self)
        good = math.isfinite(self.risk_aversion) and self.risk_aversion >= 0
        require(good, "risk_aversion", self.risk_aversion, ">= 0")
        weighed = self.chosen is not None or bool(self.fallback or self.override)
        require(weighed, "chosen", self.chosen, "given, or a fallback or an override says why not")

    @property
    def costs_more_bps(self) -> float | None:
        """Return by how much what is done scores over the best there was; None where nothing was weighed."""
        if self.chosen is None or not self.ranking:
            return None
        return self.chosen.score_bps - self.ranking[0].score_bps

    def rows(self, most: int = ROWS_SHOWN) -> list[tuple[str, ...]]:
        """Return the ranking as cells under ``HEAD``: the best ``most``, and what is done where it is none of them."""
        shown = list(enumerate(self.ranking[:most], start=1))
        if self.chosen is not None and self.chosen not in self.ranking[:most]:
            place = self.ranking.index(self.chosen) + 1 if self.chosen in self.ranking else 0
            shown.append((place, self.chosen))
        return [
            (f"{place or '-'}{' *' if one == self.chosen else ''}", *one.row()) for place, one in shown
        ]  # what is done has a star

    def __str__(self) -> str:
        """Return the decision as a table of plain text."""
        lines = []
        rows = self.rows()
        if rows:
            widths = [max(len(row[k]) for row in [HEAD, *rows]) for k in range(len(HEAD))]
            for row in (HEAD, *rows):
                cells = [
                    cell.ljust(w) if k < 2 else cell.rjust(w)
                    for k, (cell, w) in enumerate(zip(row, widths, strict=True))
                ]
                lines.append("  ".join(cells).rstrip())
            if len(self.ranking) > ROWS_SHOWN:
                lines.append(f"({len(self.ranking)} weighed; score, mean, sd and band in bps)")
        lines += [f"- {reason}" for reason in self.reasons]
        lines += [f"- not weighed: {one.what}: {one.reason}" for one in self.excluded]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the decision as notebooks draw it."""
        head = "".join(f"<th>{escape(one)}</th>" for one in HEAD)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows())
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
        said = [*self.reasons, *(f"not weighed: {one.what}: {one.reason}" for one in self.excluded)]
        return table + "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in said) + "</ul>"
