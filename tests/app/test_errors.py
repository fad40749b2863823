"""Every mistake is one sentence on standard error, with the remedy, and an exit code; never a traceback."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from nowake.app.cli.screen import Screen, one_sentence_errors
from nowake.core.errors import InvariantBroken

SYNTH = "buy 100 SYNTH"
REFUSED = [
    ("plan buy 0 SYNTH --over 5m", "quantity must be > 0"),
    ("plan buy -5 SYNTH --over 5m", "quantity must be > 0, was '-5'"),
    ("plan buy nan SYNTH --over 5m", "quantity must be finite"),
    ("plan buy 1e300 SYNTH --over 5m", "quantity must be"),
    ("plan buy 0.5 SYNTH --over 5m", "quantity must be a multiple of 1"),
    ("plan buy lots SYNTH --over 5m", "quantity must be a number"),
    ("plan buy 5m-EUR SYNTH --over 5m", "quantity must be shares or a value in USD"),
    ("plan hold 100 SYNTH --over 5m", "side must be buy or sell"),
    (f"plan {SYNTH} --over 0m", "over must be longer than nothing"),
    (f"plan {SYNTH} --over soon", "over must be a duration"),
    (f"plan {SYNTH}", "say how long it may take"),
    (f"plan {SYNTH} --over 5m --end 15:00", "not both"),
    (f"plan {SYNTH} --start 2026-01-05T10:00:00 --over 5m", "a time with a zone"),
    (f"plan {SYNTH} --start noonish --over 5m", "start must be an ISO time"),
    (f"plan {SYNTH} --start 15:00 --end 14:00", "end must be after the start"),
    (f"plan {SYNTH} --start 25:00 --over 5m", "start must be a clock time"),
    (f"plan {SYNTH} --over 900h", "--over 72h is the longest"),
    ("plan buy 100 AMZN --over 5m", "AMZN needs a recorded market; name one with --tape"),
    ("plan buy 100 AMZN --tape nowhere --over 5m", "nowhere: there is no such file"),
    (f"plan {SYNTH} --over 5m --tz Mars/Base", "tz must be an IANA time zone"),
    (f"plan {SYNTH} --over 5m --max-participation 20", "max_participation must be"),
    (f"plan {SYNTH} --over 5m --max-participation nan", "max_participation must be finite"),
    (f"plan {SYNTH} --over 5m --urgency 3", "urgency must be in [0, 1]"),
    (f"plan {SYNTH} --over 5m --urgency nan", "urgency must be in [0, 1]"),
    (f"plan {SYNTH} --over 5m --limit -3", "limit must be > 0"),
    (f"plan {SYNTH} --over 5m --slices -1", "slices must be >= 0"),
    (f"plan {SYNTH} --over 5m --seed -1", "seed must be at least 0"),
    (f"plan {SYNTH} --over 5m --strategy iceberg", "strategy must be one of"),
    (f"plan {SYNTH} --over 5m --end-behaviour stop", "end_behaviour must be finish, cancel or run-on"),
    (f"plan {SYNTH} --over 5m --own-impact permanent=1", "left out without --impact full"),
    (f"plan {SYNTH} --over 5m --impact full --own-impact loud", "own-impact"),
    (f"plan {SYNTH} --over 5m --impact huge", "impact must be one of off, ledger"),
    (f"plan {SYNTH} --over 5m --fees a/b/c", "fees must be TAKER or MAKER/TAKER"),
    (f"plan {SYNTH} --over 5m --latency -1ms", "latency must be 0 or a time such as 5ms, at most 1h"),
    ("tca nosuch.db", "there is no journal nosuch.db"),
    ("explain nosuch.db", "there is no journal nosuch.db"),
    ("resume nosuch.db", "there is no journal nosuch.db"),
    ("tca note.txt", "note.txt is not a journal"),
    ("tca .", "cannot be read"),
    (f"work {SYNTH} --over 5m --journal note.txt", "note.txt is not a journal"),
    (f"work {SYNTH} --over 5m --journal nodir/x.db", "there is no folder"),
    (f"work {SYNTH} --over 5m --journal .", "is a folder"),
    (f"work {SYNTH} --over 5m --html nodir/x.html", "html must be a file in a folder that exists"),
    ("demo --out nodir/x.html", "html must be a file in a folder that exists"),
    ("tape import note.txt --out lake", "no reader recognises it"),
    ("tape import nosuch --out lake", "there is no such file"),
    ("tape check note.txt --allow nothing", "no reader recognises it"),
    (f"plan {SYNTH} --over 5m --allow nothing", "allow must be of quarantined"),
    (f"plan {SYNTH} --over 5m --slices 9999999", "slices must be at most 100,000"),
    ("tape check nosuch", "there is no such file"),
    ("tape info nosuch", "there is no such file"),
    ("tape info .", "is not a lake"),
]


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_mistakes_are_one_sentence(cli, line: str, words: str) -> None:
    (cli.folder / "note.txt").write_text("not a journal, not a tape\n" * 60)
    said = cli(line)
    assert said.code == 1
    errors = [text for text in said.err.splitlines() if text.startswith("Error: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert said.out == ""
    assert not (cli.folder / "runs").exists()


@pytest.mark.parametrize(
    "line",
    [
        "plan buy 100",
        "plan buy 100 SYNTH --nonsense 3",
        "plan buy 100 SYNTH --urgency high",
        "nonsense",
        "tape",
        "tape import x",
    ],
)
def test_usage_is_exit_2(cli, line: str) -> None:
    said = cli(line)
    assert said.code == 2
    assert "Usage" in said.err + said.out


def test_with_json_a_refusal_is_a_document_too(cli) -> None:
    said = cli("plan buy 100 SYNTH --json")
    assert said.code == 1
    assert said.document == {
        "schema": "nowake/error/1",
        "status": "refused",
        "error": "the order has no end",
        "remedy": "say how long it may take: --over 1h, or until when: --end 15:30",
    }
    assert said.err.startswith("Error: the order has no end; say how long")


def test_a_journal_that_cannot_be_used_has_failed(cli) -> None:
    document = cli("tca nosuch.db --json").document
    assert document["status"] == "failed"
    assert document["error"] == "there is no journal nosuch.db"
    assert document["remedy"] == "name an existing one, or start a run with it"


@pytest.mark.parametrize(
    ("line", "error", "remedy"),
    [
        ("plan buy 100 --json", "missing argument 'symbol'", "plan --help says what it takes"),
        ("plan buy 100 SYNTH --nonsense 3 --json", "no such option: --nonsense", "plan --help says what it takes"),
        ("--json work buy 100 SYNTH", "no such option: --json", "--help says what it takes"),
        ("work buy 100 SYNTH --urgency high --json", "'--urgency'", "work --help says what it takes"),
        ("nonsense --json", "no such command 'nonsense'", "--help says what it takes"),
        ("tape import x --json", "missing option '--out'", "tape import --help says what it takes"),
        ("tape --json", "no such option: --json", "tape --help says what it takes"),
        ("work buy 100 SYNTH --json --journal", "option '--journal' requires an argument", "--help says what it takes"),
    ],
)
def test_with_json_a_usage_error_is_a_document_too(cli, line: str, error: str, remedy: str) -> None:
    said = cli(line)
    assert said.code == 2
    document = said.document
    assert list(document) == ["schema", "status", "error", "remedy"]
    assert (document["schema"], document["status"]) == ("nowake/error/1", "error")
    assert error in document["error"]
    assert document["remedy"].endswith(remedy)
    assert "Error" in said.err


def test_without_json_a_usage_error_leaves_stdout_alone(cli) -> None:
    for line in ("plan buy 100", "plan buy 100 SYNTH -- --json"):
        said = cli(line)
        assert (said.code, said.out) == (2, "")


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_with_json_what_and_remedy_are_apart(cli, line: str, words: str) -> None:
    (cli.folder / "note.txt").write_text("not a journal, not a tape\n" * 60)
    said = cli(f"{line} --json")
    document = said.document
    assert list(document) == ["schema", "status", "error", "remedy"]
    text = f"{document['error']}; {document['remedy']}" if document["remedy"] else document["error"]
    assert said.err.splitlines()[-1] == f"Error: {text}"
    assert "; " not in document["error"].replace("; known", "")


def test_an_odd_path_is_called_by_its_name(cli) -> None:
    for path, words in (
        ("/", "/: is not a lake"),
        (".", ".: is not a lake"),
        ("..", "..: is not a lake"),
        ("//", "//: is not a lake"),
        ("/dev/null", "/dev/null: is no ordinary file"),
    ):
        for command in ("plan buy 100 AMZN --over 5m --tape", "tape check", "tape info"):
            assert f"Error: {words}" in cli(command, path).err
    assert "tape must be a lake folder or a recorded file, was ''" in cli("plan buy 1 AMZN --over 5m --tape", "").err


def test_a_finished_journal_is_not_written_again(cli) -> None:
    line = "work buy 500 SYNTH --over 2m --journal run.db"
    assert cli(line).code == 0
    before = (cli.folder / "run.db").read_bytes()
    said = cli(line)
    assert said.code == 1
    assert "run.db holds a finished run" in said.err
    assert (cli.folder / "run.db").read_bytes() == before


def test_a_runs_folder_that_cannot_be_made_says_which_setting(cli) -> None:
    (cli.folder / "file").write_text("")
    said = cli("work buy 500 SYNTH --over 2m", env={"NOWAKE_RUNS_DIR": str(cli.folder / "file" / "runs")})
    assert said.code == 1
    assert "NOWAKE_RUNS_DIR" in said.err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted; go on with: nowake resume run.db"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "x.html"), 1, "x.html cannot be used (permission denied)"),
        (MemoryError(), 1, "not enough memory"),
        (InvariantBroken("I1", "a unit is missing"), 4, "invariant I1 broken"),
        (ZeroDivisionError("division\nby zero"), 1, "a bug in nowake (ZeroDivisionError: division by zero)"),
    ],
)
def test_whatever_happens_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    words: str,
) -> None:
    import typer

    monkeypatch.delenv("NOWAKE_TRACEBACK", raising=False)
    screen = Screen(as_json=False)
    screen.resume_hint = "go on with: nowake resume run.db"
    with pytest.raises(typer.Exit) as left, one_sentence_errors(screen):
        raise error
    assert left.value.exit_code == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_errors_on_a_recorded_market_say_what_fits(cli, amzn_lake: Path) -> None:
    for line, words in (
        ("--start 15:00 --over 2h", "the longest that fits from there is --over 1h"),
        ("--start 08:00 --over 2h", "before the first valid book"),
        ("--start 17:00 --over 2h", "XNAS is closed at 2012-06-21T21:00:00Z; on this tape it was last open"),
        ("--start open-2h --over 1h", "before the first valid book"),
        ("--start 10:00 --over 2h --allow everything", "allow must be of quarantined"),
    ):
        said = cli(f"plan buy 100 AMZN {line} --tape", str(amzn_lake))
        assert said.code == 1
        assert words in said.err
    said = cli("plan buy 100 MSFT --over 5m --tape", str(amzn_lake))
    assert "that holds AMZN@XNAS and not" in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--log nodir/x", "log must be a file in a folder that exists"),
        ("--log .", "log must be a file in a folder that exists"),
        ("--log note.txt", "log must be a new file, or one that nowake wrote"),
        ("--log run.db --journal run.db", "log must be another file than --journal"),
        ("--log page.html --html page.html", "log must be another file than --html"),
        ("--log a --metrics a", "metrics must be another file than --log"),
        ("--metrics nodir/x", "metrics must be a file in a folder that exists"),
        ("--metrics note.txt", "metrics must be a new file, or one that nowake wrote"),
        ("--metrics /dev/null", "metrics must be an ordinary file"),
        ("--log a --log-level loud", "log_level must be one of debug, info, warning, error"),
    ],
)
def test_a_log_never_writes_over_anything(cli, options: str, words: str) -> None:
    (cli.folder / "note.txt").write_text("mine")
    said = cli(f"work {SYNTH} --over 2m {options}")
    assert said.code == 1
    assert f"Error: {words}" in said.err
    assert sorted(path.name for path in cli.folder.iterdir()) == ["note.txt"]
    assert (cli.folder / "note.txt").read_text() == "mine"
