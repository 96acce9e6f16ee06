"""From the order stream to the function that keeps a view."""

from collections.abc import Sequence

import jsii
from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from lambdas.contracts.event import Event, record_filter
from stacks.components.alarm import alarm
from stacks.components.bucket import ServiceBucket
from stacks.components.grants import allow
from stacks.components.queue import ParkingQueue
from stacks.environments import Environment

READ = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
"""https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html"""
OBJECTS = "aws/lambda/*"
"""How Lambda names what it parks."""


class Projection(Construct):
    """Feeds what is told of orders into the function that keeps a view, order by order.

    Retries: a batch that fails is tried ten times, and split, so that one bad record stays alone.
    It may be six of the seven days that the stream keeps it before it is given up untried.
    Parked: as ``Poison``, by the function itself, a record that makes no sense, whole and with its
    reason; in the bucket, by Lambda, batches that were given up, whole.
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
        given_up: "ParkingBucket",
        alarms: sns.ITopic,
        only: Sequence[type[Event]] = (),
        at_once: int = 1,
    ) -> None:
        """Declare the mapping and all around it.

        ``only`` these events are for the function, all if none are named. Of what is no JSON, a
        filter lets nothing through. Of each shard, ``at_once`` batches are in work at a time; the
        records of one order are in one of them.
        """
        super().__init__(scope, id)
        poison = ParkingQueue(
            self, "Poison", holds=f"records that {id} cannot make sense of", alarms=alarms
        )
        function.add_environment("DEAD_LETTER_QUEUE_URL", poison.queue_url)
        allow(function, "sqs:SendMessage", on=poison.queue_arn)
        allow(function, *(f"kinesis:{action}" for action in READ), on=stream.stream_arn)
        source = stream.stream_arn
        if env.fan_out:
            consumer = kinesis.StreamConsumer(
                self,
                "Consumer",
                stream=stream,
                stream_consumer_name=f"{Stack.of(self).stack_name}-{id}",
            )
            source = consumer.stream_consumer_arn
            allow(function, "kinesis:SubscribeToShard", on=source)
        mapping = function.add_event_source_mapping(
            id,
            event_source_arn=source,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            # What happens to an order within a batch is one write, so it may as well hold a second:
            # a shard takes a thousand records in that.
            batch_size=500,
            max_batching_window=Duration.seconds(1),
            parallelization_factor=at_once,
            retry_attempts=10,
            max_record_age=Duration.days(6),
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            filters=[lambda_.FilterCriteria.filter({"data": record_filter(only)})]
            if only
            else None,
            on_failure=_ParkBatches(given_up),
            metrics_config=lambda_.MetricsConfig(metrics=[lambda_.MetricType.EVENT_COUNT]),
        )
        for name, tells, metric, threshold in (
            (
                "GivenUp",
                f"Parked in the bucket: batches that {id} failed at",
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
                f"{id} does not keep up, or one of its shards is stuck",
                function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum"),
                Duration.minutes(15).to_milliseconds(),
            ),
        ):
            alarm(self, name, tells=tells, metric=metric, above=threshold, alarms=alarms)


class ParkingBucket(ServiceBucket):
    """Keeps the batches of streams that were given up, for as long as parking queues keep theirs.

    A bucket and not a queue, for only here Lambda puts the records themselves.
    """

    def __init__(self, scope: Construct, id: str, *, env: Environment) -> None:
        super().__init__(
            scope,
            id,
            env=env,
            kept=Duration.days(14),
            because="only Lambda writes to it, and what is in it goes after two weeks",
        )


@jsii.implements(lambda_.IEventSourceDlq)
class _ParkBatches:
    """The CDK's own destination lets the function read and delete what was parked."""

    def __init__(self, bucket: ParkingBucket) -> None:
        self._bucket = bucket

    def bind(
        self, target: lambda_.IEventSourceMapping, target_handler: lambda_.IFunction
    ) -> lambda_.DlqDestinationConfig:
        """Called by the event source mapping."""
        bucket, role = self._bucket, target_handler.role
        if role is None:
            raise TypeError(f"{target_handler.node.path} has no role")
        allow(role, "s3:ListBucket", on=bucket.bucket_arn)
        bucket.let(
            role,
            "s3:PutObject",
            objects=OBJECTS,
            because="Lambda names the objects that it parks by mapping, shard and time",
        )
        return lambda_.DlqDestinationConfig(destination=bucket.bucket_arn)
