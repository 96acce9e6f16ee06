"""The job that resolves duplicates, over a table of orders, under either policy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lambdas.orders.checkpoint import Checkpoint, Progress
from tests.support.duplicates import NOW, after
from tests.support.order_jobs import Job

WITHIN = timedelta(minutes=5)


@pytest.fixture
def load(
    load_handler: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    make_table: Callable[..., str],
    dynamodb: Any,
    table: str,
) -> Callable[[str], Job]:
    progress = make_table("progress", "job")
    # What was placed longer ago is done: each period more takes a query of each shard.
    Checkpoint(progress, job="resolve_duplicates", dynamodb=dynamodb).write(
        Progress(done_until=after(-20)), before=None
    )
    settings = {
        "ORDERS_TABLE": table,
        "CHECKPOINTS_TABLE": progress,
        "DUPLICATE_WINDOW_SECONDS": str(int(WITHIN.total_seconds())),
    }

    def load(policy: str) -> Job:
        job = Job(
            load_handler, monkeypatch, "resolve_duplicates", DUPLICATE_POLICY=policy, **settings
        )
        job.at(NOW)
        return job

    return load


@pytest.fixture(params=["hold", "cancel"])
def policy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def job(load: Callable[[str], Job], policy: str) -> Job:
    return load(policy)
