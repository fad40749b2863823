"""The journal of a simulated run, on one market or several: its header, where it was made, how it is begun."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from nowake.app.request import OrderRequest
from nowake.app.run_options import RunOptions
from nowake.core.errors import JournalError
from nowake.core.profile import Profile
from nowake.core.tape import Tape
from nowake.core.value import content_hash, replace, to_msgpack
from nowake.engine.env import Env
from nowake.journal.header import Header, Origin, Run, TapeRef, code_hash, derive_journal_id, package_version
from nowake.journal.journal import Journal
from nowake.journal.memory import MemoryJournal


class Ready(Protocol):
    """What a journal must know of an order that is ready to be worked."""

    @property
    def options(self) -> RunOptions:
        """Return how it is simulated."""

    @property
    def env(self) -> Env:
        """Return what the engine knows from the start."""

    @property
    def run(self) -> Run:
        """Return what the header will say was asked for."""


def run_of(command: str, request: OrderRequest, options: RunOptions, tapes: Sequence[Tape]) -> Run:
    """Return what a journal's header says was asked for."""
    refs = tuple(
        TapeRef(name=f"{one.listing.key} {one.meta.source}", content_hash=one.meta.content_hash) for one in tapes
    )
    return Run(command=command, tapes=refs, order=msgspec.to_builtins(request), options=shown_options(options))


def shown_options(options: RunOptions) -> dict[str, Any]:
    """Return what a journal's header says of options: JSON-able, without paths and what says nothing."""
    if options.venues is not None:
        lit = tuple(replace(one, tapes=()) for one in options.venues.lit)
        options = replace(options, venues=replace(options.venues, lit=lit))
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(replace(options, tapes=())))
    for name in ("seed", "history", *(() if options.beliefs.stated else ("beliefs",))):
        shown.pop(name, None)
    for name in ("own_impact", "mapping", "listing", "regime", "faults", "rules", "venues"):
        if not shown[name]:
            del shown[name]
    return shown


def header(ready: Ready) -> Header:
    """Return the header of the journal of a simulated run."""
    return Header(
        journal_id=derive_journal_id(ready.run, ready.options.seed),
        account="sim",
        profile=Profile.SIM,
        code_hash=code_hash(),
        env_hash=content_hash(ready.env),
        seed=ready.options.seed,
        run=ready.run,
        version=package_version(),
    )


def origin(options: RunOptions, created_ns: int = 0) -> Origin:
    """Return where the run happens: hints for a resume, not part of its identity.

    The tapes of a market are named ``0``, ``1``, ...; those of several ``0.0``, venue and number.
    """
    named = {str(number): path for number, path in enumerate(options.tapes)}
    lit = options.venues.lit if options.venues is not None else ()
    named |= {f"{k}.{number}": path for k, one in enumerate(lit) for number, path in enumerate(one.tapes)}
    return Origin(created_ns=created_ns, paths={name: str(Path(path).absolute()) for name, path in named.items()})


def open_journal(ready: Ready, path: Path | None, created_ns: int = 0) -> Journal:
    """Return a new journal for the run: in memory, or at ``path``, which must not exist.

    Raises:
        JournalError: The file exists; says whether it can be resumed.
    """
    if path is None:
        journal: Journal = MemoryJournal(header(ready))
    else:
        if path.exists():
            raise JournalError(f"{path} exists", f"go on with: nowake resume {path}, or name another file")
        from nowake.journal.sqlite import SqliteJournal

        # A crash of a pure run is mended by executing it again, so its batches may be grouped.
        journal = SqliteJournal.create(path, header(ready), origin(ready.options, created_ns), mode="grouped")
    journal.put_blob(to_msgpack(ready.env))
    return journal
