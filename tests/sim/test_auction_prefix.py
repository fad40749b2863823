"""No auction looks ahead: what a venue says by an instant is what it says by then on a tape that is cut there.

Random tapes of some minutes with an opening, a closing and halts inside, prints that could be those of auctions, and
orders of every kind that gathers.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from market_rows import MID, MS, START_NS, make_tape, two_sided
from sim_orders import child, run_to_end

from nowake.core.inputs import Filled
from nowake.core.order import Side
from nowake.core.sessions import Session
from nowake.core.tape import END, OFF_EXCHANGE, Book, Row, row_code
from nowake.sim.exchange import SimMarket
from nowake.sim.latency import Latency
from nowake.sim.rules import SelfTrade, VenueRules, WhileHalted

OPENS_MS, CLOSES_MS, ENDS_MS = 20_000, 110_000, 240_000
Row4 = tuple[int, int, int, int]
Action = tuple[int, str, Side, int, int, str]


def clock(ms: int) -> time:
    return (datetime.fromtimestamp(START_NS // 10**9, UTC) + timedelta(milliseconds=ms)).time()


SESSIONS = (
    None,
    Session(name="S", opens=clock(OPENS_MS), closes=clock(CLOSES_MS)),
    Session(name="S", opens=time(0), closes=clock(CLOSES_MS)),
)


def some_rules(call_s: int, every_s: int, freeze_s: int, takes_part: bool, self_trade: SelfTrade) -> VenueRules:
    return VenueRules(
        auction_share=0.5,
        call_ns=call_s * 1_000 * MS,
        indicate_ns=every_s * 1_000 * MS,
        freeze_ns=freeze_s * 1_000 * MS,
        limits_in_auctions=takes_part,
        reopen_by_auction=True,
        while_halted=WhileHalted.REST,
        self_trade=self_trade,
    )


RULES = st.builds(
    some_rules, st.sampled_from([0, 15]), st.sampled_from([3, 10]), st.sampled_from([0, 5]), st.booleans(),
    st.sampled_from(list(SelfTrade)),
)  # fmt: skip
TIMES = st.sampled_from([OPENS_MS, CLOSES_MS]).flatmap(lambda ms: st.integers(ms - 15_000, ms + 75_000))


@st.composite
def markets(draw: st.DrawFn) -> list[Row4]:
    """Draw rows: levels, prints with and without an aggressor, halts that end and halts that do not."""
    rows = []
    for ms in sorted(draw(st.lists(TIMES, min_size=3, max_size=25))):
        kind = draw(st.sampled_from([Row.SET, Row.SET, Row.TRADE, Row.TRADE, Row.TRADE, Row.HALT, Row.RESUME]))
        side = Book.NONE
        flags = END
        if kind is Row.SET or (kind is Row.TRADE and draw(st.booleans())):
            side = draw(st.sampled_from([Book.BID, Book.ASK]))
        elif kind is Row.TRADE and draw(st.integers(0, 4)) == 0:
            flags |= OFF_EXCHANGE
        halts = kind in (Row.HALT, Row.RESUME)
        price, qty = (
            draw(st.integers(MID - 4, MID + 4)),
            draw(st.integers(0, 200) if kind is Row.SET else st.integers(1, 500)),
        )
        rows.append((ms, row_code(kind, side, flags), *((0, 0) if halts else (price, qty))))
    return [*two_sided(), *rows, (ENDS_MS, row_code(Row.SET, Book.BID, END), MID - 50, 1)]


KINDS = ["opg", "cls", "market-opg", "market-cls", "limit", "limit", "post-only", "cancel", "replace"]
ACTIONS = st.lists(
    st.tuples(TIMES, st.sampled_from(KINDS), st.sampled_from(list(Side)), st.integers(1, 200), st.integers(-4, 4)),
    min_size=2,
    max_size=10,
)


def said_by(
    rows: list[Row4], cut_ms: int, actions: list, session: Session | None, rules: VenueRules, *, cut: bool
) -> list:
    """Return all that was delivered and seen up to an instant; ``cut`` = the tape ends there too."""
    kept = [row for row in rows if row[0] <= cut_ms] if cut else rows
    latency = Latency(data_ns=3 * MS, entry_ns=2 * MS, response_ns=4 * MS)
    market = SimMarket(make_tape(kept), latency=latency, session=session, impact="off", rules=rules)
    found: list = []
    for n, (ms, kind, side, qty, away) in enumerate(sorted(actions)):
        if ms > cut_ms:
            break
        found += run_to_end(market, START_NS + ms * MS)
        found.append(market.view(market.now_ns))
        tif = kind.removeprefix("market-")
        tif, order_type = (tif, "limit") if tif in ("opg", "cls") else ("gtc", kind)
        order_type = "market" if kind.startswith("market") else order_type
        if kind == "cancel":
            market.cancel(f"o{qty % max(n, 1)}", market.now_ns)
        elif kind == "replace":
            old = qty % max(n, 1)
            market.replace(f"o{old}", child(f"o{n}", side, qty, MID + away), market.now_ns)
        else:
            market.submit(child(f"o{n}", side, qty, MID + away, kind=order_type, tif=tif), market.now_ns)
    found += run_to_end(market, START_NS + cut_ms * MS)
    return [*found, market.view(market.now_ns)]


@settings(max_examples=400)
@given(
    rows=markets(),
    actions=ACTIONS,
    session=st.sampled_from(SESSIONS),
    rules=RULES,
    cut_ms=TIMES,
)
def test_a_cut_tape_changes_nothing_before_the_cut(
    rows: list[Row4], actions: list, session: Session | None, rules: VenueRules, cut_ms: int
) -> None:
    whole = said_by(rows, cut_ms, actions, session, rules, cut=False)
    assert said_by(rows, cut_ms, actions, session, rules, cut=True) == whole


@settings(max_examples=200)
@given(
    prints=st.dictionaries(st.integers(0, 59_000), st.integers(1, 900), min_size=2, max_size=5),
    orders=st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(1, 300), st.booleans()), min_size=1, max_size=4),
    closing=st.booleans(),
    after_ms=st.integers(0, 62_000),
    rules=RULES,
)
def test_the_print_of_an_auction_is_not_known_before_its_minute_is_over(
    prints: dict[int, int],
    orders: list[tuple[Side, int, bool]],
    closing: bool,
    after_ms: int,
    rules: VenueRules,
) -> None:
    """Of several prints that could be it, the largest may still come."""
    instant, tif = (CLOSES_MS, "cls") if closing else (OPENS_MS, "opg")
    rows = [(instant + ms, row_code(Row.TRADE, Book.NONE, END), MID, qty) for ms, qty in sorted(prints.items())]
    rows = [*two_sided(), *rows, (ENDS_MS, row_code(Row.SET, Book.BID, END), MID - 50, 1)]
    actions = [
        (instant - 9_000 + n, f"market-{tif}" if at_any else tif, side, qty, 0)
        for n, (side, qty, at_any) in enumerate(orders)
    ]
    session, cut_ms = SESSIONS[1], instant + after_ms
    whole = said_by(rows, cut_ms, actions, session, rules, cut=False)
    assert said_by(rows, cut_ms, actions, session, rules, cut=True) == whole
    in_time = [fill for fill in whole if isinstance(fill, Filled)]
    assert not in_time or after_ms >= 60_000
    told = said_by(rows, instant + 62_000, actions, session, rules, cut=False)
    largest = max(prints.values())
    assert any(isinstance(one, Filled) for one in told) == (largest >= 2)  # half of it is at least one
