"""``nowake status``, ``pause``, ``amend``, ``cancel``: a run from outside its process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nowake.app.cli.options import JournalArgument, JsonOption, KeyOption
from nowake.app.cli.screen import Screen, one_sentence_errors
from nowake.app.cli.venues_commands import is_of_venues

if TYPE_CHECKING:
    from nowake.app.operate.messages import Answer, CommandAsk


def status(journal: JournalArgument = None, as_json: JsonOption = False) -> None:
    """Say how a run stands: from its journal, and who works it. Reads only."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import documents, runs
        from nowake.app.operate import client
        from nowake.app.operate.status import read_statuses, standing, status_document, statuses_document

        path = journal or runs.latest_run()
        owner = client.owner_of(path)
        found = read_statuses(path)
        if as_json:
            orders = [
                documents.order_document(one.parent.asked, one.listing, one.zone, 0) if one.parent else None
                for one in found
            ]
            several = is_of_venues(path)
            one = status_document(found[0], owner, orders[0])
            screen.document(statuses_document(found, owner, orders) if several else one)
            return
        from nowake.view.standing import standing as panel

        for part in found:
            screen.show(panel(standing(part, owner)))


def pause(journal: JournalArgument = None, key: KeyOption = "", as_json: JsonOption = False) -> None:
    """Pause a running order: what works is cancelled, nothing new is sent until it is resumed."""
    _give("pause", journal, key, as_json=as_json)


def cancel(journal: JournalArgument = None, key: KeyOption = "", as_json: JsonOption = False) -> None:
    """Cancel a running order: what works is cancelled, what is unsent is abandoned."""
    _give("cancel", journal, key, as_json=as_json)


def amend(
    journal: JournalArgument = None,
    quantity: Annotated[str, typer.Option(help="the new total; not below filled + possibly live")] = "",
    end: Annotated[str, typer.Option(help="the new end: ISO time with a zone, 15:30, close-5m")] = "",
    over: Annotated[str, typer.Option(help="or the new length of the window, from the order's start")] = "",
    limit: Annotated[str, typer.Option(help="the new limit price; none takes it away")] = "",
    max_participation: Annotated[str, typer.Option(help="own share of all volume, at most: 0.15 or 15%")] = "",
    participation: Annotated[str, typer.Option(help="pov: own share of all volume to keep to: 10%")] = "",
    urgency: Annotated[float | None, typer.Option(help="0 = patient, 1 = cross at once", show_default=False)] = None,
    must_complete: Annotated[
        bool | None,
        typer.Option("--must-complete/--no-must-complete", help="near the end pass the cap", show_default=False),
    ] = None,
    end_behaviour: Annotated[str, typer.Option(help="finish, cancel or run-on")] = "",
    display: Annotated[str, typer.Option(help="largest size shown; none: any")] = "",
    never_take: Annotated[
        bool | None, typer.Option("--never-take/--no-never-take", help="only post", show_default=False)
    ] = None,
    key: KeyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Change a running order; what is unsent is planned again. A change that cannot be kept is refused whole."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import runs
        from nowake.app.operate import change, client
        from nowake.app.operate.status import read_status, read_statuses
        from nowake.core.inputs import OperatorAction

        path = journal or runs.latest_run()
        given = change.AmendRequest(
            quantity=quantity.strip(),
            end=end.strip(),
            over=over.strip(),
            limit=limit.strip(),
            max_participation=max_participation.strip(),
            participation=participation.strip(),
            urgency=urgency,
            must_complete=must_complete,
            end_behaviour=end_behaviour,
            display=display.strip(),
            never_take=never_take,
        )
        if is_of_venues(path):
            ask = client.command(OperatorAction.AMEND, key, parts=change.parts(given, read_statuses(path)))
        else:
            ask = client.command(OperatorAction.AMEND, key, amendment=change.amendment(given, read_status(path)))
        show_answer(screen, client.give(path, ask), ask, path)


def _give(action: str, journal: Path | None, key: str, *, as_json: bool) -> None:
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import runs
        from nowake.app.operate import client
        from nowake.core.inputs import OperatorAction

        path = journal or runs.latest_run()
        ask = client.command(OperatorAction(action), key)
        show_answer(screen, client.give(path, ask), ask, path)


def show_answer(screen: Screen, answer: Answer, ask: CommandAsk, path: Path) -> None:
    """Print what came of a command and leave: 0 when it was carried out, 1 when it was refused.

    Raises:
        Refused: It was refused.
    """
    from nowake.core.errors import Refused
    from nowake.core.sessions import iso
    from nowake.core.terms import human_names
    from nowake.view.format import moment

    if not answer.accepted:
        raise Refused(f"{ask.action.value} was refused: {human_names(answer.text)}", human_names(answer.remedy))
    if screen.as_json:
        screen.document(
            {
                "schema": "nowake/command/1",
                "status": answer.status,
                "action": ask.action.value,
                "journal": str(path),
                "actor": ask.actor,
                "key": ask.key,
                "t": iso(answer.t_ns),
                "text": answer.text,
                "repeated": answer.repeated,
                "warnings": [{"code": one.code, "text": one.text} for one in answer.notices],
            }
        )
    else:
        at = moment(answer.t_ns).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
        screen.out.print(f"{at} UTC: {answer.text}; the order is {answer.status}", soft_wrap=True)
        for one in answer.notices:
            screen.out.print(f"warning: {one.text}", style="yellow", soft_wrap=True)
    raise typer.Exit(0)
