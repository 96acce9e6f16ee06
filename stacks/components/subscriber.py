"""From an event on a FIFO topic to the function that reacts to it."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from lambdas.contracts.event import Event, filter_policy
from stacks.components.grants import allow
from stacks.components.nag import acknowledge
from stacks.components.queue import GROUPS_APART, ParkingQueue

TRIES = 10
"""Ten times the visibility time-out are six minutes for a function of 6 s."""


class Subscriber(Construct):
    """Feeds the events that a function listens to into it, in order group by group.

    Retries: SNS tries to reach the queue for 23 days. The function gets a message ten times.
    Parked: as ``Undelivered`` what SNS could not deliver by then, or may not deliver, and as
    ``GivenUp`` what the function still fails on.
    Poison: the function parks it there itself, whole and with its reason, at the first sight.
    Partial failures: the function reports each failed message; the others are done with.
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
        function: lambda_.Function,
        alarms: sns.ITopic,
    ) -> None:
        super().__init__(scope, id)
        given_up = ParkingQueue(
            self,
            "GivenUp",
            holds=f"messages that {id} could not act on",
            alarms=alarms,
            fifo=True,
            of_queue=True,
        )
        undelivered = ParkingQueue(
            self, "Undelivered", holds=f"messages not delivered to {id}", alarms=alarms, fifo=True
        )
        queue = sqs.Queue(
            self,
            "Queue",
            **GROUPS_APART,
            retention_period=Duration.days(14),
            # Six times the function's time-out, so that no message comes back while it is tried.
            # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
            visibility_timeout=Duration.seconds(6 * _timeout(function)),
            dead_letter_queue=sqs.DeadLetterQueue(queue=given_up, max_receive_count=TRIES),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        behind = cloudwatch.Alarm(
            self,
            "Behind",
            alarm_description=f"{id} does not keep up, or one of its groups is stuck",
            metric=queue.metric_approximate_age_of_oldest_message(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            threshold=Duration.minutes(15).to_seconds(),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        behind.add_alarm_action(actions.SnsAction(alarms))

        subscription = topic.add_subscription(
            subscriptions.SqsSubscription(
                queue, raw_message_delivery=True, dead_letter_queue=undelivered
            )
        )
        narrow(subscription, filter_policy(events))

        function.add_environment("PARKING_QUEUE", given_up.queue_url)
        allow(function, "sqs:SendMessage", on=given_up.queue_arn)
        function.add_event_source(
            sources.SqsEventSource(
                queue, batch_size=10, max_concurrency=10, report_batch_item_failures=True
            )
        )
        acknowledge(
            function,
            "Serverless-LambdaEventSourceMappingDestination",
            because="a mapping of a queue has none: the queue itself parks what is given up on",
        )


def _timeout(function: lambda_.Function) -> float:
    if function.timeout is None:
        raise TypeError(f"{function.node.path} states no time-out")
    return function.timeout.to_seconds()


def narrow(subscription: sns.Subscription, policy: dict[str, object]) -> None:
    """Let only messages through whose body matches: the construct's own type has no numbers."""
    cfn_subscription = subscription.node.default_child
    if not isinstance(cfn_subscription, sns.CfnSubscription):
        raise TypeError(f"{subscription.node.path} has no CfnSubscription")
    cfn_subscription.filter_policy = policy
    cfn_subscription.filter_policy_scope = "MessageBody"
