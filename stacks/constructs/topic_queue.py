"""A queue that subscribes to a FIFO topic."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.patterns import filter_policy
from stacks.constructs.queue import HIGH_THROUGHPUT_FIFO, DeadLetterQueue, alarm_on_message_age

MAX_RECEIVES = 10
"""With a function time-out of 6 s, ten visibility time-outs are six minutes."""


class TopicQueue(Construct):
    """A queue that gets the events somebody listens to, in order group by group.

    Retries: SNS tries to reach the queue for 23 days. The consumer gets a message ten times.
    Parked: as ``Undelivered`` what SNS could not deliver by then, or may not deliver; as
    ``DeadLetters`` what the consumer still fails on.
    Poison: the consumer parks it there itself, whole and with its reason, at the first sight.
    Alarms: when anything is parked, and when messages wait for a quarter of an hour.
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


def override_filter_policy(subscription: sns.Subscription, policy: dict[str, object]) -> None:
    """Let only messages through whose body matches: the construct's own type has no numbers."""
    cfn_subscription = subscription.node.default_child
    if not isinstance(cfn_subscription, sns.CfnSubscription):
        raise TypeError(f"{subscription.node.path} has no CfnSubscription")
    cfn_subscription.filter_policy = policy
    cfn_subscription.filter_policy_scope = "MessageBody"
