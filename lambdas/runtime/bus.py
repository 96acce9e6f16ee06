"""Publishing events on the event bus."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lambdas.contracts.envelope import EventEnvelope
from lambdas.runtime.publisher import Publisher

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient


class Bus(Publisher):
    """An event bus.

    The entries of a request may have 1 MB. Our largest event has 90 lines whose characters are all
    escaped in JSON: under 80 KB, so ten of them fit.
    """

    def __init__(self, name: str, *, eventbridge: "EventBridgeClient") -> None:
        """``name`` is the bus's name, ``eventbridge`` boto3's client of EventBridge."""
        self._name = name
        self._eventbridge = eventbridge

    def _put(self, batch: Sequence[EventEnvelope[Any]]) -> list[EventEnvelope[Any]]:
        entries: list[Any] = [event.to_put_events_entry(self._name) for event in batch]
        response = self._eventbridge.put_events(Entries=entries)
        return [
            event
            for event, entry in zip(batch, response["Entries"], strict=True)
            if "ErrorCode" in entry
        ]
