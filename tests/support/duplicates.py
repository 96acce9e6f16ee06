"""Orders that repeat one another, and what the job that resolves them did with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import Order
from tests.support.order_jobs import Job, World

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(minutes=4, seconds=30)
DONE: dict[str, Any] = {"open_shard": None, "check_after": None}
NOTHING = {"kept": 0, "held": 0, "cancelled": 0, "too_late": 0, "undecided": 0}
ONCE = pytest.mark.parametrize("policy", ["hold"], indirect=True)
"""What is about how far a run comes, to which the policy makes no difference."""


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def confirmed(world: World, key: str, at: datetime, **changes: Any) -> Order:
    return world.placed(
        key, at, **{"state": OrderState.CONFIRMED, "sequence": 2, **DONE, **changes}
    )


def pairs(world: World, number: int, at: datetime, customers: str = "") -> list[Order]:
    """So many orders, each with one that repeats it, and returns those."""
    found = []
    for customer in range(number):
        whose = f"{customers}{customer}"
        confirmed(world, "1", at, customer=whose)
        later = confirmed(world, "2", at + timedelta(seconds=5), customer=whose)
        found.append(later)
    return found


def did(job: Job) -> dict[str, int]:
    """What the job's next run did, without how far it came."""
    report = job.run()
    del report["done_until"], report["unresolved_periods"]
    return report


def counts(**some: int) -> dict[str, int]:
    return NOTHING | some


def is_resolved(order: Order, policy: str, *, repeats: Order) -> bool:
    """Whether it is held or withdrawn for repeating that one."""
    assert order.duplicate_of == repeats.order_id
    assert order.dedup_bucket is None
    if policy == "cancel":
        return (order.state, order.reason) == (OrderState.WITHDRAWN, "DuplicateOrder")
    return [hold.reason for hold in order.held] == ["DuplicateOrder"]
