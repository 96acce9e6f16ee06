"""Queues that hold what could not be done."""

import jsii
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.components.grants import allow
from stacks.components.nag import acknowledge


class ParkingQueue(sqs.Queue):
    """Keeps what was given up on, for as long as SQS can, and raises an alarm while it does.

    The dead-letter queue of every asynchronous edge is one of these, and so is the repair queue.
    14 days is the longest retention: a message must outlive a long weekend.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
    """

    def __init__(self, scope: Construct, id: str, *, holds: str, alarms: sns.ITopic) -> None:
        """Declare the queue; ``holds`` says in the alarm what an operator will find in it."""
        super().__init__(
            scope,
            id,
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        alarm = cloudwatch.Alarm(
            self,
            "NotEmpty",
            alarm_description=f"Parked: {holds}",
            metric=self.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(alarms))
        for rule in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"):
            acknowledge(self, rule, because="it is where things are parked: nothing consumes it")


@jsii.implements(lambda_.IDestination)
class ParkFailedRuns:
    """Parks the failed asynchronous runs of a function.

    The CDK's own destination lets the function also look at the queue, which Lambda does not need.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """

    def __init__(self, queue: ParkingQueue) -> None:
        self._queue = queue

    def bind(
        self, scope: Construct, fn: lambda_.IFunction, *, type: lambda_.DestinationType
    ) -> lambda_.DestinationConfig:
        """Called by the function."""
        allow(fn, "sqs:SendMessage", on=self._queue.queue_arn)
        return lambda_.DestinationConfig(destination=self._queue.queue_arn)


@jsii.implements(lambda_.IEventSourceDlq)
class ParkFailedBatches:
    """Parks pointers to the batches of a stream that a function failed at, likewise."""

    def __init__(self, queue: ParkingQueue) -> None:
        self._queue = queue

    def bind(
        self, target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """Called by the event source mapping."""
        allow(target_handler, "sqs:SendMessage", on=self._queue.queue_arn)
        return lambda_.DlqDestinationConfig(destination=self._queue.queue_arn)
