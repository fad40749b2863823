"""What is typed of a simulated venue: how far away it is, in every form; and that a run measures what it was told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nowake.app.fees_and_latency import parse_latency
from nowake.app.results import is_finished, resume_run
from nowake.core.errors import InputError
from nowake.journal.reader import read_journal
from nowake.journal.sqlite import SqliteJournal
from nowake.sim.latency import RECORDED, Latency, lognormal
from nowake.sim.run import DEFAULT_LATENCY

MS = 1_000_000
DRAWN = "entry=lognormal:5ms,0.4,response=lognormal:9ms,0.2,data=lognormal:2ms,0.3,decision=50us"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0", Latency()),
        ("5ms", Latency(entry_ns=5 * MS, response_ns=5 * MS, data_ns=5 * MS)),
        ("lognormal:5ms,0.4", Latency(**dict.fromkeys(("entry", "response", "data"), lognormal(5 * MS, 0.4)))),
        ("tape", Latency(entry=RECORDED, response=RECORDED, data=RECORDED)),
        ("tape:1ms", Latency(0, MS, MS, MS, RECORDED, RECORDED, RECORDED)),
        (
            "entry=lognormal:5ms,0.4,response=7ms,data=tape,decision=0,overtake=yes",
            Latency(entry=lognormal(5 * MS, 0.4), response_ns=7 * MS, data=RECORDED, overtake=True),
        ),
        ("response=2ms", Latency(100_000, MS, 2 * MS, MS)),
    ],
)
def test_every_form_means_what_it_says(text: str, meant: Latency) -> None:
    assert parse_latency(text) == meant


def test_nothing_stated_is_the_default() -> None:
    assert parse_latency("overtake=no") == DEFAULT_LATENCY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5", "0 or a time such as 5ms"),
        ("lognormal:5ms", "lognormal:MEDIAN,SIGMA"),
        ("lognormal:0,1", "lognormal:MEDIAN,SIGMA"),
        ("lognormal:5ms,nan", "lognormal:MEDIAN,SIGMA"),
        ("lognormal:5ms,9", "at most 3"),
        ("entry=5ms,entry=6ms", "one of each of decision, entry"),
        ("there=5ms", "one of each of decision, entry"),
        ("overtake=perhaps", "overtake=yes or overtake=no"),
        ("decision=tape", "a time for decision"),
        ("entry=", "0 or a time such as 5ms"),
    ],
)
def test_what_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        parse_latency(text)


def test_a_run_measures_the_latency_it_was_told_and_repeats(cli) -> None:
    command = f"work buy 20000 SYNTH --over 30m --seed 3 --latency {DRAWN} --json"
    first, second = cli(command).document, cli(command).document
    assert first["journal_hash"] == second["journal_hash"]
    measured = first["statistics"]
    assert measured["children"] > 60
    # The decision takes 0.05 ms of the entry. A median of 60 log-normals is within 20 % of its own.
    assert 4.0 < measured["entry_p50_ms"] < 6.3
    assert 8.0 < measured["response_p50_ms"] < 10.2
    assert measured["entry_p50_ms"] < measured["entry_p99_ms"] < 20
    assert measured["response_p50_ms"] < measured["response_p99_ms"] < 20


def test_a_run_cut_short_draws_the_same_when_it_goes_on(cli, tmp_path) -> None:
    whole = cli(f"work buy 2000 SYNTH --over 4m --seed 3 --latency {DRAWN} --journal whole.db --json").document
    file = read_journal(cli.folder / "whole.db")
    cut = tmp_path / "cut.db"
    env = file.get_blob(file.header.env_hash)
    with SqliteJournal.create(cut, file.header, file.origin) as journal:
        journal.put_blob(env)
        for batch in list(file.batches())[:12]:
            journal.append(batch.records, batch.raw)
    assert not is_finished(cut)
    result, went_on = resume_run(cut)
    assert went_on
    assert result.journal_hash == whole["journal_hash"]
    assert json.loads(json.dumps(result.to_dict()["statistics"])) == whole["statistics"]


def test_faults_are_counted_listed_and_repeat(cli) -> None:
    command = "work buy 2000 SYNTH --over 4m --seed 3 --json"
    assert "faults" not in cli(command).document
    first = cli(f"{command} --faults all=0.05").document
    faults = first["faults"]
    assert faults["seed"] == 3
    assert len(faults["happened"]) > 5
    assert all(one["count"] >= len(one["t"]) > 0 for one in faults["happened"].values())
    second = cli(f"{command} --faults {faults['faults']}").document
    assert (second["journal_hash"] != first["journal_hash"]) == (faults["faults"] != "all=0.05")  # said in the header
    assert second["faults"] == faults
    assert "faults must be all or one of" in cli(f"{command} --faults nothing=1").out
    shown = cli(f"{command.removesuffix(' --json')} --faults all=0.05 --html page.html").out
    page = Path("page.html").read_text(encoding="utf-8")
    for text in (shown, page):
        words = " ".join(text.replace("│", " ").split())
        assert f"{sum(one['count'] for one in faults['happened'].values())} from seed 3: " in words
        assert all(f"{name} {one['count']}" in words for name, one in faults["happened"].items())
    cli(f"{command} --faults all=0.05 --journal faulted.db")
    assert cli("tca faulted.db --json").document["faults"] == {"seed": 3, "faults": "all=0.05", "happened": None}
    read_back = cli("tca faulted.db --html back.html").out
    for text in (read_back, Path("back.html").read_text(encoding="utf-8")):
        assert "all=0.05 from seed 3, counted where the run is worked" in text
