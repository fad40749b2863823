"""The base of everything that crosses a room, and its two codecs.

A value is frozen, keyword-only, refuses unknown fields, validates itself on construction and on decoding, and
round-trips exactly through JSON and MessagePack.
"""

from __future__ import annotations

import hashlib
import numbers
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args

import msgspec

from nowake.core.errors import InputError

T = TypeVar("T")


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the frozen values. Subclasses validate themselves in ``__post_init__``."""


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_JSON = msgspec.json.Encoder(order="deterministic")


def to_msgpack(value: Any) -> bytes:
    """Return ``value`` as MessagePack; equal values give equal bytes in every process."""
    return _ENCODER.encode(value)


def to_json(value: Any) -> bytes:
    """Return ``value`` as JSON; equal values give equal bytes in every process."""
    return _JSON.encode(value)


def _undecodable(data: bytes | str, kind: object, error: Exception) -> InputError:
    return InputError("data", f"{len(data)} bytes", f"a valid {getattr(kind, '__name__', kind)} ({error})")


def from_msgpack(data: bytes, kind: type[T]) -> T:
    """Return the value of type ``kind`` in ``data``.

    Raises:
        InputError: ``data`` does not hold a valid ``kind``.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _undecodable(data, kind, error) from error


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Return the value of type ``kind`` in ``data``.

    Raises:
        InputError: ``data`` does not hold a valid ``kind``.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _undecodable(data, kind, error) from error


def content_hash(value: Any) -> str:
    """Return the hex BLAKE2b-128 of the value's MessagePack: its identity by content."""
    return hashlib.blake2b(to_msgpack(value), digest_size=16).hexdigest()


replace = msgspec.structs.replace
"""``replace(value, **changes)``: the value with the changes, validated again."""


def require(ok: bool, field: str, value: object, rule: str, remedy: str = "") -> None:
    """Raise ``InputError`` unless ``ok``."""
    if not ok:
        raise InputError(field, value, rule, remedy)


def check_types(value: Value) -> None:
    """Refuse fields of another type than declared: the first line of ``__post_init__`` of what callers write by hand.

    What means the same takes the declared form: a list becomes a tuple, a whole number a float, a number of another
    library (NumPy) one of Python's. Text is never read as a number, nor a number as a truth value.

    Raises:
        InputError: Names the field and what it must be.
    """
    fields = _fields_of(type(value))
    for found, (name, plain, kind) in zip(msgspec.structs.astuple(value), fields, strict=True):
        if type(found) in plain:
            if type(found) is str and not found.isascii():
                require(_is_text(found), name, found, "text that UTF-8 can hold")
            continue
        for text in found if isinstance(found, list | tuple) else (found,):
            if isinstance(text, str) and not text.isascii():
                require(_is_text(text), name, found, "text that UTF-8 can hold")
        try:
            made = msgspec.convert(_plain(found), kind)
        except (msgspec.ValidationError, ValueError):
            raise InputError(name, found, _in_words(kind)) from None
        if made is not found:
            msgspec.structs.force_setattr(value, name, made)


@cache
def _fields_of(kind: type[Value]) -> tuple[tuple[str, frozenset[Any], Any], ...]:
    """Return of every field its name, the classes of what is taken as it is, and its type.

    Looked up once a class, as it takes longer than the checks.
    """
    return tuple(
        (
            field.name,
            frozenset(get_args(field.type) if isinstance(field.type, UnionType) else (field.type,)),
            field.type,
        )
        for field in msgspec.structs.fields(kind)
    )


def _is_text(text: str) -> bool:
    """Return whether a text can be stored: no half of a character, as names of files that are no UTF-8 come."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_OWN = (int, Decimal, str, tuple, list, NoneType, msgspec.Struct)


def _plain(value: object) -> object:
    """Return numbers of other libraries as Python's own."""
    if isinstance(value, _OWN):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _in_words(kind: Any) -> str:
    """Return what a field of a type must be, completing "must be ..."."""
    words = {bool: "True or False", int: "a whole number", float: "a number", Decimal: "a number", str: "text"}
    if kind in words:
        return words[kind]
    inner = get_args(kind)
    if isinstance(kind, UnionType):
        return " or ".join("None" if one is NoneType else _in_words(one) for one in inner)
    if inner:
        return "a list of texts" if inner[0] is str else "a list"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(str(one.value) for one in kind)}"
    return f"a {getattr(kind, '__name__', kind)}"


def force_lower(value: Value, *names: str) -> None:
    """Write names out of a table in small letters without blanks around, in ``__post_init__``: one form, one hash."""
    for name in names:
        msgspec.structs.force_setattr(value, name, getattr(value, name).strip().lower())
