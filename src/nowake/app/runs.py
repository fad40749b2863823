"""Where runs are kept when no journal is named, and which was the latest."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from nowake.core.errors import JournalError

LATEST = "latest"
"""Name of the file that holds the path of the newest journal, named ones included."""


def runs_dir() -> Path:
    """Return the folder of unnamed runs: ``NOWAKE_RUNS_DIR``, else ``nowake/runs`` in the user's data folder."""
    chosen = os.environ.get("NOWAKE_RUNS_DIR")
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "nowake" / "runs"


def new_run(symbol: str, side: str) -> Path:
    """Return the path of a new run, named by when and what; its folder exists.

    Raises:
        JournalError: The folder cannot be made.
    """
    folder = runs_dir()
    _make(folder)
    now = datetime.now(UTC)
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{side}-{symbol}".lower())
    return folder / f"{now:%Y%m%d-%H%M%S-%f}-{name}.db"


def remember(journal: Path) -> None:
    """Note a journal as the latest run; a folder that cannot be written is no reason to stop one that was named."""
    folder = runs_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = folder / f".{LATEST}.{os.getpid()}"
        scratch.write_text(f"{journal.absolute()}\n", encoding="utf-8")
        scratch.replace(folder / LATEST)
    except OSError:
        return


def latest_run() -> Path:
    """Return the journal of the latest run.

    Raises:
        JournalError: There is none.
    """
    folder = runs_dir()
    try:
        noted = Path((folder / LATEST).read_text(encoding="utf-8").strip())
        if noted.is_file():
            return noted
    except (OSError, UnicodeDecodeError):
        pass
    found = sorted(folder.glob("*.db"))
    if not found:
        raise JournalError(f"there is no run in {folder} yet", "name a journal, or work an order: nowake demo")
    return found[-1]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JournalError(
            f"{folder} cannot be made ({error.strerror})",
            "set NOWAKE_RUNS_DIR to a folder you can write, or name a file with --journal",
        ) from error
