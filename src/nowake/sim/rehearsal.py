"""State that can be put back: what a market holds in arrays, copied before its kernels run ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nowake.market.book import HEAD, WIDTH, WORDS

Array = npt.NDArray[Any]

BOOK = "book"
"""Attribute that is a book (``market.book``): of its window only the slots in use are copied."""


def copy_book(source: Array, target: Array) -> None:
    """Make ``target``, a book of the same shape, equal to ``source``: only slots in use of either are written."""
    width, words = int(source[WIDTH]), int(source[WORDS])
    if (width, words) != (int(target[WIDTH]), int(target[WORDS])):
        np.copyto(target, source)
        return
    bits = HEAD + 2 * width
    for side in (0, 1):
        sizes, marks = HEAD + side * width, slice(bits + side * words, bits + (side + 1) * words)
        for book in (target, source):
            used = np.flatnonzero(book[marks])
            if len(used):
                at = slice(sizes + 64 * int(used[0]), sizes + 64 * int(used[-1]) + 64)
                target[at] = source[at]
    target[:HEAD] = source[:HEAD]
    target[bits:] = source[bits:]


class Saved:
    """Copies of the arrays of some objects, taken again and again into the same memory.

    Args:
        owners: Objects whose attributes are arrays; other attributes are not looked at. Arrays that are never written
            (a tape's columns) are not copied.
    """

    def __init__(self, *owners: object) -> None:
        self._owners = owners
        self._copies: dict[tuple[int, str], Array] = {}

    def take(self) -> None:
        """Copy the arrays as they are now."""
        for number, owner in enumerate(self._owners):
            for name, array in vars(owner).items():
                if isinstance(array, np.ndarray) and array.flags.writeable:
                    copy = self._copies.get((number, name))
                    if copy is None or copy.shape != array.shape or copy.dtype != array.dtype:
                        self._copies[number, name] = array.copy()
                    elif name == BOOK:
                        copy_book(array, copy)
                    else:
                        np.copyto(copy, array)

    def put_back(self) -> None:
        """Give the owners the copies for their arrays; these become the memory of the next copies."""
        for (number, name), copy in self._copies.items():
            owner = self._owners[number]
            self._copies[number, name] = getattr(owner, name)
            setattr(owner, name, copy)
