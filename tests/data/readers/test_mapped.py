"""Tables by the names of their columns: every way a time, a side or a price may be written, and what is wrong said."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError, InputError, NowakeError
from nowake.core.tape import END, OFF_EXCHANGE, SNAPSHOT, Book, Row, Tape, row_code
from nowake.data.catalogue import load_catalogue
from nowake.data.listings import listing_text, parse_listing
from nowake.data.readers.mapping import Mapping, parse_mapping, to_text
from nowake.data.sessions import session
from nowake.data.source import check_paths, open_tapes

XYZ = "XYZ@VENUE,tick=0.01,lot=1"
NAIVE_FIRST, NAIVE_LAST = (datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1985, 2030))
NOON = 1_373_371_200 * 10**9  # 2013-07-09T12:00:00Z
TRADES = "time=t,price=p,qty=q"
QUOTES = "time=t,bid=b,bid_qty=bq,ask=a,ask_qty=aq"


def read(path: Path, mapping: str, listing: str = XYZ) -> Tape:
    (tape,) = open_tapes([path], mappings=parse_mapping(mapping), listing=listing)
    return tape


def csv(folder: Path, text: str, name: str = "my.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("written", "more", "t_ns"),
    [
        ("2013-07-09T12:00:00Z", "", NOON),
        ("2013-07-09 12:00:00.123456789Z", "", NOON + 123_456_789),
        ("2013-07-09T08:00:00-04:00", "", NOON),
        ("2013-07-09T08:00:00-0400", "", NOON),
        ("2013-07-09 17:45+05:45", "", NOON),
        ("2013-07-09 08:00:00.5", ",time_zone=America/New_York", NOON + 500_000_000),
        ("2013-07-09 14:00:00", ",time_zone=Europe/Berlin", NOON),
        ("1373371200", "", NOON),
        ("1373371200123", "", NOON + 123_000_000),
        ("1373371200123456", "", NOON + 123_456_000),
        ("1373371200123456789", "", NOON + 123_456_789),
        ("1373371200.25", "", NOON + 250_000_000),
        ("1373371200123", ",time_unit=ms", NOON + 123_000_000),
        ("09.07.2013 12:00:00", ",time_format=%d.%m.%Y %H:%M:%S,time_zone=UTC", NOON),
    ],
)
def test_every_way_to_write_a_time(tmp_path: Path, written: str, more: str, t_ns: int) -> None:
    tape = read(csv(tmp_path, f"t,p,q\n{written},10.00,5\n"), TRADES + more)
    assert tape.t_event.tolist() == [t_ns]


def test_times_of_mixed_form_in_one_column(tmp_path: Path) -> None:
    forms = [
        "2013-07-09T12:00:00Z",
        "2013-07-09 12:00:01.5Z",
        "2013-07-09T08:00:02-04:00",
        "2013-07-09T12:00:03.000000001Z",
    ]
    forms += [
        "2013-07-09T08:00:04",
        "2013-07-09 08:00Z",
        "2013-07-09T12:00:05+05:99",
        "2013-07-09T24:00:00Z",
        "2013-02-30T00:00:00Z",
    ]
    text = "t,p,q\n" + "".join(f"{form},10.00,{k + 1}\n" for k, form in enumerate(forms))
    mapping = parse_mapping(f"{TRADES},time_zone=America/New_York")
    (tape,) = open_tapes([csv(tmp_path, text)], mappings=mapping, listing=XYZ, allow=("quarantined", "disordered"))
    wanted = {1: 0, 2: 1_500_000_000, 3: 2 * 10**9, 4: 3 * 10**9 + 1, 5: 4 * 10**9, 6: -4 * 3600 * 10**9}
    assert dict(zip(tape.qty.tolist(), (tape.t_event - NOON).tolist(), strict=True)) == wanted
    assert tape.meta.figures.quarantined_lines == (8, 9, 10)


@given(
    moments=st.lists(
        st.datetimes(NAIVE_FIRST, NAIVE_LAST).map(lambda d: d.replace(fold=0)),
        min_size=1,
        max_size=8,
    ),
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_local_times_are_what_the_standard_library_makes_of_them(
    tmp_path_factory: pytest.TempPathFactory, moments: list[datetime], zone: str
) -> None:
    """Those that a clock shows once; the hour that comes twice, and the one that never comes, are quarantined."""
    folder, info = tmp_path_factory.mktemp("zone"), ZoneInfo(zone)
    text = "t,p,q\n" + "".join(f"{moment.isoformat(sep=' ')},1.00,1\n" for moment in moments)
    aware = [moment.replace(tzinfo=info) for moment in moments]
    once = [
        a for a in aware
        if a.utcoffset() == a.replace(fold=1).utcoffset()
        and a.astimezone(UTC).astimezone(info).replace(tzinfo=None) == a.replace(tzinfo=None)
    ]  # fmt: skip
    if 2 * len(once) < len(aware):
        return
    (tape,) = open_tapes(
        [csv(folder, text)],
        mappings=parse_mapping(f"{TRADES},time_zone={zone}"),
        listing=XYZ,
        allow=("quarantined", "disordered"),
    )
    delta = [a.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC) for a in once]
    expected = sorted((d.days * 86_400 + d.seconds) * 10**9 + d.microseconds * 1000 for d in delta)
    assert tape.t_event.tolist() == expected
    assert tape.meta.quarantined == len(aware) - len(once)


def test_clock_times_beside_a_day_and_numbered_intervals(tmp_path: Path) -> None:
    path = csv(tmp_path, "d,t,p,q\n20130709,08:00:00.000000001,10.00,5\n2013-07-09,08:00:01,10.01,5\n")
    tape = read(path, f"date=d,{TRADES},time_zone=America/New_York")
    assert tape.t_event.tolist() == [NOON + 1, NOON + 10**9]
    bars = "d,n,o,h,l,c,v\n" + "".join(f"2013-07-09,{n},10,10.1,9.9,10,700\n" for n in range(4))
    made = read(
        csv(tmp_path, bars, "bars.csv"),
        "date=d,bin=n,bin_start=08:00,interval=5m,open=o,high=h,low=l,close=c,volume=v,time_zone=America/New_York",
    )
    assert made.t_event[0] == NOON + 15 * 10**9  # the middle of the first of ten steps of 5 minutes
    assert made.meta.modelled.startswith("from 5m bars")
    assert made.meta.silence_ns == 10 * 300 * 10**9


def test_trades_with_sides_and_scales(tmp_path: Path) -> None:
    text = "t,p,q,s\n1373371200,1001,2,B\n1373371201,1002,3,S\n1373371202,1003,4,\n"
    tape = read(csv(tmp_path, text), f"{TRADES},side=s,price_scale=0.01,qty_scale=100")
    assert tape.code.tolist() == [row_code(Row.TRADE, side, END) for side in (Book.BID, Book.ASK, Book.NONE)]
    assert tape.prices().tolist() == [1001, 1002, 1003]
    assert tape.qty.tolist() == [200, 300, 400]
    assert tape.meta.trade_side_native
    maker = "t,p,q,m\n1373371200,10.01,2,true\n1373371201,10.02,3,false\n"
    flipped = read(csv(tmp_path, maker), f"{TRADES},side=m,sell=true,buy=false")
    assert [code >> 4 & 3 for code in flipped.code.tolist()] == [Book.ASK, Book.BID]


def test_quotes_and_trades_are_one_tape_by_two_mappings(tmp_path: Path) -> None:
    quotes = csv(tmp_path, "t,b,bq,a,aq\n1373371200,9.99,100,10.01,200\n1373371202,9.98,100,,\n", "quotes.csv")
    trades = csv(tmp_path, "t,p,q,x\n1373371201,10.01,50,N\n1373371201,10.00,70,D\n", "trades.csv")
    both = [*parse_mapping(QUOTES), *parse_mapping(f"{TRADES},exchange=x,off_exchange=D|E")]
    (tape,) = open_tapes([quotes, trades], mappings=both, listing=XYZ)
    kinds = [code & 15 for code in tape.code.tolist()]
    assert kinds == [Row.CLEAR, Row.SET, Row.SET, Row.TRADE, Row.TRADE, Row.SET, Row.SET, Row.SET]
    assert [bool(code & OFF_EXCHANGE) for code in tape.code.tolist()[3:5]] == [False, True]
    assert tape.meta.depth_levels == 1
    dropping = [both[0], *parse_mapping(f"{TRADES},exchange=x,off_exchange=D,drop_off_exchange=true")]
    (part,) = open_tapes([quotes, trades], mappings=dropping, listing=XYZ)
    assert part.meta.figures.skipped == 1
    assert part.listing.volume_base == "VENUE prints only, off-exchange excluded"


def test_level_updates_with_and_without_marked_snapshots(tmp_path: Path) -> None:
    head = "t,s,p,q,snap\n"
    body = "1373371200,buy,9.99,5,1\n1373371200,sell,10.01,6,1\n1373371201,buy,9.99,0,0\n1373371201,buy,9.98,7,0\n"
    wanted = [
        (row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0),
        (row_code(Row.SET, Book.BID, SNAPSHOT), 999, 5),
        (row_code(Row.SET, Book.ASK, SNAPSHOT, END), 1001, 6),
        (row_code(Row.SET, Book.BID), 999, 0),
        (row_code(Row.SET, Book.BID, END), 998, 7),
    ]
    path = csv(tmp_path, head + body)
    for more in (",snapshot=snap", ""):
        tape = read(path, f"kind=book,{TRADES},side=s{more}")
        rows = zip(tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True)
        assert list(rows) == wanted
    early = csv(tmp_path, head + "1373371199,buy,9.97,1,0\n" + body)
    tape = read(early, f"kind=book,{TRADES},side=s,snapshot=snap")
    assert len(tape) == 5
    with pytest.raises(DataError, match=r"first message is no snapshot.*--map snapshot="):
        read(early, f"kind=book,{TRADES},side=s")


def test_level_updates_and_trades_are_one_tape(tmp_path: Path) -> None:
    book = "1373371200,buy,9.99,5\n1373371200,sell,10.01,6\n1373371201,sell,10.01,0\n1373371201,sell,10.02,7\n"
    levels = csv(tmp_path, "t,s,p,q\n" + book, "book.csv")
    trades = csv(tmp_path, "t,p,size\n1373371201,10.01,6\n", "trades.csv")
    both = [*parse_mapping(f"kind=book,{TRADES},side=s"), *parse_mapping("time=t,price=p,qty=size")]
    (tape,) = open_tapes([levels, trades], mappings=both, listing=XYZ)
    kinds = [code & 15 for code in tape.code.tolist()]
    assert kinds == [Row.CLEAR, Row.SET, Row.SET, Row.TRADE, Row.SET, Row.SET]
    assert (tape.meta.depth_levels, tape.meta.reader) == (0, "book/1")
    (turned,) = open_tapes([trades, levels], mappings=both[::-1], listing=XYZ)
    assert turned.meta == tape.meta
    both = [both[0], *parse_mapping("time=t,open=p,high=p,low=p,close=p,volume=size,interval=1m")]
    with pytest.raises(DataError, match="are bars and book of one listing; give one kind at a time"):
        open_tapes([levels, trades], mappings=both, listing=XYZ)


def test_one_book_order_by_order(recorded_data: Path) -> None:
    path = next((recorded_data / "crypto_l3_snapshot").glob("*.parquet"))
    (tape,) = open_tapes([path])
    source = pl.read_parquet(path)
    assert tape.listing.key == "BTC-USD@coinbase"
    assert set(tape.t_event.tolist()) == {int(datetime(2026, 8, 7, 20, 4, 10, tzinfo=UTC).timestamp()) * 10**9}
    assert len(np.unique(tape.order_id[1:])) == len(tape) - 1
    bids = source.filter(pl.col("side") == 1)
    is_bid = (tape.code >> 4 & 3) == Book.BID
    assert tape.prices()[is_bid].tolist() == np.rint(bids["price"].to_numpy() * 100).astype(int).tolist()
    assert tape.qty[is_bid].astype(np.int64).sum() == np.rint(bids["qty"].to_numpy() * 1e8).astype(int).sum()
    assert tape.meta.figures.skipped == int((source["price"] > (2**31 - 1) / 100).sum()) == 5


def test_polled_quotes_are_two_listings_of_two_contracts(recorded_data: Path) -> None:
    tapes = open_tapes(list((recorded_data / "two_venues").glob("kalshi*.parquet")))
    assert sorted({tape.listing.venue for tape in tapes}) == ["kalshi", "polymarket"]
    assert {tape.listing.instrument.price_unit for tape in tapes} == {Decimal("0.001")}
    assert {tape.listing.instrument.base for tape in tapes} == {"contracts"}


def test_bars_by_number_begin_with_the_session_on_both_sides_of_the_clock_change(recorded_data: Path) -> None:
    """QQQ, 130 days, two changes of the clock: each begins at 9:30 in New York (two with bars without a print)."""
    (tape,) = open_tapes([recorded_data / "bars" / "qqq_1min_2023-09_on.parquet"])
    hours = session("XNAS")
    prints = tape.t_event[(tape.code & 15) == Row.TRADE]
    first = prints[np.concatenate([[True], np.diff(prints) > 6 * 3600 * 10**9])]
    assert len(first) == 130
    opens = [hours.hours(hours.trading_day(t)) for t in first.tolist()]
    assert all(one is not None and 0 < t - one[0] < 180 * 10**9 for t, one in zip(first.tolist(), opens, strict=True))
    assert {t // 10**9 % 86_400 // 1800 for t in first.tolist()} == {27, 29}  # 13:30 and 14:30 UTC


def test_newest_first_is_turned_and_disorder_is_a_fault(tmp_path: Path) -> None:
    rows = [f"{1373371200 + k // 2},10.0{k},{k + 1}\n" for k in range(8)]
    forward = read(csv(tmp_path, "t,p,q\n" + "".join(rows)), TRADES)
    backward = read(csv(tmp_path, "t,p,q\n" + "".join(reversed(rows))), TRADES)
    assert backward.qty.tolist() == forward.qty.tolist() == list(range(1, 9))
    mixed = [*rows[4:], *(f"{1373371200 + k},10.00,1\n" for k in range(9))]
    with pytest.raises(DataError, match="1 disordered"):
        read(csv(tmp_path, "t,p,q\n" + "".join(mixed)), TRADES)


GOOD = "".join(f"{1373371200 + k},10.00,5\n" for k in range(300))


@pytest.mark.parametrize(
    "line",
    [
        "1373371600,nan,5", "1373371600,inf,5", "1373371600,-10,5", "1373371600,0,5", "1373371600,10.001,5",
        "1373371600,1e300,5", "1373371600,10,0", "1373371600,10,-5", "1373371600,10,0.5", "1373371600,10,1e40",
        "1373371600,10,", "1373371600,,5", ",10,5", "x,10,5", "99999999999999,10,5", "-1,10,5", "1373371600,10",
        "1373371600,10,5,6", "1373371600,ten,5", "\x00,\x00,\x00",
    ],
)  # fmt: skip
def test_a_bad_line_is_quarantined_by_number(tmp_path: Path, line: str) -> None:
    path = csv(tmp_path, "t,p,q\n" + GOOD[:19] + line + "\n" + GOOD[19:])
    (report,) = check_paths([path], mappings=parse_mapping(TRADES), listing=XYZ)
    assert (report.quarantined, report.quarantined_lines, report.faults) == (1, (3,), ())
    assert (report.prints, report.lines) == (300, 301)


@pytest.mark.parametrize(
    ("text", "mapping", "said"),
    [
        ("t,p,q\n2013-07-09 12:00:00,10,5\n", TRADES, "state no zone; name it, as in --map time_zone="),
        ("ts,px,sz\n1,2,3\n", TRADES, r"has no column t, p, q; its columns are ts, px, sz"),
        ("t,p,q\n", TRADES, "has no rows"),
        ("", TRADES, "the file is empty|its columns are none"),
        ("t,p,q\nx,10,5\n", TRADES, "the time is not one in 1 of 1 rows"),
        ("t,p,q\n1373371200,10.001,5\n", TRADES, "no multiple of the listing's price_unit.*finer unit"),
        ("t,p,q\n1373371200,10,0.5\n", TRADES, "no multiple of the listing's qty_unit"),
        ("t,p,q,s\n1373371200,10,5,maybe\n", TRADES + ",side=s", "neither a buy nor a sell.*--map buy="),
        ("t,p,q\n7,10,5\n", TRADES, "time_unit must be told"),
        ("t,p,q\n1,1,1,1\n2,2,2,2\n3,3\n", TRADES, "has no rows|in 3 of"),
        ("t,b,bq,a,aq\n1373371200,1,1,2,2\n", QUOTES.replace("ask_qty=aq", "ask_qty=zz"), "has no column zz"),
        ("t,o,h,l,c,v\n1373371200,1,1,1,1,1\n", "time=t,open=o,high=h,low=l,close=c,volume=v", "single bar.*interval="),
        ("t,o,h,l,c,v\n1373371200,3,1,2,2,1\n", "time=t,open=o,high=h,low=l,close=c,volume=v", "do not hold open"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, text: str, mapping: str, said: str) -> None:
    with pytest.raises(NowakeError, match=said):
        read(csv(tmp_path, text), mapping)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("time", "role=column"),
        ("time=t,time=u,price=p,qty=q", "naming time once"),
        ("colour=c", "map must be one of"),
        ("time=t,price=p", "without qty"),
        ("kind=poems,time=t", "map.kind must be one of quotes"),
        ("time=t,price=p,qty=q,time_unit=h", "time_unit must be one of s, ms"),
        ("time=t,price=p,qty=q,time_zone=Mars/Base", "an IANA zone"),
        ("time=t,price=p,qty=q,price_scale=0", "price_scale must be between"),
        ("time=t,price=p,qty=q,interval=soon", "interval must be a duration"),
        ("none.json", "none.json: cannot be read"),
        ("[", "is not JSON"),
        ("[3]", "not a table of roles"),
        ('[{"time": 3}]', "without|names of columns"),
    ],
)
def test_a_bad_mapping_is_one_sentence(mapping: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_mapping(mapping)


def test_mappings_in_files_and_back_as_text(tmp_path: Path) -> None:
    table = {"time": "t", "price": "p", "qty": "q", "buy": "B|b", "price_scale": 0.01}
    (tmp_path / "m.json").write_text(
        json.dumps({"map": [table, {"time": "t", "bid": "b", "bid_qty": "x", "ask": "a", "ask_qty": "y"}]})
    )
    (tmp_path / "m.toml").write_text('time = "t"\nprice = "p"\nqty = "q"\nbuy = "B|b"\nprice_scale = 0.01\n')
    found = parse_mapping(str(tmp_path / "m.json"))
    assert [one.kind for one in found] == ["trades", "quotes"]
    assert parse_mapping(str(tmp_path / "m.toml")) == found[:1] == (Mapping(**table),)
    assert parse_mapping(to_text(found)) == found
    assert to_text(()) == ""


def test_listings_in_a_line_of_a_catalogue_and_of_a_file(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    assert parse_listing("IBM@NBBO", catalogue) == catalogue.find("IBM@NBBO")
    share = parse_listing("MSFT@XNAS", catalogue)
    assert (share.session, share.tick_units(1_000_000), share.instrument.base) == ("XNAS", 100, "shares")
    own = parse_listing(
        "XYZ@V,tick=0.5,lot=10,qty_unit=1,min_qty=20,quote=EUR,base=lots,taker_bps=3,session=XNYS", catalogue
    )
    assert (own.instrument.price_unit, own.lot_units, own.min_qty_units) == (Decimal("0.5"), 10, 20)
    assert (own.instrument.quote, own.fees.taker_bps, own.fees.source) == ("EUR", 3, "stated by the user")
    half = parse_listing("AMZN@XNAS,tick=0.05", catalogue)
    assert [band.step_units for band in half.ticks] == [500]
    assert half.instrument == catalogue.find("AMZN@XNAS").instrument
    (tmp_path / "one.json").write_text(listing_text(own))
    assert parse_listing(str(tmp_path / "one.json"), catalogue) == own
    assert parse_listing(listing_text(own), catalogue) == own
    for bad in ("XYZ@V", "XYZ", "XYZ,tick=1", "XYZ@V,tick=-1", "XYZ@V,shape=2", "XYZ@V,kind=song", "no.json", "{}"):
        with pytest.raises(InputError):
            parse_listing(bad, catalogue)


def test_separators_and_gzip(tmp_path: Path) -> None:
    for separator in (",", ";", "\t"):
        text = "t,p,q\n1373371200,10.00,5\n".replace(",", separator)
        assert read(csv(tmp_path, text), TRADES).qty.tolist() == [5]
    packed = tmp_path / "my.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbft,p,q\r\n1373371200,10.00,5\r\n"))
    assert read(packed, TRADES).qty.tolist() == [5]
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(DataError, match="truncated"):
        read(packed, TRADES)
    packed.write_bytes(gzip.compress(b"t,p,q\n" + b"1373371200,10.00,5\n" * 8_000_000))
    with pytest.raises(DataError, match="unpacks to far more"):
        read(packed, TRADES)


def test_a_table_that_nobody_knows_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name its columns with --map"):
        open_tapes([csv(tmp_path, "a,b\n1,2\n")])
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="name its columns with --map"):
        open_tapes([tmp_path / "a.parquet"])
    with pytest.raises(DataError, match="name it: --listing SYMBOL@VENUE"):
        open_tapes([csv(tmp_path, "t,p,q\n1373371200,10,5\n")], mappings=parse_mapping(TRADES))
    two = csv(tmp_path, "t,p,q,s\n1373371200,10,5,A\n1373371200,10,5,B\n")
    with pytest.raises(DataError, match="on no venue that it names; name it: --listing A@VENUE"):
        open_tapes([two], mappings=parse_mapping(TRADES + ",symbol=s"))
    (tape,) = open_tapes([two], mappings=parse_mapping(TRADES + ",symbol=s"), listing="B@VENUE,tick=0.01")
    assert tape.qty.tolist() == [5]
    with pytest.raises(DataError, match=r"no rows of C@V.*it has A, B"):
        open_tapes([two], mappings=parse_mapping(TRADES + ",symbol=s"), listing="C@V,tick=0.01")


BASE = b"t,p,q,s\n" + b"".join(
    b"%d,10.0%d,%d,%s\n" % (1373371200 + k, k % 9, k + 1, b"BS"[k % 2 : k % 2 + 1]) for k in range(40)
)


@given(
    edits=st.lists(st.tuples(st.integers(0, len(BASE) - 1), st.binary(max_size=6)), min_size=1, max_size=6),
    kind=st.sampled_from(
        [TRADES, f"{TRADES},side=s", f"kind=book,{TRADES},side=s", "time=t,open=p,high=p,low=p,close=p,volume=q"]
    ),
)
def test_mutated_files_end_in_a_tape_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, bytes]], kind: str
) -> None:
    data = bytearray(BASE)
    for at, new in edits:
        data[at : at + len(new)] = new
    path = tmp_path_factory.mktemp("fuzz") / "my.csv"
    path.write_bytes(bytes(data))
    said = ""
    try:
        (report,) = check_paths([path], mappings=parse_mapping(kind), listing=XYZ)
    except NowakeError as error:
        said = str(error)
    assert "\n" not in said
    assert said or (report.rows > 0 and report.quarantined <= report.lines)


ODD_COLUMNS = {
    "list": [[1]] * 3,
    "struct": [{"a": 1}] * 3,
    "bytes": [b"1"] * 3,
    "span": [timedelta(seconds=1)] * 3,
    "bool": [True] * 3,
    "clock": [time(1, 2, 3)] * 3,
    "decimal": [Decimal("1.50")] * 3,
    "null": [None] * 3,
    "day": [date(2020, 1, 1)] * 3,
    "instant": [datetime(2020, 1, 1, tzinfo=UTC)] * 3,
    "text": ["x"] * 3,
    "number": [1.0, 2.0, 3.0],
    "category": pl.Series(["B"] * 3, dtype=pl.Categorical),
    "huge": pl.Series([2**64 - 1] * 3, dtype=pl.UInt64),
}


@pytest.mark.parametrize("name", sorted(ODD_COLUMNS))
def test_a_parquet_column_of_any_type_in_any_role(tmp_path: Path, name: str) -> None:
    path = tmp_path / "odd.parquet"
    pl.DataFrame(ODD_COLUMNS).write_parquet(path)
    trades, x = "price=number,qty=number", name
    mappings = [
        *(f"time={x},{trades}", f"time=instant,price={x},qty={x}", f"time=instant,{trades},side={x}"),
        *(f"time=instant,{trades},symbol={x}", f"time=instant,{trades},suspect={x}", f"time=instant,{trades},recv={x}"),
        *(f"time=instant,{trades},exchange={x},off_exchange=B", f"date={x},time={x},{trades},time_zone=UTC"),
        *(f"date=day,bin={x},interval=1m,{trades},time_zone=UTC", f"time={x},{trades},time_unit=ms"),
        f"kind=book,time=instant,side=category,{trades},snapshot={x}",
        f"side=category,{trades},order_id={x},rank={x},at=2020-01-01T00:00:00Z",
        f"time=instant,open=number,high=number,low=number,close=number,volume={x},spread={x},bid_depth={x},ask_depth={x}",
    ]
    for mapping in mappings:
        try:
            check_paths([path], mappings=parse_mapping(mapping), listing=XYZ)
        except NowakeError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most of them are refused, some are not
