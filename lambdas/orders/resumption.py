"""How many orders a run resumes: twice as many as went on in the minute before.

Participants that were out of reach may bear little when they are back, and orders resumed in vain
are deferred again, for twice as long. So after an outage a run begins with few, and the next runs
resume twice as many each time, as long as these go on. While more orders come than the platform
bears, it shows at once how many it bears.
"""


def next_limit(*, went_on: int, least: int) -> int:
    """Return how many orders a run may resume: at least ``least``.

    ``went_on`` is how many orders of its shards went on in the minute before, resumed or not. What
    a run has time for bounds the rest.
    """
    return max(least, 2 * went_on)
