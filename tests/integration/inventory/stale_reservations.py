"""Stale reservations, the queries about them, and the events that resolve them."""

import json
from datetime import datetime, timedelta
from typing import Any

from lambdas.contracts.envelope import EventEnvelope, envelope
from lambdas.contracts.inventory import ReservationUnresolved
from lambdas.contracts.orders import OrderConfirmed, OrderStatusReported
from lambdas.contracts.parsing import parse_detail
from lambdas.contracts.values import Money, PricedLine
from lambdas.inventory.domain import index_shard, reservation_unresolved
from lambdas.inventory.unresolved_reservations import (
    StaleReservationPoller,
    UnresolvedReservations,
)
from lambdas.runtime.bus import Bus
from tests.support.aws_fakes import FakeEvents
from tests.support.inventory_tables import NOW, Inventory

STALE_AFTER = timedelta(hours=1)
START = datetime.fromisoformat(NOW)
STALE_AT = START + STALE_AFTER + timedelta(seconds=1)
OVER, STANDS = ("REJECTED", "CANCELLED"), ("CONFIRMED", "DISPATCHED")
MAX_IN_FLIGHT = ("PLACED", "WITHDRAWN", "SOME_LATER_STATE")
RUNS = 8


class Crash(Exception):
    """The function died here."""


def delivered(event: EventEnvelope[Any]) -> dict[str, Any]:
    """The event as EventBridge hands it to a function."""
    entry = event.to_put_events_entry("Orders")
    return {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }


def state_of(order_id: str, state: str) -> dict[str, Any]:
    """What orders answers."""
    query_id = reservation_unresolved(order_id, query_number=1, now=NOW).metadata.event_id
    return delivered(
        envelope(
            OrderStatusReported(order_id=order_id, state=state),
            subject=query_id,
            sequence=1,
            correlation_id=order_id,
            causation_id=query_id,
            occurred_at=NOW,
        )
    )


def confirmed(order_id: str) -> dict[str, Any]:
    return delivered(
        envelope(
            OrderConfirmed(
                order_id=order_id,
                customer_id="c1",
                lines=(PricedLine(sku="A", quantity=1, unit_price=1),),
                total=Money(amount=1, currency="GBP"),
                country="France",
            ),
            subject=order_id,
            sequence=2,
            correlation_id=order_id,
            causation_id=order_id,
            occurred_at=NOW,
        )
    )


def poller(dynamodb: Any, inventory: Inventory, events: FakeEvents) -> StaleReservationPoller:
    table = UnresolvedReservations(inventory.reservations_table, dynamodb=dynamodb)
    return StaleReservationPoller(table, Bus("Orders", eventbridge=events), stale_after=STALE_AFTER)


def queries(events: FakeEvents) -> list[EventEnvelope[ReservationUnresolved]]:
    return [
        parse_detail(ReservationUnresolved, json.loads(entry["Detail"])) for entry in events.taken
    ]


def make_stale(inventory: Inventory, number: int) -> list[str]:
    """Make stale reservations, all in one shard, the oldest first; return their orders."""
    names = (f"o{n:04}" for n in range(10_000))
    orders = [name for name in names if index_shard(name) == "07"][:number]
    inventory.receive("opening", {"A": number})
    for n, order in enumerate(orders):
        inventory.reserve(order, {"A": 1}, now=(START - timedelta(seconds=number - n)).isoformat())
    return orders
