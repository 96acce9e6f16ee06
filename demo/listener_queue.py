"""A queue of our own, to hear what others get."""

import json
from typing import Any, NamedTuple


class ListenerQueue(NamedTuple):
    """A queue, by its URL and its ARN."""

    url: str
    arn: str


def create_listener_queue(sqs: Any, name: str, *, service: str, source: str) -> ListenerQueue:
    """Make a queue that ``service`` may send to for ``source``, the ARN of a topic or rule.

    It is a FIFO queue when its name ends like one; ``sqs`` is boto3's client.
    """
    fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    url: str = sqs.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return ListenerQueue(url, arn)
