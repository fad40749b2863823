"""Mistakes on the command line itself: shown by Typer on standard error, and with ``--json`` as a document too."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from nowake.app.cli.screen import Screen

# Typer exports only this one of its kind; its base is what every wrong option, argument or command name raises.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
_AS_JSON = "nowake.app.cli.as_json"


class CommandLine(TyperGroup):
    """The commands of ``nowake``: whoever asked for JSON gets one document, whatever goes wrong."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the options before the command."""
        as_json = "--json" in args[: args.index("--") if "--" in args else None]
        try:
            made = super().make_context(info_name, args, parent=parent, **extra)
        except UsageError as error:
            _tell(error, as_json)
            raise
        made.meta[_AS_JSON] = as_json
        return made

    def invoke(self, ctx: Any) -> Any:
        """Read the command's own options and run it."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _tell(error, ctx.meta.get(_AS_JSON, False))
            raise


def _tell(error: Exception, as_json: bool) -> None:
    """Print the document of a mistake where one is wanted; Typer says the same to people."""
    if not as_json:
        return
    from nowake.app.documents import error_document

    said = " ".join(str(getattr(error, "format_message", error.__str__)()).split()).rstrip(".")
    found = getattr(error, "ctx", None)
    command = found.command_path if found is not None else "nowake"
    document = error_document("error", said[:1].lower() + said[1:], f"{command} --help says what it takes")
    Screen(as_json=True).document(document)
