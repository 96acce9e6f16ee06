"""Rules and the bus."""

from collections.abc import Iterator
from typing import Any

from lambdas.contracts import catalog, inventory, orders, payments, shipping, warehouse
from lambdas.contracts.event import DESTINATION_DETAIL_TYPE, DESTINATION_SOURCE
from tests.templates.checks.common import (
    as_list,
    catch_all_name,
    check,
    is_catch_all,
    permissions,
    queue_policy_statements,
)
from tests.templates.kinds import BUS, MAPPING, QUEUE, RULE
from tests.templates.synthesis import Platform, Resource

SOURCES = {
    "Catalog": catalog.SOURCE,
    "Orders": orders.SOURCE,
    "Inventory": inventory.SOURCE,
    "Payments": payments.SOURCE,
    # Its function belongs to payments, and publishes payments' events.
    "Disputes": payments.SOURCE,
    "Shipping": shipping.SOURCE,
    "Warehouse": warehouse.SOURCE,
    "Notifications": DESTINATION_SOURCE,
}
"""The source under which each service's stack, or Lambda for it, may put events on the bus."""
TYPES = {
    "Catalog": [each.detail_type for each in catalog.EVENTS],
    "Orders": [each.detail_type for each in orders.EVENTS],
    "Inventory": ["ReservationUnresolved"],
    "Payments": ["ChargeUnresolved", "PaymentRefunded", "PaymentTaken"],
    "Disputes": ["PaymentDisputed"],
    "Shipping": [each.detail_type for each in shipping.EVENTS],
    "Warehouse": [each.detail_type for each in warehouse.EVENTS],
    "Notifications": [DESTINATION_DETAIL_TYPE],
}
"""The types of these events."""


@check
def rule_target_has_retries_and_dead_letter_queue(platform: Platform) -> Iterator[str]:
    for rule in platform.all(RULE):
        for target in rule.properties["Targets"]:
            retry = target.get("RetryPolicy", {})
            if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= retry.keys():
                yield f"{rule}: its target has no bounded retries"
            queue = platform.referred(rule.stack, target.get("DeadLetterConfig", {}).get("Arn"))
            if queue is None or queue.kind != QUEUE:
                yield f"{rule}: its target has no dead-letter queue"
            elif queue.properties.get("FifoQueue"):
                yield f"{rule}: EventBridge needs a standard dead-letter queue, {queue.id} is FIFO"
            elif not any(
                _allows_event_rule_to_send(statement, rule, queue)
                for statement in queue_policy_statements(platform, queue)
            ):
                yield f"{rule}: EventBridge may not send to {queue.id} for it"


def _allows_event_rule_to_send(statement: Any, rule: Resource, queue: Resource) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "sqs:SendMessage"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and statement["Resource"] == {"Fn::GetAtt": [queue.id, "Arn"]}
        and statement.get("Condition")
        == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule.id, "Arn"]}}}
    )


@check
def rule_ignores_replayed_events(platform: Platform) -> Iterator[str]:
    """All but the catch-all, and the one rule that matches replayed events only.

    Its queue invokes no function: only a rebuild reads it.
    """
    read = [
        platform.referred(m.stack, m.properties["EventSourceArn"]) for m in platform.all(MAPPING)
    ]
    for rule in platform.all(RULE):
        replays = rule.properties["EventPattern"].get("replay-name")
        if is_catch_all(rule, platform) or replays == [{"exists": False}]:
            continue
        queues = [platform.referred(rule.stack, t["Arn"]) for t in rule.properties["Targets"]]
        if replays != [{"exists": True}] or any(q is None or q.kind != QUEUE for q in queues):
            yield f"{rule}: it would match replayed events"
        elif any(queue in read for queue in queues):
            yield f"{rule}: replayed events would invoke a function"


@check
def catch_all_rule_is_as_in_the_tutorial(platform: Platform) -> Iterator[str]:
    caught = [rule for rule in platform.all(RULE) if is_catch_all(rule, platform)]
    if len(caught) != 1:
        yield f"*: {len(caught)} rules are called {catch_all_name(platform)}"
    for rule in caught:
        if rule.properties["Description"] != "Catchall rule for development purposes":
            yield f"{rule}: its description differs"
        if rule.properties["EventPattern"] != {"source": ["com.aws.orders"]}:
            yield f"{rule}: its pattern differs"
        if rule.properties["State"] != "ENABLED":
            yield f"{rule}: it is not enabled"
        (target,) = rule.properties["Targets"]
        last = target["Arn"]["Fn::Join"][1][-1]
        group = platform.referred(rule.stack, last)
        name = group and group.properties["LogGroupName"]
        if (name == "/aws/events/orders") != (platform.environment.name == "dev"):
            yield f"{rule}: it logs to {name}"
        if not str(name).startswith("/aws/events/"):
            yield f"{rule}: the Logs resource policy does not know {name}"


@check
def bus_is_named_orders_only_in_dev(platform: Platform) -> Iterator[str]:
    # A partner's bus bears the partner's name.
    buses = [bus for bus in platform.all(BUS) if "EventSourceName" not in bus.properties]
    if len(buses) != 1:
        yield f"*: there are {len(buses)} buses"
    for bus in buses:
        name = bus.properties["Name"]
        if (name == "Orders") != (platform.environment.name == "dev"):
            yield f"{bus}: it is called {name}"


@check
def put_events_is_limited_to_own_source_and_types(platform: Platform) -> Iterator[str]:
    for role, statement in permissions(platform):
        if "events:PutEvents" not in as_list(statement["Action"]):
            continue
        service = role.stack.rpartition("-")[2]
        if service not in SOURCES or service not in TYPES:
            yield (
                f"{role}: it may put events, and SOURCES and TYPES of"
                f" tests/templates/checks/events.py do not say which: list {service!r} in both"
            )
            continue
        source = SOURCES[service]
        # Lambda may check the role before there is an event with a source.
        operator = "StringEqualsIfExists" if source == DESTINATION_SOURCE else "StringEquals"
        conditions = dict(statement.get("Condition", {}))
        types = conditions.pop("ForAllValues:StringEquals", {}).get("events:detail-type")
        if conditions != {operator: {"events:source": source}}:
            yield f"{role}: it may put events under sources other than {source}"
        if not types or not set(as_list(types)) <= set(TYPES[service]):
            yield f"{role}: it may put events of types that it does not publish: {types}"
        bus = platform.referred(role.stack, statement["Resource"])
        if bus is None or bus.kind != BUS:
            yield f"{role}: it may put events elsewhere than on our bus"
