"""Control 18: how far the venue's clock has moved against ours since we began to look.

What is measured is local time of receipt minus the venue's time: the offset of the clocks plus the way of the message.
The way is never negative and varies, so the least of a window is taken, as NTP's clock filter does. That the two clocks
differ is no fault: a constant offset is measured. That they move apart is one: of what we then believe to be new, or
late, nothing is sure.
"""

from __future__ import annotations

from collections import deque

from nowake.core.units import NS_PER_SECOND
from nowake.core.value import require

DRIFT_NS = NS_PER_SECOND // 2
WINDOW_NS = 10 * NS_PER_SECOND


class DriftMeter:
    """Takes pairs of local and venue time; says whether the offset has left where it began.

    Args:
        most_ns: Largest drift that is borne.
        window_ns: The offset is the least of so long a stretch of local time; the first one is the reference.
    """

    def __init__(self, most_ns: int = DRIFT_NS, window_ns: int = WINDOW_NS) -> None:
        require(most_ns > 0, "most_ns", most_ns, "> 0")
        require(window_ns > 0, "window_ns", window_ns, "> 0")
        self._most_ns, self._window_ns = most_ns, window_ns
        self._least: deque[tuple[int, int]] = deque()
        self._since_ns = self._reference_ns = 0
        self._venue_ns = 0

    @property
    def offset_ns(self) -> int:
        """Return local minus venue time over the last window, way of the message included; 0 before any was heard."""
        return self._least[0][1] if self._least else 0

    @property
    def drift_ns(self) -> int:
        """Return by how much the offset has changed since the first window; below 0 = the venue's clock gained."""
        return self.offset_ns - self._reference_ns if self._least else 0

    @property
    def over(self) -> bool:
        """Return whether nothing new may be sent."""
        return abs(self.drift_ns) > self._most_ns

    def take(self, local_ns: int, venue_ns: int) -> None:
        """Note that at local time ``local_ns`` the venue's clock was heard to show ``venue_ns``; twice counts once."""
        if venue_ns == self._venue_ns:
            return
        self._venue_ns = venue_ns
        offset_ns = local_ns - venue_ns
        if not self._since_ns:
            self._since_ns, self._reference_ns = local_ns, offset_ns
        if local_ns - self._since_ns < self._window_ns:
            self._reference_ns = min(self._reference_ns, offset_ns)
        while self._least and self._least[-1][1] >= offset_ns:
            self._least.pop()
        self._least.append((local_ns, offset_ns))
        while self._least[0][0] <= local_ns - self._window_ns:
            self._least.popleft()
