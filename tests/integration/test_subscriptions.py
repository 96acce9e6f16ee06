"""Messages of a topic reach queues and functions, or the subscription's dead-letter queue."""

import inspect
import json
from typing import Any

import pytest
from ministack.services import sns

from emulator.cloud import Cloud
from emulator.patches import subscriptions
from tests.support.deliveries import (
    attributes,
    fifo,
    logged,
    may_invoke,
    queue,
    queue_policy,
    received,
)
from tests.support.small_stacks import Deploy, Stack, Template, client, function, get, ref, role

GONE = {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-gone"}
KIND = {"kind": {"DataType": "String", "StringValue": "low"}}


def subscription(protocol: str, endpoint: Any, **properties: Any) -> Template:
    return {
        "Type": "AWS::SNS::Subscription",
        "Properties": {
            "TopicArn": ref("Topic"),
            "Protocol": protocol,
            "Endpoint": endpoint,
            "RedrivePolicy": {"deadLetterTargetArn": get("Dead")},
            **properties,
        },
    }


def subscribed(deploy: Deploy, to: Template, **resources: Template) -> Stack:
    """A topic with this subscription, whose dead-letter queue is `Dead`."""
    return deploy(
        {
            "Topic": {"Type": "AWS::SNS::Topic"},
            "Subscription": to,
            "Dead": queue(),
            "DeadPolicy": queue_policy("sns", "Dead"),
            **resources,
        },
        Topic=ref("Topic"),
        Dead=ref("Dead"),
        **{name: ref(name) for name in resources if name in ("Queue", "Failed")},
    )


def publish(cloud: Cloud, stack: Stack, message: str = "sold out", **options: Any) -> None:
    client(cloud, "sns").publish(
        TopicArn=stack.outputs["Topic"], Message=message, MessageAttributes=KIND, **options
    )


def test_queue_gets_a_raw_message_with_its_attributes(cloud: Cloud, deploy: Deploy) -> None:
    stack = subscribed(
        deploy,
        subscription("sqs", get("Queue"), RawMessageDelivery=True),
        Queue=queue(),
        Policy=queue_policy("sns", "Queue"),
    )
    publish(cloud, stack)
    (message,) = received(cloud, stack.outputs["Queue"])
    assert message["Body"] == "sold out"
    assert attributes(message) == {"kind": "low"}


@pytest.mark.parametrize("raw", [False, True])
def test_message_for_a_deleted_queue_is_dead_lettered_as_it_is(
    cloud: Cloud, deploy: Deploy, raw: bool
) -> None:
    stack = subscribed(deploy, subscription("sqs", GONE, RawMessageDelivery=raw))
    publish(cloud, stack)
    (dead,) = received(cloud, stack.outputs["Dead"])
    if raw:
        assert dead["Body"] == "sold out"
        assert attributes(dead) == {"kind": "low"}
    else:
        notification = json.loads(dead["Body"])
        assert notification["Message"] == "sold out"
        assert notification["TopicArn"] == stack.outputs["Topic"]
        assert notification["MessageAttributes"] == {"kind": {"Type": "String", "Value": "low"}}
        assert "MessageAttributes" not in dead
    assert logged(cloud, "not delivered after 0 retries", "NonExistentQueue", stack.name)


def test_queue_that_denies_the_topic_gets_nothing(cloud: Cloud, deploy: Deploy) -> None:
    stack = subscribed(deploy, subscription("sqs", get("Queue")), Queue=queue())
    publish(cloud, stack)
    (dead,) = received(cloud, stack.outputs["Dead"])
    assert json.loads(dead["Body"])["Message"] == "sold out"
    assert received(cloud, stack.outputs["Queue"], 0) == []
    name = stack.outputs["Queue"].rpartition("/")[2]
    assert logged(cloud, "sns.amazonaws.com is not authorized", "sqs:SendMessage", name)


def test_fifo_topic_dead_letters_in_order_with_group_and_deduplication_id(
    cloud: Cloud, deploy: Deploy
) -> None:
    name = {"Fn::Sub": "${AWS::StackName}.fifo"}
    stack = subscribed(
        deploy,
        subscription(
            "sqs",
            {"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:gone.fifo"},
            RawMessageDelivery=True,
        ),
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name, "FifoTopic": True}},
        Dead=fifo("dead-letters"),
    )
    for number in (1, 2, 2, 3):
        publish(
            cloud,
            stack,
            str(number),
            MessageGroupId="sku-1",
            MessageDeduplicationId=f"event-{number}",
        )
    dead = received(cloud, stack.outputs["Dead"], 3)
    assert [message["Body"] for message in dead] == ["1", "2", "3"]
    assert [message["Attributes"]["MessageDeduplicationId"] for message in dead] == [
        "event-1",
        "event-2",
        "event-3",
    ]
    assert {message["Attributes"]["MessageGroupId"] for message in dead} == {"sku-1"}


def test_fifo_queue_gives_the_topics_messages_sequence_numbers(
    cloud: Cloud, deploy: Deploy
) -> None:
    name = {"Fn::Sub": "${AWS::StackName}.fifo"}
    stack = subscribed(
        deploy,
        subscription("sqs", get("Queue"), RawMessageDelivery=True),
        Topic={"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name, "FifoTopic": True}},
        Queue=fifo("subscribed"),
        Policy=queue_policy("sns", "Queue"),
        Dead=fifo("unused"),
    )
    for number in (1, 2):
        publish(cloud, stack, str(number), MessageGroupId="g", MessageDeduplicationId=f"{number}")
    messages = received(cloud, stack.outputs["Queue"], 2)
    numbers = [int(message["Attributes"]["SequenceNumber"]) for message in messages]
    assert [message["Body"] for message in messages] == ["1", "2"]
    assert numbers == sorted(set(numbers))


def test_subscribed_function_fails_like_an_asynchronous_invocation(
    cloud: Cloud, deploy: Deploy
) -> None:
    stack = subscribed(
        deploy,
        subscription("lambda", get("Fails")),
        Role=role("sqs:SendMessage"),
        Fails=function("fails", DeadLetterConfig={"TargetArn": get("Failed")}),
        Failed=queue(),
        Permission=may_invoke("Fails", "sns"),
    )
    publish(cloud, stack)
    (failed,) = received(cloud, stack.outputs["Failed"])
    (record,) = json.loads(failed["Body"])["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"].startswith(stack.outputs["Topic"])
    assert record["Sns"]["Message"] == "sold out"
    assert attributes(failed)["ErrorMessage"] == "attempt 3"
    assert received(cloud, stack.outputs["Dead"], 0) == []


def test_function_that_denies_the_topic_is_not_invoked(cloud: Cloud, deploy: Deploy) -> None:
    stack = subscribed(
        deploy, subscription("lambda", get("Logs")), Role=role(), Logs=function("logs")
    )
    publish(cloud, stack)
    (dead,) = received(cloud, stack.outputs["Dead"])
    assert json.loads(dead["Body"])["Message"] == "sold out"
    assert logged(cloud, "sns.amazonaws.com is not authorized", "lambda:InvokeFunction")


def test_dead_letter_queue_that_refuses_is_named_in_the_log(cloud: Cloud, deploy: Deploy) -> None:
    stack = subscribed(deploy, subscription("sqs", GONE), DeadPolicy=queue_policy("s3", "Dead"))
    publish(cloud, stack)
    assert logged(cloud, "not taken by its dead-letter queue, AccessDenied", stack.name)


@pytest.mark.parametrize("name", ["_deliver_to_sqs", "_deliver_to_lambda"])
def test_patched_function_of_ministack_is_where_it_is_expected(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sns, name, lambda *_: None)
    with pytest.raises(RuntimeError, match=rf"MiniStack has changed: .*sns\.{name}"):
        subscriptions.install()


def test_ministack_alone_still_tries_once_only() -> None:
    source = inspect.getsource(sns)
    assert "deadLetterTargetArn" not in source, (
        "MiniStack dead-letters by itself: remove subscriptions"
    )
