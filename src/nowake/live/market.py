"""Our market in a live process: fed by a connection that breaks, with counters that outlive the process."""

from __future__ import annotations

from nowake.core.sessions import Session
from nowake.core.tape import END, I64, Row, TapeMeta, row_code
from nowake.core.view import View
from nowake.core.wire import rows_tape
from nowake.market import run
from nowake.market.own import OwnMarket


def fed_market(meta: TapeMeta, session: Session, last: View | None = None) -> OwnMarket:
    """Return a market without a row yet.

    Args:
        meta: Of the feed.
        session: Trading hours.
        last: The last view of an earlier process: volumes, time integrals and variance go on from it. What happened
            in between was not seen and is not counted (volume not seen is never caught up).
    """
    market = OwnMarket(rows_tape(meta, 0, ()), session=session)
    if last is not None:
        _go_on(market, last)
    return market


def feed_gap(market: OwnMarket, t_ns: int) -> None:
    """Say that messages are missing from here: nothing trades on this book until the next snapshot."""
    market.feed(rows_tape(market.meta, t_ns, [(row_code(Row.GAP, 0, END), 0, 0)]))  # type: ignore[arg-type]


def _go_on(market: OwnMarket, view: View) -> None:
    stats, base = market.stats, market.meta.price_base
    stats[[run.VOLUME_ALL, run.VOLUME_OWN]] = view.volume_all, view.volume_own
    above = view.notional_all - base * view.volume_all
    stats[[run.NOTIONAL_HI, run.NOTIONAL_LO]] = above >> 30, above & run.LOW30
    _put_integral(stats, run.MID_Q, view.mid2_time * run.MILLION - 2 * base * view.mid_ns)
    _put_integral(stats, run.SPREAD_Q, view.spread_time * run.MILLION)
    stats[run.MID_NS], stats[run.REALISED_NS] = view.mid_ns, view.realised_ns
    market.reals[run.REALISED_VAR] = view.realised_var
    if view.since_ns:
        stats[[run.STARTED, run.SINCE, run.LAST_ROW, run.CLOCK]] = 1, view.since_ns, view.last_row_ns, view.last_row_ns
    if view.last_units:
        stats[[run.HAS_PRINT, run.LAST_PRICE]] = 1, view.last_units - base


def _put_integral(stats: I64, at: int, exact: int) -> None:
    """Write an integral (units x ns) in the words that the kernel keeps it in: Q, R, HI."""
    whole, rest = divmod(exact, run.MILLION)
    high, low = divmod(whole, run.CARRY)
    stats[at], stats[at + 1], stats[at + 2] = low, rest, high
