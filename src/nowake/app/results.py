"""A run that can be shown: worked just now, or read from its journal. The same measuring for both."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from nowake.app import run_journal, wiring
from nowake.app.operate.desk import Control
from nowake.app.outlets import tell_end, tell_start
from nowake.app.wiring import Prepared
from nowake.core.errors import JournalError
from nowake.core.inputs import OrderReceived
from nowake.core.instrument import Listing
from nowake.core.profile import Profile
from nowake.core.sessions import Session
from nowake.core.tape import Tape
from nowake.core.value import from_msgpack
from nowake.engine.env import Env
from nowake.journal.codec import Batch
from nowake.journal.header import Header
from nowake.journal.journal import Journal
from nowake.journal.reader import JournalFile, read_journal
from nowake.sim.world import Progress
from nowake.tca.report import ExecutionReport, measure
from nowake.telemetry.telemetry import Telemetry

OVER = ("done", "refused")
"""Statuses after which a run will not go on."""

EXIT_OK, EXIT_REFUSED, EXIT_RESIDUAL, EXIT_HALTED = 0, 1, 3, 4
"""2 is Typer's own: a mistake on the command line."""


@dataclass(frozen=True, slots=True)
class Result:
    """One execution and where it is written.

    Attributes:
        report: What was measured.
        header: Of its journal.
        session: Of the listing; its zone is the one times are shown in, unless the request names another.
        path: Of the journal; None = it was in memory.
        journal_hash: Head of its hash chain.
        elapsed_s: How long the making took.
        faults: What went wrong on purpose (``sim.faults``); None = nothing was to. Its ``happened`` is known where the
            run is worked, and None when it is read back.
        tape: What it was worked on, where that is at hand: the market between the engine's own views.
    """

    report: ExecutionReport
    header: Header
    session: Session
    path: Path | None
    journal_hash: str
    elapsed_s: float
    tape: Tape | None = None
    faults: dict[str, Any] | None = None

    def __repr__(self) -> str:
        report, unit = self.report, self.report.listing.instrument
        side, asked = report.order.side.name, unit.qty(report.order.qty_units)
        return (
            f"<{side} {asked:f} {unit.base} {report.listing.key}: {report.status}, "
            f"filled {unit.qty(report.filled_units):f}, journal {self.journal_hash[:12]}>"
        )

    def to_dict(self, *, full: bool = False) -> dict[str, Any]:
        """Return what ``nowake work --json`` prints, in human units; ``full`` lists slices, children and fills."""
        from nowake.app.documents import result_document

        return result_document(self, "work", full=full)

    @property
    def zone(self) -> str:
        """Return the zone in which times are shown."""
        return str(self.header.run.order.get("tz") or "") or self.session.zone

    @property
    def over(self) -> bool:
        """Return whether the run has ended."""
        return self.report.status in OVER

    @property
    def exit_code(self) -> int:
        """Return how a command that worked this order ends."""
        report = self.report
        if report.status == "refused":
            return EXIT_REFUSED
        if report.status != "done":
            return EXIT_HALTED
        if report.residual_units and report.order.parameters.must_complete:
            return EXIT_RESIDUAL
        return EXIT_OK


def work_prepared(
    prepared: Prepared,
    path: Path | None,
    progress: Progress | None = None,
    *,
    created_ns: int = 0,
    since_s: float | None = None,
    control: Control | None = None,
    telemetry: Telemetry | None = None,
) -> Result:
    """Work a prepared order into a new journal (in memory without a path) and measure it.

    Args:
        prepared: Its market must stand where ``prepare`` left it.
        path: Of the journal, which must not exist.
        progress: Told of every step.
        created_ns: Wall clock for the journal's origin.
        since_s: ``time.monotonic()`` from which ``elapsed_s`` counts; None = from here.
        control: How the run is operated; None = from beside its file, as fast as it goes.
        telemetry: Told of what becomes durable; None = nobody is.

    Raises:
        JournalError: The journal cannot be made or written.
        InvariantBroken: The engine contradicted itself.
    """
    since = time.monotonic() if since_s is None else since_s
    if control is None and path is not None:
        control = Control(path)
    with run_journal.open_journal(prepared, path, created_ns) as journal:
        tell_start(telemetry, journal.header, prepared.order, prepared.env, since, resumed=False)
        wiring.work(prepared, journal, progress, control, telemetry)
        return _told(telemetry, _measured(prepared, journal, path, since), journal.head()[0])


def _told(telemetry: Telemetry | None, result: Result, records: int) -> Result:
    """Return the result of a run that is over, told as such."""
    report = result.report
    units, head = (report.filled_units, report.residual_units), (records, result.journal_hash)
    tell_end(telemetry, report.listing, (report.status, report.status_reason), units, head, result.elapsed_s)
    return result


def _measured(prepared: Prepared, journal: Journal, path: Path | None, since: float) -> Result:
    report = measured(journal.batches(), prepared.listing, journal.header)
    _, head = journal.head()
    elapsed_s, faults = time.monotonic() - since, prepared.faulty.report() if prepared.faulty else None
    return Result(report, journal.header, prepared.session, path, head, elapsed_s, prepared.tape, faults)


class _Said(msgspec.Struct, frozen=True):
    """What is looked for in a report of a simulated venue (``sim.venue.Report``); it says more."""

    child_id: str = ""
    bounds: tuple[int, int] | None = None


def measured(
    batches: Iterable[Batch], listing: Listing, header: Header, parent_id: str | None = None
) -> ExecutionReport:
    """Return ``tca.measure`` of a run; of a simulated one with what its venue said of fills that cannot be decided."""
    if header.profile is not Profile.SIM:
        return measure(batches, listing, parent_id)
    found: dict[str, tuple[int, int]] = {}

    def passing() -> Iterator[Batch]:
        for batch in batches:
            if batch.raw and (said := msgspec.msgpack.decode(batch.raw, type=_Said)).bounds is not None:
                found[said.child_id] = said.bounds
            yield batch

    return measure(passing(), listing, parent_id, found, str(header.run.options.get("queue_model", "")))


def read_result(path: Path) -> Result:
    """Return the run in a journal, as far as it goes.

    Raises:
        JournalError: Not a journal, damaged, or nothing was asked for in it.
    """
    since = time.monotonic()
    file = read_journal(path)
    env = environment(file)
    if "venues" in file.header.run.options:
        remedy = "nowake tca and nowake.measure_venues read it, nowake resume goes on"
        raise JournalError(f"{path} is of an order over several venues", remedy)
    (listing,) = env.listings
    report = measured(file.batches(), listing, file.header)
    _, head = file.head()
    text = str(file.header.run.options.get("faults", ""))
    faults = {"seed": file.header.seed, "faults": text, "happened": None} if text else None
    session = env.session(listing.session)
    return Result(report, file.header, session, path, head, time.monotonic() - since, faults=faults)


def environment(file: JournalFile) -> Env:
    """Return the environment that a run was made in.

    Raises:
        JournalError: The journal does not hold it: its run stopped before the first step.
    """
    try:
        return from_msgpack(file.get_blob(file.header.env_hash), Env)
    except JournalError as error:
        if file.head()[0]:
            raise
        raise JournalError(
            f"{file.path} stops before its first step", f"go on with: nowake resume {file.path}"
        ) from error


def is_finished(path: Path) -> bool:
    """Return whether the run in a journal, of one market or several, has ended.

    Raises:
        JournalError: Not a journal, or damaged.
    """
    file = read_journal(path)
    if next(iter(file.stored()), None) is None:
        return False
    env = environment(file)
    asked = {
        one.input.order.parent_id: one.input.order for one in file.batches() if isinstance(one.input, OrderReceived)
    }
    found = [measured(file.batches(), env.listing(one.listing), file.header, key) for key, one in asked.items()]
    return len(found) == len(env.listings) and all(one.status in OVER for one in found)


def check_new_journal(path: Path) -> None:
    """Refuse a journal that is there already; say whether it can be resumed.

    Raises:
        JournalError: The path exists, or its folder does not.
    """
    if path.is_dir():
        raise JournalError(f"{path} is a folder", "name a file")
    if path.exists():
        if is_finished(path):
            raise JournalError(
                f"{path} holds a finished run", f"read it with: nowake tca {path}, or name another file for a new run"
            )
        raise JournalError(
            f"{path} holds an unfinished run", f"go on with: nowake resume {path}, or name another file for a new run"
        )
    if not path.absolute().parent.is_dir():
        raise JournalError(f"there is no folder {path.absolute().parent} for the journal", "make it, or name another")


def resume_run(
    path: Path,
    tapes: tuple[str, ...] = (),
    reading: wiring.ReadProgress | None = None,
    working: Callable[[Prepared], Progress] | None = None,
    control: Control | None = None,
    telemetry: Telemetry | None = None,
) -> tuple[Result, bool]:
    """Carry a run to its end; return it, and whether there was anything left to do.

    Args:
        path: Of the journal.
        tapes: In place of the paths it was made with.
        reading: Told how far the reading is.
        working: Makes the listener to the work once the order is known.
        control: How it is operated once it goes on; None = from beside its file, as fast as it goes.
        telemetry: Told of what becomes durable now; what was journaled before is not told again.

    Raises:
        JournalError: The journal cannot be used, or its tapes are not the ones it was made with.
    """
    if is_finished(path):
        return read_result(path), False
    since = time.monotonic()
    prepared = wiring.reopen(path, tapes, reading)
    file = read_journal(path)
    tell_start(telemetry, file.header, prepared.order, prepared.env, since, resumed=True)
    wiring.resume(path, prepared, working(prepared) if working else None, control or Control(path), telemetry)
    faults = prepared.faulty.report() if prepared.faulty else None
    made = dataclasses.replace(read_result(path), elapsed_s=time.monotonic() - since, tape=prepared.tape, faults=faults)
    return _told(telemetry, made, file.head()[0]), True
