"""``nowake demo``: the whole job on the synthetic market, and whether it was worth it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nowake.app.cli.options import JsonOption
from nowake.app.cli.order_commands import run_order
from nowake.app.cli.screen import Screen, one_sentence_errors

if TYPE_CHECKING:
    from nowake.app.paired import Comparison
    from nowake.app.results import Result

QUANTITY, OVER = "10000", "10m"
PAGE = "nowake-demo.html"


def demo(
    seed: Annotated[int, typer.Option(help="of the market shown; the batch takes the seeds after it")] = 1,
    pairs: Annotated[int, typer.Option(help="paired orders against naive TWAP", min=2, max=1000)] = 20,
    out: Annotated[Path, typer.Option(help="where to write the page: a folder or a file")] = Path(PAGE),
    as_json: JsonOption = False,
) -> None:
    """Work an order on the synthetic market: ticket, progress, result, a page, and a comparison with naive TWAP."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import pages, paired
        from nowake.app.request import OrderRequest
        from nowake.app.wiring import SYNTH, RunOptions

        request = OrderRequest(side="buy", quantity=QUANTITY, symbol=SYNTH, over=OVER, strategy="twap")
        options = RunOptions(seed=seed)
        path = out / PAGE if out.is_dir() else out
        pages.check_page(path)
        result = run_order(screen, request, options, None, command="demo")
        _show(screen, result)
        with screen.stage("paired with naive TWAP") as shown:
            found = paired.compare(request, options, range(seed + 1, seed + 1 + pairs), shown.update)
        with screen.stage("page") as shown:
            shown.update(None, str(path))
            pages.write_page(result, path, found)
        if as_json:
            screen.document(_document(result, found, path))
            return
        _show_comparison(screen, found)
        _show_next(screen, result, path)


def _show(screen: Screen, result: Result) -> None:
    from nowake.view import terminal

    screen.show(terminal.summary(result.report, result.zone))


def _show_comparison(screen: Screen, found: Comparison) -> None:
    from nowake.view import tables

    pairs = [(one.seed, one.ours_bps, one.naive_bps) for one in found.pairs]
    screen.show(tables.compared(pairs, found.words, good=found.significant and found.mean_bps > 0))


def _show_next(screen: Screen, result: Result, path: Path) -> None:
    from nowake.view import tables

    nowake = program()
    commands = (
        (f"{nowake} explain", "why each child was sent, what it saw, what became of it"),
        (f"{nowake} tca --json", "everything measured, as one JSON document"),
        (f"{nowake} plan sell 50000 SYNTH --over 1h", "what another order would cost, before anything is sent"),
        (f"{nowake} work buy 20000 SYNTH --over 30m --urgency 0.2 --seed 7", "a more patient order on another day"),
        (f"{nowake} tape import --help", "bring your own market: LOBSTER, Binance, Databento, Tardis, any table"),
    )
    screen.show(tables.next_steps(commands, str(path), str(result.path)))


def program() -> str:
    """Return how the command line is called here, so that what is shown can be typed."""
    if shutil.which("nowake"):
        return "nowake"
    called = Path(sys.argv[0])
    if called.name != "nowake":
        return "python -m nowake"
    here = Path.cwd()
    return str(called.absolute().relative_to(here)) if called.absolute().is_relative_to(here) else str(called)


def _document(result: Result, found: Comparison, path: Path) -> dict[str, object]:
    from nowake.app import documents

    low, high = found.band_bps
    return {
        **documents.result_document(result, "demo", full=False),
        "comparison": {
            "pairs": [{"seed": p.seed, "ours_bps": p.ours_bps, "naive_bps": p.naive_bps} for p in found.pairs],
            "saving_bps": {"mean": found.mean_bps, "se": found.error_bps, "p025": low, "p975": high},
            "significant": found.significant,
            "text": list(found.words),
        },
        "page": str(path),
    }
