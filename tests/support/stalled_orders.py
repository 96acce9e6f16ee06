"""Orders that do not go on, and what the job that republishes them did."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.orders.domain import STALLED_AFTER, Order
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.order_jobs import Job, World

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
OLD = NOW - STALLED_AFTER - timedelta(seconds=5)
DISPATCH_WITHIN = timedelta(hours=12)
LATER = NOW + STALLED_AFTER + timedelta(seconds=1)


def fake_bus(job: Job, **faults: Any) -> FakeEvents:
    """Give the job a bus that records its entries."""
    events = FakeEvents(**faults)
    job.set(bus=Bus("Orders", eventbridge=events))
    return events


def report(**counts: int) -> dict[str, int]:
    """What a run reports, but for the counts of orders."""
    return {"checked": 0, "published": 0, "rejected": 0, "attention": 0} | counts


def run(job: Job, *, dry_run: bool = False) -> dict[str, int]:
    """Run the job; return its report without the counts of orders."""
    counts = ("open", "deferred")
    said = job.run(dry_run=dry_run)
    return {name: count for name, count in said.items() if name not in counts}


def deferred(world: World, key: str, *, due: datetime, **changes: Any) -> Order:
    """An order that a saga deferred."""
    columns: dict[str, Any] = {
        "deferred_step": "TakePayment",
        "deferred_error": "States.Timeout",
    }
    order = world.placed(key, OLD, claimed_by={"execution"}, deferrals=1, **columns)
    return world.keep(
        replace(
            order,
            check_after=due.isoformat(),
            deferred_shard=order.open_shard,
            deferred_since=OLD.isoformat(),
            **changes,
        )
    )


def claim(*, seconds: int) -> dict[str, Any]:
    """A claim that expires after that many seconds."""
    return {"claim_owner": "execution", "claim_until": int(NOW.timestamp()) + seconds}


def order_ids(events: FakeEvents) -> list[str]:
    """The orders of the published events."""
    return [json.loads(entry["Detail"])["data"]["order_id"] for entry in events.taken]


def of_one_shard(world: World, number: int, *, first: int = 0, **changes: Any) -> list[Order]:
    """Orders of one shard, oldest first."""
    return [
        world.placed(
            str(i),
            OLD,
            order_id=f"a{i:031x}",
            open_shard="a",
            check_after=(OLD + timedelta(milliseconds=i)).isoformat(),
            **changes,
        )
        for i in range(first, first + number)
    ]
