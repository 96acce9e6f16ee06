"""Queues that hold what is to be done, and what could not be."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarm import alarm
from stacks.constructs.nag import acknowledge

HIGH_THROUGHPUT_FIFO: dict[str, Any] = {
    "fifo": True,
    "content_based_deduplication": False,
    "deduplication_scope": sqs.DeduplicationScope.MESSAGE_GROUP,
    "fifo_throughput_limit": sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
}
"""A FIFO queue whose groups neither wait for each other nor share a throughput limit.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
"""


class DeadLetterQueue(sqs.Queue):
    """Keeps what was given up on, for as long as SQS can, and raises an alarm while it does.

    The dead-letter queue of every asynchronous edge is one of these, and so is the repair queue.
    14 days is the longest retention: a message must outlive a long weekend.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        consumer: str,
        contents: str,
        alarms: sns.ITopic,
        fifo: bool = False,
        native_dlq: bool = False,
    ) -> None:
        """Declare the queue.

        ``consumer`` and ``contents`` say in the alarm who failed and what an operator will find.

        ``fifo`` is for what comes from a FIFO queue or topic, which park in FIFO queues only;
        EventBridge and Lambda's destinations park in others only. ``native_dlq`` is for
        the dead-letter queue of a queue or a function, which the rule packs know as what it is.
        """
        super().__init__(
            scope,
            id,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            **(HIGH_THROUGHPUT_FIFO if fifo else {}),
        )
        alarm(
            self,
            "NotEmpty",
            alarm_description=f"{consumer}: dead letters waiting ({contents})",
            metric=self.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            # Six hours after a queue was last used, SQS measures nothing any more, though what was
            # parked may still be there. Whoever takes it out uses the queue, which is then empty.
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html
            ignore_missing_data=True,
            alarms=alarms,
        )
        reason = "it is where things are parked: nothing consumes it"
        acknowledge(self, "Serverless-SQSRedrivePolicy", reason=reason)
        if not native_dlq:
            acknowledge(self, "AwsSolutions-SQS3", reason=reason)


class WorkQueue(sqs.Queue):
    """Holds what workers are to do; raises an alarm when something has waited for long.

    A message that was received ten times is moved to ``dead_letters``; a worker that gives its
    messages back when it stops counts as one time. A message is kept for as long as SQS
    can, for one that is too old is gone without being parked. Parked, it keeps its age: what has
    waited here for ten of its fourteen days is there for four more.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        contents: str,
        visibility_timeout: Duration,
        alarms: sns.ITopic,
        consumer: str = "",
    ) -> None:
        """Declare the queue; ``contents`` says in alarms what is in it.

        The ``consumer`` has the queue's id if it has no name of its own.
        """
        consumer = consumer or id
        self.dead_letters = DeadLetterQueue(
            scope,
            f"{id}DeadLetters",
            consumer=consumer,
            contents=f"{contents}, received too often",
            alarms=alarms,
            native_dlq=True,
        )
        super().__init__(
            scope,
            id,
            visibility_timeout=visibility_timeout,
            retention_period=Duration.days(14),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=10),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        alarm_on_message_age(
            self,
            "Behind",
            queue=self,
            alarm_description=f"{consumer}: messages wait for over 15 minutes ({contents})",
            alarms=alarms,
        )


def alarm_on_message_age(
    scope: Construct, id: str, *, queue: sqs.IQueue, alarm_description: str, alarms: sns.ITopic
) -> None:
    """Raise an alarm when a message has waited for a quarter of an hour."""
    alarm(
        scope,
        id,
        alarm_description=alarm_description,
        metric=queue.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(1), statistic="Maximum"
        ),
        threshold=Duration.minutes(15).to_seconds(),
        alarms=alarms,
    )
