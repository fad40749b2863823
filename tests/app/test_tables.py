"""Quotes, bars and mapped tables through the commands: planned, worked, flagged, resumed, refused."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from nowake.journal.reader import read_journal

MAPS = [
    {"time": "t", "bid": "b", "bid_qty": "bq", "ask": "a", "ask_qty": "aq"},
    {"time": "t", "price": "p", "qty": "q", "side": "s"},
]
START = 1_710_165_600  # 2024-03-11T10:00:00-04:00


def write_market(folder: Path) -> list[str]:
    """Write ten minutes of quotes and trades and the mapping; return the options that name them."""
    quotes = [f"{START + k},{20 + k // 30 % 3 / 100:.2f},900,{20.02 + k // 30 % 3 / 100:.2f},900" for k in range(600)]
    trades = [f"{START + k}.5,{20 + 2 * (k % 2) / 100 + k // 30 % 3 / 100:.2f},300,{'SB'[k % 2]}" for k in range(600)]
    (folder / "q.csv").write_text("t,b,bq,a,aq\n" + "\n".join(quotes) + "\n")
    (folder / "t.csv").write_text("t,p,q,s\n" + "\n".join(trades) + "\n")
    (folder / "maps.json").write_text(json.dumps(MAPS))
    return ["--tape", "q.csv", "--tape", "t.csv", "--map", "maps.json", "--listing", "XYZ@XNAS"]


def test_a_mapped_market_is_worked_and_resumed_without_its_mapping_file(cli) -> None:
    where = write_market(cli.folder)
    said = cli("work buy 3000 XYZ --start 10:02 --over 5m --journal run.db --json", *where)
    assert said.code == 0, said.err
    whole = said.document
    assert whole["filled"] == 3000
    assert whole["volume_base"] == "Nasdaq prints only"
    with sqlite3.connect(cli.folder / "run.db") as db:
        db.execute("DELETE FROM batches WHERE seq >= 8")
    db.close()
    (cli.folder / "maps.json").unlink()
    again = cli("resume run.db --json")
    assert again.code == 0, again.err
    assert again.document["journal_hash"] == whole["journal_hash"]


def test_runs_without_tables_keep_their_identity(cli) -> None:
    """What is not given is not part of a run's identity: journals made before there were tables stay resumable."""
    cli("work buy 300 SYNTH --over 2m --journal run.db --json")
    assert not {"mapping", "listing"} & set(read_journal(cli.folder / "run.db").header.run.options)


def test_plan_without_the_trades_is_still_a_plan(cli) -> None:
    where = write_market(cli.folder)
    document = cli("plan buy 3000 XYZ --start 10:02 --over 5m --json", *where[:2], *where[4:]).document
    assert document["status"] == "planned"
    assert any(one["name"] == "volume" and one["value"] == "unknown" for one in document["assumed"])


def test_trades_alone_are_refused_with_the_remedy(cli) -> None:
    where = write_market(cli.folder)
    said = cli("plan buy 3000 XYZ --over 5m", *where[2:])
    assert said.code == 1
    assert "prints but no quotes: there is nothing to trade against; give its quotes or its bars" in said.err


def test_ibm_over_the_days(cli, recorded_data: Path) -> None:
    files = sorted(str(path) for path in (recorded_data / "us_equity_nbbo").glob("*.parquet"))
    assert cli("tape import --out lake", *files).code == 0
    said = cli("work buy 20000 IBM --tape lake --start 2013-10-09T10:00-04:00 --over 2h --json")
    assert said.code == 0
    document = said.document
    assert document["filled"] == 20_000
    assert document["volume_base"] == "consolidated prints, off-exchange included"
    assert document["assumed"][0] == {
        "name": "book",
        "value": "one venue with one level",
        "why": "the best quote of all venues; what lies behind it was not recorded",
    }
    # What is believed on the third day is of sessions of 6.5 hours: nights and closing auctions, 30 s late, left out.
    plan = cli("plan buy 20000 IBM --tape lake --start 2013-10-09T10:00-04:00 --over 2h --json").document
    expected = sum(one["expected_volume"] for one in plan["slices"])
    assert expected == pytest.approx(document["market_volume"], rel=0.35)
    for line, said_too in (
        ("--start 2013-10-09T15:45-04:00 --over 1h", "closes at 2013-10-09T20:00:00Z"),
        ("--start 2013-10-09T17:45-04:00 --over 1h", "XNYS is closed at"),
        ("--start 10:00 --over 1h", "several days"),
    ):
        refused = cli(f"plan buy 3000 IBM --tape lake {line}")
        assert refused.code == 1
        assert said_too in refused.err


def test_bars_are_flagged_as_modelled_everywhere(cli, recorded_data: Path) -> None:
    tape = str(recorded_data / "bars" / "SPY_1min_2009_rth_clean.parquet")
    line = "sell 100000 SPY --start 2009-09-15T10:00-04:00 --over 2h --json --tape"
    plan = cli(f"plan {line}", tape).document
    said = cli(f"work {line}", tape)
    assert said.code == 0
    for document in (plan, said.document):
        assert document["assumed"][0]["name"] == "market"
        assert document["assumed"][0]["value"] == "modelled"
        assert document["volume_base"].startswith("modelled from 1m bars")
    assert said.document["filled"] == 100_000
    info = cli("tape info --json", tape).document["tapes"][0]
    assert info["modelled"].startswith("from 1m bars")
    silent = cli("plan sell 100000 SPY --start 2009-10-09T10:00-04:00 --over 2h --tape", tape)
    assert silent.code == 1
    assert "is silent in the whole window: it has no row after" in silent.err


@pytest.mark.parametrize("symbol", ["BTCUSD@binance-us", "BTCUSDC@kraken"])
def test_two_venues_of_bars_are_two_markets(cli, recorded_data: Path, symbol: str) -> None:
    tape = str(recorded_data / "two_venues" / "btc_1m_binanceus_kraken.parquet")
    said = cli(f"work buy 0.05 {symbol} --start 2023-03-11T06:00:00Z --over 1h --json --tape", tape)
    assert said.code == 0, said.err
    assert said.document["order"]["listing"] == symbol
    assert said.document["filled"] == pytest.approx(0.05)
