"""How many orders the next run resumes, after how many went on before."""

from datetime import timedelta

import pytest

from lambdas.orders.resumption import next_limit, next_page_after

LEAST = 100


def test_run_after_an_outage_resumes_few():
    assert next_limit(went_on=0, least=LEAST) == LEAST


def test_run_resumes_a_quarter_more_than_went_on():
    assert next_limit(went_on=400, least=LEAST) == 500


@pytest.mark.parametrize(("checked", "seconds"), [(0, 0), (125, 15), (500, 60), (540, 60)])
def test_run_spreads_its_orders_over_its_time(checked: int, seconds: int):
    after = next_page_after(checked, limit=500, run_for=timedelta(minutes=1))
    assert after == timedelta(seconds=seconds)


@pytest.mark.parametrize(("bears", "minutes"), [(10_000, 18), (300, 71)])
def test_backlog_drains_as_fast_as_the_platform_bears(bears: int, minutes: int):
    """Whatever is resumed beyond what the platform bears in a minute is deferred again."""
    backlog, went_on, passed = 20_000, 0, 0
    while backlog:
        resumed = min(next_limit(went_on=went_on, least=LEAST), backlog)
        went_on = min(resumed, bears)
        backlog -= went_on
        passed += 1
        assert resumed <= max(LEAST, 1.25 * bears)

    assert passed <= minutes
