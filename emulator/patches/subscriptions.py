"""Deliveries from SNS topics to subscribed queues and functions.

AWS: the topic delivers as `sns.amazonaws.com`, if the policy of the queue or function allows it. A
message that cannot be delivered goes to the subscription's dead-letter queue in the form in which
it would have been delivered. A message of a FIFO topic keeps its group and deduplication id there,
and goes to a FIFO queue. A function is invoked asynchronously.
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html
MiniStack 1.5.33: tries once; checks no permission to invoke; runs a function outside the
asynchronous queue, so that its failure is lost.
Can go: when a message for a queue that is gone is found in the dead-letter queue.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ministack.services import sns

from emulator.delivery_rules import payloads, retry_policies
from emulator.patches._delivery import Delivery
from emulator.patches._seams import seam
from emulator.patches.permissions import Service
from emulator.patches.sending import send


def install() -> None:
    """Replace MiniStack's deliveries to queues and functions."""
    seam(sns, "_deliver_to_sqs", "endpoint", "envelope", "raw", "raw_message",
         "message_group_id", "message_dedup_id", "message_attributes", "topic_arn")  # fmt: skip
    seam(sns, "_deliver_to_lambda", "endpoint", "envelope", "topic_arn", "sub_arn", "msg_id",
         "raw_message", "message_attributes")  # fmt: skip
    sns._deliver_to_sqs, sns._deliver_to_lambda = _to_queue, _to_function


def _to_queue(
    endpoint: str,
    envelope: str,
    raw: bool,
    raw_message: str,
    message_group_id: str = "",
    message_dedup_id: str = "",
    message_attributes: Mapping[str, Any] | None = None,
    topic_arn: str = "",
) -> None:
    hand = partial(
        send,
        body=raw_message if raw else envelope,
        by=Service(name="sns.amazonaws.com", source_arn=topic_arn),
        attributes=message_attributes if raw else None,
        group=message_group_id,
        deduplication=message_dedup_id,
    )
    _deliver(topic_arn, endpoint, partial(hand, endpoint), hand)


def _to_function(
    endpoint: str, envelope: str, topic_arn: str, sub_arn: str, *_message: Any
) -> None:
    hand = partial(send, by=Service(name="sns.amazonaws.com", source_arn=topic_arn))
    event = payloads.notification_event(json.loads(envelope), sub_arn)
    attempt = partial(hand, endpoint, json.dumps(event))
    _deliver(topic_arn, endpoint, attempt, partial(hand, body=envelope))


def _deliver(
    topic_arn: str, endpoint: str, attempt: Callable[[], None], dead_letter: Callable[[str], None]
) -> None:
    queue = _dead_letters(topic_arn, endpoint)
    Delivery(
        what=f"a message from {topic_arn} to {endpoint}",
        to=endpoint,
        ordered=topic_arn.endswith(".fifo"),
        attempt=attempt,
        rule=retry_policies.decide_subscription_retry,
        dead_letter=(lambda *_: dead_letter(queue)) if queue else None,
    ).start()


def _dead_letters(topic_arn: str, endpoint: str) -> str:
    topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    for subscription in topic["subscriptions"]:
        if subscription["endpoint"] == endpoint:
            policy = subscription["attributes"].get("RedrivePolicy") or "{}"
            return str(json.loads(policy).get("deadLetterTargetArn", ""))
    return ""
