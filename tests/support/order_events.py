"""Events of orders, and the stream records that carry them."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE, Event
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import (
    OrderConfirmed,
    OrderDispatched,
    OrderHeld,
    OrderHoldLifted,
    OrderNeedsAttention,
    OrderPlaced,
    OrderRejected,
    OrderWithdrawn,
)
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.values import Line, Money, PricedLine
from lambdas.contracts.warehouse import OrderPicked

LINES = (
    PricedLine(sku="85123A", quantity=6, unit_price=255),
    PricedLine(sku="W/71053", quantity=2, unit_price=339),
)
TOTAL = Money(amount=2_208, currency="GBP")


def wrap_event(
    event: Event, sequence: int, *, second: int, minute: int = 26
) -> EventEnvelope[Event]:
    order: str = event.order_id  # type: ignore[attr-defined]
    return envelope(
        event,
        subject=order,
        sequence=sequence,
        correlation_id=order,
        causation_id=order,
        occurred_at=f"2026-12-01T08:{minute:02}:{second:02}+00:00",
    )


def placed(order: str = "o1", customer: str = "ada", *, minute: int = 26) -> EventEnvelope[Event]:
    event = OrderPlaced(
        order_id=order, customer_id=customer, lines=LINES, total=TOTAL, country="Italy"
    )
    return wrap_event(event, 1, second=0, minute=minute)


def confirmed(
    order: str = "o1",
    customer: str = "ada",
    *,
    minute: int = 26,
    lines: Sequence[PricedLine] = LINES,
    total: Money = TOTAL,
) -> EventEnvelope[Any]:
    event = OrderConfirmed(
        order_id=order, customer_id=customer, lines=tuple(lines), total=total, country="Italy"
    )
    return wrap_event(event, 2, second=2, minute=minute)


def rejected(order: str = "o1", customer: str = "ada") -> EventEnvelope[Event]:
    event = OrderRejected(
        order_id=order, customer_id=customer, reason="OutOfStock", explanation="too few of 85123A"
    )
    return wrap_event(event, 2, second=2)


def needs_attention(order: str = "o1", customer: str = "ada") -> EventEnvelope[Event]:
    event = OrderNeedsAttention(
        order_id=order, customer_id=customer, failed_compensations=("RefundPayment",)
    )
    return wrap_event(event, 4, second=9)


def held(order: str = "o1", customer: str = "ada") -> EventEnvelope[Event]:
    event = OrderHeld(
        order_id=order, customer_id=customer, reason="PaymentDisputed", explanation="disputed"
    )
    return wrap_event(event, 3, second=3)


def lifted(order: str = "o1", customer: str = "ada") -> EventEnvelope[Event]:
    event = OrderHoldLifted(order_id=order, customer_id=customer, reason="PaymentDisputed")
    return wrap_event(event, 10, second=4)


def withdrawn(order: str = "o1", customer: str = "ada") -> EventEnvelope[Event]:
    """The customer cancelled it while it was held."""
    return wrap_event(OrderWithdrawn(order_id=order, customer_id=customer), 10, second=4)


def notified(
    order: str = "o1", customer: str = "ada", *, sequence: int = 2
) -> EventEnvelope[Event]:
    event = CustomerNotified(
        order_id=order, customer_id=customer, notice="OrderConfirmed", result="SENT"
    )
    return wrap_event(event, sequence, second=3)


def order_history(order: str = "o1", customer: str = "ada") -> list[EventEnvelope[Event]]:
    """Six events of an order that is dispatched, across services."""
    units = tuple(Line(sku=line.sku, quantity=line.quantity) for line in LINES)
    taken = PaymentTaken(order_id=order, customer_id=customer, total=TOTAL)
    picked = OrderPicked(order_id=order, lines=units)
    left = ShipmentDispatched(order_id=order, shipment_id="s1", country="Italy", lines=units)
    dispatched = OrderDispatched(order_id=order, customer_id=customer)
    return [
        placed(order, customer),
        wrap_event(taken, 1, second=1),
        confirmed(order, customer),
        wrap_event(picked, 1, second=3),
        wrap_event(left, 1, second=4),
        wrap_event(dispatched, 3, second=5),
    ]


def bus_event(published: EventEnvelope[Event]) -> dict[str, Any]:
    """An event as the bus delivers it."""
    if published.data.via_destination:
        record = {"responsePayload": published.to_lambda_response()}
        return {
            "source": DESTINATION_SOURCE,
            "detail-type": DESTINATION_DETAIL_TYPE,
            "detail": record,
        }
    entry = published.to_put_events_entry("Orders")
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


def record(number: int, key: str, data: bytes) -> dict[str, Any]:
    """A record of a Kinesis stream, as Lambda passes it to a function."""
    return {
        "kinesis": {
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
        }
    }


def records(*published: EventEnvelope[Event] | tuple[str, bytes]) -> list[dict[str, Any]]:
    """The records of events, and of pairs of partition key and data."""
    return [
        record(number, *each)
        if isinstance(each, tuple)
        else record(number, each.metadata.subject, json.dumps(bus_event(each)).encode())
        for number, each in enumerate(published)
    ]
