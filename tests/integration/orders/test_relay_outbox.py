"""Changes of the orders table are published on the bus, in order."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambdas.contracts.order_states import OrderState
from lambdas.orders.domain import Order
from lambdas.orders.rows import row_of, tombstone_of
from lambdas.runtime.dead_letters import DeadLetterQueue
from lambdas.runtime.dynamodb import to_item
from lambdas.runtime.relay import Relay
from tests.support.aws_fakes import FakeEvents, FakeSqs
from tests.support.order_api import Handler
from tests.support.order_requests import placed


def change(number: int, before: Order | None, after: Order) -> dict[str, Any]:
    """A record of the table's stream."""
    images = {"NewImage": to_item(row_of(after))}
    if before is not None:
        images["OldImage"] = to_item(row_of(before))
    return {"dynamodb": {"SequenceNumber": str(number), **images}}


def placements(number: int) -> list[dict[str, Any]]:
    return [change(100 + i, None, placed(key=str(i))) for i in range(number)]


class TestRelayOutbox:
    @pytest.fixture
    def relay(
        self, load_handler: Callable[..., Handler], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[FakeEvents, list[dict[str, Any]]], list[str]]:
        handler = load_handler(
            "lambdas.orders.relay_outbox",
            EVENT_BUS="Orders",
            DEAD_LETTER_QUEUE_URL="dead-letters",
            ENVIRONMENT="dev",
        )

        def run(
            events: FakeEvents, records: list[dict[str, Any]], queue: FakeSqs | None = None
        ) -> list[str]:
            module = sys.modules["lambdas.orders.relay_outbox"]
            relaying = Relay(
                to_event=module.to_event,
                publisher=module.CountingBus("Orders", eventbridge=events),
                dead_letters=DeadLetterQueue("dead-letters", sqs=queue or FakeSqs()),
            )
            monkeypatch.setattr(module, "relay", relaying)
            answer = handler({"Records": records}, None)
            return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

        return run

    def test_changes_are_published_in_order(self, relay: Any):
        order = placed()
        rejected = replace(
            order, state=OrderState.REJECTED, sequence=2, reason="OutOfStock", explanation="x"
        )
        events = FakeEvents()

        failed = relay(events, [change(1, None, order), change(2, order, rejected)])

        assert failed == []
        assert [entry["DetailType"] for entry in events.taken] == ["OrderPlaced", "OrderRejected"]
        assert {entry["EventBusName"] for entry in events.taken} == {"Orders"}
        assert {entry["Source"] for entry in events.taken} == {"com.aws.orders"}

    def test_accepted_outcomes_are_counted_and_rejected_ones_are_not(
        self, relay: Any, capsys: pytest.CaptureFixture[str]
    ):
        relay(FakeEvents(), placements(2))
        relay(FakeEvents(refused={placed(key="0").order_id}), placements(1))

        counted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["OrdersPlaced"] for line in counted if "_aws" in line] == [2]

    def test_expiry_has_no_event(self, relay: Any):
        order = placed()
        record = change(1, order, replace(order, state=OrderState.DISPATCHED, sequence=2))
        record["dynamodb"]["NewImage"] = to_item(tombstone_of(order, at="2026-12-31T00:00:00.000Z"))
        events, queue = FakeEvents(), FakeSqs()

        assert relay(events, [record], queue) == []
        assert (events.requests, queue.sent) == ([], [])

    def test_claim_has_no_event(self, relay: Any):
        order = placed()
        events = FakeEvents()

        assert relay(events, [change(1, order, replace(order, claim_owner="execution"))]) == []
        assert events.requests == []

    def test_records_of_rejected_events_are_reported_as_failed(self, relay: Any):
        records = placements(12)
        events = FakeEvents(refused={placed(key=key).order_id for key in ("3", "11")})

        assert relay(events, records) == ["103", "111"]
        assert len(events.taken) == 10

    def test_failure_of_the_bus_fails_the_batch(self, relay: Any):
        events = FakeEvents(broken=True)

        with pytest.raises(ConnectionError):
            relay(events, placements(1))

    def test_redelivered_record_has_the_same_event_id(self, relay: Any):
        events = FakeEvents()

        relay(events, placements(1))
        relay(events, placements(1))

        first, second = (json.loads(entry["Detail"])["metadata"] for entry in events.taken)
        assert first == second
