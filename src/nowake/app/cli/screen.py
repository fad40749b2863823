"""Where output goes: one JSON document or the result on stdout, progress and errors on stderr, a sentence each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nowake.core.errors import InputError, InvariantBroken, JournalUnwritable, NowakeError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from nowake.app.wiring import Prepared, ReadProgress
    from nowake.sim.world import Progress
    from nowake.view.live import Stage

EXIT_FAILED, EXIT_HALTED, EXIT_INTERRUPTED = 1, 4, 130
PLAIN_WIDTH = 120
"""Columns where the output is not a terminal."""


class Screen:
    """The two streams of one command.

    Args:
        as_json: Print one JSON document instead of text.
        log_on_err: Standard error carries a log, which lines of progress would spoil.
    """

    def __init__(self, *, as_json: bool, log_on_err: bool = False) -> None:
        self.as_json, self.log_on_err = as_json, log_on_err
        self.resume_hint = ""
        self._cold: bool | None = None

    @property
    def out(self) -> Console:
        """Return standard output."""
        return _console(stderr=False)

    @property
    def err(self) -> Console:
        """Return standard error."""
        return _console(stderr=True)

    def show(self, *blocks: RenderableType) -> None:
        """Print for people; nothing when a document is wanted."""
        if not self.as_json:
            for block in blocks:
                self.out.print(block)

    def warn(self, sentence: str) -> None:
        """Print a sentence on standard error, where there is one."""
        if sentence:
            self.err.print(f"Warning: {sentence}")

    def document(self, document: dict[str, Any]) -> None:
        """Print the one JSON document."""
        from nowake.app.documents import encode

        sys.stdout.write(encode(document))
        sys.stdout.flush()

    def stage(self, title: str) -> Stage:
        """Return a line of progress on standard error."""
        from nowake.view.live import Stage

        return Stage(_console(stderr=True, quiet=self.log_on_err), title)

    @contextmanager
    def reading(self, title: str) -> Iterator[ReadProgress]:
        """Show how far a reading is."""
        with self.stage(title) as shown:
            self.announce(shown)
            yield shown.update

    def announce(self, shown: Stage) -> None:
        """Say that kernels will be compiled, when they were not when the command began."""
        from nowake.core.jit import kernels_are_cached

        if self._cold is None:
            self._cold = not kernels_are_cached()
        if self._cold:
            shown.say("compiling kernels, once (half a minute in all)")

    @contextmanager
    def working(self) -> Iterator[Callable[[Prepared], Progress]]:
        """Show how far an order is against its schedule."""
        from nowake.app.interrupts import between_steps

        with self.stage("working") as shown, between_steps() as check:
            self.announce(shown)
            yield lambda prepared: work_progress(shown, prepared, check)


def work_progress(shown: Stage, prepared: Prepared, check: Callable[[], None]) -> Progress:
    """Return a listener to a world that shows time, filled against schedule, and price; ``check`` may interrupt it."""
    from nowake.engine.host import Host
    from nowake.engine.schedule import due_units
    from nowake.view.format import clock, percent, price

    listing, parent_id = prepared.listing, prepared.order.parent_id
    zone = prepared.request.tz or prepared.session.zone

    def listen(t_ns: int, host: Host) -> None:
        check()
        parent = host.state.parents.get(parent_id)
        if parent is None:
            return
        order = parent.order
        done = parent.filled / order.qty_units
        wanted = due_units(parent, t_ns) / order.qty_units
        note = f"{clock(t_ns, zone)}  filled {percent(done)} of {percent(wanted)} due, {len(parent.closed)} children"
        if parent.filled:
            note += f", average {price(listing, parent.cash_units / parent.filled, more=2)}"
        span = max(1, order.end_ns - order.start_ns)
        shown.update(min(1.0, max(done, (t_ns - order.start_ns) / span)), note)

    return listen


def _console(*, stderr: bool, quiet: bool = False) -> Console:
    from rich.console import Console

    made = Console(stderr=stderr, quiet=quiet, highlight=False, soft_wrap=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = PLAIN_WIDTH
    return made


@contextmanager
def one_sentence_errors(screen: Screen) -> Iterator[None]:
    """Turn every error into one sentence on standard error (and a document with ``--json``) and an exit code."""
    try:
        yield
    except (InvariantBroken, JournalUnwritable) as error:
        _fail(screen, "halted", error.reason, error.remedy, EXIT_HALTED)
    except NowakeError as error:
        _fail(screen, "refused" if isinstance(error, InputError) else "failed", error.reason, error.remedy)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - whoever read us has left
        raise typer.Exit(EXIT_FAILED) from None
    except OSError as error:
        _fail(screen, "failed", *_os_sentence(error))
    except MemoryError:
        _fail(screen, "failed", "there is not enough memory", "work a shorter stretch or fewer tapes")
    except KeyboardInterrupt:
        hint = screen.resume_hint or "nothing was written; give the command again"
        _fail(screen, "interrupted", "interrupted", hint, EXIT_INTERRUPTED)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:  # a bug is told in one sentence too
        if os.environ.get("NOWAKE_TRACEBACK"):
            raise
        what = f"a bug in nowake ({type(error).__name__}: {error})"
        _fail(screen, "failed", what, "NOWAKE_TRACEBACK=1 shows where, please report it")


def _fail(screen: Screen, status: str, reason: str, remedy: str, code: int = EXIT_FAILED) -> None:
    reason, remedy = " ".join(reason.split()), " ".join(remedy.split())
    if screen.as_json:
        from nowake.app.documents import error_document

        screen.document(error_document(status, reason, remedy))
    sys.stderr.write(f"Error: {reason}; {remedy}\n" if remedy else f"Error: {reason}\n")
    raise typer.Exit(code) from None


def _os_sentence(error: OSError) -> tuple[str, str]:
    """Return an operating system's error as what is wrong and what to do."""
    what = error.strerror or type(error).__name__
    if not error.filename:
        return what, "check the disk and the file's rights"
    name = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else error.filename
    return f"{name} cannot be used ({what.lower()})", "check the path and its rights"
