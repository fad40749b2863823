"""Writes the HTML page of a run."""

from __future__ import annotations

from pathlib import Path

from nowake.app.paired import Comparison
from nowake.app.results import Result
from nowake.core.errors import InputError
from nowake.view.html import Page, page


def check_page(path: Path | None) -> None:
    """Refuse a page that cannot be written, before anything is done for it.

    Raises:
        InputError: It is a folder, or its folder is missing.
    """
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InputError("html", str(path), "a file in a folder that exists")


def write_page(result: Result, path: Path, comparison: Comparison | None = None) -> None:
    """Write a self-contained page; a file that is there is replaced.

    Raises:
        InputError: The path cannot be written.
    """
    run = result.header.run
    made = Page(
        report=result.report,
        zone=result.zone,
        seed=result.header.seed,
        tape=run.tapes[0].name if run.tapes else "",
        journal=str(result.path) if result.path else "",
        journal_hash=result.journal_hash,
        version=result.header.version,
        savings=comparison.savings if comparison else (),
        comparison=comparison.words if comparison else (),
    )
    try:
        path.write_text(page(made), encoding="utf-8")
    except OSError as error:
        raise InputError("html", str(path), f"a file that can be written ({error.strerror})") from error
