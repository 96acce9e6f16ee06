"""The dead-letter queues of an environment, as SQS lists them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.literals import QueueAttributeNameType

WAITING: "QueueAttributeNameType" = "ApproximateNumberOfMessages"
BEING_READ: "QueueAttributeNameType" = "ApproximateNumberOfMessagesNotVisible"


def read_depths(prefix: str, *, sqs: "SQSClient") -> Mapping[str, int]:
    """Return the number of messages of each dead-letter queue, by the queue's name.

    ``prefix`` begins the names of the environment's queues. A queue with a redrive policy has a
    consumer; one without is where messages end. No list of queues is kept, so a new one is watched
    as soon as it exists.
    """
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix)
    wanted: list[QueueAttributeNameType] = [WAITING, BEING_READ, "RedrivePolicy"]
    depths = {}
    for url in (url for page in pages for url in page.get("QueueUrls", ())):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
        attributes = found["Attributes"]
        if "RedrivePolicy" not in attributes:
            depths[url.rpartition("/")[2]] = int(attributes[WAITING]) + int(attributes[BEING_READ])
    return depths
