"""What the engine may know besides its state and the input: immutable, hashed, changed only by a journaled input."""

from __future__ import annotations

from functools import cached_property

from nowake.core.errors import InputError, Refused
from nowake.core.expected import Mark
from nowake.core.instrument import Listing
from nowake.core.plan import Assumption
from nowake.core.profile import Profile
from nowake.core.sessions import Session
from nowake.core.units import NS_PER_SECOND
from nowake.core.value import Value, require
from nowake.market.norms import LiquidityNorms
from nowake.models.beliefs import Beliefs
from nowake.route.router import SmartRouter


class Limits(Value, frozen=True):
    """Numbers of the gate's controls (docs/controls.md); the comment of each names its control.

    Attributes:
        profile: Whose defaults these are.
        allowed: Keys of the listings that may be traded (2).
        restricted: Keys that may not, whatever is allowed (2).
        duplicate_ns: Equal orders of two parents within this time are one too many (4).
        collar_aggressive, collar_passive: Distance from the reference mid, fraction (5).
        child_fraction: A child is at most this part of its parent, or its slice, or one minimum order (7).
        adv_fraction: ... and at most this part of the average daily volume where that is known (7).
        participation_ceiling: Highest cap an order may ask for (9).
        rolling_ns: The window over which at most twice the cap is allowed (9).
        venue_rate, parent_rate: Creates a second (13); one fifth more is kept for cancels.
        aggressive_factor, aggressive_floor: Most aggressive children: max(factor x planned slices, floor) (14).
        rejects_in_a_row: Then the parent pauses until a person re-arms it (14).
        open_parent, open_venue: Open orders (15).
    """

    profile: Profile
    allowed: tuple[str, ...] = ()
    restricted: tuple[str, ...] = ()
    duplicate_ns: int = NS_PER_SECOND // 2
    collar_aggressive: float = 0.02
    collar_passive: float = 0.10
    child_fraction: float = 0.25
    adv_fraction: float = 0.01
    participation_ceiling: float = 0.20
    rolling_ns: int = 300 * NS_PER_SECOND
    venue_rate: int = 10
    parent_rate: int = 5
    aggressive_factor: int = 3
    aggressive_floor: int = 500
    rejects_in_a_row: int = 5
    open_parent: int = 50
    open_venue: int = 200

    def __post_init__(self) -> None:
        for name in ("collar_aggressive", "collar_passive", "child_fraction", "adv_fraction", "participation_ceiling"):
            value = getattr(self, name)
            require(0 < value <= 1, name, value, "in (0, 1]")
        for name in ("venue_rate", "parent_rate", "rejects_in_a_row", "open_parent", "open_venue", "rolling_ns"):
            value = getattr(self, name)
            require(value > 0, name, value, "> 0")
        most = 300 * NS_PER_SECOND
        require(self.rolling_ns <= most, "rolling_ns", self.rolling_ns, f"at most {most}: fills are kept as long")

    def check_cap(self, participation_max: float) -> None:
        """Refuse an order's cap that is over the ceiling (9).

        Raises:
            Refused: It is.
        """
        if participation_max > self.participation_ceiling:
            raise Refused(
                f"participation_max {participation_max:.4g} is over the gate's ceiling "
                f"{self.participation_ceiling:.4g}",
                "lower it, or start an order with more",
            )


def sim_limits(listing_key: str, participation_max: float) -> Limits:
    """Return the limits a simulated run derives from its order: its own listing, its own cap, the venue's own rates."""
    return Limits(
        profile=Profile.SIM,
        allowed=(listing_key,),
        participation_ceiling=max(0.20, participation_max),
        venue_rate=100,
        parent_rate=50,
    )


class Timing(Value, frozen=True):
    """How long things take before they are questioned, nanoseconds.

    Attributes:
        answer_ns: No answer to a submit or cancel for this long puts the child in doubt.
        requery_ns: A doubt is asked about again after this long.
        horizon_ns: A venue's "not found" counts only when asked this long after the send.
        retry_ns: A withheld or unfilled child is tried again after this long.
        chase_ns: Shortest rest of a posted order before it follows the touch.
        post_ns: Shortest time between two posts of one parent.
        paced_ns: Shortest time between two crossings while the participation cap binds.
        last_moment_ns: An order ends this long before its window does, so that its cancels arrive inside it.
        alarm_ns: A doubt older than this calls for a person.
        sample_ns: A running order looks at the market at least this often, to know what the others trade.
        correct_ns: A plan is looked at again, against the day's volume, at least this long after it began.
        grow: A resting child gives way to one this many times as large, when the cap comes to allow it.
    """

    answer_ns: int = 5 * NS_PER_SECOND
    requery_ns: int = 2 * NS_PER_SECOND
    horizon_ns: int = 2 * NS_PER_SECOND
    retry_ns: int = NS_PER_SECOND
    chase_ns: int = 2 * NS_PER_SECOND
    post_ns: int = NS_PER_SECOND // 2
    paced_ns: int = 30 * NS_PER_SECOND
    last_moment_ns: int = NS_PER_SECOND // 10
    alarm_ns: int = 60 * NS_PER_SECOND
    sample_ns: int = 30 * NS_PER_SECOND
    correct_ns: int = 900 * NS_PER_SECOND
    grow: int = 4


class Rerouting(Value, frozen=True):
    """When a running order that the router works is weighed again, and what a change of mind takes.

    Attributes:
        look_ns: The market is held against what was expected of it once in each such stretch of the clock; whether the
            schedule has ended, once a minute.
        volume_ratio: Others traded this many times as much as was expected since the decision, or as little.
        volatility_ratio: Realised volatility of the last five minutes is this many times the expected, or as little.
        spread_ratio: The time-averaged spread of the last five minutes likewise.
        behind: This part of the order was due from slices that have ended, and is not filled.
        apart_ns: A decision comes at least this long after the one before it.
        changes_max: The market brings an order to another strategy at most so often; the same strategy laid out anew,
            a schedule that ended, and operators' amendments do not count.
        margin: A new plan's score must be better than the present one's by this part of it ...
        margin_bps: ... and by at least this much.
        return_factor: A change back to the strategy that was left takes this many times the margin.
    """

    look_ns: int = 300 * NS_PER_SECOND
    volume_ratio: float = 1.5
    volatility_ratio: float = 1.5
    spread_ratio: float = 1.5
    behind: float = 0.10
    apart_ns: int = 300 * NS_PER_SECOND
    changes_max: int = 6
    margin: float = 0.05
    margin_bps: float = 0.25
    return_factor: float = 2.0

    def __post_init__(self) -> None:
        for name in ("volume_ratio", "volatility_ratio", "spread_ratio", "return_factor"):
            value = getattr(self, name)
            require(value >= 1, name, value, ">= 1")
        for name in ("behind", "margin", "margin_bps", "apart_ns", "changes_max"):
            value = getattr(self, name)
            require(value >= 0, name, value, ">= 0")
        require(self.look_ns > 0, "look_ns", self.look_ns, "> 0")


class Background(Value, frozen=True):
    """What had been seen of a listing's market when the run began: what it is like is held against that.

    Attributes:
        listing: Its key.
        norms: Quantiles of its own history.
        earlier: The market's sums a while before; None = it had just begun.
        levels_known: Levels a side that the source keeps complete; 0 = the whole book.
    """

    listing: str
    norms: LiquidityNorms
    earlier: Mark | None = None
    levels_known: int = 0


class Env(Value, frozen=True, dict=True):
    """The engine's environment.

    Attributes:
        listings, sessions: What may be named by orders.
        limits: Numbers of the gate.
        timing: Patience.
        beliefs: Stated by the user; a listing without has its beliefs read from the view at the order's arrival.
        assumed: What is assumed of the market itself (made from bars, best quotes only); part of every plan.
        router: Chooses the strategy of an order that names none, and weighs the ones that are named; None = nothing is
            weighed, and ``auto`` means TWAP.
        rerouting: When a running order is weighed again.
        backgrounds: Of the listings whose past was seen; the conditions of others have no percentiles.
    """

    listings: tuple[Listing, ...]
    sessions: tuple[Session, ...]
    limits: Limits
    timing: Timing = Timing()
    beliefs: tuple[tuple[str, Beliefs], ...] = ()
    assumed: tuple[Assumption, ...] = ()
    router: SmartRouter | None = None
    rerouting: Rerouting = Rerouting()
    backgrounds: tuple[Background, ...] = ()

    def listing(self, key: str) -> Listing:
        """Return the listing of a key.

        Raises:
            InputError: Not in this environment.
        """
        found = self._by_key.get(key)
        if found is None:
            raise InputError("listing", key, f"one of {', '.join(x.key for x in self.listings)}")
        return found

    @cached_property
    def _by_key(self) -> dict[str, Listing]:
        return {one.key: one for one in reversed(self.listings)}

    def session(self, name: str) -> Session:
        """Return the session table of a name."""
        for one in self.sessions:
            if one.name == name:
                return one
        raise InputError("session", name, f"one of {', '.join(x.name for x in self.sessions)}")
