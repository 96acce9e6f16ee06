"""The decision how many shards the order stream should have.

Each call at most doubles or halves the number: AWS allows no larger change. It allows ten calls in
24 hours. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.times import format_time

# The capacity of a shard per second.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_BYTES, SHARD_RECORDS = 1_000_000, 1_000
DAY = timedelta(days=1)
MAX_CALLS_PER_DAY = 10

GROW_ABOVE = 0.75
"""The share of the shards' capacity above which they are doubled."""
SHRINK_BELOW = 0.5
"""The share of half the shards' capacity up to which they are halved.

It is less than ``GROW_ABOVE``, so that fewer shards do not have to be doubled again at once.
"""
THROTTLED_ABOVE = 0.01
"""The share of rejected records above which writes are throttled.

A smaller share is due to short bursts on one shard.
"""
LAG_TOLERANCE = timedelta(minutes=1)
"""A consumer with at most this lag is not behind."""
RECENT_WINDOW = timedelta(minutes=6)
"""The minutes that may lead to growing: CloudWatch reports a minute one to two minutes late."""
LOW_LOAD = 0.5
"""The share of capacity below which a consumer that makes no progress is stuck, not overloaded."""
STUCK_LAG_GROWTH = 0.9
"""The growth of the lag per elapsed time from which a consumer makes no progress."""


class UnreachableCeilingError(Exception):
    """Growing from the floor to the ceiling takes more calls than AWS allows in a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The configured limits: how few and how many shards, and how soon they may be halved."""

    floor: int
    """The fewest shards."""
    ceiling: int
    """The most shards."""
    cooldown: timedelta
    """How long load must be low, and no change made, before the shards are halved."""

    def __post_init__(self) -> None:
        if not 1 <= self.floor <= self.ceiling:
            raise ValueError(
                f"floor and ceiling must be 1 or more, and in order: not from {self.floor}"
                f" to {self.ceiling}"
            )
        if count_doublings(self.floor, self.ceiling) > MAX_CALLS_PER_DAY:
            raise UnreachableCeilingError(
                f"{MAX_CALLS_PER_DAY} doublings do not suffice from {self.floor} to {self.ceiling}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteMetrics:
    """The metrics of one minute of the stream."""

    at: datetime
    """When the minute began."""
    bytes: float = 0.0
    """The bytes that the shards accepted."""
    records: float = 0.0
    """The records that the shards accepted."""
    rejected: float = 0.0
    """The records that were throttled."""
    lag: timedelta | None = None
    """The largest iterator age of a consumer; None if it is unknown, which does not mean zero."""

    @property
    def load(self) -> float:
        """The load in shards: how many shards the accepted records would fill."""
        return max(self.bytes / SHARD_BYTES, self.records / SHARD_RECORDS) / 60

    @property
    def throttled(self) -> bool:
        """Whether more than ``THROTTLED_ABOVE`` of the records were rejected."""
        return self.rejected > THROTTLED_ABOVE * (self.records + self.rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """The state and the metrics of the stream."""

    shards: int
    """The number of open shards."""
    active: bool
    """Whether no change is in progress."""
    changes: Sequence[datetime]
    """The calls of the last day that changed the shards, oldest first."""
    minutes: Sequence[MinuteMetrics]
    """The minutes for which CloudWatch has metrics, oldest first."""

    def minutes_since(self, moment: datetime) -> list[MinuteMetrics]:
        """Return the metrics of the minutes that began at ``moment`` or later."""
        return [minute for minute in self.minutes if minute.at >= moment]

    @property
    def calls_left(self) -> int:
        """How many calls AWS still allows now, of ten in the last 24 hours."""
        return MAX_CALLS_PER_DAY - len(self.changes)


@dataclass(frozen=True, slots=True)
class Decision:
    """The number of shards that the stream should have, and the reason."""

    shards: int
    reason: str


def count_doublings(shards: int, goal: int) -> int:
    """Return how many calls, each of them doubling, it takes to grow to ``goal``."""
    calls = 0
    while shards < goal:
        shards, calls = shards * 2, calls + 1
    return calls


def decide(stream: StreamState, limits: Limits, *, now: datetime) -> Decision:
    """Decide how many shards the stream should have.

    The calls left always suffice to grow to the ceiling: shards are not halved if that would use up
    a call needed for growing.
    """
    if not stream.active:
        return Decision(stream.shards, "the stream is being changed")
    desired = _desired(stream, limits, now)
    if desired.shards != stream.shards and stream.calls_left < 1:
        return Decision(stream.shards, f"{desired.reason}, but AWS allows no more calls today")
    return desired


def _desired(stream: StreamState, limits: Limits, now: datetime) -> Decision:
    shards, half = stream.shards, -(-stream.shards // 2)
    if shards < limits.floor:
        return Decision(min(2 * shards, limits.floor), "fewer than the floor")
    if shards > limits.ceiling:
        return Decision(max(half, limits.ceiling), "more than the ceiling")
    # Metrics from before the last change were measured with another number of shards.
    recent = stream.minutes_since(max([now - RECENT_WINDOW, *stream.changes]))
    if _is_stuck(recent, shards):
        return Decision(shards, "a consumer is stuck: more shards would not help")
    if reason_to_grow := _reason_to_grow(recent, shards):
        if shards == limits.ceiling:
            return Decision(shards, f"{reason_to_grow}, but this is the ceiling")
        return Decision(min(2 * shards, limits.ceiling), reason_to_grow)
    fewer = max(half, limits.floor)
    if reason_not_to_shrink := _reason_not_to_shrink(stream, limits, fewer, now):
        return Decision(shards, reason_not_to_shrink)
    return Decision(fewer, "half the shards are enough, and have been for a while")


def _lags(minutes: Sequence[MinuteMetrics]) -> list[tuple[datetime, timedelta]]:
    """Return each known lag with the start of its minute."""
    return [(minute.at, minute.lag) for minute in minutes if minute.lag is not None]


def _falling_behind(recent: Sequence[MinuteMetrics]) -> bool:
    """Return whether a consumer is behind by more than ``LAG_TOLERANCE``, and the lag grows."""
    lags = [lag for _, lag in _lags(recent)]
    return bool(lags) and lags[-1] > max(LAG_TOLERANCE, lags[0]) and lags[-1] == max(lags)


def _is_stuck(recent: Sequence[MinuteMetrics], shards: int) -> bool:
    """Return whether a consumer makes no progress under little load, as with a poison record."""
    if not _falling_behind(recent) or max(minute.load for minute in recent) >= LOW_LOAD * shards:
        return False
    (before, earlier), (last, later) = _lags(recent)[-2:]
    return later - earlier >= STUCK_LAG_GROWTH * (last - before)


def _reason_to_grow(recent: Sequence[MinuteMetrics], shards: int) -> str:
    """Return why the stream needs more shards; empty if it does not."""
    if any(minute.throttled for minute in recent):
        return "writes are throttled"
    if any(minute.load > GROW_ABOVE * shards for minute in recent):
        return "the shards are nearly full"
    return "consumers fall behind" if _falling_behind(recent) else ""


def _reason_not_to_shrink(stream: StreamState, limits: Limits, fewer: int, now: datetime) -> str:
    """Return why the shards cannot be reduced to ``fewer`` now; empty if they can."""
    if fewer == stream.shards:
        return "no fewer are possible"
    since = now - limits.cooldown
    window = stream.minutes_since(since)
    if stream.changes and stream.changes[-1] > since:
        return "the last change was a short while ago"
    if len(window) * timedelta(minutes=2) < limits.cooldown:
        return "too little is known"
    if any(minute.throttled or minute.load > SHRINK_BELOW * fewer for minute in window):
        return "half the shards would not be enough"
    lags = _lags(stream.minutes_since(now - RECENT_WINDOW))
    if not lags:
        return "it is not known how far behind consumers are"
    if lags[-1][1] > LAG_TOLERANCE:
        return "consumers are behind"
    if stream.calls_left - 1 < count_doublings(fewer, limits.ceiling):
        return "the calls that are left today are kept for growing"
    return ""


def describe_decision(
    stream: StreamState, limits: Limits, decision: Decision, now: datetime
) -> dict[str, Any]:
    """Return the decision and its inputs, for the log."""
    return {
        "shards": stream.shards,
        "to": decision.shards,
        "reason": decision.reason,
        "active": stream.active,
        "calls_left": stream.calls_left,
        "changes": [format_time(moment) for moment in stream.changes],
        "minutes_known": len(stream.minutes),
        "busiest_load": round(max((minute.load for minute in stream.minutes), default=0.0), 3),
        "recent": [
            {
                **asdict(minute),
                "at": f"{minute.at:%H:%M}",
                "lag": None if minute.lag is None else minute.lag.total_seconds(),
            }
            for minute in stream.minutes_since(now - RECENT_WINDOW)
        ],
        "floor": limits.floor,
        "ceiling": limits.ceiling,
        "cooldown": limits.cooldown.total_seconds(),
    }
