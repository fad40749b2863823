"""Progress on the terminal: one line per stage, with a bar where the length is known. Silent on what is quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

REFRESH_S = 0.05
SAY_AFTER_S, SAY_EVERY_S = 2.0, 5.0
"""Where nobody can see a bar, a stage that takes longer than this says so, and again this often."""
TITLE_WIDTH = 24


class _Elapsed(ProgressColumn):
    """Seconds so far."""

    def render(self, task: Task) -> Text:
        """Return the time of a task."""
        return Text(f"{task.finished_time or task.elapsed or 0:.1f} s", style="dim")


class Stage:
    """One thing that takes a while.

    Args:
        console: Where to.
        title: What is being done.
        unit: Words after the per cent.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console, self._title = console, title
        self._since = self._shown = time.monotonic()
        self._said = 0.0
        self._bar: Progress | None = None
        self._task: object = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(finished_text="[green]✓"),
                TextColumn("{task.description}", table_column=None),
                BarColumn(bar_width=28, complete_style="cyan", finished_style="green"),
                TextColumn("{task.fields[note]}", style="dim"),
                _Elapsed(),
                console=self._console,
                refresh_per_second=12,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title.ljust(TITLE_WIDTH), total=None, note="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            if kind is None:
                self._bar.update(self._task, total=1.0, completed=1.0)  # type: ignore[arg-type]
            self._bar.stop()
        elif self._said and kind is None:
            self._console.print(f"{self._title}: done in {time.monotonic() - self._since:.1f} s", highlight=False)

    def update(self, fraction: float | None, note: str = "") -> None:
        """Show how far it is (None = not known) and what it is at; cheap enough to be called for every step."""
        now = time.monotonic()
        if self._bar is not None:
            if now - self._shown >= REFRESH_S or fraction is None or fraction >= 1:
                self._shown = now
                total = None if fraction is None else 1.0
                self._bar.update(self._task, total=total, completed=fraction or 0.0, note=note)  # type: ignore[arg-type]
        elif now - self._since >= SAY_AFTER_S and now - self._said >= SAY_EVERY_S:
            self._said = now
            far = "" if fraction is None else f" {100 * fraction:.0f} %"
            self._console.print(f"{self._title}{far} {note}".rstrip(), highlight=False)

    def say(self, note: str) -> None:
        """Say something now, whether or not there is a bar."""
        if self._bar is not None:
            self.update(None, note)
        else:
            self._said = time.monotonic()
            self._console.print(f"{self._title}: {note}", highlight=False)


@contextmanager
def stage(console: Console, title: str) -> Iterator[Stage]:
    """Show one thing that takes a while until the block ends."""
    with Stage(console, title) as shown:
        yield shown
