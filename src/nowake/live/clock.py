"""The one clock of a live process (I26): wall time, or wall time run faster from an origin that is configured."""

from __future__ import annotations

import math
import time
from typing import Protocol

from nowake.core.value import Value, check_types, require


class LocalClock(Protocol):
    """What a shell asks for the time."""

    def now_ns(self) -> int:
        """Return the local time, UTC ns; never decreases within a process."""

    def wall_seconds(self, duration_ns: int) -> float:
        """Return how long a duration of this clock takes on the wall."""


class ClockSetting(Value, frozen=True):
    """At wall time ``wall_ns`` the clock shows ``t_ns``; it runs ``speed`` times as fast.

    A process that starts later, or again, with the same setting shows the same time: the clock goes on while nobody
    looks. The default is the wall clock itself.
    """

    wall_ns: int = 0
    t_ns: int = 0
    speed: float = 1.0

    def __post_init__(self) -> None:
        check_types(self)
        good = math.isfinite(self.speed) and 0 < self.speed <= 100_000
        require(good, "speed", self.speed, "in (0, 100000]")


class ScaledClock:
    """A clock by its setting. A step of the wall clock while it runs is not followed; the next process will."""

    def __init__(self, setting: ClockSetting | None = None) -> None:
        self.setting = setting or ClockSetting()
        elapsed = time.time_ns() - self.setting.wall_ns
        self._base_ns = self.setting.t_ns + self._scaled(elapsed)
        self._since_ns = time.monotonic_ns()

    def _scaled(self, duration_ns: int) -> int:
        speed = self.setting.speed
        return duration_ns if speed == 1.0 else int(duration_ns * speed)

    def now_ns(self) -> int:
        """Return the local time, UTC ns; never decreases within a process."""
        return self._base_ns + self._scaled(time.monotonic_ns() - self._since_ns)

    def wall_seconds(self, duration_ns: int) -> float:
        """Return how long a duration of this clock takes on the wall."""
        return max(0, duration_ns) / 1e9 / self.setting.speed
