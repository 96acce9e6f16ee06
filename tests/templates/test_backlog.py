"""More orders than the platform bears: the model has the deployed settings, the page the model."""

import json

import pytest

from bench.backlog import Backlog, play, row
from bench.page_tables import SHOWN
from lambdas.orders.resumption import RUN_FOR
from stacks.constructs.saga.model import EXPRESS_TIMEOUTS, STANDARD_TIMEOUTS
from stacks.environments import ENVIRONMENTS, PROD
from tests.templates.kinds import FUNCTION, SCHEDULE
from tests.templates.synthesis import ROOT, platform

SAGAS = {"Standard": STANDARD_TIMEOUTS, "Express": EXPRESS_TIMEOUTS}


@pytest.mark.parametrize("saga", SAGAS)
@pytest.mark.parametrize("environment", SHOWN)
def test_page_is_current(environment: str, saga: str):
    """If not, run ``python -m bench.backlog --write``, and read the text around again."""
    page = (ROOT / "docs" / "scaling.md").read_text()

    assert row(ENVIRONMENTS[environment], saga, SAGAS[saga], times=10, seconds=60) in page


def test_ten_times_too_many_orders_end_nearly_as_fast_as_the_platform_bears():
    result = play(PROD, STANDARD_TIMEOUTS, times=10, seconds=60)

    assert result.accepted == 300_000
    assert result.share >= 0.9


def test_no_order_is_lost_or_ends_twice():
    backlog = Backlog(PROD, 10, STANDARD_TIMEOUTS)

    for now in range(300):
        backlog.step(now, 20.0)
        assert backlog.open == pytest.approx(backlog.found)

    assert backlog.ended == pytest.approx(3_000, rel=0.01)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_run_has_half_a_minute_left_for_the_last_page_that_it_takes_up(environment: str):
    job = platform(environment).one(FUNCTION, "JobsRepublishStalled")

    assert job.properties["Timeout"] >= RUN_FOR.total_seconds() + 30


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(
    ("name", "setting"),
    [("JobsRepublishStalled", "RESUMING_RUNS"), ("JobsExpireOrders", "EXPIRING_RUNS")],
)
def test_every_run_that_has_a_share_of_a_jobs_orders_is_scheduled(
    environment: str, name: str, setting: str
):
    """Nobody would look at the orders of a run that is left out."""
    whole = platform(environment)
    job = whole.one(FUNCTION, name)
    shares = int(job.properties["Environment"]["Variables"][setting])

    scheduled = [
        json.loads(target.get("Input", "{}")).get("run", 0)
        for schedule in whole.all(SCHEDULE)
        if whole.referred(schedule.stack, (target := schedule.properties["Target"])["Arn"]) == job
    ]

    assert sorted(scheduled) == list(range(shares))
