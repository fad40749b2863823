"""Bad input, everywhere: what somebody does, the words of the one sentence that says so, and of its remedy.

Every line is tried twice, for people and with ``--json``; what makes sense in Python is tried there as well. What is
wrong with the command line as such, or with a place where a file is to go, is in ``test_errors.py``.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nowake
from nowake.core.errors import InputError, JournalError, NowakeError
from nowake.core.tape import END, Book, Figures, Row, row_code
from nowake.data.build import Columns, make_tape
from nowake.data.lake import write_lake
from nowake.journal.sqlite import SqliteJournal

sys.path.append(str(Path(__file__).parents[1] / "data"))

from data_files import LATER_LINES, SPOT_LINES, write_spot

SYNTH = "plan buy 100 SYNTH --over 5m"
POV = f"{SYNTH} --strategy pov"
MSFT = "plan buy 100 MSFT@XNAS --price 410 --adv 22m --vol 1.6% --spread 0.7bps"
TABLE = "plan buy 1 XYZ --over 1s --tape t.csv"
MAPPED = f"{TABLE} --map time=t,price=p,qty=q"

Case = tuple[str, str, str]
ORDERS: list[Case] = [
    # Quantities.
    ("plan buy 0 SYNTH --over 5m", "quantity must be > 0, was '0'", ""),
    ("plan buy -3 SYNTH --over 5m", "quantity must be > 0, was '-3'", ""),
    ("plan buy NaN SYNTH --over 5m", "quantity must be finite, was 'NaN'", ""),
    ("plan buy 1e300 SYNTH --over 5m", "quantity must be between 1e-30 and 1e25 in size", ""),
    ("plan buy 1e99999999 SYNTH --over 5m", "quantity must be at most 1e+30 in size", ""),
    ("plan buy 0.5 SYNTH --over 5m", "quantity must be a multiple of 1, was '0.5'", ""),
    ("plan buy 50-USD SYNTH --over 5m", "quantity must be worth at least one lot of 1", ""),
    ("plan buy 0.000001 BTCUSDT@binance-spot --price 60000 --over 1h", "quantity must be a multiple of the lot", ""),
    ("plan buy 0,5 SYNTH --over 5m", "quantity must be a number", "write a decimal point"),
    # Windows.
    ("plan buy 1 SYNTH --over 0s", "over must be longer than nothing", ""),
    ("plan buy 1 SYNTH --over -5m", "over must be a duration", ""),
    ("plan buy 1 SYNTH --over 500ms", "over must be at least 1s", ""),
    ("plan buy 1 SYNTH --start 15:00 --end 15:00", "end must be after the start 2026-01-05T15:00:00Z", ""),
    ("plan buy 1 SYNTH --start 15:00 --end 14:00", "end must be after the start", ""),
    ("plan buy 1 SYNTH --over 73h", "made for windows of at most 72h", "--over 72h is the longest"),
    (f"{MSFT} --start 2026-11-22T15:00:00Z --over 1h", "outside the trading hours", "opens at 2026-11-23T14:30:00Z"),
    (f"{MSFT} --start 2026-11-23T20:30:00Z --over 1h", "after XNAS closes at", "--over 30m is the longest"),
    (f"{MSFT} --start 2199-11-23T15:00:00Z --over 1h", "XNAS knows 1990-01-01 to", "a table that covers the day"),
    (
        f"{MSFT} --start 2026-11-23T15:00:00 --over 1h",
        "start must be a time with a zone",
        "write 2026-11-23T15:00-05:00 if",
    ),
    ("plan buy 1 AMZN --tape lake --start 15:30 --over 2h", "after the tape's end", "fits from there is --over 30m"),
    ("plan buy 1 AMZN --tape lake --start 08:00 --over 2h", "before the first valid book", "start then or later"),
    ("plan buy 1 AMZN --tape lake --start 17:00 --over 2h", "XNAS is closed at", "it was last open from"),
    ("plan buy 1 AMZN --tape lake --start 2012-06-17T12:00:00Z --over 1h", "before the first valid book", "start then"),
    # Which market.
    ("plan buy 1 BTCUSDT --price 6e4 --over 1h", "symbol must be one listing, was 'BTCUSDT'", "BTCUSDT@binance-usdm"),
    ("plan buy 1 MSFT --price 410 --over 1h", "or one on a known venue, was 'MSFT'", "say where, as in MSFT@XNAS"),
    ("plan buy 1 MSFT@XLON --price 4 --over 1h", "on a known venue, was 'MSFT@XLON'", "--listing MSFT@XLON,tick=0.01"),
    ("plan buy 1 AMZN --over 1h", "AMZN needs a recorded market", "name one with --tape"),
    ("work buy 1 MSFT@XNAS --price 410 --over 1h", "MSFT@XNAS needs a recorded market", "name one with --tape"),
    ("plan buy 1 MSFT --tape lake --over 1h", "symbol must be a listing of lake", "holds AMZN@XNAS and not MSFT"),
    # Terms.
    (f"{SYNTH} --display 0", "display must be > 0, was '0'", ""),
    (f"{SYNTH} --display 1e300", "display must be between 1e-30 and 1e25", ""),
    (f"{SYNTH} --display 0.5", "display must be a multiple of 1", ""),
    (f"{SYNTH} --display 10 --display-randomise 120%", "display_randomise must be above 0 and at most 1", "15%"),
    (f"{SYNTH} --display-randomise 20%", "have no effect without display", "say how much may be shown"),
    (f"{SYNTH} --display 10 --display-refresh soon", "display_refresh must be a duration", ""),
    (f"{SYNTH} --display 10 --urgency 1", "display has no effect at urgency 1", "lower the urgency"),
    (f"{SYNTH} --min-fill nan", "min_fill must be finite", ""),
    (f"{SYNTH} --min-fill 1000", "min_fill is over the order's quantity", "lower it"),
    (f"{SYNTH} --min-fill 10 --display 5", "display has no effect with min_fill", "give up one of them"),
    (f"{SYNTH} --min-fill 10 --never-take", "never_take contradicts min_fill", "give up one of them"),
    (f"{SYNTH} --i-would 0", "i_would must be > 0, was '0'", ""),
    (f"{SYNTH} --i-would-part 50%", "i_would_part has no effect without i_would", "--i-would"),
    (f"{SYNTH} --i-would 99 --i-would-part 150%", "i_would_part must be above 0 and at most 1", "15% or 0.15"),
    (f"{SYNTH} --i-would 120 --limit 99", "the I-would price is beyond the limit", "within the limit"),
    (f"{SYNTH} --limit 0.001", "limit must be a multiple of 0.01", ""),
    (f"{SYNTH} --limit-offset much", "limit_offset must be a number", ""),
    (f"{SYNTH} --randomise-time 200%", "randomise_time must be above 0 and at most 1", "15% or 0.15"),
    (f"{SYNTH} --randomise-size 0", "randomise_size must be above 0", "15% or 0.15"),
    (f"{SYNTH} --discretion -0.01", "discretion must be >= 0", ""),
    (f"{SYNTH} --never-take --must-complete", "never_take contradicts must_complete", "give up one of them"),
    (f"{SYNTH} --slices 200", "200 slices of 100 shares would be under the smallest order 1", "nearest is 100"),
    (f"{SYNTH} --strategy twap --participation 10%", "twap does not honour participation", "leave it out"),
    (f"{POV} --slices 3", "pov does not honour slices", "leave it out"),
    (f"{POV} --participation 30%", "participation must be at most max_participation 0.15, was 0.3", ""),
    (f"{POV} --participation 5% --min-participation 8%", "min_participation is over participation", "lower the floor"),
    (f"{POV} --participation-by-price 220", "participation_by_price must be THRESHOLD:RATE", ""),
    (f"{POV} --participation-by-price 100:5%,100:7%", "steps in rising order", ""),
    (f"{POV} --participation-by-price 100:5%,110:99%", "a step of the rate is over max_participation", "raise the cap"),
    (f"{POV} --participation-by-size x:5%", "participation_by_size must be a number, was 'x'", ""),
    (
        f"{POV} --participation-by-time 0s:5% --participation-by-size 1:5%",
        "vary with one thing only",
        "one of the tables",
    ),
    # Beliefs and simulation.
    ("plan buy 1 MSFT@XNAS --price 0 --over 1h", "price must be > 0, was '0'", ""),
    (f"{MSFT} --over 1h --depth nan", "depth must be finite", ""),
    ("plan buy 1 MSFT@XNAS --price 410 --adv 9b-EUR --over 1h", "adv must be in shares or USD", ""),
    ("plan buy 1 MSFT@XNAS --price 410 --vol 160 --over 1h", "daily_vol must be above 0", "write 160% if percent"),
    ("plan buy 1 MSFT@XNAS --price 410 --spread -1bps --over 1h", "spread must be at least 0", ""),
    ("plan buy 1m MSFT@XNAS --price 410 --adv 10 --over 1h", "slices: none may be over", "ask for at most about"),
    (f"{MSFT} --over 1h --history nodir", "nodir: there is no such file or folder", "check the path"),
    (f"{SYNTH} --latency 900h", "latency must be 0 or a time such as 5ms, at most 1h", ""),
    (f"{SYNTH} --fees nan", "fees must be TAKER or MAKER/TAKER in basis points", ""),
    (f"{SYNTH} --seed 99999999999999999999", "seed must be at least 0 and below 2**63", ""),
]
FILES: list[Case] = [
    ("tape check two.gz one.gz", "one.gz and two.gz: overlap in time", "give each stretch of time once"),
    ("plan buy 1 BTCUSDT --over 1s --tape later.gz", "updates of the book but no snapshot", "give the file before it"),
    ("plan buy 1 AMZN --over 1s --tape run.db", "no reader recognises it", "give a file of one of these"),
    (TABLE, "no reader recognises it", "name its columns with --map"),
    (MAPPED, "does not say what it is of", "--listing SYMBOL@VENUE"),
    (f"{TABLE} --map time=t,price=px,qty=q --listing XYZ@XNAS", "has no column px", "its columns are t, p, q"),
    (f"{TABLE} --map time=t,colour=p --listing XYZ@XNAS", "map must be one of kind, time", ""),
    (f"{TABLE} --map time --listing XYZ@XNAS", "map must be role=column, was 'time'", "time=ts,price=px,qty=size"),
    (f"{TABLE} --map nosuch.json", "nosuch.json: cannot be read as a mapping (No such file", "a JSON or TOML file"),
    (f"{TABLE} --map torn.json", "torn.json: is not JSON", "mend it"),
    (f"{MAPPED},time_zone=Mars --listing XYZ@XNAS", "time_zone must be an IANA zone", ""),
    (f"{MAPPED} --listing XYZ", "listing must be a known listing, was 'XYZ'", "add its rules"),
    (f"{MAPPED} --listing XYZ@XNAS,tick=0", "tick must be > 0, was '0'", ""),
    (f"{MAPPED} --listing XYZ@XNAS,lot=nan", "lot must be finite", ""),
    (f"{MAPPED} --listing XYZ@XNAS,colour=3", "listing must be name=value with one of base", ""),
    (f"{MAPPED} --listing torn.json", "torn.json: is not a listing", "listings-and-venue-rules.md"),
    (f"{MAPPED} --listing XYZ@XNAS", "holds prints but no quotes", "give its quotes or its bars"),
    ("tape import t.csv --out lake --catalogue nosuch.json", "nosuch.json: cannot be read", "give a catalogue file"),
    ("tape import one.gz --out note.txt", "note.txt: is a file, not a folder", "name a folder for the lake"),
    ("plan --orders nosuch.csv", "nosuch.csv: cannot be read", "check the path"),
    ("plan --orders run.db", "run.db: is not text in UTF-8", "save it as CSV in UTF-8"),
    ("plan --orders empty.csv", "empty.csv: holds no order", "add a row"),
    ("plan --orders colour.csv", "line 1: column 'colour' is not known", "columns are side, quantity"),
]
JOURNALS: list[Case] = [
    ("{} old.db", "old.db has journal format 999, this nowake reads 1", "use the nowake that wrote it"),
    ("{} cut.db", "cut.db is truncated to", "restore the file from a copy"),
    ("{} short.db", "short.db is truncated to 50 bytes", "restore the file from a copy"),
    ("{} flipped.db", "damaged", "restore the file from a copy"),
    ("{} other.db", "other.db is a database but not a journal", "name a file that nowake wrote"),
    ("{} note.txt", "note.txt is not a journal", "name a file that nowake wrote"),
    ("{} nosuch.db", "there is no journal nosuch.db", "name an existing one"),
]
READ = ("tca", "explain", "replay", "status", "resume", "pause", "cancel", "amend --limit 3")
OPERATED: list[Case] = [
    ("pause run.db", "the run in run.db has ended", "there is nothing to pause"),
    ("amend run.db --limit 3", "the run in run.db has ended", "there is nothing to amend"),
    ("amend run.db", "nothing is to be changed", "give at least one of --quantity, --end"),
    ("amend run.db --quantity 1e300", "quantity must be between", ""),
    ("amend run.db --limit nan", "limit must be finite", ""),
    ("amend run.db --display 0.5", "a multiple of 1", ""),
    ("amend run.db --end 2026-01-05T14:31:00", "end must be a time with a zone", "if it is in UTC"),
    ("amend run.db --over 5m --end 15:00", "both an end and a length", "not both"),
    ("cancel run.db --key " + "k" * 101, "key must be 1 to 100 characters", ""),
    ("explain run.db --child zzz", "child must be the id of one child, was 'zzz'", "`nowake explain` shows them"),
    ("work buy 1 SYNTH --over 1m --journal run.db", "run.db holds a finished run", ""),
    ("work buy 1 SYNTH --over 1m --log run.db", "log must be a new file", ""),
    ("work buy 1 SYNTH --over 1m --log a --log-level loud", "log_level must be one of debug", ""),
    ("work buy 1 SYNTH --over 1m --metrics nodir/x", "metrics must be a file in a folder that exists", ""),
]
CASES = [
    *ORDERS,
    *FILES,
    *((f"{command.split()[0]} {line.format('').strip()} {command.partition(' ')[2]}".strip(), words, remedy)
      for command in READ for line, words, remedy in JOURNALS
      # The header is whole, so these two learn of the damage only when there is something to carry out.
      if not (command in {"pause", "cancel"} and "flipped" in line)),
    *OPERATED,
]  # fmt: skip


def damaged(journal: bytes, folder: Path) -> None:
    """Write what may become of a journal."""
    (folder / "run.db").write_bytes(journal)
    (folder / "old.db").write_bytes(journal[:60] + (999).to_bytes(4, "big") + journal[64:])
    (folder / "cut.db").write_bytes(journal[: len(journal) // 2])
    (folder / "short.db").write_bytes(journal[:50])
    with sqlite3.connect(folder / "run.db") as db:
        body = db.execute("SELECT body FROM batches WHERE seq > 20 ORDER BY seq LIMIT 1").fetchone()[0]
    db.close()
    at = journal.index(body) + len(body) // 2
    (folder / "flipped.db").write_bytes(journal[:at] + bytes([journal[at] ^ 1]) + journal[at + 1 :])
    with sqlite3.connect(folder / "other.db") as db:
        db.execute("CREATE TABLE t (x)")
    db.close()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, past_day: Any) -> Path:
    """Return a folder of recordings, lists and journals that are not what they should be."""

    folder = tmp_path_factory.mktemp("shelf")
    write_lake(past_day(date(2012, 6, 21), 1), folder / "lake")
    write_spot(folder, name="one.gz")
    write_spot(folder, [*SPOT_LINES, *LATER_LINES], name="two.gz")
    write_spot(folder, LATER_LINES, name="later.gz")
    (folder / "t.csv").write_text("t,p,q\n1710165600,20.00,3\n1710165605,20.01,3\n")
    (folder / "torn.json").write_text("{")
    (folder / "note.txt").write_text("neither a journal nor a tape\n" * 60)
    (folder / "empty.csv").write_text("side,quantity,symbol\n")
    (folder / "colour.csv").write_text("side,quantity,colour\nbuy,1,red\n")
    nowake.work_order(nowake.order("buy", 200, "SYNTH", over="1m"), journal=folder / "whole.db")
    damaged((folder / "whole.db").read_bytes(), folder)
    return folder


@pytest.fixture
def here(cli: Any, shelf: Path) -> Iterator[Any]:
    """Return the command line, standing in a copy of the shelf; it must be as before in the end."""
    shutil.copytree(shelf, cli.folder, dirs_exist_ok=True)
    before = {path: path.read_bytes() for path in shelf.rglob("*") if path.is_file()}
    yield cli
    for path, data in before.items():
        assert (cli.folder / path.relative_to(shelf)).read_bytes() == data, path


@pytest.mark.parametrize(("line", "words", "remedy"), CASES)
def test_bad_input_is_one_sentence_with_the_remedy(here: Any, line: str, words: str, remedy: str) -> None:
    said = here(line)
    assert said.code == 1, said.err + said.out
    (sentence,) = [text for text in said.err.splitlines() if text.startswith("Error: ")]
    assert words in sentence
    assert remedy in sentence
    assert said.out == ""
    document = here(f"{line} --json").document
    assert list(document) == ["schema", "status", "error", "remedy"]
    assert document["status"] in {"refused", "failed"}
    assert words in document["error"]
    assert remedy in (document["remedy"] or document["error"])


def test_a_journal_still_open_in_another_process(here: Any) -> None:
    path = here.folder / "busy.db"
    shutil.copy(here.folder / "run.db", path)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM batches WHERE seq >= 8")
    db.close()
    code = (
        "import sys; from pathlib import Path; from nowake.journal.sqlite import SqliteJournal; "
        "held = SqliteJournal.open_writer(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        before = path.read_bytes()
        for line, words in (
            ("resume busy.db", f"busy.db is being written by process {owner.pid}; wait for it or stop it"),
            ("work buy 1 SYNTH --over 1m --journal busy.db", "busy.db holds an unfinished run"),
        ):
            said = here(line)
            assert said.code == 1
            assert words in said.err
        assert path.read_bytes() == before
        owner.communicate()


def test_a_journal_of_another_account(here: Any) -> None:
    shutil.copy(here.folder / "run.db", here.folder / "ours.db")
    with pytest.raises(JournalError, match="belongs to account sim, not other; name another journal"):
        SqliteJournal.open_writer(here.folder / "ours.db", account="other")


def test_every_row_of_a_list_says_what_is_wrong_with_it(here: Any) -> None:
    rows = ["side,quantity,symbol,over", "buy,0,SYNTH,5m", "buy,1,SYNTH,-1s", "hold,1,SYNTH,5m", "buy,1,NONE@X,5m"]
    (here.folder / "rows.csv").write_text("\n".join(rows))
    said = here("plan --orders rows.csv")
    assert said.code == 1
    found = [text for text in said.err.splitlines() if text.startswith("Error: ")]
    for line, (sentence, words) in enumerate(
        zip(found, ("quantity must be > 0", "over must be a duration", "side must be", "NONE@X needs"), strict=True), 2
    ):
        assert f"rows.csv, line {line}: " in sentence
        assert words in sentence


ORDER: dict[str, Any] = {"side": "buy", "quantity": 100, "symbol": "SYNTH", "over": "5m"}
PYTHON: list[tuple[Callable[[Path], Any], str]] = [
    *(
        (lambda _, size=size: nowake.order(**{**ORDER, "quantity": size}), words)
        for size, words in (
            (0, "quantity must be > 0"),
            (-1, "quantity must be > 0"),
            (float("nan"), "quantity must be finite"),
            (float("inf"), "quantity must be finite"),
            (10**5000, "quantity must be at most 1e"),
            (None, "quantity must be a number, or text with one"),
            (True, "quantity must be a number"),
        )
    ),
    (lambda _: nowake.order(**ORDER, start=datetime(2026, 1, 5, 15)), "start must be a time with a zone"),  # noqa: DTZ001
    (lambda _: nowake.order(**ORDER, start=15), "start must be text or an aware datetime"),
    (lambda _: nowake.order(**{**ORDER, "over": 300}), "over"),
    (lambda _: nowake.order(**{**ORDER, "over": "0s"}), "over must be longer than nothing"),
    (lambda _: nowake.order(**ORDER, end="15:00"), "both an end and a length"),
    (lambda _: nowake.order(**ORDER, urgency=float("nan")), "urgency must be in [0, 1]"),
    (lambda _: nowake.order(**ORDER, slices=-1), "slices must be >= 0"),
    (lambda _: nowake.order(**ORDER, colour="red"), "option must be one of side"),
    (lambda _: nowake.order(**ORDER, display=float("nan")), "display must be finite"),
    (lambda _: nowake.order(**ORDER, min_fill=0), "min_fill must be > 0"),
    (lambda _: nowake.order(**ORDER, i_would=-5), "i_would must be > 0"),
    (lambda _: nowake.order(**ORDER, participation_by_time="soon"), "THRESHOLD:RATE steps"),
    (lambda _: nowake.plan_order(nowake.order(**{**ORDER, "quantity": 1e300})), "quantity must be between"),
    (lambda _: nowake.plan_order(nowake.order(**ORDER, display=1e300)), "display must be between"),
    (lambda _: nowake.plan_order(nowake.order(**ORDER, i_would_part="50%")), "no effect without i_would"),
    (
        lambda _: nowake.plan_order(nowake.order(**ORDER), latency="900h"),
        "latency must be 0 or a time such as 5ms, at most 1h",
    ),
    (lambda _: nowake.plan_order(nowake.order(**ORDER), colour=1), "option must be one of tapes"),
    (lambda _: nowake.plan_order("buy"), "order must be made by nowake.order"),  # type: ignore[arg-type]
    (lambda _: nowake.plan_order(nowake.order(**ORDER), "lake"), "tape must be made by"),  # type: ignore[arg-type]
    (lambda _: nowake.Beliefs(price=float("nan")), "price must be finite"),
    (lambda _: nowake.Beliefs(daily_vol=-1), "daily_vol must be above 0"),
    (lambda _: nowake.Beliefs(adv=0), "adv must be > 0"),
    (lambda at: nowake.read_tape(at / "nosuch"), "there is no such file"),
    (lambda _: nowake.read_tape([]), "paths must be a lake, a recorded file, or several"),
    (lambda at: nowake.read_tape(at / "lake", "MSFT"), "symbol must be a listing of lake"),
    (lambda at: nowake.read_tape(at / "later.gz"), "no snapshot to start from; give the file before it"),
    (lambda at: nowake.read_tape([at / "one.gz", at / "two.gz"]), "overlap in time; give each stretch of time once"),
    (lambda at: nowake.read_tape(at / "t.csv", columns="time"), "map must be role=column"),
    (lambda at: nowake.read_tape(at / "t.csv", columns="a\0.json"), "cannot be read as a mapping"),
    *(
        (lambda at, name=name: nowake.measure(at / name), words)
        for name, words in (
            ("old.db", "has journal format 999"),
            ("cut.db", "is truncated to"),
            ("flipped.db", "damaged"),
            ("note.txt", "is not a journal"),
            ("nosuch.db", "there is no journal"),
        )
    ),
    (lambda at: nowake.resume_order(at / "old.db"), "has journal format 999"),
    (lambda at: nowake.work_order(nowake.order(**ORDER), journal=at / "whole.db"), "exists; go on with: nowake resume"),
    (lambda at: nowake.work_order(nowake.order(**ORDER), log=at / "no" / "x"), "log must be a file in a folder"),
]


@pytest.mark.parametrize(("call", "words"), PYTHON, ids=[words for _, words in PYTHON])
def test_bad_input_in_python(shelf: Path, call: Callable[[Path], Any], words: str) -> None:
    with pytest.raises(NowakeError) as caught:
        call(shelf)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError | JournalError)


def test_the_document_of_a_refusal_is_plain_json(here: Any) -> None:
    """A name of a file may hold bytes that are no text."""
    said = here("tca", "x\udcff.db", "--json")
    assert json.loads(said.out)["error"] == "there is no journal x\udcff.db"


@pytest.fixture(scope="module")
def halted(past_day: Any) -> Any:
    """Return a day on which trading is halted from 10:10 to 10:20 New York time."""
    day = past_day(date(2012, 6, 21), 1)
    edges = [int(datetime(2012, 6, 21, 14, minute, tzinfo=UTC).timestamp()) * 10**9 for minute in (10, 20)]
    t, code, price, qty = day.t_event, day.code, day.prices(), day.qty
    for at, row in zip(edges, (Row.HALT, Row.RESUME), strict=True):
        k = int(np.searchsorted(t, at))
        t, code = np.insert(t, k, at), np.insert(code, k, row_code(row, Book.NONE, END))
        price, qty = np.insert(price, k, 0), np.insert(qty, k, 0)
    return make_tape(day.listing, "halted", "made/1", Columns(t_event=t, code=code, price=price, qty=qty), Figures())


def test_a_window_across_a_halt_waits_for_its_end(halted: Any) -> None:
    """Nobody knows of a halt beforehand: the order is taken, sends nothing while it lasts, and is done after it."""
    result = nowake.work_order(nowake.order("buy", 40, "AMZN", start="10:05", over="30m", slices=10), halted)
    sent = [child.t_sent_ns for child in result.report.children]
    lo, hi = (int(datetime(2012, 6, 21, 14, minute, tzinfo=UTC).timestamp()) * 10**9 for minute in (10, 20))
    assert any(t < lo for t in sent)
    assert any(t > hi for t in sent)
    assert not any(lo < t < hi for t in sent)
    assert result.report.filled_units == 40


def test_a_window_inside_a_halt_says_why_nothing_was_traded(halted: Any) -> None:
    result = nowake.work_order(nowake.order("buy", 40, "AMZN", start="10:11", over="5m"), halted)
    assert result.report.filled_units == 0
    assert "halted" in result.report.residual_reason


def test_a_volatility_of_nought_is_not_said_to_be_percent(here: Any) -> None:
    said = here("plan buy 1 MSFT@XNAS --price 410 --vol 0 --over 1h").err
    assert "daily_vol must be above 0" in said
    assert "percent" not in said
