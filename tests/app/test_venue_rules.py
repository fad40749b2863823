"""``--venue-rules`` from the file to the journal header: read, refused in one sentence, worked by, rebuilt."""

from __future__ import annotations

import json
import shutil
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nowake
from nowake.app.venue_rules import from_text, parse_rules, read_rules, rules_of, rules_text
from nowake.core.errors import DataError, InputError
from nowake.core.instrument import FeeSchedule
from nowake.journal.reader import read_journal
from nowake.sim.rules import FeeTier, SelfTrade, VenueRules, WhileHalted

FILE = """
refresh = "2ms"
self_trade = "cancel-oldest"
messages_per_second = 4
cancel_reserve = 1
volume_before = 900_000
auction_share = 0.2
[[fee_tiers]]
from_volume = 1_000_000
fees = "-0.5/0.3"
[[fee_tiers]]
from_volume = 2e6
taker_per_qty = 0.001
"""
MEANT = VenueRules(
    refresh_ns=2_000_000,
    self_trade=SelfTrade.CANCEL_OLDEST,
    messages_per_second=4,
    cancel_reserve=1,
    volume_before=Decimal(900_000),
    auction_share=0.2,
    fee_tiers=(
        FeeTier(
            from_volume=Decimal(1_000_000),
            fees=FeeSchedule(maker_bps=Decimal("-0.5"), taker_bps=Decimal("0.3"), source="stated by the user"),
        ),
        FeeTier(
            from_volume=Decimal(2_000_000),
            fees=FeeSchedule(taker_per_qty=Decimal("0.001"), source="stated by the user"),
        ),
    ),
)
ORDER = "work buy 2000 SYNTH --over 3m --strategy twap --fees 0/1"


def test_a_file_says_what_the_value_says(tmp_path: Path) -> None:
    toml, as_json = tmp_path / "rules.toml", tmp_path / "rules.json"
    toml.write_text(FILE)
    as_json.write_text(
        json.dumps(
            {
                "refresh": "2000us",
                "self_trade": "cancel-oldest",
                "messages_per_second": 4,
                "cancel_reserve": 1,
                "volume_before": "900000",
                "auction_share": 0.2,
                "fee_tiers": [
                    {"from_volume": 1e6, "maker_bps": "-0.5", "taker_bps": 0.3},
                    {"from_volume": 2_000_000, "taker_per_qty": "0.001"},
                ],
            }
        )
    )
    assert read_rules(toml) == read_rules(as_json) == MEANT
    assert rules_of(toml) == rules_of(str(toml)) == rules_of(MEANT) == rules_of(rules_of(MEANT))


amounts = st.decimals(min_value=0, max_value=10**9, places=3)
schedules = st.builds(
    FeeSchedule, maker_bps=st.decimals(-9, 9, places=2), taker_bps=amounts.map(lambda a: a % 50), source=st.text()
)
tiers = st.lists(st.builds(FeeTier, from_volume=amounts, fees=schedules), max_size=3).map(
    lambda found: tuple(sorted({one.from_volume: one for one in found}.values(), key=lambda one: one.from_volume))
)


@settings(deadline=None)
@given(
    st.builds(
        VenueRules,
        refresh_ns=st.integers(0, 10**10),
        self_trade=st.sampled_from(SelfTrade),
        while_halted=st.sampled_from(WhileHalted),
        messages_per_second=st.integers(1, 1000),
        fee_tiers=tiers,
        volume_before=amounts,
        auction_share=st.floats(0, 1),
    )
)
def test_the_text_in_the_journal_is_read_back_to_the_same_rules(rules: VenueRules) -> None:
    assert from_text(rules_text(rules)) == rules


def test_no_rules_are_no_text() -> None:
    assert rules_text(VenueRules()) == rules_of("") == ""
    assert from_text("") == parse_rules({}, "here") == VenueRules()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('selftrade = "x"', "rule must be one of refresh, self_trade"),
        ('self_trade = "x"', "self_trade must be one of reject-newest, cancel-oldest, cancel-both, decrement, was 'x'"),
        ("refresh = 2", 'refresh must be a time with its unit, such as "2ms", or "0", was 2'),
        ('refresh = "soon"', "refresh must be a duration"),
        ("messages_per_second = 1.5", "messages_per_second must be a whole number, was 1.5"),
        ('indicate = "1ns"', "indicate_ns must be >= 1,000,000 (1 ms), was 1"),
        ("fee_tiers = [{from_volume = -1, fees = 1}]", "fee_tiers, tier 1: from_volume must be >= 0, was -1"),
        ("fee_tiers = [{from_volume = 1, source = 3}]", "fee_tiers, tier 1: source must be text, was 3"),
        ("messages_per_second = true", "messages_per_second must be a whole number"),
        ("cancel_reserve = 3", "cancel_reserve must be >= 0 and below the 0 messages a second"),
        ("auction_share = 3", "auction_share must be in [0, 1]"),
        ("volume_before = -1", "volume_before must be >= 0"),
        ('volume_before = "much"', "volume_before must be a number"),
        ("fee_tiers = 3", "fee_tiers must be a list of tables"),
        ("fee_tiers = [3]", "fee_tiers, tier 1 must be a table"),
        ("fee_tiers = [{fees = 1}]", "fee_tiers, tier 1 must be a table with from_volume"),
        ("fee_tiers = [{from_volume = 1}]", "fee_tiers, tier 1 must be with fees, or with what they are made of"),
        ("fee_tiers = [{from_volume = 1, fees = 1, maker_bps = 1}]", "with fees, or with what they are made of"),
        ("fee_tiers = [{from_volume = 1, fee = 1}]", "fee_tiers, tier 1 must be one of from_volume, fees"),
        (
            'fee_tiers = [{from_volume = 1, fees = "x"}]',
            "fee_tiers, tier 1: fees must be TAKER or MAKER/TAKER in basis points",
        ),
        (
            "fee_tiers = [{from_volume = 2, fees = 1}, {from_volume = 1, fees = 1}]",
            "fee_tiers must be by rising volume",
        ),
        ("x == 3", "is not TOML"),
    ],
)
def test_every_mistake_is_one_sentence_that_names_file_and_rule(cli, line: str, said: str) -> None:
    Path("wrong.toml").write_text(line)
    found = cli(f"{ORDER} --venue-rules wrong.toml")
    assert found.code == 1
    assert found.err.startswith("Error: wrong.toml: ")
    assert said in found.err
    assert found.err.count("\n") == 1


def test_what_cannot_be_read_is_named(cli) -> None:
    Path("list.json").write_text("[]")
    Path("text.json").write_text("{")
    for name, why in (
        ("none.toml", "cannot be read as rules"),
        ("list.json", "names and values"),
        ("text.json", "JSON"),
    ):
        found = cli(f"{ORDER} --venue-rules {name}")
        assert (found.code, found.err.startswith(f"Error: {name}")) == (1, True)
        assert why in found.err
    with pytest.raises(InputError, match="rules must be the path"):
        nowake.work_order(nowake.order("buy", 100, "SYNTH", over="1m"), rules=3)
    with pytest.raises(DataError, match=r"none\.toml"):
        nowake.work_order(nowake.order("buy", 100, "SYNTH", over="1m"), rules="none.toml")


def test_fees_follow_the_tiers_by_hand_and_the_plan_counts_with_the_first(cli) -> None:
    """Each fill pays what the volume before it has reached: recomputed here fill by fill from the prices alone."""
    Path("tiers.toml").write_text(
        'volume_before = 900_000\n[[fee_tiers]]\nfrom_volume = 800_000\nfees = "0/2"\n'
        '[[fee_tiers]]\nfrom_volume = 1_000_000\nfees = "-1/5"\n'
    )
    document = cli(f"{ORDER} --venue-rules tiers.toml --json --full").document
    volume, paid, rates = Decimal(900_000), Decimal(0), set()
    for fill in document["fills"]:
        maker, taker = ("-1", "5") if volume >= 1_000_000 else ("0", "2")
        value = Decimal(str(fill["price"])) * Decimal(str(fill["quantity"]))
        rate = Decimal(maker if fill["liquidity"] == "maker" else taker)
        paid, volume = paid + value * rate / 10_000, volume + value
        rates.add(rate)
    assert len(rates) > 2  # both tiers were paid
    assert float(paid) == pytest.approx(document["shortfall"]["fees"], abs=1e-4)
    assert "fees      take +2 bps, make +0 bps" in cli("plan buy 2000 SYNTH --over 3m --venue-rules tiers.toml").out


@pytest.mark.parametrize("records", [1, 40, 90])
def test_a_cut_run_ends_as_the_whole_one_and_both_are_decided_again(cli, records: int) -> None:
    Path("rules.toml").write_text(FILE)
    assert cli(f"{ORDER} --venue-rules rules.toml --journal whole.db").code == 0
    Path("rules.toml").unlink()  # the journal holds what it said
    header = read_journal(Path("whole.db")).header
    assert header.run.options["rules"] == rules_text(MEANT)
    shutil.copy("whole.db", "cut.db")
    with sqlite3.connect("cut.db") as store:
        store.execute("DELETE FROM batches WHERE seq >= ?", (records,))
    store.close()
    assert cli("resume cut.db").code == 0
    whole, cut = (nowake.measure(path).journal_hash for path in ("whole.db", "cut.db"))
    assert whole == cut
    assert cli("replay cut.db").code == 0
    plain = cli(f"{ORDER} --journal plain.db")
    assert plain.code == 0
    assert "rules" not in read_journal(Path("plain.db")).header.run.options
    assert nowake.measure("plain.db").journal_hash != whole


def test_the_facade_and_the_command_make_the_same_journal(cli) -> None:
    Path("rules.toml").write_text(FILE)
    assert cli(f"{ORDER} --venue-rules rules.toml --journal run.db").code == 0
    order = nowake.order("buy", 2_000, "SYNTH", over="3m", strategy="twap")
    for rules in (Path("rules.toml"), "rules.toml", MEANT):
        assert nowake.work_order(order, fees="0/1", rules=rules).journal_hash == nowake.measure("run.db").journal_hash
