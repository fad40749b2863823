"""Writes ``docs/reference/``: what the code says of itself, as pages. Run it after a change of an interface.

``python tools/make_reference.py`` writes; ``--check`` writes nothing and fails when a page is not what it would write.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec
import typer

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
WRITTEN = "*Written from the code by `tools/make_reference.py`; change the code, not this page.*"
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):")
ENTRY = re.compile(r"(?P<names>[\w*][\w*, ]*): (?P<text>.*)")


class Doc(NamedTuple):
    """A docstring taken apart: its paragraphs, and the entries of its sections as (names, text)."""

    text: str
    sections: dict[str, list[tuple[str, str]]]

    def meaning_of(self, name: str) -> str:
        """Return what the sections say of a field or argument; one entry may name several."""
        for entries in self.sections.values():
            for names, text in entries:
                words = re.split(r"[,\s]+", names.replace("*", ""))
                if any(name == word or (word.startswith("_") and name.endswith(word)) for word in words):
                    return text
        return ""


def read_doc(thing: object) -> Doc:
    """Return the docstring of a function, class or module, in Google form, taken apart."""
    lines = inspect.cleandoc(thing.__doc__ or "").splitlines()
    body: list[str] = []
    sections: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] | None = None
    for line in lines:
        heading = SECTION.fullmatch(line)
        if heading:
            current = sections.setdefault(heading[1], [])
        elif current is None or (line and not line.startswith(" ")):
            current = None
            body.append(line)
        elif line.strip():
            _add_entry(current, line)
    return Doc("\n".join(body).strip(), sections)


def _add_entry(entries: list[tuple[str, str]], line: str) -> None:
    """Add a line of a section: a new entry, or more of the last one."""
    entry = ENTRY.fullmatch(line.strip())
    if entry and line.startswith("    ") and not line.startswith("     "):
        entries.append((entry["names"], entry["text"]))
    elif entries:
        names, text = entries[-1]
        entries[-1] = (names, f"{text} {line.strip()}")
    else:
        entries.append(("", line.strip()))


def prose(text: str) -> str:
    """Return the paragraphs of a docstring as Markdown; doctests and indented drawings become code."""
    made, code = [], False
    for line in text.splitlines():
        is_code = line.startswith((">>>", "...", "+--", "|   ", "NowakeError")) or (code and bool(line.strip()))
        if is_code != code:
            made.append("```text" if is_code else "```")
        code = is_code
        made.append(line if code else ticks(line))
    return "\n".join([*made, "```"] if code else made)


def ticks(text: str) -> str:
    """Return Markdown of a docstring's text: double back-ticks are single there."""
    return text.replace("``", "`")


def cell(text: str) -> str:
    """Return a text as it stands in a table."""
    return ticks(" ".join(text.split())).replace("|", "\\|")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(cell(one) for one in row)} |" for row in rows),
        "",
    ]


# -- the command line ---------------------------------------------------------------------------------------------


def cli_page() -> str:
    """Return the page of the command line, from the Typer application."""
    from nowake.app.cli import app

    lines = ["# Command line", "", WRITTEN, ""]
    group: Any = typer.main.get_command(app)
    lines += [group.help, "", *_shared_notes(), group.epilog, ""]
    for path, command in _commands(group, "nowake"):
        lines += _command(path, command)
    return "\n".join(lines).rstrip() + "\n"


def _shared_notes() -> list[str]:
    return [
        "Results go to standard output; progress, notes and errors go to standard error. An error is one sentence with",
        "the remedy. With `--json` standard output holds exactly one JSON document, of a refusal too; only a command",
        "line that cannot be parsed (exit 2) is told on standard error alone.",
        "",
        *table(
            ("environment", "meaning"),
            [
                (
                    "`NOWAKE_RUNS_DIR`",
                    "folder of the runs that name no journal; default `nowake/runs` in the data folder",
                ),
                ("`NOWAKE_CACHE_DIR`", "folder of the compiled kernels; default `nowake` in the cache folder"),
                ("`NOWAKE_TRACEBACK`", "set to 1, a bug shows its traceback"),
            ],
        ),
    ]


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(path: str, command: Any) -> list[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option"]
    words = [one.name.upper() if one.required else f"[{one.name.upper()}]" for one in arguments]
    needed = [f"{one.opts[0]} {one.name.upper()}" for one in options if one.required]
    lines = [f"## {path}", "", inspect.cleandoc(command.help or ""), "", "```text"]
    lines += [" ".join([path, *needed, "[OPTIONS]", *words]), "```", ""]
    if arguments:
        lines += table(("argument", "meaning"), [(f"`{one.name.upper()}`", one.help or "") for one in arguments])
    rows = [(_option_names(one), _default(one), (one.help or "") + _again(one)) for one in options]
    return lines + table(("option", "default", "meaning"), rows)


def _option_names(option: Any) -> str:
    value = "" if option.is_flag else f" {option.name.upper()}"
    return f"`{' '.join([*option.opts, *option.secondary_opts])}{value}`"


def _default(option: Any) -> str:
    if option.required:
        return "needed"
    return "" if option.is_flag or option.default in (None, "") else f"`{option.default}`"


def _again(option: Any) -> str:
    return "; may be given again" if option.multiple and "again" not in (option.help or "") else ""


# -- Python -------------------------------------------------------------------------------------------------------


def python_page() -> str:
    """Return the page of the public names, from ``nowake.__all__``."""
    import nowake

    lines = [
        "# Python",
        "",
        WRITTEN,
        "",
        "`import nowake` gives these names; each is loaded when it is first used.",
        "",
    ]
    named = {name: getattr(nowake, name) for name in nowake.__all__}
    groups: dict[str, Callable[[Any], bool]] = {
        "Functions": inspect.isfunction,
        "Errors": lambda thing: inspect.isclass(thing) and issubclass(thing, Exception),
        "Values": lambda _: True,
    }
    for title, belongs in groups.items():
        chosen = [name for name, thing in named.items() if belongs(thing)]
        lines += [f"## {title}", ""]
        for name in chosen:
            lines += _described(name, named.pop(name))
    return "\n".join(lines).rstrip() + "\n"


def _described(name: str, thing: Any) -> list[str]:
    doc = read_doc(thing)
    lines = [f"### {name}", ""]
    if inspect.isfunction(thing):
        lines += ["```text", signature(name, thing), "```", ""]
    elif issubclass(thing, Exception):
        lines += [f"Base: {' and '.join(f'`{base.__name__}`' for base in thing.__bases__)}.", ""]
    lines += [prose(doc.text), ""]
    if inspect.isclass(thing):
        lines += value_table(thing, doc)
        return lines + _methods(thing)
    for title, entries in doc.sections.items():
        rows = [(f"`{names}`" if names else "", text) for names, text in entries]
        lines += table((title.lower(), ""), rows) if rows[0][0] else [f"{title}: {ticks(rows[0][1])}", ""]
    return lines


def signature(name: str, function: Callable[..., Any]) -> str:
    """Return a function's signature, one line where it fits, one argument a line where not."""
    found = inspect.signature(function)
    parts = []
    for one in found.parameters.values():
        if one.kind is one.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        star = {one.VAR_KEYWORD: "**", one.VAR_POSITIONAL: "*"}.get(one.kind, "")
        default = "" if one.default is one.empty else f" = {one.default!r}"
        parts.append(f"{star}{one.name}: {one.annotation}{default}")
    line = f"{name}({', '.join(parts)}) -> {found.return_annotation}"
    if len(line) <= 100:
        return line
    inside = "".join(f"    {part},\n" for part in parts)
    return f"{name}(\n{inside}) -> {found.return_annotation}"


def value_table(thing: type, doc: Doc, said: tuple[str, ...] = ()) -> list[str]:
    """Return the fields of a value with type, default and meaning, those in ``said`` left out; or an enumeration."""
    if issubclass(thing, Enum):
        return table(("member", "value"), [(f"`{one.name}`", f"`{one.value}`") for one in thing])
    fields = [one for one in _fields(thing) if one[0] not in said]
    if not fields:
        return []
    rows = [(f"`{name}`", f"`{kind}`", default, doc.meaning_of(name)) for name, kind, default in fields]
    return table(("field", "type", "default", "meaning"), rows)


def _fields(thing: type) -> list[tuple[str, str, str]]:
    """Return (name, type as written, default) of the fields of a Struct or data class, bases first."""
    kinds: dict[str, str] = {}
    for base in reversed(thing.__mro__):
        kinds |= {name: str(kind) for name, kind in inspect.get_annotations(base).items()}
    if issubclass(thing, msgspec.Struct):
        return [(one.name, kinds[one.name], _shown(one)) for one in msgspec.structs.fields(thing)]
    known = getattr(thing, "__dataclass_fields__", {})
    return [(name, str(kinds[name]), "") for name in known]


def _shown(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    if field.default is msgspec.NODEFAULT:
        return "empty"
    if isinstance(field.default, msgspec.Struct):
        return f"`{type(field.default).__name__}()`"
    return f"`{field.default.value if isinstance(field.default, Enum) else field.default!r}`"


def _methods(thing: type) -> list[str]:
    """Return the public methods and properties that the class itself defines, with the first sentence of each."""
    rows = []
    for name, member in vars(thing).items():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or getattr(member, "func", member)
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        called = isinstance(member, property) or not inspect.isfunction(getattr(member, "__func__", member))
        arguments = [one for one in inspect.signature(function).parameters if one not in ("self", "cls")]
        shown = name if called else f"{name}({', '.join(arguments)})"
        rows.append((f"`{shown}`", (function.__doc__ or "").strip().split("\n\n")[0]))
    return table(("method or property", ""), rows) if rows else []


# -- the journal --------------------------------------------------------------------------------------------------


def records_page() -> str:
    """Return the page of the journal's records, from the unions of inputs and decisions."""
    from nowake.core import child, decisions, inputs, view

    lines = [
        "# Records of the journal",
        "",
        WRITTEN,
        "",
        "A journal is a chain of batches; a batch is one input and the decisions it led to, durable together. Every",
        "record is a table with its name under `record`. Quantities (`_units`, `qty`) count the instrument's",
        "`qty_unit`, prices its `price_unit`, times (`_ns`) nanoseconds since the epoch, UTC. A field at its default",
        "is left out.",
        "Plans, orders and parameters are described under [Python](python.md).",
        "",
    ]
    lines += [
        "## Inputs",
        "",
        prose((inputs.Input.__doc__ or "").replace("Base: ``t_ns``", "Every input has ``t_ns``: it")),
        "",
    ]
    lines += _records(get_args(inputs.AnyInput))
    lines += ["## Decisions", "", "An effect leaves the process once its batch is durable.", ""]
    lines += _records(get_args(decisions.AnyDecision))
    values = (view.View, view.Watch, view.Timer, child.ChildOrder, child.Fill, child.OrderStatus, decisions.Verdict)
    lines += ["## Values inside them", ""]
    for one in values:
        lines += [f"### {one.__name__}", "", *_value(one)]
    lines += ["## Words", ""]
    words = (view.WatchKind, view.Integrity, child.ChildStatus, child.OrderType, child.TimeInForce, child.Liquidity)
    rows = [(f"`{one.__name__}`", ", ".join(f"{x.value} = {x.name}" for x in one)) for one in words[:2]]
    words_more = (*words[2:], decisions.ParentStatus, inputs.OperatorAction)
    rows += [(f"`{one.__name__}`", ", ".join(str(x.value) for x in one)) for one in words_more]
    return "\n".join([*lines, *table(("type", "values"), rows)]).rstrip() + "\n"


def _records(kinds: tuple[type, ...]) -> list[str]:
    lines = []
    for kind in kinds:
        lines += [f"### {kind.__struct_config__.tag}", "", *_value(kind)]
    return lines


def _input() -> type:
    from nowake.core.inputs import Input

    return Input


def _value(kind: type) -> list[str]:
    doc = read_doc(kind)
    return [prose(doc.text), "", *value_table(kind, doc, ("t_ns",) if issubclass(kind, _input()) else ())]


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli_page, "python.md": python_page, "records.md": records_page}


def stale() -> list[str]:
    """Return the names of the pages that are not what would be written now."""
    found = []
    for name, make in PAGES.items():
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != make():
            found.append(name)
    return found


def main() -> int:
    """Write the pages, or with ``--check`` say which are stale."""
    if "--check" in sys.argv[1:]:
        found = stale()
        for name in found:
            print(f"docs/reference/{name} is stale: run python tools/make_reference.py")
        return 1 if found else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
