"""``nowake tape import``, ``info``, ``check``, ``imitate``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from nowake.app.cli.options import LISTING_HELP, MAP_HELP, HtmlOption, JsonOption
from nowake.app.cli.screen import EXIT_FAILED, Screen, one_sentence_errors

tape_app = typer.Typer(no_args_is_help=True, help="Recorded markets: import them into a lake, list and check them.")

Paths = Annotated[list[Path], typer.Argument(help="recorded files or lakes", show_default=False)]
Symbol = Annotated[
    str | None, typer.Option(help="one listing of several: AMZN, BTCUSDT@binance-spot", show_default=False)
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        help="accept a fault: quarantined, gaps, crossed, disordered, mismatched; may be given again",
        show_default=False,
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", help=MAP_HELP, show_default=False),
]
ListingOption = Annotated[str, typer.Option(help=LISTING_HELP, show_default=False)]
CatalogueFile = Annotated[Path | None, typer.Option(help="JSON file with listings of your own", show_default=False)]


@tape_app.command("import")
def import_tape(
    paths: Paths,
    out: Annotated[Path, typer.Option(help="folder of the lake; made if needed")],
    symbol: Symbol = None,
    allow: Allow = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace days that are there already")] = False,
    mapping: MapOption = None,
    listing: ListingOption = "",
    catalogue: CatalogueFile = None,
    as_json: JsonOption = False,
) -> None:
    """Read recorded files, check them, and write them into a lake (Parquet, one file a listing and day)."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import documents, tapes
        from nowake.view import tables

        since = time.monotonic()
        files = tapes.Files(paths, symbol, catalogue, tuple(mapping or ()), listing)
        with screen.reading("import") as reading:
            made = tapes.import_tapes(files, out, tuple(allow or ()), overwrite, reading)
        elapsed = time.monotonic() - since
        if as_json:
            screen.document(documents.import_document(made, out, elapsed))
            return
        screen.show(tables.imported([(tape.listing.key, len(tape), len(files)) for tape, files in made], out, elapsed))
        example = tapes.example_order([tape for tape, _ in made], out)
        if example:
            screen.show(f"Try: {example}")


@tape_app.command("info")
def info(
    paths: Paths,
    symbol: Symbol = None,
    mapping: MapOption = None,
    listing: ListingOption = "",
    catalogue: CatalogueFile = None,
    as_json: JsonOption = False,
) -> None:
    """List what a lake holds, or say what recorded files are."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import documents, tapes
        from nowake.view import tables

        files = tapes.Files(paths, symbol, catalogue, tuple(mapping or ()), listing)
        with screen.reading("read") as reading:
            entries, found = tapes.tape_info(files, reading)
        described = [documents.lake_document(one) for one in entries] + [documents.tape_document(one) for one in found]
        if as_json:
            screen.document({"schema": "nowake/tape-info/1", "status": "ok", "tapes": described})
            return
        screen.show(*(tables.facts(one) for one in described))


@tape_app.command("check")
def check(
    paths: Paths,
    symbol: Symbol = None,
    allow: Allow = None,
    mapping: MapOption = None,
    listing: ListingOption = "",
    catalogue: CatalogueFile = None,
    as_json: JsonOption = False,
) -> None:
    """Check tapes: gaps, crossed books, quarantined lines, the rebuilt book against the source's own. 1 if unsound."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import documents, tapes
        from nowake.view import tables

        files = tapes.Files(paths, symbol, catalogue, tuple(mapping or ()), listing)
        with screen.reading("check") as reading:
            reports = tapes.check_tapes(files, reading)
        document = documents.checks_document(reports, tuple(allow or ()))
        if as_json:
            screen.document(document)
        else:
            screen.show(*(tables.checked(one) for one in reports))
        if document["status"] != "ok":
            raise typer.Exit(EXIT_FAILED)


@tape_app.command("imitate")
def imitate(
    paths: Paths,
    out: Annotated[Path, typer.Option(help="folder of the lake; made if needed")],
    seed: Annotated[int, typer.Option(help="of what is made: another seed is another market", min=0)] = 1,
    over: Annotated[str, typer.Option(help="length of what is made; default: as recorded", show_default=False)] = "",
    queues: Annotated[int, typer.Option(help="distances a side that are fitted; 0: by what is in sight", min=0)] = 0,
    seeds: Annotated[int, typer.Option(help="other seeds to compare with the recorded too", min=0, max=1_000)] = 0,
    html: HtmlOption = None,
    symbol: Symbol = None,
    allow: Allow = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace days that are there already")] = False,
    mapping: MapOption = None,
    listing: ListingOption = "",
    catalogue: CatalogueFile = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a queue-reactive book to a recorded market, and write a synthetic market like it (SYNTH@LIKE) into a lake."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import imitations, tapes
        from nowake.core.units import parse_duration
        from nowake.view import tables

        files = tapes.Files(paths, symbol, catalogue, tuple(mapping or ()), listing)
        length_ns = parse_duration("over", over) if over else 0
        with screen.reading("imitate") as reading:
            found = imitations.imitate_tape(
                files, out, seed=seed, duration_ns=length_ns, queues=queues, allow=tuple(allow or ()),
                overwrite=overwrite, told=reading,
            )  # fmt: skip
            figures = imitations.others(found, seeds, reading)
            shapes = imitations.shapes_of(found)
        if html is not None:
            html.write_text(imitations.page(found, imitations.rows(found, figures, shapes), shapes), encoding="utf-8")
        if as_json:
            screen.document(imitations.document(found, out, figures, shapes))
            return
        for warning in found.book.card.warnings:
            screen.warn(warning)
        rows = imitations.rows(found, figures, shapes)
        screen.show(tables.imitated(rows, found.book.card.text, found.tape.listing.key, out))
