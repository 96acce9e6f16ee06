"""How many orders the next run resumes, after how many went on before."""

import pytest

from lambdas.orders.resumption import next_limit

LEAST = 100


def test_run_after_an_outage_resumes_few():
    assert next_limit(went_on=0, least=LEAST) == LEAST


def test_run_resumes_twice_as_many_as_went_on():
    assert next_limit(went_on=400, least=LEAST) == 800


@pytest.mark.parametrize(("bears", "minutes"), [(10_000, 9), (300, 68)])
def test_backlog_drains_as_fast_as_the_platform_bears(bears: int, minutes: int):
    """Whatever is resumed beyond what the platform bears in a minute is deferred again."""
    backlog, went_on, passed = 20_000, 0, 0
    while backlog:
        resumed = min(next_limit(went_on=went_on, least=LEAST), backlog)
        went_on = min(resumed, bears)
        backlog -= went_on
        passed += 1
        assert resumed <= max(2 * LEAST, 2 * bears)

    assert passed <= minutes
