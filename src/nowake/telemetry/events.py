"""The one table of events: their names, levels, fields, and what is counted and timed under each name.

Names are stable: dashboards and alerts are built on them. An event of a record bears the name that the record has in
the journal, with underscores. A field is written ``[kind:]name[=path]``: what it is called, how it is shown, and where
the record holds it. The kinds turn integer units into human ones:

``qty``, ``price``, ``money``: in the units of the order's listing; ``time``: ISO, UTC; ``count``: how many;
``share``: of one, from millionths;
``order``: the order that a child belongs to; ``words``: the engine's, whose numbers are put into those units too.
Everything else is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from nowake.core import decisions as d
from nowake.core import inputs as i
from nowake.core.ports import Record

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"
LEVELS = (DEBUG, INFO, WARNING, ERROR)
"""From everything to only what went wrong."""

SENT, RECEIVED, WALL = "since the child was sent", "since the order was received", "by the wall clock"
"""What a timing counts: the first two in the run's own time, which is virtual in a simulation."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event: its name, how it is shown, and its path in the record (empty = handed over)."""

    name: str
    kind: str
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is told.

    Attributes:
        name: Of the event; ``nowake_NAME_total`` counts it.
        level: See ``LEVELS``.
        meaning: In a clause.
        fields: What it carries.
        record: The kind of journal record it tells of; None = it is the shell's own.
        labels: Fields by which it is counted; few values each.
        timing: What ``nowake_NAME_seconds`` measures; empty = nothing.
        sums: A quantity field that ``nowake_NAME_quantity_total`` adds up; empty = none.
    """

    name: str
    level: str
    meaning: str
    fields: tuple[Field, ...]
    record: type[Record] | None = None
    labels: tuple[str, ...] = ()
    timing: str = ""
    sums: str = ""


def _field(text: str) -> Field:
    head, _, path = text.partition("=")
    kind, _, name = head.rpartition(":")
    return Field(name, kind, tuple((path or name).split(".")))


def _event(
    name: str,
    level: str,
    meaning: str,
    fields: str,
    record: type[Record] | None = None,
    *,
    labels: str = "",
    timing: str = "",
    sums: str = "",
) -> Event:
    return Event(name, level, meaning, tuple(map(_field, fields.split())), record, tuple(labels.split()), timing, sums)


_CHILD = "child=child_id order:order=child_id"
_FILL = "child=fill.child_id order:order=fill.child_id"
_ORDER = "order=order.parent_id listing=order.listing side=order.side"
_STATUS = "child=status.child_id order:order=status.child_id"

EVENTS: tuple[Event, ...] = (
    _event("run_started", INFO, "a run begins or is gone on with; its time went into reading and planning",
           "journal command code seed order listing resumed seconds", timing=WALL),
    _event("run_ended", INFO, "the order is over and measured",
           "status reason filled residual records journal_hash seconds", labels="status", timing=WALL),
    _event("run_failed", ERROR, "the run stopped on an error",
           "error reason remedy seconds", labels="error", timing=WALL),
    _event("journal_written", DEBUG, "batches became durable", "batches seconds", timing=WALL),
    # What happens.
    _event("order_received", INFO, "a large order is asked for",
           f"{_ORDER} qty:quantity=order.qty_units strategy=order.strategy time:start=order.start_ns "
           "time:end=order.end_ns actor", i.OrderReceived, labels="side"),
    _event("woken", DEBUG, "timers or watches of an order fired", "order=parent_id fired", i.Woken),
    _event("acked", INFO, "the venue accepted a child", f"{_CHILD} time:venue_time=t_venue_ns", i.Acked, timing=SENT),
    _event("rejected", WARNING, "the venue refused a child", f"{_CHILD} code text time:venue_time=t_venue_ns",
           i.Rejected, labels="code", timing=SENT),
    _event("filled", INFO, "part of a child traded",
           f"{_FILL} trade=fill.trade_id qty:quantity=fill.qty_units price:price=fill.price_units "
           "money:fee=fill.fee_money liquidity=fill.liquidity time:venue_time=fill.t_venue_ns", i.Filled,
           labels="liquidity", timing=SENT, sums="quantity"),
    _event("ended", INFO, "a child will not trade again",
           f"{_CHILD} status qty:filled=cum_qty time:venue_time=t_venue_ns", i.Ended, labels="status", timing=SENT),
    _event("busted", WARNING, "the venue undid a trade",
           f"{_FILL} trade=fill.trade_id qty:quantity=fill.qty_units price:price=fill.price_units "
           "time:venue_time=t_venue_ns", i.Busted),
    _event("cancel_rejected", WARNING, "the venue would not cancel", f"{_CHILD} code", i.CancelRejected, labels="code"),
    _event("send_failed", WARNING, "it is not known whether a command arrived", f"{_CHILD} text", i.SendFailed),
    _event("status_reported", INFO, "the venue says what became of a child",
           f"{_STATUS} known=status.known live=status.live status=status.status qty:filled=status.cum_qty",
           i.StatusReported),
    _event("open_orders_reported", INFO, "the venue lists its open orders", "count:orders=statuses",
           i.OpenOrdersReported),
    _event("operator_command", INFO, "an operator acts on an order", "order=parent_id action actor",
           i.OperatorCommand, labels="action"),
    _event("restarted", WARNING, "a new process goes on with the journal", "epoch", i.Restarted),
    _event("market_closed", INFO, "the market or its recording ended", "listing=view.listing", i.MarketClosed),
    # What is decided.
    _event("order_admitted", INFO, "the order is accepted and planned",
           f"{_ORDER} count:slices=plan.slices cost_bps=plan.cost.mean_bps", d.OrderAdmitted),
    _event("order_refused", WARNING, "the order is not accepted", "order=parent_id words:reason words:remedy",
           d.OrderRefused),
    _event("order_amended", INFO, "an operator's change is taken over", "order=parent_id words:reason", d.OrderAmended),
    _event("command_refused", WARNING, "an operator's command is not carried out",
           "order=parent_id code words:reason words:remedy", d.CommandRefused, labels="code"),
    _event("plan_adopted", INFO, "the order goes on under a revised plan",
           "order=plan.parent_id revision=plan.revision count:slices=plan.slices", d.PlanAdopted),
    _event("strategy_chosen", INFO, "the router chose how the order is worked, or weighed what the user chose",
           "order=order.parent_id strategy=order.strategy trigger words:reason "
           "cost_bps=decision.chosen.cost.mean_bps override=decision.override", d.StrategyChosen,
           labels="strategy trigger"),
    _event("child_submitted", INFO, "a child leaves for the venue",
           "child=child.child_id order=child.parent_id listing=child.listing slice=slice_index side=child.side "
           "type=child.order_type tif=child.tif qty:quantity=child.qty_units price:price=child.price_units tactic "
           "words:reason", d.ChildSubmitted, labels="side type tactic", sums="quantity"),
    _event("cancel_requested", INFO, "a cancel leaves for the venue", f"{_CHILD} words:reason", d.CancelRequested),
    _event("query_requested", INFO, "the venue is asked about a child", f"{_CHILD} words:reason", d.QueryRequested),
    _event("open_orders_requested", INFO, "the venue is asked for its open orders", "listing reason",
           d.OpenOrdersRequested),
    _event("withheld", INFO, "a child that the schedule wanted is not sent",
           "order=parent_id slice=slice_index qty:quantity=qty_units control words:reason=detail", d.Withheld,
           labels="control"),
    _event("rate_set", INFO, "the order follows the volume of others at another rate",
           "order=parent_id share:rate=rate_ppm words:reason", d.RateSet),
    _event("abandoned", INFO, "part of the order will not be traded",
           "order=parent_id qty:quantity=qty_units words:reason", d.Abandoned, sums="quantity"),
    _event("status_changed", INFO, "the order is in another state", "order=parent_id status words:reason",
           d.StatusChanged, labels="status", timing=RECEIVED),
    _event("alerted", WARNING, "a person should look", "order=parent_id code words:text", d.Alerted, labels="code"),
    _event("timer_set", DEBUG, "a timer is armed", "timer=timer.timer_id order=timer.parent_id time:at=timer.t_ns",
           d.TimerSet),
    _event("timer_cleared", DEBUG, "a timer is disarmed", "timer=timer_id order=parent_id", d.TimerCleared),
    _event("watch_set", DEBUG, "a watch is armed", "watch=watch.watch_id order=watch.parent_id kind=watch.kind",
           d.WatchSet),
    _event("watch_cleared", DEBUG, "a watch is disarmed", "watch=watch_id order=parent_id", d.WatchCleared),
)  # fmt: skip
"""Every event there is. A new kind of record is a line here; ``docs/telemetry.md`` shows the same table."""

BY_NAME: dict[str, Event] = {one.name: one for one in EVENTS}
BY_RECORD: dict[type[Record], Event] = {one.record: one for one in EVENTS if one.record is not None}

COMMON = ("event", "level", "timestamp", "journal", "t")
"""Fields of every line: name and level, the wall clock, the journal's id, the run's own time (records only)."""
