"""Each consumer of events bears the largest value of each field that a contract admits."""

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin

import pytest

from lambdas.contracts.bounds import IntegerBounds, TextBounds
from lambdas.contracts.codec import ContractError, field_types, split_bounds, unwrap_optional
from lambdas.contracts.event import Event
from lambdas.contracts.inventory import DeliveredLine
from tests.contracts.catalog import EVENTS, read, sample_of
from tests.support.abuse_inputs import Path, found
from tests.support.abuse_platform import SKU, AbusedPlatform
from tests.support.source_records import QUEUE, RULE, STREAM

SUBJECTS = ("order_id", "sku")


def largest(contract: Any) -> Iterator[tuple[Path, Any]]:
    """The place and the largest value of each text and integer, but not of the subject."""
    for name, annotated in field_types(contract).items():
        plain, bounds = split_bounds(unwrap_optional(annotated) or annotated)
        inner = get_args(plain)[0] if get_origin(plain) is tuple else plain
        if is_dataclass(inner):
            first = () if inner is plain else (0,)
            yield from (((name, *first, *path), value) for path, value in largest(inner))
        elif isinstance(bounds, TextBounds) and not bounds.pattern and name not in SUBJECTS:
            yield (name,), "x" * bounds.maximum
        elif isinstance(bounds, IntegerBounds):
            yield (name,), bounds.maximum


def with_largest(event: type[Event], path: Path, value: Any, *, order_id: str) -> Any:
    """The sample of an event with one value changed, about this order."""
    sample = read(sample_of(event))
    detail = sample.get("detail", sample)
    data = detail.get("responsePayload", detail)["data"]
    found(data, path[:-1])[path[-1]] = value
    known = data.get("order_id", order_id)
    return json.loads(json.dumps(sample).replace(known, order_id))


@pytest.mark.parametrize("event", EVENTS)
def test_event_with_a_largest_value_is_processed_and_again(
    platform: AbusedPlatform, event: type[Event]
):
    """A row that the first delivery writes must be readable at the second, and for relays."""
    here = platform.here
    for path, value in largest(event):
        try:
            content = with_largest(event, path, value, order_id=platform.own_order)
        except (LookupError, TypeError):
            continue  # The sample leaves it out.
        for consumer in platform.consumers.all:
            if consumer.kind in (RULE, STREAM, QUEUE) and consumer.wanted(content):
                here.restore()
                for _ in range(2):
                    outcome = platform.consumers.deliver(consumer, content)
                    assert outcome.error != ContractError.__name__, (path, outcome)
                for relay, change in list(platform.consumers.wanted(here.changes)):
                    platform.consumers.deliver(relay, change)
                dead = [r for _, operation, r in here.sent if operation == "send_message"]
                assert dead == [], (path, consumer)


@pytest.mark.parametrize("path", [path for path, _ in largest(DeliveredLine)])
def test_stock_after_deliveries_with_a_largest_value_is_published(
    platform: AbusedPlatform, path: Path
):
    """No number of units that a command admits may make the row of a SKU unreadable."""
    here = platform.here
    here.restore()
    line = {"sku": SKU, "quantity": 1, "minimum": 1} | {path[0]: dict(largest(DeliveredLine))[path]}
    for delivery in ("one", "two"):
        command = {"delivery_id": delivery, "lines": [line]}
        assert not here.call_function("inventory.receive_stock", command).error

    for relay, change in list(platform.consumers.wanted(here.changes)):
        platform.consumers.deliver(relay, change)

    assert [operation for _, operation, _ in here.sent] == ["publish_batch", "publish_batch"]
