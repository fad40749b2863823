"""A map from i64 to i64 that a kernel can hold: open addressing, linear probing, deletion without tombstones.

A table is an i64 array of ``2 * capacity`` words, (key, value) pairs; the capacity is a power of two and the caller
keeps it at most half full. ``NO_KEY`` marks a free slot and is no key.
"""

from __future__ import annotations

import numpy as np

from nowake.core.jit import kernel
from nowake.core.tape import I64

NO_KEY = -(2**63)
_MIX = 0x9E3779B97F4A7C1


def new_table(capacity: int) -> I64:
    """Return an empty table of ``capacity`` slots (a power of two)."""
    table = np.zeros(2 * capacity, dtype=np.int64)
    table[::2] = NO_KEY
    return table


@kernel(counted=False)
def slot_of(key: int, mask: int) -> int:
    """Return the home slot of a key."""
    mixed = key * _MIX
    return (mixed ^ (mixed >> 29)) & mask


@kernel(counted=False)
def table_find(table: I64, key: int) -> int:
    """Return the slot that holds ``key``, or the free slot where it would go."""
    mask = table.shape[0] // 2 - 1
    slot = slot_of(key, mask)
    while table[2 * slot] != key and table[2 * slot] != NO_KEY:
        slot = (slot + 1) & mask
    return slot


@kernel(counted=False)
def table_get(table: I64, key: int) -> int:
    """Return the value of ``key``, 0 when absent."""
    slot = table_find(table, key)
    return table[2 * slot + 1] if table[2 * slot] == key else 0


@kernel(counted=False)
def table_put(table: I64, key: int, value: int) -> int:
    """Set ``key`` to ``value``; a value of 0 removes it. Returns the change of the number of keys: -1, 0, 1."""
    mask = table.shape[0] // 2 - 1
    slot = table_find(table, key)
    present = table[2 * slot] == key
    if value != 0:
        table[2 * slot] = key
        table[2 * slot + 1] = value
        return 0 if present else 1
    if not present:
        return 0
    hole, probe = slot, slot
    while True:
        probe = (probe + 1) & mask
        if table[2 * probe] == NO_KEY:
            break
        home = slot_of(table[2 * probe], mask)
        # Move the entry into the hole unless its home lies cyclically in (hole, probe].
        if ((probe - home) & mask) >= ((probe - hole) & mask):
            table[2 * hole] = table[2 * probe]
            table[2 * hole + 1] = table[2 * probe + 1]
            hole = probe
    table[2 * hole] = NO_KEY
    table[2 * hole + 1] = 0
    return -1


def grown(table: I64) -> I64:
    """Return a table of twice the capacity with the same entries."""
    bigger = new_table(table.shape[0])
    for key, value in table.reshape(-1, 2).tolist():
        if key != NO_KEY:
            table_put(bigger, key, value)
    return bigger
