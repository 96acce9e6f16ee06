"""A stock change travels: from the row through the topic to purchasing and to the storefront."""

import json
from collections.abc import Mapping
from typing import Any

from lambdas.contracts.envelope import envelope, event_id
from lambdas.contracts.inventory import SOURCE, StockBelowMinimum
from lambdas.runtime.dynamodb import from_item, to_item
from lambdas.runtime.topic import group_id
from tests.support.inventory_tables import waiting_reservation
from tests.support.patching import patched_function
from tests.support.small_stacks import lines
from tests.support.stock_env import Platform, eventually, platform

__all__ = ["platform"]
RAISE_PURCHASE_ORDERS = "lambdas/purchasing/raise_purchase_orders.py"
REFUSES = """
class RefusedError(Exception): pass

def put_once(order, _put_once=orders.put_once):
    if order.purchase_order_id == {stuck!r}:
        raise RefusedError
    _put_once(order)

orders.put_once = put_once
"""
"""At the end of the function's module: one purchase order fails each time."""
DIES = """
import os

def _raise_and_die(order, put_once=orders.put_once):
    put_once(order)
    os._exit(1)

orders.put_once = _raise_and_die
"""
"""At the end of the consumer's module: it raises the first order of its batch, and is gone."""


def test_low_stock_is_ordered_once_per_crossing_and_shown_until_delivery(platform: Platform):
    platform.receive("d1", "85123A", 9)
    eventually(lambda: platform.shown("85123A"), ("IN_STOCK", 1))

    platform.reserve("o1", "85123A", 5)
    platform.reserve("o2", "85123A", 1)
    platform.reserve("o3", "85123A", 3)
    eventually(lambda: platform.shown("85123A"), ("SOLD_OUT", 4))
    eventually(lambda: len(platform.rows("PurchaseOrdersTable", "85123A")), 2)

    assert platform.call("FollowUpPurchaseOrders") == {"delivered": 2}
    eventually(lambda: platform.shown("85123A"), ("IN_STOCK", 6))
    (row,) = platform.rows("StockTable", "85123A")
    assert (row["available"], row["reserved"]) == (10, 9)
    assert platform.call("FollowUpPurchaseOrders") == {"delivered": 0}
    states = [row["state"] for row in platform.rows("PurchaseOrdersTable", "85123A")]
    assert states == ["DELIVERED"] * 2


def test_units_of_a_busy_sku_move_in_a_batch_and_the_change_is_published(platform: Platform):
    platform.receive("d-busy", "BUSY", 9)
    for number in range(4):
        # What a request writes that finds the SKU busy.
        platform.cloud.client("dynamodb").put_item(
            TableName=platform.outputs["ReservationsTable"],
            Item=to_item(waiting_reservation(f"busy{number}", {"BUSY": 3})),
        )

    def states() -> list[str]:
        answer = platform.cloud.client("dynamodb").scan(
            TableName=platform.outputs["ReservationsTable"]
        )
        rows = map(from_item, answer["Items"])
        return sorted(row["state"] for row in rows if row["order_id"].startswith("busy"))

    eventually(states, ["REFUSED", *["RESERVED"] * 3])
    (row,) = platform.rows("StockTable", "BUSY")
    assert (row["available"], row["reserved"]) == (0, 9)
    eventually(lambda: platform.shown("BUSY"), ("SOLD_OUT", row["sequence"]))
    platform.call("ReserveStock", order_id="busy0", lines=[{"sku": "BUSY", "quantity": 3}])
    assert dead_letters(platform, "PendingDeadLetters") == []


def test_product_is_shown_to_customers(platform: Platform):
    platform.receive("d2", "71053", 3)
    eventually(lambda: platform.shown("71053"), ("LOW", 1))

    assert platform.get("/products/71053")[0] == 401
    token = platform.customers.token("ada")
    status, product = platform.get("/products/71053", token)
    assert (status, product["state"], product["available"]) == (200, "LOW", 3)
    assert platform.get("/products/none", token)[0] == 404


def test_poison_is_dead_lettered_with_its_reason_and_later_messages_are_processed(
    platform: Platform,
):
    sqs = platform.cloud.client("sqs")
    queue = platform.queues["AvailabilitySubscriberQueue"]
    sqs.send_message(
        QueueUrl=queue, MessageBody="poison", MessageGroupId="22752", MessageDeduplicationId="p1"
    )
    platform.receive("d3", "22752", 9)

    eventually(lambda: platform.shown("22752"), ("IN_STOCK", 1))
    (dead_letter,) = sqs.receive_message(
        QueueUrl=platform.queues["AvailabilitySubscriberDeadLetters"],
        MessageAttributeNames=["reason"],
        WaitTimeSeconds=5,
    )["Messages"]
    assert dead_letter["Body"] == "poison"
    reason = dead_letter["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("not a delivered event: it is not JSON")


class Impatient:
    """A queue from which a message that failed comes again soon, as often as is said.

    No sooner than its function's time is over, though: what came again during a slow success would
    have another receipt by then, and could never be deleted.
    """

    def __init__(self, platform: Platform, queue: str, *, function: str) -> None:
        self._sqs, self._url = platform.cloud.client("sqs"), platform.queues[queue]
        names = ["VisibilityTimeout", "RedrivePolicy"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        self._stated = answer["Attributes"]
        self._soon = str(platform.function(function)["Timeout"])

    def try_(self, times: int) -> None:
        redrive = json.loads(self._stated["RedrivePolicy"]) | {"maxReceiveCount": times}
        self._set({"VisibilityTimeout": self._soon, "RedrivePolicy": json.dumps(redrive)})

    def holds(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        return sum(map(int, answer["Attributes"].values()))

    def _set(self, attributes: Mapping[str, str]) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes=attributes)

    def __enter__(self) -> "Impatient":
        self.try_(1000)
        return self

    def __exit__(self, *_: object) -> None:
        self._set(self._stated)


def dead_letters(platform: Platform, queue: str) -> list[dict[str, Any]]:
    """What stands on a queue for people, which is empty afterwards."""
    sqs, url = platform.cloud.client("sqs"), platform.queues[queue]
    found = []
    while batch := sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message)
    return found


def ordered(platform: Platform, sku: str) -> dict[str, str]:
    """The purchase orders of a SKU, and when they were raised."""
    rows = platform.rows("PurchaseOrdersTable", sku)
    return {row["purchase_order_id"]: row["raised_at"] for row in rows if "raised_at" in row}


def test_failing_message_blocks_its_sku_only_until_it_is_dead_lettered(
    platform: Platform,
):
    (stuck, behind), other = (event_id(SOURCE, "22423", n) for n in (2, 3)), "22197"
    with (
        patched_function(
            platform.cloud,
            platform.functions["RaisePurchaseOrders"],
            RAISE_PURCHASE_ORDERS,
            REFUSES.format(stuck=stuck),
        ),
        Impatient(platform, "LowStockQueue", function="RaisePurchaseOrders") as queue,
    ):
        for sku in ("22423", other):
            platform.receive(f"d-{sku}", sku, 9)
            platform.reserve(f"o1-{sku}", sku, 5)
            platform.reserve(f"o2-{sku}", sku, 4)
        eventually(lambda: len(ordered(platform, other)), 2)
        assert ordered(platform, "22423") == {}
        queue.try_(2)
        eventually(lambda: list(ordered(platform, "22423")), [behind])

    (message,) = dead_letters(platform, "LowStockDeadLetters")
    assert json.loads(message["Body"])["metadata"]["event_id"] == stuck
    assert message["Attributes"]["MessageGroupId"] == group_id("22423")
    group = platform.function("RaisePurchaseOrders")["LoggingConfig"]["LogGroup"]
    why = lines(platform.cloud, group, "group_failed")
    (failed, *_) = (json.loads(line) for line in why if group_id("22423") in line)
    assert (failed["level"], failed["service"]) == ("ERROR", "purchasing")
    assert failed["correlation_ids"]
    assert "RefusedError" in failed["error"]


def test_consumer_that_dies_amid_a_batch_loses_and_doubles_nothing(platform: Platform):
    skus = [f"DIES-{n}" for n in range(5)]
    with Impatient(platform, "LowStockQueue", function="RaisePurchaseOrders") as queue:
        with patched_function(
            platform.cloud, platform.functions["RaisePurchaseOrders"], RAISE_PURCHASE_ORDERS, DIES
        ):
            for sku in skus:
                platform.receive(f"d-{sku}", sku, 9)
                platform.reserve(f"o1-{sku}", sku, 5)
                platform.reserve(f"o2-{sku}", sku, 4)
            eventually(lambda: any(ordered(platform, sku) for sku in skus), True)
        crossings = [{event_id(SOURCE, sku, n) for n in (2, 3)} for sku in skus]
        eventually(lambda: [set(ordered(platform, sku)) for sku in skus], crossings)
        eventually(queue.holds, 0)

    assert dead_letters(platform, "LowStockDeadLetters") == []


def test_event_redelivered_much_later_changes_nothing(platform: Platform):
    """SNS and SQS know a deduplication id for five minutes; after that they deliver it again."""
    platform.receive("d6", "47566", 9)
    platform.reserve("o7", "47566", 5)
    eventually(lambda: platform.shown("47566"), ("LOW", 2))
    again = envelope(
        StockBelowMinimum(sku="47566", available=4, reserved=5, minimum=5),
        subject="47566",
        sequence=2,
        correlation_id="o7",
        causation_id="ReserveStock/o7",
        occurred_at="2026-12-01T09:00:00+00:00",
    )
    platform.reserve("o8", "47566", 4)
    platform.cloud.client("sns").publish(
        TopicArn=platform.outputs["StockTopic"],
        Message=again.to_sns_message(),
        MessageGroupId="47566",
        MessageDeduplicationId="much later",
    )
    # They come in the order of their group: when this one is there, the others have been.
    platform.receive("d7", "47566", 1)
    eventually(lambda: platform.shown("47566"), ("LOW", 4))
    platform.reserve("o9", "47566", 1)
    crossings = {event_id(SOURCE, "47566", n) for n in (2, 3, 5)}
    eventually(lambda: set(ordered(platform, "47566")), crossings)
    eventually(lambda: platform.shown("47566"), ("SOLD_OUT", 5))


def test_message_that_the_topic_may_not_deliver_is_dead_lettered_whole_and_redriven(
    platform: Platform,
):
    sqs, url = platform.cloud.client("sqs"), platform.queues["AvailabilitySubscriberQueue"]
    stated = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    try:
        platform.receive("d8", "84879", 9)
        found: list[dict[str, Any]] = []

        def undelivered() -> int:
            found.extend(dead_letters(platform, "AvailabilitySubscriberUndelivered"))
            return len(found)

        eventually(undelivered, 1)
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=stated)
    (message,) = found
    assert platform.shown("84879") == ("", 0)

    sqs.send_message(
        QueueUrl=url,
        MessageBody=message["Body"],
        MessageGroupId=message["Attributes"]["MessageGroupId"],
        MessageDeduplicationId=message["Attributes"]["MessageDeduplicationId"],
    )
    eventually(lambda: platform.shown("84879"), ("IN_STOCK", 1))


def test_queue_topic_and_mapping_have_every_setting(platform: Platform):
    """CloudFormation says so whatever happens; only a read-back proves it."""
    sns, sqs = platform.cloud.client("sns"), platform.cloud.client("sqs")
    topic = platform.outputs["StockTopic"]
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["FifoTopic"], attributes["FifoThroughputScope"]) == ("true", "MessageGroup")
    for found in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        given = sns.get_subscription_attributes(SubscriptionArn=found["SubscriptionArn"])
        assert given["Attributes"]["RawMessageDelivery"] == "true"
        assert given["Attributes"]["FilterPolicyScope"] == "MessageBody"
        assert (
            "Undelivered" in json.loads(given["Attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
        )
    for name in ("LowStock", "AvailabilitySubscriber"):
        for place in ("Queue", "DeadLetters", "Undelivered"):
            given = sqs.get_queue_attributes(
                QueueUrl=platform.queues[f"{name}{place}"], AttributeNames=["All"]
            )["Attributes"]
            assert given["FifoQueue"] == "true"
            assert given["MessageRetentionPeriod"] == "1209600"
            assert given["DeduplicationScope"] == "messageGroup"
            assert given["FifoThroughputLimit"] == "perMessageGroupId"
