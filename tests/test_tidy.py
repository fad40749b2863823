"""The house rules, checked on the source itself.

Each rule is a function from sources to sentences, one per violation. Each is run twice: on the repository,
where it must say nothing, and on a small planted violation, which it must report.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE_FOLDERS = ("src", "tests", "bench", "examples", "tools")

# Room -> the rooms it may import. The modules directly under nowake/ (api, __init__, __main__) are TOP.
TOP = "nowake"
CORE_ONLY = {"core"}
GRAPH: dict[str, set[str]] = {
    "core": set(),
    "journal": CORE_ONLY,
    "telemetry": CORE_ONLY,
    "market": CORE_ONLY,
    "data": {"core", "market"},
    "models": {"core", "market"},
    "plan": {"core", "models"},
    "route": {"core", "market", "models", "plan"},
    "engine": {"core", "market", "models", "plan", "route"},
    "sim": {"core", "market", "models", "engine", "journal"},
    "live": {"core", "market", "engine", "journal"},
    "tca": {"core", "models", "journal"},
    "view": {"core", "plan", "tca"},
}
GRAPH["study"] = set(GRAPH)
GRAPH["app"] = {*GRAPH, TOP}
GRAPH[TOP] = set(GRAPH)

PURE_ROOMS = {"core", "market", "models", "plan", "route", "engine", "tca"}
IMPURE_MODULES = {
    *("asyncio", "concurrent", "ctypes", "http", "multiprocessing", "os", "random", "secrets", "select"),
    *("selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile"),
    *("threading", "time", "urllib", "uuid"),
}
IMPURE_ALLOWED = {"src/nowake/core/jit.py": {"os"}}  # finds the folder of the kernel cache

FUNCTION_LINES_BELOW = 60
FILE_LINES_BELOW = 500
RUNNABLE = 'if __name__ == "__main__":'
# "path::qualified name" -> its lines. May only shrink: lower the number when the function gets shorter.
LONG_FUNCTIONS: dict[str, int] = {}

# Written in pieces so that this file does not contain what it looks for.
FORBIDDEN_TEXT = {
    "a package index": re.compile("py" + r"pi\.org|python" + r"hosted\.|registry\.npm" + r"js|deb\.deb" + "ian"),
    "a path of one machine": re.compile(r"(?<![\w.~])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + ")/"),
}
TEST_DATA_TEXT = "shared" + "/data"
TEST_DATA_FILES = {"tests/conftest.py", "CONTRIBUTING.md"}


class Source(NamedTuple):
    """A file by its path from the repository root, and its text."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """Return the dotted name, `nowake.core.ids` for src/nowake/core/ids.py."""
        return self.path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def package(self) -> str:
        """Return the dotted name that relative imports start from."""
        return self.module if self.path.endswith("/__init__.py") else self.module.rpartition(".")[0]


class Import(NamedTuple):
    """One imported name: `base` is the module named, `full` is base.name for `from base import name`."""

    line: int
    base: str
    full: str


def python_sources(*folders: str) -> list[Source]:
    """Return every Python file below the given folders of the repository."""
    paths = sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))
    return [Source(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8")) for p in paths]


def imports_of(source: Source) -> Iterator[Import]:
    """Yield what a file imports, at any depth, relative names made absolute; lazy imports by name too."""
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = source.package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            for alias in node.names:
                yield Import(node.lineno, base, f"{base}.{alias.name}")
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.args[0].value
            if ast.unparse(node.func).endswith(("import_module", "__import__")) and isinstance(name, str):
                yield Import(node.lineno, name, name)


def room_of(module: str) -> str:
    """Return the room of a module of ours, TOP for those directly under nowake."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in GRAPH else TOP


def check_graph(sources: list[Source]) -> list[str]:
    """Report imports that the graph does not allow, and rooms that it does not know."""
    found = []
    for source in sources:
        is_room = source.path.count("/") > 2
        room = source.path.split("/")[2] if is_room else TOP
        if room not in GRAPH:
            found.append(f"{source.path}: room {room!r} is not in GRAPH")
            continue
        for imported in imports_of(source):
            if imported.base.split(".")[0] != "nowake":
                continue
            target = room_of(imported.full)
            if target != room and target not in GRAPH[room]:
                found.append(f"{source.path}:{imported.line}: {room} may not import {target} ({imported.full})")
    return found


def check_purity(sources: list[Source]) -> list[str]:
    """Report imports of clocks, sockets, threads, files and randomness in rooms that only compute."""
    found = []
    for source in sources:
        if room_of(source.module) not in {*PURE_ROOMS, "sim"}:
            continue
        banned = IMPURE_MODULES - IMPURE_ALLOWED.get(source.path, set())
        names = {(i.line, i.base.split(".")[0]) for i in imports_of(source)} | {
            (i.line, "random") for i in imports_of(source) if i.full.startswith("numpy.random.default_rng")
        }
        found += [
            f"{source.path}:{line}: imports {name}, which belongs in live, data, journal or app"
            for line, name in sorted(names)
            if name in banned
        ]
    return found


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its qualified name."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if not isinstance(child, ast.ClassDef):
                    yield name, child
                yield from walk(child, f"{name}.")
            else:
                yield from walk(child, prefix)

    yield from walk(tree, "")


def function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from `def` to its end, without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        doc = node.body[0]
        lines -= (doc.end_lineno or doc.lineno) - doc.lineno + 1
    return lines


def is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a function is compiled by core.jit.kernel; those may be long."""
    names = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(ast.unparse(name).split(".")[-1] == "kernel" for name in names)


def check_function_length(sources: list[Source], allowed: dict[str, int]) -> list[str]:
    """Report functions that are too long, and allowances that are larger than needed."""
    found, seen = [], set()
    for source in sources:
        for name, node in functions_of(ast.parse(source.text)):
            key, lines = f"{source.path}::{name}", function_lines(node)
            if is_kernel(node) or lines < FUNCTION_LINES_BELOW:
                continue
            seen.add(key)
            if key not in allowed:
                found.append(f"{key}: {lines} lines, must be under {FUNCTION_LINES_BELOW}")
            elif lines != allowed[key]:
                verb = "grew from" if lines > allowed[key] else "shrank, lower its allowance from"
                found.append(f"{key}: {verb} {allowed[key]} to {lines} lines")
    return found + [f"{key}: remove its allowance, it is short or gone" for key in sorted(set(allowed) - seen)]


def check_file_length(sources: list[Source]) -> list[str]:
    """Report files that are too long."""
    counted = [(source.path, len(source.text.splitlines())) for source in sources]
    return [f"{path}: {n} lines, must be under {FILE_LINES_BELOW}" for path, n in counted if n >= FILE_LINES_BELOW]


def check_module_docstring(sources: list[Source]) -> list[str]:
    """Report modules that do not say what they are."""
    return [f"{s.path}: no module docstring" for s in sources if not ast.get_docstring(ast.parse(s.text))]


def check_dead_files(sources: list[Source], entries: set[str]) -> list[str]:
    """Report modules that no entry point reaches; a string that is exactly a module's name reaches it."""
    by_name = {source.module: source for source in sources}
    waiting, reached = [name for name in entries if name in by_name], set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        source = by_name[name]
        named = {text for i in imports_of(source) for text in (i.base, i.full)}
        strings = {n.value for n in ast.walk(ast.parse(source.text)) if isinstance(n, ast.Constant)}
        named |= {s.partition(":")[0] for s in strings if isinstance(s, str) and s.startswith("nowake.")}
        parents = {".".join(n.split(".")[:i]) for n in {*named, name} for i in range(1, n.count(".") + 1)}
        waiting += [n for n in named | parents if n in by_name]
    return [f"{by_name[n].path}: nothing reaches it, wire it in or delete it" for n in sorted(set(by_name) - reached)]


def check_text(sources: list[Source]) -> list[str]:
    """Report text that is true on one machine only."""
    found = []
    for source in sources:
        for number, line in enumerate(source.text.splitlines(), start=1):
            found += [f"{source.path}:{number}: names {what}" for what, p in FORBIDDEN_TEXT.items() if p.search(line)]
            if TEST_DATA_TEXT in line and source.path not in TEST_DATA_FILES:
                found.append(f"{source.path}:{number}: names the test data folder: use the recorded_data fixture")
    return found


def tracked_sources() -> list[Source]:
    """Return every file that git tracks, decoded as far as it is text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: what is tracked cannot be listed")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [
        Source(p.relative_to(ROOT).as_posix(), p.read_bytes().decode("utf-8", "ignore")) for p in paths if p.is_file()
    ]


def entry_modules() -> set[str]:
    """Return the modules from which everything must be reached: the facade, the installed commands, and what
    ``python -m`` runs.
    """
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    runnable = {
        source.module
        for source in python_sources("src")
        if "app" in source.module.split(".") and RUNNABLE in source.text
    }
    return {"nowake", "nowake.__main__", *(target.partition(":")[0] for target in scripts.values())} | runnable


def report(found: list[str]) -> None:
    """Fail with every violation on its own line."""
    if found:
        pytest.fail("\n".join(found), pytrace=False)


# The repository


def test_imports_follow_the_graph() -> None:
    report(check_graph(python_sources("src")))


def test_the_graph_has_no_cycle() -> None:
    TopologicalSorter({room: GRAPH[room] - {TOP} for room in GRAPH}).prepare()


def test_deciding_rooms_are_pure() -> None:
    report(check_purity(python_sources("src")))


def test_functions_are_short() -> None:
    report(check_function_length(python_sources(*CODE_FOLDERS), LONG_FUNCTIONS))


def test_files_are_short() -> None:
    report(check_file_length(python_sources(*CODE_FOLDERS)))


def test_modules_say_what_they_are() -> None:
    report(check_module_docstring(python_sources(*CODE_FOLDERS)))


def test_every_file_is_reached() -> None:
    sources = python_sources("src")
    missing = entry_modules() - {"nowake.__main__"} - {source.module for source in sources}
    if missing:
        pytest.skip(f"the entry points are not written yet: {', '.join(sorted(missing))}")
    report(check_dead_files(sources, entry_modules()))


def test_nothing_names_one_machine() -> None:
    report(check_text(tracked_sources()))


# The rules themselves: each must see a planted violation, and let its neighbour pass

A_LONG_BODY = "\n".join("    x = 1" for _ in range(FUNCTION_LINES_BELOW - 1))
IN_CORE, IN_PLAN, IN_SIM = "src/nowake/core/a.py", "src/nowake/plan/a.py", "src/nowake/sim/a.py"


@pytest.mark.parametrize(
    ("path", "text", "allowed"),
    [
        (IN_CORE, "from nowake.plan import twap", False),
        (IN_CORE, "from ..plan import twap", False),
        (IN_CORE, "from .. import plan", False),
        ("src/nowake/core/deep/__init__.py", "from ...plan.twap import f", False),
        ("src/nowake/core/__init__.py", "from ..plan import f", False),
        (IN_CORE, "import nowake.app.cli as cli", False),
        (IN_CORE, "import nowake", False),
        (IN_CORE, "from nowake import __version__", False),
        (IN_CORE, "from nowake.api import order", False),
        (IN_CORE, "if TYPE_CHECKING:\n    from nowake.engine import Parent", False),
        (IN_CORE, "def f():\n    from nowake.engine import Parent", False),
        (IN_CORE, "import importlib\nimportlib.import_module('nowake.sim')", False),
        ("src/nowake/study/a.py", "from nowake.app import config", False),
        ("src/nowake/lounge/a.py", "", False),
        (IN_CORE, "from . import ids\nfrom .ids import f\nfrom nowake.core.ids import g\nimport numpy", True),
        (IN_PLAN, "from nowake.core import ids\nfrom nowake import models", True),
        ("src/nowake/app/a.py", "import nowake\nfrom nowake.api import order\nfrom nowake import sim", True),
        ("src/nowake/api.py", "from .plan import twap\nfrom nowake.app import config", True),
    ],
)
def test_graph_rule_sees_each_form_of_import(path: str, text: str, *, allowed: bool) -> None:
    assert bool(check_graph([Source(path, text)])) is not allowed


@pytest.mark.parametrize(
    ("path", "text", "allowed"),
    [
        (IN_PLAN, "import time", False),
        (IN_PLAN, "from os import environ", False),
        (IN_PLAN, "import os.path as p", False),
        (IN_PLAN, "def f():\n    import sqlite3", False),
        (IN_PLAN, "from numpy.random import default_rng", False),
        (IN_SIM, "import asyncio", False),
        (IN_SIM, "from threading import Lock", False),
        ("src/nowake/core/jit.py", "import time", False),
        ("src/nowake/core/jit.py", "import os", True),
        ("src/nowake/live/a.py", "import asyncio", True),
        (IN_PLAN, "import datetime\nimport numpy as np", True),
    ],
)
def test_purity_rule_sees_the_outside_world(path: str, text: str, *, allowed: bool) -> None:
    assert bool(check_purity([Source(path, text)])) is not allowed


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (f"def f():\n{A_LONG_BODY}", False),
        (f"async def f():\n{A_LONG_BODY}", False),
        (f"class A:\n  def f():\n{A_LONG_BODY}", False),
        (f"if x:\n  @other\n  def f():\n{A_LONG_BODY}", False),
        (f"@jit.kernel(inline=True)\ndef f():\n{A_LONG_BODY}", True),
        (f"@kernel\ndef f():\n{A_LONG_BODY}", True),
        (f'def f():\n    """One.\n\n    Two.\n    """\n{A_LONG_BODY[:-10]}', True),
    ],
)
def test_length_rule_counts_a_function(text: str, *, allowed: bool) -> None:
    assert bool(check_function_length([Source(IN_CORE, text)], {})) is not allowed


@pytest.mark.parametrize(("allowance", "said"), [(59, "grew"), (60, ""), (61, "lower"), (None, "must be")])
def test_length_allowance_may_only_shrink(allowance: int | None, said: str) -> None:
    allowed = {} if allowance is None else {f"{IN_CORE}::f": allowance}
    found = check_function_length([Source(IN_CORE, f"def f():\n{A_LONG_BODY}")], allowed)
    assert (said in found[0]) if said else not found


def test_length_allowance_for_nothing_is_reported() -> None:
    assert check_function_length([], {f"{IN_CORE}::gone": 70})


def test_file_length_rule_counts() -> None:
    assert check_file_length([Source(IN_CORE, "x\n" * FILE_LINES_BELOW)])
    assert not check_file_length([Source(IN_CORE, "x\n" * (FILE_LINES_BELOW - 1))])


def test_docstring_rule_sees_none() -> None:
    assert check_module_docstring([Source(IN_CORE, "x = 1")])
    assert not check_module_docstring([Source(IN_CORE, '"""Values."""')])


def test_dead_file_rule_follows_imports_from_the_entries() -> None:
    sources = [
        Source("src/nowake/__init__.py", "LAZY = {'order': 'nowake.api:order'}"),
        Source("src/nowake/api.py", "from .plan.table import T"),
        Source("src/nowake/plan/__init__.py", ""),
        Source("src/nowake/plan/table.py", "from . import twap"),
        Source("src/nowake/plan/twap.py", ""),
        Source("src/nowake/plan/dead.py", "from . import also_dead"),
        Source("src/nowake/plan/also_dead.py", "from . import dead"),
    ]
    assert [line.split(":")[0] for line in check_dead_files(sources, {"nowake"})] == [
        "src/nowake/plan/also_dead.py",
        "src/nowake/plan/dead.py",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "see /ro" + "ot/x",
        "cd /ho" + "me/me/nowake",
        "`/wo" + "rk/a`",
        "https://py" + "pi.org/simple",
        "https://files.python" + "hosted.org/a",
        "../" + TEST_DATA_TEXT,
    ],
)
def test_text_rule_sees_one_machine(text: str) -> None:
    assert check_text([Source("docs/a.md", text)])


def test_text_rule_lets_ordinary_text_pass() -> None:
    assert not check_text([Source("docs/a.md", "GET /v1/work/7; src/work/a; docs/home/; the root /")])
    assert not check_text([Source("tests/conftest.py", "../" + TEST_DATA_TEXT)])
