"""Words for what the scaler may find."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lambdas.backbone.domain import SHARD_RECORDS, Limits, MinuteMetrics, StreamState

NOW = datetime(2026, 1, 2, 12, 0, 20, tzinfo=UTC)
LIMITS = Limits(floor=2, ceiling=16, cooldown=timedelta(minutes=30))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def minute(
    minutes_ago: int,
    *,
    load: float = 0.0,
    rejected: float = 0.0,
    lag: float | None = 0.0,
    by_bytes: bool = False,
) -> MinuteMetrics:
    """The minute that began so many minutes ago; ``load`` is in shards, ``lag`` in minutes."""
    written = {"bytes": load * 60_000_000} if by_bytes else {"records": load * 60 * SHARD_RECORDS}
    at = ago(minutes_ago).replace(second=0)
    late = None if lag is None else timedelta(minutes=lag)
    return MinuteMetrics(at=at, **written, rejected=rejected, lag=late)


def steady(
    load: float, *, known: int = 28, overrides: Sequence[MinuteMetrics] = ()
) -> list[MinuteMetrics]:
    """So many minutes of one load, as far as CloudWatch knows of them now, with exceptions."""
    other = {minute.at: minute for minute in overrides}
    usual = [minute(minutes_ago, load=load) for minutes_ago in range(known + 1, 1, -1)]
    return [other.get(each.at, each) for each in usual]


def stream(
    shards: int,
    minutes: Sequence[MinuteMetrics] = (),
    *,
    active: bool = True,
    changed: Sequence[float] = (),
) -> StreamState:
    """A stream, changed so many minutes ago."""
    changes = sorted(ago(minutes_ago) for minutes_ago in changed)
    return StreamState(shards=shards, active=active, changes=changes, minutes=minutes)
