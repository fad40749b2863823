"""Identities are content: the same intent has the same id in every process and after every restart."""

from __future__ import annotations

import hashlib

CHILD_ID_LENGTH = 26
"""Characters of a child id: fits the 36 of Binance and the 20-64 of FIX venues we know; lower-case base 32."""

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple([low + high for high in _ALPHABET for low in _ALPHABET])
"""The two characters of every ten bits, the lower five first."""


def digest(*parts: str | int, length: int = CHILD_ID_LENGTH) -> str:
    """Return ``length`` base-32 characters (5 bits each) of a BLAKE2b over the parts, unambiguously joined."""
    text = "".join([f"{len(str(part))}:{part}" for part in parts])
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=32).digest(), "big")
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(0, 5 * length, 10)])[:length]


def leg_id(slice_index: int, venue: str, role: str) -> str:
    """Return the name of one simultaneous intent: slice x venue x role."""
    return f"{slice_index:05d}/{venue}/{role}"


def child_id(parent_id: str, leg: str, attempt: int) -> str:
    """Return the id that attempt ``attempt`` (0-based) of ``leg`` is sent under: same inputs, same id."""
    return digest("child", parent_id, leg, attempt)


def parent_id(journal_id: str, sequence: int) -> str:
    """Return the id of the ``sequence``-th order of a journal whose caller gave no key."""
    return digest("parent", journal_id, sequence, length=16)


def random_word(seed: int, *purpose: str | int) -> int:
    """Return a 64-bit number that depends on the seed and the purpose only (counter-based randomness)."""
    text = "".join(f"{len(str(part))}:{part}" for part in (seed, *purpose))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
