"""The lake gives back exactly what was written, and refuses what it did not write."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_files import SPOT_LINES, depth, trade, write_lobster, write_spot
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.errors import DataError, InputError
from nowake.core.tape import END, KIND_MASK, SNAPSHOT, Book, Figures, Row, Tape, TapeMeta, row_code
from nowake.core.value import replace
from nowake.data.build import COLUMNS, Columns, columns_of, make_tape
from nowake.data.catalogue import load_catalogue
from nowake.data.checks import check
from nowake.data.lake import lake_files, list_lake, read_lake, write_lake
from nowake.data.source import open_tapes

DAY_MS = 86_400_000
NEXT_DAY = [
    depth(DAY_MS, 31, 40, [("99.50", "1.00000")], []),
    trade(DAY_MS + 1, 3, "99.50", "1.00000", buyer_is_maker=True),
]


def assert_same(left: Tape, right: Tape) -> None:
    """Assert that two tapes are equal to the last bit and type."""
    assert left.meta == right.meta
    for name in COLUMNS:
        mine, theirs = getattr(left, name), getattr(right, name)
        assert mine.dtype == theirs.dtype, name
        assert np.array_equal(mine, theirs), name


@pytest.fixture
def two_days(tmp_path: Path) -> Tape:
    """Return a tape that runs over midnight."""
    (tape,) = open_tapes([write_spot(tmp_path, [*SPOT_LINES, *NEXT_DAY])])
    return tape


def test_round_trip_of_both_readers(tmp_path: Path) -> None:
    tapes = open_tapes([write_lobster(tmp_path), write_spot(tmp_path)])
    for tape in tapes:
        write_lake(tape, tmp_path / "lake")
    for tape in tapes:
        (again,) = read_lake(tmp_path / "lake", tape.listing.key)
        assert_same(again, tape)
        assert check(again) == check(tape)
    assert {tape.listing.key for tape in read_lake(tmp_path / "lake")} == {tape.listing.key for tape in tapes}


@given(data=st.data(), n=st.integers(1, 60), received=st.booleans(), ids=st.booleans(), big=st.booleans())
def test_round_trip_of_any_columns(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, n: int, received: bool, ids: bool, big: bool
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    t = np.sort(rng.integers(1_700_000_000 * 10**9, 1_700_200_000 * 10**9, n))
    columns = Columns(
        t_event=t,
        code=(rng.integers(0, 11, n) | rng.integers(0, 3, n) << 4 | END).astype(np.uint16),
        price=rng.integers(0, 2**31, n) + (2**40 if big else 0),
        qty=rng.integers(0, 2**40 if big else 2**20, n),
        t_recv=t + 5 * 10**9 if received else np.empty(0, dtype=np.int64),
        order_id=rng.integers(0, 2**60, n if ids else 0),
    )
    tape = make_tape(load_catalogue().find("SYNTH"), "made", "test/1", columns, Figures(lines=n))
    write_lake(tape, folder)
    (again,) = read_lake(folder)
    assert_same(again, tape)


def test_a_tape_over_midnight_is_two_files_and_one_tape(tmp_path: Path, two_days: Tape) -> None:
    lake = tmp_path / "lake"
    files = write_lake(two_days, lake)
    assert [file.parent.name for file in files] == ["date=2024-08-08", "date=2024-08-09"]
    (again,) = read_lake(lake)
    assert_same(again, two_days)
    first, second = list_lake(lake)
    assert (first.part.head_rows, second.part.head_rows) == (0, 4)
    assert first.part.rows + second.part.rows == len(two_days)


def test_every_file_starts_with_a_snapshot_row_group(tmp_path: Path, two_days: Tape) -> None:
    for file in write_lake(two_days, tmp_path):
        head = pq.ParquetFile(file).read_row_group(0)["code"].to_numpy()
        assert head[0] & KIND_MASK == Row.CLEAR
        assert all(code & SNAPSHOT for code in head.tolist())
        assert head[-1] & END


def test_a_later_day_alone_starts_with_its_head(tmp_path: Path, two_days: Tape) -> None:
    write_lake(two_days, tmp_path)
    (tape,) = read_lake(tmp_path, days=(date(2024, 8, 9),))
    levels = list(zip(tape.code.tolist(), tape.prices().tolist(), tape.qty.tolist(), strict=True))
    assert levels[:4] == [
        (row_code(Row.CLEAR, Book.NONE, SNAPSHOT), 0, 0),
        (row_code(Row.SET, Book.BID, SNAPSHOT), 9_900, 9_000_000),
        (row_code(Row.SET, Book.ASK, SNAPSHOT), 10_100, 2_500_000),
        (row_code(Row.SET, Book.ASK, SNAPSHOT, END), 10_200, 4_000_000),
    ]
    assert tape.meta.content_hash != two_days.meta.content_hash
    assert (tape.t_local() >= tape.t_event).all()


def test_writing_twice_is_harmless_and_another_recording_is_refused(tmp_path: Path, two_days: Tape) -> None:
    write_lake(two_days, tmp_path / "lake")
    write_lake(two_days, tmp_path / "lake")
    (other,) = open_tapes([write_spot(tmp_path)])
    words = r"^venue=binance-spot/symbol=BTCUSDT/date=2024-08-08/tape\.parquet: .* already in the lake, from spot\.gz; "
    with pytest.raises(DataError, match=words + r"import the files .* together in one command, .* --overwrite"):
        write_lake(other, tmp_path / "lake")
    assert_same(read_lake(tmp_path / "lake")[0], two_days)


def test_a_second_form_of_a_listing_is_refused_at_import(tmp_path: Path, two_days: Tape) -> None:
    lake = tmp_path / "lake"
    first, second = write_lake(two_days, lake)
    second.unlink()
    columns = columns_of(two_days)
    later = Columns(columns.t_event + 10 * DAY_MS * 10**6, columns.code, columns.price, columns.qty)
    shapes = [(replace(two_days.meta, modelled="5m bars"), "not modelled, 5m bars")]
    shapes.append((replace(two_days.meta, depth_levels=5), "2 levels, 5 levels"))
    for meta, words in shapes:
        other = replace_meta(two_days, meta, columns.t_event + 10 * DAY_MS * 10**6)
        with pytest.raises(DataError, match=rf"another depth or form, .*\({words}\).*; import it into another folder"):
            write_lake(other, lake)
    bare = make_tape(two_days.listing, "later", "test/1", later, Figures())
    with pytest.raises(DataError, match="with receive times, without receive times"):
        write_lake(bare, lake, overwrite=True)
    assert [file.path for file in lake_files(lake)] == [first]
    first.write_bytes(b"no Parquet")
    assert len(write_lake(bare, lake)) == 2, "a damaged day elsewhere is in nobody's way"


def replace_meta(tape: Tape, meta: TapeMeta, t_event: np.ndarray) -> Tape:
    """Return a tape with another meta at other times."""
    return Tape(meta, t_event, *(getattr(tape, name) for name in COLUMNS[1:]))


def test_a_missing_day_in_the_middle_is_said(tmp_path: Path) -> None:
    third = depth(2 * DAY_MS, 41, 50, [("99.60", "1.00000")], [])
    (tape,) = open_tapes([write_spot(tmp_path, [*SPOT_LINES, *NEXT_DAY, third])])
    files = write_lake(tape, tmp_path / "lake")
    files[1].unlink()
    with pytest.raises(DataError, match="lacks the rows between"):
        read_lake(tmp_path / "lake")


def test_a_copy_of_a_file_beside_it_is_named_not_taken_for_missing_rows(tmp_path: Path, two_days: Tape) -> None:
    first, *_ = write_lake(two_days, tmp_path)
    shutil.copy(first, first.with_name("copy.parquet"))
    with pytest.raises(DataError, match="holds too; take one of the two files away") as said:
        read_lake(tmp_path)
    assert "copy.parquet" in str(said.value)


def test_polars_reads_the_lake_without_us(tmp_path: Path, two_days: Tape) -> None:
    write_lake(two_days, tmp_path)
    frame = pl.read_parquet(tmp_path / "**" / "*.parquet", hive_partitioning=True)
    prints = frame.filter((pl.col("code") & 15) == int(Row.TRADE))
    assert prints["qty"].sum() == 1_750_000
    assert set(frame["symbol"]) == {"BTCUSDT"}


def damage_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"\x28\xb5\x2f\xfd") + 9  # inside the first zstd frame
    data[at] ^= 0xFF
    path.write_bytes(bytes(data))


def damage_listing(path: Path) -> None:
    data = path.read_bytes()
    assert data.count(b'"min_notional":"5"') == 1
    path.write_bytes(data.replace(b'"min_notional":"5"', b'"min_notional":"6"'))


def damage_foreign(path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), path)


def rewrite(path: Path, table: pa.Table, meta: dict[bytes, bytes]) -> None:
    """Write ``table`` over ``path`` as if it were ours."""
    with pq.ParquetWriter(path, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(meta)


def ours(path: Path) -> dict[bytes, bytes]:
    """Return our part of the metadata."""
    metadata = pq.read_metadata(path).metadata
    return {key: value for key, value in metadata.items() if key.startswith(b"nowake.")}


def damage_meta(path: Path) -> None:
    empty = hashlib.blake2b(b"{}\0{}", digest_size=16).hexdigest().encode()
    meta = {b"nowake.meta": b"{}", b"nowake.part": b"{}", b"nowake.seal": empty}
    rewrite(path, pq.read_table(path, partitioning=None), meta)


def damage_rows(path: Path) -> None:
    rewrite(path, pq.read_table(path, partitioning=None).slice(1), ours(path))


def damage_types(path: Path) -> None:
    table = pq.read_table(path, partitioning=None)
    price = table["price"].cast(pa.float64())
    rewrite(path, table.set_column(table.column_names.index("price"), "price", price), ours(path))


DAMAGES = [
    damage_pickle,
    damage_cut,
    damage_empty,
    damage_page,
    damage_listing,
    damage_foreign,
    damage_meta,
    damage_rows,
    damage_types,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_damaged_files_are_refused(tmp_path: Path, two_days: Tape, damage: object) -> None:
    first, _ = write_lake(two_days, tmp_path / "lake")
    assert callable(damage)
    damage(first)
    for path in (tmp_path / "lake", first):
        with pytest.raises(DataError):
            open_tapes([path])


@pytest.mark.parametrize("bits", [1, *(pytest.param(1 << k, marks=pytest.mark.slow) for k in range(1, 8))])
def test_a_flipped_bit_anywhere_never_gives_another_tape(tmp_path: Path, bits: int) -> None:
    """In pages, and in what says how to read them, of which Parquet has no checksum."""
    (tape,) = open_tapes([write_spot(tmp_path)])
    (path,) = write_lake(tape, tmp_path / "lake")
    data = path.read_bytes()
    refused = 0
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes((data[at] ^ bits,)) + data[at + 1 :])
        try:
            (again,) = open_tapes([path])
        except DataError:
            refused += 1
        else:
            assert_same(again, tape)
    assert refused > len(data) / 2


def test_no_lake(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a lake"):
        read_lake(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_lake(tmp_path / "none")


def test_unknown_symbol_names_what_is_there(tmp_path: Path, two_days: Tape) -> None:
    write_lake(two_days, tmp_path)
    with pytest.raises(InputError, match="BTCUSDT@binance-spot"):
        read_lake(tmp_path, "ETHUSDT")


def test_recorded_capture_over_midnight(recorded_data: Path, tmp_path: Path) -> None:
    (tape,) = open_tapes(sorted((recorded_data / "binance").glob("spot_btcusdt_*")))
    files = write_lake(tape, tmp_path)
    assert len(files) == 2
    (again,) = read_lake(tmp_path)
    assert_same(again, tape)
