"""Records survive the round trip exactly, and the chain does not care how they were batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nowake.core.decisions import AnyDecision
from nowake.core.errors import JournalError
from nowake.core.inputs import AnyInput
from nowake.core.ports import Record
from nowake.core.value import from_json, to_json, to_msgpack
from nowake.journal.codec import decode_batch, decode_record, digest, encode_batch, extend, join, split

parts_of_batches = st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=6)


def test_every_kind_of_record_is_tried(every_record: tuple[Record, ...]) -> None:
    kinds = {*get_args(AnyInput), *get_args(AnyDecision)}
    assert {type(record) for record in every_record} == kinds


def test_records_round_trip_to_the_byte(every_record: tuple[Record, ...]) -> None:
    for record in every_record:
        data = to_msgpack(record)
        assert decode_record(data) == record
        assert to_msgpack(decode_record(data)) == data
        assert from_json(to_json(record), type(record)) == record


def test_tags_are_unique(every_record: tuple[Record, ...]) -> None:
    tags = [msgspec.msgpack.decode(to_msgpack(record))["record"] for record in every_record]
    assert len(set(tags)) == len(tags)


def test_batches_round_trip(make_batch: Callable[[int], Sequence[Record]]) -> None:
    for k in range(60):
        batch = make_batch(k)
        body = join(encode_batch(batch))
        back = decode_batch(k, body, b"raw")
        assert (back.seq, list(back.records), back.raw) == (k, list(batch), b"raw")


@pytest.mark.parametrize("n", [1, 15, 16, 65_535, 65_536])
def test_join_and_split_at_the_sizes_of_messagepack_arrays(n: int) -> None:
    parts = [msgspec.msgpack.encode(k) for k in range(n)]
    assert msgspec.msgpack.decode(join(parts)) == list(range(n))
    assert [bytes(part) for part in split(join(parts))] == parts


def test_only_one_input_and_then_decisions_is_a_batch(every_record: tuple[Record, ...]) -> None:
    first, decision = every_record[0], every_record[-1]
    for wrong in ([], [decision], [decision, first], [first, first], [first, decision, first], ["text"]):
        with pytest.raises(JournalError, match="a batch must"):
            encode_batch(wrong)


@given(batches=parts_of_batches)
def test_the_chain_is_over_records_not_batches(batches: list[list[bytes]]) -> None:
    head = bytes(32)
    for parts in batches:
        head = extend(head, parts)
    assert head == extend(bytes(32), [part for parts in batches for part in parts])


@given(batches=parts_of_batches.filter(any), data=st.data())
def test_every_flipped_bit_changes_the_chain(batches: list[list[bytes]], data: st.DataObject) -> None:
    parts = [part for batch in batches for part in batch]
    k = data.draw(st.integers(0, len(parts) - 1))
    flipped = bytearray(parts[k] or b"\0")
    flipped[data.draw(st.integers(0, len(flipped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert extend(bytes(32), parts) != extend(bytes(32), [*parts[:k], bytes(flipped), *parts[k + 1 :]])


@given(data=st.binary(max_size=200))
def test_noise_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(JournalError, match="not"):
        decode_record(data)
    with pytest.raises(JournalError, match="not readable"):
        decode_batch(3, data)


def test_digest_keeps_its_parts_apart() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
