"""The job that republishes stalled orders, over a table of orders."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.order_jobs import Job
from tests.support.stalled_orders import DISPATCH_WITHIN, NOW


@pytest.fixture
def job(
    load_handler: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    checkpoints: str,
) -> Job:
    job = Job(
        load_handler,
        monkeypatch,
        "republish_stalled",
        ORDERS_TABLE=table,
        CHECKPOINTS_TABLE=checkpoints,
        EVENT_BUS="Orders",
        ENVIRONMENT="test",
        DISPATCH_WITHIN_SECONDS=str(DISPATCH_WITHIN // timedelta(seconds=1)),
        RESUMED_PER_MINUTE="2000",
        RESUMING_RUNS="1",
    )
    job.at(NOW)
    job.set(sleep=lambda _: None)
    return job
