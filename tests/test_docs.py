"""The documents say what is so: console and Python blocks run and print what they show, references are current.

In a shown output ``...`` stands for any text, on a line of its own for any lines; of a command with nothing under it
the output is not compared. A line ``^C`` under a command means that it is interrupted on its way; a command that ends
in ``&`` is a process of its own, and ``wait`` waits for it. A ``text`` block right under a ``python`` block is what it
prints.
"""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

import nowake
from nowake.app import buffered
from nowake.app.cli import app, screen
from nowake.app.documents import result_document
from nowake.app.operate import client
from nowake.core.jit import cache_dir

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
KERNELS = str(cache_dir().parents[1])
FENCE = re.compile(r"^```(?P<kind>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
PROGRESS = re.compile(
    r"(market|working|paired with naive TWAP|page|resume|replay|import|imitate|truth|read|check)( \d+ %.*|: .*|)"
)
INTERRUPT_AT_STEP = 300
COLUMNS = "100"
LINES_TOLD = 80


class Block(NamedTuple):
    """A fenced block of a page: what it is of, where it begins, its text, and the text block right under it."""

    kind: str
    line: int
    text: str
    printed: str | None


class Command(NamedTuple):
    """One command of a console block and the output shown under it."""

    line: int
    words: str
    shown: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    made = []
    for k, one in enumerate(found):
        below = found[k + 1] if k + 1 < len(found) else None
        is_output = below is not None and below["kind"] == "text" and not text[one.end() : below.start()].strip()
        printed = below["text"] if below is not None and is_output else None
        made.append(Block(one["kind"].strip(), text.count("\n", 0, one.start()) + 1, one["text"], printed))
    return made


def commands_of(block: Block) -> Iterator[Command]:
    for part in re.finditer(r"^\$ (?P<words>.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
        line = block.line + 1 + block.text.count("\n", 0, part.start())
        yield Command(line, part["words"].split("  #")[0].strip(), part["shown"])


def plain(text: str) -> str:
    """Return a text without trailing blanks and empty lines at its ends."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()).strip("\n")


def matches(shown: str, printed: str) -> bool:
    if not plain(shown):
        return not plain(printed)
    pattern = ""
    for line in plain(shown).splitlines():
        pattern += r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
    return re.fullmatch(pattern, plain(printed) + "\n") is not None


def without_progress(printed: str) -> str:
    """Return a text without what only a slow machine prints: how far something is."""
    return re.sub(r"^(?:.* \d+ % .*|\w+: done in .*)\n", "", printed, flags=re.MULTILINE)


def must_match(where: str, shown: str, printed: str) -> None:
    if not matches(shown, printed) and not matches(shown, without_progress(printed)):
        lines = plain(printed).splitlines()
        some = "\n".join([*lines[:LINES_TOLD], *(["[...]"] if len(lines) > LINES_TOLD else [])])
        pytest.fail(f"{where} shows\n\n{plain(shown)}\n\nbut what is printed is\n\n{some}\n", pytrace=False)


# Running a page


class Reader:
    """Somebody who types a page, top to bottom, in a folder of their own."""

    def __init__(self, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.page, self.monkeypatch = page, monkeypatch
        self.exit_code = 0
        self.module = types.ModuleType(re.sub(r"\W", "_", f"docs_{page.stem}"))
        self.running: list[subprocess.Popen[bytes]] = []

    def follow(self) -> None:
        try:
            self._follow()
        finally:
            for one in self.running:
                one.kill()
                one.wait()

    def _follow(self) -> None:
        sys.modules[self.module.__name__] = self.module
        for block in blocks_of(self.page):
            if block.kind == "console":
                for command in commands_of(block):
                    self.type(command)
            elif block.kind == "python":
                self.run(block)

    def type(self, command: Command) -> None:
        where = f"{name_of(self.page)}:{command.line}"
        if command.words.endswith(" &"):
            self.start(command)
        elif command.words == "wait":
            assert [one.wait(120) for one in self.running] == [0] * len(self.running), where
            self.running.clear()
        elif command.words == "echo $?":
            must_match(where, command.shown, str(self.exit_code))
        elif not command.words.startswith("nowake "):
            assert not command.shown.strip(), f"{where}: the output of {command.words!r} cannot be checked"
        else:
            arguments = shlex.split(command.words)[1:]
            interrupted = command.shown.startswith("^C\n")
            code, printed = interrupt(arguments, self.monkeypatch) if interrupted else invoke(arguments)
            self.exit_code = code
            if command.shown.strip():
                must_match(where, command.shown.removeprefix("^C\n"), printed)
            told = interrupted or "Error: " in command.shown or self._asked(command)
            assert code == 0 or told, f"{where}: ends with exit code {code}, which the page does not say"

    def start(self, command: Command) -> None:
        """Start a command as a process, and wait until it takes commands."""
        arguments = shlex.split(command.words.removesuffix("&"))[1:]
        journal = Path(arguments[arguments.index("--journal") + 1])
        devnull = subprocess.DEVNULL
        started = subprocess.Popen([sys.executable, "-m", "nowake", *arguments], stdout=devnull, stderr=devnull)
        self.running.append(started)
        deadline = time.monotonic() + 120
        while not (journal.exists() and client.owner_of(journal)):
            assert started.poll() is None, f"{name_of(self.page)}:{command.line}: ended at once"
            assert time.monotonic() < deadline, f"{name_of(self.page)}:{command.line}: takes no commands"
            time.sleep(0.02)

    def _asked(self, command: Command) -> bool:
        """Say whether the line below a command asks for its exit code."""
        lines = self.page.read_text(encoding="utf-8").splitlines()
        return "$ echo $?" in lines[command.line : command.line + command.shown.count("\n") + 1]

    def run(self, block: Block) -> None:
        where = f"{name_of(self.page)}:{block.line}"
        code = compile("\n" * block.line + block.text, str(self.page), "exec")
        with redirect_stdout(io.StringIO()) as printed:
            exec(code, vars(self.module))
        must_match(where, block.printed or "", printed.getvalue())


def invoke(arguments: list[str]) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it prints, lines of progress left out."""
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    lines = [line for line in result.output.splitlines() if not PROGRESS.fullmatch(line)]
    return result.exit_code, "\n".join(lines)


def interrupt(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Run a command and press Ctrl-C between two of its steps; return its exit code and its error."""
    work_progress = screen.work_progress

    def pressing(*given: Any) -> Callable[..., None]:
        listen, steps = work_progress(*given), itertools.count()

        def listener(*told: Any) -> None:
            listen(*told)
            if next(steps) == INTERRUPT_AT_STEP:
                signal.raise_signal(signal.SIGINT)

        return listener

    with monkeypatch.context() as patched:
        patched.setattr(screen, "work_progress", pressing)
        patched.setattr(buffered, "BURST_BATCHES", 1)  # progress is told of every step
        code, printed = invoke(arguments)
    return code, "\n".join(line for line in printed.splitlines() if line.startswith("Error: "))


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put every test in an empty folder with a home of its own; only compiled kernels are shared."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("NOWAKE_CACHE_DIR", KERNELS)
    monkeypatch.setenv("COLUMNS", COLUMNS)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("NOWAKE_RUNS_DIR", raising=False)
    folder = tmp_path / "page"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def lobster_files(folder: Path) -> None:
    """Write a minute of a LOBSTER day as the reader of the how-to has it: one level, a quote that never moves."""
    messages, book = [], []
    for k in range(120):
        at = f"{36_000 + k // 2}.{5 * (k % 2)}"
        messages.append(f"{at},5,0,10,2234500,{-1 if k % 3 else 1}")
        book.append("2235000,300,2234000,300")
    name = "AMZN_2012-06-21_34200000_57600000_{}_1.csv"
    (folder / name.format("message")).write_text("\n".join(messages) + "\n", encoding="utf-8")
    (folder / name.format("orderbook")).write_text("\n".join(book) + "\n", encoding="utf-8")


BEFORE: dict[str, Callable[[Path], None]] = {"docs/how-to/your-data.md": lobster_files}
"""What a page's reader has in the folder already."""
RUNNABLE = [page for page in PAGES if any(block.kind in ("console", "python") for block in blocks_of(page))]


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_what_a_page_shows_is_what_is_printed(page: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BEFORE.get(name_of(page), lambda folder: None)(own_folder)
    Reader(page, monkeypatch).follow()


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb\n", "a  \nb\n\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a ... c\n", "a b c\n", True),
        ("a\n...\nd\n", "a\nb\nc\nd\n", True),
        ("a\n...\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
        ("", "", True),
        ("1.50 (x)\n", "1x50 (x)\n", False),
    ],
)
def test_the_comparison_sees_a_difference(shown: str, printed: str, *, same: bool) -> None:
    assert matches(shown, printed) is same


# What must be documented


def make_reference() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "tools" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference_pages_are_current() -> None:
    stale = make_reference().stale()
    assert not stale, f"run python tools/make_reference.py: {', '.join(stale)} differ from the code"


def test_every_command_is_shown_and_has_help() -> None:
    typed = [c.words for page in PAGES for b in blocks_of(page) if b.kind == "console" for c in commands_of(b)]
    for path, command in make_reference()._commands(typer.main.get_command(app), "nowake"):
        assert command.help, f"{path} has no help"
        assert any(f"{words} ".startswith(f"{path} ") for words in typed), f"no console block shows {path}"


def test_no_help_is_lost_to_markup() -> None:
    for path, command in make_reference()._commands(typer.main.get_command(app), "nowake"):
        for one in command.params:
            said = getattr(one, "help", None) or ""
            assert "[" not in said, f"{path} {one.name}: what stands in brackets is markup, and is not shown"


def test_every_public_name_is_in_the_reference() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs/reference/python.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(nowake.__all__)


def keys_of(document: object) -> Iterator[str]:
    """Return the keys of a JSON document at every depth, those of its ``order`` left out: they are the options."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from keys_of(value) if key != "order" else ()
    elif isinstance(document, list) and document:
        yield from keys_of(document[0])


def test_every_number_of_a_report_is_explained() -> None:
    result = nowake.work_order(nowake.order("buy", 2_000, "SYNTH", over="10m"))
    words = set(re.findall(r"`(\w+)`", (ROOT / "docs/how-to/read-the-report.md").read_text(encoding="utf-8")))
    unexplained = set(keys_of(result_document(result, "work", full=True))) - words - {"schema"}
    assert not unexplained


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for found in LINK.finditer(text):
        path, _, anchor = found["target"].partition("#")
        if path.startswith(("http://", "https://", "mailto:")):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)}: {found['target']} leads nowhere"
        assert target.is_relative_to(ROOT), f"{name_of(page)}: {found['target']} leads out of the repository"
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target), f"{name_of(page)}: {found['target']} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_use_the_synthetic_market_or_the_readers_files(page: Path) -> None:
    assert ".." + "/shared" not in page.read_text(encoding="utf-8")


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "pictures").iterdir():
        assert picture.stat().st_size < 300_000, f"{picture.name} is too large for a page"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        text = page.read_text(encoding="utf-8")
        waiting += [(page.parent / one["target"].partition("#")[0]).resolve() for one in LINK.finditer(text)]
    lost = [name_of(page) for page in PAGES if page not in reached]
    assert not lost, f"no link leads to {', '.join(lost)}"


def test_the_kernels_are_shared() -> None:
    assert os.environ["NOWAKE_CACHE_DIR"] == KERNELS
