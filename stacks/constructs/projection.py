"""The mapping that invokes a view's function with the events of the order stream."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.patterns import record_filter
from stacks.constructs.alarm import alarm, alarm_if_behind, show_dead_letters
from stacks.constructs.bucket import ServiceBucket
from stacks.constructs.contract_outputs import note_read
from stacks.constructs.destinations import batches_to_bucket
from stacks.constructs.grants import grant
from stacks.constructs.nag import acknowledge_checkov
from stacks.constructs.queue import DeadLetterQueue
from stacks.environments import Environment

READ_ACTIONS = (
    "DescribeStream",
    "DescribeStreamSummary",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
)
"""https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html"""


class Projection(Construct):
    """Invokes the function that updates a view with the events of the order stream.

    Events of one order arrive in order.
    Retries: a failed batch is retried ten times, and split on each failure, so that one bad record
    does not block the others. Lambda drops records at six sevenths of the stream's retention: after
    six days in ``prod``, 20 hours in ``dev``.
    Dead letters: the function sends malformed records to ``DeadLetters``, whole and with the
    reason; Lambda stores failed batches in the bucket, whole.
    Partial failures: the function reports failed records; Lambda retries from the first of them.
    Alarms: when there are dead letters, and when the view is over 15 minutes behind.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        env: Environment,
        stream: kinesis.IStream,
        function: lambda_.Function,
        dead_letter_bucket: "DeadLetterBucket",
        alarms: sns.ITopic,
        events: Sequence[type[Event]],
        filtered: bool = True,
        parallelization_factor: int = 1,
    ) -> None:
        """Declare the mapping, its dead letters and its alarms.

        ``events`` are the event types that the function reads. ``filtered`` keeps all other records
        from it, and also those that are not JSON. ``parallelization_factor`` is the number of
        concurrent batches per shard; two of them never hold records of the same order.
        """
        super().__init__(scope, id)
        note_read(self, events)
        dead_letters = DeadLetterQueue(
            self,
            "DeadLetters",
            consumer=function.node.id,
            contents="malformed records",
            alarms=alarms,
        )
        function.add_environment("DEAD_LETTER_QUEUE_URL", dead_letters.queue_url)
        grant(function, "sqs:SendMessage", on=dead_letters.queue_arn)
        grant(function, *(f"kinesis:{action}" for action in READ_ACTIONS), on=stream.stream_arn)
        source = stream.stream_arn
        if env.enhanced_fan_out:
            consumer = kinesis.StreamConsumer(
                self,
                "Consumer",
                stream=stream,
                stream_consumer_name=f"{Stack.of(self).stack_name}-{id}",
            )
            source = consumer.stream_consumer_arn
            grant(function, "kinesis:SubscribeToShard", on=source)
        mapping = function.add_event_source_mapping(
            id,
            event_source_arn=source,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            # All events of an order in a batch are one write, so a batch should cover a second: a
            # shard accepts a thousand records in that time.
            batch_size=500,
            max_batching_window=Duration.seconds(1),
            parallelization_factor=parallelization_factor,
            retry_attempts=10,
            # Less than the stream keeps, so that what is given up is stored before it expires.
            max_record_age=Duration.hours(int(env.stream_retention.to_hours()) * 6 // 7),
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            filters=[lambda_.FilterCriteria.filter({"data": record_filter(events)})]
            if filtered
            else None,
            on_failure=batches_to_bucket(dead_letter_bucket),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )
        alarm(
            self,
            "BatchesDeadLettered",
            alarm_description=(
                f"{function.node.id}: dead letters waiting in the bucket (failed batches)"
            ),
            command=show_dead_letters(dead_letter_bucket),
            metric=cloudwatch.Metric(
                namespace="AWS/Lambda",
                metric_name="OnFailureDestinationDeliveredEventCount",
                dimensions_map={"EventSourceMappingUUID": mapping.event_source_mapping_id},
                period=Duration.minutes(1),
                statistic="Sum",
            ),
            alarms=alarms,
        )
        alarm_if_behind(self, function, alarms=alarms)


class DeadLetterBucket(ServiceBucket):
    """Keeps failed batches of streams, for as long as dead-letter queues keep messages.

    It is a bucket because a queue would get only the stream positions, not the records.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(
            scope,
            id,
            env=env,
            retention=Duration.days(14),
            reason="only Lambda writes to it, and its objects expire after two weeks",
        )
        reason = "a batch is written once, under a name of its own, and deleted when it is redriven"
        acknowledge_checkov(self, "CKV_AWS_21", reason=reason)
