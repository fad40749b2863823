"""The base of everything that crosses a room, and its two codecs.

A value is frozen, keyword-only, refuses unknown fields, validates itself on construction and on decoding, and
round-trips exactly through JSON and MessagePack.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

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
        raise InputError(
            "data", f"{len(data)} bytes", f"a valid {getattr(kind, '__name__', kind)} ({error})"
        ) from error


def from_json(data: bytes | str, kind: type[T]) -> T:
    """Return the value of type ``kind`` in ``data``.

    Raises:
        InputError: ``data`` does not hold a valid ``kind``.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "data", f"{len(data)} bytes", f"a valid {getattr(kind, '__name__', kind)} ({error})"
        ) from error


def content_hash(value: Any) -> str:
    """Return the hex BLAKE2b-128 of the value's MessagePack: its identity by content."""
    return hashlib.blake2b(to_msgpack(value), digest_size=16).hexdigest()


def replace(value: T, **changes: Any) -> T:
    """Return ``value`` with ``changes``, validated again."""
    return msgspec.structs.replace(value, **changes)  # type: ignore[type-var]


def require(ok: bool, field: str, value: object, rule: str, remedy: str = "") -> None:
    """Raise ``InputError`` unless ``ok``."""
    if not ok:
        raise InputError(field, value, rule, remedy)


def force_floats(value: Value, *names: str) -> None:
    """Turn whole numbers in float fields into floats, in ``__post_init__``.

    ``1`` is a legal ``float`` argument, equals ``1.0`` and encodes to other bytes; identity by content needs one form.
    """
    for name in names:
        found = getattr(value, name)
        if isinstance(found, int) and not isinstance(found, bool):
            msgspec.structs.force_setattr(value, name, float(found))
