"""The fault switchboard: what can go wrong between an engine and a venue, by name, and when it does, from a seed.

The letters and numbers are those of docs/faults.md; ``sim.faulty_market`` makes them happen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from nowake.core.errors import InputError
from nowake.core.ids import random_word
from nowake.core.sessions import iso
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, require

MINUTE_NS = 60 * NS_PER_SECOND
LISTED = 20
"""So many occurrences of a fault are listed with their times; all are counted."""


class Faults(Value, frozen=True):
    """What goes wrong: probabilities in [0, 1] for each message or command; those of stretches are for each minute.

    Attributes:
        ack_lost: F1. An acknowledgement does not arrive.
        submit_lost: F2. An order does not arrive; every other time we are told that it is not known.
        submit_timeout: F3. An order arrives, but we are told that it is not known, every other time 1.5 s late at most.
        ack_late: F3. An acknowledgement takes up to 10 s longer.
        repeated: F4. A report arrives twice, the second up to 3 s later.
        delayed: F5. A report takes up to 3 s longer, others overtake it.
        fill_lost: F6. A fill does not arrive; all else does.
        cancel_late: F7. A cancel arrives up to 1.5 s late.
        fill_late: F8. A fill takes up to 10 s longer: after the end of its order.
        cancel_lost: F9. A cancel does not arrive; every other time we are told that it is not known.
        end_lost: F9. The end of an order, or the refusal of a cancel, does not arrive.
        answer_lost: F9. The answer to a query, or a reject, does not arrive.
        cancel_unclear: F10. A cancel is answered "too late": every other time it took effect all the same, else not.
        overfilled: F11. The venue fills an order that is whole by one unit more.
        conflicting: F12. A trade id comes again with another quantity.
        busted: F13. A trade is undone up to 10 s after it was told.
        rejected: F14. An order is refused without a reason of its own.
        disconnected: F15. A stretch of up to 20 s: nothing arrives, what was on its way is lost, then all is in doubt.
        maintenance: F16. A stretch: the venue cancels all orders, unasked, and takes none; the listing is halted.
        limited: F17. A stretch: every command is turned away.
        skewed: F18. A stretch: the venue's clock is off by up to 2 s.
        bad_book: F19. A stretch: the book is crossed, empty or silent.
        gap: F20. A stretch: messages of the feed are missing.
        nonsense: F21. A report comes with a false one: an end or a status that counts too little, a refusal of an
            order that was accepted, an acknowledgement of nothing.
        regridded: F22. An order is refused: its price or quantity is not on the grid that it has now.
        balance_short: F23. An order is refused: the account is short.
        foreign: F24. A fill of an order that is not ours, and one among the open ones.
    """

    ack_lost: float = 0.0
    submit_lost: float = 0.0
    submit_timeout: float = 0.0
    ack_late: float = 0.0
    repeated: float = 0.0
    delayed: float = 0.0
    fill_lost: float = 0.0
    cancel_late: float = 0.0
    fill_late: float = 0.0
    cancel_lost: float = 0.0
    end_lost: float = 0.0
    answer_lost: float = 0.0
    cancel_unclear: float = 0.0
    overfilled: float = 0.0
    conflicting: float = 0.0
    busted: float = 0.0
    rejected: float = 0.0
    disconnected: float = 0.0
    maintenance: float = 0.0
    limited: float = 0.0
    skewed: float = 0.0
    bad_book: float = 0.0
    gap: float = 0.0
    nonsense: float = 0.0
    regridded: float = 0.0
    balance_short: float = 0.0
    foreign: float = 0.0

    def __post_init__(self) -> None:
        for name in NAMES:
            require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "a probability in [0, 1]")

    def __str__(self) -> str:
        """Return the text that ``parse_faults`` reads, without what never happens."""
        return ",".join(f"{name}={getattr(self, name):g}" for name in NAMES if getattr(self, name))


NAMES: tuple[str, ...] = Faults.__struct_fields__
STRETCHES = ("disconnected", "maintenance", "limited", "skewed", "bad_book", "gap")
"""Faults that hold for a while; the others strike one message or command."""


def parse_faults(text: str) -> Faults:
    """Return what ``fill_lost=0.1,gap=0.05`` names; ``all=0.02`` sets every one, later parts replace it.

    Raises:
        InputError: An unknown fault, or no probability.
    """
    found: dict[str, float] = {}
    named: set[str] = set()
    for part in (piece.strip() for piece in text.split(",") if piece.strip()):
        name, _, stated = (piece.strip() for piece in part.partition("="))
        require(name in NAMES or name == "all", "faults", name, f"all or one of {', '.join(NAMES)}")
        try:
            chance = float(stated)
        except ValueError:
            raise InputError("faults", part, f"{name}=PROBABILITY, such as {name}=0.1") from None
        require(0 <= chance <= 1, name, chance, "a probability in [0, 1]")
        require(name == "all" or name not in named, "faults", text, f"each named once, but {name} is twice")
        named.add(name)
        found |= dict.fromkeys(NAMES, chance) if name == "all" else {name: chance}
    return Faults(**found)


class Occurrence(NamedTuple):
    """A fault that happened, at a local time."""

    name: str
    t_ns: int


class Switchboard:
    """Draws faults by counter from a seed, and writes down those that happen."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults, self.seed = faults, seed
        self.happened: list[Occurrence] = []
        self._asked: dict[str, int] = {}
        self._told: set[tuple[str, int]] = set()
        self._spans: dict[tuple[str, int], tuple[int, int] | None] = {}

    def number(self, below: int, *purpose: str | int) -> int:
        """Return a number in [0, below) that depends on the seed and the purpose only."""
        return random_word(self.seed, "fault", *purpose) % below

    def strikes(self, name: str, t_ns: int) -> int:
        """Return 0, or where a fault happens a number counted from 1 that its details may be drawn from."""
        chance = getattr(self.faults, name)
        if not chance:
            return 0
        count = self._asked[name] = self._asked.get(name, 0) + 1
        if random_word(self.seed, "fault", name, count) >= chance * 2.0**64:
            return 0
        self.happened.append(Occurrence(name, t_ns))
        return count

    def late_ns(self, most_ns: int, name: str, count: int) -> int:
        """Return how long something is held back, 1 ns to ``most_ns``."""
        return 1 + self.number(most_ns, name, "late", count)

    def span(self, name: str, minute: int) -> tuple[int, int] | None:
        """Return (start, end) of the stretch of a fault in a minute of the clock, within which it lies, or None."""
        key = name, minute
        if key not in self._spans:
            self._spans[key] = None
            if random_word(self.seed, "fault", name, minute) < getattr(self.faults, name) * 2.0**64:
                start = minute * MINUTE_NS + self.number(40 * NS_PER_SECOND, name, "start", minute)
                self._spans[key] = start, start + NS_PER_SECOND + self.number(19 * NS_PER_SECOND, name, "long", minute)
        return self._spans[key]

    def stretch(self, name: str, t_ns: int) -> tuple[int, int] | None:
        """Return (start, end) of the stretch of a fault that ``t_ns`` is in, or None; it happens when it is noticed."""
        if not getattr(self.faults, name):
            return None
        found = self.span(name, t_ns // MINUTE_NS)
        if found is None or not found[0] <= t_ns < found[1]:
            return None
        if (name, found[0]) not in self._told:
            self._told.add((name, found[0]))
            self.happened.append(Occurrence(name, t_ns))
        return found

    def next_edge_ns(self, t_ns: int) -> int:
        """Return when a stretch begins or ends next, or a new minute does."""
        minute = t_ns // MINUTE_NS
        spans = [self.span(name, minute) for name in STRETCHES if getattr(self.faults, name)]
        edges = [edge for span in spans if span for edge in span if edge > t_ns]
        return min([*edges, (minute + 1) * MINUTE_NS])

    def report(self) -> dict[str, Any]:
        """Return which faults happened, how often and when (the first ones), JSON-able."""
        times: dict[str, list[int]] = {}
        for one in self.happened:
            times.setdefault(one.name, []).append(one.t_ns)
        return {name: {"count": len(at), "t": [iso(t) for t in at[:LISTED]]} for name, at in sorted(times.items())}
