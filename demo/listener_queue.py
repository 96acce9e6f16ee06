"""A queue that receives a copy of what a topic or a rule delivers to others."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


class ListenerQueue(NamedTuple):
    """A queue's URL and ARN."""

    url: str
    arn: str


def create_listener_queue(
    sqs: "SQSClient", name: str, *, service: str, source: str
) -> ListenerQueue:
    """Create a queue to which a service may send messages of one topic or rule.

    Args:
        sqs: boto3's client of SQS.
        name: The queue's name. If it ends in `.fifo`, it is a FIFO queue.
        service: The service that sends: "sns" or "events".
        source: The ARN of the topic or rule.
    """
    fifo: Any = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
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
