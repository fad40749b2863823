"""``nowake work --venues``: read, refused in one sentence, divided, worked, resumed to the same journal, measured."""

from __future__ import annotations

import json
import re
import sqlite3
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import nowake
from nowake.app.venue_rules import from_text
from nowake.app.venues_file import DarkPlace, LitVenue, Venues, venues_of
from nowake.core.decisions import ChildSubmitted, Withheld
from nowake.core.inputs import OperatorCommand
from nowake.core.value import replace
from nowake.journal.reader import read_journal
from nowake.sim.synthetic import synth_tape

DARK = '[[venue]]\nname = "A"\n[[dark]]\nreference = "A"\nbuy_per_hour = 1\nsell_per_hour = 1\n'
FILE = """
[[venue]]
name = "NEAR"
seed = 1
latency = "1ms"

[[venue]]
name = "FAR"
seed = 2
latency = "20ms"
fees = "-0.2/0.3"
[venue.rules]
messages_per_second = 20

[[dark]]
name = "DARK"
reference = "NEAR"
latency = "5ms"
fees = "0.1"
buy_per_hour = 60.0
sell_per_hour = 90.0
sizes = [100, 200]
part = 0.2
"""
ORDER = "work buy 3000 SYNTH --over 5m"
START_NS = 1_767_623_400 * 10**9


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the journal of a whole run, and its result."""
    folder = tmp_path_factory.mktemp("venues")
    (folder / "venues.toml").write_text(FILE)
    order = nowake.order("buy", 3_000, "SYNTH", over="5m")
    result = nowake.work_venues(order, folder / "venues.toml", journal=folder / "whole.db")
    return folder / "whole.db", result.to_dict(full=True)


def test_a_file_says_what_the_value_says(tmp_path: Path) -> None:
    (tmp_path / "venues.toml").write_text(FILE)
    liquidity = nowake.DarkLiquidity(
        listing="", bin_s=86_400, buy_per_hour=(60.0,), sell_per_hour=(90.0,), sizes=(100, 200)
    )
    far = LitVenue(name="FAR", seed=2, latency="20ms", fees="-0.2/0.3", rules='{"messages_per_second": 20}')
    dark = DarkPlace(name="DARK", reference="NEAR", liquidity=liquidity, latency="5ms", fees="0.1", part=0.2)
    meant = Venues(lit=(LitVenue(name="NEAR", seed=1, latency="1ms"), far), dark=(dark,))
    assert venues_of(tmp_path / "venues.toml") == meant
    assert from_text(far.rules).messages_per_second == 20
    nowake.save_dark(liquidity, tmp_path / "dark.json")
    start, _, _ = FILE.partition("buy_per_hour")
    (tmp_path / "kept.toml").write_text(start + 'liquidity = "dark.json"\npart = 0.2\n')
    assert venues_of(tmp_path / "kept.toml") == meant


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('[[venue]]\nnames = "A"', "wrong.toml, venue 1: field must be one of name, tape"),
        ('[[venue]]\nname = "A@B"', "wrong.toml, venue 1: name must be letters"),
        ("[[venue]]\nseed = 1", "wrong.toml, venue 1: name must be letters"),
        ('[[venue]]\nname = "A"\nseed = "x"', "wrong.toml, venue 1: seed must be"),
        ('[[venue]]\nname = "A"\nlatency = "soon"', "wrong.toml, venue 1: latency must be"),
        ('[[venue]]\nname = "A"\nfees = "x"', "wrong.toml, venue 1: fees must be"),
        ('[[venue]]\nname = "A"\nfaults = "x=1"', "wrong.toml, venue 1: faults must be all or one of ack_lost"),
        (DARK + 'sizes = 1\nfaults = "gap=2"', "wrong.toml, dark 1: gap must be a probability"),
        ('[[venue]]\nname = "A"\nweight = -1', "wrong.toml, venue 1: weight must be >= 0"),
        ('[[venue]]\nname = "A"\nweight = "x"', "wrong.toml, venue 1: weight must be"),
        ('[[venue]]\nname = "A"\nrules = {selftrade = 1}', "wrong.toml, venue 1: rules: rule must be one of refresh"),
        ('[[venue]]\nname = "A"\nrules = "none.toml"', "none.toml: cannot be read as rules"),
        ('[[venue]]\nname = "A"\ntape = 3', "wrong.toml, venue 1: tape must be a path"),
        ('[[venue]]\nname = "A"\ntape = []', "venue 1: tape must be a path, or a list of paths, was []; leave it out"),
        ('[[venue]]\nname = "A"\ntape = "no.csv"', "no.csv"),
        ('[[venue]]\nname = "A"\nregime = "x"', "venue 1: regime must be"),
        ('[[venue]]\nname = "A"\n[[venue]]\nname = "A"', "wrong.toml: name must be given once"),
        ("venue = 3", "wrong.toml: venue must be tables"),
        ("[[venues]]", "wrong.toml: table must be venue or dark"),
        ("", "wrong.toml: venues must be at least one with a book"),
        ('[[venue]]\nname = "A"\n[[dark]]\nsizes = 1', "wrong.toml, dark 1: reference must be"),
        ('[[venue]]\nname = "A"\n[[dark]]\nreference = "A"', "wrong.toml, dark 1: liquidity must be given"),
        ('[[venue]]\nname = "A"\n[[dark]]\nreference = "A"\nsizes = 1', "wrong.toml, dark 1: buy_per_hour must be"),
        ('[[venue]]\nname = "A"\n[[dark]]\nreference = "A"\nliquidity = "none.json"', "none.json: cannot be read"),
        (
            FILE.replace('"NEAR"\nlat', '"NEAT"\nlat'),
            "wrong.toml: reference must be the name of a [[venue]]: NEAR, FAR",
        ),
        (FILE.replace("part = 0.2", "part = 2"), "wrong.toml, dark 1: part must be in [0, 1]"),
        (FILE.replace("part = 0.2", "part = 1"), "the dark venues would get the whole order; lower their part"),
        (DARK + "sizes = [1.5]", "dark 1: sizes must be a whole number, or a list of them, was [1.5]"),
        (DARK + 'sizes = "x"', "dark 1: sizes must be a whole number, or a list of them, was ['x']"),
        (
            DARK.replace("buy_per_hour = 1", "buy_per_hour = true") + "sizes = 1",
            "dark 1: buy_per_hour must be a number",
        ),
        (DARK.replace("buy_per_hour = 1", "buy_per_hour = [1, 2]") + "sizes = 1", "dark 1: bin_s must be given"),
        (
            DARK.replace("buy_per_hour = 1", "buy_per_hour = [1, 2]") + "sizes = 1\nbin_s = 3600",
            "dark 1: sell_per_hour must be as many rates as buy_per_hour, 2, was (1.0,)",
        ),
        (FILE.replace("part = 0.2", "until = 0"), "wrong.toml, dark 1: until must be in (0, 1]"),
        ("x == 3", "is not TOML"),
    ],
)
def test_every_mistake_is_one_sentence_that_says_where(cli, line: str, said: str) -> None:
    Path("wrong.toml").write_text(line)
    found = cli(f"{ORDER} --venues wrong.toml")
    assert (found.code, found.err.count("Error: ")) == (1, 1)
    assert said in found.err
    assert not Path("runs").exists() or not list(Path("runs").glob("*.db"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("--tape x.csv", "was ('x.csv',); say it of each venue in their file"),
        ("--impact full", "impact must be off or ledger"),
        ("--price 100", "beliefs must be left out"),
        ("--log log.jsonl", "log must be left out with --venues"),
        ("--html nowhere/page.html", "html must be a file in a folder that exists"),
        ("--history x.csv", "was ('x.csv',); work one market by itself"),
    ],
)
def test_what_does_not_go_with_several_venues_is_refused(cli, more: str, said: str) -> None:
    Path("venues.toml").write_text(FILE)
    found = cli(f"{ORDER} --venues venues.toml {more}")
    assert found.code == 1
    assert said in found.err


def test_a_plan_is_of_one_market(cli) -> None:
    Path("venues.toml").write_text(FILE)
    with pytest.raises(nowake.InputError, match="venues must be left out"):
        nowake.plan_order(nowake.order("buy", 100, "SYNTH", over="5m"), venues="venues.toml")
    with pytest.raises(nowake.InputError, match=r"symbol must be a listing of these venues"):
        nowake.work_venues(nowake.order("buy", 100, "SYNTH@XNAS", over="5m"), "venues.toml")


def test_what_is_asked_is_filled_and_what_the_dark_venue_left_is_passed_on(whole: tuple[Path, dict[str, Any]]) -> None:
    """Conservation over venues, by the fills alone; and fees and average recomputed from them by hand."""
    path, document = whole
    legs = {one["order"]["listing"]: one for one in document["venues"]}
    assert list(legs) == ["SYNTH@NEAR", "SYNTH@FAR", "SYNTH@DARK"]
    fills = {key: one["fills"] for key, one in legs.items()}
    sums = {key: sum(Decimal(str(fill["quantity"])) for fill in many) for key, many in fills.items()}
    assert sum(sums.values()) == 3_000 == document["filled"]
    assert document["residual"] == 0
    dark = legs["SYNTH@DARK"]
    assert dark["order"]["quantity"] == 600  # 20 % of it
    assert 0 < dark["residual"]["quantity"] < 600
    given = [batch.input for batch in read_journal(path).batches() if isinstance(batch.input, OperatorCommand)]
    amended = {one.parent_id: one.amendment.qty_units for one in given if one.amendment}
    assert len(amended) == 2
    assert sum(amended.values()) == 3_000 - sums["SYNTH@DARK"]
    cash = sum(Decimal(str(f["price"])) * Decimal(str(f["quantity"])) for many in fills.values() for f in many)
    assert document["average"] == pytest.approx(float(cash / 3_000), rel=1e-9)
    assert document["fees"] == pytest.approx(sum(one["shortfall"]["fees"] for one in legs.values()), abs=1e-6)
    assert {int(fill["quantity"]) for fill in fills["SYNTH@DARK"]} <= {100, 200}  # counter-orders' own sizes
    distances = {key: one["statistics"]["entry_p99_ms"] for key, one in legs.items()}
    assert distances == {"SYNTH@NEAR": 1.0, "SYNTH@FAR": 20.0, "SYNTH@DARK": 5.0}
    history = 30 * 60 * 10**9
    tape = synth_tape(seed=1, start_ns=START_NS - history, duration_ns=history + 7 * 60 * 10**9)
    near = tape.prices()[tape.t_event >= START_NS]
    unit = tape.listing.instrument.price_unit
    for fill in fills["SYNTH@DARK"]:  # at the mid of NEAR, wherever that was
        assert near.min() <= float(Decimal(str(fill["price"])) / unit) <= near.max()


def test_a_limit_holds_at_every_venue_and_what_it_forbids_is_left(tmp_path: Path) -> None:
    (tmp_path / "venues.toml").write_text(FILE.replace("sell_per_hour = 90.0", "sell_per_hour = 3000.0"))
    order = nowake.order("buy", 3_000, "SYNTH", over="5m", limit="99.97")
    result = nowake.work_venues(order, tmp_path / "venues.toml").to_dict(full=True)
    prices = {one["order"]["listing"]: [fill["price"] for fill in one["fills"]] for one in result["venues"]}
    assert all(float(price) <= 99.97 for many in prices.values() for price in many)
    assert prices["SYNTH@DARK"]
    assert result["filled"] + result["residual"] == 3_000
    assert result["status"] == "done"


@pytest.mark.parametrize("records", [0, 2, 60, 300])
def test_a_cut_run_ends_as_the_whole_one(cli, whole: tuple[Path, dict[str, Any]], records: int) -> None:
    path, document = whole
    Path("cut.db").write_bytes(path.read_bytes())
    with sqlite3.connect("cut.db") as store:
        store.execute("DELETE FROM batches WHERE seq >= ?", (records,))
    store.close()
    said = cli("resume cut.db --json")
    assert said.code == 0
    assert said.document["journal_hash"] == document["journal_hash"]
    again = {**said.document, "elapsed_s": 0, "journal": "", "venues": 0}
    first = {**document, "elapsed_s": 0, "journal": "", "venues": 0}
    assert again == first


def test_replay_tca_and_resume_read_it(cli, whole: tuple[Path, dict[str, Any]]) -> None:
    path, document = whole
    assert cli(f"replay {path}").code == 0
    shown = cli(f"tca {path}")
    assert shown.code == 0
    for key in ("SYNTH@NEAR", "SYNTH@FAR", "SYNTH@DARK", "in all"):
        assert key in shown.out
    measured = cli(f"tca {path} --json").document
    assert measured["schema"] == "nowake/tca-venues/1"
    assert measured["average"] == document["average"]
    assert nowake.measure_venues(path).filled == 3_000
    again = " ".join(cli(f"resume {path}").err.split())  # lines break where the path lets them
    assert "ended already" in again
    assert "--tape" not in again
    assert "--tape was not looked at" in " ".join(cli(f"resume {path} --tape elsewhere").err.split())
    with pytest.raises(nowake.JournalError, match="several venues"):
        nowake.measure(path)
    Path("again.toml").write_text(FILE)
    assert "holds a finished run" in cli(f"{ORDER} --venues again.toml --journal {path}").err
    Path("cut.db").write_bytes(path.read_bytes())
    with sqlite3.connect("cut.db") as store:
        store.execute("DELETE FROM batches WHERE seq >= 2")  # one of three orders has come
    store.close()
    assert "holds an unfinished run" in cli(f"{ORDER} --venues again.toml --journal cut.db").err
    status = cli("status cut.db --json").document
    assert [one["status"] for one in status["venues"]][1:] == ["waiting", "waiting"]
    nowake.work_order(nowake.order("buy", 100, "SYNTH", over="1m"), journal="one.db")
    with pytest.raises(nowake.JournalError, match="on one market"):
        nowake.measure_venues("one.db")
    full = cli(f"tca {path} --full")
    assert full.out.count("result") == 3


def test_explain_and_status_tell_of_every_venue(cli, whole: tuple[Path, dict[str, Any]]) -> None:
    """Each child once, under its own venue, held against the journal; the sums of a status are the result's."""
    path, document = whole
    batches = list(read_journal(path).batches())
    sent = [one for batch in batches for one in batch.decisions if isinstance(one, ChildSubmitted)]
    told = cli(f"explain {path} --json").document
    assert told["schema"] == "nowake/explain-venues/1"
    for one in told["venues"]:
        key = one["order"]["listing"]
        assert [child["id"] for child in one["children"]] == [s.child.child_id for s in sent if s.child.listing == key]
        assert [event["kind"] for event in one["events"]].count("admitted") == 1
        assert [event["kind"] for event in one["events"]].count("done") == 1
    withheld = sum(isinstance(one, Withheld) for batch in batches for one in batch.decisions)
    assert sum(len(one["withheld"]) for one in told["venues"]) == withheld
    moved = [sum(event["kind"] == "amended" for event in one["events"]) for one in told["venues"]]
    assert moved == [1, 1, 0]  # what the dark venue left
    slices = {one["order"]["listing"]: one["slices"] for one in told["venues"]}
    fills = {one["order"]["listing"]: one["filled"] for one in document["venues"]}
    assert {key: made[-1]["filled"] for key, made in slices.items()} == fills
    name = next(s.child.child_id for s in sent if s.child.listing == "SYNTH@FAR")
    shown = cli(f"explain {path} --child {name}").out
    assert "SYNTH@FAR" in shown
    assert "SYNTH@NEAR" not in shown
    assert name in shown
    assert "child must be the id of one child" in cli(f"explain {path} --child zzzz").err
    assert cli(f"explain {path}").out.count("BUY ") >= 3
    status = cli(f"status {path} --json").document
    assert (status["schema"], status["status"]) == ("nowake/status-venues/1", "done")
    assert {one["order"]["listing"]: one["filled"] for one in status["venues"]} == fills
    assert sum(sum(one["abandoned"].values()) for one in status["venues"][:2]) == 0
    panels = cli(f"status {path}").out
    assert all(key in panels for key in fills)


def test_the_page_shows_every_venue_its_fills_and_the_sums(cli, whole: tuple[Path, dict[str, Any]]) -> None:
    """Every fill is a mark, every row of the table that of the result; nothing is fetched from elsewhere."""
    path, document = whole
    said = cli(f"tca {path} --html venues.html")
    assert said.code == 0
    assert "venues.html" in said.out
    page = Path("venues.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "{{" not in page.partition('id="plotly"')[0]
    assert not re.findall(r'(?:src|href)="', page)
    figures = json.loads(page.partition('id="figures">')[2].partition("</script>")[0])
    assert sorted(figures) == sorted(f"{name}-{k}" for name in ("price", "schedule") for k in range(3))
    for k, leg in enumerate(document["venues"]):
        marks = [one for one in figures[f"price-{k}"]["data"] if "markers" in str(one.get("mode"))]
        assert sum(len(one["x"]) for one in marks) == len(leg["fills"])
        assert f'id="price-{k}"' in page
    table = page.partition("<table>")[2].partition("</table>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in table.split("<tr>")[1:]]
    assert [row[0] for row in rows] == ["venue", *(leg["order"]["listing"] for leg in document["venues"]), "in all"]
    assert [float(row[2].replace(",", "")) for row in rows[1:]] == [
        *(leg["filled"] for leg in document["venues"]),
        3000,
    ]
    assert float(rows[-1][6]) == pytest.approx(document["fees"], abs=0.005)
    Path("v.toml").write_text(FILE)
    assert cli(f"{ORDER} --venues v.toml --journal p.db --html worked.html").code == 0
    assert "Mid of the market" in Path("worked.html").read_text(encoding="utf-8")  # its tape is at hand


def test_the_command_makes_the_journal_of_the_facade(cli, whole: tuple[Path, dict[str, Any]]) -> None:
    Path("venues.toml").write_text(FILE)
    found = cli(f"{ORDER} --venues venues.toml --json")
    assert found.code == 0
    assert found.document["journal_hash"] == whole[1]["journal_hash"]
    named = cli("work buy 300 SYNTH@FAR --over 2m --venues venues.toml --json").document
    assert [one["order"]["listing"] for one in named["venues"]] == ["SYNTH@FAR"]
    assert named["filled"] == 300


def test_recorded_venues_are_found_again_and_others_are_refused(cli) -> None:
    """Two tapes that differ in their prices; a resume with them swapped is another world, and says so."""
    for name, base in (("a", 100), ("b", 101)):
        rows = ["time,bid,bid_size,ask,ask_size,price,size"]
        rows += [f"2026-01-05T15:{m:02d}:{s:02d}Z,{base},500,{base + 0.02},500" for m in range(6) for s in range(60)]
        Path(f"{name}.csv").write_text("\n".join(row if k == 0 else row + ",," for k, row in enumerate(rows)) + "\n")
    listing = "XYZ@A,tick=0.01"
    columns = "time=time,bid=bid,bid_qty=bid_size,ask=ask,ask_qty=ask_size"
    for name in ("a", "b"):
        made = cli("tape import --map", columns, "--listing", listing, "--out", f"lake-{name}", f"{name}.csv")
        assert made.code == 0, made.err
    Path("venues.json").write_text(
        json.dumps(
            {"venue": [{"name": "A", "tape": "lake-a", "weight": 3}, {"name": "B", "tape": "lake-b", "weight": 1}]}
        )
    )
    line = "work buy 40 XYZ --over 3m --strategy twap --urgency 1 --max-participation 100% --venues venues.json"
    done = cli(f"{line} --journal run.db --json")
    assert done.code == 0, done.err
    orders = {one["order"]["listing"]: one["order"]["quantity"] for one in done.document["venues"]}
    assert orders == {"XYZ@A": 30, "XYZ@B": 10}
    Path("cut.db").write_bytes(Path("run.db").read_bytes())
    with sqlite3.connect("cut.db") as store:
        store.execute("DELETE FROM batches WHERE seq >= 3")
    store.close()
    swapped = cli("resume cut.db --tape lake-b --tape lake-a")
    assert (swapped.code, "other tapes" in swapped.err) == (1, True)
    assert "2 tapes, not 1" in cli("resume cut.db --tape lake-b").err
    assert cli("resume cut.db --json").document["journal_hash"] == done.document["journal_hash"]


def test_venues_that_state_nothing_have_what_the_command_states(tmp_path: Path) -> None:
    """One venue in a file is the world without a file, but for the venue's name: the same fills."""
    one = Venues(lit=(LitVenue(name="SIM", seed=7),))
    order = nowake.order("buy", 900, "SYNTH", over="4m", strategy="twap")
    alone = nowake.work_order(order, seed=7, latency="3ms", fees="1", rules='{"messages_per_second": 3}')
    venues = nowake.work_venues(order, one, seed=7, latency="3ms", fees="1", rules='{"messages_per_second": 3}')
    (leg,) = venues.legs

    def fills(result: nowake.Result) -> list[tuple[int, ...]]:
        found = [one.fill for child in result.report.children for one in child.fills]
        return [(fill.t_venue_ns, fill.price_units, fill.qty_units, fill.fee_money) for fill in found]

    assert fills(leg) == fills(alone)
    other = nowake.work_venues(
        order, replace(one, lit=(replace(one.lit[0], fees="2"),)), seed=7, latency="3ms", fees="1"
    )
    assert float(other.fees) == pytest.approx(2 * float(venues.fees), rel=0.2)
    tier = '{"fee_tiers": [{"from_volume": 0, "fees": "2"}]}'
    ruled = nowake.work_venues(order, replace(one, lit=(replace(one.lit[0], rules=tier),)), seed=7, latency="3ms")
    assert ruled.fees == other.fees


def test_each_venue_fails_by_its_own_faults_and_seed(cli) -> None:
    """The sums are those of the venues' fills whatever is lost; a cut run comes to the same end and the same faults."""
    Path("venues.toml").write_text(FILE.replace('fees = "0.1"', 'fees = "0.1"\nfaults = "all=0"'))
    line = f"{ORDER} --faults all=0.04,overfilled=0,busted=0 --venues venues.toml --seed 5"
    found = cli(f"{line} --journal failed.db --json").document
    faults = {one["order"]["listing"]: one["faults"] for one in found["venues"]}
    assert [one["seed"] for one in faults.values()] == [5, 6, 7]
    assert faults["SYNTH@NEAR"]["happened"]
    assert faults["SYNTH@FAR"]["happened"]
    assert not faults["SYNTH@DARK"]["happened"]
    assert faults["SYNTH@NEAR"]["happened"] != faults["SYNTH@FAR"]["happened"]
    assert found["filled"] == 3_000
    assert cli("replay failed.db").code == 0
    with sqlite3.connect("failed.db") as store:
        store.execute("DELETE FROM batches WHERE seq >= 150")
    store.close()
    again = cli("resume failed.db --json").document
    assert again["journal_hash"] == found["journal_hash"]
    assert {one["order"]["listing"]: one["faults"] for one in again["venues"]} == faults
    told = [one for one in found["venues"] if one["warnings"]]
    assert told
    shown, page = cli(f"{line} --journal shown.db --html page.html").out, Path("page.html").read_text(encoding="utf-8")
    for text in (shown, page):
        words = " ".join(text.replace("│", " ").split())
        for text_told in (warning["text"] for one in told for warning in one["warnings"]):
            assert max(re.split(r"\d+", text_told), key=len).strip() in unescape(words)
        for key, one in faults.items():
            assert key in words
            assert all(f"{name} {count['count']}" in words for name, count in one["happened"].items())


def test_one_venue_with_faults_is_the_market_with_faults() -> None:
    """The same fills as without a file of venues, and the same that went wrong."""
    order = nowake.order("buy", 900, "SYNTH", over="4m", strategy="twap")
    alone = nowake.work_order(order, seed=7, faults="all=0.05,overfilled=0")
    (leg,) = nowake.work_venues(order, Venues(lit=(LitVenue(name="SIM"),)), seed=7, faults="all=0.05,overfilled=0").legs
    assert leg.faults is not None
    assert alone.faults is not None
    assert {k: v["count"] for k, v in leg.faults["happened"].items()} == {
        k: v["count"] for k, v in alone.faults["happened"].items()
    }
    assert (leg.report.filled_units, leg.report.average_units) == (
        alone.report.filled_units,
        alone.report.average_units,
    )


def test_a_window_too_short_for_the_dark_venue_is_refused_in_its_own_words(cli) -> None:
    Path("venues.toml").write_text(FILE)
    found = cli("work buy 400 SYNTH --over 1s --venues venues.toml --journal short.db")
    assert found.code == 1
    assert "SYNTH@DARK would have 0.5 s of the window, less than 1 s; ask for a longer one" in found.err
    assert not Path("short.db").exists()
