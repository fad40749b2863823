"""The surfaces of nowake as functions of a random generator: each call is one case.

A case passes when what comes out is a result or a refusal in one sentence; anything else that is raised is a traceback
that a user would see.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fuzz_files import Sample, mutated, samples
from fuzz_words import (
    BELIEFS,
    NASTY,
    NOT_FACADE,
    OPTIONS,
    QUANTITIES,
    SENTENCE,
    SYMBOLS,
    options,
    order_line,
    safe,
    stated,
    word,
)
from typer import testing
from typer.main import get_command

import nowake
from nowake.app import wiring
from nowake.app.cli import app
from nowake.app.operate import change, messages
from nowake.app.operate.status import read_status
from nowake.app.planning import plan_request
from nowake.core.errors import InvariantBroken, NowakeError
from nowake.core.tape import Tape
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import FAULTS
from nowake.data.lake import read_lake, write_lake
from nowake.data.listings import parse_listing
from nowake.data.readers.mapping import parse_mapping
from nowake.data.source import open_tapes
from nowake.journal.reader import read_journal

CODES = {0, 1, 2, 3}
"""Exit codes that bad input may lead to; 4 would say that an invariant broke."""


@dataclass(slots=True)
class Bench:
    """What the cases work on; everything is small and made once.

    Attributes:
        folder: Where files are written; the working folder of the command line.
        files: Small recordings by name.
        tape: Of the synthetic market.
        journals: Contents of small journals.
        lake: Contents of a lake's files, by path in it.
    """

    folder: Path
    files: dict[str, Sample] = field(default_factory=dict)
    tape: Tape | None = None
    journals: list[bytes] = field(default_factory=list)
    lake: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Bench:
        """Return a bench in a folder, with a tape, journals and a lake of its own."""
        built = get_command(app)
        testing._get_command = lambda _: built  # the runner would build all commands again for every case
        made = cls(folder)
        made.files = samples(folder)
        asked = nowake.order("buy", 100, "SYNTH", over="3m")
        made.tape = wiring.load_tape(asked, wiring.RunOptions())
        for name, terms in (("a.db", {}), ("b.db", {"strategy": "pov", "end_behaviour": "cancel"})):
            nowake.work_order(nowake.order("sell", 400, "SYNTH", over="1m", **terms), made.tape, journal=folder / name)
            made.journals.append((folder / name).read_bytes())
            (folder / name).unlink()
        files = write_lake(made.tape, folder / "lake")
        made.lake = {str(one.relative_to(folder / "lake")): one.read_bytes() for one in files}
        (folder / "note.txt").write_text("neither a journal nor a tape\n" * 60)
        return made

    def say(self, words: list[str]) -> None:
        """Give the words to the command line and check what it says."""
        found = testing.CliRunner().invoke(app, words)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code in CODES, (found.exit_code, found.stderr)
        assert "Traceback" not in found.stderr
        assert "a bug in nowake" not in found.stderr
        errors = [line for line in found.stderr.splitlines() if line.startswith("Error: ")]
        # A list of orders names each row that failed; a check of tapes prints its verdict as a table.
        told = len(errors) == 1 or "--orders" in words or words[:2] == ["tape", "check"] or words[:1] == ["replay"]
        assert found.exit_code != 1 or told, found.stderr
        if "--json" in words[: words.index("--") if "--" in words else None] and found.exit_code in {0, 1, 3}:
            json.loads(found.stdout)


def refusable(call: Callable[[], Any]) -> Any:
    """Return what a call returns, None when it refuses in one sentence."""
    said: NowakeError
    try:
        return call()
    except InvariantBroken:
        raise
    except NowakeError as error:
        said = error
    assert said.reason
    assert SENTENCE.match(str(said)), repr(str(said))
    return None


def _terms(rng: random.Random) -> dict[str, Any]:
    """Return options of an order as Python arguments: mostly text, now and then of another kind."""
    found: dict[str, Any] = {}
    for name, value in options(rng, 6).items():
        if name not in NOT_FACADE and name not in BELIEFS:
            found[name.replace("-", "_")] = value
    for name in ("urgency", "slices"):
        if name in found:
            found[name] = _number(found[name])
    for name in list(found):
        if rng.random() < 0.05:
            found[name] = rng.choice(ODD)
    return found


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


ODD: tuple[Any, ...] = (
    None, 0, -1, 1.5, float("nan"), float("inf"), 10**30, True, b"x", [], {}, object(), 1j, 10**5000, (1,),
    datetime(2026, 1, 5, 15, tzinfo=UTC), datetime(2026, 1, 5, 15), timedelta(1), Path("x"), "x" * 10_000,  # noqa: DTZ001
)  # fmt: skip


def facade_tape(rng: random.Random, bench: Bench) -> None:
    """An order in Python, planned on a tape."""
    size: Any = word(rng, QUANTITIES, 0.1) if rng.random() < 0.9 else rng.choice(ODD)
    order = refusable(lambda: nowake.order(rng.choice(("buy", "sell", 1, 2)), size, "SYNTH", **_terms(rng)))
    if order is not None:
        refusable(lambda: nowake.plan_order(order, bench.tape))


def facade_stated(rng: random.Random, bench: Bench) -> None:
    """An order in Python, planned on what is stated."""
    symbol: Any = rng.choice(("MSFT@XNAS", "BTCUSDT@binance-spot", *SYMBOLS)) if rng.random() < 0.9 else rng.choice(ODD)
    size, terms = word(rng, QUANTITIES, 0.1), _terms(rng)
    start = terms.get("start", "")
    if rng.random() < 0.8 and not (isinstance(start, str) and start.startswith(("1", "2", "0", "9"))):
        terms["start"] = "2026-11-23T15:00:00Z"
    given: dict[str, Any] = {BELIEFS[name]: value for name, value in stated(rng).items()}
    if rng.random() < 0.1:
        given[rng.choice(list(given))] = rng.choice(ODD)
    order = refusable(lambda: nowake.order("buy", size, symbol, **terms))
    beliefs = refusable(lambda: nowake.Beliefs(**given))
    if order is not None and beliefs is not None:
        now_ns = 1_795_446_000 * 10**9
        refusable(lambda: plan_request(order, wiring.RunOptions(beliefs=beliefs), now_ns=now_ns))


def facade_work(rng: random.Random, bench: Bench) -> None:
    """An order in Python, worked to its end."""
    terms = {**_terms(rng), "end": "", "over": rng.choice(("5s", "20s", "45s"))}
    terms.pop("start", None)
    size = rng.choice(("1", "30", "400", "5000"))
    order = refusable(lambda: nowake.order(rng.choice(("buy", "sell")), size, "SYNTH", **terms))
    if order is not None:
        refusable(lambda: nowake.work_order(order, bench.tape))


def cli_plan(rng: random.Random, bench: Bench) -> None:
    """A line of ``nowake plan``."""
    bench.say(order_line(rng, "plan"))


def cli_work_refused(rng: random.Random, bench: Bench) -> None:
    """A line of ``nowake work`` with a place for its files that is none, so that it ends before it begins."""
    more = rng.choice(
        (("--html", "nodir/x"), ("--log", "note.txt"), ("--journal", "note.txt"), ("--metrics", "/dev/null"))
    )
    bench.say([*order_line(rng, "work"), *more])


def cli_any(rng: random.Random, bench: Bench) -> None:
    """Any command with any options, most of them not its own."""
    names = ("status", "pause", "cancel", "amend", "tca", "explain", "replay", "resume", "tape", "plan", "nonsense")
    words = [rng.choice(names)]
    if words[0] == "tape":
        words.append(rng.choice(("import", "info", "check", "melt")))
    words += [rng.choice(("note.txt", "nodir/x.db", ".", "x.db", "lake", *NASTY)) for _ in range(rng.randrange(3))]
    for name in rng.sample(
        [*OPTIONS, "child", "key", "speed", "log", "quantity", "catalogue", "html"], rng.randrange(3)
    ):
        words += [f"--{name}", word(rng, OPTIONS.get(name, QUANTITIES), 0.5)]
    words += ["--json"] * (rng.random() < 0.5)
    bench.say([safe(one) for one in words])


def reader(rng: random.Random, bench: Bench) -> None:
    """A recorded file after an accident, read with every fault allowed."""
    name = rng.choice(sorted(bench.files))
    sample = bench.files[name]
    path = sample.write(rng, bench.folder)
    mappings = parse_mapping(sample.mapping) if sample.mapping else ()
    tapes = refusable(lambda: open_tapes([path], allow=FAULTS, mappings=mappings, listing=sample.listing))
    for tape in tapes or ():
        assert len(tape)
        assert (tape.t_local() >= tape.t_event).all()
        assert (tape.qty >= 0).all()


def reader_two(rng: random.Random, bench: Bench) -> None:
    """Two recorded files at once: the same twice, two of one listing, two that have nothing in common."""
    names = [rng.choice(sorted(bench.files)) for _ in range(2)]
    paths = []
    for k, name in enumerate(names):
        home = bench.folder / f"two{k}"
        home.mkdir(exist_ok=True)
        for file, data in bench.files[name].files.items():
            (home / file).write_bytes(mutated(rng, data) if rng.random() < 0.3 else data)
        paths.append(home / next(iter(bench.files[name].files)))
    mappings = [one for name in dict.fromkeys(names) if (m := bench.files[name].mapping) for one in parse_mapping(m)]
    refusable(
        lambda: open_tapes(
            paths, allow=rng.choice(((), FAULTS)), mappings=mappings, listing=bench.files[names[0]].listing
        )
    )


def journal(rng: random.Random, bench: Bench) -> None:
    """A journal after an accident, asked for everything a journal can tell."""
    path = _journal(rng, bench)
    asks: tuple[Callable[[], Any], ...] = (
        lambda: list(read_journal(path).batches()),
        lambda: read_status(path),
        lambda: nowake.measure(path),
    )
    refusable(rng.choice(asks))


def cli_journal(rng: random.Random, bench: Bench) -> None:
    """The commands that read a journal, on one after an accident."""
    path = _journal(rng, bench)
    words = [rng.choice(("status", "tca", "explain", "replay", "amend", "cancel", "resume")), str(path)]
    if words[0] == "amend":
        words += ["--limit", word(rng, OPTIONS["limit"])]
    if words[0] == "explain" and rng.random() < 0.3:
        words += ["--child", safe(rng.choice(NASTY))]
    bench.say([*words, *(["--json"] * (rng.random() < 0.5))])


def _journal(rng: random.Random, bench: Bench) -> Path:
    data = bench.journals[rng.randrange(len(bench.journals))]
    path = bench.folder / "hurt.db"
    for old in bench.folder.glob("hurt.db*"):
        old.unlink()
    path.write_bytes(mutated(rng, data) if rng.random() < 0.8 else data)
    return path


def lake(rng: random.Random, bench: Bench) -> None:
    """A lake with a file after an accident."""
    home = bench.folder / "hurt_lake"
    for name, data in bench.lake.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mutated(rng, data))
    refusable(lambda: read_lake(home))


def order_list(rng: random.Random, bench: Bench) -> None:
    """A list of orders, with cells of any kind or after an accident."""
    names = [
        "side",
        "quantity",
        "symbol",
        *rng.sample([n.replace("-", "_") for n in OPTIONS], 3),
        "price",
        "adv",
        "vol",
        "spread",
    ]
    rows = [",".join(names)]
    for _ in range(rng.randrange(4)):
        cells = ["buy", word(rng, QUANTITIES), "MSFT@XNAS"]
        cells += [word(rng, OPTIONS[name.replace("_", "-")], 0.3) for name in names[3:]]
        rows.append(",".join(f'"{cell}"' if rng.random() < 0.2 else cell for cell in cells))
    data = "\n".join(rows).encode(errors="surrogatepass")
    (bench.folder / "orders.csv").write_bytes(mutated(rng, data) if rng.random() < 0.5 else data)
    words = ["plan", "--orders", "orders.csv", "--over", "1h", "--start", "2026-11-23T15:00:00Z"]
    bench.say([*words, *(["--json"] * (rng.random() < 0.5))])


def small_texts(rng: random.Random, bench: Bench) -> None:
    """The little languages: mappings, listings, amendments, messages of the channel, catalogue files."""
    kind = rng.randrange(5)
    if kind == 0:
        refusable(lambda: parse_mapping(word(rng, OPTIONS["map"], 0.6)))
    elif kind == 1:
        refusable(lambda: parse_listing(word(rng, OPTIONS["listing"], 0.6), load_catalogue()))
    elif kind == 2:
        good = {"t": "time", "columns": {"time": "t", "price": "p", "qty": "q"}, "tick": "0.01", "venue": "XNAS"}
        path = bench.folder / rng.choice(("x.json", "x.toml"))
        path.write_bytes(mutated(rng, json.dumps(rng.choice((good, good["columns"], [good, 3]))).encode()))
        asks: tuple[Callable[[], Any], ...] = (
            lambda: parse_mapping(str(path)),
            lambda: parse_listing(str(path), load_catalogue()),
            lambda: load_catalogue(path),
        )
        refusable(rng.choice(asks))
    elif kind == 3:
        ask = b'{"ask":"command","action":"amend","actor":"a","key":"k","amendment":{"qty_units":3,"urgency":0.5}}'
        refusable(lambda: rng.choice((messages.decode_ask, messages.decode_answer))(mutated(rng, ask)))
    else:
        path = bench.folder / "kept.db"
        if not path.exists():
            path.write_bytes(bench.journals[0])
        given = {
            "quantity": word(rng, QUANTITIES),
            "limit": word(rng, OPTIONS["limit"]),
            "over": word(rng, OPTIONS["over"]),
        }
        given |= {"display": word(rng, QUANTITIES), "participation": word(rng, OPTIONS["participation"])}
        chosen = {name: given[name] for name in rng.sample(sorted(given), 2)}
        refusable(lambda: change.amendment(change.AmendRequest(**chosen), read_status(path)))


Surface = Callable[[random.Random, Bench], None]
SURFACES: dict[str, tuple[int, Surface]] = {
    made.__name__: (weight, made)
    for weight, made in (
        (24, facade_tape),
        (16, facade_stated),
        (1, facade_work),
        (10, cli_plan),
        (5, cli_work_refused),
        (8, cli_any),
        (40, reader),
        (5, reader_two),
        (12, journal),
        (5, cli_journal),
        (5, lake),
        (2, order_list),
        (15, small_texts),
    )
}
"""Every surface with its share of the cases."""
