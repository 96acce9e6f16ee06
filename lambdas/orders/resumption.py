"""How many orders a run resumes: the more, the better those of the run before went.

Participants that were out of reach may bear little when they are back, and orders resumed in vain
are deferred again, for twice as long. So a run begins with few. While at least half of what was
resumed goes on, the next run resumes twice as many; otherwise, half as many.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What a run did, and saw."""

    limit: int
    """How many orders it was allowed to resume."""
    resumed: int
    deferred: int
    """How many orders of its shards were deferred when it began."""


def next_limit(last: Resumption | None, *, deferred: int, least: int) -> int:
    """Return how many orders the next run may resume: at least ``least``.

    ``deferred`` counts the orders of its shards that are deferred now. A limit that was not reached
    is not raised: nothing is known of what lies above it. So what a run has time for bounds it.
    """
    if last is None:
        return least
    if last.deferred - deferred < last.resumed / 2:
        return max(least, last.limit // 2)
    if last.resumed >= last.limit:
        return 2 * last.limit
    return last.limit
