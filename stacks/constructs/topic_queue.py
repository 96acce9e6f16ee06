"""A queue that subscribes to a FIFO topic."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.patterns import filter_policy
from stacks.constructs.contract_outputs import note_read
from stacks.constructs.queue import HIGH_THROUGHPUT_FIFO, DeadLetterQueue, alarm_on_message_age

MAX_RECEIVES = 10
"""With a function time-out of 6 s, ten visibility time-outs are six minutes."""


class TopicQueue(Construct):
    """A queue that gets events of a FIFO topic, in order within each message group.

    Retries: SNS tries to deliver for 23 days. The consumer receives a message up to ten times.
    Dead letters: ``Undelivered`` gets what SNS could not deliver, or was not allowed to.
    ``DeadLetters`` gets messages that were received ten times. The consumer also sends malformed
    messages there, at the first attempt, whole and with the reason.
    Alarms: when there are dead letters, and when messages wait for over 15 minutes.
    https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.ITopic,
        events: Sequence[type[Event]],
        visibility_timeout: Duration,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        self.dead_letters = DeadLetterQueue(
            self,
            "DeadLetters",
            consumer=id,
            contents="failed messages",
            alarms=alarms,
            fifo=True,
            native_dlq=True,
        )
        undelivered = DeadLetterQueue(
            self,
            "Undelivered",
            consumer=id,
            contents="undelivered messages",
            alarms=alarms,
            fifo=True,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            **HIGH_THROUGHPUT_FIFO,
            retention_period=Duration.days(14),
            visibility_timeout=visibility_timeout,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=MAX_RECEIVES
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        alarm_on_message_age(
            self,
            "Behind",
            queue=self.queue,
            alarm_description=f"{id}: over 15 minutes behind, or a message group is stuck",
            alarms=alarms,
        )
        subscription = topic.add_subscription(
            subscriptions.SqsSubscription(
                self.queue, raw_message_delivery=True, dead_letter_queue=undelivered
            )
        )
        override_filter_policy(subscription, filter_policy(events))
        note_read(self, events)


def override_filter_policy(subscription: sns.Subscription, policy: dict[str, object]) -> None:
    """Set the filter on the message body. The CDK's ``FilterOrPolicy`` does not support numbers."""
    cfn_subscription = subscription.node.default_child
    if not isinstance(cfn_subscription, sns.CfnSubscription):
        raise TypeError(f"{subscription.node.path} has no CfnSubscription")
    cfn_subscription.filter_policy = policy
    cfn_subscription.filter_policy_scope = "MessageBody"
