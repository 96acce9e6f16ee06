"""Queues that hold what is to be done, and what could not be."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.components.nag import acknowledge


class ParkingQueue(sqs.Queue):
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
        holds: str,
        alarms: sns.ITopic,
        fifo: bool | None = None,
    ) -> None:
        """Declare the queue; ``holds`` says in the alarm what an operator will find in it.

        The dead-letter queue of a FIFO queue has to be ``fifo`` as well.
        """
        super().__init__(
            scope,
            id,
            fifo=fifo,
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


class WorkQueue(sqs.Queue):
    """Holds what a worker is to do; raises an alarm when something has waited for long.

    A message that has come ten times, and was not done, is parked in ``parked``. The worker that
    returns what it holds when it stops counts as one time, so ten is generous. A message is kept
    for four days, and parked for fourteen from when it was sent.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        holds: str,
        visibility_timeout: Duration,
        alarms: sns.ITopic,
        fifo: bool | None = None,
    ) -> None:
        """Declare the queue; ``holds`` says in alarms what is in it."""
        self.parked = ParkingQueue(scope, f"{id}Parked", holds=holds, alarms=alarms, fifo=fifo)
        super().__init__(
            scope,
            id,
            fifo=fifo,
            visibility_timeout=visibility_timeout,
            retention_period=Duration.days(4),
            receive_message_wait_time=Duration.seconds(20),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.parked, max_receive_count=10),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        alarm = cloudwatch.Alarm(
            self,
            "Late",
            alarm_description=f"Waiting for more than 15 minutes: {holds}",
            metric=self.metric_approximate_age_of_oldest_message(
                period=Duration.minutes(1), statistic="Maximum"
            ),
            threshold=Duration.minutes(15).to_seconds(),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=5,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(alarms))
