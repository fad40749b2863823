"""The card of a measured belief: on what data, how far it errs out of sample, and until when it may be used."""

from __future__ import annotations

from datetime import date, timedelta

from nowake.core.instrument import Listing
from nowake.core.value import Value
from nowake.models.volume import per_day_text
from nowake.models.volume_curve import VolumeHistory

VOLUME_DAYS_VALID = 30
"""Calendar days after its newest day for which a volume curve is good; index changes and seasons come after."""


class Card(Value, frozen=True):
    """Where a belief comes from.

    Attributes:
        belief: Which: ``volume``.
        text: All of it in a clause.
        days: Past days used.
        sources: Content hashes of the data of each.
        score: (name, value) of the errors out of sample; empty = too few days.
        warnings: What limits it.
        valid_until: Last local day for which it should be used.
    """

    belief: str
    text: str
    days: tuple[date, ...] = ()
    sources: tuple[str, ...] = ()
    score: tuple[tuple[str, float], ...] = ()
    warnings: tuple[str, ...] = ()
    valid_until: date | None = None


def volume_card(history: VolumeHistory, listing: Listing) -> Card:
    """Return the card of a volume curve and level."""
    score = history.score
    span = f"{history.days[0]}" if len(history.days) == 1 else f"{history.days[0]} to {history.days[-1]}"
    text = f"volume curve of {len(history.days)} past day{'s' * (len(history.days) > 1)}, {span}"
    text += f", {per_day_text(history.adv, listing)}"
    scores: list[tuple[str, float]] = []
    warnings = list(history.left_out)
    if score is None:
        warnings.append("one past day: its own error is not known")
    else:
        text += f", own error out of sample: MAPE {score.mape:.0%} (U {score.mape_u:.0%}, flat {score.mape_flat:.0%})"
        text += f" over {score.held_out} day{'s' * (score.held_out > 1)}"
        scores += [(name, float(getattr(score, name))) for name in score.__struct_fields__]
    valid_until = history.days[-1] + timedelta(days=VOLUME_DAYS_VALID)
    if history.traded_day > valid_until:
        warnings.append(f"its newest day is {(history.traded_day - history.days[-1]).days} days old")
    return Card(
        belief="volume",
        text=text,
        days=history.days,
        sources=history.sources,
        score=tuple(scores),
        warnings=tuple(warnings),
        valid_until=valid_until,
    )
