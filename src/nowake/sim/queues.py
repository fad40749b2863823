"""The queue models of the L2 matcher by name; the formulas stand in ``market.queue``."""

from __future__ import annotations

from nowake.core.errors import InputError
from nowake.core.tape import Tape
from nowake.core.value import Value

FIFO = 6
"""Exact first come first served, from the order ids of an order-by-order tape."""
AUTO = "auto"
"""``fifo`` where the tape has order ids, else ``ESTIMATE``."""
ESTIMATE = "power-2"
_FAMILIES = {"power": 1, "power2": 2, "power3": 3}
_PLAIN = {"risk-averse": 0, "log": 4, "log2": 5, "fifo": FIFO, "optimistic": 7}


class QueueModel(Value, frozen=True):
    """A queue model as the kernels take it: its number and, for the power models, its exponent."""

    name: str
    number: int
    n: float = 1.0


def queue_model(name: str) -> QueueModel:
    """Return the model called ``risk-averse``, ``log``, ``log2``, ``power-N``, ``power2-N``, ``power3-N`` or ``fifo``.

    ``optimistic`` is the other end of ``risk-averse``: all cancels stood ahead of us. ``power-1`` spreads
    cancels in proportion, p = b / (b + f). ``fifo`` is no model but the truth, where the tape has order ids.

    Raises:
        InputError: No such model.
    """
    if name in _PLAIN:
        return QueueModel(name=name, number=_PLAIN[name])
    family, _, exponent = name.partition("-")
    try:
        n = float(exponent)
    except ValueError:
        n = 0.0
    if family not in _FAMILIES or not 0 < n <= 100:
        raise InputError(
            "queue_model", name, "risk-averse, log, log2, power-N, power2-N, power3-N or fifo", "try power-2"
        )
    return QueueModel(name=name, number=_FAMILIES[family], n=n)


def queue_model_of(name: str, tape: Tape) -> str:
    """Return the name of the model that is in force on a tape: ``name``, in small letters, with ``auto`` decided."""
    small = name.lower()
    if small != AUTO:
        return small
    return "fifo" if len(tape) and len(tape.order_id) == len(tape) else ESTIMATE
