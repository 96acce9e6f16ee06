"""The event that reports what became of an e-mail."""

from typing import Any

from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import OrderConfirmed, OrderDispatched
from lambdas.contracts.parsing import parse_detail
from lambdas.notifications.email_records import EmailRecord, event_for_record
from tests.contracts.catalog import detail_of


def parse_sample(event: Any) -> Any:
    return parse_detail(event, detail_of(event))


def test_event_for_record_is_the_same_at_every_attempt():
    parsed = parse_sample(OrderConfirmed)
    record = EmailRecord(
        order_id=parsed.data.order_id,
        kind="OrderConfirmed",
        customer_id=parsed.data.customer_id,
        state="SENT",
        changed_at="2026-12-01T08:26:03.204518+00:00",
        message_id="m1",
    )

    notified = event_for_record(parsed, record)

    assert notified == parse_detail(CustomerNotified, detail_of(CustomerNotified))


def test_event_of_an_erased_customers_record_names_the_customer_of_its_cause():
    parsed = parse_sample(OrderConfirmed)
    record = EmailRecord(order_id="o", kind="OrderConfirmed", state="SENT", changed_at="")

    assert event_for_record(parsed, record).data.customer_id == parsed.data.customer_id


def test_events_of_two_records_of_an_order_have_different_ids():
    def numbered(event: Any, sequence: int) -> str:
        parsed = parse_sample(event)
        detail = {**detail_of(event)}
        detail["metadata"]["sequence"] = sequence
        record = EmailRecord(order_id="o1", kind="x", customer_id="c", state="SENT", changed_at="")
        return event_for_record(parse_detail(type(parsed.data), detail), record).metadata.event_id

    assert len({numbered(OrderConfirmed, 2), numbered(OrderDispatched, 3)}) == 2
