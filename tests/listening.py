"""A queue behind an event bus, for tests that listen to what a service tells."""

import json

from local.cloud import Cloud


def listen(cloud: Cloud, bus: str, *, source: str, name: str) -> str:
    """Have all that bears `source` delivered from the bus to a new queue; return its URL."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    pattern = json.dumps({"source": [source]})
    rule = events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)["RuleArn"]
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    queue = answer["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue}])
    return url
