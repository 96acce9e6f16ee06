"""Queues, topics and subscriptions."""

from collections.abc import Iterator
from typing import Any

from tests.templates.checks.common import (
    FOURTEEN_DAYS,
    as_list,
    check,
    is_fifo,
    permissions,
    queue_policy_statements,
    statements,
)
from tests.templates.kinds import (
    MAPPING,
    PERMISSION,
    QUEUE,
    QUEUE_POLICY,
    SUBSCRIPTION,
    TOPIC,
    TOPIC_POLICY,
)
from tests.templates.synthesis import Platform, Resource


@check
def only_the_owner_publishes_to_a_topic(platform: Platform) -> Iterator[str]:
    """Only its service publishes to a FIFO topic; all may publish to the operations topic."""
    for role, statement in permissions(platform):
        if "sns:Publish" in as_list(statement["Action"]):
            topic = platform.referred(role.stack, statement["Resource"])
            if topic is None or (is_fifo(topic) and topic.stack != role.stack):
                yield f"{role}: it may publish to {topic} of another service"


@check
def fifo_is_high_throughput(platform: Platform) -> Iterator[str]:
    wanted = {
        TOPIC: {"FifoThroughputScope": "MessageGroup"},
        QUEUE: {
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
        },
    }
    for resource in filter(is_fifo, platform.all(*wanted)):
        for name, value in wanted[resource.kind].items():
            if resource.properties.get(name) != value:
                yield f"{resource}: its {name} is {resource.properties.get(name)}"
        if resource.properties.get("ContentBasedDeduplication"):
            yield f"{resource}: it drops different events with equal content"


@check
def subscription_has_filter_and_dead_letter_queue(platform: Platform) -> Iterator[str]:
    for subscription in platform.all(SUBSCRIPTION):
        given = subscription.properties
        endpoint = platform.referred(subscription.stack, given["Endpoint"])
        queue = endpoint if endpoint and endpoint.kind == QUEUE else None
        dead_letters_arn = given.get("RedrivePolicy", {}).get("deadLetterTargetArn")
        dead_letters = platform.referred(subscription.stack, dead_letters_arn)
        topic = platform.referred(subscription.stack, given["TopicArn"])
        if queue and given.get("RawMessageDelivery") is not True:
            yield f"{subscription}: messages are not delivered raw"
        if endpoint and not queue and not _may_be_invoked(platform, endpoint, by=given["TopicArn"]):
            yield f"{subscription}: SNS may not invoke {endpoint.id}"
        # A standard topic of ours has messages of one kind.
        filtered = given.get("FilterPolicy") and given.get("FilterPolicyScope") == "MessageBody"
        if not filtered and topic is not None and is_fifo(topic):
            yield f"{subscription}: it has no filter on the message body"
        # A mail about an alarm has none: it would raise an alarm, whose mail goes the same way.
        if dead_letters is None and given["Protocol"] != "email":
            yield f"{subscription}: what cannot be delivered is lost"
        for end in filter(None, (queue, dead_letters)):
            if topic is None or is_fifo(end) != is_fifo(topic):
                yield f"{subscription}: {end.id} and its topic are not both FIFO or both standard"
            if not any(
                _allows_topic_to_send(statement, given["TopicArn"], end)
                for statement in queue_policy_statements(platform, end)
            ):
                yield f"{subscription}: SNS may not send to {end.id}"
            if end.properties.get("KmsMasterKeyId"):
                yield f"{subscription}: SNS needs a right to the key of {end.id}"
            if end.properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
                yield f"{subscription}: {end.id} keeps messages for less than 14 days"


def _may_be_invoked(platform: Platform, function: Resource, *, by: Any) -> bool:
    return any(
        permission.properties["FunctionName"] == {"Fn::GetAtt": [function.id, "Arn"]}
        and permission.properties["Principal"] == "sns.amazonaws.com"
        and permission.properties.get("SourceArn") == by
        for permission in platform.all(PERMISSION)
    )


def _allows_topic_to_send(statement: Any, topic: Any, queue: Resource) -> bool:
    return bool(
        statement["Effect"] == "Allow"
        and statement["Action"] == "sqs:SendMessage"
        and statement["Principal"] == {"Service": "sns.amazonaws.com"}
        and statement["Resource"] == {"Fn::GetAtt": [queue.id, "Arn"]}
        and statement.get("Condition") == {"ArnEquals": {"aws:SourceArn": topic}}
    )


@check
def queue_mapping_is_bounded(platform: Platform) -> Iterator[str]:
    """A message is retried a few times, then dead-lettered, by SQS or by the function itself."""
    for mapping in platform.all(MAPPING):
        given = mapping.properties
        queue = platform.referred(mapping.stack, given["EventSourceArn"])
        function = platform.referred(mapping.stack, given["FunctionName"])
        if queue is None or queue.kind != QUEUE or function is None:
            continue
        redrive = queue.properties.get("RedrivePolicy", {})
        dead_letters = platform.referred(queue.stack, redrive.get("deadLetterTargetArn"))
        if dead_letters is None or is_fifo(dead_letters) != is_fifo(queue):
            yield f"{mapping}: its queue has no dead-letter queue of the same kind"
        elif function.properties["Environment"]["Variables"].get("DEAD_LETTER_QUEUE_URL") != {
            "Ref": dead_letters.id
        }:
            yield f"{mapping}: its function has another dead-letter queue than its queue"
        if not 5 <= redrive.get("maxReceiveCount", 0) <= 20:
            yield f"{mapping}: messages are received too few or too many times"
        if queue.properties.get("VisibilityTimeout", 30) < 6 * function.properties["Timeout"]:
            yield f"{mapping}: messages reappear while they are processed"
        if given.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{mapping}: partial failures are not reported"
        if not given.get("ScalingConfig", {}).get("MaximumConcurrency"):
            yield f"{mapping}: its throughput has no bound"
        if is_fifo(queue) and "MaximumBatchingWindowInSeconds" in given:
            yield f"{mapping}: a FIFO queue knows no batching window"


@check
def queue_and_topic_require_tls(platform: Platform) -> Iterator[str]:
    for kind, policy_kind, listed in (
        (QUEUE, QUEUE_POLICY, "Queues"),
        (TOPIC, TOPIC_POLICY, "Topics"),
    ):
        for resource in platform.all(kind):
            denials = [
                statement
                for policy in platform.all(policy_kind)
                if policy.stack == resource.stack
                and {"Ref": resource.id} in policy.properties[listed]
                for statement in statements(policy)
                if statement["Effect"] == "Deny"
                and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            ]
            if not denials:
                yield f"{resource}: it can be reached without TLS"


@check
def queue_keeps_messages_for_fourteen_days(platform: Platform) -> Iterator[str]:
    for queue in platform.all(QUEUE):
        if queue.properties.get("MessageRetentionPeriod") != FOURTEEN_DAYS:
            yield f"{queue}: it keeps messages for less than 14 days"
