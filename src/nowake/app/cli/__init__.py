"""The command line. Commands parse, call one library function, print; heavy things are imported when needed."""

from __future__ import annotations

from typing import Annotated

import typer

from nowake.app.cli import demo_command, operate_commands, order_commands, report_commands, watch_command
from nowake.app.cli.options import OrderCommand, PlanCommand
from nowake.app.cli.study_commands import study_app
from nowake.app.cli.tape_commands import tape_app
from nowake.app.cli.usage import CommandLine

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Trade size without leaving a wake: plan a large order, work it, measure what it really cost.",
    epilog="Exit codes: 0 ended as instructed, 1 refused or failed, 2 usage, 3 a rest in spite of --must-complete, "
    "4 halted or in doubt.",
)
app.command("demo")(demo_command.demo)
app.command("plan", cls=PlanCommand)(order_commands.plan)
app.command("work", cls=OrderCommand)(order_commands.work)
app.command("status")(operate_commands.status)
app.command("pause")(operate_commands.pause)
app.command("resume")(order_commands.resume)
app.command("amend")(operate_commands.amend)
app.command("cancel")(operate_commands.cancel)
app.command("tca")(report_commands.tca)
app.command("explain")(report_commands.explain)
app.command("replay")(report_commands.replay)
app.command("watch")(watch_command.watch)
app.add_typer(tape_app, name="tape")
app.add_typer(study_app, name="study")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"nowake {version('nowake')}")
        raise typer.Exit


@app.callback(cls=CommandLine)
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and leave")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line."""
    app()


__all__ = ["app", "main"]
