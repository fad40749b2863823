"""Work one order on one journal at a served venue: ``python -m nowake.app.exchange.worker SETTING.json``.

The journal is made and the order submitted when there is none; otherwise the order is gone on with. The last line on
standard output is the outcome as JSON. Killed at any point and started again, it neither loses nor repeats a child.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from nowake.app.exchange.setting import WorkerSetting, read_setting
from nowake.app.operate.desk import Control, operated
from nowake.app.outlets import opened, tell_end, tell_start
from nowake.core import ids
from nowake.core.errors import JournalError, NowakeError
from nowake.core.profile import Profile
from nowake.core.value import Value, content_hash, from_msgpack, to_json, to_msgpack
from nowake.engine.env import Env, sim_limits
from nowake.engine.state import EngineState, state_hash
from nowake.journal.header import Header, Run, code_hash, package_version
from nowake.journal.sqlite import SqliteJournal
from nowake.journal.storage import Storage
from nowake.live.clock import ScaledClock
from nowake.live.shell import Shell
from nowake.live.venues.base import LiveVenue
from nowake.live.venues.simulated import SimulatedVenue
from nowake.route.router import get_smart_router

WrapStorage = Callable[[Storage], Storage]
WrapVenue = Callable[[LiveVenue], LiveVenue]


class Outcome(Value, frozen=True):
    """How a worker left its order.

    Attributes:
        status: Of the parent; ``refused`` when it was not admitted.
        filled, unsent, reserved, abandoned, overfill: Quantity units, as the journal has them.
        records: In the journal.
        head: Hash of the chain after them.
        state_hash: Of the state in memory.
        epoch: Of this opening of the journal; 1 = it was made.
        from_seq: Records that a snapshot saved this process from folding.
    """

    status: str
    filled: int
    unsent: int
    reserved: int
    abandoned: int
    overfill: int
    records: int
    head: str
    state_hash: str
    epoch: int
    from_seq: int


def work(
    setting: WorkerSetting, *, wrap_storage: WrapStorage | None = None, wrap_venue: WrapVenue | None = None
) -> Outcome:
    """Work the order to its end, or until the worker's time is over.

    Args:
        setting: What to do.
        wrap_storage: Put round the journal's storage: where tests inject faults.
        wrap_venue: Put round the adapter: likewise.

    Raises:
        NowakeError: The journal is in use, damaged or of another account; the venue cannot be reached.
    """
    venue: LiveVenue = SimulatedVenue(setting.address, setting.account)
    if wrap_venue is not None:
        venue = wrap_venue(venue)
    since_s = time.monotonic()
    setting.outlets.check(journal=Path(setting.journal))
    journal, env = _open(setting, venue, wrap_storage)
    with journal, opened(setting.outlets) as telemetry:
        clock = ScaledClock(setting.clock)
        tell_start(telemetry, journal.header, setting.order, env, since_s, resumed=journal.head()[0] > 0)
        if telemetry is not None:
            for batch in journal.batches():
                telemetry.told(batch.records, replayed=True)
        with operated(Control(Path(setting.journal), say=_say), Synced(journal)) as desk:
            shell = Shell(
                journal,
                journal.epoch,
                env,
                venue,
                clock,
                desk=desk,
                snapshot_every=setting.snapshot_every,
                listener=telemetry,
            )
            try:
                order = setting.order
                if order.parent_id not in shell.state.parents and order.parent_id not in shell.state.refused:
                    shell.submit(order)
                until_ns = clock.now_ns() + int(setting.wall_seconds * setting.clock.speed * 1e9)
                state = shell.run(until_ns)
            finally:
                shell.close()
        found = outcome(state, setting.order.parent_id, journal, shell.recovered.from_seq)
        units, head = (found.filled, setting.order.qty_units - found.filled), (found.records, found.head)
        (listing,) = env.listings
        tell_end(telemetry, listing, (found.status, ""), units, head, time.monotonic() - since_s)
        return found


class Synced:
    """A journal as the desk's store: it holds nothing back."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    def flush(self) -> None:
        """Return when everything is durable."""
        self._journal.sync()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _open(setting: WorkerSetting, venue: LiveVenue, wrap: WrapStorage | None) -> tuple[SqliteJournal, Env]:
    """Return the journal, held for writing, and the environment it was begun with."""
    path = Path(setting.journal)
    if not path.exists():
        env = _environment(setting, venue)
        journal = SqliteJournal.create(path, _header(setting, env), wrap=wrap)
        journal.put_blob(to_msgpack(env))
        return journal, env
    journal = SqliteJournal.open_writer(path, account=setting.account, wrap=wrap)
    try:
        if journal.head()[0]:
            return journal, from_msgpack(journal.get_blob(journal.header.env_hash), Env)
        # Killed before it kept anything: the same setting and venue give the same environment.
        env = _environment(setting, venue)
        if content_hash(env) != journal.header.env_hash:
            raise JournalError(f"{path} was begun with another environment", "start a new journal")
        journal.put_blob(to_msgpack(env))
    except BaseException:
        journal.close()
        raise
    return journal, env


def _header(setting: WorkerSetting, env: Env) -> Header:
    return Header(
        journal_id=ids.digest("journal", setting.account, setting.order.parent_id, length=16),
        account=setting.account,
        profile=Profile.LIVE,
        code_hash=code_hash(),
        env_hash=content_hash(env),
        run=Run(command="exchange", order=msgspec.json.decode(to_json(setting.order))),
        version=package_version(),
    )


def _environment(setting: WorkerSetting, venue: LiveVenue) -> Env:
    """Return the environment of a new journal: the venue's listing and hours, limits derived from the order."""
    venue.connect()
    listing = venue.meta.listing
    return Env(
        listings=(listing,),
        sessions=(venue.session,),
        limits=sim_limits(listing.key, setting.order.parameters.participation_max),
        timing=setting.timing,
        router=get_smart_router(),
    )


def outcome(state: EngineState, parent_id: str, journal: SqliteJournal, from_seq: int) -> Outcome:
    """Return how an order stands, in numbers."""
    records, head = journal.head()
    parent = state.parents.get(parent_id)
    return Outcome(
        status="refused" if parent is None else parent.status.value,
        filled=parent.filled if parent else 0,
        unsent=parent.unsent if parent else 0,
        reserved=parent.reserved if parent else 0,
        abandoned=sum(parent.abandoned.values()) if parent else 0,
        overfill=parent.overfill if parent else 0,
        records=records,
        head=head,
        state_hash=state_hash(state),
        epoch=journal.epoch,
        from_seq=from_seq,
    )


def main(arguments: list[str]) -> int:
    """Work what a setting file says; returns the exit code: 0 done, 1 refused or failed, 4 not ended."""
    try:
        (path,) = arguments or [""]
        found = work(read_setting(path, WorkerSetting))
    except (NowakeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(to_json(found).decode() + "\n")
    return {"done": 0, "refused": 1}.get(found.status, 4)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
