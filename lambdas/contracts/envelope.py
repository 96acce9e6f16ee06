"""An event with its metadata, and the forms in which it travels."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

from lambdas.contracts.codec import encode
from lambdas.contracts.event import Event, Metadata
from lambdas.contracts.versions import downcast

UUID_NAMESPACE = UUID("8e1ee3b4-31a0-4d0f-9f1a-3a1f6f0a2c5d")

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnvelope(Generic[E]):
    """An event with its metadata; this is the ``detail`` of the event on the bus."""

    metadata: Metadata
    data: E

    def to_put_events_entry(self, bus_name: str) -> dict[str, Any]:
        """Return the entry for EventBridge's ``PutEvents``."""
        return {
            "EventBusName": bus_name,
            "Source": self.data.source,
            "DetailType": self.data.detail_type,
            "Time": datetime.fromisoformat(self.metadata.occurred_at),
            "Detail": json.dumps(self.detail),
        }

    def to_sns_message(self) -> str:
        """Return the body of an SNS message; it includes source and detail-type."""
        return json.dumps(self.to_lambda_response())

    def to_lambda_response(self) -> dict[str, Any]:
        """Return the response of a function whose destination publishes the event."""
        kind = {"source": self.data.source, "detail_type": self.data.detail_type}
        return kind | self.detail

    @property
    def detail(self) -> dict[str, Any]:
        """The event as plain data: its metadata and its data, in the version that is published."""
        metadata = encode(self.metadata) | {"schema_version": self.data.publishes}
        return {"metadata": metadata, "data": downcast(type(self.data), encode(self.data))}


def envelope(
    event: E,
    *,
    subject: str,
    sequence: int,
    correlation_id: str,
    causation_id: str,
    occurred_at: str,
) -> EventEnvelope[E]:
    """Return ``event`` with its metadata.

    The event's id is derived from source, subject and sequence. An event that is published again
    has the same id.
    """
    return EventEnvelope(
        metadata=Metadata(
            event_id=event_id(event.source, subject, sequence),
            subject=subject,
            sequence=sequence,
            correlation_id=correlation_id,
            causation_id=causation_id,
            occurred_at=occurred_at,
            schema_version=event.publishes,
        ),
        data=event,
    )


def event_id(source: str, subject: str, sequence: int) -> str:
    """Return the id of the event with this source, subject and sequence: always the same."""
    return str(uuid5(UUID_NAMESPACE, f"{source}/{subject}/{sequence}"))
