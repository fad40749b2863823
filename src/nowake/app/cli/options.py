"""The options of commands that state an order, declared once; each command adds its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from nowake.app.request import OrderRequest
    from nowake.app.wiring import RunOptions

_of_order = partial(typer.Option, rich_help_panel="Order")
_term = partial(typer.Option, rich_help_panel="Further terms")
_of_market = partial(typer.Option, rich_help_panel="Market and simulation")
_belief = partial(typer.Option, rich_help_panel="Beliefs, in place of a tape or of what it shows")

MAP_HELP = "columns of a CSV or Parquet file: time=ts,price=px,qty=size, or a .json or .toml file; may be given again"
LISTING_HELP = "what recorded files are of: MSFT@XNAS, with rules XYZ@VENUE,tick=0.01,lot=1, or a .json file"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderOptions:
    """What was typed, unchecked: ``request`` and ``options`` check it."""

    side: Annotated[str, typer.Argument(help="buy or sell (B, S, SS and FIX 1, 2, 5 are understood)")]
    quantity: Annotated[str, typer.Argument(help="shares, base asset or contracts: 10000, 10k; 5m-USDT is a value")]
    symbol: Annotated[str, typer.Argument(help="AMZN, BTCUSDT@binance-spot; SYNTH is the synthetic market")]
    start: Annotated[str, _of_order(help="ISO time with a zone, 10:00, open+30m; default: the first valid book")] = ""
    end: Annotated[str, _of_order(help="as --start, also close-5m; or say --over")] = ""
    over: Annotated[str, _of_order(help="how long: 2h, 1h30m, 8m")] = ""
    strategy: Annotated[str, _of_order(help="auto (the router chooses), or twap, vwap, pov, is by name")] = "auto"
    end_behaviour: Annotated[str, _of_order(help="finish (be done by the end), cancel (drop the rest) or run-on")] = ""
    must_complete: Annotated[
        bool, _of_order("--must-complete", help="near the end pass the cap rather than leave a rest")
    ] = False
    max_participation: Annotated[str, _of_order(help="own share of all volume, at most: 0.15 or 15%")] = "0.15"
    urgency: Annotated[float, _of_order(help="0 = patient, 1 = cross at once")] = 0.5
    limit: Annotated[str, _of_order(help="never trade at a worse price")] = ""
    slices: Annotated[int, _of_order(help="how many; default: chosen by cost")] = 0
    tz: Annotated[str, _of_order(help="zone of clock times, America/New_York; default: the session's")] = ""
    never_take: Annotated[bool, _term("--never-take", help="only post")] = False
    participation: Annotated[str, _term(help="pov: own share of all volume to keep to: 10%")] = ""
    min_participation: Annotated[str, _term(help="pov: under this share it crosses: 8%")] = ""
    participation_by_price: Annotated[str, _term(help="pov: rate from a market price on: 220:5%,225:12%")] = ""
    participation_by_size: Annotated[str, _term(help="pov: rate while this much or more is left: 1:5%,5000:12%")] = ""
    participation_by_time: Annotated[str, _term(help="pov: rate from a time after the start on: 30m:12%")] = ""
    limit_offset: Annotated[str, _term(help="limit beyond the arrival mid, bps: 10, -5")] = ""
    i_would: Annotated[str, _term(help="at this price or better, take --i-would-part at once")] = ""
    i_would_part: Annotated[str, _term(help="how much of the order: 50%; default: all")] = ""
    display: Annotated[str, _term(help="largest size shown")] = ""
    display_randomise: Annotated[str, _term(help="vary the size shown by up to: 20%")] = ""
    display_refresh: Annotated[str, _term(help="shortest time between two shown sizes: 2s")] = ""
    min_fill: Annotated[str, _term(help="a child trades at least this or nothing; never rests")] = ""
    randomise_time: Annotated[str, _term(help="jitter the slices' times by up to: 50%")] = ""
    randomise_size: Annotated[str, _term(help="jitter the slices' sizes by up to: 20%")] = ""
    discretion: Annotated[str, _term(help="take when the far touch is this close to the posted price: 0.02")] = ""
    tape: Annotated[
        list[str] | None, _of_market(help="lake or recorded file; may be given again", show_default=False)
    ] = None
    mapping: Annotated[list[str] | None, _of_market("--map", help=MAP_HELP, show_default=False)] = None
    listing: Annotated[str, _of_market(help=LISTING_HELP)] = ""
    price: Annotated[str, _belief(help="mid price, quote currency")] = ""
    adv: Annotated[str, _belief(help="average daily volume: 22m; 9b-USD is a value")] = ""
    vol: Annotated[str, _belief(help="daily volatility: 1.6%, 160bps")] = ""
    spread: Annotated[str, _belief(help="quoted spread: 0.7bps, 0.03-USD")] = ""
    depth: Annotated[str, _belief(help="mean size of a book level: 400")] = ""
    history: Annotated[
        list[str] | None,
        _belief(
            help="lake or recorded file with past days, for the volume curve; may be given again", show_default=False
        ),
    ] = None
    fees: Annotated[str, _of_market(help="TAKER or MAKER/TAKER in bps: 10, -0.2/0.3; default: the listing's")] = ""
    impact: Annotated[
        str,
        _of_market(
            help="off: the book ignores us; ledger: what we took stays taken; full: and our trades move the price"
        ),
    ] = "ledger"
    own_impact: Annotated[
        str, _of_market(help="with full: permanent=2e-6,transient=5e-6,kernel=exponential,decay=10m; default: assumed")
    ] = ""
    queue_model: Annotated[
        str,
        _of_market(
            help="who is before us at a price: fifo (order ids), power-2, risk-averse, log ...; auto: fifo or power-2"
        ),
    ] = "auto"
    latency: Annotated[
        str, _of_market(help="one way: 5ms; 0 = none; lognormal:5ms,0.4; tape; or by leg: entry=5ms,response=tape")
    ] = ""
    venue_rules: Annotated[
        Path | None,
        _of_market(
            help="TOML or JSON file: self-trades, halts, message rate, fee tiers, iceberg refresh, auctions",
            show_default=False,
        ),
    ] = None
    seed: Annotated[int, _of_market(help="of all randomness")] = 0
    faults: Annotated[str, typer.Option(help="for developers: see docs/faults.md", hidden=True)] = ""
    regime: Annotated[str, _of_market(help="of SYNTH: balanced, calm, wide, thin, volatile, trending")] = ""
    allow: Annotated[
        list[str] | None,
        _of_market(
            help="use a tape in spite of: quarantined, gaps, crossed, disordered, mismatched", show_default=False
        ),
    ] = None

    def request(self) -> OrderRequest:
        """Return the order as it was asked for.

        Raises:
            InputError: Something is not what it must be.
        """
        from nowake.app.request import OrderRequest

        return OrderRequest(side=self.side, quantity=self.quantity.strip(), symbol=self.symbol, **self.for_all_orders())

    def for_all_orders(self) -> dict[str, Any]:
        """Return the fields of an order other than its side, quantity and symbol."""
        from nowake.core.terms import TERMS

        return {
            "start": self.start.strip(),
            "end": self.end.strip(),
            "over": self.over.strip(),
            "strategy": self.strategy,
            "end_behaviour": self.end_behaviour,
            "must_complete": self.must_complete,
            "max_participation": self.max_participation,
            "urgency": self.urgency,
            "limit": self.limit.strip(),
            "slices": self.slices,
            "never_take": self.never_take,
            **{name: getattr(self, name).strip() for name in TERMS},
            "tz": self.tz,
        }

    def options(self) -> RunOptions:
        """Return how it is to be simulated."""
        from nowake.app.stated import Beliefs
        from nowake.app.tapes import listing_text, mapping_text
        from nowake.app.venue_rules import rules_of
        from nowake.app.wiring import RunOptions

        return RunOptions(
            beliefs=Beliefs(price=self.price, adv=self.adv, daily_vol=self.vol, spread=self.spread, depth=self.depth),
            history=tuple(self.history or ()),
            tapes=tuple(self.tape or ()),
            seed=self.seed,
            regime=self.regime.strip(),
            impact=self.impact,
            own_impact=self.own_impact.strip(),
            fees=self.fees.strip(),
            queue_model=self.queue_model.strip(),
            latency=self.latency.strip(),
            faults=self.faults.strip(),
            allow=tuple(self.allow or ()),
            mapping=mapping_text(self.mapping or ()),
            listing=listing_text(self.listing.strip()),
            rules="" if self.venue_rules is None else rules_of(self.venue_rules),
        )


class OrderCommand(TyperCommand):
    """A command whose quantity may be typed as a negative number: that is a mistake to name, not an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Protect negative numbers from being read as options."""
        return super().parse_args(ctx, [f" {arg}" if _is_negative(arg) else arg for arg in args])


class PlanCommand(OrderCommand):
    """A command that takes one order, or a list of them in a file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Require the order's words, unless there is a list; then they are one thing too many."""
        from nowake.app.cli.usage import UsageError

        rest = super().parse_args(ctx, args)
        words = {name: ctx.params.get(name) for name in ("side", "quantity", "symbol")}
        missing = [name for name, word in words.items() if not word]
        if ctx.params.get("orders") is None and missing and not ctx.resilient_parsing:
            raise UsageError(f"Missing argument '{missing[0]}'.", ctx)
        if ctx.params.get("orders") is not None and len(missing) < len(words):
            raise UsageError("Give one order, or a list with --orders, not both.", ctx)
        return rest


def _is_negative(arg: str) -> bool:
    return len(arg) > 1 and arg[0] == "-" and (arg[1].isdigit() or arg[1] == ".")


def takes_order(function: Callable[..., None], *, optional: bool = False) -> Callable[..., None]:
    """Give a command the options of an order; it gets them as its first argument, an ``OrderOptions``.

    With ``optional``, side, quantity and symbol may be left out and are then empty.
    """
    hints = get_type_hints(OrderOptions, include_extras=True)
    own = get_type_hints(function, include_extras=True)
    names = [one.name for one in fields(OrderOptions)]

    @wraps(function)
    def command(**given: Any) -> None:
        order = OrderOptions(**{name: given.pop(name) for name in names})
        function(order, **given)

    made = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=one.default if one.default is not MISSING else "" if optional else inspect.Parameter.empty,
            annotation=hints[one.name],
        )
        for one in fields(OrderOptions)
    ]
    rest = list(inspect.signature(function).parameters.values())[1:]
    made += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=own[one.name]) for one in rest]
    setattr(command, "__signature__", inspect.Signature(made))  # noqa: B010 - functions do not declare it
    command.__annotations__ = {one.name: one.annotation for one in made}
    return command


LogOption = Annotated[
    str, typer.Option(help="append events there, a JSON line each; - = standard error", show_default=False)
]
MetricsOption = Annotated[str, typer.Option(help="write counts and timings there, Prometheus text", show_default=False)]
LogLevelOption = Annotated[str, typer.Option(help="debug, info, warning or error")]
JsonOption = Annotated[bool, typer.Option("--json", help="one JSON document on stdout, progress on stderr")]
FullOption = Annotated[bool, typer.Option("--full", help="every slice, child and fill instead of counts")]
HtmlOption = Annotated[Path | None, typer.Option(help="write a self-contained HTML page there", show_default=False)]
JournalOption = Annotated[
    Path | None, typer.Option(help="where to keep the run; default: a new file of your runs", show_default=False)
]
JournalArgument = Annotated[Path | None, typer.Argument(help="a journal; default: the latest run", show_default=False)]
SpeedOption = Annotated[
    float,
    typer.Option(help="seconds of market time per second; 0: as fast as it goes", min=0.0, max=1e6),
]
VenuesOption = Annotated[
    Path | None,
    _of_market(
        help="TOML or JSON file of venues on one clock: tables venue with a book, dark at the mid; in place of --tape",
        show_default=False,
    ),
]
KeyOption = Annotated[
    str, typer.Option(help="idempotency key: giving a command again under it does nothing more", show_default=False)
]
