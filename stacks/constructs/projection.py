"""From the order stream to the function that keeps a view."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event
from lambdas.contracts.patterns import record_filter
from stacks.constructs.alarm import alarm
from stacks.constructs.bucket import ServiceBucket
from stacks.constructs.destinations import batches_to_bucket
from stacks.constructs.grants import grant
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
    """Feeds what is told of orders into the function that keeps a view, order by order.

    Retries: a batch that fails is tried ten times, and split, so that one bad record stays alone.
    It may be six of the seven days that the stream keeps it before it is given up untried.
    Dead letters: the function sends malformed records to ``DeadLetters``, whole and with the
    reason; Lambda puts failed batches into the bucket, whole.
    Partial failures: the function reports what it failed at; what it did before stays done.
    Alarms: when anything is parked, and when the view is a quarter of an hour behind.
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
        events: Sequence[type[Event]] = (),
        parallelization_factor: int = 1,
    ) -> None:
        """Declare the mapping and all around it.

        Only these ``events`` are for the function, all if none are named. Of what is no JSON, a
        filter lets nothing through. Of each shard, ``parallelization_factor``
        batches are in work at a time; the records of one order are in one of them.
        """
        super().__init__(scope, id)
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
            # What happens to an order within a batch is one write, so it may as well hold a second:
            # a shard takes a thousand records in that.
            batch_size=500,
            max_batching_window=Duration.seconds(1),
            parallelization_factor=parallelization_factor,
            retry_attempts=10,
            max_record_age=Duration.days(6),
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            filters=[lambda_.FilterCriteria.filter({"data": record_filter(events)})]
            if events
            else None,
            on_failure=batches_to_bucket(dead_letter_bucket),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )
        for name, alarm_description, metric, threshold in (
            (
                "BatchesDeadLettered",
                f"{function.node.id}: dead letters waiting in the bucket (failed batches)",
                cloudwatch.Metric(
                    namespace="AWS/Lambda",
                    metric_name="OnFailureDestinationDeliveredEventCount",
                    dimensions_map={"EventSourceMappingUUID": mapping.event_source_mapping_id},
                    period=Duration.minutes(1),
                    statistic="Sum",
                ),
                0,
            ),
            (
                "Behind",
                f"{function.node.id}: over 15 minutes behind, or a shard is stuck",
                function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum"),
                Duration.minutes(15).to_milliseconds(),
            ),
        ):
            alarm(
                self,
                name,
                alarm_description=alarm_description,
                metric=metric,
                threshold=threshold,
                alarms=alarms,
            )


class DeadLetterBucket(ServiceBucket):
    """Keeps the batches of streams that were given up, for as long as parking queues keep theirs.

    A bucket and not a queue, for only here Lambda puts the records themselves.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(
            scope,
            id,
            env=env,
            retention=Duration.days(14),
            reason="only Lambda writes to it, and what is in it goes after two weeks",
        )
