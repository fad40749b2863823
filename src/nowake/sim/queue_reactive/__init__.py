"""A book whose queues react to their own size (Huang, Lehalle, Rosenbaum 2015), fitted to a recorded tape.

``counted_book`` counts, ``calibrated`` makes the means agree, ``imitate`` runs it as a tape. Equations, limits,
measured errors: docs/models/queue-reactive.md.
"""

from nowake.sim.queue_reactive.calibrate import calibrated
from nowake.sim.queue_reactive.fit import counted_book
from nowake.sim.queue_reactive.generate import imitate, tape_figures
from nowake.sim.queue_reactive.parameters import FIGURES, BookCard, Figures, QueueReactiveBook

__all__ = [
    "FIGURES",
    "BookCard",
    "Figures",
    "QueueReactiveBook",
    "calibrated",
    "counted_book",
    "imitate",
    "tape_figures",
]
