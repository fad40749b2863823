"""One decision in the making: prices every way of an order, and says of each that may not be taken why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from nowake.core.errors import InputError
from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.routing import Candidate, Exclusion
from nowake.core.sessions import Session, iso
from nowake.core.units import format_duration
from nowake.core.value import replace
from nowake.models.beliefs import Beliefs
from nowake.plan.feasibility import percent
from nowake.plan.planner import Ground, Progress
from nowake.plan.rates import target_rate
from nowake.plan.strategies import AUTO, FALLBACK, find_strategy
from nowake.plan.strategy import Strategy
from nowake.route.candidates import Speeds, speeds, ways
from nowake.route.score import Yardstick

TOUCHES = 1.001
"""A peak that is over the cap by less is on it: whole lots."""
SCORE_DIGITS = 9
"""Scores that differ by less are equal: floats."""


@dataclass(frozen=True)
class Case:
    """The values of one decision; the order is as asked, strategy ``auto`` or the user's."""

    order: ParentOrder
    progress: Progress
    beliefs: Beliefs
    listing: Listing
    session: Session
    now_ns: int

    @cached_property
    def ground(self) -> Ground:
        """Return what all the ways rest on.

        Raises:
            InputError: The order cannot be planned, whatever the way.
        """
        return Ground.of(self.order, self.progress, self.beliefs, self.listing, self.session, self.now_ns)

    @property
    def start_ns(self) -> int:
        """Return from when on something may be laid out."""
        return self.ground.start_ns

    def unweighable(self, stale_ns: int) -> str:
        """Return why nothing can be weighed, with the numbers; empty = it can."""
        beliefs = self.beliefs
        if beliefs.mid2 <= 0:
            return "no price is known"
        age_ns = self.now_ns - beliefs.asof_ns
        if age_ns > stale_ns:
            return f"the beliefs are of {iso(beliefs.asof_ns)}, {format_duration(age_ns)} ago"
        if not beliefs.volume.known:
            return "no volume is known"
        if beliefs.volume.expected(self.start_ns, self.order.end_ns) <= 0:
            return "no volume is expected in the window"
        return ""

    def speeds(self, count: int) -> Speeds:
        """Return the speeds at which what is unsent can be done."""
        order = self.order
        return speeds(
            self.beliefs.volume,
            self.progress.unsent_units,
            self.start_ns,
            order.end_ns,
            order.parameters.participation_max,
            count,
        )

    def candidate(self, worked: ParentOrder, measure: Yardstick) -> Candidate | None:
        """Return one way, priced; None where no price is known.

        Raises:
            InputError: It cannot be worked that way.
        """
        made = self.ground.priced(worked)
        if made.cost is None:
            return None
        follows = find_strategy(worked.strategy).follows
        return Candidate(
            strategy=made.strategy,
            end_ns=worked.end_ns,
            cost=made.cost,
            score_bps=measure.score_bps(made.cost, made.pace),
            haste_bps=measure.haste_bps(made.cost, made.pace),
            participation_target=target_rate(worked.parameters) if follows else None,
            peak_participation=made.peak_participation,
            slices=made.slices,
            start_ns=made.release_ns,
            done_ns=made.end_ns,
        )

    def weigh(
        self, strategies: tuple[Strategy, ...], count: int, measure: Yardstick
    ) -> tuple[tuple[Candidate, ...], tuple[Exclusion, ...]]:
        """Return the ways that may be taken, best first, and the others.

        Raises:
            InputError: The order cannot be worked in any way; the first one's reason.
        """
        asked = replace(self.order, strategy=AUTO)
        found, excluded, errors = [], [], []
        at = self.speeds(count)
        for strategy in strategies:
            for worked in ways(asked, strategy, at):
                try:
                    made = self.candidate(worked, measure)
                except InputError as error:
                    over = format_duration(worked.end_ns - self.start_ns)
                    excluded.append(Exclusion(what=f"{strategy.name} over {over}", reason=str(error)))
                    errors.append(error)
                    continue
                if made is not None:
                    found.append(made)
        kept, over_cap = self._within_cap(found)
        if errors and not any(_in_time(one) for one in kept):
            raise errors[0]
        # Python's sort keeps the order of equals: strategies as listed, each from slow to fast.
        return tuple(sorted(kept, key=lambda one: round(one.score_bps, SCORE_DIGITS))), (*excluded, *over_cap)

    def _within_cap(self, found: list[Candidate]) -> tuple[list[Candidate], list[Exclusion]]:
        """Return the ways whose plan keeps to the participation cap; where none does, those with a schedule."""
        cap = self.order.parameters.participation_max
        kept = [one for one in found if one.peak_participation <= cap * TOUCHES or _paced(one)]
        # Where none does, one that follows the volume at the cap would only be known not to be done in time.
        kept = kept or [one for one in found if _in_time(one)] or found
        over = f"over the cap {percent(cap)}"
        excluded = [
            Exclusion(
                what=one.words, reason=f"its peak needs {percent(one.peak_participation)} of expected volume, {over}"
            )
            for one in found
            if one not in kept
        ]
        return kept, excluded


def _paced(one: Candidate) -> bool:
    """Return whether a way follows the volume at its rate and is done in time; its slices only show what to expect."""
    return one.participation_target is not None and one.done_ns < one.end_ns


def _in_time(one: Candidate) -> bool:
    """Return whether a way is expected to be done by its end."""
    return one.participation_target is None or _paced(one)


def fallback_of(strategies: tuple[Strategy, ...]) -> str:
    """Return what is done where nothing can be weighed: TWAP, or else the first that honours what the user set."""
    return FALLBACK.name if FALLBACK in strategies else strategies[0].name
