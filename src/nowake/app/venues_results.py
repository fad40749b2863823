"""An order over several venues that can be shown: worked just now, or read from its journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nowake.app import run_journal, venues_run, wiring
from nowake.app.operate.desk import Control
from nowake.app.results import (
    EXIT_HALTED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_RESIDUAL,
    OVER,
    Result,
    environment,
    is_finished,
    measured,
    read_result,
)
from nowake.app.venues_run import PreparedVenues
from nowake.core.errors import JournalError
from nowake.core.inputs import OrderReceived
from nowake.core.instrument import Instrument
from nowake.journal.header import Header
from nowake.journal.reader import JournalFile, read_journal
from nowake.sim.world import Progress

if TYPE_CHECKING:
    from nowake.view.venues import Whole


@dataclass(frozen=True, slots=True)
class VenuesResult:
    """One order over several venues, measured venue by venue.

    Attributes:
        asked: Human quantity of the whole order.
        legs: The result of each venue's order, in the order of the file; what a dark venue left was passed on, so the
            quantities of the legs may sum to more than ``asked``.
        path: Of the journal; None = it was in memory.
        journal_hash: Head of its hash chain.
        elapsed_s: How long the making took.
    """

    asked: Decimal
    legs: tuple[Result, ...]
    header: Header
    path: Path | None
    journal_hash: str
    elapsed_s: float

    @property
    def instrument(self) -> Instrument:
        """Return the instrument of the first leg."""
        return self.legs[0].report.listing.instrument

    @property
    def filled(self) -> Decimal:
        """Return the human quantity filled on all venues."""
        units = [(one.report.listing.instrument, one.report.filled_units) for one in self.legs]
        return sum((instrument.qty(filled) for instrument, filled in units), Decimal(0))

    @property
    def residual(self) -> Decimal:
        """Return the human quantity that was not filled on any."""
        return max(self.asked - self.filled, Decimal(0))

    @property
    def fees(self) -> Decimal:
        """Return the fees of all venues, in the instrument's currency."""
        return sum((one.report.listing.instrument.money(one.report.fees_money) for one in self.legs), Decimal(0))

    @property
    def average(self) -> float | None:
        """Return the average price over all venues, human; None = nothing was filled."""
        return self._mean(lambda one: _human(one, one.report.average_units))

    @property
    def arrival_bps(self) -> float | None:
        """Return the mean slippage against each venue's mid at arrival, by filled quantity; None = not known."""
        return self._mean(lambda one: one.report.slippage.arrival_bps)

    def _mean(self, figure: Callable[[Result], float | None]) -> float | None:
        found = [(figure(one), one.report.filled_units * one.report.listing.instrument.qty_unit) for one in self.legs]
        known = [(value, float(weight)) for value, weight in found if value is not None and weight]
        return sum(value * weight for value, weight in known) / sum(w for _, w in known) if known else None

    @property
    def status(self) -> str:
        """Return ``done`` where every leg is, else what the first that is not has become."""
        return next((one.report.status for one in self.legs if one.report.status != "done"), "done")

    @property
    def over(self) -> bool:
        """Return whether nothing is left to do."""
        return all(one.report.status in OVER for one in self.legs)

    @property
    def exit_code(self) -> int:
        """Return how a command that worked this order ends."""
        if self.status != "done":
            return EXIT_REFUSED if self.status == "refused" else EXIT_HALTED
        must = self.header.run.order.get("must_complete", False)
        return EXIT_RESIDUAL if must and self.residual else EXIT_OK

    def whole(self) -> Whole:
        """Return the sums over the venues in words."""
        from nowake.view import format as f
        from nowake.view.venues import Whole

        first, average = self.legs[0].report.listing, self.average
        side, instrument = self.legs[0].report.order.side.name, first.instrument
        return Whole(
            title=f"{side} {self.asked:,f} {instrument.base} {instrument.symbol}: {self.status}",
            asked=f"{self.asked:,f}",
            filled=f"{self.filled:,f}",
            left=f"{self.residual:,f} left" if self.residual else "",
            average=f.DASH if average is None else f.price(first, average / float(instrument.price_unit), more=2),
            arrival=f.bps(self.arrival_bps),
            fees=f"{float(self.fees):,.2f}",
        )

    def to_dict(self, *, full: bool = False, schema: str = "work") -> dict[str, Any]:
        """Return what ``nowake work --venues ... --json`` prints, in human units."""
        from nowake.app.documents import result_document

        return {
            "schema": f"nowake/{schema}-venues/1",
            "status": self.status,
            "quantity": float(self.asked),
            "filled": float(self.filled),
            "residual": float(self.residual),
            "average": self.average,
            "arrival_bps": self.arrival_bps,
            "fees": float(self.fees),
            "currency": self.instrument.currency,
            "venues": [result_document(one, schema, full=full) for one in self.legs],
            "journal": str(self.path) if self.path else None,
            "journal_hash": self.journal_hash,
            "seed": self.header.seed,
            "elapsed_s": round(self.elapsed_s, 6),
        }


def _human(one: Result, units: float | None) -> float | None:
    return None if units is None else units * float(one.report.listing.instrument.price_unit)


def work_venues(
    prepared: PreparedVenues,
    path: Path | None,
    progress: Progress | None = None,
    *,
    created_ns: int = 0,
    since_s: float | None = None,
    control: Control | None = None,
) -> VenuesResult:
    """Work a prepared order into a new journal (in memory without a path) and measure it; see ``results``.

    Raises:
        JournalError: The journal cannot be made or written.
    """
    since = time.monotonic() if since_s is None else since_s
    with run_journal.open_journal(prepared, path, created_ns) as journal:
        wiring.work(prepared, journal, progress, control or (Control(path) if path is not None else None))
        legs = []
        _, head = journal.head()
        for leg in prepared.legs:
            report = measured(journal.batches(), leg.listing, journal.header, leg.order.parent_id)
            session = prepared.env.session(leg.listing.session)
            faults = prepared.faults(leg.listing.key)
            tape = prepared.tape(leg.listing.key)
            legs.append(Result(report, journal.header, session, path, head, 0.0, tape=tape, faults=faults))
        return VenuesResult(prepared.asked, tuple(legs), journal.header, path, head, time.monotonic() - since)


def read_venues(path: Path) -> VenuesResult:
    """Return the run in a journal of several venues, as far as it goes.

    Raises:
        JournalError: Not such a journal, damaged, or nothing was asked for in it.
    """
    since = time.monotonic()
    file = read_journal(path)
    require_venues(file, several=True)
    env = environment(file)
    _, head = file.head()
    orders = [batch.input for batch in file.batches() if isinstance(batch.input, OrderReceived)]
    if not orders:
        raise JournalError(f"{path} stops before its first step", f"go on with: nowake resume {path}")
    legs = []
    for one in orders:
        listing = env.listing(one.order.listing)
        report = measured(file.batches(), listing, file.header, one.order.parent_id)
        legs.append(Result(report, file.header, env.session(listing.session), path, head, 0.0))
    instrument = env.listing(orders[0].order.listing).instrument
    asked = sum((instrument.qty(one.order.qty_units) for one in orders), Decimal(0))
    return VenuesResult(asked, tuple(legs), file.header, path, head, time.monotonic() - since)


def read_legs(path: Path) -> tuple[Result, ...]:
    """Return the orders of a journal, one a venue where it is of several; see ``read_result``, ``read_venues``."""
    return read_venues(path).legs if venues_run.is_of_venues(read_journal(path)) else (read_result(path),)


def require_venues(file: JournalFile, *, several: bool) -> None:
    """Raise unless a journal is of several venues, or of one.

    Raises:
        JournalError: It is not; names what reads it.
    """
    if venues_run.is_of_venues(file) and not several:
        raise JournalError(f"{file.path} is of an order over several venues", "read it with nowake.measure_venues")
    if several and not venues_run.is_of_venues(file):
        raise JournalError(f"{file.path} is of an order on one market", "read it with nowake.measure")


def resume_venues(
    path: Path,
    tapes: tuple[str, ...] = (),
    reading: wiring.ReadProgress | None = None,
    working: venues_run.Listen | None = None,
    control: Control | None = None,
) -> tuple[VenuesResult, bool]:
    """Carry a run to its end; return it, and whether there was anything left to do.

    Raises:
        JournalError: The journal cannot be used, or its tapes are not the ones it was made with.
    """
    since = time.monotonic()
    if is_finished(path):
        return read_venues(path), False
    prepared = venues_run.reopen(path, tapes, reading)
    wiring.resume(path, prepared, working(prepared) if working else None, control or Control(path))
    made = read_venues(path)
    keys = [one.report.listing.key for one in made.legs]
    legs = tuple(
        replace(one, faults=prepared.faults(key), tape=prepared.tape(key))
        for key, one in zip(keys, made.legs, strict=True)
    )
    return replace(made, legs=legs, elapsed_s=time.monotonic() - since), True
