"""How many shards the order stream should have.

It doubles or halves, which is as far as AWS goes in one call and the fewest calls for any change:
a stream may be changed ten times in 24 hours.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

# What a shard takes in a second.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARD_BYTES, SHARD_RECORDS = 1_000_000, 1_000
DAY = timedelta(days=1)
MAX_CALLS_PER_DAY = 10

GROW_ABOVE = 0.75
SHRINK_BELOW = 0.5
"""Shares of what the shards take. Half the shards must not be at the point of growing again."""
THROTTLED_ABOVE = 0.01
"""The share of records whose rejection is not just two of them meeting on one shard."""
LAG_TOLERANCE = timedelta(minutes=1)
"""A consumer that is less behind than that is not behind."""
RECENT_WINDOW = timedelta(minutes=6)
"""What growing looks at: CloudWatch knows of a minute one to two minutes after it."""
LOW_LOAD = 0.5
"""Where the load is below this share, shards are not what a consumer lacks that does not move."""
STUCK_LAG_GROWTH = 0.9
"""A consumer that falls behind nearly as fast as time goes by does not move at all."""


class UnreachableCeilingError(Exception):
    """From this floor AWS's calls of one day do not lead to that ceiling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The fewest and the most shards, and how long load has to be low before shards go."""

    floor: int
    ceiling: int
    cooldown: timedelta

    def __post_init__(self) -> None:
        if not 1 <= self.floor <= self.ceiling:
            raise ValueError(f"no shard count is from {self.floor} to {self.ceiling}")
        if count_doublings(self.floor, self.ceiling) > MAX_CALLS_PER_DAY:
            raise UnreachableCeilingError(f"{self.floor} to {self.ceiling}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteMetrics:
    """What a minute was like: what was written, what was rejected, how far consumers were behind.

    ``records`` and ``bytes`` are what the shards took; ``lag`` is the consumers' iterator age, None
    where it is not known: that is no sign that nobody is behind.
    """

    at: datetime
    bytes: float = 0.0
    records: float = 0.0
    rejected: float = 0.0
    lag: timedelta | None = None

    @property
    def load(self) -> float:
        """How many shards this would have filled."""
        return max(self.bytes / SHARD_BYTES, self.records / SHARD_RECORDS) / 60

    @property
    def throttled(self) -> bool:
        """Whether the shards took too little."""
        return self.rejected > THROTTLED_ABOVE * (self.records + self.rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """What is known of the stream: ``changes`` are the calls of the last day, oldest first.

    ``minutes``, oldest first, leaves out those that CloudWatch knows nothing of, or not yet.
    """

    shards: int
    active: bool
    changes: Sequence[datetime]
    minutes: Sequence[MinuteMetrics]

    def minutes_since(self, moment: datetime) -> list[MinuteMetrics]:
        """The minutes that began then or later."""
        return [minute for minute in self.minutes if minute.at >= moment]

    @property
    def calls_left(self) -> int:
        """How often AWS will let the shards be changed until the oldest change is a day old."""
        return MAX_CALLS_PER_DAY - len(self.changes)


@dataclass(frozen=True, slots=True)
class Decision:
    """How many shards there are to be, and why."""

    shards: int
    reason: str


def count_doublings(shards: int, goal: int) -> int:
    """How many calls lead from so many shards up to the goal."""
    calls = 0
    while shards < goal:
        shards, calls = shards * 2, calls + 1
    return calls


def decide(stream: StreamState, limits: Limits, *, now: datetime) -> Decision:
    """Say how many shards there are to be: as many as there are, unless something speaks for more.

    Whatever happened, the calls that are left lead up to the ceiling: a shrink that would use one
    of those has to wait.
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
    # What was measured before the last change was another stream's.
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
    """How far consumers were behind, and when, as far as that is known."""
    return [(minute.at, minute.lag) for minute in minutes if minute.lag is not None]


def _falling_behind(recent: Sequence[MinuteMetrics]) -> bool:
    """Whether consumers are behind, and do not catch up."""
    lags = [lag for _, lag in _lags(recent)]
    return len(lags) > 1 and lags[-1] > max(LAG_TOLERANCE, lags[0]) and lags[-1] == max(lags)


def _is_stuck(recent: Sequence[MinuteMetrics], shards: int) -> bool:
    """Whether consumers fall behind for no lack of shards: one meets a record it cannot process."""
    if not _falling_behind(recent) or max(minute.load for minute in recent) >= LOW_LOAD * shards:
        return False
    (before, earlier), (last, later) = _lags(recent)[-2:]
    return later - earlier >= STUCK_LAG_GROWTH * (last - before)


def _reason_to_grow(recent: Sequence[MinuteMetrics], shards: int) -> str:
    """Why more shards would help now; empty if they would not."""
    if any(minute.throttled for minute in recent):
        return "writes are throttled"
    if any(minute.load > GROW_ABOVE * shards for minute in recent):
        return "the shards are nearly full"
    return "consumers fall behind" if _falling_behind(recent) else ""


def _reason_not_to_shrink(stream: StreamState, limits: Limits, fewer: int, now: datetime) -> str:
    """Why there cannot be that many instead; empty if there can."""
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
    """All that the decision was made of, and the decision, for the log."""
    return {
        "shards": stream.shards,
        "to": decision.shards,
        "reason": decision.reason,
        "active": stream.active,
        "calls_left": stream.calls_left,
        "changes": [moment.isoformat() for moment in stream.changes],
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
