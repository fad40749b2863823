"""What several markets on one clock mean, in plain Python: all of them move from one event of any to the next.

At one instant each market does what happens to it then, as ``merge_reference`` says, all in their order; whether a
watch holds is asked of each when ``advance`` begins and after each of its own messages. ``markets.Markets`` is held
equal to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nowake.core.child import ChildOrder
from nowake.core.view import Watch
from nowake.sim.merge_reference import Message, ReferenceWorld


@dataclass
class ReferenceMarkets:
    """Listings by their keys, and the local time that all have reached."""

    worlds: dict[str, ReferenceWorld]
    now_ns: int = 0

    def submit(self, child: ChildOrder, now_ns: int) -> None:
        """Send a child to the venue of its listing."""
        self.worlds[child.listing].submit(child, now_ns)

    def cancel(self, listing: str, child_id: str, now_ns: int) -> None:
        """Ask a venue to cancel a child."""
        self.worlds[listing].cancel(child_id, now_ns)

    def poll(self, now_ns: int) -> list[Message]:
        """Return the messages due by ``now_ns`` and forget them."""
        due = [message for world in self.worlds.values() for message in world.poll(now_ns)]
        return sorted(due, key=lambda message: message[0])

    def advance(self, until_ns: int, watches: Sequence[Watch] = ()) -> tuple[int, tuple[str, ...]]:
        """Move to the earliest of ``until_ns``, the first watch that holds, the first message due, on any market."""
        t = self.now_ns
        fired: list[str] = []
        for key, world in self.worlds.items():
            fired += world.advance(t, [one for one in watches if one.listing == key])[1]
        while not fired:
            if t >= until_ns or any(world.messages and world.messages[0][0] <= t for world in self.worlds.values()):
                break
            t = min(until_ns, *(world.next_ns() for world in self.worlds.values()))
            for key, world in self.worlds.items():
                fired += world.run(t, [one for one in watches if one.listing == key])[1]
        self.now_ns = t
        return t, tuple(sorted(fired))
