"""Where a run's log and metrics go: opened before it, kept while it runs, finished however it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from nowake.core.instrument import Listing
from nowake.core.order import ParentOrder
from nowake.core.units import json_number
from nowake.core.value import Value, check_types, force_lower, require
from nowake.engine.env import Env
from nowake.journal.header import Header
from nowake.telemetry.events import LEVELS
from nowake.telemetry.metrics import Metrics
from nowake.telemetry.telemetry import Sink, Telemetry

STDERR = "-"
EXPORT_EVERY_S = 5.0
"""A long run writes its metrics this often, so that a collector of text files sees them grow."""


class Outlets(Value, frozen=True):
    """What a run shall tell, and where.

    Attributes:
        log: File to which events are appended, one JSON object a line; ``-`` = standard error; empty = nowhere.
        metrics: File that gets counts and timings as Prometheus text; empty = none.
        level: Of the log: ``debug``, ``info``, ``warning`` or ``error``.
    """

    log: str = ""
    metrics: str = ""
    level: str = "info"

    def __post_init__(self) -> None:
        check_types(self)
        force_lower(self, "level")
        require(self.level in LEVELS, "log_level", self.level, f"one of {', '.join(LEVELS)}")

    def check(self, **others: Path | None) -> None:
        """Refuse files that cannot be written, or are something else already; before anything is done for them.

        Args:
            **others: Files that the run writes too, by option.

        Raises:
            InputError: Says which and why.
        """
        if self.log not in ("", STDERR):
            _check("log", Path(self.log), b"{", others)
        if self.metrics:
            _check("metrics", Path(self.metrics), b"# HELP nowake_", {**others, "log": Path(self.log or ".")})
            path = Path(self.metrics)
            require(path.is_file() or not path.exists(), "metrics", self.metrics, "an ordinary file")


def _check(field: str, path: Path, begins: bytes, others: dict[str, Path | None]) -> None:
    good = not path.is_dir() and path.absolute().parent.is_dir()
    require(good, field, str(path), "a file in a folder that exists")
    for name, other in others.items():
        same = other is not None and other.absolute() == path.absolute()
        require(not same, field, str(path), f"another file than --{name}")
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(len(begins))
        require(head in (b"", begins), field, str(path), "a new file, or one that nowake wrote", "name another")


@contextmanager
def opened(outlets: Outlets) -> Iterator[Telemetry | None]:
    """Yield what the run tells, None where nothing is wanted; what stops the run is told as ``run_failed``.

    What cannot be written later is given up and noted in ``trouble``: a run goes on without its log.

    Raises:
        OSError: The log cannot be opened.
    """
    if not outlets.log and not outlets.metrics:
        yield None
        return
    from nowake.view.format import humanise

    since = time.monotonic()
    metrics = Metrics() if outlets.metrics else None
    export = _MetricsFile(Path(outlets.metrics)) if outlets.metrics else None
    with _stream(outlets.log) as stream:
        sink = None if stream is None else _sink(stream, outlets.level)
        made = Telemetry(sink, outlets.level, metrics, export=export, words=humanise)
        try:
            yield made
        except BaseException as error:
            made.tell(
                "run_failed",
                error=type(error).__name__,
                reason=str(getattr(error, "reason", "")) or str(error) or "interrupted",
                remedy=str(getattr(error, "remedy", "")),
                seconds=round(time.monotonic() - since, 6),
            )
            raise
        finally:
            if export is not None and metrics is not None:
                try:
                    export.write(metrics)
                except OSError as error:  # the run is what matters, and it is whole
                    made.trouble = error.strerror or type(error).__name__


@contextmanager
def _stream(log: str) -> Iterator[TextIO | None]:
    if not log:
        yield None
    elif log == STDERR:
        yield sys.stderr
    else:
        file = Path(log).open("a", encoding="utf-8")  # noqa: SIM115 - closed below
        try:
            yield file
        finally:
            with suppress(OSError):  # of lines that could not be written; that was noted when it happened
                file.close()


def _sink(stream: TextIO, level: str) -> Sink:
    from nowake.telemetry.log import open_log, write

    logger = open_log(stream, level)
    return lambda event, fields: write(logger, event, fields)


class _MetricsFile:
    """Writes metrics whole or not at all: a collector never reads half of them."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._next = time.monotonic() + EXPORT_EVERY_S

    def __call__(self, metrics: Metrics) -> None:
        if time.monotonic() >= self._next:
            self.write(metrics)

    def write(self, metrics: Metrics) -> None:
        """Replace the file."""
        scratch = self._path.with_name(f".{self._path.name}.making")
        scratch.write_text(metrics.text(), encoding="utf-8")
        scratch.replace(self._path)
        self._next = time.monotonic() + EXPORT_EVERY_S


def tell_start(
    telemetry: Telemetry | None, header: Header, order: ParentOrder, env: Env, since_s: float, *, resumed: bool
) -> None:
    """Tell that a run begins.

    Args:
        telemetry: Who is told; None = nobody.
        header: Of its journal.
        order: What it works.
        env: Where.
        since_s: ``time.monotonic()`` when reading and planning began.
        resumed: Whether the journal was there already.
    """
    if telemetry is None:
        return
    telemetry.know(header.journal_id, env.listings)
    telemetry.tell(
        "run_started",
        journal=header.journal_id,
        command=header.run.command,
        code=header.code_hash,
        seed=header.seed,
        order=order.parent_id,
        listing=order.listing,
        resumed=resumed,
        seconds=round(time.monotonic() - since_s, 6),
    )


def tell_end(
    telemetry: Telemetry | None,
    listing: Listing,
    status: tuple[str, str],
    units: tuple[int, int],
    head: tuple[int, str],
    seconds: float,
) -> None:
    """Tell that a run is over.

    Args:
        telemetry: Who is told; None = nobody.
        listing: Of the order.
        status: The order's, and why.
        units: Filled and residual, quantity units.
        head: Records in the journal, and the hash of its chain.
        seconds: What it took.
    """
    if telemetry is None:
        return
    filled, residual = (json_number(listing.instrument.qty(one)) for one in units)
    telemetry.tell(
        "run_ended",
        status=status[0],
        reason=status[1],
        filled=filled,
        residual=residual,
        records=head[0],
        journal_hash=head[1],
        seconds=round(seconds, 6),
    )


def complaint(telemetry: Telemetry | None) -> str:
    """Return what the user should know when a log could not be kept, empty where all went well."""
    if telemetry is None or not telemetry.trouble:
        return ""
    return f"log or metrics stopped ({telemetry.trouble}); the run and its journal are whole"


__all__ = ["Outlets", "complaint", "opened", "tell_end", "tell_start"]
