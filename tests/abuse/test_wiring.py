"""The templates give functions the events that they read, and the rights that they use."""

from copy import deepcopy
from typing import Any

import pytest

from lambdas.contracts.event import Event
from lambdas.contracts.parsing import UnknownEventError
from simulation.templates import Templates
from tests.contracts.catalog import EVENTS, read, sample_of
from tests.support.abuse_platform import SKU, VICTIM, AbusedPlatform, templates
from tests.support.in_process import InProcess
from tests.support.in_process_consumers import Consumers
from tests.support.source_records import QUEUE, RULE, STREAM, wrapped
from tests.support.used_rights import Right, missing
from tests.templates.synthesis import synthesis


def received(consumers: Consumers) -> dict[str, set[str]]:
    """The events that reach each function or worker."""
    found: dict[str, set[str]] = {}
    for consumer in consumers.all:
        if consumer.kind in (RULE, QUEUE, STREAM):
            events = {each.__name__ for each in EVENTS if consumer.wanted(read(sample_of(each)))}
            found.setdefault(consumer.name, set()).update(events)
    return found


def reads(platform: AbusedPlatform, name: str, event: type[Event]) -> bool:
    """Whether a consumer knows an event, whatever it then does with it.

    A projection skips an event that it does not know, and writes a row for every other.
    """
    here = platform.here
    consumer = next(each for each in platform.consumers.all if each.name == name)
    here.restore(without_rows=True)
    outcome = consumer.invoke(wrapped(consumer.kind, [read(sample_of(event))]))
    if consumer.kind == STREAM:
        return any(here.trace().tables.values())
    said = outcome.message + str([request for _, _, request in here.sent])
    return outcome.error != UnknownEventError.__name__ and "is none of" not in said


def read_by_each(platform: AbusedPlatform) -> dict[str, set[str]]:
    """The events that each function or worker reads, if they are delivered to it."""
    return {
        name: {each.__name__ for each in EVENTS if reads(platform, name, each)}
        for name in received(platform.consumers)
    }


@pytest.fixture(scope="module")
def read_by(prepared_platform: AbusedPlatform) -> dict[str, set[str]]:
    with prepared_platform.here.installed():
        return read_by_each(prepared_platform)


SKIPPED = {
    # It lists an order's state, which these do not change.
    "storefront.update_customer_orders": {"OrderHoldMissed", "OrderNeedsAttention"}
}
OF_OTHERS = ("payments.ingest_dispute",)
"""Functions that read events of others than us."""


def test_each_consumer_gets_exactly_the_events_that_it_reads(
    platform: AbusedPlatform, read_by: dict[str, set[str]]
):
    found = received(platform.consumers)

    assert deaf(found, read_by) == {}
    assert needless(found, read_by) == {}


def needless(found: dict[str, set[str]], read_by: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what consumers get and do not read."""
    unread = {name: found[name] - read_by[name] - SKIPPED.get(name, set()) for name in found}
    return {name: events for name, events in unread.items() if events}


def deaf(found: dict[str, set[str]], read_by: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what consumers read and do not get."""
    names = [name for name in read_by if name not in OF_OTHERS]
    return {name: events for name in names if (events := read_by[name] - found.get(name, set()))}


def change_pattern(resources: Any, containing: str, event: str) -> None:
    """Take an event out of a rule's pattern or a subscription's filter policy."""
    (own,) = (
        each["Properties"]
        for id_, each in resources.items()
        if containing in id_ and each["Type"] in ("AWS::Events::Rule", "AWS::SNS::Subscription")
    )
    pattern = own.get("EventPattern") or own["FilterPolicy"]
    name = "detail-type" if "detail-type" in pattern else "detail_type"
    pattern[name] = [each for each in pattern[name] if each != event]


@pytest.mark.parametrize(
    ("stack", "containing", "event", "consumer"),
    [
        ("Notifications", "NotifyRule", "OrderCancelled", "notifications.notify_customer"),
        ("Orders", "HoldOrder", "PaymentDisputed", "orders.hold_order"),
        ("Backbone", "ToOrderStream", "OrderPicked", "storefront.update_timelines"),
        ("Warehouse", "StockChanges", "StockChanged", "workers.warehouse.update_stock"),
    ],
)
def test_consumer_that_is_deaf_to_one_of_its_events_is_found(
    platform: AbusedPlatform,
    read_by: dict[str, set[str]],
    stack: str,
    containing: str,
    event: str,
    consumer: str,
):
    changed = deepcopy(synthesis("dev").platform.templates)
    change_pattern(changed[f"Orders-Dev-{stack}"]["Resources"], containing, event)

    found = received(Consumers(InProcess(Templates(changed), sender="")))

    assert deaf(found, read_by) == {consumer: {event}}


COMMANDS: dict[str, dict[str, Any]] = {
    "inventory.release_stock": {},
    "notifications.erase_customer": {"customer_id": VICTIM, "dry_run": False},
    "orders.lift_hold": {"cause": "c"},
    "orders.mark_compensation_completed": {"compensation": "RefundPayment"},
    "orders.resume_order": {},
    "shipping.cancel_shipment": {},
}
"""Commands of a saga or an operator that the preparation did not send."""


def rights_used(platform: AbusedPlatform) -> dict[str, set[Right]]:
    """The rights that functions use for each route and record, by their modules."""
    here, consumers = platform.here, platform.consumers
    path = {"order_id": platform.own_order, "sku": SKU}
    query = {"day": "2026-12-01", "per": "product"}
    for route in platform.routes:
        here.restore()
        platform.request(route, path=path, query=query)
    for name, contents in consumers.delivered.items():
        consumer = consumers.named(name)
        for content in contents:
            here.restore()
            consumer.invoke(wrapped(consumer.kind, [content]))
    for function, command in COMMANDS.items():
        here.restore()
        here.call_function(function, {"order_id": platform.own_order, **command})
    return here.used


@pytest.fixture(scope="module")
def used(prepared_platform: AbusedPlatform) -> dict[str, set[Right]]:
    with prepared_platform.here.installed():
        return rights_used(prepared_platform)


def test_each_function_may_do_what_it_does(used: dict[str, set[Right]]):
    assert missing(templates(), used) == []
    assert len(used) > 40


@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("orders.place_order", "dynamodb:PutItem"),
        ("orders.hold_order", "sqs:SendMessage"),
        ("storefront.list_orders", "dynamodb:Query"),
        ("notifications.issue_invoice", "s3:PutObject"),
        ("inventory.relay_outbox", "sns:Publish"),
        ("catalog.relay_outbox", "events:PutEvents"),
    ],
)
def test_missing_right_is_found(used: dict[str, set[Right]], function: str, action: str):
    changed = deepcopy(synthesis("dev").platform.templates)
    for template in changed.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::IAM::Policy":
                for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                    given = statement["Action"]
                    actions = given if isinstance(given, list) else [given]
                    statement["Action"] = [each for each in actions if each != action]

    lines = missing(Templates(changed), used)

    assert any(line.startswith(f"{function} may not {action} on ") for line in lines)
