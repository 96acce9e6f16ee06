"""The events that there are, a sample of each, and how EventBridge matches them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambdas.contracts.event import Event
from tools.contract_modules import services

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "contracts" / "samples"
GUIDE = "docs/how-to/add-an-event.md"
EVENTS: tuple[type[Event], ...] = tuple(
    event for module in services().values() for event in module.EVENTS
)
TUTORIAL = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "Order Notification",
    "source": "com.aws.orders",
    "account": "123456789012",
    "time": "2026-12-01T09:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {"category": "lab-supplies", "value": 415, "location": "eu-west"},
}
"""The tutorial's test event; only the catch-all rule matches it."""


def sample_of(event: type[Event], version: int | None = None) -> Path:
    """The sample of a version; of the one that is published when none is named."""
    return SAMPLES / f"{event.__name__}.v{version or event.publishes}.json"


def read(sample: Path) -> Any:
    """What is delivered: an event of the bus whole, or the body of a topic's message."""
    assert sample.exists(), f"write {sample.relative_to(ROOT)}: {GUIDE} says how"
    return json.loads(sample.read_text())


def detail_of(event: type[Event], version: int | None = None) -> Any:
    """The metadata and data of an event's sample."""
    sample = read(sample_of(event, version))
    if event.via_destination:
        return sample["detail"]["responsePayload"]
    return sample if event.topic else sample["detail"]


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether EventBridge would say that an event matches; of its operators, those we use.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    for name, wanted in pattern.items():
        if name == "$or":
            if not any(matches(way, event) for way in wanted):
                return False
        elif isinstance(wanted, Mapping):
            inner = event.get(name)
            if not isinstance(inner, Mapping) or not matches(wanted, inner):
                return False
        elif not any(_accepts(one, name, event) for one in wanted):
            return False
    return True


def _accepts(wanted: Any, name: str, event: Mapping[str, Any]) -> bool:
    match wanted:
        case {"exists": bool(exists)}:
            return (name in event) is exists
        case {"prefix": str(prefix)}:
            return str(event.get(name, "")).startswith(prefix)
        case dict():
            raise NotImplementedError(f"this matcher does not know {wanted}")
    return name in event and bool(event[name] == wanted)
