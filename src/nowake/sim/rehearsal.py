"""State that can be put back: what a market holds in arrays, copied before its kernels run ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


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
                        copy = self._copies[number, name] = np.empty_like(array)
                    np.copyto(copy, array)

    def put_back(self) -> None:
        """Give the owners the copies for their arrays; these become the memory of the next copies."""
        for (number, name), copy in self._copies.items():
            owner = self._owners[number]
            self._copies[number, name] = getattr(owner, name)
            setattr(owner, name, copy)
