"""How many orders a run resumes, and when: a quarter more than went on in the minute before.

Participants that were out of reach may bear little when they are back, and orders resumed in vain
are deferred again, for twice as long. So after an outage a run begins with few, and the next runs
resume more each time, as long as these go on. While more orders come than the platform bears, it
shows at once how many it bears. A run spreads its orders over its time: what comes all at once is
throttled, and what is throttled waits. Then it looks again for orders that are due before its end.
"""

from datetime import timedelta

RUN_FOR = timedelta(seconds=55)
"""Over how long a run spreads its orders. The next run goes on from there.

An order takes some 10 ms, a page half a second. The function's time-out, 90 s, leaves half a minute
for a page that takes longer.
"""
LOOK_AGAIN = timedelta(seconds=5)
"""How long after a look at what is due a run looks again."""


def next_limit(*, went_on: int, least: int) -> int:
    """Return how many orders a run may resume: at least ``least``.

    ``went_on`` is how many orders of its shards went on in the minute before, resumed or not. What
    a run has time for bounds the rest.
    """
    return max(least, went_on + went_on // 4)


def next_page_after(checked: int, *, limit: int, run_for: timedelta) -> timedelta:
    """Return how long after its beginning a run that checked so many orders goes on with others.

    ``limit`` orders take all of ``run_for``.
    """
    return run_for * min(1.0, checked / limit)
