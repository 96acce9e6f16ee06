"""What became of an order: its end, its events, its trace, and the promises that hold."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from demo.invariant_checks import CHECKS
from demo.invariants import Violation, find_violations
from emulator.polling import poll
from lambdas.contracts.order_states import OrderState
from lambdas.orders.events import event_for_change
from lambdas.orders.rows import order_of
from simulation.saga_walk import STEPS
from tests.support.cli import journey
from tests.support.orders_platform import Platform, row, run
from tests.support.waiting import wait_until

SECONDS = 180
"""Longer than the sweeper takes to publish the event of a payment that the bus refused at first."""
ACTIONS = ("Claim", *(step.action.name for step in STEPS))
"""The states of a saga until it confirms the order."""
COMPENSATIONS = ("Claim", *(step.compensation.name for step in reversed(STEPS)))
"""The states of a withdrawal until it cancels the order."""


def ended(
    platform: Platform, *orders: str, at_first: str = OrderState.PLACED
) -> list[tuple[str, str | None]]:
    """Wait until the orders have ended; return the state of each, and the reason."""
    rows: list[dict[str, Any]] = []

    def all_ended() -> bool:
        rows[:] = [row(platform, order) for order in orders]
        return all(row["state"] != at_first for row in rows)

    wait_until(f"these end: {orders}", all_ended)
    return [(row["state"], row.get("reason")) for row in rows]


def finished(platform: Platform, *orders: str) -> list[tuple[str, str | None]]:
    """As ``ended``, while the job runs that resumes deferred orders."""

    def all_ended() -> bool:
        run(platform, "RepublishStalled")
        return all(row(platform, order)["state"] != OrderState.PLACED for order in orders)

    wait_until(f"these end: {orders}", all_ended)
    return ended(platform, *orders)


def published(platform: Platform, order: str) -> list[str]:
    """The events of an order that were logged, each once."""
    rows = platform.database.execute(
        "SELECT DISTINCT sequence, detail_type FROM events WHERE order_id = ? ORDER BY sequence",
        [order],
    )
    return [detail_type for _, detail_type in rows]


def deliver_again(platform: Platform, order: str) -> None:
    """Put the order's first event on the bus again, and see the execution that it starts end."""
    states = platform.client("stepfunctions")

    def executions() -> list[str]:
        answer = states.list_executions(stateMachineArn=platform.saga, maxResults=1000)
        return [execution["status"] for execution in answer["executions"]]

    before = len(executions())
    first = replace(order_of(row(platform, order)), state=OrderState.PLACED, sequence=1)
    event = event_for_change(None, first)
    assert event is not None
    bus = platform.outputs["EventBus"]
    platform.client("events").put_events(Entries=[event.to_put_events_entry(bus)])
    wait_until(
        "the second execution ends",
        lambda: len(found := executions()) == before + 1 and "RUNNING" not in found,
    )


def trace_once_published(platform: Platform, order: str) -> tuple[int, Any]:
    """An order's trace once its payment event is published: otherwise the sweeper publishes it."""
    asked: list[tuple[int, Any]] = []

    def payment_is_published() -> bool:
        asked[:] = [journey(platform.cloud, order)]
        return all(entry["published"] for entry in asked[0][1]["records"]["payments"]["entries"])

    wait_until("its payment event is published", payment_is_published)
    return asked[0]


def steps(journey: Mapping[str, Any]) -> dict[str, list[str]]:
    """The steps of each saga in a trace."""
    return {
        re.findall("Fulfilment|Withdrawal", execution["arn"])[0]: [
            step["name"] for step in execution["steps"]
        ]
        for execution in journey["executions"]
    }


def check_promises(platform: Platform) -> None:
    broken: list[Violation] = []

    def kept() -> bool:
        platform.snapshot.gather()
        platform.snapshot.gather_dead_letters()
        platform.snapshot.gather_events()
        broken[:] = find_violations(platform.database, CHECKS)
        return not broken

    # The log of events is a moment behind.
    poll(kept, seconds=SECONDS, interval=0.1)
    assert broken == []
    assert platform.database.execute("SELECT * FROM dead_letters").fetchall() == []
