"""Words for what the scaler may find."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lambdas.backbone.domain import SHARD_RECORDS, Limits, Minute, Stream

NOW = datetime(2026, 1, 2, 12, 0, 20, tzinfo=UTC)
LIMITS = Limits(floor=2, ceiling=16, cooldown=timedelta(minutes=30))


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def minute(
    back: int,
    *,
    load: float = 0.0,
    rejected: float = 0.0,
    lag: float | None = 0.0,
    by_bytes: bool = False,
) -> Minute:
    """The minute that began so many minutes ago; ``load`` is in shards, ``lag`` in minutes."""
    written = {"bytes": load * 60_000_000} if by_bytes else {"records": load * 60 * SHARD_RECORDS}
    at = ago(back).replace(second=0)
    late = None if lag is None else timedelta(minutes=lag)
    return Minute(at=at, **written, rejected=rejected, lag=late)


def steady(load: float, *, known: int = 28, but: Sequence[Minute] = ()) -> list[Minute]:
    """So many minutes of one load, as far as CloudWatch knows of them now, with exceptions."""
    other = {minute.at: minute for minute in but}
    usual = [minute(back, load=load) for back in range(known + 1, 1, -1)]
    return [other.get(each.at, each) for each in usual]


def stream(
    shards: int,
    minutes: Sequence[Minute] = (),
    *,
    active: bool = True,
    changed: Sequence[float] = (),
) -> Stream:
    """A stream, changed so many minutes ago."""
    changes = sorted(ago(back) for back in changed)
    return Stream(shards=shards, active=active, changes=changes, minutes=minutes)
