"""A topic for the records of failed invocations, with a queue that keeps them for operators."""

from functools import partial

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from stacks.constructs.queue import DeadLetterQueue
from stacks.constructs.topic_key import managed_by_aws

RECORDS = "records of failed invocations"
LOST = f"undelivered {RECORDS}"


class FailureTopic(sns.Topic):
    """The failure destination of a function, to which others than operators can subscribe.

    A record has the whole event, so the topic is encrypted. ``<Consumer>FailureRecords`` gets every
    record. Retries: SNS tries to deliver for 23 days.
    Dead letters: ``<Consumer>FailureRecordsUndelivered`` gets what SNS was not allowed to deliver.
    Alarms: when one of these queues is not empty.
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
    """

    def __init__(self, scope: Construct, id: str, *, consumer: str, alarms: sns.ITopic) -> None:
        """``consumer`` is the id of the function."""
        super().__init__(scope, id, enforce_ssl=True, master_key=managed_by_aws(scope))
        self._dead_letters = partial(DeadLetterQueue, scope, alarms=alarms)
        records, undelivered = (
            self._dead_letters(f"{consumer}{name}", consumer=consumer, contents=contents)
            for name, contents in (("FailureRecords", RECORDS), ("FailureRecordsUndelivered", LOST))
        )
        self.add_subscription(
            subscriptions.SqsSubscription(
                records, raw_message_delivery=True, dead_letter_queue=undelivered
            )
        )

    def invoke(self, function: lambda_.IFunction) -> None:
        """Invoke a function with every record, asynchronously.

        Dead letters: ``<this topic>Undelivered`` gets what SNS could not invoke it with.
        """
        undelivered = self._dead_letters(
            f"{self.node.id}Undelivered", consumer=function.node.id, contents=LOST
        )
        self.add_subscription(
            subscriptions.LambdaSubscription(function, dead_letter_queue=undelivered)
        )
