"""Which rules of the templates an event matches, and so how many deliveries it causes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.costs import Templates
from lambdas.contracts.notifications import CustomerNotified
from lambdas.contracts.orders import OrderConfirmed, OrderDispatched, OrderPlaced
from lambdas.contracts.payments import PaymentTaken
from lambdas.contracts.shipping import ShipmentDispatched
from lambdas.contracts.warehouse import OrderPicked

EVENTS_OF_AN_ORDER = (
    OrderPlaced,
    PaymentTaken,
    OrderConfirmed,
    OrderPicked,
    ShipmentDispatched,
    OrderDispatched,
)
"""What is published for an order that is fulfilled. Its customer is notified twice."""
NOTICES = 2


def deliveries_per_order(templates: Templates) -> int:
    """Return how many deliveries to targets of rules the events of one order cause."""
    return sum(
        len(rule["Targets"])
        for event in _events()
        for rule in _rules(templates)
        if matches(rule["EventPattern"], event)
    )


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether the event matches a pattern of exact values, ``exists`` and ``$or``.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
    """
    return all(
        any(matches(choice, event) for choice in wanted)
        if name == "$or"
        else matches(wanted, event.get(name, {}))
        if isinstance(wanted, Mapping)
        else _is_wanted(wanted, event, name)
        for name, wanted in pattern.items()
    )


def _is_wanted(wanted: Sequence[Any], event: Mapping[str, Any], name: str) -> bool:
    return any(
        (name in event) == each["exists"] if isinstance(each, Mapping) else event.get(name) == each
        for each in wanted
    )


def _events() -> Iterator[dict[str, Any]]:
    for event in EVENTS_OF_AN_ORDER:
        yield {"source": event.source, "detail-type": event.detail_type, "detail": {}}
    payload = {"source": CustomerNotified.source, "detail_type": CustomerNotified.detail_type}
    outcome = {
        "source": "lambda",
        "detail-type": "Lambda Function Invocation Result - Success",
        "detail": {"responsePayload": payload},
    }
    yield from [outcome] * NOTICES


def _rules(templates: Templates) -> Iterator[Mapping[str, Any]]:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Events::Rule":
                yield resource["Properties"]
