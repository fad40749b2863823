"""``nowake tca``, ``nowake explain``."""

from __future__ import annotations

from nowake.app.cli.options import FullOption, HtmlOption, JournalArgument, JsonOption
from nowake.app.cli.order_commands import show_result
from nowake.app.cli.screen import Screen, one_sentence_errors


def tca(
    journal: JournalArgument = None, as_json: JsonOption = False, full: FullOption = False, html: HtmlOption = None
) -> None:
    """Measure what an execution really cost, and why, from its journal."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import pages, results, runs

        pages.check_page(html)
        show_result(screen, results.read_result(journal or runs.latest_run()), "tca", full=full, html=html)


def explain(journal: JournalArgument = None, as_json: JsonOption = False) -> None:
    """Say for every child when and why it was sent, what it saw, what the gate said, and what became of it."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import documents, results, runs
        from nowake.app.explain import explain_run

        result = results.read_result(journal or runs.latest_run())
        found = explain_run(result)
        if as_json:
            screen.document(documents.explain_document(found, result))
            return
        from nowake.view import decisions, terminal

        screen.show(terminal.headline(result.report.order, result.report.listing))
        screen.show(decisions.decision_list(found.rows(result.zone), result.zone))
