"""A queue behind an event bus or a topic, for tests that receive what a service publishes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from demo.listener_queue import create_listener_queue
from emulator.cloud import Cloud


def listen(cloud: Cloud, bus: str, *, pattern: Mapping[str, Any], name: str) -> str:
    """Deliver the events that match a pattern to a new queue; return its URL."""
    events, text = cloud.client("events"), json.dumps(pattern)
    rule = events.put_rule(Name=name, EventBusName=bus, EventPattern=text)["RuleArn"]
    queue = create_listener_queue(cloud.client("sqs"), name, service="events", source=rule)
    target = {"Id": "queue", "Arn": queue.arn}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    return queue.url


@contextmanager
def invoked(
    cloud: Cloud, bus: str, *, detail_type: str, rule: str, function: str
) -> Iterator[None]:
    """Let a rule invoke a function on replayed events for a while, as docs/operations.md says."""
    pattern = {
        "source": ["com.aws.orders"],
        "detail-type": [detail_type],
        "replay-name": [{"exists": True}],
    }
    events, functions = cloud.client("events"), cloud.client("lambda")
    made = events.put_rule(EventBusName=bus, Name=rule, EventPattern=json.dumps(pattern))
    functions.add_permission(
        FunctionName=function,
        StatementId=rule,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=made["RuleArn"],
    )
    events.put_targets(EventBusName=bus, Rule=rule, Targets=[{"Id": rule, "Arn": function}])
    yield
    events.remove_targets(EventBusName=bus, Rule=rule, Ids=[rule])
    events.delete_rule(EventBusName=bus, Name=rule)
    functions.remove_permission(FunctionName=function, StatementId=rule)


def subscribe(cloud: Cloud, topic: str, *, name: str, raw: bool) -> str:
    """Deliver the topic's messages to a new queue; return its URL."""
    queue = create_listener_queue(cloud.client("sqs"), name, service="sns", source=topic)
    cloud.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue.arn,
        Attributes={"RawMessageDelivery": str(raw).lower()},
    )
    return queue.url
