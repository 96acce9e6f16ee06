import json
from typing import Any

import pytest

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.orders import OrderNeedsAttention, OrderPlaced
from lambdas.contracts.values import MAX_SKUS, Money, PricedLine
from lambdas.orders.api import MAX_QUANTITY, MAX_TEXT, MAX_UNIT_PRICE
from lambdas.runtime.bus import Bus
from lambdas.runtime.publisher import MAX_ENTRIES, RETRY
from tests.support.aws_fakes import FakeEvents


def envelopes(number: int) -> list[EventEnvelope[Any]]:
    return [
        envelope(
            OrderNeedsAttention(order_id=str(i), customer_id="17850", failed_compensations=()),
            subject=str(i),
            sequence=1,
            correlation_id=str(i),
            causation_id=str(i),
            occurred_at="2026-12-01T08:26:00+00:00",
        )
        for i in range(number)
    ]


def subjects(request: list[dict[str, Any]]) -> list[str]:
    return [json.loads(entry["Detail"])["metadata"]["subject"] for entry in request]


def test_full_request_of_largest_events_is_below_the_limit():
    wide = "\N{GRINNING FACE}"
    country = wide * MAX_TEXT
    lines = tuple(
        PricedLine(
            sku=country[1:] + chr(ord(wide) + i),
            quantity=MAX_QUANTITY,
            unit_price=MAX_UNIT_PRICE,
        )
        for i in range(MAX_SKUS)
    )
    total = Money(amount=MAX_SKUS * MAX_QUANTITY * MAX_UNIT_PRICE, currency="GBP")
    placed = OrderPlaced(
        order_id="0" * 32, customer_id="0" * 36, lines=lines, total=total, country=country
    )
    largest = envelope(
        placed,
        subject=placed.order_id,
        sequence=1,
        correlation_id=placed.order_id,
        causation_id="0" * 36,
        occurred_at="2026-12-01T08:26:00.000000+00:00",
    )

    size = len(largest.to_put_events_entry("Orders")["Detail"])
    assert 70_000 < size < 80_000
    assert MAX_ENTRIES * 80_000 < 1_000_000


@pytest.mark.parametrize(
    ("number", "batches"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (25, [10, 10, 5])]
)
def test_ten_go_in_a_request(number: int, batches: list[int]):
    events = FakeEvents()

    assert Bus("Orders", eventbridge=events).publish(envelopes(number)) == []
    assert [len(request) for request in events.requests] == batches
    assert MAX_ENTRIES == 10


def test_order_is_kept():
    events = FakeEvents()

    Bus("Orders", eventbridge=events).publish(envelopes(25))

    assert subjects(events.taken) == [str(i) for i in range(25)]


def test_only_rejected_events_are_retried():
    events = FakeEvents(refused={"1", "3"}, times=1)

    assert Bus("Orders", eventbridge=events).publish(envelopes(5)) == []
    assert [subjects(request) for request in events.requests] == [
        ["0", "1", "2", "3", "4"],
        ["1", "3"],
    ]


def test_rejected_event_is_retried_and_then_returned():
    events = FakeEvents(refused={"1", "12"})
    sent = envelopes(13)

    assert Bus("Orders", eventbridge=events).publish(sent) == [sent[1], sent[12]]
    assert len(events.requests) == 2 * RETRY.max_attempts


def test_entry_has_the_fields_of_put_events():
    events = FakeEvents()

    Bus("OrdersProd", eventbridge=events).publish(envelopes(1))

    (entry,) = events.taken
    assert set(entry) == {"EventBusName", "Source", "DetailType", "Time", "Detail"}
    assert entry["EventBusName"] == "OrdersProd"
    assert entry["Time"].isoformat() == "2026-12-01T08:26:00+00:00"
