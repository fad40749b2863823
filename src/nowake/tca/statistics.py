"""How the children did: what filled, how fast, as maker or taker, how often the venue said no."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median

from nowake.core.child import ChildStatus, Liquidity
from nowake.core.value import Value
from nowake.tca.trail import ChildReport


class FillStatistics(Value, frozen=True):
    """Counts and rates over the children of one parent.

    Attributes:
        children, fills: How many.
        filled_children: Children that traded at all.
        maker_share: Part of the filled quantity that made liquidity, [0, 1]; None without fills.
        fill_rate: Filled quantity / quantity sent, [0, 1]; None without children.
        time_to_fill_mean_s, time_to_fill_median_s: Seconds on the venue's clock from acceptance to the first fill, of
            the children that traded; None without any.
        cancels: Children that left the book by a cancel.
        expired: Immediate-or-cancel children whose rest expired.
        rejects: Children that the venue refused, ``would_cross`` among them.
        would_cross: Post-only children refused because they would have taken.
        entry_p50_ms, entry_p99_ms: From the decision to the venue's clock when it accepted or refused a child, of those
            answered; None without any. A live venue's clock may differ from ours by more than this.
        response_p50_ms, response_p99_ms: From there to us.
    """

    children: int
    fills: int
    filled_children: int
    maker_share: float | None
    fill_rate: float | None
    time_to_fill_mean_s: float | None
    time_to_fill_median_s: float | None
    cancels: int
    expired: int
    rejects: int
    would_cross: int
    entry_p50_ms: float | None = None
    entry_p99_ms: float | None = None
    response_p50_ms: float | None = None
    response_p99_ms: float | None = None


def fill_statistics(children: Sequence[ChildReport]) -> FillStatistics:
    """Return the statistics of a parent's children."""
    fills = [one.fill for child in children for one in child.fills]
    filled = sum(fill.qty_units for fill in fills)
    made = sum(fill.qty_units for fill in fills if fill.liquidity is Liquidity.MAKER)
    sent = sum(child.order.qty_units for child in children)
    waits = [
        (min(one.fill.t_venue_ns for one in child.fills) - child.t_venue_ns) / 1e9 for child in children if child.fills
    ]
    answered = [child for child in children if child.t_heard_ns]
    entries = [child.t_venue_ns - child.t_sent_ns for child in answered]
    responses = [child.t_heard_ns - child.t_venue_ns for child in answered]
    ends = [child.status for child in children]
    return FillStatistics(
        children=len(children),
        fills=len(fills),
        filled_children=len(waits),
        maker_share=made / filled if filled else None,
        fill_rate=filled / sent if sent else None,
        time_to_fill_mean_s=mean(waits) if waits else None,
        time_to_fill_median_s=median(waits) if waits else None,
        cancels=ends.count(ChildStatus.CANCELED),
        expired=ends.count(ChildStatus.EXPIRED),
        rejects=ends.count(ChildStatus.REJECTED),
        would_cross=sum(child.code == "would-cross" for child in children),
        entry_p50_ms=quantile_ms(entries, 50),
        entry_p99_ms=quantile_ms(entries, 99),
        response_p50_ms=quantile_ms(responses, 50),
        response_p99_ms=quantile_ms(responses, 99),
    )


def quantile_ms(times_ns: Sequence[int], percent: int) -> float | None:
    """Return the smallest of the times that at least ``percent`` of them do not exceed, milliseconds; None of none."""
    if not times_ns:
        return None
    return sorted(times_ns)[-(-percent * len(times_ns) // 100) - 1] / 1e6
