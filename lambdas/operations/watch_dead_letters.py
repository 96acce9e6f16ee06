"""On schedule: say which dead-letter queues are not empty."""

from typing import Any

from lambdas.operations.dead_letter_queues import read_depths
from lambdas.operations.domain import notice
from lambdas.runtime.aws import client
from lambdas.runtime.metrics import put_metrics
from lambdas.runtime.settings import setting

ENVIRONMENT, PREFIX = setting("ENVIRONMENT"), setting("QUEUE_PREFIX")
TOPIC = setting("OPERATIONS_TOPIC")
sqs, sns = client("sqs"), client("sns")
notified: set[str] = set()
"""The queues that were not empty at the last run. A new process notifies of them again."""


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Count the queues that are not empty, and publish the names of those that were empty before.

    Return the depth of each that is not empty.
    """
    waiting = {name: depth for name, depth in read_depths(PREFIX, sqs=sqs).items() if depth}
    put_metrics("Orders", {"Environment": ENVIRONMENT}, DeadLetterQueues=len(waiting))
    if new := waiting.keys() - notified:
        subject, message = notice(ENVIRONMENT, waiting, new)
        sns.publish(TopicArn=TOPIC, Subject=subject, Message=message)
    notified.clear()
    notified.update(waiting)
    return waiting
