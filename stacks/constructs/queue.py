"""Dead-letter queues, and work queues."""

from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from stacks.constructs.alarm import alarm, show_dead_letters
from stacks.constructs.nag import acknowledge

HIGH_THROUGHPUT_FIFO: dict[str, Any] = {
    "fifo": True,
    "content_based_deduplication": False,
    "deduplication_scope": sqs.DeduplicationScope.MESSAGE_GROUP,
    "fifo_throughput_limit": sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
}
"""Settings of a FIFO queue whose message groups have separate throughput limits.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html
"""


WATCHED = "dead-letter-queues-are-watched"
"""The context value with which one job watches all dead-letter queues, and none has an alarm."""


class DeadLetterQueue(sqs.Queue):
    """Keeps dead letters for 14 days, the longest that SQS allows; alarms while it is not empty.

    Where one job watches them all, that job notifies (ADR 44). Every asynchronous step has one. The
    sagas' repair queue is one, too.
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

        ``consumer`` and ``contents`` are parts of the alarm's text: who failed, and what is in the
        queue. ``fifo`` must be set for dead letters of a FIFO queue or topic, and must not be set
        for those of EventBridge or a Lambda destination. ``native_dlq`` is for the queue of a
        redrive policy or of a function's ``DeadLetterConfig``: the rule packs recognize these.
        """
        super().__init__(
            scope,
            id,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            **(HIGH_THROUGHPUT_FIFO if fifo else {}),
        )
        if not self.node.try_get_context(WATCHED):
            self._alarm_when_not_empty(f"{consumer}: dead letters waiting ({contents})", alarms)
        reason = "it is a dead-letter queue itself: nothing consumes it"
        acknowledge(self, "Serverless-SQSRedrivePolicy", reason=reason)
        if not native_dlq:
            acknowledge(self, "AwsSolutions-SQS3", reason=reason)

    def _alarm_when_not_empty(self, description: str, alarms: sns.ITopic) -> None:
        alarm(
            self,
            "NotEmpty",
            alarm_description=description,
            command=show_dead_letters(self),
            metric=self.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            # SQS stops reporting metrics of a queue that has not been used for six hours, even if
            # it still holds messages. Receiving them makes SQS report again.
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-monitoring-using-cloudwatch.html
            ignore_missing_data=True,
            alarms=alarms,
        )


class WorkQueue(sqs.Queue):
    """Holds work for consumers that poll it; alarms when a message waits for over 15 minutes.

    SQS moves a message that was received ten times to ``dead_letters``. A worker that returns its
    messages when it stops uses up one of the ten. Retention is the longest that SQS allows, because
    SQS deletes an expired message without dead-lettering it. A dead letter keeps its age: a message
    that waited here for ten of its 14 days is kept for four more.
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
        """Declare the queue.

        ``contents`` says in alarms what is in the queue. ``consumer`` names the consumer in alarms;
        the default is the queue's id.
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


def retain_queues(scope: IConstruct) -> None:
    """Keep all queues and their messages when they are removed from their stack.

    If the creation of a new queue is rolled back, it is deleted.
    """
    for construct in scope.node.find_all():
        if isinstance(construct, sqs.CfnQueue):
            construct.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)


def alarm_on_message_age(
    scope: Construct, id: str, *, queue: sqs.IQueue, alarm_description: str, alarms: sns.ITopic
) -> None:
    """Declare an alarm for messages that wait for over 15 minutes."""
    alarm(
        scope,
        id,
        alarm_description=alarm_description,
        command="console",
        metric=queue.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(1), statistic="Maximum"
        ),
        threshold=Duration.minutes(15).to_seconds(),
        alarms=alarms,
    )
