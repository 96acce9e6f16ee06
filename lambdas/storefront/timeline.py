"""The timeline of an order: the events of all services."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from lambdas.contracts.codec import encode
from lambdas.contracts.envelope import EventEnvelope
from lambdas.contracts.event import Event
from lambdas.contracts.orders import SOURCE
from lambdas.storefront.order_upserts import (
    OrderUpsert,
    event_key,
    events_of,
    upserts_by_order,
)

TIMELINE_FIELDS = ("total", "shipment_id", "reason", "explanation", "notice", "result")
"""The fields of an event's data that its line in the timeline shows, where they are not empty."""


def build_timeline_upserts(events: Iterable[EventEnvelope[Event]]) -> list[OrderUpsert]:
    """Return the attributes that the events add to the rows of their orders."""
    return upserts_by_order(events, _timeline_attributes)


def _timeline_attributes(event: EventEnvelope[Any]) -> dict[str, Any]:
    data = encode(event.data)
    details = {name: data[name] for name in TIMELINE_FIELDS if data.get(name)}
    line = {"event": event.data.detail_type, "at": event.metadata.occurred_at, **details}
    # Others name the customer, too. Whose an order is, only the service that took it can say.
    is_owners = event.data.source == SOURCE and "customer_id" in data
    owner = {"customer_id": data["customer_id"]} if is_owners else {}
    return {event_key(event): line, **owner}


def render_timeline(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the timeline as the customer sees it, sorted by the time of each event."""
    lines = [{"service": service, **line} for (service, _), line in events_of(row).items()]
    lines.sort(key=lambda line: (datetime.fromisoformat(line["at"]), line["service"]))
    return {"order_id": row["order_id"], "events": lines}
