"""What each check of ``checks.queues`` must report."""

from collections.abc import Callable
from typing import Any

from tests.templates import kinds
from tests.templates.breakages.common import Breakage, Case, change, grant, take_from_policy
from tests.templates.checks import queues
from tests.templates.synthesis import Platform, Resource


def publish_as_another(broken: Platform) -> Resource:
    """Let storefront publish to inventory's topic."""
    topic = broken.one(kinds.SUBSCRIPTION, "AvailabilitySubscriber").properties["TopicArn"]
    return grant("UpdateAvailability", Action="sns:Publish", Resource=topic)(broken)


def break_subscription_queue(queue: str, **changed: Any) -> Breakage:
    """Change the queue of a subscription, or its dead-letter queue."""

    def break_it(broken: Platform) -> Resource:
        change(kinds.QUEUE, queue, **changed)(broken)
        return broken.one(kinds.SUBSCRIPTION, "AvailabilitySubscriber")

    return break_it


def remove_sns_permission(policy: str) -> Breakage:
    def break_it(broken: Platform) -> Resource:
        document = broken.one(kinds.QUEUE_POLICY, policy).properties["PolicyDocument"]
        document["Statement"] = [s for s in document["Statement"] if s["Effect"] == "Deny"]
        return broken.one(kinds.SUBSCRIPTION, "AvailabilitySubscriber")

    return break_it


def forbid_sns_to_invoke(broken: Platform) -> Resource:
    subscription = broken.one(kinds.SUBSCRIPTION, "NotifyCustomer")
    for permission in broken.all(kinds.PERMISSION):
        if permission.properties.get("SourceArn") == subscription.properties["TopicArn"]:
            permission.properties["SourceArn"] = "another"
    return subscription


def break_source(edit: Callable[[Any], object]) -> Breakage:
    """Change the queue that storefront's view of the stock reads."""

    def break_it(broken: Platform) -> Resource:
        edit(broken.one(kinds.QUEUE, "AvailabilitySubscriberQueue").properties)
        return broken.one(kinds.MAPPING, "UpdateAvailability")

    return break_it


def use_another_dead_letter_queue(broken: Platform) -> Resource:
    undelivered = broken.one(kinds.QUEUE, "AvailabilitySubscriberUndelivered")
    function = broken.one(kinds.FUNCTION, "UpdateAvailability")
    function.properties["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"] = {
        "Ref": undelivered.id
    }
    return broken.one(kinds.MAPPING, "UpdateAvailability")


BREAKAGES: list[Case] = [
    (queues.only_the_owner_publishes_to_a_topic, publish_as_another),
    (
        queues.fifo_is_high_throughput,
        change(kinds.TOPIC, "Changes", FifoThroughputScope="Topic"),
    ),
    (
        queues.fifo_is_high_throughput,
        change(kinds.TOPIC, "Changes", ContentBasedDeduplication=True),
    ),
    *(
        (queues.fifo_is_high_throughput, change(kinds.QUEUE, queue, name))
        for queue in (
            "AvailabilitySubscriberQueue",
            "AvailabilitySubscriberDeadLetters",
            "AvailabilitySubscriberUndelivered",
        )
        for name in ("DeduplicationScope", "FifoThroughputLimit")
    ),
    *(
        (
            queues.subscription_has_filter_and_dead_letter_queue,
            change(kinds.SUBSCRIPTION, "AvailabilitySubscriber", name),
        )
        for name in ("RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy")
    ),
    *(
        (
            queues.subscription_has_filter_and_dead_letter_queue,
            break_subscription_queue(queue, **changed),
        )
        for queue in (
            "AvailabilitySubscriberQueue",
            "AvailabilitySubscriberUndelivered",
        )
        for changed in (
            {"FifoQueue": False},
            {"KmsMasterKeyId": "alias/ours"},
            {"MessageRetentionPeriod": 345_600},
        )
    ),
    *(
        (queues.subscription_has_filter_and_dead_letter_queue, remove_sns_permission(policy))
        for policy in (
            "AvailabilitySubscriberQueuePolicy",
            "AvailabilitySubscriberUndeliveredPolicy",
        )
    ),
    (queues.subscription_has_filter_and_dead_letter_queue, forbid_sns_to_invoke),
    *(
        (queues.queue_mapping_is_bounded, change(kinds.MAPPING, "UpdateAvailability", *gone))
        for gone in (("FunctionResponseTypes",), ("ScalingConfig",))
    ),
    (
        queues.queue_mapping_is_bounded,
        change(kinds.MAPPING, "UpdateAvailability", MaximumBatchingWindowInSeconds=5),
    ),
    *(
        (queues.queue_mapping_is_bounded, break_source(edit))
        for edit in (
            lambda queue: queue.pop("VisibilityTimeout"),
            lambda queue: queue.pop("RedrivePolicy"),
            lambda queue: queue["RedrivePolicy"].update(maxReceiveCount=1),
            lambda queue: queue["RedrivePolicy"].update(maxReceiveCount=1_000),
        )
    ),
    (queues.queue_mapping_is_bounded, use_another_dead_letter_queue),
    (
        queues.queue_and_topic_require_tls,
        take_from_policy(kinds.QUEUE_POLICY, "RepairPolicy", "Deny", kinds.QUEUE),
    ),
    (
        queues.queue_and_topic_require_tls,
        take_from_policy(kinds.TOPIC_POLICY, "TopicPolicy", "Deny", kinds.TOPIC),
    ),
    *(
        (
            queues.queue_keeps_messages_for_fourteen_days,
            change(kinds.QUEUE, queue, MessageRetentionPeriod=345_600),
        )
        for queue in ("Repair", "PickingE9B423F6")
    ),
]
