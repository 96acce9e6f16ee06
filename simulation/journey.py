"""The journeys of orders: what happened to each, line by line, to explain a failing run."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from greenlet import getcurrent


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened to an order at a time; without an order id, to none."""

    at: float
    order_id: str
    text: str

    def __str__(self) -> str:
        stamp = datetime.fromtimestamp(self.at, UTC).strftime("%d %H:%M:%S.%f")[:-3]
        return f"{stamp}  {self.order_id[:6]:6}  {self.text}"


class Journey:
    """The notes of a run."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.notes: list[Note] = []
        self._clock = clock

    def note(self, order_id: str, text: str) -> None:
        """Add a note about an order."""
        self.notes.append(Note(self._clock(), order_id, text))

    def log(self, line: str) -> None:
        """Add a line of a function's log."""
        fields = json.loads(line)
        order_id = str(fields.pop("order_id", ""))
        name = getattr(getcurrent(), "name", "?")
        rest = " ".join(f"{k}={v}" for k, v in fields.items() if k != "message" and v is not None)
        self.note(order_id, f"{name}: {fields['message']} {rest}".rstrip())

    def event(self, event: Mapping[str, Any]) -> None:
        """Add a note that the bus accepted an event."""
        detail = event["detail"]
        metadata = detail.get("metadata", {})
        order_id = detail.get("data", {}).get("order_id") or metadata.get("subject", "")
        which = f"{metadata.get('sequence', '')} v{metadata.get('schema_version', '')}"
        self.note(order_id, f"the bus takes {event['detail-type']} {which}")


def of_order(notes: list[Note], order_id: str) -> Iterator[Note]:
    """Yield the notes about an order, and the faults in between."""
    for note in notes:
        if note.order_id == order_id or order_id in note.text or note.text.startswith("FAULT"):
            yield note
