"""``nowake tca``, ``nowake explain``, ``nowake replay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nowake.app.cli.options import FullOption, HtmlOption, JournalArgument, JsonOption
from nowake.app.cli.order_commands import show_result
from nowake.app.cli.screen import EXIT_FAILED, Screen, one_sentence_errors
from nowake.app.cli.venues_commands import is_of_venues, show_venues

if TYPE_CHECKING:
    from nowake.app.replay import Replay


def tca(
    journal: JournalArgument = None, as_json: JsonOption = False, full: FullOption = False, html: HtmlOption = None
) -> None:
    """Measure what an execution really cost, and why, from its journal."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import pages, results, runs

        pages.check_page(html)
        path = journal or runs.latest_run()
        if is_of_venues(path):
            from nowake.app.venues_results import read_venues

            show_venues(screen, read_venues(path), "tca", full=full, html=html)
            return
        show_result(screen, results.read_result(path), "tca", full=full, html=html)


def explain(
    journal: JournalArgument = None,
    child: Annotated[str, typer.Option(help="only the child whose id begins so, in full")] = "",
    as_json: JsonOption = False,
) -> None:
    """Say for every child when and why it was sent, what it saw, what became of it; and what was not sent, and why."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import documents, runs
        from nowake.app.explain import explain_run, one_child
        from nowake.app.venues_results import read_legs

        path = journal or runs.latest_run()
        told = [(result, explain_run(result)) for result in read_legs(path)]
        if child:
            told = one_child(told, child.strip())
        if as_json:
            (result, found), several = told[0], is_of_venues(path)
            one = documents.explain_document
            screen.document(documents.explain_venues_document(told) if several else one(found, result))
            return
        from nowake.view import decisions, terminal

        for result, found in told:
            screen.show(terminal.headline(result.report.order, result.report.listing))
            screen.show(decisions.decision_list(found.rows(result.zone), result.zone))
            if child:
                screen.show(decisions.detail(found.facts(result.zone)))
            elif missed := found.missed(result.zone):
                screen.show(decisions.missed_list(missed))


def replay(journal: JournalArgument = None, as_json: JsonOption = False) -> None:
    """Decide again on every input of a journal, and prove that the same comes out. Reads only; exit code 1 if not."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import runs
        from nowake.app.replay import replay as replay_journal

        with screen.stage("replay") as shown:
            found = replay_journal(journal or runs.latest_run(), shown.update)
        if as_json:
            screen.document(found.to_dict())
        else:
            for line in sentences(found):
                screen.out.print(line, soft_wrap=True)
        raise typer.Exit(0 if found.equal else EXIT_FAILED)


def sentences(found: Replay) -> list[str]:
    """Return what a replay found, the code first where it is another."""
    said = []
    if not found.same_code:
        written = f"{found.header.code_hash[:12]} (version {found.header.version or 'unknown'})"
        said.append(f"{found.path} was written by other code, {written}: a difference may come from that")
    said += [one.text for one in found.notices]
    said.append(f"chain    {found.records:,} records in {found.batches:,} batches are whole, hash {found.journal_hash}")
    said.append(f"state    folded from the records, hash {found.state_hash or 'none: they contradict each other'}")
    if found.difference is None:
        said.append(f"decided  again on all {found.redecided:,} inputs: equal")
        return said
    one = found.difference
    said.append(f"decided  again: {found.redecided:,} inputs equal, then record {one.record} differs ({one.event})")
    said.append(f"         {one.field}: {one.recorded} in the journal, {one.decided} now")
    return said
