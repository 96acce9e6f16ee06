"""A stage's bucket of tokens: full at first, filled at the rate, never above the burst."""

from emulator.throttle import Bucket

RATE, BURST = 2.0, 3.0


def taken(bucket: Bucket, requests: int) -> int:
    return sum(bucket.take(RATE, BURST) for _ in range(requests))


def test_bucket_is_filled_at_the_rate_up_to_the_burst():
    now = [100.0]
    bucket = Bucket(clock=lambda: now[0])
    assert taken(bucket, 5) == 3

    now[0] += 1
    assert taken(bucket, 5) == 2

    now[0] += 60
    assert taken(bucket, 5) == 3


def test_requests_that_are_refused_take_no_tokens():
    now = [0.0]
    bucket = Bucket(clock=lambda: now[0])
    taken(bucket, 100)

    now[0] += 0.5

    assert taken(bucket, 2) == 1
