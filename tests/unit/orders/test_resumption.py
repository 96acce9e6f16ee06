"""How many orders the next run resumes, after what became of those before."""

import pytest

from lambdas.orders.resumption import Resumption, next_limit

LEAST = 100


def after(*, limit: int = 400, resumed: int = 400, deferred: int = 5_000, now: int) -> int:
    last = Resumption(limit=limit, resumed=resumed, deferred=deferred)
    return next_limit(last, deferred=now, least=LEAST)


def test_first_run_resumes_few():
    assert next_limit(None, deferred=5_000, least=LEAST) == LEAST


@pytest.mark.parametrize("now", [4_600, 4_800, 0])
def test_limit_doubles_when_half_of_the_resumed_orders_went_on(now: int):
    assert after(now=now) == 800


@pytest.mark.parametrize("now", [4_801, 5_000, 9_000])
def test_limit_halves_when_most_were_deferred_again(now: int):
    assert after(now=now) == 200


def test_limit_never_falls_below_the_first():
    assert after(limit=150, resumed=150, now=5_000) == LEAST


def test_limit_that_was_not_reached_stays():
    assert after(resumed=399, now=0) == 400


@pytest.mark.parametrize(("bears", "minutes"), [(10_000, 9), (300, 130)])
def test_backlog_drains_at_half_of_what_the_platform_bears_at_least(bears: int, minutes: int):
    """Whatever is resumed beyond what the platform bears in a minute is deferred again."""
    backlog, last, passed = 20_000, None, 0
    while backlog:
        limit = next_limit(last, deferred=backlog, least=LEAST)
        resumed = min(limit, backlog)
        last = Resumption(limit=limit, resumed=resumed, deferred=backlog)
        backlog -= min(resumed, bears)
        passed += 1
        assert resumed <= max(2 * LEAST, 4 * bears)

    assert passed <= minutes
