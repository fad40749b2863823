"""Hostile and broken files: one clear error or a counted quarantine, never a traceback, a hang or a silent gap."""

from __future__ import annotations

import gzip
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_files import (
    LOBSTER_NAME,
    LOBSTER_ROWS,
    SPOT_LINES,
    lobster_text,
    trade,
    write_lobster,
    write_pair,
    write_spot,
)
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError, NowakeError
from nowake.data.checks import FAULTS
from nowake.data.source import check_paths, open_tapes

MANY_TRADES = [trade(302 + i, 3 + i, "100.00", "1.00000", buyer_is_maker=False) for i in range(300)]


def long_day(row: int, message: str | None = None, book: str | None = None) -> dict[str, bytes]:
    """Return a LOBSTER day of 300 hidden prints after the small day, with one line replaced."""
    last = LOBSTER_ROWS[-1][1]
    rows = [*LOBSTER_ROWS, *((f"{34_300 + i},5,0,1,1005000,1", last) for i in range(300))]
    rows[row] = (message if message is not None else rows[row][0], book if book is not None else rows[row][1])
    return lobster_text(rows)


@pytest.mark.parametrize(
    "message",
    [
        "34205,7,0,0,-1",
        "34205,7,0,0,-1,-1,9",
        "NaN,1,5,5,990000,1",
        "34205,1,5,NaN,990000,1",
        "34205,1,5,-5,990000,1",
        "34205,1,5,0,990000,1",
        "34205,9,5,5,990000,1",
        "34205,1,5,5,990000,0",
        "34205,1,5,5,-990000,1",
        "34205,1,5,5,99999999999,1",
        "34205,1.5,5,5,990000,1",
        "-1,1,5,5,990000,1",
        "999999,1,5,5,990000,1",
        "",
        "drop table",
        "1" * 1_000,
    ],
)
def test_a_bad_message_is_quarantined_by_number(tmp_path: Path, message: str) -> None:
    (report,) = check_paths([write_lobster(tmp_path, long_day(6, message=message))])
    assert (report.quarantined, report.quarantined_lines, report.faults) == (1, (7,), ())
    assert report.mismatched == 0


@pytest.mark.parametrize(
    "book",
    [
        "1010000,5,1000000,7,1020000,9,990000",
        "1010000,5,1000000,7,1020000,9,990000,8,1,1,1,1",
        "1010000,5,1000000,7,1020000,9,990000,NaN",
        "1010000,5,1000000,7,1020000,9,990000,-8",
        "1010000,5,1000000,7,1000000,9,990000,8",
        "1010000,5,1000000,7,1020000,9,1000000,8",
        "9999999999,0,1000000,7,1020000,9,990000,8",
    ],
)
def test_a_bad_book_row_is_quarantined_by_number(tmp_path: Path, book: str) -> None:
    (report,) = check_paths([write_lobster(tmp_path, long_day(6, book=book))])
    assert (report.quarantined, report.quarantined_lines, report.faults) == (1, (7,), ())


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    big = "7" * 10_000_000
    (report,) = check_paths([write_lobster(tmp_path, long_day(6, message=big))])
    assert report.quarantined == 1
    for wrong in (f"{big}\n", f"1723161253000000000 {{{big}}}\n", "1723161253000000000 " + "[" * 10_000_000 + "\n"):
        for name in ("a.gz", "a.txt"):
            (report,) = check_paths([write_spot(tmp_path, [*SPOT_LINES, wrong, *MANY_TRADES], name=name)])
            assert (report.quarantined, report.quarantined_lines) == (1, (10,))
            assert report.prints == 302


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_truncated_archives(tmp_path: Path, part: float) -> None:
    for path in (write_lobster(tmp_path), write_spot(tmp_path)):
        data = path.read_bytes()
        path.write_bytes(data[: int(part * len(data))])
        with pytest.raises(DataError):
            open_tapes([path], allow=FAULTS)


def test_truncated_text(tmp_path: Path) -> None:
    path = write_spot(tmp_path, name="spot.txt")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="line 9: is truncated"):
        open_tapes([path])
    message = write_pair(tmp_path)
    message.write_bytes(message.read_bytes()[:-20])
    with pytest.raises(DataError, match="cut off"):
        open_tapes([message])
    message.write_bytes(b"".join(message.read_bytes().splitlines(keepends=True)[:-3]))
    with pytest.raises(DataError, match="one file is incomplete"):
        open_tapes([message])


@pytest.mark.parametrize("name", ["a.zip", "a.gz", "a.txt", "a.parquet", LOBSTER_NAME.format(kind="message")])
def test_empty_noise_and_pickle(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(1)
    noise = [b"", b"\n" * 1_000, b"\0" * 5_000, rng.bytes(50_000), pickle.dumps([1]), gzip.compress(rng.bytes(5_000))]
    noise += [gzip.compress(b""), b"PK\x03\x04" + rng.bytes(500), b"\x1f\x8b" + rng.bytes(500), b"PAR1" * 20]
    path = tmp_path / name
    for content in noise:
        path.write_bytes(content)
        path.with_name(LOBSTER_NAME.format(kind="orderbook")).write_bytes(content)
        with pytest.raises(DataError) as caught:
            open_tapes([path], allow=FAULTS)
        assert "\n" not in str(caught.value)


def test_not_one_valid_row(tmp_path: Path) -> None:
    wrong_columns = dict.fromkeys(("message", "orderbook"), b"1,2,3\n" * 20)
    with pytest.raises(DataError, match=r"too short|no valid row"):
        open_tapes([write_lobster(tmp_path, wrong_columns)])
    head = SPOT_LINES[3].replace("0.50000", "-0.50000")
    with pytest.raises(DataError, match="not valid messages"):
        open_tapes([write_spot(tmp_path, [head] * 30)])


def test_zip_without_its_other_half_or_with_nothing_of_ours(tmp_path: Path) -> None:
    half = write_lobster(tmp_path, {"message": b"1,1,1,1,1,1\n"})
    with pytest.raises(DataError, match="without"):
        open_tapes([half])
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="no reader recognises it"):
        open_tapes([other])


def test_bombs_are_refused_without_being_unpacked(tmp_path: Path) -> None:
    path = write_lobster(tmp_path, dict.fromkeys(("message", "orderbook"), b"0" * 400000000))
    with pytest.raises(DataError, match="far more than such text"):
        open_tapes([path])
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(gzip.compress("".join(SPOT_LINES).encode() + b"\n" * 30_000_000, compresslevel=1))
    with pytest.raises(DataError, match="not valid messages"):
        open_tapes([bomb])


def test_a_file_of_another_symbol_in_between_is_refused(tmp_path: Path) -> None:
    other = [text.replace("BTCUSDT", "ETHUSDT") for text in MANY_TRADES]
    with pytest.raises(DataError, match="quarantined"):
        open_tapes([write_spot(tmp_path, [*SPOT_LINES, *MANY_TRADES, *other[:100]])])
    with pytest.raises(DataError, match="catalogue does not know"):
        open_tapes([write_spot(tmp_path, other)])


def test_a_folder_and_an_unreadable_name(tmp_path: Path) -> None:
    (tmp_path / "x.zip").mkdir()
    with pytest.raises(DataError):
        open_tapes([tmp_path / "x.zip"])
    bad_date = write_lobster(tmp_path, name="ABC_2012-13-45_34200000_57600000_{kind}_2.csv")
    with pytest.raises(DataError, match="no valid date"):
        open_tapes([bad_date])


edits = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 30), st.binary(max_size=8)), min_size=1, max_size=4)


def mutate(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Return ``data`` with pieces cut out and put in."""
    for at, cut, put in changes:
        at = at % (len(data) + 1)
        data = data[:at] + put + data[at + cut :]
    return data


@given(changes=edits, packed=st.booleans())
def test_mutated_captures(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, bytes]], packed: bool
) -> None:
    path = write_spot(tmp_path_factory.mktemp("fuzz"), [*SPOT_LINES, *MANY_TRADES[:20]], name="a.txt")
    data = mutate(path.read_bytes(), changes)
    path.write_bytes(gzip.compress(data) if packed else data)
    _open_or_refuse(path)


@given(changes=edits)
def test_mutated_archives(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, bytes]]) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    for path in (write_lobster(folder), write_spot(folder)):
        path.write_bytes(mutate(path.read_bytes(), changes))
        _open_or_refuse(path)


@given(changes=edits, kind=st.sampled_from(["message", "orderbook"]))
def test_mutated_days(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int, bytes]], kind: str
) -> None:
    texts = lobster_text(LOBSTER_ROWS)
    texts[kind] = mutate(texts[kind], changes)
    _open_or_refuse(write_pair(tmp_path_factory.mktemp("fuzz"), texts))


def _open_or_refuse(path: Path) -> None:
    """Open a file with every fault allowed: a tape of sound shape, or one sentence."""
    try:
        tapes = open_tapes([path], allow=FAULTS)
    except NowakeError as refused:
        tapes, sentence = (), str(refused)
    else:
        sentence = ""
    assert "\n" not in sentence
    for tape in tapes:
        assert len(tape)
        assert (tape.t_local() >= tape.t_event).all()
        assert (tape.qty >= 0).all()
