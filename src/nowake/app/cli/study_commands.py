"""``nowake study``: experiments with their design written down beforehand (``docs/studies``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nowake.app.cli.options import HtmlOption, JsonOption
from nowake.app.cli.screen import EXIT_FAILED, Screen, one_sentence_errors

if TYPE_CHECKING:
    from nowake.app.router_study import Market

study_app = typer.Typer(no_args_is_help=True, help="Experiments on recorded and synthetic markets.")
ALL = "all"
KEPT = "what is done is kept, and the same command goes on from there"


@study_app.command("router")
def router(
    out: Annotated[Path, typer.Option(help="folder of the results; made if needed")],
    tape: Annotated[
        list[str] | None, typer.Option(help="lake or recorded file; may be given again", show_default=False)
    ] = None,
    symbol: Annotated[str, typer.Option(help="of the tapes: AMZN or AMZN,AAPL,IBM@NBBO")] = "",
    over: Annotated[str, typer.Option(help="length of a window")] = "30m",
    windows: Annotated[int, typer.Option(help="of the tape, evenly spread; 0 = all", min=0)] = 0,
    regimes: Annotated[str, typer.Option(help="of SYNTH: thin,wide or all")] = "",
    seeds: Annotated[int, typer.Option(help="markets of each regime", min=1, max=10_000)] = 5,
    strategies: Annotated[str, typer.Option(help="worked as twins")] = "twap,vwap,pov,is,auto",
    processes: Annotated[int, typer.Option(help="at a time", min=1, max=64)] = 1,
    as_json: JsonOption = False,
) -> None:
    """Work paired orders by the router and by each fixed strategy, and say how it chose; goes on where it stopped.

    Without a tape and without regimes the tables of what is in the folder are printed.
    """
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import router_study
        from nowake.plan.strategies import find_strategy
        from nowake.study.router.outcomes import CELLS
        from nowake.study.router.tables import tables_of

        names = tuple(dict.fromkeys(name for name in strategies.lower().replace(" ", "").split(",") if name))
        for name in names:
            find_strategy(name)
        markets = [*_recorded(tape or [], symbol, over, windows), *_synthetic(regimes, seeds, over)]
        with screen.stage("study") as shown:
            screen.announce(shown)
            screen.resume_hint = KEPT
            found = router_study.work_orders(out, markets, CELLS, names, processes=processes, progress=shown.update)
        made = tables_of(found)
        codes = sorted({one.code for one in found})
        if as_json:
            tables = [{"title": one.title, "head": one.head, "rows": one.rows} for one in made]
            screen.document({"schema": "study-router", "orders": len(found), "code": codes, "tables": tables})
            return
        screen.out.print(f"{len(found):,} orders in {out}, program {', '.join(codes) or 'none'}", soft_wrap=True)
        for one in made:
            screen.out.print(f"\n{one.markdown()}", markup=False, soft_wrap=True)


@study_app.command("run")
def run(
    design: Annotated[Path, typer.Argument(help="TOML or JSON of tables order, world and market; a list is an axis")],
    out: Annotated[Path, typer.Option(help="folder of the results; made if needed")],
    jobs: Annotated[int, typer.Option(help="processes", min=1, max=256)] = 1,
    backend: Annotated[str, typer.Option(help="processes, or dask")] = "processes",
    scheduler: Annotated[str, typer.Option(help="of Dask, tcp://HOST:PORT; without it a cluster on this machine")] = "",
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work every order of a design in each of its worlds and compare; what is done is kept, and not done again."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.app import pages
        from nowake.app.experiments import run_study, study_document
        from nowake.study.pictures import runs_page

        pages.check_page(html)
        with screen.stage("study") as shown:
            screen.announce(shown)
            screen.resume_hint = KEPT
            made = run_study(design, out, jobs=jobs, backend=backend, scheduler=scheduler, progress=shown.update)
        if html is not None:
            under = f"{made.frame.height:,} runs in {out}"
            html.write_text(runs_page(f"Study {design.stem}", under, made.tables()), encoding="utf-8")
        if as_json:
            screen.document(study_document(made))
        else:
            kept = made.frame.height - made.made
            screen.out.print(f"{made.frame.height:,} runs in {out}, {kept:,} of them kept from before", soft_wrap=True)
            for one in made.tables():
                screen.out.print(f"\n{one.markdown()}", markup=False, soft_wrap=True)
        if made.refused == made.frame.height:
            raise typer.Exit(EXIT_FAILED)


@study_app.command("truth")
def truth(
    trades: Annotated[str, typer.Option(help="of each schedule: one number or several")] = "101,401,1601",
    tick: Annotated[str, typer.Option(help="dollars; a hundred dollars must be a multiple of it")] = "0.01",
    as_json: JsonOption = False,
) -> None:
    """Work the optimal schedule and TWAP on an Obizhaeva-Wang book, and hold the fills against the closed form."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        from nowake.study import known_truth

        counts = known_truth.parse_trades(trades)
        with screen.stage("truth") as shown:
            rows = known_truth.known_truth(counts, tick, lambda done: shown.update(done, "working schedules"))
        if as_json:
            screen.document(known_truth.document(rows))
            return
        screen.out.print(known_truth.table(rows).markdown(), markup=False, soft_wrap=True)


@study_app.command("queues")
def queues(
    tape: Annotated[list[str], typer.Option(help="order-by-order lake or recorded file; may be given again")],
    symbol: Annotated[str | None, typer.Option(help="one listing of several", show_default=False)] = None,
    orders: Annotated[int, typer.Option(help="of ours, at most", min=1, max=100_000)] = 2_000,
    html: HtmlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold queue models, fill probability and matching against an order-by-order tape (docs/simulator.md)."""
    screen = Screen(as_json=as_json)
    with one_sentence_errors(screen):
        import msgspec

        from nowake.app import pages
        from nowake.data.source import open_tapes
        from nowake.study import estimates
        from nowake.study import queues as study
        from nowake.study import rerun as again
        from nowake.study.pictures import queues_page

        pages.check_page(html)
        made: list[tuple[study.QueueErrors, study.FillChance, again.Rerun]] = []
        estimated: list[list[estimates.EstimateError]] = []
        with screen.stage("queues") as shown:
            found = open_tapes([Path(path) for path in tape], symbol)

            def tell(done: float) -> None:
                shown.update((len(made) + done) / len(found), found[len(made)].listing.key)

            for one in found:
                estimated.append(estimates.all_errors(one, min(orders, 1_000), lambda done: tell(done / 2)))
                tell(0.5)
                errors = study.queue_errors(one, orders)
                tell(0.7)
                made.append((errors, study.fill_chance(one, orders), again.rerun(one)))
        tables = [
            [*study.tables(*parts[:2]), again.table(parts[2]), estimates.table(own)]
            for parts, own in zip(made, estimated, strict=True)
        ]
        if html is not None:
            flat = [table for one in tables for table in one]
            html.write_text(queues_page([parts[0] for parts in made], estimated, flat), encoding="utf-8")
        if as_json:
            names = ("models", "fill_chance", "rerun")
            each = [dict(zip(names, map(msgspec.to_builtins, parts), strict=True)) for parts in made]
            each = [{**one, "estimate": msgspec.to_builtins(own)} for one, own in zip(each, estimated, strict=True)]
            screen.document({"schema": "study-queues", "tapes": each})
            return
        for table in (table for one in tables for table in one):
            screen.out.print(f"{table.markdown()}\n", markup=False, soft_wrap=True)


def _recorded(tapes: list[str], symbol: str, over: str, windows: int) -> list[Market]:
    from nowake.app.router_study import Market
    from nowake.app.wiring import RunOptions
    from nowake.core.value import require

    require(bool(tapes) or not symbol, "symbol", symbol, "left out where no tape is given", "name a tape with --tape")
    if not tapes:
        return []
    names = [word.strip() for word in symbol.split(",") if word.strip()]
    require(bool(names), "symbol", symbol, "given: which listings of the tapes", "such as --symbol AMZN@XNAS")
    options = RunOptions(tapes=tuple(tapes))
    return [Market(symbol=name, options=options, over=over, windows=windows) for name in names]


def _synthetic(regimes: str, seeds: int, over: str) -> list[Market]:
    from nowake.app.router_study import Market
    from nowake.app.wiring import SYNTH, RunOptions
    from nowake.sim.synthetic import REGIMES, find_regime

    words = [word.strip().lower() for word in regimes.split(",") if word.strip()]
    names = list(REGIMES) if words == [ALL] else words
    for name in names:
        find_regime(name)
    return [
        Market(symbol=SYNTH, options=RunOptions(seed=seed, regime=name), over=over)
        for name in names
        for seed in range(seeds)
    ]
