"""What a journal says of itself: whose it is, what wrote it, and all that a pure run needs to be executed again."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from nowake.core import ids
from nowake.core.profile import Profile
from nowake.core.value import Value, content_hash, require, to_msgpack
from nowake.journal.codec import FORMAT, extend

NO_HASH = bytes(32)


class TapeRef(Value, frozen=True, omit_defaults=True):
    """A tape by what it is, never by where it lies (paths are hints in ``Origin``).

    Attributes:
        name: The listing and what the tape calls itself.
        content_hash: Of its rows and meaning.
    """

    name: str
    content_hash: str


class Run(Value, frozen=True, omit_defaults=True):
    """What was asked for, completely: a pure run can be executed again from it.

    Attributes:
        command: ``work``, ``demo``, ...
        tapes: In the order given.
        order: The order as requested, JSON-able.
        options: Every option that can change a record, JSON-able.
    """

    command: str = ""
    tapes: tuple[TapeRef, ...] = ()
    order: dict[str, Any] = msgspec.field(default_factory=dict)
    options: dict[str, Any] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        require(_jsonable(self.order), "order", self.order, "JSON-able (text, numbers, lists, text-keyed tables)")
        require(_jsonable(self.options), "options", self.options, "JSON-able (text, numbers, lists, text-keyed tables)")


def _jsonable(value: object) -> bool:
    """Say whether a value survives JSON and MessagePack unchanged (a tuple would come back as a list)."""
    if value is None or isinstance(value, bool | int | str):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(_jsonable(item) for item in value)
    return isinstance(value, dict) and all(isinstance(k, str) and _jsonable(v) for k, v in value.items())


class Header(Value, frozen=True, omit_defaults=True):
    """The hashed part of a journal's header: its hash is where the chain begins.

    Fields at their defaults are left out of its bytes, so that one added later does not change the hash of old files.

    Attributes:
        journal_id: ``derive_journal_id`` in sim; chosen by the operator of a live account.
        account: One journal, one account.
        profile: Sim or live.
        code_hash: ``code_hash()`` of the package that made it.
        env_hash: Content hash of the environment (listings, sessions, beliefs, limits); kept as a blob.
        seed: All randomness is counted from it.
        run: What was asked for.
        version: Of the package, for people.
        format: Version of the records.
    """

    journal_id: str
    account: str
    profile: Profile
    code_hash: str
    env_hash: str = ""
    seed: int = 0
    run: Run = Run()
    version: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        require(0 < len(self.journal_id) <= 64, "journal_id", self.journal_id, "1 to 64 characters")
        require(bool(self.account), "account", self.account, "given")
        require(self.format > 0, "format", self.format, "> 0")

    @property
    def genesis(self) -> bytes:
        """Return the hash from which the chain starts."""
        return extend(NO_HASH, (to_msgpack(self),))


class Origin(Value, frozen=True):
    """The unhashed part of the header: where and when. Two equal runs differ here only.

    Attributes:
        created_ns: Wall clock, UTC nanoseconds; 0 = not stated.
        host: Name of the machine.
        paths: Where tapes and lakes were found, by name: hints for a resume.
    """

    created_ns: int = 0
    host: str = ""
    paths: dict[str, str] = msgspec.field(default_factory=dict)


def derive_journal_id(run: Run, seed: int) -> str:
    """Return the id of a simulated run: a function of order, tapes, options and seed only."""
    return ids.digest("journal", content_hash(run), seed, length=16)


@cache
def code_hash() -> str:
    """Return the hex BLAKE2b-128 of the package's Python sources, names and contents, read once per process."""
    package = Path(__file__).resolve().parents[1]
    sources = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*.py")}
    return content_hash(sorted(sources.items()))


@cache
def package_version() -> str:
    """Return the installed version of nowake, or ``unknown`` when it runs uninstalled."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("nowake")
    except PackageNotFoundError:
        return "unknown"
