"""LOBSTER: rows, seeding and the check against the recorded book."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_files import LOBSTER_ROWS, lobster_text, write_lobster, write_pair
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError
from nowake.core.tape import END, HIDDEN, KIND_MASK, SEEDED, SIDE_MASK, SIDE_SHIFT, Book, Row, Tape
from nowake.data.build import Columns
from nowake.data.readers import READERS, ReadOptions
from nowake.data.readers.lobster_book import lobster_rows_kernel, lobster_rows_reference
from nowake.data.source import check_paths, open_tapes

LOBSTER = READERS["lobster"]


def rows_of(tape: Tape) -> list[tuple[int, Row, Book, int, int, bool, bool]]:
    """Return (second, kind, side, price, qty, seeded, end) of every row."""
    midnight = 1_340_251_200_000_000_000  # 2012-06-21 00:00 in New York
    return [
        (
            (int(t) - midnight) // 10**9,
            Row(int(c) & KIND_MASK),
            Book((int(c) & SIDE_MASK) >> SIDE_SHIFT),
            int(p),
            int(q),
            bool(c & SEEDED),
            bool(c & END),
        )
        for t, c, p, q in zip(tape.t_event, tape.code, tape.prices(), tape.qty, strict=True)
    ]


def books_after_each_message(tape: Tape) -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Return (asks, bids), best first, after every END row: a book kept as plainly as can be."""
    sides: dict[int, dict[int, int]] = {1: {}, 2: {}}
    found = []
    for c, p, q in zip(tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True):
        kind, side = c & KIND_MASK, (c & SIDE_MASK) >> SIDE_SHIFT
        if kind == Row.CLEAR:
            sides = {1: {}, 2: {}}
        elif kind <= Row.FILL:
            book = sides[side]
            book[p] = q if kind == Row.SET else book.get(p, 0) + (q if kind == Row.ADD else -q)
            assert book[p] >= 0
            if not book[p]:
                del book[p]
        if c & END:
            found.append((sorted(sides[2].items()), sorted(sides[1].items(), reverse=True)))
    return found


def recorded_books(text: bytes) -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Return (asks, bids) of every line of an order-book file."""
    found = []
    for line in text.decode().split():
        cells = [int(cell) for cell in line.split(",")]
        levels = [cells[i : i + 4] for i in range(0, len(cells), 4)]
        asks = [(ap, aq) for ap, aq, _, _ in levels if aq]
        bids = [(bp, bq) for _, _, bp, bq in levels if bq]
        found.append((asks, bids))
    return found


def test_rows_of_a_small_day(tmp_path: Path) -> None:
    (tape,) = open_tapes([write_lobster(tmp_path)])
    assert rows_of(tape) == [
        (34200, Row.TRADE, Book.BID, 1005000, 3, False, False),  # a hidden ask was hit by a buyer
        (34200, Row.CLEAR, Book.NONE, 0, 0, False, False),
        (34200, Row.SET, Book.BID, 1000000, 7, True, False),
        (34200, Row.SET, Book.BID, 990000, 8, True, False),
        (34200, Row.SET, Book.ASK, 1010000, 5, True, False),
        (34200, Row.SET, Book.ASK, 1020000, 6, True, True),
        (34200, Row.ADD, Book.BID, 1000000, 4, False, True),
        (34201, Row.ADD, Book.ASK, 1005000, 2, False, False),
        (34201, Row.SET, Book.ASK, 1020000, 0, True, True),
        (34202, Row.FILL, Book.ASK, 1005000, 2, False, False),
        (34202, Row.SET, Book.ASK, 1020000, 9, True, True),
        (34203, Row.REDUCE, Book.BID, 1000000, 1, False, True),
        (34204, Row.DELETE, Book.BID, 1000000, 3, False, True),
        (34205, Row.HALT, Book.NONE, 0, 0, False, True),
        (34206, Row.RESUME, Book.NONE, 0, 0, False, True),
        (34207, Row.FILL, Book.BID, 1000000, 7, False, False),
        (34207, Row.SET, Book.BID, 980000, 1, True, True),
    ]
    assert tape.code[0] & HIDDEN
    assert tape.order_id.tolist()[6:10] == [11, 12, 0, 12]
    assert tape.t_event[6] == 1_340_251_200_000_000_000 + 34_200_189_607_670
    assert tape.meta.depth_levels == 2
    assert tape.listing.volume_base == "Nasdaq prints only"
    assert tape.listing.key == "ABC@XNAS"
    figures = tape.meta.figures
    assert (figures.compared, figures.seeded, figures.mismatched) == (9 * 4 - 6, 6, 0)


def test_the_book_equals_the_file_after_every_message(tmp_path: Path) -> None:
    texts = lobster_text(LOBSTER_ROWS)
    (tape,) = open_tapes([write_lobster(tmp_path, texts)])
    assert books_after_each_message(tape) == recorded_books(texts["orderbook"])


def test_zip_and_either_half_of_the_pair_are_the_same_tape(tmp_path: Path) -> None:
    (from_zip,) = open_tapes([write_lobster(tmp_path)])
    message = write_pair(tmp_path)
    book = message.with_name(message.name.replace("message", "orderbook"))
    for paths in ([message], [book], [message, book]):
        (tape,) = open_tapes(paths)
        assert tape.meta.content_hash == from_zip.meta.content_hash


@pytest.mark.parametrize(
    ("row", "old", "new"),
    [(4, ",10,", ",9,"), (5, "1010000,5,", "1010000,4,"), (6, "990000,8", "990100,8"), (3, "1010000,5", "1009900,5")],
)
def test_a_planted_error_in_the_book_is_a_mismatch(tmp_path: Path, row: int, old: str, new: str) -> None:
    rows = list(LOBSTER_ROWS)
    assert old in rows[row][1]
    rows[row] = (rows[row][0], rows[row][1].replace(old, new))
    path = write_lobster(tmp_path, lobster_text(rows))
    (report,) = check_paths([path])
    assert report.mismatched > 0
    assert report.faults == ("mismatched",)
    with pytest.raises(DataError, match="--allow mismatched"):
        open_tapes([path])
    (tape,) = open_tapes([path], allow={"mismatched"})
    assert books_after_each_message(tape) == recorded_books(lobster_text(rows)["orderbook"])


@pytest.mark.parametrize(
    ("time", "disordered"),
    [
        ("34200.5", 1),  # 4.5 s before the row above
        ("34203.999999999", 1),  # a nanosecond more than a second before it
        ("34204", 0),  # a second: clocks are that bad
        ("34204.9", 0),
        ("40000", 1),  # far ahead: the row below goes back
    ],
)
def test_a_message_far_out_of_order_is_a_fault(tmp_path: Path, time: str, disordered: int) -> None:
    rows = list(LOBSTER_ROWS)
    halt = 6  # leaves the book alone
    assert (rows[halt - 1][0].split(",")[0], rows[halt][0].split(",")[0]) == ("34204", "34205")
    rows[halt - 1] = ("34205" + rows[halt - 1][0].removeprefix("34204"), rows[halt - 1][1])
    rows[halt] = (time + rows[halt][0].removeprefix("34205"), rows[halt][1])
    path = write_lobster(tmp_path, lobster_text(rows))
    (report,) = check_paths([path])
    assert report.disordered == disordered
    assert report.faults == (("disordered",) if disordered else ())
    if disordered:
        with pytest.raises(DataError, match=r"1 disordered.*--allow disordered"):
            open_tapes([path])
        open_tapes([path], allow={"Disordered"})


@pytest.mark.parametrize("row", [1, 2, 3, 4, 5, 8])
def test_a_lost_message_is_a_mismatch(tmp_path: Path, row: int) -> None:
    """The message becomes one that leaves the displayed book alone, so its effect is not explained."""
    rows = list(LOBSTER_ROWS)
    fields = rows[row][0].split(",")
    rows[row] = (",".join([fields[0], "5", *fields[2:]]), rows[row][1])
    (report,) = check_paths([write_lobster(tmp_path, lobster_text(rows))])
    assert report.mismatched > 0


messages = st.tuples(
    st.sampled_from([1, 1, 1, 2, 3, 4, 5, 6, 7]), st.integers(1, 3), st.integers(95, 105), st.sampled_from([-1, 1])
)


@given(data=st.data(), levels=st.integers(1, 4), count=st.integers(1, 40))
def test_kernel_equals_reference(data: st.DataObject, levels: int, count: int) -> None:
    """On books that sometimes follow from the messages and sometimes do not, with bad lines among them."""
    draw = data.draw
    message = np.zeros((count, 6), dtype=np.int64)
    book = np.zeros((count, 4 * levels), dtype=np.int64)
    sides: list[dict[int, int]] = [dict.fromkeys(range(106, 110), 2), dict.fromkeys(range(91, 95), 2)]
    for k in range(count):
        kind, size, price, direction = draw(messages)
        message[k] = (k, kind, k, size, price, direction)
        side = sides[direction == 1]
        if kind == 1:
            side[price] = side.get(price, 0) + size
        elif kind in (2, 3, 4) and side.get(price, 0) >= size:
            side[price] -= size
            if not side[price]:
                del side[price]
        if draw(st.integers(0, 9)) == 0:
            side[draw(st.integers(90, 110))] = draw(st.integers(1, 3))
        for s, prices in enumerate((sorted(sides[0]), sorted(sides[1], reverse=True))):
            for place in range(levels):
                known = place < len(prices)
                book[k, 4 * place + 2 * s] = prices[place] if known else (9_999_999_999 if s == 0 else -9_999_999_999)
                book[k, 4 * place + 2 * s + 1] = sides[s][prices[place]] if known else 0
    flags = st.lists(st.integers(0, 12).map(bool), min_size=count, max_size=count)
    message_ok, book_ok = np.array(draw(flags)), np.array(draw(flags))
    room = count * (3 + 4 * levels)
    out = Columns(*(np.zeros(room, dtype=t) for t in (np.int64, np.uint16, np.int64, np.int64)))
    figures = np.zeros(4, dtype=np.int64)
    n = lobster_rows_kernel(message, message_ok, book, book_ok, out.t_event, out.code, out.price, out.qty, figures)
    rows, expected = lobster_rows_reference(message, message_ok, book, book_ok)
    made = [(int(out.t_event[i]), int(out.code[i]), int(out.price[i]), int(out.qty[i])) for i in range(n)]
    assert made == [tuple(int(x) for x in row) for row in rows]
    assert figures.tolist() == expected
    if message_ok.all() and book_ok.all():
        assert figures[0] + figures[1] == count * 2 * levels


@pytest.mark.parametrize(
    ("name", "lines", "compared", "seeded"),
    [
        ("AMZN_2012-06-21_5", 155_935, 1_525_500, 33_850),
        ("AMZN_2012-06-21_1", 57_515, 101_075, 13_955),
        ("AAPL_2012-06-21_1", 118_497, 206_921, 30_073),
    ],
)
def test_recorded_days(recorded_data: Path, name: str, lines: int, compared: int, seeded: int) -> None:
    path = recorded_data / "lobster" / f"LOBSTER_SampleFile_{name}.zip"
    (report,) = check_paths([path])
    assert (report.lines, report.compared, report.seeded) == (lines, compared, seeded)
    assert (report.mismatched, report.quarantined, report.crossed, report.overtaken) == (0, 0, 0, 0)
    assert report.faults == ()


def test_recorded_book_equals_the_file(recorded_data: Path) -> None:
    """An independent rebuild from the tape's rows, held against every recorded level."""
    import zipfile

    path = recorded_data / "lobster" / "LOBSTER_SampleFile_AMZN_2012-06-21_5.zip"
    (tape,) = LOBSTER.read([path], ReadOptions())
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if "orderbook" in name)
        expected = recorded_books(archive.read(name))
    assert books_after_each_message(tape) == expected
